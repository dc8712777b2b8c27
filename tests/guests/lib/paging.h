/* paging.h - building page tables. [SDM3] "Paging". */
#pragma once
#include "types.h"

/* The paging modes, by their levels. */
typedef enum { PAGING_32 = 2, PAGING_PAE = 3, PAGING_4LEVEL = 4 } PagingMode;

/* [SDM3] "Use of CR3 with ...", the formats of entries. */
enum {
    PAGE_P = 0x01,
    PAGE_W = 0x02,
    PAGE_U = 0x04,
    PAGE_A = 0x20,
    PAGE_D = 0x40,
    PAGE_PS = 0x80,
    PAGE_G = 0x100,
    PAGE_ALL = PAGE_P | PAGE_W | PAGE_U,
};
#define PAGE_NX (1ull << 63)

/* The first 16 MiB are mapped as they are, in 4 KiB pages for all rings, and so is the APIC.
 * Nothing is mapped here, in another 4 KiB page table: cases use it. */
#define WINDOW ((volatile u8 *)0x40000000)
/* Eight pages of memory for them. */
extern u8 frames[8][4096];
#define FRAME(n) ((u64)(word)frames[n])

/* Builds the tables, and turns paging on or changes to them. The tables of the last call are lost.
 */
void paging_start(PagingMode mode);
/* Turns paging off: 32-bit guests only. */
void paging_stop(void);
/* The entry that maps an address at a level, 1 being the page table; tables are added as needed. */
u64 page_get(volatile const void *address, int level);
void page_set(volatile const void *address, int level, u64 value);
/* The same for a 4 KiB page, and the TLB forgets it. */
void page_map(volatile const void *address, u64 value);
/* Changes bits of an entry, and the TLB forgets all. */
void page_change(volatile const void *address, int level, u64 clear, u64 set);
