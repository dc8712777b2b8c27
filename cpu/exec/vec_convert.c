/* vec_convert.c - conversions between integers and floating-point formats. [SDM2] CVT*. */
#include "cpu/exec/sse_host.h"
#include "cpu/exec/vec.h"
#include "cpu/exec/vec_float_priv.h"

/* --- scalar with a general register -------------------------------------------------------- */

typedef enum FloatFormat { F32, F64 } FloatFormat;

static NOINLINE void soft_from_general(Cpu *cpu, Vec *d, uint64_t v, bool wide, FloatFormat format)
{
    FpEnv env = sse_env(cpu);
    if (format == F64)
        d->u64[0] = wide ? i64_to_f64(v, &env) : i32_to_f64(v, &env);
    else
        d->u32[0] = wide ? i64_to_f32(v, &env) : i32_to_f32(v, &env);
    sse_finish(cpu, &env);
}

SSE_HOST_FROM_GENERAL(i32_to_f32, "cvtsi2ssl", uint32_t)
SSE_HOST_FROM_GENERAL(i64_to_f32, "cvtsi2ssq", uint64_t)
SSE_HOST_FROM_GENERAL(i32_to_f64, "cvtsi2sdl", uint32_t)
SSE_HOST_FROM_GENERAL(i64_to_f64, "cvtsi2sdq", uint64_t)

static ALWAYS_INLINE void from_general(Cpu *cpu, const Insn *insn, VecForm form, FloatFormat format)
{
    uint64_t v = op_read(cpu, insn, 1 + form);
    bool wide = insn->op[1 + form].size == 8;
    Vec d = cpu->vec[insn->op[form].reg];
    if (!sse_on_host(cpu))
        soft_from_general(cpu, &d, v, wide, format);
    else if (format == F64)
        (wide ? host_i64_to_f64 : host_i32_to_f64)(&d, v, &cpu->mxcsr);
    else
        (wide ? host_i64_to_f32 : host_i32_to_f32)(&d, v, &cpu->mxcsr);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(CVTSI2SS, from_general, F32)
VEC_FORMS(CVTSI2SD, from_general, F64)

typedef enum Rounding { CURRENT, TRUNCATE } Rounding;

static NOINLINE uint64_t soft_to_general(Cpu *cpu, const Vec *v, bool wide, FloatFormat format,
                                         Rounding rounding)
{
    FpEnv env = sse_env(cpu);
    FpRound round = rounding == TRUNCATE ? FP_ROUND_ZERO : env.round;
    uint64_t result;
    if (format == F64)
        result = wide ? (uint64_t)f64_to_i64(v->u64[0], round, &env)
                      : (uint32_t)f64_to_i32(v->u64[0], round, &env);
    else
        result = wide ? (uint64_t)f32_to_i64(v->u32[0], round, &env)
                      : (uint32_t)f32_to_i32(v->u32[0], round, &env);
    sse_finish(cpu, &env);
    return result;
}

typedef uint64_t HostToGeneralFn(const Vec *v, uint32_t *mxcsr);

static ALWAYS_INLINE void to_general(Cpu *cpu, const Insn *insn, VecForm form, FloatFormat format,
                                     Rounding rounding, HostToGeneralFn *narrow,
                                     HostToGeneralFn *wide)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    unsigned size = insn->op[0].size;
    uint64_t result;
    if (!sse_on_host(cpu))
        result = soft_to_general(cpu, v, size == 8, format, rounding);
    else
        result = (size == 8 ? wide : narrow)(v, &cpu->mxcsr);
    gpr_write(cpu, insn->op[0].reg, size, result);
}

#define TO_GENERAL(NAME, name, format, rounding)            \
    SSE_HOST_TO_GENERAL(name##_narrow, #name "l", uint32_t) \
    SSE_HOST_TO_GENERAL(name##_wide, #name "q", uint64_t)   \
    VEC_FORMS(NAME, to_general, format, rounding, host_##name##_narrow, host_##name##_wide)

TO_GENERAL(CVTSS2SI, cvtss2si, F32, CURRENT)
TO_GENERAL(CVTTSS2SI, cvttss2si, F32, TRUNCATE)
TO_GENERAL(CVTSD2SI, cvtsd2si, F64, CURRENT)
TO_GENERAL(CVTTSD2SI, cvttsd2si, F64, TRUNCATE)

/* --- packed -------------------------------------------------------------------------------- */

/* convert_NAME for `count` elements; what the destination has beyond them becomes 0. */
#define CONVERT(NAME, from, to, count, expression)                       \
    static void convert_##NAME(Cpu *cpu, const Insn *insn, VecForm form) \
    {                                                                    \
        Vec buffer, d = {.u64 = {0}};                                    \
        const Vec *v = vec_source(cpu, insn, 1, &buffer);                \
        FpEnv env = sse_env(cpu);                                        \
        for (unsigned i = 0; i < (count); i++) {                         \
            __typeof__(v->from[0]) a = v->from[i];                       \
            d.to[i] = (expression);                                      \
        }                                                                \
        sse_finish(cpu, &env);                                           \
        if (insn->op[1].kind == OPND_MMX)                                \
            mmx_enter(cpu);                                              \
        vec_write(cpu, insn, form, &d);                                  \
    }
#define CONVERT_FORMS(NAME, from, to, count, expression) \
    CONVERT(NAME, from, to, count, expression)           \
    VEC_FORMS(NAME, convert_##NAME)
#define CONVERT_LEGACY(NAME, from, to, count, expression) \
    CONVERT(NAME, from, to, count, expression)            \
    EXEC(NAME)                                            \
    {                                                     \
        convert_##NAME(cpu, insn, VEC_LEGACY);            \
    }
#define WIDE (insn->op[0].size / 8) /* elements of 8 bytes in the destination */
#define FOUR (insn->op[0].size / 4)
#define HALF (insn->op[1].size / 8) /* elements of 8 bytes in the source */

/* clang-format off */
CONVERT_FORMS(CVTDQ2PS,  s32, u32, FOUR, i32_to_f32(a, &env))
CONVERT_FORMS(CVTPS2DQ,  u32, s32, FOUR, f32_to_i32(a, env.round, &env))
CONVERT_FORMS(CVTTPS2DQ, u32, s32, FOUR, f32_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT_FORMS(CVTDQ2PD,  s32, u64, WIDE, i32_to_f64(a, &env))
CONVERT_FORMS(CVTPD2DQ,  u64, s32, HALF, f64_to_i32(a, env.round, &env))
CONVERT_FORMS(CVTTPD2DQ, u64, s32, HALF, f64_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT_FORMS(CVTPS2PD,  u32, u64, WIDE, f32_to_f64(a, &env))
CONVERT_FORMS(CVTPD2PS,  u64, u32, HALF, f64_to_f32(a, &env))
CONVERT_LEGACY(CVTPI2PD,  s32, u64, 2,   i32_to_f64(a, &env))
CONVERT_LEGACY(CVTPS2PI,  u32, s32, 2,   f32_to_i32(a, env.round, &env))
CONVERT_LEGACY(CVTTPS2PI, u32, s32, 2,   f32_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT_LEGACY(CVTPD2PI,  u64, s32, 2,   f64_to_i32(a, env.round, &env))
CONVERT_LEGACY(CVTTPD2PI, u64, s32, 2,   f64_to_i32(a, FP_ROUND_ZERO, &env))
/* clang-format on */

/* [SDM2] VCVTPH2PS: half precision. */
CONVERT(CVTPH2PS, u16, u32, FOUR, f16_to_f32(a, &env))
EXEC(VCVTPH2PS)
{
    convert_CVTPH2PS(cpu, insn, VEC_VEX);
}

/* [SDM2] VCVTPS2PH: imm8[1:0] mode, [2] use MXCSR.RC. */
EXEC(VCVTPS2PH)
{
    Vec d = {.u64 = {0}};
    const Vec *v = &cpu->vec[insn->op[1].reg];
    FpEnv env = sse_env(cpu);
    if (!(insn->imm & 4))
        env.round = insn->imm & 3;
    for (unsigned i = 0; i < insn->op[1].size / 4; i++)
        d.u16[i] = f32_to_f16(v->u32[i], &env);
    /* A store that faults leaves MXCSR alone. */
    unsigned size = insn->op[0].size;
    if (insn->op[0].kind == OPND_MEM)
        mem_probe(cpu, insn_linear(cpu, insn, size, ACCESS_WRITE), size, ACCESS_WRITE);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, VEC_VEX, &d);
}

/* Two integers into the low half; the high half of the register stays. */
EXEC(CVTPI2PS)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    FpEnv env = sse_env(cpu);
    uint32_t low = i32_to_f32(v->s32[0], &env), high = i32_to_f32(v->s32[1], &env);
    sse_finish(cpu, &env);
    mmx_enter(cpu);
    cpu->vec[insn->op[0].reg].u32[0] = low;
    cpu->vec[insn->op[0].reg].u32[1] = high;
}

/* --- between scalar formats ---------------------------------------------------------------- */

static NOINLINE void soft_between(Cpu *cpu, Vec *d, const Vec *b, FloatFormat to)
{
    FpEnv env = sse_env(cpu);
    if (to == F64)
        d->u64[0] = f32_to_f64(b->u32[0], &env);
    else
        d->u32[0] = f64_to_f32(b->u64[0], &env);
    sse_finish(cpu, &env);
}

static ALWAYS_INLINE void between(Cpu *cpu, const Insn *insn, VecForm form, FloatFormat to,
                                  SseHostFn *host)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, SCALAR, to == F64 ? 4 : 8, &d, &buffer);
    if (sse_on_host(cpu))
        host(&d, b, &cpu->mxcsr);
    else
        soft_between(cpu, &d, b, to);
    vec_put(cpu, &insn->op[0], form, &d);
}

SSE_HOST(cvtss2sd)
SSE_HOST(cvtsd2ss)
VEC_FORMS(CVTSS2SD, between, F64, host_cvtss2sd)
VEC_FORMS(CVTSD2SS, between, F32, host_cvtsd2ss)
