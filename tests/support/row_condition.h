/* row_condition.h - conditions under which a case may be run: what they change before it, and what
 * the manual says that an instruction with certain attributes raises then. */
#ifndef MYNA_TESTS_SUPPORT_ROW_CONDITION_H
#define MYNA_TESTS_SUPPORT_ROW_CONDITION_H

#include "tests/support/row_case.h"

/* What is to be run, after conditions. */
typedef struct RowSetup {
    RowMode mode;
    unsigned ring;
    uint8_t code[MAX_INSN_LENGTH + 1];
    uint8_t length;
    uint64_t move_operand; /* added to the address of the memory operand */
    uint64_t expected_cr2; /* or 0 */
    bool without_feature;  /* the CPU lacks the row's */
    bool x87_pending;      /* an x87 exception waits */
    bool ignore_mxcsr;     /* the exception leaves flags there */
    uint64_t cr0_set, cr4_clear, cr4_set, xcr0_clear;
    bool unmask; /* all SIMD exceptions */
} RowSetup;

struct RowCondition {
    const char *name;
    void (*apply)(RowSetup *setup, const RowCase *c, const Insn *insn);
    RowRaise raise; /* what it leads to where `applies`, by the manual */
    /* True if every row like this needs a case for it. */
    bool (*needed)(const Insn *insn, RowMode mode);
    bool by_host; /* user mode can show it: the host is asked */
};

extern const RowCondition row_conditions[];
extern const unsigned row_condition_count;

const RowCondition *row_condition_find(const char *name);

/* What an instruction raises under it by the manual; -1: nothing, or the host must tell. */
RowRaise row_condition_raise(const RowCondition *condition, const Insn *insn);

const Operand *row_memory_operand(const Insn *insn);

#endif
