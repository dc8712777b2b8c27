/* test_vga.c - VGA registers, memory and pictures. [VGA]. */
#include "devices/display/screenshot.h"
#include "tests/devices/vga_modes.h"

#include <glib/gstdio.h>
#include <png.h>
#include <unistd.h>

enum { A0000 = 0xa0000, B8000 = 0xb8000 };

static DisplaySource *display(TestBus *t)
{
    return g_ptr_array_index(t->board->displays, 0);
}

static const Surface *render(TestBus *t)
{
    return display(t)->render(display(t)->opaque);
}

static uint32_t pixel(const Surface *s, unsigned x, unsigned y)
{
    g_assert_cmpuint(x, <, s->width);
    g_assert_cmpuint(y, <, s->height);
    return s->pixels[(size_t)y * s->width + x];
}

static void assert_size(const Surface *s, unsigned width, unsigned height)
{
    g_assert_cmpuint(s->width, ==, width);
    g_assert_cmpuint(s->height, ==, height);
}

/* --- registers --- */

static void test_attribute_port(void)
{
    TestBus *t = test_bus("VGA");

    outb(t, 0x3c2, 0x01);
    inb(t, 0x3da);
    outb(t, 0x3c0, 0x05);
    outb(t, 0x3c0, 0x2a);
    g_assert_cmphex(inb(t, 0x3c1), ==, 0x2a);
    g_assert_cmphex(inb(t, 0x3c0), ==, 0x05);
    outb(t, 0x3c0, 0x06); /* an index again */
    inb(t, 0x3da);        /* which is forgotten */
    outb(t, 0x3c0, 0x05);
    g_assert_cmphex(inb(t, 0x3c1), ==, 0x2a);
    test_bus_free(t);
}

static void test_dac(void)
{
    TestBus *t = test_bus("VGA");

    outb(t, 0x3c8, 10);
    for (unsigned i = 0; i < 6; i++)
        outb(t, 0x3c9, 0x81 + i); /* two bits too many */
    g_assert_cmphex(inb(t, 0x3c8), ==, 12);
    g_assert_cmphex(inb(t, 0x3c7), ==, 0);
    outb(t, 0x3c7, 10);
    g_assert_cmphex(inb(t, 0x3c7), ==, 3);
    for (unsigned i = 0; i < 6; i++)
        g_assert_cmphex(inb(t, 0x3c9), ==, 1 + i);
    g_assert_cmphex(inb(t, 0x3c6), ==, 0xff);
    test_bus_free(t);
}

static void test_crtc_ports(void)
{
    TestBus *t = test_bus("VGA");

    g_assert_cmphex(inb(t, 0x3d5), ==, 0xff); /* a mono adapter after reset */
    outw(t, 0x3b4, 0x420f);
    g_assert_cmphex(inb(t, 0x3b5), ==, 0x42);
    outb(t, 0x3c2, 0x01);
    g_assert_cmphex(inb(t, 0x3cc), ==, 0x01);
    g_assert_cmphex(inb(t, 0x3b5), ==, 0xff);
    g_assert_cmphex(inb(t, 0x3d5), ==, 0x42);
    /* Protection of registers 0 to 7. */
    vga_crtc(t, 0x00, 0x5f);
    vga_crtc(t, 0x11, 0x80);
    vga_crtc(t, 0x00, 0x11);
    vga_crtc(t, 0x07, 0xff);
    outb(t, 0x3d4, 0);
    g_assert_cmphex(inb(t, 0x3d5), ==, 0x5f);
    outb(t, 0x3d4, 7);
    g_assert_cmphex(inb(t, 0x3d5), ==, 0x10); /* only line compare bit 8 */
    test_bus_free(t);
}

static void test_masks(void)
{
    static const uint8_t gc[] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    static const uint8_t seq[] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
    TestBus *t = test_bus("VGA");

    for (unsigned i = 0; i < sizeof(gc); i++) {
        vga_gc(t, i, 0xff);
        g_assert_cmphex(inb(t, 0x3cf), ==, gc[i]);
    }
    for (unsigned i = 0; i < sizeof(seq); i++) {
        vga_seq(t, i, 0xff);
        g_assert_cmphex(inb(t, 0x3c5), ==, seq[i]);
    }
    test_bus_free(t);
}

/* Mode 3: a line is 100 characters of 9 dots at 28.322 MHz, 449 lines a frame: 70.08 Hz. */
static void test_retrace(void)
{
    TestBus *t = test_bus("VGA");
    unsigned frames = 0, last = 0;
    Ns step = 10 * NS_PER_US, displayed = 0;

    vga_set_mode(t, &mode_03);
    for (Ns at = 0; at < NS_PER_SEC; at += step) {
        uint8_t status = inb(t, 0x3da);
        frames += (status & 8) && !last;
        last = status & 8;
        displayed += status & 1 ? 0 : step;
        clock_step(t, step);
    }
    g_assert_cmpuint(frames, ==, 70);
    /* 720 of 900 dots in 400 of 449 lines = 71 % of the time. */
    g_assert_cmpint(displayed, >, 70 * NS_PER_SEC / 100);
    g_assert_cmpint(displayed, <, 73 * NS_PER_SEC / 100);
    test_bus_free(t);
}

/* --- memory --- */

/* Mode 12h with latches of 11 22 44 88 at plane address 0. */
static TestBus *planes(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_12);
    for (unsigned p = 0; p < 4; p++) {
        vga_seq(t, 2, 1 << p);
        writeb(t, A0000, 0x11 << p);
    }
    vga_seq(t, 2, 0xf);
    readb(t, A0000);
    return t;
}

static uint8_t plane(TestBus *t, unsigned p, uint32_t at)
{
    vga_gc(t, 4, p);
    return readb(t, A0000 + at);
}

static void assert_planes(TestBus *t, uint32_t at, uint8_t p0, uint8_t p1, uint8_t p2, uint8_t p3)
{
    g_assert_cmphex(plane(t, 0, at), ==, p0);
    g_assert_cmphex(plane(t, 1, at), ==, p1);
    g_assert_cmphex(plane(t, 2, at), ==, p2);
    g_assert_cmphex(plane(t, 3, at), ==, p3);
}

static void test_write_mode_0(void)
{
    TestBus *t = planes();

    assert_planes(t, 0, 0x11, 0x22, 0x44, 0x88);
    writeb(t, A0000 + 1, 0x5a);
    assert_planes(t, 1, 0x5a, 0x5a, 0x5a, 0x5a);
    vga_gc(t, 3, 4); /* rotate right by 4 */
    writeb(t, A0000 + 2, 0x12);
    assert_planes(t, 2, 0x21, 0x21, 0x21, 0x21);
    vga_gc(t, 3, 0);
    vga_gc(t, 0, 0x5); /* set/reset planes 0 and 2 to ones, 1 to zeros */
    vga_gc(t, 1, 0x7);
    writeb(t, A0000 + 3, 0x3c);
    assert_planes(t, 3, 0xff, 0x00, 0xff, 0x3c);
    vga_gc(t, 1, 0);
    readb(t, A0000); /* latches 11 22 44 88 */
    vga_gc(t, 8, 0xf0);
    writeb(t, A0000 + 4, 0xff);
    assert_planes(t, 4, 0xf1, 0xf2, 0xf4, 0xf8);
    vga_seq(t, 2, 0x8); /* only plane 3 */
    vga_gc(t, 8, 0xff);
    writeb(t, A0000 + 4, 0x00);
    assert_planes(t, 4, 0xf1, 0xf2, 0xf4, 0x00);
    test_bus_free(t);
}

static void test_logical_functions(void)
{
    TestBus *t = planes();
    static const uint8_t expected[3][4] = {
        {0x01, 0x02, 0x04, 0x08}, /* AND 0f */
        {0x1f, 0x2f, 0x4f, 0x8f}, /* OR */
        {0x1e, 0x2d, 0x4b, 0x87}, /* XOR */
    };

    for (unsigned f = 0; f < 3; f++) {
        const uint8_t *e = expected[f];

        readb(t, A0000);
        vga_gc(t, 3, (f + 1) << 3);
        writeb(t, A0000 + 1, 0x0f);
        assert_planes(t, 1, e[0], e[1], e[2], e[3]);
    }
    test_bus_free(t);
}

static void test_write_modes_1_2_3(void)
{
    TestBus *t = planes();

    vga_gc(t, 5, 1);
    writeb(t, A0000 + 1, 0xff);
    assert_planes(t, 1, 0x11, 0x22, 0x44, 0x88);
    vga_gc(t, 5, 2);
    readb(t, A0000);
    vga_gc(t, 8, 0x3c);
    writeb(t, A0000 + 2, 0x6); /* planes 1 and 2 */
    assert_planes(t, 2, 0x11 & 0xc3, 0x3e, 0x7c, 0x88 & 0xc3);
    vga_gc(t, 5, 3);
    vga_gc(t, 0, 0x9);
    vga_gc(t, 3, 1);
    readb(t, A0000);
    writeb(t, A0000 + 3, 0xf0); /* mask: 78 & 3c = 38 */
    assert_planes(t, 3, 0x39, 0x22 & 0xc7, 0x44 & 0xc7, 0xb8);
    vga_gc(t, 3, 3 << 3); /* XOR with the latches, no rotation */
    readb(t, A0000);
    writeb(t, A0000 + 4, 0xff); /* mask 3c */
    assert_planes(t, 4, 0x11 ^ 0x3c, 0x22, 0x44, 0x88 ^ 0x3c);
    test_bus_free(t);
}

/* Read mode 1: where do the planes that count show the colour? */
static void test_read_compare(void)
{
    TestBus *t = planes();

    vga_gc(t, 5, 8);
    vga_gc(t, 2, 0x1);
    vga_gc(t, 7, 0xf);
    g_assert_cmphex(readb(t, A0000), ==, 0x11); /* colour 1: bits 0 and 4 */
    vga_gc(t, 2, 0x8);
    g_assert_cmphex(readb(t, A0000), ==, 0x88);
    vga_gc(t, 2, 0x0);
    g_assert_cmphex(readb(t, A0000), ==, 0x00);
    vga_gc(t, 7, 0x1); /* only plane 0 counts */
    g_assert_cmphex(readb(t, A0000), ==, 0xee);
    vga_gc(t, 7, 0x0);
    g_assert_cmphex(readb(t, A0000), ==, 0xff);
    test_bus_free(t);
}

static void test_maps(void)
{
    static const uint32_t base[] = {0xa0000, 0xa0000, 0xb0000, 0xb8000};
    static const uint32_t size[] = {0x20000, 0x10000, 0x8000, 0x8000};
    TestBus *t = planes();

    for (unsigned map = 0; map < 4; map++) {
        vga_gc(t, 6, map << 2);
        vga_gc(t, 4, 0);
        g_assert_cmphex(readb(t, base[map]), ==, 0x11);
        if (base[map] > 0xa0000)
            g_assert_cmphex(readb(t, base[map] - 1), ==, 0xff);
        if (base[map] + size[map] < 0xc0000)
            g_assert_cmphex(readb(t, base[map] + size[map]), ==, 0xff);
    }
    test_bus_free(t);
}

/* Chain-4 memory is RAM for the CPU, unless planes are masked. */
static void test_chain4(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_13);
    g_assert_nonnull(address_space_page(&t->board->memory, A0000).host);
    writel(t, A0000 + 8, 0x44332211);
    g_assert_cmphex(readl(t, A0000 + 8), ==, 0x44332211);
    vga_seq(t, 2, 0x5);
    g_assert_null(address_space_page(&t->board->memory, A0000).host);
    writel(t, A0000 + 8, 0xffffffff);
    g_assert_cmphex(readl(t, A0000 + 8), ==, 0x44ff22ff);
    /* Unchained, the same bytes are the four planes of one address. */
    vga_seq(t, 4, 0x06);
    vga_gc(t, 4, 1);
    g_assert_cmphex(readb(t, A0000 + 2), ==, 0x22);
    test_bus_free(t);
}

static void count_code_write(void *opaque, uint8_t *host, uint64_t size)
{
    *(uint64_t *)opaque += size;
}

/* Code in the frame buffer's BAR is written through the window, and wiped by a change of mode. */
static void test_code_in_memory(void)
{
    TestBus *t = planes();
    AddressSpace *memory = &t->board->memory;
    MemPage page = address_space_page(memory, ((PciFunction *)t->dev)->bars[0].addr);
    uint64_t written = 0;

    g_assert_nonnull(page.host);
    *page.page_flags |= PAGE_HAS_CODE;
    memory->on_code_write = count_code_write;
    memory->listener = &written;
    writeb(t, A0000, 1);
    g_assert_cmpuint(written, ==, 4); /* a byte in each plane */
    vga_set_mode(t, &mode_13);
    vga_seq(t, 2, 0x1);
    writel(t, A0000 + 8, 0);
    g_assert_cmpuint(written, ==, 5);
    static const uint16_t vbe[][2] = {
        {1, 640}, {2, 480}, {3, 8}, {4, 1}}; /* enable: clear memory */
    for (unsigned i = 0; i < G_N_ELEMENTS(vbe); i++) {
        outw(t, 0x1ce, vbe[i][0]);
        outw(t, 0x1d0, vbe[i][1]);
    }
    g_assert_cmpuint(written, >=, 5 + PAGE_SIZE);
    memory->on_code_write = NULL;
    test_bus_free(t);
}

/* --- text --- */

/* 'A' has a full first line and a dot at the left of the others; 0xC4 has its rightmost dot on. */
static void load_font(TestBus *t)
{
    vga_seq(t, 2, 0x4);
    vga_seq(t, 4, 0x7);
    vga_gc(t, 5, 0);
    vga_gc(t, 6, 0x4);
    for (unsigned y = 0; y < 16; y++) {
        writeb(t, A0000 + 'A' * 32 + y, y ? 0x80 : 0xff);
        writeb(t, A0000 + 0xc4 * 32 + y, 0x01);
    }
    vga_seq(t, 2, 0x3);
    vga_seq(t, 4, 0x2);
    vga_gc(t, 5, 0x10);
    vga_gc(t, 6, 0xe);
}

static TestBus *text_mode(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_03);
    load_font(t);
    for (unsigned i = 0; i < 80 * 25; i++)
        writew(t, B8000 + 2 * i, 0x0720);
    vga_crtc(t, 0x0f, 81); /* cursor at row 1, column 1 */
    return t;
}

static void test_text_screen(void)
{
    TestBus *t = text_mode();
    TextScreen s;

    writew(t, B8000 + 2 * (3 * 80 + 5), 0x1e41);
    g_assert_true(display(t)->text(display(t)->opaque, &s));
    g_assert_cmpuint(s.columns, ==, 80);
    g_assert_cmpuint(s.rows, ==, 25);
    g_assert_cmphex(s.cells[3 * 80 + 5], ==, 0x1e41);
    g_assert_cmphex(s.cells[0], ==, 0x0720);
    g_assert_cmpuint(s.cursor_column, ==, 1);
    g_assert_cmpuint(s.cursor_row, ==, 1);
    vga_crtc(t, 0x0d, 80); /* scrolled by a row */
    g_assert_true(display(t)->text(display(t)->opaque, &s));
    g_assert_cmphex(s.cells[2 * 80 + 5], ==, 0x1e41);
    g_assert_cmpuint(s.cursor_row, ==, 0);
    vga_set_mode(t, &mode_13);
    g_assert_false(display(t)->text(display(t)->opaque, &s));
    test_bus_free(t);
}

static void test_text_pixels(void)
{
    TestBus *t = text_mode();

    writew(t, B8000, 0x1e41);
    writew(t, B8000 + 2, 0x07c4);
    const Surface *s = render(t);
    assert_size(s, 720, 400);
    /* Attribute 1E: yellow (palette 14 = DAC 3E) on blue (DAC 1). */
    g_assert_cmphex(pixel(s, 0, 0), ==, vga_color(0x3e));
    g_assert_cmphex(pixel(s, 7, 0), ==, vga_color(0x3e));
    g_assert_cmphex(pixel(s, 8, 0), ==, vga_color(1)); /* the ninth dot */
    g_assert_cmphex(pixel(s, 0, 15), ==, vga_color(0x3e));
    g_assert_cmphex(pixel(s, 1, 15), ==, vga_color(1));
    g_assert_cmphex(pixel(s, 0, 16), ==, vga_color(0));
    /* Line graphics continue into the ninth dot. */
    g_assert_cmphex(pixel(s, 15, 3), ==, vga_color(0));
    g_assert_cmphex(pixel(s, 16, 3), ==, vga_color(7));
    g_assert_cmphex(pixel(s, 17, 3), ==, vga_color(7));
    /* The cursor: lines 13 and 14 of its cell, and away 8 frames later. */
    g_assert_cmphex(pixel(s, 9, 16 + 13), ==, vga_color(7));
    g_assert_cmphex(pixel(s, 17, 16 + 14), ==, vga_color(7));
    g_assert_cmphex(pixel(s, 9, 16 + 12), ==, vga_color(0));
    g_assert_cmphex(pixel(s, 9, 16 + 15), ==, vga_color(0));
    clock_step(t, 150 * NS_PER_MS);
    g_assert_cmphex(pixel(render(t), 9, 16 + 13), ==, vga_color(0));
    clock_step(t, 150 * NS_PER_MS);
    g_assert_cmphex(pixel(render(t), 9, 16 + 13), ==, vga_color(7));
    vga_crtc(t, 0x0a, 0x2d);
    g_assert_cmphex(pixel(render(t), 9, 16 + 13), ==, vga_color(0));
    test_bus_free(t);
}

static void test_text_blink(void)
{
    TestBus *t = text_mode();

    writew(t, B8000, 0x9e41);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0x3e));
    clock_step(t, 300 * NS_PER_MS);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(1));
    vga_attr(t, 0x10, 0x04); /* bit 7 is bright background instead */
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0x3e));
    g_assert_cmphex(pixel(render(t), 8, 0), ==, vga_color(0x39));
    /* 8 dots a character. */
    vga_seq(t, 1, 0x01);
    assert_size(render(t), 640, 400);
    test_bus_free(t);
}

/* --- graphics --- */

static void test_mode_12(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_12);
    vga_gc(t, 0, 0xe); /* colour 14 by set/reset */
    vga_gc(t, 1, 0xf);
    vga_gc(t, 8, 0x10);
    readb(t, A0000 + 100 * 80 + 7);
    writeb(t, A0000 + 100 * 80 + 7, 0);
    const Surface *s = render(t);
    assert_size(s, 640, 480);
    g_assert_cmphex(pixel(s, 7 * 8 + 3, 100), ==, vga_color(0x3e));
    g_assert_cmphex(pixel(s, 7 * 8 + 2, 100), ==, vga_color(0));
    vga_attr(t, 0x12, 0x6); /* planes 1 and 2 only: colour 6 = DAC 14 */
    g_assert_cmphex(pixel(render(t), 7 * 8 + 3, 100), ==, vga_color(0x14));
    vga_attr(t, 0x12, 0xf);
    vga_attr(t, 0x13, 3); /* panning */
    g_assert_cmphex(pixel(render(t), 7 * 8, 100), ==, vga_color(0x3e));
    test_bus_free(t);
}

static void test_mode_13_and_x(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_13);
    writeb(t, A0000 + 50 * 320 + 7, 0x21);
    const Surface *s = render(t);
    assert_size(s, 640, 400); /* every dot twice, every line twice */
    for (unsigned y = 100; y < 102; y++)
        for (unsigned x = 14; x < 16; x++)
            g_assert_cmphex(pixel(s, x, y), ==, vga_color(0x21));
    g_assert_cmphex(pixel(s, 13, 100), ==, vga_color(0));
    g_assert_cmphex(pixel(s, 16, 100), ==, vga_color(0));
    g_assert_cmphex(pixel(s, 14, 102), ==, vga_color(0));
    /* Mode X: unchained, byte addresses; a second page begins at plane address 16000. */
    vga_seq(t, 4, 0x06);
    vga_crtc(t, 0x14, 0x00);
    vga_crtc(t, 0x17, 0xe3);
    vga_seq(t, 2, 0x2); /* plane 1 */
    writeb(t, A0000 + 16000 + 30 * 80 + 2, 0x15);
    vga_crtc(t, 0x0c, 16000 >> 8);
    vga_crtc(t, 0x0d, 16000 & 0xff);
    g_assert_cmphex(pixel(render(t), 2 * (2 * 4 + 1), 60), ==, vga_color(0x15));
    test_bus_free(t);
}

/* Lines of mode 4 alternate between B8000 and BA000. */
static void test_mode_4(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_04);
    writeb(t, B8000 + 5 * 80 + 1, 0x1b);          /* line 10, dots 4 to 7: 0 1 2 3 */
    writeb(t, B8000 + 0x2000 + 5 * 80 + 2, 0xc0); /* line 11, dot 8: 3 */
    const Surface *s = render(t);
    assert_size(s, 640, 400);
    g_assert_cmphex(pixel(s, 8, 20), ==, vga_color(0x00));
    g_assert_cmphex(pixel(s, 10, 20), ==, vga_color(0x13));
    g_assert_cmphex(pixel(s, 12, 21), ==, vga_color(0x15));
    g_assert_cmphex(pixel(s, 15, 21), ==, vga_color(0x17));
    g_assert_cmphex(pixel(s, 16, 21), ==, vga_color(0x00));
    g_assert_cmphex(pixel(s, 16, 22), ==, vga_color(0x17));
    g_assert_cmphex(pixel(s, 16, 23), ==, vga_color(0x17));
    test_bus_free(t);
}

/* [VGA] "Line Compare": below the line, the picture begins at address 0. */
static void test_split_screen(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_12);
    vga_gc(t, 8, 0xff);
    writeb(t, A0000, 0xff);
    vga_crtc(t, 0x0d, 80); /* starts at line 1 */
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0));
    vga_crtc(t, 0x18, 99);
    vga_crtc(t, 0x11, 0x0c);
    vga_crtc(t, 0x07, 0x2e);
    vga_crtc(t, 0x09, 0x00);
    g_assert_cmphex(pixel(render(t), 0, 99), ==, vga_color(0));
    g_assert_cmphex(pixel(render(t), 0, 100), ==, vga_color(0x3f));
    g_assert_cmphex(pixel(render(t), 0, 101), ==, vga_color(0));
    test_bus_free(t);
}

static void test_blank(void)
{
    TestBus *t = test_bus("VGA");

    assert_size(render(t), 640, 480);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, 0);
    vga_set_mode(t, &mode_13);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0));
    vga_seq(t, 1, 0x21); /* screen off */
    g_assert_cmphex(pixel(render(t), 0, 0), ==, 0);
    vga_seq(t, 1, 0x01);
    inb(t, 0x3da);
    outb(t, 0x3c0, 0x00); /* palette address source */
    g_assert_cmphex(pixel(render(t), 0, 0), ==, 0);
    test_bus_free(t);
}

static void test_palette(void)
{
    TestBus *t = test_bus("VGA");

    vga_set_mode(t, &mode_13);
    writeb(t, A0000, 0xff);
    outb(t, 0x3c6, 0x0f);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0x0f));
    vga_set_mode(t, &mode_12);
    vga_gc(t, 8, 0xff);
    vga_gc(t, 0, 3);
    vga_gc(t, 1, 0xf);
    writeb(t, A0000, 0);
    outb(t, 0x3c6, 0xff);
    vga_attr(t, 0x14, 0x02); /* colour select: bits 5:4 of the index */
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0x03));
    vga_attr(t, 0x10, 0x81);
    g_assert_cmphex(pixel(render(t), 0, 0), ==, vga_color(0x23));
    test_bus_free(t);
}

static void test_png(void)
{
    uint32_t pixels[6] = {0x112233, 0xff0000, 0x00ff00, 0x0000ff, 0xffffff, 0x000000};
    Surface s = {3, 2, pixels};
    g_autofree char *name = g_strdup_printf("myna-test-vga-%d.png", getpid());
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), name, NULL);
    png_image image = {.version = PNG_IMAGE_VERSION};
    g_autoptr(GError) err = NULL;
    uint8_t rgb[18];

    g_assert_true(surface_write_png(&s, path, &err));
    g_assert_true(png_image_begin_read_from_file(&image, path));
    g_assert_cmpuint(image.width, ==, 3);
    g_assert_cmpuint(image.height, ==, 2);
    image.format = PNG_FORMAT_RGB;
    g_assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    for (unsigned i = 0; i < 6; i++)
        g_assert_cmphex(rgb[3 * i] << 16 | rgb[3 * i + 1] << 8 | rgb[3 * i + 2], ==, pixels[i]);
    g_unlink(path);
    g_assert_false(surface_write_png(&s, "/nonexistent/x.png", &err));
    g_assert_cmpstr(err->message, ==, "/nonexistent/x.png: No such file or directory");
}

/* Any register values make some picture. */
static void test_hostile(void)
{
    TestBus *t = test_bus("VGA");

    for (unsigned round = 0; round < 100; round++) {
        TextScreen screen;

        outb(t, 0x3c2, g_test_rand_int() | 1);
        for (unsigned i = 0; i < 8; i++)
            vga_seq(t, i, g_test_rand_int());
        vga_seq(t, 1, g_test_rand_int() & ~0x20);
        vga_crtc(t, 0x11, 0);
        for (unsigned i = 0; i < 25; i++)
            vga_crtc(t, i, g_test_rand_int());
        for (unsigned i = 0; i < 9; i++)
            vga_gc(t, i, g_test_rand_int());
        for (unsigned i = 0; i < 21; i++)
            vga_attr(t, i, g_test_rand_int());
        for (unsigned i = 0; i < 10; i++) {
            if (g_test_rand_int_range(0, 3) == 0) {
                outw(t, 0x1ce, g_test_rand_int_range(0, 11));
                outw(t, 0x1cf, g_test_rand_int());
            }
            writeb(t, A0000 + g_test_rand_int_range(0, 0x20000), g_test_rand_int());
            readb(t, A0000 + g_test_rand_int_range(0, 0x20000));
        }
        inb(t, 0x3da);
        const Surface *s = render(t);
        g_assert_cmpuint(s->width * s->height, >, 0);
        display(t)->text(display(t)->opaque, &screen);
        clock_step(t, g_test_rand_int_range(0, NS_PER_MS));
    }
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga/attribute-port", test_attribute_port);
    g_test_add_func("/vga/dac", test_dac);
    g_test_add_func("/vga/crtc-ports", test_crtc_ports);
    g_test_add_func("/vga/masks", test_masks);
    g_test_add_func("/vga/retrace", test_retrace);
    g_test_add_func("/vga/write-mode-0", test_write_mode_0);
    g_test_add_func("/vga/logical-functions", test_logical_functions);
    g_test_add_func("/vga/write-modes-1-2-3", test_write_modes_1_2_3);
    g_test_add_func("/vga/read-compare", test_read_compare);
    g_test_add_func("/vga/maps", test_maps);
    g_test_add_func("/vga/chain4", test_chain4);
    g_test_add_func("/vga/code-in-memory", test_code_in_memory);
    g_test_add_func("/vga/text-screen", test_text_screen);
    g_test_add_func("/vga/text-pixels", test_text_pixels);
    g_test_add_func("/vga/text-blink", test_text_blink);
    g_test_add_func("/vga/mode-12", test_mode_12);
    g_test_add_func("/vga/mode-13-and-x", test_mode_13_and_x);
    g_test_add_func("/vga/mode-4", test_mode_4);
    g_test_add_func("/vga/split-screen", test_split_screen);
    g_test_add_func("/vga/blank", test_blank);
    g_test_add_func("/vga/palette", test_palette);
    g_test_add_func("/vga/png", test_png);
    g_test_add_func("/vga/hostile", test_hostile);
    return g_test_run();
}
