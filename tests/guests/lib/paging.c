/* paging.c - page tables of every form. [SDM3] "Paging". */
#include "paging.h"
#include "tap.h"
#include "x86.h"

enum { POOL_PAGES = 40, IDENTITY_END = 16 << 20, PAGE = 4096 };
#define APIC ((void *)0xfee00000)

u8 frames[8][4096] __attribute__((aligned(4096)));

static u8 pool[POOL_PAGES][PAGE] __attribute__((aligned(4096)));
static int used;
static PagingMode mode;
static u8 *root;

static u8 *new_table(void)
{
    if (used == POOL_PAGES) {
        print("# no page for a page table\n");
        tap_abort();
    }
    return memset(pool[used++], 0, PAGE);
}

/* An entry holds 10 address bits in 32-bit paging, else 9. */
static u8 *entry_in(u8 *table, word address, int level)
{
    if (mode == PAGING_32) {
        return table + (address >> (12 + 10 * (level - 1)) & 1023) * 4;
    }
    return table + ((u64)address >> (12 + 9 * (level - 1)) & 511) * 8;
}

static u64 load(const u8 *entry)
{
    return mode == PAGING_32 ? *(const u32 *)entry : *(const u64 *)entry;
}

static void store(u8 *entry, u64 value)
{
    if (mode == PAGING_32) {
        *(volatile u32 *)entry = value;
    } else {
        *(volatile u64 *)entry = value;
    }
}

static u8 *find(volatile const void *address, int level)
{
    u8 *table = root;

    for (int l = mode; l > level; l--) {
        u8 *entry = entry_in(table, (word)address, l);
        if (!(load(entry) & PAGE_P)) {
            /* PDPTEs of PAE have no write and user bits: they are reserved. */
            bool pdpte = mode == PAGING_PAE && l == 3;
            store(entry, (word)new_table() | (pdpte ? PAGE_P : PAGE_ALL));
        }
        table = (u8 *)(word)(load(entry) & 0x000ffffffffff000ull);
    }
    return entry_in(table, (word)address, level);
}

u64 page_get(volatile const void *address, int level)
{
    return load(find(address, level));
}

void page_set(volatile const void *address, int level, u64 value)
{
    store(find(address, level), value);
}

void page_map(volatile const void *address, u64 value)
{
    page_set(address, 1, value);
    invlpg((const void *)address);
}

void page_change(volatile const void *address, int level, u64 clear, u64 set)
{
    page_set(address, level, (page_get(address, level) & ~clear) | set);
    write_cr3(read_cr3());
}

void paging_start(PagingMode wanted)
{
#ifndef __x86_64__
    paging_stop();
#endif
    mode = wanted;
    used = 0;
    root = new_table();
    for (word page = 0; page < IDENTITY_END; page += PAGE) {
        store(find((void *)page, 1), page | PAGE_ALL);
    }
    store(find(APIC, 1), (word)APIC | PAGE_P | PAGE_W);
    find(WINDOW, 1);
#ifdef __x86_64__
    write_cr3((word)root);
#else
    write_cr4((read_cr4() & ~CR4_PAE) | (mode == PAGING_PAE ? CR4_PAE : 0));
    write_cr3((word)root);
    write_cr0(read_cr0() | CR0_PG);
#endif
}

#ifndef __x86_64__
void paging_stop(void)
{
    write_cr0(read_cr0() & ~CR0_PG);
}
#endif
