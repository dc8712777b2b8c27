/* block.c - decoded blocks: found by host address and mode, dropped when their bytes are written.
 *
 * Pages of guest RAM that hold decoded code are flagged PAGE_HAS_CODE; stores to them take the slow
 * path, which comes here. A page's record keeps its blocks and, in 64-byte granules, where code is,
 * so that data beside code costs little. Each CPU has its own cache; cpu/group.c keeps them in step
 * with the pages' flags. */
#include "cpu/block.h"

#include "cpu/breakpoint.h"
#include "cpu/exec.h"
#include "cpu/group.h"
#include "cpu/mmu.h"

enum {
    HASH_BITS = 18, /* a booted kernel has left some 300000 blocks */
    HASH_SIZE = 1 << HASH_BITS,
    GRANULE_SHIFT = 6, /* 64 granules of 64 bytes a page */
};

/* Decoded code above this many bytes: drop everything and begin anew. */
#define CODE_CACHE_LIMIT (256 * MIB)

typedef struct CodePage {
    uint8_t *flags;    /* the page's flag byte in its region */
    uint64_t granules; /* bit n: bytes [64n, 64n+64) hold code */
    GPtrArray *blocks; /* CodeBlock, those that cross into this page too */
} CodePage;

struct CodeCache {
    Cpu *cpu;
    CodeBlock *bucket[HASH_SIZE];
    GHashTable *pages;  /* host address of a page's first byte -> CodePage; changed with the
                           group's lock held */
    CodeBlock *dead;    /* dropped, perhaps still running */
    CodeBlock *scratch; /* one instruction fetched from device memory */
    uint64_t bytes;
};

static void code_page_free(void *opaque)
{
    CodePage *page = opaque;
    g_ptr_array_free(page->blocks, TRUE);
    g_free(page);
}

static size_t block_size(unsigned count)
{
    return sizeof(CodeBlock) + count * sizeof(Insn);
}

CodeCache *code_cache_new(Cpu *cpu)
{
    CodeCache *cache = g_new0(CodeCache, 1);
    cache->cpu = cpu;
    cache->pages = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, code_page_free);
    cache->scratch = g_malloc0(block_size(BLOCK_MAX_INSNS));
    return cache;
}

void code_cache_free(CodeCache *cache)
{
    code_cache_flush(cache);
    code_cache_collect(cache);
    g_hash_table_destroy(cache->pages);
    g_free(cache->scratch);
    g_free(cache);
}

uint64_t code_cache_bytes(const CodeCache *cache)
{
    return cache->bytes;
}

void code_cache_collect(CodeCache *cache)
{
    while (cache->dead) {
        CodeBlock *block = cache->dead;
        cache->dead = block->next;
        cache->bytes -= block_size(block->count);
        g_free(block);
    }
}

/* --- look-up ---------------------------------------------------------------------------------- */

static ALWAYS_INLINE unsigned hash(const uint8_t *host, uint32_t key)
{
    uintptr_t h = (uintptr_t)host ^ (uintptr_t)host >> HASH_BITS ^ key * 0x9e37u;
    return h & (HASH_SIZE - 1);
}

static void bucket_remove(CodeCache *cache, CodeBlock *block)
{
    CodeBlock **link = &cache->bucket[hash(block->host, block->mode_key)];
    while (*link != block)
        link = &(*link)->next;
    *link = block->next;
}

/* --- dropping --------------------------------------------------------------------------------- */

static void page_forget(CodeCache *cache, uint8_t *host, CodeBlock *block)
{
    CodePage *page = g_hash_table_lookup(cache->pages, page_start(host));
    if (page)
        g_ptr_array_remove_fast(page->blocks, block);
}

static void block_drop(CodeCache *cache, CodeBlock *block)
{
    bucket_remove(cache, block);
    page_forget(cache, block->host, block);
    if (block->crossed)
        page_forget(cache, block->crossed, block);
    block->next = cache->dead;
    cache->dead = block;
    if (cache->cpu->block_first == block->insns)
        cpu_end_block(cache->cpu);
}

/* Does the block hold any of [host, host+size), which lies in one page? */
static bool block_holds(const CodeBlock *block, const uint8_t *host, uint64_t size)
{
    size_t in_first = block->crossed ? PAGE_SIZE - ((uintptr_t)block->host & PAGE_MASK)
                                     : block->bytes;
    if (host < block->host + in_first && host + size > block->host)
        return true;
    return block->crossed && host < block->crossed + (block->bytes - in_first) &&
           host + size > block->crossed;
}

static uint64_t granule_mask(unsigned first_byte, unsigned last_byte)
{
    unsigned first = first_byte >> GRANULE_SHIFT, last = last_byte >> GRANULE_SHIFT;
    uint64_t up_to_last = last == 63 ? UINT64_MAX : ((uint64_t)1 << (last + 1)) - 1;
    return up_to_last & ~(((uint64_t)1 << first) - 1);
}

bool code_cache_has_page(const CodeCache *cache, const uint8_t *host)
{
    return g_hash_table_contains(cache->pages, page_start(host));
}

static void drop_decoded(CodeCache *cache, CodePage *page, const uint8_t *host, uint64_t size)
{
    unsigned offset = (uintptr_t)host & PAGE_MASK;
    if (!(page->granules & granule_mask(offset, offset + size - 1)))
        return;
    for (unsigned i = page->blocks->len; i-- > 0;) {
        CodeBlock *block = g_ptr_array_index(page->blocks, i);
        if (block_holds(block, host, size))
            block_drop(cache, block);
    }
}

uint8_t *code_cache_invalidate(CodeCache *cache, const uint8_t *host, uint64_t size)
{
    CodePage *page = g_hash_table_lookup(cache->pages, page_start(host));
    if (!page)
        return NULL;
    drop_decoded(cache, page, host, size);
    const CpuEngine *engine = cache->cpu->engine;
    bool left = engine->code_written && engine->code_written(cache->cpu, host, size);
    if (left || page->blocks->len)
        return NULL;
    uint8_t *flags = page->flags;
    g_hash_table_remove(cache->pages, page_start(host));
    return flags;
}

void code_cache_flush(CodeCache *cache)
{
    if (cache->cpu->engine->flush)
        cache->cpu->engine->flush(cache->cpu);
    for (unsigned i = 0; i < HASH_SIZE; i++)
        while (cache->bucket[i])
            block_drop(cache, cache->bucket[i]);
    /* The pages' records stay, empty: the next write to one clears its PAGE_HAS_CODE. */
}

/* --- building --------------------------------------------------------------------------------- */

void code_cache_add_page(CodeCache *cache, const MemPage *mem)
{
    CodePage *page = g_new0(CodePage, 1);
    page->blocks = g_ptr_array_new();
    page->flags = mem->page_flags;
    g_hash_table_insert(cache->pages, mem->host, page);
}

/* Before bytes of a page are read to be decoded. */
static void page_begin(CodeCache *cache, const MemPage *mem)
{
    CodePage *page = g_hash_table_lookup(cache->pages, mem->host);
    if (!page)
        cpu_group_code_page(cache->cpu, mem);
    else if (!page->blocks->len)
        page->granules = 0; /* a write before there are blocks again must not end the record */
}

static void page_remember(CodeCache *cache, const uint8_t *first, unsigned bytes, CodeBlock *block)
{
    CodePage *page = g_hash_table_lookup(cache->pages, page_start(first));
    unsigned offset = (uintptr_t)first & PAGE_MASK;
    page->granules |= granule_mask(offset, offset + bytes - 1);
    g_ptr_array_add(page->blocks, block);
}

/* Where a block's bytes come from: the page of CS:rip, then, for the last instruction, the next. */
typedef struct Fetch {
    Cpu *cpu;
    LinAddr la;
    uint8_t *host;       /* of la; NULL: device memory */
    unsigned in_page;    /* bytes from la to the end of the page */
    uint64_t limit_left; /* bytes CS still allows from la on */
} Fetch;

static unsigned decode_flags(const Cpu *cpu)
{
    return cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0;
}

static void exec_fetch_gp(Cpu *cpu, const Insn *insn)
{
    raise_GP(cpu, 0);
}

static void exec_invalid(Cpu *cpu, const Insn *insn)
{
    raise_UD(cpu);
}

/* The bytes of the instruction at fetch->la + offset across the page end, gathered into buffer.
 * Returns how many there are; *crossed gets the host address of the second page. */
static unsigned gather(Fetch *fetch, unsigned offset, uint8_t *buffer, uint8_t **crossed)
{
    Cpu *cpu = fetch->cpu;
    unsigned head = fetch->in_page - offset;
    LinAddr next = fetch->la + fetch->in_page;
    if (cpu->mode != CPU_LONG)
        next = (uint32_t)next;
    MemPage page = mmu_translate(cpu, next, ACCESS_FETCH, ROLE_CURRENT)->page;
    if (page.host)
        page_begin(cpu->code, &page);
    /* The walk may have set accessed bits in the first page, which then is no code any more. */
    MemPage first = mmu_translate(cpu, fetch->la, ACCESS_FETCH, ROLE_CURRENT)->page;
    page_begin(cpu->code, &first);
    memcpy(buffer, fetch->host + offset, head);
    if (!page.host)
        return head;
    memcpy(buffer + head, page.host, MAX_INSN_LENGTH - head);
    *crossed = page.host;
    return MAX_INSN_LENGTH;
}

/* Decodes one instruction at `offset` from the block's start into insn. False: it does not belong
 * to this block (it crosses a page and is not the first). *crossed is set if it crosses. */
static bool build_insn(Fetch *fetch, unsigned offset, Insn *insn, uint8_t **crossed)
{
    Cpu *cpu = fetch->cpu;
    uint64_t allowed = fetch->limit_left - offset;
    unsigned available = MIN(fetch->in_page - offset, allowed);
    unsigned flags = decode_flags(cpu);
    DecodeStatus status = decode(fetch->host + offset, available, cpu->code_size, flags, insn);
    if (status == DECODE_MORE) {
        if (offset)
            return false;
        uint8_t buffer[MAX_INSN_LENGTH];
        if (available == fetch->in_page) {
            available = MIN(gather(fetch, 0, buffer, crossed), allowed);
            status = decode(buffer, available, cpu->code_size, flags, insn);
            if (insn->length <= fetch->in_page)
                *crossed = NULL; /* the bytes changed meanwhile, or the rest does not matter */
        }
    }
    switch (status) {
    case DECODE_OK:
        exec_bind(cpu, insn);
        break;
    case DECODE_INVALID:
        insn->exec = exec_invalid;
        insn->row = 0;
        break;
    case DECODE_MORE: /* CS limit, or the second page is device memory */
    case DECODE_TOO_LONG:
        insn->exec = exec_fetch_gp;
        insn->row = 0;
        insn->length = 1;
        break;
    }
    return true;
}

static bool ends_block(const Insn *insn)
{
    if (insn->exec == exec_invalid || insn->exec == exec_fetch_gp)
        return true;
    const InsnRow *row = insn_row(insn);
    return row->attrs & (ATTR_BRANCH | ATTR_SERIAL) || (row->attrs & ATTR_STRING && insn->rep);
}

static CodeBlock *block_insert(CodeCache *cache, Fetch *fetch, const CodeBlock *built)
{
    if (cache->bytes > CODE_CACHE_LIMIT)
        code_cache_flush(cache);
    size_t size = block_size(built->count);
    CodeBlock *block = g_malloc(size);
    memcpy(block, built, size);
    cache->bytes += size;

    unsigned head = block->crossed ? fetch->in_page : block->bytes;
    page_remember(cache, block->host, head, block);
    if (block->crossed)
        page_remember(cache, block->crossed, block->bytes - head, block);

    CodeBlock **bucket = &cache->bucket[hash(block->host, block->mode_key)];
    block->next = *bucket;
    *bucket = block;
    return block;
}

/* One instruction out of device memory (a PCI ROM before shadowing): never kept. */
static CodeBlock *block_from_device(CodeCache *cache, Fetch *fetch)
{
    Cpu *cpu = cache->cpu;
    uint8_t bytes[MAX_INSN_LENGTH];
    PhysAddr pa = mmu_translate(cpu, fetch->la, ACCESS_FETCH, ROLE_CURRENT)->pa;
    pa += fetch->la & PAGE_MASK;
    lock_take(cpu->bus.lock);
    for (unsigned i = 0; i < MAX_INSN_LENGTH; i++)
        bytes[i] = address_space_load(cpu_memory(cpu), pa + i, 1);
    lock_release(cpu->bus.lock);
    CodeBlock *block = cache->scratch;
    Fetch local = *fetch;
    local.host = bytes;
    local.in_page = MAX_INSN_LENGTH + 1;
    uint8_t *crossed = NULL;
    fetch->limit_left = MIN(fetch->limit_left, MAX_INSN_LENGTH);
    local.limit_left = fetch->limit_left;
    build_insn(&local, 0, &block->insns[0], &crossed);
    block->count = 1;
    block->bytes = block->insns[0].length;
    return block;
}

/* --- finding ------------------------------------------------------------------------------- */

/* The block of these bytes in this mode, or NULL. */
static ALWAYS_INLINE CodeBlock *block_find(const CodeCache *cache, const uint8_t *host,
                                           uint32_t key)
{
    CodeBlock *block = cache->bucket[hash(host, key)];
    while (block && (block->host != host || block->mode_key != key))
        block = block->next;
    return block;
}

/* A block that was built before a breakpoint came to lie inside it goes. */
static NOINLINE void drop_uncut(Cpu *cpu, const uint8_t *host)
{
    CodeBlock *block = block_find(cpu->code, host, cpu->mode_key);
    uint64_t rip = cpu->rip;
    for (unsigned i = 0; block && i + 1 < block->count; i++) {
        rip += block->insns[i].length;
        if (breakpoint_at(cpu, code_address(cpu, rip))) {
            block_drop(cpu->code, block);
            return;
        }
    }
}

/* What the TLB does not know, pages with breakpoints among it. Raises what fetching the byte at la
 * would; NULL: device memory. */
static NOINLINE uint8_t *fetch_slow(Cpu *cpu, LinAddr la)
{
    breakpoint_check(cpu, la);
    if (cpu->mode == CPU_LONG && !cpu_is_canonical(cpu, la))
        raise_GP(cpu, 0);
    if (cpu->mode != CPU_LONG) {
        cpu->rip = cpu->rip_start = (uint32_t)cpu->rip; /* ran past the end of 4 GiB */
        if (cpu->rip > cpu->seg[SEG_CS].limit)
            raise_GP(cpu, 0);
    }
    uint8_t *page = mmu_translate(cpu, la, ACCESS_FETCH, ROLE_CURRENT)->page.host;
    if (page && breakpoint_in_page(cpu, la))
        drop_uncut(cpu, page + (la & PAGE_MASK));
    return page ? page + (la & PAGE_MASK) : NULL;
}

static NOINLINE CodeBlock *block_build(Cpu *cpu, LinAddr la)
{
    CodeCache *cache = cpu->code;
    code_cache_collect(cache);
    Fetch fetch = {.cpu = cpu, .la = la, .host = fetch_slow(cpu, la)};
    fetch.in_page = PAGE_SIZE - (la & PAGE_MASK);
    fetch.limit_left = UINT64_MAX;
    /* [SDM3] "Limit Checking": a limit of FFFFFFFFh may not be looked at, and EIP wraps. */
    if (cpu->mode != CPU_LONG && cpu->seg[SEG_CS].limit != UINT32_MAX)
        fetch.limit_left = (uint64_t)cpu->seg[SEG_CS].limit - cpu->rip + 1;
    if (!fetch.host)
        return block_from_device(cache, &fetch);

    MemPage page = mmu_translate(cpu, la, ACCESS_FETCH, ROLE_CURRENT)->page;
    page_begin(cache, &page);
    CodeBlock *built = cache->scratch;
    *built = (CodeBlock){.host = fetch.host, .mode_key = cpu->mode_key};
    while (built->count < BLOCK_MAX_INSNS && built->bytes < fetch.in_page &&
           built->bytes < fetch.limit_left) {
        Insn *insn = &built->insns[built->count];
        if (!build_insn(&fetch, built->bytes, insn, &built->crossed))
            break;
        built->count++;
        built->bytes += insn->length;
        if (ends_block(insn) || built->crossed ||
            breakpoint_at(cpu, code_address(cpu, cpu->rip + built->bytes)))
            break;
    }
    /* What the CS limit cut off depends on more than the key: run it once, from the scratch block.
     */
    if (built->insns[built->count - 1].exec == exec_fetch_gp)
        return built;
    return block_insert(cache, &fetch, built);
}

/* May the block be used where CS:rip is now? Not if CS ends within it, nor if the second page of
 * a crossing block is no longer where it was, or may not be fetched from: that raises. */
static ALWAYS_INLINE bool block_fits(Cpu *cpu, const CodeBlock *block)
{
    if (cpu->mode != CPU_LONG && UNLIKELY(cpu->rip + block->bytes - 1 > cpu->seg[SEG_CS].limit))
        return false;
    if (LIKELY(!block->crossed))
        return true;
    unsigned head = PAGE_SIZE - ((uintptr_t)block->host & PAGE_MASK);
    LinAddr next = code_address(cpu, cpu->rip + head);
    const uint8_t *second = mmu_translate(cpu, next, ACCESS_FETCH, ROLE_CURRENT)->page.host;
    /* The walk may have set accessed bits in the block's own bytes, which drops it. */
    return second == block->crossed && block_find(cpu->code, block->host, block->mode_key) == block;
}

HOT const CodeBlock *code_block(Cpu *cpu)
{
    LinAddr la = code_address(cpu, cpu->rip);
    TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ e->fetch;
    uint8_t *host = LIKELY(offset <= PAGE_MASK) ? e->host + offset : fetch_slow(cpu, la);
    CodeBlock *block = block_find(cpu->code, host, cpu->mode_key);
    if (LIKELY(block != NULL) && LIKELY(block_fits(cpu, block)))
        return block;
    block = block_find(cpu->code, host, cpu->mode_key); /* if looking did not drop it */
    if (block)
        block_drop(cpu->code, block);
    return block_build(cpu, la);
}

/* --- checking --------------------------------------------------------------------------------- */

static bool page_lists(const CodeCache *cache, const uint8_t *host, unsigned bytes,
                       const CodeBlock *block)
{
    const CodePage *page = g_hash_table_lookup(cache->pages, page_start(host));
    unsigned offset = (uintptr_t)host & PAGE_MASK;
    uint64_t granules = granule_mask(offset, offset + bytes - 1);
    return page && *page->flags & PAGE_HAS_CODE && (page->granules & granules) == granules &&
           g_ptr_array_find(page->blocks, block, NULL);
}

/* Would memory be decoded to these instructions again? */
static bool block_is_current(const CodeBlock *block)
{
    uint8_t bytes[BLOCK_MAX_INSNS * MAX_INSN_LENGTH];
    unsigned head = block->crossed ? PAGE_SIZE - ((uintptr_t)block->host & PAGE_MASK)
                                   : block->bytes;
    memcpy(bytes, block->host, head);
    if (block->crossed)
        memcpy(bytes + head, block->crossed, block->bytes - head);
    CpuMode mode = block->mode_key >> KEY_MODE_SHIFT & 7;
    CodeSize size = block->mode_key >> KEY_CODE_SIZE_SHIFT & 3;
    const uint8_t *at = bytes;
    for (unsigned i = 0; i < block->count; i++) {
        const Insn *kept = &block->insns[i];
        Insn now;
        DecodeStatus status = decode(at, bytes + block->bytes - at, size,
                                     mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0, &now);
        bool good = status == DECODE_OK && kept->exec != exec_invalid;
        if (good != (kept->exec != exec_invalid) || now.length != kept->length ||
            (good && (now.row != kept->row || now.imm != kept->imm || now.disp != kept->disp)))
            return false;
        at += kept->length;
    }
    return true;
}

static const char *block_problem(const CodeCache *cache, const CodeBlock *block)
{
    unsigned head = block->crossed ? PAGE_SIZE - ((uintptr_t)block->host & PAGE_MASK)
                                   : block->bytes;
    if (!page_lists(cache, block->host, head, block))
        return "its page does not know of it";
    if (block->crossed && !page_lists(cache, block->crossed, block->bytes - head, block))
        return "its second page does not know of it";
    if (!block_is_current(block))
        return "memory holds other instructions now";
    return NULL;
}

char *code_cache_problem(const CodeCache *cache)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < HASH_SIZE; i++)
        for (const CodeBlock *block = cache->bucket[i]; block; block = block->next) {
            const char *problem = block_problem(cache, block);
            if (problem)
                return g_strdup_printf("block of %u instructions at page offset %#x, key %#x: %s",
                                       block->count, (unsigned)((uintptr_t)block->host & PAGE_MASK),
                                       block->mode_key, problem);
            bytes += block_size(block->count);
        }
    for (const CodeBlock *block = cache->dead; block; block = block->next)
        bytes += block_size(block->count);
    return bytes == cache->bytes ? NULL : g_strdup("the blocks' sizes do not add up");
}
