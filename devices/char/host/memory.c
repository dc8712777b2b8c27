/* memory.c - a character back end in memory: tests feed it and look at what came out. */
#include "devices/char/host/host_priv.h"

typedef struct MemoryChardev {
    Chardev chr;
    GByteArray *written;
    GByteArray *waiting; /* input the front end has not taken */
} MemoryChardev;

static size_t memory_write(Chardev *chr, const uint8_t *bytes, size_t count)
{
    g_byte_array_append(((MemoryChardev *)chr)->written, bytes, count);
    return count;
}

/* The front end may call back here while it takes bytes, so each is removed before it is given. */
static void memory_accept_input(Chardev *chr)
{
    MemoryChardev *m = (MemoryChardev *)chr;

    while (m->waiting->len && host_front_room(chr)) {
        uint8_t byte = m->waiting->data[0];
        g_byte_array_remove_index(m->waiting, 0);
        chardev_deliver(chr, &byte, 1);
    }
}

static void memory_free(Chardev *chr)
{
    MemoryChardev *m = (MemoryChardev *)chr;

    g_byte_array_unref(m->written);
    g_byte_array_unref(m->waiting);
    g_free(m);
}

static const ChardevOps memory_ops = {
    .name = "memory",
    .write = memory_write,
    .accept_input = memory_accept_input,
    .free = memory_free,
};

Chardev *chardev_memory_new(const char *id)
{
    MemoryChardev *m = g_new0(MemoryChardev, 1);

    chardev_init(&m->chr, &memory_ops, id);
    m->written = g_byte_array_new();
    m->waiting = g_byte_array_new();
    return &m->chr;
}

GByteArray *chardev_memory_take(Chardev *chr)
{
    MemoryChardev *m = (MemoryChardev *)chr;
    GByteArray *taken = m->written;

    m->written = g_byte_array_new();
    return taken;
}

void chardev_memory_feed(Chardev *chr, const void *bytes, size_t count)
{
    g_byte_array_append(((MemoryChardev *)chr)->waiting, bytes, count);
    memory_accept_input(chr);
}
