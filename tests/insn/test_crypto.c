/* test_crypto.c - SHA and GFNI by what they are for: published digests computed with the
 * instructions, and the S-box of AES as an inverse and an affine map. [FIPS180], [FIPS197]. */
#include "tests/bench/guests/lib/sha256.h"
#include "tests/support/bare_cpu.h"

static BareCpu *vector_cpu(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    t->cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    t->cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu_update_mode(t->cpu);
    return t;
}

/* Executes an instruction on XMM1 and XMM2, with XMM0 as the implicit operand. */
#define ON_XMM1_XMM2(t, a, b, ...)                    \
    ({                                                \
        (t)->cpu->vec[1] = a;                         \
        (t)->cpu->vec[2] = b;                         \
        Vec upper = (t)->cpu->vec[1];                 \
        assert_quiet(EXECUTE(t, __VA_ARGS__));        \
        Vec result = (t)->cpu->vec[1];                \
        g_assert_true(result.u64[2] == upper.u64[2]); \
        result;                                       \
    })

static Vec words(uint32_t top, uint32_t second, uint32_t third, uint32_t bottom)
{
    return (Vec){.u32 = {bottom, third, second, top, 0x11111111, 0x22222222}};
}

static Vec sum(Vec a, const Vec *b)
{
    for (unsigned i = 0; i < 4; i++)
        a.u32[i] += b->u32[i];
    return a;
}

/* "abc" as the one padded block of a message. */
static const uint32_t abc[16] = {0x61626380, [15] = 24};

/* --- SHA-1 ----------------------------------------------------------------------------------- */

static Vec sha1_rounds(BareCpu *t, unsigned quarter, Vec abcd, Vec message)
{
    switch (quarter) {
    case 0:
        return ON_XMM1_XMM2(t, abcd, message, 0x0f, 0x3a, 0xcc, 0xca, 0x00);
    case 1:
        return ON_XMM1_XMM2(t, abcd, message, 0x0f, 0x3a, 0xcc, 0xca, 0x01);
    case 2:
        return ON_XMM1_XMM2(t, abcd, message, 0x0f, 0x3a, 0xcc, 0xca, 0x02);
    default: /* only two bits count */
        return ON_XMM1_XMM2(t, abcd, message, 0x0f, 0x3a, 0xcc, 0xca, 0xff);
    }
}

/* W[n] to W[n+3] from the sixteen before them. */
static Vec sha1_schedule(BareCpu *t, const Vec w[4])
{
    Vec v = ON_XMM1_XMM2(t, w[0], w[1], 0x0f, 0x38, 0xc9, 0xca); /* SHA1MSG1 */
    v.u64[0] ^= w[2].u64[0];
    v.u64[1] ^= w[2].u64[1];
    return ON_XMM1_XMM2(t, v, w[3], 0x0f, 0x38, 0xca, 0xca); /* SHA1MSG2 */
}

static void test_sha1(void)
{
    BareCpu *t = vector_cpu();
    Vec w[20], start = words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476), abcd = start;
    Vec e = words(0xc3d2e1f0, 0, 0, 0), before = abcd;
    for (unsigned i = 0; i < 20; i++) {
        w[i] = i < 4 ? words(abc[4 * i], abc[4 * i + 1], abc[4 * i + 2], abc[4 * i + 3])
                     : sha1_schedule(t, w + i - 4);
        /* E of the first four rounds is given; later it is A of four rounds before. */
        Vec message = i == 0 ? sum(w[0], &e)
                             : ON_XMM1_XMM2(t, before, w[i], 0x0f, 0x38, 0xc8, 0xca);
        before = abcd;
        abcd = sha1_rounds(t, i / 5, abcd, message);
    }
    e = ON_XMM1_XMM2(t, before, e, 0x0f, 0x38, 0xc8, 0xca); /* SHA1NEXTE */
    abcd = sum(abcd, &start);
    /* [FIPS180] the example "abc": a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d */
    g_assert_cmphex(abcd.u64[1], ==, 0xa9993e364706816a);
    g_assert_cmphex(abcd.u64[0], ==, 0xba3e25717850c26c);
    g_assert_cmphex(e.u32[3], ==, 0x9cd0d89d);
    bare_cpu_free(t);
}

/* --- SHA-256 --------------------------------------------------------------------------------- */

static Vec sha256_schedule(BareCpu *t, const Vec w[4])
{
    Vec v = ON_XMM1_XMM2(t, w[0], w[1], 0x0f, 0x38, 0xcc, 0xca); /* SHA256MSG1 */
    Vec seven_before = {.u32 = {w[2].u32[1], w[2].u32[2], w[2].u32[3], w[3].u32[0]}};
    v = sum(v, &seven_before);
    return ON_XMM1_XMM2(t, v, w[3], 0x0f, 0x38, 0xcd, 0xca); /* SHA256MSG2 */
}

static void test_sha256(void)
{
    BareCpu *t = vector_cpu();
    Vec w[16], abef = words(0x6a09e667, 0xbb67ae85, 0x510e527f, 0x9b05688c), start_abef = abef;
    Vec cdgh = words(0x3c6ef372, 0xa54ff53a, 0x1f83d9ab, 0x5be0cd19), start_cdgh = cdgh;
    for (unsigned i = 0; i < 16; i++) {
        const uint32_t *k = sha256_constants + 4 * i;
        w[i] = i < 4 ? words(abc[4 * i + 3], abc[4 * i + 2], abc[4 * i + 1], abc[4 * i])
                     : sha256_schedule(t, w + i - 4);
        for (unsigned half = 0; half < 2; half++) {
            t->cpu->vec[0].u32[0] = w[i].u32[2 * half] + k[2 * half];
            t->cpu->vec[0].u32[1] = w[i].u32[2 * half + 1] + k[2 * half + 1];
            Vec next = ON_XMM1_XMM2(t, cdgh, abef, 0x0f, 0x38, 0xcb, 0xca); /* SHA256RNDS2 */
            cdgh = abef;
            abef = next;
        }
    }
    abef = sum(abef, &start_abef);
    cdgh = sum(cdgh, &start_cdgh);
    /* [FIPS180] "abc": ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad */
    g_assert_cmphex(abef.u64[1], ==, 0xba7816bf8f01cfea);
    g_assert_cmphex(cdgh.u64[1], ==, 0x414140de5dae2223);
    g_assert_cmphex(abef.u64[0], ==, 0xb00361a396177a9c);
    g_assert_cmphex(cdgh.u64[0], ==, 0xb410ff61f20015ad);
    bare_cpu_free(t);
}

/* --- GFNI ------------------------------------------------------------------------------------ */

/* Rows of the affine map of SubBytes, the first row of the matrix highest. */
#define SUB_BYTES_MATRIX ((uint64_t)0xf1e3c78f1f3e7cf8)
#define IDENTITY_MATRIX  ((uint64_t)0x0102040810204080)

static Vec bytes_from(unsigned first)
{
    Vec v = {.u64 = {0}};
    for (unsigned i = 0; i < 16; i++)
        v.u8[i] = first + i;
    return v;
}

static Vec matrix(uint64_t rows)
{
    return (Vec){.u64 = {rows, rows, rows, rows}};
}

/* AESENCLAST with a zero key is ShiftRows and SubBytes: with equal columns, SubBytes alone. */
static uint8_t sub_byte(BareCpu *t, uint8_t x)
{
    Vec all, zero = {.u64 = {0}};
    memset(&all, x, sizeof(all));
    return ON_XMM1_XMM2(t, all, zero, 0x66, 0x0f, 0x38, 0xdd, 0xca).u8[0];
}

static void test_sub_bytes(void)
{
    BareCpu *t = vector_cpu();
    for (unsigned first = 0; first < 256; first += 16) {
        Vec d = ON_XMM1_XMM2(t, bytes_from(first), matrix(SUB_BYTES_MATRIX), /* AFFINEINV, 63h */
                             0x66, 0x0f, 0x3a, 0xcf, 0xca, 0x63);
        for (unsigned i = 0; i < 16; i++)
            g_assert_cmphex(d.u8[i], ==, sub_byte(t, first + i));
    }
    g_assert_cmphex(sub_byte(t, 0x53), ==, 0xed); /* [FIPS197] the example of SubBytes */
    bare_cpu_free(t);
}

/* x * (1/x) = 1, but for 0. */
static void test_inverse_and_product(void)
{
    BareCpu *t = vector_cpu();
    for (unsigned first = 0; first < 256; first += 16) {
        Vec x = bytes_from(first);
        Vec inverse = ON_XMM1_XMM2(t, x, matrix(IDENTITY_MATRIX), /* AFFINEINV */
                                   0x66, 0x0f, 0x3a, 0xcf, 0xca, 0x00);
        Vec product = ON_XMM1_XMM2(t, x, inverse, 0x66, 0x0f, 0x38, 0xcf, 0xca); /* MULB */
        for (unsigned i = 0; i < 16; i++)
            g_assert_cmphex(product.u8[i], ==, first + i != 0);
    }
    /* [FIPS197] "Multiplication": {57} * {83} = {c1} */
    Vec a = matrix(0x5757575757575757), b = matrix(0x8383838383838383);
    g_assert_cmphex(ON_XMM1_XMM2(t, a, b, 0x66, 0x0f, 0x38, 0xcf, 0xca).u8[7], ==, 0xc1);
    bare_cpu_free(t);
}

/* The byte of row 7 - i gives bit i; the immediate is added. VEX forms write the upper half. */
static void test_affine(void)
{
    BareCpu *t = vector_cpu();
    Vec x = matrix(0x8040201008040201), reverse = matrix(0x8040201008040201);
    Vec d = ON_XMM1_XMM2(t, x, matrix(IDENTITY_MATRIX), 0x66, 0x0f, 0x3a, 0xce, 0xca, 0xff);
    g_assert_cmphex(d.u64[0], ==, ~(uint64_t)0x8040201008040201);
    d = ON_XMM1_XMM2(t, x, reverse, 0x66, 0x0f, 0x3a, 0xce, 0xca, 0x00);
    g_assert_cmphex(d.u64[1], ==, 0x0102040810204080);
    t->cpu->vec[1] = x;
    t->cpu->vec[2] = reverse;
    assert_quiet(EXECUTE(t, 0xc4, 0xe3, 0xf5, 0xce, 0xda, 0x00)); /* VGF2P8AFFINEQB ymm3 */
    g_assert_cmphex(t->cpu->vec[3].u64[3], ==, 0x0102040810204080);
    bare_cpu_free(t);
}

/* Without their feature they do not exist. */
static void test_absent(void)
{
    BareCpu *t = vector_cpu();
    feature_set_off(&t->cpu->features, FEATURE_SHA);
    feature_set_off(&t->cpu->features, FEATURE_GFNI);
    assert_raised(EXECUTE(t, 0x0f, 0x38, 0xc8, 0xca), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xcf, 0xca), EXC_UD, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crypto/sha1", test_sha1);
    g_test_add_func("/crypto/sha256", test_sha256);
    g_test_add_func("/crypto/sub-bytes", test_sub_bytes);
    g_test_add_func("/crypto/inverse-and-product", test_inverse_and_product);
    g_test_add_func("/crypto/affine", test_affine);
    g_test_add_func("/crypto/absent", test_absent);
    return g_test_run();
}
