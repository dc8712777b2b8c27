/* test_privilege.c - instructions that ask for privilege: the interrupt flag under IOPL, VME and
 * PVI, flags images in V86 mode, ports and the TSS's map, and the system instructions' own checks.
 * [SDM2] CLI, STI, PUSHF, POPF, IN; [SDM3] "Virtual-8086 Mode Extensions", "UMIP". */
#include "cpu/decode.h"
#include "tests/support/testcpu.h"

enum { STACK = 0x8000, TSS = 0x4000, DATA = 0x6000 };
enum { IOPL3 = FLAG_IOPL, V86 = FLAG_VM };

typedef struct PrivilegeCase {
    const char *text;
    uint8_t code[8];
    uint8_t cpl;
    uint32_t eflags; /* before; V86 is a mode by itself */
    uint32_t cr4;
    uint32_t popped; /* on the stack */
    int vector;
    uint32_t changed; /* bits of EFLAGS that are others after */
    uint32_t pushed;  /* what the instruction pushed */
} PrivilegeCase;

enum { OK = -1 };
#define IF  FLAG_IF
#define VIF FLAG_VIF
#define VIP FLAG_VIP

/* clang-format off */
static const PrivilegeCase cases[] = {
    /* text                      code            cpl  eflags            cr4      popped        vector  changed */
    { "cli, CPL 0",              {0xfa},         0,   IF,               0,       0,            OK,     IF },
    { "cli, CPL above IOPL",     {0xfa},         3,   IF,               0,       0,            EXC_GP, 0 },
    { "cli, IOPL 3",             {0xfa},         3,   IF | IOPL3,       0,       0,            OK,     IF },
    { "cli, PVI",                {0xfa},         3,   IF | VIF,         CR4_PVI, 0,            OK,     VIF },
    { "sti, PVI",                {0xfb},         3,   IF,               CR4_PVI, 0,            OK,     VIF },
    { "sti, PVI with VIP",       {0xfb},         3,   IF | VIP,         CR4_PVI, 0,            EXC_GP, 0 },
    { "sti, PVI is for CPL 3",   {0xfb},         2,   0,                CR4_PVI, 0,            EXC_GP, 0 },
    { "cli, V86",                {0xfa},         3,   IF | V86,         0,       0,            EXC_GP, 0 },
    { "cli, V86 IOPL 3",         {0xfa},         3,   IF | V86 | IOPL3, 0,       0,            OK,     IF },
    { "cli, V86 VME",            {0xfa},         3,   IF | V86 | VIF,   CR4_VME, 0,            OK,     VIF },
    { "sti, V86 VME",            {0xfb},         3,   V86,              CR4_VME, 0,            OK,     VIF },
    { "sti, V86 VME with VIP",   {0xfb},         3,   V86 | VIP,        CR4_VME, 0,            EXC_GP, 0 },
    { "popf, CPL 0",             {0x66, 0x9d},   0,   0,                0,       0x3202,       OK,     IF | IOPL3 },
    { "popf, CPL 3",             {0x66, 0x9d},   3,   0,                0,       0x7257,       OK,     0x4055 },
    { "popf, CPL 3 IOPL 3",      {0x66, 0x9d},   3,   IOPL3,            0,       0x0202,       OK,     IF },
    { "popfd ID and AC",         {0x9d},         3,   0,                0,       0x240002,     OK,     FLAG_ID | FLAG_AC },
    { "popf, V86",               {0x9d},         3,   V86,              0,       0x0002,       EXC_GP, 0 },
    { "popf, V86 VME",           {0x9d},         3,   V86,              CR4_VME, 0x3202,       OK,     VIF },
    { "popf, V86 VME, VIF off",  {0x9d},         3,   V86 | VIF | IF,   CR4_VME, 0x0002,       OK,     VIF },
    { "popf, V86 VME with VIP",  {0x9d},         3,   V86 | VIP,        CR4_VME, 0x0202,       EXC_GP, 0 },
    { "popf, V86 VME with TF",   {0x9d},         3,   V86,              CR4_VME, 0x0102,       EXC_GP, 0 },
    { "popfd, V86 VME",          {0x66, 0x9d},   3,   V86,              CR4_VME, 0x0002,       EXC_GP, 0 },
    { "popf, V86 IOPL 3",        {0x9d},         3,   V86 | IOPL3,      0,       0x0202,       OK,     IF },
    { "pushf, V86",              {0x9c},         3,   V86 | IF,         CR4_PVI, 0,            EXC_GP, 0 },
    { "pushf, V86 VME",          {0x9c},         3,   V86 | VIF,        CR4_VME, 0,            OK,     0, 0x3202 },
    { "pushf, V86 VME, VIF off", {0x9c},         3,   V86 | IF,         CR4_VME, 0,            OK,     0, 0x3002 },
    { "pushfd, V86 IOPL 3",      {0x66, 0x9c},   3,   V86 | IOPL3,      0,       0,            OK,     0, 0x3002 },
    { "pushfd hides RF",         {0x9c},         0,   FLAG_RF | IF,     0,       0,            OK,     0, 0x0202 },
    { "stac, CPL 0",             {0x0f, 1, 0xcb}, 0,  0,                0,       0,            OK,     FLAG_AC },
    { "stac, CPL 3",             {0x0f, 1, 0xcb}, 3,  0,                0,       0,            EXC_UD, 0 },
    { "rdtsc, CPL 3",            {0x0f, 0x31},   3,   0,                0,       0,            OK,     0 },
    { "rdtsc, TSD",              {0x0f, 0x31},   3,   0,                CR4_TSD, 0,            EXC_GP, 0 },
    { "smsw eax, CPL 3",         {0x0f, 1, 0xe0}, 3,  0,                0,       0,            OK,     0 },
    { "smsw eax, UMIP",          {0x0f, 1, 0xe0}, 3,  0,                CR4_UMIP, 0,           EXC_GP, 0 },
    { "smsw eax, UMIP, CPL 0",   {0x0f, 1, 0xe0}, 0,  0,                CR4_UMIP, 0,           OK,     0 },
    { "rdpmc, CPL 3",            {0x0f, 0x33},   3,   0,                0,       0,            EXC_GP, 0 },
    { "rdpmc, PCE",              {0x0f, 0x33},   3,   0,                CR4_PCE, 0,            OK,     0 },
    { "xgetbv, no OSXSAVE",      {0x0f, 1, 0xd0}, 0,  0,                0,       0,            EXC_UD, 0 },
    { "xgetbv",                  {0x0f, 1, 0xd0}, 3,  0,                CR4_OSXSAVE, 0,        OK,     0 },
    { "mwait, CPL 3",            {0x0f, 1, 0xc9}, 3,  0,                0,       0,            EXC_UD, 0 },
};
/* clang-format on */

static void enter(TestCpu *t, unsigned cpl, uint32_t eflags, uint32_t cr4)
{
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_PROTECTED, cpl);
    cpu->cr4 = cr4;
    eflags_set(cpu, eflags | FLAG_FIXED);
    if (eflags & FLAG_VM) {
        for (unsigned i = 0; i < SEG_COUNT; i++) {
            cpu->seg[i] = (Segment){.limit = 0xffff, .access = 0xf3};
            segment_update(&cpu->seg[i]);
        }
    }
    cpu_update_mode(cpu);
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[RSP] = STACK;
}

static void execute(Cpu *cpu, void *opaque)
{
    Insn insn;
    unsigned flags = cpu->mode == CPU_V86 ? DECODE_REAL_OR_V86 : 0;
    g_assert_cmpint(decode(opaque, 8, cpu->code_size, flags, &insn), ==, DECODE_OK);
    insn_row(&insn)->exec(cpu, &insn);
}

static void test_table(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const PrivilegeCase *c = &cases[i];
        enter(t, c->cpl, c->eflags, c->cr4);
        test_poke(t, STACK, c->popped, 4);
        uint32_t before = eflags_get(t->cpu);
        uint8_t code[8];
        memcpy(code, c->code, sizeof(code));
        int vector = test_cpu_try(t, execute, code).vector;
        uint32_t changed = before ^ eflags_get(t->cpu);
        if (vector != c->vector || changed != c->changed)
            g_error("%s: vector %d, flags changed %#x", c->text, vector, changed);
        uint64_t sp = t->cpu->gpr[RSP];
        if (vector >= 0)
            g_assert_cmphex(sp, ==, STACK);
        if (c->pushed)
            g_assert_cmphex(test_peek(t, sp, STACK - sp), ==, c->pushed);
    }
    test_cpu_free(t);
}

/* STI holds interrupts off for one more instruction, but only when it opens them. */
static void test_sti_shadow(void)
{
    uint8_t sti[8] = {0xfb};
    TestCpu *t = test_cpu_new("max", MIB);
    enter(t, 0, 0, 0);
    test_cpu_try(t, execute, sti);
    g_assert_cmpint(t->cpu->shadow, ==, SHADOW_STI);
    g_assert_true(t->cpu->pending & PENDING_SHADOW);
    t->cpu->shadow = 0;
    test_cpu_try(t, execute, sti);
    g_assert_cmpint(t->cpu->shadow, ==, 0);
    test_cpu_free(t);
}

/* --- ports --------------------------------------------------------------------------------- */

static int try_port(TestCpu *t, unsigned port, unsigned opcode)
{
    uint8_t code[8] = {opcode};
    t->cpu->gpr[RDX] = port;
    return test_cpu_try(t, execute, code).vector;
}

/* A TSS whose map, at 80, opens ports 8 and 9 only and ends after port 31. */
static void make_tss(TestCpu *t)
{
    t->cpu->tr = (Segment){.base = TSS, .limit = 0x84, .access = AR_P | DESC_TSS_BUSY};
    test_poke(t, TSS + 0x66, 0x80, 2);
    test_poke(t, TSS + 0x80, 0xfffffcff, 4);
    test_poke(t, TSS + 0x84, 0xff, 1);
}

static void test_port_map(void)
{
    enum { IN_AL = 0xec, IN_EAX = 0xed };
    TestCpu *t = test_cpu_new("max", MIB);
    make_tss(t);
    enter(t, 3, 0, 0);
    g_assert_cmpint(try_port(t, 8, IN_AL), ==, OK);
    g_assert_cmpint(try_port(t, 9, IN_AL), ==, OK);
    g_assert_cmpint(try_port(t, 10, IN_AL), ==, EXC_GP);
    g_assert_cmpint(try_port(t, 8, IN_EAX), ==, EXC_GP); /* all four bits count */
    g_assert_cmpint(try_port(t, 40, IN_AL), ==, EXC_GP); /* beyond the map */
    enter(t, 3, FLAG_IOPL, 0);
    g_assert_cmpint(try_port(t, 10, IN_AL), ==, OK);
    enter(t, 3, FLAG_IOPL | FLAG_VM, 0); /* V86 always asks the map */
    g_assert_cmpint(try_port(t, 10, IN_AL), ==, EXC_GP);
    g_assert_cmpint(try_port(t, 9, IN_AL), ==, OK);
    enter(t, 3, 0, 0);
    t->cpu->tr.access = AR_P | DESC_TSS16_BUSY; /* has no map */
    g_assert_cmpint(try_port(t, 8, IN_AL), ==, EXC_GP);
    test_cpu_free(t);
}

/* --- descriptor-table and debug registers -------------------------------------------------- */

static void test_tables(void)
{
    uint8_t lgdt[8] = {0x0f, 0x01, 0x15, 0x00, 0x60, 0x00, 0x00};
    uint8_t lgdt16[8] = {0x66, 0x0f, 0x01, 0x15, 0x00, 0x60, 0x00, 0x00};
    uint8_t sidt[8] = {0x0f, 0x01, 0x0d, 0x00, 0x60, 0x00, 0x00};
    TestCpu *t = test_cpu_new("max", MIB);
    enter(t, 0, 0, 0);
    test_poke(t, DATA, 0x12345678abcd, 6);
    test_poke(t, DATA, 0xabcd, 2);
    test_poke(t, DATA + 2, 0x12345678, 4);
    g_assert_cmpint(test_cpu_try(t, execute, lgdt).vector, ==, OK);
    g_assert_cmphex(t->cpu->gdtr.base, ==, 0x12345678);
    g_assert_cmphex(t->cpu->gdtr.limit, ==, 0xabcd);
    g_assert_cmpint(test_cpu_try(t, execute, lgdt16).vector, ==, OK);
    g_assert_cmphex(t->cpu->gdtr.base, ==, 0x345678);
    t->cpu->idtr = (DescriptorTable){0xfedcba98, 0x7ff};
    g_assert_cmpint(test_cpu_try(t, execute, sidt).vector, ==, OK);
    g_assert_cmphex(test_peek(t, DATA, 2), ==, 0x7ff);
    g_assert_cmphex(test_peek(t, DATA + 2, 4), ==, 0xfedcba98);
    test_cpu_free(t);
}

static void test_debug_registers(void)
{
    uint8_t mov_dr7_eax[8] = {0x0f, 0x23, 0xf8}, mov_dr4_eax[8] = {0x0f, 0x23, 0xe0};
    uint8_t mov_eax_dr6[8] = {0x0f, 0x21, 0xf0};
    TestCpu *t = test_cpu_new("max", MIB);
    enter(t, 0, 0, 0);
    t->cpu->gpr[RAX] = 0xffffffff & ~DR7_GD;
    g_assert_cmpint(test_cpu_try(t, execute, mov_dr7_eax).vector, ==, OK);
    g_assert_cmphex(t->cpu->dr[7], ==, 0xffff07ff);
    t->cpu->gpr[RAX] = 0;
    g_assert_cmpint(test_cpu_try(t, execute, mov_dr4_eax).vector, ==, OK); /* is DR6 */
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED);
    t->cpu->cr4 |= CR4_DE;
    g_assert_cmpint(test_cpu_try(t, execute, mov_dr4_eax).vector, ==, EXC_UD);
    t->cpu->dr[7] |= DR7_GD;
    g_assert_cmpint(test_cpu_try(t, execute, mov_eax_dr6).vector, ==, EXC_DB);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED | DR6_BD);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/privilege/table", test_table);
    g_test_add_func("/privilege/sti-shadow", test_sti_shadow);
    g_test_add_func("/privilege/ports", test_port_map);
    g_test_add_func("/privilege/tables", test_tables);
    g_test_add_func("/privilege/debug-registers", test_debug_registers);
    return g_test_run();
}
