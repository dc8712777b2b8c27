/* sampler.c - samples of the host's program counter, taken by a timer signal.
 *
 * Each thread that runs CPUs has one timer, which counts its processor time. The signal's handler
 * only notes the program counter; which block that was is found out later, outside. */
#include "dbt/sampler.h"

#include <glib.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { PERIOD_US = 1000 };

struct Sampler {
    const uint8_t *code;
    uint32_t size;
    uint32_t *poll;
    uint32_t sample[SAMPLES_KEPT]; /* written by the handler, like count and lost */
    unsigned count, lost;
};

/* Whose CPU runs on this thread: a late signal may not find what is gone. */
static __thread Sampler *sampled;

static void on_tick(int signal, siginfo_t *info, void *context)
{
    Sampler *s = sampled;
    if (!s)
        return;
    if (s->count == SAMPLES_KEPT) {
        s->lost++;
        return;
    }
#ifdef __x86_64__
    uint64_t at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] - (uintptr_t)s->code;
    s->sample[s->count++] = at < s->size ? at : SAMPLE_OUTSIDE;
    if (at < s->size)
        __atomic_store_n(s->poll, 1, __ATOMIC_RELAXED);
#endif
}

/* --- the thread's timer --------------------------------------------------------------------------- */

static void delete_timer(gpointer timer)
{
    timer_delete(*(timer_t *)timer);
    g_free(timer);
}

static GPrivate thread_timer = G_PRIVATE_INIT(delete_timer);

/* Without a timer there are no samples. */
static void start_timer(void)
{
    struct sigaction action = {.sa_sigaction = on_tick,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    event.sigev_notify_thread_id = gettid();
    timer_t *timer = g_new0(timer_t, 1);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, timer) < 0) {
        g_free(timer);
        return;
    }
    g_private_set(&thread_timer, timer);
    const struct timespec period = {.tv_nsec = PERIOD_US * 1000};
    const struct itimerspec when = {period, period};
    timer_settime(*timer, 0, &when, NULL);
}

/* --- who is sampled ------------------------------------------------------------------------------- */

Sampler *sampler_new(const uint8_t *code, uint32_t size, uint32_t *poll)
{
    Sampler *s = g_new0(Sampler, 1);
    s->code = code;
    s->size = size;
    s->poll = poll;
    return s;
}

void sampler_free(Sampler *s)
{
    g_free(s);
}

void sampler_enter(Sampler *s)
{
    static __thread bool started;
    if (UNLIKELY(!started)) {
        started = true;
        start_timer();
    }
    sampled = s;
}

void sampler_leave(void)
{
    sampled = NULL;
}

unsigned sampler_take(Sampler *s, uint32_t *at, unsigned *lost)
{
    Sampler *running = sampled;
    sampled = NULL; /* the handler leaves the list alone */
    atomic_signal_fence(memory_order_seq_cst);
    unsigned count = s->count;
    for (unsigned i = 0; i < count; i++)
        at[i] = s->sample[i];
    *lost = s->lost;
    s->count = s->lost = 0;
    atomic_signal_fence(memory_order_seq_cst);
    sampled = running;
    return count;
}
