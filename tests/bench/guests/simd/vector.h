/* vector.h - vectors of 16 bytes (SSE2) or, where the compiler may use AVX2, of 32. */
#pragma once
#include "guest.h"

#ifdef __AVX2__
enum { VECTOR = 32 };
#else
enum { VECTOR = 16 };
#endif

typedef u8 Bytes __attribute__((vector_size(VECTOR)));
typedef char Chars __attribute__((vector_size(VECTOR)));
typedef u16 Words __attribute__((vector_size(VECTOR)));
typedef u32 Ints __attribute__((vector_size(VECTOR)));
typedef float Floats __attribute__((vector_size(VECTOR)));

/* PMOVMSKB: the sign bit of each byte. */
static inline u32 sign_bits(Chars x)
{
#ifdef __AVX2__
    return __builtin_ia32_pmovmskb256(x);
#else
    return __builtin_ia32_pmovmskb128(x);
#endif
}
