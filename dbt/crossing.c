/* crossing.c - notes what SYSCALL and SYSRET did. [SDM2] SYSCALL, SYSRET. */
#include "dbt/crossing.h"

#include "cpu/block.h"

/* The hidden parts that load_flat of cpu/exec/syscall.c makes, so that only selectors and access
 * rights differ between the levels. */
static bool is_flat(const Cpu *cpu)
{
    return cpu->seg[SEG_CS].shape == SHAPE_FLAT_READ &&
           cpu->seg[SEG_SS].shape == (SHAPE_FLAT_READ | SHAPE_FLAT_WRITE);
}

static uint64_t segment_word(const Segment *seg)
{
    uint64_t word;
    memcpy(&word, &seg->limit, sizeof(word));
    return word;
}

static TlbMode tlb_mode(uint32_t key)
{
    return key >> KEY_TLB_SHIFT & 3;
}

uint32_t crossing_flags(const Cpu *cpu, CrossingKind kind)
{
    uint32_t flags = kind == CROSSING_IN ? cpu->eflags : (uint32_t)cpu->gpr[R11];
    return flags & ~FLAGS_ARITH;
}

void crossing_note(Cpu *cpu, CrossingKind kind, uint32_t from, uint32_t to, uint32_t flags_from)
{
    Crossing *c = &cpu->jit.crossing[kind];
    bool plain = is_flat(cpu) && !(cpu->cr4 & CR4_CET) && cpu->mode == CPU_LONG &&
                 tlb_mode(to) == (kind == CROSSING_IN ? TLB_SUPERVISOR : TLB_USER) &&
                 !((flags_from | cpu->eflags) & (FLAG_TF | FLAG_RF));
    if (!plain)
        return;
    uint32_t kept = kind == CROSSING_IN ? ~(uint32_t)cpu->fmask : FLAGS_ARITH;
    *c = (Crossing){
        .from = from,
        .to = to,
        .flags_from = flags_from,
        .flags_to = cpu->eflags,
        .kept = (kept & FLAGS_ARITH & 0xff) << 8 | (kept & FLAG_OF ? 1 : 0),
        .mode_key = cpu->mode_key,
        .tlb = cpu->tlb,
        .cs = segment_word(&cpu->seg[SEG_CS]),
        .ss = segment_word(&cpu->seg[SEG_SS]),
    };
    memcpy(&c->level, &cpu->cpl, sizeof(c->level));
}
