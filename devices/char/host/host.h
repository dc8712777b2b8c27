/* host.h - where a character device's bytes go on the host, by QEMU's names.
 *
 * Back ends watch file descriptors on the default GMainContext, whose owner holds the machine lock
 * while it dispatches; everything else here is called with the machine lock held. */
#ifndef MYNA_DEVICES_CHAR_HOST_HOST_H
#define MYNA_DEVICES_CHAR_HOST_HOST_H

#include "core/chardev.h"

/* Opens a back end from the text after -serial, -parallel, -monitor or -debugcon: "stdio",
 * "mon:stdio", "null", "none", "vc", "file:PATH", "pty", "pipe:PATH", "unix:PATH,server,nowait",
 * "tcp:HOST:PORT,server=on,wait=off". The caller frees it with chardev_free. */
Chardev *chardev_open(const char *spec, GError **err);

/* "mon:" gives the first port of a multiplexer. More front ends share it through more ports; Ctrl-a
 * c moves the input to the next one, which hears CHARDEV_OPENED. NULL when chr is no such port. The
 * last port freed frees the multiplexer. */
Chardev *chardev_mux_port(Chardev *chr);

/* What Ctrl-a x and Ctrl-a s do. */
typedef struct MuxHooks {
    void (*quit)(void *opaque);
    void (*sync)(void *opaque); /* write the disks' data back */
    void *opaque;
} MuxHooks;
void chardev_mux_set_hooks(Chardev *chr, const MuxHooks *hooks);

/* A back end in memory: what the front end wrote, and what it will be given. For tests. */
Chardev *chardev_memory_new(const char *id);
/* What was written since the last call; the caller frees it. */
GByteArray *chardev_memory_take(Chardev *chr);
/* Queues input without bound. */
void chardev_memory_feed(Chardev *chr, const void *bytes, size_t count);

/* Swallows everything. */
Chardev *chardev_null_new(const char *id);

#endif
