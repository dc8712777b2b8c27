/* sse_host.h - floating-point instructions on the FPU of an x86-64 host.
 *
 * With every exception masked, the host computes under the guest's MXCSR what the guest's processor
 * would: results, NaNs, rounding, DAZ, FTZ, and the flags, which it adds to the guest's register
 * itself. Unmasked exceptions and other hosts take cpu/softfloat.h.
 *
 * All of it is one asm statement, because the compiler does not know that MXCSR matters. */
#ifndef MYNA_CPU_EXEC_SSE_HOST_H
#define MYNA_CPU_EXEC_SSE_HOST_H

#include "cpu/exec/vec.h"

/* d op= b, on one lane. */
typedef void SseHostFn(Vec *d, const Vec *b, uint32_t *mxcsr);

#if defined(__x86_64__)

static ALWAYS_INLINE bool sse_on_host(const Cpu *cpu)
{
    const uint32_t masks = FP_ALL << MXCSR_MASKS_SHIFT;
    return LIKELY((cpu->mxcsr & masks) == masks);
}

typedef uint64_t HostVec __attribute__((vector_size(16)));

/* In two halves, which is how scalars from memory were written. */
static ALWAYS_INLINE HostVec host_vec(const Vec *v)
{
    return (HostVec){v->u64[0], v->u64[1]};
}

/* The MXCSR that C code runs with. */
static const uint32_t host_mxcsr = 0x1f80;

#define SSE_HOST_CODE(text) "ldmxcsr %[guest]\n\t" text "\n\tstmxcsr %[guest]\n\tldmxcsr %[own]"

/* host_NAME for an instruction NAME of two vector operands. */
#define SSE_HOST(name)                                                           \
    static ALWAYS_INLINE void host_##name(Vec *d, const Vec *b, uint32_t *mxcsr) \
    {                                                                            \
        HostVec x;                                                               \
        memcpy(&x, d, 16);                                                       \
        __asm__ volatile(SSE_HOST_CODE(#name " %[y], %[x]")                      \
                         : [x] "+x"(x), [guest] "+m"(*mxcsr)                     \
                         : [y] "x"(host_vec(b)), [own] "m"(host_mxcsr));         \
        memcpy(d, &x, 16);                                                       \
    }

/* host_NAME for a conversion from a general register, or from a scalar to one. */
#define SSE_HOST_FROM_GENERAL(name, instruction, type)                         \
    static ALWAYS_INLINE void host_##name(Vec *d, uint64_t v, uint32_t *mxcsr) \
    {                                                                          \
        HostVec x;                                                             \
        memcpy(&x, d, 16);                                                     \
        __asm__ volatile(SSE_HOST_CODE(instruction " %[v], %[x]")              \
                         : [x] "+x"(x), [guest] "+m"(*mxcsr)                   \
                         : [v] "r"((type)v), [own] "m"(host_mxcsr));           \
        memcpy(d, &x, 16);                                                     \
    }

#define SSE_HOST_TO_GENERAL(name, instruction, type)                         \
    static ALWAYS_INLINE uint64_t host_##name(const Vec *b, uint32_t *mxcsr) \
    {                                                                        \
        type v;                                                              \
        __asm__ volatile(SSE_HOST_CODE(instruction " %[y], %[v]")            \
                         : [v] "=&r"(v), [guest] "+m"(*mxcsr)                \
                         : [y] "x"(host_vec(b)), [own] "m"(host_mxcsr));     \
        return v;                                                            \
    }

/* host_NAME for a comparison: the flags ZF, PF and CF as EFLAGS bits. */
#define SSE_HOST_COMPARE(name)                                                                  \
    static ALWAYS_INLINE uint32_t host_##name(const Vec *a, const Vec *b, uint32_t *mxcsr)      \
    {                                                                                           \
        bool zero, parity, carry;                                                               \
        __asm__ volatile(SSE_HOST_CODE(#name " %[y], %[x]")                                     \
                         : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry), [guest] "+m"(*mxcsr) \
                         : [x] "x"(host_vec(a)), [y] "x"(host_vec(b)), [own] "m"(host_mxcsr));  \
        return (zero ? FLAG_ZF : 0) | (parity ? FLAG_PF : 0) | (carry ? FLAG_CF : 0);           \
    }

#else

static inline bool sse_on_host(const Cpu *cpu)
{
    return false;
}

/* Never called. */
#define SSE_HOST(name)                                                    \
    static inline void host_##name(Vec *d, const Vec *b, uint32_t *mxcsr) \
    {                                                                     \
    }
#define SSE_HOST_FROM_GENERAL(name, instruction, type)                  \
    static inline void host_##name(Vec *d, uint64_t v, uint32_t *mxcsr) \
    {                                                                   \
    }
#define SSE_HOST_TO_GENERAL(name, instruction, type)                  \
    static inline uint64_t host_##name(const Vec *b, uint32_t *mxcsr) \
    {                                                                 \
        return 0;                                                     \
    }
#define SSE_HOST_COMPARE(name)                                                      \
    static inline uint32_t host_##name(const Vec *a, const Vec *b, uint32_t *mxcsr) \
    {                                                                               \
        return 0;                                                                   \
    }

#endif

#endif
