/* syscall.c - from ring 3 to ring 0 and back, by SYSCALL and by INT.
 * [SDM2] SYSCALL, SYSRET; [SDM3] "Interrupt and Exception Handling". */
#include "guest.h"

const u32 work_result = 0x007a1200;

enum { FAST_CALLS = 1500000, GATE_CALLS = 700000, KERNEL_STACK = 0x4d0000 };
enum { STAR = 0xc0000081, LSTAR, FMASK = 0xc0000084, GATE = 0x80, SEL_TSS = 0x48 };

extern u64 gdt_tss[];
extern u8 syscall_entry[], gate_entry[];

static u32 tss[26];
static u64 idt[(GATE + 1) * 2];

/* Ring 0 adds what it is given to `calls`; ring 3 counts down and ends with one gate call more. */
u32 calls;
u64 kernel_rsp;

__asm__(".pushsection .text\n"
        "syscall_entry:\n"
        "    mov %rsp, %r9\n"
        "    mov $0x4d0000, %esp\n"
        "    push %rcx\n"
        "    push %r11\n"
        "    add %edi, calls\n"
        "    pop %r11\n"
        "    pop %rcx\n"
        "    mov %r9, %rsp\n"
        "    sysretq\n"
        "gate_entry:\n"
        "    test %edi, %edi\n"
        "    jz finished\n"
        "    add %edi, calls\n"
        "    iretq\n"
        "user_code:\n"
        "    mov %edi, %ebx\n"
        "    mov %esi, %ebp\n"
        "1:  mov $3, %edi\n"
        "    syscall\n"
        "    dec %ebx\n"
        "    jnz 1b\n"
        "1:  mov $5, %edi\n"
        "    int $0x80\n"
        "    dec %ebp\n"
        "    jnz 1b\n"
        "    xor %edi, %edi\n"
        "    int $0x80\n"
        "finished:\n"
        "    mov kernel_rsp, %rsp\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    ret\n"
        /* enter_user(fast calls, gate calls) */
        "enter_user:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    mov %rsp, kernel_rsp\n"
        "    push $0x23\n"
        "    push $0x4e0000\n"
        "    push $2\n"
        "    push $0x2b\n"
        "    push $user_code\n"
        "    iretq\n"
        ".popsection");

void enter_user(u32 fast_calls, u32 gate_calls);

static void write_msr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void load_tables(void)
{
    u64 base = (uintptr_t)tss, entry = (uintptr_t)gate_entry;
    *(u64 *)&tss[1] = KERNEL_STACK;
    gdt_tss[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | base >> 24 << 56;
    gdt_tss[1] = 0;
    idt[GATE * 2] = (entry & 0xffff) | 0x38ull << 16 | 0xeeull << 40 | entry >> 16 << 48;
    idt[GATE * 2 + 1] = 0;
    struct __attribute__((packed)) {
        u16 limit;
        u64 base;
    } idtr = {sizeof(idt) - 1, (uintptr_t)idt};
    __asm__ volatile("lidt %0; ltr %w1" : : "m"(idtr), "r"(SEL_TSS));
}

u32 work(void)
{
    load_tables();
    write_msr(STAR, 0x001bull << 48 | 0x0038ull << 32);
    write_msr(LSTAR, (uintptr_t)syscall_entry);
    write_msr(FMASK, 0x200);
    enter_user(FAST_CALLS, GATE_CALLS);
    return calls;
}
