/* guest.h - what a workload gives to the start-up code, and what it may use. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The workload: as much of it as `size` says; a checksum of what it computed. */
u32 work(u32 size);

/* Runs the workload between its marks. */
void run(u32 size);

/* What is beneath: a machine (machine.c) or a Linux process (linux.c). */
void platform_write(const char *text, u32 count);
u64 platform_ticks(void);
void platform_end(void) __attribute__((noreturn));

/* Memory for the workload's own use, 8 MiB up: zero at the start, mapped in pages of 4 KiB, and
 * executable. */
#define ARENA ((u8 *)0x800000)
enum { ARENA_SIZE = 112 << 20 };

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
