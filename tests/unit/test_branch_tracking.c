/* test_branch_tracking.c - indirect-branch tracking: an indirect CALL or JMP must find an ENDBR of
 * the right kind. [SDM1] "Indirect Branch Tracking"; [SDM2] ENDBR64, JMP, CALL. */
#include "cpu/cet.h"
#include "tests/support/bare_cpu.h"

enum { TARGET = AT_CODE + 0x100, CP_HANDLER = AT_HANDLER };

/* At privilege 0, RAX and [RBX] are TARGET; #CP ends at CP_HANDLER. */
static BareCpu *tracked_cpu(uint64_t control)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, 0);
    bare_idt_long(t, EXC_CP, gate_make(SEL_CODE64, CP_HANDLER, AR_P | DESC_INT_GATE, 0), 0);
    cpu->cr0 |= CR0_WP;
    cpu->cr4 |= CR4_CET;
    cpu->s_cet = CET_ENDBR_EN | control;
    cpu->gpr[RAX] = TARGET;
    cpu->gpr[RBX] = AT_DATA;
    bare_write(t, AT_DATA, TARGET, 8);
    cpu_update_mode(cpu);
    return t;
}

static void put(BareCpu *t, PhysAddr pa, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bare_write(t, pa + i, bytes[i], 1);
}

#define PUT(t, pa, ...) \
    put(t, pa, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

typedef struct BranchCase {
    const char *name;
    uint8_t branch[4];
    uint8_t target[5]; /* first instruction there */
    uint64_t control;  /* beside ENDBR_EN */
    bool allowed;
    uint64_t after; /* SUPPRESS and TRACKER, where allowed */
} BranchCase;

#define ENDBR64 0xf3, 0x0f, 0x1e, 0xfa
#define ENDBR32 0xf3, 0x0f, 0x1e, 0xfb
#define NOP     0x90

/* clang-format off */
static const BranchCase cases[] = {
    { "jmp rax",                 {0xff, 0xe0},       {ENDBR64}, 0, true, 0 },
    { "jmp [rbx]",               {0xff, 0x23},       {ENDBR64}, 0, true, 0 },
    { "call rax",                {0xff, 0xd0},       {ENDBR64}, 0, true, 0 },
    { "jmp rax, no mark",        {0xff, 0xe0},       {NOP},     0, false, 0 },
    { "call [rbx], no mark",     {0xff, 0x13},       {NOP},     0, false, 0 },
    { "jmp rax, other mode's",   {0xff, 0xe0},       {ENDBR32}, 0, false, 0 },
    { "notrack jmp, not on",     {0x3e, 0xff, 0xe0}, {NOP},     0, false, 0 },
    { "notrack jmp",             {0x3e, 0xff, 0xe0}, {NOP},     CET_NO_TRACK_EN, true, 0 },
    { "notrack call",            {0x3e, 0xff, 0xd0}, {NOP},     CET_NO_TRACK_EN, true, 0 },
    { "another prefix after it", {0x3e, 0x26, 0xff, 0xe0}, {NOP}, CET_NO_TRACK_EN, false, 0 },
    { "suppressed",              {0xff, 0xe0},       {NOP},     CET_SUPPRESS, true, CET_SUPPRESS },
    { "suppressed until a mark", {0xff, 0xe0},       {ENDBR64}, CET_SUPPRESS, true, 0 },
    { "direct",                  {0xeb, 0xfe},       {NOP},     0, true, 0 },
};
/* clang-format on */

static void test_branches(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const BranchCase *c = &cases[i];
        BareCpu *t = tracked_cpu(c->control);
        Cpu *cpu = t->cpu;
        bool direct = c->branch[0] == 0xeb;
        put(t, AT_CODE, c->branch, sizeof(c->branch));
        put(t, TARGET, c->target, sizeof(c->target));
        g_test_message("%s", c->name);
        cpu_run(cpu, 1);
        g_assert_cmphex(cpu->rip, ==, direct ? AT_CODE : TARGET);
        cpu_run(cpu, 1);
        if (c->allowed) {
            g_assert_cmphex(cpu->rip, !=, CP_HANDLER);
            g_assert_cmphex(cpu->s_cet & (CET_SUPPRESS | CET_TRACKER), ==, c->after);
        } else {
            g_assert_cmphex(cpu->rip, ==, CP_HANDLER);
            g_assert_cmphex(bare_stack(t, 0, 8), ==, CP_ENDBRANCH);
            g_assert_cmphex(bare_stack(t, 1, 8), ==, TARGET);
        }
        bare_cpu_free(t);
    }
}

/* The handler is a target too: it must begin with a mark. */
static void test_events(void)
{
    BareCpu *t = tracked_cpu(CET_SUPPRESS);
    Cpu *cpu = t->cpu;
    PUT(t, AT_CODE, 0x0f, 0x0b); /* ud2 */
    PUT(t, AT_HANDLER + 0x100, ENDBR64);
    bare_idt_long(t, EXC_UD, gate_make(SEL_CODE64, AT_HANDLER + 0x100, AR_P | DESC_INT_GATE, 0), 0);
    cpu_run(cpu, 1);
    g_assert_cmphex(cpu->rip, ==, AT_HANDLER + 0x100);
    g_assert_cmphex(cpu->s_cet & (CET_SUPPRESS | CET_TRACKER), ==, CET_TRACKER);
    cpu_run(cpu, 1);
    g_assert_cmphex(cpu->rip, ==, AT_HANDLER + 0x104);
    g_assert_cmphex(cpu->s_cet & CET_TRACKER, ==, 0);
    bare_cpu_free(t);
}

/* The user's tracker waits while the supervisor runs. */
static void test_waits_for_its_privilege(void)
{
    BareCpu *t = tracked_cpu(0);
    Cpu *cpu = t->cpu;
    bare_long(t, 3);
    cpu->cr0 |= CR0_WP;
    cpu->cr4 |= CR4_CET;
    cpu->u_cet = CET_ENDBR_EN | CET_TRACKER;
    cpu->s_cet = 0;
    cpu->star = (uint64_t)(SEL_CODE0 | 3) << 48 | (uint64_t)SEL_CODE64 << 32;
    cpu_update_mode(cpu);
    g_assert_true(cpu->pending & PENDING_TRACKER);
    interrupt_deliver(cpu, EXC_CP, EVENT_HARDWARE, false, 0);
    g_assert_false(cpu->pending & PENDING_TRACKER);
    PUT(t, CP_HANDLER, NOP, 0x48, 0xcf); /* iretq */
    cpu_run(cpu, 2);
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->rip, ==, AT_CODE);
    PUT(t, AT_CODE, NOP);
    cpu_run(cpu, 1);
    g_assert_cmphex(cpu->rip, ==, CP_HANDLER);
    g_assert_cmphex(bare_stack(t, 0, 8), ==, CP_ENDBRANCH);
    bare_cpu_free(t);
}

/* Pages of code that knows no marks have a bit in a map. */
static void test_legacy_code(void)
{
    for (unsigned disable = 0; disable < 2; disable++) {
        BareCpu *t = tracked_cpu(CET_LEG_IW_EN | AT_DATA | (disable ? CET_SUPPRESS_DIS : 0));
        Cpu *cpu = t->cpu;
        PUT(t, AT_CODE, 0xff, 0xe0);
        PUT(t, TARGET, NOP, NOP);
        bare_write(t, AT_DATA + (TARGET >> 15), 1 << (TARGET >> 12 & 7), 1);
        cpu->gpr[RAX] = TARGET;
        cpu_run(cpu, 2);
        g_assert_cmphex(cpu->rip, ==, TARGET + 1);
        g_assert_cmphex(cpu->s_cet & (CET_SUPPRESS | CET_TRACKER), ==, disable ? 0 : CET_SUPPRESS);
        bare_cpu_free(t);
    }
    BareCpu *t = tracked_cpu(CET_LEG_IW_EN | AT_DATA);
    PUT(t, AT_CODE, 0xff, 0xe0);
    PUT(t, TARGET, NOP);
    bare_write(t, AT_DATA, 0, 8);
    cpu_run(t->cpu, 2);
    g_assert_cmphex(t->cpu->rip, ==, CP_HANDLER);
    bare_cpu_free(t);
}

/* A debugger's breakpoint in the place of the mark is taken. [SDM1] "INT3 Treatment". */
static void test_breakpoint(void)
{
    static const struct {
        uint8_t opcode;
        unsigned vector;
    } rows[] = {{0xcc, EXC_BP}, {0xf1, EXC_DB}}; /* INT3, INT1 */
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BareCpu *t = tracked_cpu(0);
        Cpu *cpu = t->cpu;
        uint64_t handler = gate_make(SEL_CODE64, AT_HANDLER + 0x100, AR_P | DESC_INT_GATE, 0);
        bare_idt_long(t, rows[i].vector, handler, 0);
        PUT(t, AT_CODE, 0xff, 0xe0);
        PUT(t, TARGET, rows[i].opcode, 0x0f, 0x1e, 0xfa);
        cpu_run(cpu, 2);
        g_assert_cmphex(cpu->rip, ==, AT_HANDLER + 0x100);
        bare_cpu_free(t);
    }
}

/* In compatibility mode the mark is ENDBR32. */
static void test_compatibility(void)
{
    static const uint8_t marks[2][4] = {{ENDBR32}, {ENDBR64}};
    for (unsigned i = 0; i < 2; i++) {
        BareCpu *t = tracked_cpu(0);
        Cpu *cpu = t->cpu;
        bare_compat(t, 0);
        cpu->cr0 |= CR0_WP;
        cpu->cr4 |= CR4_CET;
        cpu->gpr[RAX] = TARGET;
        cpu_update_mode(cpu);
        PUT(t, AT_CODE, 0xff, 0xe0);
        put(t, TARGET, marks[i], sizeof(marks[i]));
        cpu_run(cpu, 2);
        g_assert_cmphex(cpu->rip, ==, i == 0 ? TARGET + 4 : CP_HANDLER);
        bare_cpu_free(t);
    }
}

/* SYSCALL is an indirect branch to LSTAR. */
static void test_system_call(void)
{
    BareCpu *t = tracked_cpu(0);
    Cpu *cpu = t->cpu;
    cpu->star = (uint64_t)SEL_CODE64 << 32;
    cpu->lstar = TARGET;
    PUT(t, AT_CODE, 0x0f, 0x05);
    PUT(t, TARGET, NOP);
    cpu_run(cpu, 2);
    g_assert_cmphex(cpu->rip, ==, CP_HANDLER);
    bare_cpu_free(t);
}

/* Where it is off, marks are NOPs. */
static void test_off(void)
{
    BareCpu *t = tracked_cpu(0);
    t->cpu->s_cet = CET_TRACKER;
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x1e, 0xfa));
    g_assert_cmphex(t->cpu->s_cet, ==, CET_TRACKER);
    feature_set_off(&t->cpu->features, FEATURE_CET_IBT);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x1e, 0xfa));
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x1e, 0xfb));
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/branch-tracking/branches", test_branches);
    g_test_add_func("/branch-tracking/events", test_events);
    g_test_add_func("/branch-tracking/waits", test_waits_for_its_privilege);
    g_test_add_func("/branch-tracking/legacy-code", test_legacy_code);
    g_test_add_func("/branch-tracking/breakpoint", test_breakpoint);
    g_test_add_func("/branch-tracking/compatibility", test_compatibility);
    g_test_add_func("/branch-tracking/system-call", test_system_call);
    g_test_add_func("/branch-tracking/off", test_off);
    return g_test_run();
}
