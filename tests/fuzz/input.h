/* input.h - a fuzz input as a stream of choices.
 *
 * The bytes are the first choices, in order, so that changing a byte changes what it chose and
 * little else. When they are used up, numbers drawn from a seed that all of them made go on: a
 * short input is a whole story too, and the same one every time. */
#ifndef MYNA_TESTS_FUZZ_INPUT_H
#define MYNA_TESTS_FUZZ_INPUT_H

#include "tests/support/random_code.h"

typedef struct Input {
    const uint8_t *at, *end;
    RandomCode rest;
} Input;

void input_init(Input *in, const uint8_t *data, size_t size);

uint8_t input_byte(Input *in);
uint64_t input_bits(Input *in, unsigned bytes); /* little-endian, up to 8 bytes */
unsigned input_below(Input *in, unsigned n);    /* n up to 65536 */
bool input_one_in(Input *in, unsigned n);
void input_fill(Input *in, void *buffer, size_t size);

/* The numbers that find mistakes: small, all ones, a power of two or one beside it, or any. */
uint64_t input_number(Input *in);

#define INPUT_CHOOSE(in, array) ((array)[input_below(in, G_N_ELEMENTS(array))])

#endif
