/* The same bytes, or the same offset, under another base of CS: what is run is what is there. */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 18, BUDGET = 1000, TIMES = 4 };
/* Neither is 0: flat code is another kind. */
enum { LOWER = 0x10000, HIGHER = 0x20000 };
enum { CODE = 0x1000, NEXT = 0x2000, OTHER_NEXT = 0x6000, TARGET = 0x40 };
enum { DIRECTORY = 0x8000, TABLE = 0x9000, PRESENT_WRITABLE = 3 };

/* mov eax, n; hlt; and a jump, which ends the block */
static void poke_end(TestCpu *t, PhysAddr at, uint8_t n)
{
    const uint8_t code[] = {0xb8, n, 0, 0, 0, 0xf4, 0xeb, 0xfe};
    test_poke_bytes(t, at, code, sizeof(code));
}

static uint32_t run(TestCpu *t, uint32_t base)
{
    t->cpu->seg[SEG_CS].base = base;
    segment_update(&t->cpu->seg[SEG_CS]);
    cpu_update_mode(t->cpu);
    t->cpu->rip = CODE;
    t->cpu->gpr[RBX] = CODE + TARGET;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    return t->cpu->gpr[RAX];
}

/* In turns: what is known of one base must not serve the other. */
static void assert_differ(TestCpu *t)
{
    for (unsigned i = 0; i < TIMES; i++)
        for (unsigned j = 0; j < TIMES; j++) {
            bool higher = i % 2;
            g_assert_cmphex(run(t, higher ? HIGHER : LOWER), ==, higher ? 2 : 1);
        }
    test_cpu_free(t);
}

/* An indirect jump to the same offset. */
static void indirect(void)
{
    static const uint8_t jump[] = {0xff, 0xe3}; /* jmp ebx */
    TestCpu *t = translated_cpu_new(RAM);
    test_poke_bytes(t, LOWER + CODE, jump, sizeof(jump));
    test_poke_bytes(t, HIGHER + CODE, jump, sizeof(jump));
    poke_end(t, LOWER + CODE + TARGET, 1);
    poke_end(t, HIGHER + CODE + TARGET, 2);
    assert_differ(t);
}

/* One page of code at two linear addresses, with other pages behind it. */
static void shared_page(void)
{
    static const uint8_t jump[] = {0xe9, 0xfb, 0x0f, 0, 0}; /* jmp NEXT */
    TestCpu *t = translated_cpu_new(RAM);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    for (unsigned at = 0; at < RAM; at += PAGE_SIZE)
        test_poke(t, TABLE + at / PAGE_SIZE * 4, at | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (LOWER + CODE) / PAGE_SIZE * 4, CODE | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (LOWER + NEXT) / PAGE_SIZE * 4, NEXT | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (HIGHER + CODE) / PAGE_SIZE * 4, CODE | PRESENT_WRITABLE, 4);
    test_poke(t, TABLE + (HIGHER + NEXT) / PAGE_SIZE * 4, OTHER_NEXT | PRESENT_WRITABLE, 4);
    test_poke_bytes(t, CODE, jump, sizeof(jump));
    poke_end(t, NEXT, 1);
    poke_end(t, OTHER_NEXT, 2);
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    assert_differ(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/bases/indirect", indirect);
    g_test_add_func("/bases/shared_page", shared_page);
    return g_test_run();
}
