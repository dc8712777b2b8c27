/* branch.c - near transfers of control. [SDM2] JMP, Jcc, CALL, RET, LOOP/LOOPcc, JCXZ.
 *
 * A new rip is cut to the operand size; outside the code segment it is #GP(0) with nothing done. */
#include "cpu/cet.h"
#include "cpu/exec/branch_priv.h"

EXEC(JMP)
{
    if (insn->op[0].kind == OPND_REL) {
        branch_relative(cpu, insn);
        return;
    }
    branch_to(cpu, op_read(cpu, insn, 0));
    cet_track_near(cpu, insn);
}

EXEC(JCC)
{
    if (flags_condition(cpu, insn->opcode & 15))
        branch_relative(cpu, insn);
}

/* Onto the shadow stack, when nothing can go wrong with the other one. A call of the next
 * instruction is no call, but a question where it is. */
static void call_shadow(Cpu *cpu, const Insn *insn, uint64_t back)
{
    if (!cet_enabled(cpu, CET_SH_STK_EN) || (insn->op[0].kind == OPND_REL && !insn->imm))
        return;
    uint64_t sp = truncate_to(cpu->gpr[RSP] - insn->opsize, cpu->stack_size);
    LinAddr la = seg_linear(cpu, SEG_SS, sp, insn->opsize, ACCESS_WRITE);
    mem_probe(cpu, la, insn->opsize, ACCESS_WRITE);
    cet_call_near(cpu, back, insn->opsize);
}

EXEC(CALL)
{
    uint64_t back = truncate_to(cpu->rip, insn->opsize);
    bool relative = insn->op[0].kind == OPND_REL;
    if (relative)
        branch_relative(cpu, insn);
    else
        branch_to(cpu, op_read(cpu, insn, 0));
    call_shadow(cpu, insn, back);
    stack_push(cpu, back, insn->opsize);
    if (!relative)
        cet_track_near(cpu, insn);
}

/* The immediate is how many bytes of parameters to drop as well. */
EXEC(RET)
{
    unsigned size = insn->opsize;
    uint64_t drop = insn->op[0].kind == OPND_IMM ? insn->imm & 0xffff : 0;
    uint64_t sp = stack_pointer(cpu);
    uint64_t target = seg_load(cpu, SEG_SS, sp, size);
    branch_to(cpu, target);
    cet_return_near(cpu, target, size);
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
