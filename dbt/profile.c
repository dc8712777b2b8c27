/* profile.c - samples of the host's program counter, taken by a timer signal.
 *
 * The signal goes to the CPU's thread, every so often of its processor time. The handler only notes
 * the program counter; which block that was is found out later, outside. */
#include "dbt/profile.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "dbt/view.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { MAX_SAMPLES = 1 << 14, PERIOD_US = 1000 };
enum { OUTSIDE = UINT32_MAX }; /* a sample that is not in the cache */

struct Profile {
    Translator *t;
    bool on;
    pid_t thread; /* that the timer interrupts; 0: none yet */
    timer_t timer;
    uint32_t sample[MAX_SAMPLES]; /* code offsets, or OUTSIDE */
    unsigned count;               /* written by the handler */
    uint64_t lost, outside, fixed, total;
    GHashTable *blocks; /* guest rip -> number of samples */
};

/* Whose CPU runs on this thread: a late signal may not find what is gone. */
static __thread Profile *sampled;

static void on_tick(int signal, siginfo_t *info, void *context)
{
    Profile *p = sampled;
    if (!p)
        return;
    if (p->count == MAX_SAMPLES) {
        p->lost++;
        return;
    }
#ifdef __x86_64__
    uint64_t at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] - (uintptr_t)p->t->rx;
    p->sample[p->count++] = at < p->t->size ? at : OUTSIDE;
#endif
}

/* --- the timer ------------------------------------------------------------------------------------ */

static void stop_timer(Profile *p)
{
    if (p->thread)
        timer_delete(p->timer);
    p->thread = 0;
}

/* For this thread. Without a timer the profile stays empty. */
static void start_timer(Profile *p)
{
    stop_timer(p);
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &p->timer) < 0)
        return;
    p->thread = gettid();
    const struct timespec period = {.tv_nsec = PERIOD_US * 1000};
    const struct itimerspec when = {period, period};
    timer_settime(p->timer, 0, &when, NULL);
}

/* --- life ----------------------------------------------------------------------------------------- */

Profile *profile_new(Translator *t)
{
    Profile *p = g_new0(Profile, 1);
    p->t = t;
    p->on = true;
    p->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return p;
}

void profile_stop(Profile *p)
{
    stop_timer(p);
    p->on = false;
    profile_resolve(p);
}

void profile_free(Profile *p)
{
    if (!p)
        return;
    stop_timer(p);
    g_hash_table_destroy(p->blocks);
    g_free(p);
}

bool profile_is_on(const Profile *p)
{
    return p->on;
}

void profile_enter(Profile *p)
{
    if (!p->on)
        return;
    if (p->count > MAX_SAMPLES / 2)
        profile_resolve(p);
    if (p->thread != gettid())
        start_timer(p);
    sampled = p;
}

void profile_leave(Profile *p)
{
    sampled = NULL;
}

/* --- what they say -------------------------------------------------------------------------------- */

static void count_block(Profile *p, uint64_t rip)
{
    uint64_t *samples = g_hash_table_lookup(p->blocks, &rip);
    if (!samples) {
        samples = g_new0(uint64_t, 1);
        g_hash_table_insert(p->blocks, g_memdup2(&rip, sizeof(rip)), samples);
    }
    ++*samples;
}

void profile_resolve(Profile *p)
{
    Profile *running = sampled;
    sampled = NULL; /* the handler leaves the list alone */
    atomic_signal_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < p->count; i++) {
        uint32_t block = p->sample[i] == OUTSIDE ? 0 : view_block_of_code(p->t, p->sample[i]);
        if (block)
            count_block(p, p->t->blocks[block].rip);
        else if (p->sample[i] == OUTSIDE)
            p->outside++;
        else
            p->fixed++;
    }
    p->total += p->count;
    p->count = 0;
    atomic_signal_fence(memory_order_seq_cst);
    sampled = running;
}

typedef struct HotBlock {
    uint64_t rip, samples;
} HotBlock;

static gint by_heat(gconstpointer a, gconstpointer b)
{
    const HotBlock *x = a, *y = b;
    if (x->samples != y->samples)
        return x->samples > y->samples ? -1 : 1;
    return x->rip < y->rip ? -1 : x->rip > y->rip;
}

static void print_share(const Profile *p, uint64_t samples, GString *out)
{
    g_string_append_printf(out, "%6.2f %% %8" PRIu64 "  ", 100.0 * samples / MAX(p->total, 1),
                           samples);
}

void profile_print(Profile *p, unsigned shown, GString *out)
{
    profile_resolve(p);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(HotBlock));
    GHashTableIter iter;
    gpointer rip, samples;
    g_hash_table_iter_init(&iter, p->blocks);
    while (g_hash_table_iter_next(&iter, &rip, &samples)) {
        HotBlock hot = {*(uint64_t *)rip, *(uint64_t *)samples};
        g_array_append_val(list, hot);
    }
    g_array_sort(list, by_heat);
    g_string_append_printf(out, "%" PRIu64 " samples in %u blocks%s\n", p->total, list->len,
                           p->on ? "" : "; sampling is off");
    print_share(p, p->outside, out);
    g_string_append(out, "(translator, interpreter, devices)\n");
    print_share(p, p->fixed, out);
    g_string_append(out, "(trampolines)\n");
    for (unsigned i = 0; i < MIN(shown, list->len); i++) {
        const HotBlock *hot = &g_array_index(list, HotBlock, i);
        print_share(p, hot->samples, out);
        g_string_append_printf(out, "0x%" PRIx64 "  ", hot->rip);
        if (p->t->symbols)
            symbols_print(p->t->symbols, hot->rip, out);
        g_string_append_c(out, '\n');
    }
    if (p->lost)
        g_string_append_printf(out, "%" PRIu64 " samples were lost\n", p->lost);
}
