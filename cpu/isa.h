/* isa.h - what the columns of an instruction row mean, for the decoder, the translator and the test
 * generators.
 *
 * cpu/isa/README.md tells how to read and write a row. */
#ifndef MYNA_CPU_ISA_H
#define MYNA_CPU_ISA_H

#include "cpu/insn.h"

/* The column of mandatory prefixes is a set of the four classes an instruction can be in: the last
 * of F2 and F3 wins over 66. [SDM2] "Instruction Prefixes". */
typedef enum PrefixSet {
    PREFIX_NP = 1 << 0,
    PREFIX_P66 = 1 << 1,
    PREFIX_PF3 = 1 << 2,
    PREFIX_PF2 = 1 << 3,
    PREFIX_NOF = PREFIX_NP | PREFIX_P66, /* no F2 or F3; 66 is the operand size */
    PREFIX_ANY = 15,
} PrefixSet;
enum { PREFIX_CLASSES = 4 };

/* The column of W and L is a set of the four values of W * 2 + L. Rows outside the VEX maps have
 * REX.B in the place of L, for the one opcode that needs it (90). */
typedef enum WlSet {
    WL_ANY = 15,
    WL_B0 = 5,
    WL_B1 = 10,
    WL_W0 = 3,
    WL_W1 = 12,
    WL_WIG = 15,
    WL_L0 = 5,
    WL_L1 = 10,
    WL_L01 = 15,
    WL_LIG = 15,
} WlSet;
enum { WL_CLASSES = 4 };

/* The column of the modrm byte: a kind in the high byte and a value in the low one. */
typedef enum FormKind {
    FORM_KIND_NONE,    /* no modrm byte */
    FORM_KIND_PLUSR,   /* no modrm byte; eight opcodes, the low three bits are a register */
    FORM_KIND_PLUSC,   /* no modrm byte; sixteen opcodes, the low four bits are a condition */
    FORM_KIND_PLUSCRM, /* the same, and any modrm byte */
    FORM_KIND_RM,      /* any modrm byte */
    FORM_KIND_REGX,    /* any modrm byte, mod is taken as 3 */
    FORM_KIND_MEM,     /* mod is not 3 */
    FORM_KIND_REG,     /* mod is 3 */
    FORM_KIND_D,       /* modrm.reg is the value */
    FORM_KIND_M,       /* modrm.reg is the value, mod is not 3 */
    FORM_KIND_R,       /* modrm.reg is the value, mod is 3 */
    FORM_KIND_BYTE,    /* the whole byte is the value, mod is 3 */
} FormKind;

static inline FormKind form_kind(unsigned form)
{
    return (FormKind)(form >> 8);
}

/* Where an operand is: the first column of operands.def. */
typedef enum OperandWhere {
    WHERE_NONE,
    WHERE_E,         /* modrm.rm: general register or memory */
    WHERE_G,         /* modrm.reg: general register */
    WHERE_B,         /* VEX.vvvv: general register */
    WHERE_Z,         /* low opcode bits: general register */
    WHERE_M,         /* modrm.rm: memory */
    WHERE_VSIB_X,    /* memory with a vector index of the full length, */
    WHERE_VSIB_H,    /* or of half the length */
    WHERE_O,         /* memory, offset in the instruction */
    WHERE_FIXED_MEM, /* memory at a fixed register, segment DS unless overridden */
    WHERE_Y,         /* memory at ES:rDI */
    WHERE_GPR,       /* a fixed general register */
    WHERE_ONE,
    WHERE_S,   /* modrm.reg: segment register */
    WHERE_SEG, /* a fixed segment register */
    WHERE_C,   /* modrm.reg: control register */
    WHERE_D,   /* modrm.reg: debug register */
    WHERE_I,   /* immediate, zero extended */
    WHERE_SI,  /* immediate, sign extended */
    WHERE_I2,  /* second immediate */
    WHERE_J,   /* branch displacement */
    WHERE_A,   /* far pointer in the instruction */
    WHERE_ST,  /* ST(0) */
    WHERE_STI, /* modrm.rm: ST(i) */
    WHERE_P,   /* modrm.reg: MMX register */
    WHERE_Q,   /* modrm.rm: MMX register or memory */
    WHERE_V,   /* modrm.reg: vector register */
    WHERE_W,   /* modrm.rm: vector register or memory */
    WHERE_H,   /* VEX.vvvv: vector register */
    WHERE_L,   /* bits 7-4 of an immediate byte: vector register */
    WHERE_VEC, /* XMM0 */
    WHERE_COUNT,
} OperandWhere;

/* An operand's size: a number of bytes, or one of those that depend on prefixes and mode. */
typedef enum OperandSize {
    SIZE_0,
    SIZE_B,   /* 1 */
    SIZE_W,   /* 2 */
    SIZE_D,   /* 4 */
    SIZE_Q,   /* 8 */
    SIZE_T,   /* 10 */
    SIZE_DQ,  /* 16 */
    SIZE_QQ,  /* 32 */
    SIZE_V,   /* operand size: 2, 4, 8 */
    SIZE_Z,   /* operand size, at most 4 */
    SIZE_Y,   /* 4, or 8 with W in 64-bit mode */
    SIZE_N,   /* native: 4, or 8 in 64-bit mode */
    SIZE_P,   /* far pointer: operand size and 2 */
    SIZE_S,   /* descriptor table register: 6, or 10 in 64-bit mode */
    SIZE_A,   /* two bounds: twice the operand size */
    SIZE_ENV, /* x87 environment: 14 or 28 */
    SIZE_SAV, /* x87 state: 94 or 108 */
    SIZE_X,   /* vector length: 16 or 32 */
    SIZE_XH,  /* half, a quarter, an eighth of it */
    SIZE_XF,
    SIZE_XE,
    SIZE_COUNT,
} OperandSize;

/* The operand letters. */
typedef enum OperandSpec {
#define OPERAND(name, where, reg, size, memory_size) SPEC_##name,
#include "cpu/isa/operands.def"
#undef OPERAND
    SPEC_COUNT,
} OperandSpec;

typedef struct OperandInfo {
    const char *name;
    uint8_t where; /* OperandWhere */
    uint8_t reg;   /* of the fixed kinds */
    uint8_t size;  /* OperandSize as a register or an immediate */
    uint8_t memory_size;
} OperandInfo;

extern const OperandInfo operand_infos[SPEC_COUNT];

#endif
