/* linux.c - the platform of a Linux process: the same object code as in the guest, run natively.
 *
 *   PROGRAM SIZE */
#include "guest.h"

enum { SYS_WRITE = 1, SYS_MMAP = 9, SYS_EXIT = 60, SYS_PRCTL = 157, SYS_CLOCK_GETTIME = 228 };
enum { PROT_ALL = 7, MAP_PRIVATE_FIXED_ANONYMOUS_POPULATE = 0x8032 };
enum { PR_SET_THP_DISABLE = 41, CLOCK_PROCESS_CPUTIME_ID = 2 };

static long call(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = -1, r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return number;
}

void platform_write(const char *text, u32 count)
{
    call(SYS_WRITE, 1, (long)text, count, 0);
}

/* Nanoseconds that the process has used of a processor. */
u64 platform_ticks(void)
{
    u64 time[2];
    call(SYS_CLOCK_GETTIME, CLOCK_PROCESS_CPUTIME_ID, (long)time, 0, 0);
    return time[0] * 1000000000 + time[1];
}

void platform_end(void)
{
    for (;;)
        call(SYS_EXIT, 0, 0, 0, 0);
}

static u32 number(const char *text)
{
    u32 value = 0;
    for (; *text; text++)
        value = value * 10 + (*text - '0');
    return value;
}

/* The arena in small pages that are there from the start, as in the guest. */
static void make_arena(void)
{
    long arena = (long)ARENA;
    call(SYS_PRCTL, PR_SET_THP_DISABLE, 1, 0, 0);
    if (call(SYS_MMAP, arena, ARENA_SIZE, PROT_ALL, MAP_PRIVATE_FIXED_ANONYMOUS_POPULATE) != arena)
        platform_end();
}

__attribute__((used)) static void start(const char *const *stack)
{
    make_arena();
    run(number(stack[2]));
    platform_end();
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n    and $-16, %rsp\n    call start\n");
