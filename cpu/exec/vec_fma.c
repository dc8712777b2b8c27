/* vec_fma.c - fused multiply and add. [SDM2] VFMADD132PD and its like.
 *
 * The three digits of the name tell which operands (1 = destination) are factor, factor and addend;
 * the manual's table of NaN results follows the same order. */
#include "cpu/exec/vec.h"

typedef struct FmaOrder {
    uint8_t a, b, c; /* operand numbers: a * b + c */
} FmaOrder;

static const FmaOrder order_132 = {0, 2, 1};
static const FmaOrder order_213 = {1, 0, 2};
static const FmaOrder order_231 = {1, 2, 0};

typedef enum FmaShape { FMA_PACKED, FMA_SCALAR } FmaShape;

/* The three sources by operand number. */
static void fma_sources(Cpu *cpu, const Insn *insn, const Vec *source[3], Vec *buffer)
{
    source[2] = vec_source(cpu, insn, 2, buffer);
    source[1] = &cpu->vec[insn->op[1].reg];
    source[0] = &cpu->vec[insn->op[0].reg];
}

/* The result of a scalar form is an XMM register; its operand is as narrow as the scalar. */
static void fma_put(Cpu *cpu, const Insn *insn, const Vec *d)
{
    vec_put_sized(cpu, insn->op[0].reg, VEC_VEX, insn->op[0].size == 32, d);
}

/* Even elements with one sign, odd ones with the other. */
static void fma_f32(Cpu *cpu, const Insn *insn, FmaOrder order, FmaShape shape, FpFmaSign even,
                    FpFmaSign odd)
{
    Vec buffer;
    const Vec *source[3];
    fma_sources(cpu, insn, source, &buffer);
    Vec d = *source[0];
    const Vec *a = source[order.a], *b = source[order.b], *c = source[order.c];
    FpEnv env = sse_env(cpu);
    unsigned count = shape == FMA_SCALAR ? 1 : insn->op[0].size / 4;
    for (unsigned i = 0; i < count; i++)
        d.u32[i] = f32_fma(a->u32[i], b->u32[i], c->u32[i], i & 1 ? odd : even, &env);
    sse_finish(cpu, &env);
    fma_put(cpu, insn, &d);
}

static void fma_f64(Cpu *cpu, const Insn *insn, FmaOrder order, FmaShape shape, FpFmaSign even,
                    FpFmaSign odd)
{
    Vec buffer;
    const Vec *source[3];
    fma_sources(cpu, insn, source, &buffer);
    Vec d = *source[0];
    const Vec *a = source[order.a], *b = source[order.b], *c = source[order.c];
    FpEnv env = sse_env(cpu);
    unsigned count = shape == FMA_SCALAR ? 1 : insn->op[0].size / 8;
    for (unsigned i = 0; i < count; i++)
        d.u64[i] = f64_fma(a->u64[i], b->u64[i], c->u64[i], i & 1 ? odd : even, &env);
    sse_finish(cpu, &env);
    fma_put(cpu, insn, &d);
}

#define FMA_EXEC(NAME, function, digits, shape, even, odd)                       \
    EXEC(NAME)                                                                   \
    {                                                                            \
        function(cpu, insn, order_##digits, shape, FP_FMA_##even, FP_FMA_##odd); \
    }
#define FMA_PACKED_FORMS(NAME, digits, even, odd)                      \
    FMA_EXEC(NAME##digits##PS, fma_f32, digits, FMA_PACKED, even, odd) \
    FMA_EXEC(NAME##digits##PD, fma_f64, digits, FMA_PACKED, even, odd)
#define FMA_ALL_FORMS(NAME, digits, even, odd)                         \
    FMA_PACKED_FORMS(NAME, digits, even, odd)                          \
    FMA_EXEC(NAME##digits##SS, fma_f32, digits, FMA_SCALAR, even, odd) \
    FMA_EXEC(NAME##digits##SD, fma_f64, digits, FMA_SCALAR, even, odd)
#define FMA_ORDERS(FORMS, NAME, even, odd) \
    FORMS(NAME, 132, even, odd)            \
    FORMS(NAME, 213, even, odd)            \
    FORMS(NAME, 231, even, odd)

/* VFNMSUB negates both. */
#define FP_FMA_NEGATE_BOTH (FP_FMA_NEGATE_PRODUCT | FP_FMA_NEGATE_C)

FMA_ORDERS(FMA_ALL_FORMS, VFMADD, PLAIN, PLAIN)
FMA_ORDERS(FMA_ALL_FORMS, VFMSUB, NEGATE_C, NEGATE_C)
FMA_ORDERS(FMA_ALL_FORMS, VFNMADD, NEGATE_PRODUCT, NEGATE_PRODUCT)
FMA_ORDERS(FMA_ALL_FORMS, VFNMSUB, NEGATE_BOTH, NEGATE_BOTH)
FMA_ORDERS(FMA_PACKED_FORMS, VFMADDSUB, NEGATE_C, PLAIN)
FMA_ORDERS(FMA_PACKED_FORMS, VFMSUBADD, PLAIN, NEGATE_C)
