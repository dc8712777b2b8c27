/* galois_priv.h - arithmetic in the field of AES and GFNI. */
#ifndef MYNA_CPU_EXEC_GALOIS_PRIV_H
#define MYNA_CPU_EXEC_GALOIS_PRIV_H

#include "core/types.h"

/* Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
static inline uint8_t gf_multiply(uint8_t a, uint8_t b)
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

#endif
