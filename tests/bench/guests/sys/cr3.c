/* cr3.c - ring 0 changes between two address spaces and touches sixteen pages of each. */
#include "kernel.h"

enum { OWN_PAGES = 16, PLACE = 0x700000 };

u32 work(u32 size)
{
    u64 first = read_cr3(), space[2];
    u32 sum = 0;
    for (u32 i = 0; i < 2; i++) {
        space[i] = address_space_new(ARENA + (i << 20), (void *)PLACE, OWN_PAGES);
        write_cr3(space[i]);
        for (u32 page = 0; page < OWN_PAGES; page++)
            *(volatile u32 *)(uintptr_t)(PLACE + page * PAGE) = i + 1;
    }
    for (u32 i = 0; i < size; i++) {
        write_cr3(space[i & 1]);
        for (u32 page = 0; page < OWN_PAGES; page++)
            sum += *(volatile u32 *)(uintptr_t)(PLACE + page * PAGE);
    }
    write_cr3(first);
    return sum;
}
