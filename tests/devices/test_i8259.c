/* test_i8259.c - interrupt controller: initialization, priorities, EOI forms, modes, cascade. */
#include "devices/chipset/i8259.h"
#include "tests/support/testbus.h"

enum { EOI = 0x20, EOI_ROTATE = 0xa0, EOI_SPECIFIC = 0x60, EOI_SPECIFIC_ROTATE = 0xe0 };
enum { SET_PRIORITY = 0xc0, AUTO_ROTATE_SET = 0x80, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c };
enum { SPECIAL_MASK_SET = 0x68, SPECIAL_MASK_CLEAR = 0x48 };

/* [8259A] "Initialization command words": vectors at 20h, single, with ICW4. */
static TestBus *chip(uint8_t icw4)
{
    TestBus *t = test_bus("i8259");

    outb(t, 0x20, 0x13);
    outb(t, 0x21, 0x20);
    outb(t, 0x21, icw4);
    return t;
}

static uint8_t isr(TestBus *t)
{
    outb(t, 0x20, READ_ISR);
    return inb(t, 0x20);
}

static uint8_t irr(TestBus *t)
{
    outb(t, 0x20, READ_IRR);
    return inb(t, 0x20);
}

static void pulse_up(TestBus *t, unsigned n)
{
    set_line(t, "ir", n, 0);
    set_line(t, "ir", n, 1);
}

static void test_deliver(void)
{
    TestBus *t = chip(1);

    g_assert_cmphex(inb(t, 0x21), ==, 0); /* ICW1 cleared the mask */
    set_line(t, "ir", 3, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    g_assert_cmphex(irr(t), ==, 0x08);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x23);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    g_assert_cmphex(isr(t), ==, 0x08);
    g_assert_cmphex(irr(t), ==, 0);
    outb(t, 0x20, EOI);
    g_assert_cmphex(isr(t), ==, 0);
    /* The line is still up: no new edge, no request. */
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    test_bus_free(t);
}

static void test_mask(void)
{
    TestBus *t = chip(1);

    outb(t, 0x21, 0xff);
    set_line(t, "ir", 1, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    g_assert_cmphex(irr(t), ==, 0x02);
    outb(t, 0x21, 0xfd);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    test_bus_free(t);
}

/* [8259A] "Fully nested mode". */
static void test_nesting(void)
{
    TestBus *t = chip(1);

    set_line(t, "ir", 4, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x24);
    set_line(t, "ir", 5, 1); /* lower: waits */
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    set_line(t, "ir", 2, 1); /* higher: nests */
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x22);
    g_assert_cmphex(isr(t), ==, 0x14);
    outb(t, 0x20, EOI); /* of the highest */
    g_assert_cmphex(isr(t), ==, 0x10);
    outb(t, 0x20, EOI);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x25);
    test_bus_free(t);
}

/* [8259A] "Interrupt sequence": no request at INTA gives IR7, with no bit in service. */
static void test_spurious(void)
{
    TestBus *t = chip(1);

    set_line(t, "ir", 1, 1);
    set_line(t, "ir", 1, 0);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x27);
    g_assert_cmphex(isr(t), ==, 0);
    test_bus_free(t);
}

static void test_specific_eoi_and_rotation(void)
{
    TestBus *t = chip(1);

    set_line(t, "ir", 2, 1);
    i8259_acknowledge(t->dev);
    set_line(t, "ir", 0, 1);
    i8259_acknowledge(t->dev);
    g_assert_cmphex(isr(t), ==, 0x05);
    outb(t, 0x20, EOI_SPECIFIC | 2);
    g_assert_cmphex(isr(t), ==, 0x01);
    outb(t, 0x20, EOI_ROTATE); /* IR0 becomes the lowest */
    pulse_up(t, 0);
    pulse_up(t, 7);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x27);
    outb(t, 0x20, EOI_SPECIFIC_ROTATE | 7); /* IR7 the lowest again */
    pulse_up(t, 7);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x20);
    outb(t, 0x20, EOI);
    outb(t, 0x20, SET_PRIORITY | 5); /* IR6 highest */
    pulse_up(t, 6);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x26);
    test_bus_free(t);
}

static void test_automatic_eoi(void)
{
    TestBus *t = chip(3);

    outb(t, 0x20, AUTO_ROTATE_SET);
    pulse_up(t, 0);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x20);
    g_assert_cmphex(isr(t), ==, 0);
    pulse_up(t, 0); /* now the lowest */
    pulse_up(t, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x21);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x20);
    test_bus_free(t);
}

/* [8259A] "Special mask mode": a masked input in service holds nobody back. */
static void test_special_mask(void)
{
    TestBus *t = chip(1);

    set_line(t, "ir", 2, 1);
    i8259_acknowledge(t->dev);
    set_line(t, "ir", 5, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    outb(t, 0x21, 0x04);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    outb(t, 0x20, SPECIAL_MASK_SET);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x25);
    outb(t, 0x20, EOI); /* not of the masked IR2 */
    g_assert_cmphex(isr(t), ==, 0x04);
    outb(t, 0x20, SPECIAL_MASK_CLEAR);
    outb(t, 0x20, EOI);
    g_assert_cmphex(isr(t), ==, 0);
    test_bus_free(t);
}

static void test_poll(void)
{
    TestBus *t = chip(1);

    outb(t, 0x20, POLL);
    g_assert_cmphex(inb(t, 0x20) & 0x80, ==, 0);
    set_line(t, "ir", 6, 1);
    outb(t, 0x20, POLL);
    g_assert_cmphex(inb(t, 0x20), ==, 0x86);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    g_assert_cmphex(isr(t), ==, 0x40);
    test_bus_free(t);
}

static void test_level(void)
{
    TestBus *t = chip(1);

    outb(t, 0x4d0, 0xff);
    g_assert_cmphex(inb(t, 0x4d0), ==, 0xf8); /* [PIIX3] ELCR1: IRQ0-2 are edge triggered */
    set_line(t, "ir", 5, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x25);
    outb(t, 0x20, EOI);
    g_assert_cmpint(level(t, "int", 0), ==, 1); /* still up: again */
    set_line(t, "ir", 5, 0);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    test_bus_free(t);
}

/* The edge sense is reset by ICW1: a line that is up needs a new edge. */
static void test_init_forgets_edges(void)
{
    TestBus *t = chip(1);

    set_line(t, "ir", 1, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    outb(t, 0x20, 0x13);
    outb(t, 0x21, 0x40);
    outb(t, 0x21, 0x01);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    pulse_up(t, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x41);
    test_bus_free(t);
}

/* --- two chips, wired as on a PC -------------------------------------------------------------- */

static TestBus *pair(void **slave, uint8_t master_icw4)
{
    TestBus *t = test_bus("i8259");

    *slave = device_new(t->board, ((Device *)t->dev)->klass, "slave");
    device_set_uint(*slave, "iobase", 0xa0);
    device_set_uint(*slave, "elcr_port", 0x4d1);
    device_set_uint(*slave, "elcr_mask", 0xde);
    device_realize_builtin(*slave);
    device_set_link(t->dev, "slave", *slave);
    device_connect(*slave, "int", 0, t->dev, "ir", 2);
    board_reset(t->board);
    static const uint16_t base[2] = {0x20, 0xa0};
    for (unsigned n = 0; n < 2; n++) {
        outb(t, base[n], 0x11);
        outb(t, base[n] + 1, n ? 0x28 : 0x20);
        outb(t, base[n] + 1, n ? 2 : 4);
        outb(t, base[n] + 1, n ? 1 : master_icw4);
    }
    return t;
}

static void slave_line(void *slave, unsigned n, int level)
{
    IrqLine line = device_input(slave, "ir", n);

    line.fn(line.opaque, line.n, level);
}

static void test_cascade(void)
{
    void *slave;
    TestBus *t = pair(&slave, 1);

    slave_line(slave, 6, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x2e);
    g_assert_cmphex(isr(t), ==, 0x04);
    /* A higher one of the slave waits for the master's EOI in plain nesting. */
    slave_line(slave, 0, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    outb(t, 0x20, EOI);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x28);
    test_bus_free(t);
}

/* [8259A] "Special fully nested mode": the slave in service may interrupt again. */
static void test_special_fully_nested(void)
{
    void *slave;
    TestBus *t = pair(&slave, 0x11);

    slave_line(slave, 6, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x2e);
    set_line(t, "ir", 3, 1); /* below the cascade */
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    slave_line(slave, 0, 1);
    g_assert_cmpint(level(t, "int", 0), ==, 1);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x28);
    test_bus_free(t);
}

static void test_spurious_slave(void)
{
    void *slave;
    TestBus *t = pair(&slave, 1);

    outb(t, 0x4d0, 0);
    slave_line(slave, 3, 1);
    outb(t, 0xa1, 0xff); /* the slave's INT falls: the master forgets the edge */
    g_assert_cmpint(level(t, "int", 0), ==, 0);
    g_assert_cmphex(i8259_acknowledge(t->dev), ==, 0x27);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/deliver", test_deliver);
    g_test_add_func("/i8259/mask", test_mask);
    g_test_add_func("/i8259/nesting", test_nesting);
    g_test_add_func("/i8259/spurious", test_spurious);
    g_test_add_func("/i8259/specific-eoi-and-rotation", test_specific_eoi_and_rotation);
    g_test_add_func("/i8259/automatic-eoi", test_automatic_eoi);
    g_test_add_func("/i8259/special-mask", test_special_mask);
    g_test_add_func("/i8259/poll", test_poll);
    g_test_add_func("/i8259/level", test_level);
    g_test_add_func("/i8259/init-forgets-edges", test_init_forgets_edges);
    g_test_add_func("/i8259/cascade", test_cascade);
    g_test_add_func("/i8259/special-fully-nested", test_special_fully_nested);
    g_test_add_func("/i8259/spurious-slave", test_spurious_slave);
    return g_test_run();
}
