/* shift.c - shifts, rotates, double shifts. [SDM2] SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD.
 *
 * A masked count of zero leaves flags alone, but a 32-bit register is still zero extended and
 * memory still written. OF after counts above one is undefined: computed by the rule for one
 * throughout. */
#include "cpu/exec/alu_priv.h"

/* SHL, SHR, SAR: operand 0 by operand 1. */
static ALWAYS_INLINE void shift(Cpu *cpu, const Insn *insn, AluFn *fn)
{
    unsigned size = insn->op[0].size;
    unsigned count = shift_count(size, op_read(cpu, insn, 1));
    AluOut out = {0, 0};
    Rmw m;
    do {
        out.value = rmw_begin(cpu, insn, &m);
        if (count)
            out = fn(cpu, size, out.value, count);
    } while (!rmw_commit(cpu, insn, &m, truncate_to(out.value, size)));
    if (count)
        alu_set_flags(cpu, size, out);
}

/* clang-format off */
EXEC(SHL) { shift(cpu, insn, alu_SHL); }
EXEC(SHR) { shift(cpu, insn, alu_SHR); }
EXEC(SAR) { shift(cpu, insn, alu_SAR); }
/* clang-format on */

/* --- rotates: only CF and OF change -------------------------------------------------------- */

typedef struct RotateOut {
    uint64_t value;
    bool cf, of;
} RotateOut;

typedef RotateOut RotateFn(uint64_t value, unsigned bits, unsigned count, bool cf);

static ALWAYS_INLINE uint64_t rotate_left(uint64_t v, unsigned bits, unsigned n)
{
    return n ? truncate_to(v << n | v >> (bits - n), bits / 8) : v;
}

static ALWAYS_INLINE RotateOut rotate_ROL(uint64_t v, unsigned bits, unsigned count, bool cf)
{
    uint64_t r = rotate_left(v, bits, count % bits);
    cf = r & 1;
    return (RotateOut){r, cf, cf ^ bit_get(r, bits - 1)};
}

static ALWAYS_INLINE RotateOut rotate_ROR(uint64_t v, unsigned bits, unsigned count, bool cf)
{
    uint64_t r = rotate_left(v, bits, (bits - count % bits) % bits);
    cf = bit_get(r, bits - 1);
    return (RotateOut){r, cf, cf ^ bit_get(r, bits - 2)};
}

/* Through carry: the value turned is CF:v, bits + 1 wide. */
static ALWAYS_INLINE RotateOut rotate_RCL(uint64_t v, unsigned bits, unsigned count, bool cf)
{
    count %= bits + 1;
    uint64_t r = v;
    if (count) {
        uint64_t low = count > 1 ? v >> (bits + 1 - count) : 0;
        r = (count < bits ? v << count : 0) | (uint64_t)cf << (count - 1) | low;
        cf = bit_get(v, bits - count);
    }
    return (RotateOut){truncate_to(r, bits / 8), cf, cf ^ bit_get(r, bits - 1)};
}

static ALWAYS_INLINE RotateOut rotate_RCR(uint64_t v, unsigned bits, unsigned count, bool cf)
{
    count %= bits + 1;
    uint64_t r = v;
    if (count) {
        uint64_t high = count > 1 ? v << (bits + 1 - count) : 0;
        r = (count < bits ? v >> count : 0) | (uint64_t)cf << (bits - count) | high;
        cf = bit_get(v, count - 1);
    }
    r = truncate_to(r, bits / 8);
    return (RotateOut){r, cf, bit_get(r, bits - 1) ^ bit_get(r, bits - 2)};
}

static ALWAYS_INLINE void rotate(Cpu *cpu, const Insn *insn, RotateFn *fn)
{
    unsigned size = insn->op[0].size;
    unsigned count = shift_count(size, op_read(cpu, insn, 1));
    RotateOut out = {0, false, false};
    Rmw m;
    do {
        out.value = rmw_begin(cpu, insn, &m);
        if (count)
            out = fn(out.value, size * 8, count, flag_cf(cpu));
    } while (!rmw_commit(cpu, insn, &m, out.value));
    if (!count)
        return;
    cpu->flag_carries &= ~(CARRIES_OUT | CARRIES_IN);
    cpu->flag_carries |= alu_carries(8, out.cf, out.of);
}

/* clang-format off */
EXEC(ROL) { rotate(cpu, insn, rotate_ROL); }
EXEC(ROR) { rotate(cpu, insn, rotate_ROR); }
EXEC(RCL) { rotate(cpu, insn, rotate_RCL); }
EXEC(RCR) { rotate(cpu, insn, rotate_RCR); }
/* clang-format on */

/* --- double shifts
 * -------------------------------------------------------------------------------------
 *
 * Counts above 16 with 16-bit operands are undefined; we shift dest:src:dest, as Intel hardware
 * does. */

typedef AluOut DoubleShiftFn(unsigned size, uint64_t dest, uint64_t src, unsigned count);

static ALWAYS_INLINE AluOut double_SHLD(unsigned size, uint64_t dest, uint64_t src, unsigned count)
{
    unsigned bits = size * 8;
    uint64_t before, r;
    if (size == 2) {
        uint64_t wide = dest << 32 | src << 16 | dest; /* 48 bits: shifted out at bit 48 */
        before = wide << (count - 1) >> 32;
        r = wide << count >> 32;
    } else {
        before = dest << (count - 1) | (count > 1 ? src >> (bits - count + 1) : 0);
        r = dest << count | src >> (bits - count);
    }
    bool cf = bit_get(before, bits - 1);
    return (AluOut){r, alu_carries(size, cf, cf ^ bit_get(r, bits - 1))};
}

static ALWAYS_INLINE AluOut double_SHRD(unsigned size, uint64_t dest, uint64_t src, unsigned count)
{
    unsigned bits = size * 8;
    uint64_t before, r;
    if (size == 2) {
        uint64_t wide = dest << 32 | src << 16 | dest;
        before = wide >> (count - 1);
        r = wide >> count;
    } else {
        before = dest >> (count - 1) | (count > 1 ? src << (bits - count + 1) : 0);
        r = dest >> count | src << (bits - count);
    }
    bool of = bit_get(r, bits - 1) ^ bit_get(before, bits - 1);
    return (AluOut){r, alu_carries(size, before & 1, of)};
}

static ALWAYS_INLINE void double_shift(Cpu *cpu, const Insn *insn, DoubleShiftFn *fn)
{
    unsigned size = insn->op[0].size;
    uint64_t src = op_read(cpu, insn, 1);
    unsigned count = shift_count(size, op_read(cpu, insn, 2));
    AluOut out = {0, 0};
    Rmw m;
    do {
        out.value = rmw_begin(cpu, insn, &m);
        if (count)
            out = fn(size, out.value, src, count);
    } while (!rmw_commit(cpu, insn, &m, truncate_to(out.value, size)));
    if (count)
        alu_set_flags(cpu, size, out);
}

EXEC(SHLD)
{
    double_shift(cpu, insn, double_SHLD);
}

EXEC(SHRD)
{
    double_shift(cpu, insn, double_SHRD);
}
