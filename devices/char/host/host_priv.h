/* host_priv.h - what the back ends share: a pair of watched file descriptors, options, openers. */
#ifndef MYNA_DEVICES_CHAR_HOST_HOST_PRIV_H
#define MYNA_DEVICES_CHAR_HOST_HOST_PRIV_H

#include "devices/char/host/host.h"

/* A back end over file descriptors: embeds a Chardev first. */
typedef struct FdChardev FdChardev;
struct FdChardev {
    Chardev chr;
    int in, out; /* -1: none; they may be equal */
    bool close_fds;
    guint in_watch, out_watch;    /* GLib source ids; 0 = not watching */
    GByteArray *pending;          /* output the host did not take yet */
    void (*hangup)(FdChardev *f); /* the input ended; NULL: stop reading */
};

void fd_chardev_init(FdChardev *f, const ChardevOps *ops, const char *id);
/* Takes descriptors and begins to watch the input. */
void fd_chardev_open(FdChardev *f, int in, int out);
/* Stops watching; gives pending output a short last chance; closes what close_fds says. */
void fd_chardev_close(FdChardev *f);
void fd_chardev_fini(FdChardev *f);
size_t fd_chardev_write(Chardev *chr, const uint8_t *bytes, size_t count);
void fd_chardev_accept_input(Chardev *chr);

/* Bytes the front end would take now; 0 when there is none. */
size_t host_front_room(const Chardev *chr);

/* The text after "KIND:", cut at commas: the argument and its options. */
typedef struct HostSpec {
    const char *text; /* the whole spec, for messages */
    char *argument;   /* up to the first comma; "" if none */
    char **options;   /* "name", "name=value"; NULL ended */
} HostSpec;

/* The value of a boolean option in any of its spellings: "name", "noname", "name=on", "name=off".
 */
bool host_option_bool(const HostSpec *spec, const char *name, bool initial);
/* Fails, naming the first option that is not in the NULL ended list. */
bool host_check_options(const HostSpec *spec, const char *const *known,
                        GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* One for each kind. */
Chardev *stdio_open(const HostSpec *spec, bool keep_signals, GError **err);
Chardev *file_open(const HostSpec *spec, GError **err);
Chardev *pipe_open(const HostSpec *spec, GError **err);
Chardev *pty_open(const HostSpec *spec, GError **err);
Chardev *unix_socket_open(const HostSpec *spec, GError **err);
Chardev *tcp_socket_open(const HostSpec *spec, GError **err);

/* A multiplexer over `back`, which it then owns; returns its first port. */
Chardev *mux_new(Chardev *back);

/* The process's terminal: raw while the program runs, restored at exit, at death by signal, and
 * when the user stops and continues the program. One user at a time. */
bool terminal_take(bool keep_signals, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void terminal_release(void);

#endif
