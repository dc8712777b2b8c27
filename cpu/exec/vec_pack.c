/* vec_pack.c - operations that move elements between places: pack, unpack, widen, align, byte
 * shuffle, horizontal sums. All but widening stay within lanes. */
#include "cpu/exec/vec.h"

/* --- unpack: elements of a and b alternate, from the low or the high half ------------------ */

#define UNPACK(NAME, operands, field, high)                  \
    VEC_LANE(NAME)                                           \
    {                                                        \
        unsigned half = bytes / sizeof(d->field[0]) / 2;     \
        for (unsigned i = 0; i < half; i++) {                \
            d->field[2 * i] = a->field[high * half + i];     \
            d->field[2 * i + 1] = b->field[high * half + i]; \
        }                                                    \
    }                                                        \
    VEC_FORMS(NAME, operands, lane_##NAME, 0)

/* clang-format off */
UNPACK(PUNPCKLBW,  vec_two, u8,  0)
UNPACK(PUNPCKLWD,  vec_two, u16, 0)
UNPACK(PUNPCKLDQ,  vec_two, u32, 0)
UNPACK(PUNPCKLQDQ, xmm_two, u64, 0)
UNPACK(PUNPCKHBW,  vec_two, u8,  1)
UNPACK(PUNPCKHWD,  vec_two, u16, 1)
UNPACK(PUNPCKHDQ,  vec_two, u32, 1)
UNPACK(PUNPCKHQDQ, xmm_two, u64, 1)
UNPACK(UNPCKLPS,   xmm_two, u32, 0)
UNPACK(UNPCKHPS,   xmm_two, u32, 1)
UNPACK(UNPCKLPD,   xmm_two, u64, 0)
UNPACK(UNPCKHPD,   xmm_two, u64, 1)
/* clang-format on */

/* --- pack: wide elements of a, then of b, narrowed with saturation ------------------------- */

static inline int32_t saturate(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

#define PACK(NAME, wide, narrow, low, high)                         \
    VEC_LANE(NAME)                                                  \
    {                                                               \
        unsigned count = bytes / sizeof(a->wide[0]);                \
        for (unsigned i = 0; i < count; i++) {                      \
            d->narrow[i] = saturate(a->wide[i], low, high);         \
            d->narrow[count + i] = saturate(b->wide[i], low, high); \
        }                                                           \
    }                                                               \
    VEC_FORMS(NAME, vec_two, lane_##NAME, 0)

/* clang-format off */
PACK(PACKSSWB, s16, s8,  INT8_MIN,  INT8_MAX)
PACK(PACKUSWB, s16, u8,  0,         UINT8_MAX)
PACK(PACKSSDW, s32, s16, INT16_MIN, INT16_MAX)
PACK(PACKUSDW, s32, u16, 0,         UINT16_MAX)
/* clang-format on */

/* --- widen: the low elements of the source, extended --------------------------------------- */

#define WIDEN(NAME, from, to)                                                               \
    static ALWAYS_INLINE void widen_##NAME(Cpu *cpu, const Insn *insn, VecForm form)        \
    {                                                                                       \
        Vec buffer, d = {.u64 = {0}};                                                       \
        const Vec *v = vec_source(cpu, insn, 1, &buffer);                                   \
        for (unsigned i = 0; i < (vec_is_ymm(insn, form) ? 32 : 16) / sizeof(d.to[0]); i++) \
            d.to[i] = v->from[i];                                                           \
        vec_put(cpu, &insn->op[0], form, &d);                                               \
    }                                                                                       \
    VEC_FORMS(NAME, widen_##NAME)

/* clang-format off */
WIDEN(PMOVSXBW, s8,  s16)
WIDEN(PMOVSXBD, s8,  s32)
WIDEN(PMOVSXBQ, s8,  s64)
WIDEN(PMOVSXWD, s16, s32)
WIDEN(PMOVSXWQ, s16, s64)
WIDEN(PMOVSXDQ, s32, s64)
WIDEN(PMOVZXBW, u8,  u16)
WIDEN(PMOVZXBD, u8,  u32)
WIDEN(PMOVZXBQ, u8,  u64)
WIDEN(PMOVZXWD, u16, u32)
WIDEN(PMOVZXWQ, u16, u64)
WIDEN(PMOVZXDQ, u32, u64)
/* clang-format on */

/* --- byte shuffle and align ---------------------------------------------------------------- */

VEC_LANE(PSHUFB)
{
    for (unsigned i = 0; i < bytes; i++)
        d->u8[i] = b->u8[i] & 0x80 ? 0 : a->u8[b->u8[i] & (bytes - 1)];
}

/* [SDM2] PALIGNR: a:b shifted right by imm8 bytes. */
VEC_LANE(PALIGNR)
{
    uint8_t both[64] = {0};
    unsigned shift = MIN(imm & 0xff, 2 * bytes);
    memcpy(both, b, bytes);
    memcpy(both + bytes, a, bytes);
    memcpy(d, both + shift, bytes);
}

VEC_FORMS(PSHUFB, vec_two, lane_PSHUFB, 0)
VEC_FORMS(PALIGNR, vec_two, lane_PALIGNR, 0)

/* --- horizontal: neighbours of a, then of b ------------------------------------------------ */

#define HORIZONTAL(NAME, field, expression)                              \
    VEC_LANE(NAME)                                                       \
    {                                                                    \
        unsigned half = bytes / sizeof(a->field[0]) / 2;                 \
        for (unsigned i = 0; i < 2 * half; i++) {                        \
            const Vec *from = i < half ? a : b;                          \
            __typeof__(d->field[0]) x = from->field[2 * (i % half)];     \
            __typeof__(d->field[0]) y = from->field[2 * (i % half) + 1]; \
            d->field[i] = (expression);                                  \
        }                                                                \
    }                                                                    \
    VEC_FORMS(NAME, vec_two, lane_##NAME, 0)

/* clang-format off */
HORIZONTAL(PHADDW,  u16, x + y)
HORIZONTAL(PHADDD,  u32, x + y)
HORIZONTAL(PHADDSW, s16, saturate(x + y, INT16_MIN, INT16_MAX))
HORIZONTAL(PHSUBW,  u16, x - y)
HORIZONTAL(PHSUBD,  u32, x - y)
HORIZONTAL(PHSUBSW, s16, saturate(x - y, INT16_MIN, INT16_MAX))
/* clang-format on */
