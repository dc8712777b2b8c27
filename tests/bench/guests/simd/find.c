/* find.c - the first byte of a value, as memchr does it: compare, mask, branch. */
#include "vector.h"

enum { BYTES = 4096 };

static u32 find(const Bytes *at, u8 value)
{
    Bytes wanted = {0};
    wanted += value;
    for (u32 i = 0;; i++) {
        u32 mask = sign_bits((Chars)(at[i] == wanted));
        if (mask)
            return i * VECTOR + __builtin_ctz(mask);
    }
}

u32 work(u32 size)
{
    u32 state = 23, sum = 0;
    for (u32 i = 0; i < BYTES; i++)
        ARENA[i] = random_next(&state) | 1;
    for (u32 round = 0; round < size * 1000; round++) {
        u32 at = random_next(&state) % BYTES;
        ARENA[at] &= 0xfe;
        sum = mix(sum, find((Bytes *)ARENA, ARENA[at]));
        ARENA[at] |= 1;
    }
    return sum;
}
