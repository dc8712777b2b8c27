/* sha.c - the rounds and message schedules of SHA-1 and SHA-256.
 *
 * [SDM2] SHA1RNDS4 and its neighbours; [FIPS180] for the names of the functions. The SHA-1
 * instructions number words from the top of a register, the SHA-256 ones from the bottom. */
#include "cpu/exec/vec.h"

static inline uint32_t rotate_left(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static inline uint32_t rotate_right(uint32_t v, unsigned n)
{
    return rotate_left(v, 32 - n);
}

static inline uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (~x & z);
}

static inline uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
    return x ^ y ^ z;
}

static inline uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

/* Word n from the top. */
static inline uint32_t word(const Vec *v, unsigned n)
{
    return v->u32[3 - n];
}

static inline void set_word(Vec *v, unsigned n, uint32_t value)
{
    v->u32[3 - n] = value;
}

/* --- SHA-1 --------------------------------------------------------------------------------- */

/* imm8[1:0] names a quarter of the eighty rounds. */
static uint32_t sha1_function(unsigned quarter, uint32_t b, uint32_t c, uint32_t d)
{
    switch (quarter) {
    case 0:
        return choose(b, c, d);
    case 2:
        return majority(b, c, d);
    default:
        return parity(b, c, d);
    }
}

/* The first word of `b` has E added already. */
VEC_LANE(SHA1RNDS4)
{
    static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    unsigned quarter = imm & 3;
    uint32_t s[5] = {word(a, 0), word(a, 1), word(a, 2), word(a, 3), 0}; /* A to E */
    for (unsigned i = 0; i < 4; i++) {
        uint32_t next = sha1_function(quarter, s[1], s[2], s[3]) + rotate_left(s[0], 5) +
                        word(b, i) + s[4] + constants[quarter];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = rotate_left(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (unsigned i = 0; i < 4; i++)
        set_word(d, i, s[i]);
}

VEC_LANE(SHA1NEXTE)
{
    memcpy(d, b, 16);
    set_word(d, 0, word(b, 0) + rotate_left(word(a, 0), 30));
}

VEC_LANE(SHA1MSG1)
{
    set_word(d, 0, word(a, 2) ^ word(a, 0));
    set_word(d, 1, word(a, 3) ^ word(a, 1));
    set_word(d, 2, word(b, 0) ^ word(a, 2));
    set_word(d, 3, word(b, 1) ^ word(a, 3));
}

VEC_LANE(SHA1MSG2)
{
    uint32_t w16 = rotate_left(word(a, 0) ^ word(b, 1), 1);
    set_word(d, 0, w16);
    set_word(d, 1, rotate_left(word(a, 1) ^ word(b, 2), 1));
    set_word(d, 2, rotate_left(word(a, 2) ^ word(b, 3), 1));
    set_word(d, 3, rotate_left(word(a, 3) ^ w16, 1));
}

/* --- SHA-256 ------------------------------------------------------------------------------- */

static inline uint32_t big_sigma0(uint32_t x)
{
    return rotate_right(x, 2) ^ rotate_right(x, 13) ^ rotate_right(x, 22);
}

static inline uint32_t big_sigma1(uint32_t x)
{
    return rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25);
}

static inline uint32_t small_sigma0(uint32_t x)
{
    return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
}

static inline uint32_t small_sigma1(uint32_t x)
{
    return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10;
}

VEC_LANE(SHA256MSG1)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[i] + small_sigma0(i < 3 ? a->u32[i + 1] : b->u32[0]);
}

VEC_LANE(SHA256MSG2)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[i] + small_sigma1(i < 2 ? b->u32[i + 2] : d->u32[i - 2]);
}

/* clang-format off */
EXEC(SHA1RNDS4)  { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA1RNDS4, 0); }
EXEC(SHA1NEXTE)  { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA1NEXTE, 0); }
EXEC(SHA1MSG1)   { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA1MSG1, 0); }
EXEC(SHA1MSG2)   { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA1MSG2, 0); }
EXEC(SHA256MSG1) { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA256MSG1, 0); }
EXEC(SHA256MSG2) { xmm_two(cpu, insn, VEC_LEGACY, lane_SHA256MSG2, 0); }
/* clang-format on */

/* Operand 0 holds C D G H, operand 1 A B E F, XMM0 two words with their constants added. */
EXEC(SHA256RNDS2)
{
    Vec buffer;
    const Vec *abef = vec_source(cpu, insn, 1, &buffer), *cdgh = &cpu->vec[insn->op[0].reg];
    uint32_t s[8] = {word(abef, 0), word(abef, 1), word(cdgh, 0), word(cdgh, 1),
                     word(abef, 2), word(abef, 3), word(cdgh, 2), word(cdgh, 3)};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t t = choose(s[4], s[5], s[6]) + big_sigma1(s[4]) + cpu->vec[0].u32[i] + s[7];
        uint32_t a = t + majority(s[0], s[1], s[2]) + big_sigma0(s[0]), e = t + s[3];
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[0] = a;
        s[4] = e;
    }
    Vec *dest = &cpu->vec[insn->op[0].reg];
    set_word(dest, 0, s[0]);
    set_word(dest, 1, s[1]);
    set_word(dest, 2, s[4]);
    set_word(dest, 3, s[5]);
}
