/* judge_jit.h - an instance run by the translator: its bytes lie where the host has them, and the
 * CPU runs on from there. */
#ifndef MYNA_TESTS_SUPPORT_JUDGE_JIT_H
#define MYNA_TESTS_SUPPORT_JUDGE_JIT_H

#include "tests/support/judge.h"

struct JudgeJit {
    uint32_t *by_host; /* row -> instances that generated code did alone */
};

/* Attaches translators to the guests. False: this host has none. */
bool judge_use_translator(Judge *j);
void judge_jit_free(JudgeJit *jit);

/* Runs the instance, with code of no effect before and after it that moves the flags about. Returns
 * the vector it raised, or -1; then *there is where the CPU was, 0 for the instruction's end.
 * `warm`: the TLB and the code are from a run before, and what ran without the interpreter counts.
 */
int judge_run_translated(Judge *j, const Instance *i, bool warm, uint64_t *there);

#endif
