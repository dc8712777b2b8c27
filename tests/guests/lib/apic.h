/* apic.h - the local APIC and the I/O APIC. [SDM3] "Advanced Programmable Interrupt Controller
 * (APIC)", [82093AA]. */
#pragma once
#include "chips.h"
#include "types.h"
#include "x86.h"

/* Offsets of registers; in x2APIC mode the MSR is 0x800 + offset / 16. [SDM3] "Local APIC Register
 * Address Map". */
enum {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR2 = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0, /* x2APIC mode only */
};

enum {
    APIC_SVR_ENABLE = 1 << 8,
    LVT_MASKED = 1 << 16,
    LVT_PENDING = 1 << 12,
    LVT_NMI = 4 << 8,
    LVT_EXTINT = 7 << 8,
    LVT_PERIODIC = 1 << 17,
    LVT_TSC_DEADLINE = 2 << 17,
    TIMER_DIVIDE_1 = 11,
    TIMER_DIVIDE_16 = 3,
    ESR_SEND_ILLEGAL = 1 << 5,
    ESR_RECEIVE_ILLEGAL = 1 << 6,
    ESR_REGISTER = 1 << 7,
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_X2 = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
};

/* [SDM3] "Interrupt Command Register (ICR)". */
enum {
    ICR_FIXED = 0,
    ICR_LOWEST = 1 << 8,
    ICR_SMI = 2 << 8,
    ICR_NMI = 4 << 8,
    ICR_INIT = 5 << 8,
    ICR_STARTUP = 6 << 8,
    ICR_LOGICAL = 1 << 11,
    ICR_BUSY = 1 << 12,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_SELF = 1 << 18,
    ICR_ALL = 2 << 18,
    ICR_OTHERS = 3 << 18,
};

enum { VECTOR_SPURIOUS = 0xff };

#define APIC_BASE 0xfee00000u

/* Registers, in whichever mode the APIC is. */
u32 apic_read(u32 offset);
void apic_write(u32 offset, u32 value);
bool apic_x2(void);
u32 apic_id(void);
static inline void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}
/* Is the vector's bit set in ISR, TMR or IRR? */
bool apic_bit(u32 set, u8 vector);
/* Sends an interrupt: destination, and vector with ICR_ bits. Waits until it has left. */
void apic_send(u32 destination, u32 command);

/* This CPU's APIC: xAPIC mode, enabled, TPR 0, nothing in service, the LVT masked but LINT0, which
 * lets the PIC through, and LINT1, NMI. */
void apic_init(void);

/* The I/O APIC. A redirection entry: the low half and the destination's byte. */
enum {
    IOAPIC_ID = 0,
    IOAPIC_VERSION = 1,
    IOAPIC_ENTRY = 0x10,
    RTE_LOGICAL = 1 << 11,
    RTE_PENDING = 1 << 12,
    RTE_LOW = 1 << 13,
    RTE_REMOTE_IRR = 1 << 14,
    RTE_LEVEL = 1 << 15,
    RTE_MASKED = 1 << 16,
};
enum { IOAPIC_TIMER_PIN = 2, IOAPIC_CLOCK_PIN = 8 };
u32 ioapic_read(u8 index);
void ioapic_write(u8 index, u32 value);
void ioapic_set(u8 pin, u32 low, u8 destination);
u32 ioapic_get(u8 pin);
/* Every pin masked. */
void ioapic_init(void);
