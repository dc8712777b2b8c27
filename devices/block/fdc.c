/* fdc.c - floppy disk controller of the AT. [82077AA].
 *
 * A command goes through three phases: its bytes come in through the FIFO, it executes, its result
 * bytes go out. Execution begins a little after the last command byte, so that its interrupt never
 * comes before the instruction that caused it has ended; the medium itself takes no time. Left out:
 * deleted data marks, the scan commands, sector sizes other than 512 bytes, tape drives. */
#include "core/log.h"
#include "devices/block/fdc_priv.h"

enum { RESET_DELAY_US = 50 };

/* Registers, from base. */
enum { REG_DOR = 2, REG_TDR = 3, REG_MSR_DSR = 4, REG_FIFO = 5 };

enum {
    DOR_DRIVE = 0x03,
    DOR_NOT_RESET = 0x04,

    MSR_BUSY = 0x10,
    MSR_NON_DMA = 0x20,
    MSR_TO_CPU = 0x40,
    MSR_REQUEST = 0x80,

    DSR_RESET = 0x80,
    DIR_CHANGED = 0x80,
};

static void media_changed(void *opaque)
{
    ((Floppy *)opaque)->changed = true;
}

/* In non-DMA mode the interrupt says that a byte waits to be moved. */
static void fdc_update(void *dev)
{
    Fdc *f = dev;
    Ns due = MIN(f->reset_due, f->execute_due);

    for (unsigned n = 0; n < DRIVES; n++)
        due = MIN(due, f->seek_due[n]);
    timer_set(&f->dev.timer, due);
    irq_set(&f->out[0], (f->interrupt || moves_by_cpu(f)) && (f->dor & DOR_DMA_GATE));
    isa_dma_request(f->dma, f->dma_channel,
                    f->phase == PHASE_EXECUTE && f->ready && uses_dma(f) &&
                        (f->dor & DOR_DMA_GATE));
}

static void fdc_expire(void *dev)
{
    Fdc *f = dev;
    Ns now = clock_now(f->dev.board->clock);

    if (f->reset_due <= now) {
        f->reset_due = NS_NEVER;
        f->interrupt = true;
        f->poll_left = DRIVES;
    }
    for (unsigned n = 0; n < DRIVES; n++) {
        if (f->seek_due[n] <= now) {
            f->seek_due[n] = NS_NEVER;
            f->sought |= 1 << n;
            f->interrupt = true;
        }
    }
    if (f->execute_due <= now)
        execute_due(f);
}

/* --- registers --- */

/* [82077AA] "Reset": ends everything; drives keep their place, and LOCK its settings. */
static void controller_reset(Fdc *f)
{
    result_begin(f, 0);
    f->interrupt = false;
    f->poll_left = f->seeking = f->sought = 0;
    f->reset_due = NS_NEVER;
    for (unsigned n = 0; n < DRIVES; n++)
        f->seek_due[n] = NS_NEVER;
    f->perpendicular &= ~3;
    if (!f->locked) {
        f->configure[1] = CONFIG_NO_FIFO;
        f->configure[2] = 0;
    }
}

static void leave_reset(Fdc *f)
{
    if (!(f->configure[1] & CONFIG_NO_POLLING))
        f->reset_due = after_us(f, RESET_DELAY_US);
}

static void write_dor(Fdc *f, uint8_t value)
{
    uint8_t old = f->dor;

    f->dor = value;
    if (!(value & DOR_NOT_RESET))
        controller_reset(f);
    else if (!(old & DOR_NOT_RESET))
        leave_reset(f);
}

static void write_dsr(Fdc *f, uint8_t value)
{
    f->rate = value & 3;
    if (value & DSR_RESET) {
        controller_reset(f);
        leave_reset(f);
    }
}

static uint8_t read_msr(const Fdc *f)
{
    if (!(f->dor & DOR_NOT_RESET))
        return 0;

    uint8_t msr = f->seeking;
    if (f->phase == PHASE_RESULT)
        return msr | MSR_REQUEST | MSR_TO_CPU | MSR_BUSY;
    if (f->phase == PHASE_EXECUTE) {
        msr |= MSR_BUSY | (uses_dma(f) ? 0 : MSR_NON_DMA);
        if (moves_by_cpu(f))
            msr |= MSR_REQUEST | (f->direction == MOVE_READ ? MSR_TO_CPU : 0);
        return msr;
    }
    return msr | MSR_REQUEST | (f->command_count ? MSR_BUSY : 0);
}

static uint8_t read_fifo(Fdc *f)
{
    uint8_t byte = 0;

    if (moves_by_cpu(f) && f->direction == MOVE_READ) {
        byte = f->buffer[f->at];
        cpu_moved_byte(f);
    } else if (f->phase == PHASE_RESULT) {
        byte = f->result[f->result_at++];
        f->interrupt = f->sought;
        if (f->result_at == f->result_count)
            result_begin(f, 0);
    } else {
        guest_error("isa-fdc: read of the FIFO, which is empty\n");
    }
    fdc_update(f);
    return byte;
}

static void write_fifo(Fdc *f, uint8_t byte)
{
    if (!(f->dor & DOR_NOT_RESET)) {
        guest_error("isa-fdc: command %02x during reset\n", byte);
    } else if (moves_by_cpu(f) && f->direction != MOVE_READ) {
        f->buffer[f->at] = byte;
        cpu_moved_byte(f);
    } else if (f->phase == PHASE_COMMAND) {
        command_byte(f, byte);
    } else {
        guest_error("isa-fdc: command %02x while busy\n", byte);
    }
}

static uint64_t fdc_read(void *dev, uint64_t offset, unsigned size)
{
    Fdc *f = dev;

    switch (offset) {
    case REG_DOR:
        return f->dor;
    case REG_TDR:
        return f->tdr;
    case REG_MSR_DSR:
        return read_msr(f);
    case REG_FIFO:
        return read_fifo(f);
    }
    return 0xff; /* the PS/2's status registers: not on an AT */
}

static void fdc_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Fdc *f = dev;

    switch (offset) {
    case REG_DOR:
        write_dor(f, value);
        break;
    case REG_TDR:
        f->tdr = value & 3;
        break;
    case REG_MSR_DSR:
        write_dsr(f, value);
        break;
    case REG_FIFO:
        write_fifo(f, value);
        break;
    }
}

static uint64_t dir_read(void *dev, uint64_t offset, unsigned size)
{
    const Fdc *f = dev;
    const Floppy *d = &f->drives[f->dor & DOR_DRIVE];

    return d->block && (d->changed || !d->block->present) ? DIR_CHANGED : 0;
}

static void ccr_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    ((Fdc *)dev)->rate = value & 3;
}

/* --- life --- */

static bool fdc_realize(void *dev, GError **err)
{
    Fdc *f = dev;
    Block *blocks[] = {f->drive_a, f->drive_b};

    for (unsigned n = 0; n < G_N_ELEMENTS(blocks); n++) {
        f->drives[n].block = blocks[n];
        if (blocks[n]) {
            blocks[n]->media_changed = media_changed;
            blocks[n]->media_opaque = &f->drives[n];
        }
    }
    isa_dma_attach(f->dma, f->dma_channel, dma_ready, f);
    return true;
}

static void fdc_unrealize(void *dev)
{
    Fdc *f = dev;

    for (unsigned n = 0; n < DRIVES; n++)
        if (f->drives[n].block)
            f->drives[n].block->media_changed = NULL;
}

static void fdc_reset(void *dev)
{
    Fdc *f = dev;

    f->dor = DOR_NOT_RESET | DOR_DMA_GATE;
    f->tdr = 0;
    f->rate = 2; /* 250 kbit/s */
    f->locked = false;
    memset(f->command, 0, sizeof(f->command));
    memset(f->configure, 0, sizeof(f->configure));
    memset(f->specify, 0, sizeof(f->specify));
    f->perpendicular = 0;
    f->direction = MOVE_READ;
    f->cylinder = f->head = f->sector = f->left = 0;
    f->ignore_id = f->terminal_count = false;
    memset(f->buffer, 0, sizeof(f->buffer));
    memset(f->result, 0, sizeof(f->result));
    memset(f->seek_st0, 0, sizeof(f->seek_st0));
    f->at = 0;
    for (unsigned n = 0; n < DRIVES; n++) {
        f->drives[n].track = 0;
        f->drives[n].changed = true;
    }
    controller_reset(f);
}

static bool fdc_loaded(void *dev, GError **err)
{
    Fdc *f = dev;

    f->command_count = MIN(f->command_count, sizeof(f->command) - 1);
    f->result_count = MIN(f->result_count, sizeof(f->result));
    f->result_at = MIN(f->result_at, f->result_count);
    if (f->phase == PHASE_RESULT && f->result_at == f->result_count)
        f->phase = PHASE_COMMAND;
    f->poll_left = MIN(f->poll_left, DRIVES);
    f->sought &= (1 << DRIVES) - 1;
    f->at = MIN(f->at, transfer_size(f) - (f->ready ? 1 : 0));
    f->head &= 1;
    return true;
}

static const Property props[] = {
    PROP_U(Fdc, irq, 6, "ISA interrupt"),
    PROP_NAMED_U("dma", Fdc, dma_channel, 2, "ISA DMA channel"),
    {"dma-controller", PROP_LINK, offsetof(Fdc, dma), sizeof(void *), 0, "the ISA bus's DMA"},
    {"driveA", PROP_LINK, offsetof(Fdc, drive_a), sizeof(void *), 0, "first drive"},
    {"driveB", PROP_LINK, offsetof(Fdc, drive_b), sizeof(void *), 0, "second drive"},
    PROPS_END,
};

static const IoRange io[] = {
    {.name = "fdc",
     .space = IO_PORTS,
     .base = 0x3f0,
     .size = 6,
     .max_access = 1,
     .read = fdc_read,
     .write = fdc_write},
    {.name = "fdc-dir",
     .space = IO_PORTS,
     .base = 0x3f7,
     .size = 1,
     .max_access = 1,
     .read = dir_read,
     .write = ccr_write},
    {0},
};

static const LineDef lines[] = {
    LINE_OUT("irq", Fdc, out),
    {0},
};

static const StateField state[] = {
    STATE(Fdc, dor),
    STATE(Fdc, tdr),
    STATE(Fdc, rate),
    STATE(Fdc, phase),
    STATE_BYTES(Fdc, command),
    STATE(Fdc, command_count),
    STATE_BYTES(Fdc, result),
    STATE(Fdc, result_count),
    STATE(Fdc, result_at),
    STATE(Fdc, interrupt),
    STATE(Fdc, poll_left),
    STATE(Fdc, seeking),
    STATE(Fdc, sought),
    STATE_BYTES(Fdc, seek_st0),
    STATE_BYTES(Fdc, specify),
    STATE_BYTES(Fdc, configure),
    STATE(Fdc, perpendicular),
    STATE(Fdc, locked),
    STATE_STRUCTS(Fdc, drives, floppy_fields),
    STATE(Fdc, reset_due),
    STATE(Fdc, execute_due),
    STATE_ARRAY(Fdc, seek_due),
    STATE(Fdc, direction),
    STATE(Fdc, cylinder),
    STATE(Fdc, head),
    STATE(Fdc, sector),
    STATE(Fdc, ignore_id),
    STATE(Fdc, left),
    STATE_BYTES(Fdc, buffer),
    STATE(Fdc, at),
    STATE(Fdc, ready),
    STATE(Fdc, terminal_count),
    STATE_END,
};

const DeviceClass isa_fdc_class = {
    .name = "isa-fdc",
    .desc = "floppy disk controller",
    .size = sizeof(Fdc),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = fdc_realize,
    .unrealize = fdc_unrealize,
    .reset = fdc_reset,
    .update = fdc_update,
    .expire = fdc_expire,
    .loaded = fdc_loaded,
};
