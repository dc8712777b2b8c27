/* vec_compare.c - floating-point comparisons: CMPPS and its like, COMISS and its like. */
#include "cpu/exec/sse_host.h"
#include "cpu/exec/vec.h"
#include "cpu/exec/vec_float_priv.h"

/* --- into masks ---------------------------------------------------------------------------- */

/* The answer for each order, and whether quiet NaNs raise IE. Predicates 16 to 31 are 0 to 15 with
 * the other behaviour for quiet NaNs. [SDM2] CMPPD, "Comparison Predicate". */
typedef struct Predicate {
    uint8_t less, equal, greater, unordered;
    FpNanSignal signal;
} Predicate;

static const Predicate predicates[16] = {
    /*            < = > ?            */
    /* EQ     */ {0, 1, 0, 0, FP_QUIET},
    /* LT     */ {1, 0, 0, 0, FP_SIGNALING},
    /* LE     */ {1, 1, 0, 0, FP_SIGNALING},
    /* UNORD  */ {0, 0, 0, 1, FP_QUIET},
    /* NEQ    */ {1, 0, 1, 1, FP_QUIET},
    /* NLT    */ {0, 1, 1, 1, FP_SIGNALING},
    /* NLE    */ {0, 0, 1, 1, FP_SIGNALING},
    /* ORD    */ {1, 1, 1, 0, FP_QUIET},
    /* EQ_UQ  */ {0, 1, 0, 1, FP_QUIET},
    /* NGE    */ {1, 0, 0, 1, FP_SIGNALING},
    /* NGT    */ {1, 1, 0, 1, FP_SIGNALING},
    /* FALSE  */ {0, 0, 0, 0, FP_QUIET},
    /* NEQ_OQ */ {1, 0, 1, 0, FP_QUIET},
    /* GE     */ {0, 1, 1, 0, FP_SIGNALING},
    /* GT     */ {0, 0, 1, 0, FP_SIGNALING},
    /* TRUE   */ {1, 1, 1, 1, FP_QUIET},
};

/* Legacy forms have three bits of it. */
static Predicate predicate_of(const Insn *insn, VecForm form)
{
    Predicate p = predicates[insn->imm & (form == VEC_VEX ? 15 : 7)];
    if (form == VEC_VEX && insn->imm & 16)
        p.signal = p.signal == FP_QUIET ? FP_SIGNALING : FP_QUIET;
    return p;
}

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

static void compare_f32(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, 4, &d, &buffer);
    Predicate p = predicate_of(insn, form);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < float_count(insn, shape, 4); i++) {
        FpOrder order = f32_compare(d.u32[i], b->u32[i], p.signal, &env);
        d.u32[i] = predicate_holds(&p, order) ? UINT32_MAX : 0;
    }
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

static void compare_f64(Cpu *cpu, const Insn *insn, VecForm form, FloatShape shape)
{
    Vec buffer, d;
    const Vec *b = float_sources(cpu, insn, form, shape, 8, &d, &buffer);
    Predicate p = predicate_of(insn, form);
    FpEnv env = sse_env(cpu);
    for (unsigned i = 0; i < float_count(insn, shape, 8); i++) {
        FpOrder order = f64_compare(d.u64[i], b->u64[i], p.signal, &env);
        d.u64[i] = predicate_holds(&p, order) ? UINT64_MAX : 0;
    }
    sse_finish(cpu, &env);
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(CMPPS, compare_f32, PACKED)
VEC_FORMS(CMPSS, compare_f32, SCALAR)
VEC_FORMS(CMPPD, compare_f64, PACKED)
VEC_FORMS(CMPSD, compare_f64, SCALAR)

/* --- into EFLAGS --------------------------------------------------------------------------- */

/* ZF PF CF = 000 greater, 001 less, 100 equal, 111 unordered; OF SF AF cleared. */
static uint32_t flags_of_order(FpOrder order)
{
    switch (order) {
    case FP_LESS:
        return FLAG_CF;
    case FP_EQUAL:
        return FLAG_ZF;
    case FP_GREATER:
        return 0;
    default:
        return FLAG_ZF | FLAG_PF | FLAG_CF;
    }
}

static NOINLINE uint32_t soft_compare(Cpu *cpu, const Vec *a, const Vec *b, unsigned size,
                                      FpNanSignal signal)
{
    FpEnv env = sse_env(cpu);
    FpOrder order = size == 4 ? f32_compare(a->u32[0], b->u32[0], signal, &env)
                              : f64_compare(a->u64[0], b->u64[0], signal, &env);
    sse_finish(cpu, &env);
    return flags_of_order(order);
}

typedef uint32_t HostCompareFn(const Vec *a, const Vec *b, uint32_t *mxcsr);

static ALWAYS_INLINE void compare_to_flags(Cpu *cpu, const Insn *insn, VecForm form,
                                           HostCompareFn *host, unsigned size, FpNanSignal signal)
{
    Vec buffer;
    const Vec *b = vec_source(cpu, insn, 1, &buffer), *a = &cpu->vec[insn->op[0].reg];
    if (sse_on_host(cpu))
        flags_set_arith(cpu, host(a, b, &cpu->mxcsr));
    else
        flags_set_arith(cpu, soft_compare(cpu, a, b, size, signal));
}

SSE_HOST_COMPARE(ucomiss)
SSE_HOST_COMPARE(ucomisd)
SSE_HOST_COMPARE(comiss)
SSE_HOST_COMPARE(comisd)
VEC_FORMS(UCOMISS, compare_to_flags, host_ucomiss, 4, FP_QUIET)
VEC_FORMS(UCOMISD, compare_to_flags, host_ucomisd, 8, FP_QUIET)
VEC_FORMS(COMISS, compare_to_flags, host_comiss, 4, FP_SIGNALING)
VEC_FORMS(COMISD, compare_to_flags, host_comisd, 8, FP_SIGNALING)
