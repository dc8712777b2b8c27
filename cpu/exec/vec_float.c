/* vec_float.c - floating-point arithmetic of SSE to SSE4.1 and AVX, but comparison and conversion.
 *
 * [SDM1] "Programming with Intel Streaming SIMD Extensions". Elements go through cpu/softfloat.h,
 * which gives x86's results and flags on every host, or where the host can do it, through
 * sse_host.h. */
#include "cpu/exec/sse_host.h"
#include "cpu/exec/vec.h"
#include "cpu/exec/vec_float_priv.h"

typedef uint32_t F32Fn(uint32_t a, uint32_t b, FpEnv *env);
typedef uint64_t F64Fn(uint64_t a, uint64_t b, FpEnv *env);

/* --- templates ----------------------------------------------------------------------------- */

static NOINLINE void soft_f32(Cpu *cpu, Vec *d, const Vec *b, unsigned count, F32Fn *fn)
{
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < count; i++)
        d->u32[i] = fn(d->u32[i], b->u32[i], &env);
    sse_finish(cpu, &env);
}

static NOINLINE void soft_f64(Cpu *cpu, Vec *d, const Vec *b, unsigned count, F64Fn *fn)
{
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < count; i++)
        d->u64[i] = fn(d->u64[i], b->u64[i], &env);
    sse_finish(cpu, &env);
}

/* d op= b, each element, on the host's FPU or in software. */
static ALWAYS_INLINE void arithmetic(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape,
                                     SseHostFn *host, F32Fn *f32, F64Fn *f64)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, f32 ? 4 : 8, &d, &buffer);
    if (sse_on_host(cpu)) {
        host(&d, b, &cpu->mxcsr);
        if (shape != SCALAR && vec_is_ymm(insn, form)) {
            Vec high_d = vec_high(&d), high_b = vec_high(b);
            host(&high_d, &high_b, &cpu->mxcsr);
            vec_set_high(&d, &high_d);
        }
    } else if (f32) {
        soft_f32(cpu, &d, b, float_count(insn, shape, 4), f32);
    } else {
        soft_f64(cpu, &d, b, float_count(insn, shape, 8), f64);
    }
    vec_put(cpu, &insn->op[0], form, &d);
}

/* --- two sources --------------------------------------------------------------------------- */

#define BINARY(NAME, name)                                                     \
    SSE_HOST(name##ps)                                                         \
    SSE_HOST(name##ss)                                                         \
    SSE_HOST(name##pd)                                                         \
    SSE_HOST(name##sd)                                                         \
    VEC_FORMS(NAME##PS, arithmetic, PACKED, host_##name##ps, f32_##name, NULL) \
    VEC_FORMS(NAME##SS, arithmetic, SCALAR, host_##name##ss, f32_##name, NULL) \
    VEC_FORMS(NAME##PD, arithmetic, PACKED, host_##name##pd, NULL, f64_##name) \
    VEC_FORMS(NAME##SD, arithmetic, SCALAR, host_##name##sd, NULL, f64_##name)

BINARY(ADD, add)
BINARY(SUB, sub)
BINARY(MUL, mul)
BINARY(DIV, div)
BINARY(MIN, min)
BINARY(MAX, max)

/* --- one source ---------------------------------------------------------------------------- */

static uint32_t root_f32(uint32_t a, uint32_t b, FpEnv *env)
{
    return f32_sqrt(b, env);
}

static uint64_t root_f64(uint64_t a, uint64_t b, FpEnv *env)
{
    return f64_sqrt(b, env);
}

SSE_HOST(sqrtps)
SSE_HOST(sqrtss)
SSE_HOST(sqrtpd)
SSE_HOST(sqrtsd)
VEC_FORMS(SQRTPS, arithmetic, PACKED_UNARY, host_sqrtps, root_f32, NULL)
VEC_FORMS(SQRTSS, arithmetic, SCALAR, host_sqrtss, root_f32, NULL)
VEC_FORMS(SQRTPD, arithmetic, PACKED_UNARY, host_sqrtpd, NULL, root_f64)
VEC_FORMS(SQRTSD, arithmetic, SCALAR, host_sqrtsd, NULL, root_f64)

/* Approximations: [SDM2] allows a relative error of 1.5 * 2^-12 and leaves the bits to the
 * processor. Ours is the exact result rounded to 12 significand bits; denormal operands count as
 * zeros and denormal results are flushed, as on real chips. No exceptions. */
enum { F32_EXPONENT = 0x7f800000, F32_QUIET = 0x00400000, F32_ONE = 0x3f800000, F32_CUT = 0xfff };
#define F32_SIGN 0x80000000u

static uint32_t approximate(uint32_t a, bool root)
{
    uint32_t magnitude = a & ~F32_SIGN;
    if (magnitude > F32_EXPONENT)
        return a | F32_QUIET;
    if (magnitude < 0x00800000)
        return (a & F32_SIGN) | F32_EXPONENT;
    if (root && a & F32_SIGN)
        return 0xffc00000;
    if (magnitude == F32_EXPONENT)
        return a & F32_SIGN;
    FpEnv env = {.round = FP_ROUND_NEAREST, .masked = FP_ALL, .ftz = true};
    uint32_t d = f32_div(F32_ONE, root ? f32_sqrt(a, &env) : a, &env);
    return (d + F32_CUT / 2 + 1) & ~F32_CUT;
}

static void approximate_all(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape, bool root)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, 4, &d, &buffer);
    for (unsigned i = 0; i < float_count(insn, shape, 4); i++)
        d.u32[i] = approximate(b->u32[i], root);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(RCPPS, approximate_all, PACKED_UNARY, false)
VEC_FORMS(RCPSS, approximate_all, SCALAR, false)
VEC_FORMS(RSQRTPS, approximate_all, PACKED_UNARY, true)
VEC_FORMS(RSQRTSS, approximate_all, SCALAR, true)

/* --- rounding: imm8[1:0] mode, [2] use MXCSR.RC, [3] no precision exception ---------------- */

static FpRound round_mode(const Cpu *cpu, const Insn *insn)
{
    return insn->imm & 4 ? cpu->mxcsr >> MXCSR_RC_SHIFT & 3 : insn->imm & 3;
}

static FpInexact round_inexact(const Insn *insn)
{
    return insn->imm & 8 ? FP_INEXACT_SUPPRESS : FP_INEXACT_REPORT;
}

static void round_f32(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, 4, &d, &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < float_count(insn, shape, 4); i++)
        d.u32[i] = f32_round_int(b->u32[i], round_mode(cpu, insn), round_inexact(insn), &env);
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

static void round_f64(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, 8, &d, &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < float_count(insn, shape, 8); i++)
        d.u64[i] = f64_round_int(b->u64[i], round_mode(cpu, insn), round_inexact(insn), &env);
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(ROUNDPS, round_f32, PACKED_UNARY)
VEC_FORMS(ROUNDSS, round_f32, SCALAR)
VEC_FORMS(ROUNDPD, round_f64, PACKED_UNARY)
VEC_FORMS(ROUNDSD, round_f64, SCALAR)

/* --- horizontal and alternating ------------------------------------------------------------ */

static void horizontal_f32(Cpu *cpu, const Insn *insn, VecForm form, F32Fn *fn)
{
    Vec source[2], buffer, d;
    source[1] = *float_sources(cpu, insn, form, PACKED, 4, &source[0], &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++) {
        const uint32_t *pair = &source[i >> 1 & 1].u32[(i & 4) + 2 * (i & 1)];
        d.u32[i] = fn(pair[0], pair[1], &env);
    }
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

static void horizontal_f64(Cpu *cpu, const Insn *insn, VecForm form, F64Fn *fn)
{
    Vec source[2], buffer, d;
    source[1] = *float_sources(cpu, insn, form, PACKED, 8, &source[0], &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++) {
        const uint64_t *pair = &source[i & 1].u64[i & 2];
        d.u64[i] = fn(pair[0], pair[1], &env);
    }
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(HADDPS, horizontal_f32, f32_add)
VEC_FORMS(HSUBPS, horizontal_f32, f32_sub)
VEC_FORMS(HADDPD, horizontal_f64, f64_add)
VEC_FORMS(HSUBPD, horizontal_f64, f64_sub)

/* Even elements are subtracted, odd ones added. */
static void alternate_f32(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, PACKED, 4, &d, &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        d.u32[i] = (i & 1 ? f32_add : f32_sub)(d.u32[i], b->u32[i], &env);
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

static void alternate_f64(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, PACKED, 8, &d, &buffer);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++)
        d.u64[i] = (i & 1 ? f64_add : f64_sub)(d.u64[i], b->u64[i], &env);
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(ADDSUBPS, alternate_f32)
VEC_FORMS(ADDSUBPD, alternate_f64)

/* --- dot products -------------------------------------------------------------------------- */

/* [SDM2] DPPS: imm8[7:4] chooses the products, imm8[3:0] where the sum goes. Exceptions of each
 * step are reported before the next: the products', then the sums'. */
static void dot_f32(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec a, buffer, product = {.u64 = {0}}, d;
    const Vec *b = float_sources(cpu, insn, form, PACKED, 4, &a, &buffer);
    unsigned count = insn->op[0].size / 4;
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < count; i++)
        if (insn->imm >> (4 + i % 4) & 1)
            product.u32[i] = f32_mul(a.u32[i], b->u32[i], &env);
    sse_finish(cpu, &env);
    for (unsigned i = 0; i < count; i += 2)
        product.u32[i] = f32_add(product.u32[i], product.u32[i + 1], &env);
    sse_finish(cpu, &env);
    for (unsigned i = 0; i < count; i += 4)
        product.u32[i] = f32_add(product.u32[i], product.u32[i + 2], &env);
    sse_finish(cpu, &env);
    for (unsigned i = 0; i < count; i++)
        d.u32[i] = insn->imm >> i % 4 & 1 ? product.u32[i & ~3u] : 0;
    vec_put(cpu, &insn->op[0], form, &d);
}

static void dot_f64(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec a, buffer, d = {.u64 = {0}};
    const Vec *b = float_sources(cpu, insn, form, PACKED, 8, &a, &buffer);
    FpEnv env = sse_env(cpu);
    uint64_t product[2] = {0};
    for (unsigned i = 0; i < 2; i++)
        if (insn->imm >> (4 + i) & 1)
            product[i] = f64_mul(a.u64[i], b->u64[i], &env);
    sse_finish(cpu, &env);
    uint64_t sum = f64_add(product[0], product[1], &env);
    sse_finish(cpu, &env);
    for (unsigned i = 0; i < 2; i++)
        d.u64[i] = insn->imm >> i & 1 ? sum : 0;
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(DPPS, dot_f32)
VEC_FORMS(DPPD, dot_f64)
