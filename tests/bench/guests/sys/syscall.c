/* syscall.c - SYSCALL and SYSRET with what a kernel does about them: SWAPGS, another stack, a call.
 * [SDM2] SYSCALL, SYSRET, SWAPGS. */
#include "kernel.h"

u32 served;
extern u8 entry[];

__asm__(".pushsection .text\n"
        "entry:\n"
        "    swapgs\n"
        "    mov %rsp, %gs:8\n"
        "    mov %gs:0, %rsp\n"
        "    push %rcx\n"
        "    push %r11\n"
        "    call serve\n"
        "    pop %r11\n"
        "    pop %rcx\n"
        "    mov %gs:8, %rsp\n"
        "    swapgs\n"
        "    sysretq\n"
        ".popsection");

__attribute__((used)) static u32 serve(u32 value)
{
    served += value;
    return value + 1;
}

static void user(u64 count)
{
    u32 value = 0;
    for (u64 i = 0; i < count; i++) {
        u64 given = value;
        __asm__ volatile("syscall"
                         : "=a"(value), "+D"(given)
                         :
                         : "rcx", "r11", "rdx", "rsi", "r8", "r9", "r10", "memory");
    }
    user_end();
}

u32 work(u32 size)
{
    kernel_init();
    syscall_set(entry);
    user_run(user, size);
    return served;
}
