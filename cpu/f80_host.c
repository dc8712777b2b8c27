/* f80_host.c - the x87 operations on the host's own x87.
 *
 * Each operation loads the guest's rounding and precision control, runs one instruction, and reads
 * the status word. Invalid, denormal and zero-divide stay masked, so that every instruction
 * completes and leaves the register stack as expected; overflow and underflow have the guest's
 * masks, because they change the result. The control word is 0x37f outside, as the ABI wants it.
 */
#include "cpu/softfloat.h"

#if defined(__x86_64__)

enum {
    CW_RC_SHIFT = 10,
    CW_PC_SHIFT = 8,
    SW_C0 = 1 << 8,
    SW_C1 = 1 << 9,
    SW_C2 = 1 << 10,
    SW_C3 = 1 << 14,
};

static const uint16_t abi_control_word = 0x37f;

static uint16_t control_word(const FpEnv *env, FpRound round)
{
    unsigned precision = env->precision == FP_PRECISION_RESERVED ? FP_PRECISION_64 : env->precision;
    return (uint16_t)(env->masked | FP_IE | FP_DE | FP_ZE | FP_PE | precision << CW_PC_SHIFT |
                      round << CW_RC_SHIFT);
}

/* An unmasked exception of the operands hides what the masked instruction went on to raise. */
static void collect(FpEnv *env, uint16_t sw)
{
    uint8_t flags = sw & FP_ALL;
    if (flags & ~env->masked & FP_PRE_COMPUTATION) {
        flags &= FP_PRE_COMPUTATION;
    }
    env->flags |= flags;
    env->c1 = sw & SW_C1;
}

#define X87_CLOBBERS "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "memory"

/* Runs load, op, then store with the guest's control word; sw is the status after op. */
#define X87_RUN(round, load, op, store, ...)                                  \
    uint16_t cw = control_word(env, round), sw;                               \
    __asm__ volatile("fldcw %[cw]\n\t" load "\n\t" op "\n\t"                  \
                     "fnstsw %[sw]\n\tfnclex\n\t" store "\n\t"                \
                     "fldcw %[abi]"                                           \
                     : [sw] "=m"(sw), [r] "+m"(r)                             \
                     : [cw] "m"(cw), [abi] "m"(abi_control_word), __VA_ARGS__ \
                     : X87_CLOBBERS)

#define LOAD_AB   "fldt %[b]\n\tfldt %[a]"
#define STORE_POP "fstpt %[r]\n\tfstp %%st(0)"

#define HOST_AB(name, op, store)                                         \
    static F80 name(F80 a, F80 b, FpEnv *env)                            \
    {                                                                    \
        F80 r = {0};                                                     \
        X87_RUN(env->round, LOAD_AB, op, store, [a] "m"(a), [b] "m"(b)); \
        collect(env, sw);                                                \
        return r;                                                        \
    }

HOST_AB(host_add, "fadd %%st(1), %%st", STORE_POP)
HOST_AB(host_mul, "fmul %%st(1), %%st", STORE_POP)
/* spelled st(0) op st(1) in the manual's operand order, which the assembler keeps for st(0) */
HOST_AB(host_sub, "fsub %%st(1), %%st", STORE_POP)
HOST_AB(host_div, "fdiv %%st(1), %%st", STORE_POP)
HOST_AB(host_scale, "fscale", STORE_POP)
HOST_AB(host_fyl2x, "fyl2x", "fstpt %[r]") /* a = x = ST(0), b = y = ST(1) */
HOST_AB(host_fyl2xp1, "fyl2xp1", "fstpt %[r]")
HOST_AB(host_fpatan, "fpatan", "fstpt %[r]")

static F80 host_arith(F80Arith op, F80 a, F80 b, FpEnv *env)
{
    switch (op) {
    case F80_ADD:
        return host_add(a, b, env);
    case F80_MUL:
        return host_mul(a, b, env);
    case F80_SUB:
        return host_sub(a, b, env);
    case F80_SUBR:
        return host_sub(b, a, env);
    case F80_DIV:
        return host_div(a, b, env);
    case F80_DIVR:
        return host_div(b, a, env);
    }
    return a;
}

#define HOST_MEMORY(name, type, op)                                                         \
    static F80 name(F80 a, type b, FpEnv *env)                                              \
    {                                                                                       \
        F80 r = {0};                                                                        \
        X87_RUN(env->round, "fldt %[a]", op " %[b]", "fstpt %[r]", [a] "m"(a), [b] "m"(b)); \
        collect(env, sw);                                                                   \
        return r;                                                                           \
    }

HOST_MEMORY(host_add_f32, uint32_t, "fadds")
HOST_MEMORY(host_mul_f32, uint32_t, "fmuls")
HOST_MEMORY(host_sub_f32, uint32_t, "fsubs")
HOST_MEMORY(host_subr_f32, uint32_t, "fsubrs")
HOST_MEMORY(host_div_f32, uint32_t, "fdivs")
HOST_MEMORY(host_divr_f32, uint32_t, "fdivrs")
HOST_MEMORY(host_add_f64, uint64_t, "faddl")
HOST_MEMORY(host_mul_f64, uint64_t, "fmull")
HOST_MEMORY(host_sub_f64, uint64_t, "fsubl")
HOST_MEMORY(host_subr_f64, uint64_t, "fsubrl")
HOST_MEMORY(host_div_f64, uint64_t, "fdivl")
HOST_MEMORY(host_divr_f64, uint64_t, "fdivrl")

static F80 host_arith_f32(F80Arith op, F80 a, uint32_t b, FpEnv *env)
{
    static F80 (*const by_op[8])(F80, uint32_t, FpEnv *) = {
        [F80_ADD] = host_add_f32,   [F80_MUL] = host_mul_f32, [F80_SUB] = host_sub_f32,
        [F80_SUBR] = host_subr_f32, [F80_DIV] = host_div_f32, [F80_DIVR] = host_divr_f32,
    };
    return by_op[op](a, b, env);
}

static F80 host_arith_f64(F80Arith op, F80 a, uint64_t b, FpEnv *env)
{
    static F80 (*const by_op[8])(F80, uint64_t, FpEnv *) = {
        [F80_ADD] = host_add_f64,   [F80_MUL] = host_mul_f64, [F80_SUB] = host_sub_f64,
        [F80_SUBR] = host_subr_f64, [F80_DIV] = host_div_f64, [F80_DIVR] = host_divr_f64,
    };
    return by_op[op](a, b, env);
}

/* --- comparison ------------------------------------------------------------------------------ */

static FpOrder order_of(uint16_t sw)
{
    if (sw & SW_C2) {
        return FP_UNORDERED;
    }
    return sw & SW_C3 ? FP_EQUAL : sw & SW_C0 ? FP_LESS : FP_GREATER;
}

#define HOST_COMPARE(name, type, load, op)                                     \
    static FpOrder name(F80 a, type b, FpEnv *env)                             \
    {                                                                          \
        F80 r = {0};                                                           \
        X87_RUN(env->round, load, op, "fstp %%st(0)", [a] "m"(a), [b] "m"(b)); \
        collect(env, sw);                                                      \
        return order_of(sw);                                                   \
    }

HOST_COMPARE(host_fucom, F80, LOAD_AB, "fucomp %%st(1)")
HOST_COMPARE(host_fcom, F80, LOAD_AB, "fcomp %%st(1)")
HOST_COMPARE(host_compare_f32, uint32_t, "fldt %[a]", "fcoms %[b]")
HOST_COMPARE(host_compare_f64, uint64_t, "fldt %[a]", "fcoml %[b]")

static FpOrder host_compare(F80 a, F80 b, FpNanSignal signal, FpEnv *env)
{
    return signal == FP_SIGNALING ? host_fcom(a, b, env) : host_fucom(a, b, env);
}

/* --- one operand ----------------------------------------------------------------------------- */

#define HOST_A(name, op)                                                \
    static F80 name(F80 a, FpEnv *env)                                  \
    {                                                                   \
        F80 r = {0};                                                    \
        X87_RUN(env->round, "fldt %[a]", op, "fstpt %[r]", [a] "m"(a)); \
        collect(env, sw);                                               \
        return r;                                                       \
    }

HOST_A(host_sqrt, "fsqrt")
HOST_A(host_round_int, "frndint")
HOST_A(host_f2xm1, "f2xm1")
HOST_A(host_sin, "fsin")
HOST_A(host_cos, "fcos")

/* Two results; the instruction pushes the second. */
#define HOST_A_PAIR(name, op)                                                            \
    static F80Pair name(F80 a, FpEnv *env)                                               \
    {                                                                                    \
        F80 r[2] = {{0}};                                                                \
        X87_RUN(env->round, "fldt %[a]", op, "fstpt 16+%[r]\n\tfstpt %[r]", [a] "m"(a)); \
        collect(env, sw);                                                                \
        return (F80Pair){.first = r[0], .second = r[1]};                                 \
    }

HOST_A_PAIR(host_extract, "fxtract")
HOST_A_PAIR(host_tan, "fptan")
HOST_A_PAIR(host_sincos, "fsincos")

/* The four trigonometric instructions leave |x| >= 2^63 alone; then nothing is pushed. */
static bool out_of_range(F80 x)
{
    unsigned exponent = x.se & 0x7fff;
    return exponent >= 0x3fff + 63 && exponent != 0x7fff && x.mant >> 63;
}

static F80Pair untouched(F80 x, FpEnv *env)
{
    env->c1 = false;
    return (F80Pair){.first = x, .out_of_range = true};
}

static F80Pair host_fsin(F80 x, FpEnv *env)
{
    return out_of_range(x) ? untouched(x, env) : (F80Pair){.first = host_sin(x, env)};
}

static F80Pair host_fcos(F80 x, FpEnv *env)
{
    return out_of_range(x) ? untouched(x, env) : (F80Pair){.first = host_cos(x, env)};
}

static F80Pair host_fptan(F80 x, FpEnv *env)
{
    return out_of_range(x) ? untouched(x, env) : host_tan(x, env);
}

static F80Pair host_fsincos(F80 x, FpEnv *env)
{
    return out_of_range(x) ? untouched(x, env) : host_sincos(x, env);
}

/* --- partial remainder ----------------------------------------------------------------------- */

#define HOST_REM(name, op)                                                   \
    static F80 name(F80 a, F80 b, FpEnv *env, uint16_t *status)              \
    {                                                                        \
        F80 r = {0};                                                         \
        X87_RUN(env->round, LOAD_AB, op, STORE_POP, [a] "m"(a), [b] "m"(b)); \
        collect(env, sw);                                                    \
        *status = sw;                                                        \
        return r;                                                            \
    }

HOST_REM(host_fprem, "fprem")
HOST_REM(host_fprem1, "fprem1")

static F80Rem host_rem(F80 a, F80 b, F80RemKind kind, FpEnv *env)
{
    uint16_t sw;
    F80 value = kind == F80_REM_NEAREST ? host_fprem1(a, b, env, &sw) : host_fprem(a, b, env, &sw);
    if (f80_is_nan(value)) { /* then the condition bits are left over from before */
        return (F80Rem){.value = value};
    }
    unsigned quotient = (sw & SW_C0 ? 4 : 0) | (sw & SW_C3 ? 2 : 0) | (sw & SW_C1 ? 1 : 0);
    return (F80Rem){.value = value, .quotient = (uint8_t)quotient, .partial = sw & SW_C2};
}

/* --- conversions ----------------------------------------------------------------------------- */

#define HOST_LOAD(name, type, op)                                      \
    static F80 name(type a, FpEnv *env)                                \
    {                                                                  \
        F80 r = {0};                                                   \
        X87_RUN(env->round, "", op " %[a]", "fstpt %[r]", [a] "m"(a)); \
        collect(env, sw);                                              \
        return r;                                                      \
    }

HOST_LOAD(host_from_f32, uint32_t, "flds")
HOST_LOAD(host_from_f64, uint64_t, "fldl")

/* The store itself is the instruction under test; fst and fist keep the operand for the pop. */
#define HOST_STORE(name, type, op)                                           \
    static type name##_rounded(F80 a, FpRound round, FpEnv *env)             \
    {                                                                        \
        type r = 0;                                                          \
        X87_RUN(round, "fldt %[a]", op " %[r]", "fstp %%st(0)", [a] "m"(a)); \
        collect(env, sw);                                                    \
        return r;                                                            \
    }

HOST_STORE(host_to_f32, uint32_t, "fsts")
HOST_STORE(host_to_f64, uint64_t, "fstl")
HOST_STORE(host_to_i16, int16_t, "fists")
HOST_STORE(host_to_i32, int32_t, "fistl")

static uint32_t host_to_f32(F80 a, FpEnv *env)
{
    return host_to_f32_rounded(a, env->round, env);
}

static uint64_t host_to_f64(F80 a, FpEnv *env)
{
    return host_to_f64_rounded(a, env->round, env);
}

/* Only the popping form stores 64 bits. */
static int64_t host_to_i64(F80 a, FpRound round, FpEnv *env)
{
    int64_t r = 0;
    X87_RUN(round, "fldt %[a]", "fistpll %[r]", "", [a] "m"(a));
    collect(env, sw);
    return r;
}

static F80 host_to_bcd(F80 a, FpEnv *env)
{
    F80 r = {0};
    X87_RUN(env->round, "fldt %[a]", "fbstp %[r]", "", [a] "m"(a));
    collect(env, sw);
    return r;
}

const F80Ops f80_host = {
    .name = "host",
    .arith = host_arith,
    .arith_f32 = host_arith_f32,
    .arith_f64 = host_arith_f64,
    .compare = host_compare,
    .compare_f32 = host_compare_f32,
    .compare_f64 = host_compare_f64,
    .sqrt = host_sqrt,
    .round_int = host_round_int,
    .scale = host_scale,
    .extract = host_extract,
    .rem = host_rem,
    .from_f32 = host_from_f32,
    .from_f64 = host_from_f64,
    .to_f32 = host_to_f32,
    .to_f64 = host_to_f64,
    .to_i16 = host_to_i16_rounded,
    .to_i32 = host_to_i32_rounded,
    .to_i64 = host_to_i64,
    .to_bcd = host_to_bcd,
    .f2xm1 = host_f2xm1,
    .fyl2x = host_fyl2x,
    .fyl2xp1 = host_fyl2xp1,
    .fpatan = host_fpatan,
    .fptan = host_fptan,
    .fsin = host_fsin,
    .fcos = host_fcos,
    .fsincos = host_fsincos,
};

#endif
