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
} LiftKind;

/* How the host, as it is, can do each row; worked out at the first call. */
LiftKind row_lift_kind(const Insn *insn);

#endif
