/* vec_pack.c - operations that move elements between places: pack, unpack, widen, align, byte
 * shuffle, horizontal sums. All but widening stay within 128-bit lanes (64-bit for MMX). */
#include "cpu/exec/vec.h"

/* --- unpack: elements of a and b alternate, from the low or the high half
 * --------------------------- */

static void unpack(Vec *d, const Vec *a, const Vec *b, unsigned bytes, unsigned element, bool high)
{
    unsigned start = high ? bytes / 2 : 0;
    for (unsigned i = 0; i < bytes / element / 2; i++) {
        memcpy(d->u8 + 2 * i * element, a->u8 + start + i * element, element);
        memcpy(d->u8 + (2 * i + 1) * element, b->u8 + start + i * element, element);
    }
}

#define UNPACK(NAME, element, high)                                             \
    static void lane_##NAME(Vec *d, const Vec *a, const Vec *b, unsigned bytes) \
    {                                                                           \
        unpack(d, a, b, bytes, element, high);                                  \
    }                                                                           \
    EXEC(NAME)                                                                  \
    {                                                                           \
        vec_each_lane(cpu, insn, lane_##NAME);                                  \
    }

/* clang-format off */
UNPACK(PUNPCKLBW,  1, false)
UNPACK(PUNPCKLWD,  2, false)
UNPACK(PUNPCKLDQ,  4, false)
UNPACK(PUNPCKLQDQ, 8, false)
UNPACK(PUNPCKHBW,  1, true)
UNPACK(PUNPCKHWD,  2, true)
UNPACK(PUNPCKHDQ,  4, true)
UNPACK(PUNPCKHQDQ, 8, true)
UNPACK(UNPCKLPS,   4, false)
UNPACK(UNPCKHPS,   4, true)
UNPACK(UNPCKLPD,   8, false)
UNPACK(UNPCKHPD,   8, true)
/* clang-format on */

/* --- pack: wide elements of a, then of b, narrowed with saturation
 * ------------------------------------- */

static inline int32_t saturate(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

#define PACK(NAME, wide, narrow, low, high)                                     \
    static void lane_##NAME(Vec *d, const Vec *a, const Vec *b, unsigned bytes) \
    {                                                                           \
        unsigned count = bytes / sizeof(a->wide[0]);                            \
        for (unsigned i = 0; i < count; i++) {                                  \
            d->narrow[i] = saturate(a->wide[i], low, high);                     \
            d->narrow[count + i] = saturate(b->wide[i], low, high);             \
        }                                                                       \
    }                                                                           \
    EXEC(NAME)                                                                  \
    {                                                                           \
        vec_each_lane(cpu, insn, lane_##NAME);                                  \
    }

/* clang-format off */
PACK(PACKSSWB, s16, s8,  INT8_MIN,  INT8_MAX)
PACK(PACKUSWB, s16, u8,  0,         UINT8_MAX)
PACK(PACKSSDW, s32, s16, INT16_MIN, INT16_MAX)
PACK(PACKUSDW, s32, u16, 0,         UINT16_MAX)
/* clang-format on */

/* --- widen: the low elements of the source, extended
 * ---------------------------------------------------- */

#define WIDEN(NAME, from, to)                                             \
    EXEC(NAME)                                                            \
    {                                                                     \
        Vec v, d = {0};                                                   \
        vec_read(cpu, insn, 1, &v);                                       \
        for (unsigned i = 0; i < insn->op[0].size / sizeof(d.to[0]); i++) \
            d.to[i] = v.from[i];                                          \
        vec_write(cpu, insn, 0, &d);                                      \
    }

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

/* --- byte shuffle and align
 * --------------------------------------------------------------------------------- */

static void lane_pshufb(Vec *d, const Vec *a, const Vec *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        d->u8[i] = b->u8[i] & 0x80 ? 0 : a->u8[b->u8[i] & (bytes - 1)];
}

EXEC(PSHUFB)
{
    vec_each_lane(cpu, insn, lane_pshufb);
}

/* [SDM2] PALIGNR: a:b shifted right by imm8 bytes. */
EXEC(PALIGNR)
{
    Vec a, b, d = {0};
    vec_read_two(cpu, insn, &a, &b);
    unsigned bytes = vec_lane_bytes(insn), shift = insn->imm & 0xff;
    for (unsigned lane = 0; lane < insn->op[0].size; lane += bytes) {
        for (unsigned i = 0; i < bytes; i++) {
            unsigned from = i + shift;
            if (from < bytes)
                d.u8[lane + i] = b.u8[lane + from];
            else if (from < 2 * bytes)
                d.u8[lane + i] = a.u8[lane + from - bytes];
        }
    }
    vec_write(cpu, insn, 0, &d);
}

/* --- horizontal: neighbours of a, then of b
 * -------------------------------------------------------------------- */

#define HORIZONTAL(NAME, field, expression)                                     \
    static void lane_##NAME(Vec *d, const Vec *a, const Vec *b, unsigned bytes) \
    {                                                                           \
        const Vec *source[2] = {a, b};                                          \
        unsigned half = bytes / sizeof(a->field[0]) / 2;                        \
        for (unsigned i = 0; i < 2 * half; i++) {                               \
            const Vec *from = source[i >= half];                                \
            __typeof__(d->field[0]) x = from->field[2 * (i % half)];            \
            __typeof__(d->field[0]) y = from->field[2 * (i % half) + 1];        \
            d->field[i] = (expression);                                         \
        }                                                                       \
    }                                                                           \
    EXEC(NAME)                                                                  \
    {                                                                           \
        vec_each_lane(cpu, insn, lane_##NAME);                                  \
    }

/* clang-format off */
HORIZONTAL(PHADDW,  u16, x + y)
HORIZONTAL(PHADDD,  u32, x + y)
HORIZONTAL(PHADDSW, s16, saturate(x + y, INT16_MIN, INT16_MAX))
HORIZONTAL(PHSUBW,  u16, x - y)
HORIZONTAL(PHSUBD,  u32, x - y)
HORIZONTAL(PHSUBSW, s16, saturate(x - y, INT16_MIN, INT16_MAX))
/* clang-format on */
