/* input.c - a fuzz input as a stream of choices. */
#include "tests/fuzz/input.h"

void input_init(Input *in, const uint8_t *data, size_t size)
{
    uint64_t seed = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 0x100000001b3;
    in->at = data;
    in->end = data + size;
    random_code_init(&in->rest, seed);
}

uint8_t input_byte(Input *in)
{
    return in->at < in->end ? *in->at++ : random_code_next(&in->rest) >> 56;
}

uint64_t input_bits(Input *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)input_byte(in) << 8 * i;
    return v;
}

unsigned input_below(Input *in, unsigned n)
{
    return input_bits(in, n > 256 ? 2 : 1) % n;
}

bool input_one_in(Input *in, unsigned n)
{
    return input_below(in, n) == 0;
}

void input_fill(Input *in, void *buffer, size_t size)
{
    uint8_t *bytes = buffer;
    for (size_t i = 0; i < size; i++)
        bytes[i] = input_byte(in);
}

uint64_t input_number(Input *in)
{
    unsigned kind = input_byte(in);
    switch (kind % 8) {
    case 0:
    case 1:
        return kind >> 3;
    case 2:
        return UINT64_MAX;
    case 3:
        return (uint64_t)1 << input_byte(in) % 64;
    case 4:
        return ((uint64_t)1 << input_byte(in) % 64) - 1;
    case 5:
        return input_bits(in, 1);
    case 6:
        return input_bits(in, 4);
    default:
        return input_bits(in, 8);
    }
}
