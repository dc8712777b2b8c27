/* probe.c - what a processor must do before it may judge anything: raise the exceptions the other
 * guests are made of, push what the manual says, and go on after IRET. Where the host's KVM fails a
 * case here, it is not the processor that executes, or not faithfully, and tests/guests/run tells
 * that instead of judging. [SDM3] "Interrupt and Exception Handling". */
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/rings.h"
#include "lib/tap.h"

#ifdef __x86_64__
#define PAGING PAGING_4LEVEL
#else
#define PAGING PAGING_32
#endif

/* What is pushed in ring 0 and is the same for every fault of the case. */
static void check_frame(Trap t, word flags)
{
    check_eq(t.frame.cs, SEL_CODE);
    check_eq(t.frame.flags & ~(word)FLAG_RF, flags);
}

CASE(undefined, "UD2 is #UD, and the handler's IRET goes on")
{
    word flags = FLAG_FIXED | FLAG_ZF | FLAG_PF;
    Trap t = TRY("xor %%eax, %%eax; ud2", : : : "eax", "cc");

    expect_raised(t, UD, 0);
    check_eq(t.ip, try_end - 2);
    check_frame(t, flags);
}

CASE(divide, "division by zero is #DE, registers as they were")
{
    Trap t = TRY("div %%ecx", : : "a"(5), "d"(6), "c"(0) : "cc");

    expect_fault(t, DE, 0);
    check_eq(t.frame.ax, 5);
    check_eq(t.frame.dx, 6);
}

CASE(protection, "#GP pushes the selector as its error code")
{
    expect_fault(TRY("mov %0, %%fs", : : "r"(0xfff8)), GP, 0xfff8);
    expect_fault(TRY("mov %0, %%cr0", : : "r"((word)CR0_PG)), GP, 0);
}

USER(user_look, "movb (%0), %%al", : "r"(WINDOW) : "eax", "memory")
USER(user_store, "movb $1, (%0)", : "r"(WINDOW) : "memory")
USER(user_halt, "hlt", :)

static void expect_page_fault(Trap t, u32 error)
{
    expect_fault(t, PF, error);
    check_eq(t.cr2, (word)WINDOW);
}

CASE(page, "#PF pushes W, U and P, and CR2 is the address")
{
    paging_start(PAGING);
    expect_page_fault(TRY("movb (%0), %%al", : : "r"(WINDOW) : "eax"), 0);
    expect_page_fault(TRY("movb $1, (%0)", : : "r"(WINDOW) : "memory"), PF_W);
    page_map(WINDOW, FRAME(0) | PAGE_P);
    expect_page_fault(in_user(user_look), PF_U | PF_P);
    page_map(WINDOW, FRAME(0) | PAGE_P | PAGE_U);
    expect_page_fault(in_user(user_store), PF_U | PF_W | PF_P);
    check(!(page_get(WINDOW, 1) & (PAGE_A | PAGE_D)));
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    expect_none(TRY("movb $1, (%0)", : : "r"(WINDOW) : "memory"));
    check_eq(page_get(WINDOW, 1) & (PAGE_A | PAGE_D), PAGE_A | PAGE_D);
}

CASE(outer_stack, "from ring 3, SS and the stack pointer are pushed too")
{
    Trap t = in_user(user_halt);

    expect_fault(t, GP, 0);
    check_eq(t.frame.cs, SEL_USER_CODE | 3);
    check_eq(t.frame.ss, SEL_USER_DATA | 3);
    check_eq(t.frame.sp, USER_STACK_END - sizeof(word)); /* called by user_main */
}

CASE(software, "INT3, INT n and, in 32-bit code, INTO and BOUND")
{
    expect_trap(TRY("int3"), BP);
    expect_trap(TRY("int $0xf2"), 0xf2);
#ifndef __x86_64__
    static const struct {
        int low, high;
    } bounds = {-2, 5};
    expect_trap(TRY("mov $0x7f, %%al\n inc %%al\n into", : : : "eax", "cc"), OF);
    expect_none(TRY("bound %0, %1", : : "r"(5), "m"(bounds)));
    expect_fault(TRY("bound %0, %1", : : "r"(6), "m"(bounds)), BR, 0);
#endif
}

static volatile u32 steps;
static volatile word step_flags, step_dr6;

static void on_step(Frame *frame)
{
    step_flags &= frame->flags;
    step_dr6 = read_dr6();
    steps++;
    if (steps == 3) {
        frame->flags &= ~FLAG_TF;
    }
}

CASE(single_step, "TF: #DB after each instruction, BS in DR6, TF in the flags pushed")
{
    enum { DR6_BS = 1 << 14 };

    steps = 0;
    step_flags = FLAG_TF;
    write_dr6(0xffff0ff0);
    trap_handle(DB, on_step);
    write_flags(FLAG_FIXED | FLAG_TF);
    asm volatile("nop; nop; nop; nop");
    check_eq(steps, 3);
    check_eq(step_flags & FLAG_TF, FLAG_TF);
    check_eq(step_dr6 & 0xf00f, DR6_BS);
}

CASE(not_present, "a gate that is not present is #NP, its error code the vector and IDT")
{
    idt_access(0xf2, SYS_INT);
    expect_fault(TRY("int $0xf2"), NP, 0xf2 * 8 + 2);
}
