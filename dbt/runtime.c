/* runtime.c - the dispatcher: finds or makes the code for rip, enters it, links it when it comes
 * out; and the door through which generated code hands an instruction to the interpreter. */
#include <time.h>

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/flags.h"
#include "cpu/group.h"
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/crossing.h"
#include "dbt/dbt.h"
#include "dbt/lift.h"
#include "dbt/lockstep.h"
#include "dbt/rows.h"
#include "dbt/profile.h"
#include "dbt/translator.h"
#include "dbt/view.h"
#include "dbt/x64/emit.h"
#include "dbt/x87.h"

/* --- flags between the interpreter's form and the image ------------------------------------------ */

enum { IMAGE_OF = 1, IMAGE_LAHF = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF };

static void flags_from_image(Cpu *cpu)
{
    unsigned image = cpu->jit.flags;
    flags_set_arith(cpu, (image >> 8 & IMAGE_LAHF) | (image & IMAGE_OF ? FLAG_OF : 0));
}

static void flags_to_image(Cpu *cpu)
{
    unsigned flags = flags_arith(cpu);
    cpu->jit.flags = (flags & IMAGE_LAHF) << 8 | (flags & FLAG_OF ? IMAGE_OF : 0);
}

/* --- where code is --------------------------------------------------------------------------------- */

static LinAddr code_base(const Cpu *cpu)
{
    return cpu->mode == CPU_LONG ? 0 : cpu->seg[SEG_CS].base;
}

static const uint8_t *page_start(const uint8_t *host)
{
    return (const uint8_t *)((uintptr_t)host & ~(uintptr_t)PAGE_MASK);
}

/* --- the interpreter's door ---------------------------------------------------------------------- */

/* Sites of checks keep no decoded instruction until they are first taken. */
static const Insn *site_insn(Translator *t, Site *site)
{
    if (site->insn)
        return &t->insns[site->insn - 1];
    const Block *block = &t->blocks[site->block];
    Cpu *cpu = t->cpu;
    /* The last place serves everybody, and is nobody's, until the cache is emptied. */
    bool full = t->insn_count + 1 >= MAX_INSNS;
    Insn *insn = &t->insns[full ? MAX_INSNS - 1 : t->insn_count];
    const uint8_t *bytes = block->host + site->delta;
    unsigned flags = cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0;
    DecodeStatus status = decode(bytes, PAGE_SIZE - ((uintptr_t)bytes & PAGE_MASK), cpu->code_size,
                                 flags, insn);
    g_assert(status == DECODE_OK);
    exec_bind(cpu, insn);
    if (full)
        t->flush_wanted = true;
    else
        site->insn = ++t->insn_count;
    return insn;
}

/* In counted runs insn_count and budget move together; their sum is the end of the run. */
static void settle_count(Translator *t, Cpu *cpu)
{
    if (t->counted)
        cpu->insn_count = t->run_limit - cpu->jit.budget;
}

/* Is the code still where it was, for the privilege there is now? */
static bool still_mapped(Cpu *cpu, const Block *block)
{
    LinAddr la = code_address(cpu, cpu->rip);
    const TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ e->fetch;
    return offset <= PAGE_MASK && e->host == page_start(block->host);
}

/* Has the instruction asked for a look at something, or must the dispatcher do one? */
static bool must_leave(const Cpu *cpu, const Translator *t, const Insn *insn)
{
    bool asked = cpu->block_end != insn + 2;
    uint32_t pending = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);
    bool events = pending & ~(uint32_t)PENDING_INTR || (pending && cpu->eflags & FLAG_IF);
    return asked || events || cpu->activity != CPU_RUNNING || t->flush_wanted;
}

/* May generated code go on behind the instruction? */
static bool may_resume(Cpu *cpu, const Translator *t, const Site *site, uint64_t next, uint32_t key,
                       uint32_t epoch)
{
    const Block *block = &t->blocks[site->block];
    if (block->has_spans && cpu->tlb_epoch != epoch)
        return false;
    return site->resume && !block->dropped && cpu->rip == next && key == block->key &&
           still_mapped(cpu, block);
}

/* Jump cache entries and page numbers are of one mode. */
static void prepare_context(Cpu *cpu, uint32_t key)
{
    MmuContext *context = mmu_context(cpu);
    if (context->jump_key == key && context->jump_base == code_base(cpu))
        return;
    mmu_jumps_clear(context);
    context->jump_key = key;
    context->jump_base = code_base(cpu);
}

/* The code at rip as the jump cache has it. */
static const uint8_t *jump_known(Cpu *cpu, uint32_t key)
{
    const MmuContext *context = mmu_context(cpu);
    const JumpEntry *jump = &context->jump[jump_index(cpu->rip)];
    bool fits = context->jump_key == key && context->jump_base == code_base(cpu);
    return fits && jump->rip == cpu->rip ? jump->code : NULL;
}

/* The code at rip, if it is there already: a system call or an interrupt's return need not go
 * through the dispatcher. */
static const uint8_t *known_code(Translator *t, Cpu *cpu, uint32_t key)
{
    const uint8_t *code = jump_known(cpu, key);
    if (code)
        return code;
    LinAddr la = code_address(cpu, cpu->rip);
    uint64_t offset = la ^ tlb_entry(cpu, la)->fetch;
    if (offset > PAGE_MASK || (cpu->mode != CPU_LONG && cpu->rip > cpu->seg[SEG_CS].limit))
        return NULL;
    uint32_t index = cache_find(t, cpu->rip, code_base(cpu), tlb_entry(cpu, la)->host + offset,
                                key);
    if (!index)
        return NULL;
    prepare_context(cpu, key);
    code = t->rx + t->blocks[index].entry;
    mmu_jump_add(mmu_context(cpu), cpu->rip, code);
    return code;
}

/* What a check should have opened was not in one page, or no plain memory. That pays if it is rare:
 * a block to which it happens again within a moment, again and again, is made without spans. */
static void note_apart(Translator *t, const Site *site)
{
    enum { MOMENT_US = 1000, TOO_OFTEN = 16 };
    Block *block = &t->blocks[site->block];
    if (!site->opens_span || block->dropped)
        return;
    uint32_t now = (uint32_t)g_get_monotonic_time();
    if (now - block->apart_us > MOMENT_US)
        block->apart = 0;
    block->apart_us = now;
    if (++block->apart == TOO_OFTEN)
        cache_leave_alone(t, site->block);
}

/* A device's registers are near each other, but never opened. */
static void note_device(Translator *t, Cpu *cpu, LinAddr la, const Site *site)
{
    if (site->opens_span && !t->blocks[site->block].dropped && mmu_device(cpu, la))
        cache_leave_alone(t, site->block);
}

/* The instruction, from the state that generated code left; the flags come only if it looks at
 * them. */
static void interpret(Translator *t, Cpu *cpu, const Site *site, const Insn *insn,
                      const RowTraits *traits)
{
    t->flags_elsewhere = !traits->sees_flags && !t->lockstep;
    if (!t->flags_elsewhere)
        flags_from_image(cpu);
    if (UNLIKELY(t->lockstep != NULL))
        lockstep_door(t, cpu, site);
    cpu->insn = cpu->block_first = insn;
    cpu->block_end = insn + 2;
    t->stats.sites_taken++;
    t->stats.jump_misses += traits->indirect;
    t->stats.interpreted[insn->row]++;
    insn->exec(cpu, insn);
    cpu->insn = NULL;
    if (!t->flags_elsewhere)
        flags_to_image(cpu);
    t->flags_elsewhere = false;
}

const uint8_t *runtime_cold(Cpu *cpu, uint32_t site_index)
{
    Translator *t = translator_of(cpu);
    Site *site = &t->sites[site_index];
    const Block *block = &t->blocks[site->block];
    const Insn *insn = site_insn(t, site);
    const RowTraits *traits = row_traits(insn);
    x87_settle_pointers(cpu);
    bool x87 = cpu->jit.x87_loaded && (traits->sees_x87 || t->lockstep);
    if (x87)
        x87_spill(cpu);
    cpu->rip_start = block->rip + site->delta;
    uint64_t next = cpu->rip_start + insn->length;
    cpu->rip = next;
    /* What is behind this instruction has been counted and may not run. */
    int64_t ahead = t->counted ? block->insn_count - site->number : 0;
    cpu->jit.budget += ahead;
    settle_count(t, cpu);
    bool crosses = traits->kind == LIFT_SYSCALL || traits->kind == LIFT_SYSRET;
    CrossingKind way = traits->kind == LIFT_SYSCALL ? CROSSING_IN : CROSSING_OUT;
    uint32_t flags = crosses ? crossing_flags(cpu, way) : 0, epoch = cpu->tlb_epoch;
    interpret(t, cpu, site, insn, traits);
    note_apart(t, site);
    if (!must_leave(cpu, t, insn)) {
        uint32_t key = lift_key(cpu, t->counted);
        if (may_resume(cpu, t, site, next, key, epoch)) {
            cpu->jit.budget -= ahead;
            if (x87)
                x87_load(cpu);
            return t->rx + site->resume;
        }
        if (crosses)
            crossing_note(cpu, way, block->key, key, flags);
        cpu->jit.budget -= t->counted;
        const uint8_t *code = known_code(t, cpu, key);
        if (code)
            return code;
    } else {
        cpu->jit.budget -= t->counted;
    }
    settle_count(t, cpu);
    t->jumped = traits->indirect;
    return NULL;
}

/* Time is exact, and what devices do is seen at once, only in the interpreter. */
static bool load_device(const Translator *t, Cpu *cpu, LinAddr la, uint32_t site)
{
    unsigned size = 1u << (site >> MISS_SIZE_SHIFT & 3);
    return site & MISS_READS && !t->counted && mem_load_device(cpu, la, size, &cpu->jit.loaded);
}

MissResult runtime_miss(Cpu *cpu, LinAddr la, uint32_t site)
{
    /* At the end of a flat segment the limit comes first: no accessed bit for what raises #GP. */
    enum { WIDEST = 32 };
    if (cpu->mode != CPU_LONG && la > UINT32_MAX - WIDEST)
        return MISS_COLD;
    Translator *t = translator_of(cpu);
    if (load_device(t, cpu, la, site)) {
        t->stats.device_loads++;
        return MISS_LOADED;
    }
    bool refilled = mmu_refill(cpu, la, site & MISS_WRITES ? ACCESS_WRITE : ACCESS_READ);
    t->stats.misses[refilled]++;
    if (!refilled)
        note_device(t, cpu, la, &t->sites[site & MISS_SITE]);
    return refilled ? MISS_RETRY : MISS_COLD;
}

/* Tells the context which page is mapped at la, for blocks that must know. */
static void note_page(Translator *t, Cpu *cpu, LinAddr la, const uint8_t *page)
{
    la &= ~PAGE_MASK;
    mmu_code_id_set(mmu_context(cpu), la, link_page_id(t, la, page));
}

/* --- translating --------------------------------------------------------------------------------- */

/* Translations are timed now and then: asking for the thread's processor time is a system call. */
enum { TIMED_ONE_IN = 16 };

static Ns processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Before bytes of a page are read that no block was made from. False: the page is not the one
 * wanted, for tables were changed and the TLB was not told. */
static bool declare_code_page(Cpu *cpu, LinAddr la, const uint8_t *wanted)
{
    MemPage page = mmu_translate(cpu, la, ACCESS_FETCH, ROLE_CURRENT)->page;
    if (page.host != wanted)
        return false;
    if (!code_cache_has_page(cpu->code, page.host))
        cpu_group_code_page(cpu, &page);
    return true;
}

static LinAddr next_page(LinAddr la)
{
    return (la & ~PAGE_MASK) + PAGE_SIZE;
}

/* May raise. NULL: device memory. */
static const uint8_t *fetch_page(Cpu *cpu, LinAddr la)
{
    const TlbEntry *e = tlb_entry(cpu, la);
    return (la ^ e->fetch) <= PAGE_MASK
               ? e->host
               : mmu_translate(cpu, la, ACCESS_FETCH, ROLE_CURRENT)->page.host;
}

/* Does the instruction at la go on in the next page? Where addresses end it is the interpreter's.
 */
static bool may_cross(const Cpu *cpu, const uint8_t *host, LinAddr la)
{
    Insn insn;
    unsigned flags = cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0;
    unsigned here = PAGE_SIZE - (la & PAGE_MASK);
    LinAddr next = next_page(la);
    bool is_there = cpu->mode == CPU_LONG ? cpu_is_canonical(cpu, next) : next <= UINT32_MAX;
    return here < MAX_INSN_LENGTH && is_there &&
           decode(host, here, cpu->code_size, flags, &insn) == DECODE_MORE;
}

/* 0: the interpreter must do this one. */
static uint32_t translate(Translator *t, uint8_t *host, LinAddr la, uint32_t key)
{
    Cpu *cpu = t->cpu;
    CodePage *code_page = cache_page(t, host);
    if (cache_is_restless(code_page, host))
        return 0;
    bool timed = t->stats.blocks % TIMED_ONE_IN == 0;
    Ns start = timed ? processor_time() : 0;
    cache_make_room(t);
    IrBlock *ir = t->ir;
    if (!code_page->blocks && !declare_code_page(cpu, la, page_start(host)))
        return 0;
    const uint8_t *second = NULL;
    CodePage *second_page = NULL;
    if (!lift_block(cpu, key, host, NULL, la, ir)) {
        if (!may_cross(cpu, host, la))
            return 0;
        second = fetch_page(cpu, next_page(la));
        if (!second || second == page_start(host) ||
            !declare_code_page(cpu, next_page(la), second) ||
            !declare_code_page(cpu, la, page_start(host))) /* the walk may have written to it */
            return 0;
        second_page = cache_page(t, second);
        if (cache_is_restless(second_page, second) || !lift_block(cpu, key, host, second, la, ir))
            return 0;
    }
    ir->alone = cache_is_alone(t, host);
    ir_passes(ir);
#ifndef NDEBUG
    const char *problem = ir_problem(ir);
    if (problem)
        g_error("translator: %s", problem);
#endif
    uint32_t index = t->block_count++;
    t->blocks[index] = (Block){.rip = ir->rip,
                               .base = code_base(cpu),
                               .host = host,
                               .key = key,
                               .granules = ir->granules,
                               .has_spans = ir->span_count != 0,
                               .insn_count = ir->insn_count};
    uint32_t code = t->used;
    view_before(t, ir);
    x64_emit(t, ir, index);
    cache_insert(t, index, code_page);
    if (second)
        cache_insert_tail(t, index, second_page, second);
    t->stats.blocks++;
    t->stats.insns += ir->insn_count;
    t->stats.code_bytes += t->used - code;
    if (timed) {
        t->stats.timed_insns += ir->insn_count;
        t->stats.timed_ns += processor_time() - start;
    }
    view_after(t, ir, index);
    return index;
}

/* Is the second page of a block that lies in two still mapped where it was? */
static bool second_is_there(const Translator *t, Cpu *cpu, uint32_t index)
{
    LinAddr la = next_page(code_address(cpu, cpu->rip));
    return fetch_page(cpu, la) == t->blocks[index].second;
}

/* The block at CS:rip, which may be `likely`; 0: the interpreter must do this one. May raise. */
static uint32_t find_block(Translator *t, Cpu *cpu, uint32_t key, uint32_t likely)
{
    LinAddr la = code_address(cpu, cpu->rip);
    if (cpu->mode != CPU_LONG && cpu->rip > cpu->seg[SEG_CS].limit)
        return 0;
    if (cpu->mode == CPU_LONG && !cpu_is_canonical(cpu, la))
        return 0;
    TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ e->fetch;
    uint8_t *host;
    if (LIKELY(offset <= PAGE_MASK)) {
        host = e->host + offset;
    } else {
        host = mmu_translate(cpu, la, ACCESS_FETCH, ROLE_CURRENT)->page.host;
        if (!host)
            return 0;
        host += la & PAGE_MASK;
    }
    uint32_t index = cache_find_likely(t, likely, cpu->rip, code_base(cpu), host, key);
    if (UNLIKELY(index && t->blocks[index].second) && !second_is_there(t, cpu, index)) {
        cache_drop(t, index);
        index = 0;
    }
    return index ? index : translate(t, host, la, key);
}

/* --- running ------------------------------------------------------------------------------------- */

/* Tells the context where the block's page is, for exits to it. */
static void note_block(Translator *t, Cpu *cpu, Block *block)
{
    LinAddr page = code_address(cpu, cpu->rip) & ~PAGE_MASK;
    if (!block->page_id)
        block->page_id = link_page_id(t, page, page_start(block->host));
    mmu_code_id_set(mmu_context(cpu), page, block->page_id);
}

static void connect(Translator *t, Cpu *cpu, uint32_t from, uint32_t to)
{
    Exit *exit = &t->exits[from];
    if (exit->kind == EXIT_FAR)
        note_block(t, cpu, &t->blocks[to]);
    if (exit->target == to)
        return;
    t->link_base = code_base(cpu);
    link_exit(t, from, to);
}

/* GS is this thread's, and nobody else in the program uses it: it is written when another CPU has
 * its turn, for that takes tens of cycles. */
static void show_contexts(const Cpu *cpu)
{
    static __thread const MmuContext *shown;
    const MmuContext *wanted = mmu_context_of(cpu, 0);
    if (shown == wanted)
        return;
    shown = wanted;
#ifdef __x86_64__
    __asm__ volatile("wrgsbase %0" : : "r"(wanted));
#endif
}

typedef uint32_t EnterFn(Cpu *cpu, const uint8_t *code);

/* Runs one block for a comparison: with a budget that ends whatever comes after it. */
static uint32_t enter_alone(Translator *t, Cpu *cpu, EnterFn *fn, const Block *block)
{
    enum { NOTHING = -(1 << 20) };
    uint64_t limit = t->run_limit;
    t->run_limit = cpu->insn_count + block->insn_count + NOTHING;
    cpu->jit.budget = NOTHING;
    uint32_t exit = fn(cpu, t->rx + block->entry_body);
    x87_spill(cpu);
    flags_from_image(cpu);
    settle_count(t, cpu);
    t->run_limit = limit;
    if (exit)
        cpu->rip = t->exits[exit].rip;
    lockstep_end(t, cpu);
    return exit && t->exits[exit].kind == EXIT_BUDGET ? 0 : exit;
}

/* Runs generated code from block `index` on; the Exit it came out of, or 0: rip is set. */
static uint32_t enter(Translator *t, Cpu *cpu, uint32_t index)
{
    EnterFn *fn = (EnterFn *)(uintptr_t)(t->rx + t->trampolines.enter);
    const Block *block = &t->blocks[index];
    bool alone = t->lockstep && t->run_limit - cpu->insn_count >= block->insn_count &&
                 lockstep_begin(t, cpu, index);
    if (block->second)
        note_page(t, cpu, next_page(code_address(cpu, cpu->rip)), block->second);
    flags_to_image(cpu);
    show_contexts(cpu);
    t->jumped = false;
    t->stats.entries++;
    if (alone)
        return enter_alone(t, cpu, fn, block);
    if (t->counted)
        cpu->jit.budget = t->run_limit - cpu->insn_count;
    uint32_t exit = fn(cpu, t->rx + block->entry);
    x87_spill(cpu);
    flags_from_image(cpu);
    settle_count(t, cpu);
    if (exit)
        cpu->rip = t->exits[exit].rip;
    return exit;
}

/* From here on: until something is pending or the run is over. */
static void run_code(Translator *t, Cpu *cpu)
{
    uint32_t from = 0, generation = t->stats.flushes;
    while (cpu->insn_count < t->run_limit) {
        uint32_t key = lift_key(cpu, t->counted);
        prepare_context(cpu, key);
        cpu->rip_start = cpu->rip;
        uint32_t block = find_block(t, cpu, key, from ? t->exits[from].target : 0);
        if (generation != t->stats.flushes)
            from = 0;
        generation = t->stats.flushes;
        if (!block) {
            t->stats.refused++;
            run_block(cpu, 1);
            return;
        }
        if (from && t->exits[from].kind >= EXIT_NEAR && t->blocks[t->exits[from].block].key == key)
            connect(t, cpu, from, block);
        if (t->jumped) {
            mmu_jump_add(mmu_context(cpu), cpu->rip, t->rx + t->blocks[block].entry);
        }
        from = enter(t, cpu, block);
        if (from && t->exits[from].kind == EXIT_BUDGET) {
            uint64_t left = t->run_limit - cpu->insn_count;
            if (left)
                run_block(cpu, left);
            return;
        }
        if (!from && !t->jumped)
            return;
        if (from && t->exits[from].kind == EXIT_LEAVE)
            return;
        if (__atomic_load_n(&cpu->jit.poll, __ATOMIC_ACQUIRE))
            return;
    }
}

static NOINLINE void run_to_limit(Translator *t, Cpu *cpu, uint64_t limit)
{
    t->run_limit = limit;
    while (cpu->insn_count < limit) {
        /* Cleared before looking: what comes after the look sets it again. */
        __atomic_store_n(&cpu->jit.poll, 0, __ATOMIC_SEQ_CST);
        if (t->flush_wanted) {
            t->flush_wanted = false;
            cache_flush(t);
        }
        if (t->lockstep) {
            uint64_t stretch = lockstep_stretch(t);
            t->run_limit = cpu->insn_count + MIN(limit - cpu->insn_count, stretch);
        }
        RunNext next = run_attend(cpu);
        if (next == RUN_STOP)
            return;
        if (next == RUN_BLOCKS)
            run_code(t, cpu);
    }
}

static void dbt_run(Cpu *cpu, uint64_t limit)
{
    Translator *t = translator_of(cpu);
    if (UNLIKELY(t->profile != NULL))
        profile_enter(t->profile);
    run_to_limit(t, cpu, limit);
    if (UNLIKELY(t->profile != NULL))
        profile_leave(t->profile);
}

/* --- the engine ---------------------------------------------------------------------------------- */

static bool dbt_code_written(Cpu *cpu, const uint8_t *host, uint64_t size)
{
    return cache_code_written(translator_of(cpu), host, size);
}

/* The running block's code must survive until it is left. */
static void dbt_flush(Cpu *cpu)
{
    translator_of(cpu)->flush_wanted = true;
    cpu_end_block(cpu);
}

static void dbt_unwound(Cpu *cpu)
{
    Translator *t = translator_of(cpu);
    if (t->flags_elsewhere)
        flags_from_image(cpu);
    t->flags_elsewhere = false;
    if (t->lockstep)
        lockstep_raised(t, cpu);
    x87_spill(cpu);
}

static void dbt_free(Cpu *cpu)
{
    lockstep_free(translator_of(cpu)->lockstep);
    translator_free(translator_of(cpu));
}

static const CpuEngine dbt_engine = {
    .name = "jit",
    .run = dbt_run,
    .unwound = dbt_unwound,
    .code_written = dbt_code_written,
    .flush = dbt_flush,
    .free = dbt_free,
};

bool dbt_is_attached(const Cpu *cpu)
{
    return cpu->engine == &dbt_engine;
}

bool dbt_attach(Cpu *cpu, const DbtOptions *options, GError **err)
{
    enum { CODE_MIB = 256 };
    if (!host_can_translate()) {
        g_set_error(err, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "accel=jit: this host has no back end, or lacks AVX, BMI2 or FSGSBASE");
        return false;
    }
    Translator *t = translator_new(cpu, (options->cache_mib ? options->cache_mib : CODE_MIB) * MIB,
                                   err);
    if (!t)
        return false;
    t->counted = options->counted || options->lockstep;
    t->symbols = options->symbols;
    t->perf = options->perf;
    if (options->lockstep)
        t->lockstep = lockstep_new(t, options->lockstep);
    cpu_set_engine(cpu, &dbt_engine, t);
    return true;
}
