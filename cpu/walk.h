/* walk.h - page-table walks, without the TLB. [SDM3] "Paging". */
#ifndef MYNA_CPU_WALK_H
#define MYNA_CPU_WALK_H

#include "cpu/mem.h"

/* Where a walk ended: the page and the rights all levels agree on. */
typedef struct Walk {
    PhysAddr pa;     /* of the byte asked for */
    uint64_t size;   /* of the page: 4 KiB, 2 MiB, 4 MiB, 1 GiB; 0 with paging off */
    uint64_t common; /* bits that the entries of all levels have, XD turned over: PTE_* of walk.c */
    uint8_t rights;  /* bit n: MemAccess n is allowed to who asked. [SDM3] "Access Rights" */
    bool global;
    bool dirty;  /* D of the leaf, after this walk */
    bool shadow; /* a shadow-stack page: R/W set above the leaf, clear in it, and D set */
    uint8_t key; /* protection key */
} Walk;

typedef enum WalkEffect { WALK_SET_ACCESSED, WALK_NO_EFFECT } WalkEffect;

/* Walks for an access by a user or supervisor; `ac` says that EFLAGS.AC lets SMAP pass. On failure
 * returns false with the page-fault error code. A and D bits are set only when the access is good.
 */
bool page_walk(Cpu *cpu, LinAddr la, MemAccess access, bool user, bool ac, WalkEffect effect,
               Walk *walk, uint32_t *error);

/* The same for an access to a shadow stack of the user's or the supervisor's. Sets A. */
bool shadow_walk(Cpu *cpu, LinAddr la, MemAccess access, bool user, Walk *walk, uint32_t *error);

/* What walks remember: of the tables above the last level, of RAM, of the control registers. */
WalkCache *walk_cache_new(void); /* g_free */
void walk_cache_flush(Cpu *cpu); /* of the tables: with every change of them */
void walk_cache_reset(Cpu *cpu); /* everything */

/* The page of RAM that pa lies in, as address_space_page. */
void walk_ram(Cpu *cpu, PhysAddr pa, MemPage *page);

#endif
