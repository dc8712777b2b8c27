/* mmio.c - reads of a device register in memory: the local APIC's ID. */
#include "kernel.h"

u32 work(u32 size)
{
    u32 sum = 0;
    apic_init();
    for (u32 i = 0; i < size; i++)
        sum += (*apic(APIC_ID) >> 24) + 1;
    return sum;
}
