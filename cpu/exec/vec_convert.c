/* vec_convert.c - conversions between integers and floating-point formats. [SDM2] CVT*. */
#include "cpu/exec/vec.h"

/* --- scalar with a general register
 * --------------------------------------------------------------------- */

static void int_to_scalar(Cpu *cpu, const Insn *insn, bool to_f64)
{
    unsigned n = insn_is_vex(insn) ? 2 : 1;
    uint64_t a = op_read(cpu, insn, n);
    bool wide = insn->op[n].size == 8;
    FpEnv env = sse_env(cpu);
    Vec v = {0};
    if (to_f64)
        v.u64[0] = wide ? i64_to_f64(a, &env) : i32_to_f64(a, &env);
    else
        v.u32[0] = wide ? i64_to_f32(a, &env) : i32_to_f32(a, &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &v);
}

/* clang-format off */
EXEC(CVTSI2SS) { int_to_scalar(cpu, insn, false); }
EXEC(CVTSI2SD) { int_to_scalar(cpu, insn, true); }
/* clang-format on */

static void scalar_to_int(Cpu *cpu, const Insn *insn, bool from_f64, bool truncate)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    FpRound round = truncate ? FP_ROUND_ZERO : env.round;
    bool wide = insn->op[0].size == 8;
    uint64_t result;
    if (from_f64)
        result = wide ? (uint64_t)f64_to_i64(v.u64[0], round, &env)
                      : (uint32_t)f64_to_i32(v.u64[0], round, &env);
    else
        result = wide ? (uint64_t)f32_to_i64(v.u32[0], round, &env)
                      : (uint32_t)f32_to_i32(v.u32[0], round, &env);
    sse_finish(cpu, &env);
    op_write(cpu, insn, 0, result);
}

/* clang-format off */
EXEC(CVTSS2SI)  { scalar_to_int(cpu, insn, false, false); }
EXEC(CVTTSS2SI) { scalar_to_int(cpu, insn, false, true); }
EXEC(CVTSD2SI)  { scalar_to_int(cpu, insn, true, false); }
EXEC(CVTTSD2SI) { scalar_to_int(cpu, insn, true, true); }
/* clang-format on */

/* --- packed and between formats
 * ------------------------------------------------------------------------------ */

/* EXEC of a conversion of `count` elements; unused destination elements become 0. */
#define CONVERT(NAME, from, to, count, expression) \
    EXEC(NAME)                                     \
    {                                              \
        Vec v, d = {0};                            \
        vec_read(cpu, insn, 1, &v);                \
        FpEnv env = sse_env(cpu);                  \
        for (unsigned i = 0; i < (count); i++) {   \
            __typeof__(v.from[0]) a = v.from[i];   \
            d.to[i] = (expression);                \
        }                                          \
        sse_finish(cpu, &env);                     \
        if (insn->op[1].kind == OPND_MMX)          \
            mmx_enter(cpu);                        \
        vec_write(cpu, insn, 0, &d);               \
    }
#define WIDE (insn->op[0].size / 8) /* elements of 8 bytes in the destination */
#define FOUR (insn->op[0].size / 4)
#define HALF (insn->op[1].size / 8) /* elements of 8 bytes in the source */

/* clang-format off */
CONVERT(CVTDQ2PS,  s32, u32, FOUR, i32_to_f32(a, &env))
CONVERT(CVTPS2DQ,  u32, s32, FOUR, f32_to_i32(a, env.round, &env))
CONVERT(CVTTPS2DQ, u32, s32, FOUR, f32_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT(CVTDQ2PD,  s32, u64, WIDE, i32_to_f64(a, &env))
CONVERT(CVTPD2DQ,  u64, s32, HALF, f64_to_i32(a, env.round, &env))
CONVERT(CVTTPD2DQ, u64, s32, HALF, f64_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT(CVTPS2PD,  u32, u64, WIDE, f32_to_f64(a, &env))
CONVERT(CVTPD2PS,  u64, u32, HALF, f64_to_f32(a, &env))
CONVERT(CVTPI2PD,  s32, u64, 2,    i32_to_f64(a, &env))
CONVERT(CVTPS2PI,  u32, s32, 2,    f32_to_i32(a, env.round, &env))
CONVERT(CVTTPS2PI, u32, s32, 2,    f32_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT(CVTPD2PI,  u64, s32, 2,    f64_to_i32(a, env.round, &env))
CONVERT(CVTTPD2PI, u64, s32, 2,    f64_to_i32(a, FP_ROUND_ZERO, &env))
CONVERT(CVTSS2SD,  u32, u64, 1,    f32_to_f64(a, &env))
CONVERT(CVTSD2SS,  u64, u32, 1,    f64_to_f32(a, &env))
/* clang-format on */

/* Two integers into the low half; the high half of the register stays. */
EXEC(CVTPI2PS)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    uint32_t low = i32_to_f32(v.s32[0], &env), high = i32_to_f32(v.s32[1], &env);
    sse_finish(cpu, &env);
    mmx_enter(cpu);
    cpu->vec[insn->op[0].reg].u32[0] = low;
    cpu->vec[insn->op[0].reg].u32[1] = high;
}
