/* recursion.c - calls and returns: two recursive functions, and short functions through pointers.
 */
#include "guest.h"

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

u32 work(u32 size)
{
    u32 state = 3, sum = 0;
    for (u32 round = 0; round < size; round++) {
        sum = mix(sum, fibonacci(24));
        sum = mix(sum, ackermann(2, 120));
        for (u32 i = 0; i < 80000; i++)
            sum += operation[random_next(&state) & 3](sum);
    }
    return sum;
}
