/* test_protection_tasks.c - hardware task switches. [SDM3] "Task Management". */
#include "cpu/far.h"
#include "cpu/interrupt.h"
#include "cpu/task.h"
#include "tests/support/bare_cpu.h"

static NOINLINE Raised jump(BareCpu *t, uint16_t selector)
{
    return RAISED_BY(t, far_jump(t->cpu, selector, 0xdeadbeef, 4));
}

static NOINLINE Raised call(BareCpu *t, uint16_t selector)
{
    return RAISED_BY(t, far_call(t->cpu, selector, 0xdeadbeef, 4));
}

static void tss2_field(BareCpu *t, unsigned offset, uint32_t v, unsigned size)
{
    bare_write(t, AT_TSS2 + offset, v, size);
}

/* A ring 0 task at AT_HANDLER; general registers 11111111h, 22222222h, ... */
static void write_task2(BareCpu *t)
{
    tss2_field(t, 0x20, AT_HANDLER, 4);
    tss2_field(t, 0x24, FLAG_FIXED | FLAG_CF, 4);
    for (unsigned i = 0; i < 8; i++)
        tss2_field(t, 0x28 + 4 * i, 0x11111111 * (i + 1), 4);
    tss2_field(t, 0x38, 0x8000, 4); /* ESP */
    static const uint16_t selectors[] = {SEL_DATA0, SEL_CODE0, SEL_DATA0, SEL_DATA3, 0, 0};
    for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++)
        tss2_field(t, 0x48 + 4 * i, selectors[i], 2);
    tss2_field(t, 0x60, SEL_LDT, 2);
}

static BareCpu *two_tasks(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    write_task2(t);
    t->cpu->gpr[RAX] = 0xaaaa5555;
    t->cpu->gpr[RDI] = 0xdddd;
    eflags_set(t->cpu, FLAG_ZF);
    return t;
}

static void assert_in_task2(BareCpu *t)
{
    Cpu *cpu = t->cpu;
    g_assert_cmphex(cpu->tr.selector, ==, SEL_TSS2);
    g_assert_cmphex(cpu->tr.base, ==, AT_TSS2);
    g_assert_cmphex(cpu->rip, ==, AT_HANDLER);
    g_assert_cmphex(cpu->gpr[RAX], ==, 0x11111111);
    g_assert_cmphex(cpu->gpr[RDI], ==, 0x88888888);
    g_assert_cmphex(cpu->gpr[RSP], ==, 0x8000);
    g_assert_cmphex(cpu->seg[SEG_DS].selector, ==, SEL_DATA3);
    g_assert_cmphex(cpu->seg[SEG_FS].access, ==, 0);
    g_assert_true(cpu->cr0 & CR0_TS);
    g_assert_cmphex(bare_access(t, SEL_TSS2), ==, AR_P | DESC_TSS_BUSY);
}

static void assert_task1_saved(BareCpu *t, uint32_t eip, uint32_t eflags)
{
    g_assert_cmphex(bare_read(t, AT_TSS + 0x20, 4), ==, eip);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x24, 4), ==, eflags);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x28, 4), ==, 0xaaaa5555);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x44, 4), ==, 0xdddd);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x38, 4), ==, AT_STACK0);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x4c, 2), ==, SEL_CODE0);
    g_assert_cmphex(bare_read(t, AT_TSS + 0x54, 2), ==, SEL_DATA3);
}

/* --- the ways to switch ---------------------------------------------------------------------- */

/* The old task is no longer busy, the new one is not nested. */
static void by_jump(void)
{
    BareCpu *t = two_tasks();
    tss2_field(t, 0, 0x5555, 2);
    assert_quiet(jump(t, SEL_TSS2));
    assert_in_task2(t);
    assert_task1_saved(t, AT_CODE, FLAG_ZF | FLAG_FIXED);
    g_assert_cmphex(bare_access(t, SEL_TSS), ==, AR_P | DESC_TSS_AVAILABLE);
    g_assert_cmphex(eflags_get(t->cpu), ==, FLAG_CF | FLAG_FIXED);
    g_assert_cmphex(bare_read(t, AT_TSS2, 2), ==, 0x5555);
    bare_cpu_free(t);
}

/* Both are busy, NT is set, the back link names the caller; IRET goes back and undoes it. */
static void by_call_and_iret(void)
{
    BareCpu *t = two_tasks();
    assert_quiet(call(t, SEL_TSS2));
    assert_in_task2(t);
    g_assert_cmphex(bare_access(t, SEL_TSS), ==, AR_P | DESC_TSS_BUSY);
    g_assert_cmphex(eflags_get(t->cpu), ==, FLAG_CF | FLAG_NT | FLAG_FIXED);
    g_assert_cmphex(bare_read(t, AT_TSS2, 2), ==, SEL_TSS);
    t->cpu->gpr[RAX] = 0x77;
    assert_quiet(EXECUTE(t, 0xcf));
    g_assert_cmphex(t->cpu->tr.selector, ==, SEL_TSS);
    g_assert_cmphex(t->cpu->rip, ==, AT_CODE);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0xaaaa5555);
    g_assert_cmphex(eflags_get(t->cpu), ==, FLAG_ZF | FLAG_FIXED);
    g_assert_cmphex(bare_access(t, SEL_TSS), ==, AR_P | DESC_TSS_BUSY);
    g_assert_cmphex(bare_access(t, SEL_TSS2), ==, AR_P | DESC_TSS_AVAILABLE);
    /* Task 2 goes on after its IRET, without NT. */
    g_assert_cmphex(bare_read(t, AT_TSS2 + 0x20, 4), ==, AT_HANDLER + 1);
    g_assert_cmphex(bare_read(t, AT_TSS2 + 0x24, 4), ==, FLAG_CF | FLAG_FIXED);
    g_assert_cmphex(bare_read(t, AT_TSS2 + 0x28, 4), ==, 0x77);
    bare_cpu_free(t);
}

static void by_task_gate(void)
{
    BareCpu *t = two_tasks();
    bare_gdt(t, SEL_TEST, gate_make(SEL_TSS2, 0, AR_P | DESC_TASK_GATE, 0));
    assert_quiet(jump(t, SEL_TEST));
    assert_in_task2(t);
    bare_cpu_free(t);
}

/* The error code is the new task's. */
static void by_exception(void)
{
    BareCpu *t = two_tasks();
    bare_idt(t, EXC_GP, gate_make(SEL_TSS2, 0, AR_P | DESC_TASK_GATE, 0));
    exception_deliver(t->cpu, EXC_GP, 0x1230);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x8000 - 4);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, 0x1230);
    t->cpu->gpr[RSP] = 0x8000;
    assert_in_task2(t);
    assert_task1_saved(t, AT_CODE, FLAG_ZF | FLAG_RF | FLAG_FIXED);
    g_assert_true(t->cpu->eflags & FLAG_NT);
    bare_cpu_free(t);
}

/* --- refusals, in the old task --------------------------------------------------------------- */

typedef struct RefusalCase {
    const char *name;
    unsigned cpl;
    uint16_t selector;
    unsigned access; /* of the TSS descriptor at SEL_TEST */
    uint32_t limit;
    int vector;
    uint32_t error;
} RefusalCase;

enum { TSS = AR_P | DESC_TSS_AVAILABLE, TSS16 = AR_P | DESC_TSS16_AVAILABLE };

/* clang-format off */
static const RefusalCase refusals[] = {
    { "good",               0, SEL_TEST,     TSS,                  0x67, -1,     0 },
    { "limit too small",    0, SEL_TEST,     TSS,                  0x66, EXC_TS, SEL_TEST },
    { "16-bit limit",       0, SEL_TEST,     TSS16,                0x2a, EXC_TS, SEL_TEST },
    { "busy",               0, SEL_TEST,     AR_P | DESC_TSS_BUSY, 0x67, EXC_GP, SEL_TEST },
    { "busy 16-bit",        0, SEL_TEST,     AR_P | DESC_TSS16_BUSY, 0x67, EXC_GP, SEL_TEST },
    { "absent",             0, SEL_TEST,     TSS & ~AR_P,          0x67, EXC_NP, SEL_TEST },
    { "DPL below CPL",      3, SEL_TEST | 3, TSS,                  0x67, EXC_GP, SEL_TEST },
    { "DPL below RPL",      0, SEL_TEST | 3, TSS,                  0x67, EXC_GP, SEL_TEST },
    { "from ring 3",        3, SEL_TEST | 3, TSS | DPL(3),         0x67, -1,     0 },
};
/* clang-format on */

static void refused(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        const RefusalCase *c = &refusals[i];
        g_test_message("%s", c->name);
        BareCpu *t = two_tasks();
        bare_protected(t, c->cpl);
        bare_gdt(t, SEL_TEST, descriptor_make(AT_TSS2, c->limit, c->access));
        assert_raised(i % 2 ? jump(t, c->selector) : call(t, c->selector), c->vector, c->error);
        if (c->vector >= 0) {
            g_assert_cmphex(t->cpu->tr.selector, ==, SEL_TSS);
            g_assert_cmphex(t->cpu->rip, ==, AT_CODE);
            g_assert_cmphex(bare_access(t, SEL_TEST), ==, c->access);
        } else {
            g_assert_cmphex(t->cpu->tr.selector, ==, c->selector);
        }
        bare_cpu_free(t);
    }
}

/* [SDM2] IRET: TASK-RETURN: the link must name a busy TSS in the GDT. */
static void refused_returns(void)
{
    static const struct {
        uint16_t link;
        unsigned access;
        int vector;
        uint32_t error;
    } cases[] = {
        {SEL_TEST, AR_P | DESC_TSS_BUSY, -1, 0},
        {SEL_TEST, TSS, EXC_TS, SEL_TEST},
        {SEL_TEST, AR_P | DESC_LDT, EXC_TS, SEL_TEST},
        {SEL_TEST, DESC_TSS_BUSY, EXC_NP, SEL_TEST},
        {SEL_LOCAL, 0, EXC_TS, SEL_LOCAL},
        {SEL_BEYOND, 0, EXC_TS, SEL_BEYOND},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        BareCpu *t = two_tasks();
        eflags_set(t->cpu, FLAG_NT);
        bare_write(t, AT_TSS, cases[i].link, 2);
        if (cases[i].access)
            bare_gdt(t, SEL_TEST, descriptor_make(AT_TSS2, 0x67, cases[i].access));
        assert_raised(EXECUTE(t, 0xcf), cases[i].vector, cases[i].error);
        g_assert_cmphex(t->cpu->tr.selector, ==, cases[i].vector < 0 ? SEL_TEST : SEL_TSS);
        bare_cpu_free(t);
    }
}

/* --- faults of the new task's state, in the new task ----------------------------------------- */

typedef struct StateCase {
    const char *name;
    unsigned field; /* of TSS 2 */
    uint16_t selector;
    unsigned access; /* at SEL_TEST; 0: nothing written */
    int vector;
    uint32_t error;
} StateCase;

enum { F_ES = 0x48, F_CS = 0x4c, F_SS = 0x50, F_DS = 0x54, F_LDT = 0x60 };

/* clang-format off */
static const StateCase state_cases[] = {
    { "null LDT",             F_LDT, 0,            0,                   -1,     0 },
    { "LDT beyond GDT",       F_LDT, SEL_BEYOND,   0,                   EXC_TS, SEL_BEYOND },
    { "LDT in LDT",           F_LDT, SEL_LOCAL,    0,                   EXC_TS, SEL_LOCAL },
    { "LDT is data",          F_LDT, SEL_TEST,     ACC_DATA,            EXC_TS, SEL_TEST },
    { "LDT absent",           F_LDT, SEL_TEST,     DESC_LDT,            EXC_TS, SEL_TEST },
    { "null CS",              F_CS,  0,            0,                   EXC_TS, 0 },
    { "CS beyond GDT",        F_CS,  SEL_BEYOND,   0,                   EXC_TS, SEL_BEYOND },
    { "CS is data",           F_CS,  SEL_TEST,     ACC_DATA,            EXC_TS, SEL_TEST },
    { "CS DPL is not RPL",    F_CS,  SEL_TEST,     ACC_CODE | DPL(3),   EXC_TS, SEL_TEST },
    { "CS absent",            F_CS,  SEL_TEST,     ACC_CODE & ~AR_P,    EXC_NP, SEL_TEST },
    { "null SS",              F_SS,  0,            0,                   EXC_TS, 0 },
    { "SS beyond GDT",        F_SS,  SEL_BEYOND,   0,                   EXC_TS, SEL_BEYOND },
    { "SS read-only",         F_SS,  SEL_TEST,     ACC_DATA_RO,         EXC_TS, SEL_TEST },
    { "SS DPL is not CPL",    F_SS,  SEL_TEST,     ACC_DATA | DPL(3),   EXC_TS, SEL_TEST },
    { "SS RPL is not CPL",    F_SS,  SEL_TEST | 3, ACC_DATA,            EXC_TS, SEL_TEST },
    { "SS absent",            F_SS,  SEL_TEST,     ACC_DATA & ~AR_P,    EXC_SS, SEL_TEST },
    { "ES beyond GDT",        F_ES,  SEL_BEYOND,   0,                   EXC_TS, SEL_BEYOND },
    { "ES execute-only",      F_ES,  SEL_TEST,     ACC_CODE_X,          EXC_TS, SEL_TEST },
    { "DS RPL above DPL",     F_DS,  SEL_TEST | 3, ACC_DATA,            EXC_TS, SEL_TEST },
    { "DS absent",            F_DS,  SEL_TEST,     ACC_DATA & ~AR_P,    EXC_NP, SEL_TEST },
    { "DS readable code",     F_DS,  SEL_TEST,     ACC_CODE,            -1,     0 },
    { "EIP beyond limit",     F_CS,  SEL_TEST,     ACC_CODE,            EXC_GP, 0 },
};
/* clang-format on */

static void new_state(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(state_cases); i++) {
        const StateCase *c = &state_cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = two_tasks();
        if (c->access)
            bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, c->access));
        tss2_field(t, c->field, c->selector, 2);
        assert_raised(jump(t, SEL_TSS2), c->vector, c->error);
        g_assert_cmphex(t->cpu->tr.selector, ==, SEL_TSS2);
        g_assert_cmphex(t->cpu->rip, ==, AT_HANDLER);
        g_assert_cmphex(t->cpu->rip_start, ==, AT_HANDLER); /* where the fault is reported */
        bare_cpu_free(t);
    }
}

/* An external event's faults carry EXT, before and after the switch. */
static void ext_bit(void)
{
    BareCpu *t = two_tasks();
    bare_idt(t, 0x30, gate_make(SEL_TSS2, 0, AR_P | DESC_TASK_GATE, 0));
    tss2_field(t, F_LDT, SEL_BEYOND, 2);
    assert_raised(RAISED_BY(t, interrupt_hardware(t->cpu, 0x30)), EXC_TS, SEL_BEYOND + 1);
    bare_protected(t, 0);
    assert_raised(RAISED_BY(t, interrupt_hardware(t->cpu, 0x30)), EXC_GP, SEL_TSS2 + 1); /* busy */
    bare_cpu_free(t);
}

/* --- particular tasks ------------------------------------------------------------------------ */

static void of_16_bits(void)
{
    BareCpu *t = two_tasks();
    memset(t->ram.host + AT_TSS2, 0, 0x68);
    bare_gdt(t, SEL_TSS2, descriptor_make(AT_TSS2, 0x2b, TSS16));
    tss2_field(t, 0x0e, 0x1234, 2);
    tss2_field(t, 0x10, FLAG_CF, 2);
    tss2_field(t, 0x12, 0xabcd, 2); /* AX */
    tss2_field(t, 0x1a, 0x8000, 2); /* SP */
    tss2_field(t, 0x22, SEL_DATA16, 2);
    tss2_field(t, 0x24, SEL_CODE16, 2);
    tss2_field(t, 0x26, SEL_DATA16, 2);
    tss2_field(t, 0x28, SEL_DATA16, 2);
    assert_quiet(call(t, SEL_TSS2));
    Cpu *cpu = t->cpu;
    g_assert_cmphex(cpu->rip, ==, 0x1234);
    g_assert_cmphex(cpu->gpr[RAX], ==, 0xabcd);
    g_assert_cmphex(cpu->seg[SEG_CS].selector, ==, SEL_CODE16);
    g_assert_cmphex(cpu->seg[SEG_FS].access, ==, 0);
    g_assert_cmphex(eflags_get(cpu), ==, FLAG_CF | FLAG_NT | FLAG_FIXED);
    assert_task1_saved(t, AT_CODE, FLAG_ZF | FLAG_FIXED);
    g_assert_cmphex(bare_access(t, SEL_TSS2), ==, AR_P | DESC_TSS16_BUSY);
    cpu->gpr[RSI] = 0x12345678;
    assert_quiet(EXECUTE(t, 0xcf));
    g_assert_cmphex(bare_read(t, AT_TSS2 + 0x1e, 2), ==, 0x5678);
    g_assert_cmphex(bare_read(t, AT_TSS2 + 0x0e, 2), ==, 0x1235);
    bare_cpu_free(t);
}

static void in_v86_mode(void)
{
    BareCpu *t = two_tasks();
    tss2_field(t, 0x24, FLAG_VM | FLAG_IOPL | FLAG_FIXED, 4);
    tss2_field(t, 0x20, 0x1234, 4);
    tss2_field(t, F_CS, 0x1000, 2);
    tss2_field(t, F_DS, 0x2000, 2);
    assert_quiet(jump(t, SEL_TSS2));
    g_assert_cmpint(t->cpu->mode, ==, CPU_V86);
    g_assert_cmpint(t->cpu->cpl, ==, 3);
    g_assert_cmphex(t->cpu->seg[SEG_CS].base, ==, 0x10000);
    g_assert_cmphex(t->cpu->seg[SEG_DS].access, ==, 0xf3);
    bare_cpu_free(t);
}

static void outer_task(void)
{
    BareCpu *t = two_tasks();
    tss2_field(t, F_CS, SEL_CODE3, 2);
    tss2_field(t, F_SS, SEL_DATA3, 2);
    tss2_field(t, F_ES, SEL_DATA3, 2);
    assert_quiet(jump(t, SEL_TSS2));
    g_assert_cmpint(t->cpu->cpl, ==, 3);
    bare_cpu_free(t);
}

/* CR3 is loaded only with paging on. */
static void page_tables(void)
{
    BareCpu *t = two_tasks();
    tss2_field(t, 0x1c, 0x123000, 4);
    assert_quiet(jump(t, SEL_TSS2));
    g_assert_cmphex(t->cpu->cr3, ==, 0);
    bare_cpu_free(t);

    t = two_tasks();
    enum { PDE_4MB_ALL = 0x87 };
    bare_write(t, AT_PAGES, PDE_4MB_ALL, 4);
    bare_write(t, AT_PAGES + 0x1000, PDE_4MB_ALL, 4);
    t->cpu->cr4 |= CR4_PSE;
    t->cpu->cr3 = AT_PAGES;
    t->cpu->cr0 |= CR0_PG;
    cpu_update_mode(t->cpu);
    tss2_field(t, 0x1c, AT_PAGES + 0x1000, 4);
    assert_quiet(jump(t, SEL_TSS2));
    g_assert_cmphex(t->cpu->cr3, ==, AT_PAGES + 0x1000);
    bare_cpu_free(t);
}

/* The T flag: #DB with DR6.BT before the task's first instruction. Local breakpoints are dropped.
 */
static void debug_trap(void)
{
    BareCpu *t = two_tasks();
    Cpu *cpu = t->cpu;
    bare_idt(t, EXC_DB, gate_make(SEL_CODE0, AT_HANDLER + 0x100, AR_P | DESC_INT_GATE, 0));
    tss2_field(t, 0x64, 1, 2);
    cpu->dr[7] = DR7_FIXED | 0x3; /* L0, G0 */
    debug_registers_changed(cpu);
    RUN(t, 1, 0xea, 0, 0, 0, 0, SEL_TSS2, 0);
    g_assert_cmphex(cpu->tr.selector, ==, SEL_TSS2);
    g_assert_cmphex(cpu->dr[7], ==, DR7_FIXED | 0x2);
    g_assert_cmphex(cpu->rip, ==, AT_HANDLER + 0x100);
    g_assert_cmphex(cpu->dr[6], ==, DR6_FIXED | DR6_BT);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, AT_HANDLER);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tasks/by-jump", by_jump);
    g_test_add_func("/tasks/by-call-and-iret", by_call_and_iret);
    g_test_add_func("/tasks/by-task-gate", by_task_gate);
    g_test_add_func("/tasks/by-exception", by_exception);
    g_test_add_func("/tasks/refused", refused);
    g_test_add_func("/tasks/refused-returns", refused_returns);
    g_test_add_func("/tasks/new-state", new_state);
    g_test_add_func("/tasks/ext-bit", ext_bit);
    g_test_add_func("/tasks/of-16-bits", of_16_bits);
    g_test_add_func("/tasks/in-v86-mode", in_v86_mode);
    g_test_add_func("/tasks/outer-task", outer_task);
    g_test_add_func("/tasks/page-tables", page_tables);
    g_test_add_func("/tasks/debug-trap", debug_trap);
    return g_test_run();
}
