/* row_general.c - rows that are not the common form: two registers that live in memory, AH-DH
 * beside a REX prefix, registers in the opcode, VEX, and what has a shorter form. [SDM2]
 * "Instruction Format".
 *
 * A register operand whose home is memory goes through a scratch register, or, if it is only read
 * and in ModRM.rm, is a memory operand. AH-DH beside a REX prefix go through a scratch register
 * too. */
#include "dbt/x64/row.h"

/* An operand on its way through a scratch register. */
typedef struct Detour {
    uint8_t scratch; /* HostReg */
    uint8_t gpr;
    bool high; /* AH-DH */
    bool write;
} Detour;

typedef struct RowCode {
    Asm *a;
    const Insn *insn;
    const RowHostPlan *plan;
    Rm memory;
    bool keeps_address; /* R10, and perhaps R11, must live until memory is used */
    HostOp op;
    HostWidth width;
    unsigned reg, vvvv;
    Rm rm;
    bool has_modrm;
    Detour detour[2];
    unsigned detours;
} RowCode;

/* --- what is needed ------------------------------------------------------------------------------ */

static bool has_memory(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (insn->op[i].kind == OPND_MEM)
            return true;
    return false;
}

/* Will the host's instruction have a REX prefix? Then AH-DH cannot be named. */
static bool needs_rex(const RowHostPlan *plan, const Insn *insn)
{
    if (has_memory(insn))
        return true;
    for (unsigned i = 0; i < plan->placed; i++) {
        const Operand *op = &insn->op[plan->place[i].operand];
        if (op->kind == OPND_GPR && x64_home(op->reg) >= HOST_R8)
            return true;
    }
    return false;
}

static inline bool needs_detour(const RowHostPlan *plan, const Insn *insn, const RowPlace *place)
{
    const Operand *op = &insn->op[place->operand];
    if (op->kind == OPND_GPR)
        return place->needs_register && x64_home(op->reg) == HOST_NONE;
    return op->kind == OPND_GPR8H && needs_rex(plan, insn);
}

static unsigned count_detours(const RowHostPlan *plan, const Insn *insn)
{
    unsigned detours = 0;
    for (unsigned i = 0; i < plan->placed; i++)
        detours += needs_detour(plan, insn, &plan->place[i]);
    return detours;
}

bool row_detours_fit(const RowHostPlan *plan, const Insn *insn)
{
    unsigned detours = count_detours(plan, insn);
    return detours < 2 || (detours == 2 && !has_memory(insn));
}

/* --- operands ------------------------------------------------------------------------------------ */

static void rotate_byte(RowCode *c, unsigned home, unsigned count)
{
    asm_rorx(c->a, 8, home, rm_reg(home), count);
}

static unsigned take_detour(RowCode *c, const Operand *op)
{
    Detour *d = &c->detour[c->detours];
    *d = (Detour){.gpr = op->reg,
                  .high = op->kind == OPND_GPR8H,
                  .write = op->access & OPND_WRITE,
                  .scratch = c->detours || c->keeps_address ? HOST_R11 : HOST_R10};
    c->detours++;
    if (d->high)
        asm_rorx(c->a, 8, d->scratch, rm_reg(x64_home(op->reg)), 8);
    else if (op->access & OPND_READ || op->size < 4)
        asm_mov(c->a, 8, d->scratch, x64_gpr(op->reg));
    return d->scratch;
}

/* The first operand last: where two name the same register, it is the one that stays (XADD, MULX).
 */
static void finish_detours(RowCode *c)
{
    for (unsigned i = c->detours; i-- > 0;) {
        const Detour *d = &c->detour[i];
        if (!d->write)
            continue;
        if (!d->high) {
            asm_store(c->a, 8, x64_gpr(d->gpr), d->scratch);
            continue;
        }
        unsigned home = x64_home(d->gpr);
        rotate_byte(c, home, 8);
        asm_store(c->a, 1, rm_reg(home), d->scratch);
        rotate_byte(c, home, 56);
    }
}

/* The number that the host's instruction gives a register operand. */
static unsigned register_operand(RowCode *c, const RowPlace *place)
{
    const Operand *op = &c->insn->op[place->operand];
    if (needs_detour(c->plan, c->insn, place))
        return take_detour(c, op);
    if (op->kind == OPND_GPR8H)
        return op->reg + 4;
    if (op->kind != OPND_GPR)
        return op->reg;
    unsigned home = x64_home(op->reg);
    if (op->size == 1 && home >= HOST_RSP && home <= HOST_RDI)
        c->width.rex = true;
    return home;
}

static Rm rm_operand(RowCode *c, const RowPlace *place)
{
    const Operand *op = &c->insn->op[place->operand];
    if (op->kind == OPND_MEM)
        return c->memory;
    if (op->kind == OPND_GPR && x64_home(op->reg) == HOST_NONE && !place->needs_register)
        return x64_gpr(op->reg);
    return rm_reg(register_operand(c, place));
}

static void place_operand(RowCode *c, const RowPlace *place)
{
    switch ((RowField)place->field) {
    case FIELD_RM:
        c->rm = rm_operand(c, place);
        break;
    case FIELD_REG:
        c->reg = register_operand(c, place);
        break;
    case FIELD_VVVV:
        c->vvvv = register_operand(c, place);
        break;
    case FIELD_OPCODE:
        c->rm = rm_reg(register_operand(c, place));
        break;
    }
}

/* --- forms that the host does not have ----------------------------------------------------------- */

/* MOV between AL/rAX and an address in the instruction. */
static bool put_mov_offset(RowCode *c)
{
    if (!c->insn->has_moffs)
        return false;
    c->op.opcode = 0x88 | (c->op.opcode & 1) | (c->op.opcode < 0xa2 ? 2 : 0);
    c->rm = c->memory;
    c->reg = HOST_RAX;
    asm_modrm(c->a, c->op, c->width, c->reg, c->rm);
    return true;
}

/* XOR r, r and SUB r, r need not read a home in memory. */
static bool put_zero_idiom(RowCode *c)
{
    const Operand *op = c->insn->op;
    unsigned opcode = c->op.opcode | 2;
    bool same = (opcode == 0x33 || opcode == 0x2b) && op[0].kind == OPND_GPR &&
                op[1].kind == OPND_GPR && op[0].reg == op[1].reg;
    if (!same || op[0].size < 4 || x64_home(op[0].reg) != HOST_NONE)
        return false;
    asm_modrm(c->a, OP1(opcode), (HostWidth){0}, HOST_R10, rm_reg(HOST_R10));
    asm_store(c->a, 8, x64_gpr(op[0].reg), HOST_R10);
    return true;
}

/* Rows with the register in the opcode: the ModRM forms are as good. */
static void choose_modrm_form(RowCode *c)
{
    unsigned opcode = c->op.opcode;
    if (c->op.map)
        return; /* BSWAP */
    if (opcode >= 0x40 && opcode < 0x50) {
        c->op = OP1(0xff);
        c->reg = opcode >= 0x48;
        c->has_modrm = true;
    } else if (opcode >= 0x90 && opcode < 0x98) {
        c->op = OP1(0x87);
        c->reg = HOST_RAX;
        c->has_modrm = true;
    }
}

/* --- writing ------------------------------------------------------------------------------------- */

static void put_plain(RowCode *c)
{
    if (c->width.opsize || c->op.prefix == 0x66)
        asm_byte(c->a, 0x66);
    if (c->op.prefix && c->op.prefix != 0x66)
        asm_byte(c->a, c->op.prefix);
    bool in_opcode = c->plan->in_opcode;
    unsigned rex = c->width.w << 3 | (in_opcode && rm_number(c->rm) >= HOST_R8);
    if (rex)
        asm_byte(c->a, 0x40 | rex);
    if (c->op.map)
        asm_byte(c->a, 0x0f);
    asm_byte(c->a, in_opcode ? (c->op.opcode & 0xf8) | (rm_number(c->rm) & 7) : c->op.opcode);
}

/* Where the address must live on, and a detour needs a register, it is put into one. */
static void keep_address(RowCode *c)
{
    c->keeps_address = !row_loads_only(c->insn);
    if (!c->keeps_address || !rm_equal(c->memory, rm_index(HOST_R10, HOST_R11, 0, 0)) ||
        !count_detours(c->plan, c->insn))
        return;
    asm_lea(c->a, 8, HOST_R10, c->memory);
    c->memory = rm_mem(HOST_R10, 0);
}

static void put_vex(RowCode *c)
{
    bool w = c->plan->w_by_size ? c->insn->opsize == 8 : c->insn->rex_w;
    Rm rm = c->has_modrm ? c->rm : rm_none();
    asm_vex(c->a, c->op, w, c->insn->vex_l, c->reg, c->vvvv, rm);
}

void row_put_general(Asm *a, const Insn *insn, const RowHostPlan *plan, Rm memory)
{
    RowCode c = {.a = a,
                 .insn = insn,
                 .plan = plan,
                 .memory = memory,
                 .op = {.map = plan->map, .prefix = plan->prefix, .opcode = insn->opcode},
                 .width = {.w = insn->rex_w, .opsize = plan->takes_66 && insn->opsize == 2},
                 .has_modrm = plan->has_modrm};
    if (put_zero_idiom(&c))
        return;
    if (has_memory(insn))
        keep_address(&c);
    if (plan->group) {
        c.reg = insn->modrm >> 3 & 7;
        c.rm = rm_reg(insn->modrm & 7);
    }
    for (unsigned i = 0; i < plan->placed; i++)
        place_operand(&c, &plan->place[i]);
    if (insn->lock)
        asm_byte(a, 0xf0);
    if (plan->in_opcode)
        choose_modrm_form(&c);
    if (put_mov_offset(&c))
        return;
    if (plan->vex)
        put_vex(&c);
    else if (c.has_modrm)
        asm_modrm(a, c.op, c.width, c.reg, c.rm);
    else
        put_plain(&c);
    if (plan->is4)
        asm_byte(a, insn->op[plan->is4].reg << 4);
    row_put_immediate(a, insn, plan);
    finish_detours(&c);
}
