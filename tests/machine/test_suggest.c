/* The nearest spelling: optimal string alignment distances worked out by hand. */
#include "machine/suggest.h"

static void distances(void)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},         {"", "abc", 3},    {"abc", "abc", 0},
        {"abc", "abd", 1},   {"abc", "acb", 1}, {"kitten", "sitting", 3},
        {"bios", "boot", 2}, {"SMP", "smp", 0}, {"nographics", "nographic", 1},
        {"ca", "abc", 3},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpuint(suggest_distance(cases[i].a, cases[i].b), ==, cases[i].distance);
        g_assert_cmpuint(suggest_distance(cases[i].b, cases[i].a), ==, cases[i].distance);
    }
}

static void nearest(void)
{
    static const char *const words[] = {"drive", "device", "cdrom", NULL};
    g_assert_cmpstr(suggest_nearest("drvie", words), ==, "drive");
    g_assert_cmpstr(suggest_nearest("devise", words), ==, "device");
    g_assert_cmpstr(suggest_nearest("cdrom", words), ==, "cdrom");
    g_assert_null(suggest_nearest("xyzzy", words));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/suggest/distances", distances);
    g_test_add_func("/suggest/nearest", nearest);
    return g_test_run();
}
