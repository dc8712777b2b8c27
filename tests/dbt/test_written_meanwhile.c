/* Bytes of a block that change while it runs, and no store of its own is what changes them. */
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 20, STACK = 0x8000, BUDGET = 1000 };
enum { CODE = 0x1000, DATA = 0x4000, NOWHERE = 0x200000 };

static void run(TestCpu *t, LinAddr from, LinAddr data)
{
    t->cpu->rip = from;
    t->cpu->gpr[RAX] = 0;
    t->cpu->gpr[RBX] = data;
    t->cpu->gpr[RSP] = STACK;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
}

/* --- the page walk ------------------------------------------------------------------------------- */

/* Code in the table of pages, from three bytes before the entry for PAGE on. The access of the
 * first instruction sets bits in the entry's first byte, which is what the second one adds; the
 * rest of the entry is the third. */
enum { DIRECTORY = 0xa000, TABLE = 0xb000, PAGE = 0x40000, ENTRY = TABLE + PAGE / PAGE_SIZE * 4 };
enum { PRESENT_WRITABLE = 3, ACCESSED = 0x20, DIRTY = 0x40 };

static const uint8_t loads[] = {
    0x8b, 0x0b,             /* mov ecx, [ebx] */
    0x04, PRESENT_WRITABLE, /* add al, ENTRY's first byte */
    0x05, 0x03,
    0x00, 0x00,
    0x00, /* add eax, 3: to the page at 30000h */
    0xf4, /* hlt */
};
static const uint8_t stores[] = {
    0x89, 0x0b, 0x04, PRESENT_WRITABLE, 0x05, 0x03, 0x00, 0x00, 0x00, 0xf4, /* mov [ebx], ecx */
};

static TestCpu *paged(bool translated)
{
    TestCpu *t = translated_cpu_new(RAM);
    if (!translated)
        cpu_set_engine(t->cpu, &interpreter_engine, NULL);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    for (LinAddr la = 0; la < RAM; la += PAGE_SIZE)
        test_poke(t, TABLE + la / PAGE_SIZE * 4, la | PRESENT_WRITABLE, 4);
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    cpu_update_mode(t->cpu);
    return t;
}

static void walk(const uint8_t *code, size_t size, uint8_t bits, bool translated)
{
    TestCpu *t = paged(translated);
    test_poke_bytes(t, ENTRY - 3, code, size);
    for (unsigned n = 0; n < 4; n++) {
        test_poke(t, ENTRY, PRESENT_WRITABLE, 1);
        tlb_flush_all(t->cpu);
        run(t, ENTRY - 3, PAGE);
        g_assert_cmphex(t->cpu->gpr[RAX], ==, (PRESENT_WRITABLE | bits) + 3);
    }
    test_cpu_free(t);
}

static void test_accessed(void)
{
    walk(loads, sizeof(loads), ACCESSED, false);
    walk(loads, sizeof(loads), ACCESSED, true);
}

static void test_dirty(void)
{
    walk(stores, sizeof(stores), ACCESSED | DIRTY, false);
    walk(stores, sizeof(stores), ACCESSED | DIRTY, true);
}

/* --- another CPU --------------------------------------------------------------------------------- */

/* Its store has been made, but is not told of yet. What is handed over is what stands there now: an
 * instruction that does not exist, and no handler for it. */
static void test_not_told(void)
{
    static const uint8_t code[] = {0x40, 0x8b, 0x0b, 0x40, 0xf4}; /* inc eax; mov ecx, [ebx]; .. */
    TestCpu *t = translated_cpu_new(RAM);
    test_poke_bytes(t, CODE, code, sizeof(code));
    run(t, CODE, DATA);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 2);
    const Translator *tr = translator_of(t->cpu);
    uint8_t *bytes = (uint8_t *)tr->blocks[tr->space[SPACE_PLAIN].first.block].host;
    memcpy(bytes + 1, (const uint8_t[]){0x0f, 0x04}, 2);
    run(t, CODE, NOWHERE);
    g_assert_cmpuint(t->triple_faults, ==, 1);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 1);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/written_meanwhile/accessed", test_accessed);
    g_test_add_func("/written_meanwhile/dirty", test_dirty);
    g_test_add_func("/written_meanwhile/not_told", test_not_told);
    return g_test_run();
}
