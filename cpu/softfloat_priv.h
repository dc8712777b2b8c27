/* softfloat_priv.h - unpacked numbers, rounding and NaN rules shared by softfloat*.c.
 *
 * A number is unpacked to an FpNum, operated on, and packed again; rounding happens only in
 * packing. The helpers are always_inline so that each format gets its own specialised code.
 */
#ifndef MYNA_CPU_SOFTFLOAT_PRIV_H
#define MYNA_CPU_SOFTFLOAT_PRIV_H

#include "cpu/softfloat.h"

#define FP_INLINE static inline __attribute__((always_inline))

__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 I128;

/* Ordered: everything from QNAN on takes the NaN path. */
typedef enum FpClass {
    NUM_ZERO,
    NUM_FINITE,
    NUM_INF,
    NUM_QNAN,
    NUM_SNAN,
    NUM_UNSUPPORTED, /* x87 unnormal, pseudo-infinity, pseudo-NaN */
} FpClass;

/* NUM_FINITE: (mant + rest / 2^64) / 2^63 * 2^exp, with mant[63] set. rest is 0 in operands; in
 * results it holds the bits below mant, the lowest of them sticky. NaNs: mant as in F80. */
typedef struct FpNum {
    uint64_t mant, rest;
    int32_t exp;
    uint8_t cls; /* FpClass */
    bool sign;
    bool denormal; /* was encoded as a denormal */
} FpNum;

typedef struct FpFormat {
    int exp_bits, frac_bits;
    int prec;        /* significand bits, the integer bit included */
    int emin, emax;  /* exponents of normal numbers */
    int bias_adjust; /* [SDM1] "Numeric Overflow Exception": 3 * 2^(exp_bits - 2) */
} FpFormat;

static const FpFormat fp_f16 = {5, 10, 11, -14, 15, 24};
static const FpFormat fp_f32 = {8, 23, 24, -126, 127, 192};
static const FpFormat fp_f64 = {11, 52, 53, -1022, 1023, 1536};
static const FpFormat fp_f80 = {15, 63, 64, -16382, 16383, 24576};

typedef enum FpNanRule { NAN_SSE, NAN_X87 } FpNanRule;

#define MANT_TOP   (1ull << 63)
#define MANT_QUIET (1ull << 62)

FP_INLINE void fp_raise(FpEnv *env, uint8_t flags)
{
    env->flags |= flags;
}

FP_INLINE FpNum num_zero(bool sign)
{
    return (FpNum){.cls = NUM_ZERO, .sign = sign};
}

FP_INLINE FpNum num_inf(bool sign)
{
    return (FpNum){.cls = NUM_INF, .sign = sign, .mant = MANT_TOP};
}

FP_INLINE FpNum num_default_nan(void)
{
    return (FpNum){.cls = NUM_QNAN, .sign = true, .mant = MANT_TOP | MANT_QUIET};
}

FP_INLINE FpNum num_invalid(FpEnv *env)
{
    fp_raise(env, FP_IE);
    return num_default_nan();
}

/* What an operation returns when an unmasked exception keeps it from computing: rounds to itself,
 * and so raises nothing more. */
FP_INLINE FpNum num_stopped(void)
{
    return num_default_nan();
}

FP_INLINE bool num_is_nan(FpNum n)
{
    return n.cls >= NUM_QNAN;
}

FP_INLINE FpNum num_quiet(FpNum n)
{
    n.cls = NUM_QNAN;
    n.mant |= MANT_QUIET;
    return n;
}

/* A finite number from 128 bits whose top bit is not yet in place. */
FP_INLINE FpNum num_normalise(bool sign, int exp, U128 bits)
{
    uint64_t hi = (uint64_t)(bits >> 64);
    int n = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)bits);
    bits <<= n;
    return (FpNum){.cls = NUM_FINITE,
                   .sign = sign,
                   .exp = exp - n,
                   .mant = (uint64_t)(bits >> 64),
                   .rest = (uint64_t)bits};
}

/* DE, after the NaNs and invalid operands have been dealt with. True: unmasked, compute nothing. */
FP_INLINE bool fp_denormal_stops(bool denormal, FpEnv *env)
{
    if (!denormal) {
        return false;
    }
    fp_raise(env, FP_DE);
    return !(env->masked & FP_DE);
}

/* Shift right, or-ing what falls out into the lowest bit. */
FP_INLINE U128 shift_right_jam(U128 v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    if (n >= 128) {
        return v != 0;
    }
    return (v >> n) | ((v << (128 - n)) != 0);
}

/* --- unpacking ------------------------------------------------------------------------------- */

FP_INLINE FpNum fp_unpack(uint64_t v, const FpFormat *f)
{
    uint64_t frac = v & ((1ull << f->frac_bits) - 1);
    int exp_field = (int)(v >> f->frac_bits) & ((1 << f->exp_bits) - 1);
    FpNum n = {.sign = v >> (f->frac_bits + f->exp_bits) & 1, .mant = frac << (63 - f->frac_bits)};
    if (exp_field == 0) {
        if (frac) {
            int shift = __builtin_clzll(n.mant);
            n.mant <<= shift;
            n.exp = f->emin - shift;
            n.cls = NUM_FINITE;
            n.denormal = true;
        }
    } else if (exp_field == (1 << f->exp_bits) - 1) {
        n.cls = frac == 0 ? NUM_INF : n.mant & MANT_QUIET ? NUM_QNAN : NUM_SNAN;
        n.mant |= MANT_TOP;
    } else {
        n.mant |= MANT_TOP;
        n.exp = exp_field - f->emax;
        n.cls = NUM_FINITE;
    }
    return n;
}

/* An SSE operand: DAZ turns a denormal into a zero of the same sign, without DE. */
FP_INLINE FpNum fp_unpack_sse(uint64_t v, const FpFormat *f, const FpEnv *env)
{
    FpNum n = fp_unpack(v, f);
    return n.denormal && env->daz ? num_zero(n.sign) : n;
}

FP_INLINE FpNum f80_unpack(F80 v)
{
    int exp_field = v.se & 0x7fff;
    FpNum n = {.sign = v.se >> 15, .mant = v.mant};
    if (exp_field == 0) {
        if (v.mant) {
            int shift = __builtin_clzll(v.mant); /* 0: a pseudo-denormal */
            n.mant <<= shift;
            n.exp = fp_f80.emin - shift;
            n.cls = NUM_FINITE;
            n.denormal = true;
        }
    } else if (!(v.mant & MANT_TOP)) {
        n.cls = NUM_UNSUPPORTED;
    } else if (exp_field == 0x7fff) {
        n.cls = v.mant == MANT_TOP ? NUM_INF : v.mant & MANT_QUIET ? NUM_QNAN : NUM_SNAN;
    } else {
        n.exp = exp_field - fp_f80.emax;
        n.cls = NUM_FINITE;
    }
    return n;
}

/* --- rounding -------------------------------------------------------------------------------- */

/* What a number becomes in a format: the exponent field and the significand, integer bit at 63. */
typedef struct FpFields {
    uint64_t mant;
    int exp_field;
    bool sign;
} FpFields;

/* Does the discarded fraction (0.5 is MANT_TOP) round the magnitude up? */
FP_INLINE bool fp_rounds_up(uint64_t fraction, bool odd, bool sign, FpRound round)
{
    switch (round) {
    case FP_ROUND_NEAREST:
        return fraction > MANT_TOP || (fraction == MANT_TOP && odd);
    case FP_ROUND_DOWN:
        return sign && fraction;
    case FP_ROUND_UP:
        return !sign && fraction;
    default:
        return false;
    }
}

typedef struct FpCut {
    uint64_t kept; /* rounded to prec bits; 0 when that carried out of bit 63 */
    bool inexact, up;
} FpCut;

/* Round the significand mant:rest to its first prec bits. */
FP_INLINE FpCut fp_cut(uint64_t mant, uint64_t rest, int prec, bool sign, FpRound round)
{
    int drop = 64 - prec;
    uint64_t fraction = drop ? mant << prec | (rest != 0) : rest;
    uint64_t unit = 1ull << drop;
    FpCut cut = {.kept = mant & -unit, .inexact = fraction != 0};
    cut.up = fp_rounds_up(fraction, mant & unit, sign, round);
    if (cut.up) {
        cut.kept += unit;
    }
    return cut;
}

/* The out-of-range cases, out of line: cpu/softfloat.c. */
FpFields fp_fields_tiny(FpNum n, const FpFormat *f, int prec, FpEnv *env);
FpFields fp_fields_overflow(FpNum n, FpCut cut, const FpFormat *f, int prec, FpEnv *env);

/* Round a finite number to prec bits in the exponent range of the format. */
FP_INLINE FpFields fp_fields(FpNum n, const FpFormat *f, int prec, FpEnv *env)
{
    if (__builtin_expect(n.exp < f->emin, 0)) {
        return fp_fields_tiny(n, f, prec, env);
    }
    FpCut cut = fp_cut(n.mant, n.rest, prec, n.sign, env->round);
    if (!cut.kept) {
        cut.kept = MANT_TOP;
        n.exp++;
    }
    if (__builtin_expect(n.exp > f->emax, 0)) {
        return fp_fields_overflow(n, cut, f, prec, env);
    }
    env->c1 = cut.up;
    if (cut.inexact) {
        fp_raise(env, FP_PE);
    }
    return (FpFields){.sign = n.sign, .mant = cut.kept, .exp_field = n.exp + f->emax};
}

/* Fields of any number; rounds the finite ones. */
FP_INLINE FpFields fp_fields_any(FpNum n, const FpFormat *f, int prec, FpEnv *env)
{
    if (__builtin_expect(n.cls == NUM_FINITE, 1)) {
        return fp_fields(n, f, prec, env);
    }
    env->c1 = false;
    if (n.cls == NUM_ZERO) {
        return (FpFields){.sign = n.sign};
    }
    return (FpFields){.sign = n.sign, .mant = n.mant, .exp_field = 2 * f->emax + 1};
}

FP_INLINE uint64_t fp_pack(FpNum n, const FpFormat *f, FpEnv *env)
{
    FpFields r = fp_fields_any(n, f, f->prec, env);
    uint64_t frac = (r.mant & ~MANT_TOP) >> (63 - f->frac_bits);
    return (uint64_t)r.sign << (f->frac_bits + f->exp_bits) |
           (uint64_t)r.exp_field << f->frac_bits | frac;
}

FP_INLINE F80 f80_from_fields(FpFields r)
{
    return (F80){.mant = r.mant, .se = (uint16_t)(r.sign << 15 | r.exp_field)};
}

/* To F80 with all 64 bits. */
FP_INLINE F80 f80_pack(FpNum n, FpEnv *env)
{
    return f80_from_fields(fp_fields_any(n, &fp_f80, 64, env));
}

/* To F80 rounded to 24 or 53 bits: cpu/softfloat.c. */
F80 f80_pack_shorter(FpNum n, FpEnv *env);

/* To F80 rounded as precision control says. */
FP_INLINE F80 f80_pack_precision(FpNum n, FpEnv *env)
{
    bool shorter = env->precision == FP_PRECISION_24 || env->precision == FP_PRECISION_53;
    return shorter ? f80_pack_shorter(n, env) : f80_pack(n, env);
}

/* --- NaNs ------------------------------------------------------------------------------------ */

/* [SDM1] "Operating on SNaNs and QNaNs": the result when a or b is a NaN or unsupported. */
FpNum num_pick_nan(FpNum a, FpNum b, FpNanRule rule, FpEnv *env);

/* The same for one operand. */
FpNum num_pass_nan(FpNum a, FpEnv *env);

/* softfloat_arith.c and friends: the soft members of F80Ops. */
F80 soft_arith(F80Arith op, F80 a, F80 b, FpEnv *env);
F80 soft_arith_f32(F80Arith op, F80 a, uint32_t b, FpEnv *env);
F80 soft_arith_f64(F80Arith op, F80 a, uint64_t b, FpEnv *env);
F80 soft_sqrt(F80 a, FpEnv *env);
FpOrder soft_compare(F80 a, F80 b, FpNanSignal signal, FpEnv *env);
FpOrder soft_compare_f32(F80 a, uint32_t b, FpEnv *env);
FpOrder soft_compare_f64(F80 a, uint64_t b, FpEnv *env);
F80 soft_round_int(F80 a, FpEnv *env);
F80 soft_scale(F80 a, F80 b, FpEnv *env);
F80Pair soft_extract(F80 a, FpEnv *env);
F80Rem soft_rem(F80 a, F80 b, F80RemKind kind, FpEnv *env);
F80 soft_from_f32(uint32_t a, FpEnv *env);
F80 soft_from_f64(uint64_t a, FpEnv *env);
uint32_t soft_to_f32(F80 a, FpEnv *env);
uint64_t soft_to_f64(F80 a, FpEnv *env);
int16_t soft_to_i16(F80 a, FpRound round, FpEnv *env);
int32_t soft_to_i32(F80 a, FpRound round, FpEnv *env);
int64_t soft_to_i64(F80 a, FpRound round, FpEnv *env);
F80 soft_to_bcd(F80 a, FpEnv *env);
F80 soft_f2xm1(F80 x, FpEnv *env);
F80 soft_fyl2x(F80 x, F80 y, FpEnv *env);
F80 soft_fyl2xp1(F80 x, F80 y, FpEnv *env);
F80 soft_fpatan(F80 x, F80 y, FpEnv *env);
F80Pair soft_fptan(F80 x, FpEnv *env);
F80Pair soft_fsin(F80 x, FpEnv *env);
F80Pair soft_fcos(F80 x, FpEnv *env);
F80Pair soft_fsincos(F80 x, FpEnv *env);

#endif
