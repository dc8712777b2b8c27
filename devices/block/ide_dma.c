/* ide_dma.c - bus master IDE: the registers of one channel and its descriptor walk.
 *
 * [BMIDE] "Bus Master IDE Register Description", "Physical Region Descriptor Table".
 *
 *      descriptor:  31                              0
 *                   |  physical address (even)    |0|
 *                   |E|  reserved  | byte count   |0|     count 0 = 64 KiB, E = last one
 *
 * The engine runs while the start bit is set and the selected drive has a DMA transfer. */
#include "core/log.h"
#include "devices/block/ide_priv.h"

enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4, PRD_SIZE = 8 };

#define PRD_END 0x80000000u

/* --- descriptors --- */

static void prd_rewind(IdeChannel *ch)
{
    ch->prd_next = ch->bm_table;
    ch->prd_left = 0;
    ch->prd_end = false;
}

/* Makes prd_left non-zero; false when the table has ended. */
static bool prd_fetch(IdeChannel *ch)
{
    uint8_t prd[PRD_SIZE];
    uint32_t count;

    if (ch->prd_left)
        return true;
    if (ch->prd_end)
        return false;
    pci_dma_read(ch->pci, ch->prd_next, prd, sizeof(prd));
    count = load_le32(prd + 4);
    ch->prd_next += PRD_SIZE;
    ch->prd_addr = load_le32(prd) & ~1u;
    ch->prd_left = count & 0xfffe ? count & 0xfffe : 0x10000;
    ch->prd_end = count & PRD_END;
    return true;
}

uint32_t ide_dma_move(IdeChannel *ch, uint8_t *buffer, uint32_t size)
{
    bool to_memory = ch->bm_command & BM_CMD_TO_MEMORY;
    uint32_t done = 0;

    while (done < size && prd_fetch(ch)) {
        uint32_t piece = MIN(size - done, ch->prd_left);

        if (to_memory)
            pci_dma_write(ch->pci, ch->prd_addr, buffer + done, piece);
        else
            pci_dma_read(ch->pci, ch->prd_addr, buffer + done, piece);
        ch->prd_addr += piece;
        ch->prd_left -= piece;
        done += piece;
    }
    return done;
}

/* --- running --- */

static bool dma_ready(const IdeChannel *ch)
{
    const IdeDrive *d = &ch->drives[ch->selected];

    return (ch->bm_status & BM_STS_ACTIVE) && !d->request &&
           (d->transfer == TRANSFER_DMA_READ || d->transfer == TRANSFER_DMA_WRITE ||
            d->transfer == TRANSFER_PACKET_DMA);
}

/* A step starts a block request, whose end kicks again, often before the step returns: the loop
 * here keeps that from becoming recursion. */
void ide_dma_kick(IdeChannel *ch)
{
    ch->dma_again = true;
    if (ch->dma_running)
        return;
    ch->dma_running = true;
    while (ch->dma_again && dma_ready(ch)) {
        IdeDrive *d = &ch->drives[ch->selected];

        ch->dma_again = false;
        if (d->transfer == TRANSFER_PACKET_DMA)
            atapi_dma_step(d);
        else
            ide_disk_dma_step(d);
    }
    ch->dma_running = false;
}

/* [BMIDE] "Status bits": active stays set when the descriptors describe more than was moved. */
void ide_dma_finished(IdeChannel *ch)
{
    if (ch->prd_end && ch->prd_left == 0)
        ch->bm_status &= ~BM_STS_ACTIVE;
}

/* The descriptors end before the data: the engine stops, and the drive waits with no interrupt
 * until the host gives up and resets it. */
void ide_dma_short(IdeDrive *d)
{
    guest_error("ide: DMA descriptors end before the data\n");
    d->channel->bm_status &= ~BM_STS_ACTIVE;
    ide_stop_transfer(d);
    d->sectors = 0;
    d->status = STATUS_READY;
}

/* --- registers --- */

static void bm_command_write(IdeChannel *ch, uint8_t value)
{
    bool was_started = ch->bm_command & BM_CMD_START;

    ch->bm_command = value & (BM_CMD_START | BM_CMD_TO_MEMORY);
    if (!(value & BM_CMD_START)) {
        ch->bm_status &= ~BM_STS_ACTIVE;
    } else if (!was_started) {
        ch->bm_status |= BM_STS_ACTIVE;
        prd_rewind(ch);
        ide_dma_kick(ch);
    }
}

uint64_t ide_bm_read(IdeChannel *ch, unsigned offset)
{
    switch (offset) {
    case BM_COMMAND:
        return ch->bm_command;
    case BM_STATUS:
        return ch->bm_status;
    case BM_TABLE ... BM_TABLE + 3:
        return ch->bm_table >> 8 * (offset - BM_TABLE) & 0xff;
    default:
        return 0xff;
    }
}

void ide_bm_write(IdeChannel *ch, unsigned offset, uint8_t value)
{
    unsigned shift;

    switch (offset) {
    case BM_COMMAND:
        bm_command_write(ch, value);
        break;
    case BM_STATUS:
        ch->bm_status &= ~(value & (BM_STS_ERROR | BM_STS_INTERRUPT));
        ch->bm_status = (ch->bm_status & ~BM_STS_CAPABLE) | (value & BM_STS_CAPABLE);
        break;
    case BM_TABLE ... BM_TABLE + 3:
        shift = 8 * (offset - BM_TABLE);
        ch->bm_table = (ch->bm_table & ~(0xffu << shift)) | (uint32_t)value << shift;
        ch->bm_table &= ~3u;
        break;
    }
}
