/* test_softfloat.c - binary16, 32 and 64 against the host's SSE, value and flags, bit for bit.
 *
 * Every rounding mode, DAZ and FTZ. Unmasked exceptions trap on the host: the flags are then those
 * of MXCSR in the signal frame. Elsewhere than on x86-64 the table of known answers remains.
 */
#include <glib.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include "tests/float/operands.h"

/* --- known answers --------------------------------------------------------------------------- */

#define F64_ONE         0x3ff0000000000000
#define F64_MIN_NORMAL  0x0010000000000000
#define F64_MAX         0x7fefffffffffffff
#define F64_INF         0x7ff0000000000000
#define F64_DEFAULT_NAN 0xfff8000000000000

typedef struct Known {
    const char *what;
    uint64_t (*op)(uint64_t, uint64_t, FpEnv *);
    uint64_t a, b;
    FpEnv env;
    uint64_t result;
    uint8_t flags;
} Known;

/* clang-format off */
static const Known known[] = {
    { "1/3", f64_div, F64_ONE, 0x4008000000000000, { .masked = FP_ALL }, 0x3fd5555555555555, FP_PE },
    { "1/3 up", f64_div, F64_ONE, 0x4008000000000000, { .masked = FP_ALL, .round = FP_ROUND_UP },
      0x3fd5555555555556, FP_PE },
    { "max + max", f64_add, F64_MAX, F64_MAX, { .masked = FP_ALL }, F64_INF, FP_OE | FP_PE },
    { "max + max down", f64_add, F64_MAX, F64_MAX, { .masked = FP_ALL, .round = FP_ROUND_DOWN },
      F64_MAX, FP_OE | FP_PE },
    { "exact denormal", f64_mul, F64_MIN_NORMAL, 0x3fe0000000000000, { .masked = FP_ALL },
      0x0008000000000000, 0 },
    { "exact denormal, FTZ", f64_mul, F64_MIN_NORMAL, 0x3fe0000000000000,
      { .masked = FP_ALL, .ftz = true }, 0, FP_UE | FP_PE },
    { "denormal operand", f64_add, 1, 1, { .masked = FP_ALL }, 2, FP_DE },
    { "denormal operand, DAZ", f64_add, 1, 1, { .masked = FP_ALL, .daz = true }, 0, 0 },
    { "inf - inf", f64_sub, F64_INF, F64_INF, { .masked = FP_ALL }, F64_DEFAULT_NAN, FP_IE },
    { "first NaN", f64_add, 0xfff8000000000001, 0x7ff8000000000002, { .masked = FP_ALL },
      0xfff8000000000001, 0 },
    { "signaling NaN", f64_add, F64_ONE, 0x7ff0000000000002, { .masked = FP_ALL },
      0x7ff8000000000002, FP_IE },
    { "min of zeros", f64_min, 0, 1ull << 63, { .masked = FP_ALL }, 1ull << 63, 0 },
    { "max with NaN", f64_max, 0x7ff8000000000001, F64_ONE, { .masked = FP_ALL }, F64_ONE, FP_IE },
    { "x / 0", f64_div, F64_ONE, 1ull << 63, { .masked = FP_ALL }, F64_INF | 1ull << 63, FP_ZE },
    { "1 - 1 down", f64_sub, F64_ONE, F64_ONE, { .masked = FP_ALL, .round = FP_ROUND_DOWN },
      1ull << 63, 0 },
};
/* clang-format on */

static void test_known(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        FpEnv env = known[i].env;
        g_test_message("%s", known[i].what);
        g_assert_cmphex(known[i].op(known[i].a, known[i].b, &env), ==, known[i].result);
        g_assert_cmphex(env.flags, ==, known[i].flags);
    }
}

static void test_known_conversions(void)
{
    FpEnv env = {.masked = FP_ALL};
    g_assert_cmphex(f64_sqrt(0x4000000000000000, &env), ==, 0x3ff6a09e667f3bcd);
    g_assert_cmphex(f64_to_f32(0x3ff0000010000000, &env), ==, 0x3f800000); /* a tie, to even */
    g_assert_cmphex(env.flags, ==, FP_PE);
    env.flags = 0;
    g_assert_cmpint(f64_to_i32(0xc004000000000000, FP_ROUND_NEAREST, &env), ==, -2); /* -2.5 */
    g_assert_cmpint(f64_to_i32(0xc004000000000000, FP_ROUND_DOWN, &env), ==, -3);
    g_assert_cmpint(f64_to_i32(0x41e0000000000000, FP_ROUND_ZERO, &env), ==, INT32_MIN);
    g_assert_cmphex(env.flags, ==, FP_PE | FP_IE);
    g_assert_cmphex(f64_to_u32(0xbff0000000000000, FP_ROUND_ZERO, &env), ==, UINT32_MAX);
    g_assert_cmphex(i64_to_f32(INT64_MAX, &env), ==, 0x5f000000);
    g_assert_cmphex(f32_to_f16(0x477ff000, &env), ==, 0x7c00); /* 65520 */
    g_assert_cmphex(f16_to_f32(0x0001, &env), ==, 0x33800000);
    /* (1 + 2^-52)^2 - (1 + 2^-51) = 2^-104 */
    g_assert_cmphex(
        f64_fma(0x3ff0000000000001, 0x3ff0000000000001, 0x3ff0000000000002, FP_FMA_NEGATE_C, &env),
        ==, 0x3970000000000000);
}

#if defined(__x86_64__)

/* --- the host -------------------------------------------------------------------------------- */

typedef struct Case {
    uint64_t a, b, c;
    FpEnv env;
} Case;

typedef uint64_t Operation(const Case *c, FpEnv *env);
typedef uint64_t HostOperation(const Case *c, uint32_t *mxcsr);

typedef enum Needs { NEEDS_SSE2, NEEDS_SSE41, NEEDS_F16C, NEEDS_FMA, NEEDS_AVX512 } Needs;

/* load MXCSR, run one instruction, read MXCSR, restore the ABI's */
#define HOST(name, output, instruction, ...)                                                     \
    static uint64_t name(const Case *c, uint32_t *mxcsr)                                         \
    {                                                                                            \
        static const uint32_t abi = 0x1f80;                                                      \
        uint64_t r = 0;                                                                          \
        __asm__ volatile("ldmxcsr %[csr]\n\t" instruction "\n\tstmxcsr %[csr]\n\tldmxcsr %[abi]" \
                         : [r] output(r), [csr] "+m"(*mxcsr)                                     \
                         : [abi] "m"(abi), __VA_ARGS__                                           \
                         : "xmm0", "xmm1", "xmm2", "rcx", "cc");                                 \
        return r;                                                                                \
    }
#define OPERANDS [a] "m"(c->a), [b] "m"(c->b), [c] "m"(c->c)
#define LOAD_AB  "movq %[a], %%xmm0\n\tmovq %[b], %%xmm1\n\t"

#define SOFT(name, expression)                      \
    static uint64_t name(const Case *c, FpEnv *env) \
    {                                               \
        return (uint64_t)(expression);              \
    }

#define BINARY(op)                                                                             \
    HOST(host_f32_##op, "+r", LOAD_AB #op "ss %%xmm1, %%xmm0\n\tmovd %%xmm0, %k[r]", OPERANDS) \
    HOST(host_f64_##op, "+r", LOAD_AB #op "sd %%xmm1, %%xmm0\n\tmovq %%xmm0, %[r]", OPERANDS)  \
    SOFT(soft_f32_##op, f32_##op((uint32_t)c->a, (uint32_t)c->b, env))                         \
    SOFT(soft_f64_##op, f64_##op(c->a, c->b, env))

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(min)
BINARY(max)

#define TO_F32(name, instruction) \
    HOST(name, "+r", LOAD_AB instruction " %%xmm0, %%xmm0\n\tmovd %%xmm0, %k[r]", OPERANDS)
#define TO_F64(name, instruction) \
    HOST(name, "+r", LOAD_AB instruction " %%xmm0, %%xmm0\n\tmovq %%xmm0, %[r]", OPERANDS)

TO_F32(host_f32_sqrt, "sqrtss")
TO_F64(host_f64_sqrt, "sqrtsd")
TO_F32(host_f32_round_current, "roundss $4,")
TO_F32(host_f32_round_up_quiet, "roundss $10,")
TO_F64(host_f64_round_current, "roundsd $4,")
TO_F64(host_f64_round_down_quiet, "roundsd $9,")
TO_F64(host_f32_to_f64, "cvtss2sd")
TO_F32(host_f64_to_f32, "cvtsd2ss")
TO_F32(host_f16_to_f32, "vcvtph2ps")
HOST(host_f32_to_f16, "+r",
     LOAD_AB "vcvtps2ph $4, %%xmm0, %%xmm0\n\tmovd %%xmm0, %k[r]\n\tmovzwl %w[r], %k[r]", OPERANDS)
SOFT(soft_f32_sqrt, f32_sqrt((uint32_t)c->a, env))
SOFT(soft_f64_sqrt, f64_sqrt(c->a, env))
SOFT(soft_f32_round_current, f32_round_int((uint32_t)c->a, env->round, FP_INEXACT_REPORT, env))
SOFT(soft_f32_round_up_quiet, f32_round_int((uint32_t)c->a, FP_ROUND_UP, FP_INEXACT_SUPPRESS, env))
SOFT(soft_f64_round_current, f64_round_int(c->a, env->round, FP_INEXACT_REPORT, env))
SOFT(soft_f64_round_down_quiet, f64_round_int(c->a, FP_ROUND_DOWN, FP_INEXACT_SUPPRESS, env))
SOFT(soft_f32_to_f64, f32_to_f64((uint32_t)c->a, env))
SOFT(soft_f64_to_f32, f64_to_f32(c->a, env))
SOFT(soft_f16_to_f32, f16_to_f32((uint16_t)c->a, env))
SOFT(soft_f32_to_f16, f32_to_f16((uint32_t)c->a, env))

#define TO_INTEGER(name, instruction, width, expression)                            \
    HOST(host_##name, "+r", LOAD_AB instruction " %%xmm0, %" width "[r]", OPERANDS) \
    SOFT(soft_##name, expression)

TO_INTEGER(f32_to_i32, "cvtss2si", "k", (uint32_t)f32_to_i32((uint32_t)c->a, env->round, env))
TO_INTEGER(f32_to_i64, "cvtss2si", "q", f32_to_i64((uint32_t)c->a, env->round, env))
TO_INTEGER(f64_to_i32, "cvtsd2si", "k", (uint32_t)f64_to_i32(c->a, env->round, env))
TO_INTEGER(f64_to_i64, "cvttsd2si", "q", f64_to_i64(c->a, FP_ROUND_ZERO, env))
TO_INTEGER(f32_to_u32, "vcvtss2usi", "k", f32_to_u32((uint32_t)c->a, env->round, env))
TO_INTEGER(f32_to_u64, "vcvttss2usi", "q", f32_to_u64((uint32_t)c->a, FP_ROUND_ZERO, env))
TO_INTEGER(f64_to_u32, "vcvttsd2usi", "k", f64_to_u32(c->a, FP_ROUND_ZERO, env))
TO_INTEGER(f64_to_u64, "vcvtsd2usi", "q", f64_to_u64(c->a, env->round, env))

#define FROM_INTEGER(name, instruction, move, expression)                                \
    HOST(host_##name, "+r", "pxor %%xmm0, %%xmm0\n\t" instruction "\n\t" move, OPERANDS) \
    SOFT(soft_##name, expression)
#define MOVE_F32 "movd %%xmm0, %k[r]"
#define MOVE_F64 "movq %%xmm0, %q[r]"

FROM_INTEGER(i32_to_f32, "cvtsi2ssl %[a], %%xmm0", MOVE_F32, i32_to_f32((int32_t)c->a, env))
FROM_INTEGER(i64_to_f32, "cvtsi2ssq %[a], %%xmm0", MOVE_F32, i64_to_f32((int64_t)c->a, env))
FROM_INTEGER(i32_to_f64, "cvtsi2sdl %[a], %%xmm0", MOVE_F64, i32_to_f64((int32_t)c->a, env))
FROM_INTEGER(i64_to_f64, "cvtsi2sdq %[a], %%xmm0", MOVE_F64, i64_to_f64((int64_t)c->a, env))
FROM_INTEGER(u32_to_f32, "vcvtusi2ssl %[a], %%xmm0, %%xmm0", MOVE_F32,
             u32_to_f32((uint32_t)c->a, env))
FROM_INTEGER(u64_to_f32, "vcvtusi2ssq %[a], %%xmm0, %%xmm0", MOVE_F32, u64_to_f32(c->a, env))
FROM_INTEGER(u32_to_f64, "vcvtusi2sdl %[a], %%xmm0, %%xmm0", MOVE_F64,
             u32_to_f64((uint32_t)c->a, env))
FROM_INTEGER(u64_to_f64, "vcvtusi2sdq %[a], %%xmm0, %%xmm0", MOVE_F64, u64_to_f64(c->a, env))

/* [SDM2] VFMADD213SD: first := second * first + third, so that a is the second operand. */
#define FMA(name, letters, sign)                                                              \
    HOST(host_f32_##name, "+r",                                                               \
         LOAD_AB "movq %[c], %%xmm2\n\tv" letters "213ss %%xmm2, %%xmm0, %%xmm1\n\t"          \
                 "movd %%xmm1, %k[r]",                                                        \
         OPERANDS)                                                                            \
    HOST(host_f64_##name, "+r",                                                               \
         LOAD_AB "movq %[c], %%xmm2\n\tv" letters "213sd %%xmm2, %%xmm0, %%xmm1\n\t"          \
                 "movq %%xmm1, %[r]",                                                         \
         OPERANDS)                                                                            \
    SOFT(soft_f32_##name, f32_fma((uint32_t)c->a, (uint32_t)c->b, (uint32_t)c->c, sign, env)) \
    SOFT(soft_f64_##name, f64_fma(c->a, c->b, c->c, sign, env))

FMA(fma, "fmadd", FP_FMA_PLAIN)
FMA(fms, "fmsub", FP_FMA_NEGATE_C)
FMA(fnma, "fnmadd", FP_FMA_NEGATE_PRODUCT)
FMA(fnms, "fnmsub", FP_FMA_NEGATE_PRODUCT | FP_FMA_NEGATE_C)

/* (ZF, PF, CF) as the comparisons set them, to an FpOrder */
#define COMPARE(name, instruction, expression)                                                 \
    HOST(host_##name, "+r",                                                                    \
         LOAD_AB instruction " %%xmm1, %%xmm0\n\tlahf\n\tmovzbl %%ah, %k[r]", [rax] "a"(0ull), \
         OPERANDS)                                                                             \
    SOFT(soft_##name, compare_flags(expression))

static uint64_t compare_flags(FpOrder order)
{
    switch (order) {
    case FP_UNORDERED:
        return 0x47;
    case FP_GREATER:
        return 0x02;
    case FP_LESS:
        return 0x03;
    default:
        return 0x42;
    }
}

COMPARE(f32_comis, "comiss", f32_compare((uint32_t)c->a, (uint32_t)c->b, FP_SIGNALING, env))
COMPARE(f32_ucomis, "ucomiss", f32_compare((uint32_t)c->a, (uint32_t)c->b, FP_QUIET, env))
COMPARE(f64_comis, "comisd", f64_compare(c->a, c->b, FP_SIGNALING, env))
COMPARE(f64_ucomis, "ucomisd", f64_compare(c->a, c->b, FP_QUIET, env))

#define ROW(name, exp_bits, frac_bits, needs)                       \
    {                                                               \
#name, soft_##name, host_##name, exp_bits, frac_bits, needs \
    }
#define ROW_F32(name) ROW(f32_##name, 8, 23, NEEDS_SSE2)
#define ROW_F64(name) ROW(f64_##name, 11, 52, NEEDS_SSE2)

/* exp_bits 0: the operands are integers */
static const struct {
    const char *name;
    Operation *soft;
    HostOperation *host;
    int exp_bits, frac_bits;
    Needs needs;
} operations[] = {
    ROW_F32(add),
    ROW_F32(sub),
    ROW_F32(mul),
    ROW_F32(div),
    ROW_F32(min),
    ROW_F32(max),
    ROW_F32(sqrt),
    ROW_F32(comis),
    ROW_F32(ucomis),
    ROW_F32(to_i32),
    ROW_F32(to_i64),
    ROW_F32(to_f64),
    ROW_F64(add),
    ROW_F64(sub),
    ROW_F64(mul),
    ROW_F64(div),
    ROW_F64(min),
    ROW_F64(max),
    ROW_F64(sqrt),
    ROW_F64(comis),
    ROW_F64(ucomis),
    ROW_F64(to_i32),
    ROW_F64(to_i64),
    ROW_F64(to_f32),
    ROW(i32_to_f32, 0, 0, NEEDS_SSE2),
    ROW(i64_to_f32, 0, 0, NEEDS_SSE2),
    ROW(i32_to_f64, 0, 0, NEEDS_SSE2),
    ROW(i64_to_f64, 0, 0, NEEDS_SSE2),
    ROW(f32_round_current, 8, 23, NEEDS_SSE41),
    ROW(f32_round_up_quiet, 8, 23, NEEDS_SSE41),
    ROW(f64_round_current, 11, 52, NEEDS_SSE41),
    ROW(f64_round_down_quiet, 11, 52, NEEDS_SSE41),
    ROW(f16_to_f32, 5, 10, NEEDS_F16C),
    ROW(f32_to_f16, 8, 23, NEEDS_F16C),
    ROW(f32_fma, 8, 23, NEEDS_FMA),
    ROW(f32_fms, 8, 23, NEEDS_FMA),
    ROW(f32_fnma, 8, 23, NEEDS_FMA),
    ROW(f32_fnms, 8, 23, NEEDS_FMA),
    ROW(f64_fma, 11, 52, NEEDS_FMA),
    ROW(f64_fms, 11, 52, NEEDS_FMA),
    ROW(f64_fnma, 11, 52, NEEDS_FMA),
    ROW(f64_fnms, 11, 52, NEEDS_FMA),
    ROW(f32_to_u32, 8, 23, NEEDS_AVX512),
    ROW(f32_to_u64, 8, 23, NEEDS_AVX512),
    ROW(f64_to_u32, 11, 52, NEEDS_AVX512),
    ROW(f64_to_u64, 11, 52, NEEDS_AVX512),
    ROW(u32_to_f32, 0, 0, NEEDS_AVX512),
    ROW(u64_to_f32, 0, 0, NEEDS_AVX512),
    ROW(u32_to_f64, 0, 0, NEEDS_AVX512),
    ROW(u64_to_f64, 0, 0, NEEDS_AVX512),
};

static bool host_has(Needs needs)
{
    switch (needs) {
    case NEEDS_SSE41:
        return __builtin_cpu_supports("sse4.1");
    case NEEDS_F16C:
        return __builtin_cpu_supports("avx2"); /* no builtin name; every AVX2 processor has it */
    case NEEDS_FMA:
        return __builtin_cpu_supports("fma");
    case NEEDS_AVX512:
        return __builtin_cpu_supports("avx512f");
    default:
        return true;
    }
}

/* --- comparing ------------------------------------------------------------------------------- */

static uint32_t mxcsr_of(const FpEnv *env)
{
    return (uint32_t)(env->flags | env->daz << 6 | env->masked << 7 | env->round << 13 |
                      env->ftz << 15);
}

static uint64_t draw_operand(Random *r, size_t index, uint64_t near)
{
    if (operations[index].exp_bits == 0) {
        uint64_t v = random_field(r, 64) >> random_below(r, 64);
        return random_below(r, 2) ? v : -v;
    }
    return random_float(r, operations[index].exp_bits, operations[index].frac_bits, near);
}

static void draw_case(Random *r, size_t index, Case *c)
{
    c->a = draw_operand(r, index, c->c);
    c->b = draw_operand(r, index, c->a);
    c->c = draw_operand(r, index, random_below(r, 2) ? c->a : c->b);
    c->env = (FpEnv){.masked = FP_ALL, .round = random_below(r, 4)};
    c->env.daz = random_below(r, 4) == 0;
    c->env.ftz = random_below(r, 4) == 0;
}

static void compare_one(size_t index, const Case *c, bool ran, uint64_t host, uint8_t host_flags,
                        int *bad)
{
    FpEnv env = c->env;
    uint64_t soft = operations[index].soft(c, &env);
    bool stopped = fp_unmasked(&env) != 0;
    if ((ran ? !stopped && soft == host : stopped) && env.flags == host_flags) {
        return;
    }
    g_printerr("%s a %" PRIx64 " b %" PRIx64 " c %" PRIx64 " rc %d daz %d ftz %d masked %02x\n"
               "  soft %" PRIx64 " flags %02x  host %" PRIx64 " flags %02x ran %d\n",
               operations[index].name, c->a, c->b, c->c, c->env.round, c->env.daz, c->env.ftz,
               c->env.masked, soft, env.flags, host, host_flags, ran);
    ++*bad;
}

static void run_masked(gconstpointer data)
{
    size_t index = GPOINTER_TO_SIZE(data);
    Random r = {0x123456789abcdef1 + index};
    Case c = {0};
    int bad = 0;
    for (int i = 0; i < 60000 && bad < 8; i++) {
        draw_case(&r, index, &c);
        uint32_t mxcsr = mxcsr_of(&c.env);
        uint64_t host = operations[index].host(&c, &mxcsr);
        compare_one(index, &c, true, host, mxcsr & FP_ALL, &bad);
    }
    if (bad) {
        g_test_fail();
    }
}

static sigjmp_buf trap_exit;
static volatile uint32_t trap_mxcsr;

static void on_trap(int number, siginfo_t *info, void *context)
{
    trap_mxcsr = ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr;
    siglongjmp(trap_exit, 1);
}

/* Random masks: where the host traps, the soft operation must report the same flags. */
static void run_unmasked(gconstpointer data)
{
    size_t index = GPOINTER_TO_SIZE(data);
    Random r = {0xfedcba987654321 + index};
    static Case c;
    static int bad, i;
    struct sigaction old, action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGFPE, &action, &old);
    bad = 0;
    for (i = 0; i < 4000 && bad < 8; i++) {
        draw_case(&r, index, &c);
        c.env.masked = (uint8_t)random_below(&r, 64);
        uint32_t mxcsr = mxcsr_of(&c.env);
        if (sigsetjmp(trap_exit, 1) == 0) {
            uint64_t host = operations[index].host(&c, &mxcsr);
            compare_one(index, &c, true, host, mxcsr & FP_ALL, &bad);
        } else {
            static const uint32_t abi = 0x1f80;
            __asm__ volatile("ldmxcsr %0" : : "m"(abi));
            compare_one(index, &c, false, 0, trap_mxcsr & FP_ALL, &bad);
        }
    }
    sigaction(SIGFPE, &old, NULL);
    if (bad) {
        g_test_fail();
    }
}

static void add_host_tests(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (!host_has(operations[i].needs)) {
            continue;
        }
        g_autofree char *masked = g_strdup_printf("/softfloat/masked/%s", operations[i].name);
        g_autofree char *unmasked = g_strdup_printf("/softfloat/unmasked/%s", operations[i].name);
        g_test_add_data_func(masked, GSIZE_TO_POINTER(i), run_masked);
        g_test_add_data_func(unmasked, GSIZE_TO_POINTER(i), run_unmasked);
    }
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/softfloat/known", test_known);
    g_test_add_func("/softfloat/known/conversions", test_known_conversions);
#if defined(__x86_64__)
    add_host_tests();
#endif
    return g_test_run();
}
