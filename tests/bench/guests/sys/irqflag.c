/* irqflag.c - interrupts off and on again, as kernels do about every lock: PUSHF, CLI, POPF. */
#include "kernel.h"

u32 work(u32 size)
{
    u32 sum = 0;
    kernel_init();
    __asm__ volatile("sti");
    for (u32 i = 0; i < size; i++) {
        u64 flags;
        __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
        sum += 1 + (flags >> 9 & 1);
        __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
    }
    __asm__ volatile("cli");
    return sum;
}
