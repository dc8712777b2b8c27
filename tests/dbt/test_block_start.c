/* Where blocks meet: one ends where another starts or will start, so that no instruction is
 * translated for both, and goes straight on there. */
#include "dbt/dbt.h"
#include "dbt/lift.h"
#include "dbt/runtime.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, RAM = 1 << 16 };

/* A branch over two instructions, and what follows both ways. */
static const uint8_t branch_code[] = {
    0x85, 0xc0, /* test eax, eax */
    0x74, 0x02, /* jz behind */
    0x41,       /* inc ecx */
    0x90,       /* nop */
    0x42,       /* behind: inc edx */
    0xf4,       /* hlt */
    0x0f, 0x04, /* no instruction */
};
enum { BEHIND = CODE + 6, INSNS = 6, INSNS_BEHIND = 2 };

static TestCpu *load(void)
{
    TestCpu *t = translated_cpu_new(RAM);
    for (unsigned i = 0; i < sizeof(branch_code); i++)
        test_poke(t, CODE + i, branch_code[i], 1);
    return t;
}

/* From rip to HLT. */
static const TranslatorStats *run(TestCpu *t, uint64_t rip, bool jumps)
{
    Cpu *cpu = t->cpu;
    cpu->activity = CPU_RUNNING;
    cpu->rip = rip;
    cpu->gpr[RAX] = !jumps;
    cpu->gpr[RCX] = cpu->gpr[RDX] = 0;
    for (unsigned slice = 0; slice < 100 && cpu->activity != CPU_HALTED; slice++)
        cpu_run(cpu, 10);
    g_assert_cmphex(cpu->activity, ==, CPU_HALTED);
    g_assert_cmphex(cpu->gpr[RCX], ==, rip == CODE && !jumps);
    g_assert_cmphex(cpu->gpr[RDX], ==, 1);
    return &translator_of(cpu)->stats;
}

static uint32_t block_of(TestCpu *t, uint64_t rip)
{
    uint32_t key = lift_key(t->cpu, false);
    uint32_t block = cache_find(translator_of(t->cpu), rip, 0, t->ram.host + rip, key);
    g_assert_cmphex(block, !=, 0);
    return block;
}

/* The way past the branch comes to where the branch goes. */
static void test_join(void)
{
    TestCpu *t = load();
    const TranslatorStats *stats = run(t, CODE, false);
    g_assert_cmpuint(stats->insns, ==, INSNS);
    g_assert_cmpuint(stats->blocks, ==, 2);
    run(t, CODE, true);
    g_assert_cmpuint(stats->insns, ==, INSNS);
    g_assert_cmpuint(stats->blocks, ==, 2);
    test_cpu_free(t);
}

/* A block is there already; the new one is linked to it without the dispatcher. */
static void test_known(void)
{
    TestCpu *t = load();
    const TranslatorStats *stats = run(t, BEHIND, false);
    g_assert_cmpuint(stats->insns, ==, INSNS_BEHIND);
    uint64_t entries = stats->entries;
    for (unsigned jumps = 0; jumps < 2; jumps++) {
        run(t, CODE, jumps);
        g_assert_cmpuint(stats->insns, ==, INSNS);
        g_assert_cmpuint(stats->blocks, ==, 2);
        g_assert_cmpuint(stats->entries, ==, entries + 1 + jumps);
    }
    test_cpu_free(t);
}

/* Straight code that was translated whole is lifted whole again, though a block starts in it now.
 */
static void test_again(void)
{
    TestCpu *t = load();
    test_poke(t, CODE + 2, 0x9090, 2); /* no branch */
    run(t, CODE, false);
    uint32_t whole = block_of(t, CODE);
    run(t, BEHIND, false);
    g_assert_cmpuint(block_of(t, BEHIND), !=, whole);
    Translator *translator = translator_of(t->cpu);
    g_assert_cmpuint(translator->blocks[whole].insn_count, ==, INSNS + 1);
    t->cpu->rip = CODE;
    g_assert_true(lift_again(translator, t->cpu, whole, translator->ir));
    g_assert_cmpuint(translator->ir->insn_count, ==, INSNS + 1);
    test_cpu_free(t);
}

/* What is written holds no starts. */
static void test_written(void)
{
    TestCpu *t = load();
    test_poke(t, CODE + 2, 0x9090, 2);
    run(t, BEHIND, false);
    Translator *translator = translator_of(t->cpu);
    g_assert_false(cache_code_written(translator, t->ram.host + CODE, 1));
    run(t, CODE, false);
    g_assert_cmpuint(translator->blocks[block_of(t, CODE)].insn_count, ==, INSNS + 1);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/dbt/block_start/join", test_join);
    g_test_add_func("/dbt/block_start/known", test_known);
    g_test_add_func("/dbt/block_start/again", test_again);
    g_test_add_func("/dbt/block_start/written", test_written);
    return g_test_run();
}
