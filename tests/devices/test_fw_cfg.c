/* test_fw_cfg.c - items, the directory, and DMA. [FW_CFG]. */
#include "devices/chipset/fw_cfg.h"
#include "tests/support/testbus.h"

enum { DESCRIPTOR = 0x1000, BUFFER = 0x2000 };
enum { READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

static void select_key(TestBus *t, uint16_t key)
{
    outw(t, 0x510, key);
}

static void expect_bytes(TestBus *t, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_assert_cmphex(inb(t, 0x511), ==, ((const uint8_t *)bytes)[i]);
}

static uint32_t read_be32(TestBus *t)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 4; i++)
        value = value << 8 | inb(t, 0x511);
    return value;
}

static void test_items(void)
{
    TestBus *t = test_bus("fw_cfg");

    select_key(t, FW_CFG_SIGNATURE);
    expect_bytes(t, "QEMU", 4);
    expect_bytes(t, "\0\0", 2); /* past the end */
    select_key(t, FW_CFG_ID);
    expect_bytes(t, "\3\0\0\0", 4);
    fw_cfg_add_int16(t->dev, FW_CFG_NB_CPUS, 4);
    fw_cfg_add_int64(t->dev, FW_CFG_RAM_SIZE, 0x123456789a);
    fw_cfg_add_string(t->dev, FW_CFG_CMDLINE_DATA, "quiet");
    select_key(t, FW_CFG_NB_CPUS);
    expect_bytes(t, "\4\0", 2);
    select_key(t, FW_CFG_RAM_SIZE);
    expect_bytes(t, "\x9a\x78\x56", 3);
    t = test_bus_reload(t); /* the cursor is state; items are the board's */
    fw_cfg_add_int64(t->dev, FW_CFG_RAM_SIZE, 0x123456789a);
    expect_bytes(t, "\x34\x12\0\0\0", 5);
    select_key(t, 0x7777);
    expect_bytes(t, "\0\0\0", 3);
    outb(t, 0x511, 'x'); /* ignored */
    test_bus_free(t);
}

static void expect_entry(TestBus *t, uint32_t size, uint16_t key, const char *name)
{
    char got[FW_CFG_FILE_NAME_MAX];

    g_assert_cmpuint(read_be32(t), ==, size);
    g_assert_cmphex(read_be32(t), ==, (uint32_t)key << 16);
    for (unsigned i = 0; i < sizeof(got); i++)
        got[i] = inb(t, 0x511);
    g_assert_cmpstr(got, ==, name);
}

static void test_directory(void)
{
    TestBus *t = test_bus("fw_cfg");

    fw_cfg_add_file(t->dev, "etc/e820", "0123456789", 10);
    fw_cfg_add_file(t->dev, "bootorder", "first\n", 7);
    fw_cfg_add_file(t->dev, "etc/acpi/rsdp", "r", 1);
    fw_cfg_add_file(t->dev, "etc/e820", "ABC", 3); /* replaces */
    select_key(t, FW_CFG_FILE_DIR);
    g_assert_cmpuint(read_be32(t), ==, 3);
    expect_entry(t, 7, 0x20, "bootorder");
    expect_entry(t, 1, 0x21, "etc/acpi/rsdp");
    expect_entry(t, 3, 0x22, "etc/e820");
    select_key(t, 0x22);
    expect_bytes(t, "ABC\0", 4);
    test_bus_free(t);
}

static void dma(TestBus *t, uint32_t control, uint32_t length, uint64_t address)
{
    writel(t, DESCRIPTOR, GUINT32_SWAP_LE_BE(control));
    writel(t, DESCRIPTOR + 4, GUINT32_SWAP_LE_BE(length));
    writeq(t, DESCRIPTOR + 8, GUINT64_SWAP_LE_BE(address));
    outl(t, 0x514, 0);
    outl(t, 0x518, GUINT32_SWAP_LE_BE(DESCRIPTOR));
}

static void test_dma_read(void)
{
    TestBus *t = test_bus("fw_cfg");

    g_assert_cmphex(inl(t, 0x514), ==, 0x554d4551); /* "QEMU" */
    g_assert_cmphex(inl(t, 0x518), ==, 0x47464320); /* " CFG" */
    fw_cfg_add_bytes(t->dev, FW_CFG_KERNEL_DATA, "0123456789", 10);
    dma(t, FW_CFG_KERNEL_DATA << 16 | SELECT | READ, 4, BUFFER);
    g_assert_cmphex(readl(t, DESCRIPTOR), ==, 0);
    g_assert_cmphex(readl(t, BUFFER), ==, 0x33323130);
    dma(t, SKIP, 2, 0);
    writeq(t, BUFFER, UINT64_MAX);
    dma(t, READ, 6, BUFFER); /* four of the item, two zeros */
    g_assert_cmphex(readq(t, BUFFER), ==, 0xffff000039383736);
    dma(t, FW_CFG_KERNEL_DATA << 16 | SELECT, 0, 0);
    expect_bytes(t, "01", 2); /* both ways move one cursor */
    dma(t, 0x7777u << 16 | SELECT | READ, 8, BUFFER);
    g_assert_cmphex(readl(t, DESCRIPTOR), ==, 0);
    g_assert_cmphex(readq(t, BUFFER), ==, 0);
    test_bus_free(t);
}

typedef struct Writes {
    unsigned calls;
    size_t offset, count;
} Writes;

static void note_write(void *opaque, size_t offset, size_t count)
{
    Writes *w = opaque;

    *w = (Writes){w->calls + 1, offset, count};
}

static void test_dma_write(void)
{
    TestBus *t = test_bus("fw_cfg");
    char file[8] = "........";
    Writes w = {0};

    fw_cfg_add_file_writable(t->dev, "etc/out", file, sizeof(file), note_write, &w);
    writel(t, BUFFER, 0x64636261);
    dma(t, 0x20u << 16 | SELECT | WRITE, 4, BUFFER);
    g_assert_cmphex(readl(t, DESCRIPTOR), ==, 0);
    dma(t, WRITE, 2, BUFFER);
    g_assert_cmpmem(file, 8, "abcdab..", 8);
    g_assert_cmpuint(w.calls, ==, 2);
    g_assert_cmpuint(w.offset, ==, 4);
    g_assert_cmpuint(w.count, ==, 2);
    dma(t, WRITE, 4, BUFFER); /* does not fit */
    g_assert_cmphex(readl(t, DESCRIPTOR), ==, 0x01000000);
    dma(t, FW_CFG_ID << 16 | SELECT | WRITE, 4, BUFFER); /* not writable */
    g_assert_cmphex(readl(t, DESCRIPTOR), ==, 0x01000000);
    g_assert_cmpuint(w.calls, ==, 2);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw_cfg/items", test_items);
    g_test_add_func("/fw_cfg/directory", test_directory);
    g_test_add_func("/fw_cfg/dma-read", test_dma_read);
    g_test_add_func("/fw_cfg/dma-write", test_dma_write);
    return g_test_run();
}
