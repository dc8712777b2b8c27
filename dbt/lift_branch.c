/* lift_branch.c - near transfers of control. [SDM2] JMP, Jcc, CALL, RET, LOOP, JCXZ.
 *
 * A target outside the code segment is left to the interpreter, which raises. */
#include "cpu/exec.h"
#include "dbt/lift.h"

static bool target_fits(const Lift *l, uint64_t rip)
{
    if (l->cpu->mode == CPU_LONG)
        return cpu_is_canonical(l->cpu, rip);
    /* In 16-bit code the key says only that CS has 64 KiB. */
    uint32_t end = l->cpu->code_size == CODE_16 ? 0xffff : UINT32_MAX;
    return rip <= end;
}

static uint64_t to_operand_size(const Lift *l, uint64_t rip)
{
    return truncate_to(rip, l->insn->opsize);
}

static bool relative_target(const Lift *l, uint64_t *rip)
{
    *rip = to_operand_size(l, l->next + l->insn->imm);
    return target_fits(l, *rip);
}

static void jump_to(Lift *l, uint64_t rip)
{
    ir_add(l->ir, IR_JMP, 0)->imm = rip;
    l->ir->is_loop |= rip == l->ir->rip;
    l->done = true;
}

/* The superblock goes on there, if it is on a path that does. */
static bool follow(Lift *l, uint64_t rip)
{
    if (!lift_goes_to(l, rip))
        return false;
    l->next = rip;
    return true;
}

/* Loads the target of an indirect transfer into T and finds its code. */
static void find_target(Lift *l, bool keep)
{
    const Operand *src = &l->insn->op[0];
    lift_check_operand(l);
    IrOp *op = ir_add_to(l->ir, src->kind == OPND_MEM ? IR_LOAD : IR_MOVE, l->insn->opsize, REF_T);
    op->src = src->kind == OPND_GPR ? src->reg : REF_NONE;
    ir_add(l->ir, IR_FIND, 0)->last = keep;
}

static void jump_found(Lift *l, bool kept)
{
    ir_add(l->ir, IR_JUMP, 0)->last = kept;
    l->done = true;
}

/* Forward in the page a jump is no end. */
bool lift_jmp(Lift *l)
{
    if (l->insn->op[0].kind != OPND_REL) {
        find_target(l, false);
        jump_found(l, false);
        return true;
    }
    uint64_t rip;
    if (!relative_target(l, &rip))
        return false;
    if (!l->path && rip >= l->next && rip - l->page_rip < PAGE_SIZE)
        l->next = rip;
    else if (!follow(l, rip))
        jump_to(l, rip);
    return true;
}

/* A branch that is taken makes the rest of the block useless, and translated once more if it comes
 * back to it: three are a good bet. More cost the translator a third and gain programs nothing. */
bool lift_jcc(Lift *l)
{
    uint64_t rip;
    if (!relative_target(l, &rip))
        return false;
    IrOp *op = ir_add(l->ir, IR_EXITIF, 0);
    op->access = l->insn->opcode & 15;
    op->imm = rip;
    if (l->path && lift_goes_to(l, l->next))
        return true;
    if (l->path && rip != l->ir->rip && follow(l, rip)) {
        op->access ^= 1;
        op->imm = l->ir->insn_rip[op->insn] + l->insn->length;
        return true;
    }
    /* A loop of one block ends it, so that the back end may write the block twice. */
    l->ir->is_loop = rip == l->ir->rip;
    l->joins[l->branches++] = rip;
    if (l->ir->is_loop || l->path || l->branches == MAX_BRANCHES)
        jump_to(l, l->next);
    return true;
}

bool lift_call(Lift *l)
{
    unsigned size = l->insn->opsize;
    bool direct = l->insn->op[0].kind == OPND_REL;
    uint64_t rip = 0;
    if (direct && !relative_target(l, &rip))
        return false;
    if (!direct)
        find_target(l, true);
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_WRITE, -(int64_t)size);
    IrOp *store = ir_add(l->ir, IR_STORE, size);
    store->src = REF_IMM;
    store->imm = to_operand_size(l, l->next);
    ir_add(l->ir, IR_SPADD, 0)->imm = -(int64_t)size;
    if (direct && l->depth < MAX_RETURNS && follow(l, rip)) {
        l->returns[l->depth++] = store->imm;
        return true;
    }
    ir_add(l->ir, IR_EXPECT, 0)->imm = store->imm;
    if (direct)
        jump_to(l, rip);
    else
        jump_found(l, true);
    return true;
}

/* Behind a call on the path a return goes back there, or is the interpreter's. */
bool lift_ret(Lift *l)
{
    unsigned size = l->insn->opsize;
    unsigned drop = l->insn->op[0].kind == OPND_IMM ? l->insn->imm & 0xffff : 0;
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_READ, 0);
    ir_add_to(l->ir, IR_LOAD, size, REF_T);
    if (l->depth && follow(l, l->returns[l->depth - 1])) {
        ir_add(l->ir, IR_KNOWN, 0)->imm = l->returns[--l->depth];
        ir_add(l->ir, IR_SPADD, 0)->imm = size + drop;
        return true;
    }
    ir_add(l->ir, IR_RET, 0)->imm = size + drop;
    l->done = true;
    return true;
}

/* LOOP counts rCX down and jumps if it is not zero; JCXZ only looks. A counter of 16 bits is left
 * to the interpreter. */
bool lift_loop(Lift *l)
{
    bool counts = l->insn->opcode == 0xe2;
    uint64_t rip;
    if (l->insn->addrsize == 2 || !relative_target(l, &rip))
        return false;
    IrOp *op = ir_add(l->ir, IR_EXITCX, l->insn->addrsize);
    op->last = counts;
    ir_last_use(l->ir)->gprs = counts ? 1u << RCX : 0;
    op->access = counts ? 5 : 4; /* NE, E */
    op->imm = rip;
    return true;
}
