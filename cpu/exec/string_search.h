/* string_search.h - where CMPS and SCAS stop: the first of many elements that differs, or does not.
 *
 * Eight bytes at a time, as lanes of the element's size:
 *
 *     a ^ b                a lane is zero: equal
 *     zero_lanes           its top bit is set then, and no other
 */
#ifndef MYNA_CPU_EXEC_STRING_SEARCH_H
#define MYNA_CPU_EXEC_STRING_SEARCH_H

#include "core/types.h"

typedef struct StringSearch {
    const uint8_t *a, *b; /* lowest element of each; b NULL: a is compared with one value, */
    uint64_t value;       /* which is repeated here as often as it fits */
    unsigned size;        /* of an element */
    bool down;            /* from the highest element */
    bool while_equal;     /* REPE */
} StringSearch;

/* The top bit of each lane. */
static inline uint64_t lane_tops(unsigned size)
{
    return size == 1   ? 0x8080808080808080u
           : size == 2 ? 0x8000800080008000u
           : size == 4 ? 0x8000000080000000u
                       : 0x8000000000000000u;
}

static inline uint64_t zero_lanes(uint64_t x, uint64_t tops)
{
    uint64_t rest = ~tops;
    return ~(((x & rest) + rest) | x | rest);
}

static inline uint64_t repeated(uint64_t v, unsigned size)
{
    uint64_t ones = lane_tops(size) >> (size * 8 - 1);
    return truncate_to(v, size) * ones;
}

/* The offset of `count` elements after the first `done` of n. */
static ALWAYS_INLINE size_t search_offset(const StringSearch *s, uint64_t n, uint64_t done,
                                          uint64_t count)
{
    return (s->down ? n - done - count : done) * s->size;
}

/* Elements before a difference, a block at a time; there may be more. */
static inline uint64_t search_equal_blocks(const StringSearch *s, uint64_t n)
{
    enum { BLOCK = 256 };
    uint64_t done = 0, block = BLOCK / s->size;
    for (; done + block <= n; done += block) {
        size_t at = search_offset(s, n, done, block);
        if (memcmp(s->a + at, s->b + at, BLOCK))
            break;
    }
    return done;
}

/* Is it a look for one byte, as the C library has it? */
static ALWAYS_INLINE bool is_byte_search(const StringSearch *s)
{
    return !s->b && s->size == 1 && !s->down && !s->while_equal;
}

/* The number of elements, of n, before the one that ends the repetition; n: none does. */
static ALWAYS_INLINE uint64_t string_search(const StringSearch *s, uint64_t n)
{
    if (is_byte_search(s)) {
        const uint8_t *found = memchr(s->a, (uint8_t)s->value, n);
        return found ? (uint64_t)(found - s->a) : n;
    }
    uint64_t tops = lane_tops(s->size), flip = s->while_equal ? tops : 0;
    uint64_t done = s->b && s->while_equal ? search_equal_blocks(s, n) : 0;
    unsigned lanes = 8 / s->size, bits = 8 * s->size;
    for (; done + lanes <= n; done += lanes) {
        size_t at = search_offset(s, n, done, lanes);
        uint64_t x = load_le64(s->a + at) ^ (s->b ? load_le64(s->b + at) : s->value);
        uint64_t found = zero_lanes(x, tops) ^ flip;
        if (found)
            return done + (s->down ? __builtin_clzll(found) : __builtin_ctzll(found)) / bits;
    }
    for (; done < n; done++) {
        size_t at = search_offset(s, n, done, 1);
        uint64_t b = s->b ? load_le(s->b + at, s->size) : truncate_to(s->value, s->size);
        if ((load_le(s->a + at, s->size) == b) != s->while_equal)
            break;
    }
    return done;
}

#endif
