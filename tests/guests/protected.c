/* protected.c - segments and privilege: every check of loads, accesses and transfers, with its
 * error code. [SDM3] "Protection". */
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

#define BYTES(...) ".byte " #__VA_ARGS__

enum { T = SEL_TEST, FLAT = SEG_DB | SEG_G };
#define SEG(access) descriptor(0, 0xfffff, (access) | FLAT)

/* Loads of data segment registers. [SDM2] MOV, "Protected Mode Exceptions". */

/* C cannot live with every DS: it gets the flat one again. */
#define LOAD_DS(selector) TRY("mov %0, %%ds\n mov %1, %%ds", : : "r"(selector), "r"(SEL_DATA))
#define LOAD_SS(selector) TRY("mov %0, %%ss", : : "r"(selector))

CASE(load_null, "DS, ES, FS and GS take every null selector")
{
    expect_none(TRY("mov %0, %%ds\n mov %1, %%ds", : : "r"(0), "r"(SEL_DATA)));
    expect_none(TRY("mov %0, %%fs\n mov %0, %%gs", : : "r"(3)));
}

CASE(use_null, "an access through a null selector is #GP(0)")
{
    asm volatile("mov %0, %%fs" : : "r"(0));
    expect_fault(TRY("movb %%fs:(%0), %%al", : : "r"(0x1000) : "eax"), GP, 0);
}

CASE(load_beyond_gdt, "a selector beyond the GDT's limit is #GP(selector)")
{
    expect_fault(LOAD_DS(sizeof(gdt)), GP, sizeof(gdt));
    load_gdt(gdt, T + 6); /* one byte of the descriptor is missing */
    gdt_set(T, SEG(DATA_RW));
    expect_fault(LOAD_DS(T), GP, T);
    load_gdt(gdt, T + 7);
    expect_none(LOAD_DS(T));
}

CASE(load_code_unreadable, "DS takes readable code, not execute-only code")
{
    gdt_set(T, SEG(CODE_RX));
    expect_none(LOAD_DS(T));
    gdt_set(T, SEG(SEG_P | SEG_CODE));
    expect_fault(LOAD_DS(T), GP, T);
}

CASE(load_system, "DS takes no system descriptor")
{
    for (u32 type = 0; type < 16; type++) {
        gdt_set(T, SEG(SEG_P | type));
        expect_fault(LOAD_DS(T), GP, T);
    }
}

CASE(load_privilege, "DS wants a DPL of at least RPL and CPL")
{
    gdt_set(T, SEG(DATA_RW | SEG_DPL(1)));
    expect_none(LOAD_DS(T + 1));
    expect_fault(LOAD_DS(T + 2), GP, T);
    expect_fault(LOAD_DS(T + 3), GP, T);
    gdt_set(T, SEG(CODE_RX)); /* code that is not conforming: as data */
    expect_fault(LOAD_DS(T + 1), GP, T);
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING)); /* conforming: no check */
    expect_none(LOAD_DS(T + 3));
}

CASE(load_not_present, "DS with a segment not present is #NP(selector)")
{
    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    expect_fault(LOAD_DS(T), NP, T);
    expect_fault(LOAD_DS(T + 3), GP, T); /* privilege comes first */
}

CASE(load_sets_accessed, "a load sets the descriptor's A bit")
{
    gdt_set(T, SEG(DATA_RW));
    expect_none(LOAD_DS(T));
    check_eq(gdt[T >> 3], SEG(DATA_RW | SEG_A));
}

CASE(fault_leaves_accessed, "a load that faults leaves the A bit and the register")
{
    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    Trap t = LOAD_DS(T);
    check_eq(gdt[T >> 3], SEG(DATA_RW & ~SEG_P));
    check_eq(t.frame.ds & 0xffff, SEL_DATA);
}

CASE(ss_null, "SS with a null selector is #GP(0)")
{
    expect_fault(LOAD_SS(0), GP, 0);
    expect_fault(LOAD_SS(3), GP, 0);
}

CASE(ss_type, "SS wants writable data")
{
    static const u8 types[] = {SEG_DATA, SEG_DATA | SEG_DOWN, SEG_CODE, SEG_CODE | SEG_R, SYS_LDT};

    for (u32 i = 0; i < COUNT(types); i++) {
        gdt_set(T, SEG(SEG_P | types[i]));
        expect_fault(LOAD_SS(T), GP, T);
    }
}

CASE(ss_privilege, "SS wants RPL and DPL to be CPL")
{
    gdt_set(T, SEG(DATA_RW));
    expect_fault(LOAD_SS(T + 1), GP, T);
    gdt_set(T, SEG(DATA_RW | SEG_DPL(1)));
    expect_fault(LOAD_SS(T), GP, T);
    expect_fault(LOAD_SS(T + 1), GP, T);
}

CASE(ss_not_present, "SS with a segment not present is #SS(selector)")
{
    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    expect_fault(LOAD_SS(T), SS, T);
}

CASE(pop_segment_faults, "POP DS that faults leaves ESP")
{
    static volatile word before;
    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    Trap t = TRY("push %0\n mov %%esp, %1\n pop %%ds", : : "r"(T), "m"(before));
    check_eq(t.vector, NP);
    check_eq(t.error, T);
    check_eq(t.sp, before);
}

CASE(far_pointer_loads,
     "LDS, LES, LFS, LGS and LSS check as MOV does and leave the register on a fault")
{
    struct {
        u32 offset;
        u16 selector;
    } __attribute__((packed)) pointer = {0x12345678, T};

    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    Trap t = TRY("mov $7, %%eax\n lfs %0, %%eax", : : "m"(pointer) : "eax");
    check_eq(t.vector, NP);
    check_eq(t.error, T);
    check_eq(t.frame.ax, 7);
    expect_raised(TRY("lss %0, %%eax", : : "m"(pointer) : "eax"), SS, T);
    expect_raised(TRY("les %0, %%eax", : : "m"(pointer) : "eax"), NP, T);
}

/* The LDT. [SDM2] LLDT, LTR. */

CASE(ldt_selector, "a selector with TI is looked up in the LDT")
{
    asm volatile("lldt %w0" : : "r"(SEL_LDT));
    ldt_set(8, SEG(DATA_RW));
    expect_none(LOAD_DS(8 + 4));
    expect_fault(LOAD_DS(16 + 4), GP, 16 + 4); /* nothing there */
    expect_fault(LOAD_DS(sizeof(ldt) + 4), GP, sizeof(ldt) + 4);
}

CASE(ldt_none, "with no LDT such a selector is #GP(selector)")
{
    expect_fault(LOAD_DS(8 + 4), GP, 8 + 4);
}

CASE(lldt_checks, "LLDT wants an LDT, present, in the GDT")
{
    expect_fault(TRY("lldt %w0", : : "r"(SEL_DATA)), GP, SEL_DATA);
    expect_fault(TRY("lldt %w0", : : "r"(SEL_LDT + 4)), GP, SEL_LDT + 4);
    gdt_set(T, descriptor((word)ldt, 255, SYS_LDT));
    expect_fault(TRY("lldt %w0", : : "r"(T)), NP, T);
    expect_fault(TRY("lldt %w0", : : "r"(0x7ff8)), GP, 0x7ff8);
    expect_none(TRY("lldt %w0", : : "r"(3)));
}

CASE(ltr_checks, "LTR wants a TSS, available and present, in the GDT")
{
    expect_fault(TRY("ltr %w0", : : "r"(0)), GP, 0);
    expect_fault(TRY("ltr %w0", : : "r"(SEL_TSS)), GP, SEL_TSS); /* busy */
    expect_fault(TRY("ltr %w0", : : "r"(SEL_DATA)), GP, SEL_DATA);
    gdt_set(T, descriptor((word)&tss, 0x67, SYS_TSS));
    expect_fault(TRY("ltr %w0", : : "r"(T)), NP, T);
}

CASE(ltr_sets_busy, "LTR marks the TSS busy, STR and SLDT answer")
{
    u32 tr, ldtr;

    gdt_set(T, descriptor((word)&tss, sizeof(tss) - 1, SEG_P | SYS_TSS));
    asm volatile("ltr %w0" : : "r"(T));
    check_eq(gdt[T >> 3], descriptor((word)&tss, sizeof(tss) - 1, SEG_P | SYS_TSS_BUSY));
    asm volatile("str %0\n sldt %1" : "=r"(tr), "=r"(ldtr));
    check_eq(tr, T);
    check_eq(ldtr, 0);
}

/* Accesses. [SDM3] "Limit Checking", "Type Checking". */

static void use_fs(u64 value)
{
    gdt_set(T, value);
    asm volatile("mov %0, %%fs" : : "r"(T));
}
/* An access at an offset of FS, the segment given afresh for each. */
#define AT(value, insn, offset)                       \
    ({                                                \
        use_fs(value);                                \
        TRY(insn, : : "r"(offset) : "eax", "memory"); \
    })
#define READ8(value, offset)  AT(value, "movb %%fs:(%0), %%al", offset)
#define READ16(value, offset) AT(value, "movw %%fs:(%0), %%ax", offset)
#define READ32(value, offset) AT(value, "movl %%fs:(%0), %%eax", offset)
#define WRITE8(value, offset) AT(value, "movb %%al, %%fs:(%0)", offset)

static u8 area[0x3000] __attribute__((aligned(4096)));

CASE(limit_byte, "the last byte within the limit can be read, the next is #GP(0)")
{
    u64 d = descriptor((word)area, 0xff, DATA_RW | SEG_DB);

    expect_none(READ8(d, 0xff));
    expect_fault(READ8(d, 0x100), GP, 0);
}

CASE(limit_sizes, "every byte of an access must be within the limit")
{
    u64 d = descriptor((word)area, 0xff, DATA_RW | SEG_DB);

    expect_none(READ16(d, 0xfe));
    expect_fault(READ16(d, 0xff), GP, 0);
    expect_none(READ32(d, 0xfc));
    expect_fault(READ32(d, 0xfd), GP, 0);
    expect_fault(READ32(d, 0xffffffff), GP, 0);
}

CASE(limit_pages, "with G the limit counts pages, their last byte included")
{
    u64 d = descriptor((word)area, 1, DATA_RW | SEG_DB | SEG_G);

    expect_none(READ8(d, 0x1fff));
    expect_fault(READ8(d, 0x2000), GP, 0);
    d = descriptor((word)area, 0, DATA_RW | SEG_DB | SEG_G);
    expect_none(READ8(d, 0xfff));
    expect_fault(READ8(d, 0x1000), GP, 0);
}

CASE(expand_down, "an expand-down segment begins above its limit")
{
    u64 d = descriptor((word)area, 0xff, DATA_RW | SEG_DOWN | SEG_DB);

    expect_fault(READ8(d, 0xff), GP, 0);
    expect_fault(READ8(d, 0), GP, 0);
    expect_none(READ8(d, 0x100));
    expect_none(READ8(d, 0x10000));
}

CASE(expand_down_16bit, "with B clear it ends at FFFFh")
{
    u64 d = descriptor((word)area, 0xff, DATA_RW | SEG_DOWN);

    expect_fault(READ8(d, 0xff), GP, 0);
    expect_none(READ8(d, 0xffff));
    expect_fault(READ8(d, 0x10000), GP, 0);
    expect_fault(READ16(d, 0xffff), GP, 0);
}

CASE(type_write, "writes to read-only data and to code are #GP(0)")
{
    expect_fault(WRITE8(SEG(SEG_P | SEG_DATA), area), GP, 0);
    expect_none(READ8(SEG(SEG_P | SEG_DATA), area));
    expect_fault(WRITE8(SEG(CODE_RX), area), GP, 0);
    expect_none(READ8(SEG(CODE_RX), area));
}

CASE(type_cs, "CS: writes are #GP(0), and reads when it is execute-only")
{
    expect_fault(TRY("movb %%al, %%cs:(%0)", : : "r"(area)), GP, 0);
    gdt_set(T, SEG(SEG_P | SEG_CODE));
    Trap t = CATCH(asm volatile("ljmp %0, $1f\n 1: movb %%cs:(%1), %%al"
                                :
                                : "i"(T), "r"(area)
                                : "eax"));
    expect_raised(t, GP, 0);
}

CASE(stack_limit, "limit violations through SS are #SS(0)")
{
    gdt_set(T, descriptor((word)area, 0xff, DATA_RW | SEG_DB));
    /* The fault is taken in ring 3, so that the handler gets a good stack. */
    gdt_set(T + 8, descriptor((word)area, 0xff, DATA_RW | SEG_DB | SEG_DPL(3)));
    Trap t = CATCH(asm volatile("push %0\n push $0x104\n push $2\n push %1\n push $1f\n iret\n"
                                "1: mov %%ss:0x100, %%eax\n"
                                :
                                : "r"(T + 8 + 3), "r"(SEL_USER_CODE32 + 3)));
    expect_raised(t, SS, 0);
    t = CATCH(asm volatile("push %0\n push $0x2\n push $2\n push %1\n push $1f\n iret\n"
                           "1: push %%eax\n"
                           :
                           : "r"(T + 8 + 3), "r"(SEL_USER_CODE32 + 3)));
    expect_raised(t, SS, 0);
    check_eq(t.frame.sp, 2);
    t = CATCH(asm volatile("push %0\n push $0x104\n push $2\n push %1\n push $1f\n iret\n"
                           "1: mov 0x10(%%ebp), %%eax\n"
                           :
                           : "r"(T + 8 + 3), "r"(SEL_USER_CODE32 + 3)));
    check(t.vector == SS || t.vector == GP);
}

CASE(stack_16bit, "with B clear the stack pointer is SP")
{
    static volatile u32 before, after;

    gdt_set(T, descriptor((word)area, 0xffff, DATA_RW));
    asm volatile("mov %%esp, %0\n mov %2, %%ss\n mov $0xabcd0100, %%esp\n push $0x11223344\n"
                 "mov %%esp, %1\n mov %3, %%ss\n mov %0, %%esp"
                 : "=m"(before), "=m"(after)
                 : "r"(T), "r"(SEL_DATA)
                 : "memory");
    check_eq(after, 0xabcd00fc);
    check_eq(*(u32 *)(area + 0xfc), 0x11223344);
}

CASE(code_limit, "running past the limit of CS is #GP(0)")
{
    static const u8 nops[] = {0x90, 0x90, 0x90, 0x90};

    memcpy(area + 0xf8, nops, 4);
    memcpy(area + 0xfc, nops, 4);
    gdt_set(T, descriptor((word)area, 0xff, CODE_RX | SEG_DB));
    Trap t = CATCH(asm volatile("ljmp %0, $0xf8" : : "i"(T)));
    expect_raised(t, GP, 0);
    check_eq(t.ip, 0x100);
    check_eq(t.frame.cs & 0xffff, T);
}

CASE(code_limit_inside, "an instruction that crosses the limit of CS is #GP(0)")
{
    static const u8 mov[] = {0xb8, 1, 2, 3, 4};

    memcpy(area + 0xfc, mov, 5);
    gdt_set(T, descriptor((word)area, 0xff, CODE_RX | SEG_DB));
    Trap t = CATCH(asm volatile("ljmp %0, $0xfc" : : "i"(T)));
    expect_raised(t, GP, 0);
    check_eq(t.ip, 0xfc);
}

CASE(code_branch_limit, "a near branch beyond the limit is #GP(0) at the branch")
{
    static const u8 jmp[] = {0xe9, 0xfb, 0x00, 0x10, 0x00};

    memcpy(area, jmp, 5);
    gdt_set(T, descriptor((word)area, 0xff, CODE_RX | SEG_DB));
    Trap t = CATCH(asm volatile("ljmp %0, $0" : : "i"(T)));
    expect_raised(t, GP, 0);
    check_eq(t.ip, 0);
}

/* Far transfers without a gate. [SDM3] "Direct Calls or Jumps to Code Segments". */

static struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) target;

#define JMP_FAR(sel)                                     \
    ({                                                   \
        target.selector = (sel);                         \
        TRY("movl $11f, %0\n ljmp *%0", : "+m"(target)); \
    })
#define CALL_FAR(sel)                                     \
    ({                                                    \
        target.selector = (sel);                          \
        TRY("movl $11f, %0\n lcall *%0", : "+m"(target)); \
    })

CASE(far_null, "a far jump to a null selector is #GP(0)")
{
    expect_raised(JMP_FAR(0), GP, 0);
    expect_raised(JMP_FAR(3), GP, 0);
    expect_raised(CALL_FAR(1), GP, 0);
}

CASE(far_data, "a far jump to a data segment is #GP(selector)")
{
    expect_raised(JMP_FAR(SEL_DATA), GP, SEL_DATA);
    expect_raised(CALL_FAR(SEL_DATA), GP, SEL_DATA);
}

CASE(far_beyond, "a far jump beyond the GDT is #GP(selector)")
{
    expect_raised(JMP_FAR(0x4000), GP, 0x4000);
}

CASE(far_system_types, "a far jump to a system segment that is no gate and no TSS is #GP(selector)")
{
    static const u8 types[] = {0, SYS_LDT, SYS_INT16, SYS_TRAP16, 8, 10, 13, SYS_INT, SYS_TRAP};

    for (u32 i = 0; i < COUNT(types); i++) {
        gdt_set(T, gate(SEL_CODE32, 0, SEG_P | types[i], 0));
        expect_raised(JMP_FAR(T), GP, T);
    }
}

CASE(far_nonconforming, "code that is not conforming wants DPL = CPL and RPL <= CPL")
{
    gdt_set(T, SEG(CODE_RX | SEG_DPL(1)));
    expect_raised(JMP_FAR(T), GP, T);
    gdt_set(T, SEG(CODE_RX));
    expect_raised(JMP_FAR(T + 1), GP, T);
}

CASE(far_conforming, "conforming code wants DPL <= CPL; RPL does not matter")
{
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING | SEG_DPL(1)));
    expect_raised(JMP_FAR(T), GP, T);
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING));
    Trap t = CATCH(target.selector = T + 3;
                   asm volatile("movl $1f, %0\n ljmp *%0\n 1: mov %%cs, %%eax\n int $0xf1"
                                : "+m"(target)
                                :
                                : "eax"));
    expect_done(t);
    check_eq(t.frame.ax & 0xffff, T); /* RPL becomes CPL */
}

CASE(far_not_present, "a far jump to code not present is #NP(selector)")
{
    gdt_set(T, SEG(CODE_RX & ~SEG_P));
    expect_raised(JMP_FAR(T), NP, T);
    expect_raised(CALL_FAR(T), NP, T);
}

CASE(far_offset_limit, "a far jump beyond the new segment's limit is #GP(0)")
{
    gdt_set(T, descriptor(0, 0xff, CODE_RX | SEG_DB));
    expect_raised(JMP_FAR(T), GP, 0);
}

CASE(far_call_pushes, "CALL far pushes CS and EIP, RET far n takes them and n bytes more")
{
    static volatile u32 depth, cs;

    asm volatile("mov %%esp, %%ecx\n push $1\n push $2\n lcall %2, $1f\n jmp 2f\n"
                 "1: mov 4(%%esp), %%eax\n mov %%eax, %1\n lret $8\n"
                 "2: sub %%esp, %%ecx\n mov %%ecx, %0"
                 : "=m"(depth), "=m"(cs)
                 : "i"(SEL_CODE32)
                 : "eax", "ecx", "memory");
    check_eq(depth, 0);
    check_eq(cs & 0xffff, SEL_CODE32);
}

/* Call gates. [SDM3] "Call Gates". */

extern const char gate_target[], gate_target_user[];
asm(".text\n gate_target: int $0xf1\n");

#define CALL_GATE(sel) TRY("lcall %0, $0", : : "i"(sel))

CASE(gate_same_ring, "a call gate to the same ring")
{
    gdt_set(T, gate(SEL_CODE32, (word)gate_target, SEG_P | SYS_CALL, 0));
    Trap t = CALL_GATE(T);
    expect_done(t);
    check_eq(t.ip, (word)gate_target + 2);
    expect_done(TRY("ljmp %0, $0", : : "i"(T)));
}

CASE(gate_not_present_call, "a call gate not present is #NP(gate)")
{
    gdt_set(T, gate(SEL_CODE32, (word)gate_target, SYS_CALL, 0));
    expect_fault(CALL_GATE(T), NP, T);
}

CASE(gate_null_target, "a call gate to a null selector is #GP(0)")
{
    gdt_set(T, gate(0, (word)gate_target, SEG_P | SYS_CALL, 0));
    expect_fault(CALL_GATE(T), GP, 0);
}

CASE(gate_data_target, "a call gate to data is #GP(target)")
{
    gdt_set(T, gate(SEL_DATA, (word)gate_target, SEG_P | SYS_CALL, 0));
    expect_fault(CALL_GATE(T), GP, SEL_DATA);
}

CASE(gate_outer_target, "a call gate to an outer ring is #GP(target)")
{
    gdt_set(T, gate(SEL_USER_CODE32, (word)gate_target, SEG_P | SYS_CALL, 0));
    expect_fault(CALL_GATE(T), GP, SEL_USER_CODE32);
}

CASE(gate_target_not_present, "a call gate to code not present is #NP(target)")
{
    gdt_set(T + 8, SEG(CODE_RX & ~SEG_P));
    gdt_set(T, gate(T + 8, (word)gate_target, SEG_P | SYS_CALL, 0));
    expect_fault(CALL_GATE(T), NP, T + 8);
}

static void user_call_gate(void)
{
    asm volatile(TRY_MARK "push $0x11\n push $0x22\n push $0x33\n"
                          "10: lcall %0, $0\n 11:"
                 :
                 : "i"(T + 3));
}

CASE(gate_privilege, "a call gate wants a DPL of at least CPL and RPL")
{
    gdt_set(T, gate(SEL_CODE32, (word)gate_target, SEG_P | SYS_CALL, 0));
    expect_fault(TRY("lcall %0, $0", : : "i"(T + 1)), GP, T);
    expect_fault(CATCH_USER(user_call_gate), GP, T);
}

/* What the kernel's stack holds after a call through a gate; noted by asm below. */
static volatile u32 pushed[8], pushed_esp;
extern const char note_stack[];
asm(".text\n note_stack:\n mov %esp, pushed_esp\n"
    "mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n cld\n mov %esp, %esi\n mov $pushed, %edi\n"
    "mov $8, %ecx\n rep movsl\n int $0xf1\n");

CASE(gate_inner_ring, "a call gate to an inner ring: new stack, SS, ESP, parameters, CS, EIP")
{
    gdt_set(T, gate(SEL_CODE32, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_CALL, 2));
    Trap t = CATCH_USER(user_call_gate);
    expect_done(t);
    check_eq(KERNEL_STACK_END - pushed_esp, 24);
    check_eq(pushed[0], try_end);
    check_eq(pushed[1] & 0xffff, SEL_USER_CODE32 + 3);
    check_eq(pushed[2], 0x33);
    check_eq(pushed[3], 0x22);
    check_eq(pushed[4],
             USER_STACK_END - 16); /* the return address of user_main, and three pushes */
    check_eq(pushed[5] & 0xffff, SEL_USER_DATA + 3);
    check_eq(t.frame.cs & 0xffff, SEL_CODE32);
}

CASE(gate_16bit_inner_ring, "a 16-bit call gate pushes words")
{
    /* A 16-bit gate's target lies below 64 KiB: a jump there leads to note_stack. */
    static const u8 jump_far[] = {0xb8, 0, 0, 0, 0, 0xff, 0xe0};

    memcpy((void *)0x7000, jump_far, sizeof(jump_far));
    *(u32 *)0x7001 = (word)note_stack;
    gdt_set(T, gate(SEL_CODE32, 0x7000, SEG_P | SEG_DPL(3) | SYS_CALL16, 1));
    expect_done(CATCH_USER(user_call_gate));
    check_eq(KERNEL_STACK_END - pushed_esp, 10);
    check_eq(pushed[0] & 0xffff, try_end & 0xffff);
    check_eq(pushed[0] >> 16, SEL_USER_CODE32 + 3);
    check_eq(pushed[1] & 0xffff, 0x33);
    check_eq(pushed[1] >> 16, (USER_STACK_END - 16) & 0xffff);
    check_eq(pushed[2] & 0xffff, SEL_USER_DATA + 3);
}

CASE(gate_conforming_target, "a call gate to conforming code keeps the ring and the stack")
{
    gdt_set(T + 8, SEG(CODE_RX | SEG_CONFORMING));
    gdt_set(T, gate(T + 8, (word)gate_target, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    Trap t = CATCH_USER(user_call_gate);
    expect_done(t);
    check_eq(t.frame.cs & 0xffff, T + 8 + 3);
}

static void user_jmp_gate(void)
{
    asm volatile(TRY_MARK "10: ljmp %0, $0\n 11:" : : "i"(T + 3));
}

CASE(gate_jmp_inner_ring, "JMP through a gate to an inner ring is #GP(target)")
{
    gdt_set(T, gate(SEL_CODE32, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    expect_fault(CATCH_USER(user_jmp_gate), GP, SEL_CODE32);
}

/* The stack of an inner ring. [SDM2] CALL: #TS. */

CASE(gate_bad_stack, "a bad stack in the TSS is #TS(selector), one not present #SS(selector)")
{
    gdt_set(T, gate(SEL_TEST + 0x20, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    gdt_set(SEL_TEST + 0x20,
            SEG(CODE_RX | SEG_DPL(1))); /* to ring 1, so that ring 0's stack is good */
    tss.esp1 = KERNEL_STACK_END - 4096;
    tss.ss1 = 0;
    expect_fault(CATCH_USER(user_call_gate), TS, 0);
    tss.ss1 = SEL_DATA + 1; /* DPL 0 */
    expect_fault(CATCH_USER(user_call_gate), TS, SEL_DATA);
    gdt_set(T + 8, SEG(DATA_RW | SEG_DPL(1)));
    tss.ss1 = T + 8; /* RPL 0 */
    expect_fault(CATCH_USER(user_call_gate), TS, T + 8);
    gdt_set(T + 8, SEG(SEG_P | SEG_DATA | SEG_DPL(1)));
    tss.ss1 = T + 8 + 1; /* read-only */
    expect_fault(CATCH_USER(user_call_gate), TS, T + 8);
    tss.ss1 = 0x1000 + 1; /* beyond the GDT */
    expect_fault(CATCH_USER(user_call_gate), TS, 0x1000);
    gdt_set(T + 8, SEG((DATA_RW | SEG_DPL(1)) & ~SEG_P));
    tss.ss1 = T + 8 + 1;
    expect_fault(CATCH_USER(user_call_gate), SS, T + 8);
}

CASE(gate_tss_limit, "a TSS too short for the inner stack is #TS(TSS)")
{
    gdt_set(T, gate(SEL_TEST + 0x20, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    gdt_set(SEL_TEST + 0x20, SEG(CODE_RX | SEG_DPL(1)));
    gdt_set(T + 8,
            descriptor((word)&tss, 0x0b, SEG_P | SYS_TSS)); /* ring 0's stack fits, not ring 1's */
    asm volatile("ltr %w0" : : "r"(T + 8));
    expect_fault(CATCH_USER(user_call_gate), TS, T + 8);
}

CASE(gate_stack_room, "an inner stack without room is #SS(selector)")
{
    gdt_set(T, gate(SEL_TEST + 0x20, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_CALL, 0));
    gdt_set(SEL_TEST + 0x20, SEG(CODE_RX | SEG_DPL(1)));
    gdt_set(T + 8, descriptor((word)area, 0xff, DATA_RW | SEG_DB | SEG_DPL(1)));
    tss.esp1 = 8; /* 16 bytes are wanted */
    tss.ss1 = T + 8 + 1;
    expect_fault(CATCH_USER(user_call_gate), SS, T + 8);
}

/* RET far and IRET to outer rings. [SDM2] RET, IRET. */

CASE(ret_outer, "RET far to an outer ring takes SS:ESP and nulls segments it may not have")
{
    Trap t = CATCH(asm volatile(
        "mov %0, %%fs\n mov %1, %%gs\n push %1\n push %2\n push $0x99\n"
        "push %3\n push $1f\n lret $4\n"
        "1: mov %%fs, %%eax\n mov %%gs, %%ebx\n mov %%esp, %%ecx\n int $0xf1"
        :
        : "r"(SEL_DATA), "r"(SEL_USER_DATA + 3), "i"(user_stack + 0x1000), "i"(SEL_USER_CODE32 + 3)
        : "ebx"));
    expect_done(t);
    check_eq(t.frame.ax & 0xffff, 0);
    check_eq(t.frame.bx & 0xffff, SEL_USER_DATA + 3);
    check_eq(t.frame.cx, (word)user_stack + 0x1004); /* the outer stack loses the 4 bytes too */
    check_eq(t.frame.cs & 0xffff, SEL_USER_CODE32 + 3);
}

#define RET_TO(cs) TRY("push %0\n push $11f\n 12: lret", : : "r"(cs))

CASE(ret_checks, "RET far checks the return segment")
{
    expect_raised(RET_TO(0), GP, 0);
    expect_raised(RET_TO(SEL_DATA), GP, SEL_DATA);
    expect_raised(RET_TO(0x3000), GP, 0x3000);
    gdt_set(T, SEG(CODE_RX & ~SEG_P));
    expect_raised(RET_TO(T), NP, T);
    gdt_set(T, SEG(CODE_RX | SEG_DPL(1)));
    expect_raised(RET_TO(T), GP, T); /* RPL 0, DPL 1 */
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING | SEG_DPL(1)));
    expect_raised(RET_TO(T), GP, T); /* conforming: DPL above RPL */
}

static void user_ret_inner(void)
{
    asm volatile(TRY_MARK "push %0\n push $11f\n 10: lret\n 11:" : : "i"(SEL_CODE32));
}

static void user_iret_inner(void)
{
    asm volatile(TRY_MARK "push $2\n push %0\n push $11f\n 10: iret\n 11:" : : "i"(SEL_CODE32));
}

CASE(ret_inner, "RET and IRET to an inner ring are #GP(selector)")
{
    expect_fault(CATCH_USER(user_ret_inner), GP, SEL_CODE32);
    expect_fault(CATCH_USER(user_iret_inner), GP, SEL_CODE32);
}

#define IRET_TO(ss, cs)                                                                 \
    TRY("push %0\n push $user_stack + 4096\n push $2\n push %1\n push $11f\n 12: iret", \
        :                                                                               \
        : "r"(ss), "r"(cs))

CASE(iret_outer_stack, "IRET to an outer ring checks the stack segment")
{
    expect_raised(IRET_TO(0, SEL_USER_CODE32 + 3), GP, 0);
    expect_raised(IRET_TO(SEL_USER_DATA, SEL_USER_CODE32 + 3), GP, SEL_USER_DATA);
    expect_raised(IRET_TO(SEL_DATA + 3, SEL_USER_CODE32 + 3), GP, SEL_DATA);
    gdt_set(T, SEG(SEG_P | SEG_DATA | SEG_DPL(3)));
    expect_raised(IRET_TO(T + 3, SEL_USER_CODE32 + 3), GP, T);
}

/* So says the instruction's Operation; its list of exceptions names #NP. */
CASE(iret_outer_stack_not_present, "IRET to a stack segment not present is #SS(selector)")
{
    gdt_set(T, SEG((DATA_RW | SEG_DPL(3)) & ~SEG_P));
    expect_raised(IRET_TO(T + 3, SEL_USER_CODE32 + 3), SS, T);
}

CASE(iret_outer, "IRET to an outer ring")
{
    Trap t = CATCH(
        asm volatile("push %0\n push %1\n push $0x203\n push %2\n push $1f\n iret\n"
                     "1: int $0xf1"
                     :
                     : "i"(SEL_USER_DATA + 3), "i"(user_stack + 0x1000), "i"(SEL_USER_CODE32 + 3)));
    expect_done(t);
    check_eq(t.frame.flags & 0x3ff, 0x203);
    check_eq(t.frame.sp, (word)user_stack + 0x1000);
    check_eq(t.frame.ss & 0xffff, SEL_USER_DATA + 3);
}

static void user_iret_flags(void)
{
    asm volatile("push $0x3202\n push %%cs\n push $1f\n iret\n 1: pushf\n pop %%eax\n int $0xf1"
                 :
                 :
                 : "eax");
}

CASE(iret_flags_privilege, "IRET in ring 3 changes neither IOPL nor IF")
{
    Trap t = CATCH_USER(user_iret_flags);
    expect_done(t);
    check_eq(t.frame.flags & (FLAG_IOPL | FLAG_IF), 0);
}

static void user_popf(void)
{
    write_flags(IOPL(3) | FLAG_IF | FLAG_CF | 2);
    asm volatile("int $0xf1");
}

CASE(popf_privilege, "POPF in ring 3 changes neither IOPL nor, above IOPL, IF")
{ /* [SDM2] POPF */
    Trap t = CATCH_USER(user_popf);
    check_eq(t.frame.flags & (FLAG_IOPL | FLAG_IF | FLAG_CF), FLAG_CF);
    t = CATCH_USER_FLAGS(user_popf, IOPL(3) | 2);
    check_eq(t.frame.flags & (FLAG_IOPL | FLAG_IF | FLAG_CF), IOPL(3) | FLAG_IF | FLAG_CF);
}

/* Interrupts to inner rings. [SDM2] INT n. */

static void user_int30(void)
{
    asm volatile(TRY_MARK "10: int $0x30\n 11:");
}

CASE(int_privilege, "INT n wants a gate with a DPL of at least CPL")
{
    expect_fault(CATCH_USER(user_int30), GP, 0x30 * 8 + 2);
    idt_reset(0x30, 3);
    Trap t = CATCH_USER(user_int30);
    check_eq(t.vector, 0x30);
    check_eq(t.ip, try_end);
    check_eq(t.frame.ss & 0xffff, SEL_USER_DATA + 3);
}

static void user_divide(void)
{
    asm volatile(TRY_MARK "10: div %%ecx\n 11:" : : "a"(1), "d"(0), "c"(0) : "cc");
}

CASE(int_processor_no_privilege, "what the processor raises itself ignores the gate's DPL")
{
    expect_fault(CATCH_USER(user_divide), DE, 0);
}

CASE(int_inner_stack, "INT to an inner ring with a bad stack is #TS(selector) without EXT")
{
    gdt_set(SEL_TEST + 0x20, SEG(CODE_RX | SEG_DPL(1)));
    idt_set(0x30, gate(SEL_TEST + 0x20, (word)note_stack, SEG_P | SEG_DPL(3) | SYS_INT, 0));
    tss.ss1 = SEL_DATA + 1;
    tss.esp1 = KERNEL_STACK_END - 4096;
    expect_fault(CATCH_USER(user_int30), TS, SEL_DATA);
    /* The same with an exception has EXT. [SDM3] "Error Code" */
    idt_set(DE, gate(SEL_TEST + 0x20, (word)note_stack, SEG_P | SYS_INT, 0));
    expect_raised(CATCH_USER(user_divide), DF, 0); /* #DE and #TS are both contributory */
}

CASE(int_conforming, "a gate to conforming code keeps the ring")
{
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING));
    idt_set(0x30, gate(T, (word)gate_target, SEG_P | SEG_DPL(3) | SYS_INT, 0));
    Trap t = CATCH_USER(user_int30);
    expect_done(t);
    check_eq(t.frame.cs & 0xffff, T + 3);
}

/* LAR, LSL, VERR, VERW, ARPL. [SDM2]. */

static bool lar(u32 selector, u32 *rights)
{
    bool ok;
    u32 value = 0x55555555;

    asm volatile("lar %2, %0\n setz %1" : "+r"(value), "=q"(ok) : "r"(selector) : "cc");
    *rights = value;
    return ok;
}

static bool lsl(u32 selector, u32 *limit)
{
    bool ok;
    u32 value = 0x55555555;

    asm volatile("lsl %2, %0\n setz %1" : "+r"(value), "=q"(ok) : "r"(selector) : "cc");
    *limit = value;
    return ok;
}

static bool verr(u32 selector)
{
    bool ok;

    asm volatile("verr %w1\n setz %0" : "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

static bool verw(u32 selector)
{
    bool ok;

    asm volatile("verw %w1\n setz %0" : "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

CASE(lar_value, "LAR gives the second doubleword, masked with 00FxFF00h")
{
    u32 rights;

    check(lar(SEL_DATA, &rights));
    check_eq(rights & 0x00f0ff00, (DATA_RW | SEG_A) << 8 | 0xc00000);
    check(!lar(0, &rights));
    check_eq(rights, 0x55555555);
    check(!lar(0x5000, &rights));
}

CASE(lar_types, "LAR takes TSSs, LDTs, call and task gates, no interrupt gates")
{
    static const u16 valid = 1 << SYS_TSS16 | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_CALL16 |
                             1 << SYS_TASK | 1 << SYS_TSS | 1 << SYS_TSS_BUSY | 1 << SYS_CALL;
    u32 rights;

    for (u32 type = 0; type < 16; type++) {
        gdt_set(T, SEG(SEG_P | type));
        check_eq(lar(T, &rights), valid >> type & 1);
    }
}

CASE(lsl_types, "LSL takes TSSs and LDTs, no gates")
{
    static const u16 valid = 1 << SYS_TSS16 | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_TSS |
                             1 << SYS_TSS_BUSY;
    u32 limit;

    for (u32 type = 0; type < 16; type++) {
        gdt_set(T, SEG(SEG_P | type));
        check_eq(lsl(T, &limit), valid >> type & 1);
    }
}

CASE(lsl_value, "LSL gives the limit in bytes")
{
    u32 limit;

    check(lsl(SEL_DATA, &limit));
    check_eq(limit, 0xffffffff);
    gdt_set(T, descriptor(0, 0x12345, DATA_RW));
    check(lsl(T, &limit));
    check_eq(limit, 0x12345);
    gdt_set(T, descriptor(0, 0x12345, DATA_RW | SEG_G));
    check(lsl(T, &limit));
    check_eq(limit, 0x12345fff);
}

CASE(lar_not_present, "LAR and LSL do not ask whether the segment is present")
{
    u32 value;

    gdt_set(T, SEG(DATA_RW & ~SEG_P));
    check(lar(T, &value));
    check(lsl(T, &value));
}

static volatile u32 user_answers;
static void user_verify(void)
{
    u32 value;

    user_answers = lar(SEL_DATA, &value) | lsl(SEL_DATA, &value) << 1 | verr(SEL_DATA) << 2 |
                   verw(SEL_DATA) << 3 | verr(SEL_USER_DATA) << 4 | verw(SEL_USER_DATA + 3) << 5 |
                   lar(T, &value) << 6 | verr(T + 3) << 7 | verw(T) << 8;
}

CASE(verify_privilege, "LAR, LSL, VERR and VERW respect CPL and RPL")
{
    gdt_set(T, SEG(CODE_RX | SEG_CONFORMING)); /* ring 3 may read conforming code of ring 0 */
    expect_done(CATCH_USER(user_verify));
    check_eq(user_answers, 0xf0);
    check(!verr(SEL_DATA + 3));
    check(!verw(SEL_DATA + 1));
}

CASE(verr_types, "VERR: readable; VERW: writable; neither of system segments")
{
    gdt_set(T, SEG(SEG_P | SEG_CODE));
    check(!verr(T));
    gdt_set(T, SEG(SEG_P | SEG_DATA));
    check(verr(T));
    check(!verw(T));
    check(verw(SEL_DATA));
    check(!verw(SEL_CODE32));
    check(!verr(SEL_TSS));
    check(!verr(0));
}

CASE(arpl, "ARPL raises RPL and tells by ZF")
{
    u32 rights = 0x10;
    bool changed;

    asm volatile("arpl %w2, %w0\n setz %1" : "+r"(rights), "=q"(changed) : "r"(3) : "cc");
    check(changed);
    check_eq(rights, 0x13);
    asm volatile("arpl %w2, %w0\n setz %1" : "+r"(rights), "=q"(changed) : "r"(1) : "cc");
    check(!changed);
    check_eq(rights, 0x13);
}

/* Privileged instructions. [SDM3] "Privileged Instructions". */

#define PRIVILEGED(name, text, insn, ...)                                                       \
    static void user_##name(void)                                                               \
    {                                                                                           \
        asm volatile(TRY_MARK "10: " insn "\n11:" : : "a"(area), "c"(0x10), "d"(0)__VA_ARGS__); \
    }                                                                                           \
    CASE(privileged_##name, text " in ring 3 is #GP(0)")                                        \
    {                                                                                           \
        expect_fault(CATCH_USER(user_##name), GP, 0);                                           \
    }
PRIVILEGED(hlt, "HLT", "hlt")
PRIVILEGED(lgdt, "LGDT", "lgdt (%%eax)")
PRIVILEGED(lidt, "LIDT", "lidt (%%eax)")
PRIVILEGED(lldt, "LLDT", "lldt %%dx")
PRIVILEGED(ltr, "LTR", "ltr %%dx")
PRIVILEGED(mov_to_cr0, "MOV to CR0", "mov %%eax, %%cr0")
PRIVILEGED(mov_from_cr0, "MOV from CR0", "mov %%cr0, %%eax")
PRIVILEGED(mov_from_cr3, "MOV from CR3", "mov %%cr3, %%eax")
PRIVILEGED(mov_to_dr7, "MOV to DR7", "mov %%eax, %%dr7")
PRIVILEGED(mov_from_dr6, "MOV from DR6", "mov %%dr6, %%eax")
PRIVILEGED(clts, "CLTS", "clts")
PRIVILEGED(lmsw, "LMSW", "lmsw %%ax")
PRIVILEGED(invd, "INVD", "invd")
PRIVILEGED(wbinvd, "WBINVD", "wbinvd")
PRIVILEGED(invlpg, "INVLPG", "invlpg (%%eax)")
PRIVILEGED(rdmsr, "RDMSR", "rdmsr")
PRIVILEGED(wrmsr, "WRMSR", "wrmsr")

static void user_smsw_and_others(void)
{
    asm volatile("smsw %%ax\n sgdt (%0)\n sidt (%0)\n sldt %%ax\n str %%ax"
                 :
                 : "r"(area)
                 : "eax", "memory");
}

CASE(unprivileged, "SMSW, SGDT, SIDT, SLDT and STR are for all rings")
{
    expect_done(CATCH_USER(user_smsw_and_others));
}

#define UMIP(name, insn)                                                     \
    static void umip_##name(void)                                            \
    {                                                                        \
        asm volatile(TRY_MARK "10: " insn "\n11:" : : "a"(area) : "memory"); \
    }
UMIP(smsw, "smsw %%ax")
UMIP(sgdt, "sgdt (%%eax)")
UMIP(sidt, "sidt (%%eax)")
UMIP(sldt, "sldt %%ax")
UMIP(str, "str %%ax")

CASE(umip,
     "with CR4.UMIP they are #GP(0) in ring 3") /* [SDM3] "User-Mode Instruction Prevention" */
{
    static void (*const functions[])(void) = {umip_smsw, umip_sgdt, umip_sidt, umip_sldt, umip_str};

    require(HAS_UMIP);
    write_cr4(read_cr4() | CR4_UMIP);
    for (u32 i = 0; i < COUNT(functions); i++) {
        expect_fault(CATCH_USER(functions[i]), GP, 0);
    }
}

static void user_rdtsc(void)
{
    asm volatile(TRY_MARK "10: rdtsc\n 11:" : : : "eax", "edx");
}

CASE(tsd, "RDTSC in ring 3 is #GP(0) with CR4.TSD only") /* [SDM2] RDTSC */
{
    expect_done(CATCH_USER(user_rdtsc));
    write_cr4(read_cr4() | CR4_TSD);
    expect_fault(CATCH_USER(user_rdtsc), GP, 0);
    expect_none(TRY("rdtsc", : : : "eax", "edx"));
}

/* I/O. [SDM1] "I/O Privilege Level", "I/O Permission Bit Map". */

static volatile u16 port;
#define USER_IO(name, insn)                            \
    static void name(void)                             \
    {                                                  \
        asm volatile(TRY_MARK "10: " insn "\n11:"      \
                     :                                 \
                     : "d"(port), "D"(area), "S"(area) \
                     : "eax", "memory");               \
    }
USER_IO(user_inb, "inb %%dx, %%al")
USER_IO(user_inw, "inw %%dx, %%ax")
USER_IO(user_inl, "inl %%dx, %%eax")
USER_IO(user_insb, "insb")
USER_IO(user_cli, "cli")
USER_IO(user_sti, "sti")

static void allow(u16 number)
{
    tss.io[number / 8] &= ~(1 << number % 8);
}

CASE(io_iopl, "with CPL <= IOPL all ports and CLI, STI are allowed")
{
    port = 0x80;
    expect_done(CATCH_USER_FLAGS(user_inb, IOPL(3) | 2));
    expect_done(CATCH_USER_FLAGS(user_cli, IOPL(3) | 2));
    expect_done(CATCH_USER_FLAGS(user_sti, IOPL(3) | 2));
}

CASE(io_denied, "with CPL > IOPL and a set bit they are #GP(0)")
{
    port = 0x80;
    expect_fault(CATCH_USER(user_inb), GP, 0);
    expect_fault(CATCH_USER(user_insb), GP, 0);
    expect_fault(CATCH_USER(user_cli), GP, 0);
    expect_fault(CATCH_USER_FLAGS(user_sti, IOPL(2) | 2), GP, 0);
}

CASE(io_bitmap, "a clear bit allows a port, of every byte of the access")
{
    port = 0x80;
    allow(0x80);
    expect_done(CATCH_USER(user_inb));
    expect_done(CATCH_USER(user_insb));
    expect_fault(CATCH_USER(user_inw), GP, 0);
    allow(0x81);
    expect_done(CATCH_USER(user_inw));
    expect_fault(CATCH_USER(user_inl), GP, 0);
    allow(0x82);
    allow(0x83);
    expect_done(CATCH_USER(user_inl));
}

CASE(io_bitmap_crosses_byte, "the bits of one access may lie in two bytes")
{
    port = 0x87;
    allow(0x87);
    expect_fault(CATCH_USER(user_inw), GP, 0);
    allow(0x88);
    expect_done(CATCH_USER(user_inw));
}

CASE(io_bitmap_limit, "ports beyond the TSS's limit are denied; two bytes are always read")
{
    gdt_set(T, descriptor((word)&tss, offsetof(Tss, io) + 0x10, SEG_P | SYS_TSS));
    asm volatile("ltr %w0" : : "r"(T));
    port = 0x80; /* byte 0x10 of the map: the second byte lies beyond the limit */
    allow(0x80);
    expect_fault(CATCH_USER(user_inb), GP, 0);
    port = 0x78;
    allow(0x78);
    expect_done(CATCH_USER(user_inb));
}

CASE(io_16bit_tss, "a 16-bit TSS has no I/O map") /* [SDM1] "I/O Permission Bit Map" */
{
    Tss16 *tss16 = (Tss16 *)area;

    tss16->sp0 = 0xf000; /* below 64 KiB: memory that is not used otherwise */
    tss16->ss0 = SEL_DATA;
    gdt_set(T, descriptor((word)area, sizeof(area) - 1, SEG_P | SYS_TSS16));
    asm volatile("ltr %w0" : : "r"(T));
    port = 0x80;
    expect_fault(CATCH_USER(user_inb), GP, 0);
}

/* Tables. [SDM2] LGDT, SGDT. */

CASE(sgdt_sidt, "SGDT and SIDT give limit and base")
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) r;

    asm volatile("sgdt %0" : "=m"(r));
    check_eq(r.limit, sizeof(gdt) - 1);
    check_eq(r.base, (word)gdt);
    asm volatile("sidt %0" : "=m"(r));
    check_eq(r.limit, 256 * 8 - 1);
    check_eq(r.base, (word)idt);
}

CASE(segments_are_cached, "a changed descriptor counts at the next load only")
{ /* [SDM3] "Segment Registers" */
    u64 d = descriptor((word)area, 0xff, DATA_RW | SEG_DB);

    use_fs(d);
    gdt_set(T, descriptor((word)area, 0x1ff, DATA_RW | SEG_DB));
    expect_fault(TRY("movb %%fs:0x100, %%al", : : : "eax"), GP, 0);
    expect_none(READ8(gdt[T >> 3], 0x100));
}

CASE(mov_from_segment, "MOV to a 32-bit register from a segment register clears the upper half")
{ /* [SDM2] MOV */
    u32 value = 0xffffffff;

    asm volatile("movl %%ds, %0" : "+r"(value));
    check_eq(value, SEL_DATA);
    value = 0xffffffff;
    asm volatile("movw %%ds, %w0" : "+r"(value));
    check_eq(value, 0xffff0000 | SEL_DATA);
}

CASE(push_segment, "PUSH of a segment register takes four bytes") /* [SDM2] PUSH */
{
    word before, after;

    asm volatile("mov %%esp, %0\n push %%ds\n mov %%esp, %1\n pop %%ds"
                 : "=&r"(before), "=&r"(after));
    check_eq(before - after, 4);
}
