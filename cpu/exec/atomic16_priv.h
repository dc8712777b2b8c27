/* atomic16_priv.h - compare-and-exchange of sixteen bytes, which C has no portable name for that
 * does not call a library. Little-endian hosts. */
#ifndef MYNA_CPU_EXEC_ATOMIC16_PRIV_H
#define MYNA_CPU_EXEC_ATOMIC16_PRIV_H

#include "core/types.h"

typedef struct Pair {
    uint64_t low, high;
} Pair;

static inline bool pair_equal(Pair a, Pair b)
{
    return a.low == b.low && a.high == b.high;
}

/* If the 16-byte aligned pair at p is `expected` it becomes `desired`. Returns what it was. A full
 * barrier. */
static inline Pair pair_compare_exchange(uint8_t *p, Pair expected, Pair desired)
{
#if defined(__x86_64__)
    __asm__ volatile("lock cmpxchg16b %[mem]"
                     : [mem] "+m"(*(Pair *)p), "+a"(expected.low), "+d"(expected.high)
                     : "b"(desired.low), "c"(desired.high)
                     : "cc", "memory");
    return expected;
#elif defined(__aarch64__)
    Pair old;
    uint32_t failed;
    do {
        __asm__ volatile("ldaxp %[low], %[high], %[mem]"
                         : [low] "=&r"(old.low), [high] "=&r"(old.high)
                         : [mem] "Q"(*(Pair *)p)
                         : "memory");
        /* A failed comparison stores the old value back: only then is the load known to be whole.
         */
        Pair value = pair_equal(old, expected) ? desired : old;
        __asm__ volatile("stlxp %w[failed], %[low], %[high], %[mem]"
                         : [failed] "=&r"(failed), [mem] "=Q"(*(Pair *)p)
                         : [low] "r"(value.low), [high] "r"(value.high)
                         : "memory");
    } while (failed);
    return old;
#else
#error "no sixteen-byte compare-and-exchange for this host"
#endif
}

#endif
