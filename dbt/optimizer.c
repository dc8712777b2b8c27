/* optimizer.c - the second tier.
 *
 * Samples say which blocks are hot (dbt/sampler.c). Such a block is lifted and written again by a
 * thread of the process, from a copy of its page and of the CPU's state, into a space of the cache
 * and of the arrays that nobody else writes to. The CPU's thread puts it in place of the first one,
 * unless the bytes have been written meanwhile.
 *
 * What it does better: each check of memory has a slot, a TLB entry of its own at a fixed place.
 * That is quicker where a place in the code keeps to one page for a while. Where it does not, the
 * slot's misses tell, and the block is written again without this slot. */
#include "dbt/optimizer.h"

#include "cpu/block.h"
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/lift.h"
#include "dbt/runtime.h"
#include "dbt/view.h"
#include "dbt/x64/emit.h"

/* Samples that make a block hot; misses of a slot from one sample of its block to the next that are
 * too many: they take some percent of the time. */
enum { HOT_SAMPLES = 2, TOO_MANY_MISSES = 20000 };

enum { OP_WORDS = IR_MAX_OPS / 64 };

/* A block in the hot blocks' space. */
typedef struct HotBlock {
    LiftPath path;
    uint64_t without[OP_WORDS];
    uint16_t first_slot, slot_count;
} HotBlock;

/* What is written at the moment. Of the translator the other thread reads what stays as it is while
 * the old block is in the cache, and writes what is behind the hot blocks so far. */
typedef struct Job {
    uint32_t old, block;        /* what it is to replace, and its number */
    uint64_t writes;            /* CodePage.writes */
    Cpu cpu;                    /* as it was, for the lifter */
    uint8_t page[PAGE_SIZE];    /* the code's bytes */
    LiftPath path;              /* through them; empty: straight on */
    uint64_t without[OP_WORDS]; /* ops that shall have no slot */
    CodeSpace space;            /* as SPACE_HOT will be */
    HotBlock hot;
    bool alone, made;
} Job;

typedef enum JobState { JOB_NONE, JOB_RUNS, JOB_DONE } JobState;

struct Optimizer {
    Translator *t;
    Job *job;
    uint32_t awaited; /* a hot block whose path is wanted; 0: none */
    int state;        /* JobState; atomic */
    GMutex lock;
    GCond done;
    IrBlock *ir;
    GArray *hot;                      /* of HotBlock, by block number in its space */
    uint16_t slot_op[SLOT_COUNT];     /* which op of its block a slot is of */
    uint32_t misses_seen[SLOT_COUNT]; /* at its block's last sample */
    OptimizerStats stats;
};

static JobState state_of(const Optimizer *o)
{
    return __atomic_load_n(&o->state, __ATOMIC_ACQUIRE);
}

/* --- writing, on the other thread ----------------------------------------------------------------- */

void optimizer_give_slots(IrBlock *ir, const uint64_t *without)
{
    for (unsigned i = 0; i < ir->op_count; i++) {
        IrOp *op = &ir->ops[i];
        if (op->op <= IR_CHECKDI && !(without && without[i / 64] >> i % 64 & 1))
            op->src = REF_SLOT;
    }
}

/* Slots are given away in the order of the ops, once for each time the block is written. */
static void note_slots(Optimizer *o, const HotBlock *hot)
{
    unsigned slot = hot->first_slot, end = slot + hot->slot_count;
    while (slot < end)
        for (unsigned i = 0; i < o->ir->op_count && slot < end; i++)
            if (o->ir->ops[i].op <= IR_CHECKDI && o->ir->ops[i].src == REF_SLOT)
                o->slot_op[slot++] = i;
}

static bool write_block(Optimizer *o)
{
    Translator *t = o->t;
    Job *job = o->job;
    const Block *old = &t->blocks[job->old];
    IrBlock *ir = o->ir;
    LinAddr la = code_address(&job->cpu, old->rip);
    job->cpu.rip = old->rip;
    LiftBounds bounds = {.path = job->path.count ? &job->path : NULL};
    if (!lift_block(&job->cpu, old->key, job->page + (la & PAGE_MASK), NULL, la, &bounds, ir))
        return false;
    ir->host = old->host;
    ir->alone = job->alone;
    ir->is_hot = true;
    x64_swap_registers(ir);
    view_before(ir);
    ir_passes(ir);
    optimizer_give_slots(ir, job->without);
    CodeSpace *space = &job->space;
    job->block = space->next.block++;
    job->hot = (HotBlock){.path = job->path, .first_slot = space->next.slot};
    memcpy(job->hot.without, job->without, sizeof(job->without));
    t->blocks[job->block] = (Block){.rip = ir->rip,
                                    .base = old->base,
                                    .host = ir->host,
                                    .key = ir->key,
                                    .granules = ir->granules,
                                    .has_spans = ir->span_count != 0,
                                    .insn_count = ir->insn_count};
    x64_emit(t, space, &job->cpu, ir, job->block);
    job->hot.slot_count = space->next.slot - job->hot.first_slot;
    note_slots(o, &job->hot);
    return true;
}

static void run_job(gpointer data, gpointer unused)
{
    Optimizer *o = data;
    g_assert(state_of(o) == JOB_RUNS); /* and what start() did before is seen */
    o->job->made = write_block(o);
    g_mutex_lock(&o->lock);
    __atomic_store_n(&o->state, JOB_DONE, __ATOMIC_RELEASE);
    __atomic_store_n(&o->t->cpu->jit.poll, 1, __ATOMIC_RELEASE);
    g_cond_signal(&o->done);
    g_mutex_unlock(&o->lock);
}

/* One thread for all CPUs. */
static GThreadPool *workers(void)
{
    static GThreadPool *pool;
    if (g_once_init_enter(&pool))
        g_once_init_leave(&pool, g_thread_pool_new(run_job, NULL, 1, FALSE, NULL));
    return pool;
}

/* --- beginning and ending, on the CPU's thread ----------------------------------------------------- */

static HotBlock *hot_block(const Optimizer *o, uint32_t block)
{
    uint32_t first = o->t->space[SPACE_HOT].first.block;
    return block < first ? NULL : &g_array_index(o->hot, HotBlock, block - first);
}

/* Nobody is in generated code, so that the space may be used again. */
static void empty_space(Optimizer *o)
{
    Translator *t = o->t;
    CodeSpace *space = &t->space[SPACE_HOT];
    for (uint32_t block = space->first.block; block < space->next.block; block++)
        if (!t->blocks[block].dropped)
            cache_drop(t, block);
    space->next = space->first;
    t->generation++;
    g_array_set_size(o->hot, 0);
    mmu_slots_empty(t->cpu);
    o->stats.emptied++;
}

static bool is_full(const CodeSpace *space)
{
    return cache_nearly_full(space) || space->next.slot + 2 * IR_MAX_INSNS >= space->end.slot;
}

/* All of it but what other threads write meanwhile: `pending`, and `poll` in `jit`. */
static void copy_cpu(Cpu *to, const Cpu *from)
{
    enum { PENDING = offsetof(Cpu, pending), BEHIND = PENDING + sizeof(from->pending) };
    enum { JIT = offsetof(Cpu, jit), REST = JIT + sizeof(from->jit) };
    memcpy(to, from, PENDING);
    memcpy((uint8_t *)to + BEHIND, (const uint8_t *)from + BEHIND, JIT - BEHIND);
    memcpy((uint8_t *)to + REST, (const uint8_t *)from + REST, sizeof(*to) - REST);
}

/* job->path is set, and job->cpu. */
static void start(Optimizer *o, uint32_t block, const uint64_t *without)
{
    Translator *t = o->t;
    if (is_full(&t->space[SPACE_HOT])) {
        empty_space(o);
        return;
    }
    Job *job = o->job;
    const CodePage *page = cache_page(t, t->blocks[block].host);
    job->old = block;
    job->space = t->space[SPACE_HOT];
    job->alone = cache_is_alone(page, t->blocks[block].host);
    job->writes = page->writes;
    memcpy(job->page, page_start(t->blocks[block].host), PAGE_SIZE);
    memcpy(job->without, without, sizeof(job->without));
    __atomic_store_n(&o->state, JOB_RUNS, __ATOMIC_RELEASE);
    g_thread_pool_push(workers(), o, NULL);
}

static void forget_job(Optimizer *o)
{
    view_forget(o->ir);
    o->state = JOB_NONE;
    o->stats.stale++;
}

static void finish(Optimizer *o)
{
    Translator *t = o->t;
    const Job *job = o->job;
    CodePage *page = cache_page(t, t->blocks[job->old].host);
    if (!job->made || t->blocks[job->old].dropped || job->writes != page->writes) {
        forget_job(o);
        return;
    }
    o->state = JOB_NONE;
    t->space[SPACE_HOT].next = job->space.next;
    g_array_append_val(o->hot, job->hot);
    cache_drop(t, job->old);
    cache_insert(t, job->block, page);
    const HotBlock *hot = hot_block(o, job->block);
    for (unsigned slot = hot->first_slot; slot < hot->first_slot + hot->slot_count; slot++)
        o->misses_seen[slot] = mmu_slot_misses(t->cpu, slot);
    view_after(t, o->ir, job->block);
    o->stats.blocks++;
}

void optimizer_attend(Optimizer *o)
{
    if (state_of(o) == JOB_DONE)
        finish(o);
}

void optimizer_wait(Optimizer *o)
{
    g_mutex_lock(&o->lock);
    while (state_of(o) == JOB_RUNS)
        g_cond_wait(&o->done, &o->lock);
    g_mutex_unlock(&o->lock);
}

void optimizer_abandon(Optimizer *o)
{
    optimizer_wait(o);
    if (state_of(o) == JOB_DONE)
        forget_job(o);
    o->awaited = 0;
    g_array_set_size(o->hot, 0);
}

bool optimizer_repeat(Optimizer *o, uint32_t block, IrBlock *ir)
{
    const HotBlock *hot = hot_block(o, block);
    if (!hot)
        return false;
    optimizer_wait(o);
    if (state_of(o) == JOB_DONE)
        forget_job(o);
    optimizer_give_slots(ir, hot->without);
    return true;
}

/* --- what is hot ---------------------------------------------------------------------------------- */

/* Adds the ops whose slots do not pay to `without`. True: there are some. */
static bool look_at_slots(Optimizer *o, const HotBlock *hot, uint64_t *without)
{
    bool some = false;
    for (unsigned slot = hot->first_slot; slot < hot->first_slot + hot->slot_count; slot++) {
        uint32_t misses = mmu_slot_misses(o->t->cpu, slot), before = o->misses_seen[slot];
        unsigned op = o->slot_op[slot];
        o->misses_seen[slot] = misses;
        if (misses - before < TOO_MANY_MISSES)
            continue;
        without[op / 64] |= (uint64_t)1 << op % 64;
        some = true;
    }
    return some;
}

const LiftPath *optimizer_path(const Optimizer *o, uint32_t block)
{
    const HotBlock *hot = hot_block(o, block);
    return hot && hot->path.count ? &hot->path : NULL;
}

/* A hot block was seen again. */
static void note_hot(Optimizer *o, uint32_t index)
{
    const HotBlock *hot = hot_block(o, index);
    uint64_t without[OP_WORDS];
    memcpy(without, hot->without, sizeof(without));
    if (!look_at_slots(o, hot, without))
        return;
    copy_cpu(&o->job->cpu, o->t->cpu);
    o->job->path = hot->path;
    o->stats.remade++;
    start(o, index, without);
}

void optimizer_note(Optimizer *o, uint32_t index)
{
    Translator *t = o->t;
    Block *block = &t->blocks[index];
    block->heat += block->heat < UINT8_MAX;
    if (state_of(o) != JOB_NONE || block->heat < HOT_SAMPLES || block->dropped || block->second ||
        block->key != lift_key(t->cpu, t->counted) || block->base != code_base(t->cpu))
        return;
    if (hot_block(o, index)) {
        note_hot(o, index);
        return;
    }
    o->awaited = index;
    cache_isolate(t, index);
}

/* --- the path ------------------------------------------------------------------------------------- */

static bool was_here(const LiftPath *path, uint64_t rip)
{
    for (unsigned i = 0; i < path->count; i++)
        if (path->rip[i] == rip)
            return true;
    return false;
}

/* Has the interpreter go on from here and notes where it comes by, until it leaves the page, comes
 * to where it was, or something must be looked at. May raise: then there is no path. */
static void record(Optimizer *o, uint32_t key)
{
    Cpu *cpu = o->t->cpu;
    LiftPath *path = &o->job->path;
    LinAddr page = code_address(cpu, cpu->rip) & ~PAGE_MASK;
    path->count = 0;
    path->rip[0] = cpu->rip;
    do {
        run_block(cpu, 1);
        path->rip[++path->count] = cpu->rip;
    } while (path->count < IR_MAX_INSNS && !was_here(path, cpu->rip) && run_is_quiet(cpu) &&
             (code_address(cpu, cpu->rip) & ~PAGE_MASK) == page &&
             cpu->insn_count < o->t->run_limit && lift_key(cpu, o->t->counted) == key);
}

void optimizer_follow(Optimizer *o)
{
    static const uint64_t none[OP_WORDS];
    Translator *t = o->t;
    uint32_t block = o->awaited;
    o->awaited = 0;
    copy_cpu(&o->job->cpu, t->cpu);
    record(o, t->blocks[block].key);
    bool whole = run_is_quiet(t->cpu) || t->cpu->activity != CPU_RUNNING;
    if (whole && !t->blocks[block].dropped)
        start(o, block, none);
}

bool optimizer_awaits(const Optimizer *o, uint32_t block)
{
    return o->awaited == block;
}

/* --- life ----------------------------------------------------------------------------------------- */

Optimizer *optimizer_new(Translator *t)
{
    Optimizer *o = g_new0(Optimizer, 1);
    o->t = t;
    o->job = g_new0(Job, 1);
    o->ir = g_new0(IrBlock, 1);
    o->hot = g_array_new(FALSE, FALSE, sizeof(HotBlock));
    g_mutex_init(&o->lock);
    g_cond_init(&o->done);
    return o;
}

void optimizer_free(Optimizer *o)
{
    if (!o)
        return;
    optimizer_abandon(o);
    g_array_unref(o->hot);
    g_free(o->ir);
    g_free(o->job);
    g_mutex_clear(&o->lock);
    g_cond_clear(&o->done);
    g_free(o);
}

const OptimizerStats *optimizer_stats(const Optimizer *o)
{
    return &o->stats;
}
