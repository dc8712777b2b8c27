/* parallel.c - printer port in its first form. [IEEE1284] "Compatibility Mode".
 *
 * A byte goes to the back end on the strobe's leading edge; the printer is never busy. Left out:
 * the bidirectional, EPP and ECP modes. */
#include "core/chardev.h"
#include "core/device.h"
#include "core/log.h"

enum { REG_DATA, REG_STATUS, REG_CONTROL };

enum {
    STATUS_READY = 0xd8, /* not busy, no acknowledge, paper, selected, no fault */

    CONTROL_STROBE = 0x01,
    CONTROL_INIT = 0x04, /* active low */
    CONTROL_SELECT = 0x08,
    CONTROL_INTERRUPT = 0x10,
    CONTROL_INPUT = 0x20,
    CONTROL_ONES = 0xc0,
};

typedef struct Parallel {
    Device dev;

    uint32_t iobase;
    uint32_t irq;
    Chardev *chardev;

    uint8_t data;
    uint8_t control;
    bool acknowledged; /* an interrupt, until the status is read */

    IrqLine out[1];
} Parallel;

static void parallel_update(void *dev)
{
    Parallel *p = dev;

    irq_set(&p->out[0], p->acknowledged && (p->control & CONTROL_INTERRUPT));
}

static uint64_t parallel_read(void *dev, uint64_t offset, unsigned size)
{
    Parallel *p = dev;

    if (offset == REG_DATA)
        return p->data;
    if (offset == REG_CONTROL)
        return p->control | CONTROL_ONES;
    p->acknowledged = false;
    parallel_update(p);
    return STATUS_READY;
}

static void write_control(Parallel *p, uint8_t value)
{
    if (value & ~p->control & CONTROL_STROBE) {
        p->acknowledged = false;
        parallel_update(p);
        chardev_write(p->chardev, &p->data, 1);
        p->acknowledged = true;
    }
    p->control = value & ~CONTROL_ONES;
}

static void parallel_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Parallel *p = dev;

    if (offset == REG_DATA)
        p->data = value;
    else if (offset == REG_CONTROL)
        write_control(p, value);
    else
        guest_error("isa-parallel: write of %02x to the status register\n", (unsigned)value);
}

static void parallel_reset(void *dev)
{
    Parallel *p = dev;

    p->data = 0;
    p->control = CONTROL_INIT | CONTROL_SELECT;
    p->acknowledged = false;
}

static const Property props[] = {
    PROP_U(Parallel, iobase, 0x378, "first port"),
    PROP_U(Parallel, irq, 7, "ISA interrupt"),
    PROP_L(Parallel, chardev, "where the bytes go"),
    PROPS_END,
};

static const IoRange io[] = {
    {.name = "parallel",
     .space = IO_PORTS,
     .base = 0x378,
     .size = 3,
     .max_access = 1,
     .read = parallel_read,
     .write = parallel_write,
     BASE_FROM(Parallel, iobase)},
    {0},
};

static const LineDef lines[] = {
    LINE_OUT("irq", Parallel, out),
    {0},
};

static const StateField state[] = {
    STATE(Parallel, data),
    STATE(Parallel, control),
    STATE(Parallel, acknowledged),
    STATE_END,
};

const DeviceClass isa_parallel_class = {
    .name = "isa-parallel",
    .desc = "printer port",
    .size = sizeof(Parallel),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .user_creatable = true,
    .reset = parallel_reset,
    .update = parallel_update,
};
