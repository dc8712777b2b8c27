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
} LiftKind;

/* How the host, as it is, can do each row; worked out at the first call. */
LiftKind row_lift_kind(const Insn *insn);

/* Bit n: the instruction may write general register n, named or not. */
uint16_t row_written_gprs(const Insn *insn);

/* Does the interpreter's function for it look at the x87 and MMX registers or change them? */
bool row_sees_x87(const Insn *insn);

/* Is it an x87 instruction that sets the instruction and data pointers? All but control
 * instructions. */
bool row_sets_x87_pointers(const Insn *insn);

#endif
