/* trap.h - exceptions and interrupts: what was pushed, who handles them, how a case expects one. */
#pragma once
#include "tap.h"
#include "types.h"

/* What trap.S pushes, lowest address first. Without a change of privilege a 32-bit CPU pushes no
 * `sp` and `ss`. [SDM3] "Exception- or Interrupt-Handler Procedures". */
typedef struct {
#ifdef __x86_64__
    word r15, r14, r13, r12, r11, r10, r9, r8;
#endif
    word di, si, bp, unused, bx, dx, cx, ax;
    word vector, error;
    word ip, cs, flags, sp, ss;
} Frame;

typedef void TrapHandler(Frame *frame);

/* Who is called for a vector; NULL: the case that expects it, else the case fails. Every CPU shares
 * them. cpu_reset_state() clears them. */
extern TrapHandler *trap_handlers[256];

/* The stub of each vector, 16 bytes apart. */
extern const u8 trap_stubs[];

typedef struct {
    word regs[9];
} JumpBuffer;

/* As setjmp and longjmp: 0 the first time, then 1. EFLAGS are restored too. */
word jump_here(JumpBuffer *buffer) __attribute__((returns_twice));
void jump(JumpBuffer *buffer) __attribute__((noreturn));

/* Runs the statement. `caught` is the exception that ended it, its vector NO_TRAP if none did. Only
 * the first CPU may do this. */
#define run_caught(...)                   \
    do {                                  \
        trap_catch(true);                 \
        if (jump_here(&trap_jump) == 0) { \
            __VA_ARGS__;                  \
        }                                 \
        trap_catch(false);                \
    } while (0)
#define expect_trap(number, ...)         \
    do {                                 \
        run_caught(__VA_ARGS__);         \
        check_eq(caught.vector, number); \
    } while (0)
#define expect_no_trap(...) expect_trap(NO_TRAP, __VA_ARGS__)

enum { NO_TRAP = 0xffff };
extern Frame caught;
extern JumpBuffer trap_jump;
void trap_catch(bool on);
