/* vec.h - operands of vector instructions, for the files of MMX, SSE and later extensions.
 *
 * One body serves every width: the operand's size says whether it is an MMX register (8), an XMM
 * register (16), a scalar in one (4, 8), or a YMM register (32). The two-operand legacy form reads
 * operand 0 as its first source; the three-operand VEX form has it as operand 1. */
#ifndef MYNA_CPU_EXEC_VEC_H
#define MYNA_CPU_EXEC_VEC_H

#include "cpu/exec.h"
#include "cpu/softfloat.h"
#include "cpu/x87.h"

static inline bool insn_is_vex(const Insn *insn)
{
    return insn_row(insn)->map >= MAP_VEX_0F;
}

/* A memory operand of 1 to 32 bytes; ATTR_ALIGNED rows want 16- and 32-byte operands aligned, and
 * legacy SSE faults with #GP(0). */
void vec_load(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, Vec *v);
void vec_store(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, const Vec *v);

/* Operand n, zero extended to the whole Vec. */
void vec_read(Cpu *cpu, const Insn *insn, unsigned n, Vec *v);

/* Operand n := the low bytes of v as the operand's size says. Legacy forms keep the rest of the
 * register, VEX forms clear it. */
void vec_write(Cpu *cpu, const Insn *insn, unsigned n, const Vec *v);

/* Both sources of an operation on vectors; the one that may be in memory is read first. */
static inline void vec_read_two(Cpu *cpu, const Insn *insn, Vec *a, Vec *b)
{
    unsigned first = insn_is_vex(insn) ? 1 : 0;
    vec_read(cpu, insn, first + 1, b);
    vec_read(cpu, insn, first, a);
}

/* Bytes that shuffles, packs and horizontal operations stay within: 8 for MMX, else 16. */
static inline unsigned vec_lane_bytes(const Insn *insn)
{
    return insn->op[0].size == 8 && insn->op[0].kind == OPND_MMX ? 8 : 16;
}

/* EXEC of an operation on each element: VEC_EACH(PADDB, u8, a + b). `a` and `b` are the elements.
 * The whole Vec is computed, whatever the operand's size: the compiler can then use host vectors.
 */
#define VEC_EACH(NAME, field, expression)                                       \
    EXEC(NAME)                                                                  \
    {                                                                           \
        Vec first, second;                                                      \
        vec_read_two(cpu, insn, &first, &second);                               \
        for (unsigned n = 0; n < G_N_ELEMENTS(first.field); n++) {              \
            __typeof__(first.field[0]) a = first.field[n], b = second.field[n]; \
            first.field[n] = (expression);                                      \
        }                                                                       \
        vec_write(cpu, insn, 0, &first);                                        \
    }

/* EXEC of an operation within each lane: body is a function (Vec *d, const Vec *a, const Vec *b,
 * unsigned bytes) that sees one lane in the low bytes. */
typedef void VecLaneFn(Vec *d, const Vec *a, const Vec *b, unsigned bytes);
void vec_each_lane(Cpu *cpu, const Insn *insn, VecLaneFn *fn);

/* --- floating point
 * ------------------------------------------------------------------------------- */

enum { MXCSR_DAZ = 1 << 6, MXCSR_MASKS_SHIFT = 7, MXCSR_RC_SHIFT = 13, MXCSR_FTZ = 1 << 15 };

FpEnv sse_env(const Cpu *cpu);
/* Adds the flags to MXCSR; an unmasked one raises #XM (or #UD without CR4.OSXMMEXCPT). Call before
 * the result is written. */
void sse_finish(Cpu *cpu, const FpEnv *env);

#endif
