/* row_host.h - the host CPU runs cases of user mode: it fills in what they lead to, and judges what
 * is there. */
#ifndef MYNA_TESTS_SUPPORT_ROW_HOST_H
#define MYNA_TESTS_SUPPORT_ROW_HOST_H

#include "tests/support/native.h"
#include "tests/support/row_bench.h"

typedef struct RowHost {
    Native *native;
    uint8_t *memory; /* ROW_MEMORY here */
    RowBench *bench; /* makes the states before */
    Cpu before, after;
    uint8_t memory_before[ROW_MEMORY_SIZE];
    RowRaise raise;
} RowHost;

/* NULL: this host cannot. */
RowHost *row_host_new(void);
void row_host_free(RowHost *h);

/* True if user mode of this host can run the case: no system state, no branch. */
bool row_host_can(const RowHost *h, const RowCase *c);

/* Runs it under one more condition or NULL, into `after` and `raise`. */
void row_host_run(RowHost *h, const RowCase *c, const RowCondition *condition);

/* `before` and `after` as the lines of the case, `out` from what the last run led to. */
void row_host_print(RowHost *h, const RowCase *c, GString *out);

#endif
