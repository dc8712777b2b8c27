/* self_ipi.c - the local APIC interrupts its own CPU, which waits for it in a loop.
 * [SDM3] "Issuing Interprocessor Interrupts". */
#include "kernel.h"

enum { VECTOR = 0x40, TO_SELF = 1 << 18 };

static volatile u32 served;

HANDLER static void serve(Frame *frame)
{
    (void)frame;
    served++;
    *apic(APIC_EOI) = 0;
}

u32 work(u32 size)
{
    kernel_init();
    apic_init();
    gate_set(VECTOR, serve, RING0);
    __asm__ volatile("sti");
    for (u32 i = 0; i < size; i++) {
        *apic(APIC_ICR) = TO_SELF | VECTOR;
        while (served == i)
            continue;
    }
    __asm__ volatile("cli");
    return served;
}
