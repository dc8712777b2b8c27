/* sieve.c - the primes below a million. */
#include "guest.h"

enum { LIMIT = 1 << 20 };

static u32 sieve(u8 *composite)
{
    u32 primes = 0;
    for (u32 i = 0; i < LIMIT; i++)
        composite[i] = 0;
    for (u32 i = 2; i < LIMIT; i++) {
        if (composite[i])
            continue;
        primes++;
        for (u32 j = i + i; j < LIMIT; j += i)
            composite[j] = 1;
    }
    return primes;
}

u32 work(u32 size)
{
    u32 sum = 0;
    for (u32 round = 0; round < size; round++)
        sum = mix(sum, sieve(ARENA + round * 16));
    return sum;
}
