/* emit.c - the x86-64 back end's walk over a block, and registers. */
#include "dbt/x64/emit.h"

#include "cpu/mmu.h"
#include "dbt/lift.h"

int32_t emit_context(uint32_t key)
{
    return (key >> KEY_TLB_SHIFT & 3) * MMU_CONTEXT_STRIDE;
}

/* --- registers ----------------------------------------------------------------------------------- */

static void load_to(Emit *e, unsigned size, unsigned reg, Rm from)
{
    if (size >= 4)
        asm_mov(&e->a, size, reg, from);
    else
        asm_op(&e->a, OP0F(size == 2 ? 0xb7 : 0xb6), 4, reg, from); /* movzx */
}

#define TEMP x64_cpu(offsetof(Cpu, jit.temp))

static void emit_load(Emit *e, const IrOp *op)
{
    if (op->dst == REF_T || op->dst == REF_TEMP) {
        load_to(e, op->size, HOST_R10, e->memory);
        if (op->dst == REF_TEMP)
            asm_store(&e->a, 8, TEMP, HOST_R10);
        return;
    }
    Rm home = x64_gpr(op->dst);
    if (op->size < 4 && rm_is_reg(home)) {
        asm_modrm(&e->a, OP1(op->size == 1 ? 0x8a : 0x8b), (HostWidth){.opsize = op->size == 2},
                  rm_number(home), e->memory);
    } else if (rm_is_reg(home)) {
        asm_mov(&e->a, op->size, rm_number(home), e->memory);
    } else {
        load_to(e, op->size, HOST_R10, e->memory);
        asm_store(&e->a, op->size == 2 ? 2 : 8, home, HOST_R10);
    }
}

static void emit_store(Emit *e, const IrOp *op)
{
    if (op->src == REF_IMM) {
        if (op->size < 8 || op->imm == (int32_t)op->imm) {
            asm_modrm(&e->a, OP1(op->size == 1 ? 0xc6 : 0xc7),
                      (HostWidth){.opsize = op->size == 2, .w = op->size == 8}, 0, e->memory);
            asm_imm_sized(&e->a, op->imm, MIN(op->size, 4));
            return;
        }
        emit_join_memory(e);
        asm_mov_imm(&e->a, HOST_R11, op->imm);
        asm_store(&e->a, 8, e->memory, HOST_R11);
        return;
    }
    Rm home = op->src == REF_TEMP ? TEMP : x64_gpr(op->src);
    if (rm_is_reg(home)) {
        asm_store(&e->a, op->size, e->memory, rm_number(home));
        return;
    }
    emit_join_memory(e);
    asm_mov(&e->a, 8, HOST_R11, home);
    asm_store(&e->a, op->size, e->memory, HOST_R11);
}

static void emit_move(Emit *e, const IrOp *op)
{
    load_to(e, op->size, HOST_R10, x64_gpr(op->src));
}

void emit_add_sp(Emit *e, int32_t bytes)
{
    unsigned stack = 1u << (e->ir->key >> KEY_STACK_SHIFT & 3);
    if (stack >= 4) {
        asm_lea(&e->a, stack, HOST_R8, rm_mem(HOST_R8, bytes));
        return;
    }
    /* M may be in R10 and R11. */
    asm_store(&e->a, 8, x64_cpu(offsetof(Cpu, jit.temp[1])), HOST_R10);
    asm_lea(&e->a, 4, HOST_R10, rm_mem(HOST_R8, bytes));
    asm_store(&e->a, 2, rm_reg(HOST_R8), HOST_R10);
    asm_mov(&e->a, 8, HOST_R10, x64_cpu(offsetof(Cpu, jit.temp[1])));
}

static void emit_spadd(Emit *e, const IrOp *op)
{
    emit_add_sp(e, op->imm);
}

/* An index register by as many bits as addresses have. */
static void emit_step(Emit *e, const IrOp *op)
{
    unsigned home = x64_home(op->dst);
    if (op->size >= 4) {
        asm_lea(&e->a, op->size, home, rm_mem(home, op->imm));
        return;
    }
    asm_lea(&e->a, 4, HOST_R10, rm_mem(home, op->imm));
    asm_store(&e->a, 2, rm_reg(home), HOST_R10);
}

static void emit_compare(Emit *e, const IrOp *op)
{
    unsigned reg = HOST_RAX;
    if (op->dst == REF_TEMP) {
        emit_join_memory(e);
        asm_mov(&e->a, 8, HOST_R11, TEMP);
        reg = HOST_R11;
    }
    HostWidth width = {.opsize = op->size == 2, .w = op->size == 8};
    asm_modrm(&e->a, OP1(op->size == 1 ? 0x3a : 0x3b), width, reg, e->memory);
}

#define EFLAGS x64_cpu(offsetof(Cpu, eflags))

#define FLAG_IMAGE x64_cpu(offsetof(Cpu, jit.flags))

/* The whole image of EFLAGS: the arithmetic flags from where they were saved, the rest as it is. M
 * stays in R10, so the pieces meet in memory. */
static void emit_flags(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    emit_join_memory(e);
    asm_op(a, OP0F(0xb6), 4, HOST_R11, x64_cpu(offsetof(Cpu, jit.flags) + 1)); /* LAHF's five */
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), FLAGS_ARITH & 0xff);
    asm_op(a, OP1(0x0b), 4, HOST_R11, EFLAGS); /* or */
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), ~(FLAG_VM | FLAG_RF));
    asm_store(a, 8, TEMP, HOST_R11);
    asm_op(a, OP0F(0xb6), 4, HOST_R11, FLAG_IMAGE); /* OF, 0 or 1 */
    asm_op(a, OP1(0xc1), 4, 4, rm_reg(HOST_R11));   /* shl r11d, 11 */
    asm_byte(a, 11);
    asm_op(a, OP1(0x09), 4, HOST_R11, TEMP); /* or temp, r11d */
    e->flags &= ~FLAGS_IN_HOST;
}

static void emit_cli(Emit *e, const IrOp *op)
{
    asm_alu_imm(&e->a, ALU_AND, 4, EFLAGS, ~FLAG_IF);
    e->flags &= ~FLAGS_IN_HOST;
}

/* What was held off must be seen where somebody next looks. */
static void emit_sti(Emit *e, const IrOp *op)
{
    e->behind_sti = op->insn + 1;
    asm_alu_imm(&e->a, ALU_OR, 4, EFLAGS, FLAG_IF);
    asm_mov(&e->a, 4, HOST_R10, x64_cpu(offsetof(Cpu, pending)));
    asm_op(&e->a, OP1(0x09), 4, HOST_R10, x64_cpu(offsetof(Cpu, jit.poll)));
    e->flags &= ~FLAGS_IN_HOST;
}

/* T is in R10. What comes in with IF must be seen where somebody next looks. */
static void emit_popf(Emit *e, const IrOp *op)
{
    enum { OTHERS = FLAG_TF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID };
    Asm *a = &e->a;
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R10), OTHERS | FLAG_IF | FLAGS_ARITH);
    asm_mov(a, 4, HOST_R11, EFLAGS);
    asm_op(a, OP1(0x33), 4, HOST_R11, rm_reg(HOST_R10));
    asm_op(a, OP1(0xf7), 4, 0, rm_reg(HOST_R11)); /* test r11d, imm32 */
    asm_imm(a, OTHERS | FLAG_RF, 4);
    emit_cold_if(e, COND_NE);
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), FLAG_IF);
    asm_op(a, OP1(0x31), 4, HOST_R11, EFLAGS); /* xor eflags, r11d */
    asm_modrm(a, OP1(0x88), (HostWidth){.rex = true}, HOST_R10,
              x64_cpu(offsetof(Cpu, jit.flags) + 1));
    asm_op(a, OP1(0xc1), 4, 5, rm_reg(HOST_R10)); /* shr r10d, 11 */
    asm_byte(a, 11);
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R10), 1);
    asm_store(a, 1, FLAG_IMAGE, HOST_R10);
    asm_mov(a, 4, HOST_R10, x64_cpu(offsetof(Cpu, pending)));
    asm_op(a, OP1(0x09), 4, HOST_R10, x64_cpu(offsetof(Cpu, jit.poll)));
    e->flags = FLAGS_IN_IMAGE;
    e->recipe = (Recipe){0};
}

static void emit_swapgs(Emit *e, const IrOp *op)
{
    Rm base = x64_cpu(offsetof(Cpu, seg) + SEG_GS * sizeof(Segment) + offsetof(Segment, base));
    Rm other = x64_cpu(offsetof(Cpu, kernel_gs_base));
    asm_mov(&e->a, 8, HOST_R10, base);
    asm_mov(&e->a, 8, HOST_R11, other);
    asm_store(&e->a, 8, base, HOST_R11);
    asm_store(&e->a, 8, other, HOST_R10);
}

static void emit_spbp(Emit *e, const IrOp *op)
{
    unsigned stack = 1u << (e->ir->key >> KEY_STACK_SHIFT & 3);
    if (stack >= 4)
        asm_mov(&e->a, stack, HOST_R8, rm_reg(HOST_RBP));
    else
        asm_store(&e->a, 2, rm_reg(HOST_R8), HOST_RBP);
}

/* --- division ------------------------------------------------------------------------------------ */

/* #DE leaves before anything is done. Unsigned: the quotient fits if the upper half of the dividend
 * is below the divisor. Signed: only a dividend that is a sign extension by a divisor other than 0
 * and -1 is surely good; the interpreter does the rest. */
static void emit_divide(Emit *e, const IrOp *op)
{
    const Insn *insn = &e->ir->insn[op->insn];
    unsigned size = op->size;
    bool is_signed = (insn->modrm >> 3 & 7) == 7;
    HostWidth width = {.opsize = size == 2, .w = size == 8};
    emit_join_memory(e);
    Rm divisor = insn->op[0].kind == OPND_MEM ? e->memory : x64_gpr(insn->op[0].reg);
    if (!is_signed) {
        asm_modrm(&e->a, OP1(0x3b), width, HOST_RDX, divisor); /* cmp rdx, divisor */
        emit_cold_if(e, COND_AE);
    } else {
        asm_op(&e->a, OP1(0x8b), size, HOST_R11, rm_reg(HOST_RAX));
        asm_op(&e->a, OP1(0xc1), size, 7, rm_reg(HOST_R11)); /* sar r11, bits - 1 */
        asm_byte(&e->a, size * 8 - 1);
        asm_op(&e->a, OP1(0x3b), size, HOST_R11, rm_reg(HOST_RDX));
        emit_cold_if(e, COND_NE);
        asm_mov(&e->a, size, HOST_R11, divisor);
        asm_alu_imm(&e->a, ALU_ADD, size, rm_reg(HOST_R11), 1);
        asm_alu_imm(&e->a, ALU_CMP, size, rm_reg(HOST_R11), 1);
        emit_cold_if(e, COND_BE);
    }
    x64_row(&e->a, insn, e->memory);
    e->flags = FLAGS_IN_HOST;
}

/* --- the walk ------------------------------------------------------------------------------------ */

static void emit_row(Emit *e, const IrOp *op)
{
    const IrUse *use = &e->ir->use[e->at_op];
    if (use->reads | use->writes)
        emit_row_flags(e);
    x64_row(&e->a, &e->ir->insn[op->insn], e->memory);
}

typedef void EmitFn(Emit *e, const IrOp *op);
static EmitFn *const emitters[IR_OPCODE_COUNT] = {
    [IR_CHECK] = emit_check,       [IR_CHECKSP] = emit_check,   [IR_CHECKBP] = emit_check,
    [IR_CHECKSI] = emit_check,     [IR_CHECKDI] = emit_check,   [IR_LOAD] = emit_load,
    [IR_STORE] = emit_store,       [IR_ROW] = emit_row,         [IR_DIVIDE] = emit_divide,
    [IR_LEA] = emit_lea,           [IR_MOVE] = emit_move,       [IR_SPADD] = emit_spadd,
    [IR_SPBP] = emit_spbp,         [IR_EXITIF] = emit_exitif,   [IR_EXITCX] = emit_exitcx,
    [IR_JMP] = emit_jmp,           [IR_FIND] = emit_find,       [IR_JUMP] = emit_jump,
    [IR_STEP] = emit_step,         [IR_COMPARE] = emit_compare, [IR_FLAGS] = emit_flags,
    [IR_CLI] = emit_cli,           [IR_STI] = emit_sti,         [IR_SWAPGS] = emit_swapgs,
    [IR_X87] = emit_x87,           [IR_FLDCW] = emit_fldcw,     [IR_SKIPCX] = emit_skipcx,
    [IR_ELEMENTS] = emit_elements, [IR_REPEAT] = emit_repeat,   [IR_REPCMP] = emit_repcmp,
    [IR_POLL] = emit_poll,         [IR_POPF] = emit_popf,       [IR_INTERP] = emit_interp,
    [IR_LEAVE] = emit_interp,      [IR_COUNT] = emit_count,     [IR_REACH] = emit_reach,
    [IR_CROSS] = emit_cross,       [IR_EXPECT] = emit_expect,   [IR_RET] = emit_ret,
    [IR_SETTLE] = emit_settle,     [IR_KNOWN] = emit_known,     [IR_PORT] = emit_port,
};

static void begin_insn(Emit *e)
{
    e->site = 0;
    e->site_stub = NULL;
    e->memory = rm_none();
}

/* Is the code behind the instruction's that of the next one in memory? */
static bool goes_straight_on(const Emit *e)
{
    unsigned n = e->site_insn;
    return e->ir->insn_rip[n + 1] == e->ir->insn_rip[n] + e->ir->insn[n].length;
}

/* Behind the last op of an instruction: its handover comes back here, unless the code behind it
 * relies on what it should have opened. */
static void finish_insn(Emit *e)
{
    if (e->site && !e->t->sites[e->site].opens_span && goes_straight_on(e))
        e->t->sites[e->site].resume = e->a.at;
    begin_insn(e);
}

/* The flags before an op are not where it wants them. */
static ALWAYS_INLINE void prepare_flags(Emit *e, const IrOp *op)
{
    unsigned flags = ir_flags[op->op];
    if (flags == FLAGS_CLOBBERS)
        emit_keep_flags(e, op);
    else if (flags == FLAGS_READS)
        emit_flags_to_host(e);
    else /* all are written */
        e->flags = FLAGS_IN_HOST;
}

static void emit_op(Emit *e, const IrOp *op)
{
    const IrUse *use = &e->ir->use[e->at_op];
    if (ir_flags[op->op] & ~e->flags)
        prepare_flags(e, op);
    emitters[op->op](e, op);
    e->recipe.kind = use->gprs & e->recipe.gprs ? RECIPE_NONE : e->recipe.kind;
    if (use->writes)
        emit_new_recipe(e, op);
}

static void emit_ops(Emit *e)
{
    const IrBlock *ir = e->ir;
    e->site_insn = 0;
    for (unsigned i = 0; i < ir->op_count; i++) {
        const IrOp *op = &ir->ops[i];
        if (op->insn != e->site_insn) {
            finish_insn(e);
            e->site_insn = op->insn;
        }
        e->at_op = i;
        emit_mark(e, MARK_OP, i);
        emit_op(e, op);
    }
    begin_insn(e);
}

void x64_emit(Translator *t, CodeSpace *space, Cpu *cpu, const IrBlock *ir, uint32_t block_index)
{
    Block *block = &t->blocks[block_index];
    Stub stubs[MAX_STUBS];
    uint32_t start = space->next.code;
    Emit e = {.a = {.code = t->rw, .at = start},
              .stubs = stubs,
              .t = t,
              .next = &space->next,
              .end = &space->end,
              .cpu = cpu,
              .first_site = space->next.site,
              .ir = ir,
              .block = block_index,
              .flags = FLAGS_IN_IMAGE,
              .behind_sti = IR_MAX_INSNS,
              .memory = rm_none()};
    emit_head(&e, block);
    emit_ops(&e);
    if (e.to_copy) {
        emit_copy_head(&e);
        emit_ops(&e);
    }
    block->stubs = e.a.at;
    emit_stubs(&e);
    g_assert(e.a.at <= start + MAX_BLOCK_CODE);
    block->code_end = e.a.at;
    space->next.code = e.a.at;
}
