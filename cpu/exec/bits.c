/* bits.c - bit tests, scans, counts and the bit-manipulation extensions. [SDM2] BT, BSF, POPCNT,
 * "BMI1", "BMI2". */
#include "cpu/exec/alu_priv.h"

/* --- BT, BTS, BTR, BTC --------------------------------------------------------------------- */

/* CF := the bit; ZF stays; the others, undefined, are cleared. */
static ALWAYS_INLINE void bit_set_flags(Cpu *cpu, bool bit)
{
    flags_set_arith(cpu, (bit ? FLAG_CF : 0) | (flag_zf(cpu) ? FLAG_ZF : 0));
}

typedef uint64_t BitFn(uint64_t value, uint64_t mask);

/* clang-format off */
static ALWAYS_INLINE uint64_t bit_set(uint64_t v, uint64_t mask)    { return v | mask; }
static ALWAYS_INLINE uint64_t bit_reset(uint64_t v, uint64_t mask)  { return v & ~mask; }
static ALWAYS_INLINE uint64_t bit_invert(uint64_t v, uint64_t mask) { return v ^ mask; }
/* clang-format on */

/* A register bit offset into memory is signed and not limited to the operand: the operand is the
 * word of a bit string that holds the bit. Makes an instruction that addresses that word. */
static Insn bit_string_word(const Cpu *cpu, const Insn *insn, int64_t bit_offset)
{
    unsigned size = insn->op[0].size;
    int64_t words = bit_offset >> __builtin_ctz(size * 8);
    Insn word = *insn;
    word.imm = insn_offset(cpu, insn) + (uint64_t)words * size;
    word.has_moffs = true;
    word.base = word.index = REG_NONE;
    return word;
}

static ALWAYS_INLINE bool is_bit_string(const Insn *insn)
{
    return insn->op[0].kind == OPND_MEM && insn->op[1].kind == OPND_GPR;
}

static ALWAYS_INLINE uint64_t bit_mask(const Insn *insn, uint64_t bit_offset)
{
    return (uint64_t)1 << (bit_offset & (insn->op[0].size * 8 - 1));
}

static ALWAYS_INLINE void bit_modify(Cpu *cpu, const Insn *insn, uint64_t mask, BitFn *fn)
{
    uint64_t old;
    Rmw m;
    do {
        old = rmw_begin(cpu, insn, &m);
    } while (!rmw_commit(cpu, insn, &m, fn(old, mask)));
    bit_set_flags(cpu, old & mask);
}

static ALWAYS_INLINE void bit_operation(Cpu *cpu, const Insn *insn, BitFn *fn)
{
    uint64_t offset = source_read(cpu, insn, 1, insn->op[0].size);
    uint64_t mask = bit_mask(insn, offset);
    if (is_bit_string(insn)) {
        Insn word = bit_string_word(cpu, insn, sign_extend(offset, insn->op[0].size * 8));
        bit_modify(cpu, &word, mask, fn);
    } else {
        bit_modify(cpu, insn, mask, fn);
    }
}

/* clang-format off */
EXEC(BTS) { bit_operation(cpu, insn, bit_set); }
EXEC(BTR) { bit_operation(cpu, insn, bit_reset); }
EXEC(BTC) { bit_operation(cpu, insn, bit_invert); }
/* clang-format on */

EXEC(BT)
{
    uint64_t offset = source_read(cpu, insn, 1, insn->op[0].size);
    uint64_t mask = bit_mask(insn, offset), value;
    if (is_bit_string(insn)) {
        Insn word = bit_string_word(cpu, insn, sign_extend(offset, insn->op[0].size * 8));
        value = op_read(cpu, &word, 0);
    } else {
        value = op_read(cpu, insn, 0);
    }
    bit_set_flags(cpu, value & mask);
}

/* --- scans and counts ---------------------------------------------------------------------- */

/* A source of zero leaves the destination as it was. ZF tells; the other flags, undefined, are
 * cleared. */
EXEC(BSF)
{
    uint64_t src = op_read(cpu, insn, 1);
    if (src)
        op_write(cpu, insn, 0, __builtin_ctzll(src));
    flags_set_arith(cpu, src ? 0 : FLAG_ZF);
}

EXEC(BSR)
{
    uint64_t src = op_read(cpu, insn, 1);
    if (src)
        op_write(cpu, insn, 0, 63 - __builtin_clzll(src));
    flags_set_arith(cpu, src ? 0 : FLAG_ZF);
}

/* CF := source is zero, ZF := result is zero; the rest, undefined, is cleared. */
static void count_zeros(Cpu *cpu, const Insn *insn, uint64_t src, uint64_t count)
{
    op_write(cpu, insn, 0, count);
    flags_set_arith(cpu, (src ? 0 : FLAG_CF) | (count ? 0 : FLAG_ZF));
}

EXEC(TZCNT)
{
    uint64_t src = op_read(cpu, insn, 1);
    count_zeros(cpu, insn, src, src ? __builtin_ctzll(src) : insn->op[0].size * 8);
}

EXEC(LZCNT)
{
    uint64_t src = op_read(cpu, insn, 1);
    unsigned bits = insn->op[0].size * 8;
    count_zeros(cpu, insn, src, src ? __builtin_clzll(src) - (64 - bits) : bits);
}

/* ZF := source is zero; all others cleared, PF too. */
EXEC(POPCNT)
{
    uint64_t src = op_read(cpu, insn, 1);
    op_write(cpu, insn, 0, __builtin_popcountll(src));
    flags_set_arith(cpu, src ? 0 : FLAG_ZF);
}

/* --- byte order, checksum ------------------------------------------------------------------ */

static ALWAYS_INLINE uint64_t swap_bytes(uint64_t v, unsigned size)
{
    return __builtin_bswap64(v) >> (64 - size * 8);
}

/* The 16-bit form is undefined; Intel hardware gives zero. */
EXEC(BSWAP)
{
    unsigned size = insn->op[0].size;
    op_write(cpu, insn, 0, size == 2 ? 0 : swap_bytes(op_read(cpu, insn, 0), size));
}

EXEC(MOVBE)
{
    op_write(cpu, insn, 0, swap_bytes(op_read(cpu, insn, 1), insn->op[1].size));
}

/* CRC-32C: polynomial 11EDC6F41h, bits in reflected order. */
EXEC(CRC32)
{
    uint32_t crc = gpr_read(cpu, insn->op[0].reg, 4);
    uint64_t src = op_read(cpu, insn, 1);
    for (unsigned i = 0; i < insn->op[1].size; i++) {
        crc ^= (uint8_t)(src >> i * 8);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
    }
    op_write(cpu, insn, 0, crc);
}

/* --- BMI1: SF ZF of the result, OF cleared; the undefined AF PF, and BEXTR's SF, are too ---- */

static ALWAYS_INLINE void bmi_result(Cpu *cpu, const Insn *insn, uint64_t value, bool cf)
{
    unsigned size = insn->op[0].size;
    uint64_t result = truncate_to(value, size);
    uint32_t flags = (cf ? FLAG_CF : 0) | (result ? 0 : FLAG_ZF);
    op_write(cpu, insn, 0, result);
    flags_set_arith(cpu, flags | (bit_get(result, size * 8 - 1) ? FLAG_SF : 0));
}

EXEC(ANDN)
{
    bmi_result(cpu, insn, ~op_read(cpu, insn, 1) & op_read(cpu, insn, 2), false);
}

EXEC(BLSI)
{
    uint64_t src = op_read(cpu, insn, 1);
    bmi_result(cpu, insn, src & -src, src != 0);
}

EXEC(BLSR)
{
    uint64_t src = op_read(cpu, insn, 1);
    bmi_result(cpu, insn, src & (src - 1), src == 0);
}

EXEC(BLSMSK)
{
    uint64_t src = op_read(cpu, insn, 1);
    bmi_result(cpu, insn, src ^ (src - 1), src == 0);
}

/* The low n bits of v; n may be any size. */
static ALWAYS_INLINE uint64_t low_bits(uint64_t v, unsigned n)
{
    return n < 64 ? v & (((uint64_t)1 << n) - 1) : v;
}

/* Control: first bit in 7:0, length in 15:8. */
EXEC(BEXTR)
{
    uint64_t src = op_read(cpu, insn, 1), control = op_read(cpu, insn, 2);
    unsigned first = control & 0xff, length = control >> 8 & 0xff;
    uint64_t field = first < 64 ? low_bits(src >> first, length) : 0;
    op_write(cpu, insn, 0, field);
    flags_set_arith(cpu, field ? 0 : FLAG_ZF);
}

/* --- BMI2: only BZHI touches flags --------------------------------------------------------- */

EXEC(BZHI)
{
    unsigned bits = insn->op[0].size * 8, n = op_read(cpu, insn, 2) & 0xff;
    bmi_result(cpu, insn, low_bits(op_read(cpu, insn, 1), n), n > bits - 1);
}

/* Upper half to operand 0, lower to operand 1; the same register gets the upper. */
EXEC(MULX)
{
    unsigned size = insn->op[0].size;
    unsigned __int128 product = (unsigned __int128)gpr_read(cpu, RDX, size) * op_read(cpu, insn, 2);
    op_write(cpu, insn, 1, truncate_to(product, size));
    op_write(cpu, insn, 0, product >> size * 8);
}

/* Scatters the low bits of the source to the places of the mask's ones. */
EXEC(PDEP)
{
    uint64_t src = op_read(cpu, insn, 1), mask = op_read(cpu, insn, 2), result = 0;
    for (; mask; mask &= mask - 1, src >>= 1)
        result |= src & 1 ? mask & -mask : 0;
    op_write(cpu, insn, 0, result);
}

/* Gathers the bits at the places of the mask's ones. */
EXEC(PEXT)
{
    uint64_t src = op_read(cpu, insn, 1), mask = op_read(cpu, insn, 2), result = 0;
    for (unsigned i = 0; mask; mask &= mask - 1, i++)
        result |= (uint64_t)((src & mask & -mask) != 0) << i;
    op_write(cpu, insn, 0, result);
}

EXEC(RORX)
{
    unsigned bits = insn->op[0].size * 8, count = insn->imm & (bits - 1);
    uint64_t src = op_read(cpu, insn, 1);
    op_write(cpu, insn, 0, count ? src >> count | src << (bits - count) : src);
}

EXEC(SHLX)
{
    unsigned count = shift_count(insn->op[0].size, op_read(cpu, insn, 2));
    op_write(cpu, insn, 0, op_read(cpu, insn, 1) << count);
}

EXEC(SHRX)
{
    unsigned count = shift_count(insn->op[0].size, op_read(cpu, insn, 2));
    op_write(cpu, insn, 0, op_read(cpu, insn, 1) >> count);
}

EXEC(SARX)
{
    unsigned size = insn->op[0].size, count = shift_count(size, op_read(cpu, insn, 2));
    op_write(cpu, insn, 0, sign_extend(op_read(cpu, insn, 1), size * 8) >> count);
}
