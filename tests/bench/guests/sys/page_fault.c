/* page_fault.c - ring 3 touches pages that are not there; the handler maps a page and goes back.
 * After PAGES faults all are unmapped again. [SDM3] "Page-Fault Exceptions". */
#include "kernel.h"

enum { PAGES = 64, PAGE_FAULT = 14, UNMAP = 0x80 };

static u32 faults;

HANDLER static void map(Frame *frame, u64 error)
{
    (void)frame;
    u8 *address = (u8 *)(read_cr2() & -PAGE);
    if (error == 6) { /* a write from ring 3 to a page that is not present */
        faults++;
        *page_entry(address) = (uintptr_t)address | PTE_ALL;
    }
}

HANDLER static void unmap(Frame *frame)
{
    (void)frame;
    for (u32 i = 0; i < PAGES; i++)
        *page_entry(ARENA + i * PAGE) = 0;
    write_cr3(read_cr3());
}

static void user(u64 count)
{
    for (u64 i = 0; i < count; i++) {
        if (i % PAGES == 0)
            __asm__ volatile("int $0x80" : : : "memory");
        *(volatile u64 *)(ARENA + i % PAGES * PAGE) = i;
    }
    user_end();
}

u32 work(u32 size)
{
    kernel_init();
    gate_set(PAGE_FAULT, map, RING0);
    gate_set(UNMAP, unmap, RING3);
    user_run(user, size);
    return faults;
}
