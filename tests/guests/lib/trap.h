/* trap.h - catching what the processor raises.
 *
 *     Trap t = TRY("mov %0, %%ds", : : "r"(selector));
 *     expect_fault(t, GP, selector);
 */
#pragma once
#include "selectors.h"
#include "types.h"

/* What a handler found: the frame that was pushed and the registers, for ring 0, ring 3 and V86. */
typedef struct {
#ifdef __x86_64__
    word r15, r14, r13, r12, r11, r10, r9, r8;
#endif
    word gs, fs, es, ds;
    word di, si, bp, bx, dx, cx, ax;
    word vector, error;
    word ip, cs, flags;
    word sp, ss; /* pushed always in 64-bit mode, else from an outer ring only */
    word v86_es, v86_ds, v86_fs, v86_gs;
} Frame;

enum { TRAP_NONE = 0x1000 };  /* Trap.vector: nothing was raised */
enum { TRAP_STUB_SIZE = 16 }; /* trap.S */

typedef struct {
    Frame frame;
    u32 vector, error;
    word ip, cr2;
    word sp; /* the stack pointer just before the frame, for ring 0 in 32-bit guests: calculated */
    word dr6;
} Trap;

typedef struct {
    word bx, bp, sp, ip;
#ifdef __x86_64__
    word r12, r13, r14, r15;
#else
    word si, di;
#endif
} JumpBuffer;

/* setjmp and longjmp. */
int jump_here(JumpBuffer *buffer) __attribute__((returns_twice));
void jump(const JumpBuffer *buffer) __attribute__((noreturn));

extern u8 trap_stubs[];

/* The buffer trap_catch fills in, and what it caught. */
extern JumpBuffer trap_buffer;
void trap_arm(void);
Trap trap_disarm(void);
void trap_forget(void);

/* Runs statements; they end at the first trap. Their locals may be lost: they say things in
 * globals. */
#define CATCH(...)                          \
    ({                                      \
        if (jump_here(&trap_buffer) == 0) { \
            trap_arm();                     \
            __VA_ARGS__;                    \
        }                                   \
        trap_disarm();                      \
    })

/* Runs one instruction, with operands as in GNU asm, and remembers where it begins and ends. */
extern volatile word try_begin, try_end;
#ifdef __x86_64__
#define TRY_MARK "movq $10f, try_begin\n movq $11f, try_end\n"
#else
#define TRY_MARK "movl $10f, try_begin\n movl $11f, try_end\n"
#endif
#define TRY(insn, ...) CATCH(asm volatile(TRY_MARK "10: " insn "\n11:" __VA_ARGS__))

/* Runs a function in ring 3, with flags of the caller's choice, on user_stack. */
void user_enter(void (*function)(void), word flags);
#define CATCH_USER(function)              CATCH(user_enter(function, 2))
#define CATCH_USER_FLAGS(function, flags) CATCH(user_enter(function, flags))

/* A handler of the case's own: when it returns, so does the trap. One may leave through `jump`. */
typedef void Handler(Frame *frame);
void trap_handle(u8 vector, Handler *handler);

/* The instruction of TRY raised this as a fault, its own address pushed. */
#define expect_fault(trap, vector, error)                            \
    ({                                                               \
        Trap raised = (trap); /* before try_begin is read */         \
        trap_expect(raised, (vector), (error), try_begin, __LINE__); \
    })
/* It raised this as a trap: the address after it was pushed. */
#define expect_trap(trap, vector)                            \
    ({                                                       \
        Trap raised = (trap);                                \
        trap_expect(raised, (vector), 0, try_end, __LINE__); \
    })
/* Raised somewhere. */
#define expect_raised(trap, vector, error) trap_expect((trap), (vector), (error), 0, __LINE__)
/* Nothing was raised. */
#define expect_none(trap) trap_expect((trap), TRAP_NONE, 0, 0, __LINE__)
/* A snippet came to its end. */
#define expect_done(trap) trap_expect((trap), TRAP_DONE, 0, 0, __LINE__)

bool trap_expect(Trap trap, u32 vector, u32 error, word ip, int line);
