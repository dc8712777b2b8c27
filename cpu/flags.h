/* flags.h - the six arithmetic flags as two words, so that most instructions store two values and
 * only the few that read flags compute them.
 *
 *   flag_result   the result, sign extended to 64 bits
 *   flag_carries  63  carry (or borrow) out of the top bit
 *                 62  carry into the top bit
 *                 15..8  xored into the result's low byte before PF looks at it
 *                 3   carry out of bit 3
 *                 0   xored into the sign
 *
 *   ZF = result is 0      SF = sign ^ bit 0      PF = even parity of low byte ^ bits 15..8
 *   CF = bit 63           OF = bit 63 ^ bit 62   AF = bit 3
 *
 * Any combination of flags has an image (flags_set), and no reader needs to know the producer. */
#ifndef MYNA_CPU_FLAGS_H
#define MYNA_CPU_FLAGS_H

#include "cpu/cpu.h"

#define CARRIES_OUT ((uint64_t)1 << 63)
#define CARRIES_IN  ((uint64_t)1 << 62)
enum { CARRIES_AF = 1 << 3, CARRIES_SIGN = 1, CARRIES_PARITY_SHIFT = 8 };

static inline bool flag_cf(const Cpu *cpu)
{
    return cpu->flag_carries >> 63;
}

static inline bool flag_of(const Cpu *cpu)
{
    return (cpu->flag_carries ^ cpu->flag_carries << 1) >> 63;
}

static inline bool flag_zf(const Cpu *cpu)
{
    return cpu->flag_result == 0;
}

static inline bool flag_sf(const Cpu *cpu)
{
    return (cpu->flag_result < 0) ^ (cpu->flag_carries & CARRIES_SIGN);
}

static inline bool flag_pf(const Cpu *cpu)
{
    return !__builtin_parity((cpu->flag_result ^ cpu->flag_carries >> CARRIES_PARITY_SHIFT) & 0xff);
}

static inline bool flag_af(const Cpu *cpu)
{
    return bit_get(cpu->flag_carries, 3);
}

/* The arithmetic flags as EFLAGS bits. */
static inline uint32_t flags_arith(const Cpu *cpu)
{
    return (flag_cf(cpu) ? FLAG_CF : 0) | (flag_pf(cpu) ? FLAG_PF : 0) |
           (flag_af(cpu) ? FLAG_AF : 0) | (flag_zf(cpu) ? FLAG_ZF : 0) |
           (flag_sf(cpu) ? FLAG_SF : 0) | (flag_of(cpu) ? FLAG_OF : 0);
}

/* Sets all six from EFLAGS bits. */
static inline void flags_set_arith(Cpu *cpu, uint32_t f)
{
    uint64_t cf = f & FLAG_CF ? 1 : 0, of = f & FLAG_OF ? 1 : 0;
    cpu->flag_result = f & FLAG_ZF ? 0 : 0x100;
    cpu->flag_carries = cf << 63 | (cf ^ of) << 62 |
                        (uint64_t) !(f & FLAG_PF) << CARRIES_PARITY_SHIFT |
                        (f & FLAG_AF ? CARRIES_AF : 0) | (f & FLAG_SF ? CARRIES_SIGN : 0);
}

/* Replaces the flags named in mask. */
static inline void flags_replace(Cpu *cpu, uint32_t f, uint32_t mask)
{
    flags_set_arith(cpu, (flags_arith(cpu) & ~mask) | (f & mask));
}

/* Sets CF and leaves the others. */
static inline void flag_set_cf(Cpu *cpu, bool cf)
{
    uint64_t of = flag_of(cpu);
    cpu->flag_carries &= ~(CARRIES_OUT | CARRIES_IN);
    cpu->flag_carries |= (uint64_t)cf << 63 | (cf ^ of) << 62;
}

/* The whole RFLAGS image. */
static inline uint32_t eflags_get(const Cpu *cpu)
{
    return cpu->eflags | flags_arith(cpu);
}

/* Takes a whole image; which bits may change is the caller's to have decided. Callers that change
 * VM or AC call cpu_update_mode afterwards; a set TF raises PENDING_DEBUG. */
static inline void eflags_set(Cpu *cpu, uint32_t f)
{
    cpu->eflags = (f & ~FLAGS_ARITH) | FLAG_FIXED;
    flags_set_arith(cpu, f);
    if (f & FLAG_TF)
        __atomic_fetch_or(&cpu->pending, PENDING_DEBUG, __ATOMIC_RELAXED);
}

/* --- producers; `size` in bytes, results as wide as they come --------------------------------- */

static ALWAYS_INLINE void flags_from(Cpu *cpu, unsigned size, uint64_t result, uint64_t carries)
{
    unsigned shift = 64 - size * 8;
    cpu->flag_result = (int64_t)(result << shift) >> shift;
    cpu->flag_carries = (carries << shift & (CARRIES_OUT | CARRIES_IN)) | (carries & CARRIES_AF);
}

/* result = a + b (+ carry in) */
static ALWAYS_INLINE void flags_add(Cpu *cpu, unsigned size, uint64_t a, uint64_t b,
                                    uint64_t result)
{
    flags_from(cpu, size, result, (a & b) | ((a | b) & ~result));
}

/* result = a - b (- borrow in) */
static ALWAYS_INLINE void flags_sub(Cpu *cpu, unsigned size, uint64_t a, uint64_t b,
                                    uint64_t result)
{
    flags_from(cpu, size, result, (~a & b) | ((~a | b) & result));
}

/* AND, OR, XOR, TEST: CF = OF = AF = 0 (AF is undefined; we clear it). */
static ALWAYS_INLINE void flags_logic(Cpu *cpu, unsigned size, uint64_t result)
{
    unsigned shift = 64 - size * 8;
    cpu->flag_result = (int64_t)(result << shift) >> shift;
    cpu->flag_carries = 0;
}

/* INC and DEC: as add or sub of 1, CF kept. */
static ALWAYS_INLINE void flags_keep_cf(Cpu *cpu, bool cf)
{
    flag_set_cf(cpu, cf);
}

/* Condition cc of Jcc, SETcc, CMOVcc. [SDM1] "EFLAGS Condition Codes". Even cc; odd = negation. */
static ALWAYS_INLINE bool flags_condition(const Cpu *cpu, unsigned cc)
{
    bool v = false;
    switch (cc >> 1) {
    case 0:
        v = flag_of(cpu);
        break;
    case 1:
        v = flag_cf(cpu);
        break;
    case 2:
        v = flag_zf(cpu);
        break;
    case 3:
        v = flag_cf(cpu) || flag_zf(cpu);
        break;
    case 4:
        v = flag_sf(cpu);
        break;
    case 5:
        v = flag_pf(cpu);
        break;
    case 6:
        v = flag_sf(cpu) != flag_of(cpu);
        break;
    case 7:
        v = flag_zf(cpu) || flag_sf(cpu) != flag_of(cpu);
        break;
    }
    return v ^ (cc & 1);
}

#endif
