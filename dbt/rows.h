/* rows.h - what the translator knows of each row of the instruction table. */
#ifndef MYNA_DBT_ROWS_H
#define MYNA_DBT_ROWS_H

#include "cpu/cpu.h"

typedef enum LiftKind {
    LIFT_INTERP,
    LIFT_ROW,
    LIFT_SHIFT,
    LIFT_CONDITION,
    LIFT_BITTEST,
    LIFT_VECTOR,
    LIFT_X87,
    LIFT_MMX,
    LIFT_FLDCW,
    LIFT_NOP87,
    LIFT_DIVIDE,
    LIFT_NOP,
    LIFT_LEA,
    LIFT_PUSH,
    LIFT_POP,
    LIFT_FRAME,
    LIFT_CALL,
    LIFT_RET,
    LIFT_JMP,
    LIFT_JCC,
    LIFT_LOOP,
    LIFT_MOVS,
    LIFT_STOS,
    LIFT_LODS,
    LIFT_SCAS,
    LIFT_CMPS,
    LIFT_CLI,
    LIFT_STI,
    LIFT_SWAPGS,
    LIFT_PUSHF,
    LIFT_POPF,
    LIFT_CLD,
    LIFT_SYSCALL,
    LIFT_SYSRET,
} LiftKind;

/* What a row's instructions are to the translator. */
typedef struct RowTraits {
    uint8_t kind;           /* LiftKind: how the host, as it is, can do them */
    bool sees_x87;          /* the interpreter's function looks at x87 or MMX registers */
    bool sets_x87_pointers; /* x87 instructions, but for control instructions */
    bool sees_flags;        /* the interpreter's function looks at arithmetic flags or sets them */
    bool indirect;          /* a near transfer whose target the jump cache should learn */
    uint8_t written_operands;           /* bit n: they write operand n */
    uint16_t unnamed_gprs;              /* bit n: they write general register n without naming it */
    uint16_t flags_read, flags_written; /* arithmetic ones */
    uint16_t open_flags; /* those that processors leave differently; the interpreter clears them */
    bool open;           /* processors differ in the result; the interpreter has one of its own */
} RowTraits;

/* By row; worked out by the first who asks. */
extern const RowTraits *row_traits_table;
const RowTraits *row_traits_make(void);

static inline const RowTraits *row_traits(const Insn *insn)
{
    const RowTraits *table = __atomic_load_n(&row_traits_table, __ATOMIC_ACQUIRE);
    return &(LIKELY(table != NULL) ? table : row_traits_make())[insn->row];
}

/* Bit n: the instruction may write general register n, named or not. */
static inline uint16_t row_written_gprs(const Insn *insn)
{
    const RowTraits *traits = row_traits(insn);
    uint16_t gprs = traits->unnamed_gprs;
    for (unsigned left = traits->written_operands; left; left &= left - 1) {
        const Operand *op = &insn->op[__builtin_ctz(left)];
        if (op->kind == OPND_GPR || op->kind == OPND_GPR8H)
            gprs |= 1u << op->reg;
    }
    return gprs;
}

#endif
