/* flags.c - where the guest's arithmetic flags are while a block runs.
 *
 * The host's EFLAGS have them until something else spoils these. Then they are in the image, in
 * struct Cpu, or nowhere: most flags are written again before anybody looks, but a fault might have
 * shown them, and for that case it is enough to know how they can be made again: the recipe. */
#include "cpu/isa.h"
#include "dbt/x64/emit.h"

#define FLAG_IMAGE x64_cpu(offsetof(Cpu, jit.flags))

/* --- recipes ------------------------------------------------------------------------------------- */

static const uint8_t recipe_kinds[] = {
    [ALU_ADD] = RECIPE_UNDO,  [ALU_OR] = RECIPE_TEST,    [ALU_AND] = RECIPE_TEST,
    [ALU_SUB] = RECIPE_UNDO,  [ALU_XOR] = RECIPE_TEST,   [ALU_CMP] = RECIPE_AGAIN,
    [ALU_NONE] = RECIPE_NONE, [ALU_TEST] = RECIPE_AGAIN,
};

static unsigned alu_of(const Insn *insn)
{
    return row_host_plan(insn)->alu;
}

/* Registers and constants, of which the first is the second too in no addition. */
static bool can_undo(const Operand *dst, const Operand *src)
{
    return dst->size >= 4 && (src->kind == OPND_IMM || src->reg != dst->reg);
}

void emit_new_recipe(Emit *e, const IrOp *op)
{
    const Insn *insn = &e->ir->insn[op->insn];
    const Operand *dst = &insn->op[0], *src = &insn->op[1];
    e->recipe = (Recipe){.insn = op->insn};
    if (op->op != IR_ROW || dst->kind != OPND_GPR)
        return;
    RecipeKind kind = recipe_kinds[alu_of(insn)];
    bool result_only = kind == RECIPE_TEST;
    if (!result_only && src->kind != OPND_GPR && src->kind != OPND_IMM)
        return;
    if (kind == RECIPE_UNDO && !can_undo(dst, src))
        return;
    e->recipe.kind = kind;
    e->recipe.gprs = 1u << dst->reg;
    if (!result_only && src->kind == OPND_GPR)
        e->recipe.gprs |= 1u << src->reg;
}

static HostWidth width_of(unsigned size)
{
    return (HostWidth){.opsize = size == 2, .w = size == 8, .rex = size == 1};
}

/* A register that has the value of a guest register: R11 if its home is memory. */
static unsigned in_register(Asm *a, unsigned gpr)
{
    unsigned home = x64_home(gpr);
    if (home != HOST_NONE)
        return home;
    asm_mov(a, 8, HOST_R11, x64_gpr(gpr));
    return HOST_R11;
}

static void put_again(Asm *a, const Insn *insn)
{
    if (insn->op[1].kind == OPND_IMM) {
        x64_row(a, insn, rm_none());
        return;
    }
    unsigned size = insn->op[0].size;
    unsigned opcode = (alu_of(insn) == ALU_CMP ? 0x3a : 0x84) + (size > 1);
    unsigned left = in_register(a, insn->op[0].reg);
    asm_modrm(a, OP1(opcode), width_of(size), left, x64_gpr(insn->op[1].reg));
}

static void put_test(Asm *a, const Insn *insn)
{
    unsigned size = insn->op[0].size;
    unsigned reg = in_register(a, insn->op[0].reg);
    asm_modrm(a, OP1(size == 1 ? 0x84 : 0x85), width_of(size), reg, rm_reg(reg));
}

static void put_alu(Asm *a, HostAlu alu, const Insn *insn)
{
    unsigned size = insn->op[0].size;
    if (insn->op[1].kind == OPND_IMM)
        asm_alu_imm(a, alu, size, rm_reg(HOST_R11), insn->imm);
    else
        asm_op(a, OP1(alu << 3 | 3), size, HOST_R11, x64_gpr(insn->op[1].reg));
}

static void put_undo(Asm *a, const Insn *insn)
{
    bool add = alu_of(insn) == ALU_ADD;
    asm_mov(a, 8, HOST_R11, x64_gpr(insn->op[0].reg));
    put_alu(a, add ? ALU_SUB : ALU_ADD, insn);
    put_alu(a, add ? ALU_ADD : ALU_SUB, insn);
}

void emit_recipe(Emit *e, Recipe recipe)
{
    const Insn *insn = &e->ir->insn[recipe.insn];
    switch ((RecipeKind)recipe.kind) {
    case RECIPE_AGAIN:
        put_again(&e->a, insn);
        return;
    case RECIPE_TEST:
        put_test(&e->a, insn);
        return;
    case RECIPE_UNDO:
        put_undo(&e->a, insn);
        return;
    case RECIPE_NONE:
        return;
    }
}

/* --- between the places -------------------------------------------------------------------------- */

/* SF ZF AF PF CF come by LAHF, OF by SETO: a cycle, where PUSHF takes three and POPF twenty. */
void emit_save_flags(Asm *a)
{
    Asm copy = *a; /* the compiler knows that no writer changes it */
    asm_mov(&copy, 8, HOST_R11, rm_reg(HOST_RAX));
    asm_byte(&copy, 0x9f);                                             /* lahf */
    asm_modrm(&copy, OP0F(0x90), (HostWidth){0}, 0, rm_reg(HOST_RAX)); /* seto al */
    asm_store(&copy, 2, FLAG_IMAGE, HOST_RAX);
    asm_mov(&copy, 8, HOST_RAX, rm_reg(HOST_R11));
    *a = copy;
}

void emit_flags_to_image(Emit *e)
{
    if (!(e->flags & (FLAGS_IN_IMAGE | FLAGS_IN_HOST)))
        emit_recipe(e, e->recipe);
    if (!(e->flags & FLAGS_IN_IMAGE))
        emit_save_flags(&e->a);
    e->flags |= FLAGS_IN_IMAGE;
}

static void load_flags(Emit *e)
{
    asm_mov(&e->a, 8, HOST_R11, rm_reg(HOST_RAX));
    asm_op(&e->a, OP0F(0xb7), 4, HOST_RAX, FLAG_IMAGE); /* movzx eax, image */
    asm_byte(&e->a, 0x04);                              /* add al, 127: OF */
    asm_byte(&e->a, 0x7f);
    asm_byte(&e->a, 0x9e); /* sahf */
    asm_mov(&e->a, 8, HOST_RAX, rm_reg(HOST_R11));
}

void emit_flags_to_host(Emit *e)
{
    if (e->flags & FLAGS_IN_HOST)
        return;
    emit_join_memory(e);
    if (e->recipe.kind)
        emit_recipe(e, e->recipe);
    else
        load_flags(e);
    e->flags |= FLAGS_IN_HOST;
}

/* --- before an op -------------------------------------------------------------------------------- */

/* Ops behind which the flags must be in the image, because somebody else goes on from there. */
static bool wants_image(const IrOp *op)
{
    switch (op->op) {
    case IR_FLAGS:
    case IR_SKIPCX:
    case IR_COUNT:
    case IR_ELEMENTS:
    case IR_REPEAT:
    case IR_REPCMP:
    case IR_EXITCX:
    case IR_JMP:
    case IR_JUMP:
    case IR_RET:
    case IR_CROSS:
    case IR_INTERP:
    case IR_LEAVE:
        return true;
    default:
        return false;
    }
}

/* Will the flags be written anew before a register of the recipe is, and before somebody wants the
 * image? Then it need not be written now. */
bool emit_recipe_lasts(const Emit *e, unsigned from)
{
    const IrBlock *ir = e->ir;
    for (unsigned i = from; e->recipe.kind && i < ir->op_count; i++) {
        const IrOp *op = &ir->ops[i];
        if (wants_image(op) || (op->op == IR_EXITIF && emit_saves_before(e, op)))
            return false;
        if (ir->use[i].writes || op->op == IR_POPF)
            return true;
        if (ir->use[i].gprs & e->recipe.gprs)
            return !ir->live[i];
    }
    return false;
}

void emit_keep_flags(Emit *e, const IrOp *op)
{
    if (wants_image(op) || !emit_recipe_lasts(e, e->at_op))
        emit_flags_to_image(e);
}

void emit_row_flags(Emit *e)
{
    IrUse use = e->ir->use[e->at_op];
    unsigned live = e->ir->live[e->at_op];
    unsigned kept = use.may_keep ? live : use.writes ? live & ~use.writes : 0;
    if (use.reads || kept)
        emit_flags_to_host(e);
    if (use.writes)
        e->flags = FLAGS_IN_HOST;
}
