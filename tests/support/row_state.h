/* row_state.h - the registers that a row of test may name: how they are set, compared, printed. */
#ifndef MYNA_TESTS_SUPPORT_ROW_STATE_H
#define MYNA_TESTS_SUPPORT_ROW_STATE_H

#include "tests/support/row_case.h"

/* NULL: no register of that name. */
const RowField *row_field_find(const char *name);
const char *row_field_name(const RowField *field);
/* Bytes, or the most of them for vectors. */
unsigned row_field_size(const RowField *field);

/* Puts one item's value into a CPU, or into what it is expected to become. */
void row_field_set(Cpu *cpu, const RowField *field, const RowItem *item);

/* Bits of EFLAGS by name: CF .. ID; 0: none. */
uint32_t row_flag_find(const char *name);

/* Where an item leaves the value open, the expected one becomes the CPU's: anything for `any`, and
 * for `approximate` what [SDM2] RCPPS and RSQRTPS allow. */
void row_state_settle(const Cpu *cpu, Cpu *expected, const GArray *items);

/* What of the CPU differs from what is expected, in words, or NULL. Registers that only some rows
 * care for (x87 pointers, CR2) are compared if `listed` has them. After an exception, what its
 * delivery changed is not compared. */
typedef struct RowCompare {
    uint32_t flags; /* EFLAGS bits to compare */
    bool raised;
    const GArray *listed; /* RowItem, or NULL */
} RowCompare;
char *row_state_difference(const Cpu *cpu, const Cpu *expected, const RowCompare *how);

/* The registers in which two states differ, as items of a row. */
void row_state_print(GString *out, const Cpu *from, const Cpu *to, RowMode mode);

/* Flags as names, those of `undefined` with a ?. */
void row_flags_print(GString *out, uint32_t flags, uint32_t undefined);

/* An address or value with the symbol it lies at. */
void row_address_print(GString *out, uint64_t address);

/* size bytes at p, highest first, in groups of 8 digits. */
void row_bytes_print(GString *out, const uint8_t *p, unsigned size);

#endif
