/* decode.c - from bytes to Insn: prefixes, opcode and row, operand size, validity.
 *
 * [SDM2] "Instruction Format", "Opcode Map". Where Intel and AMD differ, Intel's way is taken: near
 * branches in 64-bit code ignore 66. */
#include "cpu/decode.h"

#include "cpu/decode_priv.h"
#include "cpu/regs.h"

/* --- prefixes --------------------------------------------------------------------------------- */

typedef enum PrefixKind {
    PREFIX_KIND_NONE,
    PREFIX_KIND_SEG,
    PREFIX_KIND_OPSIZE,
    PREFIX_KIND_ADDRSIZE,
    PREFIX_KIND_LOCK,
    PREFIX_KIND_REP,
    PREFIX_KIND_REX,
} PrefixKind;

static const uint8_t prefix_kinds[256] = {
    [0x26] = PREFIX_KIND_SEG,    [0x2e] = PREFIX_KIND_SEG,      [0x36] = PREFIX_KIND_SEG,
    [0x3e] = PREFIX_KIND_SEG,    [0x64] = PREFIX_KIND_SEG,      [0x65] = PREFIX_KIND_SEG,
    [0x66] = PREFIX_KIND_OPSIZE, [0x67] = PREFIX_KIND_ADDRSIZE, [0xf0] = PREFIX_KIND_LOCK,
    [0xf2] = PREFIX_KIND_REP,    [0xf3] = PREFIX_KIND_REP,      [0x40 ... 0x4f] = PREFIX_KIND_REX,
};

static void note_segment_prefix(Decoder *d, uint8_t byte)
{
    d->notrack = byte == 0x3e;
    SegReg seg = byte >= 0x64 ? SEG_FS + (byte - 0x64) : (byte >> 3 & 3);
    /* In 64-bit code ES, CS, SS and DS overrides do nothing, not even undo an FS before them. */
    if (!d->code64 || seg >= SEG_FS)
        d->seg = seg;
}

/* Reads prefixes and returns the first byte after them. A REX counts only right before the opcode.
 */
static uint8_t scan_prefixes(Decoder *d)
{
    for (;;) {
        uint8_t byte = decoder_fetch(d, 1);
        PrefixKind kind = prefix_kinds[byte];
        if (LIKELY(kind == PREFIX_KIND_NONE))
            return byte;
        if (kind == PREFIX_KIND_REX) {
            if (!d->code64)
                return byte;
            d->rex = byte & 15;
            d->rex_present = true;
            continue;
        }
        d->rex = 0;
        d->rex_present = false;
        switch (kind) {
        case PREFIX_KIND_SEG:
            note_segment_prefix(d, byte);
            break;
        case PREFIX_KIND_OPSIZE:
            d->opsize_prefix = true;
            break;
        case PREFIX_KIND_ADDRSIZE:
            d->addrsize_prefix = true;
            break;
        case PREFIX_KIND_LOCK:
            d->lock = true;
            break;
        default:
            d->rep = byte == 0xf2 ? REP_REPNE : REP_REPE;
        }
    }
}

/* --- opcode ----------------------------------------------------------------------------------- */

/* Outside 64-bit code C4 and C5 are LES and LDS unless a modrm byte after them would have mod = 3.
 */
static bool is_vex(const Decoder *d, uint8_t byte, unsigned flags)
{
    if (byte != 0xc4 && byte != 0xc5)
        return false;
    if (d->code64)
        return true;
    return !(flags & DECODE_REAL_OR_V86) && d->next < d->end && *d->next >= 0xc0;
}

/* Reads the rest of a VEX prefix and the opcode. [SDM2] "The VEX Prefix".
 *
 *     C5  R vvvv L pp            C4  R X B mmmmm  W vvvv L pp       R, X, B and vvvv are inverted
 *
 * False: #UD. */
static bool scan_vex(Decoder *d, uint8_t escape, uint8_t *opcode)
{
    uint8_t rxb = decoder_fetch(d, 1), rest, map = 1;
    if (d->opsize_prefix || d->rep != REP_NONE || d->lock || d->rex_present)
        return d->truncated;
    if (escape == 0xc4) {
        rest = decoder_fetch(d, 1);
        map = rxb & 31;
        d->rex = (~rxb >> 5 & 7) | (rest >> 7 ? REX_W : 0);
    } else {
        rest = rxb;
        d->rex = rxb & 0x80 ? 0 : REX_R;
    }
    if (d->truncated)
        return true;
    if (map < 1 || map > 3)
        return false;
    d->vex = true;
    d->map = MAP_VEX_0F + map - 1;
    d->vvvv = ~rest >> 3 & 15;
    if (!d->code64) { /* R and X are 0, or this would be LES or LDS; B and the top of vvvv are
                         ignored */
        d->rex &= REX_W;
        d->vvvv &= 7;
    }
    d->vex_l = rest >> 2 & 1;
    d->prefix_class = rest & 3;
    *opcode = decoder_fetch(d, 1);
    return true;
}

/* Reads the bytes from the first that is not a prefix up to the opcode. False: #UD. */
static bool scan_opcode(Decoder *d, uint8_t first, unsigned flags, uint8_t *opcode)
{
    if (UNLIKELY(is_vex(d, first, flags)))
        return scan_vex(d, first, opcode);
    *opcode = first;
    if (first == 0x0f) {
        d->map = MAP_0F;
        *opcode = decoder_fetch(d, 1);
        if (*opcode == 0x38 || *opcode == 0x3a) {
            d->map = *opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
            *opcode = decoder_fetch(d, 1);
        }
    }
    if (d->rep != REP_NONE)
        d->prefix_class = d->rep == REP_REPE ? 2 : 3;
    else
        d->prefix_class = d->opsize_prefix;
    return true;
}

/* The row, or NO_ROW; reads the modrm byte if the opcode has one. */
static unsigned find_row(Decoder *d, Insn *insn)
{
    const OpcodeSlot *slot = &decode_tables->slots[d->code64][d->map][insn->opcode];
    if (slot->modrm != MODRM_ABSENT)
        insn->modrm = decoder_fetch(d, 1);
    unsigned w = !!(d->rex & REX_W);
    unsigned wl = w << 1 | (d->vex ? d->vex_l : d->rex & REX_B);
    return decode_tables->leaves[slot->first + d->prefix_class * slot->prefix_stride +
                                 wl * slot->wl_stride + modrm_leaf(slot->modrm, insn->modrm)];
}

/* --- sizes and validity ----------------------------------------------------------------------- */

/* [SDM1] "Operand-Size and Address-Size Attributes". */
static unsigned operand_size(const Decoder *d, const RowPlan *plan, CodeSize mode)
{
    bool prefix = d->opsize_prefix && !plan->mandatory_66;
    if (mode != CODE_64)
        return (mode == CODE_16) == prefix || d->vex ? 4 : 2;
    if ((d->rex & REX_W) || (plan->attrs & ATTR_F64))
        return 8;
    if (prefix)
        return 2;
    return plan->attrs & ATTR_D64 ? 8 : 4;
}

static unsigned address_size(const Decoder *d, CodeSize mode)
{
    static const uint8_t sizes[3][2] = {[CODE_16] = {2, 4}, [CODE_32] = {4, 2}, [CODE_64] = {8, 4}};
    return sizes[mode][d->addrsize_prefix];
}

/* What can be said before the operands. */
static bool row_is_valid(const Decoder *d, const RowPlan *plan, const Insn *insn, unsigned flags)
{
    if ((plan->attrs & ATTR_PROT) && (flags & DECODE_REAL_OR_V86))
        return false;
    if (d->lock && (!(plan->attrs & ATTR_LOCK) || insn->modrm >= 0xc0))
        return false;
    return plan->uses_vvvv || d->vvvv == 0;
}

static void set_sizes(Decoder *d, const RowPlan *plan, CodeSize mode, Insn *insn)
{
    unsigned size = operand_size(d, plan, mode);
    unsigned w = d->code64 && (d->rex & REX_W);
    d->sizes = decode_tables->sizes[d->code64][w][d->vex_l][__builtin_ctz(size)];
    if (plan->byte_form)
        size = 1;
    else if (plan->max32 && size == 8)
        size = 4;
    insn->opsize = size;
    insn->addrsize = address_size(d, mode);
}

static void set_prefixes(const Decoder *d, Insn *insn)
{
    insn->seg_override = d->seg != SEG_NONE;
    insn->seg = d->seg != SEG_NONE ? d->seg : SEG_DS;
    insn->notrack = d->notrack;
    insn->rep = d->rep;
    insn->lock = d->lock;
    insn->rex = d->rex_present;
    insn->rex_w = !!(d->rex & REX_W);
    insn->vex_l = d->vex_l;
    insn->opsize_prefix = d->opsize_prefix;
}

/* Everything between the first byte and the last; what is missing shows in d->truncated. False:
 * #UD. */
static bool decode_all(Decoder *d, CodeSize mode, unsigned flags, Insn *insn)
{
    uint8_t first = scan_prefixes(d);
    if (!scan_opcode(d, first, flags, &insn->opcode))
        return false;
    if (UNLIKELY(d->truncated))
        return true;
    unsigned row = find_row(d, insn);
    if (UNLIKELY(d->truncated))
        return true;
    if (UNLIKELY(row == NO_ROW))
        return false;
    insn->row = row;
    const RowPlan *plan = &decode_tables->plans[row];
    if (!row_is_valid(d, plan, insn, flags))
        return false;
    set_prefixes(d, insn);
    set_sizes(d, plan, mode, insn);
    return decode_operands(d, plan, insn) || d->truncated;
}

DecodeStatus decode(const uint8_t *bytes, size_t available, CodeSize mode, unsigned flags,
                    Insn *insn)
{
    Decoder d = {
        .next = bytes,
        .end = bytes + MIN(available, (size_t)MAX_INSN_LENGTH),
        .code64 = mode == CODE_64,
        .seg = SEG_NONE,
    };
    *insn = (Insn){.base = REG_NONE, .index = REG_NONE};
    bool valid = decode_all(&d, mode, flags, insn);
    insn->length = d.next - bytes;
    if (UNLIKELY(d.truncated))
        return available < MAX_INSN_LENGTH ? DECODE_MORE : DECODE_TOO_LONG;
    return valid ? DECODE_OK : DECODE_INVALID;
}
