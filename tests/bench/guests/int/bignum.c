/* bignum.c - powers of a number of 2,048 bits: schoolbook products of limbs, carries, remainders.
 */
#include "guest.h"

typedef u64 Limb;
typedef unsigned __int128 Wide;

enum { BITS = 2048, LIMB_BITS = sizeof(Limb) * 8, LIMBS = BITS / LIMB_BITS };

static void multiply(Limb *product, const Limb *a, const Limb *b)
{
    for (u32 i = 0; i < 2 * LIMBS; i++)
        product[i] = 0;
    for (u32 i = 0; i < LIMBS; i++) {
        Limb carry = 0;
        for (u32 j = 0; j < LIMBS; j++) {
            Wide sum = (Wide)a[i] * b[j] + product[i + j] + carry;
            product[i + j] = (Limb)sum;
            carry = (Limb)(sum >> LIMB_BITS);
        }
        product[i + LIMBS] = carry;
    }
}

/* Modulo 2^BITS - 1: the upper half is added to the lower, and the carry to that. */
static void reduce(Limb *to, const Limb *product)
{
    Wide carry = 0;
    for (u32 i = 0; i < LIMBS; i++) {
        carry += (Wide)product[i] + product[i + LIMBS];
        to[i] = (Limb)carry;
        carry >>= LIMB_BITS;
    }
    for (u32 i = 0; carry && i < LIMBS; i++) {
        carry += to[i];
        to[i] = (Limb)carry;
        carry >>= LIMB_BITS;
    }
}

/* Remainder by a small number: a division for every 32 bits. */
static u32 remainder(const Limb *number, u32 divisor)
{
    u64 rest = 0;
    for (u32 i = BITS / 32; i-- > 0;)
        rest = (rest << 32 | (u32)(number[i * 32 / LIMB_BITS] >> i * 32 % LIMB_BITS)) % divisor;
    return (u32)rest;
}

u32 work(u32 size)
{
    static Limb number[LIMBS], product[2 * LIMBS];
    u32 state = 11, sum = 0;
    for (u32 i = 0; i < BITS / 32; i++)
        number[i * 32 / LIMB_BITS] |= (Limb)random_next(&state) << i * 32 % LIMB_BITS;
    for (u32 round = 0; round < size; round++) {
        multiply(product, number, number);
        reduce(number, product);
        if (round % 8 == 0)
            sum = mix(sum, remainder(number, 1000000007));
    }
    return mix(sum, remainder(number, 998244353));
}
