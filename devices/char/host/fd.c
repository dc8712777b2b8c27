/* fd.c - a character back end over host file descriptors watched by the GLib main loop.
 *
 * Writing never blocks the machine: what the host does not take now is kept, up to a bound, and
 * sent when the descriptor has room. Reading stops while the front end has no room. */
#include "devices/char/host/host_priv.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PENDING_MAX = 1 << 20,
    CHUNK = 512, /* a pipe or terminal that polls writable takes this much without blocking */
    LAST_CHANCE_MS = 500,
};

size_t host_front_room(const Chardev *chr)
{
    const ChardevFrontend *front = &chr->front;

    if (!chr->attached || !front->receive)
        return 0;
    return front->can_receive ? front->can_receive(front->opaque) : SIZE_MAX;
}

/* Descriptors may be shared with the user's shell, so O_NONBLOCK is not ours to set; poll tells. */
static ssize_t write_now(int fd, const uint8_t *bytes, size_t count)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    if (poll(&p, 1, 0) != 1)
        return 0;
    ssize_t sent = send(fd, bytes, MIN(count, CHUNK), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == ENOTSOCK)
        sent = write(fd, bytes, MIN(count, CHUNK));
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return sent;
}

/* How many bytes are done with: sent, or lost for good with the descriptor's reader. */
static size_t write_some(int fd, const uint8_t *bytes, size_t count)
{
    size_t done = 0;

    while (done < count) {
        ssize_t sent = write_now(fd, bytes + done, count - done);
        if (sent < 0)
            return count;
        if (sent == 0)
            break;
        done += sent;
    }
    return done;
}

static gboolean output_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    FdChardev *f = opaque;
    size_t done = write_some(f->out, f->pending->data, f->pending->len);

    g_byte_array_remove_range(f->pending, 0, done);
    if (f->pending->len)
        return G_SOURCE_CONTINUE;
    f->out_watch = 0;
    return G_SOURCE_REMOVE;
}

size_t fd_chardev_write(Chardev *chr, const uint8_t *bytes, size_t count)
{
    FdChardev *f = (FdChardev *)chr;

    if (f->out < 0)
        return count; /* nobody is there: the bytes are lost, as on a real cable */

    size_t done = f->pending->len ? 0 : write_some(f->out, bytes, count);
    size_t kept = MIN(count - done, PENDING_MAX - f->pending->len);
    g_byte_array_append(f->pending, bytes + done, kept);
    if (f->pending->len && !f->out_watch)
        f->out_watch = g_unix_fd_add(f->out, G_IO_OUT | G_IO_ERR | G_IO_HUP, output_ready, f);
    return done + kept;
}

static gboolean input_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    FdChardev *f = opaque;
    uint8_t buffer[4096];
    size_t room = host_front_room(&f->chr);

    if (!room) {
        f->in_watch = 0; /* until accept_input */
        return G_SOURCE_REMOVE;
    }

    ssize_t got = read(f->in, buffer, MIN(room, sizeof(buffer)));
    if (got > 0) {
        chardev_deliver(&f->chr, buffer, got);
        return G_SOURCE_CONTINUE;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;

    f->in_watch = 0;
    if (f->hangup)
        f->hangup(f);
    else
        f->in = -1;
    return G_SOURCE_REMOVE;
}

void fd_chardev_accept_input(Chardev *chr)
{
    FdChardev *f = (FdChardev *)chr;

    if (f->in >= 0 && !f->in_watch)
        f->in_watch = g_unix_fd_add(f->in, G_IO_IN | G_IO_ERR | G_IO_HUP, input_ready, f);
}

void fd_chardev_init(FdChardev *f, const ChardevOps *ops, const char *id)
{
    chardev_init(&f->chr, ops, id);
    f->in = f->out = -1;
    f->pending = g_byte_array_new();
}

void fd_chardev_open(FdChardev *f, int in, int out)
{
    f->in = in;
    f->out = out;
    fd_chardev_accept_input(&f->chr);
}

static void flush_pending(FdChardev *f)
{
    gint64 end = g_get_monotonic_time() + LAST_CHANCE_MS * 1000;

    while (f->pending->len && f->out >= 0 && g_get_monotonic_time() < end) {
        size_t done = write_some(f->out, f->pending->data, f->pending->len);
        g_byte_array_remove_range(f->pending, 0, done);
        if (!done)
            g_usleep(1000);
    }
    g_byte_array_set_size(f->pending, 0);
}

void fd_chardev_close(FdChardev *f)
{
    if (f->in_watch)
        g_source_remove(f->in_watch);
    if (f->out_watch)
        g_source_remove(f->out_watch);
    f->in_watch = f->out_watch = 0;
    flush_pending(f);
    if (f->close_fds && f->in >= 0)
        close(f->in);
    if (f->close_fds && f->out >= 0 && f->out != f->in)
        close(f->out);
    f->in = f->out = -1;
}

void fd_chardev_fini(FdChardev *f)
{
    fd_chardev_close(f);
    g_byte_array_unref(f->pending);
}
