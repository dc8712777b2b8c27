/* chardev.c - what all byte streams share: the pairing of a front end with a back end. */
#include "core/chardev.h"

void chardev_init(Chardev *chr, const ChardevOps *ops, const char *id)
{
    *chr = (Chardev){.ops = ops, .id = g_strdup(id)};
}

void chardev_free(Chardev *chr)
{
    if (!chr)
        return;
    g_clear_pointer(&chr->id, g_free);
    chr->ops->free(chr);
}

void chardev_attach(Chardev *chr, const ChardevFrontend *front)
{
    if (!chr)
        return;
    chr->front = *front;
    chr->attached = true;
    chardev_accept_input(chr);
}

void chardev_write(Chardev *chr, const void *bytes, size_t count)
{
    if (chr && chr->ops->write)
        chr->ops->write(chr, bytes, count);
}

void chardev_accept_input(Chardev *chr)
{
    if (chr && chr->ops->accept_input)
        chr->ops->accept_input(chr);
}

size_t chardev_deliver(Chardev *chr, const uint8_t *bytes, size_t count)
{
    const ChardevFrontend *front = &chr->front;

    if (!chr->attached || !front->receive)
        return 0;
    size_t room = front->can_receive ? front->can_receive(front->opaque) : count;
    size_t taken = MIN(room, count);
    if (taken)
        front->receive(front->opaque, bytes, taken);
    return taken;
}
