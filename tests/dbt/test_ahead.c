/* Memory that is got ahead: so much, no more than there is, and in both mappings. */
#include <sys/mman.h>

#include "dbt/ahead.h"

enum { PIECES = 3, PIECE = 128 * KIB, SIZE = PIECES * PIECE + PIECE / 2 };

/* Pages of [start, start+bytes) that are there. */
static unsigned count_present(const uint8_t *start, size_t bytes)
{
    enum { PRESENT = 1, PAGES = SIZE / PAGE_SIZE };
    unsigned char found[PAGES];
    unsigned present = 0;
    g_assert_cmpint(mincore((void *)start, bytes, found), ==, 0);
    for (unsigned i = 0; i < bytes / PAGE_SIZE; i++)
        present += found[i] & PRESENT;
    return present;
}

static uint8_t *map(void)
{
    void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(p != MAP_FAILED);
    return p;
}

/* An emulated one may just say so. */
static bool host_knows(uint8_t *start)
{
#ifdef MADV_POPULATE_WRITE
    return madvise(start, PAGE_SIZE, MADV_POPULATE_WRITE) == 0 && count_present(start, PAGE_SIZE);
#else
    return false;
#endif
}

static void test_pieces(void)
{
    uint8_t *start = map(), *alias = map();
    if (!host_knows(start)) {
        g_test_skip("this host's kernel gives no memory ahead");
        return;
    }
    Ahead a = {.start = start, .alias = alias, .size = SIZE, .piece = PIECE};
    for (unsigned piece = 0; piece < 2 * PIECES; piece++) {
        ahead_used(&a, piece * PIECE + PIECE / 2);
        ahead_finish();
        size_t wanted = MIN((piece + 1) * PIECE, SIZE);
        g_assert_cmpuint(a.asked, ==, wanted);
        ahead_used(&a, piece * PIECE + PIECE / 2 + 1);
        ahead_finish();
        wanted = MIN((piece + 2) * PIECE, SIZE);
        g_assert_cmpuint(a.asked, ==, wanted);
        g_assert_cmpuint(count_present(start, SIZE), ==, wanted / PAGE_SIZE);
    }
    g_assert_cmpint(munmap(start, SIZE), ==, 0);
    g_assert_cmpint(munmap(alias, SIZE), ==, 0);
}

/* What has no second mapping; and what is in use already is not asked for again. */
static void test_single(void)
{
    uint8_t *start = map();
    Ahead a = {.start = start, .size = SIZE, .piece = PIECE};
    ahead_used(&a, 1);
    ahead_finish();
    start[0] = 1;
    size_t asked = a.asked;
    ahead_used(&a, 0);
    g_assert_cmpuint(a.asked, ==, asked);
    g_assert_cmpuint(start[0], ==, 1);
    g_assert_cmpint(munmap(start, SIZE), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dbt/ahead/pieces", test_pieces);
    g_test_add_func("/dbt/ahead/single", test_single);
    return g_test_run();
}
