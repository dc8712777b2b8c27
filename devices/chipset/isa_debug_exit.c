/* isa_debug_exit.c - a port that ends the program: writing v exits with status v * 2 + 1.
 *
 * The status is never 0, so that a guest cannot pass for a clean power-off; kvm-unit-tests and the
 * project's own guests end through it. */
#include "core/device.h"
#include "core/error.h"

typedef struct DebugExit {
    Device dev;
    /* properties */
    uint32_t iobase;
    uint32_t iosize;
} DebugExit;

static bool debug_exit_realize(void *dev, GError **err)
{
    DebugExit *d = dev;

    if (d->iosize < 1 || d->iosize > 4) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "isa-debug-exit,iosize=%u: iosize is 1 to 4",
                    d->iosize);
        return false;
    }
    device_region(d, 0)->size = d->iosize;
    return true;
}

static uint64_t debug_exit_read(void *dev, uint64_t offset, unsigned size)
{
    return 0;
}

static void debug_exit_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    DebugExit *d = dev;

    board_request(d->dev.board, BOARD_DEBUG_EXIT, (int)(value << 1 | 1));
}

static const Property props[] = {
    PROP_U(DebugExit, iobase, 0x501, "first port"),
    PROP_U(DebugExit, iosize, 2, "number of ports"),
    PROPS_END,
};

static const IoRange io[] = {
    {"isa-debug-exit", IO_PORTS, 0x501, 4, 1, 4, debug_exit_read, debug_exit_write,
     BASE_FROM(DebugExit, iobase)},
    {0},
};

static const StateField state[] = {STATE_END};

const DeviceClass isa_debug_exit_class = {
    .name = "isa-debug-exit",
    .desc = "ends the program with a status that the guest gives",
    .size = sizeof(DebugExit),
    .props = props,
    .io = io,
    .state = state,
    .user_creatable = true,
    .realize = debug_exit_realize,
};
