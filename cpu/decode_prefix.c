/* decode_prefix.c - prefixes: the old ones, in any order and number, and VEX.
 *
 * [SDM2] "Instruction Prefixes", "The VEX Prefix". */
#include "cpu/decode_priv.h"
#include "cpu/regs.h"

typedef enum PrefixKind {
    PREFIX_KIND_NONE,
    PREFIX_KIND_SEG,
    PREFIX_KIND_OPSIZE,
    PREFIX_KIND_ADDRSIZE,
    PREFIX_KIND_LOCK,
    PREFIX_KIND_REP,
    PREFIX_KIND_REX,
    PREFIX_KIND_VEX,
} PrefixKind;

const uint8_t decode_prefix_kinds[256] = {
    [0x26] = PREFIX_KIND_SEG,    [0x2e] = PREFIX_KIND_SEG,      [0x36] = PREFIX_KIND_SEG,
    [0x3e] = PREFIX_KIND_SEG,    [0x64] = PREFIX_KIND_SEG,      [0x65] = PREFIX_KIND_SEG,
    [0x66] = PREFIX_KIND_OPSIZE, [0x67] = PREFIX_KIND_ADDRSIZE, [0xf0] = PREFIX_KIND_LOCK,
    [0xf2] = PREFIX_KIND_REP,    [0xf3] = PREFIX_KIND_REP,      [0x40 ... 0x4f] = PREFIX_KIND_REX,
    [0xc4] = PREFIX_KIND_VEX,    [0xc5] = PREFIX_KIND_VEX,
};

/* --- REX -------------------------------------------------------------------------------------- */

/* Of REX or VEX. */
static uint32_t register_fields(unsigned rex)
{
    unsigned r = !!(rex & REX_R), x = !!(rex & REX_X), b = rex & REX_B;
    return r << (FIELD_REG + 3) | x << (FIELD_INDEX + 3) | b << (FIELD_RM + 3) |
           b << (FIELD_OPCODE + 3);
}

uint32_t decode_rex_fields(uint8_t byte)
{
    if ((byte & 0xf0) != 0x40)
        return 0;
    unsigned state = (byte & REX_W ? STATE_W : 0) | (byte & REX_B ? STATE_L : 0);
    return 1u << FIELD_REX | state << FIELD_STATE | register_fields(byte);
}

/* --- the old ones ----------------------------------------------------------------------------- */

static void note_segment(const Decoder *d, uint8_t byte, Insn *insn)
{
    insn->notrack = byte == 0x3e;
    SegReg seg = byte >= 0x64 ? SEG_FS + (byte - 0x64) : (byte >> 3 & 3);
    /* In 64-bit code ES, CS, SS and DS overrides do nothing, not even undo an FS before them. */
    if (d->mode == CODE_64 && seg < SEG_FS)
        return;
    insn->seg = seg;
    insn->seg_override = true;
}

static void note_prefix(Decoder *d, uint8_t byte, Insn *insn)
{
    switch (decode_prefix_kinds[byte]) {
    case PREFIX_KIND_SEG:
        note_segment(d, byte, insn);
        break;
    case PREFIX_KIND_OPSIZE:
        insn->opsize_prefix = true;
        d->fields |= STATE_66 << FIELD_STATE;
        break;
    case PREFIX_KIND_ADDRSIZE:
        insn->addrsize = d->mode == CODE_32 ? 2 : 4;
        break;
    case PREFIX_KIND_LOCK:
        insn->lock = true;
        d->circumstances |= WITH_LOCK;
        break;
    default:
        insn->rep = byte == 0xf2 ? REP_REPNE : REP_REPE;
    }
}

void decode_prefixes(Decoder *d, Insn *insn)
{
    const uint32_t *rex_fields = decode_tables->rex[d->mode == CODE_64];
    uint32_t rex = 0;
    for (unsigned i = 0; i < MAX_INSN_LENGTH; i++, d->next++) {
        uint8_t byte = *d->next, kind = decode_prefix_kinds[byte];
        if (kind == PREFIX_KIND_NONE || kind == PREFIX_KIND_VEX ||
            (kind == PREFIX_KIND_REX && d->mode != CODE_64))
            break;
        rex = rex_fields[byte]; /* counts only right before the opcode */
        if (!rex)
            note_prefix(d, byte, insn);
    }
    d->fields |= rex;
    insn->rex = rex != 0;
    insn->rex_w = !!(rex & STATE_W << FIELD_STATE);
    if (insn->rep != REP_NONE)
        d->prefix_class = insn->rep == REP_REPE ? 2 : 3;
    else
        d->prefix_class = insn->opsize_prefix;
}

/* --- VEX -------------------------------------------------------------------------------------- */

/* [SDM2] "The VEX Prefix".
 *
 *     C5  R vvvv L pp            C4  R X B mmmmm  W vvvv L pp       R, X, B and vvvv are inverted
 */
bool decode_vex(Decoder *d, Insn *insn)
{
    bool is_long = *d->next++ == 0xc4;
    uint8_t rxb = *d->next++, rest = rxb, map = 1, rex = ~rxb >> 5 & REX_R;
    if (insn->opsize_prefix || insn->rep != REP_NONE || insn->lock || insn->rex)
        return false;
    if (is_long) {
        rest = *d->next++;
        map = rxb & 31;
        rex = (~rxb >> 5 & 7) | (rest >> 4 & REX_W);
    }
    if (map < 1 || map > 3)
        return false;
    unsigned vvvv = ~rest >> 3 & 15;
    if (d->mode != CODE_64) { /* R and X are 0, or this would be LES or LDS; B and the top of vvvv
                                 are ignored */
        rex &= REX_W;
        vvvv &= 7;
    }
    d->map = MAP_VEX_0F + map - 1;
    d->prefix_class = rest & 3;
    insn->vex_l = rest >> 2 & 1;
    insn->rex_w = rex >> 3;
    unsigned wl = insn->rex_w << 1 | insn->vex_l;
    d->fields |= register_fields(rex) | vvvv << FIELD_VVVV | wl << FIELD_STATE;
    d->circumstances |= vvvv ? WITH_VVVV : 0;
    insn->opcode = *d->next++;
    return true;
}
