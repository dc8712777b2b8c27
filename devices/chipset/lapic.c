/* lapic.c - local APIC: acceptance of interrupts, priorities, delivery to its CPU, IPIs.
 *
 * [SDM3] "Advanced Programmable Interrupt Controller (APIC)". The registers are in lapic_regs.c,
 * the timer in lapic_timer.c. Thermal and performance counter events do not occur; CMCI is left
 * out. */
#include "devices/chipset/lapic_priv.h"
#include "core/log.h"
#include "core/trace.h"

#define POWER_ON_BASE 0xfee00000

/* --- 256-bit registers ------------------------------------------------------------------------ */

static void set_bit(uint32_t *bits, uint8_t vector)
{
    bits[vector / 32] |= 1u << vector % 32;
}

static void clear_bit(uint32_t *bits, uint8_t vector)
{
    bits[vector / 32] &= ~(1u << vector % 32);
}

static bool test_bit(const uint32_t *bits, uint8_t vector)
{
    return bits[vector / 32] >> vector % 32 & 1;
}

/* The highest vector, or -1. */
static int highest(const uint32_t *bits)
{
    for (int word = 7; word >= 0; word--)
        if (bits[word])
            return word * 32 + 31 - __builtin_clz(bits[word]);
    return -1;
}

/* --- priorities ------------------------------------------------------------------------------- */

/* [SDM3] "Task and Processor Priorities". */
uint8_t lapic_ppr(const Lapic *l)
{
    int in_service = highest(l->isr);
    uint8_t service = in_service < 0 ? 0 : in_service & 0xf0;

    return (l->tpr & 0xf0) >= service ? l->tpr : service;
}

/* The vector that may be delivered now, or -1. */
static int deliverable(const Lapic *l)
{
    int vector = highest(l->irr);

    if (vector < 0 || !(l->svr & SVR_ENABLE) || (vector & 0xf0) <= (lapic_ppr(l) & 0xf0))
        return -1;
    return vector;
}

static unsigned lvt_delivery(uint32_t lvt)
{
    return bits_get(lvt, 8, 3);
}

/* The 8259A's request passes: through LINT0 as ExtINT, or past an APIC that is off. */
static bool extint_waits(const Lapic *l)
{
    bool lint0 = l->lint & 1;

    if (!lapic_enabled(l))
        return lint0;
    uint32_t lvt = l->lvt[LVT_LINT0];
    return l->extint || (lint0 && !(lvt & LVT_MASKED) && lvt_delivery(lvt) == APIC_EXTINT);
}

static void lapic_update(void *dev)
{
    Lapic *l = dev;

    lapic_timer_update(l);
    irq_set(&l->intr[0], extint_waits(l) || (lapic_enabled(l) && deliverable(l) >= 0));
}

/* --- acceptance ------------------------------------------------------------------------------- */

void lapic_error(Lapic *l, uint32_t esr_bit)
{
    uint32_t lvt = l->lvt[LVT_ERROR];
    bool first = !(l->esr_pending & esr_bit);

    l->esr_pending |= esr_bit;
    if (first && !(lvt & LVT_MASKED) && (uint8_t)lvt >= 16)
        lapic_accept_fixed(l, lvt, false);
}

void lapic_accept_fixed(Lapic *l, uint8_t vector, bool level)
{
    if (vector < 16) {
        lapic_error(l, ESR_RECEIVE_VECTOR);
        return;
    }
    set_bit(l->irr, vector);
    if (level)
        set_bit(l->tmr, vector);
    else
        clear_bit(l->tmr, vector);
}

static void pulse(IrqLine *line)
{
    irq_set(line, 1);
    irq_set(line, 0);
}

/* A message whose destination this is. */
static void accept(void *opaque, const ApicMessage *message)
{
    Lapic *l = opaque;

    if (!lapic_enabled(l))
        return;
    trace_lapic_accept(l->id, message->delivery, message->vector);
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (l->svr & SVR_ENABLE)
            lapic_accept_fixed(l, message->vector, message->level);
        break;
    case APIC_SMI:
        pulse(&l->smi[0]);
        break;
    case APIC_NMI:
        pulse(&l->nmi[0]);
        break;
    case APIC_INIT:
        pulse(&l->init[0]);
        break;
    case APIC_STARTUP:
        irq_send(&l->sipi[0], message->vector);
        break;
    case APIC_EXTINT:
        l->extint = true;
        break;
    }
    lapic_update(l);
}

uint32_t lapic_ldr(const Lapic *l)
{
    if (lapic_is_x2(l)) /* [SDM3] "Deriving Logical x2APIC ID from the Local x2APIC ID" */
        return l->id >> 4 << 16 | 1u << (l->id & 15);
    return (uint32_t)l->ldr << 24;
}

/* [SDM3] "Logical Destination Mode". */
static bool matches_logical(const Lapic *l, const ApicMessage *message)
{
    if (lapic_is_x2(l)) {
        uint32_t ldr = lapic_ldr(l);
        return message->dest >> 16 == ldr >> 16 && (message->dest & ldr & 0xffff);
    }
    if (l->flat == 0xf)
        return message->dest & l->ldr;
    return (message->dest & 0xf0) == (l->ldr & 0xf0) && (message->dest & l->ldr & 0x0f);
}

static bool matches(void *opaque, const ApicMessage *message)
{
    const Lapic *l = opaque;
    uint32_t everybody = message->wide ? UINT32_MAX : 0xff;

    if (!lapic_enabled(l))
        return false;
    if (message->dest == everybody)
        return true;
    if (message->logical)
        return matches_logical(l, message);
    return message->dest == (lapic_is_x2(l) ? l->id : l->xapic_id);
}

/* [SDM3] "Focus Processor": one that already holds the vector. */
static int arbitration(void *opaque, const ApicMessage *message)
{
    const Lapic *l = opaque;
    bool holds = test_bit(l->irr, message->vector) || test_bit(l->isr, message->vector);

    if (!(l->svr & SVR_ENABLE))
        return APIC_PRIORITY_UNABLE;
    return holds && !(l->svr & SVR_NO_FOCUS) ? APIC_PRIORITY_FOCUS : lapic_ppr(l);
}

static const ApicLocal bus_side = {matches, arbitration, accept};

/* --- local interrupt pins --------------------------------------------------------------------- */

/* An LVT entry of LINT0 or LINT1 sees its pin at `level`. */
static void lint_event(Lapic *l, unsigned n, bool level, bool rising)
{
    uint32_t *lvt = &l->lvt[LVT_LINT0 + n];
    ApicMessage message = {.delivery = lvt_delivery(*lvt), .vector = *lvt};

    if (*lvt & LVT_MASKED)
        return;
    if (message.delivery == APIC_FIXED && (*lvt & LVT_LEVEL)) {
        if (level && !(*lvt & LVT_REMOTE_IRR)) {
            *lvt |= LVT_REMOTE_IRR;
            lapic_accept_fixed(l, *lvt, true);
        }
    } else if (rising && message.delivery != APIC_EXTINT && message.delivery != APIC_STARTUP) {
        accept(l, &message);
    }
}

static void lapic_lint(void *dev, int n, int level)
{
    Lapic *l = dev;
    bool rising = level && !(l->lint >> n & 1);

    l->lint = level ? l->lint | 1 << n : l->lint & ~(1 << n);
    if (lapic_enabled(l))
        lint_event(l, n, level, rising);
    else if (n == 1 && rising)
        pulse(&l->nmi[0]);
}

/* --- interprocessor interrupts ---------------------------------------------------------------- */

/* Carries out what was written to ICR. [SDM3] "Issuing Interprocessor Interrupts". */
void lapic_send_ipi(Lapic *l)
{
    uint32_t low = (uint32_t)l->icr, high = (uint32_t)(l->icr >> 32);
    ApicMessage message = {
        .dest = lapic_is_x2(l) ? high : high >> 24,
        .wide = lapic_is_x2(l),
        .logical = bit_get(low, ICR_LOGICAL),
        .delivery = bits_get(low, 8, 3),
        .vector = low,
        .level = false, /* trigger mode means INIT only */
    };
    bool fixed = message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST;

    if (fixed && message.vector < 16) {
        lapic_error(l, ESR_SEND_VECTOR);
        return;
    }
    /* "INIT level de-assert" only tunes arbitration IDs, which we have no use for. */
    if (message.delivery == APIC_INIT && bit_get(low, ICR_TRIGGER) &&
        !bit_get(low, ICR_LEVEL_ASSERT))
        return;
    switch (bits_get(low, ICR_SHORTHAND, 2)) {
    case SHORTHAND_NONE:
        apic_bus_send(l->bus, &message);
        break;
    case SHORTHAND_SELF:
        if (fixed)
            accept(l, &message);
        else
            guest_error("lapic %u: self IPI of delivery mode %u", l->id, message.delivery);
        break;
    case SHORTHAND_ALL:
        apic_bus_broadcast(l->bus, &message, NULL);
        break;
    case SHORTHAND_OTHERS:
        apic_bus_broadcast(l->bus, &message, l);
        break;
    }
}

/* --- the CPU's side --------------------------------------------------------------------------- */

static int lapic_acknowledge(void *intc)
{
    Lapic *l = intc;
    int vector = lapic_enabled(l) ? deliverable(l) : -1;

    if (vector >= 0) {
        clear_bit(l->irr, vector);
        set_bit(l->isr, vector);
    } else if (extint_waits(l) && l->host && l->host->inta) {
        l->extint = false;
        vector = l->host->inta(l->host->opaque);
    }
    lapic_update(l);
    return vector;
}

/* [SDM3] "Signaling Interrupt Servicing Completion". */
void lapic_end_of_interrupt(Lapic *l)
{
    int vector = highest(l->isr);

    if (vector < 0)
        return;
    clear_bit(l->isr, vector);
    if (!test_bit(l->tmr, vector))
        return;
    for (unsigned n = 0; n < 2; n++) {
        uint32_t *lvt = &l->lvt[LVT_LINT0 + n];
        if (!(*lvt & LVT_REMOTE_IRR) || (uint8_t)*lvt != vector)
            continue;
        *lvt &= ~LVT_REMOTE_IRR;
        lint_event(l, n, l->lint >> n & 1, false);
    }
    apic_bus_eoi(l->bus, vector);
}

static uint8_t lapic_get_tpr(void *intc)
{
    return ((Lapic *)intc)->tpr;
}

static void lapic_set_tpr(void *intc, uint8_t tpr)
{
    Lapic *l = intc;

    l->tpr = tpr;
    lapic_update(l);
}

/* --- reset ------------------------------------------------------------------------------------ */

/* [SDM3] "Local APIC State After It Receives an INIT-Reset": all but the ID and the base. */
static void lapic_init_reset(Lapic *l)
{
    l->ldr = 0;
    l->flat = 0xf;
    l->tpr = 0;
    l->svr = 0xff;
    l->esr = l->esr_pending = 0;
    l->icr = 0;
    for (unsigned n = 0; n < LVT_COUNT; n++)
        l->lvt[n] = LVT_MASKED;
    memset(l->irr, 0, sizeof(l->irr));
    memset(l->isr, 0, sizeof(l->isr));
    memset(l->tmr, 0, sizeof(l->tmr));
    l->extint = false;
    l->divide = 0;
    lapic_timer_stop(l);
    l->timer_start = l->timer_seen = clock_now(l->dev.board->clock);
}

static void lapic_intc_reset(void *intc)
{
    lapic_init_reset(intc);
    lapic_update(intc);
}

const IntcOps lapic_intc_ops = {
    .acknowledge = lapic_acknowledge,
    .get_tpr = lapic_get_tpr,
    .set_tpr = lapic_set_tpr,
    .read_msr = lapic_read_msr,
    .write_msr = lapic_write_msr,
    .reset = lapic_intc_reset,
};

/* --- the class -------------------------------------------------------------------------------- */

static bool lapic_realize(void *dev, GError **err)
{
    Lapic *l = dev;

    apic_bus_add_local(l->bus, &bus_side, l);
    return true;
}

static void lapic_unrealize(void *dev)
{
    Lapic *l = dev;

    apic_bus_remove(l->bus, l);
}

/* LINT0 of the boot processor starts as ExtINT, as on QEMU, so that a guest with no use for the
 * APIC gets the 8259A's interrupts before firmware has set it up. */
static void lapic_reset(void *dev)
{
    Lapic *l = dev;
    uint64_t before = l->base;

    l->base = POWER_ON_BASE | BASE_ENABLE | (l->bsp ? BASE_BSP : 0);
    l->xapic_id = l->id;
    lapic_init_reset(l);
    if (l->bsp)
        l->lvt[LVT_LINT0] = APIC_EXTINT << 8;
    if (before >> PAGE_SHIFT != l->base >> PAGE_SHIFT && before && l->host && l->host->base_changed)
        l->host->base_changed(l->host->opaque, POWER_ON_BASE);
}

/* Times in the future would count backwards. */
static bool lapic_loaded(void *dev, GError **err)
{
    Lapic *l = dev;
    Ns now = clock_now(l->dev.board->clock);

    l->timer_seen = CLAMP(l->timer_seen, 0, now);
    l->timer_start = CLAMP(l->timer_start, -((Ns)1 << 40), now);
    if (!l->x2apic)
        l->base &= ~(uint64_t)BASE_X2APIC;
    return true;
}

static uint64_t page_read(void *dev, uint64_t offset, unsigned size)
{
    return lapic_mmio_read(dev, offset);
}

static void page_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    lapic_mmio_write(dev, offset, value);
}

static const Property props[] = {
    PROP_U(Lapic, id, 0, "initial APIC ID"),
    PROP_B(Lapic, bsp, false, "the boot processor's"),
    PROP_B(Lapic, x2apic, true, "x2APIC mode exists"),
    PROP_B(Lapic, tsc_deadline, true, "the timer's TSC-deadline mode exists"),
    PROP_U(Lapic, phys_bits, 40, "physical address width"),
    PROP_L(Lapic, bus, "APIC bus"),
    PROP_L(Lapic, host, "LapicHost"),
    PROPS_END,
};

/* CPUs come through the window; the page itself is for tests and for boards with one CPU. */
static const IoRange io[] = {
    {"apic-page", IO_UNMAPPED, 0, PAGE_SIZE, 4, 4, page_read, page_write},
    {0},
};

static const LineDef lines[] = {
    LINE_IN("lint", 2, lapic_lint),
    LINE_OUT("intr", Lapic, intr),
    LINE_OUT("nmi", Lapic, nmi),
    LINE_OUT("smi", Lapic, smi),
    LINE_OUT("init", Lapic, init),
    LINE_OUT("sipi", Lapic, sipi),
    {0},
};

static const StateField state[] = {
    STATE(Lapic, base),       STATE(Lapic, xapic_id),      STATE(Lapic, ldr),
    STATE(Lapic, flat),       STATE(Lapic, tpr),           STATE(Lapic, svr),
    STATE(Lapic, esr),        STATE(Lapic, esr_pending),   STATE(Lapic, icr),
    STATE_ARRAY(Lapic, lvt),  STATE_ARRAY(Lapic, irr),     STATE_ARRAY(Lapic, isr),
    STATE_ARRAY(Lapic, tmr),  STATE(Lapic, extint),        STATE(Lapic, lint),
    STATE(Lapic, divide),     STATE(Lapic, initial_count), STATE(Lapic, timer_start),
    STATE(Lapic, timer_seen), STATE(Lapic, deadline_tsc),  STATE_END,
};

static void lapic_print(void *dev, GString *out)
{
    Lapic *l = dev;

    g_string_append_printf(out, "  ppr=0x%02x count=0x%x intr=%d\n", lapic_ppr(l),
                           lapic_timer_count(l), l->intr[0].level);
}

const DeviceClass lapic_class = {
    .name = "apic",
    .desc = "local APIC",
    .size = sizeof(Lapic),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = lapic_realize,
    .unrealize = lapic_unrealize,
    .reset = lapic_reset,
    .update = lapic_update,
    .loaded = lapic_loaded,
    .print = lapic_print,
};
