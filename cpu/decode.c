/* decode.c - from bytes to Insn: the road of most instructions.
 *
 * They have no prefix, or a REX; their operands are in registers, in memory that modrm and SIB
 * tell, and in an immediate. What else there is, is in decode_prefix.c and decode_special.c. To the
 * compiler this is one function, which has the Decoder in registers.
 *
 * [SDM2] "Instruction Format", "Opcode Map". Where Intel and AMD differ, Intel's way is taken: near
 * branches in 64-bit code ignore 66. */
#include "cpu/decode.h"

#include "cpu/decode_priv.h"
#include "cpu/regs.h"

/* --- opcode ----------------------------------------------------------------------------------- */

/* Reads the opcode and what says in which map it is. */
static ALWAYS_INLINE void scan_opcode(Decoder *d, Insn *insn)
{
    uint8_t byte = *d->next++;
    if (byte == 0x0f) {
        byte = *d->next++;
        d->map = MAP_0F;
        if (UNLIKELY(byte == 0x38 || byte == 0x3a)) {
            d->map = byte == 0x38 ? MAP_0F38 : MAP_0F3A;
            byte = *d->next++;
        }
    }
    insn->opcode = byte;
}

/* Chooses the plan, and thereby the row; reads the modrm byte if the opcode has one. */
static ALWAYS_INLINE const RowPlan *find_plan(Decoder *d, Insn *insn)
{
    const DecodeTables *t = decode_tables;
    const OpcodeSlot slot = t->slots[d->map][insn->opcode][d->mode == CODE_64];
    uint8_t byte = *d->next;
    bool has_modrm = slot.modrm != MODRM_ABSENT;
    unsigned modrm = byte &
                     -(unsigned)has_modrm; /* no branch, which would often be guessed wrong */
    d->next += has_modrm;
    d->fields |= t->modrm_fields[modrm] | (insn->opcode & 7) << FIELD_OPCODE;
    unsigned leaf = t->leaves[slot.first + d->prefix_class * slot.prefix_stride +
                              (decoder_state(d) & (STATE_W | STATE_L)) * slot.wl_stride +
                              t->modrm_leaf[slot.modrm][modrm]];
    const RowPlan *plan = &t->plans[leaf];
    insn->modrm = modrm;
    insn->row = plan->row;
    return plan;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Reads a SIB byte; true if it says base = none with a 32-bit displacement. An index of 4 means
 * none, unless the index is a vector register. [SDM2] "ModR/M and SIB Bytes". */
static ALWAYS_INLINE bool decode_sib(Decoder *d, const RowPlan *plan, Insn *insn)
{
    unsigned sib = *d->next++;
    unsigned index = (sib >> 3 & 7) | decoder_number(d, FIELD_INDEX);
    if (index != RSP || plan->vsib) {
        insn->index = index;
        insn->scale = sib >> 6;
    }
    if ((sib & 7) == 5 && insn->modrm < 0x40)
        return true;
    insn->base = (sib & 7) | (decoder_number(d, FIELD_RM) & 8);
    return false;
}

/* [SDM2] "32-Bit Addressing Forms with the ModR/M Byte", and in 64-bit code "RIP-Relative
 * Addressing". The segment is SS for RBP and RSP, unless overridden. */
static ALWAYS_INLINE void decode_address32(Decoder *d, const RowPlan *plan, Insn *insn)
{
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;
    bool disp32 = mod == 2;
    if (rm == 4) {
        disp32 |= decode_sib(d, plan, insn);
    } else if (mod == 0 && rm == 5) {
        disp32 = true;
        insn->base = d->mode == CODE_64 ? REG_IP : REG_NONE;
    } else {
        insn->base = decoder_number(d, FIELD_RM);
    }
    if (mod == 1) {
        insn->disp = (int8_t)*d->next++;
    } else if (disp32) {
        insn->disp = load_le32(d->next);
        d->next += 4;
    }
    if ((insn->base == RBP || insn->base == RSP) && !insn->seg_override)
        insn->seg = SEG_SS;
}

/* --- registers and immediates ----------------------------------------------------------------- */

static ALWAYS_INLINE void fill_operand(const Decoder *d, const RowPlan *plan, unsigned i,
                                       Operand *op)
{
    op->reg |= d->fields >> plan->shift[i] & plan->mask[i];
    op->size = d->sizes[plan->op[i].size];
}

/* Most have two at most; to fill in one that is not there is harmless. */
static ALWAYS_INLINE void fill_operands(const Decoder *d, const RowPlan *plan, Insn *insn)
{
    memcpy(insn->op, plan->op, sizeof(insn->op));
    fill_operand(d, plan, 0, &insn->op[0]);
    fill_operand(d, plan, 1, &insn->op[1]);
    for (unsigned i = 2; i < plan->operand_count; i++)
        fill_operand(d, plan, i, &insn->op[i]);
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. [SDM2] "REX Prefixes". */
static ALWAYS_INLINE void choose_high_bytes(Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        Operand *op = &insn->op[i];
        if (op->kind == OPND_GPR && op->size == 1 && op->reg >= 4) {
            op->kind = OPND_GPR8H;
            op->reg -= 4;
        }
    }
}

static ALWAYS_INLINE void decode_immediate(Decoder *d, const RowPlan *plan, Insn *insn)
{
    unsigned bytes = d->sizes[plan->immediate_size], above = 64 - 8 * bytes;
    uint64_t value = load_le64(d->next) << above;
    insn->imm = plan->is_sign_extended ? (uint64_t)((int64_t)value >> above) : value >> above;
    d->next += bytes;
}

/* --- from the opcode on ----------------------------------------------------------------------- */

static ALWAYS_INLINE void decode_operands(Decoder *d, const RowPlan *plan, Insn *insn)
{
    if (plan->has_memory) {
        if (LIKELY(insn->addrsize != 2))
            decode_address32(d, plan, insn);
        else
            d->next = decode_address16(d->next, insn);
    }
    fill_operands(d, plan, insn);
    if (plan->has_byte_register && !insn->rex)
        choose_high_bytes(insn);
    if (plan->immediate_size != SIZE_0)
        decode_immediate(d, plan, insn);
}

static ALWAYS_INLINE DecodeStatus decode_insn(Decoder *d, const uint8_t *bytes, Insn *insn)
{
    const RowPlan *plan = find_plan(d, insn);
    if (UNLIKELY(plan->refused & d->circumstances))
        return decode_end(bytes, d->next, insn, DECODE_INVALID);
    d->sizes = decode_tables->sizes[plan->sizing][decoder_state(d)];
    insn->opsize = d->sizes[plan->opsize];
    decode_operands(d, plan, insn);
    if (UNLIKELY(plan->is_special))
        return decode_special(bytes, d->next, d->mode, plan, insn);
    return decode_end(bytes, d->next, insn, DECODE_OK);
}

/* What is known before the first byte; of the Insn, what most have. */
static ALWAYS_INLINE Decoder decoder_begin(const uint8_t *bytes, CodeSize mode, unsigned flags,
                                           Insn *insn)
{
    *insn = (Insn){.addrsize = 2 << mode, .seg = SEG_DS, .base = REG_NONE, .index = REG_NONE};
    return (Decoder){.next = bytes,
                     .mode = mode,
                     .circumstances = flags | EVERYWHERE,
                     .fields = (uint32_t)mode << (FIELD_STATE + STATE_MODE_SHIFT)};
}

/* --- prefixes --------------------------------------------------------------------------------- */

static ALWAYS_INLINE void scan_rex(Decoder *d, Insn *insn)
{
    d->fields |= decode_tables->rex[d->mode == CODE_64][*d->next];
    insn->rex = d->fields >> FIELD_REX;
    insn->rex_w = !!(decoder_state(d) & STATE_W);
    d->next += insn->rex;
}

/* Outside 64-bit code C4 and C5 are LES and LDS unless a modrm byte after them would have mod = 3.
 */
static bool is_vex(const Decoder *d)
{
    if ((d->next[0] & 0xfe) != 0xc4)
        return false;
    return d->mode == CODE_64 || (!(d->circumstances & IN_REAL_OR_V86) && d->next[1] >= 0xc0);
}

/* An instruction with any prefixes. */
static NOINLINE DecodeStatus decode_prefixed(const uint8_t *bytes, CodeSize mode, unsigned flags,
                                             Insn *insn)
{
    Decoder d = decoder_begin(bytes, mode, flags, insn);
    decode_prefixes(&d, insn);
    if (!is_vex(&d))
        scan_opcode(&d, insn);
    else if (!decode_vex(&d, insn))
        return decode_end(bytes, d.next, insn, DECODE_INVALID);
    return decode_insn(&d, bytes, insn);
}

/* An instruction with a REX at most, or, when that has been seen, any. */
static ALWAYS_INLINE DecodeStatus decode_common(const uint8_t *bytes, CodeSize mode, unsigned flags,
                                                Insn *insn)
{
    Decoder d = decoder_begin(bytes, mode, flags, insn);
    scan_rex(&d, insn);
    if (UNLIKELY(decode_prefix_kinds[*d.next]))
        return decode_prefixed(bytes, mode, flags, insn);
    scan_opcode(&d, insn);
    return decode_insn(&d, bytes, insn);
}

/* --- all -------------------------------------------------------------------------------------- */

/* Bytes that may be read from the first on, though not all would be looked at: a REX and 15 other
 * prefixes, 10 from VEX to the displacement, 8 for an immediate. */
enum { WINDOW = 16 + 10 + 8 };

/* Of fewer bytes than that: behind them are zeros, and if these are looked at it shows. */
static NOINLINE DecodeStatus decode_few(const uint8_t *bytes, size_t available, CodeSize mode,
                                        unsigned flags, Insn *insn)
{
    uint8_t window[WINDOW] = {0};
    memcpy(window, bytes, MIN(available, (size_t)MAX_INSN_LENGTH));
    DecodeStatus status = decode(window, WINDOW, mode, flags, insn);
    if (available < MAX_INSN_LENGTH && insn->length > available) {
        insn->length = available;
        return DECODE_MORE;
    }
    return status;
}

DecodeStatus decode(const uint8_t *bytes, size_t available, CodeSize mode, unsigned flags,
                    Insn *insn)
{
    if (UNLIKELY(available < WINDOW))
        return decode_few(bytes, available, mode, flags, insn);
    if (LIKELY(mode == CODE_64)) /* a copy that knows it, and is shorter */
        return decode_common(bytes, CODE_64, 0, insn);
    return decode_common(bytes, mode, flags, insn);
}
