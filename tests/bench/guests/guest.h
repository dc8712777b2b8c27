/* guest.h - what a workload gives to the start-up code, and what it may use. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The workload, and the value it must return. */
u32 work(void);
extern const u32 work_result;

/* Memory for the workload's own use, 8 MiB up. */
#define ARENA ((u8 *)0x800000)
enum { ARENA_SIZE = 96 << 20 };

/* A small generator of pseudo-random numbers: the same in every run. */
static inline u32 random_next(u32 *state)
{
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* One step of a running checksum. */
static inline u32 mix(u32 sum, u32 value)
{
    return (sum ^ value) * 0x01000193u;
}
