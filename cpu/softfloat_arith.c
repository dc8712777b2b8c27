/* softfloat_arith.c - add, subtract, multiply, divide, square root and fused multiply-add.
 *
 * Each operation exists once, on unpacked numbers; the formats differ in packing and NaN rule.
 * [SDM1] "Floating-Point Exceptions"; order of checks: "Exception Priority".
 */
#include "cpu/softfloat_priv.h"

/* --- on unpacked numbers --------------------------------------------------------------------- */

/* Sum of finite numbers, neither zero. The larger exponent keeps its place one bit below the top,
 * so that a carry fits; the smaller is shifted, its lost bits kept as one sticky bit. That is
 * exact enough: bits are only lost at distances where cancellation takes at most one place. */
FP_INLINE FpNum add_finite(FpNum a, FpNum b, FpRound round)
{
    if (a.exp < b.exp) {
        FpNum swap = a;
        a = b;
        b = swap;
    }
    U128 wide_a = ((U128)a.mant << 64 | a.rest) >> 1;
    U128 wide_b = shift_right_jam(((U128)b.mant << 64 | b.rest) >> 1, (unsigned)(a.exp - b.exp));
    if (a.sign == b.sign) {
        return num_normalise(a.sign, a.exp + 1, wide_a + wide_b);
    }
    if (wide_a == wide_b) {
        return num_zero(round == FP_ROUND_DOWN);
    }
    if (wide_a < wide_b) {
        return num_normalise(b.sign, a.exp + 1, wide_b - wide_a);
    }
    return num_normalise(a.sign, a.exp + 1, wide_a - wide_b);
}

FP_INLINE FpNum num_add(FpNum a, FpNum b, FpNanRule rule, FpEnv *env)
{
    if (__builtin_expect(a.cls != NUM_FINITE || b.cls != NUM_FINITE, 0)) {
        if (num_is_nan(a) || num_is_nan(b)) {
            return num_pick_nan(a, b, rule, env);
        }
        if (a.cls == NUM_INF && b.cls == NUM_INF && a.sign != b.sign) {
            return num_invalid(env);
        }
        if (fp_denormal_stops(a.denormal || b.denormal, env)) {
            return num_stopped();
        }
        if (a.cls == NUM_ZERO && b.cls == NUM_ZERO) {
            return num_zero(a.sign == b.sign ? a.sign : env->round == FP_ROUND_DOWN);
        }
        return a.cls == NUM_INF || b.cls == NUM_ZERO ? a : b;
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return num_stopped();
    }
    return add_finite(a, b, env->round);
}

FP_INLINE FpNum num_negate(FpNum n)
{
    n.sign ^= !num_is_nan(n);
    return n;
}

FP_INLINE FpNum mul_finite(FpNum a, FpNum b)
{
    U128 product = (U128)a.mant * b.mant;
    bool carry = product >> 127;
    product <<= !carry;
    return (FpNum){.cls = NUM_FINITE,
                   .sign = a.sign ^ b.sign,
                   .exp = a.exp + b.exp + carry,
                   .mant = (uint64_t)(product >> 64),
                   .rest = (uint64_t)product};
}

FP_INLINE FpNum num_mul(FpNum a, FpNum b, FpNanRule rule, FpEnv *env)
{
    if (__builtin_expect(a.cls != NUM_FINITE || b.cls != NUM_FINITE, 0)) {
        if (num_is_nan(a) || num_is_nan(b)) {
            return num_pick_nan(a, b, rule, env);
        }
        bool inf = a.cls == NUM_INF || b.cls == NUM_INF;
        if (inf && (a.cls == NUM_ZERO || b.cls == NUM_ZERO)) {
            return num_invalid(env);
        }
        fp_denormal_stops(a.denormal || b.denormal, env);
        return inf ? num_inf(a.sign ^ b.sign) : num_zero(a.sign ^ b.sign);
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return num_stopped();
    }
    return mul_finite(a, b);
}

/* 64 quotient bits; rest says how the remainder compares with half the divisor. */
FP_INLINE FpNum div_finite(FpNum a, FpNum b)
{
    bool borrow = a.mant < b.mant;
    U128 dividend = (U128)a.mant << (63 + borrow);
    uint64_t quotient = (uint64_t)(dividend / b.mant);
    uint64_t remainder = (uint64_t)dividend - quotient * b.mant;
    uint64_t complement = b.mant - remainder;
    uint64_t rest = remainder > complement ? MANT_TOP | 1 : remainder == complement ? MANT_TOP : 1;
    return (FpNum){.cls = NUM_FINITE,
                   .sign = a.sign ^ b.sign,
                   .exp = a.exp - b.exp - borrow,
                   .mant = quotient,
                   .rest = remainder ? rest : 0};
}

FP_INLINE FpNum num_div(FpNum a, FpNum b, FpNanRule rule, FpEnv *env)
{
    bool sign = a.sign ^ b.sign;
    if (__builtin_expect(a.cls != NUM_FINITE || b.cls != NUM_FINITE, 0)) {
        if (num_is_nan(a) || num_is_nan(b)) {
            return num_pick_nan(a, b, rule, env);
        }
        if (a.cls == b.cls) {
            return num_invalid(env); /* both zero, both infinite: one finite is excluded above */
        }
        if (b.cls == NUM_ZERO && a.cls == NUM_FINITE) {
            fp_raise(env, FP_ZE);
            return num_inf(sign);
        }
        fp_denormal_stops(a.denormal || b.denormal, env);
        return a.cls == NUM_INF || b.cls == NUM_ZERO ? num_inf(sign) : num_zero(sign);
    }
    if (fp_denormal_stops(a.denormal || b.denormal, env)) {
        return num_stopped();
    }
    return div_finite(a, b);
}

/* Floor of the square root of 64 bits, digit by digit. */
static uint32_t isqrt64(uint64_t v)
{
    uint64_t root = 0, bit = 1ull << 62;
    for (; bit; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint32_t)root;
}

/* Floor of the square root of hi:lo, hi >= 2^62: the root of the high half, then 32 more bits by a
 * division by twice that root (P. Zimmermann, "Karatsuba Square Root"). */
static uint64_t isqrt128(uint64_t hi, uint64_t lo, bool *exact, bool *above_half)
{
    uint64_t high_root = isqrt64(hi);
    uint64_t high_rest = hi - high_root * high_root;
    U128 dividend = (U128)high_rest << 32 | lo >> 32;
    uint64_t digit = (uint64_t)(dividend / (2 * high_root));
    U128 remainder = dividend - (U128)digit * (2 * high_root);
    I128 rest = (I128)(remainder << 32 | (uint32_t)lo);
    rest -= (I128)((U128)digit * digit);
    U128 root = ((U128)high_root << 32) + digit;
    if (rest < 0) {
        rest += (I128)(2 * root - 1);
        root--;
    }
    *exact = rest == 0;
    *above_half = rest > (I128)root; /* (root + 1/2)^2 = root^2 + root + 1/4 */
    return (uint64_t)root;
}

FP_INLINE FpNum num_sqrt(FpNum a, FpEnv *env)
{
    if (num_is_nan(a)) {
        return num_pass_nan(a, env);
    }
    if (a.cls == NUM_ZERO) {
        return a;
    }
    if (a.sign) {
        return num_invalid(env);
    }
    if (fp_denormal_stops(a.denormal, env)) {
        return num_stopped();
    }
    if (a.cls == NUM_INF) {
        return a;
    }
    bool odd = a.exp & 1, exact, above_half;
    uint64_t hi = odd ? a.mant : a.mant >> 1;
    uint64_t lo = odd ? 0 : a.mant << 63;
    FpNum r = {.cls = NUM_FINITE, .exp = (a.exp - odd) / 2};
    r.mant = isqrt128(hi, lo, &exact, &above_half);
    r.rest = exact ? 0 : above_half ? MANT_TOP | 1 : 1;
    return r;
}

/* NaNs of a fused multiply-add: the first of a, b, c that is one. */
static FpNum fma_nan(FpNum a, FpNum b, FpNum c, FpEnv *env)
{
    if (a.cls == NUM_SNAN || b.cls == NUM_SNAN || c.cls == NUM_SNAN) {
        fp_raise(env, FP_IE);
    }
    return num_quiet(num_is_nan(a) ? a : num_is_nan(b) ? b : c);
}

/* The product of two significands of at most 53 bits has low zeros enough for add_finite. */
FP_INLINE FpNum num_fma(FpNum a, FpNum b, FpNum c, FpFmaSign sign, FpEnv *env)
{
    if (num_is_nan(a) || num_is_nan(b) || num_is_nan(c)) {
        return fma_nan(a, b, c, env);
    }
    a.sign ^= (sign & FP_FMA_NEGATE_PRODUCT) != 0;
    c.sign ^= (sign & FP_FMA_NEGATE_C) != 0;
    bool product_sign = a.sign ^ b.sign;
    bool product_inf = a.cls == NUM_INF || b.cls == NUM_INF;
    bool product_zero = a.cls == NUM_ZERO || b.cls == NUM_ZERO;
    if (product_inf && (product_zero || (c.cls == NUM_INF && c.sign != product_sign))) {
        return num_invalid(env);
    }
    if (fp_denormal_stops(a.denormal || b.denormal || c.denormal, env)) {
        return num_stopped();
    }
    if (product_inf) {
        return num_inf(product_sign);
    }
    if (c.cls == NUM_INF) {
        return c;
    }
    if (product_zero) {
        bool zero_sign = c.sign == product_sign ? c.sign : env->round == FP_ROUND_DOWN;
        return c.cls == NUM_ZERO ? num_zero(zero_sign) : c;
    }
    FpNum product = mul_finite(a, b);
    return c.cls == NUM_ZERO ? product : add_finite(product, c, env->round);
}

/* --- binary32 -------------------------------------------------------------------------------- */

FP_INLINE FpNum f32_operand(uint32_t v, const FpEnv *env)
{
    return fp_unpack_sse(v, &fp_f32, env);
}

FP_INLINE uint32_t f32_result(FpNum n, FpEnv *env)
{
    return (uint32_t)fp_pack(n, &fp_f32, env);
}

uint32_t f32_add(uint32_t a, uint32_t b, FpEnv *env)
{
    return f32_result(num_add(f32_operand(a, env), f32_operand(b, env), NAN_SSE, env), env);
}

uint32_t f32_sub(uint32_t a, uint32_t b, FpEnv *env)
{
    FpNum minus_b = num_negate(f32_operand(b, env));
    return f32_result(num_add(f32_operand(a, env), minus_b, NAN_SSE, env), env);
}

uint32_t f32_mul(uint32_t a, uint32_t b, FpEnv *env)
{
    return f32_result(num_mul(f32_operand(a, env), f32_operand(b, env), NAN_SSE, env), env);
}

uint32_t f32_div(uint32_t a, uint32_t b, FpEnv *env)
{
    return f32_result(num_div(f32_operand(a, env), f32_operand(b, env), NAN_SSE, env), env);
}

uint32_t f32_sqrt(uint32_t a, FpEnv *env)
{
    return f32_result(num_sqrt(f32_operand(a, env), env), env);
}

uint32_t f32_fma(uint32_t a, uint32_t b, uint32_t c, FpFmaSign sign, FpEnv *env)
{
    FpNum r = num_fma(f32_operand(a, env), f32_operand(b, env), f32_operand(c, env), sign, env);
    return f32_result(r, env);
}

/* --- binary64 -------------------------------------------------------------------------------- */

FP_INLINE FpNum f64_operand(uint64_t v, const FpEnv *env)
{
    return fp_unpack_sse(v, &fp_f64, env);
}

FP_INLINE uint64_t f64_result(FpNum n, FpEnv *env)
{
    return fp_pack(n, &fp_f64, env);
}

uint64_t f64_add(uint64_t a, uint64_t b, FpEnv *env)
{
    return f64_result(num_add(f64_operand(a, env), f64_operand(b, env), NAN_SSE, env), env);
}

uint64_t f64_sub(uint64_t a, uint64_t b, FpEnv *env)
{
    FpNum minus_b = num_negate(f64_operand(b, env));
    return f64_result(num_add(f64_operand(a, env), minus_b, NAN_SSE, env), env);
}

uint64_t f64_mul(uint64_t a, uint64_t b, FpEnv *env)
{
    return f64_result(num_mul(f64_operand(a, env), f64_operand(b, env), NAN_SSE, env), env);
}

uint64_t f64_div(uint64_t a, uint64_t b, FpEnv *env)
{
    return f64_result(num_div(f64_operand(a, env), f64_operand(b, env), NAN_SSE, env), env);
}

uint64_t f64_sqrt(uint64_t a, FpEnv *env)
{
    return f64_result(num_sqrt(f64_operand(a, env), env), env);
}

uint64_t f64_fma(uint64_t a, uint64_t b, uint64_t c, FpFmaSign sign, FpEnv *env)
{
    FpNum r = num_fma(f64_operand(a, env), f64_operand(b, env), f64_operand(c, env), sign, env);
    return f64_result(r, env);
}

/* --- 80-bit extended ------------------------------------------------------------------------- */

/* Everything inline: unpacked numbers that go through memory cost more than the arithmetic. The x87
 * rule for NaNs is symmetric, so the R forms may exchange their operands. */
FP_INLINE F80 x87_arith(F80Arith op, FpNum a, FpNum b, FpEnv *env)
{
    if (op == F80_SUBR || op == F80_DIVR) {
        FpNum swap = a;
        a = b;
        b = swap;
    }
    if (op == F80_MUL) {
        return f80_pack_precision(num_mul(a, b, NAN_X87, env), env);
    }
    if (op == F80_DIV || op == F80_DIVR) {
        return f80_pack_precision(num_div(a, b, NAN_X87, env), env);
    }
    b = op == F80_ADD ? b : num_negate(b);
    return f80_pack_precision(num_add(a, b, NAN_X87, env), env);
}

F80 soft_arith(F80Arith op, F80 a, F80 b, FpEnv *env)
{
    return x87_arith(op, f80_unpack(a), f80_unpack(b), env);
}

F80 soft_arith_f32(F80Arith op, F80 a, uint32_t b, FpEnv *env)
{
    return x87_arith(op, f80_unpack(a), fp_unpack(b, &fp_f32), env);
}

F80 soft_arith_f64(F80Arith op, F80 a, uint64_t b, FpEnv *env)
{
    return x87_arith(op, f80_unpack(a), fp_unpack(b, &fp_f64), env);
}

F80 soft_sqrt(F80 a, FpEnv *env)
{
    return f80_pack_precision(num_sqrt(f80_unpack(a), env), env);
}
