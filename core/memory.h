/* memory.h - address spaces made of prioritised regions: RAM, ROM, device registers, aliases.
 *
 * A region is a tree node. Containers hold regions at addresses; where two overlap the higher
 * priority wins, then the later added. An AddressSpace flattens the tree into a sorted table that
 * look-ups search. Guest memory and the 64 KiB of I/O ports are both address spaces.
 *
 * Everything here is called with the machine lock held, except address_space_page with the plain
 * RAM it hands out, and address_space_registers. */
#ifndef MYNA_CORE_MEMORY_H
#define MYNA_CORE_MEMORY_H

#include "core/types.h"

typedef struct MemRegion MemRegion;
typedef struct AddressSpace AddressSpace;

typedef uint64_t MemReadFn(void *opaque, uint64_t offset, unsigned size);
typedef void MemWriteFn(void *opaque, uint64_t offset, uint64_t value, unsigned size);

/* A device's registers. Accesses wider than max_size are split, low address first; narrower than
 * min_size are widened (read, and for writes read-modify-write is NOT done: the value is shifted
 * into place in an access of min_size). size is 1, 2, 4 or 8 bytes. 0 means 1 and 8. */
typedef struct MemOps {
    MemReadFn *read;
    MemWriteFn *write;
    uint8_t min_size;
    uint8_t max_size;
} MemOps;

typedef enum MemKind { MEM_CONTAINER, MEM_RAM, MEM_IO, MEM_ALIAS } MemKind;

struct MemRegion {
    const char *name;
    MemKind kind;
    bool enabled;
    bool readonly; /* guest writes to RAM are dropped here (ROM, PAM); aliases pass it down */
    int priority;
    uint64_t addr; /* in the parent */
    uint64_t size; /* bytes */
    MemRegion *parent;
    GPtrArray *children; /* of MemRegion, containers only */
    uint8_t *host;       /* RAM: size bytes */
    uint8_t *page_flags; /* RAM: one byte a page, PAGE_HAS_CODE | PAGE_CLEAN_... */
    const MemOps *ops;
    void *opaque;
    MemRegion *alias;
    uint64_t alias_offset;
    GPtrArray *aliases;  /* of MemRegion: the aliases that show this region; NULL if none */
    AddressSpace *space; /* root regions: who to tell of changes */
};

enum { PAGE_HAS_CODE = 1, PAGE_DIRTY_VGA = 2 };

/* After a store to a page of RAM: must its AddressSpace's on_code_write be called? Whoever sets the
 * flag reads the page afterwards: either he sees what was stored, or the flag is seen here. */
static inline bool page_written_has_code(const uint8_t *page_flags)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(page_flags, __ATOMIC_RELAXED) & PAGE_HAS_CODE;
}

void mem_init_container(MemRegion *r, const char *name, uint64_t size);
/* RAM of size bytes (rounded up to pages), zeroed. */
bool mem_init_ram(MemRegion *r, const char *name, uint64_t size,
                  GError **err) G_GNUC_WARN_UNUSED_RESULT;
/* RAM that the guest cannot write; `data` is copied in. */
bool mem_init_rom(MemRegion *r, const char *name, const void *data, uint64_t size,
                  GError **err) G_GNUC_WARN_UNUSED_RESULT;
void mem_init_io(MemRegion *r, const char *name, uint64_t size, const MemOps *ops, void *opaque);
void mem_init_alias(MemRegion *r, const char *name, MemRegion *target, uint64_t offset,
                    uint64_t size);
void mem_fini(MemRegion *r); /* removes it from its parent first */

void mem_add(MemRegion *parent, uint64_t addr, MemRegion *child, int priority);
void mem_remove(MemRegion *child);
void mem_set_enabled(MemRegion *r, bool enabled);
void mem_set_readonly(MemRegion *r, bool readonly);
void mem_set_addr(MemRegion *r, uint64_t addr);
void mem_set_alias_offset(MemRegion *r, uint64_t offset);

/* One flattened range. */
typedef struct MemRange {
    uint64_t first, last; /* addresses, inclusive */
    MemRegion *region;    /* RAM or IO leaf */
    uint64_t offset;      /* of `first` in region */
    bool readonly;
} MemRange;

/* The ranges of an address space: sorted, not overlapping, never changed once made. */
typedef struct MemTable {
    size_t count;
    MemRange ranges[];
} MemTable;

struct AddressSpace {
    const char *name;
    MemRegion *root;
    MemTable *table; /* replaced as a whole; atomic */
    size_t last_hit; /* where the last search ended; atomic, a hint */
    unsigned hold;   /* changes are flattened when this returns to 0 */
    bool changed;
    uint64_t unmapped; /* what a read of nothing returns (all ones) */
    /* After each re-flattening that changed the table: CPUs drop their TLBs. The old table, which a
     * CPU may still be looking at in address_space_page, is the listener's to g_free. */
    void (*on_change)(void *opaque, MemTable *old);
    /* A write touched a page flagged PAGE_HAS_CODE (host = its address in RAM). Called by every
     * write path: device DMA here, CPU stores through the CPU's own slow path. */
    void (*on_code_write)(void *opaque, uint8_t *host, uint64_t size);
    void *listener;
};

void address_space_init(AddressSpace *as, const char *name, MemRegion *root);
void address_space_fini(AddressSpace *as);
/* Several changes, one re-flattening. */
void address_space_hold(AddressSpace *as);
void address_space_release(AddressSpace *as);

/* The range at addr, valid until the next change; NULL: nothing there. */
const MemRange *address_space_find(const AddressSpace *as, uint64_t addr);

/* One access of 1, 2, 4 or 8 bytes by a CPU or a bus master; may straddle ranges. */
uint64_t address_space_load(AddressSpace *as, uint64_t addr, unsigned size);
void address_space_store(AddressSpace *as, uint64_t addr, uint64_t value, unsigned size);

/* Bulk copies (DMA, loaders). Device registers are reached in the widest legal accesses. */
void address_space_read(AddressSpace *as, uint64_t addr, void *buffer, uint64_t size);
void address_space_write(AddressSpace *as, uint64_t addr, const void *buffer, uint64_t size);
/* As write, but also into ROM: for loaders. */
void address_space_write_rom(AddressSpace *as, uint64_t addr, const void *buffer, uint64_t size);

/* Tells whoever keeps translations of code that [offset, offset+size) of a RAM region was written:
 * for devices that write memory of their own which the space shows. */
void address_space_ram_written(AddressSpace *as, MemRegion *ram, uint64_t offset, uint64_t size);

/* What a TLB entry needs to know of the page at addr (page aligned). */
typedef struct MemPage {
    uint8_t *host;       /* of the page's first byte; NULL: not RAM, use load/store */
    bool writable;       /* false: ROM */
    uint8_t *page_flags; /* the page's flag byte; NULL when host is NULL */
} MemPage;
MemPage address_space_page(AddressSpace *as, uint64_t addr);

/* The first byte of the page of a host address in RAM. */
static inline uint8_t *page_start(const uint8_t *host)
{
    return (uint8_t *)((uintptr_t)host & ~(uintptr_t)PAGE_MASK);
}

/* Pages of RAM in a row, for who keeps the answer until the next change. */
typedef struct MemStretch {
    uint64_t first, size; /* page aligned; size 0: none */
    uint8_t *host;        /* of `first` */
    uint8_t *page_flags;  /* one byte a page */
    bool writable;
} MemStretch;
/* That which addr is in. */
MemStretch address_space_stretch(AddressSpace *as, uint64_t addr);

/* The page at `offset` in a stretch. */
static inline MemPage mem_stretch_page(const MemStretch *s, uint64_t offset)
{
    return (MemPage){.host = s->host + (offset & ~PAGE_MASK),
                     .writable = s->writable,
                     .page_flags = s->page_flags + (offset >> PAGE_SHIFT)};
}

/* A page of a device's registers, for who keeps the answer. */
typedef struct MemRegisters {
    MemRegion *region;     /* what the whole page shows; NULL: no registers, or not of one region */
    uint64_t offset;       /* of the page's first byte in it */
    const MemTable *table; /* where that was found */
} MemRegisters;
/* Of the page of addr; region NULL: see there. With or without the machine lock. The answer may be
 * kept until the listener has heard of the next change of the map. */
MemRegisters address_space_registers(AddressSpace *as, uint64_t addr);

/* address_space_load and _store at addr, which lies in the page of `known` as the whole access
 * does: without a search, if nothing has changed. */
uint64_t address_space_load_known(AddressSpace *as, const MemRegisters *known, uint64_t addr,
                                  unsigned size);
void address_space_store_known(AddressSpace *as, const MemRegisters *known, uint64_t addr,
                               uint64_t value, unsigned size);

/* For `info mtree`: one line a range. */
void address_space_print(const AddressSpace *as, GString *out);

#endif
