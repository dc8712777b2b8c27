/* muldiv.c - multiplication and division. [SDM2] MUL, IMUL, DIV, IDIV.
 *
 * The one-operand forms work on a double-width value: AX for bytes, DX:AX, EDX:EAX, RDX:RAX. */
#include "cpu/exec/alu_priv.h"

typedef unsigned __int128 Wide;

/* The double-width accumulator of an operand of size bytes, zero extended. */
static Wide accumulator_read(const Cpu *cpu, unsigned size)
{
    if (size == 1)
        return gpr_read(cpu, RAX, 2);
    return (Wide)gpr_read(cpu, RDX, size) << size * 8 | gpr_read(cpu, RAX, size);
}

static void accumulator_write(Cpu *cpu, unsigned size, uint64_t high, uint64_t low)
{
    if (size == 1) {
        gpr_write(cpu, RAX, 2, truncate_to(high, 1) << 8 | truncate_to(low, 1));
        return;
    }
    gpr_write(cpu, RAX, size, low);
    gpr_write(cpu, RDX, size, high);
}

static ALWAYS_INLINE __int128 wide_sign_extend(Wide v, unsigned bits)
{
    return (__int128)(v << (128 - bits)) >> (128 - bits);
}

EXEC(MUL)
{
    unsigned size = insn->op[0].size;
    Wide product = (Wide)gpr_read(cpu, RAX, size) * op_read(cpu, insn, 0);
    uint64_t high = product >> size * 8;
    accumulator_write(cpu, size, high, product);
    alu_set_product_flags(cpu, high != 0);
}

EXEC(IMUL)
{
    unsigned size = insn->op[0].size, bits = size * 8;
    uint64_t src = op_read(cpu, insn, 0), dest = gpr_read(cpu, RAX, size);
    __int128 product = (__int128)sign_extend(dest, bits) * sign_extend(src, bits);
    accumulator_write(cpu, size, (Wide)product >> bits, product);
    alu_set_product_flags(cpu, alu_IMUL2(cpu, size, dest, src).carries);
}

EXEC(IMUL2)
{
    unsigned size = insn->op[0].size;
    AluOut out = alu_IMUL2(cpu, size, op_read(cpu, insn, 0), op_read(cpu, insn, 1));
    op_write(cpu, insn, 0, out.value);
    alu_set_product_flags(cpu, out.carries);
}

EXEC(IMUL3)
{
    unsigned size = insn->op[0].size;
    uint64_t src = op_read(cpu, insn, 1);
    AluOut out = alu_IMUL2(cpu, size, src, truncate_to(insn->imm, size));
    op_write(cpu, insn, 0, out.value);
    alu_set_product_flags(cpu, out.carries);
}

/* --- division: flags are undefined and cleared --------------------------------------------- */

EXEC(DIV)
{
    unsigned size = insn->op[0].size;
    uint64_t divisor = op_read(cpu, insn, 0);
    Wide dividend = accumulator_read(cpu, size);
    /* The quotient fits exactly when the upper half is below the divisor. */
    if (divisor == 0 || (dividend >> size * 8) >= divisor)
        cpu_raise(cpu, EXC_DE, 0);
    /* The common case is one host division. */
    if (size < 8 || dividend >> 64 == 0) {
        uint64_t d = dividend;
        accumulator_write(cpu, size, d % divisor, d / divisor);
    } else {
        accumulator_write(cpu, size, dividend % divisor, dividend / divisor);
    }
    flags_set_arith(cpu, 0);
}

EXEC(IDIV)
{
    unsigned size = insn->op[0].size, bits = size * 8;
    __int128 divisor = sign_extend(op_read(cpu, insn, 0), bits);
    __int128 dividend = wide_sign_extend(accumulator_read(cpu, size), bits * 2);
    if (divisor == 0)
        cpu_raise(cpu, EXC_DE, 0);
    bool negative = (dividend < 0) != (divisor < 0);
    Wide magnitude = (dividend < 0 ? -(Wide)dividend : (Wide)dividend);
    Wide by = divisor < 0 ? -(Wide)divisor : (Wide)divisor;
    Wide quotient = magnitude / by, rest = magnitude % by;
    if (quotient > ((Wide)1 << (bits - 1)) - !negative)
        cpu_raise(cpu, EXC_DE, 0);
    /* The remainder has the sign of the dividend. */
    accumulator_write(cpu, size, dividend < 0 ? -(uint64_t)rest : (uint64_t)rest,
                      negative ? -(uint64_t)quotient : (uint64_t)quotient);
    flags_set_arith(cpu, 0);
}
