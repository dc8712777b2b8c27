/* xstate.c - the layout of saved processor state. [SDM1] "XSAVE Area". */
#include "cpu/xstate.h"

#include "cpu/exec.h"

const XState xstates[XSTATE_COUNT] = {
#define XSTATE(name_, number_, kind_, feature_, other_, size_, offset_) \
    {                                                                   \
        .number = number_,                                              \
        .kind = XSTATE_##kind_,                                         \
        .feature = FEATURE_##feature_,                                  \
        .other = FEATURE_##other_,                                      \
        .size = size_,                                                  \
        .offset = offset_,                                              \
    },
#include "cpu/xstate.def"
#undef XSTATE
};

bool xstate_available(const Cpu *cpu, const XState *x)
{
    return cpu_has(cpu, x->feature) || cpu_has(cpu, x->other);
}

static uint64_t available(const Cpu *cpu, XStateKind kind)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < XSTATE_COUNT; i++)
        if (xstates[i].kind == kind && xstate_available(cpu, &xstates[i]))
            bits |= xstate_bit(&xstates[i]);
    return bits;
}

uint64_t xcr0_supported(const Cpu *cpu)
{
    return XCR0_X87 | (cpu_has(cpu, FEATURE_SSE) ? XCR0_SSE : 0) | available(cpu, XSTATE_USER);
}

uint64_t xss_supported(const Cpu *cpu)
{
    return cpu_has(cpu, FEATURE_XSAVES) ? available(cpu, XSTATE_SUPERVISOR) : 0;
}

/* No component here asks for alignment, so that the compacted ones follow each other closely. */
unsigned xstate_offset(const XState *x, uint64_t xcomp)
{
    if (!(xcomp & XCOMP_COMPACT))
        return x->offset;
    unsigned offset = XSAVE_EXTENDED;
    for (const XState *before = xstates; before < x; before++)
        offset += xcomp & xstate_bit(before) ? before->size : 0;
    return offset;
}

unsigned xstate_area_size(uint64_t components, uint64_t xcomp)
{
    unsigned size = XSAVE_EXTENDED;
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++)
        if (components & xstate_bit(x))
            size = MAX(size, xstate_offset(x, xcomp) + x->size);
    return size;
}
