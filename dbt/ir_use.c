/* ir_use.c - which flags and general registers an op of the intermediate form reads and
 * writes, and where in memory it looks. */
#include "dbt/ir.h"
#include "dbt/lift.h"
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

static void note_row(const Insn *insn, IrUse *use)
{
    const RowTraits *traits = row_traits(insn);
    use->reads = traits->kind == LIFT_CONDITION ? condition_reads(insn->opcode & 15)
                                                : traits->flags_read;
    use->writes = traits->flags_written;
    use->gprs = row_written_gprs(insn);
    use->may_keep = traits->kind == LIFT_SHIFT && count_may_be_zero(insn);
}

static uint16_t written_gprs(const IrBlock *ir, const IrOp *op)
{
    switch (op->op) {
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
    case IR_CROSS:
    case IR_INTERP:
    case IR_LEAVE:
        return UINT16_MAX;
    default:
        return 0;
    }
}

static void note_use(const IrBlock *ir, const IrOp *op, IrUse *use)
{
    if (op->op == IR_ROW || op->op == IR_X87) {
        note_row(&ir->insn[op->insn], use);
        return;
    }
    bool writes = op->op == IR_DIVIDE || ir_info[op->op].flags == FLAGS_WRITES;
    use->reads = op->op == IR_EXITIF ? condition_reads(op->access) : 0;
    use->writes = writes ? FLAGS_ARITH : op->op == IR_SETTLE ? op->imm : 0;
    use->gprs = written_gprs(ir, op);
    use->may_keep = op->op == IR_SETTLE && op->src == RCX;
}

IrUse ir_use_of(const IrBlock *ir, const IrOp *op)
{
    IrUse use;
    note_use(ir, op, &use);
    return use;
}

void ir_note_uses(IrBlock *ir)
{
    for (unsigned i = 0; i < ir->op_count; i++)
        note_use(ir, &ir->ops[i], &ir->use[i]);
}

/* --- addresses ----------------------------------------------------------------------------------- */

IrAddress ir_operand_address(const IrBlock *ir, const IrOp *op)
{
    const Insn *insn = &ir->insn[op->insn];
    IrAddress ad = {.base = insn->base,
                    .index = insn->index,
                    .scale = insn->scale,
                    .bits_size = insn->addrsize,
                    .seg = insn->seg,
                    .disp = insn->has_moffs ? (int64_t)insn->imm : insn->disp};
    if (insn->base == REG_IP) {
        ad.base = REG_NONE;
        ad.disp += ir->insn_rip[op->insn] + insn->length;
    }
    return ad;
}

IrAddress ir_check_address(const IrBlock *ir, const IrOp *op)
{
    unsigned stack = 1u << (ir->key >> KEY_STACK_SHIFT & 3);
    if (op->op == IR_CHECK)
        return ir_operand_address(ir, op);
    const Insn *insn = &ir->insn[op->insn];
    if (op->op == IR_CHECKSI || op->op == IR_CHECKDI)
        return (IrAddress){.base = op->op == IR_CHECKSI ? RSI : RDI,
                           .index = REG_NONE,
                           .bits_size = insn->addrsize,
                           .seg = op->op == IR_CHECKSI ? insn->seg : SEG_ES};
    return (IrAddress){.base = op->op == IR_CHECKBP ? RBP : RSP,
                       .index = REG_NONE,
                       .bits_size = stack,
                       .seg = SEG_SS,
                       .disp = op->imm};
}

/* Legacy vector rows fault on misaligned memory; so does CMPXCHG16B. */
unsigned ir_required_alignment(const IrBlock *ir, const IrOp *op)
{
    const Insn *insn = &ir->insn[op->insn];
    return op->op == IR_CHECK && insn_row(insn)->attrs & ATTR_ALIGNED ? op->size : 1;
}
