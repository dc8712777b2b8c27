/* asm.h - writes x86-64 machine code. [SDM2] "Instruction Format".
 *
 * Positions in the code are offsets from the start of the cache: the memory is mapped twice, and
 * offsets are the same in both mappings. */
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

/* The operand that ModRM.rm names: a register, or memory. */
typedef struct Rm {
    uint8_t is_reg;
    uint8_t reg;         /* HostReg, registers only */
    uint8_t base, index; /* HostReg or HOST_NONE */
    uint8_t scale;       /* shift count */
    uint8_t gs;          /* segment override */
    int32_t disp;
} Rm;

static inline Rm rm_reg(unsigned reg)
{
    return (Rm){.is_reg = true, .reg = reg};
}

static inline Rm rm_mem(unsigned base, int32_t disp)
{
    return (Rm){.base = base, .index = HOST_NONE, .disp = disp};
}

static inline Rm rm_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (Rm){.base = base, .index = index, .scale = scale, .disp = disp};
}

/* gs:[index + disp]; index may be HOST_NONE */
static inline Rm rm_gs(unsigned index, int32_t disp)
{
    return (Rm){.base = index, .index = HOST_NONE, .gs = true, .disp = disp};
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

static inline void asm_byte(Asm *a, unsigned value)
{
    a->code[a->at++] = value;
}

/* size bytes, 1, 2, 4 or 8, little endian */
static inline void asm_imm(Asm *a, uint64_t value, unsigned size)
{
    store_le(a->code + a->at, value, size);
    a->at += size;
}

/* op with ModRM; nothing after it yet. */
void asm_modrm(Asm *a, HostOp op, HostWidth width, unsigned reg, Rm rm, unsigned imm_bytes);
/* The same with a VEX prefix; op.map 1-3. l: vector length bit. rm_reg(HOST_NONE): no ModRM. */
void asm_vex(Asm *a, HostOp op, bool w, bool l, unsigned reg, unsigned vvvv, Rm rm);

/* --- what emitters use ------------------------------------------------------------------------ */

/* op reg, rm of size 4 or 8 */
void asm_op(Asm *a, HostOp op, unsigned size, unsigned reg, Rm rm);
void asm_mov(Asm *a, unsigned size, unsigned reg, Rm rm);      /* loads; size 4, 8 */
void asm_store(Asm *a, unsigned size, Rm rm, unsigned reg);    /* size 1, 2, 4, 8 */
void asm_lea(Asm *a, unsigned size, unsigned reg, Rm rm);      /* size 4, 8 */
void asm_mov_imm(Asm *a, unsigned reg, uint64_t value);        /* shortest form */
void asm_store_imm(Asm *a, unsigned size, Rm rm, int32_t imm); /* size 1, 2, 4, 8 */
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
void asm_alu_imm(Asm *a, HostAlu alu, unsigned size, Rm rm, int32_t imm);
void asm_rorx(Asm *a, unsigned size, unsigned reg, Rm rm, unsigned count);

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

/* Jumps with 32-bit displacements; return where the displacement is. */
uint32_t asm_jcc(Asm *a, unsigned cond, uint32_t target);
uint32_t asm_jmp(Asm *a, uint32_t target);
void asm_patch(Asm *a, uint32_t where, uint32_t target);

#endif
