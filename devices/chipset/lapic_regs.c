/* lapic_regs.c - the local APIC's registers, in their page and as MSRs.
 *
 * [SDM3] tables "Local APIC Register Address Map" and "Local APIC Register Address Map Supported by
 * x2APIC". One table says what each register allows in both. */
#include "devices/chipset/lapic_priv.h"
#include "core/log.h"

enum {
    MSR_APIC_BASE = 0x1b,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
};

/* Register numbers: offset in the page / 16, MSR - 800h. */
enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_INITIAL_COUNT = 0x38,
    REG_CURRENT_COUNT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
    REG_COUNT = 0x40,
};

#define VERSION (0x14 | (LVT_COUNT - 1) << 16) /* as QEMU's */

/* Where a register can be read (R) and written (W): in the page (xAPIC) and by MSR (X2). */
enum { XR = 1, XW = 2, X2R = 4, X2W = 8, R = XR | X2R, W = XW | X2W, RW = R | W };

typedef struct RegRow {
    uint8_t access;
    uint32_t writable; /* bits; setting others is ignored in the page and #GP by MSR */
} RegRow;

/* clang-format off */
static const RegRow regs[REG_COUNT] = {
    /*                        access         writable bits */
    [REG_ID]                = { R | XW,        0xff000000 },
    [REG_VERSION]           = { R,             0          },
    [REG_TPR]               = { RW,            0x000000ff },
    [REG_APR]               = { XR,            0          },
    [REG_PPR]               = { R,             0          },
    [REG_EOI]               = { W,             0          },
    [REG_LDR]               = { R | XW,        0xff000000 },
    [REG_DFR]               = { XR | XW,       0xf0000000 },
    [REG_SVR]               = { RW,            0x000003ff },
    [REG_ISR ... REG_ISR+7] = { R,             0          },
    [REG_TMR ... REG_TMR+7] = { R,             0          },
    [REG_IRR ... REG_IRR+7] = { R,             0          },
    [REG_ESR]               = { RW,            0          },
    [REG_ICR]               = { RW,            0x000ccfff },
    [REG_ICR_HIGH]          = { XR | XW,       0xff000000 },
    [REG_LVT + LVT_TIMER]   = { RW,            0x000700ff },
    [REG_LVT + LVT_THERMAL] = { RW,            0x000107ff },
    [REG_LVT + LVT_PERF]    = { RW,            0x000107ff },
    [REG_LVT + LVT_LINT0]   = { RW,            0x0001a7ff },
    [REG_LVT + LVT_LINT1]   = { RW,            0x0001a7ff },
    [REG_LVT + LVT_ERROR]   = { RW,            0x000100ff },
    [REG_INITIAL_COUNT]     = { RW,            0xffffffff },
    [REG_CURRENT_COUNT]     = { R,             0          },
    [REG_DIVIDE]            = { RW,            0x0000000b },
    [REG_SELF_IPI]          = { X2W,           0x000000ff },
};
/* clang-format on */

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t read_reg(const Lapic *l, unsigned reg)
{
    switch (reg) {
    case REG_ID:
        return lapic_is_x2(l) ? l->id : (uint32_t)l->xapic_id << 24;
    case REG_VERSION:
        return VERSION;
    case REG_TPR:
        return l->tpr;
    case REG_APR: /* we arbitrate by PPR */
    case REG_PPR:
        return lapic_ppr(l);
    case REG_LDR:
        return lapic_ldr(l);
    case REG_DFR:
        return (uint32_t)l->flat << 28 | 0x0fffffff;
    case REG_SVR:
        return l->svr;
    case REG_ISR ... REG_ISR + 7:
        return l->isr[reg - REG_ISR];
    case REG_TMR ... REG_TMR + 7:
        return l->tmr[reg - REG_TMR];
    case REG_IRR ... REG_IRR + 7:
        return l->irr[reg - REG_IRR];
    case REG_ESR:
        return l->esr;
    case REG_ICR:
        return (uint32_t)l->icr;
    case REG_ICR_HIGH:
        return (uint32_t)(l->icr >> 32);
    case REG_LVT ... REG_LVT + LVT_ERROR:
        return l->lvt[reg - REG_LVT];
    case REG_INITIAL_COUNT:
        return l->initial_count;
    case REG_CURRENT_COUNT:
        return lapic_timer_count(l);
    case REG_DIVIDE:
        return l->divide;
    default:
        return 0;
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

/* [SDM3] "Local APIC State After It Has Been Software Disabled": every LVT entry is masked. */
static void write_svr(Lapic *l, uint32_t value)
{
    l->svr = value;
    for (unsigned n = 0; n < LVT_COUNT && !(value & SVR_ENABLE); n++)
        l->lvt[n] |= LVT_MASKED;
}

static unsigned timer_mode(uint32_t lvt)
{
    return bits_get(lvt, LVT_TIMER_MODE, 2);
}

static void write_lvt(Lapic *l, unsigned n, uint32_t value)
{
    uint32_t before = l->lvt[n];

    if (!(l->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    if (n == LVT_TIMER) {
        if (!l->tsc_deadline)
            value &= ~(TIMER_TSC_DEADLINE << LVT_TIMER_MODE);
        /* [SDM3] "TSC-Deadline Mode": a change to or from it disarms the timer. */
        bool was = timer_mode(before) == TIMER_TSC_DEADLINE;
        if (was != (timer_mode(value) == TIMER_TSC_DEADLINE))
            lapic_timer_stop(l);
    }
    l->lvt[n] = value | (value & LVT_LEVEL ? before & LVT_REMOTE_IRR : 0);
}

/* Writing shows the errors since the last write. */
static void write_esr(Lapic *l)
{
    l->esr = l->esr_pending;
    l->esr_pending = 0;
}

static bool is_timer_reg(unsigned reg)
{
    return reg == REG_LVT + LVT_TIMER || reg == REG_INITIAL_COUNT || reg == REG_DIVIDE;
}

static void write_reg(Lapic *l, unsigned reg, uint32_t value)
{
    /* What is due comes first, by the rules that held until now: an expiry while masked is lost. */
    if (is_timer_reg(reg))
        lapic_timer_update(l);
    switch (reg) {
    case REG_ID:
        l->xapic_id = value >> 24;
        break;
    case REG_TPR:
        l->tpr = value;
        break;
    case REG_EOI:
        lapic_end_of_interrupt(l);
        break;
    case REG_LDR:
        l->ldr = value >> 24;
        break;
    case REG_DFR:
        l->flat = value >> 28;
        break;
    case REG_SVR:
        write_svr(l, value);
        break;
    case REG_ESR:
        write_esr(l);
        break;
    case REG_ICR:
        l->icr = (l->icr & ~(uint64_t)UINT32_MAX) | value;
        lapic_send_ipi(l);
        break;
    case REG_ICR_HIGH:
        l->icr = (uint64_t)value << 32 | (uint32_t)l->icr;
        break;
    case REG_LVT ... REG_LVT + LVT_ERROR:
        write_lvt(l, reg - REG_LVT, value);
        break;
    case REG_INITIAL_COUNT:
        if (timer_mode(l->lvt[LVT_TIMER]) != TIMER_TSC_DEADLINE)
            lapic_timer_start(l, value);
        break;
    case REG_DIVIDE:
        lapic_timer_set_divide(l, value);
        break;
    }
}

/* --- the page --------------------------------------------------------------------------------- */

static bool allows(unsigned reg, uint8_t access)
{
    return reg < REG_COUNT && (regs[reg].access & access);
}

/* In x2APIC mode and with the APIC off, the page is not there. */
static bool page_exists(const Lapic *l)
{
    return lapic_enabled(l) && !lapic_is_x2(l);
}

uint32_t lapic_mmio_read(void *lapic, uint64_t offset)
{
    Lapic *l = lapic;
    unsigned reg = offset >> 4;

    if (!page_exists(l))
        return UINT32_MAX;
    if (offset & 15) /* undefined between registers */
        return 0;
    if (allows(reg, XR))
        return read_reg(l, reg);
    if (!allows(reg, XW)) {
        lapic_error(l, ESR_REGISTER);
        device_update(l);
    }
    return 0;
}

void lapic_mmio_write(void *lapic, uint64_t offset, uint32_t value)
{
    Lapic *l = lapic;
    unsigned reg = offset >> 4;

    if (!page_exists(l) || offset & 15)
        return;
    if (allows(reg, XW))
        write_reg(l, reg, value & regs[reg].writable);
    else if (!allows(reg, XR))
        lapic_error(l, ESR_REGISTER);
    device_update(l);
}

/* --- MSRs ------------------------------------------------------------------------------------- */

/* [SDM3] "x2APIC State Transitions". */
static bool write_base(Lapic *l, uint64_t value)
{
    uint64_t known = BASE_BSP | BASE_ENABLE | (l->x2apic ? BASE_X2APIC : 0);
    uint64_t address = (((uint64_t)1 << MIN(l->phys_bits, 52)) - 1) & ~PAGE_MASK;
    bool enable = value & BASE_ENABLE, x2 = value & BASE_X2APIC;

    if (value & ~(known | address) || (x2 && !enable))
        return false;
    if (lapic_is_x2(l) && enable && !x2) /* only by way of disabled */
        return false;
    if (!lapic_enabled(l) && x2)
        return false;
    bool off = lapic_enabled(l) && !enable;
    bool moved = (value ^ l->base) & address;
    l->base = value;
    if (off)
        lapic_intc_ops.reset(l);
    if (moved && l->host && l->host->base_changed)
        l->host->base_changed(l->host->opaque, value & address);
    return true;
}

static bool write_deadline(Lapic *l, uint64_t value)
{
    if (!l->tsc_deadline)
        return false;
    if (timer_mode(l->lvt[LVT_TIMER]) == TIMER_TSC_DEADLINE)
        l->deadline_tsc = value;
    return true;
}

static bool is_x2apic_msr(uint32_t msr)
{
    return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST;
}

bool lapic_read_msr(void *intc, uint32_t msr, uint64_t *value)
{
    Lapic *l = intc;
    unsigned reg = msr - MSR_X2APIC_FIRST;

    if (msr == MSR_APIC_BASE) {
        *value = l->base;
    } else if (msr == MSR_TSC_DEADLINE && l->tsc_deadline) {
        lapic_timer_update(l);
        *value = l->deadline_tsc;
    } else if (is_x2apic_msr(msr) && lapic_is_x2(l) && allows(reg, X2R)) {
        *value = reg == REG_ICR ? l->icr : read_reg(l, reg);
    } else {
        return false;
    }
    return true;
}

/* ICR has 64 bits as an MSR, all others 32. */
static bool write_x2apic(Lapic *l, unsigned reg, uint64_t value)
{
    uint64_t writable = regs[reg].writable;

    if (reg == REG_ICR)
        writable |= (uint64_t)UINT32_MAX << 32;
    if (!allows(reg, X2W) || value & ~writable)
        return false;
    if (reg == REG_ICR) {
        l->icr = value;
        lapic_send_ipi(l);
    } else if (reg == REG_SELF_IPI) {
        lapic_accept_fixed(l, value, false);
    } else {
        write_reg(l, reg, value);
    }
    return true;
}

bool lapic_write_msr(void *intc, uint32_t msr, uint64_t value)
{
    Lapic *l = intc;
    bool ok = false;

    if (msr == MSR_APIC_BASE)
        ok = write_base(l, value);
    else if (msr == MSR_TSC_DEADLINE)
        ok = write_deadline(l, value);
    else if (is_x2apic_msr(msr) && lapic_is_x2(l) && msr - MSR_X2APIC_FIRST < REG_COUNT)
        ok = write_x2apic(l, msr - MSR_X2APIC_FIRST, value);
    device_update(l);
    return ok;
}
