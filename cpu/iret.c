/* iret.c - IRET in every mode. [SDM2] IRET/IRETD/IRETQ, whose labels name the functions here. */
#include "cpu/far.h"

#include "cpu/cet.h"
#include "cpu/debug.h"
#include "cpu/exec.h"
#include "cpu/task.h"

enum {
    /* What any IRET takes from the image, and what a 32- or 64-bit one adds. */
    IRET_FLAGS16 = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT,
    IRET_FLAGS32 = FLAG_RF | FLAG_AC | FLAG_ID,
    VIRTUAL_FLAGS = FLAG_VIF | FLAG_VIP,
};

/* Replaces the flags of mask. A set RF or TF concerns the next instruction. */
static void set_flags(Cpu *cpu, uint32_t image, uint32_t mask)
{
    eflags_set(cpu, (eflags_get(cpu) & ~mask) | (image & mask));
    if (image & mask & FLAG_RF)
        debug_resume(cpu);
}

/* Flags a return from protected mode may change, at the privilege it returns from. */
static uint32_t protected_mask(const Cpu *cpu, unsigned opsize)
{
    uint32_t mask = IRET_FLAGS16;
    if (opsize > 2)
        mask |= IRET_FLAGS32;
    if (cpu->cpl <= cpu_iopl(cpu))
        mask |= FLAG_IF;
    if (cpu->cpl == 0)
        mask |= FLAG_IOPL | (opsize > 2 ? VIRTUAL_FLAGS : 0);
    return mask;
}

/* --- real and V86 mode ----------------------------------------------------------------------- */

static void iret_real(Cpu *cpu, unsigned opsize)
{
    uint64_t rip = far_stack_peek(cpu, 0, opsize);
    uint16_t selector = far_stack_peek(cpu, opsize, opsize);
    uint32_t image = far_stack_peek(cpu, 2 * opsize, opsize);
    if (rip > cpu->seg[SEG_CS].limit)
        raise_GP(cpu, 0);
    uint32_t mask = IRET_FLAGS16 | FLAG_IF | (opsize > 2 ? IRET_FLAGS32 : 0);
    if (cpu->mode == CPU_REAL)
        mask |= FLAG_IOPL;
    stack_set_pointer(cpu, cpu->gpr[RSP] + 3 * opsize);
    segment_load_real(cpu, SEG_CS, selector);
    cpu->rip = rip;
    set_flags(cpu, image, mask);
    cpu_update_mode(cpu);
}

/* IOPL < 3 with virtual mode extensions: VIF stands for IF. [SDM3] "Interrupt and Exception
 * Handling in Virtual-8086 Mode". */
static void iret_v86_extended(Cpu *cpu)
{
    uint64_t rip = far_stack_peek(cpu, 0, 2);
    uint16_t selector = far_stack_peek(cpu, 2, 2);
    uint32_t image = far_stack_peek(cpu, 4, 2);
    if (image & FLAG_TF || (image & FLAG_IF && cpu->eflags & FLAG_VIP))
        raise_GP(cpu, 0);
    stack_set_pointer(cpu, cpu->gpr[RSP] + 6);
    segment_load_real(cpu, SEG_CS, selector);
    cpu->rip = rip;
    image |= image & FLAG_IF ? FLAG_VIF : 0;
    set_flags(cpu, image, IRET_FLAGS16 | FLAG_VIF);
}

/* RETURN-FROM-VIRTUAL-8086-MODE */
static void iret_v86(Cpu *cpu, unsigned opsize)
{
    bool sensitive = cpu_iopl(cpu) < 3;
    if (sensitive && !(opsize == 2 && cpu->cr4 & CR4_VME))
        raise_GP(cpu, 0);
    cpu->nmi_blocked = false;
    if (sensitive)
        iret_v86_extended(cpu);
    else
        iret_real(cpu, opsize);
}

/* --- protected mode -------------------------------------------------------------------------- */

/* TASK-RETURN: the present TSS's link names the task to go back to. */
static void task_return(Cpu *cpu)
{
    uint16_t link = mem_load_system(cpu, cpu->tr.base, 2);
    task_switch(cpu, link, TASK_IRET, 0);
    far_check_target(cpu, &cpu->seg[SEG_CS], cpu->rip, 0);
}

/* RETURN-TO-VIRTUAL-8086-MODE: nine doublewords, from EIP up to GS. */
static void return_to_v86(Cpu *cpu, uint64_t rip, uint16_t cs, uint32_t image)
{
    /* In the order they lie on the stack, above EIP, CS and EFLAGS. */
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    uint32_t esp = far_stack_peek(cpu, 12, 4);
    uint16_t selector[G_N_ELEMENTS(order)];
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++)
        selector[i] = far_stack_peek(cpu, 16 + 4 * i, 4);
    if (rip > 0xffff)
        raise_GP(cpu, 0);
    cet_return_to_v86(cpu);
    uint32_t all = IRET_FLAGS16 | IRET_FLAGS32 | FLAG_IF | FLAG_IOPL | FLAG_VM | VIRTUAL_FLAGS;
    set_flags(cpu, image, all);
    cpu->cpl = 3;
    cpu_update_mode(cpu);
    segment_load_real(cpu, SEG_CS, cs);
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++)
        segment_load_real(cpu, order[i], selector[i]);
    cpu->gpr[RSP] = esp;
    cpu->rip = rip;
}

/* RETURN-TO-OUTER-PRIVILEGE-LEVEL, and every return from 64-bit mode: SS:rSP are popped too. */
static void return_with_stack(Cpu *cpu, const Segment *cs, uint64_t rip, uint32_t image,
                              unsigned opsize)
{
    unsigned cpl = selector_rpl(cs->selector);
    uint64_t rsp = far_stack_peek(cpu, 3 * opsize, opsize);
    uint16_t selector = far_stack_peek(cpu, 4 * opsize, opsize);
    Segment ss = far_return_stack(cpu, selector, cpl, cs);
    far_check_target(cpu, cs, rip, 0);
    uint64_t ssp = cet_prepare_return(cpu, cs, rip, cpl);
    set_flags(cpu, image, protected_mask(cpu, opsize));
    bool outer = cpl > cpu->cpl;
    cpu->seg[SEG_SS] = ss;
    cet_commit_return(cpu, cpl, ssp);
    far_commit(cpu, cs, rip, cpl);
    stack_set_pointer(cpu, rsp);
    if (outer)
        segments_drop_inner(cpu);
}

static void iret_protected(Cpu *cpu, unsigned opsize)
{
    if (cpu->eflags & FLAG_NT) {
        if (cpu_is_lma(cpu))
            raise_GP(cpu, 0);
        task_return(cpu);
        return;
    }
    uint64_t rip = far_stack_peek(cpu, 0, opsize);
    uint16_t selector = far_stack_peek(cpu, opsize, opsize);
    uint32_t image = far_stack_peek(cpu, 2 * opsize, opsize);
    if (image & FLAG_VM && opsize == 4 && cpu->cpl == 0 && !cpu_is_lma(cpu)) {
        return_to_v86(cpu, rip, selector, image);
        return;
    }
    Segment cs = far_return_code(cpu, selector);
    if (!code_is_64bit(cpu, cs.access))
        rip = (uint32_t)rip;
    if (selector_rpl(selector) > cpu->cpl || cpu_is_long(cpu)) {
        return_with_stack(cpu, &cs, rip, image, opsize);
        return;
    }
    far_check_target(cpu, &cs, rip, 0);
    uint64_t ssp = cet_prepare_return(cpu, &cs, rip, cpu->cpl);
    set_flags(cpu, image, protected_mask(cpu, opsize));
    stack_set_pointer(cpu, cpu->gpr[RSP] + 3 * opsize);
    cet_commit_return(cpu, cpu->cpl, ssp);
    far_commit(cpu, &cs, rip, cpu->cpl);
}

/* NMIs pass again as soon as IRET executes, even if it then faults. [SDM3] "Handling Multiple
 * NMIs". */
void far_iret(Cpu *cpu, unsigned opsize)
{
    if (cpu->mode == CPU_V86) {
        iret_v86(cpu, opsize);
        return;
    }
    cpu->nmi_blocked = false;
    if (cpu->mode == CPU_REAL)
        iret_real(cpu, opsize);
    else
        iret_protected(cpu, opsize);
}
