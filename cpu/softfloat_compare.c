/* softfloat_compare.c - ordered comparison, minimum and maximum.
 *
 * [SDM2] COMISD, UCOMISD, CMPPD, MINSD, MAXSD, FCOM, FUCOM.
 */
#include "cpu/softfloat_priv.h"

/* Order of two numbers that are no NaNs, by sign, then magnitude. */
FP_INLINE FpOrder num_order(FpNum a, FpNum b)
{
    if (a.cls == NUM_ZERO && b.cls == NUM_ZERO) {
        return FP_EQUAL;
    }
    if (a.cls == NUM_ZERO || b.cls == NUM_ZERO || a.sign != b.sign) {
        bool less = a.cls == NUM_ZERO ? !b.sign : a.sign;
        return less ? FP_LESS : FP_GREATER;
    }
    FpOrder larger = a.sign ? FP_LESS : FP_GREATER;
    FpOrder smaller = a.sign ? FP_GREATER : FP_LESS;
    if (a.cls != b.cls) {
        return a.cls == NUM_INF ? larger : smaller;
    }
    if (a.exp != b.exp) {
        return a.exp > b.exp ? larger : smaller;
    }
    return a.mant > b.mant ? larger : a.mant < b.mant ? smaller : FP_EQUAL;
}

FP_INLINE FpOrder num_compare(FpNum a, FpNum b, FpNanSignal signal, FpEnv *env)
{
    if (num_is_nan(a) || num_is_nan(b)) {
        if (signal == FP_SIGNALING || a.cls > NUM_QNAN || b.cls > NUM_QNAN) {
            fp_raise(env, FP_IE);
        }
        return FP_UNORDERED;
    }
    fp_denormal_stops(a.denormal || b.denormal, env);
    return num_order(a, b);
}

FpOrder f32_compare(uint32_t a, uint32_t b, FpNanSignal signal, FpEnv *env)
{
    FpNum x = fp_unpack_sse(a, &fp_f32, env);
    return num_compare(x, fp_unpack_sse(b, &fp_f32, env), signal, env);
}

FpOrder f64_compare(uint64_t a, uint64_t b, FpNanSignal signal, FpEnv *env)
{
    FpNum x = fp_unpack_sse(a, &fp_f64, env);
    return num_compare(x, fp_unpack_sse(b, &fp_f64, env), signal, env);
}

/* The operand chosen by MIN and MAX is delivered as it is, but for DAZ. */
FP_INLINE uint64_t after_daz(uint64_t v, const FpFormat *f, const FpEnv *env)
{
    FpNum n = fp_unpack(v, f);
    return n.denormal && env->daz ? (uint64_t)n.sign << (f->exp_bits + f->frac_bits) : v;
}

FP_INLINE uint64_t fp_extreme(uint64_t a, uint64_t b, FpOrder wanted, const FpFormat *f, FpEnv *env)
{
    FpNum x = fp_unpack_sse(a, f, env);
    FpNum y = fp_unpack_sse(b, f, env);
    FpOrder order = num_compare(x, y, FP_SIGNALING, env);
    return after_daz(order == wanted ? a : b, f, env);
}

uint32_t f32_min(uint32_t a, uint32_t b, FpEnv *env)
{
    return (uint32_t)fp_extreme(a, b, FP_LESS, &fp_f32, env);
}

uint32_t f32_max(uint32_t a, uint32_t b, FpEnv *env)
{
    return (uint32_t)fp_extreme(a, b, FP_GREATER, &fp_f32, env);
}

uint64_t f64_min(uint64_t a, uint64_t b, FpEnv *env)
{
    return fp_extreme(a, b, FP_LESS, &fp_f64, env);
}

uint64_t f64_max(uint64_t a, uint64_t b, FpEnv *env)
{
    return fp_extreme(a, b, FP_GREATER, &fp_f64, env);
}

/* The x87 comparisons clear C1. */
static FpOrder x87_compare(FpNum a, FpNum b, FpNanSignal signal, FpEnv *env)
{
    env->c1 = false;
    return num_compare(a, b, signal, env);
}

FpOrder soft_compare(F80 a, F80 b, FpNanSignal signal, FpEnv *env)
{
    return x87_compare(f80_unpack(a), f80_unpack(b), signal, env);
}

FpOrder soft_compare_f32(F80 a, uint32_t b, FpEnv *env)
{
    return x87_compare(f80_unpack(a), fp_unpack(b, &fp_f32), FP_SIGNALING, env);
}

FpOrder soft_compare_f64(F80 a, uint64_t b, FpEnv *env)
{
    return x87_compare(f80_unpack(a), fp_unpack(b, &fp_f64), FP_SIGNALING, env);
}
