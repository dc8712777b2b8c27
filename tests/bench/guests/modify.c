/* modify.c - code that writes code: a constant patched between calls, functions built anew, and
 * data that lives beside code. */
#include "guest.h"

const u32 work_result = 0x43a32300;

enum { PATCHES = 800000, BUILDS = 120000, BESIDE = 1200000, FUNCTIONS = 16 };

typedef u32 Function(u32);

/* mov $value, %eax; ret */
static Function *build_constant(u8 *at, u32 value)
{
    at[0] = 0xb8;
    *(u32 *)(at + 1) = value;
    at[5] = 0xc3;
    return (Function *)at;
}

/* The patched constant lies in a page that holds much other code. */
static u32 patch(u8 *code)
{
    u32 sum = 0;
    Function *function = build_constant(code, 0);
    for (u32 i = 0; i < PATCHES; i++) {
        *(volatile u32 *)(code + 1) = i * 3;
        sum = mix(sum, function(i));
    }
    return sum;
}

/* Longer functions, written by a translator as it were, run a few times each. */
static u32 build(u8 *code)
{
    u32 sum = 0;
    for (u32 i = 0; i < BUILDS; i++) {
        u8 *at = code + i % FUNCTIONS * 128;
        u8 *start = at;
        *at++ = 0xb8; /* mov $i, %eax */
        *(u32 *)at = i;
        at += 4;
        for (u32 j = 0; j < 8; j++) {
            *at++ = 0x05; /* add $i * j, %eax */
            *(u32 *)at = i * j;
            at += 4;
        }
        *at++ = 0xc3;
        for (u32 j = 0; j < 4; j++)
            sum = mix(sum, ((Function *)start)(0));
    }
    return sum;
}

/* A counter in the page of the code that uses it, in another cache line. */
static u32 beside(u8 *code)
{
    volatile u32 *counter = (volatile u32 *)(code + 2048);
    Function *function = build_constant(code, 5);
    *counter = 0;
    for (u32 i = 0; i < BESIDE; i++)
        *counter += function(0);
    return *counter;
}

u32 work(void)
{
    u32 sum = mix(0, patch(ARENA));
    sum = mix(sum, build(ARENA + 0x4000));
    return mix(sum, beside(ARENA + 0x8000));
}
