/* vec.h - operands of vector instructions, for the files of MMX, SSE, AVX.
 *
 * One body serves every width. It sees one lane: 16 bytes of an XMM or YMM register, or the 8 of an
 * MMX register; a YMM operation runs it twice. Most instructions exist in two forms:
 *
 *     legacy  PADDD xmm1, xmm2/m128           the first source is the destination; the rest of the
 *                                             YMM register stays
 *     VEX     VPADDD ymm1, ymm2, ymm3/m256    the first source is operand 1; the rest is cleared
 *
 * The macros below make both exec functions, NAME and VNAME, of one body. */
#ifndef MYNA_CPU_EXEC_VEC_H
#define MYNA_CPU_EXEC_VEC_H

#include "cpu/exec.h"
#include "cpu/softfloat.h"
#include "cpu/x87.h"

/* The value is how many operands later the first source stands. */
typedef enum VecForm { VEC_LEGACY = 0, VEC_VEX = 1 } VecForm;

/* Defines exec_NAME and exec_VNAME as function(cpu, insn, form, ...). */
#define VEC_FORMS(NAME, function, ...)                  \
    EXEC(NAME)                                          \
    {                                                   \
        function(cpu, insn, VEC_LEGACY, ##__VA_ARGS__); \
    }                                                   \
    EXEC(V##NAME)                                       \
    {                                                   \
        function(cpu, insn, VEC_VEX, ##__VA_ARGS__);    \
    }

/* --- memory -------------------------------------------------------------------------------- */

/* A memory operand of 1 to 32 bytes; what is beyond size up to 16 becomes zero. ATTR_ALIGNED rows
 * want 16- and 32-byte operands aligned, else #GP(0). */
void vec_load(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, Vec *v);
void vec_store(Cpu *cpu, const Insn *insn, LinAddr la, unsigned size, const Vec *v);

/* Host address of the 16 bytes of operand n if that is all there is to it, else NULL. */
static ALWAYS_INLINE uint8_t *vec_host16(Cpu *cpu, const Insn *insn, unsigned n, LinAddr la,
                                         MemAccess access)
{
    const TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ (access == ACCESS_WRITE ? e->write : e->read);
    bool aligned = !(la & 15) || !(insn_row(insn)->attrs & ATTR_ALIGNED);
    return LIKELY(offset <= PAGE_SIZE - 16 && aligned) ? e->host + offset : NULL;
}

/* --- sources ------------------------------------------------------------------------------- */

/* Operand n, which is no XMM register, in the low bytes of v. */
void vec_fetch(Cpu *cpu, const Insn *insn, unsigned n, Vec *v);

/* Operand n: the register itself, or buffer with the operand in its low bytes. */
static ALWAYS_INLINE const Vec *vec_source(Cpu *cpu, const Insn *insn, unsigned n, Vec *buffer)
{
    const Operand *op = &insn->op[n];
    if (op->kind == OPND_VEC)
        return &cpu->vec[op->reg];
    if (LIKELY(op->kind == OPND_MEM && op->size == 16)) {
        LinAddr la = insn_linear(cpu, insn, 16, ACCESS_READ);
        const uint8_t *host = vec_host16(cpu, insn, n, la, ACCESS_READ);
        if (LIKELY(host != NULL))
            memcpy(buffer, host, 16);
        else
            vec_load(cpu, insn, la, 16, buffer);
        return buffer;
    }
    vec_fetch(cpu, insn, n, buffer);
    return buffer;
}

/* The upper lane of a YMM register, as a lower one. */
static ALWAYS_INLINE Vec vec_high(const Vec *v)
{
    Vec high;
    memcpy(&high, &v->u8[16], 16);
    return high;
}

static ALWAYS_INLINE void vec_set_high(Vec *v, const Vec *high)
{
    memcpy(&v->u8[16], high, 16);
}

/* --- results ------------------------------------------------------------------------------- */

static ALWAYS_INLINE bool vec_is_ymm(const Insn *insn, VecForm form)
{
    return form == VEC_VEX && insn->op[0].size == 32;
}

/* A vector register := d, 16 or 32 bytes; VEX forms clear the rest, legacy forms keep it. */
static ALWAYS_INLINE void vec_put_sized(Cpu *cpu, unsigned reg, VecForm form, bool ymm,
                                        const Vec *d)
{
    Vec *dest = &cpu->vec[reg];
    memcpy(dest, d, 16);
    if (form == VEC_VEX && ymm)
        memcpy(&dest->u8[16], &d->u8[16], 16);
    else if (form == VEC_VEX)
        memset(&dest->u8[16], 0, 16);
}

/* A vector register := a zero extended quadword. */
static ALWAYS_INLINE void vec_put_low(Cpu *cpu, unsigned reg, VecForm form, uint64_t low)
{
    Vec *dest = &cpu->vec[reg];
    dest->u64[0] = low;
    dest->u64[1] = 0;
    if (form == VEC_VEX)
        dest->u64[2] = dest->u64[3] = 0;
}

/* Operand 0, a vector register, := d, of its size or 16 bytes. */
static ALWAYS_INLINE void vec_put(Cpu *cpu, const Operand *op, VecForm form, const Vec *d)
{
    vec_put_sized(cpu, op->reg, form, op->size == 32, d);
}

/* Operand 0 := the low bytes of d as its size says: vector, MMX or general register, or memory. */
void vec_write(Cpu *cpu, const Insn *insn, VecForm form, const Vec *d);

/* --- templates ----------------------------------------------------------------------------- */

/* The body of an operation on one lane of `bytes` bytes. d is none of the sources. */
typedef void VecLaneFn(Vec *d, const Vec *a, const Vec *b, unsigned bytes, unsigned imm);

/* The body on the upper lanes. */
static ALWAYS_INLINE void vec_upper(Vec *d, const Vec *a, const Vec *b, unsigned imm,
                                    VecLaneFn *lane)
{
    Vec high_a = vec_high(a), high_b = vec_high(b), high_d;
    lane(&high_d, &high_a, &high_b, 16, imm);
    vec_set_high(d, &high_d);
}

/* Two sources, XMM or YMM. Each lane beyond the first uses imm8 further right by imm_bits. */
static ALWAYS_INLINE void xmm_two(Cpu *cpu, const Insn *insn, VecForm form, VecLaneFn *lane,
                                  unsigned imm_bits)
{
    Vec buffer, d;
    bool ymm = vec_is_ymm(insn, form);
    unsigned imm = insn->imm, dest = insn->op[0].reg;
    const Vec *b = vec_source(cpu, insn, 1 + form, &buffer);
    const Vec *a = &cpu->vec[insn->op[form].reg];
    lane(&d, a, b, 16, imm);
    if (ymm)
        vec_upper(&d, a, b, imm >> imm_bits, lane);
    vec_put_sized(cpu, dest, form, ymm, &d);
}

/* One source, operand 1 in both forms; the body sees it twice. */
static ALWAYS_INLINE void xmm_one(Cpu *cpu, const Insn *insn, VecForm form, VecLaneFn *lane,
                                  unsigned imm_bits)
{
    Vec buffer, d;
    bool ymm = vec_is_ymm(insn, form);
    unsigned imm = insn->imm, dest = insn->op[0].reg;
    const Vec *b = vec_source(cpu, insn, 1, &buffer);
    lane(&d, b, b, 16, imm);
    if (ymm)
        vec_upper(&d, b, b, imm >> imm_bits, lane);
    vec_put_sized(cpu, dest, form, ymm, &d);
}

typedef enum VecSources { VEC_ONE_SOURCE, VEC_TWO_SOURCES } VecSources;

/* The same for MMX registers. */
static ALWAYS_INLINE void mmx_operation(Cpu *cpu, const Insn *insn, VecSources sources,
                                        VecLaneFn *lane)
{
    Vec buffer, first, d;
    const Vec *b = vec_source(cpu, insn, 1, &buffer);
    first.u64[0] = mmx_read(cpu, insn->op[0].reg);
    lane(&d, sources == VEC_TWO_SOURCES ? &first : b, b, 8, insn->imm);
    mmx_enter(cpu);
    mmx_write(cpu, insn->op[0].reg, d.u64[0]);
}

/* For instructions that exist for MMX registers too. */
static ALWAYS_INLINE void vec_two(Cpu *cpu, const Insn *insn, VecForm form, VecLaneFn *lane,
                                  unsigned imm_bits)
{
    if (form == VEC_LEGACY && insn->op[0].kind == OPND_MMX)
        mmx_operation(cpu, insn, VEC_TWO_SOURCES, lane);
    else
        xmm_two(cpu, insn, form, lane, imm_bits);
}

static ALWAYS_INLINE void vec_one(Cpu *cpu, const Insn *insn, VecForm form, VecLaneFn *lane,
                                  unsigned imm_bits)
{
    if (form == VEC_LEGACY && insn->op[0].kind == OPND_MMX)
        mmx_operation(cpu, insn, VEC_ONE_SOURCE, lane);
    else
        xmm_one(cpu, insn, form, lane, imm_bits);
}

#define VEC_LANE(NAME)                                                                        \
    static ALWAYS_INLINE void lane_##NAME(Vec *d, const Vec *a, const Vec *b, unsigned bytes, \
                                          unsigned imm)

/* The body of an operation on each element: `a` and `b` are the elements. */
#define VEC_EACH_LANE(NAME, field, expression)                                 \
    VEC_LANE(NAME)                                                             \
    {                                                                          \
        const Vec *first = a, *second = b;                                     \
        for (unsigned n = 0; n < bytes / sizeof(d->field[0]); n++) {           \
            __typeof__(d->field[0]) a = first->field[n], b = second->field[n]; \
            d->field[n] = (expression);                                        \
        }                                                                      \
    }

/* VEC_EACH(PADDB, u8, a + b): both forms of an operation on each element of two sources. */
#define VEC_EACH(NAME, field, expression)  \
    VEC_EACH_LANE(NAME, field, expression) \
    VEC_FORMS(NAME, vec_two, lane_##NAME, 0)

/* --- floating point ------------------------------------------------------------------------ */

enum { MXCSR_DAZ = 1 << 6, MXCSR_MASKS_SHIFT = 7, MXCSR_RC_SHIFT = 13, MXCSR_FTZ = 1 << 15 };

FpEnv sse_env(const Cpu *cpu);
/* Adds the flags to MXCSR; an unmasked one raises #XM (or #UD without CR4.OSXMMEXCPT). Call before
 * the result is written. */
void sse_finish(Cpu *cpu, const FpEnv *env);

#endif
