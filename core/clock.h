/* clock.h - the machine's one virtual clock and the timers on it.
 *
 * Sources: the host's monotonic clock (running only while the machine runs), a count of executed
 * instructions (deterministic), or a hand-turned clock for tests. Devices cannot tell which. */
#ifndef MYNA_CORE_CLOCK_H
#define MYNA_CORE_CLOCK_H

#include "core/types.h"

typedef struct Clock Clock;
typedef void TimerFn(void *opaque);

typedef struct Timer {
    Clock *clock;
    TimerFn *fn;
    void *opaque;
    Ns deadline;    /* NS_NEVER when not armed */
    uint64_t order; /* ties fire in the order they were armed */
    unsigned index; /* place in the clock's heap, for removal */
} Timer;

Clock *clock_new_host(void);   /* starts stopped at 0 */
Clock *clock_new_manual(void); /* moves only by clock_advance; for tests and counted runs */
void clock_free(Clock *clock);

/* A counted clock is a manual clock whose "now" is base + count(opaque) ns: the run loop gives the
 * function that counts instructions. */
void clock_set_counter(Clock *clock, uint64_t (*count)(void *opaque), void *opaque, unsigned shift);

Ns clock_now(Clock *clock); /* any thread */

/* Stop and go (machine paused); a host clock keeps its value while stopped. */
void clock_stop(Clock *clock);
void clock_start(Clock *clock);
bool clock_is_counted(const Clock *clock);

/* Moves a manual or counted clock forward, without running timers. */
void clock_advance(Clock *clock, Ns by);
/* Sets the value, for loading saved state. */
void clock_set(Clock *clock, Ns now);

/* Timers. All of these with the machine lock held. */
void timer_init(Timer *timer, Clock *clock, TimerFn *fn, void *opaque);
void timer_set(Timer *timer, Ns deadline); /* replaces; NS_NEVER disarms */
void timer_fini(Timer *timer);

Ns clock_next_deadline(Clock *clock); /* NS_NEVER if none */
void clock_run_due(Clock *clock);     /* fires every timer whose deadline has come, in order */

/* Called (lock held) when the earliest deadline moves to an earlier time. */
void clock_set_notify(Clock *clock, void (*fn)(void *opaque), void *opaque);

#endif
