/* types.h - the words of a guest without a C library. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uintptr_t word; /* as wide as a general register */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
