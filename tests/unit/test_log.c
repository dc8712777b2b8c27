/* -d and -dfilter: which items and addresses are logged. */
#include "core/log.h"

static void items(void)
{
    g_autoptr(GError) err = NULL;
    log_mask = 0;
    g_assert_true(log_set_items("in_asm,op,out_asm", &err));
    g_assert_cmphex(log_mask, ==, 1 << LOG_IN_ASM | 1 << LOG_IR | 1 << LOG_OUT_ASM);
    log_mask = 0;
    g_assert_true(log_set_items("ir", &err));
    g_assert_cmphex(log_mask, ==, 1 << LOG_IR);
    g_assert_false(log_set_items("in_asm,nothing", &err));
    g_assert_nonnull(strstr(err->message, "nothing"));
    log_mask = 0;
}

static void filter(void)
{
    static const struct {
        const char *ranges;
        uint64_t address;
        bool inside;
    } cases[] = {
        {"0x1000+0x10", 0xfff, false},
        {"0x1000+0x10", 0x1000, true},
        {"0x1000+0x10", 0x100f, true},
        {"0x1000+0x10", 0x1010, false},
        {"0x1000-0x10", 0x1000, true},
        {"0x1000-0x10", 0xff1, true},
        {"0x1000-0x10", 0xff0, false},
        {"0x1000..0x2000", 0x2000, true},
        {"0x1000..0x2000", 0x2001, false},
        {"16+1,0xffffffff81000000..0xffffffffffffffff", UINT64_MAX, true},
        {"16+1,0xffffffff81000000..0xffffffffffffffff", 16, true},
        {"16+1,0xffffffff81000000..0xffffffffffffffff", 17, false},
    };
    g_assert_true(log_in_filter(0x1234)); /* none was set */
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(log_set_filter(cases[i].ranges, NULL));
        g_assert_cmpint(log_in_filter(cases[i].address), ==, cases[i].inside);
    }
}

static void wrong_filters(void)
{
    static const char *const wrong[] = {"",         "0x1000",
                                        "0x1000+",  "+5",
                                        "0x1000+0", "5..4",
                                        "1+1,",     "0x1000..",
                                        "1+2x",     "0x1000+0x10 ",
                                        "ten+10",   "1.2",
                                        "0x0-2",    "8+0xffffffffffffffff"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) err = NULL;
        g_assert_false(log_set_filter(wrong[i], &err));
        g_assert_nonnull(err);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items", items);
    g_test_add_func("/log/filter", filter);
    g_test_add_func("/log/filter-wrong", wrong_filters);
    return g_test_run();
}
