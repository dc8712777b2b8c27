/* row_bench.h - runs cases of single instructions on a guest CPU, through any engine.
 *
 * Rings 0 and 3 are flat; page tables map the low 2 MiB, ROW_MEMORY, and the pages around it that
 * conditions need. Before a case the registers hold what tells them apart: 1n1n.. in general
 * register n, 2n2n.. in xmm n, 3n3n.. in the upper half of ymm n; the x87 is as after FNINIT. */
#ifndef MYNA_TESTS_SUPPORT_ROW_BENCH_H
#define MYNA_TESTS_SUPPORT_ROW_BENCH_H

#include "tests/support/engine.h"
#include "tests/support/insn_bench.h"
#include "tests/support/row_condition.h"

typedef struct RowBench {
    InsnBench *bench;
    FeatureSet features; /* of the model */
    const Engine *engine;
} RowBench;

/* NULL: the engine cannot run on this host. */
RowBench *row_bench_new(const Engine *engine);
void row_bench_free(RowBench *t);

/* The case's setup, under one more condition or NULL. */
RowSetup row_setup(const RowCase *c, const RowCondition *condition);

/* Puts the guest before the instruction. */
void row_bench_prepare(RowBench *t, const RowCase *c, const RowSetup *s);

/* Decodes the case's bytes in its own mode. False: no instruction. */
bool row_decode(const RowCase *c, Insn *insn);

/* Flags that the instruction leaves undefined in this state: the row's, less those that a count
 * defines. */
uint32_t row_undefined_flags(const Insn *insn, const Cpu *before);

/* Runs the case and all its faults. NULL, or what is wrong. */
char *row_bench_check(RowBench *t, const RowCase *c);

/* Changes an expected state as the case's `out` says. */
void row_expect(const RowCase *c, Cpu *expected);

#endif
