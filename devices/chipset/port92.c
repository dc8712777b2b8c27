/* port92.c - PS/2 system control port A: fast A20 and fast reset. [ISA] "System control port A". */
#include "core/device.h"
#include "core/trace.h"

enum { PORT92_RESET = 1 << 0, PORT92_A20 = 1 << 1 };

typedef struct Port92 {
    Device dev;
    /* properties */
    uint32_t iobase;
    /* state */
    uint8_t control;
    /* derived */
    IrqLine a20[1];
} Port92;

static uint64_t port92_read(void *dev, uint64_t offset, unsigned size)
{
    return ((Port92 *)dev)->control;
}

/* A rising edge of bit 0 resets. */
static void port92_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Port92 *p = dev;
    bool reset = value & ~p->control & PORT92_RESET;

    trace_port92_write((unsigned)value);
    p->control = value;
    if (reset)
        board_request(p->dev.board, BOARD_RESET, 0);
}

static void port92_reset(void *dev)
{
    ((Port92 *)dev)->control = 0;
}

static void port92_update(void *dev)
{
    Port92 *p = dev;

    irq_set(&p->a20[0], p->control & PORT92_A20 ? 1 : 0);
}

static const Property props[] = {PROP_U(Port92, iobase, 0x92, "port number"), PROPS_END};

static const IoRange io[] = {
    {"port92", IO_PORTS, 0x92, 1, 1, 1, port92_read, port92_write, BASE_FROM(Port92, iobase)},
    {0},
};

static const LineDef lines[] = {LINE_OUT("a20", Port92, a20), {0}};

static const StateField state[] = {STATE(Port92, control), STATE_END};

const DeviceClass port92_class = {
    .name = "port92",
    .desc = "system control port A: fast A20 and reset",
    .size = sizeof(Port92),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .reset = port92_reset,
    .update = port92_update,
};
