/* walk.c - a search tree and a list over 64 MiB: more pages than any TLB covers. */
#include "guest.h"

enum { NODES = 1 << 20, LOOKUPS = 20000, STEPS = 60000 };

/* 64 bytes, a cache line; links are indices, 0 is none. */
typedef struct Node {
    u32 key, left, right, next, payload[12];
} Node;

static Node *const node = (Node *)ARENA;

/* Node i + 1 has key i times an odd number: no order in memory follows the keys'. */
static u32 key_of(u32 i)
{
    return i * 0x9e3779b1u;
}

static void tree_insert(u32 at)
{
    u32 *link = &node[0].left;
    while (*link)
        link = node[at].key < node[*link].key ? &node[*link].left : &node[*link].right;
    *link = at;
}

static u32 tree_find(u32 key)
{
    u32 steps = 0;
    for (u32 at = node[0].left; at && node[at].key != key; steps++)
        at = key < node[at].key ? node[at].left : node[at].right;
    return steps;
}

/* Every node has a key and a place in one ring; every sixteenth is in the tree. */
static void build(void)
{
    for (u32 i = 0; i < NODES; i++) {
        node[i].key = key_of(i);
        node[i].left = node[i].right = 0;
        node[i].next = (i + 0x6b43f) & (NODES - 1);
    }
    for (u32 i = 1; i < NODES; i += 16)
        tree_insert(i);
}

u32 work(u32 size)
{
    u32 sum = 0, at = 1, state = 9;
    build();
    for (u32 round = 0; round < size; round++) {
        for (u32 i = 0; i < LOOKUPS; i++)
            sum = mix(sum, tree_find(key_of((random_next(&state) % NODES & ~15u) | 1)));
        for (u32 i = 0; i < STEPS; i++) {
            at = node[at].next;
            sum += ++node[at].payload[i & 7];
        }
    }
    return sum;
}
