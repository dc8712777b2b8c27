/* hash.c - SHA-256 [FIPS 180-4], then a table of counters under a multiplicative hash. */
#include "guest.h"
#include "sha256.h"

enum { TEXT = 1 << 16, TABLE = 1 << 14 };

static u32 right(u32 x, u32 count)
{
    return x >> count | x << (32 - count);
}

static void sha256_block(u32 state[8], const u8 *block)
{
    u32 w[64], s[8];
    for (u32 i = 0; i < 16; i++)
        w[i] = (u32)block[i * 4] << 24 | block[i * 4 + 1] << 16 | block[i * 4 + 2] << 8 |
               block[i * 4 + 3];
    for (u32 i = 16; i < 64; i++) {
        u32 a = right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3;
        u32 b = right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    for (u32 i = 0; i < 8; i++)
        s[i] = state[i];
    for (u32 i = 0; i < 64; i++) {
        u32 one = right(s[4], 6) ^ right(s[4], 11) ^ right(s[4], 25);
        u32 t1 = s[7] + one + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha256_constants[i] + w[i];
        u32 zero = right(s[0], 2) ^ right(s[0], 13) ^ right(s[0], 22);
        u32 t2 = zero + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (u32 j = 7; j > 0; j--)
            s[j] = s[j - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (u32 i = 0; i < 8; i++)
        state[i] += s[i];
}

static u32 count_words(const u8 *text, u32 *table)
{
    u32 most = 0;
    for (u32 i = 0; i + 4 <= TEXT; i += 3) {
        u32 word = text[i] | text[i + 1] << 8 | text[i + 2] << 16;
        u32 *count = &table[word * 0x9e3779b1u >> 18];
        most = ++*count > most ? *count : most;
    }
    return most;
}

u32 work(u32 size)
{
    u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u32 *table = (u32 *)(ARENA + TEXT), random = 1, sum = 0;
    for (u32 i = 0; i < TEXT; i++)
        ARENA[i] = random_next(&random) & 0x7f;
    for (u32 round = 0; round < size; round++) {
        for (u32 at = 0; at < TEXT; at += 64)
            sha256_block(state, ARENA + at);
        sum = mix(sum, count_words(ARENA, table));
    }
    for (u32 i = 0; i < 8; i++)
        sum = mix(sum, state[i]);
    return sum;
}
