/* lapic_priv.h - the local APIC's state, shared by its delivery half (lapic.c) and its register
 * half (lapic_regs.c). */
#ifndef MYNA_DEVICES_LAPIC_PRIV_H
#define MYNA_DEVICES_LAPIC_PRIV_H

#include "core/device.h"
#include "devices/chipset/lapic.h"

/* Local vector table, in register order. */
enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
enum { LVT_MASKED = 1 << 16, LVT_LEVEL = 1 << 15, LVT_REMOTE_IRR = 1 << 14 };
enum { LVT_TIMER_MODE = 17, TIMER_ONE_SHOT = 0, TIMER_PERIODIC = 1, TIMER_TSC_DEADLINE = 2 };

enum { SVR_ENABLE = 1 << 8, SVR_NO_FOCUS = 1 << 9 };
enum { ESR_SEND_VECTOR = 1 << 5, ESR_RECEIVE_VECTOR = 1 << 6, ESR_REGISTER = 1 << 7 };
enum { BASE_BSP = 1 << 8, BASE_X2APIC = 1 << 10, BASE_ENABLE = 1 << 11 };

/* ICR. [SDM3] "Interrupt Command Register". */
enum { ICR_LOGICAL = 11, ICR_LEVEL_ASSERT = 14, ICR_TRIGGER = 15, ICR_SHORTHAND = 18 };
enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

typedef struct Lapic {
    Device dev;
    /* properties */
    uint32_t id; /* initial APIC ID */
    bool bsp;
    bool x2apic;       /* CPUID offers it */
    bool tsc_deadline; /* CPUID offers it */
    uint8_t phys_bits;
    ApicBus *bus;
    const LapicHost *host;
    /* state */
    uint64_t base; /* IA32_APIC_BASE */
    uint8_t xapic_id;
    uint8_t ldr;  /* bits 31:24 of the register */
    uint8_t flat; /* DFR bits 31:28: Fh flat, 0 cluster */
    uint8_t tpr;
    uint32_t svr;
    uint32_t esr, esr_pending;
    uint64_t icr;
    uint32_t lvt[LVT_COUNT];
    uint32_t irr[8], isr[8], tmr[8];
    bool extint;     /* an ExtINT message waits */
    uint8_t lint;    /* levels of LINT0 and LINT1 */
    uint32_t divide; /* divide configuration register */
    uint32_t initial_count;
    Ns timer_start;        /* when the count was initial_count */
    Ns timer_seen;         /* expiries up to here have been delivered */
    uint64_t deadline_tsc; /* IA32_TSC_DEADLINE; 0 = not armed */
    /* derived */
    IrqLine intr[1], nmi[1], smi[1], init[1], sipi[1];
} Lapic;

static inline bool lapic_enabled(const Lapic *l)
{
    return l->base & BASE_ENABLE;
}

static inline bool lapic_is_x2(const Lapic *l)
{
    return l->base & BASE_X2APIC;
}

/* lapic.c */
void lapic_accept_fixed(Lapic *l, uint8_t vector, bool level);
void lapic_error(Lapic *l, uint32_t esr_bit);
void lapic_send_ipi(Lapic *l);
void lapic_end_of_interrupt(Lapic *l);
uint8_t lapic_ppr(const Lapic *l);
uint32_t lapic_ldr(const Lapic *l); /* the register's value in the present mode */

/* lapic_timer.c */
uint32_t lapic_timer_count(const Lapic *l); /* current count register */
void lapic_timer_start(Lapic *l, uint32_t initial);
void lapic_timer_stop(Lapic *l);
void lapic_timer_set_divide(Lapic *l, uint32_t divide);
void lapic_timer_update(Lapic *l); /* delivers what is due and arms the device's timer */

/* lapic_regs.c */
bool lapic_read_msr(void *intc, uint32_t msr, uint64_t *value);
bool lapic_write_msr(void *intc, uint32_t msr, uint64_t value);

#endif
