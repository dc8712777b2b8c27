/* pcspk.c - the PC's port 61h: counter 2's gate and output, the speaker, the refresh toggle.
 *
 * [PIIX3] "NMI status and control register". The speaker itself makes no sound here: its state is
 * the line "speaker". */
#include "core/device.h"

enum {
    PORT61_GATE2 = 1 << 0,
    PORT61_SPEAKER = 1 << 1,
    PORT61_NMI_MASKS = 3 << 2, /* PERR#, IOCHK# */
    PORT61_REFRESH = 1 << 4,
    PORT61_OUT2 = 1 << 5,
    PORT61_WRITABLE = PORT61_GATE2 | PORT61_SPEAKER | PORT61_NMI_MASKS,
};

#define REFRESH_PERIOD 15085 /* ns: 18 pulses of counter 1's clock, its setting on every PC */

typedef struct Pcspk {
    Device dev;
    /* properties */
    uint32_t iobase;
    /* state */
    uint8_t control;
    bool out2;
    /* derived */
    IrqLine gate[1];
    IrqLine speaker[1];
} Pcspk;

static uint64_t pcspk_read(void *dev, uint64_t offset, unsigned size)
{
    Pcspk *s = dev;
    bool refresh = clock_now(s->dev.board->clock) / REFRESH_PERIOD & 1;

    return s->control | (refresh ? PORT61_REFRESH : 0) | (s->out2 ? PORT61_OUT2 : 0);
}

static void pcspk_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    ((Pcspk *)dev)->control = value & PORT61_WRITABLE;
}

static void pcspk_out2(void *dev, int n, int level)
{
    ((Pcspk *)dev)->out2 = level;
}

static void pcspk_reset(void *dev)
{
    ((Pcspk *)dev)->control = 0;
}

static void pcspk_update(void *dev)
{
    Pcspk *s = dev;

    irq_set(&s->gate[0], s->control & PORT61_GATE2 ? 1 : 0);
    irq_set(&s->speaker[0], s->out2 && (s->control & PORT61_SPEAKER));
}

static bool pcspk_loaded(void *dev, GError **err)
{
    ((Pcspk *)dev)->control &= PORT61_WRITABLE;
    return true;
}

static const Property props[] = {PROP_U(Pcspk, iobase, 0x61, "port number"), PROPS_END};

static const IoRange io[] = {
    {"pcspk", IO_PORTS, 0x61, 1, 1, 1, pcspk_read, pcspk_write, BASE_FROM(Pcspk, iobase)},
    {0},
};

static const LineDef lines[] = {
    LINE_IN("out2", 1, pcspk_out2),
    LINE_OUT("gate2", Pcspk, gate),
    LINE_OUT("speaker", Pcspk, speaker),
    {0},
};

static const StateField state[] = {STATE(Pcspk, control), STATE(Pcspk, out2), STATE_END};

const DeviceClass pcspk_class = {
    .name = "pcspk",
    .desc = "port 61h: speaker and counter 2",
    .size = sizeof(Pcspk),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .reset = pcspk_reset,
    .update = pcspk_update,
    .loaded = pcspk_loaded,
};
