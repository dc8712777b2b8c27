/* undefined.c - flags without a meaning, by the instruction table's columns. */
#include "tests/support/undefined.h"

#include "cpu/isa.h"
#include "cpu/regs.h"
#include "dbt/rows.h"

static bool is_one_of(const InsnRow *row, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(row->name, *names))
            return true;
    return false;
}

uint32_t undefined_flags(const Insn *insn)
{
    static const char *const logic[] = {"AND", "OR", "XOR", "TEST", NULL}; /* AF: zero everywhere */
    static const char *const shifts[] = {"SHL", "SHR",
                                         NULL}; /* CF, by a count beyond the operand */
    const InsnRow *row = insn_row(insn);
    if (is_one_of(row, logic))
        return 0;
    return (row->flags_undefined & FLAGS_ARITH) | (is_one_of(row, shifts) ? FLAG_CF : 0);
}

uint32_t flags_looked_at(const Insn *insn)
{
    static const char *const conditional[] = {"JCC", "SETCC", "CMOVCC", NULL};
    static const uint16_t reads[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF,
    };
    const InsnRow *row = insn_row(insn);
    if (is_one_of(row, conditional))
        return reads[insn->opcode >> 1 & 7];
    return row->flags_read & FLAGS_ARITH;
}
