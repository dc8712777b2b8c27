/* test_rows.c - every case of tests/insn/rows/ *.rows through every engine. */
#include "tests/support/row_bench.h"

static void test_engine(gconstpointer data)
{
    const Engine *engine = data;
    g_autoptr(GPtrArray) cases = row_files_read(MYNA_SOURCE_DIR);
    RowBench *t = row_bench_new(engine);
    unsigned wrong = 0;
    if (!t) {
        g_test_skip("not on this host");
        return;
    }
    for (unsigned i = 0; i < cases->len; i++) {
        const RowCase *c = cases->pdata[i];
        g_autofree char *difference = row_bench_check(t, c);
        if (difference)
            g_test_message("%s:%u: %s: %s", c->file, c->line, c->text, difference);
        wrong += difference != NULL;
    }
    row_bench_free(t);
    g_assert_cmpuint(cases->len, >, 0);
    g_assert_cmpuint(wrong, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    decode_init();
    for (unsigned i = 0; i < engine_count; i++) {
        g_autofree char *path = g_strdup_printf("/rows/%s", engines[i].name);
        g_test_add_data_func(path, &engines[i], test_engine);
    }
    return g_test_run();
}
