/* softfloat_log.c - F2XM1, FYL2X, FYL2XP1.
 *
 * [SDM2] F2XM1, FYL2X, FYL2XP1: the tables of results for zeros, infinities and NaNs.
 * [SDM1] "Transcendental Instruction Accuracy": within one unit in the last place; these round the
 * exact value but for about one case in 2^50.
 */
#include "cpu/softfloat_wide.h"

static const Wide ln_2 = {WIDE_MANT(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), -1, false};
static const Wide two_by_ln_2 = {WIDE_MANT(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89), 1, false};

/* e^y - 1 for |y| <= ln 2: y (1 + y/2 (1 + y/3 (1 + ...))). */
static Wide wide_expm1(Wide y)
{
    enum { TERMS = 32 }; /* ln(2)^32 / 33! < 2^-139 */
    Wide one = wide_from_int(1);
    Wide sum = one;
    for (unsigned n = TERMS; n >= 2; n--) {
        sum = wide_add(one, wide_div_int(wide_mul(y, sum), n));
    }
    return wide_mul(y, sum);
}

/* log2((1 + z) / (1 - z)) = 2/ln 2 (z + z^3/3 + z^5/5 + ...) for |z| <= 0.172. */
static Wide wide_log2_ratio(Wide z)
{
    enum { TERMS = 26 }; /* 0.172^52 < 2^-131 */
    Wide square = wide_mul(z, z);
    Wide one = wide_from_int(1);
    Wide sum = {0};
    for (int n = TERMS; n >= 0; n--) {
        sum = wide_add(wide_div_int(one, 2 * (unsigned)n + 1), wide_mul(sum, square));
    }
    return wide_mul(wide_mul(z, sum), two_by_ln_2);
}

/* log2 of a positive number: its exponent and the logarithm of a significand near 1. */
static Wide wide_log2(Wide x)
{
    static const U128 sqrt_2 = WIDE_MANT(0xb504f333f9de6484, 0x597d89b3754abe9f);
    int exponent = x.exp;
    x.exp = 0;
    if (x.mant > sqrt_2) {
        x.exp = -1;
        exponent++;
    }
    Wide one = wide_from_int(1);
    Wide distance = wide_sub(x, one);
    if (!distance.mant) {
        return wide_from_int(exponent);
    }
    return wide_add(wide_from_int(exponent), wide_log2_ratio(wide_div(distance, wide_add(x, one))));
}

/* The manual leaves |x| > 1 undefined: infinities have their limits, other numbers stay. */
F80 soft_f2xm1(F80 x, FpEnv *env)
{
    FpNum n = f80_unpack(x), r;
    if (num_is_nan(n)) {
        return f80_pack(num_pass_nan(n, env), env);
    }
    if (fp_denormal_stops(n.denormal, env)) {
        return f80_pack(num_stopped(), env);
    }
    if (n.cls == NUM_ZERO || (n.cls == NUM_INF && !n.sign)) {
        return x;
    }
    if (n.cls == NUM_INF) {
        return i64_to_f80(-1);
    }
    fp_raise(env, FP_PE); /* exact results count as inexact, too */
    if (n.exp >= 0) {
        r = n;
        r.exp -= n.sign && n.exp == 0 && n.mant == MANT_TOP; /* 2^-1 - 1 */
    } else {
        r = wide_to_num(wide_expm1(wide_mul(wide_from_num(n), ln_2)), true);
    }
    return f80_pack(r, env);
}

/* A logarithm: its class and sign, and for NUM_FINITE its value. */
typedef struct Log {
    FpClass cls;
    bool sign, exact;
    Wide value;
} Log;

static Log log_of(Wide value, bool exact)
{
    return (Log){.cls = value.mant ? NUM_FINITE : NUM_ZERO,
                 .sign = value.sign,
                 .exact = exact,
                 .value = value};
}

static FpNum times_log(FpNum y, Log log, FpEnv *env)
{
    bool sign = y.sign ^ log.sign;
    bool zero = log.cls == NUM_ZERO || y.cls == NUM_ZERO;
    bool inf = log.cls == NUM_INF || y.cls == NUM_INF;
    if (zero && inf) {
        return num_invalid(env);
    }
    if (zero || inf) {
        return zero ? num_zero(sign) : num_inf(sign);
    }
    FpNum r = wide_to_num(wide_mul(wide_from_num(y), log.value), !log.exact);
    bool tiny_exact = r.rest == 0 && r.exp < fp_f80.emin;
    fp_raise(env, FP_PE | (tiny_exact ? FP_UE : 0)); /* exact results count as inexact, too */
    return r;
}

static FpNum num_fyl2x(FpNum x, FpNum y, FpEnv *env)
{
    if (num_is_nan(x) || num_is_nan(y)) {
        return num_pick_nan(x, y, NAN_X87, env);
    }
    if (x.sign && x.cls != NUM_ZERO) {
        return num_invalid(env);
    }
    if (x.cls == NUM_ZERO && y.cls == NUM_FINITE) {
        fp_raise(env, FP_ZE);
        return num_inf(!y.sign);
    }
    if (fp_denormal_stops(x.denormal || y.denormal, env)) {
        return num_stopped();
    }
    if (x.cls != NUM_FINITE) {
        return times_log(y, (Log){.cls = NUM_INF, .sign = x.cls == NUM_ZERO}, env);
    }
    return times_log(y, log_of(wide_log2(wide_from_num(x)), x.mant == MANT_TOP), env);
}

F80 soft_fyl2x(F80 x, F80 y, FpEnv *env)
{
    return f80_pack(num_fyl2x(f80_unpack(x), f80_unpack(y), env), env);
}

/* log2(1 + x): near zero by the series in x / (2 + x), which loses nothing to the sum. */
static Wide wide_log2p1(Wide x)
{
    Wide one = wide_from_int(1);
    if (x.exp < -2) {
        return wide_log2_ratio(wide_div(x, wide_add(x, wide_from_int(2))));
    }
    return wide_log2(wide_add(one, x));
}

/* The manual leaves x outside -1 + sqrt(1/2) .. sqrt(2) - 1 undefined: the logarithm is continued
 * to the right, and x <= -1 stays. */
static FpNum num_fyl2xp1(FpNum x, FpNum y, FpEnv *env)
{
    if (num_is_nan(x) || num_is_nan(y)) {
        return num_pick_nan(x, y, NAN_X87, env);
    }
    if (x.cls == NUM_INF && x.sign) {
        return num_invalid(env);
    }
    if (fp_denormal_stops(x.denormal || y.denormal, env)) {
        return num_stopped();
    }
    if (x.cls != NUM_FINITE) {
        return times_log(y, (Log){.cls = x.cls, .sign = x.sign}, env);
    }
    if (x.sign && x.exp >= 0) {
        bool limit = y.cls != NUM_FINITE;
        fp_raise(env, limit ? 0 : FP_PE);
        return limit ? times_log(y, (Log){.cls = NUM_FINITE, .sign = true}, env) : x;
    }
    return times_log(y, log_of(wide_log2p1(wide_from_num(x)), false), env);
}

F80 soft_fyl2xp1(F80 x, F80 y, FpEnv *env)
{
    return f80_pack(num_fyl2xp1(f80_unpack(x), f80_unpack(y), env), env);
}
