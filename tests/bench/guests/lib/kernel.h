/* kernel.h - as much of a 64-bit kernel as the sys workloads need: gates, ring 3, page tables.
 * [SDM3] "Interrupt and Exception Handling", "Paging". */
#pragma once
#include "guest.h"

/* What the processor pushes for a handler. */
typedef struct Frame {
    u64 rip, cs, rflags, rsp, ss;
} Frame;

enum { RING0 = 0, RING3 = 3 };
enum {
    PAGE = 4096,
    PTE_P = 1,
    PTE_W = 2,
    PTE_U = 4,
    PTE_PCD = 16,
    PTE_PS = 128,
    PTE_ALL = PTE_P | PTE_W | PTE_U
};

/* What SYSCALL finds with SWAPGS. */
typedef struct PerCpu {
    u64 kernel_stack, user_stack;
} PerCpu;
extern PerCpu per_cpu;

#define HANDLER __attribute__((interrupt, target("general-regs-only")))

/* Gates, task state and SYSCALL's registers; the tables' first entries are set by start.S. */
void kernel_init(void);

/* Ring 0's entry for an interrupt or exception; `ring` may use it by INT. */
void gate_set(u32 vector, const void *handler, u32 ring);

/* Where SYSCALL goes. */
void syscall_set(const void *entry);

/* The stack that interrupts from ring 3 use. */
void kernel_stack_set(u64 top);

/* Calls code(argument) in ring 3, until it calls user_end. */
void user_run(void (*code)(u64), u64 argument);

static inline void user_end(void)
{
    __asm__ volatile("int $0x81");
}

/* The page table entry of an address below 128 MiB. */
u64 *page_entry(const void *address);

static inline void write_msr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline u64 read_cr2(void)
{
    u64 value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline u64 read_cr3(void)
{
    u64 value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void write_cr3(u64 value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void invalidate(const void *address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* An address space like the present one, but with pages of its own for `count` pages at `from`,
 * which must lie within 2 MiB; its tables and pages take 4 + count pages at `room`. */
u64 address_space_new(u8 *room, const void *from, u32 count);

/* The local APIC's registers. [SDM3] "Local APIC". */
enum { APIC_ID = 0x20, APIC_EOI = 0xb0, APIC_SVR = 0xf0, APIC_ICR = 0x300 };

/* Maps the registers and enables the APIC. */
void apic_init(void);

static inline volatile u32 *apic(u32 reg)
{
    return (volatile u32 *)(0xfee00000ull + reg);
}
