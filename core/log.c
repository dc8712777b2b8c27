/* log.c - the log: which items are on, and where the lines go. */
#include "core/log.h"
#include "core/error.h"
#include "core/trace.h"

#include <errno.h>
#include <stdio.h>

unsigned log_mask;

static GArray *filter; /* of Range; NULL: every address */
static FILE *log_file; /* NULL: stderr */
static GMutex log_lock;

typedef struct Range {
    uint64_t first, last;
} Range;

static const struct {
    const char *name;
    const char *help;
} items[] = {
#define X(id, name, help) {name, help},
    LOG_ITEMS(X)
#undef X
};

static void print_help(void)
{
    g_autoptr(GString) events = g_string_new(NULL);

    printf("Log items (separate several by commas):\n");
    for (unsigned i = 0; i < LOG_ITEM_COUNT; i++)
        printf("  %-14s %s\n", items[i].name, items[i].help);
    printf("  %-14s the same as ir\n", "op");
    printf("  %-14s %s\n", "trace:PATTERN", "trace events whose name matches, of these:\n");
    trace_list(events);
    fputs(events->str, stdout);
}

/* Turns on one item or trace pattern; false if there is no such thing. */
static bool set_item(const char *name)
{
    if (g_str_has_prefix(name, "trace:"))
        return trace_enable(name + strlen("trace:"));
    if (strcmp(name, "op") == 0)
        name = "ir";
    for (unsigned i = 0; i < LOG_ITEM_COUNT; i++) {
        if (strcmp(name, items[i].name) == 0) {
            log_mask |= 1u << i;
            return true;
        }
    }
    return false;
}

bool log_set_items(const char *list, GError **err)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);

    for (char **word = words; *word; word++) {
        if (strcmp(*word, "help") == 0) {
            print_help();
            return false;
        }
        if (!set_item(*word)) {
            g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                        "-d %s: no log item or trace event '%s' (-d help lists them)", list, *word);
            return false;
        }
    }
    return true;
}

static bool parse_range(const char *text, Range *range)
{
    char *end;
    range->first = range->last = g_ascii_strtoull(text, &end, 0);
    bool through = g_str_has_prefix(end, "..");
    char sign = *end;
    if (end == text || (!through && sign != '+' && sign != '-'))
        return false;
    const char *second = end + (through ? 2 : 1);
    uint64_t value = g_ascii_strtoull(second, &end, 0);
    if (end == second || *end || (!through && value == 0))
        return false;
    if (through)
        range->last = value;
    else if (sign == '+')
        range->last = range->first + (value - 1);
    else
        range->first = range->last - (value - 1);
    return range->first <= range->last;
}

bool log_set_filter(const char *ranges, GError **err)
{
    /* Of an empty string there would be no word at all. */
    g_auto(GStrv) words = g_strsplit(*ranges ? ranges : " ", ",", -1);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Range));

    for (char **word = words; *word; word++) {
        Range range;
        if (!parse_range(*word, &range)) {
            g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                        "-dfilter %s: \"%s\" should be START+SIZE, START-SIZE or START..END",
                        ranges, *word);
            return false;
        }
        g_array_append_val(list, range);
    }
    if (filter)
        g_array_unref(filter);
    filter = g_steal_pointer(&list);
    return true;
}

bool log_in_filter(uint64_t address)
{
    for (unsigned i = 0; filter && i < filter->len; i++) {
        const Range *range = &g_array_index(filter, Range, i);
        if (address >= range->first && address <= range->last)
            return true;
    }
    return !filter;
}

bool log_set_file(const char *path, GError **err)
{
    FILE *file = fopen(path, "w");

    if (!file) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "-D %s: %s", path, g_strerror(errno));
        return false;
    }
    g_mutex_lock(&log_lock);
    if (log_file)
        fclose(log_file);
    log_file = file;
    g_mutex_unlock(&log_lock);
    return true;
}

/* Lines are whole even when several threads log: a message is written at once, ending its line. */
void log_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    size_t length = strlen(text);

    g_mutex_lock(&log_lock);
    FILE *out = log_file ? log_file : stderr;
    fwrite(text, 1, length, out);
    if (length == 0 || text[length - 1] != '\n')
        fputc('\n', out);
    fflush(out);
    g_mutex_unlock(&log_lock);
}
