/* test_protection_random.c - random descriptor tables, stacks and task state segments under far
 * transfers, loads, interrupts and returns: nothing crashes, and a fault leaves the CPU as it was.
 */
#include "cpu/interrupt.h"
#include "tests/support/bare_cpu.h"

enum { ROUNDS = 60000 };

/* --- random worlds ---------------------------------------------------------------------------- */

static uint32_t any(GRand *rand)
{
    return g_rand_int(rand);
}

static bool one_in(GRand *rand, unsigned n)
{
    return any(rand) % n == 0;
}

static uint16_t any_selector(GRand *rand)
{
    return one_in(rand, 16) ? any(rand) : any(rand) % 0xd0;
}

static uint32_t any_address(GRand *rand)
{
    return one_in(rand, 8) ? any(rand) : any(rand) % 0x100000;
}

/* Often well formed, always present or nearly so. */
static uint64_t any_descriptor(GRand *rand)
{
    if (one_in(rand, 32))
        return (uint64_t)any(rand) << 32 | any(rand);
    unsigned access = (any(rand) & 0xf07f) | (one_in(rand, 16) ? 0 : AR_P);
    if (one_in(rand, 2))
        access |= AR_S;
    if (access & AR_S)
        return descriptor_make(any_address(rand), one_in(rand, 2) ? 0xfffff : any(rand), access);
    if (one_in(rand, 2)) /* a TSS, often */
        return descriptor_make(AT_TSS2, one_in(rand, 4) ? any(rand) % 0x70 : 0x67, access);
    return gate_make(any_selector(rand), any_address(rand), access & 0xff, any(rand) % 32);
}

static void fill_table(GRand *rand, BareCpu *t, PhysAddr at, unsigned entries)
{
    for (unsigned i = 0; i < entries; i++)
        if (!one_in(rand, 3))
            bare_write(t, at + 8 * i, any_descriptor(rand), 8);
}

static void fill_memory(GRand *rand, BareCpu *t, PhysAddr at, unsigned size)
{
    for (unsigned i = 0; i < size; i += 4)
        bare_write(t, at + i, one_in(rand, 2) ? any_selector(rand) : any_address(rand), 4);
}

static void any_mode(GRand *rand, BareCpu *t)
{
    static const uint8_t levels[] = {0, 1, 3};
    unsigned cpl = one_in(rand, 2) ? 0 : 3;
    switch (any(rand) % 6) {
    case 0:
        bare_real(t);
        break;
    case 1:
        bare_v86(t, any(rand) % 4);
        t->cpu->cr4 |= one_in(rand, 2) ? CR4_VME : 0;
        break;
    case 2:
        bare_long(t, cpl);
        break;
    case 3:
        bare_compat(t, cpl);
        break;
    default:
        bare_protected(t, levels[any(rand) % 3]);
        break;
    }
}

static void any_state(GRand *rand, BareCpu *t)
{
    Cpu *cpu = t->cpu;
    any_mode(rand, t);
    fill_table(rand, t, AT_GDT, (SEL_LAST + 8) / 8);
    fill_table(rand, t, AT_LDT, 4);
    fill_table(rand, t, AT_IDT, 64);
    fill_memory(rand, t, AT_TSS, 0x90);
    fill_memory(rand, t, AT_TSS2, 0x68);
    cpu->gpr[RSP] = one_in(rand, 16) ? any(rand) : AT_STACK3 - any(rand) % 0x100;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        if (i != RSP)
            cpu->gpr[i] = one_in(rand, 2) ? any_selector(rand) : any_address(rand);
    cpu->gpr[RBX] = AT_STACK3 - 0x40;
    fill_memory(rand, t, AT_STACK3 - 0x100, 0x180);
    uint32_t changeable = FLAGS_ARITH | FLAG_IF | FLAG_IOPL | FLAG_AC |
                          (one_in(rand, 4) ? FLAG_NT : 0);
    eflags_set(cpu, (cpu->eflags & ~changeable) | (any(rand) & changeable));
    cpu->sysenter_cs = any_selector(rand);
    cpu->star = (uint64_t)any(rand) << 32;
    cpu_update_mode(cpu);
}

/* --- what is tried ---------------------------------------------------------------------------- */

/* Memory operands are [ebx], or in 16-bit code [bp+di], which may well fault. */
static const struct {
    uint8_t bytes[4];
    uint8_t size;
} instructions[] = {
    {{0xff, 0x2b}, 2},       /* jmp far [ebx] */
    {{0xff, 0x1b}, 2},       /* call far [ebx] */
    {{0x48, 0xff, 0x1b}, 3}, /* rex.w call far [rbx] */
    {{0xcb}, 1},             /* retf */
    {{0x66, 0xcb}, 2},       /* retf, other size */
    {{0x48, 0xcb}, 2},       /* retfq */
    {{0xca, 8, 0}, 3},       /* retf 8 */
    {{0xcf}, 1},             /* iret */
    {{0x66, 0xcf}, 2},       /* iret, other size */
    {{0x48, 0xcf}, 2},       /* iretq */
    {{0xcd, 0x21}, 2},       /* int 21h */
    {{0xcd, 0x0d}, 2},       /* int 0dh */
    {{0xcc}, 1},             /* int3 */
    {{0xce}, 1},             /* into */
    {{0xf1}, 1},             /* int1 */
    {{0x8e, 0xd8}, 2},       /* mov ds, ax */
    {{0x8e, 0xd0}, 2},       /* mov ss, ax */
    {{0x1f}, 1},             /* pop ds */
    {{0x17}, 1},             /* pop ss */
    {{0x0f, 0xa9}, 2},       /* pop gs */
    {{0x0f, 0xb2, 0x23}, 3}, /* lss esp, [ebx] */
    {{0xc5, 0x03}, 2},       /* lds eax, [ebx] */
    {{0x0f, 0x00, 0xd0}, 3}, /* lldt ax */
    {{0x0f, 0x00, 0xd8}, 3}, /* ltr ax */
    {{0x0f, 0x02, 0xc8}, 3}, /* lar ecx, ax */
    {{0x0f, 0x03, 0xc8}, 3}, /* lsl ecx, ax */
    {{0x0f, 0x05}, 2},       /* syscall */
    {{0x48, 0x0f, 0x07}, 3}, /* sysretq */
    {{0x0f, 0x34}, 2},       /* sysenter */
    {{0x0f, 0x35}, 2},       /* sysexit */
};

/* A fault changes nothing but CR2, what IRET does to NMIs, and what LOCK-like writes of descriptors
 * do in memory; in a task that was already left, it is the new task's. */
static void assert_unchanged(const Cpu *before, const Cpu *cpu)
{
    if (cpu->tr.base != before->tr.base || cpu->tr.selector != before->tr.selector)
        return;
    Cpu expected = *before;
    expected.cr2 = cpu->cr2;
    expected.nmi_blocked = cpu->nmi_blocked;
    char *difference = state_first_difference(cpu_state_fields, &expected, cpu);
    g_assert_cmpstr(difference, ==, NULL);
    g_free(difference);
}

/* What must hold of any state. */
static void assert_sane(const Cpu *cpu)
{
    g_assert_cmpuint(cpu->cpl, <=, 3);
    if (cpu->mode == CPU_REAL)
        g_assert_cmpuint(cpu->cpl, ==, 0);
    if (cpu->mode == CPU_V86)
        g_assert_cmpuint(cpu->cpl, ==, 3);
    if (cpu_is_protected(cpu) && cpu->seg[SEG_CS].access)
        g_assert_cmpuint(selector_rpl(cpu->seg[SEG_CS].selector), ==, cpu->cpl);
    if (cpu_is_lma(cpu))
        g_assert_true(cpu->mode >= CPU_COMPAT);
    g_assert_true(cpu->eflags & FLAG_FIXED);
}

static void one_round(GRand *rand, BareCpu *t)
{
    any_state(rand, t);
    unsigned choice = any(rand) % G_N_ELEMENTS(instructions);
    const uint8_t *bytes = instructions[choice].bytes;
    unsigned rex = bytes[0] == 0x48 && !cpu_is_long(t->cpu); /* elsewhere it is DEC */
    Cpu before = *t->cpu;
    Raised raised = bare_execute(t, bytes + rex, instructions[choice].size - rex);
    if (raised.vector >= 0)
        assert_unchanged(&before, t->cpu);
    assert_sane(t->cpu);
    /* The fault, or any other exception, goes through the same random tables. */
    unsigned vector = raised.vector >= 0 ? (unsigned)raised.vector : any(rand) % 20;
    exception_deliver(t->cpu, vector, raised.error);
    assert_sane(t->cpu);
}

static void random_worlds(void)
{
    GRand *rand = g_rand_new_with_seed(g_test_rand_int());
    BareCpu *t = bare_cpu();
    for (unsigned round = 0; round < ROUNDS; round++)
        one_round(rand, t);
    bare_cpu_free(t);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/random/worlds", random_worlds);
    return g_test_run();
}
