/* row_case.c - reads cases of single instructions from their text. */
#include "tests/support/row_case.h"

#include <stdlib.h>

#include "cpu/exec.h"
#include "tests/support/row_condition.h"
#include "tests/support/row_state.h"

typedef struct Reader {
    const char *file;
    unsigned line;
    RowMode mode;
    unsigned ring;
    GHashTable *lets; /* name with $, words */
    GPtrArray *cases;
    RowCase *c; /* being read */
} Reader;

#define fail(r, ...) g_error("%s:%u: %s", (r)->file, (r)->line, g_strdup_printf(__VA_ARGS__))

CodeSize row_mode_code_size(RowMode mode)
{
    return mode == ROW_64 ? CODE_64 : mode == ROW_32 ? CODE_32 : CODE_16;
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool is_16(const Reader *r)
{
    return r->mode == ROW_REAL || r->mode == ROW_V86;
}

static bool symbol_value(const Reader *r, const char *name, uint64_t *value)
{
    static const struct {
        const char *name;
        uint64_t value;
    } symbols[] = {
        {"data", ROW_DATA},
        {"stack", ROW_STACK},
        {"code", ROW_CODE},
        {"handler", ROW_HANDLERS},
        {"idt", ROW_IDT},
        {"gdt", ROW_GDT},
        {"tss", ROW_TSS},
        {"ldt", ROW_LDT},
        {"absent", ROW_ABSENT},
        {"readonly", ROW_READ_ONLY},
        {"supervisor", ROW_SUPERVISOR},
        {"kstack", ROW_KERNEL_STACK},
        {"port", ROW_PORT},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(symbols); i++) {
        if (strcmp(symbols[i].name, name))
            continue;
        *value = symbols[i].value;
        return true;
    }
    return false;
}

/* Sums of hexadecimal numbers and symbols. */
static uint64_t parse_number(const Reader *r, const char *text)
{
    uint64_t sum = 0, value;
    const char *p = text;
    while (*p) {
        bool negative = *p == '-';
        p += *p == '-' || *p == '+';
        size_t length = strcspn(p, "+-");
        g_autofree char *term = g_strndup(p, length);
        char *end;
        if (!symbol_value(r, term, &value)) {
            value = g_ascii_strtoull(term, &end, 16);
            if (*end || !length)
                fail(r, "'%s' is not a number", text);
        }
        sum += negative ? -value : value;
        p += length;
    }
    return sum;
}

static bool is_digits(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF_")] == 0;
}

/* Digits, highest first, into bytes, lowest first. Returns how many bytes. */
static unsigned parse_bytes(const Reader *r, const char *text, uint8_t value[ROW_VALUE_SIZE])
{
    unsigned digits = 0;
    memset(value, 0, ROW_VALUE_SIZE);
    for (const char *p = text + strlen(text); p-- > text;) {
        if (*p == '_')
            continue;
        if (digits >= 2 * ROW_VALUE_SIZE || !g_ascii_isxdigit(*p))
            fail(r, "'%s' is not a number", text);
        value[digits / 2] |= g_ascii_xdigit_value(*p) << 4 * (digits % 2);
        digits++;
    }
    return (digits + 1) / 2;
}

/* --- items ----------------------------------------------------------------------------------- */

static void parse_memory(const Reader *r, char *name, const char *value, RowItem *item)
{
    if (!g_str_has_suffix(name, "]"))
        fail(r, "'%s': no ]", name);
    name[strlen(name) - 1] = 0;
    item->address = parse_number(r, name + 1);
    item->size = parse_bytes(r, value, item->value);
}

static void parse_register(const Reader *r, const char *name, const char *value, RowItem *item)
{
    item->field = row_field_find(name);
    if (!item->field)
        fail(r, "no register '%s'", name);
    item->size = row_field_size(item->field);
    item->any = !strcmp(value, "?");
    item->approximate = value[0] == '~';
    value += item->approximate;
    if (item->any)
        return;
    if (is_digits(value)) {
        if (parse_bytes(r, value, item->value) > item->size)
            fail(r, "'%s' is too wide for %s", value, name);
        return;
    }
    uint64_t v = parse_number(r, value);
    store_le64(item->value, is_16(r) ? v & 0xffff : v);
}

static RowItem parse_item(const Reader *r, const char *word)
{
    RowItem item = {0};
    g_auto(GStrv) parts = g_strsplit(word, "=", 2);
    if (parts[0][0] == '[')
        parse_memory(r, parts[0], parts[1], &item);
    else
        parse_register(r, parts[0], parts[1], &item);
    return item;
}

/* #GP(0), #UD, or the number of a vector: #21. */
static RowRaise parse_raise(const Reader *r, const char *word)
{
    static const struct {
        const char *name;
        int vector;
    } names[] = {
        {"DE", EXC_DE}, {"DB", EXC_DB}, {"BP", EXC_BP}, {"OF", EXC_OF}, {"BR", EXC_BR},
        {"UD", EXC_UD}, {"NM", EXC_NM}, {"DF", EXC_DF}, {"TS", EXC_TS}, {"NP", EXC_NP},
        {"SS", EXC_SS}, {"GP", EXC_GP}, {"PF", EXC_PF}, {"MF", EXC_MF}, {"AC", EXC_AC},
        {"XM", EXC_XM}, {"CP", EXC_CP},
    };
    RowRaise raise = {.vector = -1};
    if (!strcmp(word, "ok"))
        return raise;
    for (unsigned i = 0; word[0] == '#' && i < G_N_ELEMENTS(names); i++) {
        if (!strncmp(word + 1, names[i].name, 2))
            raise.vector = names[i].vector;
    }
    if (raise.vector < 0)
        fail(r, "'%s' is no exception", word);
    if (word[3] == '(') {
        raise.has_error = true;
        raise.error = strtoul(word + 4, NULL, 16);
    }
    return raise;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void read_words(Reader *r, const char *section, char **words);

static void read_let(Reader *r, const char *section, const char *name)
{
    char **words = g_hash_table_lookup(r->lets, name);
    if (!words)
        fail(r, "no 'let %s' above", name);
    read_words(r, section, words);
}

static void read_in(Reader *r, const char *word)
{
    RowCase *c = r->c;
    if (strchr(word, '=')) {
        RowItem item = parse_item(r, word);
        g_array_append_val(c->in, item);
    } else if (row_flag_find(word)) {
        c->flags_in |= row_flag_find(word);
    } else {
        const RowCondition *condition = row_condition_find(word);
        if (!condition)
            fail(r, "'%s' is no flag and no condition", word);
        g_array_append_val(c->conditions, condition);
    }
}

static void read_out(Reader *r, const char *word)
{
    RowCase *c = r->c;
    if (word[0] == '#') {
        c->raise = parse_raise(r, word);
    } else if (strchr(word, '=')) {
        RowItem item = parse_item(r, word);
        g_array_append_val(c->out, item);
    } else {
        bool undefined = word[0] == '?';
        uint32_t bits = row_flag_find(word + undefined);
        if (!bits && strcmp(word, "none"))
            fail(r, "'%s' is no flag", word);
        c->has_flags = true;
        c->undefined |= undefined ? bits : 0;
        c->flags_out |= undefined ? 0 : bits;
    }
}

static void read_fault(Reader *r, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(word, "=", 2);
    RowFault fault = {.condition = row_condition_find(parts[0])};
    if (!fault.condition || !parts[1])
        fail(r, "'%s' is no condition with an outcome", word);
    fault.raise = parse_raise(r, parts[1]);
    g_array_append_val(r->c->faults, fault);
}

static void read_words(Reader *r, const char *section, char **words)
{
    for (char **word = words; *word; word++) {
        if (!**word)
            continue;
        if (**word == '$')
            read_let(r, section, *word);
        else if (!strcmp(section, "in"))
            read_in(r, *word);
        else if (!strcmp(section, "out"))
            read_out(r, *word);
        else if (!strcmp(section, "faults"))
            read_fault(r, *word);
        else
            fail(r, "'%s': expected in, out or faults", section);
    }
}

/* An indented line: part of the case above. */
static void read_part(Reader *r, char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    if (!r->c)
        fail(r, "part of no case");
    r->c->has_out |= !strcmp(words[0], "out");
    read_words(r, words[0], words + 1);
}

static void read_mode(Reader *r, char **words)
{
    static const char *const modes[ROW_MODES] = {"real", "v86", "32", "64"};
    for (unsigned i = 0; words[0] && i < ROW_MODES; i++) {
        if (strcmp(words[0], modes[i]))
            continue;
        r->mode = i;
        r->ring = i == ROW_REAL ? 0 : 3;
        if (words[1] && !strcmp(words[1], "ring") && words[2])
            r->ring = atoi(words[2]);
        return;
    }
    fail(r, "mode real, v86, 32 or 64, and ring");
}

static void read_head(Reader *r, const char *line)
{
    const char *colon = g_strrstr(line, " : ");
    if (!colon)
        fail(r, "a case is TEXT : BYTES");
    RowCase *c = r->c = g_new0(RowCase, 1);
    c->file = g_intern_string(r->file);
    c->line = r->line;
    c->text = g_strndup(line, colon - line);
    c->mode = r->mode;
    c->ring = r->ring;
    c->raise.vector = -1;
    c->in = g_array_new(FALSE, FALSE, sizeof(RowItem));
    c->out = g_array_new(FALSE, FALSE, sizeof(RowItem));
    c->conditions = g_array_new(FALSE, FALSE, sizeof(const RowCondition *));
    c->faults = g_array_new(FALSE, FALSE, sizeof(RowFault));
    g_auto(GStrv) bytes = g_strsplit(colon + 3, " ", -1);
    for (char **byte = bytes; *byte && c->length < MAX_INSN_LENGTH; byte++) {
        if (**byte)
            c->code[c->length++] = strtoul(*byte, NULL, 16);
    }
    g_ptr_array_add(r->cases, c);
}

static void read_line(Reader *r, char *line)
{
    char *comment = strstr(line, " # ");
    bool is_comment = line[0] == '#';
    if (is_comment)
        return;
    if (comment)
        *comment = 0;
    g_strchomp(line);
    if (!*line)
        return;
    if (g_ascii_isspace(line[0])) {
        read_part(r, g_strchug(line));
        return;
    }
    char **words = g_strsplit(line, " ", -1);
    bool is_let = !strcmp(words[0], "let") && words[1] && words[2];
    if (!strcmp(words[0], "mode"))
        read_mode(r, words + 1);
    else if (is_let)
        g_hash_table_insert(r->lets, g_strdup(words[1]), g_strdupv(words + 3));
    else
        read_head(r, line);
    g_strfreev(words);
}

/* --- public ---------------------------------------------------------------------------------- */

GPtrArray *row_text_read(const char *name, const char *text)
{
    Reader r = {
        .file = name,
        .mode = ROW_64,
        .ring = 3,
        .lets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev),
        .cases = g_ptr_array_new_with_free_func((GDestroyNotify)row_case_free),
    };
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        r.line++;
        read_line(&r, *line);
    }
    g_hash_table_destroy(r.lets);
    return r.cases;
}

GPtrArray *row_file_read(const char *path)
{
    g_autofree char *text = NULL, *name = g_path_get_basename(path);
    g_autoptr(GError) err = NULL;
    if (!g_file_get_contents(path, &text, NULL, &err))
        g_error("%s", err->message);
    return row_text_read(name, text);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *row_files_read(const char *source_dir)
{
    g_autofree char *folder = g_build_filename(source_dir, "tests/insn/rows", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir));) {
        if (g_str_has_suffix(name, ".rows"))
            g_ptr_array_add(names, g_build_filename(folder, name, NULL));
    }
    g_ptr_array_sort(names, compare_names);
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)row_case_free);
    for (unsigned i = 0; i < names->len; i++)
        g_ptr_array_extend_and_steal(all, row_file_read(names->pdata[i]));
    return all;
}

void row_case_free(RowCase *c)
{
    g_free(c->text);
    g_array_free(c->in, TRUE);
    g_array_free(c->out, TRUE);
    g_array_free(c->conditions, TRUE);
    g_array_free(c->faults, TRUE);
    g_free(c);
}
