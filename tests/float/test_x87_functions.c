/* test_x87_functions.c - the x87's transcendental instructions in software.
 *
 * Exact results, limits and flags by table; on x86-64 every function against the host's x87, which
 * the manual promises to be within one unit in the last place, as ours is.
 */
#include <glib.h>
#include <inttypes.h>
#include "tests/float/operands.h"

#define ONE                        \
    {                              \
        0x8000000000000000, 0x3fff \
    }
#define MINUS_ONE                  \
    {                              \
        0x8000000000000000, 0xbfff \
    }
#define TWO                        \
    {                              \
        0x8000000000000000, 0x4000 \
    }
#define ZERO \
    {        \
        0, 0 \
    }
#define INFINITE                   \
    {                              \
        0x8000000000000000, 0x7fff \
    }
#define MINUS_INFINITE             \
    {                              \
        0x8000000000000000, 0xffff \
    }
#define NAN_DEFAULT                \
    {                              \
        0xc000000000000000, 0xffff \
    }

typedef F80 Function(const F80Ops *ops, F80 x, F80 y, FpEnv *env);

/* clang-format off */
#define FUNCTION(name, expression) \
    static F80 name(const F80Ops *ops, F80 x, F80 y, FpEnv *env) { return expression; }
FUNCTION(f2xm1, ops->f2xm1(x, env))
FUNCTION(fyl2x, ops->fyl2x(x, y, env))
FUNCTION(fyl2xp1, ops->fyl2xp1(x, y, env))
FUNCTION(fpatan, ops->fpatan(x, y, env))
FUNCTION(fptan, ops->fptan(x, env).first)
FUNCTION(fsin, ops->fsin(x, env).first)
FUNCTION(fcos, ops->fcos(x, env).first)
/* clang-format on */

/* --- known answers --------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *what;
    Function *f;
    F80 x, y;
    F80 result;
    uint8_t flags;
} known[] = {
    { "2^1 - 1", f2xm1, ONE, ZERO, ONE, FP_PE },
    { "2^-1 - 1", f2xm1, MINUS_ONE, ZERO, { 0x8000000000000000, 0xbffe }, FP_PE },
    { "2^0.5 - 1", f2xm1, { 0x8000000000000000, 0x3ffe }, ZERO, { 0xd413cccfe7799211, 0x3ffd }, FP_PE },
    { "2^-inf - 1", f2xm1, MINUS_INFINITE, ZERO, MINUS_ONE, 0 },
    { "log2 2", fyl2x, TWO, ONE, ONE, FP_PE },
    { "log2 3", fyl2x, { 0xc000000000000000, 0x4000 }, ONE, { 0xcae00d1cfdeb43d0, 0x3fff }, FP_PE },
    { "log2 1", fyl2x, ONE, MINUS_ONE, { 0, 0x8000 }, 0 },
    { "log2 0", fyl2x, ZERO, ONE, MINUS_INFINITE, FP_ZE },
    { "log2 -1", fyl2x, MINUS_ONE, ONE, NAN_DEFAULT, FP_IE },
    { "inf log2 1", fyl2x, ONE, INFINITE, NAN_DEFAULT, FP_IE },
    { "log2 1.5", fyl2xp1, { 0x8000000000000000, 0x3ffe }, ONE, { 0x95c01a39fbd687a0, 0x3ffe }, FP_PE },
    { "log2(1 + 2^-100)", fyl2xp1, { 0x8000000000000000, 0x3fff - 100 }, ONE,
      { 0xb8aa3b295c17f0bc, 0x3fff - 100 }, FP_PE },
    { "atan 1", fpatan, ONE, ONE, { 0xc90fdaa22168c235, 0x3ffe }, FP_PE },
    { "atan2(1, -1)", fpatan, MINUS_ONE, ONE, { 0x96cbe3f9990e91a8, 0x4000 }, FP_PE },
    { "atan2(0, -1)", fpatan, MINUS_ONE, ZERO, { 0xc90fdaa22168c235, 0x4000 }, FP_PE },
    { "atan2(-inf, inf)", fpatan, INFINITE, MINUS_INFINITE, { 0xc90fdaa22168c235, 0xbffe }, FP_PE },
    { "atan2(1, inf)", fpatan, INFINITE, ONE, ZERO, 0 },
    { "tan 1", fptan, ONE, ZERO, { 0xc75922e5f71d2dc5, 0x3fff }, FP_PE },
    { "sin 1", fsin, ONE, ZERO, { 0xd76aa47848677021, 0x3ffe }, FP_PE },
    { "cos 1", fcos, ONE, ZERO, { 0x8a51407da8345c92, 0x3ffe }, FP_PE },
    { "cos 0", fcos, ZERO, ZERO, ONE, 0 },
    { "sin inf", fsin, INFINITE, ZERO, NAN_DEFAULT, FP_IE },
    { "sin 2^62: 66 bits of pi", fsin, { 0x8000000000000000, 0x3fff + 62 }, ZERO,
      { 0xb506a9dd559cf157, 0xbffe }, FP_PE },
    { "sin of pi in 64 bits: what the 66-bit pi has beyond", fsin, { 0xc90fdaa22168c235, 0x4000 }, ZERO,
      { 0x8000000000000000, 0xbfff - 64 }, FP_PE },
};
/* clang-format on */

static void test_known(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        FpEnv env = {.masked = FP_ALL, .precision = FP_PRECISION_64};
        F80 r = known[i].f(&f80_soft, known[i].x, known[i].y, &env);
        g_test_message("%s", known[i].what);
        g_assert_cmphex(r.se, ==, known[i].result.se);
        g_assert_cmphex(r.mant, ==, known[i].result.mant);
        g_assert_cmphex(env.flags, ==, known[i].flags);
    }
}

/* [SDM2] FSIN, FPTAN: |x| >= 2^63 sets C2 and leaves the operand. */
static void test_out_of_range(void)
{
    FpEnv env = {.masked = FP_ALL, .precision = FP_PRECISION_64};
    F80 limit = {0x8000000000000000, 0x3fff + 63};
    F80 below = {0xffffffffffffffff, 0x3fff + 62};
    F80Pair r = f80_soft.fsincos(limit, &env);
    g_assert_true(r.out_of_range);
    g_assert_cmphex(r.first.mant, ==, limit.mant);
    g_assert_cmphex(env.flags, ==, 0);
    g_assert_false(f80_soft.fptan(below, &env).out_of_range);
}

#if defined(__x86_64__)

/* --- against the host ------------------------------------------------------------------------ */

typedef enum Domain {
    DOMAIN_ANY,
    DOMAIN_UNIT,  /* -1 .. 1 */
    DOMAIN_NEAR,  /* -1 + sqrt(1/2) .. sqrt(2) - 1 */
    DOMAIN_ANGLE, /* below 2^63 */
} Domain;

/* clang-format off */
FUNCTION(fsincos_sine, ops->fsincos(x, env).first)
FUNCTION(fsincos_cosine, ops->fsincos(x, env).second)
/* clang-format on */

static const struct {
    const char *name;
    Function *f;
    Domain domain;
} functions[] = {
    {"F2XM1", f2xm1, DOMAIN_UNIT},
    {"FYL2X", fyl2x, DOMAIN_ANY},
    {"FYL2XP1", fyl2xp1, DOMAIN_NEAR},
    {"FPATAN", fpatan, DOMAIN_ANY},
    {"FPTAN", fptan, DOMAIN_ANGLE},
    {"FSIN", fsin, DOMAIN_ANGLE},
    {"FCOS", fcos, DOMAIN_ANGLE},
    {"FSINCOS sine", fsincos_sine, DOMAIN_ANGLE},
    {"FSINCOS cosine", fsincos_cosine, DOMAIN_ANGLE},
};

static bool in_domain(F80 x, Domain domain)
{
    unsigned exponent = x.se & 0x7fff;
    bool special = exponent == 0x7fff || exponent == 0 || !(x.mant >> 63);
    switch (domain) {
    case DOMAIN_UNIT:
        return special || exponent < 0x3fff || (exponent == 0x3fff && x.mant == 1ull << 63);
    case DOMAIN_NEAR:
        return (special && x.se != 0xffff) || exponent < 0x3ffd ||
               (exponent == 0x3ffd && x.mant < 0x95f619980c4336f7);
    case DOMAIN_ANGLE:
        return special || exponent < 0x3fff + 63;
    default:
        return true;
    }
}

/* Draws near 1 and well inside the domain as well as from the edges. */
static F80 draw(Random *r, Domain domain, F80 last)
{
    F80 x = random_f80(r, last);
    while (!in_domain(x, domain)) {
        x = random_f80(r, last);
    }
    if (random_below(r, 2)) {
        unsigned top = domain == DOMAIN_UNIT ? 0x3ffe : domain == DOMAIN_NEAR ? 0x3ffc : 0x4003;
        x.se = (uint16_t)((x.se & 0x8000) | (top - random_below(r, 12)));
        x.mant |= 1ull << 63;
    }
    return x;
}

/* How far apart in units of the last place; NaNs and different signs are far unless equal. */
static uint64_t distance(F80 a, F80 b)
{
    if (a.se == b.se && a.mant == b.mant) {
        return 0;
    }
    __extension__ typedef unsigned __int128 Ordered;
    Ordered x = (Ordered)(a.se & 0x7fff) << 63 | (a.mant & INT64_MAX);
    Ordered y = (Ordered)(b.se & 0x7fff) << 63 | (b.mant & INT64_MAX);
    if ((a.se ^ b.se) & 0x8000) {
        return UINT64_MAX;
    }
    Ordered d = x > y ? x - y : y - x;
    return d > UINT64_MAX ? UINT64_MAX : (uint64_t)d;
}

static void report(const char *name, F80 x, F80 y, F80 soft, uint8_t soft_flags, F80 host,
                   uint8_t host_flags, const FpEnv *env)
{
    g_printerr("%s x %04x:%016" PRIx64 " y %04x:%016" PRIx64 " rc %d\n  soft %04x:%016" PRIx64
               " flags %02x  host %04x:%016" PRIx64 " flags %02x\n",
               name, x.se, x.mant, y.se, y.mant, env->round, soft.se, soft.mant, soft_flags,
               host.se, host.mant, host_flags);
}

static void run_function(gconstpointer data)
{
    size_t index = GPOINTER_TO_SIZE(data);
    Random r = {0xb5297a4d3f84d5b5 + index};
    F80 x = {0}, y = {0};
    int bad = 0, differ = 0, total = 40000;
    uint64_t worst = 0;
    for (int i = 0; i < total && bad < 8; i++) {
        x = draw(&r, functions[index].domain, y);
        y = draw(&r, DOMAIN_ANY, x);
        FpEnv soft_env = {.masked = FP_ALL, .round = random_below(&r, 4)};
        soft_env.precision = FP_PRECISION_64;
        FpEnv host_env = soft_env;
        F80 soft = functions[index].f(&f80_soft, x, y, &soft_env);
        F80 host = functions[index].f(&f80_host, x, y, &host_env);
        uint64_t d = distance(soft, host);
        differ += d != 0;
        worst = MAX(worst, d);
        if (d > 1 || soft_env.flags != host_env.flags) {
            bad++;
            report(functions[index].name, x, y, soft, soft_env.flags, host, host_env.flags,
                   &soft_env);
        }
    }
    g_test_message("%s: %d of %d results differ, by at most %" PRIu64 " ulp", functions[index].name,
                   differ, total, worst);
    if (bad) {
        g_test_fail();
    }
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/functions/known", test_known);
    g_test_add_func("/functions/out-of-range", test_out_of_range);
#if defined(__x86_64__)
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        g_autofree char *path = g_strdup_printf("/functions/host/%s", functions[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), run_function);
    }
#endif
    return g_test_run();
}
