/* asm.c - writes x86-64 machine code. [SDM2] "Instruction Format", "VEX". */
#include "dbt/x64/asm.h"

enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

static bool fits8(int64_t v)
{
    return v == (int8_t)v;
}

/* The R, X and B bits that reg and rm need. */
static unsigned rex_bits(unsigned reg, Rm rm)
{
    unsigned bits = reg & 8 ? REX_R : 0;
    if (rm.is_reg)
        return bits | (rm.reg & 8 ? REX_B : 0);
    if (rm.base != HOST_NONE && rm.base & 8)
        bits |= REX_B;
    if (rm.index != HOST_NONE && rm.index & 8)
        bits |= REX_X;
    return bits;
}

/* The writers below keep their place in a local pointer: the compiler must think that a byte stored
 * through it could be Asm.at, and would load and store that for each. */
static inline uint8_t *put(uint8_t *p, unsigned byte)
{
    *p = byte;
    return p + 1;
}

static inline uint8_t *put32(uint8_t *p, int32_t value)
{
    memcpy(p, &value, 4);
    return p + 4;
}

/* ModRM, SIB and displacement. */
static inline uint8_t *put_rm(uint8_t *p, unsigned reg, const Rm *rm)
{
    enum { SIB = 4, NO_BASE = 5, NO_INDEX = 4 };
    reg = (reg & 7) << 3;
    if (rm->is_reg)
        return put(p, 0xc0 | reg | (rm->reg & 7));
    if (rm->base == HOST_NONE) {
        unsigned index = rm->index == HOST_NONE ? NO_INDEX : rm->index & 7;
        p = put(p, reg | SIB);
        p = put(p, rm->scale << 6 | index << 3 | NO_BASE);
        return put32(p, rm->disp);
    }
    bool needs_disp = rm->disp || (rm->base & 7) == HOST_RBP;
    unsigned mod = !needs_disp ? 0 : fits8(rm->disp) ? 0x40 : 0x80;
    if (rm->index != HOST_NONE || (rm->base & 7) == HOST_RSP) {
        unsigned index = rm->index == HOST_NONE ? NO_INDEX : rm->index & 7;
        p = put(p, mod | reg | SIB);
        p = put(p, rm->scale << 6 | index << 3 | (rm->base & 7));
    } else {
        p = put(p, mod | reg | (rm->base & 7));
    }
    if (mod == 0x40)
        return put(p, rm->disp);
    return mod == 0x80 ? put32(p, rm->disp) : p;
}

/* VZEROUPPER has no ModRM byte. */
static bool rm_is_there(Rm rm)
{
    return !rm.is_reg || rm.reg != HOST_NONE;
}

void asm_modrm(Asm *a, HostOp op, HostWidth width, unsigned reg, Rm rm, unsigned imm_bytes)
{
    unsigned rex = rex_bits(reg, rm) | (width.w ? REX_W : 0);
    uint8_t *p = a->code + a->at;
    if (!rm.is_reg && rm.gs)
        p = put(p, 0x65);
    if (width.opsize || op.prefix == 0x66)
        p = put(p, 0x66);
    if (op.prefix && op.prefix != 0x66)
        p = put(p, op.prefix);
    if (rex || width.rex)
        p = put(p, REX | rex);
    if (op.map) {
        p = put(p, 0x0f);
        if (op.map > 1)
            p = put(p, op.map == 2 ? 0x38 : 0x3a);
    }
    p = put(p, op.opcode);
    p = put_rm(p, reg, &rm);
    a->at = p - a->code;
}

void asm_vex(Asm *a, HostOp op, bool w, bool l, unsigned reg, unsigned vvvv, Rm rm)
{
    unsigned bits = rex_bits(reg, rm);
    unsigned pp = op.prefix == 0x66 ? 1 : op.prefix == 0xf3 ? 2 : op.prefix == 0xf2 ? 3 : 0;
    unsigned tail = (~vvvv & 15) << 3 | l << 2 | pp;
    uint8_t *p = a->code + a->at;
    if (!rm.is_reg && rm.gs)
        p = put(p, 0x65);
    if (op.map == 1 && !w && !(bits & (REX_X | REX_B))) {
        p = put(p, 0xc5);
        p = put(p, (bits & REX_R ? 0 : 0x80) | tail);
    } else {
        p = put(p, 0xc4);
        p = put(p, (~bits & 7) << 5 | op.map);
        p = put(p, w << 7 | tail);
    }
    p = put(p, op.opcode);
    if (rm_is_there(rm))
        p = put_rm(p, reg, &rm);
    a->at = p - a->code;
}

/* --- what emitters use ------------------------------------------------------------------------ */

void asm_op(Asm *a, HostOp op, unsigned size, unsigned reg, Rm rm)
{
    asm_modrm(a, op, (HostWidth){.w = size == 8}, reg, rm, 0);
}

void asm_mov(Asm *a, unsigned size, unsigned reg, Rm rm)
{
    asm_op(a, OP1(0x8b), size, reg, rm);
}

void asm_store(Asm *a, unsigned size, Rm rm, unsigned reg)
{
    HostWidth width = {.opsize = size == 2, .w = size == 8, .rex = size == 1};
    asm_modrm(a, OP1(size == 1 ? 0x88 : 0x89), width, reg, rm, 0);
}

void asm_lea(Asm *a, unsigned size, unsigned reg, Rm rm)
{
    rm.gs = false;
    asm_op(a, OP1(0x8d), size, reg, rm);
}

void asm_mov_imm(Asm *a, unsigned reg, uint64_t value)
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

void asm_store_imm(Asm *a, unsigned size, Rm rm, int32_t imm)
{
    HostWidth width = {.opsize = size == 2, .w = size == 8};
    asm_modrm(a, OP1(size == 1 ? 0xc6 : 0xc7), width, 0, rm, MIN(size, 4));
    asm_imm(a, imm, MIN(size, 4));
}

void asm_alu_imm(Asm *a, HostAlu alu, unsigned size, Rm rm, int32_t imm)
{
    bool byte = fits8(imm);
    asm_modrm(a, OP1(byte ? 0x83 : 0x81), (HostWidth){.w = size == 8}, alu, rm, byte ? 1 : 4);
    asm_imm(a, imm, byte ? 1 : 4);
}

void asm_rorx(Asm *a, unsigned size, unsigned reg, Rm rm, unsigned count)
{
    asm_vex(a, (HostOp){3, 0xf2, 0xf0}, size == 8, false, reg, 0, rm);
    asm_byte(a, count);
}

void asm_patch(Asm *a, uint32_t where, uint32_t target)
{
    int32_t rel = target - (where + 4);
    memcpy(a->code + where, &rel, 4);
}

static uint32_t put_rel32(Asm *a, uint32_t target)
{
    uint32_t where = a->at;
    asm_imm(a, target - (where + 4), 4);
    return where;
}

uint32_t asm_jcc(Asm *a, unsigned cond, uint32_t target)
{
    asm_byte(a, 0x0f);
    asm_byte(a, 0x80 | cond);
    return put_rel32(a, target);
}

uint32_t asm_jmp(Asm *a, uint32_t target)
{
    asm_byte(a, 0xe9);
    return put_rel32(a, target);
}
