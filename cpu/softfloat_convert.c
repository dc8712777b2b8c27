/* softfloat_convert.c - conversions among the formats, integers and packed BCD, and rounding to
 * an integer.
 *
 * [SDM1] "Invalid Operation Exception"; [SDM2] CVTSD2SI, ROUNDSD, FIST, FBSTP, VCVTPS2PH.
 */
#include "cpu/softfloat_priv.h"

/* --- to integer ------------------------------------------------------------------------------ */

typedef struct FpInteger {
    uint64_t magnitude;
    bool overflow; /* magnitude needs more than 64 bits */
    bool inexact, up;
} FpInteger;

/* The magnitude of a finite number or zero, rounded to an integer. */
FP_INLINE FpInteger num_integer(FpNum n, FpRound round)
{
    if (n.cls == NUM_ZERO) {
        return (FpInteger){0};
    }
    if (n.exp >= 64) {
        return (FpInteger){.overflow = true};
    }
    U128 bits = (U128)n.mant << 64;
    bits = n.exp < 63 ? shift_right_jam(bits, (unsigned)(63 - n.exp)) : bits;
    FpInteger r = {.magnitude = (uint64_t)(bits >> 64), .inexact = (uint64_t)bits != 0};
    r.up = fp_rounds_up((uint64_t)bits, r.magnitude & 1, n.sign, round);
    r.magnitude += r.up; /* a number with a fraction is below 2^63: no carry out */
    return r;
}

FP_INLINE void report_integer(FpInteger r, FpEnv *env)
{
    env->c1 = r.up;
    if (r.inexact) {
        fp_raise(env, FP_PE);
    }
}

/* A signed integer of the given width, or its most negative value and IE. */
FP_INLINE int64_t num_to_signed(FpNum n, int width, FpRound round, FpEnv *env)
{
    uint64_t limit = 1ull << (width - 1);
    FpInteger r = {.overflow = true};
    if (n.cls <= NUM_FINITE) {
        r = num_integer(n, round);
    }
    if (r.overflow || r.magnitude > limit - !n.sign) {
        env->c1 = false;
        fp_raise(env, FP_IE);
        return (int64_t)-limit;
    }
    report_integer(r, env);
    return (int64_t)(n.sign ? -r.magnitude : r.magnitude);
}

/* An unsigned integer of the given width, or all ones and IE. */
FP_INLINE uint64_t num_to_unsigned(FpNum n, int width, FpRound round, FpEnv *env)
{
    uint64_t limit = ~0ull >> (64 - width);
    FpInteger r = {.overflow = true};
    if (n.cls <= NUM_FINITE) {
        r = num_integer(n, round);
    }
    if (r.overflow || r.magnitude > (n.sign ? 0 : limit)) {
        fp_raise(env, FP_IE);
        return limit;
    }
    report_integer(r, env);
    return r.magnitude;
}

int32_t f32_to_i32(uint32_t a, FpRound round, FpEnv *env)
{
    return (int32_t)num_to_signed(fp_unpack_sse(a, &fp_f32, env), 32, round, env);
}

int64_t f32_to_i64(uint32_t a, FpRound round, FpEnv *env)
{
    return num_to_signed(fp_unpack_sse(a, &fp_f32, env), 64, round, env);
}

uint32_t f32_to_u32(uint32_t a, FpRound round, FpEnv *env)
{
    return (uint32_t)num_to_unsigned(fp_unpack_sse(a, &fp_f32, env), 32, round, env);
}

uint64_t f32_to_u64(uint32_t a, FpRound round, FpEnv *env)
{
    return num_to_unsigned(fp_unpack_sse(a, &fp_f32, env), 64, round, env);
}

int32_t f64_to_i32(uint64_t a, FpRound round, FpEnv *env)
{
    return (int32_t)num_to_signed(fp_unpack_sse(a, &fp_f64, env), 32, round, env);
}

int64_t f64_to_i64(uint64_t a, FpRound round, FpEnv *env)
{
    return num_to_signed(fp_unpack_sse(a, &fp_f64, env), 64, round, env);
}

uint32_t f64_to_u32(uint64_t a, FpRound round, FpEnv *env)
{
    return (uint32_t)num_to_unsigned(fp_unpack_sse(a, &fp_f64, env), 32, round, env);
}

uint64_t f64_to_u64(uint64_t a, FpRound round, FpEnv *env)
{
    return num_to_unsigned(fp_unpack_sse(a, &fp_f64, env), 64, round, env);
}

int16_t soft_to_i16(F80 a, FpRound round, FpEnv *env)
{
    return (int16_t)num_to_signed(f80_unpack(a), 16, round, env);
}

int32_t soft_to_i32(F80 a, FpRound round, FpEnv *env)
{
    return (int32_t)num_to_signed(f80_unpack(a), 32, round, env);
}

int64_t soft_to_i64(F80 a, FpRound round, FpEnv *env)
{
    return num_to_signed(f80_unpack(a), 64, round, env);
}

/* --- from integer ---------------------------------------------------------------------------- */

FP_INLINE FpNum num_from_unsigned(uint64_t magnitude, bool sign)
{
    return magnitude ? num_normalise(sign, 63, (U128)magnitude << 64) : num_zero(false);
}

FP_INLINE FpNum num_from_signed(int64_t a)
{
    return num_from_unsigned(a < 0 ? -(uint64_t)a : (uint64_t)a, a < 0);
}

uint32_t i32_to_f32(int32_t a, FpEnv *env)
{
    return (uint32_t)fp_pack(num_from_signed(a), &fp_f32, env);
}

uint32_t i64_to_f32(int64_t a, FpEnv *env)
{
    return (uint32_t)fp_pack(num_from_signed(a), &fp_f32, env);
}

uint32_t u32_to_f32(uint32_t a, FpEnv *env)
{
    return (uint32_t)fp_pack(num_from_unsigned(a, false), &fp_f32, env);
}

uint32_t u64_to_f32(uint64_t a, FpEnv *env)
{
    return (uint32_t)fp_pack(num_from_unsigned(a, false), &fp_f32, env);
}

uint64_t i32_to_f64(int32_t a, FpEnv *env)
{
    return fp_pack(num_from_signed(a), &fp_f64, env);
}

uint64_t i64_to_f64(int64_t a, FpEnv *env)
{
    return fp_pack(num_from_signed(a), &fp_f64, env);
}

uint64_t u32_to_f64(uint32_t a, FpEnv *env)
{
    return fp_pack(num_from_unsigned(a, false), &fp_f64, env);
}

uint64_t u64_to_f64(uint64_t a, FpEnv *env)
{
    return fp_pack(num_from_unsigned(a, false), &fp_f64, env);
}

F80 i64_to_f80(int64_t a)
{
    FpEnv exact = {.masked = FP_ALL};
    return f80_pack(num_from_signed(a), &exact);
}

/* --- between floating-point formats ---------------------------------------------------------- */

/* What a conversion does with its source before packing; a widening one reports the denormal. */
FP_INLINE FpNum num_converted(FpNum n, bool report_denormal, FpEnv *env)
{
    if (num_is_nan(n)) {
        return num_pass_nan(n, env);
    }
    return fp_denormal_stops(report_denormal && n.denormal, env) ? num_stopped() : n;
}

uint64_t f32_to_f64(uint32_t a, FpEnv *env)
{
    return fp_pack(num_converted(fp_unpack_sse(a, &fp_f32, env), true, env), &fp_f64, env);
}

uint32_t f64_to_f32(uint64_t a, FpEnv *env)
{
    FpNum n = num_converted(fp_unpack_sse(a, &fp_f64, env), true, env);
    return (uint32_t)fp_pack(n, &fp_f32, env);
}

uint32_t f16_to_f32(uint16_t a, FpEnv *env)
{
    return (uint32_t)fp_pack(num_converted(fp_unpack(a, &fp_f16), false, env), &fp_f32, env);
}

uint16_t f32_to_f16(uint32_t a, FpEnv *env)
{
    bool ftz = env->ftz;
    env->ftz = false;
    FpNum n = num_converted(fp_unpack_sse(a, &fp_f32, env), true, env);
    uint16_t r = (uint16_t)fp_pack(n, &fp_f16, env);
    env->ftz = ftz;
    return r;
}

/* FLD is exact, and gives its value even when DE is unmasked. */
FP_INLINE F80 x87_load(FpNum n, FpEnv *env)
{
    if (num_is_nan(n)) {
        return f80_pack(num_pass_nan(n, env), env);
    }
    fp_denormal_stops(n.denormal, env);
    return f80_pack(n, env);
}

F80 soft_from_f32(uint32_t a, FpEnv *env)
{
    return x87_load(fp_unpack(a, &fp_f32), env);
}

F80 soft_from_f64(uint64_t a, FpEnv *env)
{
    return x87_load(fp_unpack(a, &fp_f64), env);
}

/* FST to memory: with overflow or underflow unmasked nothing is stored, so nothing was inexact. */
FP_INLINE uint64_t x87_store(F80 a, const FpFormat *f, FpEnv *env)
{
    FpEnv own = *env;
    own.flags = 0;
    uint64_t r = fp_pack(num_converted(f80_unpack(a), false, &own), f, &own);
    if (fp_unmasked(&own) & (FP_OE | FP_UE)) {
        own.flags &= ~FP_PE;
        own.c1 = false;
    }
    env->c1 = own.c1;
    fp_raise(env, own.flags);
    return r;
}

uint32_t soft_to_f32(F80 a, FpEnv *env)
{
    return (uint32_t)x87_store(a, &fp_f32, env);
}

uint64_t soft_to_f64(F80 a, FpEnv *env)
{
    return x87_store(a, &fp_f64, env);
}

/* --- rounding to an integer ------------------------------------------------------------------ */

/* Finite, below 2^63: larger numbers are integers already. */
FP_INLINE FpNum integral(FpNum n, FpRound round, FpInexact inexact, FpEnv *env)
{
    FpInteger r = num_integer(n, round);
    env->c1 = r.up;
    if (r.inexact && inexact == FP_INEXACT_REPORT) {
        fp_raise(env, FP_PE);
    }
    return r.magnitude ? num_from_unsigned(r.magnitude, n.sign) : num_zero(n.sign);
}

FP_INLINE uint64_t fp_round_int(uint64_t v, const FpFormat *f, FpRound round, FpInexact inexact,
                                FpEnv *env)
{
    FpNum n = fp_unpack_sse(v, f, env);
    if (num_is_nan(n)) {
        n = num_pass_nan(n, env);
    } else if (n.cls == NUM_FINITE && n.exp < 63) {
        n = integral(n, round, inexact, env);
    }
    return fp_pack(n, f, env);
}

uint32_t f32_round_int(uint32_t a, FpRound round, FpInexact inexact, FpEnv *env)
{
    return (uint32_t)fp_round_int(a, &fp_f32, round, inexact, env);
}

uint64_t f64_round_int(uint64_t a, FpRound round, FpInexact inexact, FpEnv *env)
{
    return fp_round_int(a, &fp_f64, round, inexact, env);
}

F80 soft_round_int(F80 a, FpEnv *env)
{
    FpNum n = num_converted(f80_unpack(a), true, env);
    env->c1 = false;
    if (n.cls != NUM_FINITE || n.exp >= 63) {
        return f80_pack(n, env);
    }
    n = integral(n, env->round, FP_INEXACT_REPORT, env);
    bool up = env->c1;
    F80 r = f80_pack(n, env);
    env->c1 = up;
    return r;
}

/* --- packed BCD ------------------------------------------------------------------------------ */

#define BCD_MAX 999999999999999999ull

F80 soft_to_bcd(F80 a, FpEnv *env)
{
    FpNum n = f80_unpack(a);
    FpInteger r = {.overflow = true};
    if (n.cls <= NUM_FINITE) {
        r = num_integer(n, env->round);
    }
    if (r.overflow || r.magnitude > BCD_MAX) {
        env->c1 = false;
        fp_raise(env, FP_IE);
        return F80_BCD_INDEFINITE;
    }
    report_integer(r, env);
    F80 bcd = {.se = (uint16_t)(n.sign << 15)};
    for (int digit = 0; digit < 18; digit++, r.magnitude /= 10) {
        uint64_t value = r.magnitude % 10;
        if (digit < 16) {
            bcd.mant |= value << (4 * digit);
        } else {
            bcd.se |= (uint16_t)(value << (4 * (digit - 16)));
        }
    }
    return bcd;
}

F80 bcd_to_f80(F80 packed)
{
    uint64_t magnitude = (packed.se >> 4 & 15) * 10ull + (packed.se & 15);
    for (int digit = 15; digit >= 0; digit--) {
        magnitude = magnitude * 10 + (packed.mant >> (4 * digit) & 15);
    }
    FpEnv exact = {.masked = FP_ALL};
    F80 r = f80_pack(num_from_unsigned(magnitude, false), &exact);
    r.se |= packed.se & 0x8000;
    return r;
}
