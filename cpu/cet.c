/* cet.c - control-flow enforcement: the tracker of indirect branches, and what transfers of control
 * do to shadow stacks. The instructions are in cpu/exec/cet.c.
 *
 * [SDM1] "Control-flow Enforcement Technology (CET)"; [SDM2] CALL, RET, IRET, INT n "Operation". A
 * far call leaves this on the shadow stack, which is aligned to 8 bytes first:
 *
 *   SSP + 16  CS, zero extended
 *   SSP + 8   linear return address
 *   SSP       SSP before the call
 *
 * A supervisor's stack that is not in use has a token at its top: its own address, and a busy bit
 * that whoever switches to the stack sets. */
#include "cpu/cet.h"

#include "cpu/exec.h"
#include "cpu/far.h"

ExecFn exec_ENDBR32, exec_ENDBR64, exec_INT3, exec_INT1;

enum { FAR_FRAME = 24 };

/* --- registers -------------------------------------------------------------------------------- */

bool cet_control_valid(const Cpu *cpu, uint64_t value)
{
    const uint64_t shadow = CET_SH_STK_EN | CET_WR_SHSTK_EN;
    const uint64_t tracking = CET_ENDBR_EN | CET_LEG_IW_EN | CET_NO_TRACK_EN | CET_SUPPRESS_DIS |
                              CET_SUPPRESS | CET_TRACKER | ~(uint64_t)PAGE_MASK;
    uint64_t allowed = (cpu_has(cpu, FEATURE_CET_SS) ? shadow : 0) |
                       (cpu_has(cpu, FEATURE_CET_IBT) ? tracking : 0);
    bool contradicts = value & CET_SUPPRESS && value & CET_TRACKER;
    return !(value & ~allowed) && !contradicts && cpu_is_canonical_base(cpu, value & ~PAGE_MASK);
}

bool cet_ssp_valid(const Cpu *cpu, uint64_t value)
{
    return !(value & 3) && cpu_is_canonical_base(cpu, value);
}

/* --- tracking --------------------------------------------------------------------------------- */

static uint64_t *control(Cpu *cpu, unsigned cpl)
{
    return cpl == 3 ? &cpu->u_cet : &cpu->s_cet;
}

void cet_arm(Cpu *cpu)
{
    bool waiting = cet_enabled(cpu, CET_ENDBR_EN) && *control(cpu, cpu->cpl) & CET_TRACKER;
    if (UNLIKELY(waiting))
        __atomic_fetch_or(&cpu->pending, PENDING_TRACKER, __ATOMIC_RELAXED);
    else if (UNLIKELY(__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) & PENDING_TRACKER))
        __atomic_fetch_and(&cpu->pending, ~PENDING_TRACKER, __ATOMIC_RELAXED);
}

void cet_track_near(Cpu *cpu, const Insn *insn)
{
    uint64_t *c = control(cpu, cpu->cpl);
    if (!cet_enabled(cpu, CET_ENDBR_EN) || *c & CET_SUPPRESS)
        return;
    if (insn->notrack && *c & CET_NO_TRACK_EN)
        return;
    *c |= CET_TRACKER;
    cet_arm(cpu);
}

/* A far transfer to privilege cpl ends suppression too. The caller updates the mode. */
static void track_far(Cpu *cpu, unsigned cpl)
{
    if (!cet_enabled_at(cpu, cpl, CET_ENDBR_EN))
        return;
    uint64_t *c = control(cpu, cpl);
    *c = (*c & ~(uint64_t)CET_SUPPRESS) | CET_TRACKER;
}

/* The bitmap has a bit for each page of code that knows no ENDBR. [SDM1] "Legacy Compatibility
 * Treatment". */
static bool is_legacy_page(Cpu *cpu, uint64_t c)
{
    if (!(c & CET_LEG_IW_EN))
        return false;
    LinAddr la = cpu_is_long(cpu) ? cpu->rip : (uint32_t)(cpu->seg[SEG_CS].base + cpu->rip);
    unsigned bits = cpu->cr4 & CR4_LA57 ? 57 : 48;
    uint64_t page = bits_get(la, PAGE_SHIFT, bits - PAGE_SHIFT);
    return bit_get(mem_load_system(cpu, (c & ~PAGE_MASK) + page / 8, 1), page % 8);
}

/* A debugger may have put a breakpoint in the place of the ENDBR: its trap comes first, and the
 * tracker waits on. [SDM1] "INT3 Treatment". */
static bool may_be_target(const Cpu *cpu, const Insn *insn)
{
    ExecFn *exec = insn_row(insn)->exec;
    return exec == (cpu_is_long(cpu) ? exec_ENDBR64 : exec_ENDBR32) || exec == exec_INT3 ||
           exec == exec_INT1;
}

void cet_check_target(Cpu *cpu, const Insn *insn)
{
    uint64_t *c = control(cpu, cpu->cpl);
    if (may_be_target(cpu, insn))
        return;
    if (!is_legacy_page(cpu, *c))
        cpu_raise(cpu, EXC_CP, CP_ENDBRANCH);
    *c &= ~(uint64_t)CET_TRACKER;
    *c |= *c & CET_SUPPRESS_DIS ? 0 : CET_SUPPRESS;
    cet_arm(cpu);
}

/* --- near calls and returns ------------------------------------------------------------------- */

/* 16-bit addresses take four bytes as well. */
static unsigned near_slot(unsigned opsize)
{
    return MAX(opsize, 4);
}

void cet_call_near(Cpu *cpu, uint64_t return_address, unsigned opsize)
{
    if (!cet_enabled(cpu, CET_SH_STK_EN))
        return;
    uint64_t ssp = cpu->ssp - near_slot(opsize);
    shadow_store(cpu, ssp, return_address, near_slot(opsize), shadow_owner(cpu->cpl));
    cpu->ssp = ssp;
}

void cet_return_near(Cpu *cpu, uint64_t target, unsigned opsize)
{
    if (!cet_enabled(cpu, CET_SH_STK_EN))
        return;
    unsigned slot = near_slot(opsize);
    if (shadow_load(cpu, cpu->ssp, slot, shadow_owner(cpu->cpl)) != target)
        cpu_raise(cpu, EXC_CP, CP_NEAR_RET);
    cpu->ssp += slot;
}

/* --- far calls and events --------------------------------------------------------------------- */

/* Code that is not 64-bit needs a shadow stack below 4 GiB. */
static void check_reach(Cpu *cpu, const Segment *cs, uint64_t ssp)
{
    if (!code_is_64bit(cpu, cs->access) && ssp >> 32)
        raise_GP(cpu, 0);
}

static LinAddr linear_target(const Cpu *cpu, const Segment *cs, uint64_t rip)
{
    return code_is_64bit(cpu, cs->access) ? rip : (uint32_t)(cs->base + rip);
}

static uint64_t push_frame(Cpu *cpu, uint64_t ssp, ShadowOwner owner)
{
    const Segment *cs = &cpu->seg[SEG_CS];
    shadow_store(cpu, ssp - 8, cs->selector, 8, owner);
    shadow_store(cpu, ssp - 16, linear_target(cpu, cs, cpu->rip), 8, owner);
    shadow_store(cpu, ssp - 24, cpu->ssp, 8, owner);
    return ssp - FAR_FRAME;
}

/* On the same stack, after four bytes of zeros that alignment may leave over. */
static uint64_t call_on_same_stack(Cpu *cpu, const Segment *cs)
{
    ShadowOwner owner = shadow_owner(cpu->cpl);
    check_reach(cpu, cs, cpu->ssp);
    shadow_store(cpu, cpu->ssp - 4, 0, 4, owner);
    return push_frame(cpu, cpu->ssp & ~(uint64_t)7, owner);
}

/* On the stack that the privilege or the interrupt stack has; a frame tells of supervisors only. */
static uint64_t call_on_other_stack(Cpu *cpu, const Segment *cs, uint64_t ssp)
{
    if (ssp & 7)
        raise_GP(cpu, 0);
    check_reach(cpu, cs, ssp);
    if (shadow_exchange(cpu, ssp, ssp, ssp | CET_TOKEN_BUSY, SHADOW_SUPERVISOR) != ssp)
        raise_GP(cpu, 0);
    return cpu->cpl == 3 ? ssp : push_frame(cpu, ssp, SHADOW_SUPERVISOR);
}

uint64_t cet_prepare_call(Cpu *cpu, const Segment *cs, unsigned cpl, unsigned ist)
{
    if (!cet_enabled_at(cpu, cpl, CET_SH_STK_EN))
        return cpu->ssp;
    if (ist)
        return call_on_other_stack(cpu, cs,
                                   mem_load_system(cpu, cpu->interrupt_ssp_table + ist * 8, 8));
    if (cpl == cpu->cpl)
        return call_on_same_stack(cpu, cs);
    return call_on_other_stack(cpu, cs, cpu->pl_ssp[cpl]);
}

/* What of SSP a user's register keeps. */
static void keep_user_ssp(Cpu *cpu)
{
    if (cet_enabled(cpu, CET_SH_STK_EN))
        cpu->pl_ssp[3] = cpu->ssp;
}

void cet_commit_call(Cpu *cpu, unsigned cpl, uint64_t ssp)
{
    if (cpu->cpl == 3 && cpl < 3)
        keep_user_ssp(cpu);
    if (cet_enabled_at(cpu, cpl, CET_SH_STK_EN))
        cpu->ssp = ssp;
    track_far(cpu, cpl);
}

void cet_check_jump(Cpu *cpu, const Segment *cs)
{
    if (cet_enabled(cpu, CET_SH_STK_EN))
        check_reach(cpu, cs, cpu->ssp);
}

void cet_commit_jump(Cpu *cpu)
{
    track_far(cpu, cpu->cpl);
}

/* --- far returns ------------------------------------------------------------------------------ */

/* Checks the frame and returns the SSP in it. */
static uint64_t check_frame(Cpu *cpu, const Segment *cs, uint64_t rip)
{
    ShadowOwner owner = shadow_owner(cpu->cpl);
    uint64_t previous = shadow_load(cpu, cpu->ssp, 8, owner);
    uint64_t address = shadow_load(cpu, cpu->ssp + 8, 8, owner);
    uint64_t selector = shadow_load(cpu, cpu->ssp + 16, 8, owner);
    if (selector != cs->selector || address != linear_target(cpu, cs, rip) || previous & 3)
        cpu_raise(cpu, EXC_CP, CP_FAR_RET_IRET);
    return previous;
}

/* Clears the busy bit of the token that may stand there. */
static void release(Cpu *cpu, uint64_t ssp)
{
    shadow_exchange(cpu, ssp, ssp | CET_TOKEN_BUSY, ssp, SHADOW_SUPERVISOR);
}

/* A return to an outer level leaves its stack, and so does one from an interrupt stack. */
uint64_t cet_prepare_return(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned cpl)
{
    bool shadowed = cet_enabled(cpu, CET_SH_STK_EN);
    uint64_t ssp = cpu->pl_ssp[3], above = cpu->ssp;
    if (shadowed && cpu->ssp & 7)
        cpu_raise(cpu, EXC_CP, CP_FAR_RET_IRET);
    if (shadowed && (cpl != 3 || cpu->cpl == 3)) {
        ssp = check_frame(cpu, cs, rip);
        above += FAR_FRAME;
    }
    if (cet_enabled_at(cpu, cpl, CET_SH_STK_EN))
        check_reach(cpu, cs, ssp);
    bool left = cpl != cpu->cpl || (cpu_is_lma(cpu) && ssp != above);
    if (shadowed && left && cpu->cpl != 3)
        release(cpu, above);
    return ssp;
}

void cet_commit_return(Cpu *cpu, unsigned cpl, uint64_t ssp)
{
    if (cet_enabled_at(cpu, cpl, CET_SH_STK_EN))
        cpu->ssp = ssp;
}

/* V86 mode has no shadow stack. */
void cet_return_to_v86(Cpu *cpu)
{
    if (!cet_enabled(cpu, CET_SH_STK_EN))
        return;
    if (cpu->ssp & 7)
        cpu_raise(cpu, EXC_CP, CP_FAR_RET_IRET);
    release(cpu, cpu->ssp);
}

/* --- system calls ----------------------------------------------------------------------------- */

/* The supervisor has to find a stack: SETSSBSY. */
void cet_system_call(Cpu *cpu)
{
    keep_user_ssp(cpu);
    if (cet_enabled_at(cpu, 0, CET_SH_STK_EN))
        cpu->ssp = 0;
    track_far(cpu, 0);
}

void cet_system_return(Cpu *cpu)
{
    cet_commit_return(cpu, 3, cpu->pl_ssp[3]);
}
