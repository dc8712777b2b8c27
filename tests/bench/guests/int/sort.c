/* sort.c - quicksort as a library does it: elements of any size, compared through a pointer. */
#include "guest.h"

enum { ITEMS = 1 << 15, FEW = 8 };

typedef int Compare(const void *a, const void *b);

typedef struct Item {
    u32 key, other;
} Item;

static int by_key(const void *a, const void *b)
{
    u32 x = ((const Item *)a)->key, y = ((const Item *)b)->key;
    return (x > y) - (x < y);
}

static int by_other(const void *a, const void *b)
{
    u32 x = ((const Item *)a)->other, y = ((const Item *)b)->other;
    return x != y ? (x > y) - (x < y) : by_key(a, b);
}

static Compare *volatile const order[2] = {by_key, by_other};

static void swap(u8 *a, u8 *b, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++) {
        u8 t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static void insertion_sort(u8 *base, u32 count, u32 bytes, Compare *compare)
{
    for (u32 i = 1; i < count; i++)
        for (u8 *at = base + i * bytes; at > base && compare(at - bytes, at) > 0; at -= bytes)
            swap(at - bytes, at, bytes);
}

static void quick_sort(u8 *base, u32 count, u32 bytes, Compare *compare)
{
    while (count > FEW) {
        swap(base, base + count / 2 * bytes, bytes);
        u32 low = 0, high = count;
        for (;;) {
            while (++low < count && compare(base + low * bytes, base) < 0)
                continue;
            while (compare(base + --high * bytes, base) > 0)
                continue;
            if (low >= high)
                break;
            swap(base + low * bytes, base + high * bytes, bytes);
        }
        swap(base, base + high * bytes, bytes);
        quick_sort(base, high, bytes, compare);
        base += (high + 1) * bytes;
        count -= high + 1;
    }
    insertion_sort(base, count, bytes, compare);
}

u32 work(u32 size)
{
    Item *item = (Item *)ARENA;
    u32 state = 1, sum = 0;
    for (u32 round = 0; round < size; round++) {
        for (u32 i = 0; i < ITEMS; i++)
            item[i] = (Item){random_next(&state), random_next(&state) & 0xfff};
        quick_sort(ARENA, ITEMS, sizeof(Item), order[round & 1]);
        for (u32 i = 0; i < ITEMS; i += 16)
            sum = mix(mix(sum, item[i].key), item[i].other);
    }
    return sum;
}
