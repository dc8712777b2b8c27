/* test_chardev_host.c - the host back ends of character devices, and the texts that name them. */
#include "devices/char/host/host.h"
#include "devices/char/host/host_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

typedef struct Front {
    GString *got;
    size_t room;
    unsigned opened, closed, breaks;
} Front;

static size_t front_room(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t count)
{
    Front *f = opaque;

    g_assert_cmpuint(count, <=, f->room);
    f->room -= count;
    g_string_append_len(f->got, (const char *)bytes, count);
}

static void front_event(void *opaque, ChardevEvent event)
{
    Front *f = opaque;

    f->opened += event == CHARDEV_OPENED;
    f->closed += event == CHARDEV_CLOSED;
    f->breaks += event == CHARDEV_BREAK;
}

static void attach(Chardev *chr, Front *f, size_t room)
{
    ChardevFrontend front = {front_room, front_receive, front_event, f};

    *f = (Front){.got = g_string_new(NULL), .room = room};
    chardev_attach(chr, &front);
}

static void spin(void)
{
    for (unsigned i = 0; i < 50; i++) {
        while (g_main_context_iteration(NULL, FALSE))
            ;
        g_usleep(200);
    }
}

static void expect_got(Front *f, const char *text)
{
    for (unsigned i = 0; i < 200 && strcmp(f->got->str, text) != 0; i++)
        spin();
    g_assert_cmpstr(f->got->str, ==, text);
    g_string_truncate(f->got, 0);
}

static void expect_error(const char *spec, const char *message)
{
    GError *err = NULL;

    g_assert_null(chardev_open(spec, &err));
    g_assert_cmpstr(err->message, ==, message);
    g_error_free(err);
}

static void test_bad_specs(void)
{
    expect_error("stido", "\"stido\" is no character device; did you mean \"stdio\"?");
    expect_error("tpc:localhost:1", "\"tpc:localhost:1\" is no character device; did you mean "
                                    "\"tcp:HOST:PORT,server=on,wait=off\"?");
    expect_error("file:", "\"file:\": wants \"file:PATH\"");
    expect_error("tcp:localhost", "tcp:localhost: wants \"tcp:HOST:PORT\"");
    expect_error("file:/nonexistent/dir/x", "/nonexistent/dir/x: No such file or directory");
    expect_error("pty,speed=9600",
                 "\"pty,speed=9600\": unknown option \"speed=9600\"; it takes none");
    expect_error("unix:/tmp/x,sever",
                 "\"unix:/tmp/x,sever\": unknown option \"sever\"; known: \"server\", \"wait\", "
                 "\"nodelay\"");
}

static void test_null(void)
{
    static const char *const specs[] = {"null", "none", "vc"};

    for (unsigned i = 0; i < G_N_ELEMENTS(specs); i++) {
        Chardev *chr = chardev_open(specs[i], NULL);
        g_assert_nonnull(chr);
        chardev_write(chr, "gone", 4);
        chardev_free(chr);
    }
}

static char *temp_dir(void)
{
    return g_dir_make_tmp("myna-chardev-XXXXXX", NULL);
}

static void test_file(void)
{
    g_autofree char *dir = temp_dir(), *path = g_build_filename(dir, "log", NULL);
    g_autofree char *spec = g_strconcat("file:", path, NULL);
    g_autofree char *append = g_strconcat("file:", path, ",append=on", NULL), *text = NULL;

    for (unsigned i = 0; i < 2; i++) {
        Chardev *chr = chardev_open(i ? append : spec, NULL);
        chardev_write(chr, "line\n", 5);
        chardev_free(chr);
    }
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "line\nline\n");
    unlink(path);
    rmdir(dir);
}

static void test_pipe_and_room(void)
{
    g_autofree char *dir = temp_dir(), *path = g_build_filename(dir, "p", NULL);
    g_autofree char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    g_autofree char *spec = g_strconcat("pipe:", path, NULL);
    Front f;
    char text[8] = "";

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    Chardev *chr = chardev_open(spec, NULL);
    attach(chr, &f, 3);
    int to = open(in, O_WRONLY), from = open(out, O_RDONLY | O_NONBLOCK);
    g_assert_cmpint(write(to, "abcdef", 6), ==, 6);
    expect_got(&f, "abc");
    spin();
    expect_got(&f, ""); /* no room: the rest stays in the pipe */
    f.room = 10;
    chardev_accept_input(chr);
    expect_got(&f, "def");
    chardev_write(chr, "reply", 5);
    g_assert_cmpint(read(from, text, sizeof(text)), ==, 5);
    g_assert_cmpstr(text, ==, "reply");
    close(to);
    close(from);
    chardev_free(chr);
    g_string_free(f.got, TRUE);
    unlink(in);
    unlink(out);
    rmdir(dir);
}

/* What a full pipe does not take is kept and sent when it has room. */
static void test_slow_reader(void)
{
    g_autofree char *dir = temp_dir(), *path = g_build_filename(dir, "p", NULL);
    g_autofree char *spec = g_strconcat("pipe:", path, NULL);
    enum { TOTAL = 300000 };
    g_autofree uint8_t *sent = g_malloc(TOTAL), *got = g_malloc(TOTAL);
    size_t have = 0;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    Chardev *chr = chardev_open(spec, NULL);
    int from = open(path, O_RDONLY | O_NONBLOCK);
    for (unsigned i = 0; i < TOTAL; i++)
        sent[i] = i * 7 + (i >> 8);
    chardev_write(chr, sent, TOTAL);
    for (unsigned i = 0; i < 1000 && have < TOTAL; i++) {
        ssize_t n = read(from, got + have, TOTAL - have);
        if (n > 0)
            have += n;
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
    g_assert_cmpmem(got, have, sent, TOTAL);
    close(from);
    chardev_free(chr);
    unlink(path);
    rmdir(dir);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(a.sun_path, path, sizeof(a.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    return fd;
}

static void test_unix_server(void)
{
    g_autofree char *dir = temp_dir(), *path = g_build_filename(dir, "s", NULL);
    g_autofree char *spec = g_strconcat("unix:", path, ",server,nowait", NULL);
    Front f;
    char text[8] = "";

    Chardev *chr = chardev_open(spec, NULL);
    attach(chr, &f, 100);
    chardev_write(chr, "lost", 4);      /* nobody is there */
    for (unsigned i = 1; i <= 2; i++) { /* a second peer is served after the first has left */
        int fd = connect_unix(path);
        g_assert_cmpint(write(fd, "hello", 5), ==, 5);
        expect_got(&f, "hello");
        g_assert_cmpuint(f.opened, ==, i);
        chardev_write(chr, "hi", 2);
        g_assert_cmpint(read(fd, text, sizeof(text)), ==, 2);
        close(fd);
        for (unsigned n = 0; n < 200 && f.closed < i; n++)
            spin();
        g_assert_cmpuint(f.closed, ==, i);
    }
    chardev_free(chr);
    g_assert_cmpint(access(path, F_OK), !=, 0);
    g_string_free(f.got, TRUE);
    rmdir(dir);
}

static void test_tcp_client(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    Front f;

    g_assert_cmpint(bind(listener, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    getsockname(listener, (struct sockaddr *)&a, &size);
    g_autofree char *spec = g_strdup_printf("tcp:127.0.0.1:%u", ntohs(a.sin_port));
    Chardev *chr = chardev_open(spec, NULL);
    attach(chr, &f, 100);
    int peer = accept(listener, NULL, NULL);
    g_assert_cmpint(write(peer, "abc", 3), ==, 3);
    expect_got(&f, "abc");
    chardev_free(chr);
    close(peer);
    close(listener);
    g_string_free(f.got, TRUE);
}

static void test_pty(void)
{
    Front f;
    g_autoptr(GError) err = NULL;
    Chardev *chr = chardev_open("pty", &err);
    char text[8] = "";

    g_assert_no_error(err);

    attach(chr, &f, 100);
    int user = open(ptsname(((FdChardev *)chr)->in), O_RDWR | O_NOCTTY);
    g_assert_cmpint(write(user, "\x03x\r", 3), ==, 3); /* raw: nothing is cooked */
    expect_got(&f, "\x03x\r");
    chardev_write(chr, "ok\n", 3);
    g_assert_cmpint(read(user, text, sizeof(text)), ==, 3);
    g_assert_cmpstr(text, ==, "ok\n");
    close(user);
    chardev_free(chr);
    g_string_free(f.got, TRUE);
}

/* --- the terminal --- */

enum { COOKED = ICANON | ECHO | ISIG };

static tcflag_t local_modes(int fd)
{
    struct termios t;

    g_assert_cmpint(tcgetattr(fd, &t), ==, 0);
    return t.c_lflag & COOKED;
}

/* Runs on a terminal of its own; the process's status is how many checks failed. */
static int terminal_life(bool killed)
{
    int failed = local_modes(STDIN_FILENO) != COOKED;
    Chardev *chr = chardev_open("stdio", NULL);

    failed += local_modes(STDIN_FILENO) != ISIG; /* Ctrl-c still ends the program */
    chardev_free(chr);
    failed += local_modes(STDIN_FILENO) != COOKED;
    chr = chardev_open("mon:stdio", NULL);
    failed += local_modes(STDIN_FILENO) != 0; /* but not where it is the guest's */
    failed += chardev_open("stdio", NULL) != NULL;
    if (killed)
        raise(SIGTERM);
    return failed; /* without chardev_free: atexit restores */
}

static void run_on_terminal(bool killed)
{
    int user, status;
    pid_t child = forkpty(&user, NULL, NULL, NULL);

    if (child == 0)
        exit(terminal_life(killed));
    g_assert_cmpint(child, >, 0);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    if (killed)
        g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    else
        g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    g_assert_cmphex(local_modes(user), ==, COOKED);
    close(user);
}

static void test_terminal_restored_at_exit(void)
{
    run_on_terminal(false);
}

static void test_terminal_restored_by_signal(void)
{
    run_on_terminal(true);
}

/* --- the multiplexer --- */

static void count_call(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void expect_back(Chardev *back, const char *pattern)
{
    g_autoptr(GByteArray) bytes = chardev_memory_take(back);
    g_autofree char *text = g_strndup((char *)bytes->data, bytes->len);

    if (!g_pattern_match_simple(pattern, text))
        g_error("\"%s\" does not match \"%s\"", text, pattern);
}

static void test_mux(void)
{
    Chardev *back = chardev_memory_new("back");
    Chardev *serial = mux_new(back), *monitor = chardev_mux_port(serial);
    Front s, m;
    unsigned quits = 0;
    MuxHooks hooks = {.quit = count_call, .sync = NULL, .opaque = &quits};

    attach(serial, &s, 100);
    attach(monitor, &m, 100);
    chardev_mux_set_hooks(serial, &hooks);

    chardev_memory_feed(back,
                        "ab\x01\x01"
                        "c",
                        5);
    g_assert_cmpstr(s.got->str, ==,
                    "ab\x01"
                    "c");
    chardev_memory_feed(back,
                        "\x01"
                        "cinfo",
                        6);
    g_assert_cmpstr(m.got->str, ==, "info");
    g_assert_cmpuint(m.opened, ==, 1);
    chardev_memory_feed(back,
                        "\x01"
                        "c!",
                        3);
    g_assert_cmpstr(s.got->str, ==,
                    "ab\x01"
                    "c!");

    chardev_write(serial, "S", 1); /* both write, whatever the focus */
    chardev_write(monitor, "M", 1);
    expect_back(back, "SM");
    chardev_memory_feed(back, "\x01h", 2);
    expect_back(back, "*Ctrl-a x *end*Ctrl-a c *monitor*");
    chardev_memory_feed(back,
                        "\x01"
                        "b\x01x\x01s",
                        6);
    g_assert_cmpuint(s.breaks, ==, 1);
    g_assert_cmpuint(quits, ==, 1);
    expect_back(back, "*Ctrl-a x*");
    chardev_memory_feed(back, "\x01t", 2);
    chardev_write(serial, "one\ntwo", 7);
    expect_back(back, "[00:00:0?.???] one\n[00:00:0?.???] two");

    chardev_free(serial);
    chardev_free(monitor);
    g_string_free(s.got, TRUE);
    g_string_free(m.got, TRUE);
}

/* A guest that does not read must not keep the user from ending the program. */
static void test_mux_hears_escape_when_stuck(void)
{
    Chardev *back = chardev_memory_new("back");
    Chardev *serial = mux_new(back);
    Front s;
    unsigned quits = 0;
    MuxHooks hooks = {.quit = count_call, .opaque = &quits};

    attach(serial, &s, 0);
    chardev_mux_set_hooks(serial, &hooks);
    chardev_memory_feed(back, "typed in vain\x01x", 15);
    g_assert_cmpuint(quits, ==, 1);
    s.room = 100;
    chardev_accept_input(serial);
    g_assert_cmpstr(s.got->str, ==, "typed in vain");
    chardev_free(serial);
    g_string_free(s.got, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev/bad-specs", test_bad_specs);
    g_test_add_func("/chardev/null", test_null);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/pipe-and-room", test_pipe_and_room);
    g_test_add_func("/chardev/slow-reader", test_slow_reader);
    g_test_add_func("/chardev/unix-server", test_unix_server);
    g_test_add_func("/chardev/tcp-client", test_tcp_client);
    g_test_add_func("/chardev/pty", test_pty);
    g_test_add_func("/chardev/terminal-restored-at-exit", test_terminal_restored_at_exit);
    g_test_add_func("/chardev/terminal-restored-by-signal", test_terminal_restored_by_signal);
    g_test_add_func("/chardev/mux", test_mux);
    g_test_add_func("/chardev/mux-hears-escape-when-stuck", test_mux_hears_escape_when_stuck);
    return g_test_run();
}
