/* long64.c - 64-bit and compatibility mode: entering and leaving, canonical addresses, segments
 * that hardly count, registers and instructions. [SDM3] "IA-32e Mode Operation", "Segmentation in
 * IA-32e Mode"; [SDM2] "Instruction Format", "REX Prefixes"; [SDM1] "Canonical Addressing".
 */
#include "lib/64/long.h"
#include "lib/apic.h"
#include "lib/rings.h"

enum { SEL = SEL_TEST, SEL2 = SEL_TEST + 16, RET = 0xc3 };

static u8 code[64] __attribute__((aligned(64)));
static u8 area[8192] __attribute__((aligned(4096)));

/* Runs bytes; they may change every register but RSP. */
static Trap __attribute__((noinline)) run_bytes(const u8 *bytes, u32 count)
{
    memset(code, RET, sizeof(code));
    memcpy(code, bytes, count);
    return CATCH(asm volatile("call *%0"
                              :
                              : "a"(code)
                              : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory"));
}
#define RUN(...) run_bytes((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static bool undefined(const u8 *bytes, u32 count)
{
    Trap t = run_bytes(bytes, count);
    if (t.vector != UD || t.ip != (word)code) {
        print("# byte %x: vector %d\n", (u32)bytes[0], t.vector);
    }
    return t.vector == UD && t.ip == (word)code;
}

/* --- Modes. [SDM3] "IA-32e Mode Operation". */

CASE(long_mode_active, "IA-32e mode is active: LMA, LME, PG, PAE, CS.L")
{
    check((rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA));
    check(read_cr0() & CR0_PG);
    check(read_cr4() & CR4_PAE);
    u32 rights;
    asm volatile("lar %1, %0" : "=r"(rights) : "r"(SEL_CODE));
    check(rights & SEG_L << 12);
}

u32 leave_efer[3];
SNIPPET32(leave_and_enter, "mov $0xc0000080, %ecx\n"
                           "mov %cr0, %ebx\n and $0x7fffffff, %ebx\n mov %ebx, %cr0\n"
                           "rdmsr\n mov %eax, leave_efer\n"
                           "and $~0x100, %eax\n wrmsr\n rdmsr\n mov %eax, leave_efer + 4\n"
                           "or $0x100, %eax\n wrmsr\n"
                           "or $0x80000000, %ebx\n mov %ebx, %cr0\n"
                           "rdmsr\n mov %eax, leave_efer + 8");

CASE(leave_long_mode, "without PG LMA is clear and LME may change; PG makes LMA again")
{
    expect_done(in_compat(leave_and_enter));
    check_eq(leave_efer[0] & (EFER_LME | EFER_LMA), EFER_LME);
    check_eq(leave_efer[1] & (EFER_LME | EFER_LMA), 0);
    check_eq(leave_efer[2] & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
}

CASE(leave_rules, "PAE, LME, and PG in 64-bit mode, do not go while the mode is active: #GP(0)")
{
    faults(TRY("mov %0, %%cr4", : : "r"(read_cr4() & ~(word)CR4_PAE)), GP, 0);
    faults(TRY("mov %0, %%cr0", : : "r"(read_cr0() & ~(word)CR0_PG)), GP, 0);
    faults(TRY("wrmsr", : : "c"(MSR_EFER), "a"(0), "d"(0)), GP, 0);
}

CASE(control_upper_half, "reserved bits in upper halves of control registers: #GP(0)")
{
    faults(TRY("mov %0, %%cr0", : : "r"(read_cr0() | 1ull << 32)), GP, 0);
    faults(TRY("mov %0, %%cr4", : : "r"(read_cr4() | 1ull << 40)), GP, 0);
    faults(TRY("mov %0, %%cr3", : : "r"(read_cr3() | 1ull << 60)), GP, 0);
    expect_none(TRY("mov %0, %%cr2", : : "r"(0x123456789abcdef0)));
    check_eq(read_cr2(), 0x123456789abcdef0);
}

CASE(debug_upper_half, "upper halves of DR6 and DR7 must be zero: #GP(0)")
{
    faults(TRY("mov %0, %%dr6", : : "r"(1ull << 32)), GP, 0);
    faults(TRY("mov %0, %%dr7", : : "r"(1ull << 32 | 0x400)), GP, 0);
    expect_none(TRY("mov %0, %%dr3", : : "r"(0x123456789abcdef0)));
    check_eq(read_dr3(), 0x123456789abcdef0);
}

CASE(cr8_rules, "CR8 is the APIC's TPR; bits above 3 must be zero: #GP(0)")
{
    require(HAS_APIC);
    apic_init();
    word value;
    expect_none(TRY("mov %0, %%cr8", : : "r"(5ull)));
    check_eq(apic_read(APIC_TPR), 0x50);
    apic_write(APIC_TPR, 0x93);
    asm volatile("mov %%cr8, %0" : "=r"(value));
    check_eq(value, 9);
    faults(TRY("mov %0, %%cr8", : : "r"(16ull)), GP, 0);
    faults(TRY("mov %0, %%cr8", : : "r"(1ull << 32)), GP, 0);
    apic_write(APIC_TPR, 0);
}

static volatile u32 interrupts;
static void count_interrupt(Frame *frame)
{
    interrupts++;
    apic_eoi();
}

CASE(cr8_holds_off, "interrupts of CR8's class and below wait")
{
    require(HAS_APIC);
    apic_init();
    interrupts = 0;
    trap_handle(0x41, count_interrupt);
    asm volatile("mov %0, %%cr8" : : "r"(4ull));
    asm volatile("sti");
    apic_send(0, ICR_SELF | ICR_ASSERT | 0x41);
    delay_us(50);
    check_eq(interrupts, 0);
    asm volatile("mov %0, %%cr8\n nop\n nop" : : "r"(3ull) : "memory");
    check(wait_until(interrupts == 1));
    asm volatile("cli");
    asm volatile("mov %0, %%cr8" : : "r"(0ull));
}

/* --- Canonical addresses. [SDM1] "Canonical Addressing". */

CASE(canonical_data, "data at an address that is not canonical: #GP(0)")
{
    faults(TRY("movb (%0), %%al", : : "r"(NOT_CANONICAL) : "eax"), GP, 0);
    faults(TRY("movb %%al, (%0)", : : "r"(NOT_CANONICAL) : "memory"), GP, 0);
    faults(TRY("lock incl (%0)", : : "r"(NOT_CANONICAL) : "memory"), GP, 0);
}

CASE(canonical_straddle, "so is one that ends beyond the canonical half")
{
    faults(TRY("movl (%0), %%eax", : : "r"(0x7ffffffffffe) : "eax"), GP, 0);
    faults(TRY("movl (%0), %%eax", : : "r"(0xffff7ffffffffffe) : "eax"), GP, 0);
}

CASE(canonical_page_fault, "the last canonical bytes are looked up: #PF")
{
    Trap t = TRY("movl (%0), %%eax", : : "r"(0x7ffffffffffc) : "eax");
    expect_fault(t, PF, 0);
    check_eq(t.cr2, 0x7ffffffffffc);
    t = TRY("movl (%0), %%eax", : : "r"(0xffff800000000000) : "eax");
    expect_fault(t, PF, 0);
    check_eq(t.cr2, 0xffff800000000000);
}

CASE(canonical_stack, "through RSP and RBP it is #SS(0)")
{
    faults(TRY("mov %%rbp, %%rbx\n mov %0, %%rbp\n movq $1f, try_begin\n 1: movb (%%rbp), %%al\n"
               "mov %%rbx, %%rbp",
               :
               : "r"(NOT_CANONICAL)
               : "eax", "ebx"),
           SS, 0);
    idt_ist(SS, 1);
    tss.ist[0] = KERNEL_STACK_END;
    faults(TRY("mov %0, %%rsp\n movq $1f, try_begin\n 1: push %%rax",
               :
               : "r"(NOT_CANONICAL)),
           SS, 0);
    faults(TRY("mov %0, %%rsp\n movq $1f, try_begin\n 1: pop %%rax",
               :
               : "r"(NOT_CANONICAL)),
           SS, 0);
    faults(TRY("mov %0, %%rsp\n movq $1f, try_begin\n 1: call 1b", : : "r"(NOT_CANONICAL)), SS, 0);
}

CASE(canonical_branch,
     "near JMP, CALL and RET there: #GP(0) at the branch, nothing pushed or popped")
{
    faults(TRY("jmp *%0", : : "r"(NOT_CANONICAL)), GP, 0);
    faults(TRY("call *%0", : : "r"(NOT_CANONICAL)), GP, 0);
    Trap t = TRY("push %0\n mov %%rsp, %%rbx\n movq $1f, try_begin\n 1: ret",
                 :
                 : "r"(NOT_CANONICAL)
                 : "rbx");
    expect_fault(t, GP, 0);
    check_eq(t.frame.sp, t.frame.bx);
}

CASE(canonical_tables, "LGDT and LIDT take canonical bases only: #GP(0)")
{
    static struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) table = {0xff, NOT_CANONICAL};
    faults(TRY("lgdt %0", : : "m"(table)), GP, 0);
    faults(TRY("lidt %0", : : "m"(table)), GP, 0);
}

CASE(canonical_msrs, "MSRs that hold addresses take canonical ones only: #GP(0)")
{
    static const u32 msrs[] = {MSR_LSTAR,     MSR_FS_BASE,      MSR_GS_BASE,
                               MSR_KERNEL_GS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};
    for (u32 i = 0; i < COUNT(msrs); i++) {
        faults(TRY("wrmsr", : : "c"(msrs[i]), "a"(0), "d"((u32)(NOT_CANONICAL >> 32))), GP, 0);
        wrmsr(msrs[i], 0xffff800000000000);
        check_eq(rdmsr(msrs[i]), 0xffff800000000000);
        wrmsr(msrs[i], 0);
    }
}

CASE(canonical_not_checked, "LEA and INVLPG do not mind")
{
    word value;
    asm volatile("lea 1(%1), %0" : "=r"(value) : "r"(NOT_CANONICAL));
    check_eq(value, NOT_CANONICAL + 1);
    expect_none(TRY("invlpg (%0)", : : "r"(NOT_CANONICAL)));
}

/* --- Segments. [SDM3] "Segmentation in IA-32e Mode". */

CASE(data_segments_flat, "bases and limits of DS, ES and SS do not count in 64-bit mode")
{
    gdt_set(SEL, descriptor(0x1000, 0, DATA_RW | SEG_DB));
    area[0] = 0x5a;
    u8 value = 0;
    asm volatile("mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss\n movb %%ds:(%2), %0\n mov %3, %%ds\n"
                 "mov %3, %%es\n mov %3, %%ss"
                 : "=&q"(value)
                 : "r"(SEL), "r"(area), "r"(SEL_DATA)
                 : "memory");
    check_eq(value, 0x5a);
}

CASE(null_segments_used, "null selectors in DS, ES, FS and GS may be used")
{
    asm volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
    wrmsr(MSR_FS_BASE, 0);
    expect_none(TRY("movb %%fs:area, %%al\n movb %%ds:area, %%al", : : : "eax"));
}

CASE(null_stack_segment, "SS may be null at CPL 0 to 2, with RPL = CPL; else #GP(0)")
{
    expect_none(TRY("mov %0, %%ss\n push %%rax\n pop %%rax", : : "r"(0)));
    faults(TRY("mov %0, %%ss", : : "r"(3)), GP, 0);
}

SNIPPET64(ring3_null_ss, "mov $3, %eax\n ring3_null_ss_at: mov %eax, %ss");
LABEL(ring3_null_ss_at);
CASE(null_stack_segment_ring3, "at CPL 3 it may not: #GP(0)")
{
    Trap t = in_ring3(SEL_USER_CODE64, ring3_null_ss, FLAG_FIXED);
    expect_raised(t, GP, 0);
    check_eq(t.ip, (word)ring3_null_ss_at);
}

CASE(fs_gs_base_of_descriptor, "a descriptor gives FS and GS 32 bits of base, the rest is zero")
{
    gdt_set(SEL, descriptor(0x89abcde0, 0xf, DATA_RW));
    wrmsr(MSR_FS_BASE, 0xffff800000000000);
    wrmsr(MSR_GS_BASE, 0xffff800000000000);
    asm volatile("mov %0, %%fs\n mov %0, %%gs" : : "r"(SEL));
    check_eq(rdmsr(MSR_FS_BASE), 0x89abcde0);
    check_eq(rdmsr(MSR_GS_BASE), 0x89abcde0);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_GS_BASE, 0);
}

CASE(fs_gs_base_counts, "the bases of FS and GS count with 64 bits, their limits do not")
{
    gdt_set(SEL, descriptor(0, 0xf, DATA_RW));
    asm volatile("mov %0, %%fs\n mov %0, %%gs" : : "r"(SEL));
    wrmsr(MSR_FS_BASE, (word)area);
    wrmsr(MSR_GS_BASE, -16ull);
    area[0x1234] = 0x77;
    u8 value;
    asm volatile("movb %%fs:(%1), %0" : "=q"(value) : "r"(0x1234ull));
    check_eq(value, 0x77);
    asm volatile("movb %%gs:(%1), %0" : "=q"(value) : "r"(area + 0x1234 + 16));
    check_eq(value, 0x77);
    wrmsr(MSR_GS_BASE, 0x7ffffffff000);
    faults(TRY("movb %%gs:(%0), %%al", : : "r"(0x1000ull) : "eax"), GP, 0);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_GS_BASE, 0);
}

SNIPPET32(compat_limit, "mov $0x80, %eax\n mov %eax, %fs\n mov %fs:0xf, %bl\n"
                        "compat_limit_at: mov %fs:0x10, %bl");
LABEL(compat_limit_at);
CASE(compat_segments, "compatibility mode: bases and limits count")
{
    gdt_set(SEL, descriptor((word)area, 0xf, DATA_RW));
    area[0xf] = 0x42;
    Trap t = in_compat(compat_limit);
    expect_raised(t, GP, 0);
    check_eq(t.ip, (word)compat_limit_at);
    check_eq(t.frame.bx & 0xff, 0x42);
}

SNIPPET32(compat_widths, "mov $-1, %eax\n inc %eax\n .byte 0x40\n mov $0x12345678, %edx\n"
                         "push %edx\n pop %ecx\n mov area(%eax), %bl");
CASE(compat_code, "compatibility mode: 32-bit registers, and 40h is INC")
{
    area[1] = 0x66;
    area[0] = 0x55;
    Trap t = in_compat(compat_widths);
    expect_done(t);
    check_eq(t.frame.ax, 1);
    check_eq(t.frame.cx, 0x12345678);
    check_eq(t.frame.bx & 0xff, 0x66);
    check_eq(t.frame.cs, SEL_CODE32);
}

SNIPPET32(compat_wrap, "mov $0xfffffff0, %eax\n mov area + 0x20(%eax), %bl");
CASE(compat_addresses_wrap, "compatibility mode: linear addresses wrap at 4 GiB")
{
    area[0x10] = 0x3c;
    Trap t = in_compat(compat_wrap);
    expect_done(t);
    check_eq(t.frame.bx & 0xff, 0x3c);
}

/* --- System descriptors. [SDM2] LAR, LSL, LLDT, LTR. */

CASE(lar_types, "LAR knows LDT, available and busy TSS, and 64-bit call gate")
{
    for (u32 type = 0; type < 16; type++) {
        gdt_set_system(SEL, 0, 0xfff, SEG_P | type);
        u32 rights = 0;
        bool zf;
        asm volatile("lar %2, %0" : "+r"(rights), "=@ccz"(zf) : "r"(SEL) : "cc");
        bool known = type == SYS_LDT || type == SYS_TSS || type == SYS_TSS_BUSY || type == SYS_CALL;
        check_eq((u32)zf << 8 | type, (u32)known << 8 | type);
        check_eq(rights, known ? (u32)(SEG_P | type) << 8 : 0);
    }
}

CASE(lsl_types, "LSL knows LDT and TSS")
{
    for (u32 type = 0; type < 16; type++) {
        gdt_set_system(SEL, 0, 0xabc, SEG_P | type);
        word limit = ~0ull;
        bool zf;
        asm volatile("lsl %k2, %k0" : "+r"(limit), "=@ccz"(zf) : "r"(SEL) : "cc");
        bool known = type == SYS_LDT || type == SYS_TSS || type == SYS_TSS_BUSY;
        check_eq((u32)zf << 8 | type, (u32)known << 8 | type);
        check_eq(zf ? limit : 0xabc, 0xabc);
    }
}

CASE(ltr_16_bytes, "LTR reads 16 bytes: the upper half of the base, and zero where a type was")
{
    gdt_set_system(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS);
    expect_none(TRY("ltr %w0", : : "r"(SEL)));
    check_eq(*gdt_at(SEL) >> 40 & 0xf, SYS_TSS_BUSY);
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
    gdt_set_system(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS);
    gdt_at(SEL)[1] = 1ull << 40;
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
    gdt_set_system(SEL, NOT_CANONICAL, 0x67, SEG_P | SYS_TSS);
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
    gdt_set_system(SEL, (word)&tss, 0x67, SYS_TSS);
    faults(TRY("ltr %w0", : : "r"(SEL)), NP, SEL);
    gdt_set_system(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS16);
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
    gdt_set_system(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS);
    load_gdt(gdt, SEL + 14);
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
}

CASE(lldt_16_bytes, "LLDT reads 16 bytes too")
{
    ldt_set(0, descriptor(0, 0xfffff, DATA_RW | SEG_DB | SEG_G));
    gdt_set_system(SEL, (word)ldt, sizeof(ldt) - 1, SEG_P | SYS_LDT);
    expect_none(TRY("lldt %w0", : : "r"(SEL)));
    expect_none(TRY("mov %0, %%ds", : : "r"(4)));
    faults(TRY("mov %0, %%ds", : : "r"(sizeof(ldt) + 4)), GP, sizeof(ldt) + 4);
    load_flat_segments();
    gdt_at(SEL)[1] = 2ull << 40;
    faults(TRY("lldt %w0", : : "r"(SEL)), GP, SEL);
    expect_none(TRY("lldt %w0", : : "r"(0)));
    faults(TRY("mov %0, %%ds", : : "r"(4)), GP, 4);
}

CASE(table_stores, "SGDT and SIDT store ten bytes; SLDT, STR and SMSW fill 64 bits")
{
    u8 image[16];
    memset(image, 0xee, sizeof(image));
    asm volatile("sgdt %0" : "=m"(image));
    check_eq(*(u16 *)image, sizeof(gdt) - 1);
    check_eq(*(u64 *)(image + 2), (word)gdt);
    check_eq(image[10], 0xee);
    word value = ~0ull;
    asm volatile("str %0" : "+r"(value));
    check_eq(value, SEL_TSS);
    value = ~0ull;
    asm volatile("sldt %0" : "+r"(value));
    check_eq(value, 0);
    value = ~0ull;
    asm volatile("smsw %0" : "+r"(value));
    check_eq(value, read_cr0());
}

/* --- Instructions. [SDM2] "Instruction Format"; [SDM1] "64-Bit Mode". */

CASE(ud_one_byte, "opcodes that 64-bit mode does not have: #UD")
{
    static const u8 opcodes[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
                                 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};
    for (u32 i = 0; i < COUNT(opcodes); i++) {
        u8 bytes[] = {opcodes[i], 0, 0, 0, 0, 0, 0, 0};
        check(undefined(bytes, sizeof(bytes)));
    }
}

CASE(ud_fsgsbase, "RDFSBASE and its kin without CR4.FSGSBASE, and without F3: #UD")
{
    write_cr4(read_cr4() & ~(word)CR4_FSGSBASE);
    for (u32 reg = 0; reg < 4; reg++) {
        check(undefined((u8[]){0xf3, 0x0f, 0xae, 0xc0 | reg << 3}, 4));
    }
}

CASE(rex_placement, "REX counts only right before the opcode")
{
    word value;
    asm volatile("mov $0x1111111111111111, %%rax\n .byte 0x48, 0x66, 0xb8, 0x22, 0x22"
                 : "=a"(value));
    check_eq(value, 0x1111111111112222);
    asm volatile("mov $0x1111111111111111, %%rax\n .byte 0x66, 0x48, 0xc7, 0xc0, 4, 3, 2, 1"
                 : "=a"(value)); /* REX.W wins over 66h */
    check_eq(value, 0x01020304);
    asm volatile("mov $0x1111111111111111, %%rax\n .byte 0x48, 0x40, 0xb8, 4, 3, 2, 1"
                 : "=a"(value)); /* the last one counts */
    check_eq(value, 0x01020304);
}

CASE(rex_byte_registers,
     "with REX, byte registers 4 to 7 are SPL, BPL, SIL, DIL; without, AH to BH")
{
    word with, without;
    asm volatile(
        "mov $0x1234, %%esi\n mov $0x5678, %%edx\n .byte 0x40, 0x88, 0xf0" /* mov al, sil */
        : "=a"(with)
        :
        : "rsi", "rdx");
    asm volatile("mov $0x1234, %%esi\n mov $0x5678, %%edx\n .byte 0x88, 0xf0" /* mov al, dh */
                 : "=a"(without)
                 :
                 : "rsi", "rdx");
    check_eq(with & 0xff, 0x34);
    check_eq(without & 0xff, 0x56);
}

CASE(results_zero_extend, "32-bit results clear the upper half; 8 and 16 bits leave it")
{
    word value;
    const word ones = ~0ull;
#define RESULT(insn, want)                                       \
    do {                                                         \
        value = ones;                                            \
        asm volatile(insn : "+a"(value) : : "rcx", "rdx", "cc"); \
        check_eq(value, want);                                   \
    } while (0)
    RESULT("mov $5, %%eax", 5);
    RESULT("add $1, %%eax", 0);
    RESULT("xor $0xff, %%eax", 0xffffff00);
    RESULT("xor %%ecx, %%ecx\n cmovnz %%edx, %%eax", 0xffffffff); /* not taken */
    RESULT("bswap %%eax", 0xffffffff);
    RESULT("lea 1(%%rax), %%eax", 0);
    RESULT("movsx %%al, %%eax", 0xffffffff);
    RESULT("xchg %%eax, %%eax\n .byte 0x87, 0xc0", 0xffffffff);
    RESULT("nop", ones);
    RESULT("mov $5, %%ax", 0xffffffffffff0005);
    RESULT("mov $5, %%ah", 0xffffffffffff05ff);
    RESULT("movsx %%al, %%ax", ones);
    RESULT("mov %%ds, %%eax", SEL_DATA);
    RESULT("cwde", 0xffffffff);
    RESULT("cdqe", ones);
#undef RESULT
}

CASE(immediates,
     "immediates are sign-extended from 32 bits; MOV has 64; moffs has 64-bit addresses")
{
    word value;
    asm volatile("mov $-2, %0" : "=r"(value));
    check_eq(value, -2ull);
    asm volatile("xor %k0, %k0\n add $-0x80000000, %0" : "=r"(value));
    check_eq(value, 0xffffffff80000000);
    asm volatile("movabs $0x123456789abcdef0, %0" : "=r"(value));
    check_eq(value, 0x123456789abcdef0);
    *(u64 *)area = 0x1122334455667788;
    asm volatile("movabs area, %%rax" : "=a"(value));
    check_eq(value, 0x1122334455667788);
    Trap t = TRY("movabs 0x4000000000000000, %%al", : : : "eax");
    expect_fault(t, GP, 0);
}

CASE(rip_relative,
     "RIP-relative operands count from the end of the instruction, immediate included")
{
    *(u32 *)area = 7;
    u8 after;
    asm volatile("cmpl $7, area(%%rip)\n sete %0" : "=q"(after) : : "cc");
    check_eq(after, 1);
    word value;
    asm volatile("1: lea 1b(%%rip), %0\n sub $1b, %0" : "=r"(value) : : "cc");
    check_eq(value, 0);
    asm volatile("lea -1(%%eip), %0" : "=r"(value)); /* 67h: EIP-relative, cut to 32 bits */
    check(value < 0x100000000);
}

CASE(absolute_addresses, "SIB without base and index is a sign-extended disp32")
{
    word value;
    asm volatile(".byte 0x48, 0x8d, 0x04, 0x25, 0, 0, 0, 0x80" : "=a"(value)); /* lea */
    check_eq(value, 0xffffffff80000000);
    asm volatile(".byte 0x67, 0x48, 0x8d, 0x04, 0x25, 0, 0, 0, 0x80" : "=a"(value));
    check_eq(value, 0x80000000);
    asm volatile("lea (%%ecx, %%edx), %%rax" : "=a"(value) : "c"(~0ull), "d"(2ull));
    check_eq(value, 1);
}

CASE(stack_widths, "PUSH and POP are 64 or 16 bits wide, immediates sign-extended")
{
    word value, before, after;
    asm volatile("push $-2\n pop %0" : "=r"(value));
    check_eq(value, -2ull);
    asm volatile("mov %%rsp, %0\n pushw $-2\n mov %%rsp, %1\n mov %0, %%rsp"
                 : "=&r"(before), "=&r"(after));
    check_eq(before - after, 2);
    asm volatile("mov %%rsp, %0\n push %%fs\n mov %%rsp, %1\n mov %0, %%rsp"
                 : "=&r"(before), "=&r"(after));
    check_eq(before - after, 8);
    asm volatile("mov %%rsp, %0\n enter $16, $0\n mov %%rsp, %1\n leave"
                 : "=&r"(before), "=&r"(after));
    check_eq(before - after, 24);
}

CASE(loop_counters, "LOOP, JRCXZ and REP count in RCX, with 67h in ECX")
{
    u32 taken;
    word rcx = 0x100000000;
    asm volatile("mov $1, %0\n jrcxz 1f\n mov $0, %0\n 1:" : "=&r"(taken) : "c"(rcx));
    check_eq(taken, 0);
    asm volatile("mov $1, %0\n jecxz 1f\n mov $0, %0\n 1:" : "=&r"(taken) : "c"(rcx));
    check_eq(taken, 1);
    rcx = 0x100000001;
    asm volatile("mov $1, %0\n addr32 loop 1f\n mov $0, %0\n 1:" : "=&r"(taken), "+c"(rcx));
    check_eq(taken, 0);
    check_eq(rcx, 0);
    rcx = 0x100000003;
    word rsi = (word)area, rdi = (word)area + 64;
    memset(area, 0x21, 16);
    memset(area + 64, 0, 16);
    asm volatile("addr32 rep movsb" : "+c"(rcx), "+S"(rsi), "+D"(rdi) : : "memory");
    check_eq(rsi, (word)area + 3);
    check_eq(*(u32 *)(area + 64), 0x212121);
    check_eq((u32)rcx, 0);
}

CASE(cmpxchg16b_alignment, "CMPXCHG16B needs 16-byte alignment: #GP(0)")
{
    require(HAS_CX16);
    faults(TRY("cmpxchg16b (%0)", : : "r"(area + 8) : "rax", "rdx", "memory"), GP, 0);
    u64 *pair = (u64 *)area;
    pair[0] = 1, pair[1] = 2;
    word low = 1, high = 2;
    bool equal;
    asm volatile("lock cmpxchg16b (%3)"
                 : "+a"(low), "+d"(high), "=@ccz"(equal)
                 : "r"(area), "b"(3ull), "c"(4ull)
                 : "memory");
    check(equal && pair[0] == 3 && pair[1] == 4);
}

CASE(extended_exchange, "90h with REX.B exchanges R8 and RAX; 94h RSP and RAX")
{
    word rax = 1, r8;
    asm volatile("mov $2, %%r8d\n .byte 0x49, 0x90\n mov %%r8, %1" : "+a"(rax), "=r"(r8) : : "r8");
    check_eq(rax, 2);
    check_eq(r8, 1);
    word before, after; /* the stack pointer is a register like the others */
    asm volatile("mov %%rsp, %%rcx\n mov %%rsp, %%rax\n sub $64, %%rax\n xchg %%rax, %%rsp\n"
                 "mov %%rsp, %%rdx\n mov %%rcx, %%rsp"
                 : "=a"(before), "=d"(after)
                 :
                 : "rcx");
    check_eq(before - after, 64);
}

/* --- FSGSBASE and SWAPGS. [SDM2] RDFSBASE, WRFSBASE, SWAPGS. */

CASE(fsgsbase, "RDFSBASE to WRGSBASE: 64 and 32 bits; canonical or #GP(0)")
{
    require(HAS_FSGSBASE);
    write_cr4(read_cr4() | CR4_FSGSBASE);
    word value;
    asm volatile("wrfsbase %0" : : "r"(0xffff812345678000));
    asm volatile("wrgsbase %0" : : "r"(0x123456789000));
    check_eq(rdmsr(MSR_FS_BASE), 0xffff812345678000);
    check_eq(rdmsr(MSR_GS_BASE), 0x123456789000);
    asm volatile("rdfsbase %0" : "=r"(value));
    check_eq(value, 0xffff812345678000);
    asm volatile("mov $-1, %0\n rdgsbase %k0" : "=&r"(value));
    check_eq(value, 0x56789000);
    asm volatile("wrfsbase %k0" : : "r"(0xffff812345678000));
    check_eq(rdmsr(MSR_FS_BASE), 0x45678000);
    faults(TRY("wrgsbase %0", : : "r"(NOT_CANONICAL)), GP, 0);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_GS_BASE, 0);
}

SNIPPET64(ring3_rdgsbase, "rdgsbase %rax\n mov $0x1234, %ebx\n wrfsbase %rbx");
CASE(fsgsbase_ring3, "they work at CPL 3")
{
    require(HAS_FSGSBASE);
    write_cr4(read_cr4() | CR4_FSGSBASE);
    asm volatile("mov %0, %%gs" : : "r"(0)); /* else IRETQ empties it: ring 0's data */
    wrmsr(MSR_GS_BASE, 0x7777);
    Trap t = in_ring3(SEL_USER_CODE64, ring3_rdgsbase, FLAG_FIXED);
    expect_done(t);
    check_eq(t.frame.ax, 0x7777);
    check_eq(rdmsr(MSR_FS_BASE), 0x1234);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_GS_BASE, 0);
}

SNIPPET32(compat_rdfsbase, ".byte 0xf3, 0x0f, 0xae, 0xc0");
SNIPPET32(compat_swapgs, ".byte 0x0f, 0x01, 0xf8");
CASE(fsgsbase_compat, "RDFSBASE and SWAPGS do not exist in compatibility mode: #UD")
{
    write_cr4(read_cr4() | (cpu_has(HAS_FSGSBASE) ? CR4_FSGSBASE : 0));
    expect_raised(in_compat(compat_rdfsbase), UD, 0);
    expect_raised(in_compat(compat_swapgs), UD, 0);
}

USER(user_swapgs, "swapgs", :)
CASE(swapgs, "SWAPGS exchanges GS.base and KERNEL_GS_BASE; at CPL 3 it is #GP(0)")
{
    wrmsr(MSR_GS_BASE, 0x1111);
    wrmsr(MSR_KERNEL_GS, 0xffff800000002222);
    asm volatile("swapgs");
    check_eq(rdmsr(MSR_GS_BASE), 0xffff800000002222);
    check_eq(rdmsr(MSR_KERNEL_GS), 0x1111);
    faults(in_user(user_swapgs), GP, 0);
    wrmsr(MSR_GS_BASE, 0);
    wrmsr(MSR_KERNEL_GS, 0);
}
