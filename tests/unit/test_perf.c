/* Files for Linux's perf, byte by byte as its documentation says. [PERF] */
#include "dbt/perf.h"

#include <elf.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <unistd.h>

static const uint8_t code[] = {0x90, 0x90, 0xc3};

static void map_lines(void)
{
    g_autofree char *path = NULL, *text = NULL;
    close(g_file_open_tmp("map-XXXXXX", &path, NULL));
    PerfFiles *p = perf_files_new(path, NULL, NULL);
    g_assert_nonnull(p);
    perf_files_add(p, "vfs_read+0x10", code, sizeof(code));
    perf_files_add(p, "0x401000", code + 1, 2);
    perf_files_free(p);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *expected = g_strdup_printf("%" PRIxPTR " 3 vfs_read+0x10\n%" PRIxPTR
                                                " 2 0x401000\n",
                                                (uintptr_t)code, (uintptr_t)code + 1);
    g_assert_cmpstr(text, ==, expected);
    g_unlink(path);
}

static uint64_t field(const char *data, size_t at, size_t size)
{
    uint64_t v = 0;
    memcpy(&v, data + at, size);
    return v;
}

static void dump_records(void)
{
    enum { HEADER = 40, LOAD = 56, NAME = sizeof("sys_read"), CLOSE = 16 };
    g_autofree char *path = NULL, *data = NULL;
    gsize size;
    close(g_file_open_tmp("jit-XXXXXX.dump", &path, NULL));
    PerfFiles *p = perf_files_new(NULL, path, NULL);
    g_assert_nonnull(p);
    perf_files_add(p, "sys_read", code, sizeof(code));
    perf_files_free(p);
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    g_assert_cmpuint(size, ==, HEADER + LOAD + NAME + sizeof(code) + CLOSE);
    g_assert_cmphex(field(data, 0, 4), ==, 0x4a695444); /* "JiTD" */
    g_assert_cmpuint(field(data, 4, 4), ==, 1);
    g_assert_cmpuint(field(data, 8, 4), ==, HEADER);
    g_assert_cmpuint(field(data, 12, 4), ==, EM_X86_64);
    g_assert_cmpuint(field(data, 20, 4), ==, getpid());
    const char *load = data + HEADER;
    g_assert_cmpuint(field(load, 0, 4), ==, 0);
    g_assert_cmpuint(field(load, 4, 4), ==, LOAD + NAME + sizeof(code));
    g_assert_cmpuint(field(load, 16, 4), ==, getpid());
    g_assert_cmphex(field(load, 24, 8), ==, (uintptr_t)code);
    g_assert_cmphex(field(load, 32, 8), ==, (uintptr_t)code);
    g_assert_cmpuint(field(load, 40, 8), ==, sizeof(code));
    g_assert_cmpstr(load + LOAD, ==, "sys_read");
    g_assert_cmpmem(load + LOAD + NAME, sizeof(code), code, sizeof(code));
    const char *end = load + LOAD + NAME + sizeof(code);
    g_assert_cmpuint(field(end, 0, 4), ==, 3);
    g_assert_cmpuint(field(end, 4, 4), ==, CLOSE);
    g_assert_cmpuint(field(end, 8, 8), >=, field(load, 8, 8)); /* time goes on */
    g_unlink(path);
}

static void unwritable(void)
{
    g_autoptr(GError) err = NULL;
    g_assert_null(perf_files_new("/nonexistent/map", NULL, &err));
    g_assert_nonnull(strstr(err->message, "/nonexistent/map"));
    g_clear_error(&err);
    g_assert_null(perf_files_new(NULL, "/nonexistent/dump", &err));
    g_assert_nonnull(strstr(err->message, "/nonexistent/dump"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/perf/map", map_lines);
    g_test_add_func("/perf/dump", dump_records);
    g_test_add_func("/perf/unwritable", unwritable);
    return g_test_run();
}
