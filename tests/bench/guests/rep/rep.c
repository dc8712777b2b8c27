/* rep.c - one repeated string instruction over runs of COUNT bytes, each time elsewhere in 1 MiB.
 *
 * OPERATION: MOVSB, MOVSQ, STOSB, STOSQ, SCASB or CMPSB.
 * [SDM2] REP/REPE/REPZ/REPNE/REPNZ. */
#include "guest.h"

enum { BUFFER = 1 << 20, ALL = BUFFER + (1 << 17), PER_SIZE = 1 << 22, MARK = 0xee };

#define COPY(mnemonic, width)                            \
    __asm__ volatile("rep " mnemonic                     \
                     : "+D"(to), "+S"(from), "=c"(count) \
                     : "2"(COUNT / (width))              \
                     : "memory")
#define FILL(mnemonic, width)                           \
    __asm__ volatile("rep " mnemonic                    \
                     : "+D"(to), "=c"(count)            \
                     : "1"(COUNT / (width)), "a"(value) \
                     : "memory")

/* What is left to do when the instruction ends. */
static size_t repeat(u8 *to, const u8 *from, size_t value)
{
    size_t count;
    (void)from, (void)value;
#if defined MOVSB
    COPY("movsb", 1);
#elif defined MOVSQ
    COPY("movsq", 8);
#elif defined STOSB
    FILL("stosb", 1);
#elif defined STOSQ
    FILL("stosq", 8);
#elif defined SCASB
    __asm__ volatile("repne scasb"
                     : "+D"(to), "=c"(count)
                     : "1"(COUNT), "a"(MARK)
                     : "cc", "memory");
#elif defined CMPSB
    __asm__ volatile("repe cmpsb"
                     : "+D"(to), "+S"(from), "=c"(count)
                     : "2"(COUNT)
                     : "cc", "memory");
#endif
    return count;
}

u32 work(u32 size)
{
    u8 *from = ARENA, *to = ARENA + 2 * BUFFER;
    u32 sum = 0, at = 0;
    for (u32 i = 0; i < ALL; i += 8) /* never MARK */
        *(u64 *)(from + i) = *(u64 *)(to + i) = (i & 127) * 0x0101010101010101ull;
    for (u32 i = 0; i < size * (PER_SIZE / COUNT); i++) {
        to[at + COUNT - 3] = MARK;
        sum = mix(sum, repeat(to + at, from + at, i));
        to[at + COUNT - 3] = from[at + COUNT - 3];
        at = (at + COUNT + 64) & (BUFFER - 1) & -64;
    }
    for (u32 i = 0; i < ALL; i += 61)
        sum = mix(sum, to[i]);
    return sum;
}
