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
#include "dbt/x64/row.h"

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

/* --- instructions -------------------------------------------------------------------------------- */

static inline void add_row(Lift *l, IrOpcode opcode, unsigned size)
{
    ir_add(l->ir, opcode, size);
    row_note_use(l->insn, l->traits, ir_last_use(l->ir));
    if (lift_is_counted(l))
        lift_settle(l);
}

static bool lift_row(Lift *l)
{
    if (!x64_row_fits(l->insn))
        return false;
    lift_check_operand(l);
    add_row(l, IR_ROW, l->insn->op[0].size);
    return true;
}

/* A bit index in a register reaches beyond a memory operand. */
static bool lift_bit_test(Lift *l)
{
    const Operand *op = l->insn->op;
    return !(op[0].kind == OPND_MEM && op[1].kind == OPND_GPR) && lift_row(l);
}

static bool may_raise_xm(const Lift *l)
{
    return insn_row(l->insn)->attrs & ATTR_FPEXC && l->ir->key & KEY_FP_RAISES;
}

/* Outside 64-bit mode VZEROUPPER leaves YMM8-15 alone. [SDM2]. */
static bool lift_vector(Lift *l)
{
    bool zeroes_upper = l->insn->op[0].kind == OPND_NONE;
    if ((zeroes_upper && l->cpu->mode != CPU_LONG) || may_raise_xm(l) || !lift_row(l))
        return false;
    l->ir->vectors = true;
    return true;
}

/* Where an exception may be waiting or arise, the interpreter looks after it. MMX instructions
 * report one that waits, too. CVTPI2PS from memory: AMD's processors leave the x87 state alone,
 * Intel's and the manual do not. */
static bool lift_mmx(Lift *l)
{
    const InsnRow *row = insn_row(l->insn);
    bool hosts_disagree = l->insn->op[1].kind == OPND_MEM && !strcmp(row->name, "CVTPI2PS");
    if (l->ir->key & KEY_X87_RAISES || hosts_disagree || may_raise_xm(l) || !lift_row(l))
        return false;
    l->ir->vectors |= (row->attrs & ATTR_SSE) != 0;
    l->ir->x87 = true;
    return true;
}

static bool lift_x87(Lift *l)
{
    if (l->ir->key & KEY_X87_RAISES)
        return false;
    lift_check_operand(l);
    if (l->traits->kind == LIFT_FLDCW)
        ir_add(l->ir, IR_FLDCW, l->insn->op[0].size);
    else
        add_row(l, IR_X87, l->insn->op[0].size);
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
    add_row(l, IR_DIVIDE, l->insn->opsize);
    return true;
}

static bool lift_lea(Lift *l)
{
    ir_add_to(l->ir, IR_LEA, l->insn->opsize, l->insn->op[0].reg);
    return true;
}

/* The block's key knows DF. */
static bool lift_cld(Lift *l)
{
    return !(l->ir->key & KEY_DOWN);
}

static bool lift_nop(Lift *l)
{
    return true;
}

static bool lift_never(Lift *l)
{
    return false;
}

static bool lift_nop87(Lift *l)
{
    return !(l->ir->key & KEY_X87_RAISES);
}

static bool (*const lifters[LIFT_KIND_COUNT])(Lift *) = {
    [LIFT_INTERP] = lift_never,  [LIFT_ROW] = lift_row,          [LIFT_SHIFT] = lift_row,
    [LIFT_CONDITION] = lift_row, [LIFT_BITTEST] = lift_bit_test, [LIFT_VECTOR] = lift_vector,
    [LIFT_X87] = lift_x87,       [LIFT_MMX] = lift_mmx,          [LIFT_FLDCW] = lift_x87,
    [LIFT_NOP87] = lift_nop87,   [LIFT_DIVIDE] = lift_divide,    [LIFT_NOP] = lift_nop,
    [LIFT_LEA] = lift_lea,       [LIFT_PUSH] = lift_push,        [LIFT_POP] = lift_pop,
    [LIFT_FRAME] = lift_frame,   [LIFT_CALL] = lift_call,        [LIFT_RET] = lift_ret,
    [LIFT_JMP] = lift_jmp,       [LIFT_JCC] = lift_jcc,          [LIFT_LOOP] = lift_loop,
    [LIFT_MOVS] = lift_movs,     [LIFT_STOS] = lift_stos,        [LIFT_LODS] = lift_lods,
    [LIFT_SCAS] = lift_scas,     [LIFT_CMPS] = lift_cmps,        [LIFT_CLI] = lift_cli,
    [LIFT_STI] = lift_sti,       [LIFT_SWAPGS] = lift_swapgs,    [LIFT_PUSHF] = lift_pushf,
    [LIFT_POPF] = lift_popf,     [LIFT_CLD] = lift_cld,          [LIFT_SYSCALL] = lift_syscall,
    [LIFT_SYSRET] = lift_sysret, [LIFT_PORT] = lift_port,
};

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
    static const bool stack[LIFT_KIND_COUNT] = {
        [LIFT_PUSH] = true, [LIFT_POP] = true, [LIFT_FRAME] = true,
        [LIFT_CALL] = true, [LIFT_RET] = true, [LIFT_PUSHF] = true,
    };
    return stack[kind] || row_memory_operand(l->insn, l->traits);
}

/* --- the walk ------------------------------------------------------------------------------------ */

/* The instruction at page offset `at`, if it ends in the page. */
static bool decode_at(const Lift *l, unsigned at, Insn *insn)
{
    return decode(l->page + at, PAGE_SIZE - at, l->cpu->code_size, l->decode_flags, insn) ==
           DECODE_OK;
}

/* Likewise, if it ends in the second one. */
static bool decode_across(const Lift *l, unsigned at, Insn *insn)
{
    unsigned here = PAGE_SIZE - at;
    uint8_t bytes[MAX_INSN_LENGTH];
    if (here >= sizeof(bytes))
        return false;
    memcpy(bytes, l->page + at, here);
    memcpy(bytes + here, l->ir->second, sizeof(bytes) - here);
    return decode(bytes, sizeof(bytes), l->cpu->code_size, l->decode_flags, insn) == DECODE_OK &&
           insn->length > here;
}

static void note_granules(IrBlock *ir, unsigned at, unsigned length)
{
    unsigned first = at >> 6, last = (at + length - 1) >> 6;
    ir->granules |= (uint64_t)1 << first;
    if (last != first && last < 64)
        ir->granules |= (uint64_t)1 << last;
}

/* Decodes the next instruction. False: it is not the block's, or is none. */
static bool fetch_insn(Lift *l, unsigned at)
{
    IrBlock *ir = l->ir;
    Insn *insn = l->insn;
    if (UNLIKELY(ir->second != NULL) ? !decode_across(l, at, insn) : !decode_at(l, at, insn))
        return false;
    if (l->cpu->mode != CPU_LONG && l->next + insn->length - 1 > l->cpu->seg[SEG_CS].limit)
        return false;
    note_granules(ir, at, insn->length);
    ir->insn_rip[ir->insn_count++] = l->next;
    l->traits = row_traits(insn);
    l->next += insn->length;
    return true;
}

static bool is_refused(const Lift *l, LiftKind kind)
{
    return (l->ir->key & KEY_EXPAND_DOWN && touches_memory(l, kind)) ||
           (lift_is_counted(l) && lift_is_open(l));
}

void exec_NOP(Cpu *cpu, const Insn *insn);

static void lift_insn(Lift *l)
{
    LiftKind kind = l->traits->kind;
    if (UNLIKELY(l->traits->ruled) && !exec_bind_general(l->cpu, l->insn))
        kind = l->insn->exec == exec_NOP ? LIFT_NOP : LIFT_INTERP;
    bool seldom = l->ir->key & (KEY_COUNTED | KEY_EXPAND_DOWN);
    if ((UNLIKELY(seldom) && is_refused(l, kind)) || !lifters[kind](l))
        lift_interp(l);
    if (UNLIKELY(l->shadow == l->ir->insn_count) && !l->done)
        lift_poll(l);
}

/* --- where it ends ------------------------------------------------------------------------------- */

/* The path is at its end, or the code does not follow it. */
static bool is_off_path(const Lift *l)
{
    return l->path && !lift_goes_to(l, l->next);
}

/* What stands for no other blocks, and for no join. */
static const uint64_t no_starts[PAGE_SIZE / 64];
static const uint64_t NOWHERE = UINT64_MAX;

/* Some other block starts, or will start, where this one has come to: it goes on there. What both
 * have would be translated twice. */
static bool is_start(const Lift *l, unsigned offset)
{
    static_assert(MAX_BRANCHES == 3, "behind the third there is nothing");
    return l->starts[offset / 64] >> offset % 64 & 1 || l->next == l->joins[0] ||
           l->next == l->joins[1];
}

/* The last instruction was STI. What it holds off until behind the next one is looked at there, in
 * the same block. */
static bool is_in_shadow(const Lift *l)
{
    return l->shadow == l->ir->insn_count + 1;
}

static bool is_at_end(const Lift *l, uint64_t offset)
{
    return offset >= PAGE_SIZE || l->ir->insn_count == l->most || is_off_path(l) ||
           (is_start(l, offset) && !is_in_shadow(l));
}

/* The block cannot go on behind STI, which so is the interpreter's. */
static void take_back_sti(Lift *l)
{
    l->insn = &l->ir->insn[l->ir->insn_count - 1];
    l->ir->op_count--;
    lift_interp(l);
}

static void begin(IrBlock *ir, uint32_t key)
{
    ir->key = key;
    ir->insn_count = ir->op_count = ir->joinable_count = ir->swap_count = 0;
    ir->joinable_gprs = 0;
    ir->granules = 0;
    ir->vectors = ir->x87 = ir->is_loop = ir->is_hot = false;
}

bool lift_block(Cpu *cpu, uint32_t key, const uint8_t *host, const uint8_t *second, LinAddr la,
                const LiftBounds *bounds, IrBlock *ir)
{
    if (!(key & KEY_ROOMY_CS) || key & KEY_CET) /* branches do more with CET */
        return false;
    begin(ir, key);
    ir->rip = cpu->rip;
    ir->la = la;
    ir->host = host;
    ir->second = second;
    uint64_t offset = la & PAGE_MASK;
    Lift l;
    l.cpu = cpu;
    l.ir = ir;
    l.path = bounds->path;
    l.starts = bounds->starts ? bounds->starts : no_starts;
    l.most = bounds->insns ? MIN(bounds->insns, IR_MAX_INSNS) : IR_MAX_INSNS;
    l.decode_flags = cpu->mode <= CPU_V86 ? DECODE_REAL_OR_V86 : 0;
    l.joins[0] = l.joins[1] = NOWHERE;
    l.insn = ir->insn;
    l.page = host - offset;
    l.page_rip = cpu->rip - offset;
    l.next = cpu->rip;
    l.done = false;
    l.shadow = l.branches = l.depth = 0;
    while (fetch_insn(&l, offset)) {
        lift_insn(&l);
        offset = l.next - l.page_rip;
        if (l.done || is_at_end(&l, offset))
            break;
        l.insn++;
    }
    if (ir->insn_count == 0)
        return false;
    if (is_in_shadow(&l))
        take_back_sti(&l);
    if (!l.done)
        ir_add(ir, IR_JMP, 0)->imm = l.next;
    g_assert(ir->op_count <= ir->insn_count * IR_OPS_PER_INSN + 1);
    return true;
}
