/* test_rows_covered.c - no row of the instruction table without a proof: each that is executed is
 * judged by the host CPU (tests/insn/judge.c), or has a hand-written case. */
#include "cpu/isa_priv.h"
#include "tests/support/judge.h"
#include "tests/support/row_tests.h"

static void report(const InsnRow *row, const char *why)
{
    static const char *const maps[MAP_COUNT] = {"",        "0F ",        "0F 38 ",    "0F 3A ",
                                                "VEX 0F ", "VEX 0F 38 ", "VEX 0F 3A "};
    g_test_message("%s (%s%02X, form %x): no case in tests, and not judged: %s", row->name,
                   maps[row->map], row->opcode, row->form, why);
}

static void test_rows(void)
{
    char **cases = row_tests_scan(MYNA_SOURCE_DIR);
    unsigned missing = 0, executed = 0;
    for (unsigned r = 0; r < insn_row_count; r++) {
        const InsnRow *row = &insn_rows[r];
        const char *why = NULL;
        if (!judge_row_is_offered(row))
            continue;
        executed++;
        if (judge_row_class(row, &why) == ROW_JUDGED || cases[r])
            continue;
        report(row, why);
        missing++;
    }
    row_tests_free(cases);
    g_assert_cmpuint(executed, >, 900);
    g_assert_cmpuint(missing, ==, 0);
}

/* What the model offers has a function: the features it names and the rows agree. */
static void test_offered_rows_have_functions(void)
{
    for (unsigned r = 0; r < insn_row_count; r++) {
        const InsnRow *row = &insn_rows[r];
        bool avx = row->attrs & ATTR_AVX && !feature_is_implemented(FEATURE_AVX);
        if (feature_is_implemented(row->feature) && !avx && !row->exec) {
            g_test_message("%s is offered and has no function", row->name);
            g_test_fail();
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rows/covered", test_rows);
    g_test_add_func("/rows/functions", test_offered_rows_have_functions);
    return g_test_run();
}
