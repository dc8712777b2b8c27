/* disk.c - one sector at a time, by DMA. [ATA6] "DMA command protocol", [BMIDE]. */
#include "disk.h"
#include "tap.h"
#include "x86.h"

enum { PCI_ADDRESS = 0xcf8, PCI_DATA = 0xcfc };
/* [PIIX3] "IDE Configuration Registers (Function 1)": device 1, function 1 of bus 0. */
enum { PCI_COMMAND = 0x04, PCI_BMIBA = 0x20, PCI_IO = 1, PCI_MASTER = 4 };
#define PCI_IDE 0x80000900u

enum { ATA_COUNT = 0x1f2, ATA_LBA = 0x1f3, ATA_DEVICE = 0x1f6, ATA_COMMAND = 0x1f7 };
enum { ATA_READ_DMA = 0xc8, ATA_WRITE_DMA = 0xca, ATA_DEVICE_LBA = 0xe0 };
enum { ATA_READY = 0x40, ATA_BUSY = 0x80, ATA_ERROR = 0x01 };
enum { BM_COMMAND = 0, BM_TABLE = 4, BM_ERROR = 0x02 };

/* [BMIDE] "Physical Region Descriptor". */
#define PRD_LAST 0x80000000u
static struct {
    u32 address, count;
} regions[2] __attribute__((aligned(16)));
static u8 bin[SECTOR] __attribute__((aligned(4)));

static void pci_write(u8 reg, u32 value)
{
    outl(PCI_ADDRESS, PCI_IDE | reg);
    outl(PCI_DATA, value);
}

void require_disk(void)
{
    pci_write(PCI_BMIBA, BUS_MASTER);
    pci_write(PCI_COMMAND, PCI_IO | PCI_MASTER);
    outb(ATA_DEVICE, ATA_DEVICE_LBA);
    if ((inb(ATA_COMMAND) & (ATA_READY | ATA_BUSY)) != ATA_READY) {
        tap_skip("no disk");
    }
}

static void prepare(u32 sector, const void *at, u32 bytes, u8 command)
{
    regions[0].address = (u32)(word)at;
    regions[0].count = bytes | (bytes == SECTOR ? PRD_LAST : 0);
    regions[1].address = (u32)(word)bin;
    regions[1].count = (SECTOR - bytes) | PRD_LAST;
    outb(BUS_MASTER + BM_COMMAND, 0);
    outb(BUS_MASTER + BM_STATUS, BM_INTERRUPT | BM_ERROR);
    outl(BUS_MASTER + BM_TABLE, (u32)(word)regions);
    outb(ATA_DEVICE, ATA_DEVICE_LBA);
    outb(ATA_COUNT, 1);
    outb(ATA_LBA, sector);
    outb(ATA_LBA + 1, sector >> 8);
    outb(ATA_LBA + 2, 0);
    outb(ATA_COMMAND, command);
    if (command == ATA_READ_DMA) {
        outb(BUS_MASTER + BM_COMMAND, BM_TO_MEMORY);
    }
}

void disk_finish(void)
{
    while (!(inb(BUS_MASTER + BM_STATUS) & BM_INTERRUPT)) {}
    outb(BUS_MASTER + BM_COMMAND, 0);
    if (!check_eq(inb(ATA_COMMAND) & (ATA_BUSY | ATA_ERROR), 0)) {
        tap_abort();
    }
}

void disk_write(u32 sector, const void *from)
{
    prepare(sector, from, SECTOR, ATA_WRITE_DMA);
    outb(BUS_MASTER + BM_COMMAND, BM_START);
    disk_finish();
}

void disk_prepare_read(u32 sector, void *to, u32 bytes)
{
    prepare(sector, to, bytes, ATA_READ_DMA);
}

void disk_read(u32 sector, void *to, u32 bytes)
{
    disk_prepare_read(sector, to, bytes);
    outb(BUS_MASTER + BM_COMMAND, BM_START | BM_TO_MEMORY);
    disk_finish();
}
