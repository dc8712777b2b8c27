/* stack.c - PUSH, POP and their families, procedure frames. [SDM2].
 *
 * Offsets on the stack are cut to the stack size (SS.B, or 64), elements have the operand size. */
#include "cpu/exec.h"

/* PUSH SP pushes the value from before: the operand is read first. (The 8086 differed.) */
EXEC(PUSH)
{
    unsigned size = insn->opsize;
    uint64_t value = insn->op[0].kind == OPND_IMM ? insn->imm : op_read(cpu, insn, 0);
    stack_push(cpu, truncate_to(value, size), size);
}

/* A destination addressed through rSP sees the rSP of after the pop; on a fault rSP is put back. */
EXEC(POP)
{
    unsigned size = insn->opsize;
    uint64_t value = seg_load(cpu, SEG_SS, stack_pointer(cpu), size);
    uint64_t before = cpu->gpr[RSP];
    stack_set_pointer(cpu, truncate_to(before + size, cpu->stack_size));
    if (insn->op[0].kind == OPND_GPR) {
        gpr_write(cpu, insn->op[0].reg, size, value);
        return;
    }
    uint64_t after = cpu->gpr[RSP];
    uint64_t off = insn_offset(cpu, insn);
    cpu->gpr[RSP] = before;
    seg_store(cpu, insn->seg, off, value, size);
    cpu->gpr[RSP] = after;
}

/* rAX rCX rDX rBX rSP rBP rSI rDI, the first at the highest address. */
EXEC(PUSHA)
{
    unsigned size = insn->opsize;
    uint64_t sp = cpu->gpr[RSP];
    for (unsigned reg = RAX; reg <= RDI; reg++) {
        sp = truncate_to(sp - size, cpu->stack_size);
        seg_store(cpu, SEG_SS, sp, gpr_read(cpu, reg, size), size);
    }
    stack_set_pointer(cpu, sp);
}

/* The image of rSP is skipped. All is read before anything changes. */
EXEC(POPA)
{
    unsigned size = insn->opsize;
    uint64_t sp = cpu->gpr[RSP], value[8];
    for (int reg = RDI; reg >= RAX; reg--) {
        sp = truncate_to(sp, cpu->stack_size);
        value[reg] = seg_load(cpu, SEG_SS, sp, size);
        sp += size;
    }
    for (int reg = RDI; reg >= RAX; reg--) {
        if (reg != RSP)
            gpr_write(cpu, reg, size, value[reg]);
    }
    stack_set_pointer(cpu, truncate_to(sp, cpu->stack_size));
}

/* --- flags on the stack -------------------------------------------------------------------- */

/* True in V86 mode below IOPL 3, where the interrupt flag is not the program's. */
static bool v86_is_restricted(const Cpu *cpu)
{
    return cpu->mode == CPU_V86 && cpu_iopl(cpu) < 3;
}

/* VM and RF read as zero. V86 below IOPL 3 needs CR4.VME, 16-bit operands, and shows VIF as IF with
 * IOPL 3. [SDM2] PUSHF/PUSHFD/PUSHFQ. */
EXEC(PUSHF)
{
    uint32_t image = eflags_get(cpu) & ~(FLAG_VM | FLAG_RF);
    if (v86_is_restricted(cpu)) {
        if (!(cpu->cr4 & CR4_VME) || insn->opsize != 2)
            raise_GP(cpu, 0);
        image = (image & ~FLAG_IF) | FLAG_IOPL | (image & FLAG_VIF ? FLAG_IF : 0);
    }
    stack_push(cpu, truncate_to(image, insn->opsize), insn->opsize);
}

/* The bits POPF may change at this privilege and size. [SDM2] POPF/POPFD/POPFQ. RF becomes zero. */
static uint32_t popf_mask(const Cpu *cpu, unsigned size)
{
    uint32_t mask = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
    if (size > 2)
        mask |= FLAG_RF | FLAG_AC | FLAG_ID;
    if (v86_is_restricted(cpu))
        return mask;
    if (cpu->mode == CPU_V86)
        return mask | FLAG_IF;
    if (cpu->cpl <= cpu_iopl(cpu))
        mask |= FLAG_IF;
    if (cpu->cpl == 0)
        mask |= FLAG_IOPL;
    return mask;
}

/* With CR4.VME a restricted V86 program pops IF into VIF; what it may not do faults. */
static uint32_t popf_virtual_if(Cpu *cpu, uint32_t image, unsigned size)
{
    bool on = image & FLAG_IF;
    if (!(cpu->cr4 & CR4_VME) || size != 2 || (image & FLAG_TF) || (on && (cpu->eflags & FLAG_VIP)))
        raise_GP(cpu, 0);
    return on ? FLAG_VIF : 0;
}

EXEC(POPF)
{
    unsigned size = insn->opsize;
    uint64_t sp = stack_pointer(cpu);
    uint32_t image = seg_load(cpu, SEG_SS, sp, size) & ~FLAG_RF;
    uint32_t mask = popf_mask(cpu, size);
    if (v86_is_restricted(cpu)) {
        image = (image & ~FLAG_VIF) | popf_virtual_if(cpu, image, size);
        mask |= FLAG_VIF;
    }
    stack_set_pointer(cpu, truncate_to(sp + size, cpu->stack_size));
    eflags_set(cpu, (eflags_get(cpu) & ~mask) | (image & mask));
    cpu_update_level(cpu); /* AC */
}

/* --- procedure frames ---------------------------------------------------------------------- */

/* Pushes rBP, copies level - 1 frame pointers of the enclosing procedures and adds the new one,
 * then makes room. Registers change last, and only if the new top of stack can be written. */
EXEC(ENTER)
{
    unsigned size = insn->opsize, level = insn->imm2 & 31;
    uint64_t sp = truncate_to(cpu->gpr[RSP] - size, cpu->stack_size);
    seg_store(cpu, SEG_SS, sp, gpr_read(cpu, RBP, size), size);
    uint64_t frame = sp, display = cpu->gpr[RBP];
    for (unsigned i = 1; i < level; i++) {
        display = truncate_to(display - size, cpu->stack_size);
        uint64_t pointer = seg_load(cpu, SEG_SS, display, size);
        sp = truncate_to(sp - size, cpu->stack_size);
        seg_store(cpu, SEG_SS, sp, pointer, size);
    }
    if (level) {
        sp = truncate_to(sp - size, cpu->stack_size);
        seg_store(cpu, SEG_SS, sp, truncate_to(frame, size), size);
    }
    sp = truncate_to(sp - (insn->imm & 0xffff), cpu->stack_size);
    mem_probe(cpu, seg_linear(cpu, SEG_SS, sp, 1, ACCESS_WRITE), 1, ACCESS_WRITE);
    gpr_write(cpu, RBP, size, frame);
    stack_set_pointer(cpu, sp);
}

EXEC(LEAVE)
{
    unsigned size = insn->opsize;
    uint64_t sp = truncate_to(cpu->gpr[RBP], cpu->stack_size);
    uint64_t frame = seg_load(cpu, SEG_SS, sp, size);
    stack_set_pointer(cpu, truncate_to(sp + size, cpu->stack_size));
    gpr_write(cpu, RBP, size, frame);
}
