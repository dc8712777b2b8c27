/* real.h - the type of a floating point workload: double in SSE2 unless REAL says another. */
#pragma once
#include "guest.h"

#ifdef REAL
typedef REAL Real;
#else
typedef double Real;
#endif

static inline Real square_root(Real x)
{
    return sizeof(Real) > sizeof(double) ? (Real)__builtin_sqrtl(x)
                                         : (Real)__builtin_sqrt((double)x);
}

/* Mixes a value of moderate size in, to 24 bits after the point. */
static inline u32 mix_real(u32 sum, Real x)
{
    return mix(sum, (u32)(int64_t)(x * 16777216));
}
