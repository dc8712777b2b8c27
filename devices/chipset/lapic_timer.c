/* lapic_timer.c - the local APIC's timer. [SDM3] "APIC Timer".
 *
 * It counts at 1 GHz divided by the divide configuration, as QEMU's does. The count is a function
 * of the time since it was started. */
#include "devices/chipset/lapic_priv.h"

/* A guest that asks for interrupts more often than this gets fewer. */
#define SHORTEST_PERIOD (10 * NS_PER_US)

static unsigned timer_mode(const Lapic *l)
{
    return bits_get(l->lvt[LVT_TIMER], LVT_TIMER_MODE, 2);
}

/* Divide configuration, bits 3, 1 and 0: 000 is by 2, 110 by 128, 111 by 1. */
static unsigned divide_shift(const Lapic *l)
{
    unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);

    return (code + 1) & 7;
}

static Ns period(const Lapic *l)
{
    return (Ns)((uint64_t)l->initial_count << divide_shift(l));
}

static Ns now(const Lapic *l)
{
    return clock_now(l->dev.board->clock);
}

uint32_t lapic_timer_count(const Lapic *l)
{
    Ns elapsed = now(l) - l->timer_start;

    if (!l->initial_count)
        return 0;
    if (timer_mode(l) == TIMER_PERIODIC)
        elapsed %= period(l);
    else if (elapsed >= period(l))
        return 0;
    return l->initial_count - (uint32_t)(elapsed >> divide_shift(l));
}

void lapic_timer_start(Lapic *l, uint32_t initial)
{
    l->initial_count = initial;
    l->timer_start = l->timer_seen = now(l);
}

void lapic_timer_stop(Lapic *l)
{
    l->initial_count = 0;
    l->deadline_tsc = 0;
}

/* The count goes on from where it is. */
void lapic_timer_set_divide(Lapic *l, uint32_t divide)
{
    uint32_t counted = l->initial_count - lapic_timer_count(l);

    l->divide = divide;
    l->timer_start = now(l) - (Ns)((uint64_t)counted << divide_shift(l));
    l->timer_seen = now(l);
}

/* When the TSC reaches its deadline. */
static Ns tsc_expiry(const Lapic *l)
{
    if (!l->deadline_tsc || !l->host || !l->host->tsc_time)
        return NS_NEVER;
    return l->host->tsc_time(l->host->opaque, l->deadline_tsc);
}

/* The first expiry after `after`, or NS_NEVER. */
static Ns next_expiry(const Lapic *l, Ns after)
{
    if (timer_mode(l) == TIMER_TSC_DEADLINE)
        return tsc_expiry(l);
    if (!l->initial_count)
        return NS_NEVER;
    Ns at = l->timer_start + period(l);
    if (timer_mode(l) == TIMER_PERIODIC && after >= at)
        at += (after - at) / period(l) * period(l) + period(l);
    return at > after ? at : NS_NEVER;
}

void lapic_timer_update(Lapic *l)
{
    Ns time = now(l);

    if (next_expiry(l, l->timer_seen) <= time) {
        if (timer_mode(l) == TIMER_TSC_DEADLINE)
            l->deadline_tsc = 0;
        if (!(l->lvt[LVT_TIMER] & LVT_MASKED))
            lapic_accept_fixed(l, l->lvt[LVT_TIMER], false);
    }
    l->timer_seen = time;
    /* A masked timer that no deadline hangs on need not wake anybody. */
    bool silent = l->lvt[LVT_TIMER] & LVT_MASKED && timer_mode(l) != TIMER_TSC_DEADLINE;
    Ns next = silent ? NS_NEVER : next_expiry(l, time);
    if (timer_mode(l) == TIMER_PERIODIC && next != NS_NEVER && period(l) < SHORTEST_PERIOD)
        next = MAX(next, time + SHORTEST_PERIOD);
    timer_set(&l->dev.timer, next);
}
