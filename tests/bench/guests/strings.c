/* strings.c - REP MOVS, STOS, CMPS and SCAS over short and long runs, aligned and not. */
#include "guest.h"

const u32 work_result = 0x6891daea;

enum { ROUNDS = 24, BUFFER = 1 << 20 };

static void move8(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void move32(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void fill32(void *to, u32 value, size_t count)
{
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

/* Bytes before the first that is `value`. */
static u32 find8(const u8 *at, u8 value, size_t count)
{
    const u8 *start = at;
    __asm__ volatile("repne scasb" : "+D"(at), "+c"(count) : "a"(value) : "cc", "memory");
    return at - start;
}

/* Bytes up to the first difference. */
static u32 same8(const u8 *a, const u8 *b, size_t count)
{
    const u8 *start = a;
    __asm__ volatile("repe cmpsb" : "+D"(a), "+S"(b), "+c"(count) : : "cc", "memory");
    return a - start;
}

u32 work(void)
{
    static const u32 size[] = {3, 16, 60, 256, 1500, 4096, 20000};
    u8 *from = ARENA, *to = ARENA + 2 * BUFFER;
    u32 sum = 0;
    for (u32 round = 0; round < ROUNDS; round++) {
        fill32(from, round * 0x01010101u, BUFFER / 4);
        for (u32 i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
            u32 step = size[i] + (round & 3);
            for (u32 at = 0; at + step < BUFFER; at += step * 4) {
                move8(to + at + 1, from + at, size[i]);
                move32(to + at, from + at, size[i] / 4);
                from[at + size[i] / 2] = 0xee;
                sum += find8(from + at, 0xee, size[i]);
                sum = mix(sum, same8(from + at, to + at, size[i]));
            }
        }
    }
    return sum;
}
