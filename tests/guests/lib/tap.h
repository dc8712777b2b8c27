/* tap.h - test cases and what they print: one TAP line each, on port 0xE9 and COM1. */
#pragma once
#include "types.h"

typedef struct {
    const char *name;  /* the function, which lists of known differences name too */
    const char *title; /* what is proved */
    void (*run)(void);
} __attribute__((aligned(16))) Case; /* its size is what the linker puts them apart */

/* A case is a function; it is found by the runner through its section. */
#define CASE(function, text)                                                   \
    static void function(void);                                                \
    static const Case case_##function                                          \
        __attribute__((used, section("cases"))) = {#function, text, function}; \
    static void function(void)

/* A check that fails prints itself and fails the case; the case goes on. */
#define check(condition)    tap_check((condition), __LINE__, #condition)
#define check_eq(got, want) tap_check_eq((u64)(got), (u64)(want), __LINE__, #got)

bool tap_check(bool held, int line, const char *what);
bool tap_check_eq(u64 got, u64 want, int line, const char *what);
/* The case does not apply to this CPU: leaves the case. */
void tap_skip(const char *why) __attribute__((noreturn));
/* Leaves the case as failed. */
void tap_abort(void) __attribute__((noreturn));
/* Skips the case unless CPUID shows the feature. */
void require_feature(u64 feature, const char *name);
#define require(feature) require_feature(feature, #feature)

/* Prints text with %s, %d, %x (32 bits) and %lx (64 bits). */
void print(const char *format, ...);

/* Ends the run through isa-debug-exit; 0: all is well. */
void quit(u32 status) __attribute__((noreturn));
