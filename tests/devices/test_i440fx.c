/* test_i440fx.c - configuration ports, shadow RAM, SMRAM. [440FX] "Register Description". */
#include "devices/chipset/i440fx.h"
#include "tests/support/testbus.h"

enum { ROM_AT = 0xc0000, ROM_SIZE = 0x40000, VIDEO = 0xa0000 };

/* A board with ROM (bytes 5A) at C0000-FFFFF and a "frame buffer" (bytes FB) at A0000 on PCI, over
 * RAM of bytes 11. */
typedef struct Shadow {
    TestBus *t;
    MemRegion rom, video;
} Shadow;

static void set_up(Shadow *s)
{
    g_autofree uint8_t *image = g_malloc(ROM_SIZE);
    GError *err = NULL;

    memset(image, 0x5a, ROM_SIZE);
    s->t = test_bus("i440FX");
    memset(s->t->ram.host, 0x11, TEST_RAM_SIZE);
    g_assert_true(mem_init_rom(&s->rom, "rom", image, ROM_SIZE, &err));
    g_assert_true(mem_init_ram(&s->video, "video", 0x20000, &err));
    memset(s->video.host, 0xfb, 0x20000);
    mem_add(&s->t->pci_memory, ROM_AT, &s->rom, 0);
    mem_add(&s->t->pci_memory, VIDEO, &s->video, 1);
}

static void tear_down(Shadow *s)
{
    mem_fini(&s->rom);
    mem_fini(&s->video);
    test_bus_free(s->t);
}

static void config_write(TestBus *t, unsigned reg, uint8_t value)
{
    outl(t, 0xcf8, 0x80000000 | (reg & ~3));
    outb(t, 0xcfc + (reg & 3), value);
}

static uint8_t config_read(TestBus *t, unsigned reg)
{
    outl(t, 0xcf8, 0x80000000 | (reg & ~3));
    return inb(t, 0xcfc + (reg & 3));
}

static void test_config_ports(void)
{
    TestBus *t = test_bus("i440FX");

    outl(t, 0xcf8, 0x80000000);
    g_assert_cmphex(inl(t, 0xcf8), ==, 0x80000000);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0x12378086);
    g_assert_cmphex(inw(t, 0xcfe), ==, 0x1237);
    g_assert_cmphex(inw(t, 0xcfd), ==, 0x3780); /* across the middle */
    g_assert_cmphex(inb(t, 0xcff), ==, 0x12);
    outl(t, 0xcf8, 0x80000008);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0x06000002);
    /* Not enabled; another bus; no such device. */
    outl(t, 0xcf8, 0x00000000);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0xffffffff);
    outl(t, 0xcf8, 0x80010000);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0xffffffff);
    outl(t, 0xcf8, 0x80001000);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0xffffffff);
    /* Narrow writes do not reach the address register. */
    outl(t, 0xcf8, 0x80000000);
    outb(t, 0xcf8, 0x44);
    outw(t, 0xcf8, 0x4444);
    g_assert_cmphex(inl(t, 0xcf8), ==, 0x80000000);
    /* Unaligned writes within the doubleword. */
    outl(t, 0xcf8, 0x80000040);
    outl(t, 0xcfc, 0);
    outw(t, 0xcfd, 0xbeef);
    g_assert_cmphex(inl(t, 0xcfc), ==, 0x00beef00);
    test_bus_free(t);
}

static void test_reset_values(void)
{
    TestBus *t = test_bus("i440FX");

    g_assert_cmphex(config_read(t, 0x57), ==, TEST_RAM_SIZE / (8 * MIB));
    for (unsigned reg = 0x59; reg <= 0x5f; reg++)
        g_assert_cmphex(config_read(t, reg), ==, 0);
    g_assert_cmphex(config_read(t, 0x72), ==, 0x02);
    test_bus_free(t);
}

/* Each segment: register, nibble, address. */
static const struct {
    uint8_t reg, shift;
    uint32_t base, last;
} segments[] = {
    {0x59, 4, 0xf0000, 0xfffff}, {0x5a, 0, 0xc0000, 0xc3fff}, {0x5a, 4, 0xc4000, 0xc7fff},
    {0x5b, 0, 0xc8000, 0xcbfff}, {0x5b, 4, 0xcc000, 0xcffff}, {0x5c, 0, 0xd0000, 0xd3fff},
    {0x5c, 4, 0xd4000, 0xd7fff}, {0x5d, 0, 0xd8000, 0xdbfff}, {0x5d, 4, 0xdc000, 0xdffff},
    {0x5e, 0, 0xe0000, 0xe3fff}, {0x5e, 4, 0xe4000, 0xe7fff}, {0x5f, 0, 0xe8000, 0xebfff},
    {0x5f, 4, 0xec000, 0xeffff},
};

static void test_pam(void)
{
    Shadow s;

    set_up(&s);
    TestBus *t = s.t;
    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        uint32_t base = segments[i].base, last = segments[i].last;
        uint8_t reg = segments[i].reg, shift = segments[i].shift;

        /* 0: both to PCI. */
        g_assert_cmphex(readb(t, base), ==, 0x5a);
        writeb(t, base, 0x77);
        g_assert_cmphex(readb(t, base), ==, 0x5a);
        g_assert_cmphex(t->ram.host[base], ==, 0x11);
        /* WE: reads PCI, writes RAM: how firmware copies itself. */
        config_write(t, reg, 2 << shift);
        for (uint32_t at = base; at < base + 0x4000; at += 8)
            writeq(t, at, readq(t, at));
        writeb(t, last, 0x22);
        g_assert_cmphex(readb(t, last), ==, 0x5a);
        g_assert_cmphex(t->ram.host[base], ==, 0x5a);
        g_assert_cmphex(t->ram.host[last], ==, 0x22);
        /* RE: reads RAM, writes go nowhere. */
        config_write(t, reg, 1 << shift);
        g_assert_cmphex(readb(t, last), ==, 0x22);
        writeb(t, last, 0x33);
        g_assert_cmphex(t->ram.host[last], ==, 0x22);
        /* Both to RAM. */
        config_write(t, reg, 3 << shift);
        writeb(t, last, 0x33);
        g_assert_cmphex(readb(t, last), ==, 0x33);
        /* No neighbour was touched. */
        if (base != 0xf0000)
            g_assert_cmphex(readb(t, last + 1), ==, 0x5a);
        config_write(t, reg, 0);
    }
    tear_down(&s);
}

static void test_pam_reset(void)
{
    Shadow s;

    set_up(&s);
    config_write(s.t, 0x59, 0x30);
    g_assert_cmphex(readb(s.t, 0xffff0), ==, 0x11);
    test_bus_reset(s.t);
    g_assert_cmphex(readb(s.t, 0xffff0), ==, 0x5a);
    tear_down(&s);
}

static void test_smram(void)
{
    Shadow s;

    set_up(&s);
    TestBus *t = s.t;
    AddressSpace *smm = i440fx_smm_memory(t->dev);
    g_assert_cmphex(readb(t, VIDEO), ==, 0xfb);
    g_assert_cmphex(address_space_load(smm, VIDEO, 1), ==, 0xfb);
    /* Open: everybody sees the RAM. */
    config_write(t, 0x72, 0x4a);
    g_assert_cmphex(readb(t, VIDEO), ==, 0x11);
    writeb(t, VIDEO + 0x8000, 0x99);
    /* Closed: only system management mode does. */
    config_write(t, 0x72, 0x0a);
    g_assert_cmphex(readb(t, VIDEO + 0x8000), ==, 0xfb);
    g_assert_cmphex(address_space_load(smm, VIDEO + 0x8000, 1), ==, 0x99);
    /* And sees the rest of memory as it is, as it changes. */
    g_assert_cmphex(address_space_load(smm, 0x1000, 1), ==, 0x11);
    g_assert_cmphex(address_space_load(smm, 0xffff0, 1), ==, 0x5a);
    config_write(t, 0x59, 0x10);
    g_assert_cmphex(address_space_load(smm, 0xffff0, 1), ==, 0x11);
    tear_down(&s);
}

static void test_smram_lock(void)
{
    Shadow s;

    set_up(&s);
    TestBus *t = s.t;
    config_write(t, 0x72, 0x5a); /* open and lock at once: locked means closed */
    g_assert_cmphex(config_read(t, 0x72), ==, 0x1a);
    config_write(t, 0x72, 0x4a);
    g_assert_cmphex(config_read(t, 0x72), ==, 0x1a);
    g_assert_cmphex(readb(t, VIDEO), ==, 0xfb);
    test_bus_reset(t);
    g_assert_cmphex(config_read(t, 0x72), ==, 0x02);
    config_write(t, 0x72, 0x48); /* the base is hardwired */
    g_assert_cmphex(config_read(t, 0x72), ==, 0x4a);
    tear_down(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i440fx/config-ports", test_config_ports);
    g_test_add_func("/i440fx/reset-values", test_reset_values);
    g_test_add_func("/i440fx/pam", test_pam);
    g_test_add_func("/i440fx/pam-reset", test_pam_reset);
    g_test_add_func("/i440fx/smram", test_smram);
    g_test_add_func("/i440fx/smram-lock", test_smram_lock);
    return g_test_run();
}
