/* clock.c - the virtual clock: its value from one of three sources, and a heap of timers.
 *
 * value = base + source, where the source is the host's monotonic clock while it runs, a scaled
 * count of instructions, or nothing (a manual clock). Every change of what the sum is made of moves
 * `base` so that the value itself does not jump. */
#include "core/clock.h"

#include <time.h>

typedef enum ClockSource { SOURCE_NONE, SOURCE_HOST, SOURCE_COUNTER } ClockSource;

struct Clock {
    /* Read by any thread without a lock; odd `sequence` = being written. */
    unsigned sequence;
    int source; /* ClockSource */
    Ns base;

    bool host;
    uint64_t (*count)(void *opaque);
    void *count_opaque;
    unsigned shift;

    GPtrArray *heap; /* of Timer, earliest first */
    uint64_t order;  /* of the next timer to be armed */
    void (*notify)(void *opaque);
    void *notify_opaque;
};

static Ns host_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static Ns source_now(const Clock *clock, int source)
{
    switch (source) {
    case SOURCE_HOST:
        return host_now();
    case SOURCE_COUNTER:
        return (Ns)(clock->count(clock->count_opaque) << clock->shift);
    default:
        return 0;
    }
}

/* The writer's half of a sequence lock; writers hold the machine lock. Between begin and end
 * readers wait, so a value that the writer takes there is not before any that a reader has
 * returned. */
static void write_begin(Clock *clock)
{
    __atomic_store_n(&clock->sequence, clock->sequence + 1, __ATOMIC_SEQ_CST);
}

static void write_end(Clock *clock, ClockSource source, Ns base)
{
    __atomic_store_n(&clock->source, (int)source, __ATOMIC_RELEASE);
    __atomic_store_n(&clock->base, base, __ATOMIC_RELEASE);
    __atomic_store_n(&clock->sequence, clock->sequence + 1, __ATOMIC_RELEASE);
}

/* The source is read inside the section too: a stop that falls between would freeze an earlier
 * value than the one returned. */
Ns clock_now(Clock *clock)
{
    for (;;) {
        unsigned before = __atomic_load_n(&clock->sequence, __ATOMIC_ACQUIRE);
        int source = __atomic_load_n(&clock->source, __ATOMIC_ACQUIRE);
        Ns base = __atomic_load_n(&clock->base, __ATOMIC_ACQUIRE);
        Ns now = base + source_now(clock, source);
        if (!(before & 1) && before == __atomic_load_n(&clock->sequence, __ATOMIC_SEQ_CST))
            return now;
    }
}

/* Another source, the same value. */
static void switch_source(Clock *clock, ClockSource source)
{
    write_begin(clock);
    Ns now = clock->base + source_now(clock, clock->source);
    write_end(clock, source, now - source_now(clock, source));
}

static void set_value(Clock *clock, ClockSource source, Ns value)
{
    write_begin(clock);
    write_end(clock, source, value - source_now(clock, source));
}

static Clock *clock_new(void)
{
    Clock *clock = g_new0(Clock, 1);

    clock->heap = g_ptr_array_new();
    return clock;
}

Clock *clock_new_host(void)
{
    Clock *clock = clock_new();

    clock->host = true;
    return clock;
}

Clock *clock_new_manual(void)
{
    return clock_new();
}

void clock_free(Clock *clock)
{
    if (!clock)
        return;
    g_ptr_array_unref(clock->heap);
    g_free(clock);
}

void clock_set_counter(Clock *clock, uint64_t (*count)(void *opaque), void *opaque, unsigned shift)
{
    g_assert(!clock->host);
    Ns now = clock_now(clock);
    clock->count = count;
    clock->count_opaque = opaque;
    clock->shift = shift;
    set_value(clock, count ? SOURCE_COUNTER : SOURCE_NONE, now);
}

bool clock_is_counted(const Clock *clock)
{
    return clock->count != NULL;
}

void clock_stop(Clock *clock)
{
    if (clock->host)
        switch_source(clock, SOURCE_NONE);
}

void clock_start(Clock *clock)
{
    if (clock->host && clock->source != SOURCE_HOST)
        switch_source(clock, SOURCE_HOST);
}

void clock_advance(Clock *clock, Ns by)
{
    g_assert(!clock->host && by >= 0);
    write_begin(clock);
    write_end(clock, clock->source, clock->base + by);
}

void clock_set(Clock *clock, Ns now)
{
    set_value(clock, clock->source, now);
}

/* --- timers ----------------------------------------------------------------------------------- */

static bool earlier(const Timer *a, const Timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static Timer *heap_at(const Clock *clock, unsigned i)
{
    return g_ptr_array_index(clock->heap, i);
}

static void heap_put(Clock *clock, unsigned i, Timer *timer)
{
    g_ptr_array_index(clock->heap, i) = timer;
    timer->index = i;
}

static void sift_up(Clock *clock, Timer *timer)
{
    unsigned i = timer->index;

    while (i > 0 && earlier(timer, heap_at(clock, (i - 1) / 2))) {
        heap_put(clock, i, heap_at(clock, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    heap_put(clock, i, timer);
}

static void sift_down(Clock *clock, Timer *timer)
{
    unsigned i = timer->index;

    for (;;) {
        unsigned child = 2 * i + 1;
        if (child >= clock->heap->len)
            break;
        if (child + 1 < clock->heap->len &&
            earlier(heap_at(clock, child + 1), heap_at(clock, child)))
            child++;
        if (!earlier(heap_at(clock, child), timer))
            break;
        heap_put(clock, i, heap_at(clock, child));
        i = child;
    }
    heap_put(clock, i, timer);
}

static void heap_remove(Clock *clock, Timer *timer)
{
    Timer *last = heap_at(clock, clock->heap->len - 1);

    g_ptr_array_set_size(clock->heap, clock->heap->len - 1);
    if (last == timer)
        return;
    heap_put(clock, timer->index, last);
    sift_up(clock, last);
    sift_down(clock, last);
}

void timer_init(Timer *timer, Clock *clock, TimerFn *fn, void *opaque)
{
    *timer = (Timer){.clock = clock, .fn = fn, .opaque = opaque, .deadline = NS_NEVER};
}

void timer_set(Timer *timer, Ns deadline)
{
    Clock *clock = timer->clock;

    if (timer->deadline == deadline)
        return;
    Ns before = clock_next_deadline(clock);
    if (timer->deadline != NS_NEVER)
        heap_remove(clock, timer);
    timer->deadline = deadline;
    if (deadline == NS_NEVER)
        return;
    timer->order = clock->order++;
    g_ptr_array_add(clock->heap, timer);
    timer->index = clock->heap->len - 1;
    sift_up(clock, timer);
    if (deadline < before && clock->notify)
        clock->notify(clock->notify_opaque);
}

void timer_fini(Timer *timer)
{
    if (timer->clock)
        timer_set(timer, NS_NEVER);
}

Ns clock_next_deadline(Clock *clock)
{
    return clock->heap->len ? heap_at(clock, 0)->deadline : NS_NEVER;
}

/* A timer armed by one of those fired here waits for the next call, however early its deadline, so
 * that a guest which asks for a period of nothing cannot keep us here. */
void clock_run_due(Clock *clock)
{
    uint64_t newest = clock->order;
    Ns now = clock_now(clock);

    while (clock->heap->len && heap_at(clock, 0)->deadline <= now &&
           heap_at(clock, 0)->order < newest) {
        Timer *timer = heap_at(clock, 0);
        timer_set(timer, NS_NEVER);
        timer->fn(timer->opaque);
    }
}

void clock_set_notify(Clock *clock, void (*fn)(void *opaque), void *opaque)
{
    clock->notify = fn;
    clock->notify_opaque = opaque;
}
