/* lift_stack.c - PUSH, POP, LEAVE. [SDM2]. The order: what can fault, then memory, then registers.
 */
#include "dbt/lift.h"

static void sp_add(Lift *l, int64_t bytes)
{
    ir_add(l->ir, IR_SPADD, 0)->imm = bytes;
}

/* PUSH SP pushes the value from before: rSP moves last. */
bool lift_push(Lift *l)
{
    const Operand *src = &l->insn->op[0];
    unsigned size = l->insn->opsize;
    if (src->kind == OPND_MEM) {
        lift_check_operand(l);
        ir_add_to(l->ir, IR_LOAD, size, REF_TEMP);
    } else if (src->kind != OPND_GPR && src->kind != OPND_IMM) {
        return false;
    }
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_WRITE, -(int64_t)size);
    IrOp *store = ir_add(l->ir, IR_STORE, size);
    store->src = src->kind == OPND_GPR ? src->reg : src->kind == OPND_IMM ? REF_IMM : REF_TEMP;
    store->imm = l->insn->imm;
    sp_add(l, -(int64_t)size);
    return true;
}

/* A destination addressed through rSP sees the rSP of after the pop: interpreted. */
static bool pop_to_memory(Lift *l, unsigned size)
{
    if (l->insn->base == RSP)
        return false;
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_READ, 0);
    ir_add_to(l->ir, IR_LOAD, size, REF_TEMP);
    lift_check_operand(l);
    ir_add(l->ir, IR_STORE, size)->src = REF_TEMP;
    sp_add(l, size);
    return true;
}

/* POP SP takes the value read. */
bool lift_pop(Lift *l)
{
    unsigned size = l->insn->opsize;
    if (l->insn->op[0].kind == OPND_MEM)
        return pop_to_memory(l, size);
    if (l->insn->op[0].kind != OPND_GPR)
        return false;
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_READ, 0);
    sp_add(l, size);
    ir_add_to(l->ir, IR_LOAD, size, l->insn->op[0].reg);
    return true;
}

bool lift_frame(Lift *l)
{
    unsigned size = l->insn->opsize;
    lift_stack_check(l, IR_CHECKBP, size, ACCESS_READ, 0);
    ir_add(l->ir, IR_SPBP, 0);
    sp_add(l, size);
    ir_add_to(l->ir, IR_LOAD, size, RBP);
    return true;
}
