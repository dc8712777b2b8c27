/* x87_arith.c - x87 arithmetic and the transcendental functions.
 *
 * [SDM1] "x87 FPU Instruction Set", "Basic Arithmetic Instructions" and following; [SDM2] each.
 */
#include "cpu/exec/x87_priv.h"

/* --- two operands ---------------------------------------------------------------------------- */

typedef enum AfterArith { KEEP_STACK, POP_STACK } AfterArith;

static ALWAYS_INLINE void finish_arith(Cpu *cpu, unsigned dest, F80 result, AfterArith after,
                                       const FpEnv *env)
{
    x87_commit(cpu, env);
    if (!env_permits_result(env)) {
        return;
    }
    st_set(cpu, dest, result);
    if (after == POP_STACK) {
        st_pop(cpu);
    }
}

/* ST(i) := ST(i) op ST(j); the rows name destination and source. */
static void arith_registers(Cpu *cpu, const Insn *insn, F80Arith op, AfterArith after)
{
    unsigned dest = insn->op[0].reg, src = insn->op[1].reg;
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result = st_empty(cpu, dest) || st_empty(cpu, src)
                     ? stack_underflow(&env)
                     : x87_ops->arith(op, st_get(cpu, dest), st_get(cpu, src), &env);
    finish_arith(cpu, dest, result, after, &env);
}

static void arith_memory(Cpu *cpu, const Insn *insn, F80Arith op)
{
    uint64_t src = op_read(cpu, insn, 0);
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result;
    if (st_empty(cpu, 0)) {
        result = stack_underflow(&env);
    } else if (insn->op[0].size == 4) {
        result = x87_ops->arith_f32(op, st_get(cpu, 0), (uint32_t)src, &env);
    } else {
        result = x87_ops->arith_f64(op, st_get(cpu, 0), src, &env);
    }
    finish_arith(cpu, 0, result, KEEP_STACK, &env);
}

static void arith_integer(Cpu *cpu, const Insn *insn, F80Arith op)
{
    int64_t src = sign_extend(op_read(cpu, insn, 0), insn->op[0].size * 8);
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result = st_empty(cpu, 0) ? stack_underflow(&env)
                                  : x87_ops->arith(op, st_get(cpu, 0), i64_to_f80(src), &env);
    finish_arith(cpu, 0, result, KEEP_STACK, &env);
}

/* Each operation in its three shapes. R forms take the operands in the other order. */
#define ARITH(NAME)                                             \
    EXEC(F##NAME)                                               \
    {                                                           \
        if (operand_is_memory(insn)) {                          \
            arith_memory(cpu, insn, F80_##NAME);                \
        } else {                                                \
            arith_registers(cpu, insn, F80_##NAME, KEEP_STACK); \
        }                                                       \
    }                                                           \
    EXEC(F##NAME##P)                                            \
    {                                                           \
        arith_registers(cpu, insn, F80_##NAME, POP_STACK);      \
    }                                                           \
    EXEC(FI##NAME)                                              \
    {                                                           \
        arith_integer(cpu, insn, F80_##NAME);                   \
    }

ARITH(ADD)
ARITH(MUL)
ARITH(SUB)
ARITH(SUBR)
ARITH(DIV)
ARITH(DIVR)

/* --- ST(0) alone ----------------------------------------------------------------------------- */

static void unary(Cpu *cpu, const Insn *insn, F80 (*operation)(F80, FpEnv *))
{
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result = st_empty(cpu, 0) ? stack_underflow(&env) : operation(st_get(cpu, 0), &env);
    finish_arith(cpu, 0, result, KEEP_STACK, &env);
}

EXEC(FSQRT)
{
    unary(cpu, insn, x87_ops->sqrt);
}

EXEC(FRNDINT)
{
    unary(cpu, insn, x87_ops->round_int);
}

EXEC(F2XM1)
{
    unary(cpu, insn, x87_ops->f2xm1);
}

/* Sign changes raise nothing, whatever the operand. */
static F80 flip_sign(F80 a, FpEnv *env)
{
    return (F80){.mant = a.mant, .se = a.se ^ 0x8000};
}

static F80 clear_sign(F80 a, FpEnv *env)
{
    return (F80){.mant = a.mant, .se = a.se & 0x7fff};
}

EXEC(FCHS)
{
    unary(cpu, insn, flip_sign);
}

EXEC(FABS)
{
    unary(cpu, insn, clear_sign);
}

/* --- ST(0) and ST(1) ------------------------------------------------------------------------- */

EXEC(FSCALE)
{
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result = st_empty(cpu, 0) || st_empty(cpu, 1)
                     ? stack_underflow(&env)
                     : x87_ops->scale(st_get(cpu, 0), st_get(cpu, 1), &env);
    finish_arith(cpu, 0, result, KEEP_STACK, &env);
}

/* ST(1) := f(ST(0), ST(1)), pop. */
static void binary_pop(Cpu *cpu, const Insn *insn, F80 (*operation)(F80, F80, FpEnv *))
{
    FpEnv env = x87_env(cpu);
    x87_note(cpu, insn);
    F80 result = st_empty(cpu, 0) || st_empty(cpu, 1)
                     ? stack_underflow(&env)
                     : operation(st_get(cpu, 0), st_get(cpu, 1), &env);
    finish_arith(cpu, 1, result, POP_STACK, &env);
}

EXEC(FYL2X)
{
    binary_pop(cpu, insn, x87_ops->fyl2x);
}

EXEC(FYL2XP1)
{
    binary_pop(cpu, insn, x87_ops->fyl2xp1);
}

EXEC(FPATAN)
{
    binary_pop(cpu, insn, x87_ops->fpatan);
}

/* C2: incomplete; C0, C3, C1: quotient bits 2, 1, 0, which stay when there is no quotient. */
static unsigned remainder_conditions(F80Rem r)
{
    return (r.partial ? SW_C2 : 0) | (r.quotient & 4 ? SW_C0 : 0) | (r.quotient & 2 ? SW_C3 : 0) |
           (r.quotient & 1 ? SW_C1 : 0);
}

static void partial_remainder(Cpu *cpu, const Insn *insn, F80RemKind kind)
{
    FpEnv env = x87_env(cpu);
    F80Rem r = {.value = F80_INDEFINITE};
    x87_note(cpu, insn);
    if (st_empty(cpu, 0) || st_empty(cpu, 1)) {
        stack_underflow(&env);
    } else {
        r = x87_ops->rem(st_get(cpu, 0), st_get(cpu, 1), kind, &env);
    }
    finish_arith(cpu, 0, r.value, KEEP_STACK, &env);
    bool quotient = env_permits_result(&env) && !f80_is_nan(r.value);
    x87_set_conditions(cpu, quotient ? SW_CONDITIONS : SW_C2, remainder_conditions(r));
}

EXEC(FPREM)
{
    partial_remainder(cpu, insn, F80_REM_TRUNCATE);
}

EXEC(FPREM1)
{
    partial_remainder(cpu, insn, F80_REM_NEAREST);
}

/* --- two results ----------------------------------------------------------------------------- */

/* ST(0) := first, push second. True: the operand is out of range, and stays. */
static bool unary_push(Cpu *cpu, const Insn *insn, F80Pair (*operation)(F80, FpEnv *))
{
    FpEnv env = x87_env(cpu);
    F80Pair r = {.first = F80_INDEFINITE, .second = F80_INDEFINITE};
    x87_note(cpu, insn);
    if (st_empty(cpu, 0)) {
        stack_underflow(&env);
    } else if (!st_empty(cpu, 7)) {
        stack_overflow(&env);
    } else {
        r = operation(st_get(cpu, 0), &env);
    }
    x87_commit(cpu, &env);
    if (env_permits_result(&env) && !r.out_of_range) {
        st_set(cpu, 0, r.first);
        st_push(cpu, r.second);
    }
    return r.out_of_range;
}

EXEC(FXTRACT)
{
    unary_push(cpu, insn, x87_ops->extract);
}

EXEC(FPTAN)
{
    bool out_of_range = unary_push(cpu, insn, x87_ops->fptan);
    x87_set_conditions(cpu, SW_C2, out_of_range ? SW_C2 : 0);
}

EXEC(FSINCOS)
{
    bool out_of_range = unary_push(cpu, insn, x87_ops->fsincos);
    x87_set_conditions(cpu, SW_C2, out_of_range ? SW_C2 : 0);
}

static void trigonometric(Cpu *cpu, const Insn *insn, F80Pair (*operation)(F80, FpEnv *))
{
    FpEnv env = x87_env(cpu);
    F80Pair r = {.first = F80_INDEFINITE};
    x87_note(cpu, insn);
    if (st_empty(cpu, 0)) {
        stack_underflow(&env);
    } else {
        r = operation(st_get(cpu, 0), &env);
    }
    x87_set_conditions(cpu, SW_C2, r.out_of_range ? SW_C2 : 0);
    finish_arith(cpu, 0, r.first, KEEP_STACK, &env);
}

EXEC(FSIN)
{
    trigonometric(cpu, insn, x87_ops->fsin);
}

EXEC(FCOS)
{
    trigonometric(cpu, insn, x87_ops->fcos);
}
