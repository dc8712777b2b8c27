/* far.h - far transfers of control: the checks of a code segment, and the commit.
 *
 * [SDM2] CALL, JMP, RET, IRET; [SDM3] "Privilege Checking When Transferring Program Control". */
#ifndef MYNA_CPU_FAR_H
#define MYNA_CPU_FAR_H

#include "cpu/descriptor.h"

/* opsize 2, 4 or 8; cpu->rip is the return address. All checks come before any change. */
void far_jump(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize);
void far_call(Cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize);
void far_return(Cpu *cpu, unsigned opsize, unsigned release); /* bytes of parameters to drop */
void far_iret(Cpu *cpu, unsigned opsize);

/* --- parts shared with interrupt.c and task.c ------------------------------------------------ */

/* True if code in the segment runs in 64-bit mode. */
static inline bool code_is_64bit(const Cpu *cpu, unsigned access)
{
    return cpu_is_lma(cpu) && access & AR_L;
}

/* #GP(ext) unless the target lies in the code segment, or is canonical in a 64-bit one. */
void far_check_target(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned ext);

/* Makes cs:rip at privilege cpl the place where execution goes on, and derives the mode. */
void far_commit(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned cpl);

/* The value at byte offset `at` of the stack; #SS(0). */
uint64_t far_stack_peek(Cpu *cpu, unsigned at, unsigned size);

/* The code segment a return goes to, with the privilege rules of RET and IRET. */
Segment far_return_code(Cpu *cpu, uint16_t selector);
/* The stack a return to privilege cpl restores; target is the code segment returned to. */
Segment far_return_stack(Cpu *cpu, uint16_t selector, unsigned cpl, const Segment *target);

#endif
