/* file.c - character back ends on files: a log file, a named pipe or a pair of them, a
 * pseudo-terminal. */
#include "devices/char/host/host_priv.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

typedef struct PtyChardev {
    FdChardev f;
    int user_side; /* kept open, so that the pair survives while nobody is connected */
} PtyChardev;

static void files_free(Chardev *chr)
{
    fd_chardev_fini((FdChardev *)chr);
    g_free(chr);
}

static const ChardevOps file_ops = {
    .name = "file",
    .write = fd_chardev_write,
    .accept_input = fd_chardev_accept_input,
    .free = files_free,
};

static const ChardevOps pipe_ops = {
    .name = "pipe",
    .write = fd_chardev_write,
    .accept_input = fd_chardev_accept_input,
    .free = files_free,
};

static void pty_free(Chardev *chr)
{
    PtyChardev *p = (PtyChardev *)chr;

    fd_chardev_fini(&p->f);
    close(p->user_side);
    g_free(p);
}

static const ChardevOps pty_ops = {
    .name = "pty",
    .write = fd_chardev_write,
    .accept_input = fd_chardev_accept_input,
    .free = pty_free,
};

static Chardev *files_new(const ChardevOps *ops, int in, int out)
{
    FdChardev *f = g_new0(FdChardev, 1);

    fd_chardev_init(f, ops, ops->name);
    f->close_fds = true;
    fd_chardev_open(f, in, out);
    return &f->chr;
}

static int open_or_say(const char *path, int flags, GError **err)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);

    if (fd < 0)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
    return fd;
}

Chardev *file_open(const HostSpec *spec, GError **err)
{
    static const char *const known[] = {"append", NULL};

    if (!host_check_options(spec, known, err))
        return NULL;
    bool append = host_option_bool(spec, "append", false);
    int fd = open_or_say(spec->argument, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), err);
    return fd < 0 ? NULL : files_new(&file_ops, -1, fd);
}

/* PATH.in and PATH.out if both exist, or PATH for both ways. Read-write, so that opening a named
 * pipe does not wait for the other side. */
Chardev *pipe_open(const HostSpec *spec, GError **err)
{
    static const char *const known[] = {NULL};
    g_autofree char *in_path = g_strconcat(spec->argument, ".in", NULL);
    g_autofree char *out_path = g_strconcat(spec->argument, ".out", NULL);

    if (!host_check_options(spec, known, err))
        return NULL;
    int in = open(in_path, O_RDWR | O_CLOEXEC);
    int out = open(out_path, O_RDWR | O_CLOEXEC);
    if (in >= 0 && out >= 0)
        return files_new(&pipe_ops, in, out);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);

    int both = open_or_say(spec->argument, O_RDWR, err);
    return both < 0 ? NULL : files_new(&pipe_ops, both, both);
}

static bool pty_pair(int *ours, int *users, GError **err)
{
    const char *name = NULL;
    struct termios t;

    *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*ours >= 0 && grantpt(*ours) == 0 && unlockpt(*ours) == 0)
        name = ptsname(*ours);
    *users = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (*users < 0 || tcgetattr(*users, &t) != 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "pty: %s", g_strerror(errno));
        if (*users >= 0)
            close(*users);
        if (*ours >= 0)
            close(*ours);
        return false;
    }
    cfmakeraw(&t);
    tcsetattr(*users, TCSANOW, &t);
    fprintf(stderr, "char device redirected to %s\n", name);
    return true;
}

Chardev *pty_open(const HostSpec *spec, GError **err)
{
    static const char *const known[] = {NULL};
    int ours, users;

    if (!host_check_options(spec, known, err) || !pty_pair(&ours, &users, err))
        return NULL;

    PtyChardev *p = g_new0(PtyChardev, 1);
    fd_chardev_init(&p->f, &pty_ops, "pty");
    p->f.close_fds = true;
    p->user_side = users;
    fd_chardev_open(&p->f, ours, ours);
    return &p->f.chr;
}
