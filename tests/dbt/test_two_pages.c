/* An instruction whose bytes lie in two pages is translated, and follows what becomes of either. */
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { FIRST = 0x1000, SECOND = 0x2000, OTHER = 0x6000, RAM = 1 << 16 };
enum { DIRECTORY = 0x4000, TABLE = 0x5000, PRESENT_WRITABLE = 3 };
enum { ADD_AT = SECOND - 2 };

/* add eax, 00050403h; then what is behind it, all in the second page */
static const uint8_t add[] = {0x05, 0x03, 0x04, 0x05, 0x00};
static const uint8_t again[] = {
    0x49,       /* 2003  dec ecx */
    0x75, 0xf8, /* 2004  jnz ADD_AT */
    0xf4,       /* 2006  hlt */
    0xeb, 0xfe, /* 2007  ends the block */
};
/* The same loop, which changes a byte of the constant in each round. */
static const uint8_t again_changed[] = {
    0x88, 0x0d, 0x00, 0x20, 0x00, 0x00, /* 2003  mov [2000h], cl */
    0x49,                               /* 2009  dec ecx */
    0x75, 0xf2,                         /* 200a  jnz ADD_AT */
    0xf4,                               /* 200c  hlt */
    0xeb, 0xfe,                         /* 200d  ends the block */
};

static TestCpu *machine(const uint8_t *behind, size_t count)
{
    TestCpu *t = test_cpu_new("max", RAM);
    g_autoptr(GError) err = NULL;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke_bytes(t, ADD_AT, add, sizeof(add));
    test_poke_bytes(t, ADD_AT + sizeof(add), behind, count);
    g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.optimize = OPTIMIZE_NONE}, &err));
    return t;
}

static uint32_t run(TestCpu *t, unsigned rounds)
{
    t->cpu->rip = ADD_AT;
    t->cpu->gpr[RAX] = 0;
    t->cpu->gpr[RCX] = rounds;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, 100 * rounds);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    return t->cpu->gpr[RAX];
}

static void test_translated(void)
{
    enum { ROUNDS = 1000 };
    TestCpu *t = machine(again, sizeof(again));
    g_assert_cmphex(run(t, ROUNDS), ==, ROUNDS * 0x50403);
    const TranslatorStats *stats = &translator_of(t->cpu)->stats;
    g_assert_cmpuint(stats->refused, ==, 0);
    g_assert_cmpuint(stats->entries, <, ROUNDS); /* the blocks are linked both ways */
    test_cpu_free(t);
}

static void test_changed(void)
{
    enum { ROUNDS = 5 };
    TestCpu *t = machine(again_changed, sizeof(again_changed));
    uint32_t sum = 0x50403;
    for (unsigned cl = ROUNDS; cl > 1; cl--)
        sum += 0x50003 | cl << 8;
    g_assert_cmphex(run(t, ROUNDS), ==, sum);
    g_assert_cmpuint(translator_of(t->cpu)->stats.dropped, >=, ROUNDS - 1);
    /* A write to the first half. */
    test_poke(t, SECOND, 4, 1);
    test_poke(t, SECOND - 1, 9, 1);
    g_assert_cmphex(run(t, 1), ==, 0x50409);
    test_cpu_free(t);
}

/* Nothing else in the second page is code, but the jump's last bytes: where it goes is in them. */
static void test_changed_alone(void)
{
    static const uint8_t jump[] = {0xe9, 0xfd, 0x3f, 0x00, 0x00}; /* jmp OTHER */
    static const uint8_t one[] = {0xb8, 0x01, 0, 0, 0, 0xf4};     /* mov eax, 1; hlt */
    static const uint8_t two[] = {0xb8, 0x02, 0, 0, 0, 0xf4};
    enum { FURTHER = 0x1000 };
    TestCpu *t = machine(again, sizeof(again));
    test_poke_bytes(t, ADD_AT, jump, sizeof(jump));
    test_poke_bytes(t, OTHER, one, sizeof(one));
    test_poke_bytes(t, OTHER + FURTHER, two, sizeof(two));
    for (unsigned n = 0; n < 4; n++) {
        test_poke(t, SECOND, jump[2] + (n & 1) * (FURTHER >> 8), 1);
        g_assert_cmphex(run(t, 1), ==, 1 + (n & 1));
    }
    g_assert_cmpuint(translator_of(t->cpu)->stats.refused, ==, 0);
    test_cpu_free(t);
}

static void map(TestCpu *t, LinAddr la, PhysAddr pa)
{
    test_poke(t, TABLE + (la >> PAGE_SHIFT) * 4, pa | PRESENT_WRITABLE, 4);
    tlb_flush_page(t->cpu, la);
}

/* The linear address stays, other memory comes there. [SDM3] "32-Bit Paging". */
static void test_mapped_otherwise(void)
{
    TestCpu *t = machine(again, sizeof(again));
    test_poke_bytes(t, OTHER, (const uint8_t[]){0x40, 0x50, 0x60}, 3);
    test_poke_bytes(t, OTHER + 3, again, sizeof(again));
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    map(t, FIRST, FIRST);
    map(t, SECOND, SECOND);
    g_assert_cmphex(run(t, 3), ==, 3 * 0x50403);
    map(t, SECOND, OTHER);
    g_assert_cmphex(run(t, 3), ==, 3 * 0x60504003u);
    map(t, SECOND, SECOND);
    g_assert_cmphex(run(t, 3), ==, 3 * 0x50403);
    g_assert_cmpuint(translator_of(t->cpu)->stats.refused, ==, 0);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/two_pages/translated", test_translated);
    g_test_add_func("/two_pages/changed", test_changed);
    g_test_add_func("/two_pages/changed_alone", test_changed_alone);
    g_test_add_func("/two_pages/mapped_otherwise", test_mapped_otherwise);
    return g_test_run();
}
