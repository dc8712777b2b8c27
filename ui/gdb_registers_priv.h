/* gdb_registers_priv.h - the rows of gdb_registers.def, for those who read, write and describe
 * them. */
#ifndef MYNA_UI_GDB_REGISTERS_PRIV_H
#define MYNA_UI_GDB_REGISTERS_PRIV_H

#include "ui/gdb_registers.h"

typedef enum RegisterKind {
    REGISTER_GPR,
    REGISTER_PC,
    REGISTER_EFLAGS,
    REGISTER_SELECTOR,
    REGISTER_BASE,
    REGISTER_ST,
    REGISTER_X87,
    REGISTER_XMM,
    REGISTER_YMMH,
    REGISTER_MXCSR,
    REGISTER_SYSTEM,
    REGISTER_NONE, /* the row is a feature's */
} RegisterKind;

typedef struct GdbRow {
    const char *name, *name32;
    unsigned bits;
    const char *type, *group;
    RegisterKind kind;
    unsigned index;
} GdbRow;

extern const GdbRow gdb_rows[];
extern const size_t gdb_row_count;

/* In 32-bit descriptions a row with a name for its low half is two registers. */
unsigned gdb_registers_in_row(const GdbRow *row, GdbArch arch);

#endif
