/* test_debug_ports.c - the ports by which a guest prints and ends the program. */
#include "core/chardev.h"
#include "core/error.h"
#include "tests/support/testbus.h"

typedef struct Sink {
    Chardev chr;
    GString *text;
} Sink;

static size_t sink_write(Chardev *chr, const uint8_t *bytes, size_t count)
{
    g_string_append_len(((Sink *)chr)->text, (const char *)bytes, count);
    return count;
}

static void sink_free(Chardev *chr)
{
    g_string_free(((Sink *)chr)->text, TRUE);
}

static const ChardevOps sink_ops = {.name = "sink", .write = sink_write, .free = sink_free};

static void link_sink(TestBus *t)
{
    device_set_link(t->dev, "chardev", t->user);
}

static void test_debugcon(void)
{
    Sink sink = {.text = g_string_new(NULL)};

    chardev_init(&sink.chr, &sink_ops, "sink");
    TestBus *t = test_bus_with("isa-debugcon", link_sink, &sink);
    g_assert_cmphex(inb(t, 0xe9), ==, 0xe9);
    for (const char *c = "hello"; *c; c++)
        outb(t, 0xe9, *c);
    g_assert_cmpstr(sink.text->str, ==, "hello");
    /* The high byte of a word goes to the next port, where nothing is. */
    outw(t, 0xe9, 'x' | 'y' << 8);
    g_assert_cmpstr(sink.text->str, ==, "hellox");
    test_bus_free(t);
    chardev_free(&sink.chr);
}

static void at_f4(TestBus *t)
{
    device_set_uint(t->dev, "iobase", 0xf4);
    device_set_uint(t->dev, "iosize", 4);
}

static void test_exit(void)
{
    TestBus *t = test_bus_with("isa-debug-exit", at_f4, NULL);
    static const int expected[] = {1, 0x21, 0xfff};

    outb(t, 0xf4, 0);
    outl(t, 0xf4, 0x10);
    outw(t, 0xf6, 0x7ff);
    outb(t, 0xf8, 1);
    g_assert_cmpuint(t->requests->len, ==, G_N_ELEMENTS(expected));
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        TestRequest r = g_array_index(t->requests, TestRequest, i);
        g_assert_cmpint(r.what, ==, BOARD_DEBUG_EXIT);
        g_assert_cmphex(r.value, ==, expected[i]);
    }
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debug-ports/debugcon", test_debugcon);
    g_test_add_func("/debug-ports/exit", test_exit);
    return g_test_run();
}
