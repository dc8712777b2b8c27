/* test_atapi.c - the CD-ROM drive. [ATA6] PACKET protocol; [MMC], [SPC], [SFF8020] commands. */
#include "tests/support/memdisk.h"
#include "tests/support/testbus.h"

#include <errno.h>

enum {
    P = 0x170, /* secondary channel */
    FEATURE = P + 1,
    REASON = P + 2,
    MID = P + 4,
    HIGH = P + 5,
    DEVICE = P + 6,
    COMMAND = P + 7,
    CONTROL = 0x376,
    BM = 0xd008,
    SECTORS = 2048,
    PRD = 0x10000,
    DATA = 0x20000,
};

typedef struct Cd {
    TestBus *t;
    Block *block;
} Cd;

static void link_cd(TestBus *t)
{
    device_set_link(t->dev, "cdrom2", t->user);
}

static Cd set_up(void)
{
    Cd x = {.block = memdisk_new(SECTORS * 2048)};

    x.t = test_bus_with("piix3-ide", link_cd, x.block);
    outb(x.t, DEVICE, 0xa0);
    return x;
}

static void tear_down(Cd *x)
{
    test_bus_free(x->t);
    block_free(x->block);
}

typedef struct Packet {
    uint8_t bytes[12];
} Packet;
#define PACKET(...) ((Packet){{__VA_ARGS__}})

static void send_packet(TestBus *t, Packet p, uint8_t feature, uint16_t limit)
{
    outb(t, FEATURE, feature);
    outb(t, MID, limit);
    outb(t, HIGH, limit >> 8);
    outb(t, COMMAND, 0xa0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    g_assert_cmphex(inb(t, REASON), ==, 1); /* command, to the drive */
    for (unsigned i = 0; i < 12; i += 2)
        outw(t, P, p.bytes[i] | p.bytes[i + 1] << 8);
}

/* Runs a packet with PIO data; returns how many bytes came. */
static unsigned run(TestBus *t, Packet p, uint16_t limit, uint8_t *out, unsigned size)
{
    unsigned at = 0;

    send_packet(t, p, 0, limit);
    for (;;) {
        g_assert_cmpint(level(t, "irq", 1), ==, 1);
        if (!(inb(t, COMMAND) & 0x08))
            break;
        g_assert_cmphex(inb(t, REASON), ==, 2); /* data, to the host */
        unsigned count = inb(t, MID) | inb(t, HIGH) << 8;
        g_assert_cmpuint(count, <=, limit);
        g_assert_cmpuint(at + count, <=, size);
        for (unsigned i = 0; i < count; i += 2, at += 2)
            store_le16(out + at, inw(t, P));
    }
    g_assert_cmphex(inb(t, REASON), ==, 3);
    return at;
}

static void assert_ok(TestBus *t)
{
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
}

/* The last command failed with this sense. */
static void assert_sense(TestBus *t, uint8_t key, uint8_t asc)
{
    uint8_t sense[18];

    g_assert_cmphex(inb(t, COMMAND), ==, 0x51);
    g_assert_cmphex(inb(t, FEATURE), ==, key << 4 | 0x04);
    g_assert_cmpuint(run(t, PACKET(0x03, 0, 0, 0, 18), 0x200, sense, sizeof(sense)), ==, 18);
    g_assert_cmphex(sense[0], ==, 0xf0);
    g_assert_cmphex(sense[2], ==, key);
    g_assert_cmphex(sense[7], ==, 10);
    g_assert_cmphex(sense[12], ==, asc);
}

static void test_signature(void)
{
    Cd x = set_up();
    TestBus *t = x.t;

    outb(t, CONTROL, 4);
    outb(t, CONTROL, 0);
    g_assert_cmphex(inb(t, COMMAND), ==, 0);
    g_assert_cmphex(inb(t, MID), ==, 0x14);
    g_assert_cmphex(inb(t, HIGH), ==, 0xeb);
    outb(t, MID, 0);
    outb(t, COMMAND, 0xec); /* IDENTIFY DEVICE aborts and shows the signature again */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x51);
    g_assert_cmphex(inb(t, FEATURE), ==, 0x04);
    g_assert_cmphex(inb(t, MID), ==, 0x14);
    outb(t, COMMAND, 0xa1);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    g_assert_cmphex(inw(t, P), ==, 0x85c0);
    outb(t, COMMAND, 0x08); /* DEVICE RESET, even now */
    g_assert_cmphex(inb(t, COMMAND), ==, 0);
    g_assert_cmphex(inb(t, HIGH), ==, 0xeb);
    tear_down(&x);
}

static void test_inquiry(void)
{
    Cd x = set_up();
    uint8_t data[64];

    g_assert_cmpuint(run(x.t, PACKET(0x12, 0, 0, 0, 255), 0x200, data, 64), ==, 36);
    g_assert_cmphex(data[0], ==, 0x05);
    g_assert_cmphex(data[1], ==, 0x80);
    g_assert_cmphex(data[3], ==, 0x21);
    g_assert_cmphex(data[4], ==, 31);
    g_assert_cmpint(memcmp(data + 8, "MYNA    MYNA DVD-ROM    ", 24), ==, 0);
    /* The allocation length cuts. */
    g_assert_cmpuint(run(x.t, PACKET(0x12, 0, 0, 0, 6), 0x200, data, 64), ==, 6);
    g_assert_cmpuint(run(x.t, PACKET(0x12, 0, 0, 0, 0), 0x200, data, 64), ==, 0);
    assert_ok(x.t);
    tear_down(&x);
}

static void test_capacity(void)
{
    Cd x = set_up();
    static const uint8_t expected[] = {0, 0, 0x07, 0xff, 0, 0, 0x08, 0};
    uint8_t data[8];

    g_assert_cmpuint(run(x.t, PACKET(0x25), 0x200, data, 8), ==, 8);
    g_assert_cmpint(memcmp(data, expected, 8), ==, 0);
    tear_down(&x);
}

static void check_sectors(const uint8_t *data, unsigned lba, unsigned count)
{
    for (unsigned i = 0; i < count * 4; i++)
        g_assert_cmpuint(load_le16(data + i * 512 + 510), ==, lba * 4 + i);
}

/* Every byte count limit: less than a sector, a sector, odd fractions, all at once. */
static void test_read_pio(void)
{
    static const uint16_t limits[] = {0x200, 0x800, 0xa02, 0x1000, 0xfffe};
    Cd x = set_up();
    uint8_t *data = g_malloc(64 * 2048);

    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        memset(data, 0, 64 * 2048);
        unsigned n = run(x.t, PACKET(0x28, 0, 0, 0, 0x01, 0x23, 0, 0, 64), limits[i], data,
                         64 * 2048);
        g_assert_cmpuint(n, ==, 64 * 2048);
        check_sectors(data, 0x123, 64);
    }
    run(x.t, PACKET(0xa8, 0, 0, 0, 0x01, 0, 0, 0, 0, 2), 0x800, data, 64 * 2048);
    check_sectors(data, 0x100, 2);
    run(x.t, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 0), 0x800, data, 0); /* nothing is fine */
    assert_ok(x.t);
    run(x.t, PACKET(0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 2), 0x800, data, 0);
    assert_sense(x.t, 5, 0x21);
    run(x.t, PACKET(0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff), 0x800, data, 0);
    assert_sense(x.t, 5, 0x21);
    g_free(data);
    tear_down(&x);
}

static void test_read_dma(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    g_autofree uint8_t *data = g_malloc(100 * 2048);

    for (unsigned n = 0; n < 4; n++) {
        writel(t, PRD + 8 * n, 0x100000 + n * 51200);
        writel(t, PRD + 8 * n + 4, 51200 | (n == 3 ? 0x80000000 : 0));
    }
    outl(t, BM + 4, PRD);
    send_packet(t, PACKET(0x28, 0, 0, 0, 0, 7, 0, 0, 100), 1, 0);
    g_assert_cmphex(inb(t, CONTROL), ==, 0x80);
    outb(t, BM, 0x09);
    g_assert_cmphex(inb(t, BM + 2), ==, 0x04);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x50);
    g_assert_cmphex(inb(t, REASON), ==, 3);
    address_space_read(&t->board->memory, 0x100000, data, 100 * 2048);
    check_sectors(data, 7, 100);
    tear_down(&x);
}

/* [MMC] READ CD: user data, and whole raw sectors with their header. */
static void test_read_cd(void)
{
    static const uint8_t header[16] = {0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0,    0x00, 0x02, 0x17, 0x01};
    Cd x = set_up();
    uint8_t data[3 * 2352];

    run(x.t, PACKET(0xbe, 0, 0, 0, 0, 17, 0, 0, 3, 0x10), 0x1000, data, sizeof(data));
    check_sectors(data, 17, 3);
    unsigned n = run(x.t, PACKET(0xbe, 0, 0, 0, 0, 17, 0, 0, 3, 0xf8), 0x600, data, sizeof(data));
    g_assert_cmpuint(n, ==, 3 * 2352);
    g_assert_cmpint(memcmp(data, header, 16), ==, 0); /* 150 + 17 frames = 00:02:17 */
    check_sectors(data + 16, 17, 1);
    check_sectors(data + 2 * 2352 + 16, 19, 1);
    run(x.t, PACKET(0xbe, 0, 0, 0, 0, 17, 0, 0, 3, 0x40), 0x600, data, sizeof(data));
    assert_sense(x.t, 5, 0x24);
    tear_down(&x);
}

static void test_toc(void)
{
    static const uint8_t blocks[] = {0, 0x12, 1, 1,    0,    0x14, 1, 0, 0, 0,
                                     0, 0,    0, 0x14, 0xaa, 0,    0, 0, 8, 0};
    static const uint8_t msf[] = {0, 0x12, 1, 1,    0,    0x14, 1, 0, 0,  0,
                                  2, 0,    0, 0x14, 0xaa, 0,    0, 0, 29, 23};
    Cd x = set_up();
    uint8_t data[64];

    g_assert_cmpuint(run(x.t, PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 64), 0x200, data, 64), ==, 20);
    g_assert_cmpint(memcmp(data, blocks, 20), ==, 0);
    g_assert_cmpuint(run(x.t, PACKET(0x43, 2, 0, 0, 0, 0, 0, 0, 64), 0x200, data, 64), ==, 20);
    g_assert_cmpint(memcmp(data, msf, 20), ==, 0);
    /* Only the lead-out; the last session; in full. */
    g_assert_cmpuint(run(x.t, PACKET(0x43, 0, 0, 0, 0, 0, 0xaa, 0, 64), 0x200, data, 64), ==, 12);
    g_assert_cmphex(data[6], ==, 0xaa);
    g_assert_cmpuint(run(x.t, PACKET(0x43, 0, 1, 0, 0, 0, 0, 0, 64), 0x200, data, 64), ==, 12);
    g_assert_cmpuint(run(x.t, PACKET(0x43, 2, 2, 0, 0, 0, 0, 0, 64), 0x200, data, 64), ==, 48);
    g_assert_cmphex(data[7], ==, 0xa0);
    g_assert_cmphex(data[12], ==, 1);
    g_assert_cmphex(data[29], ==, 0xa2);
    g_assert_cmpuint(data[34] * 60 * 75 + data[35] * 75u + data[36], ==, SECTORS + 150);
    run(x.t, PACKET(0x43, 0, 0, 0, 0, 0, 5, 0, 64), 0x200, data, 64);
    assert_sense(x.t, 5, 0x24);
    tear_down(&x);
}

static void test_information(void)
{
    Cd x = set_up();
    uint8_t data[128];

    g_assert_cmpuint(run(x.t, PACKET(0x51, 0, 0, 0, 0, 0, 0, 0, 128), 0x200, data, 128), ==, 34);
    g_assert_cmphex(data[1], ==, 32);
    g_assert_cmphex(data[2], ==, 0x0e);
    g_assert_cmpuint(run(x.t, PACKET(0x52, 1, 0, 0, 0, 1, 0, 0, 128), 0x200, data, 128), ==, 36);
    g_assert_cmpuint(data[26] << 8 | data[27], ==, SECTORS);
    g_assert_cmpuint(run(x.t, PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0x200, data, 128), ==, 8);
    g_assert_cmphex(data[5], ==, 1);
    /* GET CONFIGURATION: profile CD-ROM, the features in order. */
    unsigned n = run(x.t, PACKET(0x46, 0, 0, 0, 0, 0, 0, 0, 128), 0x200, data, 128);
    g_assert_cmpuint(n, ==, data[3] + 4u);
    g_assert_cmphex(data[7], ==, 0x08);
    g_assert_cmphex(data[8] << 8 | data[9], ==, 0x0000);
    g_assert_cmphex(data[14], ==, 0); /* DVD-ROM is not current */
    g_assert_cmphex(data[18], ==, 1); /* CD-ROM is */
    g_assert_cmphex(data[20] << 8 | data[21], ==, 0x0001);
    n = run(x.t, PACKET(0x46, 2, 0, 0x10, 0, 0, 0, 0, 128), 0x200, data, 128);
    g_assert_cmpuint(n, ==, 20);
    g_assert_cmphex(data[9], ==, 0x10);
    tear_down(&x);
}

static void test_mode_pages(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    uint8_t data[128];

    g_assert_cmpuint(run(t, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128), 0x200, data, 128), ==, 30);
    g_assert_cmphex(data[1], ==, 28);
    g_assert_cmphex(data[8], ==, 0x2a);
    g_assert_cmphex(data[14], ==, 0x29);
    run(t, PACKET(0x1e, 0, 0, 0, 1), 0x200, data, 0);
    run(t, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128), 0x200, data, 128);
    g_assert_cmphex(data[14], ==, 0x2b); /* locked */
    g_assert_cmpuint(run(t, PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 128), 0x200, data, 128), ==, 38);
    g_assert_cmphex(data[8], ==, 0x01);
    run(t, PACKET(0x5a, 0, 0xea, 0, 0, 0, 0, 0, 128), 0x200, data, 128); /* saved values */
    assert_sense(t, 5, 0x39);
    run(t, PACKET(0x5a, 0, 0x1c, 0, 0, 0, 0, 0, 128), 0x200, data, 128);
    assert_sense(t, 5, 0x24);
    /* MODE SELECT takes its parameters. */
    send_packet(t, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 0, 0x200);
    g_assert_cmphex(inb(t, COMMAND), ==, 0x58);
    g_assert_cmphex(inb(t, REASON), ==, 0); /* data, to the drive */
    g_assert_cmpuint(inb(t, MID) | inb(t, HIGH) << 8, ==, 16);
    for (unsigned i = 0; i < 8; i++)
        outw(t, P, 0);
    assert_ok(t);
    tear_down(&x);
}

static void test_tray(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    uint8_t data[32];

    run(t, PACKET(0x1e, 0, 0, 0, 1), 0x200, data, 0); /* PREVENT */
    run(t, PACKET(0x1b, 0, 0, 0, 2), 0x200, data, 0); /* eject */
    assert_sense(t, 5, 0x53);
    run(t, PACKET(0x1e, 0, 0, 0, 0), 0x200, data, 0);
    run(t, PACKET(0x1b, 0, 0, 0, 2), 0x200, data, 0);
    assert_ok(t);
    run(t, PACKET(0x00), 0x200, data, 0);
    assert_sense(t, 2, 0x3a);
    run(t, PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x200, data, 32);
    g_assert_cmphex(data[5], ==, 1);                  /* tray open, no medium */
    run(t, PACKET(0x1b, 0, 0, 0, 3), 0x200, data, 0); /* load */
    run(t, PACKET(0x00), 0x200, data, 0);
    assert_sense(t, 6, 0x28);
    run(t, PACKET(0x00), 0x200, data, 0);
    assert_ok(t);
    tear_down(&x);
}

static void test_media_change(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    uint8_t data[32];

    x.block->present = false;
    x.block->media_changed(x.block->media_opaque);
    run(t, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0x800, data, 0);
    assert_sense(t, 2, 0x3a);
    x.block->present = true;
    x.block->media_changed(x.block->media_opaque);
    /* INQUIRY and event polling do not consume the unit attention. */
    run(t, PACKET(0x12, 0, 0, 0, 6), 0x200, data, 32);
    run(t, PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x200, data, 32);
    g_assert_cmphex(data[0] << 8 | data[1], ==, 6);
    g_assert_cmphex(data[2], ==, 4);
    g_assert_cmphex(data[3], ==, 0x10);
    g_assert_cmphex(data[4], ==, 2); /* new media, reported once */
    g_assert_cmphex(data[5], ==, 2);
    run(t, PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x200, data, 32);
    g_assert_cmphex(data[4], ==, 0);
    run(t, PACKET(0x25), 0x200, data, 32);
    assert_sense(t, 6, 0x28);
    g_assert_cmpuint(run(t, PACKET(0x25), 0x200, data, 32), ==, 8);
    tear_down(&x);
}

static void test_errors(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    uint8_t data[4096];

    run(t, PACKET(0xff), 0x200, data, 0);
    assert_sense(t, 5, 0x20);
    run(t, PACKET(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), 0x200, data, 0); /* asynchronous events */
    assert_sense(t, 5, 0x24);
    memdisk_of(x.block)->fail = EIO;
    run(t, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0x800, data, 0);
    assert_sense(t, 3, 0x11);
    outb(t, COMMAND, 0x20); /* READ SECTORS is not a packet command */
    g_assert_cmphex(inb(t, COMMAND), ==, 0x51);
    g_assert_cmphex(inb(t, FEATURE), ==, 0x04);
    tear_down(&x);
}

static void test_reload(void)
{
    Cd x = set_up();
    g_autofree uint8_t *data = g_malloc(4 * 2048);

    send_packet(x.t, PACKET(0x28, 0, 0, 0, 0, 9, 0, 0, 4), 0, 0xa00);
    for (unsigned i = 0; i < 4 * 2048; i += 2) {
        if (i % 1000 == 0)
            x.t = test_bus_reload(x.t);
        store_le16(data + i, inw(x.t, P));
    }
    check_sectors(data, 9, 4);
    assert_ok(x.t);
    tear_down(&x);
}

/* Whatever packets a guest sends, the drive lives and answers. */
static void test_hostile(void)
{
    Cd x = set_up();
    TestBus *t = x.t;
    uint8_t data[36];

    for (unsigned round = 0; round < 4000; round++) {
        outb(t, FEATURE, g_test_rand_int() & 1);
        outb(t, MID, g_test_rand_int());
        outb(t, HIGH, g_test_rand_int());
        outb(t, COMMAND, 0xa0);
        outw(t, P, g_test_rand_int_range(0, 0xc0) | g_test_rand_int_range(0, 4) << 8);
        for (unsigned i = 0; i < 5; i++)
            outw(t, P, g_test_rand_bit() ? g_test_rand_int() : g_test_rand_int_range(0, 4) << 8);
        for (unsigned i = g_test_rand_int_range(0, 3000); i > 0; i--)
            inw(t, P);
        outl(t, BM + 4, g_test_rand_int() & 0xffffff);
        outb(t, BM, 0x09);
        outb(t, BM, 0x00);
        if (round % 100 == 0)
            t = x.t = test_bus_reload(t);
        outb(t, COMMAND, 0x08);
    }
    run(t, PACKET(0x1b, 0, 0, 0, 3), 0x200, data, 0);
    g_assert_cmpuint(run(t, PACKET(0x12, 0, 0, 0, 36), 0x200, data, 36), ==, 36);
    tear_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/atapi/signature", test_signature);
    g_test_add_func("/atapi/inquiry", test_inquiry);
    g_test_add_func("/atapi/capacity", test_capacity);
    g_test_add_func("/atapi/read-pio", test_read_pio);
    g_test_add_func("/atapi/read-dma", test_read_dma);
    g_test_add_func("/atapi/read-cd", test_read_cd);
    g_test_add_func("/atapi/toc", test_toc);
    g_test_add_func("/atapi/information", test_information);
    g_test_add_func("/atapi/mode-pages", test_mode_pages);
    g_test_add_func("/atapi/tray", test_tray);
    g_test_add_func("/atapi/media-change", test_media_change);
    g_test_add_func("/atapi/errors", test_errors);
    g_test_add_func("/atapi/reload", test_reload);
    g_test_add_func("/atapi/hostile", test_hostile);
    return g_test_run();
}
