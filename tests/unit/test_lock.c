/* test_lock.c - the machine lock: one thread at a time, as often as that one wants. */
#include "core/lock.h"

enum { THREADS = 4, TURNS = 50000 };

typedef struct Shared {
    Lock lock;
    uint64_t sum;
    unsigned inside;
} Shared;

static void enter(Shared *s)
{
    lock_take(&s->lock);
    g_assert_cmpuint(s->inside, ==, 0);
    s->inside = 1;
}

static void leave(Shared *s)
{
    s->inside = 0;
    lock_release(&s->lock);
}

static gpointer count(gpointer opaque)
{
    Shared *s = opaque;
    for (unsigned i = 0; i < TURNS; i++) {
        enter(s);
        lock_take(&s->lock);
        s->sum++;
        if (i % 64 == 0)
            g_thread_yield(); /* others come and wait */
        lock_release(&s->lock);
        s->sum++;
        leave(s);
    }
    return NULL;
}

static void test_contention(void)
{
    Shared s = {0};
    GThread *threads[THREADS];

    lock_init(&s.lock);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("count", count, &s);
    for (unsigned i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(s.sum, ==, 2 * THREADS * TURNS);
    lock_fini(&s.lock);
}

static gpointer pass(gpointer opaque)
{
    enter(opaque);
    leave(opaque);
    return NULL;
}

/* Who has it keeps it until the last release. */
static void test_depth(void)
{
    Shared s = {0};

    lock_init(&s.lock);
    enter(&s);
    lock_take(&s.lock);
    GThread *other = g_thread_new("pass", pass, &s);
    g_usleep(2000);
    lock_release(&s.lock);
    g_usleep(2000);
    leave(&s);
    g_thread_join(other);
    lock_fini(&s.lock);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lock/contention", test_contention);
    g_test_add_func("/lock/depth", test_depth);
    return g_test_run();
}
