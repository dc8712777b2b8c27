/* vec_float.c - floating-point arithmetic and comparison of SSE to SSE4.1.
 *
 * [SDM1] "Programming with Intel Streaming SIMD Extensions". Elements go through cpu/softfloat.h,
 * which gives x86's results and flags on every host. */
#include "cpu/exec/vec.h"

/* One operation for both element types. */
typedef struct FloatOp {
    uint32_t (*f32)(uint32_t a, uint32_t b, FpEnv *env);
    uint64_t (*f64)(uint64_t a, uint64_t b, FpEnv *env);
} FloatOp;

static const FloatOp op_add = {f32_add, f64_add};
static const FloatOp op_sub = {f32_sub, f64_sub};
static const FloatOp op_mul = {f32_mul, f64_mul};
static const FloatOp op_div = {f32_div, f64_div};
static const FloatOp op_min = {f32_min, f64_min};
static const FloatOp op_max = {f32_max, f64_max};

static void binary_f32(Cpu *cpu, const Insn *insn, const FloatOp *op)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        a.u32[i] = op->f32(a.u32[i], b.u32[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

static void binary_f64(Cpu *cpu, const Insn *insn, const FloatOp *op)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++)
        a.u64[i] = op->f64(a.u64[i], b.u64[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

/* The operand sizes tell packed from scalar. */
#define FLOAT_BINARY(NAME, op)      \
    EXEC(NAME##PS)                  \
    {                               \
        binary_f32(cpu, insn, &op); \
    }                               \
    EXEC(NAME##SS)                  \
    {                               \
        binary_f32(cpu, insn, &op); \
    }                               \
    EXEC(NAME##PD)                  \
    {                               \
        binary_f64(cpu, insn, &op); \
    }                               \
    EXEC(NAME##SD)                  \
    {                               \
        binary_f64(cpu, insn, &op); \
    }
FLOAT_BINARY(ADD, op_add)
FLOAT_BINARY(SUB, op_sub)
FLOAT_BINARY(MUL, op_mul)
FLOAT_BINARY(DIV, op_div)
FLOAT_BINARY(MIN, op_min)
FLOAT_BINARY(MAX, op_max)

/* --- one source
 * --------------------------------------------------------------------------------------- */

static void sqrt_f32(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        v.u32[i] = f32_sqrt(v.u32[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &v);
}

static void sqrt_f64(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++)
        v.u64[i] = f64_sqrt(v.u64[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &v);
}

/* clang-format off */
EXEC(SQRTPS) { sqrt_f32(cpu, insn); }
EXEC(SQRTSS) { sqrt_f32(cpu, insn); }
EXEC(SQRTPD) { sqrt_f64(cpu, insn); }
EXEC(SQRTSD) { sqrt_f64(cpu, insn); }
/* clang-format on */

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

static void approximate_all(Cpu *cpu, const Insn *insn, bool root)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        v.u32[i] = approximate(v.u32[i], root);
    vec_write(cpu, insn, 0, &v);
}

/* clang-format off */
EXEC(RCPPS)   { approximate_all(cpu, insn, false); }
EXEC(RCPSS)   { approximate_all(cpu, insn, false); }
EXEC(RSQRTPS) { approximate_all(cpu, insn, true); }
EXEC(RSQRTSS) { approximate_all(cpu, insn, true); }
/* clang-format on */

/* --- rounding: imm8[1:0] mode, [2] use MXCSR.RC, [3] no precision exception
 * -------------------------------- */

static FpRound round_mode(const Cpu *cpu, const Insn *insn)
{
    return insn->imm & 4 ? cpu->mxcsr >> MXCSR_RC_SHIFT & 3 : insn->imm & 3;
}

static FpInexact round_inexact(const Insn *insn)
{
    return insn->imm & 8 ? FP_INEXACT_SUPPRESS : FP_INEXACT_REPORT;
}

static void round_f32(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        v.u32[i] = f32_round_int(v.u32[i], round_mode(cpu, insn), round_inexact(insn), &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &v);
}

static void round_f64(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++)
        v.u64[i] = f64_round_int(v.u64[i], round_mode(cpu, insn), round_inexact(insn), &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &v);
}

/* clang-format off */
EXEC(ROUNDPS) { round_f32(cpu, insn); }
EXEC(ROUNDSS) { round_f32(cpu, insn); }
EXEC(ROUNDPD) { round_f64(cpu, insn); }
EXEC(ROUNDSD) { round_f64(cpu, insn); }
/* clang-format on */

/* --- comparisons
 * --------------------------------------------------------------------------------------------- */

/* Predicates 0-7 of CMPPS and its like. [SDM2] CMPPD, "Comparison Predicate". */
typedef struct Predicate {
    uint8_t less, equal, greater, unordered; /* the answer for each order */
    FpNanSignal signal;
} Predicate;

static const Predicate predicates[8] = {
    /* EQ     */ {0, 1, 0, 0, FP_QUIET},
    /* LT     */ {1, 0, 0, 0, FP_SIGNALING},
    /* LE     */ {1, 1, 0, 0, FP_SIGNALING},
    /* UNORD  */ {0, 0, 0, 1, FP_QUIET},
    /* NEQ    */ {1, 0, 1, 1, FP_QUIET},
    /* NLT    */ {0, 1, 1, 1, FP_SIGNALING},
    /* NLE    */ {0, 0, 1, 1, FP_SIGNALING},
    /* ORD    */ {1, 1, 1, 0, FP_QUIET},
};

static bool predicate_holds(const Predicate *p, FpOrder order)
{
    switch (order) {
    case FP_LESS:
        return p->less;
    case FP_EQUAL:
        return p->equal;
    case FP_GREATER:
        return p->greater;
    default:
        return p->unordered;
    }
}

static void compare_f32(Cpu *cpu, const Insn *insn)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    const Predicate *p = &predicates[insn->imm & 7];
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++) {
        FpOrder order = f32_compare(a.u32[i], b.u32[i], p->signal, &env);
        a.u32[i] = predicate_holds(p, order) ? UINT32_MAX : 0;
    }
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

static void compare_f64(Cpu *cpu, const Insn *insn)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    const Predicate *p = &predicates[insn->imm & 7];
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++) {
        FpOrder order = f64_compare(a.u64[i], b.u64[i], p->signal, &env);
        a.u64[i] = predicate_holds(p, order) ? UINT64_MAX : 0;
    }
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

/* clang-format off */
EXEC(CMPPS) { compare_f32(cpu, insn); }
EXEC(CMPSS) { compare_f32(cpu, insn); }
EXEC(CMPPD) { compare_f64(cpu, insn); }
EXEC(CMPSD) { compare_f64(cpu, insn); }
/* clang-format on */

/* ZF PF CF = 000 greater, 001 less, 100 equal, 111 unordered; OF SF AF cleared. */
static void flags_from_order(Cpu *cpu, FpOrder order)
{
    switch (order) {
    case FP_LESS:
        flags_set_arith(cpu, FLAG_CF);
        break;
    case FP_EQUAL:
        flags_set_arith(cpu, FLAG_ZF);
        break;
    case FP_GREATER:
        flags_set_arith(cpu, 0);
        break;
    case FP_UNORDERED:
        flags_set_arith(cpu, FLAG_ZF | FLAG_PF | FLAG_CF);
        break;
    }
}

static void compare_to_flags(Cpu *cpu, const Insn *insn, FpNanSignal signal)
{
    Vec a, b;
    vec_read(cpu, insn, 1, &b);
    vec_read(cpu, insn, 0, &a);
    FpEnv env = sse_env(cpu);
    FpOrder order = insn->op[0].size == 4 ? f32_compare(a.u32[0], b.u32[0], signal, &env)
                                          : f64_compare(a.u64[0], b.u64[0], signal, &env);
    sse_finish(cpu, &env);
    flags_from_order(cpu, order);
}

/* clang-format off */
EXEC(UCOMISS) { compare_to_flags(cpu, insn, FP_QUIET); }
EXEC(UCOMISD) { compare_to_flags(cpu, insn, FP_QUIET); }
EXEC(COMISS)  { compare_to_flags(cpu, insn, FP_SIGNALING); }
EXEC(COMISD)  { compare_to_flags(cpu, insn, FP_SIGNALING); }
/* clang-format on */

/* --- horizontal and alternating
 * ----------------------------------------------------------------------------------- */

static void horizontal_f32(Cpu *cpu, const Insn *insn, const FloatOp *op)
{
    Vec source[2], d = {0};
    vec_read_two(cpu, insn, &source[0], &source[1]);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++) {
        const uint32_t *pair = &source[i >> 1 & 1].u32[(i & 4) + 2 * (i & 1)];
        d.u32[i] = op->f32(pair[0], pair[1], &env);
    }
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &d);
}

static void horizontal_f64(Cpu *cpu, const Insn *insn, const FloatOp *op)
{
    Vec source[2], d = {0};
    vec_read_two(cpu, insn, &source[0], &source[1]);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++) {
        const uint64_t *pair = &source[i & 1].u64[i & 2];
        d.u64[i] = op->f64(pair[0], pair[1], &env);
    }
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &d);
}

/* clang-format off */
EXEC(HADDPS) { horizontal_f32(cpu, insn, &op_add); }
EXEC(HSUBPS) { horizontal_f32(cpu, insn, &op_sub); }
EXEC(HADDPD) { horizontal_f64(cpu, insn, &op_add); }
EXEC(HSUBPD) { horizontal_f64(cpu, insn, &op_sub); }
/* clang-format on */

/* Even elements are subtracted, odd ones added. */
EXEC(ADDSUBPS)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 4; i++)
        a.u32[i] = (i & 1 ? f32_add : f32_sub)(a.u32[i], b.u32[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

EXEC(ADDSUBPD)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < insn->op[0].size / 8; i++)
        a.u64[i] = (i & 1 ? f64_add : f64_sub)(a.u64[i], b.u64[i], &env);
    sse_finish(cpu, &env);
    vec_write(cpu, insn, 0, &a);
}

/* --- dot products ----------------------------------------------------------------------------- */

/* [SDM2] DPPS: imm8[7:4] chooses the products, imm8[3:0] where the sum goes. Exceptions of each
 * step are reported before the next: the products', then the sums'. */
EXEC(DPPS)
{
    Vec a, b, d = {0};
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    for (unsigned lane = 0; lane < insn->op[0].size / 16; lane++) {
        uint32_t product[4] = {0};
        for (unsigned i = 0; i < 4; i++)
            if (insn->imm >> (4 + i) & 1)
                product[i] = f32_mul(a.u32[lane * 4 + i], b.u32[lane * 4 + i], &env);
        sse_finish(cpu, &env);
        uint32_t low = f32_add(product[0], product[1], &env);
        uint32_t high = f32_add(product[2], product[3], &env);
        sse_finish(cpu, &env);
        uint32_t sum = f32_add(low, high, &env);
        sse_finish(cpu, &env);
        for (unsigned i = 0; i < 4; i++)
            d.u32[lane * 4 + i] = insn->imm >> i & 1 ? sum : 0;
    }
    vec_write(cpu, insn, 0, &d);
}

EXEC(DPPD)
{
    Vec a, b, d = {0};
    vec_read_two(cpu, insn, &a, &b);
    FpEnv env = sse_env(cpu);
    uint64_t product[2] = {0};
    for (unsigned i = 0; i < 2; i++)
        if (insn->imm >> (4 + i) & 1)
            product[i] = f64_mul(a.u64[i], b.u64[i], &env);
    sse_finish(cpu, &env);
    uint64_t sum = f64_add(product[0], product[1], &env);
    sse_finish(cpu, &env);
    for (unsigned i = 0; i < 2; i++)
        d.u64[i] = insn->imm >> i & 1 ? sum : 0;
    vec_write(cpu, insn, 0, &d);
}
