/* invlpg.c - an entry of the page table changes, INVLPG, and the page is read: two frames in turn.
 */
#include "kernel.h"

enum { PAGES = 16 };

u32 work(u32 size)
{
    u32 sum = 0;
    for (u32 i = 0; i < 2 * PAGES; i++)
        *(volatile u32 *)(ARENA + i * PAGE) = i;
    for (u32 i = 0; i < size; i++) {
        u8 *window = ARENA + (2 * PAGES + i % PAGES) * PAGE;
        *page_entry(window) = (uintptr_t)(ARENA + i % (2 * PAGES) * PAGE) | PTE_ALL;
        invalidate(window);
        sum += *(volatile u32 *)window;
    }
    return sum;
}
