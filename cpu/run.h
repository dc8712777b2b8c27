/* run.h - the pieces of the run loop that every engine shares. */
#ifndef MYNA_CPU_RUN_H
#define MYNA_CPU_RUN_H

#include "cpu/cpu.h"

typedef enum RunNext {
    RUN_BLOCKS,     /* nothing is in the way: run code at rip */
    RUN_LOOK_AGAIN, /* one instruction ran with every check around it */
    RUN_STOP,       /* leave cpu_run: halted, shut down, or asked to */
} RunNext;

/* Looks at everything pending between two instructions and does what must be done now: interrupts,
 * INIT, flushes; an instruction that must run alone (shadow, TF, breakpoints). */
RunNext run_attend(Cpu *cpu);

/* Would it find nothing to do? */
bool run_is_quiet(const Cpu *cpu);

/* Interprets the block at CS:rip, at most `most` instructions of it, and counts them. */
void run_block(Cpu *cpu, uint64_t most);

extern const CpuEngine interpreter_engine;

#endif
