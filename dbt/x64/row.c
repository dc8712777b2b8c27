/* row.c - executes rows of the guest's instruction table on the host. [SDM2] "Instruction Format".
 *
 * A register operand whose home is memory goes through a scratch register, or, if it is only read
 * and in ModRM.rm, is a memory operand. AH-DH beside a REX prefix go through a scratch register
 * too. */
#include "dbt/x64/row.h"

#include "cpu/cpu.h"
#include "cpu/isa.h"

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
    const InsnRow *row;
    Rm memory;
    bool has_memory;
    bool keeps_address; /* R10, and perhaps R11, must live until memory is used */
    HostOp op;
    HostWidth width;
    bool vex;
    bool swapped; /* operand 0 is in ModRM.reg and operand 1 in ModRM.rm, not the other way round */
    unsigned reg, vvvv;
    Rm rm;
    bool has_modrm;
    Detour detour[2];
    unsigned detours, most_detours;
} RowCode;

Rm x64_gpr(unsigned gpr)
{
    unsigned home = x64_home(gpr);
    return home != HOST_NONE ? rm_reg(home) : x64_cpu(offsetof(Cpu, gpr) + 8 * gpr);
}

static OperandWhere where_of(const InsnRow *row, unsigned n)
{
    return operand_infos[row->operands[n]].where;
}

/* --- what is needed ------------------------------------------------------------------------------ */

static bool is_register_only(const Insn *insn)
{
    /* A bit index in a register would reach beyond a memory operand. */
    return insn->op[1].kind == OPND_GPR && insn_row(insn)->map == MAP_0F &&
           (insn_row(insn)->opcode & 0xe7) == 0xa3;
}

/* Written, or not to be read as memory. */
static bool needs_register(const Insn *insn, unsigned n)
{
    OperandWhere where = where_of(insn_row(insn), n);
    if (where != WHERE_E)
        return true;
    return insn->op[n].access & OPND_WRITE || is_register_only(insn) ||
           form_kind(insn_row(insn)->form) == FORM_KIND_REG;
}

static bool row_has_memory(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (insn->op[i].kind == OPND_MEM)
            return true;
    return false;
}

/* Will the host's instruction have a REX prefix? Then AH-DH cannot be named. */
static bool needs_rex(const Insn *insn)
{
    if (row_has_memory(insn))
        return true;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const Operand *op = &insn->op[i];
        OperandWhere where = where_of(insn_row(insn), i);
        if (op->kind == OPND_GPR && where != WHERE_GPR && x64_home(op->reg) >= HOST_R8)
            return true;
    }
    return false;
}

static bool needs_detour(const Insn *insn, unsigned n)
{
    const Operand *op = &insn->op[n];
    bool in_memory = op->kind == OPND_GPR && x64_home(op->reg) == HOST_NONE;
    if (!in_memory && op->kind != OPND_GPR8H)
        return false;
    OperandWhere where = where_of(insn_row(insn), n);
    if (where == WHERE_GPR || where == WHERE_FIXED_MEM)
        return false;
    return op->kind == OPND_GPR ? needs_register(insn, n) : needs_rex(insn);
}

bool x64_row_fits(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned detours = 0;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const Operand *op = &insn->op[i];
        if (op->kind == OPND_SEG || op->kind == OPND_CR || op->kind == OPND_DR ||
            op->kind == OPND_FAR)
            return false;
        detours += needs_detour(insn, i);
    }
    /* Of what 64-bit mode has not, INC, DEC, LAHF and SAHF have another encoding there. */
    bool other_form = (row->opcode & 0xf0) == 0x40 || row->opcode == 0x9e || row->opcode == 0x9f;
    if (row->attrs & ATTR_I64 && !other_form)
        return false;
    if (insn->opsize == 2 && !strcmp(row->name, "BSWAP"))
        return false;
    return detours <= (row_has_memory(insn) ? 1 : 2);
}

/* --- operands ------------------------------------------------------------------------------------ */

static void rotate_byte(RowCode *c, unsigned home, unsigned count)
{
    asm_rorx(c->a, 8, home, rm_reg(home), count);
}

static unsigned take_detour(RowCode *c, unsigned n)
{
    const Operand *op = &c->insn->op[n];
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

/* The register number of a general register operand. */
static unsigned gpr_operand(RowCode *c, unsigned n)
{
    const Operand *op = &c->insn->op[n];
    if (needs_detour(c->insn, n))
        return take_detour(c, n);
    if (op->kind == OPND_GPR8H)
        return op->reg + 4;
    unsigned home = x64_home(op->reg);
    if (op->size == 1 && home >= HOST_RSP && home <= HOST_RDI)
        c->width.rex = true;
    return home;
}

static unsigned register_operand(RowCode *c, unsigned n)
{
    const Operand *op = &c->insn->op[n];
    return op->kind == OPND_GPR || op->kind == OPND_GPR8H ? gpr_operand(c, n) : op->reg;
}

static Rm rm_operand(RowCode *c, unsigned n)
{
    const Operand *op = &c->insn->op[n];
    if (op->kind == OPND_MEM)
        return c->memory;
    if (op->kind == OPND_GPR && x64_home(op->reg) == HOST_NONE && !needs_detour(c->insn, n))
        return x64_gpr(op->reg);
    return rm_reg(register_operand(c, n));
}

static void place_operand(RowCode *c, unsigned n)
{
    switch (where_of(c->row, n)) {
    case WHERE_E:
    case WHERE_M:
    case WHERE_W:
    case WHERE_Q:
        c->rm = rm_operand(c, n);
        break;
    case WHERE_G:
    case WHERE_V:
    case WHERE_P:
        c->reg = register_operand(c, n);
        break;
    case WHERE_B:
    case WHERE_H:
        c->vvvv = register_operand(c, n);
        break;
    case WHERE_Z:
        c->rm = rm_reg(register_operand(c, n));
        break;
    default:
        break;
    }
}

static void put_immediates(RowCode *c)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const OperandInfo *info = &operand_infos[c->row->operands[i]];
        if (info->where == WHERE_L)
            asm_byte(c->a, c->insn->op[i].reg << 4);
        if (info->where != WHERE_I && info->where != WHERE_SI)
            continue;
        unsigned bytes = info->memory_size == SIZE_B   ? 1
                         : info->memory_size == SIZE_W ? 2
                         : info->memory_size == SIZE_V ? c->insn->opsize
                                                       : MIN(c->insn->opsize, 4);
        asm_imm(c->a, c->insn->imm, bytes);
    }
}

/* --- forms that the host does not have ----------------------------------------------------------- */

/* MOV of a constant to a register: the shortest way, memory homes included. */
static bool put_mov_constant(RowCode *c)
{
    const Operand *dest = &c->insn->op[0];
    if (c->insn->op[1].kind != OPND_IMM || dest->kind != OPND_GPR || strcmp(c->row->name, "MOV"))
        return false;
    uint64_t value = c->insn->imm;
    Rm home = x64_gpr(dest->reg);
    if (dest->size < 4) {
        if (home.is_reg && dest->size == 2) {
            asm_byte(c->a, 0x66);
            if (home.reg >= HOST_R8)
                asm_byte(c->a, 0x41);
            asm_byte(c->a, 0xb8 | (home.reg & 7));
            asm_imm(c->a, value, 2);
            return true;
        }
        HostWidth width = {.opsize = dest->size == 2, .rex = home.is_reg};
        asm_modrm(c->a, OP1(dest->size == 1 ? 0xc6 : 0xc7), width, 0, home, dest->size);
        asm_imm(c->a, value, dest->size);
        return true;
    }
    if (dest->size == 4)
        value = (uint32_t)value;
    if (home.is_reg) {
        asm_mov_imm(c->a, home.reg, value);
    } else if ((int64_t)value == (int32_t)value) {
        asm_store_imm(c->a, 8, home, value);
    } else {
        asm_mov_imm(c->a, HOST_R10, value);
        asm_store(c->a, 8, home, HOST_R10);
    }
    return true;
}

/* MOV between AL/rAX and an address in the instruction. */
static bool put_mov_offset(RowCode *c)
{
    if (!c->insn->has_moffs)
        return false;
    c->op.opcode = 0x88 | (c->row->opcode & 1) | (c->row->opcode < 0xa2 ? 2 : 0);
    c->rm = c->memory;
    c->reg = HOST_RAX;
    asm_modrm(c->a, c->op, c->width, c->reg, c->rm, 0);
    return true;
}

static bool names_register_in_opcode(const InsnRow *row)
{
    return where_of(row, 0) == WHERE_Z;
}

/* XOR r, r and SUB r, r need not read a home in memory. */
static bool put_zero_idiom(RowCode *c)
{
    const Operand *op = c->insn->op;
    unsigned opcode = c->op.opcode | 2;
    bool same = c->row->map == MAP_BASE && (opcode == 0x33 || opcode == 0x2b) &&
                op[0].kind == OPND_GPR && op[1].kind == OPND_GPR && op[0].reg == op[1].reg;
    if (!same || op[0].size < 4 || x64_home(op[0].reg) != HOST_NONE)
        return false;
    asm_modrm(c->a, OP1(opcode), (HostWidth){0}, HOST_R10, rm_reg(HOST_R10), 0);
    asm_store(c->a, 8, x64_gpr(op[0].reg), HOST_R10);
    return true;
}

/* Rows with the register in the opcode: the ModRM forms are as good. */
static void choose_modrm_form(RowCode *c)
{
    unsigned opcode = c->row->opcode;
    if (c->row->map != MAP_BASE)
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

/* W is the width of general registers where there are some; 32-bit code has but one. */
static bool vex_w(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        OperandWhere where = where_of(insn_row(insn), i);
        if (where == WHERE_E || where == WHERE_G || where == WHERE_B)
            return insn->opsize == 8;
    }
    return insn->rex_w;
}

static void choose_opcode(RowCode *c)
{
    static const uint8_t maps[MAP_COUNT] = {0, 1, 2, 3, 1, 2, 3};
    const Insn *insn = c->insn;
    const InsnRow *row = c->row;
    bool any = row->prefix == PREFIX_ANY || row->prefix == PREFIX_NOF;
    c->vex = row->map >= MAP_VEX_0F;
    c->op = (HostOp){.map = maps[row->map], .opcode = insn->opcode};
    if (!any)
        c->op.prefix = row->prefix & PREFIX_P66   ? 0x66
                       : row->prefix & PREFIX_PF3 ? 0xf3
                       : row->prefix & PREFIX_PF2 ? 0xf2
                                                  : 0;
    c->width.w = insn->rex_w;
    bool repeat_class = row->prefix & (PREFIX_PF2 | PREFIX_PF3) && !(row->attrs & ATTR_SSE);
    c->width.opsize = insn->opsize == 2 && !c->vex && (any || repeat_class);
    FormKind kind = form_kind(row->form);
    c->has_modrm = kind != FORM_KIND_NONE && kind != FORM_KIND_PLUSR && kind != FORM_KIND_PLUSC;
    if (kind == FORM_KIND_D || kind == FORM_KIND_M || kind == FORM_KIND_R ||
        kind == FORM_KIND_BYTE) {
        c->reg = insn->modrm >> 3 & 7;
        c->rm = rm_reg(insn->modrm & 7);
    }
}

static void put_plain(RowCode *c)
{
    if (c->width.opsize || c->op.prefix == 0x66)
        asm_byte(c->a, 0x66);
    if (c->op.prefix && c->op.prefix != 0x66)
        asm_byte(c->a, c->op.prefix);
    bool plus_r = names_register_in_opcode(c->row);
    unsigned rex = c->width.w << 3 | (plus_r && c->rm.reg >= HOST_R8);
    if (rex)
        asm_byte(c->a, 0x40 | rex);
    if (c->op.map)
        asm_byte(c->a, 0x0f);
    asm_byte(c->a, plus_r ? (c->row->opcode & 0xf8) | (c->rm.reg & 7) : c->op.opcode);
}

/* A register is loaded whole from memory: the address is not needed any more when it is written. */
static bool loads_only(const Insn *insn)
{
    const Operand *dest = &insn->op[0];
    return dest->kind == OPND_GPR && dest->access == OPND_WRITE && dest->size >= 4 &&
           insn->op[1].kind == OPND_MEM && insn->op[2].kind != OPND_GPR;
}

/* ADD to CMP, and MOV, have both directions: the operand whose home is memory goes to ModRM.rm if
 * it is only read. */
static void swap_direction(RowCode *c)
{
    const Operand *op = c->insn->op;
    unsigned opcode = c->op.opcode;
    bool both = c->row->map == MAP_BASE &&
                ((opcode < 0x40 && (opcode & 6) == 0) || (opcode & 0xfe) == 0x88);
    if (!both || op[0].kind != OPND_GPR || op[1].kind != OPND_GPR ||
        x64_home(op[0].reg) == HOST_NONE || x64_home(op[1].reg) != HOST_NONE)
        return;
    c->op.opcode |= 2;
    c->swapped = true;
}

void x64_row(Asm *a, const Insn *insn, Rm memory)
{
    RowCode c = {.a = a, .insn = insn, .row = insn_row(insn), .memory = memory};
    c.has_memory = row_has_memory(insn);
    choose_opcode(&c);
    if (put_mov_constant(&c) || put_zero_idiom(&c))
        return;
    swap_direction(&c);
    c.keeps_address = c.has_memory && !loads_only(insn);
    if (c.keeps_address && c.memory.index == HOST_R11) {
        for (unsigned i = 0; i < MAX_OPERANDS; i++) {
            if (!needs_detour(insn, i))
                continue;
            asm_lea(a, 8, HOST_R10, c.memory);
            c.memory = rm_mem(HOST_R10, 0);
            break;
        }
    }
    if (c.swapped) {
        c.reg = register_operand(&c, 0);
        c.rm = x64_gpr(insn->op[1].reg);
    }
    for (unsigned i = 0; i < MAX_OPERANDS && !c.swapped; i++)
        place_operand(&c, i);
    if (insn->lock)
        asm_byte(a, 0xf0);
    if (names_register_in_opcode(c.row))
        choose_modrm_form(&c);
    if (put_mov_offset(&c))
        return;
    if (c.vex && !c.has_modrm)
        c.rm = rm_reg(HOST_NONE);
    if (c.vex)
        asm_vex(a, c.op, vex_w(insn), insn->vex_l, c.reg, c.vvvv, c.rm);
    else if (c.has_modrm)
        asm_modrm(a, c.op, c.width, c.reg, c.rm, 0);
    else
        put_plain(&c);
    put_immediates(&c);
    finish_detours(&c);
}
