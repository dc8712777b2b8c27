/* gfni.c - bytes as elements of GF(2^8) and as vectors of bits.
 *
 * [SDM2] GF2P8MULB, GF2P8AFFINEQB, GF2P8AFFINEINVQB. */
#include "cpu/exec/galois_priv.h"
#include "cpu/exec/vec.h"

/* x^254: the inverse, and 0 for 0. */
static uint8_t gf_invert(uint8_t x)
{
    uint8_t square = x, product = 1;
    for (unsigned i = 1; i < 8; i++) {
        square = gf_multiply(square, square);
        product = gf_multiply(product, square);
    }
    return product;
}

/* The matrix's rows are the bytes of a quadword, the first one highest; imm8 is added. */
static uint8_t affine_byte(uint64_t matrix, uint8_t x, uint8_t imm)
{
    uint8_t result = imm;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t row = matrix >> 8 * (7 - i);
        result ^= (__builtin_popcount(row & x) & 1) << i;
    }
    return result;
}

VEC_LANE(GF2P8AFFINEQB)
{
    for (unsigned n = 0; n < bytes; n++)
        d->u8[n] = affine_byte(b->u64[n / 8], a->u8[n], imm);
}

VEC_LANE(GF2P8AFFINEINVQB)
{
    for (unsigned n = 0; n < bytes; n++)
        d->u8[n] = affine_byte(b->u64[n / 8], gf_invert(a->u8[n]), imm);
}

VEC_FORMS(GF2P8AFFINEQB, xmm_two, lane_GF2P8AFFINEQB, 0)
VEC_FORMS(GF2P8AFFINEINVQB, xmm_two, lane_GF2P8AFFINEINVQB, 0)
VEC_EACH(GF2P8MULB, u8, gf_multiply(a, b))
