/* patch.c - a constant in the code is changed before each call, beside code that stays. */
#include "guest.h"

typedef u32 Function(void);

/* mov $0, %eax; ret */
static const u8 code[] = {0xb8, 0, 0, 0, 0, 0xc3};

u32 work(u32 size)
{
    u8 *patched = ARENA, *other = ARENA + 1024;
    u32 sum = 0;
    for (u32 i = 0; i < sizeof(code); i++)
        patched[i] = other[i] = code[i];
    other[1] = 7;
    for (u32 i = 0; i < size * 1000; i++) {
        *(volatile u32 *)(patched + 1) = i * 3;
        sum = mix(sum, ((Function *)patched)());
        sum += ((Function *)other)();
    }
    return sum;
}
