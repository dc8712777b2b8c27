/* ide_identify.c - the answers to IDENTIFY DEVICE and IDENTIFY PACKET DEVICE.
 *
 * [ATA6] IDENTIFY DEVICE, IDENTIFY PACKET DEVICE: 256 words, little-endian. */
#include "devices/block/ide_priv.h"

void ide_string(uint8_t *words, unsigned size, const char *text)
{
    unsigned length = strlen(text);

    for (unsigned i = 0; i < size; i++)
        words[i ^ 1] = i < length ? text[i] : ' ';
}

static void set_word(uint8_t *data, unsigned n, unsigned value)
{
    store_le16(data + 2 * n, value);
}

static void set_dword(uint8_t *data, unsigned n, uint32_t value)
{
    store_le32(data + 2 * n, value);
}

/* Words 62, 63, 88: which DMA modes exist, and in the high byte which one is set. */
static void identify_dma_modes(const IdeDrive *d, uint8_t *data)
{
    unsigned mode = d->transfer_mode & 7, kind = d->transfer_mode >> 3;

    set_word(data, 63, 0x0007 | (kind == 4 ? 1u << (mode + 8) : 0)); /* multiword 0-2 */
    set_word(data, 88, 0x003f | (kind == 8 ? 1u << (mode + 8) : 0)); /* ultra 0-5 */
}

static void identify_strings(const IdeDrive *d, uint8_t *data, const char *model)
{
    ide_string(data + 2 * 10, 20, d->serial);
    ide_string(data + 2 * 23, 8, MYNA_VERSION);
    ide_string(data + 2 * 27, 40, model);
}

/* Words 54-58: geometry and capacity as INITIALIZE DEVICE PARAMETERS left them. */
static void identify_current_geometry(const IdeDrive *d, uint8_t *data)
{
    const IdeGeometry *g = &d->geometry;

    set_word(data, 54, g->cylinders);
    set_word(data, 55, g->heads);
    set_word(data, 56, g->sectors);
    set_dword(data, 57, g->cylinders * g->heads * g->sectors);
}

void ide_identify_disk(const IdeDrive *d, uint8_t *data)
{
    memset(data, 0, IDE_SECTOR);
    identify_strings(d, data, "MYNA HARDDISK");
    set_word(data, 0, 0x0040); /* fixed drive */
    set_word(data, 1, d->native.cylinders);
    set_word(data, 3, d->native.heads);
    set_word(data, 4, IDE_SECTOR * d->native.sectors); /* unformatted bytes a track */
    set_word(data, 5, IDE_SECTOR);
    set_word(data, 6, d->native.sectors);
    set_word(data, 20, 3);   /* dual ported buffer with read caching */
    set_word(data, 21, 512); /* buffer size in sectors */
    set_word(data, 22, 4);
    set_word(data, 47, 0x8000 | IDE_MULTIPLE_MAX);
    set_word(data, 48, 1);      /* 32-bit data port accesses */
    set_word(data, 49, 0x0b00); /* IORDY, LBA, DMA */
    set_word(data, 51, 0x0200);
    set_word(data, 52, 0x0200);
    set_word(data, 53, 0x0007); /* words 54-58, 64-70, 88 are valid */
    identify_current_geometry(d, data);
    set_word(data, 59, d->multiple ? 0x0100 | d->multiple : 0);
    set_dword(data, 60, MIN(d->total_sectors, 0xfffffff));
    identify_dma_modes(d, data);
    set_word(data, 64, 0x0003); /* PIO modes 3 and 4 */
    for (unsigned n = 65; n <= 68; n++)
        set_word(data, n, 120); /* ns a cycle */
    set_word(data, 80, 0x00f0); /* ATA-4 to ATA/ATAPI-7 */
    set_word(data, 81, 0x0016); /* ATA/ATAPI-5 revision 1 */
    set_word(data, 82, 0x4021); /* NOP, write cache, SMART */
    set_word(data, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit addresses */
    set_word(data, 84, 0x4000);
    set_word(data, 85, 0x4000 | (d->write_cache ? 0x20 : 0) | (d->smart_enabled ? 1 : 0));
    set_word(data, 86, 0x3400);
    set_word(data, 87, 0x4000);
    set_word(data, 93, d->device & DEVICE_SLAVE ? 0x6100 : 0x6001); /* reset result, 80 wires */
    set_dword(data, 100, d->total_sectors);
    set_dword(data, 102, d->total_sectors >> 32);
}

void ide_identify_cdrom(const IdeDrive *d, uint8_t *data)
{
    memset(data, 0, IDE_SECTOR);
    identify_strings(d, data, "MYNA DVD-ROM");
    set_word(data, 0, 0x85c0); /* ATAPI CD-ROM, removable, 12-byte packets, DRQ within 50 us */
    set_word(data, 20, 3);
    set_word(data, 21, 512);
    set_word(data, 22, 4);
    set_word(data, 48, 1);
    set_word(data, 49, 0x0300); /* LBA, DMA */
    set_word(data, 53, 0x0007);
    identify_dma_modes(d, data);
    set_word(data, 64, 0x0003);
    set_word(data, 65, 180);
    set_word(data, 66, 180);
    set_word(data, 67, 300);
    set_word(data, 68, 180);
    set_word(data, 71, 30); /* ns from packet, and from SERVICE, to bus release */
    set_word(data, 72, 30);
    set_word(data, 80, 0x001e); /* to ATA/ATAPI-4 */
}
