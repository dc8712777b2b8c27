/* ram.h - one access to guest RAM, which CPUs and devices on other threads use at the same time.
 *
 * Each access of 1, 2, 4 or 8 bytes is made once, and whole where it is aligned, in the order that
 * x86 keeps: no load before an earlier load, no store before an earlier load or store. [SDM3]
 * "Memory Ordering". An x86 host does so by itself; other hosts are told by acquire and release. */
#ifndef MYNA_CORE_RAM_H
#define MYNA_CORE_RAM_H

#include "core/types.h"

#if defined(__x86_64__) || defined(__i386__)
enum { RAM_LOAD_ORDER = __ATOMIC_RELAXED, RAM_STORE_ORDER = __ATOMIC_RELAXED };
#else
enum { RAM_LOAD_ORDER = __ATOMIC_ACQUIRE, RAM_STORE_ORDER = __ATOMIC_RELEASE };
#endif

/* Hosts that are strict about the alignment of ordered accesses take the odd ones by bytes. */
static ALWAYS_INLINE bool ram_whole(const uint8_t *p, unsigned size)
{
    return RAM_LOAD_ORDER == __ATOMIC_RELAXED || !((uintptr_t)p & (size - 1));
}

static inline uint64_t ram_load_bytes(const uint8_t *p, unsigned size)
{
    uint64_t v = load_le(p, size);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return v;
}

static inline void ram_store_bytes(uint8_t *p, uint64_t v, unsigned size)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
    store_le(p, v, size);
}

/* Guest memory has no type. */
typedef uint16_t __attribute__((may_alias)) RamWord16;
typedef uint32_t __attribute__((may_alias)) RamWord32;
typedef uint64_t __attribute__((may_alias)) RamWord64;

static ALWAYS_INLINE uint64_t ram_load(const uint8_t *p, unsigned size)
{
    if (!ram_whole(p, size))
        return ram_load_bytes(p, size);
    switch (size) {
    case 1:
        return __atomic_load_n(p, RAM_LOAD_ORDER);
    case 2:
        return GUINT16_FROM_LE(__atomic_load_n((const RamWord16 *)p, RAM_LOAD_ORDER));
    case 4:
        return GUINT32_FROM_LE(__atomic_load_n((const RamWord32 *)p, RAM_LOAD_ORDER));
    case 8:
        return GUINT64_FROM_LE(__atomic_load_n((const RamWord64 *)p, RAM_LOAD_ORDER));
    default:
        return ram_load_bytes(p, size);
    }
}

static ALWAYS_INLINE void ram_store(uint8_t *p, uint64_t v, unsigned size)
{
    if (!ram_whole(p, size)) {
        ram_store_bytes(p, v, size);
        return;
    }
    switch (size) {
    case 1:
        __atomic_store_n(p, (uint8_t)v, RAM_STORE_ORDER);
        break;
    case 2:
        __atomic_store_n((RamWord16 *)p, GUINT16_TO_LE((uint16_t)v), RAM_STORE_ORDER);
        break;
    case 4:
        __atomic_store_n((RamWord32 *)p, GUINT32_TO_LE((uint32_t)v), RAM_STORE_ORDER);
        break;
    case 8:
        __atomic_store_n((RamWord64 *)p, GUINT64_TO_LE(v), RAM_STORE_ORDER);
        break;
    default:
        ram_store_bytes(p, v, size);
        break;
    }
}

#endif
