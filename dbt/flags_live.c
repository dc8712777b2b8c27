/* flags_live.c - which arithmetic flags may still be looked at after each op.
 *
 * [SDM1] "EFLAGS Register". Everything that can leave shows all flags to the interpreter, and so to
 * an exception's frame; everything behind an exit is unknown. */
#include "dbt/ir.h"

void flags_live(IrBlock *ir)
{
    unsigned live = FLAGS_ARITH;
    for (unsigned i = ir->op_count; i-- > 0;) {
        const IrOp *op = &ir->ops[i];
        ir->live[i] = live;
        IrUse use = ir->use[i];
        if (!use.may_keep)
            live &= ~use.writes;
        live |= use.reads;
        /* FLAGS and CLI save the flags first: whoever saves looks. */
        if (ir_info[op->op].leaves || op->op == IR_FLAGS || op->op == IR_CLI || op->op == IR_STI ||
            op->op == IR_POLL || op->op == IR_EXITIF || op->op == IR_EXITCX || op->op == IR_JMP ||
            op->op == IR_JUMP)
            live = FLAGS_ARITH;
    }
}
