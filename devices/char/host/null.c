/* null.c - a character back end that swallows everything and never says a word. */
#include "devices/char/host/host_priv.h"

static size_t null_write(Chardev *chr, const uint8_t *bytes, size_t count)
{
    return count;
}

static void null_free(Chardev *chr)
{
    g_free(chr);
}

static const ChardevOps null_ops = {.name = "null", .write = null_write, .free = null_free};

Chardev *chardev_null_new(const char *id)
{
    Chardev *chr = g_new0(Chardev, 1);

    chardev_init(chr, &null_ops, id);
    return chr;
}
