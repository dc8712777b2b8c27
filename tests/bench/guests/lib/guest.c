/* guest.c - runs the workload between two marks on the console.
 *
 * The host takes the time from mark to mark. Where a machine's clock counts instructions, its ticks
 * tell how many the workload took; a loop of known length says what one tick is.
 *
 *   <begin><end CHECKSUM TICKS TICKS-OF-KNOWN-LOOP>, or <lacks FEATURE> */
#include "guest.h"

enum { KNOWN_LOOP = 500000 };

/* Ticks of twice KNOWN_LOOP instructions. */
static u64 known_loop(void)
{
    u64 start = platform_ticks();
    u32 count = KNOWN_LOOP;
    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(count));
    return platform_ticks() - start;
}

/* " " and sixteen hexadecimal digits. */
static char *format(char *at, u64 value)
{
    *at++ = ' ';
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[value >> shift & 15];
    return at;
}

#ifdef NEEDS_AVX2
/* [SDM1] "Detection of Intel AVX2". */
static bool has_avx2(void)
{
    u32 a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (~c & (1u << 27 | 1u << 28)) /* OSXSAVE, AVX */
        return false;
    u32 enabled, high;
    __asm__ volatile("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    a = 7, c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (enabled & 6) == 6 && b >> 5 & 1;
}
#endif

void run(u32 size)
{
#ifdef NEEDS_AVX2
    if (!has_avx2()) {
        platform_write("<lacks AVX2>", 12);
        return;
    }
#endif
    u64 known = known_loop();
    platform_write("<begin>", 7);
    u64 start = platform_ticks();
    u32 result = work(size);
    u64 ticks = platform_ticks() - start;
    char text[64] = "<end", *at = format(format(format(text + 4, result), ticks), known);
    *at++ = '>';
    platform_write(text, at - text);
}
