/* monitor.c - the human monitor: a line editor, and the dispatch of commands.def.
 *
 * Bytes arrive while devices may be busy, so a finished line waits for an idle moment of the I/O
 * thread and runs then, with the CPUs parked between two instructions. */
#include "ui/monitor.h"

#include <stdio.h>

#include "machine/pc.h"
#include "machine/suggest.h"
#include "ui/monitor_priv.h"

enum { LINE_MAX_BYTES = 1024, HISTORY_MAX = 100 };

typedef struct Command {
    const char *name, *other, *args;
    MonitorFn *fn;
    const char *help;
} Command;

static const Command commands[] = {
#define COMMAND(name, other, args, fn, help) {name, other, args, monitor_##fn, help},
#include "ui/commands.def"
#undef COMMAND
};

struct Monitor {
    Vm *vm;
    Chardev *chr;
    GdbServer *gdb;
    unsigned cpu; /* chosen */
    GString *line;
    GQueue *lines;                                /* of char *, finished, to be run */
    guint idle;                                   /* GLib source that runs them; 0 = none */
    GPtrArray *history;                           /* of char * */
    unsigned recall;                              /* index in history; its length = the new line */
    enum { KEYS_PLAIN, KEYS_ESC, KEYS_CSI } keys; /* inside an escape sequence */
};

Vm *monitor_vm(Monitor *m)
{
    return m->vm;
}

GdbServer *monitor_gdb(Monitor *m)
{
    return m->gdb;
}

Cpu *monitor_cpu_chosen(Monitor *m)
{
    return vm_cpu(m->vm, m->cpu);
}

bool monitor_choose_cpu(Monitor *m, unsigned index)
{
    if (index >= vm_cpu_count(m->vm))
        return false;
    m->cpu = index;
    return true;
}

/* --- commands --------------------------------------------------------------------------------- */

static const Command *find_command(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const Command *c = &commands[i];
        if (g_str_equal(c->name, name) || (c->other && g_str_equal(c->other, name)))
            return c;
    }
    return NULL;
}

static void unknown_command(const char *name, GString *out)
{
    const char *names[G_N_ELEMENTS(commands) + 1];
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i].name;
    names[G_N_ELEMENTS(commands)] = NULL;
    const char *near = suggest_nearest(name, names);
    g_string_append_printf(out, "unknown command: '%s'", name);
    if (near)
        g_string_append_printf(out, "; did you mean '%s'?", near);
    g_string_append_c(out, '\n');
}

static void usage(const Command *c, GString *out)
{
    const char *gap = c->args[0] && c->args[0] != '/' ? " " : "";
    g_autofree char *args = g_strdup(c->args);
    g_autofree char *text = g_strconcat(c->name, gap, g_strdelimit(args, "#", ' '), NULL);
    g_string_append_printf(out, "%-36s %s\n", text, c->help);
}

void monitor_help(Monitor *m, const MonitorArgs *args, GString *out)
{
    const Command *one = args->word[0] ? find_command(args->word[0]) : NULL;
    if (one) {
        usage(one, out);
    } else if (args->word[0]) {
        unknown_command(args->word[0], out);
    } else {
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
            usage(&commands[i], out);
    }
}

/* Fills one argument from the words of the line; false after a message. */
static bool take_argument(Monitor *m, const Command *c, const char *rule, unsigned n, char **word,
                          MonitorArgs *args, GString *out)
{
    if (!*word) {
        if (rule[0] == '[')
            return true;
        g_string_append_printf(out, "%s: %s is missing\n", c->name, rule);
        return false;
    }
    args->word[n] = *word;
    if (!strchr(rule, '#'))
        return true;
    g_autoptr(GError) err = NULL;
    if (expression_value(*word, monitor_cpu_chosen(m), &args->number[n], &err))
        return true;
    g_string_append_printf(out, "%s: %s\n", c->name, err->message);
    return false;
}

/* Arithmetic may hold spaces, so a number as last argument takes all the rest. */
static void join_rest(char **words)
{
    char *all = g_strjoinv(" ", words);
    for (char **word = words; *word; word++)
        g_free(*word);
    words[0] = all;
    words[1] = NULL;
}

static void call(Monitor *m, const Command *c, char **words, const char *format, GString *out)
{
    g_auto(GStrv) rules = g_strsplit(c->args, " ", -1);
    MonitorArgs args = {.format = format};
    unsigned n = 0;
    bool formatted = false;
    for (char **rule = rules; *rule; rule++) {
        if (g_str_equal(*rule, "/FMT")) {
            formatted = true;
            continue;
        }
        if (!**rule)
            continue;
        if (!rule[1] && strchr(*rule, '#') && *words)
            join_rest(words);
        if (!take_argument(m, c, *rule, n++, words, &args, out))
            return;
        if (*words)
            words++;
    }
    if (*words)
        g_string_append_printf(out, "%s: '%s' is too much\n", c->name, *words);
    else if (*format && !formatted)
        g_string_append_printf(out, "%s takes no /%s\n", c->name, format);
    else
        c->fn(m, &args, out);
}

/* Words, without the empty ones that repeated spaces make. */
static char **split_words(const char *line)
{
    g_auto(GStrv) raw = g_strsplit_set(line, " \t", -1);
    GPtrArray *words = g_ptr_array_new();
    for (char **word = raw; *word; word++) {
        if (**word)
            g_ptr_array_add(words, g_strdup(*word));
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

void monitor_run(Monitor *m, const char *line, GString *out)
{
    g_auto(GStrv) words = split_words(line);
    if (!words[0])
        return;
    char *slash = strchr(words[0], '/');
    char **rest = words + 1;
    const char *format = "";
    if (slash) {
        *slash = '\0';
        format = slash + 1;
    }
    const Command *c = find_command(words[0]);
    if (!c) {
        unknown_command(words[0], out);
        return;
    }
    /* "x /4i" is as good as "x/4i"; elsewhere a slash begins a path. */
    if (!slash && words[1] && words[1][0] == '/' && g_str_has_prefix(c->args, "/FMT")) {
        format = words[1] + 1;
        rest++;
    }
    vm_park(m->vm);
    call(m, c, rest, format, out);
    vm_unpark(m->vm);
}

/* --- the line editor -------------------------------------------------------------------------- */

static void say(Monitor *m, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *out = g_strjoinv("\r\n", lines);
    chardev_write(m->chr, out, strlen(out));
}

static void prompt(Monitor *m)
{
    say(m, "(myna) ");
}

static void run_line(Monitor *m, const char *line)
{
    g_autoptr(GString) out = g_string_new(NULL);
    monitor_run(m, line, out);
    say(m, out->str);
    prompt(m);
}

static gboolean run_lines(gpointer opaque)
{
    Monitor *m = opaque;
    m->idle = 0;
    char *line;
    while ((line = g_queue_pop_head(m->lines))) {
        run_line(m, line);
        g_free(line);
    }
    return G_SOURCE_REMOVE;
}

static void remember(Monitor *m, const char *line)
{
    unsigned count = m->history->len;
    bool repeated = count && g_str_equal(m->history->pdata[count - 1], line);
    if (*line && !repeated)
        g_ptr_array_add(m->history, g_strdup(line));
    if (m->history->len > HISTORY_MAX)
        g_ptr_array_remove_index(m->history, 0);
    m->recall = m->history->len;
}

static void finish_line(Monitor *m)
{
    say(m, "\n");
    remember(m, m->line->str);
    g_queue_push_tail(m->lines, g_strdup(m->line->str));
    g_string_truncate(m->line, 0);
    if (!m->idle)
        m->idle = g_idle_add(run_lines, m);
}

static void replace_line(Monitor *m, const char *line)
{
    for (size_t i = m->line->len; i > 0; i--)
        say(m, "\b \b");
    g_string_assign(m->line, line);
    say(m, line);
}

static void recall(Monitor *m, int step)
{
    int at = (int)m->recall + step;
    if (at < 0 || at > (int)m->history->len)
        return;
    m->recall = at;
    replace_line(m, at == (int)m->history->len ? "" : m->history->pdata[at]);
}

static void plain_key(Monitor *m, uint8_t key)
{
    enum { CTRL_C = 3, CTRL_U = 21, ESC = 27, DEL = 127 };
    if (key == '\r' || key == '\n') {
        finish_line(m);
    } else if (key == ESC) {
        m->keys = KEYS_ESC;
    } else if (key == CTRL_U || key == CTRL_C) {
        replace_line(m, "");
    } else if (key == '\b' || key == DEL) {
        if (m->line->len) {
            g_string_truncate(m->line, m->line->len - 1);
            say(m, "\b \b");
        }
    } else if (key >= ' ' && m->line->len < LINE_MAX_BYTES) {
        g_string_append_c(m->line, key);
        chardev_write(m->chr, &key, 1);
    }
}

static void one_key(Monitor *m, uint8_t key)
{
    switch (m->keys) {
    case KEYS_PLAIN:
        plain_key(m, key);
        break;
    case KEYS_ESC:
        m->keys = key == '[' || key == 'O' ? KEYS_CSI : KEYS_PLAIN;
        break;
    case KEYS_CSI:
        if (key == 'A')
            recall(m, -1);
        else if (key == 'B')
            recall(m, 1);
        if (key >= '@')
            m->keys = KEYS_PLAIN;
        break;
    }
}

/* --- its character device --------------------------------------------------------------------- */

static size_t can_receive(void *opaque)
{
    return 64;
}

static void receive(void *opaque, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        one_key(opaque, bytes[i]);
}

static void greet(Monitor *m)
{
    say(m, "\nmyna " MYNA_VERSION " monitor - 'help' lists the commands\n");
    prompt(m);
    chardev_write(m->chr, m->line->str, m->line->len);
}

static void event(void *opaque, ChardevEvent what)
{
    if (what == CHARDEV_OPENED)
        greet(opaque);
}

Monitor *monitor_new(Vm *vm, Chardev *chr, GdbServer *gdb)
{
    Monitor *m = g_new0(Monitor, 1);
    m->vm = vm;
    m->chr = chr;
    m->gdb = gdb;
    m->line = g_string_new(NULL);
    m->lines = g_queue_new();
    m->history = g_ptr_array_new_with_free_func(g_free);
    const ChardevFrontend front = {can_receive, receive, event, m};
    chardev_attach(chr, &front);
    return m;
}

void monitor_free(Monitor *m)
{
    const ChardevFrontend nobody = {0};
    chardev_attach(m->chr, &nobody);
    if (m->idle)
        g_source_remove(m->idle);
    g_queue_free_full(m->lines, g_free);
    g_ptr_array_unref(m->history);
    g_string_free(m->line, TRUE);
    g_free(m);
}

static void free_item(void *monitor)
{
    monitor_free(monitor);
}

GPtrArray *monitor_attach_all(Vm *vm, GdbServer *gdb)
{
    GPtrArray *monitors = g_ptr_array_new_with_free_func(free_item);
    GPtrArray *chardevs = pc_monitors(vm_pc(vm));
    for (unsigned i = 0; i < chardevs->len; i++) {
        Chardev *chr = chardevs->pdata[i];
        Monitor *m = monitor_new(vm, chr, gdb);
        /* Behind a multiplexer it greets when it gets the input; elsewhere it has it now. */
        if (!g_str_equal(chr->ops->name, "mux"))
            greet(m);
        g_ptr_array_add(monitors, m);
    }
    return monitors;
}
