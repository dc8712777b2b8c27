/* runtime.c - the dispatcher: enters code, links it when it comes out, and looks at what is
 * pending; the translator as an engine of a CPU. */
#include "dbt/runtime.h"

#include "cpu/exec.h"
#include "cpu/group.h"
#include "cpu/run.h"
#include "dbt/crossing.h"
#include "dbt/dbt.h"
#include "dbt/host.h"
#include "dbt/lift.h"
#include "dbt/lockstep.h"
#include "dbt/optimizer.h"
#include "dbt/profile.h"
#include "dbt/sampler.h"
#include "dbt/view.h"
#include "dbt/x64/emit.h"
#include "dbt/x87.h"

void prepare_context(Cpu *cpu, uint32_t key)
{
    MmuContext *context = mmu_context(cpu);
    if (context->jump_key == key && context->jump_base == code_base(cpu))
        return;
    mmu_jumps_clear(context);
    context->jump_key = key;
    context->jump_base = code_base(cpu);
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

/* May the exit be linked to what runs with this key? One of a block that was dropped meanwhile, as
 * a call's when it returns, is no more than a number, which may be given to another. */
static bool is_linkable(const Translator *t, uint32_t from, uint32_t key)
{
    const Exit *exit = &t->exits[from];
    const Block *block = &t->blocks[exit->block];
    return exit->kind >= EXIT_NEAR && block->key == key && !block->dropped;
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
    host_set_gs(wanted);
}

typedef uint32_t EnterFn(Cpu *cpu, const uint8_t *code);

/* Sets rip to where generated code was left; the Exit it was left by, or 0. */
static uint32_t note_way_out(const Translator *t, Cpu *cpu, uint32_t way)
{
    if (way & LEFT_AT_START) {
        cpu->rip = t->blocks[way & ~LEFT_AT_START].rip;
        return 0;
    }
    if (way)
        cpu->rip = t->exits[way].rip;
    return way;
}

/* Runs one block for a comparison: with a budget that ends whatever comes after it. */
static uint32_t enter_alone(Translator *t, Cpu *cpu, EnterFn *fn, const Block *block)
{
    enum { NOTHING = -(1 << 20) };
    uint64_t limit = t->run_limit;
    t->run_limit = cpu->insn_count + block->insn_count + NOTHING;
    cpu->jit.budget = NOTHING;
    uint32_t way = fn(cpu, t->rx + block->entry + block->body);
    x87_spill(cpu);
    flags_from_image(cpu);
    settle_count(t, cpu);
    t->run_limit = limit;
    uint32_t exit = note_way_out(t, cpu, way);
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
    uint32_t way = fn(cpu, t->rx + block->entry);
    x87_spill(cpu);
    flags_from_image(cpu);
    settle_count(t, cpu);
    return note_way_out(t, cpu, way);
}

/* From here on: until something is pending or the run is over. */
static void run_code(Translator *t, Cpu *cpu)
{
    uint32_t from = 0, generation = t->generation;
    while (cpu->insn_count < t->run_limit) {
        uint32_t key = lift_key(cpu, t->counted);
        prepare_context(cpu, key);
        cpu->rip_start = cpu->rip;
        uint32_t block = find_block(t, cpu, key, from ? t->exits[from].target : 0);
        if (generation != t->generation)
            from = 0;
        generation = t->generation;
        if (!block) {
            t->stats.refused++;
            run_block(cpu, 1);
            return;
        }
        if (UNLIKELY(t->optimizer && optimizer_awaits(t->optimizer, block))) {
            optimizer_follow(t->optimizer);
            return;
        }
        if (from && is_linkable(t, from, key))
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

void samples_resolve(Translator *t)
{
    uint32_t at[SAMPLES_KEPT];
    unsigned lost, count = sampler_take(t->sampler, at, &lost);
    bool profiled = profile_is_on(t->profile);
    if (profiled && lost)
        profile_count_lost(t->profile, lost);
    for (unsigned i = 0; i < count; i++) {
        uint32_t block = at[i] == SAMPLE_OUTSIDE ? 0 : view_block_of_code(t, at[i]);
        if (profiled)
            profile_count(t->profile, at[i], block);
        if (t->optimizer && block)
            optimizer_note(t->optimizer, block);
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
        samples_resolve(t);
        if (t->optimizer)
            optimizer_attend(t->optimizer);
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
    bool sampled = t->optimizer || profile_is_on(t->profile);
    if (sampled)
        sampler_enter(t->sampler);
    run_to_limit(t, cpu, limit);
    if (sampled)
        sampler_leave();
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
    sampler_leave();
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
    if (options->optimize == OPTIMIZE_HOT)
        t->optimizer = optimizer_new(t);
    else if (options->optimize == OPTIMIZE_ALL)
        t->space[SPACE_PLAIN].end.slot = SLOT_COUNT;
    if (options->lockstep)
        t->lockstep = lockstep_new(t, options->lockstep);
    cpu_set_engine(cpu, &dbt_engine, t);
    return true;
}
