/* What a block may end with: instructions that jump about in their own code, last in a page. */
#include "dbt/dbt.h"
#include "dbt/host.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { PAGE = 0x1000, DATA = 0x4000, SOURCE = 0x5000, RAM = 1 << 16, SIZE = 2, FILLER = 0x5a };

static const struct {
    const char *text;
    uint8_t code[SIZE];
} repeats[] = {
    {"rep stosb", {0xf3, 0xaa}},
    {"rep movsb", {0xf3, 0xa4}},
    {"repe cmpsb", {0xf3, 0xa6}},
    {"repne scasb", {0xf2, 0xae}},
};

/* The instruction at the end of a page, HLT behind it in the next one. */
static TestCpu *load(const uint8_t *code, unsigned count)
{
    TestCpu *t = test_cpu_new("max", RAM);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    for (unsigned i = 0; i < SIZE; i++)
        test_poke(t, 2 * PAGE - SIZE + i, code[i], 1);
    test_poke(t, 2 * PAGE, 0xf4, 1);
    test_poke(t, DATA, 0, 8);
    t->cpu->rip = 2 * PAGE - SIZE;
    t->cpu->gpr[RAX] = FILLER;
    t->cpu->gpr[RCX] = count;
    t->cpu->gpr[RSI] = SOURCE;
    t->cpu->gpr[RDI] = DATA;
    return t;
}

/* [SDM2] REP: with a count of 0 nothing is done; else all three registers move. */
static void check_repeat(unsigned n, unsigned count, bool counted)
{
    TestCpu *t = load(repeats[n].code, count);
    g_autoptr(GError) err = NULL;
    g_test_message("%s, %u times", repeats[n].text, count);
    g_assert_true(
        dbt_attach(t->cpu, &(DbtOptions){.counted = counted, .optimize = OPTIMIZE_NONE}, &err));
    for (unsigned run = 0; run < 100 && t->cpu->activity != CPU_HALTED; run++)
        cpu_run(t->cpu, 10);
    g_assert_cmphex(t->cpu->activity, ==, CPU_HALTED);
    g_assert_cmphex(t->cpu->rip, ==, 2 * PAGE + 1);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0);
    g_assert_cmphex(t->cpu->gpr[RDI], ==, DATA + count);
    g_assert_cmphex(test_peek(t, DATA, 1), ==, n == 0 && count ? FILLER : 0);
    test_cpu_free(t);
}

static void test_repeat(void)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(repeats); n++) {
        for (unsigned count = 0; count <= 3; count++) {
            check_repeat(n, count, true);
            check_repeat(n, count, false);
        }
    }
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/dbt/block_end/repeat", test_repeat);
    return g_test_run();
}
