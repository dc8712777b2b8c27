/* softfloat_x87.c - partial remainder, scale and extract, and the table of the soft x87.
 *
 * [SDM2] FPREM, FPREM1, FSCALE, FXTRACT.
 */
#include "cpu/softfloat_priv.h"

/* --- partial remainder ----------------------------------------------------------------------- */

/* How many quotient bits one incomplete step produces; the manual allows 32 to 63. */
#define PARTIAL_BITS(distance) (32 + ((distance)&31))

typedef struct Division {
    FpNum rest; /* |a| - quotient * |b|, with a's sign */
    uint64_t quotient;
} Division;

/* Divide a by b * 2^(a.exp - b.exp - bits), truncating: a quotient of bits + 1 bits. */
static Division divide_bits(FpNum a, FpNum b, int bits)
{
    U128 dividend = (U128)a.mant << bits;
    uint64_t rest = (uint64_t)(dividend % b.mant);
    Division d = {.quotient = (uint64_t)(dividend / b.mant)};
    d.rest = rest ? num_normalise(a.sign, a.exp - bits, (U128)rest << 64) : num_zero(a.sign);
    return d;
}

/* FPREM1: take one more b away when the rest is above half of it, or half with an odd quotient. */
static Division round_to_nearest(Division d, FpNum b)
{
    if (d.rest.cls == NUM_ZERO || d.rest.exp < b.exp - 1) {
        return d;
    }
    /* both in units of the last place of 2^(b.exp - 1) */
    U128 divisor = (U128)b.mant << 1;
    U128 rest = d.rest.exp == b.exp ? (U128)d.rest.mant << 1 : d.rest.mant;
    U128 other = divisor - rest;
    if (rest > other || (rest == other && (d.quotient & 1))) {
        d.rest = num_normalise(!d.rest.sign, b.exp - 1, other << 64);
        d.quotient++;
    }
    return d;
}

static F80Rem rem_special(FpNum n, FpEnv *env)
{
    return (F80Rem){.value = f80_pack(n, env)};
}

F80Rem soft_rem(F80 x, F80 y, F80RemKind kind, FpEnv *env)
{
    FpNum a = f80_unpack(x), b = f80_unpack(y);
    if (num_is_nan(a) || num_is_nan(b)) {
        return rem_special(num_pick_nan(a, b, NAN_X87, env), env);
    }
    if (a.cls == NUM_INF || b.cls == NUM_ZERO) {
        return rem_special(num_invalid(env), env);
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return rem_special(num_stopped(), env);
    }
    if (a.cls == NUM_ZERO || b.cls == NUM_INF) {
        return rem_special(a, env);
    }
    int distance = a.exp - b.exp;
    Division d = {.rest = a};
    bool partial = distance >= 64;
    if (partial) {
        d = divide_bits(a, b, PARTIAL_BITS(distance));
    } else {
        d = distance >= 0 ? divide_bits(a, b, distance) : d;
        d = kind == F80_REM_NEAREST ? round_to_nearest(d, b) : d;
    }
    return (F80Rem){.value = f80_pack(d.rest, env),
                    .quotient = partial ? 0 : d.quotient & 7,
                    .partial = partial};
}

/* --- scale and extract ----------------------------------------------------------------------- */

/* trunc(b) as an exponent, limited to what is surely out of range both ways. */
static int scale_exponent(FpNum b)
{
    enum { LIMIT = 1 << 17 };
    int magnitude = b.exp < 0 ? 0 : b.exp >= 17 ? LIMIT : (int)(b.mant >> (63 - b.exp));
    return b.sign ? -magnitude : magnitude;
}

static FpNum scale_special(FpNum a, FpNum b, FpEnv *env)
{
    if (num_is_nan(a) || num_is_nan(b)) {
        return num_pick_nan(a, b, NAN_X87, env);
    }
    if (b.cls == NUM_INF && a.cls == (b.sign ? NUM_INF : NUM_ZERO)) {
        return num_invalid(env);
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return num_stopped();
    }
    if (b.cls == NUM_INF) {
        return b.sign ? num_zero(a.sign) : num_inf(a.sign);
    }
    return a;
}

/* [SDM2] FSCALE: an unmasked overflow or underflow too large for the bias adjustment. */
static bool is_massive(FpNum n, const FpEnv *env)
{
    if (n.exp > 0) {
        return !(env->masked & FP_OE) && n.exp - fp_f80.bias_adjust > fp_f80.emax;
    }
    return !(env->masked & FP_UE) && n.exp + fp_f80.bias_adjust < fp_f80.emin;
}

F80 soft_scale(F80 x, F80 y, FpEnv *env)
{
    FpNum a = f80_unpack(x), b = f80_unpack(y);
    if (a.cls != NUM_FINITE || b.cls > NUM_FINITE) {
        return f80_pack(scale_special(a, b, env), env);
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return f80_pack(num_stopped(), env);
    }
    if (b.cls == NUM_FINITE) {
        a.exp += scale_exponent(b);
    }
    if (is_massive(a, env)) {
        bool overflow = a.exp > 0;
        fp_raise(env, (overflow ? FP_OE : FP_UE) | FP_PE);
        F80 r = f80_pack(overflow ? num_inf(a.sign) : num_zero(a.sign), env);
        env->c1 = overflow; /* infinity is away from zero */
        return r;
    }
    return f80_pack(a, env);
}

F80Pair soft_extract(F80 x, FpEnv *env)
{
    FpNum a = f80_unpack(x);
    FpNum exponent = a;
    if (num_is_nan(a)) {
        exponent = a = num_pass_nan(a, env);
    } else if (a.cls == NUM_INF) {
        exponent = num_inf(false);
    } else if (a.cls == NUM_ZERO) {
        fp_raise(env, FP_ZE);
        exponent = num_inf(true);
    } else if (fp_denormal_stops(a.denormal, env)) {
        exponent = a = num_stopped();
    } else {
        F80Pair r = {.first = i64_to_f80(a.exp)};
        a.exp = 0;
        r.second = f80_pack(a, env);
        return r;
    }
    return (F80Pair){.first = f80_pack(exponent, env), .second = f80_pack(a, env)};
}

const F80Ops f80_soft = {
    .name = "soft",
    .arith = soft_arith,
    .arith_f32 = soft_arith_f32,
    .arith_f64 = soft_arith_f64,
    .compare = soft_compare,
    .compare_f32 = soft_compare_f32,
    .compare_f64 = soft_compare_f64,
    .sqrt = soft_sqrt,
    .round_int = soft_round_int,
    .scale = soft_scale,
    .extract = soft_extract,
    .rem = soft_rem,
    .from_f32 = soft_from_f32,
    .from_f64 = soft_from_f64,
    .to_f32 = soft_to_f32,
    .to_f64 = soft_to_f64,
    .to_i16 = soft_to_i16,
    .to_i32 = soft_to_i32,
    .to_i64 = soft_to_i64,
    .to_bcd = soft_to_bcd,
    .f2xm1 = soft_f2xm1,
    .fyl2x = soft_fyl2x,
    .fyl2xp1 = soft_fyl2xp1,
    .fpatan = soft_fpatan,
    .fptan = soft_fptan,
    .fsin = soft_fsin,
    .fcos = soft_fcos,
    .fsincos = soft_fsincos,
};
