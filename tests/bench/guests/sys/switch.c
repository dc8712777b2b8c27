/* switch.c - two processes yield to each other: INT, registers saved, CR3 and stack changed, IRET.
 * Each counts in eight pages that only its own address space has. */
#include "kernel.h"

enum { YIELD = 0x80, OWN_PAGES = 8, STACK = 8192, COUNTERS = 0x700000 };

extern u8 yield[];

static u8 kernel_stack1[STACK] __attribute__((aligned(16))),
    user_stack1[STACK] __attribute__((aligned(16)));
static u64 saved_rsp[2], space[2], top[2];
static u32 current;
u32 left;

/* The general registers on the process's kernel stack, the rest in C. */
__asm__(".pushsection .text\n"
        "yield:\n"
        "    push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi\n"
        "    push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, %rdi\n"
        "    call schedule\n"
        "    mov %rax, %rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
        "    pop %rdi; pop %rsi; pop %rbp; pop %rbx; pop %rdx; pop %rcx; pop %rax\n"
        "    iretq\n"
        ".popsection");

__attribute__((used)) static u64 schedule(u64 rsp)
{
    saved_rsp[current] = rsp;
    current ^= 1;
    kernel_stack_set(top[current]);
    write_cr3(space[current]);
    return saved_rsp[current];
}

static void process(u64 number)
{
    volatile u32 *counter = (volatile u32 *)COUNTERS;
    while (left) {
        left--;
        for (u32 i = 0; i < OWN_PAGES; i++)
            counter[i * PAGE / 4] += 1 + number;
        __asm__ volatile("int $0x80" : : : "memory");
    }
    user_end();
}

/* The second process's stack, as if it had yielded before its first instruction. */
static void make_second(void)
{
    u64 *at = (u64 *)(kernel_stack1 + STACK);
    const u64 frame[] = {0x23, (uintptr_t)user_stack1 + STACK - 8, 2, 0x2b, (uintptr_t)process};
    top[1] = (uintptr_t)at;
    for (u32 i = 0; i < 5; i++)
        *--at = frame[i];
    for (u32 i = 0; i < 15; i++)
        *--at = i == 6; /* rdi: its number */
    saved_rsp[1] = (uintptr_t)at;
}

u32 work(u32 size)
{
    u64 first = read_cr3();
    left = size;
    kernel_init();
    top[0] = per_cpu.kernel_stack;
    make_second();
    for (u32 i = 0; i < 2; i++)
        space[i] = address_space_new(ARENA + (i << 20), (void *)COUNTERS, OWN_PAGES);
    gate_set(YIELD, yield, RING3);
    write_cr3(space[0]);
    user_run(process, 0);
    /* Each process's own pages must hold its own count. */
    u32 sum = 0;
    for (u32 i = 0; i < 2; i++) {
        write_cr3(space[i]);
        for (u32 page = 0; page < OWN_PAGES; page++)
            sum += *(volatile u32 *)(uintptr_t)(COUNTERS + page * PAGE);
    }
    write_cr3(first);
    return sum;
}
