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

/* Instructions are written in whole words: up to ASM_SLACK bytes behind what a writer appends may
 * be changed too. Only asm_byte, asm_imm, asm_patch, asm_jcc, asm_call and asm_jmp write no more
 * than they say, and may end what is written into the middle of code. */
enum { ASM_SLACK = 8 };

typedef struct Asm {
    uint8_t *code; /* writable mapping */
    uint32_t at;   /* where the next byte goes; that there is room has been seen to */
} Asm;

/* The operand that ModRM.rm names, a register or memory, as it stands in the code. It is one word,
 * so that the compiler can keep it in a register and knows its constant parts:
 *
 *     58 GS    57 REX.X    56 REX.B    50 length 48    47 displacement, SIB, ModRM 0
 *
 * ModRM.reg is 0. Behind `length` bytes there may be anything; length 0: there is no ModRM. */
typedef struct Rm {
    uint64_t word;
} Rm;

enum { RM_LENGTH = 48, RM_REX = 56, RM_GS = 58 };

static ALWAYS_INLINE bool asm_fits8(int64_t v)
{
    return v == (int8_t)v;
}

static ALWAYS_INLINE Rm rm_none(void)
{
    return (Rm){0};
}

static ALWAYS_INLINE Rm rm_reg(unsigned reg)
{
    return (Rm){0xc0 | (reg & 7) | (uint64_t)1 << RM_LENGTH | (uint64_t)(reg >> 3) << RM_REX};
}

/* base and index may be HOST_NONE; scale is a shift count */
static ALWAYS_INLINE Rm rm_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    enum { SIB = 4, NO_BASE = 5, NO_INDEX = 4 };
    bool has_base = base != HOST_NONE, has_index = index != HOST_NONE;
    unsigned base_field = has_base ? base & 7 : NO_BASE;
    unsigned index_field = has_index ? index & 7 : NO_INDEX;
    bool needs_sib = has_index || !has_base || base_field == SIB;
    bool needs_disp = disp || base_field == HOST_RBP;
    bool is_wide = !asm_fits8(disp);
    unsigned mod = has_base ? (unsigned)needs_disp << (6 + is_wide) : 0;
    unsigned disp_bytes = has_base ? (unsigned)needs_disp << 2 * is_wide : 4;
    unsigned length = 1 + needs_sib + disp_bytes;
    uint64_t word = mod | (needs_sib ? SIB : base_field);
    if (needs_sib)
        word |= (scale << 6 | index_field << 3 | base_field) << 8;
    word |= (uint64_t)(uint32_t)disp << (needs_sib ? 16 : 8);
    unsigned rex = (has_base ? base >> 3 : 0) | (has_index ? index >> 3 << 1 : 0);
    return (Rm){word | (uint64_t)length << RM_LENGTH | (uint64_t)rex << RM_REX};
}

static ALWAYS_INLINE Rm rm_mem(unsigned base, int32_t disp)
{
    return rm_index(base, HOST_NONE, 0, disp);
}

/* The same for a displacement of one byte, and a base that needs no SIB. */
static ALWAYS_INLINE Rm rm_mem8(unsigned base, int8_t disp)
{
    uint64_t word = 0x40 | (base & 7) | (uint64_t)(uint8_t)disp << 8;
    return (Rm){word | (uint64_t)2 << RM_LENGTH | (uint64_t)(base >> 3) << RM_REX};
}

/* gs:[index + disp]; index may be HOST_NONE */
static ALWAYS_INLINE Rm rm_gs(unsigned index, int32_t disp)
{
    return (Rm){rm_mem(index, disp).word | (uint64_t)1 << RM_GS};
}

static ALWAYS_INLINE bool rm_is_reg(Rm rm)
{
    return (rm.word & 0xc0) == 0xc0;
}

/* Of a register. */
static ALWAYS_INLINE unsigned rm_number(Rm rm)
{
    return (rm.word & 7) | (rm.word >> RM_REX & 1) << 3;
}

static ALWAYS_INLINE bool rm_equal(Rm one, Rm other)
{
    return one.word == other.word;
}

static ALWAYS_INLINE bool rm_has_gs(Rm rm)
{
    return rm.word >> RM_GS & 1;
}

static ALWAYS_INLINE unsigned rm_length(Rm rm)
{
    return rm.word >> RM_LENGTH & 7;
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

/* The R, X and B bits that reg and rm need. */
static ALWAYS_INLINE unsigned asm_rex(unsigned reg, Rm rm)
{
    return (reg & 8) >> 1 | (rm.word >> RM_REX & 3);
}

/* The bytes of an instruction before its ModRM. They are put together from the last to the first.
 */
typedef struct AsmHead {
    uint64_t bytes;
    unsigned length;
} AsmHead;

static ALWAYS_INLINE void asm_prepend(AsmHead *head, bool wanted, unsigned byte)
{
    head->bytes = wanted ? head->bytes << 8 | byte : head->bytes;
    head->length += wanted;
}

static ALWAYS_INLINE void asm_put(Asm *a, AsmHead head, unsigned reg, Rm rm)
{
    uint8_t *p = a->code + a->at;
    store_le64(p, head.bytes);
    store_le64(p + head.length, rm.word | (reg & 7) << 3);
    a->at += head.length + rm_length(rm);
}

/* op with ModRM; nothing after it yet. */
static ALWAYS_INLINE void asm_modrm(Asm *a, HostOp op, HostWidth width, unsigned reg, Rm rm)
{
    unsigned rex = asm_rex(reg, rm) | (width.w ? REX_W : 0);
    AsmHead head = {op.opcode, 1};
    asm_prepend(&head, op.map > 1, op.map == 2 ? 0x38 : 0x3a);
    asm_prepend(&head, op.map != 0, 0x0f);
    asm_prepend(&head, rex || width.rex, REX | rex);
    asm_prepend(&head, op.prefix && op.prefix != 0x66, op.prefix);
    asm_prepend(&head, width.opsize || op.prefix == 0x66, 0x66);
    asm_prepend(&head, rm_has_gs(rm), 0x65);
    asm_put(a, head, reg, rm);
}

/* The same with a VEX prefix; op.map 1-3. l: vector length bit. */
static ALWAYS_INLINE void asm_vex(Asm *a, HostOp op, bool w, bool l, unsigned reg, unsigned vvvv,
                                  Rm rm)
{
    unsigned bits = asm_rex(reg, rm);
    unsigned pp = op.prefix == 0x66 ? 1 : op.prefix == 0xf3 ? 2 : op.prefix == 0xf2 ? 3 : 0;
    unsigned tail = (~vvvv & 15) << 3 | l << 2 | pp;
    AsmHead head = {op.opcode, 1};
    if (op.map == 1 && !w && !(bits & (REX_X | REX_B))) {
        asm_prepend(&head, true, (bits & REX_R ? 0 : 0x80) | tail);
        asm_prepend(&head, true, 0xc5);
    } else {
        asm_prepend(&head, true, w << 7 | tail);
        asm_prepend(&head, true, (~bits & 7) << 5 | op.map);
        asm_prepend(&head, true, 0xc4);
    }
    asm_prepend(&head, rm_has_gs(rm), 0x65);
    asm_put(a, head, reg, rm);
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

/* The same for a size that is not known when this is compiled. */
static ALWAYS_INLINE void asm_imm_sized(Asm *a, uint64_t value, unsigned size)
{
    store_le64(a->code + a->at, value);
    a->at += size;
}

/* --- what emitters use ------------------------------------------------------------------------ */

/* op reg, rm of size 4 or 8 */
static ALWAYS_INLINE void asm_op(Asm *a, HostOp op, unsigned size, unsigned reg, Rm rm)
{
    asm_modrm(a, op, (HostWidth){.w = size == 8}, reg, rm);
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
    asm_modrm(a, OP1(size == 1 ? 0x88 : 0x89), width, reg, rm);
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
        AsmHead head = {value << 8 | 0xb8 | (reg & 7), 5};
        asm_prepend(&head, rex, REX | rex);
        store_le64(a->code + a->at, head.bytes);
        a->at += head.length;
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
    asm_modrm(a, OP1(size == 1 ? 0xc6 : 0xc7), width, 0, rm);
    asm_imm(a, imm, MIN(size, 4));
}

static ALWAYS_INLINE void asm_alu_imm(Asm *a, HostAlu alu, unsigned size, Rm rm, int32_t imm)
{
    bool byte = asm_fits8(imm);
    asm_modrm(a, OP1(byte ? 0x83 : 0x81), (HostWidth){.w = size == 8}, alu, rm);
    asm_imm_sized(a, imm, byte ? 1 : 4);
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
    uint8_t *p = a->code + a->at;
    a->at += 6;
    store_le16(p, 0x800f | cond << 8);
    store_le32(p + 2, target - a->at);
    return a->at - 4;
}

static ALWAYS_INLINE void asm_call(Asm *a, uint32_t target)
{
    uint8_t *p = a->code + a->at;
    a->at += 5;
    *p = 0xe8;
    store_le32(p + 1, target - a->at);
}

static ALWAYS_INLINE uint32_t asm_jmp(Asm *a, uint32_t target)
{
    uint8_t *p = a->code + a->at;
    a->at += 5;
    *p = 0xe9;
    store_le32(p + 1, target - a->at);
    return a->at - 4;
}

#endif
