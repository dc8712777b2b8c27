/* cache.c - the translated blocks: made, found, and dropped when their bytes are written.
 *
 * Code memory is mapped twice, writable and executable, filled from the front and emptied as a
 * whole. cpu/group.c tells of writes to pages that code was translated from; in 64-byte granules a
 * page's record tells data from code. */
#include <sys/mman.h>
#include <unistd.h>

#include "cpu/mmu.h"
#include "dbt/lift.h"
#include "dbt/optimizer.h"
#include "dbt/profile.h"
#include "dbt/sampler.h"
#include "dbt/translator.h"
#include "dbt/x64/emit.h"

enum { HASH_BITS = 18, BUCKET_BYTES = sizeof(uint32_t) << HASH_BITS, RESTLESS = 8 };

static void *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* The same memory twice. Anonymous, because that is where perf looks for generated code: MREMAP of
 * size 0 maps shared pages once more. Where that is refused (valgrind), a file of memory. */
static void map_twice(uint32_t bytes, void *map[2])
{
    map[0] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    map[1] = map[0] == MAP_FAILED ? MAP_FAILED : mremap(map[0], 0, bytes, MREMAP_MAYMOVE);
    if (map[1] != MAP_FAILED || map[0] == MAP_FAILED)
        return;
    munmap(map[0], bytes);
    int file = memfd_create("translated code", MFD_CLOEXEC);
    bool ready = file >= 0 && ftruncate(file, bytes) == 0;
    for (unsigned i = 0; i < 2; i++)
        map[i] = ready ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                       : MAP_FAILED;
    if (file >= 0)
        close(file);
}

static bool map_code(Translator *t, uint32_t bytes, GError **err)
{
    void *map[2];
    map_twice(bytes, map);
    if (map[1] != MAP_FAILED && mprotect(map[1], bytes, PROT_READ | PROT_EXEC) == 0) {
        t->rw = map[0];
        t->rx = map[1];
        t->size = bytes;
        return true;
    }
    g_set_error(err, G_FILE_ERROR, g_file_error_from_errno(errno),
                "translated code: the host refuses executable memory: %s", g_strerror(errno));
    for (unsigned i = 0; i < 2; i++)
        if (map[i] != MAP_FAILED)
            munmap(map[i], bytes);
    return false;
}

/* The hot blocks are few: an eighth of everything is theirs. */
static void lay_out(Translator *t, uint32_t first_code)
{
    CodePlace end = {t->size, MAX_BLOCKS, MAX_SITES, MAX_EXITS, MAX_INSNS, SLOT_COUNT};
    CodePlace middle = {(end.code / 8 * 7 + 63) & ~63u,
                        end.block / 8 * 7,
                        end.site / 8 * 7,
                        end.exit / 8 * 7,
                        end.insn / 8 * 7,
                        0};
    CodePlace first = {(first_code + 63) & ~63u, 1, 1, 1, 1, 0};
    t->space[SPACE_PLAIN] = (CodeSpace){first, first, middle};
    t->space[SPACE_HOT] = (CodeSpace){middle, middle, end};
}

/* Code grows faster than any kind of record. Blocks lie all over the buckets. */
static void expect_growth(Translator *t)
{
    enum { CODE_PIECE = 512 * KIB, RECORDS_PIECE = 256 * KIB };
    const CodePlace *end = &t->space[SPACE_PLAIN].end;
    t->ahead[AHEAD_CODE] = (Ahead){t->rw, t->rx, end->code & ~PAGE_MASK, CODE_PIECE};
    t->ahead[AHEAD_BLOCKS] = (Ahead){(uint8_t *)t->blocks, NULL, end->block * sizeof(Block),
                                     RECORDS_PIECE};
    t->ahead[AHEAD_SITES] = (Ahead){(uint8_t *)t->sites, NULL, end->site * sizeof(Site),
                                    RECORDS_PIECE};
    t->ahead[AHEAD_EXITS] = (Ahead){(uint8_t *)t->exits, NULL, end->exit * sizeof(Exit),
                                    RECORDS_PIECE};
    t->ahead[AHEAD_BUCKETS] = (Ahead){(uint8_t *)t->bucket, NULL, BUCKET_BYTES, BUCKET_BYTES};
}

GHashTable *link_page_ids_new(void);

Translator *translator_new(Cpu *cpu, uint32_t code_bytes, GError **err)
{
    Translator *t = g_new0(Translator, 1);
    t->cpu = cpu;
    if (!map_code(t, code_bytes, err)) {
        g_free(t);
        return NULL;
    }
    t->blocks = reserve(MAX_BLOCKS * sizeof(Block));
    t->sites = reserve(MAX_SITES * sizeof(Site));
    t->exits = reserve(MAX_EXITS * sizeof(Exit));
    t->insns = reserve(MAX_INSNS * sizeof(Insn));
    t->bucket = reserve(BUCKET_BYTES);
    t->pages = g_hash_table_new(g_direct_hash, g_direct_equal);
    t->page_records = g_ptr_array_new_with_free_func(g_free);
    t->page_ids = link_page_ids_new();
    t->ir = g_new0(IrBlock, 1);
    t->xsave_area = aligned_alloc(64, XSAVE_AREA_SIZE);
    memset(t->xsave_area, 0, XSAVE_AREA_SIZE);
    t->sampler = sampler_new(t->rx, t->size, &cpu->jit.poll);
    t->stats.start_us = g_get_monotonic_time();
#ifdef __x86_64__
    t->stats.start_cycles = __builtin_ia32_rdtsc();
#endif
    t->stats.interpreted = g_new0(uint64_t, insn_row_count);
    lay_out(t, x64_trampolines(t));
    expect_growth(t);
    return t;
}

void translator_free(Translator *t)
{
    cache_flush(t);
    profile_free(t->profile);
    optimizer_free(t->optimizer);
    sampler_free(t->sampler);
    ahead_finish();
    munmap(t->rw, t->size);
    munmap(t->rx, t->size);
    munmap(t->blocks, MAX_BLOCKS * sizeof(Block));
    munmap(t->sites, MAX_SITES * sizeof(Site));
    munmap(t->exits, MAX_EXITS * sizeof(Exit));
    munmap(t->insns, MAX_INSNS * sizeof(Insn));
    munmap(t->bucket, BUCKET_BYTES);
    g_hash_table_destroy(t->pages);
    g_ptr_array_free(t->page_records, TRUE);
    g_hash_table_destroy(t->page_ids);
    g_free(t->ir);
    free(t->xsave_area);
    g_free(t->stats.interpreted);
    g_free(t);
}

/* --- look-up ------------------------------------------------------------------------------------- */

/* Code that is near in a page is near among the buckets: a loop's or a function's blocks are looked
 * up in few of the host's cache lines. */
static unsigned hash(uint64_t rip, const uint8_t *host, uint32_t key)
{
    uint64_t page = (uintptr_t)host >> PAGE_SHIFT ^ rip >> PAGE_SHIFT << 20 ^ (uint64_t)key << 40;
    unsigned offset = (uintptr_t)host & PAGE_MASK;
    return page * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS) ^ offset >> 2;
}

void cache_prefetch(const Translator *t, uint64_t rip, const uint8_t *host, uint32_t key)
{
    __builtin_prefetch(&t->bucket[hash(rip, host, key)], 1);
}

static bool is_block(const Block *block, uint64_t rip, uint64_t base, const uint8_t *host,
                     uint32_t key)
{
    return block->host == host && block->rip == rip && block->key == key && block->base == base;
}

uint32_t cache_find(const Translator *t, uint64_t rip, uint64_t base, const uint8_t *host,
                    uint32_t key)
{
    uint32_t index = t->bucket[hash(rip, host, key)];
    while (index) {
        const Block *block = &t->blocks[index];
        if (is_block(block, rip, base, host, key))
            return index;
        index = block->hash_next;
    }
    return 0;
}

uint32_t cache_find_likely(const Translator *t, uint32_t likely, uint64_t rip, uint64_t base,
                           const uint8_t *host, uint32_t key)
{
    if (likely && is_block(&t->blocks[likely], rip, base, host, key))
        return likely;
    return cache_find(t, rip, base, host, key);
}

/* They are allocated many at once: the allocator grows a thread's heap by as much as is asked for,
 * each time with a system call. */
static CodePage *new_page(Translator *t)
{
    enum { AT_ONCE = 64 };
    unsigned n = g_hash_table_size(t->pages) % AT_ONCE;
    if (n == 0)
        g_ptr_array_add(t->page_records, g_new0(CodePage, AT_ONCE));
    return (CodePage *)t->page_records->pdata[t->page_records->len - 1] + n;
}

/* Most often it is the one that was asked for last. */
CodePage *cache_page(Translator *t, const uint8_t *host)
{
    uint8_t *start = page_start(host);
    if (LIKELY(start == t->last_page_start))
        return t->last_page;
    CodePage *page = g_hash_table_lookup(t->pages, start);
    if (!page) {
        page = new_page(t);
        g_hash_table_insert(t->pages, start, page);
    }
    t->last_page_start = start;
    t->last_page = page;
    return page;
}

void cache_insert(Translator *t, uint32_t index, CodePage *page)
{
    Block *block = &t->blocks[index];
    uint32_t *bucket = &t->bucket[hash(block->rip, block->host, block->key)];
    block->hash_next = *bucket;
    *bucket = index;

    page->granules |= block->granules;
    unsigned start = (uintptr_t)block->host & PAGE_MASK;
    page->starts[start / 64] |= (uint64_t)1 << start % 64;
    block->page_next = page->blocks;
    page->blocks = index;
}

void cache_insert_tail(Translator *t, uint32_t index, CodePage *page, const uint8_t *second)
{
    Block *block = &t->blocks[index];
    uint32_t tail = t->space[SPACE_PLAIN].next.block++;
    t->blocks[tail] = (Block){.host = second,
                              .entry = block->code_end,
                              .stubs = block->code_end,
                              .code_end = block->code_end,
                              .granules = 1,
                              .is_tail = true,
                              .other_half = index,
                              .page_next = page->blocks};
    block->other_half = tail;
    block->second = second;
    page->granules |= 1;
    page->blocks = tail;
}

/* --- dropping ------------------------------------------------------------------------------------ */

static void forget_jumps(Translator *t, const Block *block)
{
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        mmu_jump_drop(mmu_context_of(t->cpu, mode), block->rip, t->rx + block->entry);
}

void cache_isolate(Translator *t, uint32_t index)
{
    Block *block = &t->blocks[index];
    while (block->in)
        unlink_exit(t, block->in);
    forget_jumps(t, block);
}

/* Out of every list but its page's. Its code stays until the cache is emptied: it may be running.
 */
static void block_drop(Translator *t, uint32_t index)
{
    Block *block = &t->blocks[index];
    uint32_t *link = &t->bucket[hash(block->rip, block->host, block->key)];
    while (*link != index)
        link = &t->blocks[*link].hash_next;
    *link = block->hash_next;
    cache_isolate(t, index);
    for (uint32_t i = 0; i < block->exit_count; i++)
        unlink_exit(t, block->first_exit + i);
    block->dropped = true;
    t->stats.dropped++;
}

static void unlist(Translator *t, uint32_t index)
{
    CodePage *page = g_hash_table_lookup(t->pages, page_start(t->blocks[index].host));
    uint32_t *link = &page->blocks;
    while (*link != index)
        link = &t->blocks[*link].page_next;
    *link = t->blocks[index].page_next;
}

/* Of a block, or of one half of it, that is no longer in its page's list. */
static void drop_unlisted(Translator *t, uint32_t index)
{
    const Block *block = &t->blocks[index];
    if (block->other_half)
        unlist(t, block->other_half);
    block_drop(t, block->is_tail ? block->other_half : index);
}

void cache_drop(Translator *t, uint32_t index)
{
    unlist(t, index);
    drop_unlisted(t, index);
}

static uint64_t granule_mask(unsigned first_byte, unsigned last_byte)
{
    unsigned first = first_byte >> 6, last = last_byte >> 6;
    uint64_t up_to_last = last == 63 ? UINT64_MAX : ((uint64_t)1 << (last + 1)) - 1;
    return up_to_last & ~(((uint64_t)1 << first) - 1);
}

static void count_hits(CodePage *page, uint64_t granules)
{
    for (uint64_t left = granules; left; left &= left - 1) {
        unsigned granule = __builtin_ctzll(left);
        uint8_t *hits = &page->hits[granule];
        *hits += *hits < UINT8_MAX;
        page->starts[granule] = 0;
    }
}

bool cache_code_written(Translator *t, const uint8_t *host, uint64_t size)
{
    CodePage *page = g_hash_table_lookup(t->pages, page_start(host));
    if (!page || !page->blocks)
        return false;
    page->writes++;
    unsigned offset = (uintptr_t)host & PAGE_MASK;
    uint64_t written = granule_mask(offset, offset + size - 1);
    if (!(page->granules & written))
        return true;
    uint64_t kept = 0;
    bool dropped = false;
    for (uint32_t *link = &page->blocks; *link;) {
        Block *block = &t->blocks[*link];
        if (block->granules & written) {
            uint32_t index = *link;
            *link = block->page_next;
            drop_unlisted(t, index);
            dropped = true;
        } else {
            kept |= block->granules;
            link = &block->page_next;
        }
    }
    page->granules = kept;
    if (dropped)
        count_hits(page, written);
    return page->blocks != 0;
}

bool cache_granule_is_restless(const CodePage *page, unsigned granule)
{
    return page->hits[granule] >= RESTLESS;
}

bool cache_is_restless(CodePage *page, const uint8_t *host)
{
    enum { FORGIVEN_AFTER = 4096 };
    uint8_t *hits = &page->hits[((uintptr_t)host & PAGE_MASK) >> 6];
    if (*hits < RESTLESS)
        return false;
    /* Memory gets other uses: what has been interpreted for long gets another chance. */
    if (++page->refused % FORGIVEN_AFTER == 0)
        *hits = 0;
    return true;
}

static uint64_t granule_of(const uint8_t *host)
{
    return (uint64_t)1 << (((uintptr_t)host & PAGE_MASK) >> 6);
}

bool cache_is_alone(const CodePage *page, const uint8_t *host)
{
    return page->alone & granule_of(host);
}

void cache_leave_alone(Translator *t, uint32_t index)
{
    const uint8_t *host = t->blocks[index].host;
    CodePage *page = g_hash_table_lookup(t->pages, page_start(host));
    page->alone |= granule_of(host);
    cache_drop(t, index);
}

/* Whether there is room is looked at when so many bytes of code have been written: for each record
 * there are five at least. */
enum { LOOKS_APART = 4 * KIB, RECORDS_APART = LOOKS_APART / 5 };

enum { INSNS_APART = 2 * IR_MAX_INSNS + RECORDS_APART }; /* loops are written twice */

bool cache_insns_are_full(const CodeSpace *space)
{
    return space->next.insn + INSNS_APART >= space->end.insn;
}

bool cache_nearly_full(const CodeSpace *space)
{
    const CodePlace *next = &space->next, *end = &space->end;
    return next->code + LOOKS_APART + MAX_BLOCK_CODE > end->code ||
           next->block + 2 + RECORDS_APART >= end->block || next->site + INSNS_APART >= end->site ||
           next->exit + MAX_STUBS + RECORDS_APART >= end->exit || cache_insns_are_full(space);
}

void cache_flush(Translator *t)
{
    samples_resolve(t);
    if (t->optimizer)
        optimizer_abandon(t->optimizer);
    memset(t->bucket, 0, BUCKET_BYTES);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        mmu_jumps_clear(mmu_context_of(t->cpu, mode));
        mmu_code_ids_clear(mmu_context_of(t->cpu, mode));
    }
    GHashTableIter iter;
    gpointer page;
    g_hash_table_iter_init(&iter, t->pages);
    while (g_hash_table_iter_next(&iter, NULL, &page)) {
        CodePage *p = page;
        p->blocks = 0;
        p->granules = p->alone = 0;
        memset(p->starts, 0, sizeof(p->starts));
    }
    g_hash_table_remove_all(t->page_ids);
    mmu_slots_empty(t->cpu);
    for (unsigned i = 0; i < SPACE_COUNT; i++)
        t->space[i].next = t->space[i].first;
    t->next_look = 0;
    t->generation++;
    t->stats.flushes++;
}

void cache_look_for_room(Translator *t)
{
    if (cache_nearly_full(&t->space[SPACE_PLAIN]))
        cache_flush(t);
    const CodePlace *next = &t->space[SPACE_PLAIN].next;
    t->next_look = next->code + LOOKS_APART;
    ahead_used(&t->ahead[AHEAD_CODE], next->code);
    ahead_used(&t->ahead[AHEAD_BLOCKS], next->block * sizeof(Block));
    ahead_used(&t->ahead[AHEAD_SITES], next->site * sizeof(Site));
    ahead_used(&t->ahead[AHEAD_EXITS], next->exit * sizeof(Exit));
    ahead_used(&t->ahead[AHEAD_BUCKETS], 0);
}
