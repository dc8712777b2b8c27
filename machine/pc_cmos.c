/* pc_cmos.c - the CMOS memory of a PC: what its set-up program would have left there.
 *
 * [RBIL] "CMOS Memory Map"; the rows past 38h are SeaBIOS's and QEMU's. */
#include "devices/chipset/mc146818.h"
#include "machine/pc_priv.h"

enum {
    CMOS_FLOPPIES = 0x10,
    CMOS_DISKS = 0x12, /* high nibble the first disk, Fh: see the extended type */
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KB = 0x15,
    CMOS_EXTENDED_KB = 0x17, /* above 1 MiB, at most 63 MiB */
    CMOS_DISK_TYPE = 0x19,   /* extended types of the two disks */
    CMOS_DISK_GEOMETRY = 0x1b,
    CMOS_EXTENDED_KB_AGAIN = 0x30,
    CMOS_ABOVE_16M = 0x34,   /* in 64 KiB */
    CMOS_BOOT_THIRD = 0x38,  /* high nibble; bit 0: boot floppies without a signature */
    CMOS_TRANSLATION = 0x39, /* two bits for each IDE disk */
    CMOS_BOOT_ORDER = 0x3d,  /* low nibble first, high nibble second */
    CMOS_ABOVE_4G = 0x5b,    /* in 64 KiB, three bytes */
    CMOS_CPUS = 0x5f,        /* beyond the first */

    FLOPPY_NONE = 0,
    FLOPPY_1440K = 4,
    FLOPPY_2880K = 5,

    EQUIPMENT_FLOPPY = 1 << 0,
    EQUIPMENT_FPU = 1 << 1,
    EQUIPMENT_POINTER = 1 << 2,
    EQUIPMENT_FLOPPIES_SHIFT = 6, /* one less than there are */
};

static void set(Pc *pc, unsigned index, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        mc146818_set_cmos(pc->rtc, index + i, value >> 8 * i);
}

static void set_memory(Pc *pc)
{
    uint64_t low = pc_ram_below_4g(pc);
    uint64_t extended_kb = low > MIB ? (low - MIB) / KIB : 0;
    uint64_t above_16m = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;
    set(pc, CMOS_BASE_KB, 640, 2);
    set(pc, CMOS_EXTENDED_KB, MIN(extended_kb, UINT16_MAX), 2);
    set(pc, CMOS_EXTENDED_KB_AGAIN, MIN(extended_kb, UINT16_MAX), 2);
    set(pc, CMOS_ABOVE_16M, MIN(above_16m, UINT16_MAX), 2);
    set(pc, CMOS_ABOVE_4G, pc_ram_above_4g(pc) / (64 * KIB), 3);
}

static unsigned floppy_type(const Block *drive)
{
    if (!drive)
        return FLOPPY_NONE;
    return drive->present && drive->size_bytes <= 1440 * KIB ? FLOPPY_1440K : FLOPPY_2880K;
}

static void set_floppies(Pc *pc)
{
    unsigned a = floppy_type(pc->floppy[0]), b = floppy_type(pc->floppy[1]);
    unsigned equipment = EQUIPMENT_FPU | EQUIPMENT_POINTER;
    if (a || b)
        equipment |= EQUIPMENT_FLOPPY;
    if (a && b)
        equipment |= 1 << EQUIPMENT_FLOPPIES_SHIFT;
    set(pc, CMOS_FLOPPIES, a << 4 | b, 1);
    set(pc, CMOS_EQUIPMENT, equipment, 1);
}

/* The geometry ATA disks of this size report: 16 heads, 63 sectors. [ATA6] "IDENTIFY DEVICE". */
typedef struct Geometry {
    unsigned cylinders, heads, sectors;
} Geometry;

static Geometry disk_geometry(const Block *disk)
{
    uint64_t cylinders = disk->size_bytes / 512 / (16 * 63);
    return (Geometry){CLAMP(cylinders, 2, 16383), 16, 63};
}

/* How the BIOS makes fewer cylinders of them: not, by doubling heads, or by 63 x 255. */
static unsigned disk_translation(const Block *disk)
{
    enum { TRANSLATE_NONE, TRANSLATE_LBA, TRANSLATE_LARGE };
    Geometry g = disk_geometry(disk);
    if (g.cylinders <= 1024)
        return TRANSLATE_NONE;
    return g.cylinders * g.heads <= 131072 ? TRANSLATE_LARGE : TRANSLATE_LBA;
}

/* Cylinders, heads, write precompensation (none), control byte, landing zone, sectors. */
static void set_disk(Pc *pc, unsigned n, const Block *disk)
{
    Geometry g = disk_geometry(disk);
    unsigned at = CMOS_DISK_GEOMETRY + n * 9;
    set(pc, CMOS_DISK_TYPE + n, 47, 1);
    set(pc, at, g.cylinders, 2);
    set(pc, at + 2, g.heads, 1);
    set(pc, at + 3, 0xffff, 2);
    set(pc, at + 5, 0xc0 | (g.heads > 8) << 3, 1);
    set(pc, at + 6, g.cylinders, 2);
    set(pc, at + 8, g.sectors, 1);
}

static void set_disks(Pc *pc)
{
    unsigned types = 0, translation = 0;
    for (unsigned n = 0; n < IDE_PLACES; n++) {
        const Block *disk = pc->ide_disk[n];
        if (!disk)
            continue;
        translation |= disk_translation(disk) << n * 2;
        if (n < 2) {
            types |= n == 0 ? 0xf0 : 0x0f;
            set_disk(pc, n, disk);
        }
    }
    set(pc, CMOS_DISKS, types, 1);
    set(pc, CMOS_TRANSLATION, translation, 1);
}

static unsigned boot_code(char letter)
{
    switch (letter) {
    case 'a':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

void pc_cmos_set_boot_order(Pc *pc, const char *letters)
{
    unsigned codes[3] = {0};
    for (unsigned i = 0; i < 3 && letters[i]; i++)
        codes[i] = boot_code(letters[i]);
    set(pc, CMOS_BOOT_ORDER, codes[1] << 4 | codes[0], 1);
    set(pc, CMOS_BOOT_THIRD, codes[2] << 4 | !pc->config->floppy_boot_check, 1);
}

void pc_cmos_init(Pc *pc)
{
    set_memory(pc);
    set_floppies(pc);
    set_disks(pc);
    set(pc, CMOS_CPUS, pc->config->cpus - 1, 1);
}
