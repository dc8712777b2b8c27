/* test_uart.c - the 16550A against its data sheet. [PC16550D]. */
#include "devices/char/host/host.h"
#include "tests/support/testbus.h"

enum {
    BASE = 0x3f8,
    IER = BASE + 1,
    IIR = BASE + 2,
    FCR = BASE + 2,
    LCR = BASE + 3,
    MCR = BASE + 4,
    LSR = BASE + 5,
    MSR = BASE + 6,
    SCR = BASE + 7
};

static void link_chardev(TestBus *t)
{
    device_set_link(t->dev, "chardev", t->user);
}

static TestBus *uart(Chardev **chr)
{
    *chr = chardev_memory_new("test");
    return test_bus_with("isa-serial", link_chardev, *chr);
}

static void done(TestBus *t, Chardev *chr)
{
    test_bus_free(t);
    chardev_free(chr);
}

static void expect_written(Chardev *chr, const char *text)
{
    g_autoptr(GByteArray) got = chardev_memory_take(chr);

    g_assert_cmpmem(got->data, got->len, text, strlen(text));
}

static void test_reset_state(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    g_assert_cmphex(inb(t, IER), ==, 0x00);
    g_assert_cmphex(inb(t, IIR), ==, 0x01);
    g_assert_cmphex(inb(t, LCR), ==, 0x00);
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    g_assert_cmphex(inb(t, MSR), ==, 0xb0);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    done(t, chr);
}

static void test_divisor_latch(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, IER, 0x05);
    outb(t, LCR, 0x83);
    outb(t, BASE, 0x34);
    outb(t, IER, 0x12);
    g_assert_cmphex(inb(t, BASE), ==, 0x34);
    g_assert_cmphex(inb(t, IER), ==, 0x12);
    outb(t, LCR, 0x03);
    g_assert_cmphex(inb(t, IER), ==, 0x05);
    outb(t, SCR, 0xa5);
    g_assert_cmphex(inb(t, SCR), ==, 0xa5);
    expect_written(chr, "");
    done(t, chr);
}

static void test_transmit_interrupt(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, IER, 0x02); /* enabling it while empty tells at once */
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, IIR), ==, 0x02);
    g_assert_cmpint(level(t, "irq", 0), ==, 0); /* reading IIR answers it */
    g_assert_cmphex(inb(t, IIR), ==, 0x01);
    outb(t, BASE, 'A');
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    unsigned before = rises(t, "irq", 0);
    outb(t, BASE, 'B'); /* each byte makes an edge of its own */
    g_assert_cmpint(rises(t, "irq", 0), ==, before + 1);
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    expect_written(chr, "AB");
    done(t, chr);
}

static void test_receive_without_fifo(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, IER, 0x01);
    chardev_memory_feed(chr, "xyz", 3);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(inb(t, IIR), ==, 0x04);
    for (const char *c = "xyz"; *c; c++) { /* the rest waited in the back end */
        g_assert_cmphex(inb(t, LSR), ==, 0x61);
        g_assert_cmphex(inb(t, BASE), ==, *c);
    }
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    done(t, chr);
}

/* Below the trigger level the interrupt comes four character times after the last byte: at 9600 8N1
 * with divisor 12, 10 bits x 16 x 12 / 1843200 Hz = 1.0416 ms each. */
static void test_fifo_trigger_and_timeout(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, FCR, 0xc1); /* trigger at 14 */
    outb(t, LCR, 0x03);
    outb(t, IER, 0x01);
    g_assert_cmphex(inb(t, IIR), ==, 0xc1);
    chardev_memory_feed(chr, "0123456789abc", 13);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 4166 * NS_PER_US);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 1 * NS_PER_US);
    g_assert_cmphex(inb(t, IIR), ==, 0xcc);
    t = test_bus_reload(t);
    g_assert_cmphex(inb(t, IIR), ==, 0xcc);
    g_assert_cmphex(inb(t, BASE), ==, '0'); /* a read ends the timeout */
    g_assert_cmphex(inb(t, IIR), ==, 0xc1);
    chardev_memory_feed(chr, "de", 2);
    g_assert_cmphex(inb(t, IIR), ==, 0xc4);
    for (unsigned i = 0; i < 14; i++)
        inb(t, BASE);
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    done(t, chr);
}

static void test_fifo_holds_sixteen(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, FCR, 0x01);
    chardev_memory_feed(chr, "0123456789abcdefGH", 18);
    for (const char *c = "0123456789abcdefGH"; *c; c++)
        g_assert_cmphex(inb(t, BASE), ==, *c);
    chardev_memory_feed(chr, "lost", 4);
    outb(t, FCR, 0x03); /* clear the receiver */
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    done(t, chr);
}

static void test_loopback_data(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, MCR, 0x10);
    outb(t, BASE, 0x5a);
    g_assert_cmphex(inb(t, LSR), ==, 0x61);
    outb(t, BASE, 0xa5); /* overrun replaces the byte without FIFOs */
    g_assert_cmphex(inb(t, LSR), ==, 0x63);
    g_assert_cmphex(inb(t, LSR), ==, 0x61);
    g_assert_cmphex(inb(t, BASE), ==, 0xa5);
    expect_written(chr, "");
    chardev_memory_feed(chr, "q", 1); /* the outside is cut off until the test ends */
    g_assert_cmphex(inb(t, LSR), ==, 0x60);
    outb(t, MCR, 0x00);
    g_assert_cmphex(inb(t, BASE), ==, 'q');
    done(t, chr);
}

static void test_loopback_modem(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, MCR, 0x1a); /* RTS and OUT2 come back as CTS and DCD */
    g_assert_cmphex(inb(t, MSR) & 0xf0, ==, 0x90);
    g_assert_cmphex(inb(t, MSR), ==, 0x90); /* reading clears the deltas */
    outb(t, IER, 0x08);
    outb(t, MCR, 0x1f);
    g_assert_cmphex(inb(t, IIR), ==, 0x00);
    g_assert_cmphex(inb(t, MSR), ==, 0xf2); /* DSR changed; a rising RI does not count */
    g_assert_cmphex(inb(t, IIR), ==, 0x01);
    outb(t, MCR, 0x1b);
    g_assert_cmphex(inb(t, MSR), ==, 0xb4); /* the trailing edge of RI does */
    done(t, chr);
}

static void test_break_and_priorities(void)
{
    Chardev *chr;
    TestBus *t = uart(&chr);

    outb(t, IER, 0x0f);
    outb(t, MCR, 0x10);
    outb(t, LCR, 0x40); /* a looped break is a zero byte with BI */
    g_assert_cmphex(inb(t, IIR), ==, 0x06);
    g_assert_cmphex(inb(t, LSR), ==, 0x71);
    g_assert_cmphex(inb(t, IIR), ==, 0x04);
    g_assert_cmphex(inb(t, BASE), ==, 0);
    g_assert_cmphex(inb(t, IIR), ==, 0x02);
    g_assert_cmphex(inb(t, IIR), ==, 0x00);
    inb(t, MSR);
    g_assert_cmphex(inb(t, IIR), ==, 0x01);
    done(t, chr);
}

static void other_port(TestBus *t)
{
    device_set_uint(t->dev, "iobase", 0x2f8);
}

static void test_without_chardev(void)
{
    TestBus *t = test_bus_with("isa-serial", other_port, NULL);

    outb(t, 0x2f8, 'x');
    g_assert_cmphex(inb(t, 0x2fd), ==, 0x60);
    g_assert_cmphex(inb(t, LSR), ==, 0xff);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uart/reset-state", test_reset_state);
    g_test_add_func("/uart/divisor-latch", test_divisor_latch);
    g_test_add_func("/uart/transmit-interrupt", test_transmit_interrupt);
    g_test_add_func("/uart/receive-without-fifo", test_receive_without_fifo);
    g_test_add_func("/uart/fifo-trigger-and-timeout", test_fifo_trigger_and_timeout);
    g_test_add_func("/uart/fifo-holds-sixteen", test_fifo_holds_sixteen);
    g_test_add_func("/uart/loopback-data", test_loopback_data);
    g_test_add_func("/uart/loopback-modem", test_loopback_modem);
    g_test_add_func("/uart/break-and-priorities", test_break_and_priorities);
    g_test_add_func("/uart/without-chardev", test_without_chardev);
    return g_test_run();
}
