/* Names of guest addresses: the forms of symbol files, and the look-up. */
#include <glib/gstdio.h>
#include <unistd.h>

#include "core/symbols.h"

static const char text[] = "0000000000001040 T second\n"
                           "0000000000001000 t first\n"
                           "not a line\n"
                           "0000000000001100 A absolute\n"
                           "0000000000000000 T hidden\n"
                           "0000000000001200 D data\t[module]\n"
                           "0000000000001300 T last";

static char *printed(const Symbols *s, uint64_t address)
{
    GString *out = g_string_new(NULL);
    symbols_print(s, address, out);
    return g_string_free(out, FALSE);
}

static void text_forms(void)
{
    static const struct {
        uint64_t address;
        const char *expected;
    } cases[] = {
        {0xfff, "0xfff"},        {0x1000, "first"},
        {0x103f, "first+0x3f"},  {0x1040, "second"},
        {0x1104, "second+0xc4"}, {0x1200, "data"},
        {0x1310, "last+0x10"},   {0x1300 + (1 << 20), "0x101300"},
    };
    g_autoptr(Symbols) s = symbols_from_text(text);
    g_assert_cmpuint(symbols_count(s), ==, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = printed(s, cases[i].address);
        g_assert_cmpstr(name, ==, cases[i].expected);
    }
    g_autofree char *nameless = printed(NULL, 0x1000);
    g_assert_cmpstr(nameless, ==, "0x1000");
}

/* What the linker wrote about this program is the oracle: two functions' distance. */
static void elf_file(void)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Symbols) s = symbols_load("/proc/self/exe", &err);
    g_assert_no_error(err);
    uint64_t here = 0, there = 0, offset;
    for (uint64_t at = 0; at < 64 * MIB && !(here && there); at++) {
        const char *name = symbols_find(s, at, &offset);
        if (!name || offset)
            continue;
        if (g_str_equal(name, "text_forms"))
            here = at;
        if (g_str_equal(name, "elf_file"))
            there = at;
    }
    g_assert_cmpuint(here, !=, 0);
    g_assert_cmpint((int64_t)(there - here), ==, (char *)elf_file - (char *)text_forms);
}

/* Every prefix of an ELF file: refused or read, never past its end. */
static void cut_elf_file(void)
{
    g_autofree char *data = NULL;
    gsize size;
    g_assert_true(g_file_get_contents("/proc/self/exe", &data, &size, NULL));
    g_autoptr(Symbols) whole = symbols_from_elf((uint8_t *)data, size);
    g_assert_nonnull(whole);
    for (gsize cut = 0; cut < size; cut += size / 500 + 1) {
        g_autofree uint8_t *part = g_memdup2(data, MAX(cut, 1));
        g_autoptr(Symbols) s = symbols_from_elf(part, cut);
        g_assert_null(s); /* the section headers are at the end */
    }
}

static void refused_files(void)
{
    g_autoptr(GError) err = NULL;
    g_assert_null(symbols_load("/nonexistent/System.map", &err));
    g_assert_nonnull(strstr(err->message, "/nonexistent/System.map"));
    g_clear_error(&err);
    g_autofree char *path = NULL;
    close(g_file_open_tmp("symbols-XXXXXX", &path, NULL));
    g_assert_true(g_file_set_contents(path, "ffffffffffffffff B\nnothing\n", -1, NULL));
    g_assert_null(symbols_load(path, &err));
    g_assert_nonnull(strstr(err->message, "no symbols"));
    g_unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/symbols/text", text_forms);
    g_test_add_func("/symbols/elf", elf_file);
    g_test_add_func("/symbols/elf-cut", cut_elf_file);
    g_test_add_func("/symbols/refused", refused_files);
    return g_test_run();
}
