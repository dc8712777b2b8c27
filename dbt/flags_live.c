/* flags_live.c - which arithmetic flags may still be looked at after each op.
 *
 * [SDM1] "EFLAGS Register". Everything that can leave shows all flags to the interpreter, and so to
 * an exception's frame; everything behind an exit is unknown. */
#include "dbt/ir.h"

void flags_live(IrBlock *ir)
{
    unsigned live = FLAGS_ARITH;
    for (unsigned i = ir->op_count; i-- > 0;) {
        ir->live[i] = live;
        IrUse use = ir->use[i];
        if (!use.may_keep)
            live &= ~use.writes;
        live |= use.reads;
    }
    ir->live_before = live;
}
