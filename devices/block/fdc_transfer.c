/* fdc_transfer.c - the execution phase of the floppy controller's data commands: sectors between
 * the image and the DMA controller or the CPU. [82077AA] "Data Transfer Commands". */
#include "devices/block/fdc_priv.h"

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

/* The DMA controller may call again while we end a sector and begin the next. */
void dma_ready(void *opaque)
{
    Fdc *f = opaque;

    if (f->pumping)
        return;
    f->pumping = true;
    while (f->phase == PHASE_EXECUTE && f->ready && uses_dma(f)) {
        uint8_t *bytes = f->buffer + f->at;
        size_t count = transfer_size(f) - f->at;
        size_t moved =
            f->direction == MOVE_READ
                ? isa_dma_to_memory(f->dma, f->dma_channel, bytes, count, &f->terminal_count)
                : isa_dma_from_memory(f->dma, f->dma_channel, bytes, count, &f->terminal_count);
        f->at += moved;
        if (f->at == transfer_size(f) || f->terminal_count)
            buffer_done(f);
        else if (!moved)
            break;
    }
    f->pumping = false;
    device_update(f);
}

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

void execute_due(Fdc *f)
{
    f->execute_due = NS_NEVER;
    if ((f->command[0] & 0x1f) == 0x0a)
        execute_read_id(f);
    else
        execute_data(f);
}

void cpu_moved_byte(Fdc *f)
{
    if (++f->at == transfer_size(f))
        buffer_done(f);
}
