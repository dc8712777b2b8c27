/* translate.c - finds the block at rip, or makes it. */
#include <time.h>

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/group.h"
#include "dbt/lift.h"
#include "dbt/optimizer.h"
#include "dbt/runtime.h"
#include "dbt/view.h"
#include "dbt/x64/emit.h"

void note_page(Translator *t, Cpu *cpu, LinAddr la, const uint8_t *page)
{
    la &= ~PAGE_MASK;
    mmu_code_id_set(mmu_context(cpu), la, link_page_id(t, la, page));
}

/* --- translating --------------------------------------------------------------------------------- */

/* Translations are timed now and then. The clock is one that the kernel need not be asked for: a
 * system call would make the translation after it slower by half. */
enum { TIMED_ONE_IN = 8 };

static Ns host_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* In so long a time the host did something else as well. */
static void note_time(TranslatorStats *stats, unsigned insns, Ns taken)
{
    enum { TOO_LONG = 500 * NS_PER_US };
    if (taken >= TOO_LONG)
        return;
    stats->timed_insns += insns;
    stats->timed_ns += taken;
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

bool lift_again(const Translator *t, Cpu *cpu, uint32_t index, IrBlock *ir)
{
    const Block *block = &t->blocks[index];
    LiftBounds bounds = {.path = t->optimizer ? optimizer_path(t->optimizer, index) : NULL,
                         .insns = block->insn_count};
    bool lifted = lift_block(cpu, block->key, block->host, block->second,
                             code_address(cpu, cpu->rip), &bounds, ir);
    ir->is_hot = is_for_hot(code_space_of(t, index));
    return lifted;
}

/* Goes straight on to what there is already: the dispatcher need not be asked. */
static void link_to_known(Translator *t, uint32_t index, const CodePage *page)
{
    const Block *block = &t->blocks[index];
    for (uint32_t n = block->first_exit; n < block->first_exit + block->exit_count; n++) {
        const Exit *exit = &t->exits[n];
        const uint8_t *host = block->host + (exit->rip - block->rip);
        if (exit->kind != EXIT_NEAR || !cache_starts_at(page, (uintptr_t)host & PAGE_MASK))
            continue;
        uint32_t target = cache_find(t, exit->rip, block->base, host, block->key);
        if (target && !(t->optimizer && optimizer_awaits(t->optimizer, target)))
            link_exit(t, n, target);
    }
}

/* 0: the interpreter must do this one. */
static uint32_t translate(Translator *t, uint8_t *host, LinAddr la, uint32_t key)
{
    Cpu *cpu = t->cpu;
    CodePage *code_page = cache_page(t, host);
    if (cache_is_restless(code_page, host))
        return 0;
    bool timed = t->stats.blocks % TIMED_ONE_IN == 0;
    Ns start = timed ? host_clock() : 0;
    cache_make_room(t);
    cache_prefetch(t, cpu->rip, host, key);
    IrBlock *ir = t->ir;
    if (!code_page->blocks && !declare_code_page(cpu, la, page_start(host)))
        return 0;
    const uint8_t *second = NULL;
    CodePage *second_page = NULL;
    LiftBounds bounds = {.starts = code_page->starts};
    if (!lift_block(cpu, key, host, NULL, la, &bounds, ir)) {
        if (!may_cross(cpu, host, la))
            return 0;
        second = fetch_page(cpu, next_page(la));
        if (!second || second == page_start(host) ||
            !declare_code_page(cpu, next_page(la), second) ||
            !declare_code_page(cpu, la, page_start(host))) /* the walk may have written to it */
            return 0;
        second_page = cache_page(t, second);
        if (cache_is_restless(second_page, second) ||
            !lift_block(cpu, key, host, second, la, &bounds, ir))
            return 0;
    }
    CodeSpace *space = &t->space[SPACE_PLAIN];
    ir->alone = cache_is_alone(code_page, host);
    ir->is_hot = is_for_hot(space);
    x64_swap_registers(ir);
    ir_passes(ir);
    if (ir->is_hot)
        optimizer_give_slots(ir, NULL);
#ifndef NDEBUG
    const char *problem = ir_problem(ir);
    if (problem)
        g_error("translator: %s", problem);
#endif
    uint32_t index = space->next.block++;
    t->blocks[index] = (Block){.rip = ir->rip,
                               .base = code_base(cpu),
                               .host = host,
                               .key = key,
                               .granules = ir->granules,
                               .has_spans = ir->span_count != 0,
                               .insn_count = ir->insn_count};
    uint32_t code = space->next.code;
    view_before(ir);
    x64_emit(t, space, cpu, ir, index);
    cache_insert(t, index, code_page);
    if (second)
        cache_insert_tail(t, index, second_page, second);
    link_to_known(t, index, code_page);
    t->stats.blocks++;
    t->stats.insns += ir->insn_count;
    t->stats.code_bytes += space->next.code - code;
    if (timed)
        note_time(&t->stats, ir->insn_count, host_clock() - start);
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
uint32_t find_block(Translator *t, Cpu *cpu, uint32_t key, uint32_t likely)
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
    uint32_t index = cache_is_new(t, host)
                         ? 0
                         : cache_find_likely(t, likely, cpu->rip, code_base(cpu), host, key);
    if (UNLIKELY(index && t->blocks[index].second) && !second_is_there(t, cpu, index)) {
        cache_drop(t, index);
        index = 0;
    }
    return index ? index : translate(t, host, la, key);
}
