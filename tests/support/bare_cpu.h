/* bare_cpu.h - a CPU with RAM and hand-made descriptor tables, for tests of protection.
 *
 * Memory of the little world (linear = physical):
 *
 *   00000  8086 vectors      03000  task state segment     09000  ring 0 stack, top
 *   01000  GDT               04000  second TSS             0a000  ring 3 stack, top
 *   01800  LDT               05800  interrupt stack, top   10000  code
 *   02000  IDT               07800  ring 1 stack, top      20000  data */
#ifndef MYNA_TESTS_SUPPORT_BARE_CPU_H
#define MYNA_TESTS_SUPPORT_BARE_CPU_H

#include <setjmp.h>

#include "cpu/descriptor.h"
#include "cpu/exec.h"
#include "cpu/group.h"

enum {
    AT_GDT = 0x1000,
    AT_LDT = 0x1800,
    AT_IDT = 0x2000,
    AT_TSS = 0x3000,
    AT_TSS2 = 0x4000,
    AT_IST1 = 0x5800,
    AT_STACK1 = 0x7800, /* ring 1 */
    AT_STACK0 = 0x9000,
    AT_STACK3 = 0xa000,
    AT_HANDLER = 0x11000,
    AT_CODE = 0x10000,
    AT_DATA = 0x20000,
    AT_PAGES = 0x100000, /* three tables */
};

/* Selectors of the ready-made GDT; RPL included for the outer ring. */
enum {
    SEL_CODE0 = 0x08,
    SEL_DATA0 = 0x10,
    SEL_CODE3 = 0x1b,
    SEL_DATA3 = 0x23,
    SEL_TSS = 0x28, /* 16 bytes in long mode */
    SEL_LDT = 0x38, /* likewise */
    SEL_CONFORMING0 = 0x48,
    SEL_CODE16 = 0x50,
    SEL_DATA16 = 0x58,
    SEL_CODE64 = 0x60,
    SEL_CODE64_3 = 0x6b,
    SEL_DATA1 = 0x71, /* DPL 1 */
    SEL_CODE1 = 0x79,
    SEL_TSS2 = 0x80,
    SEL_TEST = 0x90,  /* 16 bytes for the case at hand */
    SEL_TEST2 = 0xa0, /* likewise */
    SEL_LAST = 0xb8,
    SEL_BEYOND = 0xc0, /* outside the GDT limit */
    SEL_LOCAL = 0x0c,  /* ring 0 data in the LDT */
    SEL_LOCAL_BEYOND = 0x14,
};

/* Access bytes. */
enum {
    ACC_CODE = AR_P | AR_S | AR_CODE | AR_READABLE,
    ACC_CODE_X = AR_P | AR_S | AR_CODE, /* execute only */
    ACC_CONFORMING = ACC_CODE | AR_CONFORMING,
    ACC_DATA = AR_P | AR_S | AR_WRITABLE,
    ACC_DATA_RO = AR_P | AR_S,
    ACC_DOWN = ACC_DATA | AR_EXPAND_DOWN,
    ACC_32 = AR_DB | AR_G,
    ACC_64 = AR_L | AR_G,
};
#define DPL(n) ((n) << AR_DPL_SHIFT)

typedef struct BareCpu {
    Cpu *cpu;
    Clock *clock;
    MemRegion memory_root, ram, port_root;
    AddressSpace memory, ports;
    Lock lock;
    CpuGroup group;
    unsigned shutdowns; /* calls of triple_fault */
} BareCpu;

/* In real mode, everything in the little world written. */
BareCpu *bare_cpu(void);
void bare_cpu_free(BareCpu *t);

/* Modes, at privilege cpl, with flat segments, CS:rIP = AT_CODE and the ring's stack. */
void bare_protected(BareCpu *t, unsigned cpl);
void bare_compat(BareCpu *t, unsigned cpl); /* also turns on identity paging of the first 2 MiB */
void bare_long(BareCpu *t, unsigned cpl);
void bare_v86(BareCpu *t, unsigned iopl); /* CS = 1000h, SS:SP = 0:A000h, DS = 2000h */
void bare_real(BareCpu *t);               /* likewise */

/* Guest memory. */
uint64_t bare_read(BareCpu *t, PhysAddr pa, unsigned size);
void bare_write(BareCpu *t, PhysAddr pa, uint64_t v, unsigned size);

/* Descriptors. access: AR_* as in a segment register. */
uint64_t descriptor_make(uint32_t base, uint32_t limit, unsigned access);
uint64_t gate_make(uint16_t selector, uint32_t offset, unsigned access, unsigned count);
void bare_gdt(BareCpu *t, uint16_t selector, uint64_t low);
void bare_gdt_high(BareCpu *t, uint16_t selector, uint64_t high);
void bare_idt(BareCpu *t, unsigned vector, uint64_t gate);                    /* legacy, 8 bytes */
void bare_idt_long(BareCpu *t, unsigned vector, uint64_t low, uint64_t high); /* 16 bytes */
unsigned bare_access(BareCpu *t, uint16_t selector); /* the access byte in the GDT now */

/* Slot n of the present stack, from its top, as wide as `size`. */
uint64_t bare_stack(BareCpu *t, unsigned n, unsigned size);
void bare_push(BareCpu *t, uint64_t v, unsigned size);

/* What a piece of code raised. */
typedef struct Raised {
    int vector; /* -1: nothing */
    uint32_t error;
} Raised;

#define RAISED_BY(t, code)                                                      \
    ({                                                                          \
        sigjmp_buf guard;                                                       \
        Raised raised = {-1, 0};                                                \
        (t)->cpu->unwind = &guard;                                              \
        if (sigsetjmp(guard, 0))                                                \
            raised = (Raised){(t)->cpu->raised.vector, (t)->cpu->raised.error}; \
        else                                                                    \
            code;                                                               \
        raised;                                                                 \
    })

/* Decodes the bytes, puts them at CS:rIP, and executes the instruction bound as the CPU would. */
Raised bare_execute(BareCpu *t, const void *bytes, size_t size);
#define EXECUTE(t, ...) \
    bare_execute(t, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
/* Puts the bytes at CS:rIP and runs one instruction in the run loop, with delivery of what it
 * raises. */
void bare_run(BareCpu *t, unsigned count, const void *bytes, size_t size);
#define RUN(t, count, ...) \
    bare_run(t, count, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define assert_raised(r, v, e)                      \
    do {                                            \
        Raised raised_here = (r);                   \
        g_assert_cmpint(raised_here.vector, ==, v); \
        g_assert_cmphex(raised_here.error, ==, e);  \
    } while (0)
#define assert_quiet(r) g_assert_cmpint((r).vector, ==, -1)

#endif
