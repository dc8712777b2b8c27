/* branch.c - near transfers of control. [SDM2] JMP, Jcc, CALL, RET, LOOP/LOOPcc, JCXZ.
 *
 * A new rip is cut to the operand size; outside the code segment it is #GP(0) with nothing done. */
#include "cpu/exec/branch_priv.h"

EXEC(JMP)
{
    if (insn->op[0].kind == OPND_REL)
        branch_relative(cpu, insn);
    else
        branch_to(cpu, op_read(cpu, insn, 0));
}

EXEC(JCC)
{
    if (flags_condition(cpu, insn->opcode & 15))
        branch_relative(cpu, insn);
}

EXEC(CALL)
{
    uint64_t back = cpu->rip;
    if (insn->op[0].kind == OPND_REL)
        branch_relative(cpu, insn);
    else
        branch_to(cpu, op_read(cpu, insn, 0));
    stack_push(cpu, truncate_to(back, insn->opsize), insn->opsize);
}

/* The immediate is how many bytes of parameters to drop as well. */
EXEC(RET)
{
    unsigned size = insn->opsize;
    uint64_t drop = insn->op[0].kind == OPND_IMM ? insn->imm & 0xffff : 0;
    uint64_t sp = stack_pointer(cpu);
    branch_to(cpu, seg_load(cpu, SEG_SS, sp, size));
    stack_set_pointer(cpu, truncate_to(sp + size + drop, cpu->stack_size));
}

/* --- loops: the counter is rCX cut to the address size ------------------------------------- */

static void loop_while(Cpu *cpu, const Insn *insn, bool condition)
{
    uint64_t count = truncate_to(cpu->gpr[RCX] - 1, insn->addrsize);
    if (count && condition)
        branch_relative(cpu, insn);
    gpr_write(cpu, RCX, insn->addrsize, count);
}

EXEC(LOOP)
{
    loop_while(cpu, insn, true);
}

EXEC(LOOPE)
{
    loop_while(cpu, insn, flag_zf(cpu));
}

EXEC(LOOPNE)
{
    loop_while(cpu, insn, !flag_zf(cpu));
}

EXEC(JCXZ)
{
    if (gpr_read(cpu, RCX, insn->addrsize) == 0)
        branch_relative(cpu, insn);
}
