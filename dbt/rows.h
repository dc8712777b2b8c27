/* rows.h - what the translator knows of each row of the instruction table. */
#ifndef MYNA_DBT_ROWS_H
#define MYNA_DBT_ROWS_H

#include <stdalign.h>

#include "dbt/ir.h"

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
    LIFT_PORT,
    LIFT_KIND_COUNT,
} LiftKind;

/* What a MOV, ADD or SUB leaves in its first operand, where the second allows it. */
typedef enum RowSum { SUM_NONE, SUM_MOVE, SUM_ADD, SUM_SUB } RowSum;

/* What a row's instructions are to the translator. */
typedef struct RowTraits {
    alignas(8) IrUse use; /* of their op, but for registers and conditions that they name */
    uint16_t open_flags;  /* flags that processors leave differently; the interpreter clears them */
    uint8_t kind;         /* LiftKind: how the host, as it is, can do them */
    uint8_t written_operands; /* bit n: they write operand n */
    uint8_t memory;           /* index of the operand that may be in memory, if one may */
    bool ruled : 1;           /* exec_bind_general must say whether the CPU may run them now */
    bool use_varies : 1;      /* what they do with flags depends on a condition or a count */
    uint8_t sum : 2;          /* RowSum */
    bool aligned : 1;         /* their memory operand must be, or they raise */
    bool open : 1;     /* processors differ in the result; the interpreter has one of its own */
    bool open_16 : 1;  /* likewise, with 16-bit operands */
    bool sees_x87 : 1; /* the interpreter's function looks at x87 or MMX registers */
    bool sets_x87_pointers : 1; /* x87 instructions, but for control instructions */
    bool sees_flags : 1; /* the interpreter's function looks at arithmetic flags or sets them */
    bool indirect : 1;   /* a near transfer whose target the jump cache should learn */
    bool keeps_mode : 1; /* they leave lift_key, and so what code is translated for, as it is */
} RowTraits;
static_assert(sizeof(RowTraits) == 16, "four to a cache line");

/* By row; worked out by the first who asks. */
extern const RowTraits *row_traits_table;
const RowTraits *row_traits_make(void);

static inline const RowTraits *row_traits(const Insn *insn)
{
    const RowTraits *table = __atomic_load_n(&row_traits_table, __ATOMIC_ACQUIRE);
    return &(LIKELY(table != NULL) ? table : row_traits_make())[insn->row];
}

/* Bit n: the instruction may write general register n, named or not. */
static inline uint16_t row_written_gprs(const Insn *insn, const RowTraits *traits)
{
    uint16_t gprs = traits->use.gprs;
    unsigned written = traits->written_operands;
    for (const Operand *op = insn->op; written; written >>= 1, op++)
        gprs |= (written & (op->kind == OPND_GPR || op->kind == OPND_GPR8H)) << (op->reg & 15);
    return gprs;
}

/* What the instruction's op does, to *use. */
void row_vary_use(const Insn *insn, const RowTraits *traits, IrUse *use);
static inline void row_note_use(const Insn *insn, const RowTraits *traits, IrUse *use)
{
    *use = traits->use;
    use->gprs = row_written_gprs(insn, traits);
    if (UNLIKELY(traits->use_varies))
        row_vary_use(insn, traits, use);
}

/* The (first) memory operand; NULL: it has none. */
static inline const Operand *row_memory_operand(const Insn *insn, const RowTraits *traits)
{
    const Operand *op = &insn->op[traits->memory];
    return op->kind == OPND_MEM ? op : NULL;
}

#endif
