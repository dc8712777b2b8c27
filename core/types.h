/* types.h - the integer types with a meaning, and unaligned little-endian loads and stores.
 *
 * Everything in myna that is an address, a time or a size says so in its type or its name. */
#ifndef MYNA_CORE_TYPES_H
#define MYNA_CORE_TYPES_H

#include <assert.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t PhysAddr; /* guest physical address */
typedef uint64_t LinAddr;  /* guest linear (virtual) address, after segmentation */
typedef int64_t Ns;        /* nanoseconds of virtual time */

#define NS_PER_US  ((Ns)1000)
#define NS_PER_MS  ((Ns)1000000)
#define NS_PER_SEC ((Ns)1000000000)
#define NS_NEVER   INT64_MAX /* a deadline that does not come */

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1) /* the offset bits */

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE      __attribute__((noinline))
#define HOT           __attribute__((hot))
#define COLD          __attribute__((cold, noinline))
#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)

/* Bits [lo, lo+len) of v, right aligned. len is 1..63. */
static inline uint64_t bits_get(uint64_t v, unsigned lo, unsigned len)
{
    return (v >> lo) & (((uint64_t)1 << len) - 1);
}

static inline bool bit_get(uint64_t v, unsigned n)
{
    return (v >> n) & 1;
}

/* v with its low `bits` bits sign extended to 64. bits is 1..64. */
static inline int64_t sign_extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* Little-endian loads and stores at any alignment. `size` is 1, 2, 4 or 8 bytes. */
static inline uint64_t load_le(const void *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return GUINT64_FROM_LE(v);
}

static inline void store_le(void *p, uint64_t v, unsigned size)
{
    v = GUINT64_TO_LE(v);
    memcpy(p, &v, size);
}

#define DEFINE_LOAD_STORE(bits)                                  \
    static inline uint##bits##_t load_le##bits(const void *p)    \
    {                                                            \
        uint##bits##_t v;                                        \
        memcpy(&v, p, sizeof(v));                                \
        return GUINT##bits##_FROM_LE(v);                         \
    }                                                            \
    static inline void store_le##bits(void *p, uint##bits##_t v) \
    {                                                            \
        v = GUINT##bits##_TO_LE(v);                              \
        memcpy(p, &v, sizeof(v));                                \
    }
DEFINE_LOAD_STORE(16)
DEFINE_LOAD_STORE(32)
DEFINE_LOAD_STORE(64)
#undef DEFINE_LOAD_STORE

#endif
