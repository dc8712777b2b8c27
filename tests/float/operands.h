/* operands.h - operands that find rounding bugs: fields drawn from the edges of each format, long
 * runs of ones and zeros, and pairs of operands that lie close together.
 *
 * The idea is that of Berkeley TestFloat's weighted patterns; the generator is deterministic.
 */
#ifndef MYNA_TESTS_FLOAT_OPERANDS_H
#define MYNA_TESTS_FLOAT_OPERANDS_H

#include "cpu/softfloat.h"

typedef struct Random {
    uint64_t state;
} Random;

/* xorshift64*, G. Marsaglia, S. Vigna. */
static inline uint64_t random_next(Random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1d;
}

static inline unsigned random_below(Random *r, unsigned n)
{
    return (unsigned)((random_next(r) >> 33) % n);
}

/* A field of `bits` bits: zeros, ones, one bit, a run, a run and a stray bit, or anything. */
static inline uint64_t random_field(Random *r, int bits)
{
    uint64_t all = ~0ull >> (64 - bits);
    uint64_t one = 1ull << random_below(r, (unsigned)bits);
    switch (random_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return all;
    case 2:
        return one;
    case 3:
        return all & -one;
    case 4:
        return one - 1;
    case 5:
        return (all & -one) ^ (1ull << random_below(r, (unsigned)bits));
    default:
        return random_next(r) & all;
    }
}

/* An exponent field: both ends of the range, around the bias, around `near`, or anything. */
static inline unsigned random_exponent(Random *r, int bits, int precision, unsigned near)
{
    unsigned mask = (1u << bits) - 1, bias = mask >> 1;
    switch (random_below(r, 8)) {
    case 0:
        return random_below(r, 3);
    case 1:
        return mask - random_below(r, 3);
    case 2:
        return (bias - 2 + random_below(r, 5)) & mask;
    case 3:
        return (bias + (unsigned)precision - 3 + random_below(r, 6)) & mask;
    case 4:
        return (near - 2 + random_below(r, 5)) & mask;
    case 5:
        return (near - (unsigned)precision - 3 + random_below(r, 2 * (unsigned)precision + 6)) &
               mask;
    case 6:
        return (bias - 100 + random_below(r, 200)) & mask;
    default:
        return (unsigned)random_next(r) & mask;
    }
}

/* near: an earlier operand of the same format. */
static inline uint64_t random_float(Random *r, int exp_bits, int frac_bits, uint64_t near)
{
    uint64_t frac = random_field(r, frac_bits);
    unsigned near_exp = (unsigned)(near >> frac_bits) & ((1u << exp_bits) - 1);
    uint64_t exp = random_exponent(r, exp_bits, frac_bits + 1, near_exp);
    if (random_below(r, 8) == 0) {
        frac = near & ((1ull << frac_bits) - 1);
    }
    return (random_next(r) >> 63) << (exp_bits + frac_bits) | exp << frac_bits | frac;
}

static inline uint32_t random_f32(Random *r, uint32_t near)
{
    return (uint32_t)random_float(r, 8, 23, near);
}

static inline uint64_t random_f64(Random *r, uint64_t near)
{
    return random_float(r, 11, 52, near);
}

/* One in sixteen lacks or has the integer bit against the rules. */
static inline F80 random_f80(Random *r, F80 near)
{
    F80 v = {.mant = random_field(r, 63),
             .se = (uint16_t)random_exponent(r, 15, 64, near.se & 0x7fff)};
    if (random_below(r, 8) == 0) {
        v.mant = near.mant & INT64_MAX;
    }
    bool integer = v.se != 0;
    if (random_below(r, 16) == 0) {
        integer = !integer;
    }
    v.mant |= (uint64_t)integer << 63;
    v.se |= (uint16_t)(random_next(r) >> 63 << 15);
    return v;
}

#endif
