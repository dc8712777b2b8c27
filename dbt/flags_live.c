/* flags_live.c - which arithmetic flags may still be looked at after each op.
 *
 * [SDM1] "EFLAGS Register". Everything that can leave shows all flags to the interpreter, and so to
 * an exception's frame; everything behind an exit is unknown. */
#include "dbt/ir.h"
#include "dbt/rows.h"

/* A count that is zero once masked leaves the flags alone. */
static bool count_may_be_zero(const Insn *insn)
{
    for (unsigned i = 1; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_ONE)
            return false;
        if (insn->op[i].kind == OPND_IMM)
            return (insn->imm & (insn->op[0].size == 8 ? 63 : 31)) == 0;
    }
    return true;
}

static unsigned condition_reads(unsigned cc)
{
    static const uint16_t reads[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF,
    };
    return reads[cc >> 1 & 7];
}

IrFlagUse ir_flag_use(const IrBlock *ir, const IrOp *op)
{
    const Insn *insn = &ir->insn[op->insn];
    const InsnRow *row = insn_row(insn);
    if (op->op == IR_EXITIF)
        return (IrFlagUse){.reads = condition_reads(op->access)};
    if (op->op == IR_DIVIDE || ir_info[op->op].flags == FLAGS_WRITES)
        return (IrFlagUse){.writes = FLAGS_ARITH};
    if (op->op != IR_ROW && op->op != IR_X87)
        return (IrFlagUse){0};
    IrFlagUse use = {row->flags_read & FLAGS_ARITH, row->flags_written & FLAGS_ARITH, false};
    LiftKind kind = row_traits(insn)->kind;
    if (kind == LIFT_CONDITION)
        use.reads = condition_reads(insn->opcode & 15);
    use.may_keep = kind == LIFT_SHIFT && count_may_be_zero(insn);
    return use;
}

void flags_live(IrBlock *ir)
{
    unsigned live = FLAGS_ARITH;
    for (unsigned i = ir->op_count; i-- > 0;) {
        const IrOp *op = &ir->ops[i];
        ir->live[i] = live;
        IrFlagUse use = ir_flag_use(ir, op);
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
