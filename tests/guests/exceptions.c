/* exceptions.c - every exception that is not of segments or pages: vector, error code, saved
 * address; gates, double faults, priorities. [SDM3] "Interrupt and Exception Handling". */
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

/* An instruction's bytes, where the assembler would refuse or change them. */
#define BYTES(...) ".byte " #__VA_ARGS__

CASE(de_divide_by_zero, "DIV by zero is a #DE fault that changes nothing") /* [SDM2] DIV */
{
    Trap t = TRY("div %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc");

    expect_fault(t, DE, 0);
    check_eq(t.frame.ax, 1);
    check_eq(t.frame.dx, 0);
}

CASE(de_quotient_too_large, "DIV with a quotient above 32 bits is #DE") /* [SDM2] DIV */
{
    expect_fault(TRY("div %%ecx", : : "a"(0), "d"(2), "c"(2) : "cc"), DE, 0);
}

CASE(de_largest_quotient, "DIV with the largest quotient is no #DE") /* [SDM2] DIV */
{
    expect_none(TRY("div %%ecx", : : "a"(0xffffffff), "d"(1), "c"(2) : "cc", "memory"));
}

CASE(de_idiv_overflow, "IDIV of the least number by -1 is #DE") /* [SDM2] IDIV */
{
    expect_fault(TRY("idiv %%ecx", : : "a"(0x80000000), "d"(-1), "c"(-1) : "cc"), DE, 0);
}

CASE(de_idiv_byte, "IDIV of bytes: 128 does not fit, -128 does") /* [SDM2] IDIV */
{
    expect_fault(TRY("idiv %%cl", : : "a"(128), "c"(1) : "cc"), DE, 0);
    expect_none(TRY("idiv %%cl", : : "a"(-128), "c"(1) : "cc"));
}

CASE(de_idiv_word, "IDIV of words: 8000h:0 by 1 is #DE") /* [SDM2] IDIV */
{
    expect_fault(TRY("idiv %%cx", : : "a"(0), "d"(0x8000), "c"(1) : "cc"), DE, 0);
}

CASE(de_aam, "AAM 0 is #DE") /* [SDM2] AAM */
{
    expect_fault(TRY("aam $0", : : "a"(5) : "cc"), DE, 0);
}

CASE(db_icebp, "INT1 is a #DB trap and leaves DR6 alone") /* [SDM2] INT n */
{
    write_dr6(0xffff0ff0);
    Trap t = TRY(BYTES(0xf1));

    expect_trap(t, DB);
    check_eq(t.dr6, 0xffff0ff0);
}

CASE(bp_int3, "INT3 is a #BP trap") /* [SDM3] "Interrupt 3" */
{
    expect_trap(TRY("int3"), BP);
}

CASE(bp_int_3, "INT 3 in two bytes is the same") /* [SDM2] INT n */
{
    expect_trap(TRY(BYTES(0xcd, 3)), BP);
}

CASE(of_into, "INTO is an #OF trap when OF is set") /* [SDM3] "Interrupt 4" */
{
    expect_trap(TRY("mov $0x7f, %%al\n inc %%al\n into", : : : "eax", "cc"), OF);
}

CASE(of_into_clear, "INTO does nothing when OF is clear") /* [SDM2] INT n */
{
    expect_none(TRY("xor %%eax, %%eax\n into", : : : "eax", "cc"));
}

static const struct {
    int low, high;
} bounds = {-2, 5};

CASE(br_bound_inside, "BOUND takes both bounds as inside") /* [SDM2] BOUND */
{
    expect_none(TRY("bound %0, %1", : : "r"(-2), "m"(bounds)));
    expect_none(TRY("bound %0, %1", : : "r"(5), "m"(bounds)));
}

CASE(br_bound_outside, "BOUND is a #BR fault outside") /* [SDM3] "Interrupt 5" */
{
    expect_fault(TRY("bound %0, %1", : : "r"(-3), "m"(bounds)), BR, 0);
    expect_fault(TRY("bound %0, %1", : : "r"(6), "m"(bounds)), BR, 0);
}

CASE(ud_ud2, "UD2 is a #UD fault") /* [SDM2] UD */
{
    expect_fault(TRY("ud2"), UD, 0);
}

CASE(ud_ud1, "UD1 is #UD") /* [SDM2] UD */
{
    expect_fault(TRY(BYTES(0x0f, 0xb9, 0xc0)), UD, 0);
}

CASE(ud_lock_illegal, "LOCK before an instruction it does not fit is #UD") /* [SDM2] LOCK */
{
    static u32 memory;

    expect_fault(TRY(BYTES(0xf0, 0x90)), UD, 0);
    expect_fault(TRY("lock; .byte 0x89, 0x08", : : "a"(&memory)), UD, 0); /* MOV [EAX], ECX */
    expect_fault(TRY("lock; .byte 0x39, 0x08", : : "a"(&memory)), UD, 0); /* CMP [EAX], ECX */
}

CASE(ud_lock_register, "LOCK with a register as destination is #UD") /* [SDM2] LOCK */
{
    expect_fault(TRY(BYTES(0xf0, 0x01, 0xc8), : : : "eax", "cc"), UD, 0);
    expect_fault(TRY(BYTES(0xf0, 0x0f, 0xc1, 0xc8), : : : "eax", "ecx", "cc"), UD, 0);
}

CASE(lock_legal, "LOCK before what it fits is no #UD") /* [SDM2] LOCK */
{
    static u32 memory = 1;

    expect_none(TRY("lock addl $2, %0", : "+m"(memory) : : "cc"));
    expect_none(TRY("lock btsl $4, %0", : "+m"(memory) : : "cc"));
    expect_none(TRY("lock negl %0", : "+m"(memory) : : "cc"));
    check_eq(memory, (u32)-19);
}

CASE(ud_mov_cs, "MOV to CS is #UD") /* [SDM2] MOV */
{
    expect_fault(TRY(BYTES(0x8e, 0xc8), : : "a"(SEL_CODE)), UD, 0);
}

CASE(ud_mov_segment_6, "MOV to and from segment registers 6 and 7 is #UD") /* [SDM2] MOV */
{
    expect_fault(TRY(BYTES(0x8e, 0xf0), : : "a"(0)), UD, 0);
    expect_fault(TRY(BYTES(0x8c, 0xf8), : : : "eax"), UD, 0);
}

CASE(ud_memory_only,
     "instructions on memory are #UD with a register") /* [SDM2] LEA, LDS, BOUND, LGDT */
{
    expect_fault(TRY(BYTES(0x8d, 0xc0)), UD, 0);       /* LEA */
    expect_fault(TRY(BYTES(0x0f, 0xb2, 0xc0)), UD, 0); /* LSS */
    expect_fault(TRY(BYTES(0x0f, 0xb4, 0xc0)), UD, 0); /* LFS */
    expect_fault(TRY(BYTES(0xff, 0xe8)), UD, 0);       /* JMP far */
    expect_fault(TRY(BYTES(0xff, 0xd8)), UD, 0);       /* CALL far */
    expect_fault(TRY(BYTES(0x0f, 0xc7, 0xc8)), UD, 0); /* CMPXCHG8B */
}

CASE(ud_groups, "undefined members of groups are #UD") /* [SDM2] "Opcode Extensions" */
{
    expect_fault(TRY(BYTES(0xfe, 0xd0)), UD, 0); /* group 4, /2 */
    expect_fault(TRY(BYTES(0xff, 0xf8)), UD, 0); /* group 5, /7 */
    expect_fault(TRY(BYTES(0x8f, 0xc8)), UD,
                 0); /* group 1A, /1: an XOP prefix where there are such */
    expect_fault(TRY(BYTES(0x0f, 0xba, 0xc0, 0)), UD, 0); /* group 8, /0 */
    expect_fault(TRY(BYTES(0x0f, 0x00, 0xf0)), UD, 0);    /* group 6, /6 */
}

CASE(ud_control_registers,
     "MOV with control registers that do not exist is #UD") /* [SDM2] MOV CRn */
{
    expect_fault(TRY(BYTES(0x0f, 0x20, 0xc8)), UD, 0); /* CR1 */
    expect_fault(TRY(BYTES(0x0f, 0x22, 0xe8)), UD, 0); /* CR5 */
    expect_fault(TRY(BYTES(0x0f, 0x20, 0xf8)), UD, 0); /* CR7 */
}

CASE(ud_rsm, "RSM outside SMM is #UD") /* [SDM2] RSM */
{
    expect_fault(TRY("rsm"), UD, 0);
}

CASE(ud_syscall_disabled, "SYSCALL and SYSRET with EFER.SCE clear are #UD") /* [SDM2] SYSCALL */
{
    require(HAS_SYSCALL);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
    expect_fault(TRY(BYTES(0x0f, 0x05), : : : "ecx", "cc"), UD, 0);
    expect_fault(TRY(BYTES(0x0f, 0x07)), UD, 0);
}

CASE(gp_too_long,
     "an instruction of 16 bytes is #GP(0), of 15 it is none") /* [SDM2] "Instruction Format" */
{
    expect_none(TRY(".fill 14, 1, 0x66\n nop"));
    expect_fault(TRY(".fill 15, 1, 0x66\n nop"), GP, 0);
}

CASE(gp_cr0_combinations,
     "CR0 with PG but not PE, or NW but not CD, is #GP(0)") /* [SDM2] MOV CRn */
{
    u32 cr0 = read_cr0();

    expect_fault(TRY("mov %0, %%cr0", : : "r"((cr0 | CR0_PG) & ~CR0_PE)), GP, 0);
    expect_fault(TRY("mov %0, %%cr0", : : "r"((cr0 | CR0_NW) & ~CR0_CD)), GP, 0);
    check_eq(read_cr0(), cr0);
}

CASE(gp_cr4_reserved, "a reserved bit of CR4 is #GP(0)") /* [SDM2] MOV CRn */
{
    expect_fault(TRY("mov %0, %%cr4", : : "r"(read_cr4() | 1u << 31)), GP, 0);
    expect_fault(TRY("mov %0, %%cr4", : : "r"(read_cr4() | 1u << 15)), GP, 0);
}

CASE(gp_msr_unknown,
     "an MSR that does not exist is #GP(0), read and written") /* [SDM2] RDMSR, WRMSR */
{
    expect_fault(TRY("rdmsr", : : "c"(0x4b123456) : "eax", "edx"), GP, 0);
    expect_fault(TRY("wrmsr", : : "c"(0x4b123456), "a"(0), "d"(0)), GP, 0);
}

CASE(gp_efer_reserved, "a reserved bit of EFER is #GP(0)") /* [SDM2] WRMSR */
{
    require(HAS_NX);
    expect_fault(TRY("wrmsr", : : "c"(MSR_EFER), "a"(2), "d"(0)), GP, 0);
}

CASE(gp_idt_limit, "a vector beyond the IDT's limit is #GP(vector * 8 + 2)") /* [SDM2] INT n */
{
    load_idt(idt, 0x20 * 8 - 1);
    expect_fault(TRY("int $0x20"), GP, 0x20 * 8 + 2);
    load_idt(idt, 0x21 * 8 - 2); /* one byte short */
    expect_fault(TRY("int $0x20"), GP, 0x20 * 8 + 2);
}

CASE(gate_type, "a descriptor in the IDT that is no gate is #GP(vector * 8 + 2)") /* [SDM2] INT n */
{
    static const u8 types[] = {0, SYS_TSS, SYS_LDT, SYS_CALL, SYS_CALL16, 8, 10, 13, 0x12, 0x1a};

    for (u32 i = 0; i < COUNT(types); i++) {
        idt_access(0x30, SEG_P | types[i]);
        expect_fault(TRY("int $0x30"), GP, 0x30 * 8 + 2);
    }
}

CASE(gate_not_present, "a gate that is not present is #NP(vector * 8 + 2)") /* [SDM2] INT n */
{
    idt_access(0x30, SYS_INT);
    expect_fault(TRY("int $0x30"), NP, 0x30 * 8 + 2);
}

CASE(gate_null_selector, "a gate to the null selector is #GP(0)") /* [SDM2] INT n */
{
    idt_set(0x30, gate(0, (word)trap_stubs, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), GP, 0);
    idt_set(0x30, gate(3, (word)trap_stubs, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), GP, 0);
}

CASE(gate_bad_segment, "a gate to what is no code segment is #GP(selector)") /* [SDM2] INT n */
{
    idt_set(0x30, gate(SEL_DATA, (word)trap_stubs, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), GP, SEL_DATA);
    idt_set(0x30, gate(SEL_TSS, (word)trap_stubs, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), GP, SEL_TSS);
    idt_set(0x30, gate(0x1000, (word)trap_stubs, SEG_P | SYS_INT, 0)); /* beyond the GDT */
    expect_fault(TRY("int $0x30"), GP, 0x1000);
    idt_set(0x30, gate(SEL_USER_CODE32, (word)trap_stubs, SEG_P | SYS_INT, 0)); /* outer ring */
    expect_fault(TRY("int $0x30"), GP, SEL_USER_CODE32);
}

CASE(gate_segment_not_present,
     "a gate to a code segment not present is #NP(selector)") /* [SDM2] INT n */
{
    gdt_set(SEL_TEST, descriptor(0, 0xfffff, (CODE_RX | SEG_DB | SEG_G) & ~SEG_P));
    idt_set(0x30, gate(SEL_TEST, (word)trap_stubs, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), NP, SEL_TEST);
}

CASE(gate_offset_limit, "a gate with an offset beyond the segment is #GP(0)") /* [SDM2] INT n */
{
    gdt_set(SEL_TEST, descriptor(0, 0xff, CODE_RX | SEG_DB));
    idt_set(0x30, gate(SEL_TEST, 0x100, SEG_P | SYS_INT, 0));
    expect_fault(TRY("int $0x30"), GP, 0);
}

CASE(gate_ext_bit, "faults while a processor exception is delivered have EXT in the code")
{ /* [SDM3] "Error Code" */
    idt_access(UD, SYS_INT);
    expect_fault(TRY("ud2"), NP, UD * 8 + 2 + 1);
    idt_set(UD, gate(SEL_DATA, 0, SEG_P | SYS_INT, 0));
    expect_fault(TRY("ud2"), GP, SEL_DATA + 1);
    idt_set(UD, gate(0, 0, SEG_P | SYS_INT, 0));
    expect_fault(TRY("ud2"), GP, 1);
}

CASE(gate_int3_no_ext, "INT3 and INTO are software: no EXT") /* [SDM3] "Error Code" */
{
    idt_access(BP, SYS_INT);
    expect_fault(TRY("int3"), NP, BP * 8 + 2);
}

static volatile u32 flags_in_handler;

static void note_flags(Frame *frame)
{
    flags_in_handler = read_flags();
}

CASE(gate_interrupt_flags, "an interrupt gate clears IF, TF, NT; a trap gate leaves IF")
{ /* [SDM3] "Flag Usage By Exception- or Interrupt-Handler Procedure" */
    trap_handle(0x30, note_flags);
    asm volatile("sti; nop; int $0x30; cli" : : : "memory");
    check_eq(flags_in_handler & FLAG_IF, 0);
    idt_access(0x30, SEG_P | SYS_TRAP);
    asm volatile("sti; nop; int $0x30; cli" : : : "memory");
    check_eq(flags_in_handler & FLAG_IF, FLAG_IF);
}

CASE(gate_16bit, "a 16-bit gate pushes words") /* [SDM2] INT n */
{
    static volatile u32 before, after, top;

    /* The handler must lie below 64 KiB: it is copied there. */
    static const u8 code[] = {0xff, 0xe0}; /* JMP EAX */
    memcpy((void *)0x7000, code, sizeof(code));
    idt_set(0x30, gate(SEL_CODE32, 0x7000, SEG_P | SYS_INT16, 0));
    asm volatile("mov $1f, %%eax\n movl %%esp, %0\n int $0x30\n2: jmp 3f\n"
                 "1: movl %%esp, %1\n movl (%%esp), %%eax\n movl %%eax, %2\n movl %0, %%esp\n3:"
                 : "=m"(before), "=m"(after), "=m"(top)
                 :
                 : "eax", "memory");
    check_eq(before - after, 6);
    check_eq(top >> 16, SEL_CODE32);
}

/* Contributory exceptions: #DE, #TS, #NP, #SS, #GP. [SDM3] "Interrupt 8", table of combinations. */

CASE(df_contributory_twice, "a contributory exception in another's delivery is #DF(0)")
{
    idt_access(GP, SYS_INT); /* not present: #NP in the delivery of #GP */
    expect_raised(TRY("mov %0, %%ds", : : "r"(0x1000)), DF, 0);
    idt_reset(GP, 0);
    idt_access(DE, SYS_INT);
    expect_raised(TRY("div %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc"), DF, 0);
}

CASE(df_not_benign, "a contributory exception in the delivery of a benign one is delivered itself")
{
    idt_access(BR, SYS_INT);
    expect_fault(TRY("bound %0, %1", : : "r"(6), "m"(bounds)), NP, BR * 8 + 2 + 1);
    idt_access(NM, SYS_INT);
    write_cr0(read_cr0() | CR0_TS);
    expect_fault(TRY("fnop"), NP, NM * 8 + 2 + 1);
}

/* Puts the gate of a vector where the next page is missing. */
static void hide_gates(void)
{
    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    memcpy((void *)(WINDOW + 4096 - 14 * 8), idt, 14 * 8);
    load_idt((void *)(WINDOW + 4096 - 14 * 8),
             256 * 8 - 1); /* #PF is the first on the missing page */
}

CASE(df_page_fault_twice, "a page fault in the delivery of a page fault is #DF(0)")
{
    hide_gates();
    expect_raised(TRY("movb $0, (%0)", : : "r"(0x50000000)), DF, 0);
}

CASE(df_contributory_in_page_fault,
     "a contributory exception in the delivery of a page fault is #DF(0)")
{
    paging_start(PAGING_32);
    idt_access(PF, SYS_INT);
    expect_raised(TRY("movb $0, (%0)", : : "r"(0x50000000)), DF, 0);
}

CASE(df_page_fault_in_contributory,
     "a page fault in the delivery of a contributory exception is #PF")
{
    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    page_map(WINDOW + 4096, FRAME(1) | PAGE_ALL);
    /* #GP, the last on the first page, and all from #PF on are there; #DE to #DF and #NP are not.
     */
    memcpy((void *)(WINDOW + 4096 - 13 * 8), idt, 256 * 8);
    load_idt((void *)(WINDOW + 4096 - 13 * 8), 256 * 8 - 1);
    page_map(WINDOW, 0); /* #GP is at the start of the second page */
    Trap t = TRY("div %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc");
    expect_fault(t, PF, 0);
    check_eq(t.cr2, (word)WINDOW + 4096 - 13 * 8);
}

/* [SDM3] "Interrupt 17": ring 3, CR0.AM, EFLAGS.AC. */

static u8 buffer[32] __attribute__((aligned(16)));

#define USER_ACCESS(name, insn)                                                             \
    static void name(void)                                                                  \
    {                                                                                       \
        asm volatile(TRY_MARK "10: " insn "\n11:" : : "r"(buffer) : "eax", "memory", "cc"); \
    }
USER_ACCESS(read_dword_at_1, "movl 1(%0), %%eax")
USER_ACCESS(read_dword_at_2, "movl 2(%0), %%eax")
USER_ACCESS(read_dword_at_4, "movl 4(%0), %%eax")
USER_ACCESS(read_word_at_1, "movw 1(%0), %%ax")
USER_ACCESS(read_word_at_2, "movw 2(%0), %%ax")
USER_ACCESS(read_byte_at_1, "movb 1(%0), %%al")
USER_ACCESS(write_dword_at_1, "movl %%eax, 1(%0)")
USER_ACCESS(push_unaligned, "dec %%esp\n push %%eax")

static void alignment_on(void)
{
    write_cr0(read_cr0() | CR0_AM);
}

CASE(ac_unaligned, "unaligned accesses in ring 3 are #AC(0)")
{
    alignment_on();
    expect_fault(CATCH_USER_FLAGS(read_dword_at_1, FLAG_AC | 2), AC, 0);
    expect_fault(CATCH_USER_FLAGS(read_dword_at_2, FLAG_AC | 2), AC, 0);
    expect_fault(CATCH_USER_FLAGS(read_word_at_1, FLAG_AC | 2), AC, 0);
    expect_fault(CATCH_USER_FLAGS(write_dword_at_1, FLAG_AC | 2), AC, 0);
}

CASE(ac_stack, "an unaligned push in ring 3 is #AC(0)")
{
    alignment_on();
    expect_raised(CATCH_USER_FLAGS(push_unaligned, FLAG_AC | 2), AC, 0);
}

CASE(ac_aligned, "aligned accesses are no #AC")
{
    alignment_on();
    expect_done(CATCH_USER_FLAGS(read_dword_at_4, FLAG_AC | 2));
    expect_done(CATCH_USER_FLAGS(read_word_at_2, FLAG_AC | 2));
    expect_done(CATCH_USER_FLAGS(read_byte_at_1, FLAG_AC | 2));
}

CASE(ac_disabled, "no #AC without AM, without AC, or in ring 0")
{
    expect_done(CATCH_USER_FLAGS(read_dword_at_1, FLAG_AC | 2));
    alignment_on();
    expect_done(CATCH_USER(read_dword_at_1));
    expect_none(CATCH(write_flags(FLAG_AC | 2); read_dword_at_1(); write_flags(2)));
}

/* [SDM3] "Priority Among Concurrent Events". */

static void user_lock_hlt(void)
{
    asm volatile(TRY_MARK "10: .byte 0xf0, 0xf4\n11:");
}

CASE(priority_ud_over_gp, "decoding faults come before privilege: LOCK HLT in ring 3 is #UD")
{
    expect_fault(CATCH_USER(user_lock_hlt), UD, 0);
}

CASE(priority_ud_over_nm, "LOCK before an x87 instruction with CR0.TS set is #UD")
{
    write_cr0(read_cr0() | CR0_TS);
    expect_fault(TRY(BYTES(0xf0, 0xd9, 0xc0)), UD, 0);
}

CASE(priority_nm_over_memory, "#NM comes before the operand's page fault")
{
    paging_start(PAGING_32);
    write_cr0(read_cr0() | CR0_TS);
    expect_fault(TRY("flds (%0)", : : "r"(0x50000000)), NM, 0);
}

CASE(priority_segment_over_page, "a limit violation comes before the page fault")
{
    paging_start(PAGING_32);
    gdt_set(SEL_TEST, descriptor(0x50000000, 0xf, DATA_RW));
    asm volatile("mov %0, %%fs" : : "r"(SEL_TEST));
    expect_fault(TRY("movb $0, %%fs:0x10", : :), GP, 0);
    asm volatile("mov %0, %%fs" : : "r"(SEL_TEST));
    expect_fault(TRY("movb $0, %%fs:0xf", : :), PF, PF_W);
}

CASE(priority_source_before_divide, "the divisor's page fault comes before #DE")
{
    paging_start(PAGING_32);
    expect_fault(TRY("divl (%0)", : : "r"(0x50000000), "a"(0), "d"(5) : "cc"), PF, 0);
}

CASE(restart_changes_nothing, "a fault leaves registers and flags as they were")
{
    paging_start(PAGING_32);
    Trap t = TRY("stc\n 12: push (%0)", : : "b"(0x50000000) : "cc");
    check_eq(t.vector, PF);
    check_eq(t.frame.flags & FLAG_CF, FLAG_CF);
    t = TRY("add (%1), %0", : : "a"(5), "b"(0x50000000) : "cc");
    expect_fault(t, PF, 0);
    check_eq(t.frame.ax, 5);
}

CASE(restart_rep, "REP MOVS stopped by a page fault has done what its registers say")
{
    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    Trap t = TRY("rep movsb", : : "S"(buffer), "D"((word)WINDOW + 4096 - 8), "c"(20) : "memory");
    expect_fault(t, PF, PF_W);
    check_eq(t.frame.cx, 12);
    check_eq(t.frame.si, (word)buffer + 8);
    check_eq(t.frame.di, (word)WINDOW + 4096);
    check_eq(t.cr2, (word)WINDOW + 4096);
}

CASE(restart_pusha, "PUSHA that faults leaves ESP") /* [SDM2] PUSHA */
{
    static volatile word expected;

    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    /* The handler needs a stack of its own: the fault goes through a ring change, from ring 3. */
    tss.esp0 = KERNEL_STACK_END;
    expected = (word)WINDOW + 8;
    Trap t = CATCH(
        asm volatile("mov %0, %%ds\n push %0\n push %1\n push $2\n push %2\n push $1f\n iret\n"
                     "1: pusha"
                     :
                     : "r"(SEL_USER_DATA + 3), "r"(expected), "r"(SEL_USER_CODE32 + 3)));
    expect_raised(t, PF, PF_W | PF_U);
    check_eq(t.frame.sp, expected);
}
