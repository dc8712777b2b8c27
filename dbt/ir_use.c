/* ir_use.c - which flags and general registers an op of the intermediate form reads and writes. */
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
    LiftKind kind = row_lift_kind(insn);
    if (kind == LIFT_CONDITION)
        use.reads = condition_reads(insn->opcode & 15);
    use.may_keep = kind == LIFT_SHIFT && count_may_be_zero(insn);
    return use;
}

uint16_t ir_written_gprs(const IrBlock *ir, const IrOp *op)
{
    switch (op->op) {
    case IR_ROW:
    case IR_X87:
    case IR_DIVIDE:
        return row_written_gprs(&ir->insn[op->insn]);
    case IR_LOAD:
    case IR_LEA:
    case IR_MOVE:
    case IR_STEP:
        return op->dst < GPR_COUNT ? 1u << op->dst : 0;
    case IR_SPADD:
    case IR_SPBP:
        return 1u << RSP;
    case IR_EXITCX:
        return op->last ? 1u << RCX : 0;
    case IR_REPEAT:
    case IR_REPCMP:
        return 1u << RCX | 1u << RSI | 1u << RDI;
    case IR_INTERP:
    case IR_LEAVE:
        return UINT16_MAX;
    default:
        return 0;
    }
}
