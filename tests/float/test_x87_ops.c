/* test_x87_ops.c - the soft x87 against the host's x87, value and flags, bit for bit.
 *
 * Every rounding mode, every precision control, and overflow and underflow unmasked as well: the
 * bias-adjusted results come from the host too. Elsewhere than on x86-64 the table of known
 * answers remains.
 */
#include <glib.h>
#include <inttypes.h>
#include "tests/float/operands.h"

/* --- known answers --------------------------------------------------------------------------- */

typedef struct Known {
    const char *what;
    F80Arith op;
    F80 a, b;
    FpEnv env;
    F80 result;
    uint8_t flags;
    bool c1;
} Known;

#define ALL_MASKED .masked = FP_ALL, .precision = FP_PRECISION_64
#define ONE                        \
    {                              \
        0x8000000000000000, 0x3fff \
    }
#define THREE                      \
    {                              \
        0xc000000000000000, 0x4000 \
    }
#define LARGEST                    \
    {                              \
        0xffffffffffffffff, 0x7ffe \
    }
#define SMALLEST_NORMAL            \
    {                              \
        0x8000000000000000, 0x0001 \
    }
#define INFINITE                   \
    {                              \
        0x8000000000000000, 0x7fff \
    }

/* clang-format off */
static const Known known[] = {
    { "1 / 3", F80_DIV, ONE, THREE, { ALL_MASKED }, { 0xaaaaaaaaaaaaaaab, 0x3ffd }, FP_PE, true },
    { "1 / 3 towards zero", F80_DIV, ONE, THREE, { ALL_MASKED, .round = FP_ROUND_ZERO },
      { 0xaaaaaaaaaaaaaaaa, 0x3ffd }, FP_PE, false },
    { "1 / 3 in 24 bits", F80_DIV, ONE, THREE, { .masked = FP_ALL, .precision = FP_PRECISION_24 },
      { 0xaaaaab0000000000, 0x3ffd }, FP_PE, true },
    { "1 / 0", F80_DIV, ONE, { 0, 0 }, { ALL_MASKED }, INFINITE, FP_ZE, false },
    { "0 / 0", F80_DIV, { 0, 0 }, { 0, 0 }, { ALL_MASKED }, { 0xc000000000000000, 0xffff }, FP_IE, false },
    { "overflow", F80_ADD, LARGEST, LARGEST, { ALL_MASKED }, INFINITE, FP_OE | FP_PE, true },
    { "overflow, unmasked: exponent less 24576", F80_ADD, LARGEST, LARGEST,
      { .masked = FP_ALL & ~FP_OE, .precision = FP_PRECISION_64 },
      { 0xffffffffffffffff, 0x7fff - 24576 }, FP_OE, false },
    { "exact tiny result: no underflow while masked", F80_DIVR, { 0x8000000000000000, 0x4000 },
      SMALLEST_NORMAL, { ALL_MASKED }, { 0x4000000000000000, 0 }, 0, false },
    { "exact tiny result, unmasked: exponent plus 24576", F80_DIVR, { 0x8000000000000000, 0x4000 },
      SMALLEST_NORMAL, { .masked = FP_ALL & ~FP_UE, .precision = FP_PRECISION_64 },
      { 0x8000000000000000, 24576 }, FP_UE, false },
    { "unnormal", F80_ADD, { 0x4000000000000000, 0x3fff }, ONE, { ALL_MASKED },
      { 0xc000000000000000, 0xffff }, FP_IE, false },
    { "pseudo-denormal counts as 2^-16382", F80_SUB, { 0x8000000000000000, 0 }, SMALLEST_NORMAL,
      { ALL_MASKED }, { 0, 0 }, FP_DE, false },
    { "the quiet NaN before the signaling one", F80_ADD, { 0xbfffffffffffffff, 0x7fff },
      { 0xc000000000000001, 0x7fff }, { ALL_MASKED }, { 0xc000000000000001, 0x7fff }, FP_IE, false },
    { "the larger NaN", F80_ADD, { 0xc000000000000001, 0x7fff }, { 0xc000000000000002, 0xffff },
      { ALL_MASKED }, { 0xc000000000000002, 0xffff }, 0, false },
    { "denormal, unmasked: nothing later", F80_DIV, { 1, 0 }, THREE,
      { .masked = FP_ALL & ~FP_DE, .precision = FP_PRECISION_64 }, { 0xc000000000000000, 0xffff },
      FP_DE, false },
};
/* clang-format on */

static void test_known(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        const Known *k = &known[i];
        FpEnv env = k->env;
        F80 r = f80_soft.arith(k->op, k->a, k->b, &env);
        g_test_message("%s", k->what);
        g_assert_cmphex(r.se, ==, k->result.se);
        g_assert_cmphex(r.mant, ==, k->result.mant);
        g_assert_cmphex(env.flags, ==, k->flags);
        g_assert_cmpint(env.c1, ==, k->c1);
    }
}

static void test_bcd(void)
{
    FpEnv env = {ALL_MASKED};
    F80 packed = {0x1234567890123456, 0x8078};
    F80 value = bcd_to_f80(packed);
    F80 back = f80_soft.to_bcd(value, &env);
    g_assert_cmphex(value.se, ==, 0x8000 | (0x3fff + 59));
    g_assert_cmphex(value.mant, ==, 781234567890123456ull << 4);
    g_assert_cmphex(back.mant, ==, packed.mant);
    g_assert_cmphex(back.se, ==, packed.se);
    g_assert_cmphex(env.flags, ==, 0);
}

#if defined(__x86_64__)

/* --- against the host ------------------------------------------------------------------------ */

typedef struct Case {
    F80 a, b;
    uint32_t f32;
    uint64_t f64;
    FpEnv env;
    FpRound round;
} Case;

typedef struct Outcome {
    F80 first, second;
    int64_t integer;
    FpEnv env;
} Outcome;

typedef void Operation(const F80Ops *ops, const Case *c, Outcome *o);

/* clang-format off */
#define OPERATION(name, body) \
    static void name(const F80Ops *ops, const Case *c, Outcome *o) { body; }

OPERATION(op_add, o->first = ops->arith(F80_ADD, c->a, c->b, &o->env))
OPERATION(op_sub, o->first = ops->arith(F80_SUB, c->a, c->b, &o->env))
OPERATION(op_subr, o->first = ops->arith(F80_SUBR, c->a, c->b, &o->env))
OPERATION(op_mul, o->first = ops->arith(F80_MUL, c->a, c->b, &o->env))
OPERATION(op_div, o->first = ops->arith(F80_DIV, c->a, c->b, &o->env))
OPERATION(op_divr, o->first = ops->arith(F80_DIVR, c->a, c->b, &o->env))
OPERATION(op_add_f32, o->first = ops->arith_f32(F80_ADD, c->a, c->f32, &o->env))
OPERATION(op_subr_f32, o->first = ops->arith_f32(F80_SUBR, c->a, c->f32, &o->env))
OPERATION(op_divr_f32, o->first = ops->arith_f32(F80_DIVR, c->a, c->f32, &o->env))
OPERATION(op_mul_f64, o->first = ops->arith_f64(F80_MUL, c->a, c->f64, &o->env))
OPERATION(op_sub_f64, o->first = ops->arith_f64(F80_SUB, c->a, c->f64, &o->env))
OPERATION(op_div_f64, o->first = ops->arith_f64(F80_DIV, c->a, c->f64, &o->env))
OPERATION(op_fcom, o->integer = ops->compare(c->a, c->b, FP_SIGNALING, &o->env))
OPERATION(op_fucom, o->integer = ops->compare(c->a, c->b, FP_QUIET, &o->env))
OPERATION(op_fcom_f32, o->integer = ops->compare_f32(c->a, c->f32, &o->env))
OPERATION(op_fcom_f64, o->integer = ops->compare_f64(c->a, c->f64, &o->env))
OPERATION(op_sqrt, o->first = ops->sqrt(c->a, &o->env))
OPERATION(op_round_int, o->first = ops->round_int(c->a, &o->env))
OPERATION(op_scale, o->first = ops->scale(c->a, c->b, &o->env))
OPERATION(op_from_f32, o->first = ops->from_f32(c->f32, &o->env))
OPERATION(op_from_f64, o->first = ops->from_f64(c->f64, &o->env))
OPERATION(op_to_f32, o->integer = ops->to_f32(c->a, &o->env))
OPERATION(op_to_f64, o->integer = (int64_t)ops->to_f64(c->a, &o->env))
OPERATION(op_to_i16, o->integer = ops->to_i16(c->a, c->round, &o->env))
OPERATION(op_to_i32, o->integer = ops->to_i32(c->a, c->round, &o->env))
OPERATION(op_to_i64, o->integer = ops->to_i64(c->a, c->round, &o->env))
OPERATION(op_to_bcd, o->first = ops->to_bcd(c->a, &o->env))
/* clang-format on */

static void op_extract(const F80Ops *ops, const Case *c, Outcome *o)
{
    F80Pair r = ops->extract(c->a, &o->env);
    o->first = r.first;
    o->second = r.second;
}

/* How many bits an incomplete step takes is left to the implementation: repeat to the end. */
static void rem_to_end(const F80Ops *ops, const Case *c, F80RemKind kind, Outcome *o)
{
    F80Rem r = {.value = c->a, .partial = true};
    for (int step = 0; r.partial && step < 2000; step++) {
        r = ops->rem(r.value, c->b, kind, &o->env);
    }
    o->first = r.value;
    o->integer = r.quotient;
    o->env.c1 = false; /* is a quotient bit */
}

static void op_fprem(const F80Ops *ops, const Case *c, Outcome *o)
{
    rem_to_end(ops, c, F80_REM_TRUNCATE, o);
}

static void op_fprem1(const F80Ops *ops, const Case *c, Outcome *o)
{
    rem_to_end(ops, c, F80_REM_NEAREST, o);
}

enum { NO_VALUE_IF_RANGE = 1 }; /* a store with OE or UE unmasked writes nothing */

static const struct {
    const char *name;
    Operation *run;
    int rule;
} operations[] = {
    {"FADD", op_add, 0},
    {"FSUB", op_sub, 0},
    {"FSUBR", op_subr, 0},
    {"FMUL", op_mul, 0},
    {"FDIV", op_div, 0},
    {"FDIVR", op_divr, 0},
    {"FADD m32", op_add_f32, 0},
    {"FSUBR m32", op_subr_f32, 0},
    {"FDIVR m32", op_divr_f32, 0},
    {"FMUL m64", op_mul_f64, 0},
    {"FSUB m64", op_sub_f64, 0},
    {"FDIV m64", op_div_f64, 0},
    {"FCOM", op_fcom, 0},
    {"FUCOM", op_fucom, 0},
    {"FCOM m32", op_fcom_f32, 0},
    {"FCOM m64", op_fcom_f64, 0},
    {"FSQRT", op_sqrt, 0},
    {"FRNDINT", op_round_int, 0},
    {"FSCALE", op_scale, 0},
    {"FXTRACT", op_extract, 0},
    {"FPREM", op_fprem, 0},
    {"FPREM1", op_fprem1, 0},
    {"FLD m32", op_from_f32, 0},
    {"FLD m64", op_from_f64, 0},
    {"FST m32", op_to_f32, NO_VALUE_IF_RANGE},
    {"FST m64", op_to_f64, NO_VALUE_IF_RANGE},
    {"FIST m16", op_to_i16, 0},
    {"FIST m32", op_to_i32, 0},
    {"FISTP m64", op_to_i64, 0},
    {"FBSTP", op_to_bcd, 0},
};

static void draw_case(Random *r, Case *c, Case *last)
{
    c->a = random_f80(r, last->a);
    c->b = random_f80(r, c->a);
    c->f32 = random_f32(r, last->f32);
    c->f64 = random_f64(r, last->f64);
    c->round = random_below(r, 4);
    c->env = (FpEnv){.masked = FP_ALL, .round = random_below(r, 4)};
    static const uint8_t precisions[4] = {FP_PRECISION_24, FP_PRECISION_53, FP_PRECISION_64,
                                          FP_PRECISION_64};
    c->env.precision = precisions[random_below(r, 4)];
    if (random_below(r, 4) == 0) {
        c->env.masked = (uint8_t)random_below(r, 64);
    }
}

static void show(const char *label, const Outcome *o)
{
    g_printerr("  %s: %04x:%016" PRIx64 " %04x:%016" PRIx64 " integer %" PRIx64
               " flags %02x c1 %d\n",
               label, o->first.se, o->first.mant, o->second.se, o->second.mant,
               (uint64_t)o->integer, o->env.flags, o->env.c1);
}

static bool same(const Outcome *x, const Outcome *y)
{
    return x->first.mant == y->first.mant && x->first.se == y->first.se &&
           x->second.mant == y->second.mant && x->second.se == y->second.se &&
           x->integer == y->integer && x->env.flags == y->env.flags && x->env.c1 == y->env.c1;
}

/* What an instruction with this outcome makes visible. */
static void forget_unstored(Outcome *o, int rule)
{
    uint8_t stops = FP_PRE_COMPUTATION | (rule == NO_VALUE_IF_RANGE ? FP_OE | FP_UE : 0);
    if (fp_unmasked(&o->env) & stops) {
        o->first = o->second = (F80){0};
        o->integer = 0;
        o->env.c1 = false;
    }
}

static void run_operation(gconstpointer data)
{
    size_t index = GPOINTER_TO_SIZE(data);
    Random r = {0x9e3779b97f4a7c15 + index};
    Case c = {0}, last = {0};
    int bad = 0;
    for (int i = 0; i < 100000 && bad < 10; i++, last = c) {
        draw_case(&r, &c, &last);
        Outcome soft = {.env = c.env}, host = {.env = c.env};
        operations[index].run(&f80_soft, &c, &soft);
        operations[index].run(&f80_host, &c, &host);
        forget_unstored(&soft, operations[index].rule);
        forget_unstored(&host, operations[index].rule);
        if (!same(&soft, &host)) {
            bad++;
            g_printerr("%s a %04x:%016" PRIx64 " b %04x:%016" PRIx64 " f32 %08x f64 %016" PRIx64
                       " rc %d/%d pc %d masked %02x\n",
                       operations[index].name, c.a.se, c.a.mant, c.b.se, c.b.mant, c.f32, c.f64,
                       c.env.round, c.round, c.env.precision, c.env.masked);
            show("soft", &soft);
            show("host", &host);
        }
    }
    if (bad) {
        g_test_fail();
    }
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x87/known", test_known);
    g_test_add_func("/x87/bcd", test_bcd);
#if defined(__x86_64__)
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        g_autofree char *path = g_strdup_printf("/x87/host/%s", operations[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), run_operation);
    }
#endif
    return g_test_run();
}
