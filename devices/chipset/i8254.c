/* i8254.c - programmable interval timer. [8254].
 *
 * Nothing counts here. A counter remembers at which pulse of its clock its counting element last
 * held the initial count; what it holds now, what OUT is, and when OUT changes next are functions
 * of the pulses since then, one set for each mode. Counts are loaded by the pulse after the write,
 * as the manual's timing diagrams show. */
#include "core/device.h"
#include "core/trace.h"

#define CLOCK_HZ 1193182 /* a twelfth of the PC's 14.31818 MHz crystal */
#define NO_PULSE UINT64_MAX

enum { COUNTERS = 3 };

/* Control word. [8254] "Control Word Format". */
enum { CONTROL_BCD = 1 << 0, CONTROL_MODE = 1, CONTROL_RW = 4, CONTROL_SELECT = 6 };
enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };
enum { SELECT_READ_BACK = 3, READ_BACK_NO_STATUS = 1 << 4, READ_BACK_NO_COUNT = 1 << 5 };
enum { STATUS_NULL = 1 << 6, STATUS_OUT = 1 << 7 };

typedef struct Counter {
    uint8_t control; /* bits 5-0 of the control word */
    uint8_t low;     /* first byte of a count of two */
    bool write_high; /* the second byte is due */
    bool read_high;
    uint8_t latch_left; /* bytes of the latched count still to be read */
    bool status_latched;
    uint8_t status;
    uint16_t latch;
    uint16_t reload; /* the count register, as written */
    bool gate;
    bool loaded;      /* the counting element runs or has run */
    bool held;        /* counting stands still, `elapsed` pulses after `start` */
    bool waiting;     /* the count register is loaded by the next trigger */
    bool renewing;    /* ... at pulse `renew_at`, when the present period ends */
    bool out_before;  /* OUT until `start` */
    uint32_t count;   /* the initial count in effect: 1 to 65536 */
    uint64_t start;   /* the pulse at which the counting element held `count` */
    uint64_t elapsed; /* while held */
    uint64_t renew_at;
    uint64_t seen; /* the pulse up to which OUT's edges have been told */
} Counter;

typedef struct I8254 {
    Device dev;
    /* properties */
    uint32_t iobase;
    /* state */
    Counter counter[COUNTERS];
    /* derived */
    IrqLine out[COUNTERS];
} I8254;

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t pulse_at(Ns now)
{
    return (uint64_t)((unsigned __int128)now * CLOCK_HZ / NS_PER_SEC);
}

/* The first moment at which pulse_at gives `pulse`. */
static Ns time_of(uint64_t pulse)
{
    return (Ns)(((unsigned __int128)pulse * NS_PER_SEC + CLOCK_HZ - 1) / CLOCK_HZ);
}

static uint64_t pulse_now(const I8254 *t)
{
    return pulse_at(clock_now(t->dev.board->clock));
}

/* --- the six modes ---------------------------------------------------------------------------- */

/* What GATE does. [8254] "Gate Pin Operations Summary". */
typedef enum GateRule {
    GATE_ENABLES,  /* low holds the count */
    GATE_TRIGGERS, /* a rising edge starts */
    GATE_RESTARTS, /* low holds, with OUT high; a rising edge starts anew */
} GateRule;

/* e = pulses since the counting element held n, the initial count. */
typedef struct ModeRules {
    GateRule gate;
    bool out_initial; /* after the control word */
    bool (*out)(uint64_t e, uint32_t n);
    uint64_t (*next_edge)(uint64_t e,
                          uint32_t n); /* the next e at which OUT changes, or NO_PULSE */
    uint32_t (*value)(uint64_t e, uint32_t n, uint32_t modulus);
    /* Modes that repeat: the next e at which the count register is loaded. Else NULL. */
    uint64_t (*next_load)(uint64_t e, uint32_t n);
} ModeRules;

static uint32_t count_down(uint64_t e, uint32_t n, uint32_t modulus)
{
    return (n % modulus + modulus - e % modulus) % modulus;
}

/* Mode 0: low until the count is reached. */
static bool out_terminal(uint64_t e, uint32_t n)
{
    return e >= n;
}

/* Modes 0 and 1: one edge, when the count is reached. */
static uint64_t edge_terminal(uint64_t e, uint32_t n)
{
    return e < n ? n : NO_PULSE;
}

/* Mode 2: low for the last pulse of each period. A count of 1 is illegal: OUT stays. */
static bool out_rate(uint64_t e, uint32_t n)
{
    return n < 2 || e % n != n - 1;
}

static uint64_t edge_rate(uint64_t e, uint32_t n)
{
    uint64_t within = e % n;

    if (n < 2)
        return NO_PULSE;
    return e - within + (within < n - 1 ? n - 1 : n);
}

static uint32_t value_rate(uint64_t e, uint32_t n, uint32_t modulus)
{
    return (n - e % n) % modulus;
}

static uint64_t load_rate(uint64_t e, uint32_t n)
{
    return e - e % n + n;
}

/* Mode 3: high for the first half; the longer one if the count is odd. */
static uint32_t high_half(uint32_t n)
{
    return (n + 1) / 2;
}

static bool out_square(uint64_t e, uint32_t n)
{
    return e % n < high_half(n);
}

static uint64_t edge_square(uint64_t e, uint32_t n)
{
    uint64_t within = e % n;

    if (n < 2)
        return NO_PULSE;
    return e - within + (within < high_half(n) ? high_half(n) : n);
}

/* By twos from an even number, in each half. */
static uint32_t value_square(uint64_t e, uint32_t n, uint32_t modulus)
{
    uint64_t within = e % n;
    uint64_t into_half = within < high_half(n) ? within : within - high_half(n);

    return ((n & ~1u) - 2 * into_half) % modulus;
}

static uint64_t load_square(uint64_t e, uint32_t n)
{
    uint64_t edge = edge_square(e, n);

    return edge == NO_PULSE ? e + 1 : edge;
}

/* Modes 4 and 5: low for one pulse when the count is reached. */
static bool out_strobe(uint64_t e, uint32_t n)
{
    return e != n;
}

static uint64_t edge_strobe(uint64_t e, uint32_t n)
{
    return e < n ? n : e == n ? (uint64_t)n + 1 : NO_PULSE;
}

/* clang-format off */
static const ModeRules modes[8] = {
    /*    gate            out    OUT           edges          value         load        */
    [0] = { GATE_ENABLES,  false, out_terminal, edge_terminal, count_down,   NULL        },
    [1] = { GATE_TRIGGERS, true,  out_terminal, edge_terminal, count_down,   NULL        },
    [2] = { GATE_RESTARTS, true,  out_rate,     edge_rate,     value_rate,   load_rate   },
    [3] = { GATE_RESTARTS, true,  out_square,   edge_square,   value_square, load_square },
    [4] = { GATE_ENABLES,  true,  out_strobe,   edge_strobe,   count_down,   NULL        },
    [5] = { GATE_TRIGGERS, true,  out_strobe,   edge_strobe,   count_down,   NULL        },
    [6] = { GATE_RESTARTS, true,  out_rate,     edge_rate,     value_rate,   load_rate   },
    [7] = { GATE_RESTARTS, true,  out_square,   edge_square,   value_square, load_square },
};
/* clang-format on */

static const ModeRules *rules(const Counter *c)
{
    return &modes[c->control >> CONTROL_MODE & 7];
}

/* --- one counter ------------------------------------------------------------------------------ */

static uint32_t modulus(const Counter *c)
{
    return c->control & CONTROL_BCD ? 10000 : 65536;
}

static uint32_t from_raw(const Counter *c, uint16_t raw)
{
    uint32_t n = raw;

    if (c->control & CONTROL_BCD)
        n = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
    return n ? n : modulus(c);
}

static uint16_t to_raw(const Counter *c, uint32_t n)
{
    if (!(c->control & CONTROL_BCD))
        return n;
    return n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
}

static bool out_at(const Counter *c, uint64_t pulse)
{
    if (!c->loaded)
        return rules(c)->out_initial;
    if (c->held)
        return rules(c)->gate == GATE_RESTARTS || rules(c)->out(c->elapsed, c->count);
    return pulse < c->start ? c->out_before : rules(c)->out(pulse - c->start, c->count);
}

/* The first pulse after `pulse` at which OUT changes, as things stand. */
static uint64_t next_edge(const Counter *c, uint64_t pulse)
{
    if (!c->loaded || c->held)
        return NO_PULSE;
    if (pulse < c->start) {
        if (out_at(c, c->start) != c->out_before)
            return c->start;
        pulse = c->start;
    }
    uint64_t e = rules(c)->next_edge(pulse - c->start, c->count);
    return e == NO_PULSE ? NO_PULSE : c->start + e;
}

static uint32_t value_at(const Counter *c, uint64_t pulse)
{
    uint64_t e = c->held ? c->elapsed : pulse < c->start ? 0 : pulse - c->start;

    return c->loaded ? rules(c)->value(e, c->count, modulus(c)) : 0;
}

/* The pulse after `pulse` moves the count register into the counting element. */
static void load(Counter *c, uint64_t pulse)
{
    c->out_before = out_at(c, pulse);
    c->count = from_raw(c, c->reload);
    c->start = pulse + 1;
    c->elapsed = 0;
    c->held = rules(c)->gate != GATE_TRIGGERS && !c->gate;
    c->loaded = true;
    c->waiting = false;
    c->renewing = false;
}

/* Carries out a reload that was due at or before `pulse`. In mode 3 it may come at half time, when
 * OUT stays low for half of the new count. */
static void renew(Counter *c, uint64_t pulse)
{
    if (!c->renewing || pulse < c->renew_at)
        return;
    bool out = out_at(c, c->renew_at);
    c->count = from_raw(c, c->reload);
    c->start = out ? c->renew_at : c->renew_at - MIN(high_half(c->count), c->renew_at);
    c->renewing = false;
}

/* The count register has been written. [8254] "Mode Definitions": what a new count does to each. */
static void count_written(Counter *c, uint64_t pulse)
{
    const ModeRules *r = rules(c);

    if (r->gate == GATE_TRIGGERS) {
        c->waiting = true;
    } else if (r->next_load && c->loaded && !c->held && pulse >= c->start) {
        c->renew_at = c->start + r->next_load(pulse - c->start, c->count);
        c->renewing = true;
    } else {
        load(c, pulse);
        if (!r->next_load)
            c->out_before = r->out_initial;
    }
}

static void write_count(Counter *c, uint64_t pulse, uint8_t value)
{
    switch (c->control >> CONTROL_RW & 3) {
    case RW_LOW:
        c->reload = value;
        break;
    case RW_HIGH:
        c->reload = value << 8;
        break;
    default:
        c->write_high = !c->write_high;
        if (c->write_high) {
            c->low = value;
            if ((c->control >> CONTROL_MODE & 7) == 0)
                c->loaded = false; /* mode 0 stops at the first byte, with OUT low */
            return;
        }
        c->reload = value << 8 | c->low;
    }
    count_written(c, pulse);
}

static void set_gate(Counter *c, uint64_t pulse, bool level)
{
    bool rising = level && !c->gate;
    const ModeRules *r = rules(c);

    c->gate = level;
    if (r->gate == GATE_TRIGGERS) {
        if (rising && (c->waiting || c->loaded))
            load(c, pulse);
    } else if (!c->loaded) {
        return;
    } else if (!level && !c->held) {
        renew(c, pulse);
        c->elapsed = pulse < c->start ? 0 : pulse - c->start;
        c->held = true;
    } else if (rising && r->gate == GATE_RESTARTS) {
        load(c, pulse);
        c->out_before = true;
    } else if (rising) {
        c->held = false;
        c->start = pulse >= c->elapsed ? pulse - c->elapsed : 0;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static void latch_count(Counter *c, uint64_t pulse)
{
    if (c->latch_left)
        return;
    c->latch = to_raw(c, value_at(c, pulse));
    c->latch_left = (c->control >> CONTROL_RW & 3) == RW_BOTH ? 2 : 1;
}

static void latch_status(Counter *c, uint64_t pulse)
{
    bool null = !c->loaded || c->waiting || c->renewing || (!c->held && pulse < c->start);

    if (c->status_latched)
        return;
    c->status = c->control | (null ? STATUS_NULL : 0) | (out_at(c, pulse) ? STATUS_OUT : 0);
    c->status_latched = true;
}

static uint8_t read_latch(Counter *c)
{
    uint8_t rw = c->control >> CONTROL_RW & 3;
    bool high = rw == RW_HIGH || (rw == RW_BOTH && c->latch_left == 1);

    c->latch_left--;
    return high ? c->latch >> 8 : c->latch;
}

static uint8_t read_counter(Counter *c, uint64_t pulse)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latch_left)
        return read_latch(c);
    uint8_t rw = c->control >> CONTROL_RW & 3;
    bool high = rw == RW_HIGH || (rw == RW_BOTH && c->read_high);
    uint16_t raw = to_raw(c, value_at(c, pulse));
    c->read_high = rw == RW_BOTH && !c->read_high;
    return high ? raw >> 8 : raw;
}

/* --- outputs ---------------------------------------------------------------------------------- */

/* Tells of OUT's edges up to `pulse`. Edges that came while nobody looked make one pulse: a
 * receiver could not have told them apart. */
static void tell_edges(I8254 *t, unsigned n, uint64_t pulse)
{
    Counter *c = &t->counter[n];
    bool passed = next_edge(c, c->seen) <= pulse;
    bool out = out_at(c, pulse);

    if (passed && out == (bool)t->out[n].level)
        irq_set(&t->out[n], !out);
    irq_set(&t->out[n], out);
    c->seen = pulse;
}

/* An output that leads nowhere needs no timer. */
static Ns counter_deadline(const I8254 *t, unsigned n)
{
    const Counter *c = &t->counter[n];
    uint64_t edge = next_edge(c, c->seen);

    if (!t->out[n].fn)
        return NS_NEVER;
    if (c->renewing)
        edge = MIN(edge, c->renew_at);
    return edge == NO_PULSE ? NS_NEVER : time_of(edge);
}

/* Brings a counter to `pulse` before something else happens to it. */
static void catch_up(I8254 *t, unsigned n, uint64_t pulse)
{
    Counter *c = &t->counter[n];

    if (c->renewing && c->renew_at <= pulse) {
        tell_edges(t, n, c->renew_at);
        renew(c, pulse);
    }
    tell_edges(t, n, pulse);
}

static void i8254_update(void *dev)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);
    Ns deadline = NS_NEVER;

    for (unsigned n = 0; n < COUNTERS; n++) {
        catch_up(t, n, pulse);
        deadline = MIN(deadline, counter_deadline(t, n));
    }
    timer_set(&t->dev.timer, deadline);
}

/* --- registers -------------------------------------------------------------------------------- */

static void write_control(I8254 *t, unsigned n, uint64_t pulse, uint8_t value)
{
    Counter *c = &t->counter[n];

    if ((value >> CONTROL_RW & 3) == RW_LATCH) {
        latch_count(c, pulse);
        return;
    }
    *c = (Counter){
        .control = value & 0x3f,
        .gate = c->gate,
        .reload = c->reload,
        .count = 1,
        .seen = pulse,
    };
}

static void read_back(I8254 *t, uint64_t pulse, uint8_t value)
{
    for (unsigned n = 0; n < COUNTERS; n++) {
        if (!(value & 2 << n))
            continue;
        if (!(value & READ_BACK_NO_COUNT))
            latch_count(&t->counter[n], pulse);
        if (!(value & READ_BACK_NO_STATUS))
            latch_status(&t->counter[n], pulse);
    }
}

static void i8254_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);
    unsigned select = offset == 3 ? (uint8_t)value >> CONTROL_SELECT : offset;

    if (select < COUNTERS)
        catch_up(t, select, pulse);
    if (offset < COUNTERS) {
        Counter *c = &t->counter[offset];
        write_count(c, pulse, value);
        trace_i8254_load(select, c->control >> CONTROL_MODE & 7, c->reload);
    } else if (select == SELECT_READ_BACK) {
        for (unsigned n = 0; n < COUNTERS; n++)
            catch_up(t, n, pulse);
        read_back(t, pulse, value);
    } else {
        write_control(t, select, pulse, value);
    }
}

static uint64_t i8254_read(void *dev, uint64_t offset, unsigned size)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);

    if (offset == 3)
        return 0xff; /* the control word cannot be read */
    catch_up(t, offset, pulse);
    return read_counter(&t->counter[offset], pulse);
}

static void i8254_gate(void *dev, int n, int level)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);

    catch_up(t, n, pulse);
    set_gate(&t->counter[n], pulse, level);
}

/* --- the class -------------------------------------------------------------------------------- */

/* The gates of counters 0 and 1 are tied high on a PC; that of counter 2 is port 61h's. */
static bool i8254_realize(void *dev, GError **err)
{
    I8254 *t = dev;

    t->counter[0].gate = t->counter[1].gate = true;
    return true;
}

/* The chip has no reset; firmware and guests that read before they write see square waves of the
 * longest period, as on QEMU. */
static void i8254_reset(void *dev)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);

    for (unsigned n = 0; n < COUNTERS; n++) {
        Counter *c = &t->counter[n];
        *c = (Counter){.control = RW_BOTH << CONTROL_RW | 3 << CONTROL_MODE, .gate = c->gate};
        c->seen = pulse;
        load(c, pulse);
    }
}

/* Times in the future, and counts no register can hold, would divide by zero or run backwards. */
static bool i8254_loaded(void *dev, GError **err)
{
    I8254 *t = dev;
    uint64_t pulse = pulse_now(t);

    for (unsigned n = 0; n < COUNTERS; n++) {
        Counter *c = &t->counter[n];
        c->control &= 0x3f;
        c->count = CLAMP(c->count, 1, 65536);
        c->start = MIN(c->start, pulse + 1);
        c->seen = MIN(c->seen, pulse);
        c->renew_at = MIN(c->renew_at, pulse + 65536);
        c->latch_left = MIN(c->latch_left, 2);
    }
    return true;
}

static const Property props[] = {PROP_U(I8254, iobase, 0x40, "first of its four ports"), PROPS_END};

static const IoRange io[] = {
    {"pit", IO_PORTS, 0x40, 4, 1, 1, i8254_read, i8254_write, BASE_FROM(I8254, iobase)},
    {0},
};

static const LineDef lines[] = {
    LINE_IN("gate", COUNTERS, i8254_gate),
    LINE_OUT("out", I8254, out),
    {0},
};

static const StateField counter_state[] = {
    STATE(Counter, control),   STATE(Counter, low),        STATE(Counter, write_high),
    STATE(Counter, read_high), STATE(Counter, latch_left), STATE(Counter, status_latched),
    STATE(Counter, status),    STATE(Counter, latch),      STATE(Counter, reload),
    STATE(Counter, gate),      STATE(Counter, loaded),     STATE(Counter, held),
    STATE(Counter, waiting),   STATE(Counter, renewing),   STATE(Counter, out_before),
    STATE(Counter, count),     STATE(Counter, start),      STATE(Counter, elapsed),
    STATE(Counter, renew_at),  STATE(Counter, seen),       STATE_END,
};

static const StateField state[] = {STATE_STRUCTS(I8254, counter, counter_state), STATE_END};

const DeviceClass i8254_class = {
    .name = "i8254",
    .desc = "programmable interval timer",
    .size = sizeof(I8254),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = i8254_realize,
    .reset = i8254_reset,
    .update = i8254_update,
    .loaded = i8254_loaded,
};
