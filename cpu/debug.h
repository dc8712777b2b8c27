/* debug.h - what the debug registers share with event delivery. [SDM3] "Debug Registers". */
#ifndef MYNA_CPU_DEBUG_H
#define MYNA_CPU_DEBUG_H

#include "cpu/exec.h"

/* #DB has no error code; a raised one tells an instruction breakpoint from the other faults. */
enum { DEBUG_INSTRUCTION_BREAKPOINT = 1 };

/* An event is about to enter its handler: traps of the instruction it interrupts are dropped. */
void debug_event_begins(Cpu *cpu, EventKind kind);

/* A trap to report when the present instruction is done; dr6 holds its DR6 bits. */
void debug_pend(Cpu *cpu, uint64_t dr6);

/* SYSCALL and SYSRET are stepped if TF is set when they are done, not when they begin, so that
 * neither the kernel's first instruction nor the return is seen by a program that steps. */
void debug_step_by_new_flags(Cpu *cpu);

/* EFLAGS.RF was set by IRET: it lasts for one instruction, and hides its breakpoints. */
void debug_resume(Cpu *cpu);

/* A hardware task switch drops the local breakpoints. */
void debug_task_switched(Cpu *cpu);

#endif
