/* softfloat_trig.c - FSIN, FCOS, FSINCOS, FPTAN, FPATAN.
 *
 * [SDM1] "Approximation of Pi": arguments are reduced with a pi of 66 significant bits, so that
 * the functions are those of x * pi / pi66 for large x. [SDM2] the instructions' result tables.
 */
#include "cpu/softfloat_wide.h"

/* --- sine, cosine, tangent ------------------------------------------------------------------- */

/* pi / 2 in units of 2^-67: the 66-bit pi and two zeros. */
#define HALF_PI_66 WIDE_MANT(0xc, 0x90fdaa22168c234c)
enum { HALF_PI_UNIT = 67 };

typedef struct Angle {
    Wide rest;         /* within pi/4 of zero */
    unsigned quadrant; /* 0..3: how many times pi/2 was taken away */
} Angle;

/* |x| below 2^63. The remainder by pi/2 is taken bit by bit, then brought nearest to zero. */
static Angle reduce(FpNum x)
{
    Angle r = {.rest = wide_from_num(x)};
    if (x.exp < -1) {
        return r;
    }
    U128 rest = x.mant;
    for (int bits = x.exp - 63 + HALF_PI_UNIT; bits > 0; bits--) {
        rest <<= 1;
        r.quadrant <<= 1;
        if (rest >= HALF_PI_66) {
            rest -= HALF_PI_66;
            r.quadrant++;
        }
    }
    r.rest = wide_normalise(x.sign, 127 - HALF_PI_UNIT, rest);
    if (rest > HALF_PI_66 / 2) {
        r.rest = wide_normalise(!x.sign, 127 - HALF_PI_UNIT, HALF_PI_66 - rest);
        r.quadrant++;
    }
    r.quadrant = (x.sign ? -r.quadrant : r.quadrant) & 3;
    return r;
}

/* 1 - z/(first(first+1)) (1 - z/((first+2)(first+3)) (1 - ...)), the Taylor series of the cosine
 * for first = 1 and of sine/angle for first = 2. */
static Wide wide_taylor(Wide square, unsigned first)
{
    enum { TERMS = 17 }; /* (pi/4)^34 / 34! < 2^-139 */
    Wide one = wide_from_int(1);
    Wide sum = one;
    for (unsigned n = first + 2 * (TERMS - 1); n >= first && n <= first + 2 * TERMS; n -= 2) {
        sum = wide_sub(one, wide_div_int(wide_mul(square, sum), n * (n + 1)));
    }
    return sum;
}

static Wide angle_sine(Wide angle)
{
    return wide_mul(angle, wide_taylor(wide_mul(angle, angle), 2));
}

static Wide angle_cosine(Wide angle)
{
    return wide_taylor(wide_mul(angle, angle), 1);
}

static Wide wide_sine(Angle a)
{
    Wide r = a.quadrant & 1 ? angle_cosine(a.rest) : angle_sine(a.rest);
    return a.quadrant & 2 ? wide_negate(r) : r;
}

static Wide wide_cosine(Angle a)
{
    a.quadrant = (a.quadrant + 1) & 3;
    return wide_sine(a);
}

/* The cases without a computation, common to all four; *same: sine and tangent are the operand. */
typedef enum Reach { REACH_COMPUTE, REACH_DONE, REACH_OUT_OF_RANGE, REACH_ZERO } Reach;

static Reach reach_of(FpNum x, FpNum *r, FpEnv *env)
{
    if (num_is_nan(x)) {
        *r = num_pass_nan(x, env);
        return REACH_DONE;
    }
    if (x.cls == NUM_INF) {
        *r = num_invalid(env);
        return REACH_DONE;
    }
    if (x.cls == NUM_FINITE && x.exp >= 63) {
        return REACH_OUT_OF_RANGE;
    }
    if (fp_denormal_stops(x.denormal, env)) {
        *r = num_stopped();
        return REACH_DONE;
    }
    return x.cls == NUM_ZERO ? REACH_ZERO : REACH_COMPUTE;
}

static F80 pack_inexact(Wide w, FpEnv *env)
{
    return f80_pack(wide_to_num(w, true), env);
}

static F80 f80_one(void)
{
    return i64_to_f80(1);
}

/* Sine and cosine share all but the last step; a tangent is their quotient and a one. */
typedef enum TrigKind { TRIG_SIN, TRIG_COS, TRIG_SINCOS, TRIG_TAN } TrigKind;

static F80Pair trig_compute(FpNum x, TrigKind kind, FpEnv *env)
{
    Angle angle = reduce(x);
    switch (kind) {
    case TRIG_SIN:
        return (F80Pair){.first = pack_inexact(wide_sine(angle), env)};
    case TRIG_COS:
        return (F80Pair){.first = pack_inexact(wide_cosine(angle), env)};
    case TRIG_SINCOS: {
        F80 cosine = pack_inexact(wide_cosine(angle), env);
        return (F80Pair){.first = pack_inexact(wide_sine(angle), env), .second = cosine};
    }
    default:
        return (F80Pair){.first = pack_inexact(wide_div(wide_sine(angle), wide_cosine(angle)), env),
                         .second = f80_one()};
    }
}

static F80Pair trig(F80 operand, TrigKind kind, FpEnv *env)
{
    FpNum x = f80_unpack(operand), r;
    env->c1 = false;
    switch (reach_of(x, &r, env)) {
    case REACH_OUT_OF_RANGE:
        return (F80Pair){.first = operand, .out_of_range = true};
    case REACH_DONE: {
        F80 nan = f80_pack(r, env);
        return (F80Pair){.first = nan, .second = nan};
    }
    case REACH_ZERO:
        return kind == TRIG_COS ? (F80Pair){.first = f80_one()}
                                : (F80Pair){.first = operand, .second = f80_one()};
    default:
        return trig_compute(x, kind, env);
    }
}

F80Pair soft_fsin(F80 x, FpEnv *env)
{
    return trig(x, TRIG_SIN, env);
}

F80Pair soft_fcos(F80 x, FpEnv *env)
{
    return trig(x, TRIG_COS, env);
}

F80Pair soft_fsincos(F80 x, FpEnv *env)
{
    return trig(x, TRIG_SINCOS, env);
}

F80Pair soft_fptan(F80 x, FpEnv *env)
{
    return trig(x, TRIG_TAN, env);
}

/* --- arc tangent ----------------------------------------------------------------------------- */

/* clang-format off */
/* arctan(k / 8) */
static const Wide arctan_eighths[9] = {
    { 0 },
    { WIDE_MANT(0xfeadd4d5617b6e32, 0xc897989f3e888ef8), -4, false },
    { WIDE_MANT(0xfadbafc96406eb15, 0x6dc79ef5f7a217e6), -3, false },
    { WIDE_MANT(0xb7b0ca0f26f78473, 0x8aa32122dcfe4483), -2, false },
    { WIDE_MANT(0xed63382b0dda7b45, 0x6fe445ecbc3a8d03), -2, false },
    { WIDE_MANT(0x8f005d5ef7f59f9b, 0x5c835e1665c43748), -1, false },
    { WIDE_MANT(0xa4bc7d1934f70924, 0x19a87f2a457dac9f), -1, false },
    { WIDE_MANT(0xb8053e2bc2319e73, 0xcb2da55210a4443d), -1, false },
    { WIDE_MANT(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), -1, false },
};
/* clang-format on */

static const Wide pi = {WIDE_MANT(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 1, false};

/* u - u^3/3 + u^5/5 - ... for |u| <= 1/16. */
static Wide wide_arctan_series(Wide u)
{
    enum { TERMS = 16 }; /* 2^-(8 * 17) */
    Wide square = wide_mul(u, u);
    Wide one = wide_from_int(1);
    Wide sum = {0};
    for (int n = TERMS; n >= 0; n--) {
        sum = wide_sub(wide_div_int(one, 2 * (unsigned)n + 1), wide_mul(square, sum));
    }
    return wide_mul(u, sum);
}

/* For 0 < t <= 1: arctan(c) + arctan((t - c) / (1 + t c)), c the nearest eighth. */
static Wide wide_arctan(Wide t)
{
    unsigned eighths = t.exp < -4 ? 0
                                  : (unsigned)(((uint64_t)(t.mant >> 64) >> (59 - t.exp)) + 1) / 2;
    if (eighths == 0) {
        return wide_arctan_series(t);
    }
    Wide c = wide_scale(wide_from_int(eighths), -3);
    Wide distance = wide_sub(t, c);
    if (!distance.mant) {
        return arctan_eighths[eighths];
    }
    Wide u = wide_div(distance, wide_add(wide_from_int(1), wide_mul(t, c)));
    return wide_add(arctan_eighths[eighths], wide_arctan_series(u));
}

static bool wide_above(Wide a, Wide b)
{
    return a.exp != b.exp ? a.exp > b.exp : a.mant > b.mant;
}

/* The angle of the point (x, y) with y >= 0, both finite and not zero, in 0 .. pi. */
static Wide wide_angle(Wide x, Wide y)
{
    bool left = x.sign;
    x.sign = y.sign = false;
    Wide r = wide_above(y, x) ? wide_sub(wide_scale(pi, -1), wide_arctan(wide_div(x, y)))
                              : wide_arctan(wide_div(y, x));
    return left ? wide_sub(pi, r) : r;
}

/* [SDM2] FPATAN, table "FPATAN Results": an operand is zero or infinite. */
static FpNum special_angle(FpNum x, FpNum y, FpEnv *env)
{
    Wide r = wide_scale(pi, -1);
    bool flat = y.cls == NUM_ZERO || (x.cls == NUM_INF && y.cls != NUM_INF);
    if (flat && !x.sign) {
        return num_zero(y.sign);
    }
    if (flat) {
        r = pi;
    } else if (x.cls == NUM_INF) {
        r = x.sign ? wide_sub(pi, wide_scale(pi, -2)) : wide_scale(pi, -2);
    }
    r.sign = y.sign;
    return wide_to_num(r, true);
}

static FpNum num_fpatan(FpNum x, FpNum y, FpEnv *env)
{
    if (num_is_nan(x) || num_is_nan(y)) {
        return num_pick_nan(x, y, NAN_X87, env);
    }
    if (fp_denormal_stops(x.denormal || y.denormal, env)) {
        return num_stopped();
    }
    if (x.cls != NUM_FINITE || y.cls != NUM_FINITE) {
        return special_angle(x, y, env);
    }
    Wide r = wide_angle(wide_from_num(x), wide_from_num(y));
    r.sign = y.sign;
    return wide_to_num(r, true);
}

F80 soft_fpatan(F80 x, F80 y, FpEnv *env)
{
    return f80_pack(num_fpatan(f80_unpack(x), f80_unpack(y), env), env);
}
