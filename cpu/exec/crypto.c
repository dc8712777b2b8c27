/* crypto.c - AES rounds and carry-less multiplication.
 *
 * [SDM2] AESENC, AESDEC, AESIMC, AESKEYGENASSIST, PCLMULQDQ; [FIPS197] for the names of the steps.
 * A 128-bit state is 16 bytes, column by column. The S-box is computed from its definition. */
#include "cpu/exec/galois_priv.h"
#include "cpu/exec/vec.h"

static inline uint8_t rotate_left8(uint8_t v, unsigned n)
{
    return v << n | v >> (8 - n);
}

typedef struct SBox {
    uint8_t forward[256], inverse[256];
} SBox;

/* [FIPS197] "SubBytes": the multiplicative inverse, then an affine map. Walks a generator (3) and
 * its inverse through the field side by side. */
static const SBox *sbox(void)
{
    static SBox box;
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        uint8_t p = 1, q = 1;
        do {
            p = gf_multiply(p, 3);
            q = gf_multiply(q, 0xf6); /* 1/3 */
            uint8_t v = q ^ rotate_left8(q, 1) ^ rotate_left8(q, 2) ^ rotate_left8(q, 3) ^
                        rotate_left8(q, 4) ^ 0x63;
            box.forward[p] = v;
        } while (p != 1);
        box.forward[0] = 0x63;
        for (unsigned i = 0; i < 256; i++)
            box.inverse[box.forward[i]] = i;
        g_once_init_leave(&ready, 1);
    }
    return &box;
}

/* Row r of the state moves r columns left (encryption) or right. */
static void shift_rows(Vec *d, const Vec *s, bool inverse)
{
    for (unsigned column = 0; column < 4; column++)
        for (unsigned row = 0; row < 4; row++) {
            unsigned from = (inverse ? column - row : column + row) & 3;
            d->u8[4 * column + row] = s->u8[4 * from + row];
        }
}

static void substitute(Vec *v, const uint8_t *box)
{
    for (unsigned i = 0; i < 16; i++)
        v->u8[i] = box[v->u8[i]];
}

static void mix_columns(Vec *v, const uint8_t factors[4])
{
    for (unsigned column = 0; column < 4; column++) {
        uint8_t in[4];
        memcpy(in, v->u8 + 4 * column, 4);
        for (unsigned row = 0; row < 4; row++) {
            uint8_t sum = 0;
            for (unsigned i = 0; i < 4; i++)
                sum ^= gf_multiply(in[i], factors[(i - row) & 3]);
            v->u8[4 * column + row] = sum;
        }
    }
}

static const uint8_t mix_forward[4] = {2, 3, 1, 1};
static const uint8_t mix_inverse[4] = {14, 11, 13, 9};

typedef enum AesRound { AES_MIDDLE, AES_LAST } AesRound;

static void aes_round(Vec *d, const Vec *state, const Vec *key, bool decrypt, AesRound round)
{
    shift_rows(d, state, decrypt);
    substitute(d, decrypt ? sbox()->inverse : sbox()->forward);
    if (round == AES_MIDDLE)
        mix_columns(d, decrypt ? mix_inverse : mix_forward);
    d->u64[0] ^= key->u64[0];
    d->u64[1] ^= key->u64[1];
}

VEC_LANE(AESENC)
{
    aes_round(d, a, b, false, AES_MIDDLE);
}

VEC_LANE(AESENCLAST)
{
    aes_round(d, a, b, false, AES_LAST);
}

VEC_LANE(AESDEC)
{
    aes_round(d, a, b, true, AES_MIDDLE);
}

VEC_LANE(AESDECLAST)
{
    aes_round(d, a, b, true, AES_LAST);
}

VEC_LANE(AESIMC)
{
    memcpy(d, a, 16);
    mix_columns(d, mix_inverse);
}

static uint32_t substitute_word(uint32_t w)
{
    uint32_t d = 0;
    for (unsigned i = 0; i < 4; i++)
        d |= (uint32_t)sbox()->forward[w >> 8 * i & 0xff] << 8 * i;
    return d;
}

VEC_LANE(AESKEYGENASSIST)
{
    for (unsigned half = 0; half < 2; half++) {
        uint32_t w = substitute_word(a->u32[2 * half + 1]);
        d->u32[2 * half] = w;
        d->u32[2 * half + 1] = (w >> 8 | w << 24) ^ (uint8_t)imm;
    }
}

VEC_FORMS(AESENC, xmm_two, lane_AESENC, 0)
VEC_FORMS(AESENCLAST, xmm_two, lane_AESENCLAST, 0)
VEC_FORMS(AESDEC, xmm_two, lane_AESDEC, 0)
VEC_FORMS(AESDECLAST, xmm_two, lane_AESDECLAST, 0)
VEC_FORMS(AESIMC, xmm_one, lane_AESIMC, 0)
VEC_FORMS(AESKEYGENASSIST, xmm_one, lane_AESKEYGENASSIST, 0)

/* [SDM2] PCLMULQDQ: imm8[0] and [4] choose the quadwords. */
VEC_LANE(PCLMULQDQ)
{
    uint64_t x = a->u64[imm & 1], y = b->u64[imm >> 4 & 1], low = 0, high = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t chosen = -(y >> i & 1);
        low ^= x << i & chosen;
        high ^= (x >> 1) >> (63 - i) & chosen;
    }
    d->u64[0] = low;
    d->u64[1] = high;
}

VEC_FORMS(PCLMULQDQ, xmm_two, lane_PCLMULQDQ, 0)
