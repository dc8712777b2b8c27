/* translator.h - what a translator keeps: code, blocks, and where code can be left. */
#ifndef MYNA_DBT_TRANSLATOR_H
#define MYNA_DBT_TRANSLATOR_H

#include "core/symbols.h"
#include "dbt/ahead.h"
#include "dbt/ir.h"

typedef struct Block Block;

/* A place where generated code hands an instruction to the interpreter: its number is in the code.
 */
typedef struct Site {
    uint32_t block; /* index of its Block */
    uint32_t
        resume; /* where the code goes on behind the instruction; 0: it should have opened a span */
    int16_t delta;   /* bytes from the block's first rip to the instruction */
    uint8_t number;  /* instructions of the block before it */
    bool opens_span; /* the code behind it reaches into what it has opened */
    uint32_t insn;   /* 1 + index of the decoded instruction; 0: not decoded yet */
} Site;

typedef enum ExitKind {
    EXIT_LEAVE,  /* to the dispatcher, always: something is pending */
    EXIT_BUDGET, /* likewise: a counted run is nearly over */
    EXIT_NEAR,   /* to a rip in the same page: a jump */
    EXIT_FAR,    /* to another page: a check of the page's id, then a jump */
} ExitKind;

/* A jump before an exit's end that can be aimed at the target itself. */
typedef enum ShortcutKind {
    SHORTCUT_NONE,
    SHORTCUT_JCC,      /* rel32 of a conditional jump, flags in the image */
    SHORTCUT_JCC_DEAD, /* likewise, for targets that do not look at the flags */
    SHORTCUT_JMP_DEAD, /* the saving of the flags, to be jumped over for such targets */
} ShortcutKind;

/* What generated code is left with, other than the number of an Exit or 0: this and the number of
 * the block whose start it was left at, for something is pending. */
#define LEFT_AT_START (1u << 31)

/* A place where generated code goes on in another block once that is known. */
typedef struct Exit {
    uint64_t rip;      /* where to */
    uint32_t block;    /* whose */
    uint32_t target;   /* index of the block it is linked to; 0: none */
    uint32_t next_in;  /* the next exit linked to the same target */
    uint32_t patch;    /* its last part, which linking changes; in front of the way to C */
    uint32_t shortcut; /* NEAR: a jump's rel32 or the flags' saving */
    uint8_t kind;      /* ExitKind */
    uint8_t shortcut_kind;
    uint8_t before; /* so far before `patch` a conditional jump to it goes unlinked */
    bool polls;     /* its target looks at `poll`, even if it lies ahead */
} Exit;

/* One translated superblock. */
struct Block {
    uint64_t rip;
    uint64_t base;       /* of CS */
    const uint8_t *host; /* guest code's first byte: with rip, base and key the block's name */
    uint32_t key;
    uint32_t hash_next; /* block index. A look-up needs no more than what is up to here */
    uint64_t granules;
    const uint8_t *second; /* of a block that lies in two pages, the second; NULL: all others */
    uint32_t other_half;   /* the records of its halves name each other */
    uint32_t page_next;    /* in its page's list */
    uint32_t page_id;      /* of its page, for exits from other pages; 0: not asked for yet */
    uint32_t in;           /* exits linked to it */
    uint32_t first_exit;
    uint32_t entry; /* code offset: flags in the image */
    uint32_t stubs; /* code offset: what is behind it is seldom run */
    uint32_t code_end;
    uint32_t apart_us;  /* when a check's span was last not there: microseconds, */
    uint8_t apart;      /* and how many times in a row */
    uint8_t heat;       /* samples */
    uint8_t insn_count; /* at most IR_MAX_INSNS */
    uint8_t polled;     /* from `entry` on: behind the look at `poll`, */
    uint8_t body;       /* behind the look at the budget too, */
    uint8_t dead;       /* and flags are written before they are looked at; 0: they may be read */
    uint16_t exit_count;
    bool dropped;
    bool is_tail; /* no code: what its other half has in this page */
    bool has_spans;
};
static_assert(sizeof(Block) <= 96, "there are many, and each is memory that is touched first");

/* A guest page that code was translated from. */
typedef struct CodePage {
    uint64_t granules;   /* of all its blocks */
    uint64_t writes;     /* into the page, since it is known */
    uint32_t blocks;     /* list through page_next */
    unsigned refused;    /* times the page was found too restless to translate */
    uint64_t alone;      /* granules whose blocks have no spans: they did not pay */
    uint8_t hits[64];    /* writes into each granule that cost blocks */
    uint64_t starts[64]; /* bit n: a block starts at byte n, or did */
} CodePage;

/* What a part of a block's code is for; kept in IrBlock.marks while somebody looks (view.c). */
typedef enum MarkKind {
    MARK_OP,       /* an op of the intermediate form */
    MARK_MISS,     /* the TLB is filled, or the instruction handed over */
    MARK_HANDOVER, /* to the interpreter */
    MARK_EXIT,
    MARK_LEAVE, /* at the block's start */
} MarkKind;

typedef struct Mark {
    uint32_t at; /* code offset */
    MarkKind kind;
    uint32_t number; /* of the op, site, exit or block */
} Mark;

typedef struct TranslatorStats {
    uint64_t blocks, insns, code_bytes;
    uint64_t timed_insns, timed_ns;  /* of the translations that were timed */
    uint64_t start_cycles, start_us; /* when the translator was made: time stamp counter, clock */
    uint64_t misses[2];              /* of the TLB: handed over, refilled */
    uint64_t device_loads, ports;    /* accesses made without the interpreter */
    uint64_t jump_misses;            /* indirect transfers that the jump cache did not know */
    uint64_t dropped, flushes, entries, sites_taken, links;
    uint64_t refused;      /* times the dispatcher left an instruction to the interpreter */
    uint64_t *interpreted; /* times each row was handed to the interpreter */
} TranslatorStats;

/* Entry points of the fixed code at the start of the cache; offsets. */
typedef struct Trampolines {
    uint32_t enter, exit, cold, miss, miss_with_flags, port, load_vectors, spill_vectors, load_x87,
        nowhere;
    uint32_t miss_looked[TLB_MODE_COUNT][2]; /* [MMU context][write] */
} Trampolines;

typedef struct Lockstep Lockstep; /* dbt/lockstep.h */

/* Places in the code cache and in the arrays of records. */
typedef struct CodePlace {
    uint32_t code, block, site, exit, insn, slot;
} CodePlace;

/* Where blocks are written, one behind the other. The CPU's thread and the optimizer's each have a
 * space, so that neither waits for the other. */
typedef struct CodeSpace {
    CodePlace first, next, end;
} CodeSpace;
typedef enum CodeSpaceKind { SPACE_PLAIN, SPACE_HOT, SPACE_COUNT } CodeSpaceKind;

/* What grows. */
typedef enum AheadKind {
    AHEAD_CODE,
    AHEAD_BLOCKS,
    AHEAD_SITES,
    AHEAD_EXITS,
    AHEAD_BUCKETS,
    AHEAD_COUNT
} AheadKind;

typedef struct Translator {
    Cpu *cpu;
    uint8_t *rw;         /* the cache, writable, */
    uint8_t *rx;         /* and executable */
    uint8_t *xsave_area; /* on the way between struct Fpu and the host */
    uint32_t size;
    CodeSpace space[SPACE_COUNT];
    uint32_t generation; /* of the numbers of blocks: they have been given anew so often */
    Trampolines trampolines;
    /* Arrays that fill as the spaces do, in reserved memory; index 0 is nothing. */
    Block *blocks;
    Site *sites;
    Exit *exits;
    Insn *insns;
    Ahead ahead[AHEAD_COUNT];
    uint32_t *bucket;         /* of blocks, by hash */
    uint32_t next_look;       /* code offset from which on there may be no room */
    GHashTable *pages;        /* host page -> CodePage, */
    GPtrArray *page_records;  /* which are in arrays, */
    uint8_t *last_page_start; /* and the last that was asked for */
    CodePage *last_page;
    GHashTable *page_ids; /* PageId -> itself */
    uint32_t next_page_id;
    IrBlock *ir;
    const Symbols *symbols; /* of the guest, for people; NULL: none */
    struct Sampler *sampler;
    struct Profile *profile;     /* NULL: nothing is counted, and nothing was */
    struct Optimizer *optimizer; /* NULL: there is no second tier */
    struct PerfFiles *perf;      /* told of every block; NULL: nobody is */
    uint64_t link_base;          /* CS base of the exits being linked */
    uint64_t run_limit;          /* insn_count at which the present run ends */
    bool counted;
    bool jumped; /* the last instruction was an indirect transfer that missed the jump cache */
    bool flush_wanted;
    bool flags_elsewhere; /* the interpreter runs an instruction with the flags in the image */
    Lockstep *lockstep;   /* NULL: blocks are not compared */
    TranslatorStats stats;
} Translator;

enum { XSAVE_AREA_SIZE = 576 };
enum { MAX_BLOCK_CODE = 96 * KIB };
enum { MAX_BLOCKS = 1 << 20, MAX_SITES = 1 << 23, MAX_EXITS = 1 << 22, MAX_INSNS = 1 << 20 };

/* Where a block is entered by whoever has looked at `poll`. */
static inline uint32_t entry_polled(const Block *block)
{
    return block->entry + block->polled;
}

/* Where it is entered with any flags; 0: it must not be. */
static inline uint32_t entry_dead(const Block *block)
{
    return block->dead ? block->entry + block->dead : 0;
}

static inline Translator *translator_of(const Cpu *cpu)
{
    return cpu->engine_data;
}

/* The space a block is in. */
static inline const CodeSpace *code_space_of(const Translator *t, uint32_t block)
{
    return &t->space[block >= t->space[SPACE_HOT].first.block ? SPACE_HOT : SPACE_PLAIN];
}

/* Blocks in this space are worth more time, and checks have slots. */
static inline bool is_for_hot(const CodeSpace *space)
{
    return space->end.slot != 0;
}

/* --- cache.c: blocks ----------------------------------------------------------------------------- */

Translator *translator_new(Cpu *cpu, uint32_t code_bytes, GError **err);
void translator_free(Translator *t);

/* The block at rip whose bytes are at host, in this mode; 0 = there is none. */
uint32_t cache_find(const Translator *t, uint64_t rip, uint64_t base, const uint8_t *host,
                    uint32_t key);
/* The same, where it is likely to be block `likely`, or 0. */
uint32_t cache_find_likely(const Translator *t, uint32_t likely, uint64_t rip, uint64_t base,
                           const uint8_t *host, uint32_t key);
/* A block of that name will be inserted soon: has the host fetch its bucket meanwhile. */
void cache_prefetch(const Translator *t, uint64_t rip, const uint8_t *host, uint32_t key);
void cache_insert(Translator *t, uint32_t block, CodePage *page);
/* Does a block start there in the page, or did? */
static inline bool cache_starts_at(const CodePage *page, unsigned offset)
{
    return page->starts[offset / 64] >> offset % 64 & 1;
}
/* No block is there for certain, and the page that was asked for last says so: code that runs for
 * the first time need not be looked up. */
static inline bool cache_is_new(const Translator *t, const uint8_t *host)
{
    return page_start(host) == t->last_page_start &&
           !cache_starts_at(t->last_page, (uintptr_t)host & PAGE_MASK);
}
/* Of a block that is in the cache: its last bytes are in another page. */
void cache_insert_tail(Translator *t, uint32_t block, CodePage *page, const uint8_t *second);
void cache_drop(Translator *t, uint32_t block);
/* Whoever goes to the block comes to the dispatcher first. */
void cache_isolate(Translator *t, uint32_t block);
void cache_flush(Translator *t);
/* The next block might not fit: */
bool cache_nearly_full(const CodeSpace *space);
/* The decoded instructions that it needs at most are all that there is room for: */
bool cache_insns_are_full(const CodeSpace *space);
/* Makes room for it, in the space of the CPU's thread. */
void cache_look_for_room(Translator *t);
static inline void cache_make_room(Translator *t)
{
    if (UNLIKELY(t->space[SPACE_PLAIN].next.code >= t->next_look))
        cache_look_for_room(t);
}
/* Drops what holds any of [host, host+size), in one page. True: code is left in the page. */
bool cache_code_written(Translator *t, const uint8_t *host, uint64_t size);
/* This granule has been rewritten so often that translating it does not pay. */
bool cache_granule_is_restless(const CodePage *page, unsigned granule);
bool cache_is_restless(CodePage *page, const uint8_t *host);
/* Code at host is to be translated without spans; says so for a block, and drops it. */
bool cache_is_alone(const CodePage *page, const uint8_t *host);
void cache_leave_alone(Translator *t, uint32_t block);
/* The record of host's page, made if there is none. */
CodePage *cache_page(Translator *t, const uint8_t *host);

/* --- runtime.c ----------------------------------------------------------------------------------- */

/* Gives the samples so far to who counts them: before blocks get other numbers. */
void samples_resolve(Translator *t);

/* --- link.c: exits ------------------------------------------------------------------------------- */

void link_exit(Translator *t, uint32_t exit, uint32_t target);
void unlink_exit(Translator *t, uint32_t exit);
/* Number of the pair of linear and host page, for MmuContext.code_id. */
uint32_t link_page_id(Translator *t, LinAddr page, const uint8_t *host);

/* --- door.c -------------------------------------------------------------------------------------- */

/* Generated code comes here with a site: interprets its instruction; where to go on, or NULL to
 * leave. */
const uint8_t *door_interpret(Cpu *cpu, uint32_t site);

/* Generated code missed the TLB at la; `site` as for door_interpret, with more bits. */
enum {
    MISS_READS = 1 << 30, /* a load that may be made here: nothing else of the instruction leaves */
    MISS_SIZE_SHIFT = 28, /* log2 of its bytes */
    MISS_SITE = (1 << 28) - 1,
};
#define MISS_WRITES (1u << 31)
typedef enum MissResult {
    MISS_COLD,   /* the interpreter must do the instruction */
    MISS_RETRY,  /* look again */
    MISS_LOADED, /* jit.loaded is what the load yields */
} MissResult;
MissResult door_miss(Cpu *cpu, LinAddr la, uint32_t site);

/* IN or OUT of a guest that may: `site` with more bits, and RAX before it. Returns RAX behind it.
 */
enum {
    PORT_OUT = 1 << 31,
    PORT_SIZE_SHIFT = 28, /* bytes: 1, 2, 4 */
    PORT_SITE = (1 << 28) - 1,
};
uint64_t door_port(Cpu *cpu, uint32_t port, uint32_t site, uint64_t rax);

#endif
