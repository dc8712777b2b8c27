/* Which entries of the page tables get an accessed bit: those of the accesses that are made, though
 * one check may serve several. [SDM3] "Accessed and Dirty Flags". */
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 20, CODE = 0x1000, STACK = 0x8000, BUDGET = 1000 };
enum { DIRECTORY = 0xa000, TABLE = 0xb000, FROM = 0x40000, TO = 0x41000 };
enum { PRESENT = 1, PRESENT_WRITABLE = 3, ACCESSED = 0x20 };

static PhysAddr entry(LinAddr la)
{
    return TABLE + la / PAGE_SIZE * 4;
}

static bool is_accessed(TestCpu *t, LinAddr la)
{
    return test_peek(t, entry(la), 4) & ACCESSED;
}

static TestCpu *machine(const uint8_t *code, size_t size, bool translated)
{
    TestCpu *t = translated_cpu_new(RAM);
    Cpu *cpu = t->cpu;
    if (!translated)
        cpu_set_engine(cpu, &interpreter_engine, NULL);
    test_poke_bytes(t, CODE, code, size);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    for (LinAddr la = 0; la < RAM; la += PAGE_SIZE)
        test_poke(t, entry(la), la | PRESENT_WRITABLE, 4);
    cpu->cr3 = DIRECTORY;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_update_mode(cpu);
    cpu->rip = CODE;
    cpu->gpr[RSP] = STACK;
    return t;
}

/* The store of MOVS faults where it may only read: there has been no access. */
static void movs(bool translated)
{
    static const uint8_t code[] = {0xa5, 0xf4}; /* movsd; hlt */
    TestCpu *t = machine(code, sizeof(code), translated);
    test_poke(t, entry(TO), TO | PRESENT, 4);
    t->cpu->gpr[RSI] = FROM;
    t->cpu->gpr[RDI] = TO;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpuint(t->triple_faults, ==, 1); /* no handler for #PF */
    g_assert_true(is_accessed(t, FROM));
    g_assert_false(is_accessed(t, TO));
    test_cpu_free(t);
}

/* Two loads that a check could serve, in two pages, and a branch over the second one. */
static void skipped(bool translated)
{
    static const uint8_t code[] = {
        0x8b, 0x43, 0x08, /* 1000  mov eax, [ebx+8] */
        0xe3, 0x02,       /* 1003  jecxz end */
        0x8b, 0x03,       /* 1005  mov eax, [ebx] */
        0xf4,             /* 1007  end: hlt */
    };
    TestCpu *t = machine(code, sizeof(code), translated);
    t->cpu->gpr[RBX] = TO - 4;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    g_assert_true(is_accessed(t, TO));
    g_assert_false(is_accessed(t, FROM));
    test_cpu_free(t);
}

static void test_movs(void)
{
    movs(false);
    movs(true);
}

static void test_skipped(void)
{
    skipped(false);
    skipped(true);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/accessed/movs", test_movs);
    g_test_add_func("/accessed/skipped", test_skipped);
    return g_test_run();
}
