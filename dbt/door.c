/* door.c - the door through which generated code hands an instruction to the interpreter, and asks
 * for what the TLB has not. */
#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/flags.h"
#include "dbt/crossing.h"
#include "dbt/lift.h"
#include "dbt/lockstep.h"
#include "dbt/rows.h"
#include "dbt/runtime.h"
#include "dbt/x87.h"

/* --- flags between the interpreter's form and the image ------------------------------------------ */

enum { IMAGE_OF = 1, IMAGE_LAHF = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF };

void flags_from_image(Cpu *cpu)
{
    unsigned image = cpu->jit.flags;
    flags_set_arith(cpu, (image >> 8 & IMAGE_LAHF) | (image & IMAGE_OF ? FLAG_OF : 0));
}

void flags_to_image(Cpu *cpu)
{
    unsigned flags = flags_arith(cpu);
    cpu->jit.flags = (flags & IMAGE_LAHF) << 8 | (flags & FLAG_OF ? IMAGE_OF : 0);
}

/* --- the instruction ------------------------------------------------------------------------------ */

/* Sites of checks keep no decoded instruction until they are first taken. NULL: another CPU has
 * written to the block, which is not told yet, and what is there now cannot be decoded. */
static const Insn *site_insn(Translator *t, Site *site)
{
    if (site->insn)
        return &t->insns[site->insn - 1];
    const Block *block = &t->blocks[site->block];
    Cpu *cpu = t->cpu;
    /* The last place serves everybody, and is nobody's, until the cache is emptied. */
    CodeSpace *space = &t->space[SPACE_PLAIN];
    bool full = cache_insns_are_full(space);
    Insn *insn = &t->insns[full ? space->end.insn - 1 : space->next.insn];
    const uint8_t *bytes = block->host + site->delta;
    unsigned flags = cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0;
    if (decode(bytes, PAGE_SIZE - ((uintptr_t)bytes & PAGE_MASK), cpu->code_size, flags, insn) !=
        DECODE_OK)
        return NULL;
    exec_bind(cpu, insn);
    if (full)
        t->flush_wanted = true;
    else
        site->insn = ++space->next.insn;
    return insn;
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

/* An instruction on its way through the door. */
typedef struct Handover {
    Site *site;
    const Block *block;
    const Insn *insn;
    const RowTraits *traits;
    uint64_t next;     /* rip behind it */
    uint32_t epoch;    /* Cpu.tlb_epoch before it, */
    uint32_t crossing; /* and crossing_flags, if it is SYSCALL or SYSRET */
} Handover;

/* May generated code go on behind the instruction, if nothing moved it and the mode is the same? */
static bool may_resume(const Cpu *cpu, const Handover *h)
{
    if (h->block->has_spans && cpu->tlb_epoch != h->epoch)
        return false;
    return h->site->resume && !h->block->dropped && cpu->rip == h->next;
}

/* Those things cannot have happened. Of most instructions that come here that is soon known. */
static bool is_where_it_was(const Cpu *cpu, const Handover *h)
{
    return h->traits->keeps_mode && cpu->tlb_epoch == h->epoch;
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
    uint32_t now = (uint32_t)(clock_now(t->cpu->bus.clock) / NS_PER_US);
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
static void interpret(Translator *t, Cpu *cpu, const Handover *h)
{
    const RowTraits *traits = h->traits;
    const Insn *insn = h->insn;
    t->flags_elsewhere = !traits->sees_flags && !t->lockstep;
    if (!t->flags_elsewhere)
        flags_from_image(cpu);
    if (UNLIKELY(t->lockstep != NULL))
        lockstep_door(t, cpu, h->site);
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

static bool crosses(const RowTraits *traits)
{
    return traits->kind == LIFT_SYSCALL || traits->kind == LIFT_SYSRET;
}

static CrossingKind crossing_of(const RowTraits *traits)
{
    return traits->kind == LIFT_SYSCALL ? CROSSING_IN : CROSSING_OUT;
}

/* Where to go on behind an instruction that may have changed what code depends on; NULL: that is
 * for the dispatcher to find out. */
static const uint8_t *look_for_code(Translator *t, Cpu *cpu, const Handover *h)
{
    const Block *block = h->block;
    uint32_t key = lift_key(cpu, t->counted);
    if (key == block->key && may_resume(cpu, h) && still_mapped(cpu, block))
        return t->rx + h->site->resume;
    if (crosses(h->traits))
        crossing_note(cpu, crossing_of(h->traits), block->key, key, h->crossing);
    if (key != block->key || code_base(cpu) != block->base)
        returns_forget(&cpu->jit);
    return known_code(t, cpu, key);
}

/* To the dispatcher, before the instruction. What is counted ahead has not run. */
static const uint8_t *leave_before(Translator *t, Cpu *cpu, const Site *site)
{
    const Block *block = &t->blocks[site->block];
    cpu->rip = block->rip + site->delta;
    cpu->jit.budget += t->counted ? block->insn_count - site->number : 0;
    settle_count(t, cpu);
    t->jumped = false;
    return NULL;
}

const uint8_t *door_interpret(Cpu *cpu, uint32_t site_index)
{
    Translator *t = translator_of(cpu);
    Site *site = &t->sites[site_index];
    const Block *block = &t->blocks[site->block];
    const Insn *insn = site_insn(t, site);
    if (UNLIKELY(!insn))
        return leave_before(t, cpu, site);
    const RowTraits *traits = row_traits(insn);
    x87_settle_pointers(cpu);
    bool x87 = cpu->jit.x87_loaded && (traits->sees_x87 || t->lockstep);
    if (x87)
        x87_spill(cpu);
    cpu->rip_start = block->rip + site->delta;
    cpu->rip = cpu->rip_start + insn->length;
    /* What is behind this instruction has been counted and may not run. */
    int64_t ahead = t->counted ? block->insn_count - site->number : 0;
    cpu->jit.budget += ahead;
    settle_count(t, cpu);
    Handover h = {site, block, insn, traits, .next = cpu->rip, .epoch = cpu->tlb_epoch};
    if (UNLIKELY(crosses(traits)))
        h.crossing = crossing_flags(cpu, crossing_of(traits));
    interpret(t, cpu, &h);
    note_apart(t, site);
    const uint8_t *code = NULL;
    if (!must_leave(cpu, t, insn)) {
        bool straight = is_where_it_was(cpu, &h) && may_resume(cpu, &h);
        code = straight ? t->rx + site->resume : look_for_code(t, cpu, &h);
    }
    if (site->resume && code == t->rx + site->resume) {
        cpu->jit.budget -= ahead;
        if (x87)
            x87_load(cpu);
        return code;
    }
    cpu->jit.budget -= t->counted;
    if (code)
        return code;
    settle_count(t, cpu);
    t->jumped = traits->indirect;
    return NULL;
}

/* The code behind the instruction, which has been dropped meanwhile or is soon, must not be gone
 * to: there is a look at `poll` before it. Who has something to tell the CPU has set that already.
 */
static void leave_void_code(const Translator *t, Cpu *cpu, const Site *site)
{
    if (UNLIKELY(t->flush_wanted || t->blocks[site->block].dropped))
        __atomic_store_n(&cpu->jit.poll, 1, __ATOMIC_RELAXED);
}

/* While a breakpoint of DR7 is armed no generated code runs. */
uint64_t door_port(Cpu *cpu, uint32_t port, uint32_t site, uint64_t rax)
{
    Translator *t = translator_of(cpu);
    unsigned size = site >> PORT_SIZE_SHIFT & 7;
    uint64_t mask = ((uint64_t)1 << 8 * size) - 1;
    t->stats.ports++;
    if (site & PORT_OUT)
        port_store(cpu, port, rax & mask, size);
    else
        rax = port_load(cpu, port, size) | (size < 4 ? rax & ~mask : 0);
    leave_void_code(t, cpu, &t->sites[site & PORT_SITE]);
    return rax;
}

/* Time is exact, and what devices do is seen at once, only in the interpreter. */
static bool load_device(const Translator *t, Cpu *cpu, LinAddr la, uint32_t site)
{
    unsigned size = 1u << (site >> MISS_SIZE_SHIFT & 3);
    return site & MISS_READS && !t->counted && mem_load_device(cpu, la, size, &cpu->jit.loaded);
}

MissResult door_miss(Cpu *cpu, LinAddr la, uint32_t site)
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
    const Site *origin = &t->sites[site & MISS_SITE];
    bool refilled = mmu_refill(cpu, la, site & MISS_WRITES ? ACCESS_WRITE : ACCESS_READ);
    t->stats.misses[refilled]++;
    if (!refilled)
        note_device(t, cpu, la, origin);
    /* The walk itself may have written to the block, which then ends here. */
    return refilled && !t->blocks[origin->block].dropped ? MISS_RETRY : MISS_COLD;
}
