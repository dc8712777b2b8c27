/* interrupt.h - delivering interrupts and exceptions. [SDM3] "Interrupt and Exception Handling". */
#ifndef MYNA_CPU_INTERRUPT_H
#define MYNA_CPU_INTERRUPT_H

#include "cpu/cpu.h"

/* Delivers an exception raised by the instruction at rip. Faults while doing so become double
 * faults and shutdown here; it always returns. */
void exception_deliver(Cpu *cpu, ExceptionVector vector, uint32_t error);

/* Delivers a trap at the instruction boundary rip: as above, but RF is pushed as it is. */
void exception_deliver_trap(Cpu *cpu, ExceptionVector vector);

/* Delivers an external interrupt or NMI before the instruction at rip. Faults raise. */
void interrupt_hardware(Cpu *cpu, int vector);
void interrupt_nmi(Cpu *cpu);

/* Triple fault and bad SMRAM state: the shutdown state, and the board is told. */
void cpu_shut_down(Cpu *cpu);

/* debug.c, for the run loop's one-instruction path (TF, breakpoints, pending debug traps). */
/* Raises #DB (a fault) if an instruction breakpoint is armed at CS:rip and RF is clear. Notes
 * whether TF is set, for the trap after the instruction. */
void debug_before_instruction(Cpu *cpu);
/* Delivers the #DB trap that the instruction just retired calls for, or keeps it for after a MOV SS
 * shadow. Clears PENDING_DEBUG when nothing is armed any more. */
void debug_after_instruction(Cpu *cpu);

#endif
