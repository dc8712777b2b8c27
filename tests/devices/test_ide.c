/* test_ide.c - ATA disks. [ATA6] registers, protocols and commands; [BMIDE] bus master. */
#include "tests/support/memdisk.h"
#include "tests/support/testbus.h"

#include <errno.h>

enum {
    P = 0x1f0, /* primary channel */
    FEATURE = P + 1,
    COUNT = P + 2,
    LOW = P + 3,
    MID = P + 4,
    HIGH = P + 5,
    DEVICE = P + 6,
    COMMAND = P + 7,
    CONTROL = 0x3f6,
    BM = 0xd000, /* BAR 4 on the test bus */
    SECTORS = 20480,
    PRD = 0x10000,
    DATA = 0x20000,
};

/* A master disk; the block outlives reloads of the bus. */
static void link_disk(TestBus *t)
{
    device_set_link(t->dev, "disk0", t->user);
}

static void link_two(TestBus *t)
{
    Block **blocks = t->user;

    device_set_link(t->dev, "disk0", blocks[0]);
    device_set_link(t->dev, "disk1", blocks[1]);
}

typedef struct Ide {
    TestBus *t;
    Block *block;
} Ide;

static Ide set_up(void)
{
    Ide x = {.block = memdisk_new(SECTORS * 512)};

    x.t = test_bus_with("piix3-ide", link_disk, x.block);
    outb(x.t, DEVICE, 0xe0);
    return x;
}

static void tear_down(Ide *x)
{
    test_bus_free(x->t);
    block_free(x->block);
}

static void command28(TestBus *t, uint8_t command, uint32_t lba, uint8_t count)
{
    outb(t, COUNT, count);
    outb(t, LOW, lba);
    outb(t, MID, lba >> 8);
    outb(t, HIGH, lba >> 16);
    outb(t, DEVICE, 0xe0 | lba >> 24);
    outb(t, COMMAND, command);
}

static void command48(TestBus *t, uint8_t command, uint64_t lba, uint16_t count)
{
    outb(t, COUNT, count >> 8);
    outb(t, LOW, lba >> 24);
    outb(t, MID, lba >> 32);
    outb(t, HIGH, lba >> 40);
    command28(t, command, lba & 0xffffff, count);
}

static void read_words(TestBus *t, uint16_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        words[i] = inw(t, P);
}

static void write_words(TestBus *t, uint16_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        outw(t, P, value);
}

static void assert_failed(TestBus *t, uint8_t error)
{
    g_assert_cmphex(inb(t, CONTROL), ==, 0x51); /* DRDY, DSC, ERR */
    g_assert_cmphex(inb(t, FEATURE), ==, error);
}

static void test_signature(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    test_bus_reset(t);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(inb(t, FEATURE), ==, 0x01);
    g_assert_cmphex(inb(t, COUNT), ==, 1);
    g_assert_cmphex(inb(t, LOW), ==, 1);
    g_assert_cmphex(inb(t, MID), ==, 0);
    g_assert_cmphex(inb(t, HIGH), ==, 0);
    /* Software reset. */
    outb(t, LOW, 0x77);
    outb(t, CONTROL, 0x04);
    g_assert_cmphex(inb(t, CONTROL), ==, 0x80);
    outb(t, COMMAND, 0xec); /* not heard */
    outb(t, CONTROL, 0x00);
    g_assert_cmphex(inb(t, CONTROL), ==, 0x50);
    g_assert_cmphex(inb(t, LOW), ==, 1);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    /* EXECUTE DEVICE DIAGNOSTIC interrupts. */
    outb(t, COMMAND, 0x90);
    g_assert_cmphex(inb(t, FEATURE), ==, 0x01);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    tear_down(&x);
}

static void test_missing(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    outb(t, DEVICE, 0xf0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0);
    outb(t, COUNT, 0x55);
    outb(t, LOW, 0xaa);
    g_assert_cmphex(inb(t, COUNT), ==, 0);
    outb(t, COMMAND, 0xec);
    g_assert_cmphex(inb(t, CONTROL), ==, 0);
    g_assert_cmphex(inw(t, P), ==, 0);
    outb(t, DEVICE, 0xe0);
    g_assert_cmphex(inb(t, COUNT), ==, 0x55); /* registers are written in both */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(inb(t, 0x177), ==, 0); /* an empty channel */
    tear_down(&x);
}

static void test_identify(void)
{
    Ide x = set_up();
    TestBus *t = x.t;
    uint16_t w[256];

    outb(t, COMMAND, 0xec);
    g_assert_cmphex(inb(t, CONTROL), ==, 0x58);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    inb(t, COMMAND);
    read_words(t, w, 256);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(w[0], ==, 0x0040);
    g_assert_cmpuint(w[1], ==, 20); /* 20480 / (16 * 63) */
    g_assert_cmpuint(w[3], ==, 16);
    g_assert_cmpuint(w[6], ==, 63);
    g_assert_cmphex(w[10], ==, 'M' << 8 | 'Y');
    g_assert_cmphex(w[27], ==, 'M' << 8 | 'Y');
    g_assert_cmphex(w[28], ==, 'N' << 8 | 'A');
    g_assert_cmphex(w[46], ==, 0x2020);
    g_assert_cmphex(w[49] & 0x0300, ==, 0x0300); /* LBA, DMA */
    g_assert_cmpuint(w[57] | w[58] << 16, ==, 20 * 16 * 63);
    g_assert_cmphex(w[59], ==, 0x0110);
    g_assert_cmpuint(w[60] | w[61] << 16, ==, SECTORS);
    g_assert_cmphex(w[83] & 0xc400, ==, 0x4400); /* 48-bit */
    g_assert_cmphex(w[88], ==, 0x203f);
    g_assert_cmpuint(w[100], ==, SECTORS);
    outb(t, COMMAND, 0xa1); /* IDENTIFY PACKET DEVICE */
    assert_failed(t, 0x04);
    tear_down(&x);
}

/* [ATA6] "PIO data-in command protocol": one interrupt a block, before it is read. */
static void test_pio_read(void)
{
    Ide x = set_up();
    TestBus *t = x.t;
    uint16_t w[256];

    command28(t, 0x20, 1000, 2);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(level(t, "irq", 0), ==, 1);
        g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
        g_assert_cmpint(level(t, "irq", 0), ==, 0);
        read_words(t, w, 256);
        g_assert_cmpuint(w[0], ==, 1000 + i);
        g_assert_cmpuint(w[255], ==, 1000 + i);
    }
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    g_assert_cmpuint(rises(t, "irq", 0), ==, 2);
    /* Doublewords too. */
    command28(t, 0x20, 7, 1);
    for (unsigned i = 0; i < 128; i++)
        g_assert_cmphex(inl(t, P), ==, 0x00070007);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    tear_down(&x);
}

/* [ATA6] "PIO data-out command protocol": no interrupt before the first block. */
static void test_pio_write(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    command28(t, 0x30, 5, 2);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    write_words(t, 0xbeef, 256);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    write_words(t, 0xcafe, 256);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(load_le16(memdisk_of(x.block)->bytes + 5 * 512), ==, 0xbeef);
    g_assert_cmphex(load_le16(memdisk_of(x.block)->bytes + 7 * 512 - 2), ==, 0xcafe);
    g_assert_cmphex(load_le16(memdisk_of(x.block)->bytes + 7 * 512), ==, 7);
    tear_down(&x);
}

static void test_multiple(void)
{
    Ide x = set_up();
    TestBus *t = x.t;
    uint16_t w[256 * 4];

    outb(t, COUNT, 4);
    outb(t, COMMAND, 0xc6);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    unsigned before = rises(t, "irq", 0);
    command28(t, 0xc4, 100, 6); /* a block of 4 and one of 2 */
    inb(t, COMMAND);
    read_words(t, w, 4 * 256);
    g_assert_cmpuint(w[3 * 256], ==, 103);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    read_words(t, w, 2 * 256);
    g_assert_cmpuint(w[256], ==, 105);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmpuint(rises(t, "irq", 0) - before, ==, 2);
    command28(t, 0xc5, 200, 5);
    write_words(t, 0x1111, 4 * 256);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    write_words(t, 0x2222, 256);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(load_le16(memdisk_of(x.block)->bytes + 204 * 512), ==, 0x2222);
    /* Not a power of two; too many; switched off. */
    outb(t, COUNT, 3);
    outb(t, COMMAND, 0xc6);
    assert_failed(t, 0x04);
    outb(t, COUNT, 32);
    outb(t, COMMAND, 0xc6);
    assert_failed(t, 0x04);
    outb(t, COUNT, 0);
    outb(t, COMMAND, 0xc6);
    command28(t, 0xc4, 100, 1);
    assert_failed(t, 0x04);
    tear_down(&x);
}

static void test_addresses(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    /* CHS by default geometry: (c * 16 + h) * 63 + s - 1. */
    outb(t, COUNT, 1);
    outb(t, LOW, 9);
    outb(t, MID, 3);
    outb(t, HIGH, 0);
    outb(t, DEVICE, 0xa5);
    outb(t, COMMAND, 0x20);
    g_assert_cmpuint(inw(t, P), ==, (3 * 16 + 5) * 63 + 8);
    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    /* INITIALIZE DEVICE PARAMETERS: 4 heads, 17 sectors. */
    outb(t, COUNT, 17);
    outb(t, DEVICE, 0xa3);
    outb(t, COMMAND, 0x91);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    outb(t, COUNT, 1);
    outb(t, LOW, 17);
    outb(t, MID, 10);
    outb(t, DEVICE, 0xa2);
    outb(t, COMMAND, 0x20);
    g_assert_cmpuint(inw(t, P), ==, (10 * 4 + 2) * 17 + 16);
    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    /* Sector 0 does not exist in CHS. */
    outb(t, LOW, 0);
    outb(t, DEVICE, 0xa0);
    outb(t, COMMAND, 0x20);
    assert_failed(t, 0x10);
    /* 48 bits. */
    command48(t, 0x24, SECTORS - 1, 1);
    g_assert_cmpuint(inw(t, P), ==, SECTORS - 1);
    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    command48(t, 0x24, (uint64_t)1 << 32, 1);
    assert_failed(t, 0x10);
    command28(t, 0x20, SECTORS - 1, 2);
    assert_failed(t, 0x10);
    command28(t, 0x40, SECTORS - 256, 0); /* VERIFY, 0 = 256 sectors */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    command28(t, 0x40, SECTORS - 255, 0);
    assert_failed(t, 0x10);
    tear_down(&x);
}

static void test_native_max(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    outb(t, COMMAND, 0xf8);
    g_assert_cmphex(inb(t, LOW) | inb(t, MID) << 8 | inb(t, HIGH) << 16, ==, SECTORS - 1);
    outb(t, COMMAND, 0x27);
    g_assert_cmphex(inb(t, LOW), ==, (SECTORS - 1) & 0xff);
    outb(t, CONTROL, 0x80);
    g_assert_cmphex(inb(t, LOW), ==, 0);
    outb(t, FEATURE, 0); /* ends the high order view */
    g_assert_cmphex(inb(t, MID), ==, (SECTORS - 1) >> 8);
    tear_down(&x);
}

static void test_features_and_power(void)
{
    Ide x = set_up();
    TestBus *t = x.t;
    uint16_t w[256];

    outb(t, FEATURE, 0x03);
    outb(t, COUNT, 0x22); /* multiword DMA 2 */
    outb(t, COMMAND, 0xef);
    outb(t, FEATURE, 0x82); /* write cache off */
    outb(t, COMMAND, 0xef);
    outb(t, COMMAND, 0xec);
    read_words(t, w, 256);
    g_assert_cmphex(w[63], ==, 0x0407);
    g_assert_cmphex(w[88], ==, 0x003f);
    g_assert_cmphex(w[85] & 0x20, ==, 0);
    outb(t, FEATURE, 0x03);
    outb(t, COUNT, 0x46); /* ultra DMA 6: not ours */
    outb(t, COMMAND, 0xef);
    assert_failed(t, 0x04);
    outb(t, FEATURE, 0x99);
    outb(t, COMMAND, 0xef);
    assert_failed(t, 0x04);
    outb(t, COMMAND, 0xe5);
    g_assert_cmphex(inb(t, COUNT), ==, 0xff);
    outb(t, COMMAND, 0xe0); /* STANDBY IMMEDIATE */
    outb(t, COMMAND, 0xe5);
    g_assert_cmphex(inb(t, COUNT), ==, 0x00);
    outb(t, COMMAND, 0xe1);
    outb(t, COMMAND, 0xe5);
    g_assert_cmphex(inb(t, COUNT), ==, 0xff);
    outb(t, COMMAND, 0x00); /* NOP */
    assert_failed(t, 0x04);
    outb(t, COMMAND, 0x10); /* RECALIBRATE */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    command28(t, 0x70, 5, 0); /* SEEK */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    command28(t, 0x70, SECTORS, 0);
    assert_failed(t, 0x10);
    outb(t, COMMAND, 0xe7);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmpuint(x.block->flushes, ==, 1);
    outb(t, COMMAND, 0xa0); /* PACKET */
    assert_failed(t, 0x04);
    tear_down(&x);
}

static void test_smart(void)
{
    Ide x = set_up();
    TestBus *t = x.t;
    uint8_t data[512], sum = 0;

    outb(t, MID, 0x4f);
    outb(t, HIGH, 0xc2);
    outb(t, FEATURE, 0xd0);
    outb(t, COMMAND, 0xb0);
    for (unsigned i = 0; i < 256; i++)
        store_le16(data + 2 * i, inw(t, P));
    for (unsigned i = 0; i < 512; i++)
        sum += data[i];
    g_assert_cmphex(sum, ==, 0);
    g_assert_cmphex(data[2], ==, 1);
    outb(t, FEATURE, 0xda); /* RETURN STATUS: keys unchanged = healthy */
    outb(t, COMMAND, 0xb0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(inb(t, MID) | inb(t, HIGH) << 8, ==, 0xc24f);
    outb(t, FEATURE, 0xd9); /* DISABLE */
    outb(t, COMMAND, 0xb0);
    outb(t, FEATURE, 0xd0);
    outb(t, COMMAND, 0xb0);
    assert_failed(t, 0x04);
    outb(t, MID, 0);
    outb(t, FEATURE, 0xd8);
    outb(t, COMMAND, 0xb0);
    assert_failed(t, 0x04);
    tear_down(&x);
}

static void test_errors(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    memdisk_of(x.block)->fail = EIO;
    command28(t, 0x20, 5, 1);
    assert_failed(t, 0x40); /* UNC */
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, LOW), ==, 5);
    command28(t, 0x30, 5, 1);
    write_words(t, 1, 256);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x71); /* device fault */
    g_assert_cmphex(inb(t, FEATURE), ==, 0x04);
    memdisk_of(x.block)->fail = 0;
    x.block->access = BLOCK_READONLY;
    command28(t, 0x30, 5, 1);
    write_words(t, 1, 256);
    g_assert_cmphex(inb(t, COMMAND) & 0x01, ==, 0x01);
    command28(t, 0x20, 5, 1);
    g_assert_cmpuint(inw(t, P), ==, 5);
    /* A command in the middle of data is not heard. */
    outb(t, COMMAND, 0xec);
    g_assert_cmpuint(inw(t, P), ==, 5);
    tear_down(&x);
}

static void test_interrupt_enable(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    outb(t, CONTROL, 0x02); /* nIEN */
    outb(t, COMMAND, 0xe7);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    outb(t, CONTROL, 0x00); /* still pending */
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    inb(t, CONTROL); /* the alternate status does not acknowledge */
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    inb(t, COMMAND);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    tear_down(&x);
}

static void test_two_drives(void)
{
    Block *blocks[2] = {memdisk_new(2048 * 512), memdisk_new(4096 * 512)};
    TestBus *t = test_bus_with("piix3-ide", link_two, blocks);

    outb(t, DEVICE, 0xf0);
    outb(t, COMMAND, 0xf8);
    g_assert_cmphex(inb(t, MID), ==, 0x0f);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    outb(t, DEVICE, 0xe0); /* the other drive does not drive the line */
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    outb(t, COMMAND, 0xf8);
    g_assert_cmphex(inb(t, MID), ==, 0x07);
    test_bus_free(t);
    block_free(blocks[0]);
    block_free(blocks[1]);
}

/* --- bus master --- */

static void set_prd(TestBus *t, unsigned n, uint32_t addr, uint16_t count, bool last)
{
    writel(t, PRD + 8 * n, addr);
    writel(t, PRD + 8 * n + 4, count | (last ? 0x80000000 : 0));
}

static void start_dma(TestBus *t, bool to_memory)
{
    outb(t, BM + 2, 0x06);
    outl(t, BM + 4, PRD);
    outb(t, BM, to_memory ? 0x08 : 0x00);
    outb(t, BM, to_memory ? 0x09 : 0x01);
}

static void test_dma_read(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    g_assert_cmphex(pci_config_read(t->pci, ((PciFunction *)t->dev)->devfn, 0, 4), ==, 0x70108086);
    set_prd(t, 0, DATA, 1024, false);
    set_prd(t, 1, DATA + 0x1000, 2048, true);
    command28(t, 0xc8, 50, 6);
    g_assert_cmphex(inb(t, CONTROL), ==, 0x80);
    start_dma(t, true);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x04); /* interrupt, not active */
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmpuint(readw(t, DATA), ==, 50);
    g_assert_cmpuint(readw(t, DATA + 1022), ==, 51);
    g_assert_cmpuint(readw(t, DATA + 1024), ==, 0);
    g_assert_cmpuint(readw(t, DATA + 0x1000), ==, 52);
    g_assert_cmpuint(readw(t, DATA + 0x1000 + 2046), ==, 55);
    outb(t, BM, 0x08);
    outb(t, BM + 2, 0x64); /* acknowledge, drive 0 and 1 capable */
    g_assert_cmphex(inb(t, BM + 2), ==, 0x60);
    tear_down(&x);
}

/* The engine may be started first; 65536 sectors go through many buffers and descriptors. */
static void test_dma_large(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    for (unsigned n = 0; n < 128; n++)
        set_prd(t, n, 0x100000 + n * 0x10000, 0, n == 127); /* 0 = 64 KiB */
    start_dma(t, true);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x01);
    command48(t, 0x25, 4, 16384);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x04);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    for (unsigned i = 0; i < 16384; i += 97)
        g_assert_cmpuint(readw(t, 0x100000 + i * 512), ==, 4 + i);
    tear_down(&x);
}

static void test_dma_write(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    for (unsigned i = 0; i < 256; i++)
        writew(t, DATA + 2 * i, 0xa000 + i);
    set_prd(t, 0, DATA, 512, true);
    command28(t, 0xca, 9, 1);
    start_dma(t, false);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x04);
    g_assert_cmphex(load_le16(memdisk_of(x.block)->bytes + 9 * 512 + 2), ==, 0xa001);
    tear_down(&x);
}

/* [BMIDE] "Status bits": what descriptors too long and too short look like. */
static void test_dma_lengths(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    set_prd(t, 0, DATA, 4096, true);
    command28(t, 0xc8, 50, 1);
    start_dma(t, true);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x05); /* interrupt and still active */
    outb(t, BM, 0);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x04);
    inb(t, COMMAND);
    set_prd(t, 0, DATA, 512, true);
    command28(t, 0xc8, 50, 2);
    start_dma(t, true);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x00);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    outb(t, BM, 0);
    /* An error of the disk ends the transfer. */
    memdisk_of(x.block)->fail = EIO;
    command28(t, 0xc8, 50, 1);
    start_dma(t, true);
    g_assert_cmphex(inb(t, BM + 2) & 0x04, ==, 0x04);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x51);
    tear_down(&x);
}

static void test_reload(void)
{
    Ide x = set_up();

    command28(x.t, 0x20, 1000, 3);
    inw(x.t, P);
    x.t = test_bus_reload(x.t);
    g_assert_cmpint(level(x.t, "irq", 0), ==, 1);
    for (unsigned i = 1; i < 256; i++)
        g_assert_cmpuint(inw(x.t, P), ==, 1000);
    for (unsigned i = 0; i < 512; i++)
        g_assert_cmpuint(inw(x.t, P), ==, 1001 + i / 256);
    g_assert_cmphex(inb(x.t, COMMAND), ==, 0x50);
    tear_down(&x);
}

/* Whatever a guest writes, the drive lives and answers after a reset. */
static void test_hostile(void)
{
    Ide x = set_up();
    TestBus *t = x.t;

    for (unsigned i = 0; i < 200000; i++) {
        unsigned what = g_test_rand_int_range(0, 20);
        uint32_t value = g_test_rand_int();

        if (what < 8)
            outb(t, P + what, value);
        else if (what < 12)
            outl(t, P, value);
        else if (what < 15)
            inl(t, P);
        else if (what < 17)
            outb(t, BM + (value & 3), value >> 8);
        else if (what == 17)
            outl(t, BM + 4, value & 0xfffffc);
        else if (what == 18 && value % 64 == 0)
            outb(t, CONTROL, value >> 8);
        else
            inb(t, P + (value & 7));
        if (i % 5000 == 0)
            t = x.t = test_bus_reload(t);
    }
    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    tear_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ide/signature", test_signature);
    g_test_add_func("/ide/missing", test_missing);
    g_test_add_func("/ide/identify", test_identify);
    g_test_add_func("/ide/pio-read", test_pio_read);
    g_test_add_func("/ide/pio-write", test_pio_write);
    g_test_add_func("/ide/multiple", test_multiple);
    g_test_add_func("/ide/addresses", test_addresses);
    g_test_add_func("/ide/native-max", test_native_max);
    g_test_add_func("/ide/features-and-power", test_features_and_power);
    g_test_add_func("/ide/smart", test_smart);
    g_test_add_func("/ide/errors", test_errors);
    g_test_add_func("/ide/interrupt-enable", test_interrupt_enable);
    g_test_add_func("/ide/two-drives", test_two_drives);
    g_test_add_func("/ide/dma-read", test_dma_read);
    g_test_add_func("/ide/dma-large", test_dma_large);
    g_test_add_func("/ide/dma-write", test_dma_write);
    g_test_add_func("/ide/dma-lengths", test_dma_lengths);
    g_test_add_func("/ide/reload", test_reload);
    g_test_add_func("/ide/hostile", test_hostile);
    return g_test_run();
}
