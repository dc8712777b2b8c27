/* row_coverage.h - which variants and faults of a row of the instruction table have a case. */
#ifndef MYNA_TESTS_SUPPORT_ROW_COVERAGE_H
#define MYNA_TESTS_SUPPORT_ROW_COVERAGE_H

#include "tests/support/row_case.h"

typedef struct RowCoverage RowCoverage;

/* Of these cases, which must stay. */
RowCoverage *row_coverage_new(GPtrArray *cases);
void row_coverage_free(RowCoverage *v);

/* The first case of the row, or NULL. */
const RowCase *row_coverage_first(const RowCoverage *v, unsigned row);

bool row_coverage_has_variant(const RowCoverage *v, const Insn *variant);

/* What the row has no case for, in words, one a line; empty: nothing. */
char *row_coverage_missing(const RowCoverage *v, unsigned row);

#endif
