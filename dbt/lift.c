/* lift.c - guest bytes to the intermediate form: the walk over a superblock, and what is common to
 * its instructions.
 *
 * A superblock goes on through branches that are not taken and through jumps forward in the page.
 * It ends at everything else that sets rip, behind its third conditional branch, where one of them
 * goes or another block starts, before an instruction that crosses the page, and after what may
 * change mode, mapping or interrupt state. */
#include "dbt/lift.h"

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "dbt/rows.h"
#include "dbt/x64/row.h"

/* Enough ops for the longest instruction. */
enum { OPS_PER_INSN = 8 };

uint32_t lift_segment_key(const Cpu *cpu)
{
    uint32_t key = 0, shapes = 0;
    for (unsigned s = SEG_ES; s <= SEG_DS; s++) {
        uint32_t flat = s == SEG_CS ? SHAPE_FLAT_READ : SHAPE_FLAT_READ | SHAPE_FLAT_WRITE;
        key |= (uint32_t)((cpu->seg[s].shape & flat) == flat) << (KEY_FLAT_SHIFT + s);
    }
    for (unsigned s = SEG_ES; s < SEG_COUNT; s++)
        shapes |= cpu->seg[s].shape;
    key |= shapes & SHAPE_RAISED ? KEY_EXPAND_DOWN : 0;
    uint32_t end = cpu->code_size == CODE_16 ? 0xffff : UINT32_MAX;
    return key | (cpu->seg[SEG_CS].limit >= end ? KEY_ROOMY_CS : 0);
}

/* --- pieces -------------------------------------------------------------------------------------- */

void lift_check_operand(Lift *l)
{
    const Operand *memory = lift_memory_operand(l->insn);
    if (!memory || !memory->size)
        return;
    IrOp *op = ir_add(l->ir, IR_CHECK, memory->size);
    op->access = memory->access & OPND_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

void lift_stack_check(Lift *l, IrOpcode opcode, unsigned size, MemAccess access, int64_t offset)
{
    IrOp *op = ir_add(l->ir, opcode, size);
    op->access = access;
    op->imm = offset;
}

uint64_t lift_target(const Lift *l, uint64_t rip)
{
    return truncate_to(rip, l->insn->opsize);
}

/* --- instructions -------------------------------------------------------------------------------- */

/* CVTPI2PS from memory: AMD's processors leave the x87 state alone, Intel's and the manual do not.
 */
static bool hosts_disagree(const Insn *insn)
{
    return insn->op[1].kind == OPND_MEM && !strcmp(insn_row(insn)->name, "CVTPI2PS");
}

static bool lift_row(Lift *l, LiftKind kind)
{
    Insn *insn = l->insn;
    const InsnRow *row = insn_row(insn);
    if (kind == LIFT_MMX && hosts_disagree(insn))
        return false;
    if (!x64_row_fits(insn))
        return false;
    if (kind == LIFT_BITTEST && insn->op[0].kind == OPND_MEM && insn->op[1].kind == OPND_GPR)
        return false;
    /* Outside 64-bit mode VZEROUPPER leaves YMM8-15 alone. [SDM2]. */
    if (kind == LIFT_VECTOR && insn->op[0].kind == OPND_NONE && l->cpu->mode != CPU_LONG)
        return false;
    if (row->attrs & ATTR_FPEXC && l->ir->key & KEY_FP_RAISES)
        return false;
    l->ir->vectors |= kind == LIFT_VECTOR || (kind == LIFT_MMX && row->attrs & ATTR_SSE);
    l->ir->x87 |= kind == LIFT_MMX;
    lift_check_operand(l);
    ir_add(l->ir, IR_ROW, insn->op[0].size);
    lift_settle(l);
    return true;
}

/* Where an exception may be waiting or arise, the interpreter looks after it. MMX instructions
 * report one that waits, too. */
static bool lift_x87(Lift *l, LiftKind kind)
{
    if (l->ir->key & KEY_X87_RAISES)
        return false;
    if (kind == LIFT_NOP87)
        return true;
    if (kind == LIFT_MMX)
        return lift_row(l, kind);
    lift_check_operand(l);
    ir_add(l->ir, kind == LIFT_FLDCW ? IR_FLDCW : IR_X87, l->insn->op[0].size);
    l->ir->x87 = true;
    return true;
}

/* 8-bit dividends lie in AX alone; the checks of IDIV need 32 bits. */
static bool lift_divide(Lift *l)
{
    bool is_signed = (l->insn->modrm >> 3 & 7) == 7;
    if (l->insn->opsize < (is_signed ? 4 : 2) || !x64_row_fits(l->insn))
        return false;
    lift_check_operand(l);
    ir_add(l->ir, IR_DIVIDE, l->insn->opsize);
    lift_settle(l);
    return true;
}

static bool lift_lea(Lift *l)
{
    IrOp *op = ir_add(l->ir, IR_LEA, l->insn->opsize);
    op->dst = l->insn->op[0].reg;
    return true;
}

static bool lift_insn(Lift *l, LiftKind kind)
{
    switch (kind) {
    case LIFT_ROW:
    case LIFT_SHIFT:
    case LIFT_CONDITION:
    case LIFT_BITTEST:
    case LIFT_VECTOR:
        return lift_row(l, kind);
    case LIFT_X87:
    case LIFT_MMX:
    case LIFT_FLDCW:
    case LIFT_NOP87:
        return lift_x87(l, kind);
    case LIFT_DIVIDE:
        return lift_divide(l);
    case LIFT_NOP:
        return true;
    case LIFT_LEA:
        return lift_lea(l);
    case LIFT_PUSH:
        return lift_push(l);
    case LIFT_POP:
        return lift_pop(l);
    case LIFT_FRAME:
        return lift_frame(l);
    case LIFT_CALL:
        return lift_call(l);
    case LIFT_RET:
        return lift_ret(l);
    case LIFT_JMP:
        return lift_jmp(l);
    case LIFT_JCC:
        return lift_jcc(l);
    case LIFT_LOOP:
        return lift_loop(l);
    case LIFT_MOVS:
        return lift_movs(l);
    case LIFT_STOS:
        return lift_stos(l);
    case LIFT_LODS:
        return lift_lods(l);
    case LIFT_SCAS:
        return lift_scas(l);
    case LIFT_CMPS:
        return lift_cmps(l);
    case LIFT_CLI:
        return lift_cli(l);
    case LIFT_STI:
        return lift_sti(l);
    case LIFT_SWAPGS:
        return lift_swapgs(l);
    case LIFT_PUSHF:
        return lift_pushf(l);
    case LIFT_POPF:
        return lift_popf(l);
    case LIFT_CLD: /* the block's key knows DF */
        return !(l->ir->key & KEY_DOWN);
    case LIFT_SYSCALL:
        return lift_syscall(l);
    case LIFT_SYSRET:
        return lift_sysret(l);
    default:
        return false;
    }
}

/* The interpreter does this one. Whether what it changed lets the block go on is seen behind it
 * (door.c), not here. */
static void lift_interp(Lift *l)
{
    bool leave = insn_row(l->insn)->attrs & ATTR_BRANCH;
    ir_add(l->ir, leave ? IR_LEAVE : IR_INTERP, 0);
    l->done = leave;
}

/* Generated code knows no segments that begin above 0. */
static bool touches_memory(const Lift *l, LiftKind kind)
{
    static const LiftKind stack[] = {LIFT_PUSH, LIFT_POP, LIFT_FRAME,
                                     LIFT_CALL, LIFT_RET, LIFT_PUSHF};
    for (unsigned i = 0; i < G_N_ELEMENTS(stack); i++)
        if (kind == stack[i])
            return true;
    return lift_memory_operand(l->insn) != NULL;
}

/* --- the walk ------------------------------------------------------------------------------------ */

/* The instruction at page offset `at`, if it ends in the page or in the second one. */
static bool decode_at(Cpu *cpu, const IrBlock *ir, const uint8_t *page, unsigned at, Insn *insn)
{
    unsigned flags = cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0, here = PAGE_SIZE - at;
    if (!ir->second)
        return decode(page + at, here, cpu->code_size, flags, insn) == DECODE_OK;
    uint8_t bytes[MAX_INSN_LENGTH];
    if (here >= sizeof(bytes))
        return false;
    memcpy(bytes, page + at, here);
    memcpy(bytes + here, ir->second, sizeof(bytes) - here);
    return decode(bytes, sizeof(bytes), cpu->code_size, flags, insn) == DECODE_OK &&
           insn->length > here;
}

/* Decodes the instruction at page offset `at`. False: it is not the block's, or is none. */
static bool fetch_insn(Lift *l, const uint8_t *page, unsigned at, uint64_t rip, bool *owned)
{
    Cpu *cpu = l->cpu;
    IrBlock *ir = l->ir;
    Insn *insn = &ir->insn[ir->insn_count];
    if (!decode_at(cpu, ir, page, at, insn))
        return false;
    if (cpu->mode != CPU_LONG && rip + insn->length - 1 > cpu->seg[SEG_CS].limit)
        return false;
    *owned = exec_bind_general(cpu, insn);
    ir->pc[ir->insn_count] = at;
    ir->insn_rip[ir->insn_count] = rip;
    unsigned last = MIN(at + insn->length - 1, PAGE_MASK);
    ir->granules |= (uint64_t)1 << (at >> 6) | (uint64_t)1 << (last >> 6);
    ir->insn_count++;
    l->insn = insn;
    l->next = rip + insn->length;
    return true;
}

void exec_NOP(Cpu *cpu, const Insn *insn);

static void lift_one(Lift *l, bool owned)
{
    LiftKind kind = row_traits(l->insn)->kind;
    if (l->insn->exec == exec_NOP || l->insn->exec == insn_row(l->insn)->exec)
        kind = l->insn->exec == exec_NOP ? LIFT_NOP : kind;
    else if (!owned)
        kind = LIFT_INTERP;
    unsigned shadow = l->shadow;
    bool expand_down = l->ir->key & KEY_EXPAND_DOWN && touches_memory(l, kind);
    if (expand_down || lift_is_open(l) || !lift_insn(l, kind))
        lift_interp(l);
    if (shadow == STI_SHADOW) {
        l->shadow = NO_SHADOW;
        if (!l->done)
            lift_poll(l);
    }
}

static void lift_jump_to(Lift *l, uint64_t rip)
{
    IrOp *op = ir_add(l->ir, IR_JMP, 0);
    op->imm = rip;
    l->done = true;
}

/* The path is at its end, or the code does not follow it. */
static bool is_off_path(const Lift *l)
{
    return l->path && !lift_goes_to(l, l->next);
}

/* Some other block starts, or will start, where this one has come to: it goes on there. What both
 * have would be translated twice. */
static bool is_start(const Lift *l, const LiftBounds *bounds, unsigned offset)
{
    if (bounds->starts && bounds->starts[offset / 64] >> offset % 64 & 1)
        return true;
    for (unsigned i = 0; i < l->branches; i++)
        if (l->joins[i] == l->next)
            return true;
    return false;
}

static bool is_at_end(const Lift *l, const LiftBounds *bounds, uint64_t offset)
{
    const IrBlock *ir = l->ir;
    if (offset >= PAGE_SIZE || ir->insn_count == IR_MAX_INSNS ||
        ir->op_count + OPS_PER_INSN >= IR_MAX_OPS || is_off_path(l))
        return true;
    return ir->insn_count && (ir->insn_count == bounds->insns || is_start(l, bounds, offset));
}

bool lift_block(Cpu *cpu, uint32_t key, const uint8_t *host, const uint8_t *second, LinAddr la,
                const LiftBounds *bounds, IrBlock *ir)
{
    if (!(key & KEY_ROOMY_CS) || key & KEY_CET) /* branches do more with CET */
        return false;
    ir->rip = cpu->rip;
    ir->la = la;
    ir->host = host;
    ir->second = second;
    ir->key = key;
    ir->insn_count = ir->op_count = 0;
    ir->granules = 0;
    ir->swap_count = 0;
    ir->vectors = ir->x87 = ir->is_loop = ir->is_hot = false;
    Lift l = {.cpu = cpu, .ir = ir, .next = cpu->rip, .path = bounds->path};
    const uint8_t *page = host - (la & PAGE_MASK);
    while (!l.done) {
        uint64_t offset = (la & PAGE_MASK) + (l.next - ir->rip);
        bool owned;
        if (is_at_end(&l, bounds, offset) || !fetch_insn(&l, page, offset, l.next, &owned)) {
            if (ir->insn_count == 0)
                return false;
            lift_jump_to(&l, l.next);
            break;
        }
        lift_one(&l, owned);
    }
    return true;
}
