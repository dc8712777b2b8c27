/* test_protection_debug.c - single steps, breakpoints, DR6, RF, and the shadow of MOV SS, in the
 * run loop. [SDM3] "Debug, Branch Profile, TSC, and Intel Resource Director Technology Features".
 */
#include "cpu/interrupt.h"
#include "tests/support/bare_cpu.h"

enum {
    DB_HANDLER = AT_HANDLER + 0x100,
    UD_HANDLER = AT_HANDLER + 0x200,
    INT_HANDLER = AT_HANDLER + 0x300
};

/* DR7 fields of breakpoint n: enabled globally, and what it stops on. */
enum { ON_FETCH = 0, ON_WRITE = 1, ON_IO = 2, ON_ACCESS = 3 };
enum { LEN1 = 0, LEN2 = 1, LEN8 = 2, LEN4 = 3 };
#define BREAK(n, on, len) \
    ((uint64_t)(2u << 2 * (n)) | (uint64_t)((on) | (len) << 2) << (16 + 4 * (n)))

static BareCpu *debugged(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_idt(t, EXC_DB, gate_make(SEL_CODE0, DB_HANDLER, AR_P | DESC_INT_GATE, 0));
    bare_idt(t, EXC_UD, gate_make(SEL_CODE0, UD_HANDLER, AR_P | DESC_INT_GATE, 0));
    bare_idt(t, 0x30, gate_make(SEL_CODE0, INT_HANDLER, AR_P | DESC_INT_GATE, 0));
    t->cpu->seg[SEG_DS] = t->cpu->seg[SEG_ES] = t->cpu->seg[SEG_SS];
    t->cpu->gpr[RBX] = AT_DATA;
    return t;
}

static void arm(BareCpu *t, unsigned n, uint64_t address, uint64_t dr7)
{
    t->cpu->dr[n] = address;
    t->cpu->dr[7] |= DR7_FIXED | dr7;
    debug_registers_changed(t->cpu);
}

/* In the #DB handler, which returns to eip; DR6 low half as given. */
static void assert_trapped(BareCpu *t, uint32_t eip, uint32_t dr6)
{
    g_assert_cmphex(t->cpu->rip, ==, DB_HANDLER);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, eip);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED | dr6);
    g_assert_cmphex(t->cpu->pending_db, ==, 0);
}

static void assert_running(BareCpu *t, uint32_t eip)
{
    g_assert_cmphex(t->cpu->rip, ==, eip);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0);
}

/* --- TF -------------------------------------------------------------------------------------- */

static void single_step(BareCpu *t)
{
    eflags_set(t->cpu, FLAG_TF);
}

static void step(void)
{
    BareCpu *t = debugged();
    single_step(t);
    RUN(t, 1, 0x90, 0x90);
    assert_trapped(t, AT_CODE + 1, DR6_BS);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_TF | FLAG_FIXED);
    g_assert_false(t->cpu->eflags & FLAG_TF);
    /* The handler itself is not stepped, and then nothing is armed. */
    RUN(t, 1, 0x90);
    g_assert_cmphex(t->cpu->rip, ==, DB_HANDLER + 1);
    g_assert_false(t->cpu->pending & PENDING_DEBUG);
    bare_cpu_free(t);
}

/* The instruction after the one that sets TF is the first to trap; the one that clears it traps. */
static void step_from_popf(void)
{
    BareCpu *t = debugged();
    bare_push(t, FLAG_TF, 4);
    RUN(t, 1, 0x9d, 0x90, 0x90); /* popf; nop; nop */
    assert_running(t, AT_CODE + 1);
    cpu_run(t->cpu, 1);
    assert_trapped(t, AT_CODE + 2, DR6_BS);
    bare_cpu_free(t);

    t = debugged();
    bare_push(t, 0, 4);
    single_step(t);
    RUN(t, 1, 0x9d, 0x90);
    assert_trapped(t, AT_CODE + 1, DR6_BS);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_FIXED);
    bare_cpu_free(t);
}

static void step_from_iret(void)
{
    BareCpu *t = debugged();
    bare_push(t, FLAG_TF, 4);
    bare_push(t, SEL_CODE0, 4);
    bare_push(t, AT_CODE + 1, 4);
    RUN(t, 2, 0xcf, 0x90, 0x90);
    assert_trapped(t, AT_CODE + 2, DR6_BS);
    bare_cpu_free(t);
}

/* INT n clears TF in its handler and is not trapped itself. */
static void step_into_interrupt(void)
{
    BareCpu *t = debugged();
    single_step(t);
    RUN(t, 1, 0xcd, 0x30);
    g_assert_cmphex(t->cpu->rip, ==, INT_HANDLER);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_TF | FLAG_FIXED);
    g_assert_cmphex(t->cpu->pending_db, ==, 0);
    bare_cpu_free(t);
}

/* A fault abandons the step. */
static void step_into_fault(void)
{
    BareCpu *t = debugged();
    single_step(t);
    RUN(t, 1, 0x0f, 0x0b); /* ud2 */
    g_assert_cmphex(t->cpu->rip, ==, UD_HANDLER);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, AT_CODE);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_TF | FLAG_RF | FLAG_FIXED);
    g_assert_cmphex(t->cpu->pending_db, ==, 0);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED);
    bare_cpu_free(t);
}

static void step_over_mov_ss(void)
{
    BareCpu *t = debugged();
    single_step(t);
    t->cpu->gpr[RAX] = SEL_DATA0;
    RUN(t, 1, 0x8e, 0xd0, 0x90, 0x90); /* mov ss, ax; nop; nop */
    assert_running(t, AT_CODE + 2);
    cpu_run(t->cpu, 1);
    assert_trapped(t, AT_CODE + 3, DR6_BS);
    bare_cpu_free(t);
}

static void step_wakes_halt(void)
{
    BareCpu *t = debugged();
    single_step(t);
    RUN(t, 1, 0xf4);
    assert_trapped(t, AT_CODE + 1, DR6_BS);
    g_assert_cmpint(t->cpu->activity, ==, CPU_RUNNING);
    bare_cpu_free(t);
}

/* A trap after each iteration, with RF set but after the last. */
static void step_through_repeat(void)
{
    BareCpu *t = debugged();
    t->cpu->gpr[RCX] = 2;
    t->cpu->gpr[RDI] = AT_DATA;
    single_step(t);
    RUN(t, 1, 0xf3, 0xaa); /* rep stosb */
    assert_trapped(t, AT_CODE, DR6_BS);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_TF | FLAG_RF | FLAG_FIXED);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 1);
    RUN(t, 2, 0xcf);
    assert_trapped(t, AT_CODE + 2, DR6_BS);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_TF | FLAG_FIXED);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0);
    bare_cpu_free(t);
}

static void icebp(void)
{
    BareCpu *t = debugged();
    RUN(t, 1, 0xf1);
    assert_trapped(t, AT_CODE + 1, 0);
    bare_cpu_free(t);
}

/* --- instruction breakpoints ----------------------------------------------------------------- */

static void instruction_breakpoint(void)
{
    BareCpu *t = debugged();
    arm(t, 1, AT_CODE + 1, BREAK(1, ON_FETCH, LEN1));
    RUN(t, 1, 0x90, 0x90, 0x90);
    assert_running(t, AT_CODE + 1);
    cpu_run(t->cpu, 1);
    assert_trapped(t, AT_CODE + 1, 1 << 1);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_FIXED); /* RF is the handler's to set */
    /* IRET with RF set gets past it, once. */
    bare_write(t, t->cpu->gpr[RSP] + 8, FLAG_RF | FLAG_FIXED, 4);
    RUN(t, 2, 0xcf);
    assert_running(t, AT_CODE + 2);
    g_assert_false(t->cpu->eflags & FLAG_RF);
    t->cpu->rip = AT_CODE + 1;
    cpu_run(t->cpu, 1);
    g_assert_cmphex(t->cpu->rip, ==, DB_HANDLER);
    bare_cpu_free(t);
}

static int give_vector(void *opaque)
{
    return 0x30;
}

/* Without breakpoints RF hides nothing: IRET drops it, and a repeated instruction behind it need
 * not be looked at once an iteration. The frame of an interrupt that waits shows it. */
static void resume_without_breakpoints(void)
{
    static const IntcOps ops = {.acknowledge = give_vector};
    for (unsigned waits = 0; waits < 2; waits++) {
        BareCpu *t = debugged();
        t->cpu->bus.intc_ops = &ops;
        bare_push(t, FLAG_RF | FLAG_IF | FLAG_FIXED, 4);
        bare_push(t, SEL_CODE0, 4);
        bare_push(t, AT_CODE + 1, 4);
        cpu_set_line(t->cpu, CPU_LINE_INTR, waits);
        RUN(t, 1, 0xcf, 0x90);
        assert_running(t, AT_CODE + 1);
        g_assert_cmphex(t->cpu->eflags & FLAG_RF, ==, waits ? FLAG_RF : 0);
        g_assert_cmphex(t->cpu->pending & PENDING_DEBUG, ==, waits ? PENDING_DEBUG : 0);
        cpu_run(t->cpu, 1);
        if (waits)
            g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_RF | FLAG_IF | FLAG_FIXED);
        else
            assert_running(t, AT_CODE + 2);
        bare_cpu_free(t);
    }
}

/* The breakpoint's linear address, not the offset. */
static void instruction_breakpoint_is_linear(void)
{
    BareCpu *t = debugged();
    bare_real(t);
    bare_write(t, 4 * EXC_DB, 0x11000100, 4);
    arm(t, 0, AT_CODE, BREAK(0, ON_FETCH, LEN1));
    RUN(t, 1, 0x90);
    g_assert_cmphex(t->cpu->rip, ==, 0x100);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED | 1);
    bare_cpu_free(t);
}

/* On a repeated instruction it stops before the first iteration only. */
static void instruction_breakpoint_on_repeat(void)
{
    BareCpu *t = debugged();
    t->cpu->gpr[RCX] = 3;
    t->cpu->gpr[RDI] = AT_DATA;
    arm(t, 0, AT_CODE, BREAK(0, ON_FETCH, LEN1));
    RUN(t, 1, 0xf3, 0xaa, 0x90);
    assert_trapped(t, AT_CODE, 1);
    bare_write(t, t->cpu->gpr[RSP] + 8, FLAG_RF | FLAG_FIXED, 4);
    RUN(t, 5, 0xcf);
    assert_running(t, AT_CODE + 3);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0);
    bare_cpu_free(t);
}

static void instruction_breakpoint_in_shadow(void)
{
    BareCpu *t = debugged();
    t->cpu->gpr[RAX] = SEL_DATA0;
    arm(t, 0, AT_CODE + 2, BREAK(0, ON_FETCH, LEN1));
    RUN(t, 2, 0x8e, 0xd0, 0x90, 0x90);
    assert_running(t, AT_CODE + 3);
    bare_cpu_free(t);
}

/* --- data breakpoints ------------------------------------------------------------------------ */

typedef struct DataCase {
    const char *name;
    unsigned on, len;
    uint32_t address;
    uint8_t code[3]; /* two bytes or three */
    bool hit;
} DataCase;

/* clang-format off */
static const DataCase data_cases[] = {
    { "write, written",         ON_WRITE,  LEN4, AT_DATA,     { 0x89, 0x03, 0x90 }, true },  /* mov [ebx], eax */
    { "write, read",            ON_WRITE,  LEN4, AT_DATA,     { 0x8b, 0x03, 0x90 }, false }, /* mov eax, [ebx] */
    { "access, read",           ON_ACCESS, LEN4, AT_DATA,     { 0x8b, 0x03, 0x90 }, true },
    { "access, written",        ON_ACCESS, LEN4, AT_DATA,     { 0x89, 0x03, 0x90 }, true },
    { "access, both",           ON_ACCESS, LEN1, AT_DATA,     { 0x01, 0x03, 0x90 }, true },  /* add [ebx], eax */
    { "write, both",            ON_WRITE,  LEN1, AT_DATA,     { 0x01, 0x03, 0x90 }, true },
    { "last byte",              ON_WRITE,  LEN1, AT_DATA + 3, { 0x89, 0x03, 0x90 }, true },
    { "byte after",             ON_WRITE,  LEN1, AT_DATA + 4, { 0x89, 0x03, 0x90 }, false },
    { "byte before",            ON_WRITE,  LEN1, AT_DATA - 1, { 0x89, 0x03, 0x90 }, false },
    { "range is aligned down",  ON_WRITE,  LEN4, AT_DATA + 3, { 0x88, 0x03, 0x90 }, true },  /* mov [ebx], al */
    { "eight bytes",            ON_WRITE,  LEN8, AT_DATA + 7, { 0x88, 0x03, 0x90 }, true },
    { "two bytes",              ON_WRITE,  LEN2, AT_DATA + 2, { 0x88, 0x03, 0x90 }, false },
    { "fetch, accessed",        ON_FETCH,  LEN1, AT_DATA,     { 0x89, 0x03, 0x90 }, false },
    { "push",                   ON_WRITE,  LEN4, AT_STACK0 - 4, { 0x50, 0x90, 0x90 }, true },
};
/* clang-format on */

static void data_breakpoints(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(data_cases); i++) {
        const DataCase *c = &data_cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = debugged();
        arm(t, 2, c->address, BREAK(2, c->on, c->len));
        bare_run(t, 1, c->code, sizeof(c->code));
        unsigned length = c->code[0] == 0x50 ? 1 : 2;
        if (c->hit)
            assert_trapped(t, AT_CODE + length, 1 << 2);
        else
            assert_running(t, AT_CODE + length);
        bare_cpu_free(t);
    }
}

/* The store has happened when the trap comes; a step of the same instruction is reported with it.
 */
static void data_breakpoint_and_step(void)
{
    BareCpu *t = debugged();
    arm(t, 0, AT_DATA, BREAK(0, ON_WRITE, LEN4));
    single_step(t);
    t->cpu->gpr[RAX] = 0x12345678;
    RUN(t, 1, 0x89, 0x03);
    assert_trapped(t, AT_CODE + 2, DR6_BS | 1);
    g_assert_cmphex(bare_read(t, AT_DATA, 4), ==, 0x12345678);
    bare_cpu_free(t);
}

/* Disarmed, the page may enter the TLB again and instructions run in blocks. */
static void disarmed(void)
{
    BareCpu *t = debugged();
    arm(t, 0, AT_DATA, BREAK(0, ON_WRITE, LEN4));
    g_assert_true(t->cpu->pending & PENDING_DEBUG);
    t->cpu->dr[7] = DR7_FIXED;
    debug_registers_changed(t->cpu);
    RUN(t, 3, 0x89, 0x03, 0x89, 0x03, 0x90);
    assert_running(t, AT_CODE + 5);
    g_assert_false(t->cpu->pending & PENDING_DEBUG);
    bare_cpu_free(t);
}

/* A hit by MOV SS waits for the next instruction, even if that is INT: the trap then comes in its
 * handler. */
static void data_breakpoint_of_mov_ss(void)
{
    BareCpu *t = debugged();
    bare_write(t, AT_DATA, SEL_DATA0, 2);
    arm(t, 0, AT_DATA, BREAK(0, ON_ACCESS, LEN2));
    RUN(t, 1, 0x8e, 0x13, 0xcd, 0x30); /* mov ss, [ebx]; int 30h */
    assert_running(t, AT_CODE + 2);
    cpu_run(t->cpu, 1);
    assert_trapped(t, INT_HANDLER, 1);
    g_assert_cmphex(bare_stack(t, 3, 4), ==, AT_CODE + 4);
    bare_cpu_free(t);
}

/* INT1 is a #DB itself: one trap tells of both. */
static void data_breakpoint_of_mov_ss_and_icebp(void)
{
    BareCpu *t = debugged();
    bare_write(t, AT_DATA, SEL_DATA0, 2);
    arm(t, 0, AT_DATA, BREAK(0, ON_ACCESS, LEN2));
    RUN(t, 2, 0x8e, 0x13, 0xf1); /* mov ss, [ebx]; int1 */
    assert_trapped(t, AT_CODE + 3, 1);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 12);
    bare_cpu_free(t);
}

/* --- fast system calls ----------------------------------------------------------------------- */

static BareCpu *debugged_long(unsigned cpl)
{
    BareCpu *t = bare_cpu();
    bare_long(t, cpl);
    bare_idt_long(t, EXC_DB, gate_make(SEL_CODE64, DB_HANDLER, AR_P | DESC_INT_GATE, 0), 0);
    t->cpu->star = (uint64_t)SEL_CODE64 << 32 | (uint64_t)(SEL_CODE64_3 - 16) << 48;
    t->cpu->lstar = AT_CODE + 0x800;
    return t;
}

/* TF that SYSCALL masks does not trap in the kernel; TF that it leaves does. */
static void step_into_syscall(void)
{
    BareCpu *t = debugged_long(3);
    t->cpu->fmask = FLAG_TF;
    single_step(t);
    RUN(t, 1, 0x0f, 0x05);
    g_assert_cmphex(t->cpu->rip, ==, AT_CODE + 0x800);
    g_assert_cmphex(t->cpu->pending_db, ==, 0);
    bare_cpu_free(t);

    t = debugged_long(3);
    single_step(t);
    RUN(t, 1, 0x0f, 0x05);
    g_assert_cmphex(t->cpu->rip, ==, DB_HANDLER);
    g_assert_cmphex(bare_stack(t, 0, 8), ==, AT_CODE + 0x800);
    bare_cpu_free(t);
}

/* TF that SYSRET restores traps before the program's next instruction. */
static void step_from_sysret(void)
{
    BareCpu *t = debugged_long(0);
    t->cpu->gpr[RCX] = AT_CODE + 0x10;
    t->cpu->gpr[R11] = FLAG_TF;
    RUN(t, 1, 0x48, 0x0f, 0x07);
    cpu_run(t->cpu, 1); /* the trap, and the handler's first instruction */
    g_assert_cmphex(bare_read(t, AT_STACK0 - 40, 8), ==, AT_CODE + 0x10);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED | DR6_BS);
    bare_cpu_free(t);
}

/* --- I/O, GD --------------------------------------------------------------------------------- */

static void io_breakpoints(void)
{
    BareCpu *t = debugged();
    arm(t, 3, 0x60, BREAK(3, ON_IO, LEN1));
    RUN(t, 1, 0xe6, 0x60, 0xe6, 0x60); /* out 60h, al */
    assert_running(t, AT_CODE + 2);
    t->cpu->cr4 |= CR4_DE;
    cpu_run(t->cpu, 1);
    assert_trapped(t, AT_CODE + 4, 1 << 3);
    bare_cpu_free(t);
}

/* DR6.BD, a fault, and GD is clear in the handler. */
static void general_detect(void)
{
    BareCpu *t = debugged();
    t->cpu->dr[7] |= DR7_GD;
    RUN(t, 1, 0x0f, 0x21, 0xf8); /* mov eax, dr7 */
    assert_trapped(t, AT_CODE, DR6_BD);
    g_assert_cmphex(bare_stack(t, 2, 4), ==, FLAG_RF | FLAG_FIXED);
    g_assert_cmphex(t->cpu->dr[7], ==, DR7_FIXED);
    bare_cpu_free(t);
}

/* B0-B3 tell of the last event only; BS, BT and BD stay until software clears them. */
static void sticky_bits(void)
{
    BareCpu *t = debugged();
    t->cpu->dr[6] = DR6_FIXED | DR6_BT | 0xf;
    single_step(t);
    RUN(t, 1, 0x90);
    assert_trapped(t, AT_CODE + 1, DR6_BT | DR6_BS);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debug/step", step);
    g_test_add_func("/debug/step-from-popf", step_from_popf);
    g_test_add_func("/debug/step-from-iret", step_from_iret);
    g_test_add_func("/debug/step-into-interrupt", step_into_interrupt);
    g_test_add_func("/debug/step-into-fault", step_into_fault);
    g_test_add_func("/debug/step-over-mov-ss", step_over_mov_ss);
    g_test_add_func("/debug/step-wakes-halt", step_wakes_halt);
    g_test_add_func("/debug/step-through-repeat", step_through_repeat);
    g_test_add_func("/debug/icebp", icebp);
    g_test_add_func("/debug/instruction-breakpoint", instruction_breakpoint);
    g_test_add_func("/debug/resume-without-breakpoints", resume_without_breakpoints);
    g_test_add_func("/debug/instruction-breakpoint-is-linear", instruction_breakpoint_is_linear);
    g_test_add_func("/debug/instruction-breakpoint-on-repeat", instruction_breakpoint_on_repeat);
    g_test_add_func("/debug/instruction-breakpoint-in-shadow", instruction_breakpoint_in_shadow);
    g_test_add_func("/debug/data-breakpoints", data_breakpoints);
    g_test_add_func("/debug/data-breakpoint-and-step", data_breakpoint_and_step);
    g_test_add_func("/debug/disarmed", disarmed);
    g_test_add_func("/debug/data-breakpoint-of-mov-ss", data_breakpoint_of_mov_ss);
    g_test_add_func("/debug/data-breakpoint-of-mov-ss-and-icebp",
                    data_breakpoint_of_mov_ss_and_icebp);
    g_test_add_func("/debug/step-into-syscall", step_into_syscall);
    g_test_add_func("/debug/step-from-sysret", step_from_sysret);
    g_test_add_func("/debug/io-breakpoints", io_breakpoints);
    g_test_add_func("/debug/general-detect", general_detect);
    g_test_add_func("/debug/sticky-bits", sticky_bits);
    return g_test_run();
}
