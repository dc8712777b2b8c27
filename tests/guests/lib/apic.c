/* apic.c - local APIC and I/O APIC. */
#include "apic.h"

#define IOAPIC_BASE 0xfec00000u

static volatile u32 *at(u32 address)
{
    return (volatile u32 *)(word)address;
}

bool apic_x2(void)
{
    return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

u32 apic_read(u32 offset)
{
    return apic_x2() ? (u32)rdmsr(MSR_X2APIC + offset / 16) : *at(APIC_BASE + offset);
}

void apic_write(u32 offset, u32 value)
{
    if (apic_x2()) {
        wrmsr(MSR_X2APIC + offset / 16, value);
    } else {
        *at(APIC_BASE + offset) = value;
    }
}

u32 apic_id(void)
{
    u32 id = apic_read(APIC_ID);

    return apic_x2() ? id : id >> 24;
}

bool apic_bit(u32 set, u8 vector)
{
    return apic_read(set + vector / 32 * 16) >> (vector & 31) & 1;
}

void apic_send(u32 destination, u32 command)
{
    if (apic_x2()) {
        /* One write sends it; memory is ordered with it by hand. [SDM3] "x2APIC Mode Register
         * Access". */
        asm volatile("mfence" : : : "memory");
        wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)destination << 32 | command);
        return;
    }
    apic_write(APIC_ICR2, destination << 24);
    apic_write(APIC_ICR, command);
    while (apic_read(APIC_ICR) & ICR_BUSY) {
        asm volatile("pause");
    }
}

void apic_init(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    if (base & APIC_BASE_X2) { /* the only way back is through disabled */
        wrmsr(MSR_APIC_BASE, base & ~(u64)(APIC_BASE_X2 | APIC_BASE_ENABLE));
    }
    wrmsr(MSR_APIC_BASE, APIC_BASE | (base & APIC_BASE_BSP) | APIC_BASE_ENABLE);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    for (u32 lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 0x10) {
        apic_write(lvt, LVT_MASKED);
    }
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
    apic_write(APIC_LVT_LINT0, base & APIC_BASE_BSP ? LVT_EXTINT : LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_NMI);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_DFR, 0xffffffff);
    for (u32 n = 0; n < 256; n++) {
        bool busy = false;
        for (u32 set = 0; set < 0x80; set += 0x10) {
            busy |= apic_read(APIC_ISR + set) != 0;
        }
        if (!busy) {
            break;
        }
        apic_eoi();
    }
    apic_write(APIC_ESR, 0);
    apic_write(APIC_ESR, 0);
}

u32 ioapic_read(u8 index)
{
    *at(IOAPIC_BASE) = index;
    return *at(IOAPIC_BASE + 0x10);
}

void ioapic_write(u8 index, u32 value)
{
    *at(IOAPIC_BASE) = index;
    *at(IOAPIC_BASE + 0x10) = value;
}

void ioapic_set(u8 pin, u32 low, u8 destination)
{
    /* Masked while the halves differ. */
    ioapic_write(IOAPIC_ENTRY + 2 * pin, low | RTE_MASKED);
    ioapic_write(IOAPIC_ENTRY + 2 * pin + 1, (u32)destination << 24);
    ioapic_write(IOAPIC_ENTRY + 2 * pin, low);
}

u32 ioapic_get(u8 pin)
{
    return ioapic_read(IOAPIC_ENTRY + 2 * pin);
}

void ioapic_init(void)
{
    for (u8 pin = 0; pin < 24; pin++) {
        ioapic_set(pin, RTE_MASKED, 0);
    }
}
