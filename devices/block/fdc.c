/* fdc.c - floppy disk controller of the AT. [82077AA].
 *
 * A command goes through three phases: its bytes come in through the FIFO, it executes, its result
 * bytes go out. Execution begins a little after the last command byte, so that its interrupt never
 * comes before the instruction that caused it has ended; the medium itself takes no time. Left out:
 * deleted data marks, the scan commands, sector sizes other than 512 bytes, tape drives. */
#include "core/device.h"
#include "core/dma.h"
#include "core/log.h"
#include "devices/block/fdc_priv.h"

enum { DRIVES = 4, EXECUTE_DELAY_US = 50, STEP_US = 20, RESET_DELAY_US = 50 };

/* Registers, from base. */
enum { REG_DOR = 2, REG_TDR = 3, REG_MSR_DSR = 4, REG_FIFO = 5 };

enum {
    DOR_DRIVE = 0x03,
    DOR_NOT_RESET = 0x04,
    DOR_DMA_GATE = 0x08, /* interrupt and DREQ reach the bus */

    MSR_BUSY = 0x10,
    MSR_NON_DMA = 0x20,
    MSR_TO_CPU = 0x40,
    MSR_REQUEST = 0x80,

    DSR_RESET = 0x80,
    DIR_CHANGED = 0x80,

    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLING = 0xc0,
    ST0_SEEK_END = 0x20,
    ST0_EQUIPMENT_CHECK = 0x10,
    ST1_END_OF_CYLINDER = 0x80,
    ST1_DATA_ERROR = 0x20,
    ST1_NO_DATA = 0x04,
    ST1_NOT_WRITABLE = 0x02,
    ST1_MISSING_MARK = 0x01,
    ST2_WRONG_CYLINDER = 0x10,
    ST3_WRITE_PROTECTED = 0x40,
    ST3_TRACK_0 = 0x10,
    ST3_ONES = 0x28,

    CONFIG_IMPLIED_SEEK = 0x40,
    CONFIG_NO_FIFO = 0x20,
    CONFIG_NO_POLLING = 0x10,

    COMMAND_MULTI_TRACK = 0x80,
    VERSION_82077AA = 0x90,
};

typedef enum Phase { PHASE_COMMAND, PHASE_EXECUTE, PHASE_RESULT } Phase;

/* What execution moves. */
typedef enum Direction { MOVE_READ, MOVE_WRITE, MOVE_FORMAT, MOVE_VERIFY } Direction;

typedef struct Fdc {
    Device dev;

    uint32_t irq, dma_channel;
    IsaDma *dma;
    Block *drive_a, *drive_b;

    uint8_t dor, tdr, rate;
    uint8_t phase;
    uint8_t command[16], command_count;
    uint8_t result[16], result_count, result_at;
    bool interrupt;
    uint8_t poll_left;       /* drives whose ready change after reset is still to be sensed */
    uint8_t seeking, sought; /* bit n: drive n moves; has moved, and that is to be sensed */
    uint8_t seek_st0[DRIVES];
    uint8_t specify[2], configure[3], perpendicular;
    bool locked;
    Floppy drives[DRIVES];
    Ns reset_due, execute_due, seek_due[DRIVES]; /* NS_NEVER: nothing to come */

    /* The sector being moved; command[] still holds the parameters. */
    uint8_t direction;
    uint8_t cylinder, head, sector;
    bool ignore_id; /* READ TRACK */
    uint8_t left;   /* sectors to format */
    uint8_t buffer[FLOPPY_SECTOR];
    uint16_t at, size; /* of the bytes that the CPU or DMA sees */
    bool ready;        /* the buffer waits for them, not for the image */
    bool terminal_count;

    IrqLine out[1];
    bool pumping; /* in `pump`, which the DMA controller and the image call back */
} Fdc;

/* --- drives --- */

static unsigned command_drive(const Fdc *f)
{
    return f->command[1] & 3;
}

static unsigned command_head(const Fdc *f)
{
    return f->command[1] >> 2 & 1;
}

static Floppy *drive_of_command(Fdc *f)
{
    return &f->drives[command_drive(f)];
}

static void media_changed(void *opaque)
{
    ((Floppy *)opaque)->changed = true;
}

/* --- outputs --- */

static bool uses_dma(const Fdc *f)
{
    return !(f->specify[1] & 1);
}

static bool moves_by_cpu(const Fdc *f)
{
    return f->phase == PHASE_EXECUTE && f->ready && !uses_dma(f);
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

static Ns after_us(const Fdc *f, unsigned us)
{
    return clock_now(f->dev.board->clock) + us * NS_PER_US;
}

/* --- result phase --- */

static void result_begin(Fdc *f, unsigned count)
{
    f->phase = count ? PHASE_RESULT : PHASE_COMMAND;
    f->result_count = count;
    f->result_at = 0;
    f->command_count = 0;
    f->ready = false;
    f->execute_due = NS_NEVER;
}

/* The seven bytes of every data command; [82077AA] "Status Register Encoding". */
static void result_of_data(Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    const uint8_t bytes[] = {st0 | f->head << 2 | command_drive(f),
                             st1,
                             st2,
                             f->cylinder,
                             f->head,
                             f->sector,
                             FLOPPY_SIZE_CODE};

    memcpy(f->result, bytes, sizeof(bytes));
    result_begin(f, sizeof(bytes));
    f->interrupt = true;
}

/* --- moving sectors --- */

static uint8_t end_of_track(const Fdc *f)
{
    return f->command[6];
}

/* [82077AA] "Result Phase Table": the sector after this one, as far as EOT and MT let it. True when
 * that is still part of the command. */
static bool next_sector(Fdc *f)
{
    if (f->sector != end_of_track(f)) {
        f->sector++;
        return true;
    }
    f->sector = 1;
    if ((f->command[0] & COMMAND_MULTI_TRACK) && f->head == 0) {
        f->head = 1;
        return true;
    }
    if (f->command[0] & COMMAND_MULTI_TRACK)
        f->head = 0;
    f->cylinder++;
    return false;
}

static void move_sector(Fdc *f);

/* A sector has been moved whole; or the controller was told to stop in it. */
static void sector_done(Fdc *f)
{
    if (f->direction == MOVE_FORMAT) {
        if (--f->left && !f->terminal_count)
            move_sector(f);
        else
            result_of_data(f, 0, 0, 0);
        return;
    }
    bool more = next_sector(f);
    if (f->terminal_count)
        result_of_data(f, 0, 0, 0);
    else if (more)
        move_sector(f);
    else if (f->direction == MOVE_VERIFY)
        result_of_data(f, 0, 0, 0);
    else
        result_of_data(f, ST0_ABNORMAL, ST1_END_OF_CYLINDER, 0);
}

static void image_read(void *opaque, int error)
{
    Fdc *f = opaque;

    if (error) {
        result_of_data(f, ST0_ABNORMAL, ST1_DATA_ERROR, 0);
    } else if (f->direction == MOVE_VERIFY) {
        sector_done(f);
    } else {
        f->ready = true;
    }
    device_update(f);
}

static void image_written(void *opaque, int error)
{
    Fdc *f = opaque;

    if (error)
        result_of_data(f, ST0_ABNORMAL, ST1_DATA_ERROR, 0);
    else
        sector_done(f);
    device_update(f);
}

/* Is the sector there? On failure the result is made. */
static const FloppyGeometry *find_sector(Fdc *f, const Floppy *d, unsigned size_code)
{
    const FloppyGeometry *g = floppy_geometry(d);
    bool right_track = f->ignore_id || f->cylinder == d->track;

    if (!g || g->rate != f->rate)
        result_of_data(f, ST0_ABNORMAL, ST1_MISSING_MARK, 0);
    else if (!right_track)
        result_of_data(f, ST0_ABNORMAL, ST1_NO_DATA, ST2_WRONG_CYLINDER);
    else if (d->track >= g->tracks || f->head >= g->heads || f->sector < 1 ||
             f->sector > g->sectors || size_code != FLOPPY_SIZE_CODE)
        result_of_data(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
    else
        return g;
    return NULL;
}

/* Begins the sector at cylinder, head, sector: from the image, or from the bus. */
static void move_sector(Fdc *f)
{
    Floppy *d = drive_of_command(f);
    bool format = f->direction == MOVE_FORMAT;

    f->at = 0;
    f->size = format ? 4 : FLOPPY_SECTOR;
    f->ready = false;
    if (format) {
        f->ready = true; /* its ID comes from the bus first */
        return;
    }
    const FloppyGeometry *g = find_sector(f, d, f->command[5]);
    if (!g)
        return;
    if (f->direction == MOVE_WRITE)
        f->ready = true;
    else
        block_read(d->block, floppy_offset(g, d->track, f->head, f->sector), f->buffer,
                   FLOPPY_SECTOR, image_read, f);
}

static void write_sector(Fdc *f)
{
    Floppy *d = drive_of_command(f);
    const FloppyGeometry *g;

    f->ready = false;
    if (f->direction ==
        MOVE_FORMAT) { /* the four bytes are the sector's ID; then comes the filler */
        f->cylinder = f->buffer[0];
        f->head = f->buffer[1] & 1;
        f->sector = f->buffer[2];
        g = find_sector(f, d, f->buffer[3]);
        memset(f->buffer, f->command[5], FLOPPY_SECTOR);
    } else {
        memset(f->buffer + f->at, 0, FLOPPY_SECTOR - f->at); /* stopped short: the rest is zeros */
        g = find_sector(f, d, f->command[5]);
    }
    if (g)
        block_write(d->block, floppy_offset(g, d->track, f->head, f->sector), f->buffer,
                    FLOPPY_SECTOR, image_written, f);
}

/* The buffer is used up, or no more is wanted. */
static void buffer_done(Fdc *f)
{
    f->ready = false;
    if (f->direction == MOVE_READ)
        sector_done(f);
    else
        write_sector(f);
}

/* DMA: moves what the controller takes. Called by it, and by nobody else; it may call again while
 * we end a sector and begin the next. */
static void pump(void *opaque)
{
    Fdc *f = opaque;

    if (f->pumping)
        return;
    f->pumping = true;
    while (f->phase == PHASE_EXECUTE && f->ready && uses_dma(f)) {
        uint8_t *bytes = f->buffer + f->at;
        size_t count = f->size - f->at;
        size_t moved =
            f->direction == MOVE_READ
                ? isa_dma_to_memory(f->dma, f->dma_channel, bytes, count, &f->terminal_count)
                : isa_dma_from_memory(f->dma, f->dma_channel, bytes, count, &f->terminal_count);
        f->at += moved;
        if (f->at == f->size || f->terminal_count)
            buffer_done(f);
        else if (!moved)
            break;
    }
    f->pumping = false;
    fdc_update(f);
}

/* --- commands --- */

static void execute_data(Fdc *f)
{
    Floppy *d = drive_of_command(f);
    bool writes = f->direction == MOVE_WRITE || f->direction == MOVE_FORMAT;

    f->terminal_count = false;
    if ((f->configure[1] & CONFIG_IMPLIED_SEEK) && f->direction != MOVE_FORMAT)
        floppy_seek(d, f->cylinder);
    if (writes && floppy_geometry(d) && floppy_write_protected(d))
        result_of_data(f, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
    else
        move_sector(f);
}

/* [82077AA] "READ ID": the first sector that passes. */
static void execute_read_id(Fdc *f)
{
    const Floppy *d = drive_of_command(f);

    f->cylinder = d->track;
    f->head = command_head(f);
    f->sector = 1;
    if (find_sector(f, d, FLOPPY_SIZE_CODE))
        result_of_data(f, 0, 0, 0);
}

static void execute_begin(Fdc *f)
{
    f->phase = PHASE_EXECUTE;
    f->execute_due = after_us(f, EXECUTE_DELAY_US);
}

static void data_command(Fdc *f, Direction direction)
{
    f->direction = direction;
    f->cylinder = f->command[2];
    f->head = f->command[3] & 1;
    f->sector = f->command[4];
    f->ignore_id = false;
    execute_begin(f);
}

static void command_read(Fdc *f)
{
    data_command(f, MOVE_READ);
}

static void command_write(Fdc *f)
{
    data_command(f, MOVE_WRITE);
}

static void command_verify(Fdc *f)
{
    data_command(f, MOVE_VERIFY);
}

/* From the first sector on, whatever the IDs say. */
static void command_read_track(Fdc *f)
{
    data_command(f, MOVE_READ);
    f->sector = 1;
    f->ignore_id = true;
}

static void command_format(Fdc *f)
{
    f->direction = MOVE_FORMAT;
    f->cylinder = drive_of_command(f)->track;
    f->head = command_head(f);
    f->sector = 1;
    f->ignore_id = true;
    f->left = f->command[3];
    execute_begin(f);
    if (!f->left)
        result_of_data(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
}

static void command_read_id(Fdc *f)
{
    f->ignore_id = true;
    execute_begin(f);
}

static void command_specify(Fdc *f)
{
    memcpy(f->specify, f->command + 1, 2);
    result_begin(f, 0);
}

static void command_sense_drive(Fdc *f)
{
    const Floppy *d = drive_of_command(f);

    f->result[0] = ST3_ONES | (f->command[1] & 7) | (d->block && d->track == 0 ? ST3_TRACK_0 : 0) |
                   (floppy_geometry(d) && floppy_write_protected(d) ? ST3_WRITE_PROTECTED : 0);
    result_begin(f, 1);
}

/* The head moves while the controller takes other commands; the interrupt comes when it is there.
 */
static void seek_begin(Fdc *f, unsigned track)
{
    unsigned n = command_drive(f);
    Floppy *d = &f->drives[n];
    unsigned steps = track > d->track ? track - d->track : d->track - track;
    bool moved = floppy_seek(d, track);

    f->seek_st0[n] = ST0_SEEK_END | (f->command[1] & 7);
    if (!moved && (f->command[0] & 0x1f) == 0x07)
        f->seek_st0[n] |= ST0_ABNORMAL | ST0_EQUIPMENT_CHECK; /* no track 0 was found */
    f->seeking |= 1 << n;
    f->seek_due[n] = after_us(f, EXECUTE_DELAY_US + steps * STEP_US);
    result_begin(f, 0);
}

static void command_recalibrate(Fdc *f)
{
    seek_begin(f, 0);
}

static void command_seek(Fdc *f)
{
    bool relative = f->command[0] & 0x80, inwards = f->command[0] & 0x40;
    int track = f->command[2];

    if (relative)
        track = drive_of_command(f)->track + (inwards ? track : -track);
    seek_begin(f, CLAMP(track, 0, 255));
}

/* [82077AA] "SENSE INTERRUPT STATUS": four after a reset, one after each seek, else invalid. */
static void command_sense_interrupt(Fdc *f)
{
    unsigned n = DRIVES - f->poll_left;

    f->interrupt = false;
    if (f->poll_left) {
        f->poll_left--;
        f->result[0] = ST0_POLLING | n;
    } else if (f->sought) {
        n = __builtin_ctz(f->sought);
        f->sought &= ~(1 << n);
        f->seeking &= ~(1 << n);
        f->result[0] = f->seek_st0[n];
        f->interrupt = f->sought;
    } else {
        f->result[0] = ST0_INVALID;
        result_begin(f, 1);
        return;
    }
    f->result[1] = f->drives[n].track;
    result_begin(f, 2);
}

static void command_dump_registers(Fdc *f)
{
    for (unsigned n = 0; n < DRIVES; n++)
        f->result[n] = f->drives[n].track;
    memcpy(f->result + 4, f->specify, 2);
    f->result[6] = f->command[6]; /* EOT */
    f->result[7] = f->locked << 7 | (f->perpendicular & 0x7f);
    memcpy(f->result + 8, f->configure + 1, 2);
    result_begin(f, 10);
}

static void command_version(Fdc *f)
{
    f->result[0] = VERSION_82077AA;
    result_begin(f, 1);
}

static void command_configure(Fdc *f)
{
    memcpy(f->configure, f->command + 1, 3);
    result_begin(f, 0);
}

static void command_perpendicular(Fdc *f)
{
    f->perpendicular = f->command[1];
    result_begin(f, 0);
}

static void command_lock(Fdc *f)
{
    f->locked = f->command[0] & 0x80;
    f->result[0] = f->locked << 4;
    result_begin(f, 1);
}

static void command_invalid(Fdc *f)
{
    guest_error("isa-fdc: unknown command %02x\n", f->command[0]);
    f->result[0] = ST0_INVALID;
    result_begin(f, 1);
}

/* [82077AA] "Command Set": code under mask, bytes. */
static const struct FdcCommand {
    uint8_t mask, code, bytes;
    void (*run)(Fdc *f);
} commands[] = {
    /* clang-format off */
    { 0x1f, 0x06, 9, command_read },            /* MT MFM SK */
    { 0x1f, 0x0c, 9, command_read },            /* deleted data: the same here */
    { 0x3f, 0x05, 9, command_write },           /* MT MFM */
    { 0x3f, 0x09, 9, command_write },
    { 0x9f, 0x02, 9, command_read_track },
    { 0x1f, 0x16, 9, command_verify },
    { 0xbf, 0x0d, 6, command_format },
    { 0xbf, 0x0a, 2, command_read_id },
    { 0xff, 0x03, 3, command_specify },
    { 0xff, 0x04, 2, command_sense_drive },
    { 0xff, 0x07, 2, command_recalibrate },
    { 0xff, 0x08, 1, command_sense_interrupt },
    { 0xff, 0x0e, 1, command_dump_registers },
    { 0x3f, 0x0f, 3, command_seek },            /* with 80h relative, 40h inwards */
    { 0xff, 0x10, 1, command_version },
    { 0xff, 0x12, 2, command_perpendicular },
    { 0xff, 0x13, 4, command_configure },
    { 0x7f, 0x14, 1, command_lock },
    { 0x00, 0x00, 1, command_invalid },
    /* clang-format on */
};

static const struct FdcCommand *find_command(uint8_t byte)
{
    const struct FdcCommand *c = commands;

    while ((byte & c->mask) != c->code)
        c++;
    return c;
}

static void command_byte(Fdc *f, uint8_t byte)
{
    f->command[f->command_count++] = byte;
    const struct FdcCommand *c = find_command(f->command[0]);
    if (f->command_count >= c->bytes)
        c->run(f);
}

/* --- time --- */

static void execute_due(Fdc *f)
{
    f->execute_due = NS_NEVER;
    if ((f->command[0] & 0x1f) == 0x0a)
        execute_read_id(f);
    else
        execute_data(f);
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

static void cpu_moved_byte(Fdc *f)
{
    if (++f->at == f->size)
        buffer_done(f);
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
    isa_dma_attach(f->dma, f->dma_channel, pump, f);
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
    f->size = FLOPPY_SECTOR;
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
    f->size = f->direction == MOVE_FORMAT ? 4 : FLOPPY_SECTOR;
    f->at = MIN(f->at, f->ready ? f->size - 1 : f->size);
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
    STATE(Fdc, size),
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
