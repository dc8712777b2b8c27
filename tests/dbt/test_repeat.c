/* Repeated string instructions that end in the next page, by an element or less: that page is where
 * it is mapped. */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 16, BUDGET = 1000, TURNS = 8 };
enum { CODE = 0x1000, DIRECTORY = 0x2000, TABLE = 0x3000, PRESENT_WRITABLE = 3 };
enum { SOURCE = 0x4000, DEST = 0x8000, ELEMENTS = 4 };

static const uint8_t repeats[][3] = {
    {0xf3, 0xa4}, {0xf3, 0x66, 0xa5}, {0xf3, 0xa5}, /* movs */
    {0xf3, 0xaa}, {0xf3, 0x66, 0xab}, {0xf3, 0xab}, /* stos */
    {0xf2, 0xae}, {0xf2, 0x66, 0xaf}, {0xf2, 0xaf}, /* scas, repne */
    {0xf3, 0xa6}, {0xf3, 0x66, 0xa7}, {0xf3, 0xa7}, /* cmps, repe */
};

/* The pages behind those of source and destination are exchanged. */
static TestCpu *machine(const uint8_t *insn, bool translated)
{
    g_autoptr(GError) err = NULL;
    TestCpu *t = test_cpu_new("max", RAM);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    for (unsigned i = 0; i < 3; i++)
        test_poke(t, CODE + i, insn[i] ? insn[i] : 0x90, 1);
    test_poke(t, CODE + 3, 0xf4, 1);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    for (unsigned at = 0; at < RAM; at += PAGE_SIZE)
        test_poke(t, TABLE + at / PAGE_SIZE * 4, at | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (SOURCE / PAGE_SIZE + 1) * 4, (DEST + PAGE_SIZE) | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (DEST / PAGE_SIZE + 1) * 4, (SOURCE + PAGE_SIZE) | PRESENT_WRITABLE, 4);
    for (unsigned at = SOURCE; at < SOURCE + 2 * PAGE_SIZE; at += 4) {
        test_poke(t, at, at < SOURCE + PAGE_SIZE ? 0x01010101 : at, 4);
        test_poke(t, at - SOURCE + DEST, at < SOURCE + PAGE_SIZE ? 0x01010101 : ~at, 4);
    }
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    if (translated)
        g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.optimize = OPTIMIZE_NONE}, &err));
    return t;
}

/* Ends `over` bytes behind the page. */
static void run(TestCpu *t, unsigned size, unsigned over)
{
    unsigned start = PAGE_SIZE + over - ELEMENTS * size;
    t->cpu->rip = CODE;
    t->cpu->gpr[RAX] = 0x02020202;
    t->cpu->gpr[RSI] = SOURCE + start;
    t->cpu->gpr[RDI] = DEST + start;
    t->cpu->gpr[RCX] = ELEMENTS;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
}

static void ends_behind(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(repeats); i++) {
        unsigned size = 1u << i % 3;
        TestCpu *translated = machine(repeats[i], true), *interpreted = machine(repeats[i], false);
        for (unsigned turn = 0; turn < TURNS; turn++) {
            unsigned over = turn % (size + 1);
            run(translated, size, over);
            run(interpreted, size, over);
            for (unsigned r = 0; r < GPR_COUNT; r++)
                g_assert_cmphex(translated->cpu->gpr[r], ==, interpreted->cpu->gpr[r]);
            for (unsigned at = SOURCE; at < DEST + 2 * PAGE_SIZE; at += 4)
                g_assert_cmphex(test_peek(translated, at, 4), ==, test_peek(interpreted, at, 4));
        }
        test_cpu_free(translated);
        test_cpu_free(interpreted);
    }
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/repeat/ends_behind", ends_behind);
    return g_test_run();
}
