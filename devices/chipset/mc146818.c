/* mc146818.c - real-time clock and CMOS memory at ports 70h and 71h. [MC146818A].
 *
 * The time is the board's wall clock plus an offset, which is what setting the clock changes; the
 * time registers hold bytes only while the clock is stopped. Flags are found by asking what moments
 * have passed since the last look. The square wave pin and daylight saving are left out. */
#include "devices/chipset/mc146818.h"
#include "devices/chipset/calendar.h"
#include "core/device.h"
#include "core/log.h"
#include "core/trace.h"

enum {
    REG_SECOND = 0,
    REG_SECOND_ALARM = 1,
    REG_MINUTE = 2,
    REG_MINUTE_ALARM = 3,
    REG_HOUR = 4,
    REG_HOUR_ALARM = 5,
    REG_WEEKDAY = 6,
    REG_DAY = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 0x0a,
    REG_B = 0x0b,
    REG_C = 0x0c,
    REG_D = 0x0d,
    REG_CENTURY = 0x32,    /* the ACPI tables name it */
    REG_CENTURY_PS2 = 0x37 /* the same, where a PS/2 has it */
};

enum { A_RATE = 0xf, A_DIVIDER = 7 << 4, A_DIVIDER_RUNS = 2 << 4, A_UIP = 1 << 7 };
enum { B_24H = 1 << 1, B_BINARY = 1 << 2, B_SET = 1 << 7 };
enum { FLAG_UPDATE = 1 << 4, FLAG_ALARM = 1 << 5, FLAG_PERIODIC = 1 << 6, FLAG_IRQ = 1 << 7 };
enum { INTERRUPTS = FLAG_UPDATE | FLAG_ALARM | FLAG_PERIODIC }; /* enables in B, flags in C */
enum { C_HOUR_PM = 1 << 7, ALARM_ANY = 0xc0, D_VALID = 1 << 7 };

#define BASE_HZ     32768
#define UIP_BEFORE  (8 * NS_PER_SEC / BASE_HZ) /* 244 us: the update comes */
#define NEVER       INT64_MAX
#define LAST_SECOND INT64_C(7000000000)                /* in 2191; as ns it still fits */
#define RUNS_ON     (INT64_C(2000000000) * NS_PER_SEC) /* and fits while it runs for 63 years more */

typedef struct Rtc {
    Device dev;
    /* properties */
    uint32_t iobase;
    /* state */
    uint8_t index;
    bool nmi_masked;
    uint8_t cmos[CMOS_SIZE];
    Ns offset; /* RTC time = wall clock + offset */
    Ns seen;   /* RTC time up to which flags have been set */
    /* derived */
    IrqLine irq[1];
    IrqLine nmi_mask[1];
} Rtc;

/* --- time ------------------------------------------------------------------------------------- */

static Ns rtc_now(const Rtc *r)
{
    return board_wall_clock(r->dev.board) + r->offset;
}

/* The divider chain runs; [MC146818A] "Register A": other values of DV hold or slow it. */
static bool divider_runs(const Rtc *r)
{
    return (r->cmos[REG_A] & A_DIVIDER) == A_DIVIDER_RUNS;
}

static bool stopped(const Rtc *r)
{
    return (r->cmos[REG_B] & B_SET) || !divider_runs(r);
}

static uint8_t encode(const Rtc *r, int value)
{
    return r->cmos[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10;
}

static int decode(const Rtc *r, uint8_t value)
{
    return r->cmos[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const Rtc *r, int hour)
{
    if (r->cmos[REG_B] & B_24H)
        return encode(r, hour);
    return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? C_HOUR_PM : 0);
}

static int decode_hour(const Rtc *r, uint8_t value)
{
    if (r->cmos[REG_B] & B_24H)
        return decode(r, value);
    return decode(r, value & ~C_HOUR_PM) % 12 + (value & C_HOUR_PM ? 12 : 0);
}

/* The time registers from the running clock. */
static void load_registers(Rtc *r)
{
    DateTime t;

    calendar_date(rtc_now(r) / NS_PER_SEC, &t);
    r->cmos[REG_SECOND] = encode(r, t.second);
    r->cmos[REG_MINUTE] = encode(r, t.minute);
    r->cmos[REG_HOUR] = encode_hour(r, t.hour);
    r->cmos[REG_WEEKDAY] = encode(r, t.weekday + 1);
    r->cmos[REG_DAY] = encode(r, t.day);
    r->cmos[REG_MONTH] = encode(r, t.month);
    r->cmos[REG_YEAR] = encode(r, t.year % 100);
    r->cmos[REG_CENTURY] = encode(r, t.year / 100);
}

/* The running clock from the time registers, `fraction` into their second. */
static void store_registers(Rtc *r, Ns fraction)
{
    DateTime t = {
        .second = decode(r, r->cmos[REG_SECOND]),
        .minute = decode(r, r->cmos[REG_MINUTE]),
        .hour = decode_hour(r, r->cmos[REG_HOUR]),
        .day = decode(r, r->cmos[REG_DAY]),
        .month = decode(r, r->cmos[REG_MONTH]),
        .year = decode(r, r->cmos[REG_YEAR]) + 100 * decode(r, r->cmos[REG_CENTURY]),
    };
    int64_t seconds = calendar_seconds(&t);
    if (seconds < 0 || seconds > LAST_SECOND)
        guest_error("rtc: cannot show year %d", t.year);
    Ns now = CLAMP(seconds, 0, LAST_SECOND) * NS_PER_SEC + fraction;

    r->offset = now - board_wall_clock(r->dev.board);
    r->seen = now;
}

/* --- moments ---------------------------------------------------------------------------------- */

/* Each gives the first moment after `after`, in RTC time, or NEVER. */
static Ns next_second(Ns after)
{
    return (after / NS_PER_SEC + 1) * NS_PER_SEC;
}

/* [MC146818A] table "Periodic interrupt rate": 1 and 2 stand for 256 and 128 Hz. */
static Ns next_period(const Rtc *r, Ns after)
{
    unsigned rate = r->cmos[REG_A] & A_RATE;

    if (rate == 0 || !divider_runs(r))
        return NEVER;
    unsigned shift = (rate <= 2 ? rate + 7 : rate) - 1;
    /* In ticks of the 32768 Hz crystal, counted within the second: no rate is below 2 Hz. */
    Ns second = after / NS_PER_SEC * NS_PER_SEC;
    Ns ticks = (after - second) * BASE_HZ / NS_PER_SEC;
    Ns at;
    do {
        ticks = ((ticks >> shift) + 1) *
                (1 << shift); /* below zero if the host's clock was set back */
        at = second + (ticks * NS_PER_SEC + BASE_HZ - 1) / BASE_HZ;
    } while (at <= after);
    return at;
}

static bool alarm_matches(uint8_t alarm, int alarm_value, int value)
{
    return (alarm & ALARM_ANY) == ALARM_ANY || alarm_value == value;
}

/* Steps by hours, minutes and seconds to the next match within a day and an hour. */
static Ns next_alarm(const Rtc *r, Ns after)
{
    uint8_t hour = r->cmos[REG_HOUR_ALARM], minute = r->cmos[REG_MINUTE_ALARM];
    uint8_t second = r->cmos[REG_SECOND_ALARM];
    int64_t s = after / NS_PER_SEC + 1, limit = s + 90000;

    while (s < limit) {
        int of_day = (int)(s % 86400);
        if (!alarm_matches(hour, decode_hour(r, hour), of_day / 3600))
            s += 3600 - of_day % 3600;
        else if (!alarm_matches(minute, decode(r, minute), of_day / 60 % 60))
            s += 60 - of_day % 60;
        else if (!alarm_matches(second, decode(r, second), of_day % 60))
            s++;
        else
            return s * NS_PER_SEC;
    }
    return NEVER;
}

/* Sets the flags of all that happened since the last look. */
static void set_flags(Rtc *r)
{
    Ns now = rtc_now(r);
    uint8_t before = r->cmos[REG_C];

    if (now < r->seen) /* the host's clock was set back */
        r->seen = now;
    if (next_period(r, r->seen) <= now)
        r->cmos[REG_C] |= FLAG_PERIODIC;
    if (!stopped(r) && next_second(r->seen) <= now)
        r->cmos[REG_C] |= FLAG_UPDATE;
    if (!stopped(r) && next_alarm(r, r->seen) <= now)
        r->cmos[REG_C] |= FLAG_ALARM;
    r->seen = now;
    if (r->cmos[REG_C] != before)
        trace_mc146818_flags(r->cmos[REG_C]);
}

/* Only a moment that would raise an interrupt needs a timer; other flags can wait for a read. */
static Ns next_interrupt(const Rtc *r)
{
    uint8_t wanted = r->cmos[REG_B] & ~r->cmos[REG_C] & INTERRUPTS;
    Ns at = NEVER;

    if (wanted & FLAG_PERIODIC)
        at = next_period(r, r->seen);
    if (wanted & FLAG_UPDATE && !stopped(r))
        at = MIN(at, next_second(r->seen));
    if (wanted & FLAG_ALARM && !stopped(r))
        at = MIN(at, next_alarm(r, r->seen));
    return at;
}

static void rtc_update(void *dev)
{
    Rtc *r = dev;

    set_flags(r);
    bool irq = r->cmos[REG_B] & r->cmos[REG_C] & INTERRUPTS;
    r->cmos[REG_C] = (r->cmos[REG_C] & INTERRUPTS) | (irq ? FLAG_IRQ : 0);
    irq_set(&r->irq[0], irq);
    irq_set(&r->nmi_mask[0], r->nmi_masked);
    Ns at = next_interrupt(r);
    Ns now = clock_now(r->dev.board->clock);
    timer_set(&r->dev.timer, at == NEVER ? NS_NEVER : now + (at - r->seen));
}

/* --- registers -------------------------------------------------------------------------------- */

static bool is_time(unsigned index)
{
    return index == REG_SECOND || index == REG_MINUTE || index == REG_HOUR ||
           (index >= REG_WEEKDAY && index <= REG_YEAR) || index == REG_CENTURY;
}

static void write_time(Rtc *r, unsigned index, uint8_t value)
{
    if (stopped(r)) {
        r->cmos[index] = value;
        return;
    }
    Ns fraction = rtc_now(r) % NS_PER_SEC;
    load_registers(r);
    r->cmos[index] = value;
    store_registers(r, fraction);
}

/* Changes A or B; the clock stops with the time it shows, and goes on from what was written. The
 * first update after the divider's reset comes half a second later ([MC146818A] "Divider control").
 */
static void write_control(Rtc *r, unsigned index, uint8_t value)
{
    bool was_stopped = stopped(r), ran = divider_runs(r);

    if (!was_stopped)
        load_registers(r);
    Ns fraction = rtc_now(r) % NS_PER_SEC;
    r->cmos[index] = value;
    if (!ran && divider_runs(r))
        fraction = NS_PER_SEC / 2;
    if (was_stopped && !stopped(r))
        store_registers(r, fraction);
}

static void write_index(Rtc *r, unsigned index, uint8_t value)
{
    if (is_time(index))
        write_time(r, index, value);
    else if (index == REG_A)
        write_control(r, index, value & ~A_UIP);
    else if (index == REG_B)
        write_control(r, index, value);
    else if (index != REG_C && index != REG_D)
        r->cmos[index] = value;
}

static unsigned aliased(unsigned index)
{
    return index == REG_CENTURY_PS2 ? REG_CENTURY : index;
}

static void rtc_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Rtc *r = dev;

    if (offset == 0) {
        r->index = value & (CMOS_SIZE - 1);
        r->nmi_masked = value & CMOS_SIZE;
        return;
    }
    set_flags(r);
    trace_mc146818_write(r->index, (unsigned)value);
    write_index(r, aliased(r->index), value);
}

/* Reading C takes its flags. */
static uint8_t read_c(Rtc *r)
{
    uint8_t value = r->cmos[REG_C];

    r->cmos[REG_C] = 0;
    rtc_update(r);
    return value;
}

static uint8_t read_a(const Rtc *r)
{
    Ns fraction = rtc_now(r) % NS_PER_SEC;
    bool updating = !stopped(r) && fraction >= NS_PER_SEC - UIP_BEFORE;

    return r->cmos[REG_A] | (updating ? A_UIP : 0);
}

static uint64_t rtc_read(void *dev, uint64_t offset, unsigned size)
{
    Rtc *r = dev;
    unsigned index = aliased(r->index);

    if (offset == 0)
        return 0xff; /* the index cannot be read */
    if (is_time(index) && !stopped(r))
        load_registers(r);
    if (index == REG_A)
        return read_a(r);
    if (index == REG_C) {
        rtc_update(r);
        return read_c(r);
    }
    return r->cmos[index];
}

/* --- the class -------------------------------------------------------------------------------- */

void mc146818_set_cmos(void *rtc, unsigned index, uint8_t value)
{
    g_assert(index > REG_D && index < CMOS_SIZE);
    ((Rtc *)rtc)->cmos[index] = value;
}

/* The battery was never out: the clock is right, in BCD and 24 hours. */
static bool rtc_realize(void *dev, GError **err)
{
    Rtc *r = dev;

    r->cmos[REG_A] = A_DIVIDER_RUNS | 6; /* 1024 Hz */
    r->cmos[REG_B] = B_24H;
    r->cmos[REG_D] = D_VALID;
    r->seen = rtc_now(r);
    load_registers(r);
    return true;
}

/* [MC146818A] "RESET#": interrupts off; the clock and the memory stay. */
static void rtc_reset(void *dev)
{
    Rtc *r = dev;

    r->index = 0;
    r->nmi_masked = false;
    r->cmos[REG_B] &= ~(INTERRUPTS | 1 << 3);
    r->cmos[REG_C] = 0;
    r->seen = rtc_now(r);
}

/* Times that the calendar, or sums with them, cannot hold. */
static bool rtc_loaded(void *dev, GError **err)
{
    Rtc *r = dev;
    Ns wall = board_wall_clock(r->dev.board);

    r->index &= CMOS_SIZE - 1;
    if (r->offset < -wall || r->offset > LAST_SECOND * NS_PER_SEC + RUNS_ON - wall)
        r->offset = 0;
    r->seen = CLAMP(r->seen, 0, rtc_now(r));
    r->cmos[REG_A] &= ~A_UIP;
    r->cmos[REG_D] = D_VALID;
    return true;
}

static const Property props[] = {PROP_U(Rtc, iobase, 0x70, "first of its two ports"), PROPS_END};

static const IoRange io[] = {
    {"rtc", IO_PORTS, 0x70, 2, 1, 1, rtc_read, rtc_write, BASE_FROM(Rtc, iobase)},
    {0},
};

static const LineDef lines[] = {
    LINE_OUT("irq", Rtc, irq),
    LINE_OUT("nmi-mask", Rtc, nmi_mask),
    {0},
};

static const StateField state[] = {
    STATE(Rtc, index),  STATE(Rtc, nmi_masked), STATE_ARRAY(Rtc, cmos),
    STATE(Rtc, offset), STATE(Rtc, seen),       STATE_END,
};

static void rtc_print(void *dev, GString *out)
{
    DateTime t;

    calendar_date(rtc_now(dev) / NS_PER_SEC, &t);
    g_string_append_printf(out, "  shows %04d-%02d-%02d %02d:%02d:%02d\n", t.year, t.month, t.day,
                           t.hour, t.minute, t.second);
}

const DeviceClass mc146818_class = {
    .name = "mc146818rtc",
    .desc = "real-time clock and CMOS memory",
    .size = sizeof(Rtc),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = rtc_realize,
    .reset = rtc_reset,
    .update = rtc_update,
    .loaded = rtc_loaded,
    .print = rtc_print,
};
