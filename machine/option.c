/* option.c - the command line: finds each argument's row in options.def and calls its function.
 *
 * [QEMU] "Invocation". Both -option and --option are right. */
#include "machine/option.h"

#include <stdio.h>

#include "core/error.h"
#include "machine/option_priv.h"
#include "machine/suggest.h"

typedef struct OptionRow {
    const char *name;     /* NULL: a section */
    const char *argument; /* NULL: takes none */
    OptionFn *fn;
    const char *help; /* or the section's title */
} OptionRow;

static const OptionRow rows[] = {
#define SECTION(title)                   {NULL, NULL, NULL, title},
#define OPTION(name, argument, fn, help) {name, argument, option_##fn, help},
#include "machine/options.def"
#undef OPTION
#undef SECTION
};

static const OptionRow *find_row(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].name && g_str_equal(rows[i].name, name))
            return &rows[i];
    }
    return NULL;
}

static void unknown_option(const char *name, GError **err)
{
    const char *names[G_N_ELEMENTS(rows) + 1];
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].name)
            names[count++] = rows[i].name;
    }
    names[count] = NULL;
    const char *near = suggest_nearest(name, names);
    if (near)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "unknown option \"-%s\"; did you mean \"-%s\"?", name, near);
    else
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "unknown option \"-%s\"; \"-help\" lists the options", name);
}

OptionResult option_parse(Config *config, int argc, char *const *argv, GError **err)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0') {
            if (!config_add_image(config, word, err))
                return OPTION_ERROR;
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1);
        const OptionRow *row = find_row(name);
        if (!row) {
            unknown_option(name, err);
            return OPTION_ERROR;
        }
        if (row->argument && ++i == argc) {
            g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-%s needs an argument: %s", name,
                        row->argument);
            return OPTION_ERROR;
        }
        OptionResult result = row->fn(config, row->name, row->argument ? argv[i] : NULL, err);
        if (result != OPTION_RUN)
            return result;
    }
    return config_finish(config, err) ? OPTION_RUN : OPTION_ERROR;
}

static void help_row(const OptionRow *row, GString *out)
{
    g_autofree char *usage = g_strdup_printf("  -%s %s", row->name,
                                             row->argument ? row->argument : "");
    if (strlen(usage) < 28)
        g_string_append_printf(out, "%-28s%s\n", usage, row->help);
    else
        g_string_append_printf(out, "%s\n%28s%s\n", usage, "", row->help);
}

void option_usage(GString *out)
{
    g_string_append(out, "usage: myna [options] [image]\n\n"
                         "Runs a PC. An image named without an option is booted as a CD if it is\n"
                         "one, else as the first hard disk.\n");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].name)
            help_row(&rows[i], out);
        else
            g_string_append_printf(out, "\n%s\n", rows[i].help);
    }
    g_string_append(out,
                    "\nOn a serial console in the terminal, Ctrl-a x leaves, Ctrl-a c goes to the\n"
                    "monitor and back, Ctrl-a h lists the other keys.\n");
}

/* roff takes a leading dot, a quote and every backslash and hyphen for itself. */
static void append_roff(GString *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '-')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
}

void option_manual(GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const OptionRow *row = &rows[i];
        if (!row->name) {
            g_string_append_printf(out, ".SS %s\n", row->help);
            continue;
        }
        g_string_append(out, ".TP\n.B \\-");
        append_roff(out, row->name);
        if (row->argument) {
            g_string_append(out, "\\fR \\fI");
            append_roff(out, row->argument);
        }
        g_string_append_c(out, '\n');
        append_roff(out, row->help);
        g_string_append_c(out, '\n');
    }
}
