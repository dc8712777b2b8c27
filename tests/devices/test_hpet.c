/* test_hpet.c - event timers: registers, one-shot and periodic matches, routing, legacy
 * replacement. */
#include "tests/support/testbus.h"

enum { BASE = 0xfed00000 };
enum { CONFIG = BASE + 0x10, STATUS = BASE + 0x20, COUNTER = BASE + 0xf0 };
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, SET_VALUE = 0x40, WIDTH_32 = 0x100, ROUTE_2 = 2 << 9 };
#define TIMER_CONFIG(n)     (BASE + 0x100 + 0x20 * (n))
#define TIMER_COMPARATOR(n) (BASE + 0x108 + 0x20 * (n))

static void test_registers(void)
{
    TestBus *t = test_bus("hpet");

    g_assert_cmphex(readq(t, BASE), ==, 0x009896808086a201); /* 10^7 fs, three timers */
    g_assert_cmphex(readl(t, BASE + 4), ==, 10000000);
    g_assert_cmphex(readq(t, TIMER_CONFIG(0)), ==, 0x0000000400000030);
    writeq(t, TIMER_CONFIG(1), UINT64_MAX);
    g_assert_cmphex(readq(t, TIMER_CONFIG(1)), ==, 0x0000000400003f7e);
    g_assert_cmphex(readq(t, TIMER_CONFIG(3)), ==, 0);
    g_assert_cmphex(readq(t, BASE + 0x8), ==, 0);
    test_bus_free(t);
}

static void test_counter(void)
{
    TestBus *t = test_bus("hpet");

    clock_step(t, 1000);
    g_assert_cmphex(readq(t, COUNTER), ==, 0);
    writeq(t, COUNTER, 0xfffffffe);
    writel(t, CONFIG, 1);
    clock_step(t, 1005);
    g_assert_cmphex(readq(t, COUNTER), ==, 0x100000062);
    g_assert_cmphex(readl(t, COUNTER + 4), ==, 1);
    clock_step(t, 5);
    g_assert_cmphex(readq(t, COUNTER), ==, 0x100000063);
    t = test_bus_reload(t);
    clock_step(t, 10);
    writel(t, CONFIG, 0);
    clock_step(t, 1000);
    g_assert_cmphex(readq(t, COUNTER), ==, 0x100000064);
    test_bus_free(t);
}

static void test_one_shot(void)
{
    TestBus *t = test_bus("hpet");

    writel(t, TIMER_CONFIG(0), ENABLE | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(0), 100);
    writel(t, CONFIG, 1);
    clock_step(t, 999);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 0);
    clock_step(t, 1);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 1);
    g_assert_cmphex(readl(t, STATUS), ==, 0); /* edges leave no status */
    clock_step(t, NS_PER_SEC);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 1);
    writeq(t, TIMER_COMPARATOR(0), readq(t, COUNTER) + 10);
    clock_step(t, 100);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 2);
    writel(t, TIMER_CONFIG(0), ROUTE_2);
    g_assert_cmpint(level(t, "irq", 2), ==, 0);
    test_bus_free(t);
}

/* As Linux sets it up: set-value, the first match, the period. */
static void test_periodic(void)
{
    TestBus *t = test_bus("hpet");

    writel(t, TIMER_CONFIG(0), ENABLE | PERIODIC | SET_VALUE | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(0), 5000);
    writeq(t, TIMER_COMPARATOR(0), 100000); /* 1 ms */
    writel(t, CONFIG, 1);
    clock_step(t, 50 * NS_PER_US);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 1);
    g_assert_cmpuint(readq(t, TIMER_COMPARATOR(0)), ==, 105000);
    clock_step(t, 100 * NS_PER_MS);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 101);
    /* A host that was late: one interrupt, and no drift. */
    clock_advance(t->board->clock, 5 * NS_PER_MS);
    clock_run_due(t->board->clock);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 102);
    g_assert_cmpuint(readq(t, TIMER_COMPARATOR(0)), ==, 5000 + 106 * 100000);
    writel(t, TIMER_CONFIG(0), ENABLE | PERIODIC | SET_VALUE | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(0), readq(t, COUNTER) + 1);
    writeq(t, TIMER_COMPARATOR(0), 1); /* a period of 10 ns does not stop the world */
    clock_step(t, NS_PER_MS);
    g_assert_cmpuint(rises(t, "irq", 2), <=, 102 + 101);
    test_bus_free(t);
}

static void test_level(void)
{
    TestBus *t = test_bus("hpet");

    writel(t, TIMER_CONFIG(2), ENABLE | LEVEL | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(2), 100);
    writel(t, CONFIG, 1);
    clock_step(t, 2000);
    g_assert_cmpint(level(t, "irq", 2), ==, 1);
    g_assert_cmphex(readl(t, STATUS), ==, 4);
    writel(t, STATUS, 3); /* others */
    g_assert_cmpint(level(t, "irq", 2), ==, 1);
    writel(t, STATUS, 4);
    g_assert_cmpint(level(t, "irq", 2), ==, 0);
    test_bus_free(t);
}

static void test_legacy(void)
{
    TestBus *t = test_bus("hpet");

    set_line(t, "legacy", 0, 1); /* the PIT passes */
    g_assert_cmpint(level(t, "isa", 0), ==, 1);
    set_line(t, "legacy", 0, 0);
    writel(t, TIMER_CONFIG(0), ENABLE | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(0), 100);
    writel(t, TIMER_CONFIG(1), ENABLE);
    writeq(t, TIMER_COMPARATOR(1), 200);
    writel(t, CONFIG, 3);
    set_line(t, "legacy", 0, 1); /* now it does not */
    g_assert_cmpint(level(t, "isa", 0), ==, 0);
    clock_step(t, 1000);
    g_assert_cmpint(level(t, "isa", 0), ==, 1);
    g_assert_cmpint(level(t, "isa", 1), ==, 0);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 0);
    clock_step(t, 1000);
    g_assert_cmpint(level(t, "isa", 1), ==, 1);
    test_bus_free(t);
}

/* A 32-bit timer matches the counter's low half. */
static void test_32bit(void)
{
    TestBus *t = test_bus("hpet");

    writeq(t, COUNTER, 0x1fffffff0);
    writel(t, TIMER_CONFIG(0), ENABLE | WIDTH_32 | ROUTE_2);
    writeq(t, TIMER_COMPARATOR(0), 0x700000010);
    g_assert_cmphex(readq(t, TIMER_COMPARATOR(0)), ==, 0x10);
    writel(t, CONFIG, 1);
    clock_step(t, 319);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 0);
    clock_step(t, 1);
    g_assert_cmpuint(rises(t, "irq", 2), ==, 1);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hpet/registers", test_registers);
    g_test_add_func("/hpet/counter", test_counter);
    g_test_add_func("/hpet/one-shot", test_one_shot);
    g_test_add_func("/hpet/periodic", test_periodic);
    g_test_add_func("/hpet/level", test_level);
    g_test_add_func("/hpet/legacy", test_legacy);
    g_test_add_func("/hpet/32bit", test_32bit);
    return g_test_run();
}
