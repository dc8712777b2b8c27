/* SYSCALL and SYSRET in generated code (dbt/crossing.h) do what the interpreter does, and no longer
 * than what they depend on is as it was. */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { USER = 0x1000, KERNEL = 0x2000, STACK = 0x8000, RAM = 1 << 16, TURNS = 60 };

static const uint8_t user[] = {
    0x05, 0xff, 0xff, 0xff, 0x7f, /* again: add eax, 0x7fffffff */
    0x0f, 0x05,                   /* syscall */
    0xeb, 0xf7,                   /* jmp again */
};

/* Gathers what it sees in RSI, changes the flags it returns with by RBP, and in every fourth turn,
 * if R15 is not zero, loads MSR R15 with 4 * RBX. */
static const uint8_t kernel[] = {
    0x4c, 0x01, 0xde,       /* add rsi, r11 */
    0x9c, 0x5a,             /* pushfq; pop rdx */
    0x48, 0x01, 0xd6,       /* add rsi, rdx */
    0x48, 0x8d, 0x34, 0x76, /* lea rsi, [rsi + rsi * 2] */
    0x49, 0x31, 0xeb,       /* xor r11, rbp */
    0x4d, 0x85, 0xff,       /* test r15, r15 */
    0x74, 0x18,             /* jz over */
    0xf6, 0xc3, 0x03,       /* test bl, 3 */
    0x75, 0x13,             /* jnz over */
    0x49, 0x89, 0xce,       /* mov r14, rcx */
    0x44, 0x89, 0xf9,       /* mov ecx, r15d */
    0x89, 0xd8,             /* mov eax, ebx */
    0xc1, 0xe0, 0x02,       /* shl eax, 2 */
    0x31, 0xd2,             /* xor edx, edx */
    0x0f, 0x30,             /* wrmsr */
    0x4c, 0x89, 0xf1,       /* mov rcx, r14 */
    0x90,                   /* nop */
    0xff, 0xcb,             /* over: dec ebx */
    0x74, 0x03,             /* jz out */
    0x48, 0x0f, 0x07,       /* sysretq */
    0xf4,                   /* out: hlt */
};

static TestCpu *machine(uint64_t flip, uint64_t msr)
{
    TestCpu *t = test_cpu_new("max", RAM);
    test_poke_bytes(t, USER, user, sizeof(user));
    test_poke_bytes(t, KERNEL, kernel, sizeof(kernel));
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_LONG, 3);
    cpu->efer |= EFER_SCE;
    cpu->star = (uint64_t)0x18 << 48 | (uint64_t)0x8 << 32;
    cpu->lstar = KERNEL;
    cpu->fmask = FLAG_IF | FLAG_CF;
    cpu_update_mode(cpu);
    cpu->rip = USER;
    cpu->gpr[RSP] = STACK;
    cpu->gpr[RBX] = TURNS;
    cpu->gpr[RBP] = flip;
    cpu->gpr[R15] = msr;
    return t;
}

static void check_same(const Cpu *a, const Cpu *b)
{
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_assert_cmphex(a->gpr[r], ==, b->gpr[r]);
    g_assert_cmphex(a->rip, ==, b->rip);
    g_assert_cmphex(eflags_get(a), ==, eflags_get(b));
    g_assert_cmpint(a->cpl, ==, b->cpl);
    g_assert_cmphex(a->mode_key, ==, b->mode_key);
    g_assert_cmpint(a->activity, ==, b->activity);
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        g_assert_cmphex(a->seg[s].selector, ==, b->seg[s].selector);
        g_assert_cmphex(a->seg[s].access, ==, b->seg[s].access);
        g_assert_cmphex(a->seg[s].limit, ==, b->seg[s].limit);
        g_assert_cmphex(a->seg[s].write_span, ==, b->seg[s].write_span);
    }
}

/* Times the interpreter was handed an instruction. */
static uint64_t handed_over(const Cpu *cpu, const char *name)
{
    uint64_t sum = 0;
    for (unsigned row = 0; row < insn_row_count; row++)
        if (!strcmp(insn_rows[row].name, name))
            sum += translator_of(cpu)->stats.interpreted[row];
    return sum;
}

/* Both engines; returns how often the interpreter had to do SYSCALL and SYSRET. */
static uint64_t run_both(uint64_t flip, uint64_t msr)
{
    g_autoptr(GError) err = NULL;
    TestCpu *interpreted = machine(flip, msr), *translated = machine(flip, msr);
    g_assert_true(dbt_attach(translated->cpu, &(DbtOptions){.optimize = OPTIMIZE_NONE}, &err));
    cpu_run(interpreted->cpu, 1000000);
    cpu_run(translated->cpu, 1000000);
    g_assert_cmpint(interpreted->cpu->activity, ==, CPU_HALTED);
    check_same(translated->cpu, interpreted->cpu);
    uint64_t count = handed_over(translated->cpu, "SYSCALL") +
                     handed_over(translated->cpu, "SYSRET");
    test_cpu_free(interpreted);
    test_cpu_free(translated);
    return count;
}

static void plain(void)
{
    g_assert_cmpint(run_both(0, 0), <, 10);
    g_assert_cmpint(run_both(FLAG_CF | FLAG_OF | FLAG_ZF, 0), <, 10);
}

/* Flags beside the arithmetic ones are part of what it depends on. */
static void other_flags(void)
{
    static const uint32_t flips[] = {FLAG_IF, FLAG_DF, FLAG_AC, FLAG_ID, FLAG_NT, FLAG_IOPL};
    for (unsigned i = 0; i < G_N_ELEMENTS(flips); i++)
        run_both(flips[i], 0);
}

/* FMASK changes what SYSCALL leaves of the flags. */
static void changed_msr(void)
{
    g_assert_cmpint(run_both(0, MSR_FMASK), >=, TURNS / 4);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/crossing/plain", plain);
    g_test_add_func("/crossing/other_flags", other_flags);
    g_test_add_func("/crossing/changed_msr", changed_msr);
    return g_test_run();
}
