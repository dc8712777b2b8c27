/* vec.c - loading and storing the operands of vector instructions. */
#include "cpu/exec/vec.h"

static void check_vector_alignment(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size)
{
    if (size >= 16 && insn_row(insn)->attrs & ATTR_ALIGNED && la & (size - 1))
        raise_GP(cpu, 0);
}

void vec_load(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, Vec *v)
{
    check_vector_alignment(cpu, insn, la, size);
    if (size <= 8) {
        v->u64[0] = mem_load(cpu, la, size);
        v->u64[1] = 0;
        return;
    }
    const uint8_t *host = mem_host(cpu, la, size, ACCESS_READ);
    if (LIKELY(host != NULL)) {
        memcpy(v, host, size);
        return;
    }
    for (unsigned i = 0; i < size / 8; i++)
        v->u64[i] = mem_load(cpu, linear_plus(cpu, la, 8 * i), 8);
}

void vec_store(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, const Vec *v)
{
    check_vector_alignment(cpu, insn, la, size);
    if (size <= 8) {
        mem_store(cpu, la, v->u64[0], size);
        return;
    }
    uint8_t *host = mem_host(cpu, la, size, ACCESS_WRITE);
    if (LIKELY(host != NULL)) {
        memcpy(host, v, size);
        return;
    }
    mem_probe(cpu, la, size, ACCESS_WRITE);
    for (unsigned i = 0; i < size / 8; i++)
        mem_store(cpu, linear_plus(cpu, la, 8 * i), v->u64[i], 8);
}

void vec_fetch(Cpu *cpu, const Insn *insn, unsigned n, Vec *v)
{
    const Operand *op = &insn->op[n];
    if (op->kind == OPND_MEM) {
        LinAddr la = insn_linear(cpu, insn, op->size, ACCESS_READ);
        if (op->size == 8) { /* scalars, made constant for speed */
            v->u64[0] = mem_load(cpu, la, 8);
            v->u64[1] = 0;
        } else if (op->size == 4) {
            v->u64[0] = mem_load(cpu, la, 4);
            v->u64[1] = 0;
        } else {
            vec_load(cpu, insn, la, op->size, v);
        }
        return;
    }
    v->u64[0] = op->kind == OPND_MMX ? mmx_read(cpu, op->reg) : op_read(cpu, insn, n);
    v->u64[1] = 0;
}

void vec_write(Cpu *cpu, const Insn *insn, VecForm form, const Vec *d)
{
    const Operand *op = &insn->op[0];
    switch (op->kind) {
    case OPND_VEC:
        vec_put(cpu, op, form, d);
        return;
    case OPND_MMX:
        mmx_enter(cpu);
        mmx_write(cpu, op->reg, d->u64[0]);
        return;
    case OPND_MEM:
        vec_store(cpu, insn, insn_linear(cpu, insn, op->size, ACCESS_WRITE), op->size, d);
        return;
    default:
        op_write(cpu, insn, 0, d->u64[0]);
        return;
    }
}

FpEnv sse_env(const Cpu *cpu)
{
    return (FpEnv){
        .round = cpu->mxcsr >> MXCSR_RC_SHIFT & 3,
        .precision = FP_PRECISION_64,
        .masked = cpu->mxcsr >> MXCSR_MASKS_SHIFT & FP_ALL,
        .daz = cpu->mxcsr & MXCSR_DAZ,
        .ftz = cpu->mxcsr & MXCSR_FTZ,
    };
}

void sse_finish(Cpu *cpu, const FpEnv *env)
{
    uint8_t flags = env->flags;
    /* An exception found before computing hides what other elements found after it.
     * [SDM1] "SIMD Floating-Point Exception Priority". */
    if (fp_unmasked(env) & FP_PRE_COMPUTATION)
        flags &= FP_PRE_COMPUTATION;
    cpu->mxcsr |= flags;
    if (UNLIKELY(fp_unmasked(env)))
        cpu_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD, 0);
}
