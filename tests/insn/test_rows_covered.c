/* test_rows_covered.c - no row of the instruction table without a case in tests/insn/rows: each
 * operand size, register and memory, and each fault that the row's columns document. A row that is
 * not executed needs one that raises #UD. */
#include "cpu/isa.h"
#include "tests/support/judge.h"
#include "tests/support/row_bench.h"
#include "tests/support/row_coverage.h"

/* Where the bytes meant something before, that is what remains without the feature. */
static bool is_refused(const RowCase *c)
{
    Insn insn;
    if (!c || !row_decode(c, &insn))
        return false;
    bool older = !row_condition_find("without")->needed(&insn, c->mode);
    return older || c->raise.vector == EXC_UD;
}

static void test_rows(void)
{
    decode_init();
    g_autoptr(GPtrArray) cases = row_files_read(MYNA_SOURCE_DIR);
    RowCoverage *covered = row_coverage_new(cases);
    unsigned missing = 0;
    for (unsigned r = 0; r < insn_row_count; r++) {
        const InsnRow *row = &insn_rows[r];
        g_autofree char *lacks = judge_row_is_offered(row) ? row_coverage_missing(covered, r)
                                 : is_refused(row_coverage_first(covered, r))
                                     ? g_strdup("")
                                     : g_strdup_printf("%s: a case that raises #UD", row->name);
        if (!*lacks)
            continue;
        missing++;
        g_test_message("row %u, opcode %02x, has no case for\n%s", r, row->opcode, lacks);
    }
    row_coverage_free(covered);
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
