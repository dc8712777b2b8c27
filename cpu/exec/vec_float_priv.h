/* vec_float_priv.h - operands of floating-point instructions, for vec_float.c and its neighbours.
 */
#ifndef MYNA_CPU_EXEC_VEC_FLOAT_PRIV_H
#define MYNA_CPU_EXEC_VEC_FLOAT_PRIV_H

#include "cpu/exec/vec.h"

typedef enum FloatShape {
    PACKED,       /* two sources, all elements */
    SCALAR,       /* the lowest element; the others come from the first source */
    PACKED_UNARY, /* one source, all elements */
} FloatShape;

/* Elements of a result. */
static ALWAYS_INLINE unsigned float_count(const Insn *insn, FloatShape shape, unsigned bytes)
{
    return shape == SCALAR ? 1 : insn->op[0].size / bytes;
}

/* The second source, or the only one; *d becomes the first, which the result is made in. bytes: of
 * an element of the second source. */
static ALWAYS_INLINE const Vec *float_sources(Cpu *cpu, const Insn *insn, VecForm form,
                                              FloatShape shape, unsigned bytes, Vec *d, Vec *buffer)
{
    if (shape == PACKED_UNARY) {
        memset(d, 0, sizeof(*d));
        return vec_source(cpu, insn, 1, buffer);
    }
    const Vec *first = &cpu->vec[insn->op[form].reg];
    memcpy(d, first, 16);
    if (form == VEC_VEX)
        memcpy(&d->u8[16], &first->u8[16], 16);
    if (shape == SCALAR && insn->op[1 + form].kind == OPND_MEM) {
        buffer->u64[0] = mem_load(cpu, insn_linear(cpu, insn, bytes, ACCESS_READ), bytes);
        buffer->u64[1] = 0;
        return buffer;
    }
    return vec_source(cpu, insn, 1 + form, buffer);
}

#endif
