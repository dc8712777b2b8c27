/* test_mc146818.c - real-time clock: the calendar, formats, setting, the three interrupts, CMOS. */
#include "devices/chipset/calendar.h"
#include "devices/chipset/mc146818.h"
#include "tests/support/testbus.h"

#include <time.h>

enum { PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 4, H24 = 2, SET = 0x80 };

static uint8_t get(TestBus *t, uint8_t index)
{
    outb(t, 0x70, index);
    return inb(t, 0x71);
}

static void put(TestBus *t, uint8_t index, uint8_t value)
{
    outb(t, 0x70, index);
    outb(t, 0x71, value);
}

static void check_time(TestBus *t, const char *expected)
{
    g_autofree char *is = g_strdup_printf("%02x%02x-%02x-%02x %02x:%02x:%02x %x", get(t, 0x32),
                                          get(t, 9), get(t, 8), get(t, 7), get(t, 4), get(t, 2),
                                          get(t, 0), get(t, 6));
    g_assert_cmpstr(is, ==, expected);
}

/* The C library's calendar is the oracle. */
static void test_calendar(void)
{
    for (int64_t s = 0; s < 20000000000; s += 86399 * 7 + 3601) {
        DateTime when;
        struct tm tm;
        time_t host = (time_t)s;
        gmtime_r(&host, &tm);
        calendar_date(s, &when);
        g_assert_cmpint(when.year, ==, tm.tm_year + 1900);
        g_assert_cmpint(when.month, ==, tm.tm_mon + 1);
        g_assert_cmpint(when.day, ==, tm.tm_mday);
        g_assert_cmpint(when.hour, ==, tm.tm_hour);
        g_assert_cmpint(when.minute, ==, tm.tm_min);
        g_assert_cmpint(when.second, ==, tm.tm_sec);
        g_assert_cmpint(when.weekday, ==, tm.tm_wday);
        g_assert_cmpint(calendar_seconds(&when), ==, s);
    }
}

static void test_time(void)
{
    TestBus *t = test_bus("mc146818rtc");

    check_time(t, "2000-01-01 00:00:00 7"); /* a Saturday */
    clock_step(t, 59 * NS_PER_SEC + 86399 * NS_PER_SEC);
    check_time(t, "2000-01-02 00:00:58 1");
    clock_step(t, 58 * 86400 * NS_PER_SEC); /* 2000 is a leap year */
    check_time(t, "2000-02-29 00:00:58 3");
    g_assert_cmphex(get(t, 0x37), ==, 0x20);
    g_assert_cmphex(get(t, 0x0d), ==, 0x80);
    g_assert_cmphex(inb(t, 0x70), ==, 0xff);
    test_bus_free(t);
}

static void test_formats(void)
{
    TestBus *t = test_bus("mc146818rtc");

    clock_step(t, (15 * 3600 + 30 * 60) * NS_PER_SEC);
    g_assert_cmphex(get(t, 4), ==, 0x15);
    put(t, 0x0b, 0);
    g_assert_cmphex(get(t, 4), ==, 0x83); /* 3 PM */
    put(t, 0x0b, BINARY);
    g_assert_cmphex(get(t, 2), ==, 30);
    g_assert_cmphex(get(t, 4), ==, 0x83);
    put(t, 0x0b, BINARY | H24);
    g_assert_cmphex(get(t, 4), ==, 15);
    clock_step(t, 9 * 3600 * NS_PER_SEC); /* 00:30 */
    put(t, 0x0b, 0);
    g_assert_cmphex(get(t, 4), ==, 0x12); /* 12 AM */
    clock_step(t, 12 * 3600 * NS_PER_SEC);
    g_assert_cmphex(get(t, 4), ==, 0x92); /* 12 PM */
    test_bus_free(t);
}

static void test_set(void)
{
    TestBus *t = test_bus("mc146818rtc");

    put(t, 0x0b, SET | H24);
    static const uint8_t values[][2] = {{0, 0x58}, {2, 0x59}, {4, 0x23},   {7, 0x28},
                                        {8, 0x02}, {9, 0x99}, {0x32, 0x19}};
    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++)
        put(t, values[i][0], values[i][1]);
    clock_step(t, 10 * NS_PER_SEC); /* stands still */
    g_assert_cmphex(get(t, 0), ==, 0x58);
    put(t, 0x0b, H24);
    check_time(t, "1999-02-28 23:59:58 1");
    clock_step(t, 2 * NS_PER_SEC);
    check_time(t, "1999-03-01 00:00:00 2");
    put(t, 4, 0x12); /* without SET, at once */
    check_time(t, "1999-03-01 12:00:00 2");
    t = test_bus_reload(t);
    clock_step(t, 1 * NS_PER_SEC);
    check_time(t, "1999-03-01 12:00:01 2");
    test_bus_reset(t); /* the battery keeps it */
    check_time(t, "1999-03-01 12:00:01 2");
    test_bus_free(t);
}

/* [MC146818A] "Divider control": half a second from the release of reset to the first update. */
static void test_divider(void)
{
    TestBus *t = test_bus("mc146818rtc");

    clock_step(t, 900 * NS_PER_MS);
    put(t, 0x0a, 0x76);
    clock_step(t, 5 * NS_PER_SEC);
    g_assert_cmphex(get(t, 0), ==, 0);
    put(t, 0x0a, 0x26);
    clock_step(t, 499 * NS_PER_MS);
    g_assert_cmphex(get(t, 0), ==, 0);
    clock_step(t, 2 * NS_PER_MS);
    g_assert_cmphex(get(t, 0), ==, 1);
    test_bus_free(t);
}

/* UIP is up for 244 us before the update. */
static void test_uip(void)
{
    TestBus *t = test_bus("mc146818rtc");

    clock_step(t, NS_PER_SEC - 300 * NS_PER_US);
    g_assert_cmphex(get(t, 0x0a), ==, 0x26);
    clock_step(t, 100 * NS_PER_US);
    g_assert_cmphex(get(t, 0x0a), ==, 0xa6);
    clock_step(t, 200 * NS_PER_US);
    g_assert_cmphex(get(t, 0x0a), ==, 0x26);
    test_bus_free(t);
}

/* [MC146818A] "Periodic interrupt rate": RS = 6 is 1024 Hz; the line falls when C is read. */
static void test_periodic(void)
{
    static const struct {
        uint8_t rate;
        unsigned per_second;
    } cases[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {15, 2}, {0, 0}};

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        TestBus *t = test_bus("mc146818rtc");
        put(t, 0x0a, 0x20 | cases[i].rate);
        put(t, 0x0b, H24 | PIE);
        unsigned count = 0;
        for (unsigned step = 0; step < 20000; step++) {
            clock_step(t, 50 * NS_PER_US);
            if (level(t, "irq", 0)) {
                g_assert_cmphex(get(t, 0x0c) & 0xc0, ==, 0xc0);
                g_assert_cmpint(level(t, "irq", 0), ==, 0);
                count++;
            }
        }
        g_assert_cmpuint(count, ==, cases[i].per_second);
        test_bus_free(t);
    }
}

static void test_update_interrupt(void)
{
    TestBus *t = test_bus("mc146818rtc");

    put(t, 0x0b, H24 | UIE);
    clock_step(t, 999 * NS_PER_MS);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(get(t, 0x0c) & 0x90, ==, 0x90);
    g_assert_cmphex(get(t, 0x0c), ==, 0);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    /* Flags without their enables: set, but no interrupt. */
    put(t, 0x0b, H24);
    clock_step(t, 2 * NS_PER_SEC);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    g_assert_cmphex(get(t, 0x0c) & 0x90, ==, 0x10);
    test_bus_free(t);
}

static void test_alarm(void)
{
    TestBus *t = test_bus("mc146818rtc");

    put(t, 1, 0x30);
    put(t, 3, 0x15);
    put(t, 5, 0x06);
    put(t, 0x0b, H24 | AIE);
    clock_step(t, (6 * 3600 + 15 * 60 + 29) * NS_PER_SEC);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 1 * NS_PER_SEC);
    g_assert_cmpint(level(t, "irq", 0), ==, 1);
    g_assert_cmphex(get(t, 0x0c) & 0xa0, ==, 0xa0);
    clock_step(t, 86399 * NS_PER_SEC);
    g_assert_cmpint(level(t, "irq", 0), ==, 0);
    clock_step(t, 1 * NS_PER_SEC); /* the next day */
    g_assert_cmpuint(rises(t, "irq", 0), ==, 2);
    get(t, 0x0c);
    put(t, 5, 0xff); /* any hour, any minute */
    put(t, 3, 0xc0);
    clock_step(t, 60 * NS_PER_SEC);
    g_assert_cmpuint(rises(t, "irq", 0), ==, 3);
    get(t, 0x0c);
    put(t, 1, 0x61); /* a second that does not come */
    clock_step(t, 2 * 3600 * NS_PER_SEC);
    g_assert_cmpuint(rises(t, "irq", 0), ==, 3);
    test_bus_free(t);
}

static void test_cmos(void)
{
    TestBus *t = test_bus("mc146818rtc");

    mc146818_set_cmos(t->dev, 0x34, 0x80);
    put(t, 0x8f, 0x0a); /* with NMI masked */
    g_assert_cmpint(level(t, "nmi-mask", 0), ==, 1);
    g_assert_cmphex(get(t, 0x0f), ==, 0x0a);
    g_assert_cmpint(level(t, "nmi-mask", 0), ==, 0);
    test_bus_reset(t);
    g_assert_cmphex(get(t, 0x34), ==, 0x80);
    g_assert_cmphex(get(t, 0x0f), ==, 0x0a);
    put(t, 0x0d, 0);
    g_assert_cmphex(get(t, 0x0d), ==, 0x80);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mc146818/calendar", test_calendar);
    g_test_add_func("/mc146818/time", test_time);
    g_test_add_func("/mc146818/formats", test_formats);
    g_test_add_func("/mc146818/set", test_set);
    g_test_add_func("/mc146818/divider", test_divider);
    g_test_add_func("/mc146818/uip", test_uip);
    g_test_add_func("/mc146818/periodic", test_periodic);
    g_test_add_func("/mc146818/update-interrupt", test_update_interrupt);
    g_test_add_func("/mc146818/alarm", test_alarm);
    g_test_add_func("/mc146818/cmos", test_cmos);
    return g_test_run();
}
