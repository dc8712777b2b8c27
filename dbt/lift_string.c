/* lift_string.c - string instructions without a repeat prefix. [SDM2] MOVS, STOS, LODS, SCAS, CMPS.
 *
 * Repeated ones are the interpreter's, which does whole pages at a time. */
#include "dbt/lift.h"

static void step(Lift *l, unsigned gpr)
{
    IrOp *op = ir_add(l->ir, IR_STEP, l->insn->addrsize);
    op->dst = gpr;
    op->imm = l->ir->key & KEY_DOWN ? -(int64_t)l->insn->opsize : l->insn->opsize;
}

static void check_string(Lift *l, IrOpcode opcode, MemAccess access)
{
    ir_add(l->ir, opcode, l->insn->opsize)->access = access;
}

/* Both addresses are checked before anything is written. */
bool lift_movs(Lift *l)
{
    if (l->insn->rep)
        return false;
    check_string(l, IR_CHECKSI, ACCESS_READ);
    ir_add(l->ir, IR_LOAD, l->insn->opsize)->dst = REF_TEMP;
    check_string(l, IR_CHECKDI, ACCESS_WRITE);
    ir_add(l->ir, IR_STORE, l->insn->opsize)->src = REF_TEMP;
    step(l, RSI);
    step(l, RDI);
    return true;
}

bool lift_stos(Lift *l)
{
    if (l->insn->rep)
        return false;
    check_string(l, IR_CHECKDI, ACCESS_WRITE);
    ir_add(l->ir, IR_STORE, l->insn->opsize)->src = RAX;
    step(l, RDI);
    return true;
}

bool lift_lods(Lift *l)
{
    if (l->insn->rep)
        return false;
    check_string(l, IR_CHECKSI, ACCESS_READ);
    ir_add(l->ir, IR_LOAD, l->insn->opsize)->dst = RAX;
    step(l, RSI);
    return true;
}

bool lift_scas(Lift *l)
{
    if (l->insn->rep)
        return false;
    check_string(l, IR_CHECKDI, ACCESS_READ);
    ir_add(l->ir, IR_COMPARE, l->insn->opsize)->dst = RAX;
    step(l, RDI);
    return true;
}

bool lift_cmps(Lift *l)
{
    if (l->insn->rep)
        return false;
    check_string(l, IR_CHECKSI, ACCESS_READ);
    ir_add(l->ir, IR_LOAD, l->insn->opsize)->dst = REF_TEMP;
    check_string(l, IR_CHECKDI, ACCESS_READ);
    ir_add(l->ir, IR_COMPARE, l->insn->opsize)->dst = REF_TEMP;
    step(l, RSI);
    step(l, RDI);
    return true;
}
