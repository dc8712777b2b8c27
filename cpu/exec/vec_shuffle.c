/* vec_shuffle.c - shuffles and blends that an immediate or a mask register steers. */
#include "cpu/exec/vec.h"

/* --- shuffles ------------------------------------------------------------------------------ */

VEC_LANE(PSHUFD)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[imm >> 2 * i & 3];
}

/* Four words, beginning at `first`, are shuffled; the others stay. */
static ALWAYS_INLINE void shuffle_words(Vec *d, const Vec *a, unsigned bytes, unsigned first,
                                        unsigned imm)
{
    memcpy(d, a, bytes);
    for (unsigned i = 0; i < 4; i++)
        d->u16[first + i] = a->u16[first + (imm >> 2 * i & 3)];
}

VEC_LANE(PSHUFLW)
{
    shuffle_words(d, a, bytes, 0, imm);
}

VEC_LANE(PSHUFHW)
{
    shuffle_words(d, a, bytes, 4, imm);
}

VEC_LANE(SHUFPS)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = (i < 2 ? a : b)->u32[imm >> 2 * i & 3];
}

VEC_LANE(SHUFPD)
{
    d->u64[0] = a->u64[imm & 1];
    d->u64[1] = b->u64[imm >> 1 & 1];
}

VEC_FORMS(PSHUFD, xmm_one, lane_PSHUFD, 0)
VEC_FORMS(PSHUFLW, xmm_one, lane_PSHUFLW, 0)
VEC_FORMS(PSHUFHW, xmm_one, lane_PSHUFHW, 0)
VEC_FORMS(SHUFPS, xmm_two, lane_SHUFPS, 0)
VEC_FORMS(SHUFPD, xmm_two, lane_SHUFPD, 2)

EXEC(PSHUFW) /* MMX only */
{
    mmx_operation(cpu, insn, VEC_ONE_SOURCE, lane_PSHUFLW);
}

/* --- blends by immediate: a bit chooses the second source for an element ------------------- */

#define BLEND(NAME, field)                                         \
    VEC_LANE(NAME)                                                 \
    {                                                              \
        for (unsigned i = 0; i < bytes / sizeof(d->field[0]); i++) \
            d->field[i] = (imm >> i & 1 ? b : a)->field[i];        \
    }

BLEND(BLENDPS, u32)
BLEND(BLENDPD, u64)
BLEND(PBLENDW, u16)
VEC_FORMS(BLENDPS, xmm_two, lane_BLENDPS, 4)
VEC_FORMS(BLENDPD, xmm_two, lane_BLENDPD, 2)
VEC_FORMS(PBLENDW, xmm_two, lane_PBLENDW, 0)

EXEC(VPBLENDD)
{
    xmm_two(cpu, insn, VEC_VEX, lane_BLENDPS, 4);
}

/* --- blends by the top bit of each element of a mask --------------------------------------- */

/* The mask is the operand after the sources: XMM0 in the legacy forms. */
#define BLEND_VARIABLE(NAME, field, sign)                                 \
    static void variable_##NAME(Cpu *cpu, const Insn *insn, VecForm form) \
    {                                                                     \
        Vec buffer, d = {.u64 = {0}};                                     \
        unsigned size = insn->op[0].size, dest = insn->op[0].reg;         \
        const Vec *b = vec_source(cpu, insn, 1 + form, &buffer);          \
        const Vec *a = &cpu->vec[insn->op[form].reg];                     \
        const Vec *mask = &cpu->vec[insn->op[2 + form].reg];              \
        for (unsigned i = 0; i < size / sizeof(d.field[0]); i++)          \
            d.field[i] = (mask->sign[i] < 0 ? b : a)->field[i];           \
        vec_put_sized(cpu, dest, form, size == 32, &d);                   \
    }                                                                     \
    VEC_FORMS(NAME, variable_##NAME)

BLEND_VARIABLE(BLENDVPS, u32, s32)
BLEND_VARIABLE(BLENDVPD, u64, s64)
BLEND_VARIABLE(PBLENDVB, u8, s8)
