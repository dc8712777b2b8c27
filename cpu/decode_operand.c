/* decode_operand.c - the operands of an instruction: modrm, SIB, displacement, immediates.
 *
 * [SDM2] "ModR/M and SIB Bytes", "REX Prefixes", "RIP-Relative Addressing", "VSIB Memory
 * Addressing". */
#include "cpu/decode_priv.h"
#include "cpu/regs.h"

static unsigned modrm_reg(const Decoder *d, const Insn *insn)
{
    return (insn->modrm >> 3 & 7) | (d->rex & REX_R) << 1;
}

static unsigned modrm_rm(const Decoder *d, const Insn *insn)
{
    return (insn->modrm & 7) | (d->rex & REX_B) << 3;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Segment of a memory operand with a base, unless overridden: SS for BP and SP. */
static void default_segment(const Decoder *d, Insn *insn)
{
    if (d->seg == SEG_NONE && (insn->base == RBP || insn->base == RSP))
        insn->seg = SEG_SS;
}

/* [SDM2] "16-Bit Addressing Forms with the ModR/M Byte". */
static void decode_address16(Decoder *d, Insn *insn)
{
    static const uint8_t bases[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const uint8_t indexes[8] = {RSI, RDI, RSI, RDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE};
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;
    insn->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        insn->disp = (int16_t)decoder_fetch(d, 2);
        return;
    }
    insn->base = bases[rm];
    if (mod == 1)
        insn->disp = (int8_t)decoder_fetch(d, 1);
    else if (mod == 2)
        insn->disp = (int16_t)decoder_fetch(d, 2);
    default_segment(d, insn);
}

/* Reads a SIB byte; true if it says base = none with a 32-bit displacement. An index of 4 means
 * none, unless the index is a vector register. */
static bool decode_sib(Decoder *d, Insn *insn, bool vsib)
{
    unsigned sib = decoder_fetch(d, 1);
    unsigned index = (sib >> 3 & 7) | (d->rex & REX_X) << 2;
    insn->scale = sib >> 6;
    insn->index = index == RSP && !vsib ? REG_NONE : index;
    if (insn->index == REG_NONE)
        insn->scale = 0;
    if ((sib & 7) == 5 && insn->modrm < 0x40)
        return true;
    insn->base = (sib & 7) | (d->rex & REX_B) << 3;
    return false;
}

/* [SDM2] "32-Bit Addressing Forms with the ModR/M Byte", and in 64-bit code "RIP-Relative
 * Addressing". */
static void decode_address32(Decoder *d, Insn *insn, bool vsib)
{
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;
    bool disp32 = mod == 2;
    if (rm == 4) {
        disp32 |= decode_sib(d, insn, vsib);
    } else if (mod == 0 && rm == 5) {
        disp32 = true;
        if (d->code64)
            insn->base = REG_IP;
    } else {
        insn->base = rm | (d->rex & REX_B) << 3;
    }
    if (disp32)
        insn->disp = (int32_t)decoder_fetch(d, 4);
    else if (mod == 1)
        insn->disp = (int8_t)decoder_fetch(d, 1);
    default_segment(d, insn);
}

/* Gathers need a SIB byte, and three different vector registers. [SDM2] VGATHERDPS/VGATHERDPD. */
static bool gather_is_valid(const Decoder *d, const Insn *insn)
{
    unsigned dest = modrm_reg(d, insn), mask = d->vvvv;
    return insn->addrsize != 2 && (insn->modrm & 7) == 4 && dest != mask && dest != insn->index &&
           mask != insn->index;
}

static bool decode_memory(Decoder *d, const RowPlan *plan, Insn *insn)
{
    bool vsib = plan->op[1].where == WHERE_VSIB_X || plan->op[1].where == WHERE_VSIB_H;
    if (insn->addrsize == 2)
        decode_address16(d, insn);
    else
        decode_address32(d, insn, vsib);
    return !vsib || d->truncated || gather_is_valid(d, insn);
}

/* --- memory operands -------------------------------------------------------------------------- */

static void set_operand(Operand *op, OperandKind kind, unsigned reg, unsigned size)
{
    op->kind = kind;
    op->reg = reg;
    op->size = size;
}

/* A register that the opcode implies; beside an X operand a Y operand leaves the Insn's address to
 * it. */
static void set_fixed_address(const Decoder *d, const struct PlanOperand *plan, Insn *insn)
{
    if (plan->where == WHERE_Y) {
        if (insn->base != REG_NONE)
            return;
        insn->seg = SEG_ES;
    } else {
        insn->seg = d->seg != SEG_NONE ? d->seg : SEG_DS;
    }
    insn->base = plan->reg;
}

static void decode_memory_operand(Decoder *d, const struct PlanOperand *plan, Insn *insn,
                                  Operand *op)
{
    bool fixed = plan->where == WHERE_FIXED_MEM || plan->where == WHERE_Y;
    set_operand(op, OPND_MEM, fixed ? plan->reg : REG_NONE, d->sizes[plan->memory_size]);
    if (fixed) {
        set_fixed_address(d, plan, insn);
    } else if (plan->where == WHERE_O) {
        insn->has_moffs = true;
        insn->imm = decoder_fetch(d, insn->addrsize);
    }
}

/* --- registers -------------------------------------------------------------------------------- */

/* Where a register's number is. */
typedef enum RegisterField {
    FIELD_NONE,
    FIELD_REG,  /* modrm.reg and REX.R */
    FIELD_REG3, /* modrm.reg alone */
    FIELD_RM,   /* modrm.rm and REX.B */
    FIELD_RM3,  /* modrm.rm alone */
    FIELD_OPCODE,
    FIELD_VVVV,
    FIELD_IMM, /* bits 7-4 of a byte after the displacement */
    FIELD_FIXED,
} RegisterField;

static unsigned register_number(Decoder *d, RegisterField field, unsigned fixed, Insn *insn)
{
    switch (field) {
    case FIELD_REG:
        return modrm_reg(d, insn);
    case FIELD_REG3:
        return insn->modrm >> 3 & 7;
    case FIELD_RM:
        return modrm_rm(d, insn);
    case FIELD_RM3:
        return insn->modrm & 7;
    case FIELD_OPCODE:
        return (insn->opcode & 7) | (d->rex & REX_B) << 3;
    case FIELD_VVVV:
        return d->vvvv;
    case FIELD_IMM: /* bit 7 is ignored outside 64-bit code */
        insn->imm2 = decoder_fetch(d, 1);
        return insn->imm2 >> 4 & (d->code64 ? 15 : 7);
    default:
        return fixed;
    }
}

/* Does the register exist, and may it be used so? [SDM2] MOV: control registers 1, 5 to 7 and above
 * 8 do not exist, nor debug registers above 7 (4 and 5 depend on CR4.DE, not on the bytes); CS can
 * be read, but not loaded. */
static bool register_is_valid(const Operand *op)
{
    switch (op->kind) {
    case OPND_CR:
        return op->reg == 0 || (op->reg >= 2 && op->reg <= 4) || op->reg == 8;
    case OPND_DR:
        return op->reg < 8;
    case OPND_SEG:
        return op->reg < SEG_COUNT && !(op->reg == SEG_CS && (op->access & OPND_WRITE));
    default:
        return true;
    }
}

/* --- immediates ------------------------------------------------------------------------------- */

static void decode_immediate_operand(Decoder *d, const struct PlanOperand *plan, Insn *insn)
{
    unsigned bytes = d->sizes[plan->memory_size];
    switch ((OperandWhere)plan->where) {
    case WHERE_I:
        insn->imm = decoder_fetch(d, bytes);
        break;
    case WHERE_SI:
    case WHERE_J:
        insn->imm = sign_extend(decoder_fetch(d, bytes), bytes * 8);
        break;
    case WHERE_I2:
        insn->imm2 = decoder_fetch(d, 1);
        break;
    case WHERE_A: /* offset, then selector */
        insn->imm = decoder_fetch(d, bytes - 2);
        insn->imm |= decoder_fetch(d, 2) << 32;
        break;
    default:
        break;
    }
}

/* --- all -------------------------------------------------------------------------------------- */

/* What an operand becomes: a kind, for registers the field with its number, and whether mod can
 * make it memory instead. */
static const struct OperandForm {
    uint8_t kind;  /* OperandKind */
    uint8_t field; /* RegisterField */
    bool or_memory;
} operand_forms[WHERE_COUNT] = {
    [WHERE_NONE] = {OPND_NONE, FIELD_NONE, false},
    [WHERE_E] = {OPND_GPR, FIELD_RM, true},
    [WHERE_G] = {OPND_GPR, FIELD_REG, false},
    [WHERE_B] = {OPND_GPR, FIELD_VVVV, false},
    [WHERE_Z] = {OPND_GPR, FIELD_OPCODE, false},
    [WHERE_M] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_VSIB_X] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_VSIB_H] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_O] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_FIXED_MEM] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_Y] = {OPND_MEM, FIELD_NONE, false},
    [WHERE_GPR] = {OPND_GPR, FIELD_FIXED, false},
    [WHERE_ONE] = {OPND_ONE, FIELD_NONE, false},
    [WHERE_S] = {OPND_SEG, FIELD_REG3, false},
    [WHERE_SEG] = {OPND_SEG, FIELD_FIXED, false},
    [WHERE_C] = {OPND_CR, FIELD_REG, false},
    [WHERE_D] = {OPND_DR, FIELD_REG, false},
    [WHERE_I] = {OPND_IMM, FIELD_NONE, false},
    [WHERE_SI] = {OPND_IMM, FIELD_NONE, false},
    [WHERE_I2] = {OPND_IMM2, FIELD_NONE, false},
    [WHERE_J] = {OPND_REL, FIELD_NONE, false},
    [WHERE_A] = {OPND_FAR, FIELD_NONE, false},
    [WHERE_ST] = {OPND_ST, FIELD_FIXED, false},
    [WHERE_STI] = {OPND_ST, FIELD_RM3, false},
    [WHERE_P] = {OPND_MMX, FIELD_REG3, false},
    [WHERE_Q] = {OPND_MMX, FIELD_RM3, true},
    [WHERE_V] = {OPND_VEC, FIELD_REG, false},
    [WHERE_W] = {OPND_VEC, FIELD_RM, true},
    [WHERE_H] = {OPND_VEC, FIELD_VVVV, false},
    [WHERE_L] = {OPND_VEC, FIELD_IMM, false},
    [WHERE_VEC] = {OPND_VEC, FIELD_FIXED, false},
};

/* Fills in one operand; false: #UD. */
static bool decode_operand(Decoder *d, const struct PlanOperand *plan, Insn *insn, Operand *op)
{
    const struct OperandForm *form = &operand_forms[plan->where];
    unsigned size = d->sizes[plan->size];
    op->access = plan->access;
    if (form->kind == OPND_MEM || (form->or_memory && insn->modrm < 0xc0)) {
        decode_memory_operand(d, plan, insn, op);
        return true;
    }
    if (form->field == FIELD_NONE) {
        set_operand(op, form->kind, 0, size);
        decode_immediate_operand(d, plan, insn);
        return true;
    }
    unsigned reg = register_number(d, form->field, plan->reg, insn);
    if (form->kind == OPND_GPR && size == 1 && reg >= 4 && !d->rex_present)
        set_operand(op, OPND_GPR8H, reg - 4, 1); /* AH, CH, DH, BH */
    else
        set_operand(op, form->kind, reg, size);
    return register_is_valid(op);
}

bool decode_operands(Decoder *d, const RowPlan *plan, Insn *insn)
{
    if (plan->mod_ignored)
        insn->modrm |= 0xc0;
    else if (plan->has_modrm && insn->modrm < 0xc0 && !decode_memory(d, plan, insn))
        return false;
    for (unsigned i = 0; i < plan->operand_count; i++)
        if (!decode_operand(d, &plan->op[i], insn, &insn->op[i]))
            return false;
    return true;
}
