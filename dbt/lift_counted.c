/* lift_counted.c - what code that counts instructions may not leave to the host's processor.
 *
 * A counted run repeats itself whichever engine, and whichever host, does an instruction: a budget
 * that ends in a block leaves its beginning to the interpreter, a check that fails the one
 * instruction. So where the manual leaves a result open there is one rule. Undefined flags are
 * cleared, by the interpreter and by SETTLE behind what the host does; the other rows that are open
 * are the interpreter's. */
#include "dbt/lift.h"

static bool count_is_cl(const Lift *l)
{
    const Operand *op = l->insn->op, *count = &op[op[2].kind == OPND_NONE ? 1 : 2];
    return l->traits->kind == LIFT_SHIFT && count->kind == OPND_GPR;
}

bool lift_is_open(const Lift *l)
{
    const RowTraits *traits = l->traits;
    /* What was in CL must still be there for SETTLE. */
    bool loses_count = traits->open_flags && count_is_cl(l) &&
                       row_written_gprs(l->insn, traits) & 1 << RCX;
    return traits->open || loses_count || (traits->open_16 && l->insn->opsize == 2);
}

void lift_settle(Lift *l)
{
    unsigned flags = l->traits->open_flags;
    if (!flags)
        return;
    bool by_cl = count_is_cl(l);
    if (!by_cl && ir_last_use(l->ir)->may_keep)
        return; /* a shift by 0 */
    IrOp *op = ir_add(l->ir, IR_SETTLE, l->insn->op[0].size);
    op->imm = flags;
    op->src = by_cl ? RCX : REF_NONE;
    ir_last_use(l->ir)->writes = flags;
    ir_last_use(l->ir)->may_keep = by_cl;
}
