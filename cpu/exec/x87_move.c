/* x87_move.c - loads, stores, constants, conditional moves and the handling of the stack.
 *
 * [SDM1] "Data Transfer Instructions", "Load Constant Instructions"; [SDM2] each.
 */
#include "cpu/exec/x87_priv.h"

/* --- loads ----------------------------------------------------------------------------------- */

/* Pushes v, which was made under env; a full stack replaces it, unless ST(i) was empty. An unmasked
 * denormal operand does not keep processors from pushing. */
static ALWAYS_INLINE void finish_load(Cpu *cpu, const Insn *insn, F80 v, FpEnv *env)
{
    x87_note(cpu, insn);
    if (!st_empty(cpu, 7) && !(env->flags & FP_SF)) {
        env->flags = 0;
        v = stack_overflow(env);
    }
    x87_commit(cpu, env);
    if (!(fp_unmasked(env) & FP_IE)) {
        st_push(cpu, v);
    }
}

static F80 load_operand(Cpu *cpu, const Insn *insn, FpEnv *env)
{
    const Operand *op = &insn->op[0];
    if (op->kind == OPND_ST) {
        return st_empty(cpu, op->reg) ? stack_underflow(env) : st_get(cpu, op->reg);
    }
    if (op->size == 4) {
        return x87_ops->from_f32((uint32_t)op_read(cpu, insn, 0), env);
    }
    if (op->size == 8) {
        return x87_ops->from_f64(op_read(cpu, insn, 0), env);
    }
    return x87_load_f80(cpu, insn);
}

EXEC(FLD)
{
    FpEnv env = x87_env(cpu);
    F80 v = load_operand(cpu, insn, &env);
    finish_load(cpu, insn, v, &env);
}

EXEC(FILD)
{
    FpEnv env = x87_env(cpu);
    F80 v = i64_to_f80(sign_extend(op_read(cpu, insn, 0), insn->op[0].size * 8));
    finish_load(cpu, insn, v, &env);
}

EXEC(FBLD)
{
    FpEnv env = x87_env(cpu);
    F80 v = bcd_to_f80(x87_load_f80(cpu, insn));
    finish_load(cpu, insn, v, &env);
}

/* --- constants ------------------------------------------------------------------------------- */

/* A constant truncated to 64 bits, and whether the bits beyond are more than a half. [SDM2] FLD1:
 * rounded as RC says, without a precision exception. */
typedef struct Constant {
    F80 truncated;
    bool above_half;
} Constant;

static const Constant log2_10 = {{0xd49a784bcd1b8afe, 0x4000}, false};
static const Constant log2_e = {{0xb8aa3b295c17f0bb, 0x3fff}, true};
static const Constant pi = {{0xc90fdaa22168c234, 0x4000}, true};
static const Constant log10_2 = {{0x9a209a84fbcff798, 0x3ffd}, true};
static const Constant ln_2 = {{0xb17217f7d1cf79ab, 0x3ffe}, true};

static void load_exact(Cpu *cpu, const Insn *insn, F80 v)
{
    FpEnv env = x87_env(cpu);
    finish_load(cpu, insn, v, &env);
}

static void load_constant(Cpu *cpu, const Insn *insn, Constant c)
{
    FpRound round = x87_env(cpu).round;
    F80 v = c.truncated;
    v.mant += round == FP_ROUND_UP || (round == FP_ROUND_NEAREST && c.above_half);
    load_exact(cpu, insn, v);
}

EXEC(FLD1)
{
    load_exact(cpu, insn, (F80){(uint64_t)1 << 63, 0x3fff});
}

EXEC(FLDZ)
{
    load_exact(cpu, insn, (F80){0});
}

EXEC(FLDL2T)
{
    load_constant(cpu, insn, log2_10);
}

EXEC(FLDL2E)
{
    load_constant(cpu, insn, log2_e);
}

EXEC(FLDPI)
{
    load_constant(cpu, insn, pi);
}

EXEC(FLDLG2)
{
    load_constant(cpu, insn, log10_2);
}

EXEC(FLDLN2)
{
    load_constant(cpu, insn, ln_2);
}

/* --- stores ---------------------------------------------------------------------------------- */

typedef enum AfterStore { STORE_KEEP, STORE_POP } AfterStore;

/* After memory was written, or not, as env says. */
static ALWAYS_INLINE void finish_store(Cpu *cpu, const Insn *insn, AfterStore after,
                                       const FpEnv *env)
{
    x87_note(cpu, insn);
    x87_commit(cpu, env);
    if (after == STORE_POP && env_permits_store(env)) {
        st_pop(cpu);
    }
}

/* May memory be written? Where an unmasked exception forbids it, the address is looked at before:
 * what a store there would raise comes first, as in processors. */
static ALWAYS_INLINE bool memory_permits(Cpu *cpu, const Insn *insn, const FpEnv *env)
{
    unsigned size = insn->op[0].size;
    if (LIKELY(env_permits_store(env)))
        return true;
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_WRITE);
    if (!mem_host(cpu, la, size, ACCESS_WRITE))
        mem_probe(cpu, la, size, ACCESS_WRITE);
    return false;
}

static void store_register(Cpu *cpu, const Insn *insn, AfterStore after)
{
    FpEnv env = x87_env(cpu);
    F80 v = st_empty(cpu, 0) ? stack_underflow(&env) : st_get(cpu, 0);
    if (env_permits_result(&env)) {
        st_set(cpu, insn->op[0].reg, v);
    }
    finish_store(cpu, insn, after, &env);
}

/* The encoding of ST(0) in 32 or 64 bits; of the indefinite NaN when ST(0) is empty. */
static uint64_t narrowed(Cpu *cpu, unsigned size, FpEnv *env)
{
    F80 v = st_empty(cpu, 0) ? stack_underflow(env) : st_get(cpu, 0);
    return size == 4 ? x87_ops->to_f32(v, env) : x87_ops->to_f64(v, env);
}

static void store_real(Cpu *cpu, const Insn *insn, AfterStore after)
{
    FpEnv env = x87_env(cpu);
    if (insn->op[0].size == 10) {
        F80 v = st_empty(cpu, 0) ? stack_underflow(&env) : st_get(cpu, 0);
        if (memory_permits(cpu, insn, &env)) {
            x87_store_f80(cpu, insn, v);
        }
    } else {
        uint64_t v = narrowed(cpu, insn->op[0].size, &env);
        if (memory_permits(cpu, insn, &env)) {
            op_write(cpu, insn, 0, v);
        }
    }
    finish_store(cpu, insn, after, &env);
}

EXEC(FST)
{
    if (operand_is_memory(insn)) {
        store_real(cpu, insn, STORE_KEEP);
    } else {
        store_register(cpu, insn, STORE_KEEP);
    }
}

EXEC(FSTP)
{
    if (operand_is_memory(insn)) {
        store_real(cpu, insn, STORE_POP);
    } else {
        store_register(cpu, insn, STORE_POP);
    }
}

/* Undocumented D9 D8+i: FSTP that pops an empty ST(0) without storing it and without an exception.
 */
EXEC(FSTPNCE)
{
    x87_note(cpu, insn);
    x87_set_conditions(cpu, SW_C1, 0);
    if (!st_empty(cpu, 0)) {
        st_set(cpu, insn->op[0].reg, st_get(cpu, 0));
    }
    st_pop(cpu);
}

/* ST(0) as an integer of size bytes. */
static int64_t to_integer(F80 v, unsigned size, FpRound round, FpEnv *env)
{
    switch (size) {
    case 2:
        return x87_ops->to_i16(v, round, env);
    case 4:
        return x87_ops->to_i32(v, round, env);
    default:
        return x87_ops->to_i64(v, round, env);
    }
}

static void store_integer(Cpu *cpu, const Insn *insn, FpRound round, AfterStore after, FpEnv *env)
{
    unsigned size = insn->op[0].size;
    F80 v = st_empty(cpu, 0) ? stack_underflow(env) : st_get(cpu, 0);
    int64_t result = to_integer(v, size, round, env);
    if (memory_permits(cpu, insn, env)) {
        op_write(cpu, insn, 0, (uint64_t)result);
    }
    finish_store(cpu, insn, after, env);
}

EXEC(FIST)
{
    FpEnv env = x87_env(cpu);
    store_integer(cpu, insn, env.round, STORE_KEEP, &env);
}

EXEC(FISTP)
{
    FpEnv env = x87_env(cpu);
    store_integer(cpu, insn, env.round, STORE_POP, &env);
}

/* [SDM2] FISTTP: truncates whatever RC says; C1 is cleared by truncation anyway. */
EXEC(FISTTP)
{
    FpEnv env = x87_env(cpu);
    store_integer(cpu, insn, FP_ROUND_ZERO, STORE_POP, &env);
}

EXEC(FBSTP)
{
    FpEnv env = x87_env(cpu);
    F80 v = st_empty(cpu, 0) ? stack_underflow(&env) : st_get(cpu, 0);
    F80 packed = x87_ops->to_bcd(v, &env);
    if (memory_permits(cpu, insn, &env)) {
        x87_store_f80(cpu, insn, packed);
    }
    finish_store(cpu, insn, STORE_POP, &env);
}

/* --- within the stack ------------------------------------------------------------------------ */

/* An empty register is exchanged as the indefinite NaN. */
EXEC(FXCH)
{
    unsigned i = insn->op[1].reg;
    FpEnv env = x87_env(cpu);
    F80 a = st_get(cpu, 0), b = st_get(cpu, i);
    x87_note(cpu, insn);
    if (st_empty(cpu, 0)) {
        a = stack_underflow(&env);
    }
    if (st_empty(cpu, i)) {
        b = stack_underflow(&env);
    }
    x87_commit(cpu, &env);
    if (env_permits_result(&env)) {
        st_set(cpu, 0, b);
        st_set(cpu, i, a);
    }
}

/* [SDM2] FCMOVcc: an empty register is a stack fault even when the condition is false. */
static void conditional_move(Cpu *cpu, const Insn *insn, bool condition)
{
    unsigned i = insn->op[1].reg;
    FpEnv env = x87_env(cpu);
    F80 v = condition ? st_get(cpu, i) : st_get(cpu, 0);
    x87_note(cpu, insn);
    if (st_empty(cpu, 0) || st_empty(cpu, i)) {
        v = stack_underflow(&env);
        x87_commit(cpu, &env); /* C1 changes then only */
    }
    if (env_permits_result(&env)) {
        st_set(cpu, 0, v);
    }
}

EXEC(FCMOVB)
{
    conditional_move(cpu, insn, flag_cf(cpu));
}

EXEC(FCMOVE)
{
    conditional_move(cpu, insn, flag_zf(cpu));
}

EXEC(FCMOVBE)
{
    conditional_move(cpu, insn, flag_cf(cpu) || flag_zf(cpu));
}

EXEC(FCMOVU)
{
    conditional_move(cpu, insn, flag_pf(cpu));
}

EXEC(FCMOVNB)
{
    conditional_move(cpu, insn, !flag_cf(cpu));
}

EXEC(FCMOVNE)
{
    conditional_move(cpu, insn, !flag_zf(cpu));
}

EXEC(FCMOVNBE)
{
    conditional_move(cpu, insn, !flag_cf(cpu) && !flag_zf(cpu));
}

EXEC(FCMOVNU)
{
    conditional_move(cpu, insn, !flag_pf(cpu));
}

static void rotate_stack(Cpu *cpu, const Insn *insn, int by)
{
    x87_note(cpu, insn);
    cpu->fpu.top = (cpu->fpu.top + by) & 7;
    x87_set_conditions(cpu, SW_C1, 0);
}

EXEC(FINCSTP)
{
    rotate_stack(cpu, insn, 1);
}

EXEC(FDECSTP)
{
    rotate_stack(cpu, insn, -1);
}

EXEC(FFREE)
{
    x87_note(cpu, insn);
    x87_set_conditions(cpu, SW_C1, 0);
    st_free(cpu, insn->op[0].reg);
}

/* Undocumented DF C0+i: FFREE and a pop. */
EXEC(FFREEP)
{
    x87_note(cpu, insn);
    x87_set_conditions(cpu, SW_C1, 0);
    st_free(cpu, insn->op[0].reg);
    st_pop(cpu);
}

EXEC(FNOP)
{
    x87_note(cpu, insn);
}
