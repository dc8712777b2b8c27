/* random_code.c - byte strings that look like instructions. */
#include "tests/support/random_code.h"

void random_code_init(RandomCode *r, uint64_t seed)
{
    r->state = seed * 2 + 1;
}

/* xorshift64* */
uint64_t random_code_next(RandomCode *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1d;
}

unsigned random_code_below(RandomCode *r, unsigned n)
{
    return (random_code_next(r) >> 32) % n;
}

static bool chance(RandomCode *r, unsigned percent)
{
    return random_code_below(r, 100) < percent;
}

static size_t put_prefixes(RandomCode *r, CodeSize mode, uint8_t *p)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36,
                                       0x3e, 0x64, 0x65, 0x66, 0x66, 0xf2, 0xf3};
    size_t n = 0;
    while (n < 5 && chance(r, 40))
        p[n++] = prefixes[random_code_below(r, sizeof(prefixes))];
    if (mode == CODE_64 && chance(r, 45))
        p[n++] = 0x40 + random_code_below(r, 16);
    return n;
}

/* C4 or C5, often with vvvv unused, outside 64-bit code always with the bits that make it no LES.
 */
static size_t put_vex(RandomCode *r, CodeSize mode, uint8_t *p)
{
    uint8_t vvvv = chance(r, 50) ? 0x78 : 0, no_les = mode == CODE_64 ? 0 : 0xc0;
    if (chance(r, 40)) {
        p[0] = 0xc5;
        p[1] = random_code_next(r) | vvvv | no_les;
        return 2;
    }
    unsigned map = chance(r, 5) ? random_code_below(r, 32) : 1 + random_code_below(r, 3);
    p[0] = 0xc4;
    p[1] = (random_code_next(r) & 0xe0) | no_les | map;
    p[2] = random_code_next(r) | vvvv;
    return 3;
}

void random_code_fill(RandomCode *r, CodeSize mode, uint8_t *bytes, size_t size)
{
    uint8_t start[16];
    size_t n = 0;
    unsigned what = random_code_below(r, 100);
    if (what < 80 || chance(r, 10))
        n = put_prefixes(r, mode, start);
    if (what >= 80) {
        n += put_vex(r, mode, start + n);
    } else if (what >= 35) {
        start[n++] = 0x0f;
        if (what >= 65)
            start[n++] = what < 73 ? 0x38 : 0x3a;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = i < n ? start[i] : random_code_next(r) >> 56;
}
