/* jit.c - a translator in the guest: random expressions become functions, which then run.
 *
 * A function takes x in EDI and has its value in EAX.
 * Functions go round a buffer of 64 KiB, so that old code is written over. RUNS is how often each
 * runs. */
#include "guest.h"

#ifndef RUNS
#define RUNS 50
#endif
enum { BUFFER = 1 << 16, LONGEST = 256, TERMS = 12, LOOPS = 20 };

typedef u32 Function(u32 x);

static u8 *emit_byte(u8 *at, u8 byte)
{
    *at = byte;
    return at + 1;
}

static u8 *emit_bytes(u8 *at, const char *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++)
        at = emit_byte(at, bytes[i]);
    return at;
}

static u8 *emit32(u8 *at, u32 value)
{
    *(u32 *)at = value;
    return at + 4;
}

/* eax = eax <operation> constant or x; a loop of LOOPS rounds about all of it. */
static u8 *emit_function(u8 *at, u32 *state)
{
    at = emit_byte(at, 0xb9); /* mov $LOOPS, %ecx */
    at = emit32(at, LOOPS);
    at = emit_byte(at, 0xb8); /* mov $constant, %eax */
    at = emit32(at, random_next(state));
    u8 *loop = at;
    for (u32 i = 0; i < TERMS; i++) {
        u32 random = random_next(state);
        switch (random & 7) {
        case 0:
            at = emit32(emit_byte(at, 0x05), random); /* add $constant, %eax */
            break;
        case 1:
            at = emit32(emit_byte(at, 0x35), random); /* xor $constant, %eax */
            break;
        case 2:
            at = emit_bytes(at, "\x01\xf8", 2); /* add %edi, %eax */
            break;
        case 3:
            at = emit_bytes(at, "\x31\xf8", 2); /* xor %edi, %eax */
            break;
        case 4:
            at = emit_byte(emit_bytes(at, "\xc1\xc0", 2), random >> 8 & 31); /* rol $count, %eax */
            break;
        case 5:
            at = emit_bytes(at, "\x0f\xaf\xc7", 3); /* imul %edi, %eax */
            break;
        case 6: /* test $bit, %eax; jz over; not %eax */
            at = emit32(emit_byte(at, 0xa9), 1u << (random >> 8 & 31));
            at = emit_bytes(at, "\x74\x02\xf7\xd0", 4);
            break;
        case 7:
            at = emit_bytes(at, "\x50\xf7\xd8\x5a\x29\xd0",
                            6); /* push %eax; neg; pop %edx; sub %edx, %eax */
            break;
        }
    }
    at = emit_bytes(at, "\xff\xc9\x0f\x85", 4); /* dec %ecx; jnz loop */
    at = emit32(at, loop - at - 4);
    return emit_byte(at, 0xc3);
}

u32 work(u32 size)
{
    u32 state = 29, sum = 0;
    u8 *at = ARENA;
    for (u32 i = 0; i < size * 1000 / RUNS; i++) {
        if (at + LONGEST > ARENA + BUFFER)
            at = ARENA;
        Function *function = (Function *)at;
        at = emit_function(at, &state);
        for (u32 run = 0; run < RUNS; run++)
            sum = mix(sum, function(sum + run));
    }
    return sum;
}
