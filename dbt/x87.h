/* x87.h - the guest's x87 and MMX registers in the host's x87.
 *
 * They go there at the head of the first block that uses them (Cpu.jit.x87_loaded) and stay while
 * generated code runs, through instructions that the interpreter does as well, unless those look at
 * them. C code in between finds a full register stack: it may do no long double arithmetic. All
 * exceptions are masked while they are there (KEY_X87_RAISES). */
#ifndef MYNA_DBT_X87_H
#define MYNA_DBT_X87_H

#include "dbt/translator.h"

/* From struct Cpu to the host. Called from generated code too: uses no vector registers. */
void x87_load(Cpu *cpu);

/* Back, if they are there; the host's x87 is as C code expects it afterwards. */
void x87_spill(Cpu *cpu);

/* Generated code only says which instruction was the last to set the instruction and data pointers:
 * this sets them. Before anything is done that changes a selector. */
void x87_set_pointers(Cpu *cpu);
static inline void x87_settle_pointers(Cpu *cpu)
{
    if (UNLIKELY(cpu->jit.x87_site | cpu->jit.x87_seg))
        x87_set_pointers(cpu);
}

#endif
