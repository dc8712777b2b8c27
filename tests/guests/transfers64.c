/* transfers64.c - control transfers of IA-32e mode: far branches, call gates, interrupts, IRETQ,
 * SYSCALL and SYSENTER. [SDM3] "64-Bit Mode Segment and Gate Descriptors", "Interrupt and Exception
 * Handling in 64-Bit Mode"; [SDM2] CALL, IRET, SYSCALL, SYSRET, SYSENTER, SYSEXIT.
 */
#include "lib/64/long.h"
#include "lib/rings.h"

enum { SEL = SEL_TEST, SEL2 = SEL_TEST + 16, VECTOR = 0x50, IDT_ERROR = 2 };

static FarPointer64 far64;
SNIPPET64(here64, "nop");
SNIPPET32(here32, "nop");

/* A 64-bit gate of the IDT. */
static void set_gate(u8 vector, u16 selector, u64 offset, u32 access)
{
    idt[vector * 2] = gate(selector, offset, access, 0);
    idt[vector * 2 + 1] = offset >> 32;
}

/* --- Far branches. */

CASE(far_jump_compat, "far JMP leads to compatibility mode")
{
    Trap t = far_jump(SEL_CODE32, here32);
    expect_done(t);
    check_eq(t.frame.cs, SEL_CODE32);
}

CASE(far_jump_l_and_d, "a code segment with both L and D is #GP(selector)")
{
    gdt_set(SEL, descriptor(0, 0xfffff, CODE_RX | SEG_L | SEG_DB | SEG_G));
    faults(far_jump(SEL, here64), GP, SEL);
}

CASE(far_jump_rex, "far JMP with REX.W has a 64-bit offset; it must be canonical")
{
    far64 = (FarPointer64){(word)here64, SEL_CODE};
    expect_done(TRY("rex.w ljmp *far64"));
    far64.offset = NOT_CANONICAL;
    faults(TRY("rex.w ljmp *far64"), GP, 0);
}

CASE(far_jump_system, "TSS and task gates are not jumped to: #GP(selector)")
{
    gdt_set_system(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS);
    faults(far_jump(SEL, here64), GP, SEL);
    gdt_set_gate(SEL, SEL_TSS, 0, SEG_P | SYS_TASK);
    faults(far_jump(SEL, here64), GP, SEL);
}

/* --- Call gates. */

u64 gate_sp, gate_frame[4];
u16 gate_ss;
SNIPPET64(through_gate,
          "mov %rsp, gate_sp\n mov %ss, gate_ss\n mov (%rsp), %rax\n mov %rax, gate_frame\n"
          "mov 8(%rsp), %rax\n mov %rax, gate_frame + 8\n mov 16(%rsp), %rax\n"
          "mov %rax, gate_frame + 16\n mov 24(%rsp), %rax\n mov %rax, gate_frame + 24");
LABEL(gate_called);
SNIPPET64(call_gate_64, "mov %rsp, %rbx\n lcall *gate_target\n gate_called:");
SNIPPET32(call_gate_32,
          "mov $0x23, %eax\n mov %eax, %ds\n lcall *gate_target"); /* IRETQ left DS null */
FarPointer32 gate_target = {0, SEL_TEST};

CASE(call_gate_same, "a call gate without a change of ring pushes CS and RIP, 64 bits each")
{
    gdt_set_gate(SEL, SEL_CODE, (word)through_gate, SEG_P | SYS_CALL);
    Trap t = CATCH(call_gate_64());
    expect_done(t);
    check_eq(gate_frame[0], (word)gate_called);
    check_eq(gate_frame[1], SEL_CODE);
    check_eq(t.frame.bx - gate_sp, 16);
}

CASE(call_gate_inner, "from CPL 3: RSP0 of the TSS, null SS, SS:RSP and CS:RIP pushed")
{
    gdt_set_gate(SEL, SEL_CODE, (word)through_gate, SEG_P | SYS_CALL | SEG_DPL(3));
    Trap t = in_ring3(SEL_USER_CODE64, call_gate_64, FLAG_FIXED);
    expect_done(t);
    check_eq(gate_ss, 0);
    check_eq(gate_sp, KERNEL_STACK_END - 32);
    check_eq(gate_frame[0], (word)gate_called);
    check_eq(gate_frame[1], SEL_USER_CODE64 | 3);
    check_eq(gate_frame[2], USER_STACK_END);
    check_eq(gate_frame[3], SEL_USER_DATA | 3);
}

CASE(call_gate_compat, "from compatibility mode at CPL 3 too")
{
    gdt_set_gate(SEL, SEL_CODE, (word)through_gate, SEG_P | SYS_CALL | SEG_DPL(3));
    expect_done(in_ring3(SEL_USER_CODE32, call_gate_32, FLAG_FIXED));
    check_eq(gate_ss, 0);
    check_eq(gate_frame[1], SEL_USER_CODE32 | 3);
    check_eq(gate_frame[2], USER_STACK_END);
}

CASE(call_gate_faults, "16-bit gates, gates to other than 64-bit code, and bad upper halves: #GP")
{
    FarPointer32 target = {0, SEL};
#define CALL_GATE TRY("lcall *%0", : : "m"(target))
    gdt_set_gate(SEL, SEL_CODE32, (word)here32, SEG_P | SYS_CALL);
    faults(CALL_GATE, GP, SEL_CODE32);
    gdt_set_gate(SEL, SEL_CODE, (word)here64, SEG_P | SYS_CALL16);
    faults(CALL_GATE, GP, SEL);
    gdt_set_gate(SEL, SEL_CODE, (word)here64, SEG_P | SYS_CALL);
    gdt_at(SEL)[1] |= 1ull << 40;
    faults(CALL_GATE, GP, SEL);
    gdt_set_gate(SEL, SEL_CODE, NOT_CANONICAL, SEG_P | SYS_CALL);
    faults(CALL_GATE, GP, 0);
    gdt_set_gate(SEL, SEL_CODE, (word)here64, SYS_CALL);
    faults(CALL_GATE, NP, SEL);
    gdt_set_gate(SEL, 0, (word)here64, SEG_P | SYS_CALL);
    faults(CALL_GATE, GP, 0);
}

/* --- Interrupts. [SDM3] "Interrupt and Exception Handling in 64-Bit Mode". */

static u64 high_sp;
CASE(interrupt_aligns, "RSP is aligned to 16 bytes, SS:RSP is always pushed")
{
    for (u32 off = 0; off < 16; off++) {
        high_sp = (KERNEL_STACK_END - 512) | off;
        Trap t = TRY("mov %0, %%rsp\n int $0xf1", : : "r"(high_sp));
        expect_raised(t, TRAP_DONE, 0);
        check_eq(t.frame.sp, high_sp);
        check_eq(t.frame.ss, SEL_DATA);
        check_eq(t.sp, (high_sp & ~15ull) - 16); /* where SP was pushed */
    }
}

CASE(interrupt_ring3, "from CPL 3: RSP0, and SS becomes null")
{
    tss.rsp[0] = KERNEL_STACK_END - 1024;
    Trap t = in_ring3(SEL_USER_CODE64, here64, FLAG_FIXED | FLAG_CF);
    expect_done(t);
    check_eq(t.sp, KERNEL_STACK_END - 1024 - 16);
    check_eq(t.frame.ss, SEL_USER_DATA | 3);
    check_eq(t.frame.sp, USER_STACK_END);
    check_eq(t.frame.flags, FLAG_FIXED | FLAG_CF);
}

CASE(interrupt_ist, "IST chooses a stack, at the same CPL too, and every time anew")
{
    for (u32 n = 1; n <= 7; n++) {
        tss.ist[n - 1] = KERNEL_STACK_END - 1024 * n;
        idt_reset(VECTOR, 3);
        idt_ist(VECTOR, n);
        Trap t = TRY("int $0x50");
        expect_raised(t, VECTOR, 0);
        check_eq(t.sp, KERNEL_STACK_END - 1024 * n - 16);
    }
}

CASE(interrupt_gate_faults, "gates must be 64-bit, present, to 64-bit code, canonical")
{
    u32 error = VECTOR << 3 | IDT_ERROR;
    static const u8 bad[] = {SYS_INT16, SYS_TRAP16, SYS_TASK, SYS_CALL};
    for (u32 i = 0; i < COUNT(bad); i++) {
        set_gate(VECTOR, SEL_CODE, (word)here64, SEG_P | bad[i]);
        faults(TRY("int $0x50"), GP, error);
    }
    set_gate(VECTOR, SEL_CODE, (word)here64, SYS_INT);
    faults(TRY("int $0x50"), NP, error);
    set_gate(VECTOR, SEL_CODE32, (word)here32, SEG_P | SYS_INT);
    faults(TRY("int $0x50"), GP, SEL_CODE32);
    set_gate(VECTOR, 0, (word)here64, SEG_P | SYS_INT);
    faults(TRY("int $0x50"), GP, 0);
    set_gate(VECTOR, SEL_CODE, NOT_CANONICAL, SEG_P | SYS_INT);
    faults(TRY("int $0x50"), GP, 0);
    set_gate(VECTOR, SEL_CODE, (word)here64, SEG_P | SYS_TRAP);
    expect_done(TRY("int $0x50"));
}

CASE(interrupt_limit, "all 16 bytes of a gate lie within the IDT's limit")
{
    load_idt(idt, VECTOR * 16 + 14);
    faults(TRY("int $0x50"), GP, VECTOR << 3 | IDT_ERROR);
    load_idt(idt, VECTOR * 16 + 15);
    expect_raised(TRY("int $0x50"), VECTOR, 0);
}

SNIPPET64(int_50, "int $0x50");
CASE(interrupt_dpl, "INT from CPL 3 needs DPL 3")
{
    expect_raised(in_ring3(SEL_USER_CODE64, int_50, FLAG_FIXED), GP, VECTOR << 3 | IDT_ERROR);
}

/* --- IRET. [SDM2] IRET. */

static IretFrame to(u16 cs, const void *ip)
{
    return (IretFrame){(word)ip, cs, FLAG_FIXED, KERNEL_STACK_END - 256, SEL_DATA};
}

CASE(iretq_pops_all, "IRETQ pops SS:RSP at the same CPL too")
{
    IretFrame f = to(SEL_CODE, here64);
    f.ss = SEL_DATA2;
    Trap t = iretq(f);
    expect_done(t);
    check_eq(t.frame.sp, KERNEL_STACK_END - 256);
    check_eq(t.frame.ss, SEL_DATA2);
}

CASE(iretq_null_ss, "a null SS: for 64-bit mode at CPL 0 only")
{
    IretFrame f = to(SEL_CODE, here64);
    f.ss = 0;
    Trap t = iretq(f);
    expect_done(t);
    check_eq(t.frame.ss, 0);
    f = to(SEL_CODE32, here32);
    f.ss = 0;
    faults(iretq(f), GP, 0);
    f = to(SEL_USER_CODE64 | 3, here64);
    f.ss = 3;
    faults(iretq(f), GP, 0);
}

CASE(iretq_to_compat, "IRETQ to compatibility mode")
{
    Trap t = iretq(to(SEL_CODE32, here32));
    expect_done(t);
    check_eq(t.frame.cs, SEL_CODE32);
}

CASE(iretq_faults, "bad CS, bad RIP, NT: #GP, and RSP as before")
{
    gdt_set(SEL, descriptor(0, 0xfffff, CODE_RX | SEG_L | SEG_DB | SEG_G));
    Trap t = iretq(to(SEL, here64));
    expect_fault(t, GP, SEL);
    check_eq(t.frame.sp, (word)iret_sp);
    faults(iretq(to(0, here64)), GP, 0);
    faults(iretq(to(SEL_DATA, here64)), GP, SEL_DATA);
    faults(iretq(to(SEL_CODE, (void *)NOT_CANONICAL)), GP, 0);
    write_flags(FLAG_FIXED | FLAG_NT);
    faults(iretq(to(SEL_CODE, here64)), GP, 0);
    write_flags(FLAG_FIXED);
}

CASE(iretq_flags, "VM in the image does not count in IA-32e mode")
{
    IretFrame f = to(SEL_CODE, here64);
    f.flags |= FLAG_VM | FLAG_ID | FLAG_CF;
    Trap t = iretq(f);
    expect_done(t);
    check_eq(t.frame.flags, FLAG_FIXED | FLAG_ID | FLAG_CF);
}

SNIPPET32(iret_compat, "mov %esp, %ebx\n pushf\n push %cs\n push $1f\n iret\n 1:");
CASE(iret_in_compat, "IRET in compatibility mode pops three words at the same CPL")
{
    Trap t = in_compat(iret_compat);
    expect_done(t);
    check_eq(t.frame.sp, t.frame.bx);
}

/* --- SYSCALL and SYSRET. */

static void syscall_setup(void)
{
    require(HAS_SYSCALL);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    wrmsr(MSR_STAR, (u64)SEL_USER_CODE32 << 48 | (u64)SEL_CODE64 << 32);
    wrmsr(MSR_LSTAR, (word)here64);
    wrmsr(MSR_SFMASK, FLAG_CF | FLAG_IF);
}

LABEL(after_syscall);
SNIPPET64(ring3_syscall, "syscall\n after_syscall:");
CASE(syscall, "SYSCALL: RCX, R11, CS and SS of STAR, flags masked, the stack stays")
{
    syscall_setup();
    Trap t = in_ring3(SEL_USER_CODE64, ring3_syscall, FLAG_FIXED | FLAG_CF | FLAG_ZF);
    expect_done(t);
    check_eq(t.frame.cx, (word)after_syscall);
    check_eq(t.frame.r11, FLAG_FIXED | FLAG_CF | FLAG_ZF);
    check_eq(t.frame.flags, FLAG_FIXED | FLAG_ZF);
    check_eq(t.frame.cs, SEL_CODE64);
    check_eq(t.frame.ss, SEL_CODE64 + 8);
    check_eq(t.frame.sp, USER_STACK_END);
}

SNIPPET32(compat_syscall, ".byte 0x0f, 0x05");
CASE(syscall_ud, "without SCE, and (Intel) in compatibility mode: #UD")
{
    syscall_setup();
    if (cpu_is_intel()) {
        expect_raised(in_compat(compat_syscall), UD, 0);
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_SCE);
    faults(TRY("syscall"), UD, 0);
    faults(TRY("sysretq"), UD, 0);
}

static Trap __attribute__((noinline)) do_sysret(bool wide, word target, word flags)
{
    return wide ? TRY("mov %1, %%r11\n mov %2, %%rsp\n movq $1f, try_begin\n 1: sysretq",
                      :
                      : "c"(target), "d"(flags), "a"(USER_STACK_END))
                : TRY("mov %1, %%r11\n mov %2, %%rsp\n movq $1f, try_begin\n 1: sysretl",
                      :
                      : "c"(target), "d"(flags), "a"(USER_STACK_END));
}

CASE(sysret, "SYSRET: CS and SS of STAR by operand size, RPL 3; RF and VM of R11 do not count")
{
    syscall_setup();
    Trap t = do_sysret(true, (word)here64, FLAG_FIXED | FLAG_ZF | FLAG_RF | FLAG_VM);
    expect_done(t);
    check_eq(t.frame.cs, SEL_USER_CODE64 | 3);
    check_eq(t.frame.ss, SEL_USER_DATA | 3);
    check_eq(t.frame.flags, FLAG_FIXED | FLAG_ZF);
    t = do_sysret(false, (word)here32, FLAG_FIXED);
    expect_done(t);
    check_eq(t.frame.cs, SEL_USER_CODE32 | 3);
}

USER(user_sysret, "sysretq", :)
CASE(sysret_faults, "at CPL 3, and (Intel) to an address that is not canonical: #GP(0)")
{
    syscall_setup();
    faults(in_user(user_sysret), GP, 0);
    if (cpu_is_intel()) {
        faults(do_sysret(true, NOT_CANONICAL, FLAG_FIXED), GP, 0);
    }
}

/* --- SYSENTER and SYSEXIT, which only Intel has in IA-32e mode. */

static void sysenter_setup(void)
{
    require(HAS_SEP);
    if (!cpu_is_intel()) {
        tap_skip("not Intel");
    }
    wrmsr(MSR_SYSENTER_CS, SEL_CODE32);
    wrmsr(MSR_SYSENTER_EIP, (word)here64);
    wrmsr(MSR_SYSENTER_ESP, KERNEL_STACK_END);
}

SNIPPET64(ring3_sysenter, "sysenter");
SNIPPET32(compat_sysenter, "sysenter");
CASE(sysenter, "SYSENTER comes to 64-bit mode from both; IF is cleared, the stack is new")
{
    sysenter_setup();
    Trap t = in_ring3(SEL_USER_CODE64, ring3_sysenter, FLAG_FIXED | FLAG_IF);
    expect_done(t);
    check_eq(t.frame.cs, SEL_CODE32);
    check_eq(t.frame.ss, SEL_CODE32 + 8);
    check_eq(t.frame.sp, KERNEL_STACK_END);
    check_eq(t.frame.flags, FLAG_FIXED);
    expect_done(in_ring3(SEL_USER_CODE32, compat_sysenter, FLAG_FIXED));
    wrmsr(MSR_SYSENTER_CS, 0);
    faults(TRY("sysenter"), GP, 0);
}

CASE(sysexit, "SYSEXIT: compatibility mode, with REX.W 64-bit mode")
{
    sysenter_setup();
    Trap t = TRY("rex.w sysexit", : : "d"(here64), "c"(USER_STACK_END));
    expect_done(t);
    check_eq(t.frame.cs, (SEL_CODE32 + 32) | 3);
    check_eq(t.frame.ss, (SEL_CODE32 + 40) | 3);
    check_eq(t.frame.sp, USER_STACK_END);
    t = TRY("sysexit", : : "d"(here32), "c"(USER_STACK_END));
    expect_done(t);
    check_eq(t.frame.cs, (SEL_CODE32 + 16) | 3);
    check_eq(t.frame.ss, (SEL_CODE32 + 24) | 3);
    faults(TRY("rex.w sysexit", : : "d"(NOT_CANONICAL), "c"(USER_STACK_END)), GP, 0);
    wrmsr(MSR_SYSENTER_CS, 0);
    faults(TRY("sysexit", : : "d"(here32), "c"(USER_STACK_END)), GP, 0);
}
