/* integer.c - a hash, a sieve and a sort. */
#include "guest.h"

const u32 work_result = 0xae9eeca4;

enum { TEXT = 1 << 16, SIEVE = 1 << 20, ITEMS = 1 << 16, ROUNDS = 4 };

static u32 hash(const u8 *text, u32 count)
{
    u32 sum = 0x811c9dc5;
    for (u32 i = 0; i < count; i++)
        sum = mix(sum, text[i]);
    return sum;
}

static u32 sieve(u8 *composite, u32 count)
{
    u32 primes = 0;
    for (u32 i = 0; i < count; i++)
        composite[i] = 0;
    for (u32 i = 2; i < count; i++) {
        if (composite[i])
            continue;
        primes++;
        for (u32 j = i + i; j < count; j += i)
            composite[j] = 1;
    }
    return primes;
}

static void sift(u32 *heap, u32 at, u32 count)
{
    u32 value = heap[at];
    for (u32 child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= value)
            break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static void heap_sort(u32 *item, u32 count)
{
    for (u32 i = count / 2; i-- > 0;)
        sift(item, i, count);
    for (u32 last = count - 1; last > 0; last--) {
        u32 greatest = item[0];
        item[0] = item[last];
        item[last] = greatest;
        sift(item, 0, last);
    }
}

u32 work(void)
{
    u8 *text = ARENA, *composite = ARENA + (1 << 20);
    u32 *item = (u32 *)(ARENA + (4 << 20));
    u32 state = 1, sum = 0;
    for (u32 round = 0; round < ROUNDS; round++) {
        for (u32 i = 0; i < TEXT; i++)
            text[i] = random_next(&state);
        for (u32 i = 0; i < 16; i++)
            sum = mix(sum, hash(text, TEXT));
        sum = mix(sum, sieve(composite, SIEVE));
        for (u32 i = 0; i < ITEMS; i++)
            item[i] = random_next(&state);
        heap_sort(item, ITEMS);
        for (u32 i = 0; i < ITEMS; i += 64)
            sum = mix(sum, item[i]);
    }
    return sum;
}
