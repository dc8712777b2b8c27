/* key=value arguments: cutting, escapes, numbers, sizes, tables, and what errors say. */
#include "core/error.h"
#include "machine/keyvalue.h"

static void assert_item(GArray *items, unsigned n, const char *key, const char *value)
{
    g_assert_cmpuint(n, <, items->len);
    g_assert_cmpstr(g_array_index(items, KeyValue, n).key, ==, key);
    g_assert_cmpstr(g_array_index(items, KeyValue, n).value, ==, value);
}

static void split(void)
{
    g_autoptr(GArray) items = keyvalue_split("x.img,if=ide,snapshot", "file");
    g_assert_cmpuint(items->len, ==, 3);
    assert_item(items, 0, "file", "x.img");
    assert_item(items, 1, "if", "ide");
    assert_item(items, 2, "snapshot", "on");
}

static void escapes(void)
{
    g_autoptr(GArray) items = keyvalue_split("file=a,,b=c,,,id=d", NULL);
    g_assert_cmpuint(items->len, ==, 2);
    assert_item(items, 0, "file", "a,b=c,");
    assert_item(items, 1, "id", "d");
    g_autoptr(GArray) none = keyvalue_split("", "file");
    g_assert_cmpuint(none->len, ==, 0);
}

static void sizes(void)
{
    static const struct {
        const char *text;
        uint64_t unit, bytes;
    } good[] = {
        {"64", MIB, 64 * MIB},    {"64k", MIB, 64 * KIB},  {"2G", MIB, 2 * GIB},
        {"1.5G", 1, 3 * GIB / 2}, {"0x10", KIB, 16 * KIB}, {"7b", MIB, 7},
        {"1t", MIB, 1024 * GIB},  {"0", MIB, 0},
    };
    static const char *const bad[] = {"",      "-1", "k", "1kk", "1x", "999999999999999999999",
                                      "1e400", "nan"};
    uint64_t bytes;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(keyvalue_size(good[i].text, good[i].unit, &bytes));
        g_assert_cmpuint(bytes, ==, good[i].bytes);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(keyvalue_size(bad[i], MIB, &bytes));
}

static void numbers(void)
{
    uint64_t v;
    g_assert_true(keyvalue_uint("4294967296", &v));
    g_assert_cmpuint(v, ==, 4294967296);
    g_assert_true(keyvalue_uint("0xFf", &v));
    g_assert_cmpuint(v, ==, 255);
    static const char *const bad[] = {"",   "-1", "+1",  " 1",
                                      "1 ", "0x", "12a", "18446744073709551616"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(keyvalue_uint(bad[i], &v));
}

typedef struct Target {
    char *name;
    unsigned count, kind;
    uint64_t size;
    bool flag;
} Target;

static const char *const kinds[] = {"red", "green", NULL};

static const KeyRow rows[] = {
    {"name", KEY_STRING, offsetof(Target, name)},
    {"count", KEY_UINT, offsetof(Target, count), 1, 8},
    {"kind", KEY_CHOICE, offsetof(Target, kind), .choices = kinds},
    {"size", KEY_SIZE, offsetof(Target, size), KIB},
    {"flag", KEY_BOOL, offsetof(Target, flag)},
    {"noise", KEY_IGNORED},
    {NULL},
};

static void table(void)
{
    Target t = {0};
    g_autoptr(GError) err = NULL;
    g_assert_true(keyvalue_parse("-x", "a,count=8,kind=green,size=4,flag=yes,noise=?", "name", rows,
                                 &t, &err));
    g_assert_no_error(err);
    g_assert_cmpstr(t.name, ==, "a");
    g_assert_cmpuint(t.count, ==, 8);
    g_assert_cmpuint(t.kind, ==, 1);
    g_assert_cmpuint(t.size, ==, 4096);
    g_assert_true(t.flag);
    g_free(t.name);
}

static void errors(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"cuont=1", "-x: unknown key \"cuont\"; did you mean \"count\"?"},
        {"zzz=1", "-x: unknown key \"zzz\"; there are: name, count, kind, size, flag, noise"},
        {"count=9", "-x: \"count=9\" should be a number from 1 to 8"},
        {"count=", "-x: \"count=\" should be a number from 1 to 8"},
        {"kind=blue", "-x: \"kind=blue\" should be one of: red, green"},
        {"size=big", "-x: \"size=big\" should be a size such as 512M or 2G"},
        {"flag=maybe", "-x: \"flag=maybe\" should be on or off"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Target t = {0};
        g_autoptr(GError) err = NULL;
        g_assert_false(keyvalue_parse("-x", cases[i].text, NULL, rows, &t, &err));
        g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
        g_assert_cmpstr(err->message, ==, cases[i].message);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyvalue/split", split);
    g_test_add_func("/keyvalue/escapes", escapes);
    g_test_add_func("/keyvalue/sizes", sizes);
    g_test_add_func("/keyvalue/numbers", numbers);
    g_test_add_func("/keyvalue/table", table);
    g_test_add_func("/keyvalue/errors", errors);
    return g_test_run();
}
