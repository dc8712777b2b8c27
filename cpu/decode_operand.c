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

/* --- memory -------------------------------------------------------------------------------------
 */

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

/* --- one operand --------------------------------------------------------------------------------
 */

static void set_operand(Operand *op, OperandKind kind, unsigned reg, unsigned size)
{
    op->kind = kind;
    op->reg = reg;
    op->size = size;
}

/* Without REX, byte registers 4-7 are AH, CH, DH, BH. */
static void set_gpr(const Decoder *d, Operand *op, unsigned reg, unsigned size)
{
    if (size == 1 && !d->rex_present && reg >= 4)
        set_operand(op, OPND_GPR8H, reg - 4, 1);
    else
        set_operand(op, OPND_GPR, reg, size);
}

static void set_fixed_memory(const Decoder *d, Insn *insn, unsigned reg, SegReg seg)
{
    insn->base = reg;
    insn->seg = seg;
}

static uint64_t fetch_signed(Decoder *d, unsigned bytes)
{
    return sign_extend(decoder_fetch(d, bytes), bytes * 8);
}

/* Offset, then selector. */
static uint64_t fetch_far(Decoder *d, unsigned bytes)
{
    uint64_t offset = decoder_fetch(d, bytes - 2);
    return offset | decoder_fetch(d, 2) << 32;
}

/* Control register 8 is the last; 1 and 5 to 7 do not exist. Debug registers 8 to 15 do not either;
 * 4 and 5 depend on CR4.DE, which is not the decoder's business. [SDM2] MOV. */
static bool control_register_exists(unsigned reg)
{
    return reg == 0 || (reg >= 2 && reg <= 4) || reg == 8;
}

/* CS can be read, but not loaded. [SDM2] MOV. */
static bool segment_register_is_valid(unsigned reg, unsigned access)
{
    return reg < SEG_COUNT && !(reg == SEG_CS && (access & OPND_WRITE));
}

/* Fills in one operand; false: #UD. */
static bool decode_operand(Decoder *d, const struct PlanOperand *plan, Insn *insn, Operand *op)
{
    bool memory = insn->modrm < 0xc0;
    unsigned size = d->sizes[plan->size], memory_size = d->sizes[plan->memory_size];
    op->access = plan->access;
    switch ((OperandWhere)plan->where) {
    case WHERE_E:
        if (memory)
            set_operand(op, OPND_MEM, REG_NONE, memory_size);
        else
            set_gpr(d, op, modrm_rm(d, insn), size);
        return true;
    case WHERE_G:
        set_gpr(d, op, modrm_reg(d, insn), size);
        return true;
    case WHERE_B:
        set_operand(op, OPND_GPR, d->vvvv, size);
        return true;
    case WHERE_Z:
        set_gpr(d, op, (insn->opcode & 7) | (d->rex & REX_B) << 3, size);
        return true;
    case WHERE_M:
    case WHERE_VSIB_X:
    case WHERE_VSIB_H:
        set_operand(op, OPND_MEM, REG_NONE, memory_size);
        return true;
    case WHERE_O:
        set_operand(op, OPND_MEM, REG_NONE, memory_size);
        insn->has_moffs = true;
        insn->imm = decoder_fetch(d, insn->addrsize);
        return true;
    case WHERE_FIXED_MEM:
        set_operand(op, OPND_MEM, plan->reg, memory_size);
        set_fixed_memory(d, insn, plan->reg, d->seg != SEG_NONE ? d->seg : SEG_DS);
        return true;
    case WHERE_Y: /* beside an X operand, that one has the Insn's address */
        set_operand(op, OPND_MEM, plan->reg, memory_size);
        if (insn->base == REG_NONE)
            set_fixed_memory(d, insn, plan->reg, SEG_ES);
        return true;
    case WHERE_GPR:
        set_operand(op, OPND_GPR, plan->reg, size);
        return true;
    case WHERE_ONE:
        set_operand(op, OPND_ONE, 0, size);
        return true;
    case WHERE_S:
        set_operand(op, OPND_SEG, insn->modrm >> 3 & 7, size);
        return segment_register_is_valid(op->reg, op->access);
    case WHERE_SEG:
        set_operand(op, OPND_SEG, plan->reg, size);
        return true;
    case WHERE_C:
        set_operand(op, OPND_CR, modrm_reg(d, insn), size);
        return control_register_exists(op->reg);
    case WHERE_D:
        set_operand(op, OPND_DR, modrm_reg(d, insn), size);
        return op->reg < 8;
    case WHERE_I:
        set_operand(op, OPND_IMM, 0, size);
        insn->imm = decoder_fetch(d, memory_size);
        return true;
    case WHERE_SI:
        set_operand(op, OPND_IMM, 0, size);
        insn->imm = fetch_signed(d, memory_size);
        return true;
    case WHERE_I2:
        set_operand(op, OPND_IMM2, 0, size);
        insn->imm2 = decoder_fetch(d, 1);
        return true;
    case WHERE_J:
        set_operand(op, OPND_REL, 0, size);
        insn->imm = fetch_signed(d, memory_size);
        return true;
    case WHERE_A:
        set_operand(op, OPND_FAR, 0, size);
        insn->imm = fetch_far(d, memory_size);
        return true;
    case WHERE_ST:
        set_operand(op, OPND_ST, 0, size);
        return true;
    case WHERE_STI:
        set_operand(op, OPND_ST, insn->modrm & 7, size);
        return true;
    case WHERE_P:
        set_operand(op, OPND_MMX, insn->modrm >> 3 & 7, size);
        return true;
    case WHERE_Q:
        if (memory)
            set_operand(op, OPND_MEM, REG_NONE, memory_size);
        else
            set_operand(op, OPND_MMX, insn->modrm & 7, size);
        return true;
    case WHERE_V:
        set_operand(op, OPND_VEC, modrm_reg(d, insn), size);
        return true;
    case WHERE_W:
        if (memory)
            set_operand(op, OPND_MEM, REG_NONE, memory_size);
        else
            set_operand(op, OPND_VEC, modrm_rm(d, insn), size);
        return true;
    case WHERE_H:
        set_operand(op, OPND_VEC, d->vvvv, size);
        return true;
    case WHERE_L:
        insn->imm2 = decoder_fetch(d, 1);
        set_operand(op, OPND_VEC, d->code64 ? insn->imm2 >> 4 : insn->imm2 >> 4 & 7, size);
        return true;
    case WHERE_VEC:
        set_operand(op, OPND_VEC, plan->reg, size);
        return true;
    case WHERE_NONE:
        break;
    }
    return true;
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
