/* cpu.h - the tables every guest starts with: GDT, IDT, TSS, and their builders. */
#pragma once
#include "selectors.h"
#include "types.h"

#ifdef __x86_64__
#define SEL_CODE      SEL_CODE64
#define SEL_USER_CODE SEL_USER_CODE64
#else
#define SEL_CODE      SEL_CODE32
#define SEL_USER_CODE SEL_USER_CODE32
#endif

/* [SDM3] "Segment Descriptors", "System Descriptor Types": the access byte, ... */
enum {
    SEG_A = 0x01,
    SEG_W = 0x02,    /* data: writable */
    SEG_R = 0x02,    /* code: readable */
    SEG_DOWN = 0x04, /* data: expand down */
    SEG_CONFORMING = 0x04,
    SEG_CODE = 0x18,
    SEG_DATA = 0x10,
    SEG_P = 0x80,
    SYS_TSS16 = 0x01,
    SYS_LDT = 0x02,
    SYS_TSS16_BUSY = 0x03,
    SYS_CALL16 = 0x04,
    SYS_TASK = 0x05,
    SYS_INT16 = 0x06,
    SYS_TRAP16 = 0x07,
    SYS_TSS = 0x09,
    SYS_TSS_BUSY = 0x0b,
    SYS_CALL = 0x0c,
    SYS_INT = 0x0e,
    SYS_TRAP = 0x0f,
};
#define SEG_DPL(n) ((n) << 5)
/* ... and the flags above the limit. */
enum { SEG_AVL = 0x100, SEG_L = 0x200, SEG_DB = 0x400, SEG_G = 0x800 };
#define CODE_RX (SEG_P | SEG_CODE | SEG_R)
#define DATA_RW (SEG_P | SEG_DATA | SEG_W)

/* [SDM3] "Task-State Segment (TSS)". */
typedef struct {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2;
    u32 cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u32 es, cs, ss, ds, fs, gs, ldt;
    u16 trap, io_base;
    u8 redirection[32]; /* VME: one bit a vector, just below the I/O bitmap */
    u8 io[0x2001];      /* a bit a port, and the byte of ones after them */
} __attribute__((packed)) Tss32;

typedef struct {
    u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
    u16 ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
} __attribute__((packed)) Tss16;

/* [SDM3] "64-Bit Task-State Segment". */
typedef struct {
    u32 reserved;
    u64 rsp[3], reserved2, ist[7], reserved3;
    u16 reserved4, io_base;
    u8 redirection[32];
    u8 io[0x2001];
} __attribute__((packed)) Tss64;

#ifdef __x86_64__
typedef Tss64 Tss;
#else
typedef Tss32 Tss;
#endif

extern u64 gdt[64], ldt[32];
extern Tss tss;
extern word idt[256 * 2]; /* gates are as long as two words: 8 or 16 bytes */
extern u8 kernel_stack[STACK_SIZE], user_stack[STACK_SIZE]; /* kernel_stack: what tss leads to */
#define KERNEL_STACK_END ((word)kernel_stack + STACK_SIZE)
#define USER_STACK_END   ((word)user_stack + STACK_SIZE)

/* A segment or system descriptor. `access` holds the access byte and the flags SEG_AVL to SEG_G;
 * with SEG_G `limit` counts pages. */
u64 descriptor(u32 base, u32 limit, u32 access);
/* A gate. `access` is the access byte, `count` the parameters of a call gate. */
u64 gate(u16 selector, u32 offset, u32 access, u32 count);
void gdt_set(u16 selector, u64 value);
void ldt_set(u16 selector, u64 value);
static inline u64 *gdt_at(u16 selector)
{
    return &gdt[selector >> 3];
}

/* Sends a vector to a handler of trap.S again, with a gate of this DPL. */
void idt_reset(u8 vector, u32 dpl);
/* Puts a raw gate into the IDT of a 32-bit guest. */
void idt_set(u8 vector, u64 value);
/* Changes the gate's access byte, or its IST. */
void idt_access(u8 vector, u8 access);
void idt_ist(u8 vector, u8 ist);

void load_gdt(const void *base, u16 limit);
void load_idt(const void *base, u16 limit);

/* Once at the start; and what every case may count on: the tables above, flat segments, CR0 and CR4
 * as at the start, interrupts off. */
void cpu_init(void);
void cpu_reset_state(void);
void load_flat_segments(void);
