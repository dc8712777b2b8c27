/* The monitor's arithmetic. */
#include "core/error.h"
#include "ui/monitor_priv.h"

static void values(void)
{
    static Cpu cpu;
    cpu.gpr[RAX] = 0x1234567890;
    cpu.gpr[R10] = 7;
    cpu.rip = 0xfff0;
    cpu.seg[SEG_CS].selector = 0xf000;
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {
        {"1", 1},
        {"0x10", 16},
        {"2+3*4", 14},
        {"(2+3)*4", 20},
        {" 7 - 2 - 1 ", 4},
        {"-1", UINT64_MAX},
        {"~0 & 0xff", 0xff},
        {"1|6", 7},
        {"100/7", 14},
        {"$rax", 0x1234567890},
        {"$eax", 0x34567890},
        {"$r10*2", 14},
        {"$rip+16", 0x10000},
        {"$eip", 0xfff0},
        {"$pc", 0xfff0},
        {"$cs*16", 0xf0000},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t value;
        g_assert_true(expression_value(cases[i].text, &cpu, &value, &err));
        g_assert_cmphex(value, ==, cases[i].value);
    }
}

static void mistakes(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "is missing"},         {"1+", "is missing"}, {"(1", ") is missing"},
        {"1/0", "divides by zero"}, {"1 2", "follows"},   {"$rax", "no such register"},
        {"x", "is missing"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t value;
        g_assert_false(expression_value(cases[i].text, NULL, &value, &err));
        g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
        g_assert_nonnull(strstr(err->message, cases[i].message));
    }
    /* However deep people nest it, the stack holds. */
    g_autofree char *deep = g_strnfill(100000, '(');
    g_autoptr(GError) err = NULL;
    uint64_t value;
    g_assert_false(expression_value(deep, NULL, &value, &err));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/expression/values", values);
    g_test_add_func("/expression/mistakes", mistakes);
    return g_test_run();
}
