/* xstate.h - where the components of saved processor state lie. The rows are in xstate.def.
 *
 *     0    legacy region: x87 and SSE, as FXSAVE stores them
 *   512    header: XSTATE_BV, XCOMP_BV, zeros
 *   576    the components of xstate.def; in the compacted format one after the other
 */
#ifndef MYNA_CPU_XSTATE_H
#define MYNA_CPU_XSTATE_H

#include "cpu/cpu.h"

enum { XSAVE_HEADER = 512, XSAVE_HEADER_SIZE = 64, XSAVE_EXTENDED = 576 };

/* XCOMP_BV of an area in the compacted format. */
#define XCOMP_COMPACT ((uint64_t)1 << 63)

/* Their numbers are bits of XCR0, IA32_XSS, XSTATE_BV and XCOMP_BV. */
typedef enum XStateNumber {
#define XSTATE(name, number, kind, feature, other, size, offset) XSTATE_##name = number,
#include "cpu/xstate.def"
#undef XSTATE
} XStateNumber;

typedef enum XStateKind { XSTATE_USER, XSTATE_SUPERVISOR } XStateKind;

typedef struct XState {
    uint8_t number; /* XStateNumber */
    uint8_t kind;   /* XStateKind */
    uint8_t feature, other;
    uint16_t size;
    uint16_t offset; /* in the standard format */
} XState;

enum { XSTATE_COUNT = 4 };
extern const XState xstates[XSTATE_COUNT];

static inline uint64_t xstate_bit(const XState *x)
{
    return (uint64_t)1 << x->number;
}

bool xstate_available(const Cpu *cpu, const XState *x);

/* Where a component is: in the standard format if xcomp is 0, else by XCOMP_BV. */
unsigned xstate_offset(const XState *x, uint64_t xcomp);

/* Bytes of an area that holds these components, in the standard or the compacted format. */
unsigned xstate_area_size(uint64_t components, uint64_t xcomp);

#endif
