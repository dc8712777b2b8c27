/* x87_priv.h - the register stack, the exceptions and the bookkeeping that x87 instructions share.
 *
 * The order inside an instruction: read memory (may fault); note the pointers; check the stack and
 * compute, collecting exceptions in an FpEnv; write memory (may fault); commit the exceptions;
 * write registers and pop, unless an unmasked exception forbids. [SDM1] "x87 FPU Exception
 * Handling".
 *
 * Arithmetic is done in software on every host: docs/decisions/x87-in-software.md. */
#ifndef MYNA_CPU_EXEC_X87_PRIV_H
#define MYNA_CPU_EXEC_X87_PRIV_H

#include "cpu/exec.h"
#include "cpu/x87.h"

static const F80Ops *const x87_ops = &f80_soft;

/* Beside the FP_* flags in FpEnv.flags: the invalid operation was a stack fault. */
enum { FP_SF = SW_SF };

/* --- the register stack ---------------------------------------------------------------------- */

static ALWAYS_INLINE unsigned st_physical(const Cpu *cpu, unsigned i)
{
    return (cpu->fpu.top + i) & 7;
}

static ALWAYS_INLINE bool st_empty(const Cpu *cpu, unsigned i)
{
    return !(cpu->fpu.valid >> st_physical(cpu, i) & 1);
}

static ALWAYS_INLINE F80 st_get(const Cpu *cpu, unsigned i)
{
    return cpu->fpu.reg[st_physical(cpu, i)];
}

static ALWAYS_INLINE void st_set(Cpu *cpu, unsigned i, F80 v)
{
    unsigned n = st_physical(cpu, i);
    cpu->fpu.reg[n] = v;
    cpu->fpu.valid |= (uint8_t)(1 << n);
}

static ALWAYS_INLINE void st_free(Cpu *cpu, unsigned i)
{
    cpu->fpu.valid &= (uint8_t) ~(1 << st_physical(cpu, i));
}

static ALWAYS_INLINE void st_push(Cpu *cpu, F80 v)
{
    cpu->fpu.top = (cpu->fpu.top - 1) & 7;
    st_set(cpu, 0, v);
}

static ALWAYS_INLINE void st_pop(Cpu *cpu)
{
    st_free(cpu, 0);
    cpu->fpu.top = (cpu->fpu.top + 1) & 7;
}

/* --- exceptions ------------------------------------------------------------------------------ */

static ALWAYS_INLINE FpEnv x87_env(const Cpu *cpu)
{
    uint16_t cw = cpu->fpu.cw;
    return (FpEnv){.round = cw >> CW_RC_SHIFT & 3,
                   .precision = cw >> CW_PC_SHIFT & 3,
                   .masked = cw & CW_MASKS};
}

/* [SDM1] "Stack Overflow or Underflow Exception (#IS)": C1 tells which; the masked response is the
 * indefinite NaN. */
static inline F80 stack_underflow(FpEnv *env)
{
    env->flags |= FP_IE | FP_SF;
    env->c1 = false;
    return F80_INDEFINITE;
}

static inline F80 stack_overflow(FpEnv *env)
{
    env->flags |= FP_IE | FP_SF;
    env->c1 = true;
    return F80_INDEFINITE;
}

/* May the result be written and the stack popped? */
static ALWAYS_INLINE bool env_permits_result(const FpEnv *env)
{
    return !(fp_unmasked(env) & FP_PRE_COMPUTATION);
}

/* The same of a result in memory, which has no bias-adjusted form. */
static ALWAYS_INLINE bool env_permits_store(const FpEnv *env)
{
    return !(fp_unmasked(env) & (FP_PRE_COMPUTATION | FP_OE | FP_UE));
}

/* Adds the collected exceptions to the status word and sets C1. */
static ALWAYS_INLINE void x87_commit(Cpu *cpu, const FpEnv *env)
{
    cpu->fpu.sw = (uint16_t)((cpu->fpu.sw & ~SW_C1) | env->flags | (env->c1 ? SW_C1 : 0));
    if (UNLIKELY(fp_unmasked(env))) {
        x87_update_summary(cpu);
    }
}

static ALWAYS_INLINE void x87_set_conditions(Cpu *cpu, unsigned mask, unsigned conditions)
{
    cpu->fpu.sw = (uint16_t)((cpu->fpu.sw & ~mask) | conditions);
}

/* --- pointers -------------------------------------------------------------------------------- */

/* [SDM1] "x87 FPU Instruction and Data (Operand) Pointers": of the last non-control instruction. */
static ALWAYS_INLINE void x87_note(Cpu *cpu, const Insn *insn)
{
    Fpu *fpu = &cpu->fpu;
    fpu->fip = cpu->rip - insn->length;
    fpu->fcs = cpu->seg[SEG_CS].selector;
    fpu->fop = (uint16_t)((insn->opcode & 7) << 8 | insn->modrm);
    if (insn->op[0].kind == OPND_MEM) {
        fpu->fdp = insn_offset(cpu, insn);
        fpu->fds = cpu->seg[insn->seg].selector;
    }
}

/* --- memory operands ------------------------------------------------------------------------- */

static inline F80 x87_load_f80(Cpu *cpu, const Insn *insn)
{
    LinAddr la = insn_linear(cpu, insn, 10, ACCESS_READ);
    F80 v = {.mant = mem_load(cpu, la, 8)};
    v.se = (uint16_t)mem_load(cpu, linear_plus(cpu, la, 8), 2);
    return v;
}

static inline void x87_store_f80(Cpu *cpu, const Insn *insn, F80 v)
{
    LinAddr la = insn_linear(cpu, insn, 10, ACCESS_WRITE);
    uint8_t *host = mem_host(cpu, la, 10, ACCESS_WRITE);
    if (LIKELY(host)) {
        store_le64(host, v.mant);
        store_le16(host + 8, v.se);
        return;
    }
    mem_store(cpu, la, v.mant, 8);
    mem_store(cpu, linear_plus(cpu, la, 8), v.se, 2);
}

static inline bool operand_is_memory(const Insn *insn)
{
    return insn->op[0].kind == OPND_MEM;
}

#endif
