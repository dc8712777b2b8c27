/* ide_disk.c - ATA commands. [ATA6] "Command descriptions".
 *
 * The general feature set, LBA and CHS, 48-bit addresses, multi-sector and DMA transfers, power
 * management in name. Host protected area (SET MAX), security, queued commands and TRIM are not
 * advertised and abort. */
#include "devices/block/ide_priv.h"

enum { LBA48 = 1, MULTIPLE = 2, WRITE = 4 };

static const IdeCommand *current(const IdeDrive *d)
{
    return &ide_commands[d->command];
}

/* --- addresses --- */

/* [ATA6] gives disks above 8.4 GB 16383 cylinders; software then uses LBA. */
IdeGeometry ide_default_geometry(uint64_t sectors)
{
    IdeGeometry g = {.heads = 16, .sectors = 63};

    g.cylinders = CLAMP(sectors / (g.heads * g.sectors), 2, 16383);
    return g;
}

static bool uses_lba(const IdeDrive *d)
{
    return (current(d)->flags & LBA48) || (d->device & DEVICE_LBA);
}

/* The sector address in the registers; UINT64_MAX if no sector can have it. */
static uint64_t get_address(const IdeDrive *d)
{
    uint64_t low = d->lba_low | d->lba_mid << 8 | d->lba_high << 16;

    if (current(d)->flags & LBA48)
        return low | (uint64_t)d->hob_lba_low << 24 | (uint64_t)d->hob_lba_mid << 32 |
               (uint64_t)d->hob_lba_high << 40;
    if (d->device & DEVICE_LBA)
        return low | (uint64_t)(d->device & 0xf) << 24;

    uint64_t cylinder = d->lba_mid | d->lba_high << 8;
    unsigned head = d->device & 0xf, sector = d->lba_low;
    if (sector == 0 || sector > d->geometry.sectors || head >= d->geometry.heads)
        return UINT64_MAX;
    return (cylinder * d->geometry.heads + head) * d->geometry.sectors + sector - 1;
}

static void set_lba48(IdeDrive *d, uint64_t lba)
{
    d->hob_lba_low = lba >> 24;
    d->hob_lba_mid = lba >> 32;
    d->hob_lba_high = lba >> 40;
}

static void set_address(IdeDrive *d, uint64_t lba)
{
    uint64_t low = lba;

    if (!uses_lba(d)) {
        uint64_t track = lba / d->geometry.sectors, cylinder = track / d->geometry.heads;
        d->device = (d->device & 0xf0) | track % d->geometry.heads;
        low = cylinder << 8 | (lba % d->geometry.sectors + 1);
    } else if (current(d)->flags & LBA48) {
        set_lba48(d, lba);
    } else {
        d->device = (d->device & 0xf0) | (lba >> 24 & 0xf);
    }
    d->lba_low = low;
    d->lba_mid = low >> 8;
    d->lba_high = low >> 16;
}

static uint32_t get_count(const IdeDrive *d)
{
    uint32_t n = d->count;

    if (current(d)->flags & LBA48) {
        n |= d->hob_count << 8;
        return n ? n : 65536;
    }
    return n ? n : 256;
}

/* Takes address and count from the registers; false (and the command failed) if not on the disk. */
static bool take_range(IdeDrive *d)
{
    d->lba = get_address(d);
    d->sectors = get_count(d);
    if (d->lba < d->total_sectors && d->sectors <= d->total_sectors - d->lba)
        return true;
    d->lba = d->sectors = 0;
    ide_fail(d, ERROR_IDNF);
    return false;
}

/* `sectors` have been moved: the registers show how far the command has come. */
static void advance(IdeDrive *d, uint32_t sectors)
{
    d->lba += sectors;
    d->sectors -= sectors;
    set_address(d, d->lba);
    d->count = d->sectors;
    d->hob_count = d->sectors >> 8;
}

static void media_error(IdeDrive *d)
{
    bool write = current(d)->flags & WRITE;

    d->sectors = 0;
    ide_fail(d, write ? ERROR_ABRT : ERROR_UNC);
    if (write)
        d->status |= STATUS_DF;
}

/* --- PIO: [ATA6] "PIO data-in command protocol", "PIO data-out command protocol" --- */

static uint32_t data_block(const IdeDrive *d)
{
    uint32_t n = current(d)->flags & MULTIPLE ? d->multiple : 1;

    return MIN(n, d->sectors);
}

static void read_block_done(IdeDrive *d, int error)
{
    uint32_t size = d->pending;

    if (error) {
        media_error(d);
        return;
    }
    advance(d, size / IDE_SECTOR);
    ide_pio_start(d, TRANSFER_PIO_READ, size);
    ide_raise_irq(d);
}

/* The host has read the block before, or the command begins. */
void ide_pio_read_next(IdeDrive *d)
{
    if (d->sectors == 0) {
        ide_stop_transfer(d);
        d->status = STATUS_READY;
        return;
    }
    d->status = STATUS_BSY;
    ide_request_read(d, d->lba * IDE_SECTOR, 0, data_block(d) * IDE_SECTOR, read_block_done);
}

static void write_block_done(IdeDrive *d, int error)
{
    if (error) {
        media_error(d);
        return;
    }
    advance(d, d->pending / IDE_SECTOR);
    if (d->sectors == 0) {
        ide_done(d);
        return;
    }
    ide_pio_start(d, TRANSFER_PIO_WRITE, data_block(d) * IDE_SECTOR);
    ide_raise_irq(d);
}

/* The host has filled a block. */
void ide_pio_write_next(IdeDrive *d)
{
    d->status = STATUS_BSY;
    ide_request_write(d, d->lba * IDE_SECTOR, d->end, write_block_done);
}

static bool multiple_is_set(IdeDrive *d)
{
    if (!(current(d)->flags & MULTIPLE) || d->multiple)
        return true;
    ide_fail(d, ERROR_ABRT);
    return false;
}

static void cmd_READ_SECTORS(IdeDrive *d)
{
    if (multiple_is_set(d) && take_range(d))
        ide_pio_read_next(d);
}

static void cmd_WRITE_SECTORS(IdeDrive *d)
{
    if (multiple_is_set(d) && take_range(d))
        ide_pio_start(d, TRANSFER_PIO_WRITE, data_block(d) * IDE_SECTOR);
}

/* --- DMA: [ATA6] "DMA command protocol" --- */

static void dma_read_done(IdeDrive *d, int error)
{
    uint32_t size = d->pending;

    if (error) {
        media_error(d);
        ide_dma_finished(d->channel);
    } else if (ide_dma_move(d->channel, d->buffer, size) < size) {
        ide_dma_short(d);
    } else {
        advance(d, size / IDE_SECTOR);
        ide_dma_kick(d->channel);
    }
}

static void dma_write_done(IdeDrive *d, int error)
{
    if (error) {
        media_error(d);
        ide_dma_finished(d->channel);
        return;
    }
    advance(d, d->pending / IDE_SECTOR);
    ide_dma_kick(d->channel);
}

/* One chunk between the disk and the buffer, and between the buffer and memory. */
void ide_disk_dma_step(IdeDrive *d)
{
    uint32_t size = MIN(d->sectors, IDE_CHUNK / IDE_SECTOR) * IDE_SECTOR;

    if (size == 0) {
        ide_done(d);
        ide_dma_finished(d->channel);
    } else if (d->transfer == TRANSFER_DMA_READ) {
        ide_request_read(d, d->lba * IDE_SECTOR, 0, size, dma_read_done);
    } else if (ide_dma_move(d->channel, d->buffer, size) < size) {
        ide_dma_short(d);
    } else {
        ide_request_write(d, d->lba * IDE_SECTOR, size, dma_write_done);
    }
}

static void cmd_DMA(IdeDrive *d)
{
    if (!take_range(d))
        return;
    d->transfer = current(d)->flags & WRITE ? TRANSFER_DMA_WRITE : TRANSFER_DMA_READ;
    d->status = STATUS_BSY;
    ide_dma_kick(d->channel);
}

/* --- commands without data --- */

static void cmd_NOP(IdeDrive *d)
{
    ide_fail(d, ERROR_ABRT); /* [ATA6] NOP: "This command shall always fail" */
}

static void cmd_DEVICE_RESET(IdeDrive *d)
{
    ide_stop_transfer(d);
    d->error = 1;
    d->status = 0;
    ide_signature(d);
    atapi_reset(d);
}

static void cmd_succeed(IdeDrive *d)
{
    ide_done(d);
}

static void cmd_VERIFY(IdeDrive *d)
{
    if (!take_range(d))
        return;
    advance(d, d->sectors);
    ide_done(d);
}

static void cmd_SEEK(IdeDrive *d)
{
    if (get_address(d) < d->total_sectors)
        ide_done(d);
    else
        ide_fail(d, ERROR_IDNF);
}

/* [ATA5] INITIALIZE DEVICE PARAMETERS: how CHS addresses are to be understood. */
static void cmd_INITIALIZE_DEVICE_PARAMETERS(IdeDrive *d)
{
    uint32_t heads = (d->device & 0xf) + 1, sectors = d->count;

    if (sectors == 0) {
        ide_fail(d, ERROR_ABRT);
        return;
    }
    d->geometry = (IdeGeometry){
        .heads = heads,
        .sectors = sectors,
        .cylinders = MIN(d->total_sectors / (heads * sectors), 65535),
    };
    ide_done(d);
}

static void cmd_SET_MULTIPLE_MODE(IdeDrive *d)
{
    if (d->count > IDE_MULTIPLE_MAX || (d->count & (d->count - 1))) {
        ide_fail(d, ERROR_ABRT);
        return;
    }
    d->multiple = d->count;
    ide_done(d);
}

static void cmd_READ_NATIVE_MAX_ADDRESS(IdeDrive *d)
{
    uint64_t last = d->total_sectors - 1;

    if (!(current(d)->flags & LBA48))
        last = MIN(last, 0xfffffff);
    d->device |= DEVICE_LBA;
    set_address(d, last);
    ide_done(d);
}

static void flush_done(IdeDrive *d, int error)
{
    if (error)
        media_error(d);
    else
        ide_done(d);
}

static void cmd_FLUSH_CACHE(IdeDrive *d)
{
    d->status = STATUS_BSY;
    ide_request_flush(d, flush_done);
}

/* --- power management: [ATA6] "Power Management feature set" --- */

static void cmd_STANDBY(IdeDrive *d)
{
    d->standby = true;
    ide_done(d);
}

static void cmd_IDLE(IdeDrive *d)
{
    d->standby = false;
    ide_done(d);
}

static void cmd_CHECK_POWER_MODE(IdeDrive *d)
{
    d->count = d->standby ? 0x00 : 0xff;
    ide_done(d);
}

/* --- IDENTIFY, SET FEATURES --- */

static void cmd_IDENTIFY_DEVICE(IdeDrive *d)
{
    if (d->kind == IDE_CDROM) { /* [ATA6] IDENTIFY DEVICE: a packet device points to itself */
        ide_signature(d);
        ide_fail(d, ERROR_ABRT);
        return;
    }
    ide_identify_disk(d, d->buffer);
    ide_pio_start(d, TRANSFER_PIO_DATA, IDE_SECTOR);
    ide_raise_irq(d);
}

static void cmd_IDENTIFY_PACKET_DEVICE(IdeDrive *d)
{
    ide_identify_cdrom(d, d->buffer);
    ide_pio_start(d, TRANSFER_PIO_DATA, IDE_SECTOR);
    ide_raise_irq(d);
}

/* [ATA6] SET FEATURES "Set transfer mode": 00 and 01 PIO default, 8 + n PIO, 20 + n multiword DMA,
 * 40 + n ultra DMA. */
static bool set_transfer_mode(IdeDrive *d, uint8_t mode)
{
    static const uint8_t highest[] = {[0] = 1, [1] = 4, [4] = 2, [8] = 5}; /* by mode >> 3 */

    if ((mode >> 3) >= G_N_ELEMENTS(highest) || (mode & 7) > highest[mode >> 3])
        return false;
    if ((mode >> 3) > 1 && highest[mode >> 3] == 0)
        return false;
    d->transfer_mode = mode;
    return true;
}

static bool set_feature(IdeDrive *d)
{
    switch (d->feature) {
    case 0x02:
        d->write_cache = true;
        return true;
    case 0x82:
        d->write_cache = false;
        return true;
    case 0x03:
        return set_transfer_mode(d, d->count);
    case 0x05: /* advanced power management, acoustics, look-ahead, power-on defaults: */
    case 0x42: /* accepted, and without effect here */
    case 0x55:
    case 0x66:
    case 0x85:
    case 0xaa:
    case 0xc2:
    case 0xcc:
        return true;
    default:
        return false;
    }
}

static void cmd_SET_FEATURES(IdeDrive *d)
{
    if (set_feature(d))
        ide_done(d);
    else
        ide_fail(d, ERROR_ABRT);
}

#define HD  (1 << IDE_DISK)
#define CD  (1 << IDE_CDROM)
#define ALL (HD | CD)

/* clang-format off */
const IdeCommand ide_commands[256] = {
    /* opcode               function                            kinds  flags */
    [0x00]              = { cmd_NOP,                            ALL,   0 },
    [0x08]              = { cmd_DEVICE_RESET,                   CD,    0 },
    [0x10 ... 0x1f]     = { cmd_succeed,                        HD,    0 }, /* RECALIBRATE */
    [0x20]              = { cmd_READ_SECTORS,                   HD,    0 },
    [0x21]              = { cmd_READ_SECTORS,                   HD,    0 }, /* without retries */
    [0x24]              = { cmd_READ_SECTORS,                   HD,    LBA48 },
    [0x25]              = { cmd_DMA,                            HD,    LBA48 },
    [0x27]              = { cmd_READ_NATIVE_MAX_ADDRESS,        HD,    LBA48 },
    [0x29]              = { cmd_READ_SECTORS,                   HD,    LBA48 | MULTIPLE },
    [0x30]              = { cmd_WRITE_SECTORS,                  HD,    WRITE },
    [0x31]              = { cmd_WRITE_SECTORS,                  HD,    WRITE },
    [0x34]              = { cmd_WRITE_SECTORS,                  HD,    WRITE | LBA48 },
    [0x35]              = { cmd_DMA,                            HD,    WRITE | LBA48 },
    [0x39]              = { cmd_WRITE_SECTORS,                  HD,    WRITE | LBA48 | MULTIPLE },
    [0x3c]              = { cmd_WRITE_SECTORS,                  HD,    WRITE }, /* and verify */
    [0x40]              = { cmd_VERIFY,                         HD,    0 },
    [0x41]              = { cmd_VERIFY,                         HD,    0 },
    [0x42]              = { cmd_VERIFY,                         HD,    LBA48 },
    [0x70 ... 0x7f]     = { cmd_SEEK,                           HD,    0 },
    [0x91]              = { cmd_INITIALIZE_DEVICE_PARAMETERS,   HD,    0 },
    [0x94]              = { cmd_STANDBY,                        ALL,   0 },
    [0x95]              = { cmd_IDLE,                           ALL,   0 },
    [0x96]              = { cmd_STANDBY,                        ALL,   0 },
    [0x97]              = { cmd_IDLE,                           ALL,   0 },
    [0x98]              = { cmd_CHECK_POWER_MODE,               ALL,   0 },
    [0x99]              = { cmd_STANDBY,                        ALL,   0 }, /* SLEEP */
    [0xa0]              = { ide_cmd_PACKET,                     CD,    0 },
    [0xa1]              = { cmd_IDENTIFY_PACKET_DEVICE,         CD,    0 },
    [0xb0]              = { ide_cmd_SMART,                      HD,    0 },
    [0xc4]              = { cmd_READ_SECTORS,                   HD,    MULTIPLE },
    [0xc5]              = { cmd_WRITE_SECTORS,                  HD,    WRITE | MULTIPLE },
    [0xc6]              = { cmd_SET_MULTIPLE_MODE,              HD,    0 },
    [0xc8]              = { cmd_DMA,                            HD,    0 },
    [0xc9]              = { cmd_DMA,                            HD,    0 },
    [0xca]              = { cmd_DMA,                            HD,    WRITE },
    [0xcb]              = { cmd_DMA,                            HD,    WRITE },
    [0xe0]              = { cmd_STANDBY,                        ALL,   0 },
    [0xe1]              = { cmd_IDLE,                           ALL,   0 },
    [0xe2]              = { cmd_STANDBY,                        ALL,   0 },
    [0xe3]              = { cmd_IDLE,                           ALL,   0 },
    [0xe5]              = { cmd_CHECK_POWER_MODE,               ALL,   0 },
    [0xe6]              = { cmd_STANDBY,                        ALL,   0 }, /* SLEEP */
    [0xe7]              = { cmd_FLUSH_CACHE,                    HD,    WRITE },
    [0xea]              = { cmd_FLUSH_CACHE,                    HD,    WRITE | LBA48 },
    [0xec]              = { cmd_IDENTIFY_DEVICE,                ALL,   0 },
    [0xef]              = { cmd_SET_FEATURES,                   ALL,   0 },
    [0xf8]              = { cmd_READ_NATIVE_MAX_ADDRESS,        HD,    0 },
};
/* clang-format on */
