/* log.c - the log: which items are on, and where the lines go. */
#include "core/log.h"
#include "core/error.h"
#include "core/trace.h"

#include <errno.h>
#include <stdio.h>

unsigned log_mask;

static FILE *log_file; /* NULL: stderr */
static GMutex log_lock;

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
    printf("  %-14s %s\n", "trace:PATTERN", "trace events whose name matches, of these:\n");
    trace_list(events);
    fputs(events->str, stdout);
}

/* Turns on one item or trace pattern; false if there is no such thing. */
static bool set_item(const char *name)
{
    if (g_str_has_prefix(name, "trace:"))
        return trace_enable(name + strlen("trace:"));
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
