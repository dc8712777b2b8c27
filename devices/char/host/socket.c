/* socket.c - a stream socket as a character back end: TCP or Unix, server or client, one peer. */
#include "devices/char/host/host_priv.h"

#include "core/error.h"

#include <errno.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct SocketChardev {
    FdChardev f;
    int listener; /* -1: a client */
    guint listen_watch;
    char *unix_path; /* of a server, removed at the end */
} SocketChardev;

static const char *const known_options[] = {"server", "wait", "nodelay", NULL};

static void send_event(Chardev *chr, ChardevEvent event)
{
    if (chr->attached && chr->front.event)
        chr->front.event(chr->front.opaque, event);
}

static void listen_again(SocketChardev *s);

static void take_peer(SocketChardev *s, int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* meaningless on Unix: ignored */
    fd_chardev_open(&s->f, fd, fd);
    send_event(&s->f.chr, CHARDEV_OPENED);
}

static gboolean peer_waits(gint listener, GIOCondition condition, gpointer opaque)
{
    SocketChardev *s = opaque;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return G_SOURCE_CONTINUE;
    s->listen_watch = 0; /* the next one waits in the queue until this one has gone */
    take_peer(s, fd);
    return G_SOURCE_REMOVE;
}

static void listen_again(SocketChardev *s)
{
    if (s->listener >= 0)
        s->listen_watch = g_unix_fd_add(s->listener, G_IO_IN, peer_waits, s);
}

static void peer_left(FdChardev *f)
{
    SocketChardev *s = (SocketChardev *)f;

    fd_chardev_close(f);
    send_event(&f->chr, CHARDEV_CLOSED);
    listen_again(s);
}

static void socket_free(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;

    fd_chardev_fini(&s->f);
    if (s->listen_watch)
        g_source_remove(s->listen_watch);
    if (s->listener >= 0)
        close(s->listener);
    if (s->unix_path)
        unlink(s->unix_path);
    g_free(s->unix_path);
    g_free(s);
}

static const ChardevOps socket_ops = {
    .name = "socket",
    .write = fd_chardev_write,
    .accept_input = fd_chardev_accept_input,
    .free = socket_free,
};

/* A server that waits says so, since nothing happens until somebody comes. */
static Chardev *serve(const HostSpec *spec, int listener, const char *unix_path, GError **err)
{
    int peer = -1;

    if (host_option_bool(spec, "wait", true)) {
        fprintf(stderr, "waiting for a connection on \"%s\"\n", spec->text);
        peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0) {
            g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: %s", spec->text, g_strerror(errno));
            close(listener);
            return NULL;
        }
    }

    SocketChardev *s = g_new0(SocketChardev, 1);
    fd_chardev_init(&s->f, &socket_ops, "socket");
    s->f.close_fds = true;
    s->f.hangup = peer_left;
    s->listener = listener;
    s->unix_path = g_strdup(unix_path);
    if (peer >= 0)
        take_peer(s, peer);
    else
        listen_again(s);
    return &s->f.chr;
}

static Chardev *socket_new(const HostSpec *spec, bool server, int fd, const char *unix_path,
                           GError **err)
{
    if (server)
        return serve(spec, fd, unix_path, err);

    SocketChardev *s = g_new0(SocketChardev, 1);
    fd_chardev_init(&s->f, &socket_ops, "socket");
    s->f.close_fds = true;
    s->f.hangup = peer_left;
    s->listener = -1;
    take_peer(s, fd);
    return &s->f.chr;
}

/* Binds and listens, or connects. Returns the socket, or -1 with errno set. */
static int socket_at(const struct sockaddr *address, socklen_t size, int family, bool server)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (server ? bind(fd, address, size) == 0 && listen(fd, 1) == 0
               : connect(fd, address, size) == 0)
        return fd;

    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

Chardev *unix_socket_open(const HostSpec *spec, GError **err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool server = host_option_bool(spec, "server", false);

    if (!host_check_options(spec, known_options, err))
        return NULL;
    if (g_strlcpy(address.sun_path, spec->argument, sizeof(address.sun_path)) >=
        sizeof(address.sun_path)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: the path is longer than %zu bytes",
                    spec->text, sizeof(address.sun_path) - 1);
        return NULL;
    }
    if (server)
        unlink(spec->argument);

    int fd = socket_at((struct sockaddr *)&address, sizeof(address), AF_UNIX, server);
    if (fd < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: %s", spec->text, g_strerror(errno));
        return NULL;
    }
    return socket_new(spec, server, fd, server ? spec->argument : NULL, err);
}

/* "HOST:PORT"; HOST may be empty, a name, an address, or an IPv6 address in brackets. */
static bool split_host_port(const HostSpec *spec, char **host, char **port, GError **err)
{
    const char *colon = strrchr(spec->argument, ':');

    if (!colon || !colon[1]) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: wants \"tcp:HOST:PORT\"", spec->text);
        return false;
    }
    *port = g_strdup(colon + 1);
    *host = g_strndup(spec->argument, colon - spec->argument);
    size_t n = strlen(*host);
    if (n >= 2 && (*host)[0] == '[' && (*host)[n - 1] == ']') {
        memmove(*host, *host + 1, n - 2);
        (*host)[n - 2] = 0;
    }
    return true;
}

Chardev *tcp_socket_open(const HostSpec *spec, GError **err)
{
    g_autofree char *host = NULL, *port = NULL;
    bool server = host_option_bool(spec, "server", false);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0};
    struct addrinfo *found = NULL;
    int fd = -1;

    if (!host_check_options(spec, known_options, err) || !split_host_port(spec, &host, &port, err))
        return NULL;
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (failed) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: %s", spec->text, gai_strerror(failed));
        return NULL;
    }
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = socket_at(a->ai_addr, a->ai_addrlen, a->ai_family, server);
    int why = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: %s", spec->text, g_strerror(why));
        return NULL;
    }
    return socket_new(spec, server, fd, NULL, err);
}
