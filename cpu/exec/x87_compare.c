/* x87_compare.c - comparisons, into the condition bits and into EFLAGS, and FXAM.
 *
 * [SDM1] "Comparison and Classification Instructions"; [SDM2] FCOM, FUCOM, FCOMI, FTST, FXAM.
 */
#include "cpu/exec/x87_priv.h"

enum { UNORDERED_CONDITIONS = SW_C3 | SW_C2 | SW_C0 };

static unsigned order_conditions(FpOrder order)
{
    switch (order) {
    case FP_LESS:
        return SW_C0;
    case FP_EQUAL:
        return SW_C3;
    case FP_GREATER:
        return 0;
    default:
        return UNORDERED_CONDITIONS;
    }
}

/* Processors set the conditions even when an unmasked exception keeps them from popping, although
 * the manual has them unchanged then. */
static void finish_compare(Cpu *cpu, FpOrder order, unsigned pops, const FpEnv *env)
{
    x87_commit(cpu, env);
    x87_set_conditions(cpu, UNORDERED_CONDITIONS, order_conditions(order));
    for (; pops && env_permits_result(env); pops--) {
        st_pop(cpu);
    }
}

static FpOrder underflow_order(FpEnv *env)
{
    stack_underflow(env);
    return FP_UNORDERED;
}

static FpOrder compare_registers(Cpu *cpu, unsigned with, FpNanSignal signal, FpEnv *env)
{
    return st_empty(cpu, 0) || st_empty(cpu, with)
               ? underflow_order(env)
               : x87_ops->compare(st_get(cpu, 0), st_get(cpu, with), signal, env);
}

static void compare_st(Cpu *cpu, const Insn *insn, unsigned with, FpNanSignal signal, unsigned pops)
{
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    FpOrder order = compare_registers(cpu, with, signal, &env);
    finish_compare(cpu, order, pops, &env);
}

static void compare_memory(Cpu *cpu, const Insn *insn, unsigned pops)
{
    uint64_t src = op_read(cpu, insn, 0);
    FpEnv env = x87_env(cpu);
    FpOrder order;
    x87_note(cpu, insn);
    if (st_empty(cpu, 0)) {
        order = underflow_order(&env);
    } else if (insn->op[0].size == 4) {
        order = x87_ops->compare_f32(st_get(cpu, 0), (uint32_t)src, &env);
    } else {
        order = x87_ops->compare_f64(st_get(cpu, 0), src, &env);
    }
    finish_compare(cpu, order, pops, &env);
}

static void compare_integer(Cpu *cpu, const Insn *insn, unsigned pops)
{
    F80 src = i64_to_f80(sign_extend(op_read(cpu, insn, 0), insn->op[0].size * 8));
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    FpOrder order = st_empty(cpu, 0) ? underflow_order(&env)
                                     : x87_ops->compare(st_get(cpu, 0), src, FP_SIGNALING, &env);
    finish_compare(cpu, order, pops, &env);
}

EXEC(FCOM)
{
    if (operand_is_memory(insn)) {
        compare_memory(cpu, insn, 0);
    } else {
        compare_st(cpu, insn, insn->op[1].reg, FP_SIGNALING, 0);
    }
}

EXEC(FCOMP)
{
    if (operand_is_memory(insn)) {
        compare_memory(cpu, insn, 1);
    } else {
        compare_st(cpu, insn, insn->op[1].reg, FP_SIGNALING, 1);
    }
}

EXEC(FCOMPP)
{
    compare_st(cpu, insn, 1, FP_SIGNALING, 2);
}

EXEC(FUCOM)
{
    compare_st(cpu, insn, insn->op[1].reg, FP_QUIET, 0);
}

EXEC(FUCOMP)
{
    compare_st(cpu, insn, insn->op[1].reg, FP_QUIET, 1);
}

EXEC(FUCOMPP)
{
    compare_st(cpu, insn, 1, FP_QUIET, 2);
}

EXEC(FICOM)
{
    compare_integer(cpu, insn, 0);
}

EXEC(FICOMP)
{
    compare_integer(cpu, insn, 1);
}

/* FTST: with +0.0. */
EXEC(FTST)
{
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    FpOrder order = st_empty(cpu, 0)
                        ? underflow_order(&env)
                        : x87_ops->compare(st_get(cpu, 0), (F80){0}, FP_SIGNALING, &env);
    finish_compare(cpu, order, 0, &env);
}

/* --- into EFLAGS ----------------------------------------------------------------------------- */

/* [SDM2] FCOMI: ZF, PF, CF as UCOMISD sets them; OF, SF, AF cleared. */
static void compare_eflags(Cpu *cpu, const Insn *insn, FpNanSignal signal, unsigned pops)
{
    static const uint32_t flags[] = {
        [FP_LESS + 1] = FLAG_CF,
        [FP_EQUAL + 1] = FLAG_ZF,
        [FP_GREATER + 1] = 0,
        [FP_UNORDERED + 1] = FLAG_ZF | FLAG_PF | FLAG_CF,
    };
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    FpOrder order = compare_registers(cpu, insn->op[1].reg, signal, &env);
    x87_commit(cpu, &env);
    flags_set_arith(cpu, flags[order + 1]);
    if (pops && env_permits_result(&env)) {
        st_pop(cpu);
    }
}

EXEC(FCOMI)
{
    compare_eflags(cpu, insn, FP_SIGNALING, 0);
}

EXEC(FCOMIP)
{
    compare_eflags(cpu, insn, FP_SIGNALING, 1);
}

EXEC(FUCOMI)
{
    compare_eflags(cpu, insn, FP_QUIET, 0);
}

EXEC(FUCOMIP)
{
    compare_eflags(cpu, insn, FP_QUIET, 1);
}

/* --- classification -------------------------------------------------------------------------- */

/* [SDM2] FXAM, table "FXAM Results". */
static unsigned class_conditions(F80 v)
{
    unsigned exponent = v.se & 0x7fff;
    if (exponent == 0) {
        return v.mant ? SW_C3 | SW_C2 : SW_C3;
    }
    if (!(v.mant >> 63)) {
        return 0; /* unsupported */
    }
    if (exponent != 0x7fff) {
        return SW_C2;
    }
    return v.mant << 1 ? SW_C0 : SW_C2 | SW_C0;
}

EXEC(FXAM)
{
    F80 v = st_get(cpu, 0);
    unsigned sign = v.se & 0x8000 ? SW_C1 : 0;
    unsigned class = st_empty(cpu, 0) ? SW_C3 | SW_C0 : class_conditions(v);
    x87_note(cpu, insn);
    x87_set_conditions(cpu, SW_CONDITIONS, class | sign);
}
