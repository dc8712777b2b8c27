/* exec/far.c - far CALL, JMP, RET, and IRET as instructions. [SDM2] CALL, JMP, RET, IRET. */
#include "cpu/exec.h"
#include "cpu/far.h"

typedef struct FarPointer {
    uint16_t selector;
    uint64_t offset;
} FarPointer;

/* The operand: immediate ptr16:16/32, or m16:16/32/64 with the offset first. */
static FarPointer far_operand(Cpu *cpu, const Insn *insn)
{
    if (insn->op[0].kind == OPND_FAR)
        return (FarPointer){.selector = insn->imm >> 32, .offset = (uint32_t)insn->imm};
    LinAddr la = insn_linear(cpu, insn, insn->opsize + 2, ACCESS_READ);
    LinAddr selector_la = la + insn->opsize;
    if (!cpu_is_long(cpu))
        selector_la = (uint32_t)selector_la;
    uint64_t offset = mem_load(cpu, la, insn->opsize);
    return (FarPointer){.selector = mem_load(cpu, selector_la, 2), .offset = offset};
}

EXEC(JMP_FAR)
{
    FarPointer p = far_operand(cpu, insn);
    far_jump(cpu, p.selector, p.offset, insn->opsize);
}

EXEC(CALL_FAR)
{
    FarPointer p = far_operand(cpu, insn);
    far_call(cpu, p.selector, p.offset, insn->opsize);
}

EXEC(RET_FAR)
{
    far_return(cpu, insn->opsize, insn->op[0].kind == OPND_IMM ? (uint16_t)insn->imm : 0);
}

EXEC(IRET)
{
    far_iret(cpu, insn->opsize);
}
