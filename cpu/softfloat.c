/* softfloat.c - the rare ends of rounding, and the choice among NaNs.
 *
 * [SDM1] "Floating-Point Exceptions and Exception Handling", "Operating on SNaNs and QNaNs".
 */
#include "cpu/softfloat_priv.h"

/* [SDM1] "Numeric Overflow Exception": masked, infinity or the largest finite number, whichever
 * the rounding mode points at; unmasked, the result with its exponent brought back into range. */
FpFields fp_fields_overflow(FpNum n, FpCut cut, const FpFormat *f, int prec, FpEnv *env)
{
    fp_raise(env, FP_OE);
    if (!(env->masked & FP_OE)) {
        env->c1 = cut.up;
        if (cut.inexact) {
            fp_raise(env, FP_PE);
        }
        return (FpFields){
            .sign = n.sign, .mant = cut.kept, .exp_field = n.exp - f->bias_adjust + f->emax};
    }
    fp_raise(env, FP_PE);
    env->c1 = fp_rounds_up(MANT_TOP | 1, false, n.sign, env->round);
    if (env->c1) {
        return (FpFields){.sign = n.sign, .mant = MANT_TOP, .exp_field = 2 * f->emax + 1};
    }
    return (FpFields){.sign = n.sign, .mant = -(1ull << (64 - prec)), .exp_field = 2 * f->emax};
}

/* x86 detects tininess after rounding: as if the exponent range were unbounded. */
static bool is_tiny(FpNum n, FpCut unbounded, const FpFormat *f)
{
    return n.exp < f->emin - 1 || unbounded.kept != 0;
}

static FpFields unmasked_underflow(FpNum n, FpCut cut, const FpFormat *f, FpEnv *env)
{
    fp_raise(env, FP_UE | (cut.inexact ? FP_PE : 0));
    env->c1 = cut.up;
    if (!cut.kept) {
        cut.kept = MANT_TOP;
        n.exp++;
    }
    return (FpFields){
        .sign = n.sign, .mant = cut.kept, .exp_field = n.exp + f->bias_adjust + f->emax};
}

/* [SDM1] "Numeric Underflow Exception": a number below the normal range. */
FpFields fp_fields_tiny(FpNum n, const FpFormat *f, int prec, FpEnv *env)
{
    FpCut unbounded = fp_cut(n.mant, n.rest, prec, n.sign, env->round);
    bool tiny = is_tiny(n, unbounded, f);
    if (tiny && !(env->masked & FP_UE)) {
        return unmasked_underflow(n, unbounded, f, env);
    }
    if (tiny && env->ftz) {
        fp_raise(env, FP_UE | FP_PE);
        env->c1 = false;
        return (FpFields){.sign = n.sign};
    }
    U128 bits = shift_right_jam((U128)n.mant << 64 | n.rest, (unsigned)(f->emin - n.exp));
    FpCut cut = fp_cut((uint64_t)(bits >> 64), (uint64_t)bits, prec, n.sign, env->round);
    if (cut.inexact) {
        fp_raise(env, FP_PE | (tiny ? FP_UE : 0));
    }
    env->c1 = cut.up;
    return (FpFields){.sign = n.sign, .mant = cut.kept, .exp_field = cut.kept >> 63};
}

F80 f80_pack_shorter(FpNum n, FpEnv *env)
{
    int bits = env->precision == FP_PRECISION_24 ? 24 : 53;
    return f80_from_fields(fp_fields_any(n, &fp_f80, bits, env));
}

FpNum num_pass_nan(FpNum a, FpEnv *env)
{
    if (a.cls == NUM_UNSUPPORTED) {
        return num_invalid(env);
    }
    if (a.cls == NUM_SNAN) {
        fp_raise(env, FP_IE);
    }
    return num_quiet(a);
}

/* x87, two NaNs: a quiet one before a signaling one, then the larger significand, then plus. */
static FpNum larger_nan(FpNum a, FpNum b)
{
    if (a.cls != b.cls) {
        return a.cls == NUM_QNAN ? a : b;
    }
    if (a.mant != b.mant) {
        return a.mant > b.mant ? a : b;
    }
    return a.sign ? b : a;
}

FpNum num_pick_nan(FpNum a, FpNum b, FpNanRule rule, FpEnv *env)
{
    if (a.cls == NUM_UNSUPPORTED || b.cls == NUM_UNSUPPORTED) {
        return num_invalid(env);
    }
    if (a.cls == NUM_SNAN || b.cls == NUM_SNAN) {
        fp_raise(env, FP_IE);
    }
    if (rule == NAN_X87 && num_is_nan(a) && num_is_nan(b)) {
        return num_quiet(larger_nan(a, b));
    }
    return num_quiet(num_is_nan(a) ? a : b);
}
