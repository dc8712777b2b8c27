/* fdc_command.c - the floppy controller's commands: their bytes in, what they do at once, their
 * result bytes out. [82077AA] "Command Set Descriptions". */
#include "core/log.h"
#include "devices/block/fdc_priv.h"

enum {
    ST3_WRITE_PROTECTED = 0x40,
    ST3_TRACK_0 = 0x10,
    ST3_ONES = 0x28,
    VERSION_82077AA = 0x90,
};

void result_begin(Fdc *f, unsigned count)
{
    f->phase = count ? PHASE_RESULT : PHASE_COMMAND;
    f->result_count = count;
    f->result_at = 0;
    f->command_count = 0;
    f->ready = false;
    f->execute_due = NS_NEVER;
}

/* The seven bytes of every data command; [82077AA] "Status Register Encoding". */
void result_of_data(Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
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

static void execute_begin(Fdc *f)
{
    f->phase = PHASE_EXECUTE;
    f->at = 0;
    f->ready = false;
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

void command_byte(Fdc *f, uint8_t byte)
{
    f->command[f->command_count++] = byte;
    const struct FdcCommand *c = find_command(f->command[0]);
    if (f->command_count >= c->bytes)
        c->run(f);
}
