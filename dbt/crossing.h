/* crossing.h - SYSCALL and SYSRET as the interpreter last did them.
 *
 * In 64-bit mode, between flat segments, without CET and TF, what they make of the CPU depends on
 * little: the block's key, EFLAGS, and registers that kernels write once. It is noted when the
 * interpreter has done one (Cpu.jit.crossing), and generated code does the same again as long as
 * all of that is as it was. cpu_update_mode and msr_write forget it. */
#ifndef MYNA_DBT_CROSSING_H
#define MYNA_DBT_CROSSING_H

#include "dbt/translator.h"

/* EFLAGS that SYSCALL finds, or SYSRET takes from R11, but for the arithmetic flags. */
uint32_t crossing_flags(const Cpu *cpu, CrossingKind kind);

/* The interpreter has done one that began with these flags in code of key `from`, and goes on in
 * code of key `to`. */
void crossing_note(Cpu *cpu, CrossingKind kind, uint32_t from, uint32_t to, uint32_t flags_from);

#endif
