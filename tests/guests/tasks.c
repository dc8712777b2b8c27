/* tasks.c - hardware task switches. [SDM3] "Task Management".
 *
 * The task under test, `other`, notes what it finds and goes back: by IRET if NT says that it was
 * called, else by JMP. A fault in the middle of a switch belongs to the new task and may find no
 * stack there; it is taken by a third task, `witness`, which notes it and goes back too. run with:
 * -cpu max
 */
#include "lib/cpu.h"
#include "lib/rings.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum {
    SEL_OTHER = SEL_TEST,
    SEL_WITNESS = SEL_TEST + 8,
    SEL_GATE = SEL_TEST + 16,
    SEL_SPARE = SEL_TEST + 24,
    SEL_CODE_LOW = SEL_TEST + 32,
    TSS_LIMIT = 0x67,
    TSS16_LIMIT = 0x2b,
    VECTOR = 0x40,
    IDT_ERROR = 2,
    DR6_BT = 1 << 15,
};

typedef struct {
    u32 gs, fs, es, ds;
    u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, eflags;
} Registers;

/* What the task under test found. */
u32 seen_tr, seen_ldt, seen_cr3, seen_cr0;
u8 seen_new_access, seen_old_access;
u16 seen_link;
u32 witness_error, witness_runs;

static Tss32 other, witness;
static Tss16 small;
static u8 other_stack[4096], witness_stack[4096];

extern const u8 other_entry[], other_end[], witness_entry[];
asm(".pushsection .text\n"
    "other_entry: pushf\n pusha\n push %ds\n push %es\n push %fs\n push %gs\n"
    " mov $0x10, %eax\n mov %eax, %ds\n"
    " str %eax\n mov %eax, seen_tr\n sldt %eax\n mov %eax, seen_ldt\n"
    " mov %cr3, %eax\n mov %eax, seen_cr3\n mov %cr0, %eax\n mov %eax, seen_cr0\n"
    " movb gdt+0x85, %al\n movb %al, seen_new_access\n"
    " movb gdt+0x5d, %al\n movb %al, seen_old_access\n"
    " pushf\n pop %eax\n test $0x4000, %eax\n jz 1f\n iret\n"
    "other_end: jmp other_entry\n"
    "1: ljmp $0x58, $0\n"
    "witness_entry: pop %eax\n mov %eax, witness_error\n incl witness_runs\n"
    " ljmp $0x58, $0\n jmp witness_entry\n .popsection");

static const Registers *found(void)
{
    return (const Registers *)(other_stack + sizeof(other_stack) - sizeof(Registers));
}

static void task_init(Tss32 *task, const u8 *entry, u8 *stack_end)
{
    memset(task, 0, sizeof(*task));
    *task = (Tss32){.eip = (word)entry,
                    .esp = (word)stack_end,
                    .eflags = FLAG_FIXED,
                    .cs = SEL_CODE32,
                    .ss = SEL_DATA,
                    .ds = SEL_DATA,
                    .es = SEL_DATA,
                    .fs = SEL_DATA,
                    .gs = SEL_DATA,
                    .cr3 = read_cr3(),
                    .io_base = 0xffff};
}

static void setup(void)
{
    static const u8 vectors[] = {TS, NP, SS};

    task_init(&other, other_entry, other_stack + sizeof(other_stack));
    task_init(&witness, witness_entry, witness_stack + sizeof(witness_stack));
    gdt_set(SEL_OTHER, descriptor((word)&other, TSS_LIMIT, SEG_P | SYS_TSS));
    gdt_set(SEL_WITNESS, descriptor((word)&witness, TSS_LIMIT, SEG_P | SYS_TSS));
    gdt_set(SEL_GATE, gate(SEL_OTHER, 0, SEG_P | SYS_TASK, 0));
    for (u32 i = 0; i < COUNT(vectors); i++) {
        idt_reset(vectors[i], 0);
    }
    witness_runs = 0;
    witness_error = 0xdead;
    seen_tr = 0;
}

/* #TS, #NP or #SS go to the witness from now on. */
static void watch(u8 vector)
{
    idt_set(vector, gate(SEL_WITNESS, 0, SEG_P | SYS_TASK, 0));
}

typedef struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) FarPointer;
static FarPointer target;

static Trap jump_to(u16 selector)
{
    target = (FarPointer){0x1234, selector};
    return TRY("ljmp *%0", : : "m"(target) : "memory");
}

static Trap call_to(u16 selector)
{
    target = (FarPointer){0x1234, selector};
    return TRY("lcall *%0", : : "m"(target) : "memory");
}

static u8 access_of(u16 selector)
{
    return *gdt_at(selector) >> 40;
}

CASE(jump_loads_registers, "JMP to a TSS loads every register from it")
{
    setup();
    other.eax = 0x11111111, other.ecx = 0x22222222, other.edx = 0x33333333, other.ebx = 0x44444444;
    other.ebp = 0x55555555, other.esi = 0x66666666, other.edi = 0x77777777;
    other.es = SEL_USER_DATA | 3, other.fs = 0, other.gs = SEL_CODE32;
    other.eflags = FLAG_FIXED | FLAG_CF | FLAG_SF | IOPL(2);
    expect_none(jump_to(SEL_OTHER));
    check_eq(seen_tr, SEL_OTHER);
    check_eq(found()->eax, 0x11111111);
    check_eq(found()->ecx, 0x22222222);
    check_eq(found()->edx, 0x33333333);
    check_eq(found()->ebx, 0x44444444);
    check_eq(found()->ebp, 0x55555555);
    check_eq(found()->esi, 0x66666666);
    check_eq(found()->edi, 0x77777777);
    check_eq(found()->eflags, FLAG_FIXED | FLAG_CF | FLAG_SF | IOPL(2));
    check_eq(found()->es & 0xffff, SEL_USER_DATA | 3);
    check_eq(found()->fs & 0xffff, 0);
    check_eq(found()->gs & 0xffff, SEL_CODE32);
}

CASE(jump_saves_registers, "JMP saves the registers of the old task")
{
    setup();
    Trap t = TRY("mov $0xabcd0123, %%ecx\n stc\n mov $1f, %%edx\n ljmp *%0\n1:",
                 :
                 : "m"((target = (FarPointer){0, SEL_OTHER}, target))
                 : "ecx", "edx", "memory");
    expect_none(t);
    check_eq(tss.ecx, 0xabcd0123);
    check_eq(tss.eip, tss.edx);
    check_eq(tss.eflags & FLAG_CF, FLAG_CF);
    check_eq(tss.cs & 0xffff, SEL_CODE32);
    check_eq(tss.ss & 0xffff, SEL_DATA);
    /* And those of the other when it went back. */
    check_eq(other.esp, (word)found());
    check_eq(other.eip, (word)witness_entry);
}

CASE(jump_busy, "JMP: the old task becomes available, the new busy, NT clear, link unchanged")
{
    setup();
    other.link = 0x5555;
    expect_none(jump_to(SEL_OTHER));
    check_eq(seen_new_access, SEG_P | SYS_TSS_BUSY);
    check_eq(seen_old_access, SEG_P | SYS_TSS);
    check_eq(access_of(SEL_OTHER), SEG_P | SYS_TSS);
    check_eq(access_of(SEL_TSS), SEG_P | SYS_TSS_BUSY);
    check_eq(other.link, 0x5555);
    check_eq(found()->eflags & FLAG_NT, 0);
}

CASE(call_nests, "CALL: both busy, NT set, the link leads back; IRET undoes it")
{
    setup();
    expect_none(call_to(SEL_OTHER));
    check_eq(seen_new_access, SEG_P | SYS_TSS_BUSY);
    check_eq(seen_old_access, SEG_P | SYS_TSS_BUSY);
    check_eq(found()->eflags & FLAG_NT, FLAG_NT);
    check_eq(other.link & 0xffff, SEL_TSS);
    check_eq(access_of(SEL_OTHER), SEG_P | SYS_TSS);
    check_eq(access_of(SEL_TSS), SEG_P | SYS_TSS_BUSY);
    check_eq(other.eip, (word)other_end);
    check_eq(other.eflags & FLAG_NT, 0);
    check_eq(read_flags() & FLAG_NT, 0);
}

CASE(task_switched, "each switch sets CR0.TS")
{
    setup();
    asm volatile("clts");
    expect_none(call_to(SEL_OTHER));
    check_eq(seen_cr0 & CR0_TS, CR0_TS);
    check_eq(read_cr0() & CR0_TS, CR0_TS);
}

CASE(call_task_gate, "CALL and JMP through a task gate")
{
    setup();
    expect_none(call_to(SEL_GATE));
    check_eq(seen_tr, SEL_OTHER);
    check_eq(other.link & 0xffff, SEL_TSS);
    setup();
    expect_none(jump_to(SEL_GATE));
    check_eq(seen_tr, SEL_OTHER);
}

CASE(int_task_gate, "INT through a task gate nests")
{
    setup();
    idt_set(VECTOR, gate(SEL_OTHER, 0, SEG_P | SYS_TASK, 0));
    expect_none(TRY("int $0x40"));
    check_eq(seen_tr, SEL_OTHER);
    check_eq(other.link & 0xffff, SEL_TSS);
    check_eq(found()->eflags & FLAG_NT, FLAG_NT);
    check_eq(tss.eip, try_end);
}

USER(user_int, "int $0x40", :)
CASE(user_int_task_gate, "a task gate of DPL 3 takes ring 3 to a task of DPL 0")
{
    setup();
    idt_set(VECTOR, gate(SEL_OTHER, 0, SEG_P | SYS_TASK, 0));
    faults(in_user(user_int), GP, VECTOR * 8 + IDT_ERROR);
    idt_set(VECTOR, gate(SEL_OTHER, 0, SEG_P | SEG_DPL(3) | SYS_TASK, 0));
    expect_done(in_user(user_int));
    check_eq(seen_tr, SEL_OTHER);
    check_eq(tss.cs & 0xffff, SEL_USER_CODE32 | 3);
    check_eq(tss.ss & 0xffff, SEL_USER_DATA | 3);
}

CASE(exception_task_gate, "an error code is pushed on the stack of the new task")
{
    setup();
    idt_set(NP, gate(SEL_WITNESS, 0, SEG_P | SYS_TASK, 0));
    gdt_set(SEL_SPARE, descriptor(0, 0xfffff, SEG_DATA | SEG_W | SEG_G));
    Trap t = TRY("mov %0, %%fs", : : "r"(SEL_SPARE));
    /* The witness goes back by JMP, but to a task that waits for IRET: busy. */
    expect_raised(t, GP, SEL_TSS);
    check_eq(witness_error, SEL_SPARE);
    check_eq(witness.link & 0xffff, SEL_TSS);
}

CASE(own_ldt, "LDTR is loaded from the TSS")
{
    setup();
    other.ldt = SEL_LDT;
    other.fs = 0x14;
    ldt_set(0x14, descriptor(0, 0xfffff, DATA_RW | SEG_DB | SEG_G));
    expect_none(jump_to(SEL_OTHER));
    check_eq(seen_ldt & 0xffff, SEL_LDT);
    check_eq(found()->fs & 0xffff, 0x14);
    u32 own;
    asm volatile("sldt %0" : "=r"(own));
    check_eq(own & 0xffff, 0);
}

CASE(own_cr3, "with paging CR3 is loaded from the TSS")
{
    static u32 directories[2][1024] __attribute__((aligned(4096)));

    require(HAS_PSE);
    for (u32 i = 0; i < 1024; i++) {
        directories[0][i] = directories[1][i] = i << 22 | 0x87;
    }
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3((word)directories[0]);
    write_cr0(read_cr0() | CR0_PG);
    setup();
    tss.cr3 = (word)directories[0];
    other.cr3 = (word)directories[1];
    expect_none(call_to(SEL_OTHER));
    check_eq(seen_cr3, (word)directories[1]);
    check_eq(read_cr3(), (word)directories[0]);
}

CASE(tss_16, "a 16-bit TSS holds the low halves")
{
    u8 *base = (u8 *)((word)other_entry & ~0xffff);

    setup();
    gdt_set(SEL_CODE_LOW, descriptor((word)base, 0xfffff, CODE_RX | SEG_DB | SEG_G));
    small = (Tss16){.ip = (word)other_entry,
                    .flags = FLAG_FIXED | FLAG_CF,
                    .ax = 0x1111,
                    .cx = 0x2222,
                    .di = 0x7777,
                    .cs = SEL_CODE_LOW,
                    .ss = SEL_SPARE,
                    .ds = SEL_DATA,
                    .es = SEL_DATA,
                    .sp = (word)other_stack + sizeof(other_stack)};
    gdt_set(SEL_OTHER, descriptor((word)&small, TSS16_LIMIT, SEG_P | SYS_TSS16));
    /* The upper half of ESP is not in such a TSS: a stack segment with B = 0. */
    gdt_set(SEL_SPARE, descriptor((word)other_stack & ~0xffff, 0xffff, DATA_RW));
    expect_none(call_to(SEL_OTHER));
    check_eq(seen_tr, SEL_OTHER);
    check_eq(seen_new_access, SEG_P | SYS_TSS16_BUSY);
    check_eq(found()->eax & 0xffff, 0x1111);
    check_eq(found()->ecx & 0xffff, 0x2222);
    check_eq(found()->edi & 0xffff, 0x7777);
    check_eq(found()->eflags & 0xffff, FLAG_FIXED | FLAG_CF | FLAG_NT);
    check_eq(found()->fs & 0xffff, 0);
    check_eq(small.link, SEL_TSS);
    check_eq(small.ip, (word)other_end & 0xffff);
    check_eq(access_of(SEL_OTHER), SEG_P | SYS_TSS16);
}

/* --- Faults before the switch: they belong to the old task. [SDM3] "Task Switching". */

CASE(busy_task, "JMP or CALL to a busy task is #GP(selector)")
{
    setup();
    gdt_set(SEL_OTHER, descriptor((word)&other, TSS_LIMIT, SEG_P | SYS_TSS_BUSY));
    faults(jump_to(SEL_OTHER), GP, SEL_OTHER);
    faults(call_to(SEL_OTHER), GP, SEL_OTHER);
    faults(jump_to(SEL_GATE), GP, SEL_OTHER);
    faults(call_to(SEL_TSS), GP, SEL_TSS);
}

CASE(absent_task, "an absent TSS or task gate is #NP(its selector)")
{
    setup();
    gdt_set(SEL_OTHER, descriptor((word)&other, TSS_LIMIT, SYS_TSS));
    faults(jump_to(SEL_OTHER), NP, SEL_OTHER);
    faults(jump_to(SEL_GATE), NP, SEL_OTHER);
    gdt_set(SEL_GATE, gate(SEL_OTHER, 0, SYS_TASK, 0));
    faults(jump_to(SEL_GATE), NP, SEL_GATE);
}

CASE(short_tss, "a TSS shorter than 104 bytes is #TS(selector)")
{
    setup();
    gdt_set(SEL_OTHER, descriptor((word)&other, TSS_LIMIT - 1, SEG_P | SYS_TSS));
    faults(jump_to(SEL_OTHER), TS, SEL_OTHER);
    gdt_set(SEL_OTHER, descriptor((word)&small, TSS16_LIMIT - 1, SEG_P | SYS_TSS16));
    faults(jump_to(SEL_OTHER), TS, SEL_OTHER);
}

CASE(task_gate_target, "a task gate has to lead to a TSS of the GDT: else #GP(selector)")
{
    setup();
    gdt_set(SEL_GATE, gate(SEL_DATA, 0, SEG_P | SYS_TASK, 0));
    faults(jump_to(SEL_GATE), GP, SEL_DATA);
    gdt_set(SEL_GATE, gate(0x14, 0, SEG_P | SYS_TASK, 0));
    faults(jump_to(SEL_GATE), GP, 0x14);
}

static void user_jump(void)
{
    asm volatile(TRY_MARK "10: ljmp *%0\n11:" : : "m"(target) : "memory");
}

CASE(task_privilege, "ring 3 needs a TSS or gate of DPL 3")
{
    setup();
    target = (FarPointer){0, SEL_OTHER | 3};
    faults(in_user(user_jump), GP, SEL_OTHER);
    target = (FarPointer){0, SEL_GATE | 3};
    faults(in_user(user_jump), GP, SEL_GATE);
    gdt_set(SEL_GATE, gate(SEL_OTHER, 0, SEG_P | SEG_DPL(3) | SYS_TASK, 0));
    expect_done(in_user(user_jump));
    check_eq(seen_tr, SEL_OTHER);
}

static Trap iret_now(void)
{
    return TRY("iret");
}

CASE(iret_link, "IRET with NT: the link has to be a busy TSS, else #TS(link)")
{
    /* [SDM2] IRET: TASK-RETURN. */
    static const u16 links[] = {SEL_DATA, SEL_OTHER};

    for (u32 i = 0; i < COUNT(links); i++) {
        setup();
        tss.link = links[i];
        write_flags(FLAG_FIXED | FLAG_NT);
        faults(iret_now(), TS, links[i]);
        write_flags(FLAG_FIXED);
    }
}

/* --- Faults in the new task. [SDM3] "Interrupt 10-Invalid TSS Exception (#TS)". */

#define SPOILS(field, value, vector, error)         \
    do {                                            \
        setup();                                    \
        watch(vector);                              \
        other.field = (value);                      \
        expect_none(jump_to(SEL_OTHER));            \
        check_eq(witness_runs, 1);                  \
        check_eq(witness_error, error);             \
        check_eq(witness.link & 0xffff, SEL_OTHER); \
        check_eq(seen_tr, 0);                       \
    } while (0)

CASE(bad_ldt, "a bad LDT of the new task is #TS(LDT selector)")
{
    SPOILS(ldt, SEL_DATA, TS, SEL_DATA);
    SPOILS(ldt, 0x14, TS, 0x14);
    gdt_set(SEL_SPARE, descriptor((word)ldt, 0xff, SYS_LDT));
    SPOILS(ldt, SEL_SPARE, TS, SEL_SPARE);
}

CASE(bad_cs, "a bad CS of the new task is #TS(selector), an absent one #NP")
{
    SPOILS(cs, SEL_DATA, TS, SEL_DATA);
    SPOILS(cs, 0, TS, 0);
    gdt_set(SEL_SPARE, descriptor(0, 0xfffff, SEG_CODE | SEG_R | SEG_DB | SEG_G));
    SPOILS(cs, SEL_SPARE, NP, SEL_SPARE);
}

CASE(bad_ss, "a bad SS of the new task is #TS(selector), an absent one #SS")
{
    SPOILS(ss, SEL_CODE32, TS, SEL_CODE32);
    SPOILS(ss, SEL_USER_DATA | 3, TS, SEL_USER_DATA);
    SPOILS(ss, 0, TS, 0);
    gdt_set(SEL_SPARE, descriptor(0, 0xfffff, SEG_DATA | SEG_W | SEG_DB | SEG_G));
    SPOILS(ss, SEL_SPARE, SS, SEL_SPARE);
}

CASE(bad_data, "a bad data segment of the new task is #TS(selector), an absent one #NP")
{
    SPOILS(ds, 0x200, TS, 0x200);
    SPOILS(es, SEL_TSS, TS, SEL_TSS);
    SPOILS(gs, SEL_DATA | 3, TS, SEL_DATA);
    gdt_set(SEL_SPARE, descriptor(0, 0xfffff, SEG_DATA | SEG_W | SEG_DB | SEG_G));
    SPOILS(fs, SEL_SPARE, NP, SEL_SPARE);
}

CASE(debug_trap, "T in the new TSS: #DB with BT before its first instruction")
{
    setup();
    write_dr6(0);
    other.trap = 1;
    Trap t = jump_to(SEL_OTHER);
    check_eq(t.vector, DB);
    check_eq(t.ip, (word)other_entry);
    check_eq(t.dr6 & DR6_BT, DR6_BT);
    check_eq(seen_tr, 0);
}

CASE(v86_task, "a task with VM in its EFLAGS is in virtual-8086 mode")
{
    setup();
    u8 *code = (u8 *)LOW_CODE;
    code[0] = 0x0f, code[1] = 0x0b; /* UD2 */
    other.eflags = FLAG_FIXED | FLAG_VM;
    other.cs = LOW_CODE >> 4, other.eip = 0;
    other.ss = 0x400, other.esp = 0x4000;
    other.ds = 0x1234, other.es = 0x2345, other.fs = 0x3456, other.gs = 0x4567;
    other.ss0 = SEL_DATA, other.esp0 = KERNEL_STACK_END;
    Trap t = jump_to(SEL_OTHER);
    check_eq(t.vector, UD);
    check_eq(t.frame.flags & FLAG_VM, FLAG_VM);
    check_eq(t.frame.cs & 0xffff, LOW_CODE >> 4);
    check_eq(t.ip, 0);
    check_eq(t.frame.v86_ds & 0xffff, 0x1234);
    check_eq(t.frame.v86_gs & 0xffff, 0x4567);
}
