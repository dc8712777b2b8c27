/* beside.c - data in the page of the code that uses it, in another cache line. */
#include "guest.h"

typedef u32 Function(void);

/* mov $5, %eax; ret */
static const u8 code[] = {0xb8, 5, 0, 0, 0, 0xc3};

u32 work(u32 size)
{
    volatile u32 *counter = (volatile u32 *)(ARENA + 2048);
    for (u32 i = 0; i < sizeof(code); i++)
        ARENA[i] = code[i];
    *counter = 0;
    for (u32 i = 0; i < size * 1000; i++)
        *counter += ((Function *)ARENA)();
    return *counter;
}
