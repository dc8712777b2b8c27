/* Code in a page whose tables were changed without the TLB being told. [SDM3] "Invalidation of TLBs
 * and Paging-Structure Caches": the old page or the new one, and whatever it is, the program lives.
 * When the TLB is told, what follows INVLPG in the block is the new page's. */
#include "dbt/dbt.h"
#include "dbt/host.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum {
    RAM = 4 << 20,
    CODE = 0x1000,
    OTHER = 0x2000, /* the page that takes its place */
    DIRECTORY = 0x8000,
    TABLE = 0x9000,
    AWAY = 0x41000,
    LANDING = 0x800, /* offset of the second block */
    PRESENT_WRITE_USER = 7,
};

/* Changes the entry of its own page to EBX, and comes back from AWAY to a block that was not there
 * yet: the walk of before has been forgotten for AWAY's, but the TLB has not. */
static const uint8_t program[] = {
    0x89, 0x1d, 0x04, 0x90, 0x00, 0x00, /* mov [TABLE + 4], ebx */
    0xe9, 0xf5, 0xff, 0x03, 0x00,       /* jmp AWAY */
};
/* Changes the entry likewise, and tells. */
static const uint8_t telling[] = {
    0x89, 0x1d, 0x04, 0x90, 0x00, 0x00,       /* mov [TABLE + 4], ebx */
    0x0f, 0x01, 0x3d, 0x00, 0x10, 0x00, 0x00, /* invlpg [CODE] */
};
static const uint8_t back[] = {0xe9, 0xfb, 0x07, 0xfc, 0xff}; /* jmp CODE + LANDING */

/* mov edx, n; hlt; and a jump, which ends the block */
static void poke_end(TestCpu *t, PhysAddr at, uint8_t n)
{
    const uint8_t code[] = {0xba, n, 0, 0, 0, 0xf4, 0xeb, 0xfe};
    test_poke_bytes(t, at, code, sizeof(code));
}

static TestCpu *paged(void)
{
    TestCpu *t = test_cpu_new("max", RAM);
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITE_USER, 4);
    for (unsigned i = 0; i < 1024; i++)
        test_poke(t, TABLE + 4 * i, i << 12 | PRESENT_WRITE_USER, 4);
    test_poke_bytes(t, CODE, program, sizeof(program));
    test_poke_bytes(t, AWAY, back, sizeof(back));
    poke_end(t, CODE + LANDING, 1);
    poke_end(t, OTHER + LANDING, 2);
    cpu->cr3 = DIRECTORY;
    cpu->cr0 |= CR0_PG;
    cpu_update_mode(cpu);
    cpu->rip = CODE;
    return t;
}

static void run(TestCpu *t)
{
    g_autoptr(GError) err = NULL;
    g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.counted = true}, &err));
    for (unsigned n = 0; n < 1000 && t->cpu->activity == CPU_RUNNING; n++)
        cpu_run(t->cpu, 100);
}

static void test_other_page(void)
{
    TestCpu *t = paged();
    t->cpu->gpr[RBX] = OTHER | PRESENT_WRITE_USER;
    run(t);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    g_assert_true(t->cpu->gpr[RDX] == 1 || t->cpu->gpr[RDX] == 2);
    test_cpu_free(t);
}

/* Ones, where nothing is: an instruction that does not exist, and no handler for it. */
static void test_no_memory(void)
{
    TestCpu *t = paged();
    t->cpu->gpr[RBX] = 0x40000000 | PRESENT_WRITE_USER;
    run(t);
    g_assert_cmpint(t->cpu->activity, !=, CPU_RUNNING);
    g_assert_true(t->cpu->activity != CPU_HALTED || t->cpu->gpr[RDX] == 1);
    test_cpu_free(t);
}

static void test_told(void)
{
    TestCpu *t = paged();
    test_poke_bytes(t, CODE, telling, sizeof(telling));
    poke_end(t, CODE + sizeof(telling), 1);
    poke_end(t, OTHER + sizeof(telling), 2);
    t->cpu->gpr[RBX] = OTHER | PRESENT_WRITE_USER;
    run(t);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    g_assert_cmpint(t->cpu->gpr[RDX], ==, 2);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/dbt/stale_page/other", test_other_page);
    g_test_add_func("/dbt/stale_page/no_memory", test_no_memory);
    g_test_add_func("/dbt/stale_page/told", test_told);
    return g_test_run();
}
