/* test_parallel.c - the printer port. [IEEE1284] "Compatibility Mode". */
#include "devices/char/host/host.h"
#include "tests/support/testbus.h"

static void link_chardev(TestBus *t)
{
    device_set_link(t->dev, "chardev", t->user);
}

static void test_print(void)
{
    Chardev *chr = chardev_memory_new("printer");
    TestBus *t = test_bus_with("isa-parallel", link_chardev, chr);

    g_assert_cmphex(inb(t, 0x379), ==, 0xd8);
    g_assert_cmphex(inb(t, 0x37a), ==, 0xcc);
    for (const char *c = "Hi"; *c; c++) {
        outb(t, 0x378, *c);
        g_assert_cmphex(inb(t, 0x378), ==, *c);
        outb(t, 0x37a, 0x1d); /* strobe, with the interrupt on */
        outb(t, 0x37a, 0x1d); /* no second edge */
        g_assert_cmpint(level(t, "irq", 0), ==, 1);
        g_assert_cmphex(inb(t, 0x379), ==, 0xd8);
        g_assert_cmpint(level(t, "irq", 0), ==, 0);
        outb(t, 0x37a, 0x1c);
    }
    g_autoptr(GByteArray) got = chardev_memory_take(chr);
    g_assert_cmpmem(got->data, got->len, "Hi", 2);
    g_assert_cmpuint(rises(t, "irq", 0), ==, 2);
    test_bus_free(t);
    chardev_free(chr);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parallel/print", test_print);
    return g_test_run();
}
