/* kernel.c - gates, ring 3, page tables. [SDM3]. */
#include "kernel.h"

enum { STAR = 0xc0000081, LSTAR, FMASK = 0xc0000084, KERNEL_GS_BASE = 0xc0000102 };
enum { SEL_CODE = 0x38, SEL_TSS = 0x48, SYSRET_BASE = 0x1b, GATES = 256, END_OF_USER = 0x81 };
enum { LEVEL4 = 0x500000, LEVEL3 = LEVEL4 + PAGE, LEVEL2 = LEVEL3 + PAGE, LEVEL1 = LEVEL2 + PAGE };
enum { RFLAGS_IF = 0x200 };

extern u64 gdt_tss[]; /* two entries of start.S's table */
extern u8 user_finished[];

PerCpu per_cpu;
static u32 tss[26];
static u64 idt[GATES * 2];
static u8 kernel_stack[16384], user_stack[16384];

/* user_enter keeps the caller's registers here while ring 3 runs. */
u64 kernel_rsp;
void user_enter(void (*code)(u64), u64 argument, u64 stack);

__asm__(".pushsection .text\n"
        "user_enter:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, kernel_rsp\n"
        "    push $0x23\n"
        "    push %rdx\n"
        "    pushfq\n"
        "    push $0x2b\n"
        "    push %rdi\n"
        "    mov %rsi, %rdi\n"
        "    iretq\n"
        "user_finished:\n"
        "    mov kernel_rsp, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    ret\n"
        ".popsection");

void gate_set(u32 vector, const void *handler, u32 ring)
{
    u64 entry = (uintptr_t)handler, type = 0x8e | ring << 5;
    idt[vector * 2] = (entry & 0xffff) | SEL_CODE << 16 | type << 40 | entry >> 16 << 48;
    idt[vector * 2 + 1] = 0;
}

void syscall_set(const void *entry)
{
    write_msr(STAR, (u64)SYSRET_BASE << 48 | (u64)SEL_CODE << 32);
    write_msr(LSTAR, (uintptr_t)entry);
    write_msr(FMASK, RFLAGS_IF);
}

void kernel_stack_set(u64 top)
{
    *(u64 *)&tss[1] = top;
    per_cpu.kernel_stack = top;
}

void kernel_init(void)
{
    u64 base = (uintptr_t)tss;
    gdt_tss[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | base >> 24 << 56;
    gdt_tss[1] = 0;
    struct __attribute__((packed)) {
        u16 limit;
        u64 base;
    } idtr = {sizeof(idt) - 1, (uintptr_t)idt};
    __asm__ volatile("lidt %0; ltr %w1" : : "m"(idtr), "r"(SEL_TSS));
    kernel_stack_set((uintptr_t)kernel_stack + sizeof(kernel_stack));
    write_msr(KERNEL_GS_BASE, (uintptr_t)&per_cpu);
    __asm__ volatile("outb %0, $0x21; outb %0, $0xa1" : : "a"((u8)0xff)); /* no 8259 interrupts */
    gate_set(END_OF_USER, user_finished, RING3);
}

void user_run(void (*code)(u64), u64 argument)
{
    user_enter(code, argument, (uintptr_t)user_stack + sizeof(user_stack) - 8);
}

u64 *page_entry(const void *address)
{
    return (u64 *)LEVEL1 + (uintptr_t)address / PAGE;
}

static void copy_table(u64 *to, const u64 *from)
{
    for (u32 i = 0; i < PAGE / sizeof(u64); i++)
        to[i] = from[i];
}

u64 address_space_new(u8 *room, const void *from, u32 count)
{
    u64 *level4 = (u64 *)room, *level3 = level4 + 512, *level2 = level3 + 512,
        *level1 = level2 + 512;
    u64 first = (uintptr_t)from / PAGE;
    copy_table(level4, (u64 *)LEVEL4);
    copy_table(level3, (u64 *)LEVEL3);
    copy_table(level2, (u64 *)LEVEL2);
    copy_table(level1, (u64 *)LEVEL1 + first / 512 * 512);
    level4[0] = (uintptr_t)level3 | PTE_ALL;
    level3[0] = (uintptr_t)level2 | PTE_ALL;
    level2[first / 512] = (uintptr_t)level1 | PTE_ALL;
    for (u32 i = 0; i < count; i++)
        level1[first % 512 + i] = (uintptr_t)(room + (4 + i) * PAGE) | PTE_ALL;
    return (uintptr_t)level4;
}

void apic_init(void)
{
    static u64 high[512] __attribute__((aligned(PAGE)));
    uintptr_t base = (uintptr_t)apic(0);
    high[base >> 21 & 511] = base | PTE_P | PTE_W | PTE_PCD | PTE_PS;
    ((u64 *)LEVEL3)[base >> 30] = (uintptr_t)high | PTE_ALL;
    *apic(APIC_SVR) = 0x1ff;
}
