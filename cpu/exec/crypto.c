/* crypto.c - AES rounds and carry-less multiplication.
 *
 * [SDM2] AESENC, AESDEC, AESIMC, AESKEYGENASSIST, PCLMULQDQ; [FIPS197] for the names of the steps.
 * A 128-bit state is 16 bytes, column by column. The S-box is computed from its definition. */
#include "cpu/exec/vec.h"

/* Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
static uint8_t gf_multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    while (b) {
        if (b & 1)
            product ^= a;
        a = (a << 1) ^ (a & 0x80 ? 0x1b : 0);
        b >>= 1;
    }
    return product;
}

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

static void aes_round(Cpu *cpu, const Insn *insn, bool decrypt, AesRound round)
{
    Vec state, key, d = {0};
    vec_read_two(cpu, insn, &state, &key);
    shift_rows(&d, &state, decrypt);
    substitute(&d, decrypt ? sbox()->inverse : sbox()->forward);
    if (round == AES_MIDDLE)
        mix_columns(&d, decrypt ? mix_inverse : mix_forward);
    d.u64[0] ^= key.u64[0];
    d.u64[1] ^= key.u64[1];
    vec_write(cpu, insn, 0, &d);
}

/* clang-format off */
EXEC(AESENC)     { aes_round(cpu, insn, false, AES_MIDDLE); }
EXEC(AESENCLAST) { aes_round(cpu, insn, false, AES_LAST); }
EXEC(AESDEC)     { aes_round(cpu, insn, true, AES_MIDDLE); }
EXEC(AESDECLAST) { aes_round(cpu, insn, true, AES_LAST); }
/* clang-format on */

EXEC(AESIMC)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    mix_columns(&v, mix_inverse);
    vec_write(cpu, insn, 0, &v);
}

static uint32_t substitute_word(uint32_t w)
{
    uint32_t d = 0;
    for (unsigned i = 0; i < 4; i++)
        d |= (uint32_t)sbox()->forward[w >> 8 * i & 0xff] << 8 * i;
    return d;
}

EXEC(AESKEYGENASSIST)
{
    Vec v, d = {0};
    vec_read(cpu, insn, 1, &v);
    for (unsigned half = 0; half < 2; half++) {
        uint32_t w = substitute_word(v.u32[2 * half + 1]);
        d.u32[2 * half] = w;
        d.u32[2 * half + 1] = (w >> 8 | w << 24) ^ (uint8_t)insn->imm;
    }
    vec_write(cpu, insn, 0, &d);
}

/* [SDM2] PCLMULQDQ: imm8[0] and [4] choose the quadwords. */
static void lane_clmul(Vec *d, uint64_t a, uint64_t b)
{
    for (unsigned i = 0; i < 64; i++)
        if (b >> i & 1) {
            d->u64[0] ^= a << i;
            d->u64[1] ^= i ? a >> (64 - i) : 0;
        }
}

EXEC(PCLMULQDQ)
{
    Vec a, b, d = {0};
    vec_read_two(cpu, insn, &a, &b);
    for (unsigned lane = 0; lane < insn->op[0].size / 8; lane += 2) {
        Vec product = {0};
        lane_clmul(&product, a.u64[lane + (insn->imm & 1)], b.u64[lane + (insn->imm >> 4 & 1)]);
        d.u64[lane] = product.u64[0];
        d.u64[lane + 1] = product.u64[1];
    }
    vec_write(cpu, insn, 0, &d);
}
