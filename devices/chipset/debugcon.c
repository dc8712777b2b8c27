/* debugcon.c - one port that prints: each byte written goes to a character back end.
 *
 * Firmware and test guests use it at port E9h, as Bochs and QEMU offer it; a read gives E9h, by
 * which a guest knows that it is there. */
#include "core/chardev.h"
#include "core/device.h"

typedef struct Debugcon {
    Device dev;
    /* properties */
    uint32_t iobase;
    uint32_t readback;
    Chardev *chardev;
} Debugcon;

static uint64_t debugcon_read(void *dev, uint64_t offset, unsigned size)
{
    Debugcon *d = dev;

    return d->readback;
}

static void debugcon_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Debugcon *d = dev;
    uint8_t byte = value;

    chardev_write(d->chardev, &byte, 1);
}

static const Property props[] = {
    PROP_U(Debugcon, iobase, 0xe9, "port number"),
    PROP_U(Debugcon, readback, 0xe9, "what reading the port gives"),
    PROP_L(Debugcon, chardev, "where the bytes go"),
    PROPS_END,
};

static const IoRange io[] = {
    {"debugcon", IO_PORTS, 0xe9, 1, 1, 1, debugcon_read, debugcon_write,
     BASE_FROM(Debugcon, iobase)},
    {0},
};

static const StateField state[] = {STATE_END};

const DeviceClass debugcon_class = {
    .name = "isa-debugcon",
    .desc = "debug console port",
    .size = sizeof(Debugcon),
    .props = props,
    .io = io,
    .state = state,
    .user_creatable = true,
};
