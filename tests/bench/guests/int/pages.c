/* pages.c - walks and copies over more pages than a translation buffer holds. */
#include "guest.h"

enum { PAGE = 4096, WALK_PAGES = 8192, STEPS = 600000, COPY = 8 << 20, STRIDES = 8 };

/* A ring through all the pages in an order without pattern; each link at another place in its
 * page. Sattolo's shuffle makes one cycle of all. */
static void make_ring(void)
{
    u32 *order = (u32 *)(ARENA + WALK_PAGES * PAGE), state = 7;
    for (u32 i = 0; i < WALK_PAGES; i++)
        order[i] = i;
    for (u32 i = WALK_PAGES - 1; i > 0; i--) {
        u32 j = random_next(&state) % i, t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (u32 i = 0; i < WALK_PAGES; i++) {
        u32 from = order[i], to = order[(i + 1) % WALK_PAGES];
        *(u32 *)(ARENA + from * PAGE + from % 1000 * 4) = to * PAGE + to % 1000 * 4;
    }
}

static u32 walk(u32 at)
{
    for (u32 i = 0; i < STEPS; i++)
        at = *(u32 *)(ARENA + at);
    return at;
}

static u32 copy(u32 round)
{
    u64 *from = (u64 *)(ARENA + (40 << 20)), *to = (u64 *)(ARENA + (60 << 20));
    u32 count = COPY / sizeof(u64);
    for (u32 i = 0; i < count; i++)
        to[i] = from[i] + round;
    return to[count - 1];
}

/* One byte of every page, as a kernel's page loops do. */
static u32 strides(void)
{
    u32 sum = 0;
    for (u32 round = 0; round < STRIDES; round++)
        for (u32 page = 0; page < WALK_PAGES; page++)
            sum += ++ARENA[page * PAGE + 4095];
    return sum;
}

u32 work(u32 size)
{
    u32 sum = 0, at = 0;
    make_ring();
    for (u32 round = 0; round < size; round++) {
        at = walk(at);
        sum = mix(mix(mix(sum, at), copy(round)), strides());
    }
    return sum;
}
