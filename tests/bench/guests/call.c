/* call.c - calls and returns: recursion, and calls through pointers. */
#include "guest.h"

const u32 work_result = 0xbffffdda;

enum { FIBONACCI = 31, INDIRECT = 2000000 };

static __attribute__((noinline)) u32 fibonacci(u32 n)
{
    if (n < 2)
        return n;
    u32 before = fibonacci(n - 1);
    __asm__ volatile(""); /* or the compiler makes loops of it */
    return before + fibonacci(n - 2);
}

static __attribute__((noinline)) u32 ackermann(u32 m, u32 n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    u32 inner = ackermann(m, n - 1);
    __asm__ volatile("");
    return ackermann(m - 1, inner);
}

static u32 twice(u32 x)
{
    return x * 2 + 1;
}

static u32 half(u32 x)
{
    return x / 2;
}

static u32 turn(u32 x)
{
    return x << 7 | x >> 25;
}

static u32 flip(u32 x)
{
    return ~x;
}

static u32 (*volatile const operation[4])(u32) = {twice, half, turn, flip};

u32 work(void)
{
    u32 state = 3, sum = mix(fibonacci(FIBONACCI), ackermann(2, 500));
    for (u32 i = 0; i < INDIRECT; i++)
        sum += operation[random_next(&state) & 3](sum);
    return sum;
}
