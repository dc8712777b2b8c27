/* test_vbe.c - the Bochs display interface and the PCI side of the VGA. [VBEDISPI]. */
#include "core/display.h"
#include "tests/devices/vga_modes.h"

enum {
    ID,
    XRES,
    YRES,
    BPP,
    ENABLE,
    BANK,
    VIRTUAL_WIDTH,
    VIRTUAL_HEIGHT,
    X_OFFSET,
    Y_OFFSET,
    MEMORY_64K,

    ENABLED = 0x01,
    CAPABILITIES = 0x02,
    DAC_8BIT = 0x20,
    LINEAR = 0x40,
    KEEP = 0x80,

    FB = 0xe0000000,   /* BAR 0 on the test bus */
    MMIO = 0xe4000000, /* BAR 2 */
};

static void vbe(TestBus *t, unsigned index, uint16_t value)
{
    outw(t, 0x1ce, index);
    outw(t, 0x1cf, value);
}

static uint16_t vbe_get(TestBus *t, unsigned index)
{
    outw(t, 0x1ce, index);
    return inw(t, 0x1cf);
}

static void set_mode(TestBus *t, unsigned width, unsigned height, unsigned bpp, unsigned flags)
{
    vbe(t, ENABLE, 0);
    vbe(t, XRES, width);
    vbe(t, YRES, height);
    vbe(t, BPP, bpp);
    vbe(t, ENABLE, ENABLED | LINEAR | flags);
    inb(t, 0x3da);
    outb(t, 0x3c0, 0x20);
}

static TestBus *new_vga(void)
{
    TestBus *t = test_bus("VGA");

    outb(t, 0x3c2, 0x01);
    return t;
}

static uint32_t pixel(TestBus *t, unsigned x, unsigned y)
{
    DisplaySource *d = g_ptr_array_index(t->board->displays, 0);
    const Surface *s = d->render(d->opaque);

    g_assert_cmpuint(x, <, s->width);
    g_assert_cmpuint(y, <, s->height);
    return s->pixels[(size_t)y * s->width + x];
}

static void test_id(void)
{
    TestBus *t = new_vga();

    g_assert_cmphex(vbe_get(t, ID), ==, 0xb0c5);
    vbe(t, ID, 0xb0c2);
    g_assert_cmphex(vbe_get(t, ID), ==, 0xb0c2);
    vbe(t, ID, 0x1234);
    g_assert_cmphex(vbe_get(t, ID), ==, 0xb0c2);
    g_assert_cmpuint(vbe_get(t, MEMORY_64K), ==, 256);
    vbe(t, ENABLE, CAPABILITIES);
    g_assert_cmpuint(vbe_get(t, XRES), ==, 16000);
    g_assert_cmpuint(vbe_get(t, YRES), ==, 12000);
    g_assert_cmpuint(vbe_get(t, BPP), ==, 32);
    outw(t, 0x1ce, MEMORY_64K);
    g_assert_cmpuint(inw(t, 0x1d0), ==, 256); /* the aligned data port */
    test_bus_free(t);
}

static void test_depths(void)
{
    TestBus *t = new_vga();

    set_mode(t, 640, 480, 32, 0);
    writel(t, FB + 4 * (10 * 640 + 20), 0xff123456);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0x123456);
    set_mode(t, 640, 480, 24, 0);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0); /* cleared */
    writew(t, FB + 3 * (10 * 640 + 20), 0x3456);
    writeb(t, FB + 3 * (10 * 640 + 20) + 2, 0x12);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0x123456);
    set_mode(t, 640, 480, 16, 0);
    writew(t, FB + 2 * (10 * 640 + 20), 0xf81f);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0xff00ff);
    writew(t, FB + 2 * (10 * 640 + 20), 0x0020);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0x000400);
    set_mode(t, 640, 480, 15, 0);
    writew(t, FB + 2 * (10 * 640 + 20), 0x7c00);
    g_assert_cmphex(pixel(t, 20, 10), ==, 0xff0000);
    set_mode(t, 640, 480, 8, 0);
    vga_dac(t, 0x42, 63, 0, 1);
    writeb(t, FB + 10 * 640 + 20, 0x42);
    g_assert_cmphex(pixel(t, 20, 10), ==, vga_rgb6(63, 0, 1));
    test_bus_free(t);
}

static void test_8bit_dac(void)
{
    TestBus *t = new_vga();

    set_mode(t, 320, 200, 8, DAC_8BIT);
    vga_dac(t, 0x42, 0xfe, 0x80, 0x01);
    writeb(t, FB, 0x42);
    g_assert_cmphex(pixel(t, 0, 0), ==, 0xfe8001);
    test_bus_free(t);
}

static void test_planar(void)
{
    TestBus *t = new_vga();

    for (unsigned i = 0; i < 16; i++)
        vga_attr(t, i, i);
    vga_attr(t, 0x12, 0xf);
    vga_dac(t, 5, 63, 63, 63);
    set_mode(t, 800, 600, 4, 0);
    vga_seq(t, 4, 0x06);
    vga_gc(t, 8, 0xff);
    vga_seq(t, 2, 0x5); /* planes 0 and 2 */
    writeb(t, 0xa0000 + 10 * 100 + 3, 0x08);
    g_assert_cmphex(pixel(t, 3 * 8 + 4, 10), ==, 0xffffff);
    g_assert_cmphex(pixel(t, 3 * 8 + 3, 10), ==, 0);
    test_bus_free(t);
}

static void test_keep_memory(void)
{
    TestBus *t = new_vga();

    writel(t, FB, 0x00abcdef);
    set_mode(t, 640, 480, 32, KEEP);
    g_assert_cmphex(pixel(t, 0, 0), ==, 0xabcdef);
    set_mode(t, 640, 480, 32, 0);
    g_assert_cmphex(readl(t, FB), ==, 0);
    test_bus_free(t);
}

static void test_panning(void)
{
    TestBus *t = new_vga();

    set_mode(t, 640, 480, 32, 0);
    vbe(t, VIRTUAL_WIDTH, 1024);
    g_assert_cmpuint(vbe_get(t, VIRTUAL_WIDTH), ==, 1024);
    g_assert_cmpuint(vbe_get(t, VIRTUAL_HEIGHT), ==, 16 * MIB / (1024 * 4));
    writel(t, FB + 4 * (100 * 1024 + 50), 0x00112233);
    g_assert_cmphex(pixel(t, 50, 100), ==, 0x112233);
    vbe(t, X_OFFSET, 30);
    vbe(t, Y_OFFSET, 40);
    g_assert_cmphex(pixel(t, 20, 60), ==, 0x112233);
    vbe(t, Y_OFFSET, 65535); /* not in memory */
    g_assert_cmpuint(vbe_get(t, Y_OFFSET), ==, 0);
    g_assert_cmphex(pixel(t, 20, 100), ==, 0x112233);
    test_bus_free(t);
}

static void test_limits(void)
{
    TestBus *t = new_vga();

    set_mode(t, 1023, 0, 7, 0);
    g_assert_cmpuint(vbe_get(t, XRES), ==, 1016); /* a multiple of 8 */
    g_assert_cmpuint(vbe_get(t, YRES), ==, 1);
    g_assert_cmpuint(vbe_get(t, BPP), ==, 8);
    set_mode(t, 65535, 65535, 32, 0);
    g_assert_cmpuint(vbe_get(t, XRES), ==, 16000);
    g_assert_cmpuint(vbe_get(t, YRES), ==, 16 * MIB / (16000 * 4));
    pixel(t, 15999, 261);
    test_bus_free(t);
}

static void test_bank(void)
{
    TestBus *t = new_vga();

    set_mode(t, 1024, 768, 8, 0);
    vbe(t, BANK, 3);
    g_assert_nonnull(address_space_page(&t->board->memory, 0xa0000).host);
    writeb(t, 0xa0000 + 0x123, 0x77);
    g_assert_cmphex(readb(t, FB + 0x30123), ==, 0x77);
    vbe(t, BANK, 256 + 1); /* wraps in memory */
    g_assert_cmpuint(vbe_get(t, BANK), ==, 1);
    vbe(t, ENABLE, 0);
    g_assert_cmpuint(vbe_get(t, BANK), ==, 0);
    test_bus_free(t);
}

static void test_mmio(void)
{
    TestBus *t = new_vga();

    g_assert_cmphex(readw(t, MMIO + 0x500), ==, 0xb0c5);
    writew(t, MMIO + 0x502, 800);
    g_assert_cmpuint(vbe_get(t, XRES), ==, 800);
    writeb(t, MMIO + 0x408, 0x17); /* port 3C8 */
    g_assert_cmphex(inb(t, 0x3c8), ==, 0x17);
    writew(t, MMIO + 0x40e, 0x5508); /* 3CE and 3CF */
    g_assert_cmphex(inb(t, 0x3cf), ==, 0x55);
    g_assert_cmphex(readl(t, MMIO + 0x600), ==, 8);
    g_assert_cmphex(readl(t, MMIO + 0x604), ==, 0x1e1e1e1e);
    set_mode(t, 640, 480, 32, 0);
    writel(t, FB, 0x00112233);
    writel(t, MMIO + 0x604, 0xbebebebe);
    g_assert_cmphex(readl(t, MMIO + 0x604), ==, 0xbebebebe);
    g_assert_cmphex(pixel(t, 0, 0), ==, 0x221100);
    writel(t, MMIO + 0x604, 0x12345678);
    g_assert_cmphex(readl(t, MMIO + 0x604), ==, 0xbebebebe);
    writel(t, MMIO + 0x604, 0x1e1e1e1e);
    g_assert_cmphex(pixel(t, 0, 0), ==, 0x112233);
    test_bus_free(t);
}

static void link_rom(TestBus *t)
{
    device_set_link(t->dev, "rom", t->user);
}

static void test_pci(void)
{
    static const uint8_t image[39936] = {0x55, 0xaa, 78};
    g_autoptr(GBytes) rom = g_bytes_new_static(image, sizeof(image));
    TestBus *t = test_bus_with("VGA", link_rom, rom);
    int devfn = ((PciFunction *)t->dev)->devfn;

    g_assert_cmphex(pci_config_read(t->pci, devfn, 0, 4), ==, 0x11111234);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 8, 4), ==, 0x03000002);
    pci_config_write(t->pci, devfn, 0x10, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x10, 4), ==, 0xff000008);
    pci_config_write(t->pci, devfn, 0x18, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x18, 4), ==, 0xfffff000);
    pci_config_write(t->pci, devfn, 0x30, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x30, 4), ==, 0xffff0001);
    pci_config_write(t->pci, devfn, 0x30, 0xd0000001, 4);
    g_assert_cmphex(readl(t, 0xd0000000), ==, 0x004eaa55);
    g_assert_cmphex(readb(t, 0xd000ffff), ==, 0);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vbe/id", test_id);
    g_test_add_func("/vbe/depths", test_depths);
    g_test_add_func("/vbe/8bit-dac", test_8bit_dac);
    g_test_add_func("/vbe/planar", test_planar);
    g_test_add_func("/vbe/keep-memory", test_keep_memory);
    g_test_add_func("/vbe/panning", test_panning);
    g_test_add_func("/vbe/limits", test_limits);
    g_test_add_func("/vbe/bank", test_bank);
    g_test_add_func("/vbe/mmio", test_mmio);
    g_test_add_func("/vbe/pci", test_pci);
    return g_test_run();
}
