/* row_variant.h - the forms of one row of the instruction table that differ in what they do: each
 * operand size, register or memory, each vector length. */
#ifndef MYNA_TESTS_SUPPORT_ROW_VARIANT_H
#define MYNA_TESTS_SUPPORT_ROW_VARIANT_H

#include "tests/support/row_case.h"

enum { MAX_ROW_VARIANTS = 12 };

typedef struct RowVariant {
    uint8_t code[MAX_INSN_LENGTH];
    Insn insn;
} RowVariant;

/* The mode in which a row exists: 64-bit if it can. */
RowMode row_mode_of(const InsnRow *row);

/* Its variants in that mode, each with a plain encoding; returns how many. */
unsigned row_variants(unsigned row, RowVariant variants[MAX_ROW_VARIANTS]);

/* True if the two are the same variant of the same row. */
bool row_variant_equal(const Insn *a, const Insn *b);

#endif
