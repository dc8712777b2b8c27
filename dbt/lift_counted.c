/* lift_counted.c - what code that counts instructions may not leave to the host's processor.
 *
 * A counted run repeats itself whichever engine, and whichever host, does an instruction: a budget
 * that ends in a block leaves its beginning to the interpreter, a check that fails the one
 * instruction. So where the manual leaves a result open there is one rule. Undefined flags are
 * cleared, by the interpreter and by SETTLE behind what the host does; the other rows that are open
 * are the interpreter's. */
#include "dbt/lift.h"
#include "dbt/rows.h"

static bool is_counted(const Lift *l)
{
    return l->ir->key & KEY_COUNTED;
}

static bool count_is_cl(const Insn *insn)
{
    const Operand *count = &insn->op[insn->op[2].kind == OPND_NONE ? 1 : 2];
    return row_traits(insn)->kind == LIFT_SHIFT && count->kind == OPND_GPR;
}

/* 16-bit operands: SHLD and SHRD by more than 16, and the upper half behind MOVSXD. */
static bool is_open_with_16_bits(const Insn *insn)
{
    static const char *const names[] = {"SHLD", "SHRD", "MOVSXD"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names) && insn->opsize == 2; i++)
        if (!strcmp(insn_row(insn)->name, names[i]))
            return true;
    return false;
}

bool lift_is_open(const Lift *l)
{
    const Insn *insn = l->insn;
    if (!is_counted(l))
        return false;
    /* What was in CL must still be there for SETTLE. */
    bool loses_count = row_traits(insn)->open_flags && count_is_cl(insn) &&
                       row_written_gprs(insn) & 1 << RCX;
    return row_traits(insn)->open || loses_count || is_open_with_16_bits(insn);
}

void lift_settle(Lift *l)
{
    const Insn *insn = l->insn;
    unsigned flags = row_traits(insn)->open_flags;
    if (!is_counted(l) || !flags)
        return;
    bool by_cl = count_is_cl(insn);
    if (!by_cl && ir_use_of(l->ir, &l->ir->ops[l->ir->op_count - 1]).may_keep)
        return; /* a shift by 0 */
    IrOp *op = ir_add(l->ir, IR_SETTLE, insn->op[0].size);
    op->imm = flags;
    op->src = by_cl ? RCX : REF_NONE;
}
