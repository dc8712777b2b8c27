/* selectors.h - numbers that C and assembly share. */
#pragma once

/* The same selectors exist in 32-bit and 64-bit guests, in the order that SYSCALL, SYSRET, SYSENTER
 * and SYSEXIT want. [SDM2] SYSRET, SYSEXIT. */
#define SEL_CODE32      0x08
#define SEL_DATA        0x10
#define SEL_USER_CODE32 0x18
#define SEL_USER_DATA   0x20
#define SEL_USER_CODE64 0x28
#define SEL_USER_DATA2  0x30
#define SEL_CODE64      0x38
#define SEL_DATA2       0x40
#define SEL_CODE16      0x48 /* base 0, limit 64 KiB: the way to real mode */
#define SEL_DATA16      0x50
#define SEL_TSS         0x58 /* two slots, for 64-bit guests */
#define SEL_LDT         0x68 /* two slots */
#define SEL_DF_TSS      0x78
#define SEL_TEST        0x80 /* from here on cases put their own */

#define STACK_SIZE 16384
/* The vector with which a snippet says that it came to its end. */
#define TRAP_DONE 0xf1

/* Low memory, for code in real and virtual-8086 mode. */
#define LOW_APS    0x1000  /* where other processors start */
#define LOW_SWITCH 0x2000  /* the way to real mode and back */
#define LOW_STUBS  0x3000  /* what the interrupt vectors lead to, 8 bytes each */
#define LOW_STACK  0x4000  /* 64 KiB - 0x4000: SS 0x400, SP from 0x4000 down */
#define LOW_CODE   0x8000  /* snippets: CS 0x800 */
#define LOW_DATA   0x9000  /* DS and ES 0x900 */
#define LOW_64K    0x10000 /* a whole segment, for what happens at its end */
#define LOW_64K_2  0x20000 /* and another */
