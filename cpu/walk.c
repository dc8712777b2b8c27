/* walk.c - page-table walks: 32-bit, PAE, 4- and 5-level. [SDM3] "Paging".
 *
 * One loop serves all formats. A format is a row: how many levels, how many index bits each, how
 * wide an entry, where large pages may be. */
#include "cpu/walk.h"

#include "cpu/mmu.h"

enum {
    PTE_P = 1 << 0,
    PTE_RW = 1 << 1,
    PTE_US = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};
#define PTE_XD        ((uint64_t)1 << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000ull

typedef struct PageFormat {
    uint8_t levels;       /* tables walked */
    uint8_t index_bits;   /* of the linear address, each level */
    uint8_t entry_bytes;  /* 4 or 8 */
    uint8_t large_levels; /* bit n: level n (0 = page table) may hold a page when PS is set */
} PageFormat;

static const PageFormat format_32bit = {2, 10, 4, 0};
static const PageFormat format_32bit_pse = {2, 10, 4, 1 << 1};
static const PageFormat format_pae = {2, 9, 8, 1 << 1};
static const PageFormat format_4level = {4, 9, 8, 1 << 1};
static const PageFormat format_4level_1g = {4, 9, 8, 1 << 1 | 1 << 2};
static const PageFormat format_5level = {5, 9, 8, 1 << 1};
static const PageFormat format_5level_1g = {5, 9, 8, 1 << 1 | 1 << 2};

static const PageFormat *current_format(const Cpu *cpu)
{
    bool gigabyte = cpu_has(cpu, FEATURE_PDPE1GB);
    if (cpu_is_lma(cpu)) {
        if (cpu->cr4 & CR4_LA57)
            return gigabyte ? &format_5level_1g : &format_5level;
        return gigabyte ? &format_4level_1g : &format_4level;
    }
    if (cpu->cr4 & CR4_PAE)
        return &format_pae;
    return cpu->cr4 & CR4_PSE ? &format_32bit_pse : &format_32bit;
}

/* Bits that must be zero in a present entry of this level. */
static uint64_t reserved_bits(const Cpu *cpu, const PageFormat *f, unsigned level, bool large)
{
    uint64_t too_high = ~(((uint64_t)1 << cpu->phys_bits) - 1);
    if (f->entry_bytes == 4) {
        if (!large)
            return 0;
        /* PSE-36: bits 20:13 are physical address bits 39:32. */
        if (!cpu_has(cpu, FEATURE_PSE36))
            return 0x3ff000;
        uint64_t high = too_high >> 32 & 0xff;
        return 1 << 21 | high << 13;
    }
    uint64_t bits = too_high & PTE_ADDR_MASK;
    if (!(cpu->efer & EFER_NXE))
        bits |= PTE_XD;
    if (!cpu_is_lma(cpu))
        bits |= 0x7ff0000000000000ull;
    if (large)
        bits |= (((uint64_t)1 << (12 + 9 * level)) - 1) & ~(uint64_t)0x1fff;
    else if (level > 0 && f->levels >= 4 && !(f->large_levels & 1 << level))
        bits |= PTE_PS;
    return bits;
}

/* --- what is remembered ------------------------------------------------------------------------- */

enum { WALK_CACHE_SIZE = 64, MOST_LEVELS = 5 };

/* [SDM3] "Caches for Paging Structures": where the lowest table for a linear range is, and the
 * rights of the levels above it, whose A bits are set. Only walks that succeed use it. */
typedef struct TableEntry {
    LinAddr range; /* la >> bits that the table resolves */
    PhysAddr pa;   /* of the table's page */
    const uint8_t *host;
    uint64_t upper; /* Walk.common without the last entry */
    unsigned generation;
} TableEntry;

struct WalkCache {
    unsigned generation; /* tables of another one are void */
    /* What the control registers say, which change it with a flush of everything only. */
    const PageFormat *format;          /* NULL: they have not been looked at */
    uint64_t reserved[MOST_LEVELS][2]; /* of entries that point to tables, and to pages */
    MemStretch ram;                    /* where RAM was found last */
    TableEntry table[WALK_CACHE_SIZE];
};

WalkCache *walk_cache_new(void)
{
    WalkCache *cache = g_new0(WalkCache, 1);
    cache->generation = 1;
    return cache;
}

void walk_cache_flush(Cpu *cpu)
{
    cpu->walk_cache->generation++;
}

void walk_cache_reset(Cpu *cpu)
{
    walk_cache_flush(cpu);
    cpu->walk_cache->format = NULL;
    cpu->walk_cache->ram.size = 0;
}

static NOINLINE const PageFormat *look_at_format(Cpu *cpu)
{
    const PageFormat *f = current_format(cpu);
    for (unsigned level = 0; level < f->levels; level++)
        for (unsigned large = 0; large < 2; large++)
            cpu->walk_cache->reserved[level][large] = reserved_bits(cpu, f, level, large);
    return cpu->walk_cache->format = f;
}

static inline const PageFormat *page_format(Cpu *cpu)
{
    const PageFormat *f = cpu->walk_cache->format;
    return LIKELY(f != NULL) ? f : look_at_format(cpu);
}

/* False, and what was known stays: there is no RAM. */
static NOINLINE bool look_for_ram(Cpu *cpu, PhysAddr pa)
{
    MemStretch found = address_space_stretch(cpu_memory(cpu), pa);
    if (pa - found.first >= found.size)
        return false;
    cpu->walk_cache->ram = found;
    return true;
}

static inline MemPage ram_page(Cpu *cpu, PhysAddr pa)
{
    const MemStretch *ram = &cpu->walk_cache->ram;
    if (UNLIKELY(pa - ram->first >= ram->size) && !look_for_ram(cpu, pa))
        return (MemPage){0};
    return mem_stretch_page(ram, pa - ram->first);
}

void walk_ram(Cpu *cpu, PhysAddr pa, MemPage *page)
{
    *page = ram_page(cpu, pa);
}

static LinAddr table_range(const PageFormat *f, LinAddr la)
{
    return la >> (PAGE_SHIFT + f->index_bits);
}

static void cache_table(Cpu *cpu, const PageFormat *f, LinAddr la, PhysAddr pa, uint64_t upper)
{
    const uint8_t *host = ram_page(cpu, pa).host;
    LinAddr range = table_range(f, la);
    if (host)
        cpu->walk_cache->table[range % WALK_CACHE_SIZE] = (TableEntry){
            .range = range,
            .pa = pa,
            .host = host,
            .upper = upper,
            .generation = cpu->walk_cache->generation,
        };
}

static const TableEntry *cached_table(const Cpu *cpu, const PageFormat *f, LinAddr la)
{
    LinAddr range = table_range(f, la);
    const TableEntry *e = &cpu->walk_cache->table[range % WALK_CACHE_SIZE];
    bool good = e->range == range && e->generation == cpu->walk_cache->generation;
    return good ? e : NULL;
}

/* --- entries -------------------------------------------------------------------------------------- */

static inline uint64_t entry_at(const uint8_t *p, unsigned bytes)
{
    if (bytes == 8)
        return GUINT64_FROM_LE(__atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED));
    return GUINT32_FROM_LE(__atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED));
}

static NOINLINE uint64_t entry_load_slow(Cpu *cpu, PhysAddr pa, unsigned bytes)
{
    lock_take(cpu->bus.lock);
    uint64_t v = address_space_load(cpu_memory(cpu), pa, bytes);
    lock_release(cpu->bus.lock);
    return v;
}

static inline uint64_t entry_load(Cpu *cpu, PhysAddr pa, unsigned bytes)
{
    const uint8_t *host = ram_page(cpu, pa).host;
    return LIKELY(host != NULL) ? entry_at(host + (pa & PAGE_MASK), bytes)
                                : entry_load_slow(cpu, pa, bytes);
}

static bool entry_exchange(uint8_t *p, unsigned bytes, uint64_t old, uint64_t new)
{
    if (bytes == 8) {
        uint64_t expected = GUINT64_TO_LE(old);
        return __atomic_compare_exchange_n((uint64_t *)p, &expected, GUINT64_TO_LE(new), false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    uint32_t expected = GUINT32_TO_LE((uint32_t)old);
    return __atomic_compare_exchange_n((uint32_t *)p, &expected, GUINT32_TO_LE((uint32_t) new),
                                       false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Sets bits in an entry that still reads `old`; false if it changed meanwhile (walk again). */
static bool entry_set(Cpu *cpu, PhysAddr pa, unsigned bytes, uint64_t old, uint64_t bits)
{
    MemPage page = ram_page(cpu, pa);
    if (!page.host || !page.writable)
        return true; /* tables in ROM or device memory: the bus write goes nowhere */
    if (UNLIKELY(cpu->journal != NULL))
        cpu->journal->mark(cpu->journal, page.host + (pa & PAGE_MASK));
    if (!entry_exchange(page.host + (pa & PAGE_MASK), bytes, old, old | bits))
        return false;
    cpu_ram_written(cpu, &page, pa & PAGE_MASK, bytes);
    return true;
}

/* [SDM3] "Protection Keys": PKRU has two bits a key, access disable and write disable. */
static bool key_allows(const Cpu *cpu, const Walk *walk, MemAccess access, bool user)
{
    enum { ACCESS_DISABLE = 1, WRITE_DISABLE = 2 };
    if (!(cpu->cr4 & CR4_PKE) || !cpu_is_lma(cpu) || !(walk->common & PTE_US) ||
        access == ACCESS_FETCH)
        return true;
    unsigned rights = cpu->pkru >> 2 * walk->key;
    if (rights & ACCESS_DISABLE)
        return false;
    bool write_protect = user || cpu->cr0 & CR0_WP;
    return !(access == ACCESS_WRITE && rights & WRITE_DISABLE && write_protect);
}

/* What the levels of a finished walk allow, and its protection key. */
static inline unsigned walk_rights(const Cpu *cpu, const Walk *walk, bool user, bool ac)
{
    enum { READ = 1 << ACCESS_READ, WRITE = 1 << ACCESS_WRITE, FETCH = 1 << ACCESS_FETCH };
    bool user_page = walk->common & PTE_US, executable = walk->common & PTE_XD;
    bool writable = walk->common & PTE_RW || !(user || cpu->cr0 & CR0_WP);
    unsigned rights = READ | (writable ? WRITE : 0) | (executable ? FETCH : 0);
    if (user) {
        rights = user_page ? rights : 0;
    } else if (user_page) {
        if (cpu->cr4 & CR4_SMAP && !ac)
            rights &= FETCH;
        if (cpu->cr4 & CR4_SMEP)
            rights &= READ | WRITE;
    }
    if (UNLIKELY(cpu->cr4 & CR4_PKE))
        for (MemAccess access = ACCESS_READ; access <= ACCESS_WRITE; access++)
            if (!key_allows(cpu, walk, access, user))
                rights &= ~(1u << access);
    return rights;
}

/* A user's shadow stack is in user pages, a supervisor's in supervisor pages.
 * [SDM3] "Shadow-Stack Accesses". */
static bool shadow_rights_allow(const Cpu *cpu, const Walk *walk, MemAccess access, bool user)
{
    return !walk->size || (walk->shadow && !(walk->common & PTE_US) == !user &&
                           key_allows(cpu, walk, access, user));
}

static uint32_t fault_code(const Cpu *cpu, MemAccess access, bool user, uint32_t cause)
{
    bool says_fetch = (cpu->cr4 & CR4_PAE && cpu->efer & EFER_NXE) || cpu->cr4 & CR4_SMEP;
    return cause | (access == ACCESS_WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0) |
           (access == ACCESS_FETCH && says_fetch ? PF_FETCH : 0);
}

/* The entries a walk used, for setting their A and D bits at the end. */
typedef struct WalkPath {
    PhysAddr pa[5];
    uint64_t entry[5];
    unsigned count;
    PhysAddr table; /* the last, of 4 KiB pages, or NO_TABLE */
    uint64_t upper; /* Walk.common without the last entry */
} WalkPath;

#define NO_TABLE UINT64_MAX

/* The last entry of a walk: rights of all levels and the page's address. */
static ALWAYS_INLINE void walk_leaf(const Cpu *cpu, const PageFormat *f, LinAddr la, int level,
                                    uint64_t upper, uint64_t entry, Walk *walk)
{
    walk->common = upper & (entry ^ PTE_XD);
    walk->size = (uint64_t)1 << (PAGE_SHIFT + level * f->index_bits);
    walk->global = entry & PTE_G && cpu->cr4 & CR4_PGE;
    walk->dirty = entry & PTE_D;
    walk->shadow = upper & PTE_RW && !(entry & PTE_RW) && walk->dirty;
    walk->key = bits_get(entry, 59, 4);
    PhysAddr base = entry & (f->entry_bytes == 4 ? 0xfffff000 : PTE_ADDR_MASK);
    if (level && f->entry_bytes == 4)
        base = (entry & 0xffc00000) | bits_get(entry, 13, 8) << 32;
    walk->pa = (base & ~(walk->size - 1)) | (la & (walk->size - 1));
}

static ALWAYS_INLINE bool walk_levels(Cpu *cpu, const PageFormat *f, unsigned entry_bytes,
                                      LinAddr la, Walk *walk, WalkPath *path, uint32_t *cause)
{
    const unsigned index_bits = entry_bytes == 8 ? 9 : 10;
    PhysAddr table = cpu->cr3 & (f->levels >= 4 ? PTE_ADDR_MASK : 0xfffff000);
    path->count = 0;
    path->table = NO_TABLE;
    path->upper = ~(uint64_t)0;
    if (f == &format_pae) {
        uint64_t pdpte = cpu->pdpte[la >> 30 & 3];
        if (!(pdpte & PTE_P))
            return false;
        table = pdpte & PTE_ADDR_MASK;
    }
    for (int level = f->levels - 1;; level--) {
        unsigned shift = PAGE_SHIFT + level * index_bits;
        unsigned index = la >> shift & ((1 << index_bits) - 1);
        PhysAddr pa = table + index * entry_bytes;
        uint64_t entry = entry_load(cpu, pa, entry_bytes);
        if (level == 0)
            path->table = table;
        if (!(entry & PTE_P))
            return false;
        bool large = entry & PTE_PS && f->large_levels & 1 << level;
        if (entry & cpu->walk_cache->reserved[level][large]) {
            *cause = PF_PRESENT | PF_RESERVED;
            return false;
        }
        path->pa[path->count] = pa;
        path->entry[path->count++] = entry;
        if (level == 0 || large) {
            walk_leaf(cpu, f, la, level, path->upper, entry, walk);
            return true;
        }
        path->upper &= entry ^ PTE_XD;
        table = entry & (entry_bytes == 4 ? 0xfffff000 : PTE_ADDR_MASK);
    }
}

/* One pass over the tables; the leaf's address and rights land in walk. */
static bool walk_tables(Cpu *cpu, const PageFormat *f, LinAddr la, Walk *walk, WalkPath *path,
                        uint32_t *cause)
{
    return LIKELY(f->entry_bytes == 8) ? walk_levels(cpu, f, 8, la, walk, path, cause)
                                       : walk_levels(cpu, f, 4, la, walk, path, cause);
}

/* Through the cached table. False: not there, or something is wrong that a whole walk must find. */
static bool walk_cached(Cpu *cpu, const PageFormat *f, LinAddr la, Walk *walk, WalkPath *path)
{
    const TableEntry *t = cached_table(cpu, f, la);
    if (!t)
        return false;
    unsigned at = (la >> PAGE_SHIFT & ((1 << f->index_bits) - 1)) * f->entry_bytes;
    uint64_t entry = entry_at(t->host + at, f->entry_bytes);
    if (!(entry & PTE_P) || entry & cpu->walk_cache->reserved[0][false])
        return false;
    path->count = 1;
    path->pa[0] = t->pa + at;
    path->entry[0] = entry;
    walk_leaf(cpu, f, la, 0, t->upper, entry, walk);
    return true;
}

static bool set_accessed(Cpu *cpu, const PageFormat *f, const WalkPath *path, MemAccess access)
{
    for (unsigned i = 0; i < path->count; i++) {
        bool leaf = i == path->count - 1;
        uint64_t bits = PTE_A | (leaf && access == ACCESS_WRITE ? PTE_D : 0);
        bool there = (path->entry[i] & bits) == bits;
        if (!there && !entry_set(cpu, path->pa[i], f->entry_bytes, path->entry[i], bits))
            return false;
    }
    return true;
}

/* [SDM3] "Operations that Invalidate TLBs and Paging-Structure Caches": a page fault does. But a
 * table that is found again need not go. */
static void forget_changed(Cpu *cpu, const PageFormat *f, LinAddr la, const WalkPath *path)
{
    TableEntry *t = &cpu->walk_cache->table[table_range(f, la) % WALK_CACHE_SIZE];
    if (t->pa != path->table || t->upper != path->upper)
        t->generation = 0;
}

/* What a translation that lacks the rights adds to its fault code. */
static uint32_t rights_cause(const Cpu *cpu, const Walk *walk, MemAccess access, bool user)
{
    return PF_PRESENT | (key_allows(cpu, walk, access, user) ? 0 : PF_PKEY);
}

static bool is_allowed(const Walk *walk, MemAccess access)
{
    return walk->rights >> access & 1;
}

/* Through the tables from the first on. */
static bool whole_walk(Cpu *cpu, LinAddr la, MemAccess access, bool user, bool ac,
                       WalkEffect effect, Walk *walk, uint32_t *error)
{
    const PageFormat *f = page_format(cpu);
    WalkPath path;
    do {
        uint32_t cause = 0;
        bool found = walk_tables(cpu, f, la, walk, &path, &cause);
        if (found) {
            walk->rights = walk_rights(cpu, walk, user, ac);
            found = is_allowed(walk, access);
            cause = rights_cause(cpu, walk, access, user);
        }
        if (!found) {
            *error = fault_code(cpu, access, user, cause);
            forget_changed(cpu, f, la, &path);
            return false;
        }
    } while (effect == WALK_SET_ACCESSED && !set_accessed(cpu, f, &path, access));
    if (effect == WALK_SET_ACCESSED && walk->size == PAGE_SIZE)
        cache_table(cpu, f, la, path.table, path.upper);
    walk->dirty |= access == ACCESS_WRITE;
    return true;
}

bool page_walk(Cpu *cpu, LinAddr la, MemAccess access, bool user, bool ac, WalkEffect effect,
               Walk *walk, uint32_t *error)
{
    if (UNLIKELY(!(cpu->cr0 & CR0_PG))) {
        *walk = (Walk){.pa = la, .dirty = true};
        walk->rights = 1 << ACCESS_READ | 1 << ACCESS_WRITE | 1 << ACCESS_FETCH;
        return true;
    }
    if (effect == WALK_SET_ACCESSED) {
        const PageFormat *f = page_format(cpu);
        WalkPath path;
        if (walk_cached(cpu, f, la, walk, &path)) {
            walk->rights = walk_rights(cpu, walk, user, ac);
            if (is_allowed(walk, access) && set_accessed(cpu, f, &path, access)) {
                walk->dirty |= access == ACCESS_WRITE;
                return true;
            }
        }
    }
    return whole_walk(cpu, la, access, user, ac, effect, walk, error);
}

bool shadow_walk(Cpu *cpu, LinAddr la, MemAccess access, bool user, Walk *walk, uint32_t *error)
{
    if (!(cpu->cr0 & CR0_PG)) {
        *walk = (Walk){.pa = la};
        return true;
    }
    const PageFormat *f = page_format(cpu);
    WalkPath path;
    do {
        uint32_t cause = 0;
        bool found = walk_tables(cpu, f, la, walk, &path, &cause);
        if (found && !shadow_rights_allow(cpu, walk, access, user)) {
            cause = rights_cause(cpu, walk, access, user);
            found = false;
        }
        if (!found) {
            *error = fault_code(cpu, access, user, cause | PF_SHADOW);
            return false;
        }
    } while (!set_accessed(cpu, f, &path, access));
    return true;
}

bool mmu_load_pdptes(Cpu *cpu, uint64_t cr3)
{
    uint64_t pdpte[4];
    uint64_t reserved = ~(((uint64_t)1 << cpu->phys_bits) - 1) | 0x1e6;
    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = entry_load(cpu, (cr3 & 0xffffffe0) + i * 8, 8);
        if (pdpte[i] & PTE_P && pdpte[i] & reserved)
            return false;
    }
    memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
    return true;
}
