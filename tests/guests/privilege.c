/* privilege.c - segments, gates, privilege and the exceptions of 32-bit protected mode. [SDM3]
 * "Protection", "Interrupt and Exception Handling".
 * run with: -cpu max
 */
#include "lib/cpu.h"
#include "lib/rings.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { SEL = SEL_TEST, SEL2 = SEL_TEST + 8, SEL_LOCAL = 0x14, BEYOND_GDT = 0x200 };
enum { SYSTEM = SEG_P }; /* type 0 is reserved: of no use to anyone */

static u8 area[8192] __attribute__((aligned(4096)));

#define AREA                    ((word)area)
#define TRY_LOAD(reg, selector) TRY("mov %0, %%" reg, : : "r"((u32)(selector)))

static Trap __attribute__((noinline)) load_into_fs(u16 selector)
{
    return TRY_LOAD("fs", selector);
}

static void set(u16 selector, u32 base, u32 limit, u32 access)
{
    gdt_set(selector, descriptor(base, limit, access));
}

static void load_fs(u16 selector)
{
    asm volatile("mov %0, %%fs" : : "r"((u32)selector));
}

/* --- Loads of segment registers. [SDM2] MOV: "Protected Mode Exceptions". */

CASE(null_data_segment, "a null selector loads into FS; its use is #GP(0)")
{
    for (u32 rpl = 0; rpl < 4; rpl++) {
        expect_none(load_into_fs(rpl));
    }
    faults(TRY("movb %%fs:0, %%al", : : : "eax"), GP, 0);
}

CASE(null_stack_segment, "a null selector for SS is #GP(0)")
{
    faults(TRY_LOAD("ss", 0), GP, 0);
}

CASE(beyond_gdt,
     "a selector beyond the limit of the GDT is #GP(selector), RPL not in the error code")
{
    faults(TRY_LOAD("fs", BEYOND_GDT), GP, BEYOND_GDT);
    faults(TRY_LOAD("fs", BEYOND_GDT | 3), GP, BEYOND_GDT);
    faults(TRY_LOAD("ss", BEYOND_GDT), GP, BEYOND_GDT);
    /* All eight bytes have to be inside. */
    set(SEL, 0, 0xfffff, DATA_RW | SEG_G);
    load_gdt(gdt, SEL + 6);
    faults(TRY_LOAD("fs", SEL), GP, SEL);
    load_gdt(gdt, SEL + 7);
    expect_none(TRY_LOAD("fs", SEL));
}

CASE(no_ldt, "a selector of the LDT is #GP(selector with TI) while LDTR is null")
{
    faults(TRY_LOAD("fs", SEL_LOCAL), GP, SEL_LOCAL);
}

CASE(local_descriptors, "descriptors come from the LDT that LLDT loaded, within its limit")
{
    ldt_set(SEL_LOCAL, descriptor(AREA, 15, DATA_RW));
    set(SEL_LDT, (word)ldt, 0x17, SEG_P | SYS_LDT);
    asm volatile("lldt %w0" : : "r"(SEL_LDT));
    expect_none(TRY_LOAD("fs", SEL_LOCAL));
    area[15] = 77;
    u8 value = 0;
    asm volatile("movb %%fs:15, %0" : "=q"(value));
    check_eq(value, 77);
    faults(TRY("movb %%fs:16, %%al", : : : "eax"), GP, 0);
    faults(TRY_LOAD("fs", 0x1c), GP, 0x1c);
}

CASE(not_present, "an absent segment is #NP(selector), for SS #SS(selector)")
{
    set(SEL, 0, 0xfffff, SEG_DATA | SEG_W | SEG_G);
    faults(TRY_LOAD("fs", SEL), NP, SEL);
    faults(TRY_LOAD("ds", SEL), NP, SEL);
    faults(TRY_LOAD("ss", SEL), SS, SEL);
}

CASE(wrong_type, "system segments and execute-only code do not load into data registers")
{
    set(SEL, 0, 0xfffff, SYSTEM);
    faults(TRY_LOAD("fs", SEL), GP, SEL);
    set(SEL, 0, 0xfffff, SEG_P | SYS_LDT);
    faults(TRY_LOAD("fs", SEL), GP, SEL);
    set(SEL, 0, 0xfffff, SEG_P | SEG_CODE | SEG_G);
    faults(TRY_LOAD("fs", SEL), GP, SEL);
    /* The type is checked before P. */
    set(SEL, 0, 0xfffff, SEG_CODE | SEG_G);
    faults(TRY_LOAD("fs", SEL), GP, SEL);
    set(SEL, 0, 0xfffff, CODE_RX | SEG_G);
    expect_none(TRY_LOAD("fs", SEL));
}

CASE(stack_segment_rules, "SS: writable data, DPL = RPL = CPL")
{
    set(SEL, 0, 0xfffff, SEG_P | SEG_DATA | SEG_DB | SEG_G);
    faults(TRY_LOAD("ss", SEL), GP, SEL);
    set(SEL, 0, 0xfffff, CODE_RX | SEG_DB | SEG_G);
    faults(TRY_LOAD("ss", SEL), GP, SEL);
    set(SEL, 0, 0xfffff, DATA_RW | SEG_DPL(1) | SEG_DB | SEG_G);
    faults(TRY_LOAD("ss", SEL), GP, SEL);
    faults(TRY_LOAD("ss", SEL_DATA | 1), GP, SEL_DATA);
    expect_none(TRY_LOAD("ss", SEL_DATA));
}

CASE(data_privilege, "a data segment needs DPL >= RPL; readable conforming code does not")
{
    faults(TRY_LOAD("fs", SEL_DATA | 1), GP, SEL_DATA);
    expect_none(TRY_LOAD("fs", SEL_USER_DATA | 3));
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_G);
    expect_none(TRY_LOAD("fs", SEL | 3));
    set(SEL, 0, 0xfffff, CODE_RX | SEG_G);
    faults(TRY_LOAD("fs", SEL | 3), GP, SEL);
}

USER(user_loads_kernel_data, "mov %0, %%fs", : "r"(SEL_DATA))
USER(user_loads_kernel_stack, "mov %0, %%ss", : "r"(SEL_DATA))
USER(user_loads_null_stack, "mov %0, %%ss", : "r"(3))
CASE(data_privilege_user, "ring 3 does not load segments of ring 0")
{
    faults(in_user(user_loads_kernel_data), GP, SEL_DATA);
    faults(in_user(user_loads_kernel_stack), GP, SEL_DATA);
    faults(in_user(user_loads_null_stack), GP, 0);
}

CASE(accessed_bit, "a load sets the accessed bit, a failed one does not")
{
    set(SEL, 0, 0xfffff, DATA_RW | SEG_G);
    expect_none(TRY_LOAD("fs", SEL));
    check_eq(*gdt_at(SEL) >> 40 & 0xff, DATA_RW | SEG_A);
    set(SEL, 0, 0xfffff, DATA_RW & ~SEG_P);
    faults(TRY_LOAD("fs", SEL), NP, SEL);
    check_eq(*gdt_at(SEL) >> 40 & 0xff, DATA_RW & ~SEG_P);
}

CASE(descriptor_cache, "a changed descriptor counts from the next load on")
{
    /* [SDM3] "Segment Registers": the hidden part. */
    set(SEL, AREA, 0xff, DATA_RW);
    load_fs(SEL);
    set(SEL, AREA, 0x0f, DATA_RW);
    expect_none(TRY("movb %%fs:0xff, %%al", : : : "eax"));
    load_fs(SEL);
    faults(TRY("movb %%fs:0xff, %%al", : : : "eax"), GP, 0);
}

/* --- Limits. [SDM3] "Limit Checking". */

#define READ8(offset)  TRY("movb %%fs:(%0), %%al", : : "r"(offset) : "eax")
#define READ16(offset) TRY("movw %%fs:(%0), %%ax", : : "r"(offset) : "eax")
#define READ32(offset) TRY("movl %%fs:(%0), %%eax", : : "r"(offset) : "eax")
#define WRITE8(offset) TRY("movb $1, %%fs:(%0)", : : "r"(offset) : "memory")

CASE(limit_bytes, "the last byte of an operand has to lie within the limit")
{
    set(SEL, AREA, 0xfff, DATA_RW);
    load_fs(SEL);
    expect_none(READ8(0xfff));
    expect_none(READ16(0xffe));
    expect_none(READ32(0xffc));
    faults(READ8(0x1000), GP, 0);
    load_fs(SEL);
    faults(READ16(0xfff), GP, 0);
    load_fs(SEL);
    faults(READ32(0xffd), GP, 0);
    load_fs(SEL);
    faults(READ32(0xffffffff), GP, 0);
}

CASE(limit_pages, "with G the limit counts pages, its low 12 bits are not checked")
{
    set(SEL, AREA, 0, DATA_RW | SEG_G);
    load_fs(SEL);
    expect_none(READ32(0xffc));
    faults(READ8(0x1000), GP, 0);
    set(SEL, AREA, 1, DATA_RW | SEG_G);
    load_fs(SEL);
    expect_none(READ8(0x1fff));
}

CASE(expand_down_32, "expand-down, B = 1: offsets above the limit up to 4 GiB")
{
    set(SEL, AREA - 0x1000, 0xfff, DATA_RW | SEG_DOWN | SEG_DB);
    load_fs(SEL);
    expect_none(READ8(0x1000));
    expect_none(READ8(0x11000));
    faults(READ8(0xfff), GP, 0);
    load_fs(SEL);
    faults(READ32(0xffe), GP, 0);
    load_fs(SEL);
    faults(READ8(0), GP, 0);
}

CASE(expand_down_16, "expand-down, B = 0: offsets above the limit up to 64 KiB")
{
    set(SEL, AREA - 0x1000, 0xfff, DATA_RW | SEG_DOWN);
    load_fs(SEL);
    expect_none(READ8(0x1000));
    expect_none(READ8(0xffff));
    faults(READ8(0x10000), GP, 0);
    load_fs(SEL);
    faults(READ16(0xffff), GP, 0);
    load_fs(SEL);
    faults(READ8(0xfff), GP, 0);
}

CASE(stack_limit, "an access through SS beyond the limit is #SS(0)")
{
    set(SEL, 0, 0xfff, DATA_RW | SEG_DB | SEG_G); /* 16 MiB */
    asm volatile("mov %0, %%ss" : : "r"(SEL));
    faults(TRY("movb %%ss:(%0), %%al", : : "r"(0x1000000) : "eax"), SS, 0);
    asm volatile("mov %0, %%ss" : : "r"(SEL));
    /* EBP as a base chooses SS too. */
    faults(TRY("push %%ebp\n mov %0, %%ebp\n mov $1f, %%eax\n mov %%eax, try_begin\n"
               "1: movb (%%ebp), %%al\n pop %%ebp",
               :
               : "r"(0x1000000)
               : "eax"),
           SS, 0);
}

CASE(write_protection, "read-only data and code are not written: #GP(0)")
{
    set(SEL, AREA, 0xfff, SEG_P | SEG_DATA);
    load_fs(SEL);
    expect_none(READ8(0));
    faults(WRITE8(0), GP, 0);
    set(SEL, AREA, 0xfff, CODE_RX);
    load_fs(SEL);
    expect_none(READ8(0));
    faults(WRITE8(0), GP, 0);
    faults(TRY("movb $1, %%cs:(%0)", : : "r"(area) : "memory"), GP, 0);
}

/* --- LLDT and LTR. */

CASE(lldt_rules, "LLDT: an LDT descriptor of the GDT, present; null is allowed")
{
    faults(TRY("lldt %w0", : : "r"(SEL_DATA)), GP, SEL_DATA);
    faults(TRY("lldt %w0", : : "r"(SEL_LOCAL)), GP, SEL_LOCAL);
    set(SEL, (word)ldt, 0xff, SYS_LDT);
    faults(TRY("lldt %w0", : : "r"(SEL)), NP, SEL);
    expect_none(TRY("lldt %w0", : : "r"(0)));
}

CASE(ltr_rules, "LTR: an available TSS of the GDT, present, not null; it becomes busy")
{
    faults(TRY("ltr %w0", : : "r"(0)), GP, 0);
    faults(TRY("ltr %w0", : : "r"(SEL_DATA)), GP, SEL_DATA);
    faults(TRY("ltr %w0", : : "r"(SEL_LOCAL)), GP, SEL_LOCAL);
    set(SEL, (word)&tss, 0x67, SYS_TSS);
    faults(TRY("ltr %w0", : : "r"(SEL)), NP, SEL);
    set(SEL, (word)&tss, 0x67, SEG_P | SYS_TSS);
    expect_none(TRY("ltr %w0", : : "r"(SEL)));
    check_eq(*gdt_at(SEL) >> 40 & 0xff, SEG_P | SYS_TSS_BUSY);
    faults(TRY("ltr %w0", : : "r"(SEL)), GP, SEL);
}

/* --- Far transfers without a change of privilege. [SDM2] JMP, CALL. */

typedef struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) FarPointer;

static FarPointer far_pointer;

static Trap far_jump(u16 selector, u32 offset)
{
    far_pointer = (FarPointer){offset, selector};
    return TRY("ljmp *far_pointer");
}

extern const u8 back_near[];
asm(".pushsection .text\n back_near: int $0xf1\n .popsection");

CASE(far_jump_rules, "far JMP: code, present, of the same privilege or conforming")
{
    faults(far_jump(0, 0), GP, 0);
    faults(far_jump(BEYOND_GDT, 0), GP, BEYOND_GDT);
    faults(far_jump(SEL_DATA, (word)back_near), GP, SEL_DATA);
    set(SEL, 0, 0xfffff, SEG_CODE | SEG_R | SEG_DB | SEG_G);
    faults(far_jump(SEL, (word)back_near), NP, SEL);
    faults(far_jump(SEL_USER_CODE32 | 3, (word)back_near), GP, SEL_USER_CODE32);
    faults(far_jump(SEL_CODE32 | 1, (word)back_near), GP, SEL_CODE32);
    expect_done(far_jump(SEL_CODE32, (word)back_near));
}

CASE(far_jump_conforming, "far JMP to conforming code: DPL <= CPL, RPL does not count")
{
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_DB | SEG_G);
    Trap t = far_jump(SEL | 3, (word)back_near);
    expect_done(t);
    check_eq(t.frame.cs & 0xffff, SEL); /* RPL becomes CPL */
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_DPL(1) | SEG_DB | SEG_G);
    faults(far_jump(SEL, (word)back_near), GP, SEL);
}

CASE(far_jump_limit, "far JMP beyond the limit of the new code segment is #GP(0)")
{
    set(SEL, 0, 0xff, CODE_RX | SEG_DB);
    faults(far_jump(SEL, 0x100), GP, 0);
}

extern const u8 call16_target[];
u32 call16_sp_before, call16_sp;
u16 call16_frame[2];
asm(".pushsection .text\n"
    "call16_target: mov %esp, call16_sp\n"
    " mov (%esp), %eax\n mov %eax, call16_frame\n"
    " int $0xf1\n .popsection");

CASE(call_gate_16, "a 16-bit call gate pushes CS:IP as words")
{
    /* The return address of this code does not fit 16 bits: what is pushed is its low half. */
    set(SEL, (word)call16_target & ~0xffff, 0xfffff, CODE_RX | SEG_DB | SEG_G);
    gdt_set(SEL2, gate(SEL, (word)call16_target & 0xffff, SEG_P | SYS_CALL16, 0));
    far_pointer = (FarPointer){0, SEL2};
    expect_done(TRY("mov %%esp, call16_sp_before\n lcall *far_pointer", : : : "memory"));
    check_eq(call16_sp_before - call16_sp, 4);
    check_eq(call16_frame[0], try_end & 0xffff);
    check_eq(call16_frame[1], SEL_CODE32);
}

/* --- Conforming code and call gates from ring 3. [SDM3] "Accessing a Code Segment Through a Call
 * Gate", "Stack Switching". */

volatile u32 inner_cs, inner_ss, inner_sp, inner_stack[6], outer_sp, outer_sp_after;
extern const u8 conforming_target[], gate_target[];
asm(".pushsection .text\n"
    "conforming_target: mov %cs, %eax\n mov %eax, inner_cs\n lret\n"
    "gate_target: push %eax\n push %ds\n mov %ss, %eax\n mov %eax, %ds\n mov %eax, inner_ss\n"
    " mov %cs, %eax\n mov %eax, inner_cs\n"
    " lea 8(%esp), %eax\n mov %eax, inner_sp\n"
    " mov 8(%esp), %eax\n mov %eax, inner_stack\n mov 12(%esp), %eax\n mov %eax, inner_stack+4\n"
    " mov 16(%esp), %eax\n mov %eax, inner_stack+8\n mov 20(%esp), %eax\n mov %eax, "
    "inner_stack+12\n"
    " mov 24(%esp), %eax\n mov %eax, inner_stack+16\n mov 28(%esp), %eax\n mov %eax, "
    "inner_stack+20\n"
    " pop %ds\n pop %eax\n lret $8\n"
    ".popsection");

static void user_far_call(void)
{
    asm volatile("movl $0x1111, %%eax\n push %%eax\n movl $0x2222, %%eax\n push %%eax\n"
                 "mov %%esp, outer_sp\n" TRY_MARK "10: lcall *far_pointer\n11:\n"
                 "mov %%esp, outer_sp_after\n add outer_sp, %%esp\n sub outer_sp_after, %%esp\n"
                 "add $8, %%esp"
                 :
                 :
                 : "eax", "memory");
}

CASE(conforming_user, "conforming code runs with the CPL of its caller")
{
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_DB | SEG_G);
    far_pointer = (FarPointer){(word)conforming_target, SEL};
    expect_done(in_user(user_far_call));
    check_eq(inner_cs, SEL | 3);
}

static void setup_gate(u32 access)
{
    gdt_set(SEL, gate(SEL_CODE32, (word)gate_target, access, 2));
    far_pointer = (FarPointer){0x12345678, SEL | 3}; /* the offset is not used */
}

CASE(call_gate_stack_switch, "a call gate inwards takes SS:ESP from the TSS and copies parameters")
{
    setup_gate(SEG_P | SEG_DPL(3) | SYS_CALL);
    expect_done(in_user(user_far_call));
    check_eq(inner_cs, SEL_CODE32);
    check_eq(inner_ss, SEL_DATA);
    check_eq(inner_sp, KERNEL_STACK_END - 24);
    check_eq(inner_stack[0], try_end);
    check_eq(inner_stack[1] & 0xffff, SEL_USER_CODE32 | 3);
    check_eq(inner_stack[2], 0x2222);
    check_eq(inner_stack[3], 0x1111);
    check_eq(inner_stack[4], outer_sp);
    check_eq(inner_stack[5] & 0xffff, SEL_USER_DATA | 3);
    /* RET 8 releases the parameters of both stacks. */
    check_eq(outer_sp_after, outer_sp + 8);
}

CASE(call_gate_rules, "call gates: DPL >= CPL and RPL, present, to code")
{
    setup_gate(SEG_P | SEG_DPL(2) | SYS_CALL);
    faults(in_user(user_far_call), GP, SEL);
    setup_gate(SEG_DPL(3) | SYS_CALL);
    faults(in_user(user_far_call), NP, SEL);
    gdt_set(SEL, gate(0, (word)gate_target, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    faults(in_user(user_far_call), GP, 0);
    gdt_set(SEL, gate(SEL_DATA, (word)gate_target, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    faults(in_user(user_far_call), GP, SEL_DATA);
    gdt_set(SEL, gate(SEL2, (word)gate_target, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    set(SEL2, 0, 0xfffff, SEG_CODE | SEG_R | SEG_DB | SEG_G);
    faults(in_user(user_far_call), NP, SEL2);
}

USER(user_far_jump, "ljmp *far_pointer", :)
CASE(jump_gate_inwards, "JMP through a call gate does not change privilege: #GP(code selector)")
{
    setup_gate(SEG_P | SEG_DPL(3) | SYS_CALL);
    faults(in_user(user_far_jump), GP, SEL_CODE32);
}

/* The handler of #TS and #SS has to be on a stack that works: it is reached by the fault's own
 * switch, so these two come from ring 3 through gates to conforming code. */
CASE(call_gate_bad_stack, "a bad SS0 in the TSS is #TS(selector), an absent one #SS(selector)")
{
    u16 conforming = SEL_TEST + 16;
    u8 vectors[] = {TS, SS};

    set(conforming, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_DB | SEG_G);
    /* From ring 3 into conforming code nothing switches: the handler runs in ring 3. It ends
     * through TRAP_DONE, whose gate leads to ring 0 once SS0 is whole again: what it finds is
     * enough. */
    extern const u8 ring3_fault[];
    extern volatile u32 ring3_error, ring3_vector;
    for (u32 i = 0; i < 2; i++) {
        idt_set(vectors[i], gate(conforming, (word)ring3_fault + 16 * i, SEG_P | SYS_INT, 0));
    }
    setup_gate(SEG_P | SEG_DPL(3) | SYS_CALL);
    tss.ss0 = 0;
    expect_done(in_user(user_far_call));
    check_eq(ring3_vector << 16 | ring3_error, TS << 16);
    tss.ss0 = SEL_USER_DATA;
    expect_done(in_user(user_far_call));
    check_eq(ring3_vector << 16 | ring3_error, TS << 16 | SEL_USER_DATA);
    tss.ss0 = SEL_CODE32;
    expect_done(in_user(user_far_call));
    check_eq(ring3_vector << 16 | ring3_error, TS << 16 | SEL_CODE32);
    tss.ss0 = SEL2;
    set(SEL2, 0, 0xfffff, SEG_DATA | SEG_W | SEG_DB | SEG_G);
    expect_done(in_user(user_far_call));
    check_eq(ring3_vector << 16 | ring3_error, SS << 16 | SEL2);
}
volatile u32 ring3_error, ring3_vector;
asm(".pushsection .text\n .balign 16\n"
    "ring3_fault: mov $10, %eax\n jmp 1f\n .balign 16\n mov $12, %eax\n"
    "1: mov %eax, ring3_vector\n pop %eax\n mov %eax, ring3_error\n"
    " movw $0x10, tss+8\n int $0xf1\n .popsection");

/* --- RET and IRET outwards and inwards. [SDM2] RET, IRET. */

volatile u32 outer_ds, outer_fs, outer_gs;
static void note_segments(void)
{
    asm volatile("mov %%ds, %%eax\n mov %%eax, %%ecx\n mov $0x23, %%eax\n mov %%eax, %%ds\n"
                 "mov %%ecx, outer_ds\n mov %%fs, %%eax\n mov %%eax, outer_fs\n"
                 "mov %%gs, %%eax\n mov %%eax, outer_gs\n int $0xf1"
                 :
                 :
                 : "eax", "ecx", "memory");
}

#define OUTWARDS(cs, ss, kind)                                      \
    TRY("mov %%esp, %%eax\n push %0\n push %1\n" kind "\n",         \
        :                                                           \
        : "i"(ss), "i"(USER_STACK_END), "i"(cs), "i"(note_segments) \
        : "eax", "memory")
#define LRET_OUT(cs, ss) OUTWARDS(cs, ss, "push %2\n push %3\n lret")
#define IRET_OUT(cs, ss) OUTWARDS(cs, ss, "push $2\n push %2\n push %3\n iret")

static Trap __attribute__((noinline)) lret_to_user(void)
{
    return LRET_OUT(SEL_USER_CODE32 | 3, SEL_USER_DATA | 3);
}

static Trap __attribute__((noinline)) iret_to_user(void)
{
    return IRET_OUT(SEL_USER_CODE32 | 3, SEL_USER_DATA | 3);
}

CASE(outer_return_clears_segments, "RET and IRET outwards null the data segments of inner rings")
{
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING | SEG_G);
    for (u32 i = 0; i < 2; i++) {
        asm volatile("mov %0, %%fs\n mov %1, %%gs" : : "r"(SEL_USER_DATA | 3), "r"(SEL));
        outer_ds = outer_fs = outer_gs = 0xdead;
        expect_done(i ? lret_to_user() : iret_to_user());
        check_eq(outer_ds, 0);
        check_eq(outer_fs, SEL_USER_DATA | 3);
        check_eq(outer_gs, SEL);
    }
}

CASE(outer_return_rules, "RET and IRET outwards: CS and SS fit the new ring")
{
    expect_raised(LRET_OUT(SEL_USER_CODE32 | 3, SEL_DATA), GP, SEL_DATA);
    expect_raised(IRET_OUT(SEL_USER_CODE32 | 3, SEL_DATA), GP, SEL_DATA);
    expect_raised(LRET_OUT(SEL_USER_CODE32 | 3, 0), GP, 0);
    expect_raised(IRET_OUT(SEL_USER_CODE32 | 3, 3), GP, 0);
    expect_raised(LRET_OUT(SEL_CODE32 | 3, SEL_USER_DATA | 3), GP, SEL_CODE32);
    expect_raised(IRET_OUT(SEL_CODE32 | 3, SEL_USER_DATA | 3), GP, SEL_CODE32);
    expect_raised(LRET_OUT(0, SEL_USER_DATA | 3), GP, 0);
    expect_raised(IRET_OUT(SEL_DATA, SEL_USER_DATA | 3), GP, SEL_DATA);
    set(SEL, 0, 0xfffff, SEG_DATA | SEG_W | SEG_DPL(3) | SEG_G);
    expect_raised(IRET_OUT(SEL_USER_CODE32 | 3, SEL_TEST | 3), SS, SEL);
    set(SEL, 0, 0xfffff, SEG_CODE | SEG_DPL(3) | SEG_G);
    expect_raised(LRET_OUT(SEL_TEST | 3, SEL_USER_DATA | 3), NP, SEL);
}

static void user_lret_inwards(void)
{
    asm volatile("push $0x08\n push $0\n" TRY_MARK "10: lret\n11:" : : : "memory");
}

static void user_iret_inwards(void)
{
    asm volatile("push $2\n push $0x08\n push $0\n" TRY_MARK "10: iret\n11:" : : : "memory");
}

CASE(inner_return, "RET and IRET inwards are #GP(CS selector)")
{
    faults(in_user(user_lret_inwards), GP, SEL_CODE32);
    faults(in_user(user_iret_inwards), GP, SEL_CODE32);
}

/* --- LAR, LSL, VERR, VERW, ARPL. */

/* The result, or NONE if ZF came out clear and the destination unchanged. */
#define NONE 0xeeeeeeeeu
#define QUERY(insn, selector)                                                                   \
    ({                                                                                          \
        u32 value_ = NONE;                                                                      \
        u8 z_;                                                                                  \
        asm volatile(insn " %2, %0\n setz %1" : "+r"(value_), "=q"(z_) : "r"(selector) : "cc"); \
        check_eq(z_, value_ != NONE);                                                           \
        value_;                                                                                 \
    })
#define VERIFY(insn, selector)                                                        \
    ({                                                                                \
        u8 z_;                                                                        \
        asm volatile(insn " %w1\n setz %0" : "=q"(z_) : "r"((u32)(selector)) : "cc"); \
        z_;                                                                           \
    })

CASE(lar, "LAR: access rights of types that it knows, else ZF = 0")
{
    /* [SDM2] LAR: bytes 4 to 7 masked with 00FxFF00H; x is undefined. */
    check_eq(QUERY("lar", SEL_DATA) & 0xf0ff00, 0xc09300);
    check_eq(QUERY("lar", SEL_USER_CODE32 | 3) & 0xf0ff00, 0xc0fb00);
    check_eq(QUERY("lar", SEL_TSS) & 0xf0ff00, 0x008b00);
    check_eq(QUERY("lar", 0), NONE);
    check_eq(QUERY("lar", BEYOND_GDT), NONE);
    check_eq(QUERY("lar", SEL_DATA | 3), NONE);
    gdt_set(SEL, gate(SEL_CODE32, 0, SEG_P | SYS_CALL, 0));
    check_eq(QUERY("lar", SEL) & 0xff00, 0x8c00);
    gdt_set(SEL, gate(SEL_CODE32, 0, SEG_P | SYS_INT, 0));
    check_eq(QUERY("lar", SEL), NONE);
    set(SEL, 0, 0xfffff, CODE_RX | SEG_CONFORMING);
    check_eq(QUERY("lar", SEL | 3) & 0xff00, 0x9e00);
    set(SEL, 0, 0, 0x12); /* not present: no matter */
    check_eq(QUERY("lar", SEL) & 0xff00, 0x1200);
}

CASE(lsl, "LSL: the limit in bytes; gates have none")
{
    check_eq(QUERY("lsl", SEL_DATA), 0xffffffff);
    set(SEL, 0, 0x12345, DATA_RW);
    check_eq(QUERY("lsl", SEL), 0x12345);
    set(SEL, 0, 0x12345, DATA_RW | SEG_G);
    check_eq(QUERY("lsl", SEL), 0x12345fff);
    check_eq(QUERY("lsl", SEL_TSS), sizeof(tss) - 1);
    gdt_set(SEL, gate(SEL_CODE32, 0, SEG_P | SYS_CALL, 0));
    check_eq(QUERY("lsl", SEL), NONE);
    check_eq(QUERY("lsl", SEL_DATA | 3), NONE);
}

CASE(verr_verw, "VERR and VERW tell what an access would do")
{
    check_eq(VERIFY("verr", SEL_DATA), 1);
    check_eq(VERIFY("verw", SEL_DATA), 1);
    check_eq(VERIFY("verw", SEL_CODE32), 0);
    check_eq(VERIFY("verr", SEL_CODE32), 1);
    check_eq(VERIFY("verr", SEL_DATA | 3), 0);
    check_eq(VERIFY("verr", SEL_TSS), 0);
    check_eq(VERIFY("verr", 0), 0);
    set(SEL, 0, 0, SEG_P | SEG_CODE);
    check_eq(VERIFY("verr", SEL), 0);
    set(SEL, 0, 0, SEG_P | SEG_DATA);
    check_eq(VERIFY("verr", SEL), 1);
    check_eq(VERIFY("verw", SEL), 0);
    set(SEL, 0, 0, CODE_RX | SEG_CONFORMING);
    check_eq(VERIFY("verr", SEL | 3), 1);
}

CASE(arpl, "ARPL raises the RPL and says so in ZF")
{
    u32 selector = 0x1231;
    u8 z;

    asm volatile("arpl %w2, %w0\n setz %1" : "+r"(selector), "=q"(z) : "r"(3) : "cc");
    check_eq(selector, 0x1233);
    check_eq(z, 1);
    asm volatile("arpl %w2, %w0\n setz %1" : "+r"(selector), "=q"(z) : "r"(2) : "cc");
    check_eq(selector, 0x1233);
    check_eq(z, 0);
}

/* --- Privilege. [SDM3] "Privileged Instructions". */

u8 table_register[8];
USER(user_hlt, "hlt", :)
USER(user_clts, "clts", :)
USER(user_lgdt, "lgdt table_register", :)
USER(user_lidt, "lidt table_register", :)
USER(user_lldt, "lldt %w0", : "r"(0))
USER(user_ltr, "ltr %w0", : "r"(0))
USER(user_lmsw, "lmsw %w0", : "r"(1))
USER(user_from_cr0, "mov %%cr0, %%eax", : : "eax")
USER(user_to_cr0, "mov %0, %%cr0", : "r"(0))
USER(user_from_cr3, "mov %%cr3, %%eax", : : "eax")
USER(user_from_dr7, "mov %%dr7, %%eax", : : "eax")
USER(user_to_dr7, "mov %0, %%dr7", : "r"(0))
USER(user_invd, "invd", :)
USER(user_wbinvd, "wbinvd", :)
USER(user_invlpg, "invlpg table_register", :)
USER(user_rdmsr, "rdmsr", : "c"(MSR_TSC) : "eax", "edx")
USER(user_wrmsr, "wrmsr", : "c"(MSR_TSC), "a"(0), "d"(0))

CASE(privileged_instructions, "privileged instructions in ring 3 are #GP(0)")
{
    static void (*const functions[])(void) = {
        user_hlt,  user_clts,     user_lgdt,   user_lidt,     user_lldt,     user_ltr,
        user_lmsw, user_from_cr0, user_to_cr0, user_from_cr3, user_from_dr7, user_to_dr7,
        user_invd, user_wbinvd,   user_invlpg, user_rdmsr,    user_wrmsr,
    };

    for (u32 i = 0; i < COUNT(functions); i++) {
        faults(in_user_flags(functions[i], FLAG_FIXED | IOPL(3)), GP, 0);
    }
}

USER(user_sgdt, "sgdt area", : : "memory")
USER(user_sldt, "sldt %%eax", : : "eax")
USER(user_str, "str %%eax", : : "eax")
USER(user_smsw, "smsw %%eax", : : "eax")
CASE(umip, "SGDT, SLDT, STR and SMSW are free in ring 3 until CR4.UMIP")
{
    static void (*const functions[])(void) = {user_sgdt, user_sldt, user_str, user_smsw};

    for (u32 i = 0; i < COUNT(functions); i++) {
        expect_done(in_user(functions[i]));
    }
    require(HAS_UMIP);
    write_cr4(read_cr4() | CR4_UMIP);
    for (u32 i = 0; i < COUNT(functions); i++) {
        faults(in_user(functions[i]), GP, 0);
    }
}

USER(user_cli, "cli", :)
USER(user_sti, "sti", :)
USER(user_in, "inb $0x80, %%al", : : "eax")
CASE(iopl, "CLI, STI, IN in ring 3 need IOPL 3")
{
    static void (*const functions[])(void) = {user_cli, user_sti, user_in};

    for (u32 i = 0; i < COUNT(functions); i++) {
        faults(in_user_flags(functions[i], FLAG_FIXED | IOPL(2)), GP, 0);
        expect_done(in_user_flags(functions[i], FLAG_FIXED | IOPL(3)));
    }
}

static volatile u32 user_flags;
static void user_popf(void)
{
    asm volatile("push $0x3ed7\n popf\n pushf\n pop %0" : "=m"(user_flags) : : "cc");
}

CASE(popf_user, "POPF in ring 3 leaves IOPL alone, and IF too below IOPL")
{
    /* [SDM2] POPF. 0x3ED7: TF aside, everything and IOPL 3. */
    expect_done(in_user_flags(user_popf, FLAG_FIXED));
    check_eq(user_flags & (FLAG_IOPL | FLAG_IF), 0);
    check_eq(user_flags & 0xcd7, 0xcd7);
}

USER(user_in_e9, "inb %%dx, %%al", : "d"(0x80) : "eax")
USER(user_inw, "inw %%dx, %%ax", : "d"(0x86) : "eax")
USER(user_inl, "inl %%dx, %%eax", : "d"(0x84) : "eax")
CASE(io_bitmap, "the I/O permission bitmap opens ports one by one")
{
    /* [SDM1] "I/O Permission Bit Map". */
    faults(in_user(user_in_e9), GP, 0);
    tss.io[0x80 / 8] = 0xfe;
    expect_done(in_user(user_in_e9));
    tss.io[0x80 / 8] = 0x3f;
    expect_done(in_user(user_inw));
    faults(in_user(user_inl), GP, 0);
    tss.io[0x80 / 8] = 0x0f;
    expect_done(in_user(user_inl));
    tss.io[0x80 / 8] = 0x7f;
    faults(in_user(user_inw), GP, 0);
}

USER(user_in_ff7, "inb %%dx, %%al", : "d"(0x3ff) : "eax")
CASE(io_bitmap_limit, "two bytes of the bitmap are read, and both have to lie in the TSS")
{
    memset(tss.io, 0, sizeof(tss.io));
    u32 last = offsetof(Tss, io) + 0x3ff / 8;
    set(SEL, (word)&tss, last, SEG_P | SYS_TSS);
    asm volatile("ltr %w0" : : "r"(SEL));
    faults(in_user(user_in_ff7), GP, 0);
    set(SEL, (word)&tss, last + 1, SEG_P | SYS_TSS);
    asm volatile("ltr %w0" : : "r"(SEL));
    expect_done(in_user(user_in_ff7));
    tss.io_base = 0xffff;
    faults(in_user(user_in_ff7), GP, 0);
}

/* --- The IDT. [SDM3] "Error Code": bit 1 IDT, bit 0 EXT. */

enum { VECTOR = 0x40, IDT_ERROR = 2, EXT = 1 };

USER(user_int, "int $0x40", :)
CASE(int_privilege, "INT n from ring 3 through a gate of DPL 0 is #GP(vector * 8 + IDT)")
{
    faults(in_user(user_int), GP, VECTOR * 8 + IDT_ERROR);
    idt_reset(VECTOR, 3);
    Trap t = in_user(user_int);
    traps(t, VECTOR);
    check_eq(t.frame.cs & 0xffff, SEL_USER_CODE32 | 3);
    check_eq(t.frame.ss & 0xffff, SEL_USER_DATA | 3);
    check(t.frame.sp > USER_STACK_END - 256 && t.frame.sp <= USER_STACK_END);
}

CASE(idt_rules, "a bad gate is #GP, an absent one #NP, with the vector in the error code")
{
    idt_set(VECTOR, 0);
    faults(TRY("int $0x40"), GP, VECTOR * 8 + IDT_ERROR);
    idt_set(VECTOR, gate(SEL_CODE32, 0, SEG_P | SYS_CALL, 0));
    faults(TRY("int $0x40"), GP, VECTOR * 8 + IDT_ERROR);
    idt_access(VECTOR, SYS_INT);
    faults(TRY("int $0x40"), NP, VECTOR * 8 + IDT_ERROR);
    idt_set(VECTOR, gate(0, 0, SEG_P | SYS_INT, 0));
    faults(TRY("int $0x40"), GP, 0);
    idt_set(VECTOR, gate(SEL_DATA, 0, SEG_P | SYS_INT, 0));
    faults(TRY("int $0x40"), GP, SEL_DATA);
    idt_set(VECTOR, gate(SEL_USER_CODE32, 0, SEG_P | SYS_INT, 0));
    faults(TRY("int $0x40"), GP, SEL_USER_CODE32);
    load_idt(idt, VECTOR * 8 + 6);
    faults(TRY("int $0x40"), GP, VECTOR * 8 + IDT_ERROR);
}

CASE(idt_rules_ext, "for exceptions EXT is set in the error code")
{
    idt_access(UD, SYS_INT);
    faults(TRY("ud2"), NP, UD * 8 + IDT_ERROR + EXT);
    idt_set(UD, 0);
    faults(TRY("ud2"), GP, UD * 8 + IDT_ERROR + EXT);
    idt_set(UD, gate(0, 0, SEG_P | SYS_INT, 0));
    faults(TRY("ud2"), GP, EXT);
}

CASE(double_fault, "a contributory exception on the way to another is #DF(0)")
{
    /* [SDM3] "Interrupt 8-Double Fault Exception (#DF)". */
    idt_access(GP, SYS_INT);
    expect_raised(TRY_LOAD("fs", BEYOND_GDT), DF, 0);
    idt_reset(GP, 0);
    idt_access(DE, SYS_INT);
    expect_raised(TRY("div %0", : : "r"(0), "a"(0), "d"(0) : "cc"), DF, 0);
}

CASE(gate_kinds, "an interrupt gate clears IF, a trap gate does not; both clear TF and NT")
{
    idt_reset(VECTOR, 0);
    asm volatile("pushf\n orl $0x4000, (%%esp)\n popf" : : : "memory", "cc");
    Trap t = TRY("int $0x40");
    traps(t, VECTOR);
    check_eq(t.frame.flags & FLAG_NT, FLAG_NT);
    check_eq(read_flags() & (FLAG_NT | FLAG_IF | FLAG_TF), 0);
}

extern const u8 int16_target[];

volatile u32 int16_sp, int16_before_sp;
volatile u16 int16_frame[4];
asm(".pushsection .text\n"
    "int16_target: mov %esp, int16_sp\n mov (%esp), %eax\n mov %eax, int16_frame\n"
    " mov 4(%esp), %eax\n mov %eax, int16_frame+4\n int $0xf1\n .popsection");
CASE(int_gate_16, "a 16-bit interrupt gate pushes FLAGS, CS and IP as words")
{
    set(SEL, (word)int16_target & ~0xffff, 0xfffff, CODE_RX | SEG_DB | SEG_G);
    idt_set(VECTOR, gate(SEL, (word)int16_target & 0xffff, SEG_P | SYS_INT16, 0));
    expect_done(TRY("mov %%esp, int16_before_sp\n int $0x40", : : : "memory"));
    check_eq(int16_before_sp - int16_sp, 6);
    check_eq(int16_frame[0], try_end & 0xffff);
    check_eq(int16_frame[1], SEL_CODE32);
    check_eq(int16_frame[2] & FLAG_FIXED, FLAG_FIXED);
}

/* --- Exceptions of instructions. [SDM3] "Exception and Interrupt Reference". */

USER(user_misaligned, "mov 1(%0), %%eax", : "r"(area) : "eax")
USER(user_misaligned_word, "movw 1(%0), %%ax", : "r"(area) : "eax")
USER(user_aligned_word, "movw 2(%0), %%ax", : "r"(area) : "eax")
CASE(alignment_check, "#AC(0): ring 3, CR0.AM and EFLAGS.AC")
{
    expect_done(in_user_flags(user_misaligned, FLAG_FIXED | FLAG_AC));
    write_cr0(read_cr0() | CR0_AM);
    expect_done(in_user(user_misaligned));
    faults(in_user_flags(user_misaligned, FLAG_FIXED | FLAG_AC), AC, 0);
    faults(in_user_flags(user_misaligned_word, FLAG_FIXED | FLAG_AC), AC, 0);
    expect_done(in_user_flags(user_aligned_word, FLAG_FIXED | FLAG_AC));
    write_flags(FLAG_FIXED | FLAG_AC);
    expect_none(TRY("mov 1(%0), %%eax", : : "r"(area) : "eax"));
    write_flags(FLAG_FIXED);
}

CASE(divide_error, "#DE is a fault: by zero, and of a quotient that does not fit")
{
    faults(TRY("divl %0", : : "r"(0), "a"(1), "d"(0) : "cc"), DE, 0);
    faults(TRY("divl %0", : : "r"(1), "a"(0), "d"(1) : "cc"), DE, 0);
    faults(TRY("idivl %0", : : "r"(-1), "a"(0x80000000u), "d"(-1) : "cc"), DE, 0);
    faults(TRY("aam $0", : : "a"(5) : "cc"), DE, 0);
    faults(TRY("divb %b0", : : "c"(1), "a"(0x100) : "cc"), DE, 0);
}

CASE(bound_range, "BOUND outside its bounds is a #BR fault")
{
    static const int bounds[2] = {-3, 7};

    expect_none(TRY("bound %0, (%1)", : : "r"(-3), "r"(bounds)));
    expect_none(TRY("bound %0, (%1)", : : "r"(7), "r"(bounds)));
    faults(TRY("bound %0, (%1)", : : "r"(-4), "r"(bounds)), BR, 0);
    faults(TRY("bound %0, (%1)", : : "r"(8), "r"(bounds)), BR, 0);
}

CASE(overflow_breakpoint, "INTO and INT3 are traps; they respect the DPL of their gate")
{
    expect_none(TRY("xor %%eax, %%eax\n into", : : : "eax", "cc"));
    traps(TRY("mov $0x7fffffff, %%eax\n inc %%eax\n into", : : : "eax", "cc"), OF);
    traps(TRY("int3"), BP);
}

USER(user_int3, "int3", :)
CASE(breakpoint_privilege, "INT3 from ring 3 through a gate of DPL 0 is #GP")
{
    faults(in_user(user_int3), GP, BP * 8 + IDT_ERROR);
    idt_reset(BP, 3);
    traps(in_user(user_int3), BP);
}

CASE(invalid_opcode, "#UD: UD2, LOCK where it is not allowed, register forms of LES, MOV CS")
{
    faults(TRY("ud2"), UD, 0);
    faults(TRY(".byte 0xf0, 0x90"), UD, 0);                   /* LOCK NOP */
    faults(TRY(".byte 0xf0, 0x01, 0xc0"), UD, 0);             /* LOCK ADD EAX, EAX */
    faults(TRY(".byte 0xf0, 0x8b, 0x05, 0, 0, 0, 0"), UD, 0); /* LOCK MOV */
    faults(TRY(".byte 0xc4, 0xc0"), UD, 0);                   /* LES EAX, EAX */
    faults(TRY(".byte 0x8e, 0xc8"), UD, 0);                   /* MOV CS, AX */
    faults(TRY(".byte 0x8c, 0xf0"), UD, 0);                   /* MOV EAX, segment 6 */
    faults(TRY(".byte 0x0f, 0x20, 0xc8"), UD, 0);             /* MOV EAX, CR1 */
}

CASE(instruction_length, "an instruction of more than 15 bytes is #GP(0)")
{
    expect_none(TRY(".fill 14, 1, 0x66\n nop"));
    faults(TRY(".fill 15, 1, 0x66\n nop"), GP, 0);
}

CASE(device_not_available, "#NM: x87 with EM or TS, WAIT with MP and TS")
{
    word cr0 = read_cr0() & ~(CR0_EM | CR0_TS | CR0_MP);

    write_cr0(cr0 | CR0_TS);
    faults(TRY("fnop"), NM, 0);
    expect_none(TRY("fwait"));
    write_cr0(cr0 | CR0_TS | CR0_MP);
    faults(TRY("fwait"), NM, 0);
    asm volatile("clts");
    expect_none(TRY("fnop; fwait"));
    write_cr0(cr0 | CR0_EM);
    faults(TRY("fnop"), NM, 0);
    expect_none(TRY("fwait"));
}

CASE(control_register_rules, "CR0.NW without CD and reserved bits of CR4 are #GP(0)")
{
    word cr0 = read_cr0();

    faults(TRY("mov %0, %%cr0", : : "r"((cr0 & ~CR0_CD) | CR0_NW)), GP, 0);
    faults(TRY("mov %0, %%cr4", : : "r"(0x80000000u)), GP, 0);
    check_eq(read_cr0(), cr0);
}
