/* lift_string.c - string instructions without a repeat prefix. [SDM2] MOVS, STOS, LODS, SCAS, CMPS.
 *
 * Repeated ones that go up and stay in a page are the host's, for comparisons few elements; the
 * rest is the interpreter's. */
#include "dbt/lift.h"

static void step(Lift *l, unsigned gpr)
{
    IrOp *op = ir_add_to(l->ir, IR_STEP, l->insn->addrsize, gpr);
    op->imm = l->ir->key & KEY_DOWN ? -(int64_t)l->insn->opsize : l->insn->opsize;
}

static void check_string(Lift *l, IrOpcode opcode, MemAccess access)
{
    ir_add(l->ir, opcode, l->insn->opsize)->access = access;
}

static bool segment_is_flat(const Lift *l, unsigned seg)
{
    return l->cpu->mode == CPU_LONG || (seg <= SEG_DS && l->ir->key >> (KEY_FLAT_SHIFT + seg) & 1);
}

/* All elements at once: the address of the first in temp (source) or M. */
static void span(Lift *l, IrOpcode check, MemAccess access)
{
    check_string(l, check, access);
    IrOp *op = ir_add(l->ir, IR_ELEMENTS, l->insn->opsize);
    op->dst = check == IR_CHECKSI ? REF_TEMP : REF_NONE;
}

/* Without elements nothing changes, the flags included, which SCAS and CMPS would otherwise write.
 */
static bool lift_repeat(Lift *l, bool source, bool dest_written, bool compares)
{
    enum { FEW = 64, FEW_OF_ONE = 24 }; /* where the interpreter becomes faster */
    unsigned seg = l->insn->seg, most = !compares ? PAGE_SIZE : source ? FEW : FEW_OF_ONE;
    if (l->ir->key & KEY_DOWN || l->insn->addrsize == 2 || !segment_is_flat(l, SEG_ES) ||
        (source && !segment_is_flat(l, seg)))
        return false;
    if (!compares)
        ir_add(l->ir, IR_SKIPCX, l->insn->addrsize);
    ir_add(l->ir, IR_COUNT, 0)->imm = most;
    if (source)
        span(l, IR_CHECKSI, ACCESS_READ);
    span(l, IR_CHECKDI, dest_written ? ACCESS_WRITE : ACCESS_READ);
    ir_add(l->ir, compares ? IR_REPCMP : IR_REPEAT, l->insn->opsize);
    return true;
}

/* Both addresses are checked before anything is written. */
bool lift_movs(Lift *l)
{
    if (l->insn->rep)
        return lift_repeat(l, true, true, false);
    check_string(l, IR_CHECKSI, ACCESS_READ);
    ir_add_to(l->ir, IR_LOAD, l->insn->opsize, REF_TEMP);
    check_string(l, IR_CHECKDI, ACCESS_WRITE);
    ir_add(l->ir, IR_STORE, l->insn->opsize)->src = REF_TEMP;
    step(l, RSI);
    step(l, RDI);
    return true;
}

bool lift_stos(Lift *l)
{
    if (l->insn->rep)
        return lift_repeat(l, false, true, false);
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
    ir_add_to(l->ir, IR_LOAD, l->insn->opsize, RAX);
    step(l, RSI);
    return true;
}

bool lift_scas(Lift *l)
{
    if (l->insn->rep)
        return lift_repeat(l, false, false, true);
    check_string(l, IR_CHECKDI, ACCESS_READ);
    ir_add(l->ir, IR_COMPARE, l->insn->opsize)->dst = RAX;
    step(l, RDI);
    return true;
}

bool lift_cmps(Lift *l)
{
    if (l->insn->rep)
        return lift_repeat(l, true, false, true);
    check_string(l, IR_CHECKSI, ACCESS_READ);
    ir_add_to(l->ir, IR_LOAD, l->insn->opsize, REF_TEMP);
    check_string(l, IR_CHECKDI, ACCESS_READ);
    ir_add(l->ir, IR_COMPARE, l->insn->opsize)->dst = REF_TEMP;
    step(l, RSI);
    step(l, RDI);
    return true;
}
