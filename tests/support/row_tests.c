/* row_tests.c - which rows of the instruction table have a hand-written test. */
#include "tests/support/row_tests.h"

#include "cpu/decode.h"

/* The bytes begin at the first hexadecimal number; names stand for values we do not know. */
static size_t parse_bytes(const char *list, uint8_t *bytes, size_t room)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);
    size_t count = 0;
    for (char **word = words; *word && count < room; word++) {
        g_strstrip(*word);
        if (count || g_str_has_prefix(*word, "0x"))
            bytes[count++] = strtoul(*word, NULL, 0);
    }
    return count;
}

/* The case may run in any mode; later bytes are further instructions. */
static void note_rows(char **files, const char *file, const uint8_t *bytes, size_t size)
{
    for (CodeSize mode = CODE_16; mode <= CODE_64; mode++) {
        Insn insn;
        for (size_t at = 0; at < size; at += insn.length) {
            if (decode(bytes + at, size - at, mode, 0, &insn) != DECODE_OK)
                break;
            if (!files[insn.row])
                files[insn.row] = g_strdup(file);
        }
    }
}

static void scan_pattern(char **files, const char *file, const char *text, const char *pattern)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_regex_match(regex, text, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *list = g_match_info_fetch(match, 1);
        uint8_t bytes[64];
        note_rows(files, file, bytes, parse_bytes(list, bytes, sizeof(bytes)));
    }
}

/* Calls, and tables whose rows begin with a text and the code. */
static void scan_text(char **files, const char *file, const char *text)
{
    scan_pattern(files, file, text, "\\b(?:CODE|EXECUTE|RUN)\\(([^()]*0x[^()]*)\\)");
    scan_pattern(files, file, text, "\\{ *\"[^\"]*\", *\\{(0x[^{}]*)\\}");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void scan_folder(char **files, const char *source_dir, const char *folder)
{
    g_autofree char *path = g_build_filename(source_dir, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        bool executes = !g_str_has_prefix(name, "test_decode");
        if (executes && g_str_has_suffix(name, ".c"))
            g_ptr_array_add(names, g_build_filename(folder, name, NULL));
    }
    g_ptr_array_sort(names, compare_names);
    for (unsigned i = 0; i < names->len; i++) {
        g_autofree char *text = NULL, *whole = g_build_filename(source_dir, names->pdata[i], NULL);
        if (g_file_get_contents(whole, &text, NULL, NULL))
            scan_text(files, names->pdata[i], text);
    }
}

char **row_tests_scan(const char *source_dir)
{
    static const char *const folders[] = {"tests/insn", "tests/unit", "tests/float"};
    decode_init();
    char **files = g_new0(char *, insn_row_count);
    for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++)
        scan_folder(files, source_dir, folders[i]);
    return files;
}

void row_tests_free(char **files)
{
    for (unsigned i = 0; i < insn_row_count; i++)
        g_free(files[i]);
    g_free(files);
}
