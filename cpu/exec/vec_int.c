/* vec_int.c - packed integer arithmetic of MMX, SSE2, SSSE3, SSE4: element by element. */
#include "cpu/exec/vec.h"

static inline int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* clang-format off */
/* wrap-around */
VEC_EACH(PADDB, u8,  a + b)
VEC_EACH(PADDW, u16, a + b)
VEC_EACH(PADDD, u32, a + b)
VEC_EACH(PADDQ, u64, a + b)
VEC_EACH(PSUBB, u8,  a - b)
VEC_EACH(PSUBW, u16, a - b)
VEC_EACH(PSUBD, u32, a - b)
VEC_EACH(PSUBQ, u64, a - b)

/* saturating */
VEC_EACH(PADDSB,  s8,  clamp(a + b, INT8_MIN, INT8_MAX))
VEC_EACH(PADDSW,  s16, clamp(a + b, INT16_MIN, INT16_MAX))
VEC_EACH(PSUBSB,  s8,  clamp(a - b, INT8_MIN, INT8_MAX))
VEC_EACH(PSUBSW,  s16, clamp(a - b, INT16_MIN, INT16_MAX))
VEC_EACH(PADDUSB, u8,  clamp(a + b, 0, UINT8_MAX))
VEC_EACH(PADDUSW, u16, clamp(a + b, 0, UINT16_MAX))
VEC_EACH(PSUBUSB, u8,  clamp(a - b, 0, UINT8_MAX))
VEC_EACH(PSUBUSW, u16, clamp(a - b, 0, UINT16_MAX))

/* products */
VEC_EACH(PMULLW,   u16, (uint32_t)a * b)
VEC_EACH(PMULLD,   u32, a * b)
VEC_EACH(PMULHW,   s16, ((int32_t)a * b) >> 16)
VEC_EACH(PMULHUW,  u16, ((uint32_t)a * b) >> 16)
VEC_EACH(PMULHRSW, s16, ((((int32_t)a * b) >> 14) + 1) >> 1)
VEC_EACH(PMULUDQ,  u64, (a & UINT32_MAX) * (b & UINT32_MAX))
VEC_EACH(PMULDQ,   s64, (int64_t)(int32_t)a * (int32_t)b)

/* averages, extremes, magnitudes */
VEC_EACH(PAVGB,  u8,  (a + b + 1) >> 1)
VEC_EACH(PAVGW,  u16, (a + b + 1) >> 1)
VEC_EACH(PMINUB, u8,  MIN(a, b))
VEC_EACH(PMINUW, u16, MIN(a, b))
VEC_EACH(PMINUD, u32, MIN(a, b))
VEC_EACH(PMINSB, s8,  MIN(a, b))
VEC_EACH(PMINSW, s16, MIN(a, b))
VEC_EACH(PMINSD, s32, MIN(a, b))
VEC_EACH(PMAXUB, u8,  MAX(a, b))
VEC_EACH(PMAXUW, u16, MAX(a, b))
VEC_EACH(PMAXUD, u32, MAX(a, b))
VEC_EACH(PMAXSB, s8,  MAX(a, b))
VEC_EACH(PMAXSW, s16, MAX(a, b))
VEC_EACH(PMAXSD, s32, MAX(a, b))
VEC_EACH(PSIGNB, s8,  b < 0 ? -a : b ? a : 0)
VEC_EACH(PSIGNW, s16, b < 0 ? -a : b ? a : 0)
VEC_EACH(PSIGND, u32, (int32_t)b < 0 ? -a : b ? a : 0)

/* comparisons: all ones where true */
VEC_EACH(PCMPEQB, u8,  a == b ? UINT8_MAX : 0)
VEC_EACH(PCMPEQW, u16, a == b ? UINT16_MAX : 0)
VEC_EACH(PCMPEQD, u32, a == b ? UINT32_MAX : 0)
VEC_EACH(PCMPEQQ, u64, a == b ? UINT64_MAX : 0)
VEC_EACH(PCMPGTB, s8,  a > b ? -1 : 0)
VEC_EACH(PCMPGTW, s16, a > b ? -1 : 0)
VEC_EACH(PCMPGTD, s32, a > b ? -1 : 0)
VEC_EACH(PCMPGTQ, s64, a > b ? -1 : 0)

/* logic; the floating-point names are the same operations */
VEC_EACH(PAND,   u64, a & b)
VEC_EACH(PANDN,  u64, ~a & b)
VEC_EACH(POR,    u64, a | b)
VEC_EACH(PXOR,   u64, a ^ b)
VEC_EACH(ANDPS,  u64, a & b)
VEC_EACH(ANDPD,  u64, a & b)
VEC_EACH(ANDNPS, u64, ~a & b)
VEC_EACH(ANDNPD, u64, ~a & b)
VEC_EACH(ORPS,   u64, a | b)
VEC_EACH(ORPD,   u64, a | b)
VEC_EACH(XORPS,  u64, a ^ b)
VEC_EACH(XORPD,  u64, a ^ b)
/* clang-format on */

/* --- one source
 * ------------------------------------------------------------------------------------- */

#define VEC_UNARY(NAME, field, expression)                     \
    EXEC(NAME)                                                 \
    {                                                          \
        Vec v;                                                 \
        vec_read(cpu, insn, 1, &v);                            \
        for (unsigned n = 0; n < G_N_ELEMENTS(v.field); n++) { \
            __typeof__(v.field[0]) a = v.field[n];             \
            v.field[n] = (expression);                         \
        }                                                      \
        vec_write(cpu, insn, 0, &v);                           \
    }

VEC_UNARY(PABSB, s8, a < 0 ? -a : a)
VEC_UNARY(PABSW, s16, a < 0 ? -a : a)
VEC_UNARY(PABSD, u32, (int32_t)a < 0 ? -a : a)

/* --- shifts: the count is an immediate or the low 64 bits of the second source
 * -------------------------- */

static uint64_t shift_count(Cpu *cpu, const Insn *insn)
{
    unsigned n = insn_is_vex(insn) ? 2 : 1;
    if (insn->op[n].kind == OPND_IMM)
        return insn->imm & 0xff;
    Vec count;
    vec_read(cpu, insn, n, &count);
    return count.u64[0];
}

#define VEC_SHIFT(NAME, field, expression)                     \
    EXEC(NAME)                                                 \
    {                                                          \
        uint64_t count = shift_count(cpu, insn);               \
        Vec v;                                                 \
        vec_read(cpu, insn, insn_is_vex(insn) ? 1 : 0, &v);    \
        const uint64_t bits = 8 * sizeof(v.field[0]);          \
        for (unsigned n = 0; n < G_N_ELEMENTS(v.field); n++) { \
            __typeof__(v.field[0]) a = v.field[n];             \
            v.field[n] = (expression);                         \
        }                                                      \
        vec_write(cpu, insn, 0, &v);                           \
    }

/* clang-format off */
VEC_SHIFT(PSLLW, u16, count < bits ? a << count : 0)
VEC_SHIFT(PSLLD, u32, count < bits ? a << count : 0)
VEC_SHIFT(PSLLQ, u64, count < bits ? a << count : 0)
VEC_SHIFT(PSRLW, u16, count < bits ? a >> count : 0)
VEC_SHIFT(PSRLD, u32, count < bits ? a >> count : 0)
VEC_SHIFT(PSRLQ, u64, count < bits ? a >> count : 0)
VEC_SHIFT(PSRAW, s16, a >> MIN(count, bits - 1))
VEC_SHIFT(PSRAD, s32, a >> MIN(count, bits - 1))
/* clang-format on */

/* Whole lanes by bytes. */
static void shift_bytes(Cpu *cpu, const Insn *insn, bool left)
{
    unsigned count = MIN(shift_count(cpu, insn), 16);
    Vec v, d = {0};
    vec_read(cpu, insn, insn_is_vex(insn) ? 1 : 0, &v);
    for (unsigned lane = 0; lane < 32; lane += 16) {
        unsigned keep = 16 - count;
        if (left)
            memcpy(d.u8 + lane + count, v.u8 + lane, keep);
        else
            memcpy(d.u8 + lane, v.u8 + lane + count, keep);
    }
    vec_write(cpu, insn, 0, &d);
}

/* clang-format off */
EXEC(PSLLDQ) { shift_bytes(cpu, insn, true); }
EXEC(PSRLDQ) { shift_bytes(cpu, insn, false); }
/* clang-format on */

/* --- sums of products and differences
 * --------------------------------------------------------------------- */

static void lane_pmaddwd(Vec *d, const Vec *a, const Vec *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes / 4; i++)
        d->u32[i] = (uint32_t)(a->s16[2 * i] * b->s16[2 * i]) +
                    (uint32_t)(a->s16[2 * i + 1] * b->s16[2 * i + 1]);
}

/* Unsigned bytes of a times signed bytes of b, pairs added with saturation. */
static void lane_pmaddubsw(Vec *d, const Vec *a, const Vec *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes / 2; i++)
        d->s16[i] = clamp(a->u8[2 * i] * b->s8[2 * i] + a->u8[2 * i + 1] * b->s8[2 * i + 1],
                          INT16_MIN, INT16_MAX);
}

static void lane_psadbw(Vec *d, const Vec *a, const Vec *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        uint64_t sum = 0;
        for (unsigned j = 0; j < 8; j++)
            sum += abs(a->u8[8 * i + j] - b->u8[8 * i + j]);
        d->u64[i] = sum;
    }
}

/* clang-format off */
EXEC(PMADDWD)   { vec_each_lane(cpu, insn, lane_pmaddwd); }
EXEC(PMADDUBSW) { vec_each_lane(cpu, insn, lane_pmaddubsw); }
EXEC(PSADBW)    { vec_each_lane(cpu, insn, lane_psadbw); }
/* clang-format on */

/* [SDM2] MPSADBW: eight sums of four absolute differences, of a block of b sliding over a. */
EXEC(MPSADBW)
{
    Vec a, b, d = {0};
    vec_read_two(cpu, insn, &a, &b);
    for (unsigned lane = 0; lane < insn->op[0].size / 16; lane++) {
        unsigned imm = insn->imm >> lane * 3;
        const uint8_t *pa = a.u8 + lane * 16 + (imm >> 2 & 1) * 4;
        const uint8_t *pb = b.u8 + lane * 16 + (imm & 3) * 4;
        for (unsigned i = 0; i < 8; i++)
            for (unsigned j = 0; j < 4; j++)
                d.u16[lane * 8 + i] += abs(pa[i + j] - pb[j]);
    }
    vec_write(cpu, insn, 0, &d);
}

/* [SDM2] PHMINPOSUW: the smallest word and its index. */
EXEC(PHMINPOSUW)
{
    Vec a, d = {0};
    vec_read(cpu, insn, 1, &a);
    unsigned at = 0;
    for (unsigned i = 1; i < 8; i++)
        if (a.u16[i] < a.u16[at])
            at = i;
    d.u16[0] = a.u16[at];
    d.u16[1] = at;
    vec_write(cpu, insn, 0, &d);
}

/* [SDM2] PTEST: ZF = (a AND b) is 0, CF = (NOT a AND b) is 0, the others cleared. */
EXEC(PTEST)
{
    Vec a, b;
    vec_read(cpu, insn, 1, &b);
    vec_read(cpu, insn, 0, &a);
    uint64_t both = 0, only_b = 0;
    for (unsigned i = 0; i < 4; i++) {
        both |= a.u64[i] & b.u64[i];
        only_b |= ~a.u64[i] & b.u64[i];
    }
    flags_set_arith(cpu, (both ? 0 : FLAG_ZF) | (only_b ? 0 : FLAG_CF));
}
