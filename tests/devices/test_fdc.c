/* test_fdc.c - the floppy controller with a DMA controller and media in memory. [82077AA]. */
#include "core/block.h"
#include "devices/chipset/i8237.h"
#include "devices/devices.h"
#include "tests/support/testbus.h"

enum { DOR = 0x3f2, MSR = 0x3f4, DSR = 0x3f4, FIFO = 0x3f5, INPUT = 0x3f7, CCR = 0x3f7 };
enum { BUFFER = 0x20000, SIZE_1440 = 1440 * 1024 };

static int image_read(void *image, uint64_t offset, void *buffer, size_t size)
{
    memcpy(buffer, (uint8_t *)image + offset, size);
    return 0;
}

static int image_write(void *image, uint64_t offset, const void *buffer, size_t size)
{
    memcpy((uint8_t *)image + offset, buffer, size);
    return 0;
}

static void image_close(void *image)
{
    g_free(image);
}

static const BlockOps image_ops = {
    .format = "test", .read = image_read, .write = image_write, .close = image_close};

/* Every sector of the medium begins with its number. */
static Block *floppy(size_t size)
{
    Block *b = block_new_empty("floppy0");
    uint8_t *image = g_malloc0(size);

    for (size_t n = 0; n < size / 512; n++)
        store_le32(image + n * 512, n);
    b->ops = &image_ops;
    b->image = image;
    b->size_bytes = size;
    b->access = BLOCK_READWRITE;
    b->present = true;
    return b;
}

static void plug(TestBus *t)
{
    void *dma = device_new(t->board, device_class_find("i8237"), NULL);

    device_realize_builtin(dma);
    device_set_link(t->dev, "dma-controller", i8237_isa_dma(dma));
    device_set_link(t->dev, "driveA", t->user);
}

static void send(TestBus *t, unsigned count, const uint8_t *bytes)
{
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(inb(t, MSR) & 0xc0, ==, 0x80);
        outb(t, FIFO, bytes[i]);
    }
}
#define SEND(t, ...) send(t, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

/* The whole result phase, and nothing after it. */
static void expect(TestBus *t, unsigned count, const uint8_t *bytes)
{
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(inb(t, MSR) & 0xd0, ==, 0xd0);
        g_assert_cmphex(inb(t, FIFO), ==, bytes[i]);
    }
    g_assert_cmphex(inb(t, MSR) & 0xd0, ==, 0x80);
}
#define EXPECT(t, ...) expect(t, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void wait_interrupt(TestBus *t)
{
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 100 * NS_PER_MS);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
}

/* Out of reset, motor on, DMA on, 500 kbit/s, drives sensed. */
static TestBus *controller(Block *block)
{
    TestBus *t = test_bus_with("isa-fdc", plug, block);

    outb(t, DOR, 0x00);
    g_assert_cmphex(inb(t, MSR), ==, 0x00);
    outb(t, DOR, 0x1c);
    wait_interrupt(t);
    for (unsigned n = 0; n < 4; n++) {
        SEND(t, 0x08);
        EXPECT(t, 0xc0 | n, 0);
    }
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    SEND(t, 0x08);
    EXPECT(t, 0x80); /* nothing more to sense */
    SEND(t, 0x03, 0xaf, 0x02);
    outb(t, CCR, 0);
    return t;
}

static void done(TestBus *t, Block *block)
{
    test_bus_free(t);
    block_free(block);
}

static void dma_program(TestBus *t, uint8_t mode, unsigned count)
{
    outb(t, 0x0a, 0x06);
    outb(t, 0x0c, 0);
    outb(t, 0x0b, mode | 2);
    outb(t, 0x04, BUFFER & 0xff);
    outb(t, 0x04, BUFFER >> 8 & 0xff);
    outb(t, 0x81, BUFFER >> 16);
    outb(t, 0x05, (count - 1) & 0xff);
    outb(t, 0x05, (count - 1) >> 8);
    outb(t, 0x0a, 0x02);
}

static void seek(TestBus *t, uint8_t track)
{
    SEND(t, 0x0f, 0x00, track);
    g_assert_cmphex(inb(t, MSR), ==, 0x81);
    wait_interrupt(t);
    SEND(t, 0x08);
    EXPECT(t, 0x20, track);
    g_assert_cmphex(inb(t, MSR), ==, 0x80);
}

static void test_seek(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);

    g_assert_cmphex(inb(t, INPUT), ==, 0x80); /* changed, until a step */
    seek(t, 40);
    g_assert_cmphex(inb(t, INPUT), ==, 0x00);
    SEND(t, 0x04, 0x00);
    EXPECT(t, 0x28);
    SEND(t, 0x8f, 0x00, 10); /* relative, outwards */
    clock_step(t, 1 * NS_PER_MS);
    SEND(t, 0x08);
    EXPECT(t, 0x20, 30);
    SEND(t, 0x07, 0x00);
    wait_interrupt(t);
    SEND(t, 0x08);
    EXPECT(t, 0x20, 0);
    SEND(t, 0x04, 0x04);
    EXPECT(t, 0x3c); /* track 0, head 1 */
    block->media_changed(block->media_opaque);
    g_assert_cmphex(inb(t, INPUT), ==, 0x80);
    done(t, block);
}

static void test_no_drive(void)
{
    TestBus *t = controller(NULL);

    SEND(t, 0x07, 0x00); /* no drive: track 0 is never found */
    wait_interrupt(t);
    SEND(t, 0x08);
    EXPECT(t, 0x70, 0);
    SEND(t, 0x4a, 0x00);
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x01, 0, 0, 0, 1, 2);
    test_bus_free(t);
}

static void test_information_commands(void)
{
    TestBus *t = controller(NULL);

    SEND(t, 0x10);
    EXPECT(t, 0x90);
    SEND(t, 0x18); /* not one of the 82077AA's */
    EXPECT(t, 0x80);
    SEND(t, 0x13, 0x00, 0x47, 0x00);
    SEND(t, 0x94);
    EXPECT(t, 0x10);
    outb(t, DSR, 0x80); /* software reset; what is locked stays */
    wait_interrupt(t);
    for (unsigned n = 0; n < 4; n++) {
        SEND(t, 0x08);
        EXPECT(t, 0xc0 | n, 0);
    }
    SEND(t, 0x0e);
    EXPECT(t, 0, 0, 0, 0, 0xaf, 0x02, 0, 0x80, 0x47, 0);
    SEND(t, 0x14);
    EXPECT(t, 0x00);
    test_bus_free(t);
}

static void test_read(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);

    seek(t, 2);
    dma_program(t, 0x44, 1024);
    SEND(t, 0xe6, 0x04, 2, 1, 17, 2, 18, 0x1b, 0xff);
    g_assert_cmphex(inb(t, MSR), ==, 0x10);
    t = test_bus_reload(t); /* in the middle of a command */
    dma_program(t, 0x44, 1024);
    wait_interrupt(t);
    EXPECT(t, 0x00, 0, 0, 3, 0, 1, 2); /* after the last sector of both heads: next track */
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    g_assert_cmpuint(readl(t, BUFFER), ==, (2 * 2 + 1) * 18 + 16);
    g_assert_cmpuint(readl(t, BUFFER + 512), ==, (2 * 2 + 1) * 18 + 17);
    done(t, block);
}

static void test_read_both_heads(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);

    seek(t, 0);
    dma_program(t, 0x44, 36 * 512);
    SEND(t, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    EXPECT(t, 0x00, 0, 0, 1, 0, 1, 2);
    for (unsigned n = 0; n < 36; n++)
        g_assert_cmpuint(readl(t, BUFFER + n * 512), ==, n);
    dma_program(t, 0x44, 4 * 512); /* without MT, EOT ends it before DMA does */
    SEND(t, 0x66, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x80, 0, 1, 0, 1, 2);
    done(t, block);
}

static void test_read_failures(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);

    seek(t, 5);
    dma_program(t, 0x44, 512);
    SEND(t, 0x66, 0x00, 6, 0, 1, 2, 18, 0x1b, 0xff); /* heads are elsewhere */
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x04, 0x10, 6, 0, 1, 2);
    SEND(t, 0x66, 0x00, 5, 0, 19, 2, 19, 0x1b, 0xff); /* no such sector */
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x04, 0, 5, 0, 19, 2);
    SEND(t, 0x4a, 0x04);
    wait_interrupt(t);
    EXPECT(t, 0x04, 0, 0, 5, 1, 1, 2);
    outb(t, CCR, 2); /* 250 kbit/s: nothing can be read of a 1.44 MB medium */
    SEND(t, 0x4a, 0x00);
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x01, 0, 5, 0, 1, 2);
    done(t, block);
}

static void test_write(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);
    const uint8_t *image = block->image;

    seek(t, 1);
    memset(t->ram.host + BUFFER, 0xaa, 1024);
    dma_program(t, 0x48, 700); /* the second sector is filled up with zeros */
    SEND(t, 0x45, 0x00, 1, 0, 3, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    EXPECT(t, 0x00, 0, 0, 1, 0, 5, 2);
    const uint8_t *at = image + (1 * 2 * 18 + 2) * 512;
    g_assert_cmphex(at[-512], ==, 37);
    g_assert_cmphex(at[0], ==, 0xaa);
    g_assert_cmphex(at[699], ==, 0xaa);
    g_assert_cmphex(at[700], ==, 0x00);
    g_assert_cmphex(at[1023], ==, 0x00);
    g_assert_cmphex(at[1024], ==, 40);

    block->access = BLOCK_READONLY;
    SEND(t, 0x45, 0x00, 1, 0, 3, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    EXPECT(t, 0x40, 0x02, 0, 1, 0, 3, 2);
    SEND(t, 0x04, 0x00);
    EXPECT(t, 0x68);
    done(t, block);
}

static void test_format(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);
    const uint8_t *track = (uint8_t *)block->image + (3 * 2 + 1) * 18 * 512;

    seek(t, 3);
    for (unsigned n = 0; n < 18; n++) {
        const uint8_t id[] = {3, 1, n + 1, 2};
        memcpy(t->ram.host + BUFFER + 4 * n, id, 4);
    }
    dma_program(t, 0x48, 18 * 4);
    SEND(t, 0x4d, 0x04, 2, 18, 0x54, 0xf6);
    wait_interrupt(t);
    EXPECT(t, 0x04, 0, 0, 3, 1, 18, 2);
    for (unsigned i = 0; i < 18 * 512; i++)
        g_assert_cmphex(track[i], ==, 0xf6);
    g_assert_cmpuint(load_le32(track + 18 * 512), ==, 4 * 2 * 18);
    g_assert_cmpuint(load_le32(track - 512), ==, (3 * 2 + 1) * 18 - 1);
    done(t, block);
}

/* Without DMA each byte goes through the FIFO, and the end of the track ends the command. */
static void test_by_cpu(void)
{
    Block *block = floppy(SIZE_1440);
    TestBus *t = controller(block);

    SEND(t, 0x03, 0xaf, 0x03);
    seek(t, 0);
    SEND(t, 0x46, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(inb(t, MSR), ==, 0xf0);
        g_assert_cmphex(inb(t, FIFO), ==, i == 0 ? 17 : 0);
    }
    EXPECT(t, 0x40, 0x80, 0, 1, 0, 1, 2);
    SEND(t, 0x45, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    wait_interrupt(t);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(inb(t, MSR), ==, 0xb0);
        outb(t, FIFO, i);
    }
    EXPECT(t, 0x40, 0x80, 0, 1, 0, 1, 2);
    g_assert_cmphex(((uint8_t *)block->image)[17 * 512 + 0x55], ==, 0x55);
    done(t, block);
}

/* Loading changes nothing of a command that waits for its execution, whatever went before. */
static void test_reload_before_execution(void)
{
    Block *block = floppy(1440 * KIB);
    TestBus *t = controller(block);

    SEND(t, 0x4d, 0, 2, 18, 0x54, 0xf6);
    g_autoptr(GByteArray) before = test_bus_save(t);
    t = test_bus_reload(t);
    g_autoptr(GByteArray) after = test_bus_save(t);
    g_assert_cmpmem(before->data, before->len, after->data, after->len);
    done(t, block);
}

/* The image's size tells the format: track 1 begins after both heads' sectors of track 0. */
static void test_geometries(void)
{
    static const struct {
        unsigned kib, sectors, heads;
        uint8_t rate;
    } media[] = {{2880, 36, 2, 3}, {1440, 18, 2, 0}, {1200, 15, 2, 0},
                 {720, 9, 2, 2},   {360, 9, 2, 1},   {160, 8, 1, 1}};

    for (unsigned i = 0; i < G_N_ELEMENTS(media); i++) {
        Block *block = floppy(media[i].kib * 1024);
        TestBus *t = controller(block);
        outb(t, CCR, media[i].rate);
        seek(t, 1);
        dma_program(t, 0x44, 512);
        SEND(t, 0x46, 0x00, 1, 0, 1, 2, media[i].sectors, 0x1b, 0xff);
        wait_interrupt(t);
        g_assert_cmphex(inb(t, FIFO), ==, 0x00);
        g_assert_cmpuint(readl(t, BUFFER), ==, media[i].sectors * media[i].heads);
        done(t, block);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/seek", test_seek);
    g_test_add_func("/fdc/no-drive", test_no_drive);
    g_test_add_func("/fdc/information-commands", test_information_commands);
    g_test_add_func("/fdc/read", test_read);
    g_test_add_func("/fdc/read-both-heads", test_read_both_heads);
    g_test_add_func("/fdc/read-failures", test_read_failures);
    g_test_add_func("/fdc/write", test_write);
    g_test_add_func("/fdc/format", test_format);
    g_test_add_func("/fdc/reload-before-execution", test_reload_before_execution);
    g_test_add_func("/fdc/by-cpu", test_by_cpu);
    g_test_add_func("/fdc/geometries", test_geometries);
    return g_test_run();
}
