/* v86.c - virtual-8086 mode, without and with the virtual-mode extensions, and protected-mode
 * virtual interrupts. [SDM3] "8086 Emulation". */
#include "lib/32/real.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

#define BYTES(...) ".byte " #__VA_ARGS__ "\n"

enum { DATA = LOW_DATA };

#define V86(code, ...)           \
    ({                           \
        Regs16 r = REGS16;       \
        r.eflags = IOPL(3) | 2;  \
        __VA_ARGS__;             \
        run_v86(&r, CODE(code)); \
        r;                       \
    })
#define check_done(r) check_eq((r).vector, TRAP_DONE)
#define check_fault(r, v, err, ip)  \
    do {                            \
        Regs16 fault = (r);         \
        check_eq(fault.vector, v);  \
        check_eq(fault.error, err); \
        check_eq(fault.eip, ip);    \
    } while (0)
/* Without I/O privilege a snippet ends with HLT, which is #GP at its address. */
#define STOP          "\nhlt\n"
#define check_stop(r) check_eq((r).vector, GP), check_eq(*low8((r).cs * 16 + (r).eip), 0xf4)

CODE16(nothing, "" DONE);
CODE16(load_word, "mov (%bx), %ax" DONE);
CODE16(load_stack, "mov (%bp), %ax" DONE);
CODE16(load_32bit_address, "movb (%ebx), %al" DONE);
CODE16(push, "push %ax" DONE);

/* Entering and leaving. [SDM3] "Entering Virtual-8086 Mode", "Leaving Virtual-8086 Mode". */

static volatile u32 handler_segments, handler_flags, handler_cs;

static void note_handler(Frame *f)
{
    handler_segments = f->ds | f->es | f->fs | f->gs;
    handler_flags = read_flags();
    asm volatile("mov %%cs, %0" : "=r"(handler_cs));
}

CODE16(int_30_twice, "int $0x30\n inc %cx\n int $0x30" DONE);

CASE(round_trip, "an interrupt leaves V86 mode with null data segments, and IRET comes back")
{
    idt_reset(0x30, 3);
    trap_handle(0x30, note_handler);
    Regs16 r = V86(int_30_twice, r.ds = 0x1111; r.gs = 0x4444; r.eflags |= FLAG_IF);
    check_done(r);
    check_eq(r.ecx, 1);
    check_eq(handler_segments & 0xffff, 0);
    check_eq(handler_flags & (FLAG_VM | FLAG_IF), 0);
    check_eq(handler_cs & 0xffff, SEL_CODE32);
    check_eq(r.ds, 0x1111);
    check_eq(r.gs, 0x4444);
    check_eq(r.esp, 0x3ff0);
}

CASE(pushed_state, "the frame holds VM, the segments, SS:ESP")
{
    Regs16 r = V86(nothing, r.ds = 0x1001; r.es = 0x2002; r.fs = 0x3003; r.gs = 0x4004);
    check_done(r);
    check(r.eflags & FLAG_VM);
    check_eq(r.eflags & FLAG_IOPL, IOPL(3));
    check_eq(r.es, 0x2002);
    check_eq(r.fs, 0x3003);
    check_eq(r.ss, LOW_STACK >> 4);
    check_eq(r.cs, LOW_CODE >> 4);
    check_eq(r.eip, 2);
}

/* Addresses. [SDM3] "Segmentation in Virtual-8086 Mode". */

CASE(segment_times_16, "an address is the segment times 16 and the offset")
{
    low16(DATA + 0x123) = 0x4321;
    check_eq(V86(load_word, r.ds = (DATA + 0x120) >> 4; r.ebx = 3).eax & 0xffff, 0x4321);
}

CASE(limit_64k, "a word at FFFFh is #GP(0), through SS #SS(0); so are offsets above 64 KiB")
{
    check_fault(V86(load_word, r.ebx = 0xffff), GP, 0, 0);
    check_done(V86(load_word, r.ebx = 0xfffe));
    check_fault(V86(load_stack, r.ebp = 0xffff), SS, 0, 0);
    check_fault(V86(load_32bit_address, r.ebx = 0x10000), GP, 0, 0);
}

CASE(above_1m, "FFFF:0010 is 1 MiB")
{
    Regs16 r = V86(load_word, r.ds = 0xffff; r.ebx = 0x10);
    check_done(r);
    check_eq(r.eax & 0xffff, low16(0x100000));
}

CASE(push_wraps, "PUSH at SP 0 goes to FFFEh")
{
    Regs16 r = V86(push, r.ss = LOW_64K / 16; r.esp = 0; r.eax = 0x2468);
    check_eq(r.esp & 0xffff, 0xfffe);
    check_eq(low16(LOW_64K + 0xfffe), 0x2468);
}

CASE(page_faults, "accesses are of user level: #PF has U")
{
    paging_start(PAGING_32);
    page_change((void *)(DATA + 0x3000), 1, PAGE_U, 0);
    Regs16 r = V86(load_word, r.ebx = 0x3000);
    check_fault(r, PF, PF_P | PF_U, 0);
    check_eq(read_cr2(), DATA + 0x3000);
}

/* What is sensitive to IOPL. [SDM3] "Sensitive Instructions". */

CODE16(cli, "cli" STOP);
CODE16(sti, "sti" STOP);
CODE16(pushf, "pushf" STOP);
CODE16(popf, "pushw %ax\n popf" STOP);
CODE16(int_30, "int $0x30" STOP);
CODE16(int_iret, "push %ax\n push %cs\n push $5\n iret\n nop" STOP);

CASE(sensitive, "CLI, STI, PUSHF, POPF, INT n and IRET with IOPL below 3 are #GP(0)")
{
    idt_reset(0x30, 3);
    check_fault(V86(cli, r.eflags = IOPL(2) | 2), GP, 0, 0);
    check_fault(V86(sti, r.eflags = 2), GP, 0, 0);
    check_fault(V86(pushf, r.eflags = 2), GP, 0, 0);
    check_fault(V86(popf, r.eflags = 2), GP, 0, 1);
    check_fault(V86(int_30, r.eflags = 2), GP, 0, 0);
    check_fault(V86(int_iret, r.eflags = 2), GP, 0, 4);
}

CASE(insensitive, "with IOPL 3 they work")
{
    Regs16 r = V86(cli, r.eflags |= FLAG_IF);
    check_stop(r);
    check_eq(r.eflags & FLAG_IF, 0);
    r = V86(sti);
    check_eq(r.eflags & FLAG_IF, FLAG_IF);
    r = V86(pushf);
    check_stop(r);
    check_eq(low16(LOW_STACK + 0x3fee) & 0xf002, 0x3002);
}

CASE(popf_keeps_iopl, "POPF and IRET change neither IOPL nor VM")
{
    Regs16 r = V86(popf, r.eax = 0x0ed7);
    check_stop(r);
    check_eq(r.eflags & (FLAG_IOPL | FLAG_VM | 0xfff), IOPL(3) | FLAG_VM | 0xed7);
    r = V86(int_iret, r.eax = FLAG_CF);
    check_stop(r);
    check_eq(r.eip, 6);
    check_eq(r.eflags & (FLAG_IOPL | FLAG_VM | FLAG_CF), IOPL(3) | FLAG_VM | FLAG_CF);
}

/* Interrupts. [SDM3] "Class 1", "Class 3", method 1. */

CASE(int_gate_dpl, "INT n wants a gate with DPL 3")
{
    check_fault(V86(int_30), GP, 0x30 * 8 + 2, 0);
    idt_reset(0x30, 3);
    check_fault(V86(int_30), 0x30, 0, 2);
}

CASE(int_to_ring_1, "a gate to a segment of ring 1, or conforming, is #GP(selector)")
{
    gdt_set(SEL_TEST, descriptor(0, 0xfffff, CODE_RX | SEG_DB | SEG_G | SEG_DPL(1)));
    idt_set(0x30, gate(SEL_TEST, (word)trap_stubs, SEG_P | SEG_DPL(3) | SYS_INT, 0));
    check_fault(V86(int_30), GP, SEL_TEST, 0);
    gdt_set(SEL_TEST, descriptor(0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_DB | SEG_G));
    check_fault(V86(int_30), GP, SEL_TEST, 0);
}

CODE16(int3, "int3" STOP);
CODE16(into, "into" STOP);

CASE(int3_into, "INT3 and INTO do not ask for IOPL, but for the gate's DPL")
{
    check_fault(V86(int3, r.eflags = 2), GP, BP * 8 + 2, 0);
    idt_reset(BP, 3);
    idt_reset(OF, 3);
    check_fault(V86(int3, r.eflags = 2), BP, 0, 1);
    check_fault(V86(into, r.eflags = 2 | FLAG_OF), OF, 0, 1);
}

CODE16(divide, "div %cl" STOP);
CODE16(ud, "ud2" STOP);

CASE(exceptions, "exceptions of the program go to protected mode")
{
    check_fault(V86(divide), DE, 0, 0);
    check_fault(V86(ud), UD, 0, 0);
}

/* Privileged and missing instructions. [SDM3] "Instructions Supported". */

CODE16(hlt, "hlt");
CODE16(lgdt, "lgdt (%bx)");
CODE16(lmsw, "lmsw %ax");
CODE16(clts, "clts");
CODE16(mov_cr, "mov %cr0, %eax");
CODE16(mov_dr, "mov %dr0, %eax");
CODE16(invd, "invd");
CODE16(rdmsr, "rdmsr");

CASE(privileged, "privileged instructions are #GP(0), whatever IOPL")
{
    check_fault(V86(hlt), GP, 0, 0);
    check_fault(V86(lgdt), GP, 0, 0);
    check_fault(V86(lmsw), GP, 0, 0);
    check_fault(V86(clts), GP, 0, 0);
    check_fault(V86(mov_cr), GP, 0, 0);
    check_fault(V86(mov_dr), GP, 0, 0);
    check_fault(V86(invd), GP, 0, 0);
    check_fault(V86(rdmsr), GP, 0, 0);
}

CODE16(lldt, "lldt %ax");
CODE16(sldt, "sldt %ax");
CODE16(lar, "lar %ax, %cx");
CODE16(verr, "verr %ax");
CODE16(arpl, "arpl %ax, %cx");

CASE(protected_only, "instructions of protected mode are #UD")
{
    check_fault(V86(lldt), UD, 0, 0);
    check_fault(V86(sldt), UD, 0, 0);
    check_fault(V86(lar), UD, 0, 0);
    check_fault(V86(verr), UD, 0, 0);
    check_fault(V86(arpl), UD, 0, 0);
}

CODE16(smsw_sgdt, "smsw %ax\n sgdt (%bx)\n sidt (%bx)" DONE);

CASE(unprivileged, "SMSW, SGDT and SIDT are allowed")
{
    check_done(V86(smsw_sgdt));
}

/* I/O goes by the bitmap alone. [SDM3] "Protection of I/O Ports Mapped...", [SDM1] "I/O Permission
 * Bit Map". */

CODE16(in_80, "inb $0x80, %al" DONE);

CASE(io_bitmap, "ports go by the bitmap, whatever IOPL")
{
    check_fault(V86(in_80), GP, 0, 0);
    tss.io[0x10] &= ~1;
    check_done(V86(in_80));
}

CODE16(far_jump, "ljmp $0x0a00, $0x10");
CODE16(mov_es, "mov %ax, %es\n movb $0x5e, %es:0" DONE);

CASE(segments, "segment loads are as in real mode")
{
    static const u8 done[] = {0xcd, 0xf1};

    memcpy((void *)low8(0xa010), done, 2);
    Regs16 r = V86(far_jump);
    check_done(r);
    check_eq(r.cs, 0x0a00);
    r = V86(mov_es, r.eax = 0x0b00);
    check_done(r);
    check_eq(*low8(0xb000), 0x5e);
}

/* Virtual-mode extensions. [SDM3] "Virtual Interrupts", "Class 3: Software Interrupt Handling". */

static void vme_on(void)
{
    require(HAS_VME);
    write_cr4(read_cr4() | CR4_VME);
    memset(tss.redirection, 0xff, sizeof(tss.redirection)); /* all go to protected mode */
}

CASE(vme_cli_sti, "with VME and IOPL below 3, CLI and STI change VIF")
{
    vme_on();
    Regs16 r = V86(cli, r.eflags = 2 | FLAG_VIF | FLAG_IF);
    check_stop(r);
    check_eq(r.eflags & (FLAG_VIF | FLAG_IF), FLAG_IF);
    r = V86(sti, r.eflags = 2);
    check_stop(r);
    check_eq(r.eflags & (FLAG_VIF | FLAG_IF), FLAG_VIF);
}

CASE(vme_sti_vip, "STI with VIP set is #GP(0)")
{
    vme_on();
    check_fault(V86(sti, r.eflags = 2 | FLAG_VIP), GP, 0, 0);
}

CASE(vme_cli_iopl_3, "with IOPL 3 they change IF")
{
    vme_on();
    Regs16 r = V86(cli, r.eflags |= FLAG_VIF | FLAG_IF);
    check_eq(r.eflags & (FLAG_VIF | FLAG_IF), FLAG_VIF);
}

CASE(vme_pushf, "PUSHF pushes VIF as IF and an IOPL of 3") /* [SDM2] PUSHF */
{
    vme_on();
    Regs16 r = V86(pushf, r.eflags = 2 | FLAG_VIF);
    check_stop(r);
    check_eq(low16(LOW_STACK + 0x3fee) & 0xf202, 0x3202);
    V86(pushf, r.eflags = 2 | FLAG_IF);
    check_eq(low16(LOW_STACK + 0x3fee) & 0xf202, 0x3002);
}

CODE16(pushfd, "pushfl" STOP);
CODE16(popfd, "pushl %eax\n popfl" STOP);

CASE(vme_pushfd, "PUSHFD and POPFD with IOPL below 3 are #GP(0)")
{
    vme_on();
    check_fault(V86(pushfd, r.eflags = 2), GP, 0, 0);
    check_fault(V86(popfd, r.eflags = 2), GP, 0, 2);
}

CASE(vme_popf, "POPF sets VIF from IF") /* [SDM2] POPF */
{
    vme_on();
    Regs16 r = V86(popf, r.eflags = 2; r.eax = FLAG_IF | FLAG_CF);
    check_stop(r);
    check_eq(r.eflags & (FLAG_VIF | FLAG_IF | FLAG_CF | FLAG_IOPL), FLAG_VIF | FLAG_CF);
}

CASE(vme_popf_faults, "POPF of TF, or of IF with VIP set, is #GP(0)")
{
    vme_on();
    check_fault(V86(popf, r.eflags = 2; r.eax = FLAG_TF), GP, 0, 1);
    check_fault(V86(popf, r.eflags = 2 | FLAG_VIP; r.eax = FLAG_IF), GP, 0, 1);
    check_stop(V86(popf, r.eflags = 2 | FLAG_VIP; r.eax = 0));
}

CASE(vme_iret, "IRET sets VIF from IF; of TF, or IF with VIP, it is #GP(0)") /* [SDM2] IRET */
{
    vme_on();
    Regs16 r = V86(int_iret, r.eflags = 2; r.eax = FLAG_IF);
    check_stop(r);
    check_eq(r.eip, 6);
    check_eq(r.eflags & (FLAG_VIF | FLAG_IF), FLAG_VIF);
    check_fault(V86(int_iret, r.eflags = 2; r.eax = FLAG_TF), GP, 0, 4);
    check_fault(V86(int_iret, r.eflags = 2 | FLAG_VIP; r.eax = FLAG_IF), GP, 0, 4);
}

/* The program's own handler for vector 30h: its address 0780:0000. */
static void install_handler(void)
{
    static const u8 code[] = {
        0x89, 0xe5,       /* MOV BP, SP */
        0x8b, 0x46, 0x04, /* MOV AX, [BP + 4]  FLAGS */
        0x8b, 0x5e, 0x00, /* MOV BX, [BP]      IP */
        0x8b, 0x4e, 0x02, /* MOV CX, [BP + 2]  CS */
        0xf4,             /* HLT */
    };

    memcpy((void *)low8(0x7800), code, sizeof(code));
    low32(0x30 * 4) = 0x07800000;
}

CASE(vme_redirect, "INT n with a clear bit in the map goes to the program's handler (method 5)")
{
    vme_on();
    install_handler();
    tss.redirection[0x30 / 8] &= ~1;
    Regs16 r = V86(int_30, r.eflags |= FLAG_IF | FLAG_CF);
    check_stop(r);
    check_eq(r.cs, 0x0780);
    check_eq(r.eip, 11);
    check_eq(r.eax & 0xffff, IOPL(3) | FLAG_IF | FLAG_CF | 2);
    check_eq(r.ebx & 0xffff, 2);
    check_eq(r.ecx & 0xffff, LOW_CODE >> 4);
    check_eq(r.eflags & (FLAG_IF | FLAG_VM), FLAG_VM);
}

CASE(vme_redirect_iopl_0,
     "with IOPL below 3 it pushes VIF as IF, IOPL 3, and clears VIF (method 6)")
{
    vme_on();
    install_handler();
    tss.redirection[0x30 / 8] &= ~1;
    Regs16 r = V86(int_30, r.eflags = 2 | FLAG_IF | FLAG_VIF);
    check_stop(r);
    check_eq(r.cs, 0x0780);
    check_eq(r.eax & 0xffff, IOPL(3) | FLAG_IF | 2);
    check_eq(r.eflags & (FLAG_IF | FLAG_VIF | FLAG_VM), FLAG_IF | FLAG_VM);
    r = V86(int_30, r.eflags = 2 | FLAG_IF);
    check_eq(r.eax & 0xffff, IOPL(3) | 2);
}

CASE(vme_not_redirected, "with a set bit: IOPL 3 goes to protected mode (4), below 3 is #GP(0) (3)")
{
    vme_on();
    idt_reset(0x30, 3);
    check_fault(V86(int_30), 0x30, 0, 2);
    check_fault(V86(int_30, r.eflags = 2), GP, 0, 0);
}

CASE(vme_int3_not_redirected, "INT3 is not redirected")
{
    vme_on();
    memset(tss.redirection, 0, sizeof(tss.redirection));
    idt_reset(BP, 3);
    check_fault(V86(int3), BP, 0, 1);
}

/* Protected-mode virtual interrupts. [SDM3] "Protected-Mode Virtual Interrupts". */

static void user_cli(void)
{
    asm volatile(TRY_MARK "10: cli\n 11:");
}

static void user_sti(void)
{
    asm volatile(TRY_MARK "10: sti\n 11:");
}

CASE(pvi, "with PVI, CLI and STI of ring 3 with IOPL below 3 change VIF")
{
    require(HAS_VME);
    write_cr4(read_cr4() | CR4_PVI);
    Trap t = CATCH_USER_FLAGS(user_sti, 2);
    expect_done(t);
    check_eq(t.frame.flags & (FLAG_VIF | FLAG_IF), FLAG_VIF);
    t = CATCH_USER_FLAGS(user_cli, 2 | FLAG_VIF | FLAG_IF);
    expect_done(t);
    check_eq(t.frame.flags & (FLAG_VIF | FLAG_IF), FLAG_IF);
    expect_fault(CATCH_USER_FLAGS(user_sti, 2 | FLAG_VIP), GP, 0);
}

CASE(pvi_off, "without it they are #GP(0)")
{
    expect_fault(CATCH_USER_FLAGS(user_sti, 2), GP, 0);
    expect_fault(CATCH_USER_FLAGS(user_cli, 2), GP, 0);
}
