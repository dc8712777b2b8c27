/* hash.c - SHA-256 [FIPS 180-4], then a table of counters under a multiplicative hash. */
#include "guest.h"

enum { TEXT = 1 << 16, TABLE = 1 << 14 };

static const u32 constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

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
        u32 t1 = s[7] + one + ((s[4] & s[5]) ^ (~s[4] & s[6])) + constant[i] + w[i];
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
