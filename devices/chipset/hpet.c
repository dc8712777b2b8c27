/* hpet.c - high precision event timers, as QEMU's: three, 100 MHz, 64 bits. [HPET].
 *
 * The main counter and the comparators of periodic timers are functions of the time since the
 * counter was started. FSB (MSI) delivery is left out, and its capability bit clear. */
#include "core/device.h"
#include "core/trace.h"

enum { TIMERS = 3, TICK_NS = 10, PINS = 32 };

/* Registers. [HPET] "Memory Map". */
enum {
    REG_CAPABILITIES = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMERS = 0x100,
    TIMER_STEP = 0x20,
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,
};

#define CAPABILITIES                                                                 \
    ((uint64_t)(TICK_NS * 1000000) << 32 | 0x80860000 | 1 << 15 /* legacy route */ | \
     1 << 13 /* 64 bits */ | (TIMERS - 1) << 8 | 1)

enum { CONFIG_ENABLE = 1 << 0, CONFIG_LEGACY = 1 << 1 };

/* Timer n configuration and capabilities. */
enum {
    TN_LEVEL = 1 << 1,
    TN_ENABLE = 1 << 2,
    TN_PERIODIC = 1 << 3,
    TN_PERIODIC_CAP = 1 << 4,
    TN_SIZE_CAP = 1 << 5,
    TN_SET_VALUE = 1 << 6,
    TN_32BIT = 1 << 8,
    TN_ROUTE = 9, /* bits 13:9 */
    TN_WRITABLE = 0x3f0e | TN_SET_VALUE,
};

/* A guest that asks for interrupts more often than this gets fewer. */
#define SHORTEST_PERIOD (10 * NS_PER_US)

typedef struct HpetTimer {
    uint64_t config;
    uint64_t comparator; /* the next match */
    uint64_t period;     /* what a match adds in periodic mode */
    bool edge_up;        /* an edge interrupt holds its line up */
} HpetTimer;

typedef struct Hpet {
    Device dev;
    /* properties */
    uint64_t base;
    uint32_t intcap; /* inputs of the I/O APIC that timers may be routed to */
    /* state */
    uint64_t config;
    uint64_t status;
    uint64_t counter; /* when not running; else the counter at virtual time `started` */
    Ns started;
    uint64_t seen; /* matches up to this counter value have been told */
    HpetTimer timer[TIMERS];
    uint8_t legacy_in; /* levels of the PIT (bit 0) and the RTC (bit 1) */
    /* derived */
    IrqLine irq[PINS];
    IrqLine isa[2]; /* IRQ0 and IRQ8: from the PIT and the RTC, or from timers 0 and 1 */
} Hpet;

static Ns clock_of(const Hpet *h)
{
    return clock_now(h->dev.board->clock);
}

static bool enabled(const Hpet *h)
{
    return h->config & CONFIG_ENABLE;
}

static uint64_t counter_now(const Hpet *h)
{
    return enabled(h) ? h->counter + (uint64_t)(clock_of(h) - h->started) / TICK_NS : h->counter;
}

/* --- matches ---------------------------------------------------------------------------------- */

static uint64_t width(const HpetTimer *t)
{
    return t->config & TN_32BIT ? UINT32_MAX : UINT64_MAX;
}

/* Ticks from counter value `from` to the timer's next match; 1 or more. */
static uint64_t ticks_to_match(const HpetTimer *t, uint64_t from)
{
    uint64_t before = (t->comparator - from - 1) & width(t);

    return before == UINT64_MAX ? before : before + 1;
}

/* True if the timer matched after `from`, up to `to`; a periodic comparator moves past `to`. */
static bool pass(HpetTimer *t, uint64_t from, uint64_t to)
{
    uint64_t elapsed = to - from, first = ticks_to_match(t, from);

    if (first > elapsed)
        return false;
    if (t->config & TN_PERIODIC && t->period) {
        uint64_t periods = (elapsed - first) / t->period + 1;
        t->comparator = (t->comparator + periods * t->period) & width(t);
    }
    return true;
}

/* When the timer's next match after counter value `now` should wake us. */
static Ns deadline_of(const Hpet *h, const HpetTimer *t, uint64_t now)
{
    uint64_t ticks = ticks_to_match(t, now);

    if (!(t->config & TN_ENABLE) || ticks > INT64_MAX / 4 / TICK_NS)
        return NS_NEVER;
    if (t->config & TN_PERIODIC && t->period < SHORTEST_PERIOD / TICK_NS)
        ticks = MAX(ticks, SHORTEST_PERIOD / TICK_NS);
    return h->started + (Ns)(now - h->counter + ticks) * TICK_NS;
}

/* --- outputs ---------------------------------------------------------------------------------- */

static bool legacy(const Hpet *h, unsigned n)
{
    return n < 2 && (h->config & CONFIG_LEGACY);
}

static IrqLine *timer_line(Hpet *h, unsigned n)
{
    return legacy(h, n) ? &h->isa[n] : &h->irq[h->timer[n].config >> TN_ROUTE & (PINS - 1)];
}

/* An edge is a fall and a rise. The line then stays up, as an 8259A wants until INTA. */
static void fire(Hpet *h, unsigned n)
{
    HpetTimer *t = &h->timer[n];

    trace_hpet_fire(n);
    if (t->config & TN_LEVEL) {
        h->status |= 1 << n;
    } else if (t->config & TN_ENABLE) {
        irq_set(timer_line(h, n), 0);
        t->edge_up = true;
    }
}

static bool timer_asserts(const Hpet *h, unsigned n)
{
    const HpetTimer *t = &h->timer[n];

    if (!enabled(h) || !(t->config & TN_ENABLE))
        return false;
    return t->config & TN_LEVEL ? h->status >> n & 1 : t->edge_up;
}

static void drive_lines(Hpet *h)
{
    bool legacy_route = h->config & CONFIG_LEGACY;
    uint32_t pins = 0;

    for (unsigned n = 0; n < TIMERS; n++)
        if (!legacy(h, n) && timer_asserts(h, n))
            pins |= 1u << (h->timer[n].config >> TN_ROUTE & (PINS - 1));
    for (unsigned pin = 0; pin < PINS; pin++)
        irq_set(&h->irq[pin], pins >> pin & 1);
    for (unsigned n = 0; n < 2; n++)
        irq_set(&h->isa[n], legacy_route ? timer_asserts(h, n) : h->legacy_in >> n & 1);
}

static void hpet_update(void *dev)
{
    Hpet *h = dev;
    uint64_t now = counter_now(h);
    Ns deadline = NS_NEVER;

    for (unsigned n = 0; n < TIMERS && enabled(h); n++) {
        if (pass(&h->timer[n], h->seen, now))
            fire(h, n);
        deadline = MIN(deadline, deadline_of(h, &h->timer[n], now));
    }
    h->seen = now;
    drive_lines(h);
    timer_set(&h->dev.timer, deadline);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t timer_config(const Hpet *h, const HpetTimer *t)
{
    return (uint64_t)h->intcap << 32 | TN_PERIODIC_CAP | TN_SIZE_CAP | t->config;
}

/* The 64-bit register at an offset that is a multiple of 8. */
static uint64_t read_reg(const Hpet *h, uint64_t reg)
{
    const HpetTimer *t = &h->timer[MIN((reg - REG_TIMERS) / TIMER_STEP, TIMERS - 1)];

    switch (reg) {
    case REG_CAPABILITIES:
        return CAPABILITIES;
    case REG_CONFIG:
        return h->config;
    case REG_STATUS:
        return h->status;
    case REG_COUNTER:
        return counter_now(h);
    }
    if (reg < REG_TIMERS || reg >= REG_TIMERS + TIMERS * TIMER_STEP)
        return 0;
    return reg % TIMER_STEP == TIMER_CONFIG       ? timer_config(h, t)
           : reg % TIMER_STEP == TIMER_COMPARATOR ? t->comparator
                                                  : 0;
}

static uint64_t hpet_read(void *dev, uint64_t offset, unsigned size)
{
    hpet_update(dev); /* status, comparators */
    return read_reg(dev, offset & ~(uint64_t)7) >> 8 * (offset & 7);
}

/* From `value` the counter goes on. */
static void set_counter(Hpet *h, uint64_t value)
{
    h->counter = h->seen = value;
    h->started = clock_of(h);
}

static void write_config(Hpet *h, uint64_t value)
{
    set_counter(h, counter_now(h));
    h->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
}

static void write_timer_config(HpetTimer *t, uint64_t value)
{
    t->config = value & TN_WRITABLE;
    t->edge_up &= t->config & TN_ENABLE && !(t->config & TN_LEVEL);
    t->comparator &= width(t);
    t->period &= width(t);
}

/* [HPET] "Timer n Comparator Register": in periodic mode a write sets the period, and the next
 * match too if the set-value bit is on, which the write turns off. */
static void write_comparator(HpetTimer *t, uint64_t value, uint64_t mask)
{
    if (!(t->config & TN_PERIODIC) || t->config & TN_SET_VALUE)
        t->comparator = ((t->comparator & ~mask) | (value & mask)) & width(t);
    if (t->config & TN_PERIODIC)
        t->period = ((t->period & ~mask) | (value & mask)) & width(t);
    t->config &= ~(uint64_t)TN_SET_VALUE;
}

static void write_timer(Hpet *h, uint64_t reg, uint64_t value, uint64_t mask)
{
    unsigned n = (reg - REG_TIMERS) / TIMER_STEP;

    if (n >= TIMERS)
        return;
    HpetTimer *t = &h->timer[n];
    if (reg % TIMER_STEP == TIMER_CONFIG)
        write_timer_config(t, (t->config & ~mask) | (value & mask));
    else if (reg % TIMER_STEP == TIMER_COMPARATOR)
        write_comparator(t, value, mask);
}

static void hpet_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Hpet *h = dev;
    uint64_t reg = offset & ~(uint64_t)7;
    unsigned shift = 8 * (offset & 7);
    uint64_t mask = (size == 8 ? UINT64_MAX : UINT32_MAX) << shift;

    hpet_update(h); /* what is due comes before the change */
    value <<= shift;
    if (reg >= REG_TIMERS)
        write_timer(h, reg, value, mask);
    else if (reg == REG_CONFIG)
        write_config(h, (h->config & ~mask) | (value & mask));
    else if (reg == REG_STATUS)
        h->status &= ~(value & mask);
    else if (reg == REG_COUNTER)
        set_counter(h, (counter_now(h) & ~mask) | (value & mask));
}

static void hpet_legacy_in(void *dev, int n, int level)
{
    Hpet *h = dev;

    h->legacy_in = level ? h->legacy_in | 1 << n : h->legacy_in & ~(1 << n);
}

/* --- the class -------------------------------------------------------------------------------- */

static void hpet_reset(void *dev)
{
    Hpet *h = dev;

    h->config = 0;
    h->status = 0;
    set_counter(h, 0);
    for (unsigned n = 0; n < TIMERS; n++)
        h->timer[n] = (HpetTimer){.comparator = UINT64_MAX};
}

static bool hpet_loaded(void *dev, GError **err)
{
    Hpet *h = dev;

    h->config &= CONFIG_ENABLE | CONFIG_LEGACY;
    h->started = CLAMP(h->started, 0, clock_of(h));
    for (unsigned n = 0; n < TIMERS; n++) {
        bool edge_up = h->timer[n].edge_up;
        write_timer_config(&h->timer[n], h->timer[n].config);
        h->timer[n].edge_up = edge_up;
    }
    return true;
}

static const Property props[] = {
    PROP_U(Hpet, base, 0xfed00000, "address of its registers"),
    PROP_U(Hpet, intcap, 0x4, "inputs of the I/O APIC that timers may be routed to"),
    PROPS_END,
};

static const IoRange io[] = {
    {"hpet", IO_MEMORY, 0xfed00000, 0x400, 4, 8, hpet_read, hpet_write, BASE_FROM(Hpet, base),
     .priority = 16},
    {0},
};

static const LineDef lines[] = {
    LINE_IN("legacy", 2, hpet_legacy_in),
    LINE_OUT("irq", Hpet, irq),
    LINE_OUT("isa", Hpet, isa),
    {0},
};

static const StateField timer_state[] = {
    STATE(HpetTimer, config),
    STATE(HpetTimer, comparator),
    STATE(HpetTimer, period),
    STATE(HpetTimer, edge_up),
    STATE_END,
};

static const StateField state[] = {
    STATE(Hpet, config),    STATE(Hpet, status), STATE(Hpet, counter),
    STATE(Hpet, started),   STATE(Hpet, seen),   STATE_STRUCTS(Hpet, timer, timer_state),
    STATE(Hpet, legacy_in), STATE_END,
};

const DeviceClass hpet_class = {
    .name = "hpet",
    .desc = "high precision event timers",
    .size = sizeof(Hpet),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .reset = hpet_reset,
    .update = hpet_update,
    .loaded = hpet_loaded,
};
