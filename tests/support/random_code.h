/* random_code.h - byte strings that look like instructions, for tests of the decoder and its users.
 */
#ifndef MYNA_TESTS_RANDOM_CODE_H
#define MYNA_TESTS_RANDOM_CODE_H

#include "cpu/decode.h"

/* A stream of random numbers that depends on its seed alone. */
typedef struct RandomCode {
    uint64_t state;
} RandomCode;

void random_code_init(RandomCode *r, uint64_t seed);

uint64_t random_code_next(RandomCode *r);

/* Less than n. */
unsigned random_code_below(RandomCode *r, unsigned n);

/* Fills bytes[0..size) with prefixes, an escape to any of the maps, and random bytes after it. */
void random_code_fill(RandomCode *r, CodeSize mode, uint8_t *bytes, size_t size);

#endif
