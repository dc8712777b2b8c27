/* tlb_priv.h - the tables of a privilege context, and who may stay when the address space changes.
 */
#ifndef MYNA_CPU_TLB_PRIV_H
#define MYNA_CPU_TLB_PRIV_H

#include "cpu/mmu.h"

/* 64 places of a table: a bit for each that holds something, and for what is of a global page. A
 * place without its bit is clear. */
typedef struct TlbMarks {
    uint64_t used, global;
} TlbMarks;

/* What of a table is in use. */
typedef struct TlbUse {
    TlbMarks *marks;
    unsigned places;
    unsigned used;                      /* of them */
    uint64_t local[TLB_LARGEST / 4096]; /* bit n: some of marks[n] are not global */
} TlbUse;
static_assert(JUMP_CACHE_SIZE <= TLB_LARGEST && CODE_IDS <= TLB_LARGEST, "local has a bit for all");

/* What mmu_translate found, for accesses that no entry serves: device memory, pages with code. */
typedef struct KnownPage {
    LinAddr la;
    uint64_t generation; /* TlbState.generation, or it is void */
    Translation t;
    bool global;
} KnownPage;

enum { KNOWN_PAGES = 64, JUMP_PAGES = 4096 };

typedef struct TlbTable {
    MmuContext context; /* first: Cpu.tlb points to its entries */
    TlbMarks entry_marks[TLB_LARGEST / 64];
    TlbMarks code_marks[CODE_IDS / 64];
    TlbMarks jump_marks[JUMP_CACHE_SIZE / 64];
    TlbUse entries, codes, jumps;
    uint64_t jump_pages[JUMP_PAGES / 64]; /* pages, by their low bits, that jumps may lead to */
    KnownPage known[KNOWN_PAGES];
    unsigned evicted; /* entries, since the table has this size */
    unsigned sparse;  /* flushes in a row that found few entries */
} TlbTable;

/* In TlbState.large: nothing, several regions, or with one region's address. */
enum { LARGE_REGIONS = 1024, LARGE_NONE = 0, LARGE_MANY = 1, LARGE_ONE = 2 };

struct TlbState {
    TlbTable table[TLB_MODE_COUNT];
    /* Behind the tables, where translated code, which fills and reads them, reaches them too. */
    TlbSlot slot[SLOT_COUNT];
    uint8_t slots_filled[SLOT_COUNT / SLOT_GROUP]; /* some of the group may not be empty */
    uint32_t slot_misses[SLOT_COUNT];              /* times another page was wanted */
    uint64_t generation;                           /* of known pages: of the last flush */
    /* Where large pages were filled since the last full flush: addresses of regions of 2 MiB, by
     * their low bits, and the range of those above 4 MiB. INVLPG there cannot tell which entries
     * belong to the page and drops all. */
    LinAddr large[LARGE_REGIONS];
    LinAddr huge_first, huge_last;
    TlbEntry empty[2]; /* what Cpu.tlb is while hidden, */
    TlbEntry *hidden;  /* and what it was */
};

/* A tag that no address can match which is looked up at this place: another place's. Zero but for
 * the first, so that memory never touched holds clear entries. */
static inline LinAddr tlb_no_tag(unsigned index)
{
    return index ? 0 : PAGE_SIZE;
}

static inline void use_set(TlbUse *use, unsigned index, bool global)
{
    uint64_t bit = (uint64_t)1 << index % 64;
    TlbMarks *m = &use->marks[index / 64];
    use->used += !(m->used & bit);
    m->used |= bit;
    m->global = (m->global & ~bit) | (global ? bit : 0);
    use->local[index / 4096] |= (uint64_t)!global << index / 64 % 64;
}

static inline void use_unset(TlbUse *use, unsigned index)
{
    use->marks[index / 64].used &= ~((uint64_t)1 << index % 64);
    use->used--;
}

static inline bool use_has(const TlbUse *use, unsigned index)
{
    return use->marks[index / 64].used >> index % 64 & 1;
}

/* Before entries are dropped or lose a tag: nobody relies on them any more. */
void tlb_entries_change(Cpu *cpu);

static inline bool entry_has(const TlbEntry *e, LinAddr page)
{
    return e->read == page || e->write == page || e->fetch == page;
}

/* Gives the table so many entries, and drops all it had. */
void tlb_resize(Cpu *cpu, TlbTable *table, unsigned entries);

/* The entry that page gets, to be filled. */
static inline TlbEntry *tlb_take(Cpu *cpu, TlbTable *table, LinAddr page, bool global)
{
    MmuContext *context = &table->context;
    TlbEntry *e = tlb_entry_in(context->entry, context->tlb_mask, page);
    unsigned index = e - context->entry, last = context->tlb_mask >> TLB_ENTRY_SHIFT;
    if (use_has(&table->entries, index) && !entry_has(e, page) &&
        UNLIKELY(table->evicted++ == last) && last + 1 < TLB_LARGEST) {
        tlb_resize(cpu, table, 2 * (last + 1));
        return tlb_take(cpu, table, page, global);
    }
    use_set(&table->entries, index, global);
    return e;
}

#endif
