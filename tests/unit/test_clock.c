/* test_clock.c - the three sources of time, and timers in their order. */
#include "core/clock.h"

typedef struct Fired {
    Timer timer;
    GString *log;
    char name;
    Ns again; /* period, 0 = once */
} Fired;

static void fire(void *opaque)
{
    Fired *f = opaque;

    g_string_append_c(f->log, f->name);
    if (f->again)
        timer_set(&f->timer, clock_now(f->timer.clock) + f->again - 1);
}

static void fired_init(Fired *f, Clock *clock, GString *log, char name)
{
    *f = (Fired){.log = log, .name = name};
    timer_init(&f->timer, clock, fire, f);
}

static void test_order(void)
{
    Clock *clock = clock_new_manual();
    g_autoptr(GString) log = g_string_new(NULL);
    Fired t[5];

    for (unsigned i = 0; i < 5; i++)
        fired_init(&t[i], clock, log, 'a' + i);
    timer_set(&t[0].timer, 50);
    timer_set(&t[1].timer, 10);
    timer_set(&t[2].timer, 30); /* armed before d: fires before it */
    timer_set(&t[3].timer, 30);
    timer_set(&t[4].timer, 20);
    g_assert_cmpint(clock_next_deadline(clock), ==, 10);
    timer_set(&t[4].timer, NS_NEVER);
    clock_advance(clock, 30);
    clock_run_due(clock);
    g_assert_cmpstr(log->str, ==, "bcd");
    g_assert_cmpint(clock_next_deadline(clock), ==, 50);
    timer_fini(&t[0].timer);
    g_assert_cmpint(clock_next_deadline(clock), ==, NS_NEVER);
    clock_free(clock);
}

/* Random arming, moving and disarming: what fires is what a sorted list says. */
static void test_heap(void)
{
    Clock *clock = clock_new_manual();
    g_autoptr(GString) log = g_string_new(NULL);
    Fired t[26];

    for (unsigned i = 0; i < 26; i++)
        fired_init(&t[i], clock, log, 'a' + i);
    for (unsigned round = 0; round < 300; round++) {
        Ns now = clock_now(clock);
        for (unsigned i = 0; i < 60; i++)
            timer_set(&t[g_test_rand_int_range(0, 26)].timer,
                      g_test_rand_int_range(0, 5) ? now + g_test_rand_int_range(0, 100) : NS_NEVER);
        for (Ns at = now; at <= now + 100; at++) {
            g_autoptr(GString) want = g_string_new(NULL);
            for (unsigned i = 0; i < 26; i++)
                if (t[i].timer.deadline == at)
                    g_string_append_c(want, t[i].name);
            g_string_truncate(log, 0);
            clock_run_due(clock);
            g_assert_cmpuint(log->len, ==, want->len);
            for (unsigned i = 0; i < want->len; i++)
                g_assert_nonnull(strchr(log->str, want->str[i]));
            clock_advance(clock, 1);
        }
        g_assert_cmpint(clock_next_deadline(clock), ==, NS_NEVER);
    }
    clock_free(clock);
}

/* A timer that arms itself in the past fires once a call, so that the caller comes back. */
static void test_no_endless_loop(void)
{
    Clock *clock = clock_new_manual();
    g_autoptr(GString) log = g_string_new(NULL);
    Fired t;

    fired_init(&t, clock, log, 'x');
    t.again = 1; /* again at the same time */
    timer_set(&t.timer, 0);
    for (unsigned i = 0; i < 3; i++)
        clock_run_due(clock);
    g_assert_cmpstr(log->str, ==, "xxx");
    timer_fini(&t.timer);
    clock_free(clock);
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void test_notify(void)
{
    Clock *clock = clock_new_manual();
    g_autoptr(GString) log = g_string_new(NULL);
    unsigned calls = 0;
    Fired t[2];

    clock_set_notify(clock, count, &calls);
    fired_init(&t[0], clock, log, 'a');
    fired_init(&t[1], clock, log, 'b');
    timer_set(&t[0].timer, 100);
    g_assert_cmpuint(calls, ==, 1);
    timer_set(&t[1].timer, 200);
    g_assert_cmpuint(calls, ==, 1);
    timer_set(&t[1].timer, 50);
    g_assert_cmpuint(calls, ==, 2);
    timer_fini(&t[0].timer);
    timer_fini(&t[1].timer);
    clock_free(clock);
}

static void test_host(void)
{
    Clock *clock = clock_new_host();

    g_assert_cmpint(clock_now(clock), ==, 0);
    g_usleep(2000);
    g_assert_cmpint(clock_now(clock), ==, 0);
    clock_start(clock);
    g_usleep(2000);
    g_assert_cmpint(clock_now(clock), >=, 2 * NS_PER_MS);
    clock_stop(clock);
    Ns stopped = clock_now(clock);
    g_usleep(2000);
    g_assert_cmpint(clock_now(clock), ==, stopped);
    clock_set(clock, 5 * NS_PER_SEC);
    clock_start(clock);
    clock_start(clock);
    g_assert_cmpint(clock_now(clock), >=, 5 * NS_PER_SEC);
    g_assert_cmpint(clock_now(clock), <, 100 * NS_PER_SEC);
    clock_free(clock);
}

static uint64_t counted(void *opaque)
{
    return *(uint64_t *)opaque;
}

static void test_counted(void)
{
    Clock *clock = clock_new_manual();
    uint64_t instructions = 1000;

    g_assert_false(clock_is_counted(clock));
    clock_advance(clock, 7);
    clock_set_counter(clock, counted, &instructions, 3);
    g_assert_true(clock_is_counted(clock));
    g_assert_cmpint(clock_now(clock), ==, 7);
    instructions += 10;
    g_assert_cmpint(clock_now(clock), ==, 87);
    clock_advance(clock, 1000); /* an idle machine skips to its next timer */
    g_assert_cmpint(clock_now(clock), ==, 1087);
    clock_set(clock, 20);
    instructions++;
    g_assert_cmpint(clock_now(clock), ==, 28);
    clock_free(clock);
}

typedef struct Readers {
    Clock *clock;
    gint stop;
} Readers;

/* Time never runs backwards for a thread that looks while another stops and starts the clock. */
static void *reader(void *opaque)
{
    Readers *r = opaque;
    Ns last = 0;

    while (!g_atomic_int_get(&r->stop)) {
        Ns now = clock_now(r->clock);
        g_assert_cmpint(now, >=, last);
        g_assert_cmpint(now, <, 1000 * NS_PER_SEC);
        last = now;
    }
    return NULL;
}

static void test_threads(void)
{
    Readers r = {.clock = clock_new_host()};
    GThread *thread = g_thread_new("reader", reader, &r);

    for (unsigned i = 0; i < 2000; i++) {
        clock_start(r.clock);
        clock_stop(r.clock);
    }
    g_atomic_int_set(&r.stop, 1);
    g_thread_join(thread);
    clock_free(r.clock);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock/order", test_order);
    g_test_add_func("/clock/heap", test_heap);
    g_test_add_func("/clock/no-endless-loop", test_no_endless_loop);
    g_test_add_func("/clock/notify", test_notify);
    g_test_add_func("/clock/host", test_host);
    g_test_add_func("/clock/counted", test_counted);
    g_test_add_func("/clock/threads", test_threads);
    return g_test_run();
}
