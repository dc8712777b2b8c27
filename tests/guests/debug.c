/* debug.c - breakpoints, single steps and what they tell in DR6. [SDM3] "Debug, Branch Profile,
 * TSC, ...": "Debug Registers", "Debug Exceptions". */
#include "lib/cpu.h"
#include "lib/snippet.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { DR6_B0 = 1, DR6_B1 = 2, DR6_B2 = 4, DR6_B3 = 8, DR6_BD = 1 << 13, DR6_BS = 1 << 14 };
enum { DR7_FIXED = 0x400, DR7_GD = 1 << 13 };
/* DR7's R/W and LEN fields. */
enum { EXECUTE = 0, WRITE = 1, IO = 2, ACCESS = 3 };
enum { LEN1 = 0, LEN2 = 1, LEN4 = 3 };
#define DR7_L(n)             (1u << (2 * (n)))
#define DR7_G(n)             (2u << (2 * (n)))
#define DR7_TYPE(n, rw, len) ((u32)((rw) | (len) << 2) << (16 + 4 * (n)))
#define DR7_ON(n, rw, len)   (DR7_L(n) | DR7_TYPE(n, rw, len))
#define DR6_FIXED            0xffff0ff0u

/* Every #DB, as it was. */
static struct {
    word ip, flags, dr6, dr7;
} events[64];
static volatile u32 count;
static volatile bool leave_rf;

static void on_db(Frame *frame)
{
    if (count < COUNT(events)) {
        events[count].ip = frame->ip;
        events[count].flags = frame->flags;
        events[count].dr6 = read_dr6();
        events[count].dr7 = read_dr7();
    } else {
        frame->flags &= ~FLAG_TF;
        write_dr7(DR7_FIXED);
    }
    count++;
    write_dr6(DR6_FIXED);
    if (!leave_rf) {
        frame->flags |= FLAG_RF; /* as a debugger does to pass an execute breakpoint */
    }
}

u8 data[64] __attribute__((aligned(64)));
static volatile u32 *const data32 = (volatile u32 *)data;

static void setup(void)
{
    count = 0;
    leave_rf = false;
    memset(events, 0, sizeof(events));
    write_cr4(read_cr4() | CR4_DE);
    write_dr6(DR6_FIXED);
    trap_handle(DB, on_db);
}

static void expect_event(u32 n, const void *ip, word dr6, int line)
{
    tap_check(count > n, line, "the debug exception came");
    tap_check_eq(events[n].ip, (word)ip, line, "saved instruction pointer");
    tap_check_eq(events[n].dr6, DR6_FIXED | dr6, line, "DR6");
}
#define expect_db(n, ip, dr6) expect_event(n, ip, dr6, __LINE__)

SNIPPET(three_nops, "nop\n nop_b: nop\n nop_c: nop\n nop_d: nop");
LABEL(nop_b);
LABEL(nop_c);
LABEL(nop_d);

CASE(registers, "fixed bits of DR6 and DR7")
{
    /* [SDM3] "Debug Status Register (DR6)", "Debug Control Register (DR7)". */
    setup();
    write_dr6(0);
    check_eq(read_dr6() & ~0x10800u,
             DR6_FIXED & ~0x10800u); /* bits 11 and 16 belong to newer features */
    check_eq(read_dr6() & 0xf00f, 0);
    write_dr7(0);
    check_eq(read_dr7(), DR7_FIXED);
    write_dr3(0x12345678);
    check_eq(read_dr3(), 0x12345678);
}

CASE(execute,
     "an execute breakpoint is a fault before the instruction; alone among faults it pushes RF 0")
{
    /* [SDM3] "Instruction-Breakpoint Exception Condition". */
    setup();
    write_dr0((word)nop_b);
    write_dr7(DR7_ON(0, EXECUTE, LEN1));
    three_nops();
    check_eq(count, 1);
    expect_db(0, nop_b, DR6_B0);
    check_eq(events[0].flags & FLAG_RF, 0);
}

static void on_db_thrice(Frame *frame)
{
    on_db(frame);
    if (count < 3) {
        frame->flags &= ~FLAG_RF;
    } else {
        frame->flags |= FLAG_RF;
    }
}

CASE(execute_rf, "without RF the breakpoint is met again, with RF the instruction runs")
{
    /* [SDM3] "RF (resume) flag". */
    setup();
    trap_handle(DB, on_db_thrice);
    write_dr0((word)nop_b);
    write_dr7(DR7_ON(0, EXECUTE, LEN1));
    three_nops();
    check_eq(count, 3);
    expect_db(2, nop_b, DR6_B0);
}

CASE(execute_rf_once, "RF lasts for one instruction: the next breakpoint is met")
{
    setup();
    write_dr0((word)nop_b);
    write_dr1((word)nop_c);
    write_dr7(DR7_ON(0, EXECUTE, LEN1) | DR7_ON(1, EXECUTE, LEN1));
    three_nops();
    check_eq(count, 2);
    expect_db(0, nop_b, DR6_B0);
    expect_db(1, nop_c, DR6_B1);
}

CASE(execute_first_byte, "only the first byte of an instruction counts, prefixes included")
{
    setup();
    write_dr0((word)nop_b);
    write_dr1((word)nop_b);
    write_dr7(DR7_ON(0, EXECUTE, LEN1) | DR7_G(1)); /* two at one place */
    three_nops();
    check_eq(count, 1);
    expect_db(0, nop_b, DR6_B0 | DR6_B1);
}

SNIPPET(long_insn, ".byte 0x3e\n long_insn_opcode: movl $0x11223344, data\n long_insn_end: nop");
LABEL(long_insn_opcode);

CASE(execute_inside, "a breakpoint inside an instruction is never met")
{
    setup();
    write_dr0((word)long_insn_opcode);
    write_dr1((word)long_insn_opcode + 2);
    write_dr7(DR7_ON(0, EXECUTE, LEN1) | DR7_ON(1, EXECUTE, LEN1));
    long_insn();
    check_eq(count, 0);
}

CASE(disabled, "a breakpoint without L or G does nothing")
{
    setup();
    write_dr0((word)nop_b);
    write_dr7(DR7_TYPE(0, EXECUTE, LEN1));
    three_nops();
    check_eq(count, 0);
}

SNIPPET(write_data, "movl $1, data\n write_data_end: nop");
LABEL(write_data_end);
SNIPPET(read_data, "mov data, %eax\n read_data_end: nop");
LABEL(read_data_end);
SNIPPET(add_data, "addl $1, data\n add_data_end: nop");
LABEL(add_data_end);

CASE(data_write, "a write breakpoint is a trap after the write; reads pass")
{
    /* [SDM3] "Data Memory and I/O Breakpoint Exception Conditions". */
    setup();
    data32[0] = 0;
    write_dr1((word)data);
    write_dr7(DR7_ON(1, WRITE, LEN4));
    read_data();
    check_eq(count, 0);
    write_data();
    check_eq(count, 1);
    expect_db(0, write_data_end, DR6_B1);
    check_eq(events[0].flags & FLAG_RF, 0);
    check_eq(data32[0], 1);
    add_data();
    check_eq(count, 2);
    expect_db(1, add_data_end, DR6_B1);
}

CASE(data_access, "a read-write breakpoint takes both")
{
    setup();
    write_dr2((word)data);
    write_dr7(DR7_ON(2, ACCESS, LEN4));
    read_data();
    write_data();
    check_eq(count, 2);
    expect_db(0, read_data_end, DR6_B2);
    expect_db(1, write_data_end, DR6_B2);
}

CASE(data_lengths, "any overlap of the access and the range hits, and neighbours do not")
{
    /* [SDM3] "Breakpoint Field Recognition". The access is 4 bytes at data[0..3] each time. */
    /* clang-format off */
    static const struct { u8 at, len; bool hit; } rows[] = {
        {0, LEN1, true},  {3, LEN1, true},  {4, LEN1, false},
        {2, LEN2, true},  {4, LEN2, false}, {3, LEN2, true},  /* bit 0 of the address is not used */
        {0, LEN4, true},  {4, LEN4, false}, {7, LEN4, false}, {2, LEN4, true},
    };
    /* clang-format on */

    for (unsigned i = 0; i < COUNT(rows); i++) {
        setup();
        write_dr3((word)data + rows[i].at);
        write_dr7(DR7_ON(3, WRITE, rows[i].len));
        write_data();
        check_eq(count, rows[i].hit);
        write_dr7(DR7_FIXED);
    }
}

SNIPPET(write_straddling, "movl $5, data + 2\n write_straddling_end: nop");
LABEL(write_straddling_end);

CASE(data_unaligned, "an unaligned access may hit two ranges")
{
    setup();
    write_dr0((word)data);
    write_dr1((word)data + 4);
    write_dr2((word)data + 8);
    write_dr7(DR7_ON(0, WRITE, LEN4) | DR7_ON(1, WRITE, LEN4) | DR7_ON(2, WRITE, LEN4));
    write_straddling();
    check_eq(count, 1);
    expect_db(0, write_straddling_end, DR6_B0 | DR6_B1);
}

SNIPPET(push_data,
        "mov %esp, %ecx\n mov $data + 8, %esp\n push %eax\n push_data_end: mov %ecx, %esp");
LABEL(push_data_end);

CASE(data_push, "PUSH is a write to the stack")
{
    setup();
    write_dr0((word)data + 4);
    write_dr7(DR7_ON(0, WRITE, LEN4));
    /* The #DB pushes its own frame below: that is no access of the program. */
    push_data();
    check_eq(count, 1);
    expect_db(0, push_data_end, DR6_B0);
}

SNIPPET(rep_movs, "push %esi\n push %edi\n mov $data + 32, %esi\n mov $data, %edi\n mov $8, %ecx\n"
                  "rep_movs_insn: rep movsb\n rep_movs_end: nop\n pop %edi\n pop %esi");
LABEL(rep_movs_insn);
LABEL(rep_movs_end);

CASE(data_rep, "within REP the trap comes after the iteration, and the string goes on")
{
    /* [SDM3] "Data Memory and I/O Breakpoint Exception Conditions": repeated instructions. */
    setup();
    memset(data, 0, sizeof(data));
    data[32 + 7] = 0x77;
    write_dr0((word)data + 2);
    write_dr7(DR7_ON(0, WRITE, LEN1));
    rep_movs();
    check_eq(count, 1);
    expect_db(0, rep_movs_insn, DR6_B0);
    check_eq(data[7], 0x77);
}

CASE(data_rep_last, "after the last iteration the trap's address is the next instruction's")
{
    setup();
    write_dr0((word)data + 7);
    write_dr7(DR7_ON(0, WRITE, LEN1));
    rep_movs();
    check_eq(count, 1);
    expect_db(0, rep_movs_end, DR6_B0);
}

SNIPPET(io_out,
        "mov $0x80, %edx\n out %al, %dx\n io_out_end: nop\n in $0x84, %al\n io_in_end: nop");
LABEL(io_out_end);
LABEL(io_in_end);

CASE(io, "I/O breakpoints, with CR4.DE")
{
    setup();
    require(HAS_DE);
    write_dr0(0x80);
    write_dr1(0x84);
    write_dr7(DR7_ON(0, IO, LEN1) | DR7_ON(1, IO, LEN4));
    io_out();
    check_eq(count, 2);
    expect_db(0, io_out_end, DR6_B0);
    expect_db(1, io_in_end, DR6_B1);
}

CASE(io_is_not_memory, "an I/O breakpoint does not take memory, nor a data breakpoint a port")
{
    setup();
    write_dr0((word)data);
    write_dr1(0x80);
    write_dr7(DR7_ON(0, IO, LEN4) | DR7_ON(1, ACCESS, LEN4));
    write_data();
    io_out();
    check_eq(count, 0);
}

CASE(dr4_dr5, "DR4 and DR5: DR6 and DR7 without CR4.DE, #UD with it")
{
    /* [SDM3] "Debug Registers DR4 and DR5". */
    Trap t;
    word value;

    setup();
    trap_forget();
    t = TRY("mov %%dr4, %0", : "=r"(value));
    expect_fault(t, UD, 0);
    t = TRY("mov %0, %%dr5", : : "r"(0));
    expect_fault(t, UD, 0);
    write_cr4(read_cr4() & ~CR4_DE);
    write_dr7(DR7_TYPE(1, WRITE, LEN2));
    asm volatile("mov %%dr5, %0" : "=r"(value));
    check_eq(value, DR7_FIXED | DR7_TYPE(1, WRITE, LEN2));
}

static void user_reads_dr(void)
{
    asm volatile("mov %%dr0, %%eax" : : : "eax");
}

CASE(privilege, "debug registers are for ring 0")
{
    Trap t;

    setup();
    trap_forget();
    t = CATCH_USER(user_reads_dr);
    expect_raised(t, GP, 0);
}

/* --- general detect ------------------------------------------------------------------------------ */

CASE(general_detect,
     "with GD an access to a debug register is a fault, and the handler finds GD clear")
{
    /* [SDM3] "General-Detect Exception Condition". */
    Trap t;
    word value;

    setup();
    trap_forget();
    write_dr7(DR7_GD);
    t = TRY("mov %0, %%dr0", : : "r"(0));
    check_eq(t.vector, DB);
    check_eq(t.ip, try_begin);
    check_eq(t.dr6, DR6_FIXED | DR6_BD);
    check_eq(read_dr7(), DR7_FIXED);
    write_dr6(DR6_FIXED);
    write_dr7(DR7_GD);
    t = TRY("mov %%dr6, %0", : "=r"(value));
    check_eq(t.vector, DB);
    check_eq(t.dr6, DR6_FIXED | DR6_BD);
}

/* --- single step --------------------------------------------------------------------------------- */

SNIPPET(stepped, "pushf\n orl $0x100, (%esp)\n popf\n step_a: nop\n step_b: nop\n"
                 "step_c: pushf\n step_d: andl $~0x100, (%esp)\n step_e: popf\n step_f: nop");
LABEL(step_b);
LABEL(step_c);
LABEL(step_d);
LABEL(step_e);
LABEL(step_f);

CASE(single_step,
     "TF traps after each instruction, from the one after POPF to the one that clears TF")
{
    /* [SDM3] "Single-Step Exception Condition". */
    setup();
    stepped();
    check_eq(count, 5);
    expect_db(0, step_b, DR6_BS);
    expect_db(1, step_c, DR6_BS);
    expect_db(2, step_d, DR6_BS);
    expect_db(3, step_e, DR6_BS);
    expect_db(4, step_f, DR6_BS);
    check_eq(events[0].flags & FLAG_TF, FLAG_TF);
    check_eq(events[4].flags & FLAG_TF, 0);
}

SNIPPET(stepped_rep,
        "push %esi\n push %edi\n mov $data + 32, %esi\n mov $data, %edi\n mov $3, %ecx\n"
        "pushf\n orl $0x100, (%esp)\n popf\n step_rep: rep movsb\n step_rep_end: nop\n"
        "pushf\n andl $~0x100, (%esp)\n popf\n pop %edi\n pop %esi");
LABEL(step_rep);
LABEL(step_rep_end);

CASE(single_step_rep, "a REP instruction traps after each iteration")
{
    setup();
    stepped_rep();
    expect_db(0, step_rep, DR6_BS);
    expect_db(1, step_rep, DR6_BS);
    expect_db(2, step_rep_end, DR6_BS);
}

static void on_int(Frame *frame)
{
}

SNIPPET(stepped_int,
        "pushf\n orl $0x100, (%esp)\n popf\n int $0x60\n step_int_next: nop\n step_int_end: pushf\n"
        "andl $~0x100, (%esp)\n popf");
LABEL(step_int_end);

CASE(single_step_int, "INT n clears TF: no trap before its handler, and none until after the IRET")
{
    /* [SDM3] "Single-Step Exception Condition": INT n and INTO clear TF. */
    setup();
    trap_handle(0x60, on_int);
    stepped_int();
    expect_db(0, step_int_end, DR6_BS);
}

SNIPPET(
    stepped_ss,
    "pushf\n orl $0x100, (%esp)\n mov %ss, %ecx\n popf\n mov %ecx, %ss\n nop\n step_ss_end: pushf\n"
    "andl $~0x100, (%esp)\n popf");
LABEL(step_ss_end);

CASE(single_step_mov_ss, "no trap between MOV SS and the instruction after it")
{
    /* [SDM2] MOV; [SDM3] "Masking Exceptions and Interrupts When Switching Stacks". */
    setup();
    stepped_ss();
    expect_db(0, step_ss_end, DR6_BS);
}

CASE(single_step_and_data, "a step that hits a data breakpoint is one exception with both bits")
{
    extern const u8 both_end[];
    extern void both(void);

    setup();
    write_dr0((word)data);
    write_dr7(DR7_ON(0, WRITE, LEN4));
    both();
    expect_db(0, both_end, DR6_BS | DR6_B0);
}
SNIPPET(both, "pushf\n orl $0x100, (%esp)\n popf\n movl $1, data\n both_end: pushf\n"
              "andl $~0x100, (%esp)\n popf");

SNIPPET(ss_from_data, "mov %ss, data + 4\n mov data + 4, %ss\n ss_mid: nop\n ss_data_end: nop");
LABEL(ss_data_end);

CASE(data_mov_ss, "a data breakpoint met by MOV SS is told after the next instruction")
{
    /* [SDM3] "Masking Exceptions and Interrupts When Switching Stacks". */
    setup();
    write_dr0((word)data + 4);
    write_dr7(DR7_ON(0, ACCESS, LEN2));
    asm volatile("movl $0, %0" : "=m"(data[8]));
    ss_from_data();
    /* The store before it hits too. */
    check_eq(count, 2);
    expect_db(1, ss_data_end, DR6_B0);
}

CASE(sticky, "the CPU sets bits of DR6 and leaves the others of B0-B3 and BS to software")
{
    /* [SDM3] "Debug Status Register (DR6)": never cleared by the processor. */
    setup();
    write_dr6(DR6_FIXED | DR6_BS);
    write_dr1((word)data);
    write_dr7(DR7_ON(1, WRITE, LEN4));
    write_data();
    check_eq(count, 1);
    check_eq(events[0].dr6 & (DR6_BS | DR6_B1), DR6_BS | DR6_B1);
}

/* --- INT1, INT3, and RF of faults ---------------------------------------------------------------- */

CASE(icebp, "INT1 is a trap that leaves no bit in DR6")
{
    Trap t;

    /* [SDM2] INT n/INTO/INT3/INT1: INT1 "generates a debug exception without setting any bits in
     * DR6". */
    setup();
    trap_forget();
    t = TRY(".byte 0xf1");
    expect_trap(t, DB);
    check_eq(t.dr6, DR6_FIXED);
}

CASE(int3, "INT3 is #BP, a trap, and not #DB")
{
    Trap t;

    setup();
    t = TRY("int3");
    expect_trap(t, BP);
    check_eq(count, 0);
    check_eq(read_dr6(), DR6_FIXED);
}

CASE(rf_of_faults, "a fault pushes RF 1, a trap and INT n RF 0")
{
    /* [SDM3] "RF (resume) flag"; "Saving RF". */
    Trap t;

    setup();
    trap_forget();
    t = TRY("ud2");
    check_eq(t.frame.flags & FLAG_RF, FLAG_RF);
    t = TRY("mov %0, %%ds", : : "r"(0xfff0));
    check_eq(t.frame.flags & FLAG_RF, FLAG_RF);
    t = TRY("int3");
    check_eq(t.frame.flags & FLAG_RF, 0);
    t = TRY("int $0x60");
    check_eq(t.frame.flags & FLAG_RF, 0);
}

CASE(rf_flags, "PUSHF shows RF 0; POPF does not set it")
{
    setup();
    write_flags(FLAG_FIXED | FLAG_RF);
    check_eq(read_flags() & FLAG_RF, 0);
    write_dr0((word)nop_b);
    write_dr7(DR7_ON(0, EXECUTE, LEN1));
    three_nops();
    check_eq(count, 1);
}

SNIPPET(iret_rf, "pushf\n orl $0x10000, (%esp)\n push %cs\n push $iret_rf_a\n iret\n"
                 "iret_rf_a: nop\n iret_rf_b: nop");
LABEL(iret_rf_a);
LABEL(iret_rf_b);

CASE(rf_iret, "IRET can set RF: the breakpoint at its target is passed, the next is not")
{
    setup();
    write_dr0((word)iret_rf_a);
    write_dr1((word)iret_rf_b);
    write_dr7(DR7_ON(0, EXECUTE, LEN1) | DR7_ON(1, EXECUTE, LEN1));
    iret_rf();
    check_eq(count, 1);
    expect_db(0, iret_rf_b, DR6_B1);
}

CASE(execute_before_fault, "the breakpoint of an instruction comes before its own fault")
{
    extern const u8 bp_ud_insn[];
    extern void bp_ud(void);
    Trap t;

    /* [SDM3] "Priority Among Concurrent Events". */
    setup();
    write_dr0((word)bp_ud_insn);
    write_dr7(DR7_ON(0, EXECUTE, LEN1));
    t = CATCH(bp_ud());
    check_eq(t.vector, UD);
    check_eq(count, 1);
    expect_db(0, bp_ud_insn, DR6_B0);
}
SNIPPET(bp_ud, "nop\n bp_ud_insn: ud2");

CASE(data_after_fault, "an instruction that faults does not tell its data breakpoints")
{
    extern void half(void);
    Trap t;

    setup();
    write_dr0((word)data);
    write_dr7(DR7_ON(0, ACCESS, LEN4));
    t = CATCH(half());
    check_eq(t.vector, UD);
    check_eq(count, 0);
}
/* LOCK is illegal here; the operand would be read otherwise. */
SNIPPET(half, ".byte 0xf0\n mov data, %eax");
