/* vec_int.c - packed integer arithmetic of MMX, SSE2, SSSE3, SSE4, AVX2: element by element. */
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

/* --- one source ---------------------------------------------------------------------------- */

#define VEC_EACH_ONE(NAME, field, expression) \
    VEC_EACH_LANE(NAME, field, expression)    \
    VEC_FORMS(NAME, vec_one, lane_##NAME, 0)

/* clang-format off */
VEC_EACH_ONE(PABSB, s8,  b < 0 ? -a : a)
VEC_EACH_ONE(PABSW, s16, b < 0 ? -a : a)
VEC_EACH_ONE(PABSD, u32, (int32_t)b < 0 ? -a : a)
/* clang-format on */

/* --- shifts: the count is an immediate or the low 64 bits of the second source ------------- */

static ALWAYS_INLINE void shift(Cpu *cpu, const Insn *insn, VecForm form, VecLaneFn *lane)
{
    enum { ENOUGH = 255 }; /* to shift everything out */
    Vec buffer, d;
    uint64_t count = insn->imm;
    if (insn->op[1 + form].kind != OPND_IMM)
        count = vec_source(cpu, insn, 1 + form, &buffer)->u64[0];
    unsigned n = MIN(count, ENOUGH);
    if (form == VEC_LEGACY && insn->op[0].kind == OPND_MMX) {
        Vec a = {.u64 = {mmx_read(cpu, insn->op[0].reg)}};
        lane(&d, &a, &a, 8, n);
        mmx_enter(cpu);
        mmx_write(cpu, insn->op[0].reg, d.u64[0]);
        return;
    }
    const Vec *a = &cpu->vec[insn->op[form].reg];
    lane(&d, a, a, 16, n);
    if (form == VEC_VEX && insn->op[0].size == 32)
        vec_upper(&d, a, a, n, lane);
    vec_put(cpu, &insn->op[0], form, &d);
}

/* `a` is the element, `imm` the count. */
#define VEC_SHIFT(NAME, field, expression)                           \
    VEC_LANE(NAME)                                                   \
    {                                                                \
        const Vec *v = a;                                            \
        const unsigned bits = 8 * sizeof(v->field[0]);               \
        for (unsigned n = 0; n < bytes / sizeof(v->field[0]); n++) { \
            __typeof__(v->field[0]) a = v->field[n];                 \
            d->field[n] = (expression);                              \
        }                                                            \
    }                                                                \
    VEC_FORMS(NAME, shift, lane_##NAME)

/* clang-format off */
VEC_SHIFT(PSLLW, u16, imm < bits ? a << imm : 0)
VEC_SHIFT(PSLLD, u32, imm < bits ? a << imm : 0)
VEC_SHIFT(PSLLQ, u64, imm < bits ? a << imm : 0)
VEC_SHIFT(PSRLW, u16, imm < bits ? a >> imm : 0)
VEC_SHIFT(PSRLD, u32, imm < bits ? a >> imm : 0)
VEC_SHIFT(PSRLQ, u64, imm < bits ? a >> imm : 0)
VEC_SHIFT(PSRAW, s16, a >> MIN(imm, bits - 1))
VEC_SHIFT(PSRAD, s32, a >> MIN(imm, bits - 1))
/* clang-format on */

/* Whole lanes by bytes. */
VEC_LANE(PSLLDQ)
{
    unsigned count = MIN(imm, 16);
    memset(d, 0, 16);
    memcpy(d->u8 + count, a->u8, 16 - count);
}

VEC_LANE(PSRLDQ)
{
    unsigned count = MIN(imm, 16);
    memset(d, 0, 16);
    memcpy(d->u8, a->u8 + count, 16 - count);
}

VEC_FORMS(PSLLDQ, shift, lane_PSLLDQ)
VEC_FORMS(PSRLDQ, shift, lane_PSRLDQ)

/* --- sums of products and differences ------------------------------------------------------ */

VEC_LANE(PMADDWD)
{
    for (unsigned i = 0; i < bytes / 4; i++)
        d->u32[i] = (uint32_t)(a->s16[2 * i] * b->s16[2 * i]) +
                    (uint32_t)(a->s16[2 * i + 1] * b->s16[2 * i + 1]);
}

/* Unsigned bytes of a times signed bytes of b, pairs added with saturation. */
VEC_LANE(PMADDUBSW)
{
    for (unsigned i = 0; i < bytes / 2; i++)
        d->s16[i] = clamp(a->u8[2 * i] * b->s8[2 * i] + a->u8[2 * i + 1] * b->s8[2 * i + 1],
                          INT16_MIN, INT16_MAX);
}

VEC_LANE(PSADBW)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        uint64_t sum = 0;
        for (unsigned j = 0; j < 8; j++)
            sum += abs(a->u8[8 * i + j] - b->u8[8 * i + j]);
        d->u64[i] = sum;
    }
}

/* [SDM2] MPSADBW: eight sums of four absolute differences, of a block of b sliding over a. */
VEC_LANE(MPSADBW)
{
    const uint8_t *pa = a->u8 + (imm >> 2 & 1) * 4, *pb = b->u8 + (imm & 3) * 4;
    for (unsigned i = 0; i < bytes / 2; i++) {
        unsigned sum = 0;
        for (unsigned j = 0; j < 4; j++)
            sum += abs(pa[i + j] - pb[j]);
        d->u16[i] = sum;
    }
}

/* [SDM2] PHMINPOSUW: the smallest word and its index. */
VEC_LANE(PHMINPOSUW)
{
    unsigned at = 0;
    for (unsigned i = 1; i < bytes / 2; i++)
        if (a->u16[i] < a->u16[at])
            at = i;
    memset(d, 0, 16);
    d->u16[0] = a->u16[at];
    d->u16[1] = at;
}

VEC_FORMS(PMADDWD, vec_two, lane_PMADDWD, 0)
VEC_FORMS(PMADDUBSW, vec_two, lane_PMADDUBSW, 0)
VEC_FORMS(PSADBW, vec_two, lane_PSADBW, 0)
VEC_FORMS(MPSADBW, xmm_two, lane_MPSADBW, 3)
VEC_FORMS(PHMINPOSUW, xmm_one, lane_PHMINPOSUW, 0)

/* [SDM2] PTEST: ZF = (a AND b) is 0, CF = (NOT a AND b) is 0, the others cleared. */
static void test_bits(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer;
    const Vec *b = vec_source(cpu, insn, 1, &buffer), *a = &cpu->vec[insn->op[0].reg];
    uint64_t both = 0, only_b = 0;
    for (unsigned i = 0; i < insn->op[0].size / 8; i++) {
        both |= a->u64[i] & b->u64[i];
        only_b |= ~a->u64[i] & b->u64[i];
    }
    flags_set_arith(cpu, (both ? 0 : FLAG_ZF) | (only_b ? 0 : FLAG_CF));
}

VEC_FORMS(PTEST, test_bits)
