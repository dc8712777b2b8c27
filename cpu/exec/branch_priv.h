/* branch_priv.h - relative branches, shared by branch.c and the specialised forms of fast.c. */
#ifndef MYNA_CPU_EXEC_BRANCH_PRIV_H
#define MYNA_CPU_EXEC_BRANCH_PRIV_H

#include "cpu/exec.h"

/* To operand 0's displacement from the next instruction. */
static ALWAYS_INLINE void branch_relative(Cpu *cpu, const Insn *insn)
{
    branch_to(cpu, truncate_to(cpu->rip + insn->imm, insn->opsize));
}

#endif
