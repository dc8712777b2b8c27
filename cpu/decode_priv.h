/* decode_priv.h - what the files of the decoder share: the state of one decoding, and the tables.
 *
 *   decode.c          prefixes, opcode, operand size, validity
 *   decode_operand.c  modrm, SIB, displacement, immediates: bytes to Operand
 *   decode_table.c    rows to look-up tables
 */
#ifndef MYNA_CPU_DECODE_PRIV_H
#define MYNA_CPU_DECODE_PRIV_H

#include "cpu/decode.h"
#include "cpu/isa.h"

/* --- one decoding ----------------------------------------------------------------------------- */

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };
enum { SEG_NONE = 0xff };

typedef struct Decoder {
    const uint8_t *next;
    const uint8_t *end; /* of the bytes given, or of the 15 allowed */
    bool truncated;     /* a fetch went past the end; the bytes it gave are zeros */
    bool code64;
    bool vex;
    bool rex_present;
    bool lock;
    bool opsize_prefix;   /* 66 */
    bool addrsize_prefix; /* 67 */
    uint8_t rep;          /* RepPrefix, the last one */
    uint8_t seg;          /* SegReg of the last override that counts, or SEG_NONE */
    bool notrack;         /* the last one, whether it counts or not, is 3E */
    uint8_t rex;          /* REX_ bits, of REX or of VEX */
    uint8_t prefix_class; /* as VEX.pp: 0 none, 1 66, 2 F3, 3 F2 */
    uint8_t vex_l;
    uint8_t vvvv;         /* VEX.vvvv, not inverted any more: 0 where unused */
    uint8_t map;          /* OpcodeMap */
    const uint8_t *sizes; /* bytes of each OperandSize, for this instruction */
} Decoder;

/* The next n bytes, 1, 2, 4 or 8, zero extended. */
static ALWAYS_INLINE uint64_t decoder_fetch(Decoder *d, unsigned n)
{
    if (UNLIKELY((size_t)(d->end - d->next) < n)) {
        d->truncated = true;
        d->next = d->end;
        return 0;
    }
    const uint8_t *p = d->next;
    d->next += n;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return load_le16(p);
    case 4:
        return load_le32(p);
    default:
        return load_le64(p);
    }
}

/* --- tables ----------------------------------------------------------------------------------- */

enum { NO_ROW = 0xffff };

/* How an opcode uses its modrm byte; for the last two, how many leaves that takes. */
typedef enum ModrmUse {
    MODRM_ABSENT,
    MODRM_IRRELEVANT, /* present, but it does not choose the row */
    MODRM_REG,        /* reg, and whether mod is 3, choose it */
    MODRM_BYTE,       /* the byte chooses it */
} ModrmUse;

/* One opcode of one map: where its leaves begin and how far apart the leaves of neighbouring
 * conditions are; 0 where a condition does not matter. A leaf is a row's index, or NO_ROW. */
typedef struct OpcodeSlot {
    uint32_t first;
    uint16_t prefix_stride;
    uint8_t wl_stride;
    uint8_t modrm; /* ModrmUse */
} OpcodeSlot;

/* What decoding needs of a row, all of it derived from the row. */
typedef struct RowPlan {
    struct PlanOperand {
        uint8_t where; /* OperandWhere */
        uint8_t reg;   /* fixed register */
        uint8_t size;  /* OperandSize of a register or an immediate */
        uint8_t memory_size;
        uint8_t access;
    } op[MAX_OPERANDS];
    uint8_t operand_count;
    bool byte_form : 1;    /* opsize is 1 */
    bool max32 : 1;        /* opsize is at most 4 (ports) */
    bool mandatory_66 : 1; /* 66 is not an operand size */
    bool uses_vvvv : 1;
    bool has_modrm : 1;
    bool mod_ignored : 1;
    uint32_t attrs; /* InsnAttr */
} RowPlan;

typedef struct DecodeTables {
    OpcodeSlot slots[2][MAP_COUNT][256]; /* [64-bit code][map][opcode] */
    uint16_t *leaves;
    RowPlan *plans;                        /* [row] */
    uint8_t sizes[2][2][2][4][SIZE_COUNT]; /* [64-bit code][W][L][log2 of operand size] */
} DecodeTables;

/* Made once by decode_init, constant from then on. */
extern const DecodeTables *decode_tables;

/* Index of a modrm byte among the leaves of an opcode. */
static ALWAYS_INLINE unsigned modrm_leaf(ModrmUse use, uint8_t modrm)
{
    switch (use) {
    case MODRM_REG: /* 0-7 memory, 8-15 register */
        return (modrm >= 0xc0) << 3 | (modrm >> 3 & 7);
    case MODRM_BYTE: /* 0-7 memory, then C0-FF */
        return modrm >= 0xc0 ? 8u + (modrm & 63) : (modrm >> 3 & 7u);
    default:
        return 0;
    }
}

/* --- operands (decode_operand.c) -------------------------------------------------------------- */

/* Reads SIB, displacement and immediates and fills in insn->op; insn->addrsize, modrm and opcode
 * are set already. False: #UD (a register that does not exist). */
bool decode_operands(Decoder *d, const RowPlan *plan, Insn *insn);

#endif
