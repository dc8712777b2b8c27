/* atapi.c - the packet protocol of a CD-ROM drive: how packets, data and sense travel.
 *
 * [ATA6] "PACKET command protocols", [SFF8020]. A PACKET command takes 12 bytes through the data
 * port; what they say is run by atapi_commands.c. Its data leaves in PIO data blocks no larger than
 * the host's byte count limit, or by DMA. Data comes from the buffer alone, or from sectors of the
 * medium that refill the buffer.
 *
 * The count register becomes the interrupt reason: bit 0 = command (else data), bit 1 = to host. */
#include "devices/block/ide_priv.h"

enum {
    REASON_COMMAND = 1,
    REASON_TO_HOST = 2,
    REASON_DONE = REASON_COMMAND | REASON_TO_HOST,

    PACKET_SIZE = 12,
    FEATURE_DMA = 1,
    FEATURE_OVERLAP = 2,
};

/* --- ends --- */

void atapi_ok(IdeDrive *d)
{
    d->atapi.sense_key = d->atapi.asc = d->atapi.ascq = 0;
    d->atapi.left = d->atapi.sectors = 0;
    ide_done(d);
    d->count = REASON_DONE;
}

void atapi_sense(IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->atapi.sense_key = key;
    d->atapi.asc = asc;
    d->atapi.ascq = ascq;
    d->atapi.left = d->atapi.sectors = 0;
    ide_fail(d, key << 4 | ERROR_ABRT);
    d->count = REASON_DONE;
}

bool atapi_has_medium(const IdeDrive *d)
{
    return d->block->present && !d->atapi.tray_open;
}

uint32_t atapi_sectors(const IdeDrive *d)
{
    return atapi_has_medium(d) ? MIN(d->block->size_bytes / CD_SECTOR, UINT32_MAX) : 0;
}

/* --- sectors into the buffer --- */

static uint8_t to_bcd(unsigned n)
{
    return (n / 10 % 10) << 4 | n % 10;
}

/* Makes a raw mode 1 sector of the 2048 bytes at data, in place: sync pattern, header, data; the
 * error correction bytes are zero, as drives that correct errors themselves may send them. [MMC]
 * "Sector formats". */
static void sector_make_raw(uint8_t *sector, const uint8_t *data, uint32_t lba)
{
    uint32_t frame = lba + 150;

    memmove(sector + 16, data, CD_SECTOR);
    memset(sector, 0xff, 12);
    sector[0] = sector[11] = 0;
    sector[12] = to_bcd(frame / 75 / 60);
    sector[13] = to_bcd(frame / 75 % 60);
    sector[14] = to_bcd(frame % 75);
    sector[15] = 1;
    memset(sector + 16 + CD_SECTOR, 0, CD_RAW_SECTOR - CD_SECTOR - 16);
}

/* `count` sectors of 2048 bytes were read to buffer + at: gives them their final form. */
static void sectors_arrived(IdeDrive *d, uint32_t at, uint32_t count)
{
    AtapiState *a = &d->atapi;

    if (a->sector_size == CD_RAW_SECTOR)
        for (uint32_t i = count; i-- > 0;)
            sector_make_raw(d->buffer + at + i * CD_RAW_SECTOR, d->buffer + at + i * CD_SECTOR,
                            a->lba + i);
    a->lba += count;
    a->sectors -= count;
    d->end = at + count * a->sector_size;
}

/* Reads sectors behind the `have` bytes at the buffer's start, until it holds `need` or all. */
static void fill_buffer(IdeDrive *d, uint32_t have, uint32_t need, IdeRequestDone *done)
{
    AtapiState *a = &d->atapi;
    uint32_t count = (need - have + a->sector_size - 1) / a->sector_size;

    count = MIN(count, (IDE_BUFFER - have) / a->sector_size);
    count = MIN(count, a->sectors);
    d->pos = 0;
    d->end = have; /* sectors_arrived finds its place by this */
    d->status = STATUS_BSY;
    ide_request_read(d, (uint64_t)a->lba * CD_SECTOR, have, count * CD_SECTOR, done);
}

static bool fill_done(IdeDrive *d, int error)
{
    enum { MEDIUM_ERROR = 3, UNRECOVERED_READ_ERROR = 0x11 };

    if (!error) {
        sectors_arrived(d, d->end, d->pending / CD_SECTOR);
        return true;
    }
    atapi_sense(d, MEDIUM_ERROR, UNRECOVERED_READ_ERROR, 0);
    return false;
}

/* --- PIO to the host --- */

/* In `end` the buffer's fill is kept while the data port works on a part of it: the part's end. */
static void offer_block(IdeDrive *d, uint32_t size)
{
    AtapiState *a = &d->atapi;

    d->lba_mid = size;
    d->lba_high = size >> 8;
    d->count = REASON_TO_HOST;
    a->left -= size;
    d->transfer = TRANSFER_PACKET_IN;
    d->status = STATUS_READY | STATUS_DRQ;
    a->filled = d->end;
    d->end = d->pos + size;
    ide_raise_irq(d);
}

static uint32_t block_size(const IdeDrive *d)
{
    return MIN(d->atapi.left, d->atapi.byte_limit);
}

static void pio_fill_done(IdeDrive *d, int error)
{
    if (fill_done(d, error))
        offer_block(d, block_size(d));
}

/* The next data block, or the end of the command. */
static void next_block(IdeDrive *d)
{
    uint32_t size = block_size(d), have = d->end - d->pos;

    if (size == 0) {
        atapi_ok(d);
    } else if (have >= size) {
        offer_block(d, size);
    } else {
        memmove(d->buffer, d->buffer + d->pos, have);
        fill_buffer(d, have, size, pio_fill_done);
    }
}

void atapi_pio_in_next(IdeDrive *d)
{
    d->end = d->atapi.filled;
    next_block(d);
}

/* --- DMA to the host --- */

static void dma_finish(IdeDrive *d)
{
    atapi_ok(d);
    ide_dma_finished(d->channel);
}

static void dma_send(IdeDrive *d)
{
    AtapiState *a = &d->atapi;
    uint32_t size = MIN(a->left, d->end - d->pos);

    if (ide_dma_move(d->channel, d->buffer + d->pos, size) < size) {
        a->left = a->sectors = 0;
        ide_dma_short(d);
        return;
    }
    d->pos = d->end = 0;
    a->left -= size;
    if (a->left == 0)
        dma_finish(d);
    else
        ide_dma_kick(d->channel);
}

static void dma_fill_done(IdeDrive *d, int error)
{
    if (fill_done(d, error))
        dma_send(d);
    else
        ide_dma_finished(d->channel);
}

void atapi_dma_step(IdeDrive *d)
{
    if (d->pos < d->end)
        dma_send(d);
    else
        fill_buffer(d, 0, MIN(d->atapi.left, IDE_CHUNK), dma_fill_done);
}

/* --- replies --- */

/* buffer[0, end) and then the sectors are the command's data, `left` bytes in all. */
static void start_reply(IdeDrive *d)
{
    AtapiState *a = &d->atapi;

    if (a->left == 0) {
        atapi_ok(d);
    } else if (a->dma) {
        d->transfer = TRANSFER_PACKET_DMA;
        d->status = STATUS_BSY;
        ide_dma_kick(d->channel);
    } else {
        next_block(d);
    }
}

void atapi_reply(IdeDrive *d, uint32_t size, uint32_t allocation)
{
    g_assert(size <= IDE_BUFFER);
    d->pos = 0;
    d->end = size;
    d->atapi.sectors = 0;
    d->atapi.left = MIN(size, allocation);
    start_reply(d);
}

void atapi_read_sectors(IdeDrive *d, uint32_t lba, uint32_t count, uint32_t sector_size)
{
    AtapiState *a = &d->atapi;

    d->pos = d->end = 0;
    a->lba = lba;
    a->sectors = count;
    a->sector_size = sector_size;
    a->left = (uint64_t)count * sector_size;
    start_reply(d);
}

/* --- parameters from the host --- */

void atapi_receive(IdeDrive *d, uint32_t size)
{
    size = MIN(size, d->atapi.byte_limit);
    if (size == 0) {
        atapi_ok(d);
        return;
    }
    ide_pio_start(d, TRANSFER_PACKET_OUT, size);
    d->lba_mid = size;
    d->lba_high = size >> 8;
    d->count = 0;
    ide_raise_irq(d);
}

/* MODE SELECT is the only command that sends data; none of its pages can be changed. */
void atapi_pio_out_done(IdeDrive *d)
{
    atapi_ok(d);
}

/* --- the packet --- */

void atapi_packet_received(IdeDrive *d)
{
    AtapiState *a = &d->atapi;
    uint8_t packet[PACKET_SIZE];
    uint32_t limit = d->lba_mid | d->lba_high << 8;

    memcpy(packet, d->buffer, sizeof(packet));
    ide_stop_transfer(d);
    d->status = STATUS_BSY;
    a->dma = d->feature & FEATURE_DMA;
    /* [ATA6] PACKET "Byte count limit": an odd limit is rounded down, FFFF means FFFE; with 0 the
     * drive chooses. */
    a->byte_limit = limit <= 1 ? 0xfffe : limit & 0xfffe;
    a->command = packet[0];
    atapi_execute(d, packet);
}

void ide_cmd_PACKET(IdeDrive *d)
{
    if (d->feature & FEATURE_OVERLAP) {
        ide_fail(d, ERROR_ABRT);
        return;
    }
    ide_pio_start(d, TRANSFER_PACKET, PACKET_SIZE);
    d->count = REASON_COMMAND;
}

/* --- media and state --- */

/* The medium was exchanged, inserted or removed by the user. */
void atapi_media_changed(void *drive)
{
    IdeDrive *d = drive;
    AtapiState *a = &d->atapi;

    a->tray_open = false;
    a->media_changed = d->block->present;
    a->event_new_media = d->block->present;
    a->event_eject = !d->block->present;
}

void atapi_reset(IdeDrive *d)
{
    AtapiState *a = &d->atapi;

    a->sense_key = a->asc = a->ascq = 0;
    a->locked = false;
    a->left = a->sectors = 0;
}

bool atapi_loaded(IdeDrive *d)
{
    const AtapiState *a = &d->atapi;
    uint64_t medium = d->block->present ? d->block->size_bytes / CD_SECTOR : 0;
    uint64_t buffered = d->end - d->pos;

    if (a->filled > IDE_BUFFER || a->byte_limit > 0xfffe || a->byte_limit % 2)
        return false;
    if (d->transfer == TRANSFER_PACKET_IN) {
        if (a->filled < d->end || a->byte_limit == 0)
            return false;
        buffered = a->filled - d->end;
    }
    if (a->sectors && a->sector_size != CD_SECTOR && a->sector_size != CD_RAW_SECTOR)
        return false;
    return a->sectors <= medium && a->lba <= medium - a->sectors &&
           a->left <= (uint64_t)a->sectors * a->sector_size + buffered;
}

const StateField atapi_state[] = {
    STATE(AtapiState, sense_key),
    STATE(AtapiState, asc),
    STATE(AtapiState, ascq),
    STATE(AtapiState, dma),
    STATE(AtapiState, tray_open),
    STATE(AtapiState, locked),
    STATE(AtapiState, media_changed),
    STATE(AtapiState, event_new_media),
    STATE(AtapiState, event_eject),
    STATE(AtapiState, command),
    STATE(AtapiState, byte_limit),
    STATE(AtapiState, filled),
    STATE(AtapiState, left),
    STATE(AtapiState, lba),
    STATE(AtapiState, sectors),
    STATE(AtapiState, sector_size),
    STATE_END,
};
