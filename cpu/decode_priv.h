/* decode_priv.h - what the files of the decoder share: the state of one decoding, and the tables.
 *
 *   decode.c          the common road: at most a REX prefix; operands in registers, in memory, and
 *                     an immediate
 *   decode_prefix.c   the other prefixes
 *   decode_special.c  the other operands
 *   decode_table.c    opcodes to look-up tables
 *   decode_plan.c     rows to what decoding needs of them
 */
#ifndef MYNA_CPU_DECODE_PRIV_H
#define MYNA_CPU_DECODE_PRIV_H

#include "cpu/decode.h"
#include "cpu/isa.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

/* --- one decoding ----------------------------------------------------------------------------- */

/* What the bytes say, as far as they are read (Decoder.fields); R, X, B and W are of REX or VEX:
 *
 *   31   28-27  26  25  24             19-16  15-12  11-8      7-4   3-0
 *   REX  mode   66  W   L of VEX,      vvvv   X000   B opcode  B rm  R reg
 *                       else B: WlSet
 */
typedef enum FieldShift {
    FIELD_REG = 0,    /* modrm.reg */
    FIELD_RM = 4,     /* modrm.rm */
    FIELD_OPCODE = 8, /* the opcode's low bits */
    FIELD_INDEX = 12, /* what is to be added to SIB.index */
    FIELD_VVVV = 16,  /* not inverted any more: 0 where unused */
    FIELD_STATE = 24, /* what rows and sizes depend on */
    FIELD_REX = 31,   /* there is one */
} FieldShift;

/* The bits of FIELD_STATE. */
enum {
    STATE_L = 1 << 0,
    STATE_W = 1 << 1,
    STATE_66 = 1 << 2,
    STATE_MODE_SHIFT = 3, /* CodeSize */
    STATE_COUNT = 3 << STATE_MODE_SHIFT,
};

/* What can make a row #UD, whatever its operands are. */
typedef enum Circumstance {
    IN_REAL_OR_V86 = DECODE_REAL_OR_V86,
    WITH_LOCK = 1 << 1,
    WITH_VVVV = 1 << 2,  /* VEX.vvvv names a register */
    EVERYWHERE = 1 << 3, /* there is no row */
} Circumstance;

/* What is not in the Insn. The bytes are read without looking where they end; there are always some
 * behind them (decode), and that there should not have been shows in the length. */
typedef struct Decoder {
    const uint8_t *next;
    const uint8_t *sizes; /* bytes of each OperandSize, for this instruction */
    CodeSize mode;
    OpcodeMap map;
    unsigned prefix_class;  /* as VEX.pp: 0 none, 1 66, 2 F3, 3 F2 */
    unsigned circumstances; /* of enum Circumstance */
    uint32_t fields;
} Decoder;

/* A field of four bits. */
static ALWAYS_INLINE unsigned decoder_number(const Decoder *d, FieldShift shift)
{
    return d->fields >> shift & 15;
}

static ALWAYS_INLINE unsigned decoder_state(const Decoder *d)
{
    return d->fields >> FIELD_STATE & 31;
}

/* --- from opcodes to rows (decode_table.c) ---------------------------------------------------- */

/* What of an opcode's modrm byte chooses the plan. */
typedef enum ModrmUse {
    MODRM_ABSENT,
    MODRM_MOD,  /* whether mod is 3 */
    MODRM_REG,  /* that, and reg */
    MODRM_BYTE, /* the byte, or if mod is not 3, reg */
    MODRM_USES,
} ModrmUse;

/* One opcode of one map: where its leaves begin and how far apart the leaves of neighbouring
 * conditions are; 0 where a condition does not matter. A leaf is the index of a plan. */
typedef struct OpcodeSlot {
    uint32_t first;
    uint16_t prefix_stride;
    uint8_t wl_stride;
    uint8_t modrm; /* ModrmUse */
} OpcodeSlot;

/* What row->form says of the modrm byte. */
ModrmUse decode_modrm_use(const InsnRow *row);

/* --- rows (decode_plan.c) --------------------------------------------------------------------- */

/* What of a row its sizes depend on. */
typedef enum Sizing {
    SIZING_D64 = 1 << 0,
    SIZING_F64 = 1 << 1,
    SIZING_P66 = 1 << 2, /* 66 is a mandatory prefix, not an operand size */
    SIZING_VEX = 1 << 3,
    SIZING_COUNT = 1 << 4,
} Sizing;

/* What decoding needs of a row, all of it derived from the row; each row has a plan for mod = 3 and
 * one for memory. */
typedef struct RowPlan {
    Operand op[MAX_OPERANDS];    /* size: OperandSize; reg: 0 where the bytes have the number */
    uint8_t shift[MAX_OPERANDS]; /* FieldShift */
    uint8_t mask[MAX_OPERANDS];  /* 15 or 7, or 0 if the bytes do not have it */
    uint16_t row;
    uint8_t operand_count;
    uint8_t refused;            /* of enum Circumstance, those that make it #UD */
    uint8_t sizing;             /* of enum Sizing */
    uint8_t opsize;             /* OperandSize */
    uint8_t immediate_size;     /* OperandSize; SIZE_0: there is none */
    bool is_sign_extended : 1;  /* the immediate */
    bool has_memory : 1;        /* modrm has a memory operand */
    bool has_byte_register : 1; /* AH, CH, DH and BH, or with a REX SPL, BPL, SIL and DIL */
    bool is_special : 1;        /* decode_special has to look at the operands */
    bool mod_ignored : 1;       /* is_special, too */
    bool vsib : 1;              /* likewise: the memory's index is a vector register */
} RowPlan;
static_assert(sizeof(RowPlan) == 32, "the plans of a row are one cache line");

/* Bytes of each OperandSize. */
typedef uint8_t SizeBytes[32];
static_assert(sizeof(SizeBytes) >= SIZE_COUNT, "every size has its bytes");

/* The plan of a row for mod = 3, or for memory. */
RowPlan decode_plan_row(unsigned row, bool memory);

/* sizes[of enum Sizing][decoder_state] */
void decode_plan_sizes(SizeBytes sizes[SIZING_COUNT][STATE_COUNT]);

/* --- all tables ------------------------------------------------------------------------------- */

typedef struct DecodeTables {
    uint32_t rex[2][256]; /* fields of a REX byte, 0 for others: [64-bit code][byte] */
    OpcodeSlot slots[MAP_COUNT][256][2]; /* [map][opcode][64-bit code] */
    uint8_t modrm_leaf[MODRM_USES][256]; /* index of a modrm byte among the leaves of an opcode */
    uint8_t modrm_fields[256];
    SizeBytes sizes[SIZING_COUNT][STATE_COUNT];
    uint16_t *leaves;
    RowPlan *plans; /* [row * 2 + memory]; what is no row is behind the last, and #UD */
} DecodeTables;

/* Made once by decode_init, constant from then on. */
extern const DecodeTables *decode_tables;

/* --- beside the common road ------------------------------------------------------------------- */

/* PrefixKind, 0 for bytes that are no prefixes. REX and VEX are, here, outside 64-bit code, too. */
extern const uint8_t decode_prefix_kinds[256];

/* The fields that a REX byte tells; 0: it is none. */
uint32_t decode_rex_fields(uint8_t byte);

/* Reads prefixes up to the first byte that is none, or VEX, but at most 15. */
void decode_prefixes(Decoder *d, Insn *insn);

/* Reads a VEX prefix and the opcode. False: #UD. */
bool decode_vex(Decoder *d, Insn *insn);

/* Reads the displacement of a 16-bit address at next, and returns what is behind it. */
const uint8_t *decode_address16(const uint8_t *next, Insn *insn);

/* Does what is left to do for operands that are more than their row's plan says; what they still
 * have in the bytes is at next. */
DecodeStatus decode_special(const uint8_t *bytes, const uint8_t *next, CodeSize mode,
                            const RowPlan *plan, Insn *insn);

/* Ends the decoding of the instruction at [bytes, next). */
static ALWAYS_INLINE DecodeStatus decode_end(const uint8_t *bytes, const uint8_t *next, Insn *insn,
                                             DecodeStatus status)
{
    insn->length = next - bytes;
    if (LIKELY(insn->length <= MAX_INSN_LENGTH))
        return status;
    insn->length = MAX_INSN_LENGTH;
    return DECODE_TOO_LONG;
}

#endif
