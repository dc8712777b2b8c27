/* edges.h - integers at which carries, signs and zeros happen: likelier in tests than by chance. */
#ifndef MYNA_TESTS_SUPPORT_EDGES_H
#define MYNA_TESTS_SUPPORT_EDGES_H

#include <stdint.h>

enum { INTEGER_EDGES = 16 };
static const uint64_t integer_edges[INTEGER_EDGES] = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffffffffffffffff,
    0x5555555555555555,
};

#endif
