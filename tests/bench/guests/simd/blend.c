/* blend.c - pixels over pixels with one opacity: bytes widened to words, multiplied, narrowed. */
#include "vector.h"

enum { BYTES = 16384 };

/* Even and odd bytes as words, each (over * alpha + under * (256 - alpha)) / 256. */
static void blend(Bytes *under, const Bytes *over, u16 alpha)
{
    for (u32 i = 0; i < BYTES / VECTOR; i++) {
        Words a = (Words)over[i], b = (Words)under[i];
        Words even = ((a & 255) * alpha + (b & 255) * (u16)(256 - alpha)) >> 8;
        Words odd = ((a >> 8) * alpha + (b >> 8) * (u16)(256 - alpha)) >> 8;
        under[i] = (Bytes)(even | odd << 8);
    }
}

u32 work(u32 size)
{
    u32 *under = (u32 *)ARENA, *over = under + BYTES, state = 19, sum = 0;
    for (u32 i = 0; i < BYTES / 4; i++) {
        under[i] = random_next(&state);
        over[i] = random_next(&state);
    }
    for (u32 round = 0; round < size * 1000; round++) {
        blend((Bytes *)under, (Bytes *)over, round * 37 & 255);
        over[round % (BYTES / 4)] += round;
    }
    for (u32 i = 0; i < BYTES / 4; i++)
        sum = mix(sum, under[i]);
    return sum;
}
