/* far.c - far JMP, CALL and RET: direct, through conforming code, call gates, TSSs and task gates.
 *
 * Reads as [SDM2] CALL, JMP, RET "Operation". IRET is in iret.c, hardware tasks in task.c. */
#include "cpu/far.h"

#include "cpu/cet.h"
#include "cpu/frame.h"
#include "cpu/task.h"

typedef enum FarKind { FAR_JUMP, FAR_CALL } FarKind;

/* --- shared parts ---------------------------------------------------------------------------- */

void far_check_target(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned ext)
{
    if (code_is_64bit(cpu, cs->access) ? !cpu_is_canonical(cpu, rip) : rip > cs->limit)
        raise_GP(cpu, ext);
}

void far_commit(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned cpl)
{
    cpu->seg[SEG_CS] = *cs;
    cpu->seg[SEG_CS].selector = selector_with_rpl(cs->selector, cpl);
    cpu->rip = rip;
    cpu->cpl = cpl;
    cpu_update_level(cpu);
}

uint64_t far_stack_peek(Cpu *cpu, unsigned at, unsigned size)
{
    uint64_t sp = truncate_to(cpu->gpr[RSP] + at, cpu->stack_size);
    return seg_load(cpu, SEG_SS, sp, size);
}

/* An IA-32e code segment is 64-bit or 32-bit, not both. */
static bool code_size_valid(const Cpu *cpu, const Descriptor *d)
{
    return !cpu_is_lma(cpu) || (descriptor_access(d) & (AR_L | AR_DB)) != (AR_L | AR_DB);
}

static Segment load_code(Cpu *cpu, Descriptor *d, uint16_t selector)
{
    if (!descriptor_present(d))
        raise_NP(cpu, selector_error(selector, 0));
    descriptor_set_accessed(cpu, d);
    return descriptor_known_segment(cpu, d, selector);
}

/* The part of an offset that a code segment's instruction pointer has. */
static uint64_t target_in(const Cpu *cpu, const Segment *cs, uint64_t offset)
{
    return code_is_64bit(cpu, cs->access) ? offset : (uint32_t)offset;
}

/* --- real and V86 mode ----------------------------------------------------------------------- */

static void transfer_real(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize,
                          FarKind kind)
{
    Frame f = frame_current(cpu, opsize, 0);
    if (kind == FAR_CALL)
        frame_reserve(cpu, &f, 2);
    uint32_t limit = cpu->mode == CPU_V86 ? 0xffff : cpu->seg[SEG_CS].limit;
    if (offset > limit)
        raise_GP(cpu, 0);
    if (kind == FAR_CALL) {
        frame_push(cpu, &f, cpu->seg[SEG_CS].selector);
        frame_push(cpu, &f, cpu->rip);
        frame_commit(cpu, &f);
    }
    segment_load_real(cpu, SEG_CS, selector);
    cpu->rip = offset;
}

/* --- code segments --------------------------------------------------------------------------- */

static void call_same_privilege(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned slot)
{
    Frame f = frame_current(cpu, slot, 0);
    frame_reserve(cpu, &f, 2);
    far_check_target(cpu, cs, rip, 0);
    frame_push(cpu, &f, cpu->seg[SEG_CS].selector);
    frame_push(cpu, &f, cpu->rip);
    uint64_t ssp = cet_prepare_call(cpu, cs, cpu->cpl, 0);
    frame_commit(cpu, &f);
    cet_commit_call(cpu, cpu->cpl, ssp);
    far_commit(cpu, cs, rip, cpu->cpl);
}

/* Without a change of privilege, directly or through a gate; slot is of what a call pushes. [SDM2]
 * CALL: SAME-PRIVILEGE; JMP: CALL-GATE. */
static void transfer_same_privilege(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned slot,
                                    FarKind kind)
{
    if (kind == FAR_CALL) {
        call_same_privilege(cpu, cs, rip, slot);
        return;
    }
    far_check_target(cpu, cs, rip, 0);
    cet_check_jump(cpu, cs);
    cet_commit_jump(cpu);
    far_commit(cpu, cs, rip, cpu->cpl);
}

/* [SDM2] JMP, CALL: CONFORMING-CODE-SEGMENT, NONCONFORMING-CODE-SEGMENT. */
static void transfer_to_code(Cpu *cpu, uint16_t selector, Descriptor *d, uint64_t offset,
                             unsigned opsize, FarKind kind)
{
    uint32_t error = selector_error(selector, 0);
    if (!code_size_valid(cpu, d))
        raise_GP(cpu, error);
    unsigned dpl = descriptor_dpl(d);
    bool allowed = descriptor_is_conforming(d)
                       ? dpl <= cpu->cpl
                       : selector_rpl(selector) <= cpu->cpl && dpl == cpu->cpl;
    if (!allowed)
        raise_GP(cpu, error);
    Segment cs = load_code(cpu, d, selector);
    uint64_t rip = target_in(cpu, &cs, offset);
    transfer_same_privilege(cpu, &cs, rip, opsize, kind);
}

/* --- call gates ------------------------------------------------------------------------------ */

/* [SDM2] CALL: MORE-PRIVILEGE. The caller's parameters are copied to the inner stack, but for
 * 64-bit gates, which have none. */
static void call_more_privilege(Cpu *cpu, const Descriptor *gate, const Segment *cs, uint64_t rip,
                                unsigned cpl)
{
    unsigned slot = gate_slot(cpu, gate);
    unsigned parameters = slot == 8 ? 0 : gate_parameter_count(gate);
    Frame f = frame_inner(cpu, cpl, slot, 0);
    frame_reserve(cpu, &f, 4 + parameters);
    far_check_target(cpu, cs, rip, 0);
    frame_push(cpu, &f, cpu->seg[SEG_SS].selector);
    frame_push(cpu, &f, cpu->gpr[RSP]);
    for (unsigned i = parameters; i-- > 0;)
        frame_push(cpu, &f, far_stack_peek(cpu, i * slot, slot));
    frame_push(cpu, &f, cpu->seg[SEG_CS].selector);
    frame_push(cpu, &f, cpu->rip);
    uint64_t ssp = cet_prepare_call(cpu, cs, cpl, 0);
    frame_commit(cpu, &f);
    cet_commit_call(cpu, cpl, ssp);
    far_commit(cpu, cs, rip, cpl);
}

/* The code segment a call gate leads to. */
static Segment gate_code(Cpu *cpu, uint16_t selector, FarKind kind, unsigned *cpl)
{
    if (selector_is_null(selector))
        raise_GP(cpu, 0);
    Descriptor d;
    uint32_t error = selector_error(selector, 0);
    descriptor_require(cpu, selector, EXC_GP, 0, &d);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_code(&d) || dpl > cpu->cpl)
        raise_GP(cpu, error);
    if (cpu_is_lma(cpu) && (descriptor_access(&d) & (AR_L | AR_DB)) != AR_L)
        raise_GP(cpu, error);
    bool inner = !descriptor_is_conforming(&d) && dpl < cpu->cpl;
    if (inner && kind == FAR_JUMP)
        raise_GP(cpu, error);
    *cpl = inner ? dpl : cpu->cpl;
    return load_code(cpu, &d, selector);
}

static void transfer_through_call_gate(Cpu *cpu, uint16_t selector, Descriptor *gate, FarKind kind)
{
    uint32_t error = selector_error(selector, 0);
    if (descriptor_dpl(gate) < cpu->cpl || descriptor_dpl(gate) < selector_rpl(selector))
        raise_GP(cpu, error);
    if (!descriptor_present(gate))
        raise_NP(cpu, error);
    if (cpu_is_lma(cpu) &&
        (!descriptor_fetch_high(cpu, selector, gate) || !descriptor_high_is_valid(gate)))
        raise_GP(cpu, error);
    unsigned cpl;
    Segment cs = gate_code(cpu, gate_selector(gate), kind, &cpl);
    uint64_t rip = gate_offset(cpu, gate);
    if (cpl < cpu->cpl)
        call_more_privilege(cpu, gate, &cs, rip, cpl);
    else
        transfer_same_privilege(cpu, &cs, rip, gate_slot(cpu, gate), kind);
}

/* --- system descriptors ---------------------------------------------------------------------- */

/* [SDM2] JMP, CALL: TASK-STATE-SEGMENT. */
static void transfer_to_tss(Cpu *cpu, uint16_t selector, const Descriptor *d, FarKind kind)
{
    uint32_t error = selector_error(selector, 0);
    if (descriptor_dpl(d) < cpu->cpl || descriptor_dpl(d) < selector_rpl(selector) ||
        selector & SELECTOR_TI)
        raise_GP(cpu, error);
    task_switch(cpu, selector, kind == FAR_CALL ? TASK_CALL : TASK_JUMP, 0);
    far_check_target(cpu, &cpu->seg[SEG_CS], cpu->rip, 0);
}

/* [SDM2] JMP, CALL: TASK-GATE. */
static void transfer_through_task_gate(Cpu *cpu, uint16_t selector, const Descriptor *gate,
                                       FarKind kind)
{
    uint32_t error = selector_error(selector, 0);
    if (descriptor_dpl(gate) < cpu->cpl || descriptor_dpl(gate) < selector_rpl(selector))
        raise_GP(cpu, error);
    if (!descriptor_present(gate))
        raise_NP(cpu, error);
    task_switch(cpu, gate_selector(gate), kind == FAR_CALL ? TASK_CALL : TASK_JUMP, 0);
    far_check_target(cpu, &cpu->seg[SEG_CS], cpu->rip, 0);
}

static void transfer_to_system(Cpu *cpu, uint16_t selector, Descriptor *d, FarKind kind)
{
    unsigned type = descriptor_type(d);
    if (type == DESC_CALL_GATE || (type == DESC_CALL_GATE16 && !cpu_is_lma(cpu)))
        transfer_through_call_gate(cpu, selector, d, kind);
    else if (cpu_is_lma(cpu))
        raise_GP(cpu, selector_error(selector, 0));
    else if (type == DESC_TASK_GATE)
        transfer_through_task_gate(cpu, selector, d, kind);
    else if (type == DESC_TSS_AVAILABLE || type == DESC_TSS16_AVAILABLE || type == DESC_TSS_BUSY ||
             type == DESC_TSS16_BUSY)
        transfer_to_tss(cpu, selector, d, kind);
    else
        raise_GP(cpu, selector_error(selector, 0));
}

static void transfer(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize, FarKind kind)
{
    offset = truncate_to(offset, opsize);
    if (!cpu_is_protected(cpu)) {
        transfer_real(cpu, selector, offset, opsize, kind);
        return;
    }
    if (selector_is_null(selector))
        raise_GP(cpu, 0);
    Descriptor d;
    descriptor_require(cpu, selector, EXC_GP, 0, &d);
    if (descriptor_is_code(&d))
        transfer_to_code(cpu, selector, &d, offset, opsize, kind);
    else if (descriptor_is_system(&d))
        transfer_to_system(cpu, selector, &d, kind);
    else
        raise_GP(cpu, selector_error(selector, 0));
}

void far_jump(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize)
{
    transfer(cpu, selector, offset, opsize, FAR_JUMP);
}

void far_call(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize)
{
    transfer(cpu, selector, offset, opsize, FAR_CALL);
}

/* --- returns --------------------------------------------------------------------------------- */

Segment far_return_code(Cpu *cpu, uint16_t selector)
{
    if (selector_is_null(selector))
        raise_GP(cpu, 0);
    Descriptor d;
    uint32_t error = selector_error(selector, 0);
    descriptor_require(cpu, selector, EXC_GP, 0, &d);
    unsigned rpl = selector_rpl(selector), dpl = descriptor_dpl(&d);
    if (!descriptor_is_code(&d) || rpl < cpu->cpl || !code_size_valid(cpu, &d))
        raise_GP(cpu, error);
    if (descriptor_is_conforming(&d) ? dpl > rpl : dpl != rpl)
        raise_GP(cpu, error);
    return load_code(cpu, &d, selector);
}

Segment far_return_stack(Cpu *cpu, uint16_t selector, unsigned cpl, const Segment *target)
{
    if (!selector_is_null(selector))
        return stack_segment_check(cpu, selector, cpl, EXC_GP, 0);
    if (!code_is_64bit(cpu, target->access) || cpl == 3 || selector_rpl(selector) != cpl)
        raise_GP(cpu, 0);
    return segment_null(selector);
}

static void return_real(Cpu *cpu, unsigned opsize, unsigned release)
{
    uint64_t rip = far_stack_peek(cpu, 0, opsize);
    uint16_t selector = far_stack_peek(cpu, opsize, opsize);
    if (rip > cpu->seg[SEG_CS].limit)
        raise_GP(cpu, 0);
    stack_set_pointer(cpu, cpu->gpr[RSP] + 2 * opsize + release);
    segment_load_real(cpu, SEG_CS, selector);
    cpu->rip = rip;
}

/* [SDM2] RET: RETURN-TO-OUTER-PRIVILEGE-LEVEL. SS:eSP follow the parameters; the parameters are
 * released from both stacks. */
static void return_outer(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned opsize,
                         unsigned release)
{
    unsigned cpl = selector_rpl(cs->selector);
    uint64_t rsp = far_stack_peek(cpu, 2 * opsize + release, opsize);
    uint16_t selector = far_stack_peek(cpu, 3 * opsize + release, opsize);
    Segment ss = far_return_stack(cpu, selector, cpl, cs);
    far_check_target(cpu, cs, rip, 0);
    uint64_t ssp = cet_prepare_return(cpu, cs, rip, cpl);
    cpu->seg[SEG_SS] = ss;
    cet_commit_return(cpu, cpl, ssp);
    far_commit(cpu, cs, rip, cpl);
    stack_set_pointer(cpu, rsp + release);
    segments_drop_inner(cpu);
}

void far_return(Cpu *cpu, unsigned opsize, unsigned release)
{
    if (!cpu_is_protected(cpu)) {
        return_real(cpu, opsize, release);
        return;
    }
    /* Both are read before either is judged: a stack too small is #SS(0) first. */
    uint16_t selector = far_stack_peek(cpu, opsize, opsize);
    uint64_t offset = far_stack_peek(cpu, 0, opsize);
    Segment cs = far_return_code(cpu, selector);
    uint64_t rip = target_in(cpu, &cs, offset);
    if (selector_rpl(selector) > cpu->cpl) {
        return_outer(cpu, &cs, rip, opsize, release);
        return;
    }
    far_check_target(cpu, &cs, rip, 0);
    uint64_t ssp = cet_prepare_return(cpu, &cs, rip, cpu->cpl);
    stack_set_pointer(cpu, cpu->gpr[RSP] + 2 * opsize + release);
    cet_commit_return(cpu, cpu->cpl, ssp);
    far_commit(cpu, &cs, rip, cpu->cpl);
}
