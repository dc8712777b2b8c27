/* test_kernel.c - what -kernel puts where. [LINUX-BOOT], [MULTIBOOT], [ELF]. */
#include "bios/kernel.h"
#include "core/fw_cfg_keys.h"

static const uint8_t *item(const KernelBoot *boot, uint16_t key, size_t *size)
{
    for (guint i = 0; i < boot->items->len; i++) {
        const KernelItem *it = &g_array_index(boot->items, KernelItem, i);
        if (it->key == key)
            return g_bytes_get_data(it->data, size);
    }
    *size = 0;
    return NULL;
}

static uint32_t number(const KernelBoot *boot, uint16_t key)
{
    size_t size;
    const uint8_t *bytes = item(boot, key, &size);

    return bytes ? load_le32(bytes) : 0;
}

static void expect_failure(const KernelRequest *request, const char *message)
{
    KernelBoot boot;
    GError *err = NULL;

    g_assert_false(kernel_prepare(&boot, request, &err));
    g_assert_cmpstr(err->message, ==, message);
    g_error_free(err);
}

/* --- Linux --- */

/* Three sectors of setup code and `size` bytes of kernel. */
static GBytes *bzimage(unsigned version, uint8_t loadflags, size_t size)
{
    size_t total = 3 * 512 + size;
    uint8_t *h = g_malloc0(total);

    h[0x1f1] = 2;
    store_le16(h + 0x1fe, 0xaa55);
    memcpy(h + 0x202, "HdrS", 4);
    store_le16(h + 0x206, version);
    h[0x211] = loadflags;
    store_le32(h + 0x22c, 0x7fffffff);
    store_le32(h + 0x238, 20);
    memset(h + 3 * 512, 0x4b, size);
    return g_bytes_new_take(h, total);
}

static void test_linux(void)
{
    g_autoptr(GBytes) kernel = bzimage(0x20f, 1, 5000);
    g_autoptr(GBytes) initrd = g_bytes_new_take(g_malloc0(10000), 10000);
    KernelModule module = {"initrd", initrd};
    KernelRequest request = {"vmlinuz", kernel, "quiet vga=0x317", &module, 1, 256 * MIB};
    KernelBoot boot;
    size_t size;

    g_assert_true(kernel_prepare(&boot, &request, NULL));
    g_assert_cmpstr(boot.rom_file, ==, "genroms/linuxboot.bin");
    g_assert_cmphex(number(&boot, FW_CFG_KERNEL_ADDR), ==, 0x100000);
    g_assert_cmpuint(number(&boot, FW_CFG_KERNEL_SIZE), ==, 5000);
    g_assert_cmphex(item(&boot, FW_CFG_KERNEL_DATA, &size)[0], ==, 0x4b);
    g_assert_cmphex(number(&boot, FW_CFG_CMDLINE_ADDR), ==, 0x20000);
    g_assert_cmpstr((const char *)item(&boot, FW_CFG_CMDLINE_DATA, &size), ==, "quiet vga=0x317");
    g_assert_cmpuint(size, ==, 16);
    /* Page aligned, below the last MiB of RAM. */
    g_assert_cmphex(number(&boot, FW_CFG_INITRD_ADDR), ==, 0x0fefd000);
    g_assert_cmpuint(number(&boot, FW_CFG_INITRD_SIZE), ==, 10000);

    const uint8_t *h = item(&boot, FW_CFG_SETUP_DATA, &size);
    g_assert_cmpuint(size, ==, 3 * 512);
    g_assert_cmphex(number(&boot, FW_CFG_SETUP_ADDR), ==, 0x10000);
    g_assert_cmphex(load_le16(h + 0x1fa), ==, 0x317);
    g_assert_cmphex(h[0x210], ==, 0xff);
    g_assert_cmphex(h[0x211], ==, 0x81);
    g_assert_cmphex(load_le32(h + 0x218), ==, 0x0fefd000);
    g_assert_cmphex(load_le32(h + 0x21c), ==, 10000);
    g_assert_cmphex(load_le16(h + 0x224), ==, 0xfe00);
    g_assert_cmphex(load_le32(h + 0x228), ==, 0x20000);
    kernel_boot_fini(&boot);
}

/* A kernel that is not loaded high: memtest86+ of old. */
static void test_linux_low(void)
{
    g_autoptr(GBytes) kernel = bzimage(0x203, 0, 5000);
    KernelRequest request = {"memtest", kernel, NULL, NULL, 0, 16 * MIB};
    KernelBoot boot;
    size_t size;

    g_assert_true(kernel_prepare(&boot, &request, NULL));
    g_assert_cmphex(number(&boot, FW_CFG_KERNEL_ADDR), ==, 0x10000);
    g_assert_cmphex(number(&boot, FW_CFG_SETUP_ADDR), ==, 0x90000);
    g_assert_cmphex(number(&boot, FW_CFG_CMDLINE_ADDR), ==, 0x99ff0);
    g_assert_null(item(&boot, FW_CFG_INITRD_DATA, &size));
    kernel_boot_fini(&boot);
}

static void test_linux_refused(void)
{
    g_autoptr(GBytes) old = bzimage(0x201, 1, 100);
    g_autoptr(GBytes) kernel = bzimage(0x206, 1, 100);
    g_autoptr(GBytes) big = g_bytes_new_take(g_malloc0(20 * MIB), 20 * MIB);
    g_autoptr(GBytes) text = g_bytes_new("no kernel at all", 16);
    KernelModule module = {"initrd", big};

    expect_failure(&(KernelRequest){.name = "old", .kernel = old, .ram_below_4g = 16 * MIB},
                   "old: its boot protocol is older than 2.02 (Linux 2.4)");
    expect_failure(&(KernelRequest){.name = "k",
                                    .kernel = kernel,
                                    .cmdline = "this is far too long a line",
                                    .ram_below_4g = 16 * MIB},
                   "k: the command line has 27 letters, but this kernel takes 20");
    expect_failure(&(KernelRequest){"k", kernel, "", &module, 1, 16 * MIB},
                   "k: the guest's RAM is too small for kernel and initrd");
    expect_failure(&(KernelRequest){.name = "t", .kernel = text, .ram_below_4g = 16 * MIB},
                   "t: neither a Linux bzImage nor a multiboot kernel");
}

/* --- multiboot --- */

static void put_header(uint8_t *at, uint32_t flags)
{
    store_le32(at, 0x1badb002);
    store_le32(at + 4, flags);
    store_le32(at + 8, -(0x1badb002 + flags));
}

/* Header at 0x40 of a file loaded from 0x20 on to 1 MiB. */
static GBytes *with_addresses(void)
{
    uint8_t *k = g_malloc0(0x100);

    put_header(k + 0x40, 0x10000);
    store_le32(k + 0x4c, 0x100020); /* header_addr */
    store_le32(k + 0x50, 0x100000); /* load_addr */
    store_le32(k + 0x54, 0x1000c0); /* load_end_addr */
    store_le32(k + 0x58, 0x102000); /* bss_end_addr */
    store_le32(k + 0x5c, 0x100030); /* entry_addr */
    k[0x20] = 0xfe;
    return g_bytes_new_take(k, 0x100);
}

static void test_multiboot_addresses(void)
{
    g_autoptr(GBytes) kernel = with_addresses();
    g_autoptr(GBytes) data = g_bytes_new("module", 6);
    KernelModule modules[] = {{"one a", data}, {"two", data}};
    KernelRequest request = {"kernel", kernel, "x y", modules, 2, 64 * MIB};
    KernelBoot boot;
    size_t size;

    g_assert_true(kernel_prepare(&boot, &request, NULL));
    g_assert_cmpstr(boot.rom_file, ==, "genroms/multiboot.bin");
    g_assert_cmphex(number(&boot, FW_CFG_KERNEL_ENTRY), ==, 0x100030);
    g_assert_cmphex(number(&boot, FW_CFG_KERNEL_ADDR), ==, 0x100000);
    const uint8_t *k = item(&boot, FW_CFG_KERNEL_DATA, &size);
    g_assert_cmphex(size, ==, 0x2000);
    g_assert_cmphex(k[0], ==, 0xfe);
    g_assert_cmphex(load_le32(k + 0x20), ==, 0x1badb002);
    g_assert_cmphex(k[0xc0], ==, 0);

    uint32_t base = number(&boot, FW_CFG_INITRD_ADDR);
    const uint8_t *info = item(&boot, FW_CFG_INITRD_DATA, &size);
    g_assert_cmphex(base, ==, 0x102000);
    g_assert_cmphex(load_le32(info), ==, 0x20d);
    g_assert_cmpuint(load_le32(info + 4), ==, 639);
    g_assert_cmpuint(load_le32(info + 8), ==, 63 * 1024);
    g_assert_cmpstr((const char *)info + load_le32(info + 16) - base, ==, "kernel x y");
    g_assert_cmpuint(load_le32(info + 20), ==, 2);
    const uint8_t *second = info + load_le32(info + 24) - base + 16;
    g_assert_cmphex(load_le32(second), ==, 0x104000);
    g_assert_cmphex(load_le32(second + 4), ==, 0x104006);
    g_assert_cmpstr((const char *)info + load_le32(second + 8) - base, ==, "two");
    g_assert_cmpmem(info + 0x2000, 6, "module", 6);
    kernel_boot_fini(&boot);
}

/* One segment of 0x10 bytes from 0x80 at 1 MiB, and 0x30 more of zeros. */
static GBytes *elf(uint8_t class)
{
    uint8_t *k = g_malloc0(0xa0);

    memcpy(k, "\177ELF", 4);
    k[4] = class;
    store_le32(k + 24, 0x100004);
    store_le32(k + 28, 52);
    store_le16(k + 44, 1);
    store_le32(k + 52, 1);
    store_le32(k + 56, 0x90);
    store_le32(k + 64, 0x100000);
    store_le32(k + 68, 0x10);
    store_le32(k + 72, 0x40);
    put_header(k + 0x60, 3);
    memset(k + 0x90, 0xcc, 0x10);
    return g_bytes_new_take(k, 0xa0);
}

static void test_multiboot_elf(void)
{
    g_autoptr(GBytes) kernel = elf(1);
    g_autoptr(GBytes) kernel64 = elf(2);
    KernelRequest request = {.name = "elf", .kernel = kernel, .ram_below_4g = 64 * MIB};
    KernelBoot boot;
    size_t size;

    g_assert_true(kernel_is_multiboot(kernel));
    g_assert_true(kernel_prepare(&boot, &request, NULL));
    g_assert_cmphex(number(&boot, FW_CFG_KERNEL_ENTRY), ==, 0x100004);
    const uint8_t *k = item(&boot, FW_CFG_KERNEL_DATA, &size);
    g_assert_cmphex(size, ==, 0x40);
    g_assert_cmphex(k[0x0f], ==, 0xcc);
    g_assert_cmphex(k[0x10], ==, 0x00);
    kernel_boot_fini(&boot);
    request.kernel = kernel64;
    expect_failure(&request, "elf: a multiboot kernel must be a 32-bit ELF file");
}

/* A hostile file may say anything; the answer is a refusal or a kernel, never a crash. */
static void test_hostile_files(void)
{
    for (unsigned round = 0; round < 20000; round++) {
        size_t size;
        g_autoptr(GBytes) good = round % 2 ? elf(1) : with_addresses();
        uint8_t *bytes = g_bytes_unref_to_data(g_steal_pointer(&good), &size);
        for (unsigned n = 0; n < 3; n++)
            bytes[g_test_rand_int_range(0x10, size)] = g_test_rand_int();
        g_autoptr(GBytes) bad = g_bytes_new_take(bytes, size);
        KernelRequest request = {.name = "bad", .kernel = bad, .ram_below_4g = 4 * MIB};
        KernelBoot boot;
        GError *err = NULL;
        if (kernel_prepare(&boot, &request, &err))
            kernel_boot_fini(&boot);
        g_clear_error(&err);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kernel/linux", test_linux);
    g_test_add_func("/kernel/linux-low", test_linux_low);
    g_test_add_func("/kernel/linux-refused", test_linux_refused);
    g_test_add_func("/kernel/multiboot-addresses", test_multiboot_addresses);
    g_test_add_func("/kernel/multiboot-elf", test_multiboot_elf);
    g_test_add_func("/kernel/hostile-files", test_hostile_files);
    return g_test_run();
}
