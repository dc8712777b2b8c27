/* The TLB's tables: their size, and what each kind of flush leaves in them. [SDM3] "Invalidation of
 * TLBs and Paging-Structure Caches". */
#include "cpu/mmu.h"
#include "tests/support/testcpu.h"

enum { P = 1, W = 2, PS = 0x80, G = 0x100, ROOT = 0x1000, TABLE = 0x2000, PAGES = 4096 };

/* No paging: 16 MiB of RAM. */
static TestCpu *flat(void)
{
    TestCpu *t = test_cpu_new("max", PAGES * PAGE_SIZE);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    tlb_flush_all(t->cpu);
    return t;
}

/* Linear 0 to 4 MiB in small pages, global from 2 MiB on; a large page from 4 MiB on. */
static TestCpu *paged(void)
{
    TestCpu *t = test_cpu_new("max", PAGES * PAGE_SIZE);
    t->cpu->cr0 |= CR0_PG | CR0_WP;
    t->cpu->cr3 = ROOT;
    t->cpu->cr4 |= CR4_PGE | CR4_PSE;
    test_poke(t, ROOT, TABLE | P | W, 4);
    test_poke(t, ROOT + 4, 0x400000 | P | W | PS, 4);
    for (unsigned i = 0; i < 1024; i++)
        test_poke(t, TABLE + i * 4, i * PAGE_SIZE | P | W | (i >= 512 ? G : 0), 4);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    tlb_flush_all(t->cpu);
    return t;
}

static unsigned entries(const TestCpu *t)
{
    return (t->cpu->tlb_mask >> TLB_ENTRY_SHIFT) + 1;
}

static bool is_filled(const TestCpu *t, LinAddr la)
{
    return tlb_entry(t->cpu, la)->read == (la & ~PAGE_MASK);
}

static void touch(TestCpu *t, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        g_assert_cmphex(mem_load(t->cpu, i * PAGE_SIZE + 8, 4), ==, i);
}

static void assert_sound(TestCpu *t)
{
    g_autofree char *problem = tlb_problem(t->cpu);
    g_assert_cmpstr(problem, ==, NULL);
}

/* It grows until pages no longer drive each other out, and not beyond. */
static void test_grows(void)
{
    TestCpu *t = flat();
    for (unsigned i = 0; i < PAGES; i++)
        test_poke(t, i * PAGE_SIZE + 8, i, 4);
    g_assert_cmpuint(entries(t), ==, TLB_SMALLEST);
    for (unsigned round = 0; round < 10; round++) {
        touch(t, PAGES);
        assert_sound(t);
    }
    g_assert_cmpuint(entries(t), ==, PAGES);
    for (unsigned i = 0; i < PAGES; i++)
        g_assert_true(is_filled(t, i * PAGE_SIZE));
    test_cpu_free(t);
}

/* A flush that finds it half full makes it larger, a row of flushes that find it nearly empty
 * smaller. */
static void test_shrinks(void)
{
    enum { FLUSHES = 1000 };
    TestCpu *t = flat();
    for (unsigned i = 0; i < PAGES; i++)
        test_poke(t, i * PAGE_SIZE + 8, i, 4);
    touch(t, TLB_SMALLEST * 3 / 4);
    g_assert_cmpuint(entries(t), ==, TLB_SMALLEST);
    tlb_flush_non_global(t->cpu);
    g_assert_cmpuint(entries(t), ==, 2 * TLB_SMALLEST);
    for (unsigned i = 0; i < FLUSHES; i++) {
        touch(t, 4);
        tlb_flush_non_global(t->cpu);
    }
    g_assert_cmpuint(entries(t), ==, TLB_SMALLEST);
    touch(t, 4);
    assert_sound(t);
    test_cpu_free(t);
}

/* The mode that is not the present one keeps its own size. */
static void test_sizes_apart(void)
{
    TestCpu *t = flat();
    for (unsigned i = 0; i < PAGES; i++)
        test_poke(t, i * PAGE_SIZE + 8, i, 4);
    touch(t, PAGES);
    unsigned large = entries(t);
    g_assert_cmpuint(large, >, TLB_SMALLEST);
    tlb_select(t->cpu, TLB_USER);
    g_assert_cmpuint(entries(t), ==, TLB_SMALLEST);
    tlb_select(t->cpu, TLB_SUPERVISOR);
    g_assert_cmpuint(entries(t), ==, large);
    test_cpu_free(t);
}

static bool jump_is_known(const TestCpu *t, LinAddr la)
{
    return mmu_context(t->cpu)->jump[jump_index(la)].rip == la;
}

static uint32_t code_id(const TestCpu *t, LinAddr la)
{
    return mmu_context(t->cpu)->code_id[(la >> PAGE_SHIFT) % CODE_IDS];
}

/* Fetches, and learns a jump and a page number, as the translator does. */
static void learn(TestCpu *t, LinAddr la, uint32_t id)
{
    mem_probe(t->cpu, la, 1, ACCESS_FETCH);
    mmu_jump_add(mmu_context(t->cpu), la, t);
    mmu_code_id_set(mmu_context(t->cpu), la & ~PAGE_MASK, id);
}

static void test_cr3_keeps_global(void)
{
    enum { LOCAL = 0x5010, GLOBAL = 0x205020 };
    TestCpu *t = paged();
    learn(t, LOCAL, 1);
    learn(t, GLOBAL, 2);
    tlb_flush_non_global(t->cpu);
    g_assert_false(is_filled(t, LOCAL));
    g_assert_false(jump_is_known(t, LOCAL));
    g_assert_cmpuint(code_id(t, LOCAL), ==, 0);
    g_assert_true(is_filled(t, GLOBAL));
    g_assert_true(jump_is_known(t, GLOBAL));
    g_assert_cmpuint(code_id(t, GLOBAL), ==, 2);
    tlb_flush_all(t->cpu);
    g_assert_false(is_filled(t, GLOBAL));
    g_assert_false(jump_is_known(t, GLOBAL));
    g_assert_cmpuint(code_id(t, GLOBAL), ==, 0);
    test_cpu_free(t);
}

/* A place that a global page's jump held, and a local one's took, is local. */
static void test_place_changes_hands(void)
{
    enum { LOCAL = 0x5010 };
    TestCpu *t = paged();
    LinAddr other = 0x200000;
    while (jump_index(other) != jump_index(LOCAL))
        other++;
    g_assert_cmphex(other, <, 0x400000);
    learn(t, other, 1);
    learn(t, LOCAL, 2);
    g_assert_false(jump_is_known(t, other));
    tlb_flush_non_global(t->cpu);
    g_assert_false(jump_is_known(t, LOCAL));
    test_cpu_free(t);
}

static void test_invlpg_drops_one(void)
{
    enum { THIS = 0x5010, NEXT = 0x6020 };
    TestCpu *t = paged();
    learn(t, THIS, 1);
    learn(t, NEXT, 2);
    tlb_flush_page(t->cpu, THIS + 0x800);
    g_assert_false(is_filled(t, THIS));
    g_assert_false(jump_is_known(t, THIS));
    g_assert_cmpuint(code_id(t, THIS), ==, 0);
    g_assert_true(is_filled(t, NEXT));
    g_assert_true(jump_is_known(t, NEXT));
    g_assert_cmpuint(code_id(t, NEXT), ==, 2);
    assert_sound(t);
    test_cpu_free(t);
}

/* Pieces of a large page go together, whichever is named, and only then does all else go. */
static void test_invlpg_and_large_pages(void)
{
    enum { SMALL = 0x5000, LARGE_LOW = 0x400000, LARGE_HIGH = 0x7ff000 };
    TestCpu *t = paged();
    mem_load(t->cpu, SMALL, 4);
    mem_load(t->cpu, LARGE_LOW, 4);
    mem_load(t->cpu, LARGE_HIGH, 4);
    tlb_flush_page(t->cpu, 0x9000);
    g_assert_true(is_filled(t, SMALL));
    g_assert_true(is_filled(t, LARGE_LOW));
    tlb_flush_page(t->cpu, 0x600000);
    g_assert_false(is_filled(t, LARGE_LOW));
    g_assert_false(is_filled(t, LARGE_HIGH));
    test_cpu_free(t);
}

/* Large pages are looked for by the low bits of where they are, but these are not mistaken for it.
 */
static void test_large_pages_share_a_place(void)
{
    enum { LARGE = 0x400000, OTHER = 0x80400000, UPPER = OTHER >> 22 };
    TestCpu *t = paged();
    mem_load(t->cpu, LARGE, 4);
    tlb_flush_page(t->cpu, OTHER);
    g_assert_true(is_filled(t, LARGE));
    test_poke(t, ROOT + 4 * UPPER, 0x400000 | P | W | PS, 4);
    mem_load(t->cpu, OTHER, 4);
    tlb_flush_page(t->cpu, LARGE + 0x1000);
    g_assert_false(is_filled(t, LARGE));
    mem_load(t->cpu, LARGE, 4);
    mem_load(t->cpu, OTHER, 4);
    tlb_flush_page(t->cpu, OTHER + 0x1000);
    g_assert_false(is_filled(t, OTHER));
    test_cpu_free(t);
}

/* One jump goes, if it is to that code. */
static void test_jump_drop(void)
{
    enum { THIS = 0x5010, NEXT = 0x5020 };
    TestCpu *t = paged();
    learn(t, THIS, 1);
    learn(t, NEXT, 1);
    mmu_jump_drop(mmu_context(t->cpu), THIS, t->cpu);
    g_assert_true(jump_is_known(t, THIS));
    mmu_jump_drop(mmu_context(t->cpu), THIS, t);
    g_assert_false(jump_is_known(t, THIS));
    g_assert_true(jump_is_known(t, NEXT));
    tlb_flush_all(t->cpu);
    g_assert_false(jump_is_known(t, NEXT));
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tlb/grows", test_grows);
    g_test_add_func("/tlb/shrinks", test_shrinks);
    g_test_add_func("/tlb/sizes-apart", test_sizes_apart);
    g_test_add_func("/tlb/cr3-keeps-global", test_cr3_keeps_global);
    g_test_add_func("/tlb/place-changes-hands", test_place_changes_hands);
    g_test_add_func("/tlb/invlpg-drops-one", test_invlpg_drops_one);
    g_test_add_func("/tlb/invlpg-large", test_invlpg_and_large_pages);
    g_test_add_func("/tlb/large-pages-share-a-place", test_large_pages_share_a_place);
    g_test_add_func("/tlb/jump-drop", test_jump_drop);
    return g_test_run();
}
