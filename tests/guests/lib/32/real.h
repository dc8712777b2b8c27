/* real.h - running 16-bit code, in real mode and in virtual-8086 mode.
 *
 *     CODE16(add, "add %bx, %ax\n" DONE);
 *     Regs16 r = REGS16;
 *     r.eax = 1;
 *     run_real(&r, CODE(add));        r holds what the code left, and the vector that ended it
 */
#pragma once
#include "lib/selectors.h"
#include "lib/types.h"

typedef struct {
    u32 eax, ebx, ecx, edx, esi, edi, ebp, esp;
    u32 eip, eflags;
    u16 cs, ds, es, fs, gs, ss;
    u32 vector, error;
    u16 far_ip, far_cs; /* the way in */
} __attribute__((packed)) Regs16;

/* Code, data and stack of 64 KiB each, somewhere in low memory. */
#define REGS16                                                                        \
    {                                                                                 \
        .eflags = 2, .cs = LOW_CODE >> 4, .ds = LOW_DATA >> 4, .es = LOW_DATA >> 4,   \
        .fs = LOW_DATA >> 4, .gs = LOW_DATA >> 4, .ss = LOW_STACK >> 4, .esp = 0x3ff0 \
    }

/* Code for 16-bit mode; it is copied before it runs, so it may refer to itself by distances only.
 */
#define CODE16(name, text)                                                   \
    extern const u8 name##_begin[], name##_end[];                            \
    asm(".pushsection .rodata\n .code16\n" #name "_begin:\n" text "\n" #name \
        "_end:\n .code32\n .popsection\n")
#define CODE(name) name##_begin, name##_end
/* What ends it. */
#define DONE "\nint $0xf1\n"

/* Fills the interrupt vectors, so that every interrupt in real mode ends the run. */
void low_reset(void);

/* Copies the code to cs:eip and runs it there, until an interrupt or exception that the code does
 * not handle itself; r is then what it left. In real mode `esp` and `eip` are those before and at
 * the interrupt. */
void run_real(Regs16 *r, const u8 *begin, const u8 *end);
void run_v86(Regs16 *r, const u8 *begin, const u8 *end);
/* The same with code that is there already. */
void enter_real(Regs16 *r);
void enter_v86(Regs16 *r);

/* Low memory, by linear address. The compiler knows nothing of what lies there. */
static inline volatile u8 *low8(u32 address)
{
    asm("" : "+r"(address));
    return (volatile u8 *)address;
}
#define low16(address) (*(volatile u16 *)low8(address))
#define low32(address) (*(volatile u32 *)low8(address))
