/* softfloat_wide.h - numbers with a 128-bit significand, in which the x87 functions are computed.
 *
 * Results are truncated to 128 bits; each operation is within about 2^-126 relatively. That leaves
 * the functions some sixty bits more than the format they are rounded to.
 */
#ifndef MYNA_CPU_SOFTFLOAT_WIDE_H
#define MYNA_CPU_SOFTFLOAT_WIDE_H

#include "cpu/softfloat_priv.h"

/* mant / 2^127 * 2^exp, mant[127] set; mant is 0 in zero. */
typedef struct Wide {
    U128 mant;
    int exp;
    bool sign;
} Wide;

#define WIDE_MANT(hi, lo) ((U128)(hi) << 64 | (lo))

static inline Wide wide_normalise(bool sign, int exp, U128 mant)
{
    uint64_t hi = (uint64_t)(mant >> 64);
    if (!mant) {
        return (Wide){0};
    }
    int n = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)mant);
    return (Wide){.mant = mant << n, .exp = exp - n, .sign = sign};
}

static inline Wide wide_from_num(FpNum n)
{
    if (n.cls == NUM_ZERO) {
        return (Wide){0};
    }
    return (Wide){.mant = (U128)n.mant << 64, .exp = n.exp, .sign = n.sign};
}

static inline Wide wide_from_int(int64_t v)
{
    return wide_normalise(v < 0, 63, (U128)(v < 0 ? -(uint64_t)v : (uint64_t)v) << 64);
}

static inline Wide wide_negate(Wide a)
{
    a.sign = !a.sign;
    return a;
}

/* a * 2^n */
static inline Wide wide_scale(Wide a, int n)
{
    a.exp += n;
    return a;
}

static inline Wide wide_add(Wide a, Wide b)
{
    if (!a.mant || !b.mant) {
        return a.mant ? a : b;
    }
    if (a.exp < b.exp) {
        Wide swap = a;
        a = b;
        b = swap;
    }
    U128 x = a.mant >> 1; /* room for a carry */
    U128 y = shift_right_jam(b.mant >> 1, (unsigned)(a.exp - b.exp));
    if (a.sign == b.sign) {
        return wide_normalise(a.sign, a.exp + 1, x + y);
    }
    return x >= y ? wide_normalise(a.sign, a.exp + 1, x - y)
                  : wide_normalise(b.sign, a.exp + 1, y - x);
}

static inline Wide wide_sub(Wide a, Wide b)
{
    return wide_add(a, wide_negate(b));
}

/* The high half of the 256-bit product. */
static inline U128 wide_high_product(U128 a, U128 b)
{
    uint64_t a1 = (uint64_t)(a >> 64), a0 = (uint64_t)a;
    uint64_t b1 = (uint64_t)(b >> 64), b0 = (uint64_t)b;
    U128 low = (U128)a0 * b0 >> 64;
    U128 cross1 = (U128)a1 * b0 + low;
    U128 cross2 = (U128)a0 * b1 + (uint64_t)cross1;
    return (U128)a1 * b1 + (cross1 >> 64) + (cross2 >> 64);
}

static inline Wide wide_mul(Wide a, Wide b)
{
    return wide_normalise(a.sign ^ b.sign, a.exp + b.exp + 1, wide_high_product(a.mant, b.mant));
}

/* By a small divisor: the quotient loses as many bits as the divisor has. */
static inline Wide wide_div_int(Wide a, unsigned divisor)
{
    return wide_normalise(a.sign, a.exp, a.mant / divisor);
}

/* Bit by bit, the last one sticky. */
static inline Wide wide_div(Wide a, Wide b)
{
    U128 rest = a.mant, quotient = 0;
    bool carry = false;
    for (int bit = 0; bit < 128; bit++) {
        bool fits = carry || rest >= b.mant;
        rest -= fits ? b.mant : 0;
        quotient = quotient << 1 | fits;
        carry = rest >> 127;
        rest <<= 1;
    }
    return wide_normalise(a.sign ^ b.sign, a.exp - b.exp, quotient | (rest != 0 || carry));
}

/* To an FpNum: the low half becomes rest. inexact makes sure it is not zero. */
static inline FpNum wide_to_num(Wide a, bool inexact)
{
    if (!a.mant) {
        return num_zero(a.sign);
    }
    return (FpNum){.cls = NUM_FINITE,
                   .sign = a.sign,
                   .exp = a.exp,
                   .mant = (uint64_t)(a.mant >> 64),
                   .rest = (uint64_t)a.mant | inexact};
}

#endif
