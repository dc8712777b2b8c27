/* rings.h - cases that run one instruction after the other in ring 0 and ring 3.
 *
 *     faults(TRY("mov %0, %%fs", : : "r"(selector)), GP, selector);
 *     USER(user_hlt, "hlt", : )
 *     faults(in_user(user_hlt), GP, 0);
 */
#pragma once
#include "trap.h"
#include "x86.h"

/* expect_fault and expect_trap of an expression that runs the instruction first. */
#define faults(expression, vector, error)     \
    do {                                      \
        Trap raised_ = (expression);          \
        expect_fault(raised_, vector, error); \
    } while (0)
#define traps(expression, vector)     \
    do {                              \
        Trap raised_ = (expression);  \
        expect_trap(raised_, vector); \
    } while (0)

/* A function for ring 3 of one instruction, marked as by TRY. */
#define USER(name, insn, ...)                                     \
    static void name(void)                                        \
    {                                                             \
        asm volatile(TRY_MARK "10: " insn "\n11:" : __VA_ARGS__); \
    }

/* Runs a function in ring 3. */
Trap in_user_flags(void (*function)(void), word flags);
Trap in_user(void (*function)(void));
