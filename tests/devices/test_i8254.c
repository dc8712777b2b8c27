/* test_i8254.c - interval timer: the six modes at the pulses of the manual's timing diagrams. */
#include "tests/support/testbus.h"

enum { MODE = 1, LOW = 1 << 4, HIGH = 2 << 4, BOTH = 3 << 4, BCD = 1 };

/* Just after pulse n of the timer's clock since the bus was made. */
static void at_pulse(TestBus *t, uint64_t n)
{
    Ns when = (Ns)((n * NS_PER_SEC + 1193181) / 1193182);

    clock_step(t, when - clock_now(t->board->clock));
}

static void program(TestBus *t, unsigned counter, unsigned mode, unsigned count)
{
    outb(t, 0x43, counter << 6 | BOTH | mode << MODE);
    outb(t, 0x40 + counter, count);
    outb(t, 0x40 + counter, count >> 8);
}

static unsigned latched(TestBus *t, unsigned counter)
{
    outb(t, 0x43, counter << 6);
    unsigned low = inb(t, 0x40 + counter);
    return low | inb(t, 0x40 + counter) << 8;
}

static unsigned status(TestBus *t, unsigned counter)
{
    outb(t, 0x43, 0xe0 | 2 << counter);
    return inb(t, 0x40 + counter);
}

/* [8254] "Mode 0": low, high n + 1 pulses after the count is written; the count goes on. */
static void test_mode0(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 0, 4);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    g_assert_cmphex(status(t, 0), ==, 0x70); /* null count: not loaded yet */
    at_pulse(t, 1);
    g_assert_cmphex(status(t, 0), ==, 0x30);
    g_assert_cmpuint(latched(t, 0), ==, 4);
    at_pulse(t, 4);
    g_assert_cmpuint(latched(t, 0), ==, 1);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 5);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    g_assert_cmpuint(latched(t, 0), ==, 0);
    at_pulse(t, 6);
    g_assert_cmphex(latched(t, 0), ==, 0xffff);
    g_assert_cmpuint(rises(t, "out", 0), ==, 1);
    outb(t, 0x40, 9); /* first byte: counting stops, OUT falls */
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 100);
    outb(t, 0x40, 0);
    at_pulse(t, 109);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 110);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    test_bus_free(t);
}

static void test_mode0_gate(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 2, 0, 4); /* gate 2 is low: loaded, not counting */
    at_pulse(t, 50);
    g_assert_cmpuint(latched(t, 2), ==, 4);
    set_line(t, "gate", 2, 1);
    at_pulse(t, 53);
    g_assert_cmpuint(latched(t, 2), ==, 1);
    set_line(t, "gate", 2, 0);
    at_pulse(t, 70);
    g_assert_cmpuint(latched(t, 2), ==, 1);
    set_line(t, "gate", 2, 1);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    at_pulse(t, 71);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    test_bus_free(t);
}

/* [8254] "Mode 1": low for n pulses from the one after each trigger. */
static void test_mode1(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 2, 1, 3);
    at_pulse(t, 10);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    g_assert_cmphex(status(t, 2) & 0x40, ==, 0x40);
    set_line(t, "gate", 2, 1);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    at_pulse(t, 11);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    g_assert_cmphex(status(t, 2) & 0x40, ==, 0);
    at_pulse(t, 13);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    set_line(t, "gate", 2, 0);
    set_line(t, "gate", 2, 1); /* retriggered */
    at_pulse(t, 16);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    at_pulse(t, 17);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    test_bus_free(t);
}

/* [8254] "Mode 2: Rate Generator" */
static void test_mode2_period(void)
{
    TestBus *t = test_bus("i8254");

    outb(t, 0x43, 0x34);
    outb(t, 0x40, 0xa9);
    outb(t, 0x40, 0x04); /* 1193 */
    clock_step(t, 1 * NS_PER_SEC);
    g_assert_cmpint(rises(t, "out", 0), ==, 1000);
    test_bus_free(t);
}

static void test_mode2(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 2, 3);
    static const unsigned count[] = {3, 2, 1, 3, 2, 1, 3};
    static const int out[] = {1, 1, 0, 1, 1, 0, 1};
    for (unsigned i = 0; i < G_N_ELEMENTS(count); i++) {
        at_pulse(t, 1 + i);
        g_assert_cmpuint(latched(t, 0), ==, count[i]);
        g_assert_cmpint(level(t, "out", 0), ==, out[i]);
    }
    /* A new count waits for the end of the period: pulse 10. */
    outb(t, 0x40, 5);
    outb(t, 0x40, 0);
    g_assert_cmphex(status(t, 0) & 0x40, ==, 0x40);
    at_pulse(t, 9);
    g_assert_cmpuint(latched(t, 0), ==, 1);
    at_pulse(t, 10);
    g_assert_cmpuint(latched(t, 0), ==, 5);
    g_assert_cmphex(status(t, 0) & 0x40, ==, 0);
    at_pulse(t, 14);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    test_bus_free(t);
}

static void test_mode2_gate(void)
{
    TestBus *t = test_bus("i8254");

    set_line(t, "gate", 2, 1);
    program(t, 2, 2, 4);
    at_pulse(t, 4);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    set_line(t, "gate", 2, 0); /* OUT goes high at once */
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    at_pulse(t, 40);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    set_line(t, "gate", 2, 1); /* starts anew with the next pulse */
    at_pulse(t, 41);
    g_assert_cmpuint(latched(t, 2), ==, 4);
    at_pulse(t, 44);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    at_pulse(t, 45);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    test_bus_free(t);
}

/* [8254] "Mode 3": even and odd counts, as in its timing diagram. */
static void test_mode3(void)
{
    static const struct {
        unsigned n, count[10];
        int out[10];
    } cases[] = {
        {4, {4, 2, 4, 2, 4, 2, 4, 2, 4, 2}, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1}},
        {5, {4, 2, 0, 4, 2, 4, 2, 0, 4, 2}, {1, 1, 1, 0, 0, 1, 1, 1, 0, 0}},
    };

    for (unsigned c = 0; c < G_N_ELEMENTS(cases); c++) {
        TestBus *t = test_bus("i8254");
        program(t, 0, 3, cases[c].n);
        for (unsigned i = 0; i < 10; i++) {
            at_pulse(t, 1 + i);
            g_assert_cmpuint(latched(t, 0), ==, cases[c].count[i]);
            g_assert_cmpint(level(t, "out", 0), ==, cases[c].out[i]);
        }
        test_bus_free(t);
    }
}

/* A new count takes effect at the end of the half-cycle. */
static void test_mode3_new_count(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 3, 8); /* falls at 5, rises at 9 */
    at_pulse(t, 2);
    outb(t, 0x40, 4);
    outb(t, 0x40, 0);
    at_pulse(t, 4);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    at_pulse(t, 5);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 6);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 7); /* half of 4 */
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    at_pulse(t, 9);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    test_bus_free(t);
}

static void test_strobes(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 4, 3); /* [8254] "Mode 4": low for one pulse, n + 1 after the write */
    at_pulse(t, 3);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    at_pulse(t, 4);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 5);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    program(t, 2, 5, 2); /* "Mode 5": n + 1 after the trigger */
    at_pulse(t, 20);
    set_line(t, "gate", 2, 1);
    at_pulse(t, 22);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    at_pulse(t, 23);
    g_assert_cmpint(level(t, "out", 2), ==, 0);
    at_pulse(t, 24);
    g_assert_cmpint(level(t, "out", 2), ==, 1);
    test_bus_free(t);
}

static void test_bcd(void)
{
    TestBus *t = test_bus("i8254");

    outb(t, 0x43, BOTH | 0 << MODE | BCD);
    outb(t, 0x40, 0x00);
    outb(t, 0x40, 0x10); /* 1000 */
    at_pulse(t, 2);
    g_assert_cmphex(latched(t, 0), ==, 0x0999);
    at_pulse(t, 1001);
    g_assert_cmphex(latched(t, 0), ==, 0x0000);
    at_pulse(t, 1002);
    g_assert_cmphex(latched(t, 0), ==, 0x9999);
    test_bus_free(t);
}

/* A count of 0 is the largest: 65536, or 10000 in BCD. */
static void test_zero(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 2, 0);
    at_pulse(t, 65536);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    at_pulse(t, 65537);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    g_assert_cmpuint(latched(t, 0), ==, 0);
    outb(t, 0x43, BOTH | 2 << MODE | BCD);
    outb(t, 0x40, 0);
    outb(t, 0x40, 0);
    at_pulse(t, 65537 + 10000);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    test_bus_free(t);
}

/* [8254] "Read-Back Command", "Counter Latch Command": a latch holds until read; status comes
 * first. */
static void test_latches(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 2, 1000);
    at_pulse(t, 101);
    outb(t, 0x43, 0x00);
    at_pulse(t, 201);
    outb(t, 0x43, 0x00); /* ignored: the first latch is not read yet */
    outb(t, 0x43, 0xe2); /* status of counter 0 */
    g_assert_cmphex(inb(t, 0x40), ==, 0xb4);
    g_assert_cmphex(inb(t, 0x40), ==, 900 & 0xff);
    g_assert_cmphex(inb(t, 0x40), ==, 900 >> 8);
    g_assert_cmphex(inb(t, 0x40), ==, 800 & 0xff); /* live again */
    g_assert_cmphex(inb(t, 0x40), ==, 800 >> 8);
    outb(t, 0x43, LOW | 2 << MODE);
    outb(t, 0x40, 50);
    at_pulse(t, 203);
    g_assert_cmphex(inb(t, 0x40), ==, 49);
    outb(t, 0x43, HIGH | 2 << MODE);
    outb(t, 0x40, 2);
    at_pulse(t, 205);
    g_assert_cmphex(inb(t, 0x40), ==, 1); /* 511 >> 8 */
    g_assert_cmphex(inb(t, 0x43), ==, 0xff);
    test_bus_free(t);
}

/* Edges that the host was too late for are one edge, not none. */
static void test_late_host(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 2, 1193);
    clock_step(t, 5 * NS_PER_MS);
    unsigned before = rises(t, "out", 0);
    clock_advance(t->board->clock, 10 * NS_PER_MS);
    clock_run_due(t->board->clock);
    g_assert_cmpuint(rises(t, "out", 0), ==, before + 1);
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmpuint(rises(t, "out", 0), ==, before + 2);
    test_bus_free(t);
}

static void test_reload(void)
{
    TestBus *t = test_bus("i8254");

    program(t, 0, 3, 1000);
    at_pulse(t, 251);
    t = test_bus_reload(t);
    g_assert_cmpuint(latched(t, 0), ==, 500);
    at_pulse(t, 500);
    g_assert_cmpint(level(t, "out", 0), ==, 1);
    at_pulse(t, 501);
    g_assert_cmpint(level(t, "out", 0), ==, 0);
    test_bus_free(t);
}

static void test_port61(void)
{
    TestBus *t = test_bus("pcspk");

    outb(t, 0x61, 0xff);
    g_assert_cmphex(inb(t, 0x61) & ~0x10, ==, 0x0f);
    g_assert_cmpint(level(t, "gate2", 0), ==, 1);
    set_line(t, "out2", 0, 1);
    g_assert_cmphex(inb(t, 0x61) & 0x20, ==, 0x20);
    g_assert_cmpint(level(t, "speaker", 0), ==, 1);
    outb(t, 0x61, 0x01);
    g_assert_cmpint(level(t, "speaker", 0), ==, 0);
    unsigned toggles = 0; /* the refresh bit: every 15 us */
    for (unsigned i = 0, last = inb(t, 0x61); i < 1000; i++) {
        clock_step(t, 1 * NS_PER_US);
        unsigned now = inb(t, 0x61);
        toggles += (now ^ last) >> 4 & 1;
        last = now;
    }
    g_assert_cmpuint(toggles, ==, 66);
    test_bus_free(t);
}

static void test_port92(void)
{
    TestBus *t = test_bus("port92");

    outb(t, 0x92, 0x02);
    g_assert_cmpint(level(t, "a20", 0), ==, 1);
    g_assert_cmphex(inb(t, 0x92), ==, 0x02);
    g_assert_cmpuint(t->requests->len, ==, 0);
    outb(t, 0x92, 0x01);
    g_assert_cmpint(level(t, "a20", 0), ==, 0);
    g_assert_cmpuint(t->requests->len, ==, 1);
    g_assert_cmpint(g_array_index(t->requests, TestRequest, 0).what, ==, BOARD_RESET);
    outb(t, 0x92, 0x01); /* no edge */
    g_assert_cmpuint(t->requests->len, ==, 1);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/mode0", test_mode0);
    g_test_add_func("/i8254/mode0-gate", test_mode0_gate);
    g_test_add_func("/i8254/mode1", test_mode1);
    g_test_add_func("/i8254/mode2-period", test_mode2_period);
    g_test_add_func("/i8254/mode2", test_mode2);
    g_test_add_func("/i8254/mode2-gate", test_mode2_gate);
    g_test_add_func("/i8254/mode3", test_mode3);
    g_test_add_func("/i8254/mode3-new-count", test_mode3_new_count);
    g_test_add_func("/i8254/strobes", test_strobes);
    g_test_add_func("/i8254/bcd", test_bcd);
    g_test_add_func("/i8254/zero", test_zero);
    g_test_add_func("/i8254/latches", test_latches);
    g_test_add_func("/i8254/late-host", test_late_host);
    g_test_add_func("/i8254/reload", test_reload);
    g_test_add_func("/pcspk/port61", test_port61);
    g_test_add_func("/port92/reset-and-a20", test_port92);
    return g_test_run();
}
