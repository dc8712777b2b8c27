/* alu_priv.h - the integer operations as functions of values: one body an instruction, shared by
 * its general exec function and by the specialised forms of fast.c. [SDM2].
 *
 * A body gets operands already cut to `size` bytes and hands back the result, as wide as it comes,
 * with its carries in the form flags_from takes: the carry out of every bit at that bit's place.
 * The caller writes the result first and the flags after, because a locked write may have to start
 * over. */
#ifndef MYNA_CPU_EXEC_ALU_PRIV_H
#define MYNA_CPU_EXEC_ALU_PRIV_H

#include "cpu/exec.h"

typedef struct AluOut {
    uint64_t value;
    uint64_t carries;
} AluOut;

typedef AluOut AluFn(const Cpu *cpu, unsigned size, uint64_t dest, uint64_t src);

static ALWAYS_INLINE void alu_set_flags(Cpu *cpu, unsigned size, AluOut out)
{
    flags_from(cpu, size, out.value, out.carries);
}

/* Carries with only CF and OF in them, for a result of size bytes. */
static ALWAYS_INLINE uint64_t alu_carries(unsigned size, bool cf, bool of)
{
    uint64_t out = cf, in = cf ^ of;
    return out << (size * 8 - 1) | in << (size * 8 - 2);
}

/* Operand n as a source of an operation of size bytes: immediates are cut to that size, whatever
 * number of bytes encoded them. */
static ALWAYS_INLINE uint64_t source_read(Cpu *cpu, const Insn *insn, unsigned n, unsigned size)
{
    if (insn->op[n].kind == OPND_IMM)
        return truncate_to(insn->imm, size);
    return op_read(cpu, insn, n);
}

/* --- addition and subtraction -------------------------------------------------------------- */

static ALWAYS_INLINE AluOut alu_ADD(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t r = a + b;
    return (AluOut){r, (a & b) | ((a | b) & ~r)};
}

static ALWAYS_INLINE AluOut alu_ADC(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t r = a + b + flag_cf(cpu);
    return (AluOut){r, (a & b) | ((a | b) & ~r)};
}

static ALWAYS_INLINE AluOut alu_SUB(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t r = a - b;
    return (AluOut){r, (~a & b) | ((~a | b) & r)};
}

static ALWAYS_INLINE AluOut alu_SBB(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t r = a - b - flag_cf(cpu);
    return (AluOut){r, (~a & b) | ((~a | b) & r)};
}

static ALWAYS_INLINE AluOut alu_NEG(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return alu_SUB(cpu, size, 0, a);
}

/* INC and DEC leave CF: its bit is put where the carry out would be, and OF is kept beside it. */
static ALWAYS_INLINE AluOut alu_keep_cf(const Cpu *cpu, unsigned size, AluOut out)
{
    unsigned top = size * 8 - 1;
    bool of = bit_get(out.carries, top) ^ bit_get(out.carries, top - 1);
    uint64_t rest = out.carries & CARRIES_AF;
    return (AluOut){out.value, rest | alu_carries(size, flag_cf(cpu), of)};
}

static ALWAYS_INLINE AluOut alu_INC(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return alu_keep_cf(cpu, size, alu_ADD(cpu, size, a, 1));
}

static ALWAYS_INLINE AluOut alu_DEC(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return alu_keep_cf(cpu, size, alu_SUB(cpu, size, a, 1));
}

/* --- logic: CF = OF = 0; AF, undefined, is cleared too ------------------------------------- */

static ALWAYS_INLINE AluOut alu_AND(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return (AluOut){a & b, 0};
}

static ALWAYS_INLINE AluOut alu_OR(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return (AluOut){a | b, 0};
}

static ALWAYS_INLINE AluOut alu_XOR(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return (AluOut){a ^ b, 0};
}

/* --- shifts: count 1 to 63
 * -------------------------------------------------------------------------
 *
 * For counts above one OF is undefined; like recent hardware we compute it by the rule for one. AF,
 * undefined, is cleared. 8- and 16-bit operands see counts up to 31, so bits may be all gone. */

/* Counts are taken modulo 32, or 64 for 64-bit operands. [SDM2] SAL/SAR/SHL/SHR. */
static ALWAYS_INLINE unsigned shift_count(unsigned size, uint64_t count)
{
    return count & (size == 8 ? 63 : 31);
}

static ALWAYS_INLINE AluOut alu_SHL(const Cpu *cpu, unsigned size, uint64_t a, uint64_t count)
{
    unsigned bits = size * 8;
    uint64_t before_last = a << (count - 1);
    uint64_t r = before_last << 1;
    bool cf = bit_get(before_last, bits - 1);
    return (AluOut){r, alu_carries(size, cf, cf ^ bit_get(r, bits - 1))};
}

static ALWAYS_INLINE AluOut alu_SHR(const Cpu *cpu, unsigned size, uint64_t a, uint64_t count)
{
    uint64_t before_last = a >> (count - 1);
    bool of = bit_get(before_last, size * 8 - 1);
    return (AluOut){before_last >> 1, alu_carries(size, before_last & 1, of)};
}

static ALWAYS_INLINE AluOut alu_SAR(const Cpu *cpu, unsigned size, uint64_t a, uint64_t count)
{
    int64_t before_last = sign_extend(a, size * 8) >> (count - 1);
    return (AluOut){before_last >> 1, alu_carries(size, before_last & 1, false)};
}

/* --- multiplication: CF = OF = the upper half matters -------------------------------------- */

/* The undefined SF ZF AF PF are cleared, so that any processor's product leaves the same
 * (dbt/lift_counted.c). */
static ALWAYS_INLINE void alu_set_product_flags(Cpu *cpu, bool lost)
{
    flags_set_arith(cpu, lost ? FLAG_CF | FLAG_OF : 0);
}

/* Carries: all ones if the upper half matters. */
static ALWAYS_INLINE AluOut alu_IMUL2(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    unsigned bits = size * 8;
    __int128 wide = (__int128)sign_extend(a, bits) * sign_extend(b, bits);
    bool lost = wide != sign_extend((uint64_t)wide, bits);
    return (AluOut){(uint64_t)wide, lost ? UINT64_MAX : 0};
}

#endif
