/* asm.h - writes x86-64 machine code. [SDM2] "Instruction Format".
 *
 * Positions in the code are offsets from the start of the cache: the memory is mapped twice, and
 * offsets are the same in both mappings.
 *
 * All of it is inline: of what back ends write the most is known when they are compiled, opcode,
 * registers, sizes, and what remains of a writer is then a few stores. */
#ifndef MYNA_DBT_X64_ASM_H
#define MYNA_DBT_X64_ASM_H

#include "core/types.h"

/* [SDM2] register numbers as ModRM and REX have them. */
typedef enum HostReg {
    HOST_RAX,
    HOST_RCX,
    HOST_RDX,
    HOST_RBX,
    HOST_RSP,
    HOST_RBP,
    HOST_RSI,
    HOST_RDI,
    HOST_R8,
    HOST_R9,
    HOST_R10,
    HOST_R11,
    HOST_R12,
    HOST_R13,
    HOST_R14,
    HOST_R15,
    HOST_NONE = 0xff,
} HostReg;

typedef struct Asm {
    uint8_t *code; /* writable mapping */
    uint32_t at;   /* where the next byte goes; that there is room has been seen to */
} Asm;

/* The operand that ModRM.rm names: a register, or memory. It is one word, so that the compiler can
 * keep it in a register and knows its constant parts:
 *
 *     63 displacement 32    25 GS    24 is a register    23 scale 16    15 index 8    7 base 0
 *
 * A register's number is in the place of the base. */
typedef struct Rm {
    uint64_t word;
} Rm;

static ALWAYS_INLINE Rm rm_reg(unsigned reg)
{
    return (Rm){reg | 1u << 24};
}

/* base and index may be HOST_NONE; scale is a shift count */
static ALWAYS_INLINE Rm rm_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (Rm){base | index << 8 | scale << 16 | (uint64_t)(uint32_t)disp << 32};
}

static ALWAYS_INLINE Rm rm_mem(unsigned base, int32_t disp)
{
    return rm_index(base, HOST_NONE, 0, disp);
}

/* gs:[index + disp]; index may be HOST_NONE */
static ALWAYS_INLINE Rm rm_gs(unsigned index, int32_t disp)
{
    return (Rm){rm_mem(index, disp).word | 1u << 25};
}

static ALWAYS_INLINE bool rm_is_reg(Rm rm)
{
    return rm.word >> 24 & 1;
}

static ALWAYS_INLINE bool rm_has_gs(Rm rm)
{
    return rm.word >> 25 & 1;
}

/* Of the base, or the register itself. */
static ALWAYS_INLINE unsigned rm_number(Rm rm)
{
    return rm.word & 0xff;
}

static ALWAYS_INLINE unsigned rm_index_number(Rm rm)
{
    return rm.word >> 8 & 0xff;
}

static ALWAYS_INLINE unsigned rm_scale(Rm rm)
{
    return rm.word >> 16 & 0xff;
}

static ALWAYS_INLINE int32_t rm_disp(Rm rm)
{
    return rm.word >> 32;
}

/* An opcode with its map and mandatory prefix. */
typedef struct HostOp {
    uint8_t map;    /* 0 one-byte, 1 0F, 2 0F38, 3 0F3A */
    uint8_t prefix; /* 0, 66, F3, F2 */
    uint8_t opcode;
} HostOp;
#define OP1(opcode)         ((HostOp){0, 0, opcode})
#define OP0F(opcode)        ((HostOp){1, 0, opcode})
#define OP0FP(prefix, code) ((HostOp){1, prefix, code})

/* How wide, and what a REX prefix must or must not be there for. */
typedef struct HostWidth {
    bool opsize; /* 66 */
    bool w;      /* REX.W */
    bool rex;    /* REX even if empty: SPL, BPL, SIL, DIL */
} HostWidth;

/* ADD OR ADC SBB AND SUB XOR CMP, numbered so, with an immediate */
typedef enum HostAlu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
} HostAlu;

/* Conditions as in Jcc. */
typedef enum HostCond {
    COND_O,
    COND_NO,
    COND_B,
    COND_AE,
    COND_E,
    COND_NE,
    COND_BE,
    COND_A,
    COND_S
} HostCond;

/* --- instructions, part by part ---------------------------------------------------------------- */

enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

static ALWAYS_INLINE bool asm_fits8(int64_t v)
{
    return v == (int8_t)v;
}

/* The R, X and B bits that reg and rm need. */
static ALWAYS_INLINE unsigned asm_rex(unsigned reg, Rm rm)
{
    unsigned bits = reg & 8 ? REX_R : 0;
    if (rm_is_reg(rm))
        return bits | (rm_number(rm) & 8 ? REX_B : 0);
    if (rm_number(rm) != HOST_NONE && rm_number(rm) & 8)
        bits |= REX_B;
    if (rm_index_number(rm) != HOST_NONE && rm_index_number(rm) & 8)
        bits |= REX_X;
    return bits;
}

/* The writers keep their place in a local pointer: the compiler must think that a byte stored
 * through it could be Asm.at, and would load and store that for each. */
static ALWAYS_INLINE uint8_t *asm_put(uint8_t *p, unsigned byte)
{
    *p = byte;
    return p + 1;
}

static ALWAYS_INLINE uint8_t *asm_put32(uint8_t *p, int32_t value)
{
    memcpy(p, &value, 4);
    return p + 4;
}

/* ModRM, SIB and displacement. */
static ALWAYS_INLINE uint8_t *asm_put_rm(uint8_t *p, unsigned reg, Rm rm)
{
    enum { SIB = 4, NO_BASE = 5, NO_INDEX = 4 };
    reg = (reg & 7) << 3;
    if (rm_is_reg(rm))
        return asm_put(p, 0xc0 | reg | (rm_number(rm) & 7));
    if (rm_number(rm) == HOST_NONE) {
        unsigned index = rm_index_number(rm) == HOST_NONE ? NO_INDEX : rm_index_number(rm) & 7;
        p = asm_put(p, reg | SIB);
        p = asm_put(p, rm_scale(rm) << 6 | index << 3 | NO_BASE);
        return asm_put32(p, rm_disp(rm));
    }
    bool needs_disp = rm_disp(rm) || (rm_number(rm) & 7) == HOST_RBP;
    unsigned mod = !needs_disp ? 0 : asm_fits8(rm_disp(rm)) ? 0x40 : 0x80;
    if (rm_index_number(rm) != HOST_NONE || (rm_number(rm) & 7) == HOST_RSP) {
        unsigned index = rm_index_number(rm) == HOST_NONE ? NO_INDEX : rm_index_number(rm) & 7;
        p = asm_put(p, mod | reg | SIB);
        p = asm_put(p, rm_scale(rm) << 6 | index << 3 | (rm_number(rm) & 7));
    } else {
        p = asm_put(p, mod | reg | (rm_number(rm) & 7));
    }
    if (mod == 0x40)
        return asm_put(p, rm_disp(rm));
    return mod == 0x80 ? asm_put32(p, rm_disp(rm)) : p;
}

/* op with ModRM; nothing after it yet. */
static ALWAYS_INLINE void asm_modrm(Asm *a, HostOp op, HostWidth width, unsigned reg, Rm rm,
                                    unsigned imm_bytes)
{
    unsigned rex = asm_rex(reg, rm) | (width.w ? REX_W : 0);
    uint8_t *p = a->code + a->at;
    if (!rm_is_reg(rm) && rm_has_gs(rm))
        p = asm_put(p, 0x65);
    if (width.opsize || op.prefix == 0x66)
        p = asm_put(p, 0x66);
    if (op.prefix && op.prefix != 0x66)
        p = asm_put(p, op.prefix);
    if (rex || width.rex)
        p = asm_put(p, REX | rex);
    if (op.map) {
        p = asm_put(p, 0x0f);
        if (op.map > 1)
            p = asm_put(p, op.map == 2 ? 0x38 : 0x3a);
    }
    p = asm_put(p, op.opcode);
    p = asm_put_rm(p, reg, rm);
    a->at = p - a->code;
}

/* The same with a VEX prefix; op.map 1-3. l: vector length bit. rm_reg(HOST_NONE): no ModRM, as
 * VZEROUPPER has none. */
static ALWAYS_INLINE void asm_vex(Asm *a, HostOp op, bool w, bool l, unsigned reg, unsigned vvvv,
                                  Rm rm)
{
    unsigned bits = asm_rex(reg, rm);
    unsigned pp = op.prefix == 0x66 ? 1 : op.prefix == 0xf3 ? 2 : op.prefix == 0xf2 ? 3 : 0;
    unsigned tail = (~vvvv & 15) << 3 | l << 2 | pp;
    uint8_t *p = a->code + a->at;
    if (!rm_is_reg(rm) && rm_has_gs(rm))
        p = asm_put(p, 0x65);
    if (op.map == 1 && !w && !(bits & (REX_X | REX_B))) {
        p = asm_put(p, 0xc5);
        p = asm_put(p, (bits & REX_R ? 0 : 0x80) | tail);
    } else {
        p = asm_put(p, 0xc4);
        p = asm_put(p, (~bits & 7) << 5 | op.map);
        p = asm_put(p, w << 7 | tail);
    }
    p = asm_put(p, op.opcode);
    if (!rm_is_reg(rm) || rm_number(rm) != HOST_NONE)
        p = asm_put_rm(p, reg, rm);
    a->at = p - a->code;
}

static ALWAYS_INLINE void asm_byte(Asm *a, unsigned value)
{
    a->code[a->at++] = value;
}

/* size bytes, 1, 2, 4 or 8, little endian */
static ALWAYS_INLINE void asm_imm(Asm *a, uint64_t value, unsigned size)
{
    store_le(a->code + a->at, value, size);
    a->at += size;
}

/* --- what emitters use ------------------------------------------------------------------------ */

/* op reg, rm of size 4 or 8 */
static ALWAYS_INLINE void asm_op(Asm *a, HostOp op, unsigned size, unsigned reg, Rm rm)
{
    asm_modrm(a, op, (HostWidth){.w = size == 8}, reg, rm, 0);
}

/* Loads; size 4, 8. */
static ALWAYS_INLINE void asm_mov(Asm *a, unsigned size, unsigned reg, Rm rm)
{
    asm_op(a, OP1(0x8b), size, reg, rm);
}

/* size 1, 2, 4, 8 */
static ALWAYS_INLINE void asm_store(Asm *a, unsigned size, Rm rm, unsigned reg)
{
    HostWidth width = {.opsize = size == 2, .w = size == 8, .rex = size == 1};
    asm_modrm(a, OP1(size == 1 ? 0x88 : 0x89), width, reg, rm, 0);
}

/* size 4, 8 */
static ALWAYS_INLINE void asm_lea(Asm *a, unsigned size, unsigned reg, Rm rm)
{
    asm_op(a, OP1(0x8d), size, reg, rm);
}

/* The shortest form. */
static ALWAYS_INLINE void asm_mov_imm(Asm *a, unsigned reg, uint64_t value)
{
    unsigned rex = reg & 8 ? REX_B : 0;
    if (value == (uint32_t)value) {
        if (rex)
            asm_byte(a, REX | rex);
        asm_byte(a, 0xb8 | (reg & 7));
        asm_imm(a, value, 4);
    } else if ((int64_t)value == (int32_t)value) {
        asm_op(a, OP1(0xc7), 8, 0, rm_reg(reg));
        asm_imm(a, value, 4);
    } else {
        asm_byte(a, REX | REX_W | rex);
        asm_byte(a, 0xb8 | (reg & 7));
        asm_imm(a, value, 8);
    }
}

/* size 1, 2, 4, 8 */
static ALWAYS_INLINE void asm_store_imm(Asm *a, unsigned size, Rm rm, int32_t imm)
{
    HostWidth width = {.opsize = size == 2, .w = size == 8};
    asm_modrm(a, OP1(size == 1 ? 0xc6 : 0xc7), width, 0, rm, MIN(size, 4));
    asm_imm(a, imm, MIN(size, 4));
}

static ALWAYS_INLINE void asm_alu_imm(Asm *a, HostAlu alu, unsigned size, Rm rm, int32_t imm)
{
    bool byte = asm_fits8(imm);
    asm_modrm(a, OP1(byte ? 0x83 : 0x81), (HostWidth){.w = size == 8}, alu, rm, byte ? 1 : 4);
    asm_imm(a, imm, byte ? 1 : 4);
}

static ALWAYS_INLINE void asm_rorx(Asm *a, unsigned size, unsigned reg, Rm rm, unsigned count)
{
    asm_vex(a, (HostOp){3, 0xf2, 0xf0}, size == 8, false, reg, 0, rm);
    asm_byte(a, count);
}

static ALWAYS_INLINE void asm_patch(Asm *a, uint32_t where, uint32_t target)
{
    int32_t rel = target - (where + 4);
    memcpy(a->code + where, &rel, 4);
}

/* Jumps with 32-bit displacements; return where the displacement is. */
static ALWAYS_INLINE uint32_t asm_jcc(Asm *a, unsigned cond, uint32_t target)
{
    asm_byte(a, 0x0f);
    asm_byte(a, 0x80 | cond);
    asm_imm(a, target - (a->at + 4), 4);
    return a->at - 4;
}

static ALWAYS_INLINE uint32_t asm_jmp(Asm *a, uint32_t target)
{
    asm_byte(a, 0xe9);
    asm_imm(a, target - (a->at + 4), 4);
    return a->at - 4;
}

#endif
