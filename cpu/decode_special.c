/* decode_special.c - operands that few instructions have: addresses of 16 bits, of strings, far
 * pointers, vectors of addresses, second immediates, and registers that may not exist.
 *
 * [SDM2] "16-Bit Addressing Forms with the ModR/M Byte", "VSIB Memory Addressing". */
#include "cpu/decode_priv.h"
#include "cpu/regs.h"

/* --- 16-bit addresses ------------------------------------------------------------------------- */

const uint8_t *decode_address16(const uint8_t *next, Insn *insn)
{
    static const uint8_t bases[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const uint8_t indexes[8] = {RSI, RDI, RSI, RDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE};
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;
    bool direct = mod == 0 && rm == 6;
    insn->index = indexes[rm];
    insn->base = direct ? REG_NONE : bases[rm];
    if (mod == 1) {
        insn->disp = (int8_t)*next++;
    } else if (mod == 2 || direct) {
        insn->disp = (int16_t)load_le16(next);
        next += 2;
    }
    if (insn->base == RBP && !insn->seg_override)
        insn->seg = SEG_SS;
    return next;
}

/* --- operands --------------------------------------------------------------------------------- */

/* Memory at a register that the opcode implies; beside an X operand a Y operand leaves the Insn's
 * address to it. */
static void fixed_address(OperandWhere where, const Operand *op, Insn *insn)
{
    if (where == WHERE_Y) {
        if (insn->op[0].kind == insn->op[1].kind)
            return;
        insn->seg = SEG_ES;
    }
    insn->base = op->reg;
}

/* An offset, and a selector behind it. */
static uint64_t far_pointer(const uint8_t *next, unsigned offset_bytes)
{
    return load_le(next, offset_bytes) | (uint64_t)load_le16(next + offset_bytes) << 32;
}

/* Reads what the operands still have at next and returns what is behind that. */
static const uint8_t *read_operands(const uint8_t *next, CodeSize mode, const RowPlan *plan,
                                    Insn *insn)
{
    for (unsigned i = 0; i < plan->operand_count; i++) {
        Operand *op = &insn->op[i];
        OperandWhere where = operand_infos[insn_row(insn)->operands[i]].where;
        switch (where) {
        case WHERE_FIXED_MEM:
        case WHERE_Y:
            fixed_address(where, op, insn);
            break;
        case WHERE_O:
            insn->has_moffs = true;
            insn->imm = load_le(next, insn->addrsize);
            next += insn->addrsize;
            break;
        case WHERE_A:
            insn->imm = far_pointer(next, insn->opsize);
            next += insn->opsize + 2;
            break;
        case WHERE_I2:
            insn->imm2 = *next++;
            break;
        case WHERE_L: /* bit 7 is ignored outside 64-bit code */
            insn->imm2 = *next++;
            op->reg = insn->imm2 >> 4 & (mode == CODE_64 ? 15 : 7);
            break;
        default:
            break;
        }
    }
    return next;
}

/* --- validity --------------------------------------------------------------------------------- */

/* Gathers need a SIB byte, and three different vector registers. [SDM2] VGATHERDPS/VGATHERDPD. */
static bool gather_is_valid(const Insn *insn)
{
    unsigned dest = insn->op[0].reg, mask = insn->op[2].reg;
    return insn->addrsize != 2 && (insn->modrm & 7) == 4 && dest != mask && dest != insn->index &&
           mask != insn->index;
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

static bool operands_are_valid(const RowPlan *plan, const Insn *insn)
{
    if (plan->vsib && !gather_is_valid(insn))
        return false;
    for (unsigned i = 0; i < plan->operand_count; i++)
        if (!register_is_valid(&insn->op[i]))
            return false;
    return true;
}

DecodeStatus decode_special(const uint8_t *bytes, const uint8_t *next, CodeSize mode,
                            const RowPlan *plan, Insn *insn)
{
    if (plan->mod_ignored)
        insn->modrm |= 0xc0;
    next = read_operands(next, mode, plan, insn);
    bool valid = operands_are_valid(plan, insn);
    return decode_end(bytes, next, insn, valid ? DECODE_OK : DECODE_INVALID);
}
