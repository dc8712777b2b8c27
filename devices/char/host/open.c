/* open.c - from "tcp:localhost:4444,server=on,wait=off" to a character back end. */
#include "devices/char/host/host_priv.h"

#include "core/error.h"

static Chardev *open_null(const HostSpec *spec, GError **err)
{
    return chardev_null_new("null");
}

static Chardev *open_stdio(const HostSpec *spec, GError **err)
{
    return stdio_open(spec, true, err);
}

static const struct HostKind {
    const char *name;
    bool argument; /* "name:ARGUMENT" */
    Chardev *(*open)(const HostSpec *spec, GError **err);
    const char *usage;
} kinds[] = {
    {"stdio", false, open_stdio, "stdio"},
    {"null", false, open_null, "null"},
    {"none", false, open_null, "none"},
    {"vc", false, open_null, "vc"},
    {"pty", false, pty_open, "pty"},
    {"file", true, file_open, "file:PATH"},
    {"pipe", true, pipe_open, "pipe:PATH"},
    {"unix", true, unix_socket_open, "unix:PATH,server=on,wait=off"},
    {"tcp", true, tcp_socket_open, "tcp:HOST:PORT,server=on,wait=off"},
};

static bool is_no(const char *value)
{
    return strcmp(value, "off") == 0 || strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
}

bool host_option_bool(const HostSpec *spec, const char *name, bool initial)
{
    size_t n = strlen(name);

    for (char **option = spec->options; *option; option++) {
        if (strcmp(*option, name) == 0)
            return true;
        if (g_str_has_prefix(*option, "no") && strcmp(*option + 2, name) == 0)
            return false;
        if (strncmp(*option, name, n) == 0 && (*option)[n] == '=')
            return !is_no(*option + n + 1);
    }
    return initial;
}

static bool option_is_known(const char *option, const char *const *known)
{
    g_autofree char *name = g_strndup(option, strcspn(option, "="));

    for (; *known; known++)
        if (strcmp(name, *known) == 0 ||
            (g_str_has_prefix(name, "no") && strcmp(name + 2, *known) == 0))
            return true;
    return false;
}

bool host_check_options(const HostSpec *spec, const char *const *known, GError **err)
{
    for (char **option = spec->options; *option; option++) {
        if (option_is_known(*option, known))
            continue;
        g_autofree char *list = g_strjoinv("\", \"", (char **)known);
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "\"%s\": unknown option \"%s\"%s%s%s",
                    spec->text, *option, known[0] ? "; known: \"" : "; it takes none", list,
                    known[0] ? "\"" : "");
        return false;
    }
    return true;
}

/* How many letters must be typed, dropped, changed or swapped with the next to make a into b. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { LETTERS = 16 };
    unsigned d[LETTERS + 1][LETTERS + 1];
    size_t na = MIN(strlen(a), LETTERS), nb = MIN(strlen(b), LETTERS);

    for (size_t i = 0; i <= na; i++) {
        for (size_t j = 0; j <= nb; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            unsigned changed = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = MIN(changed, MIN(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[na][nb];
}

static void say_unknown(const char *spec, const char *kind, GError **err)
{
    const struct HostKind *best = &kinds[0];

    for (unsigned i = 1; i < G_N_ELEMENTS(kinds); i++)
        if (edit_distance(kind, kinds[i].name) < edit_distance(kind, best->name))
            best = &kinds[i];
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                "\"%s\" is no character device; did you mean \"%s\"?", spec, best->usage);
}

static Chardev *open_kind(const struct HostKind *kind, const char *spec, const char *rest,
                          GError **err)
{
    g_auto(GStrv) parts = g_strsplit(rest, ",", -1);
    char *none[] = {NULL};
    HostSpec h = {spec, parts[0] ? parts[0] : (char *)"", parts[0] ? parts + 1 : none};

    if (kind->argument && !h.argument[0]) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "\"%s\": wants \"%s\"", spec, kind->usage);
        return NULL;
    }
    return kind->open(&h, err);
}

/* On a shared terminal Ctrl-c belongs to the guest. */
static Chardev *open_shared(const char *spec, const char *inner, GError **err)
{
    Chardev *back;

    if (strcmp(inner, "stdio") == 0)
        back = stdio_open(&(HostSpec){spec, (char *)"", (char *[]){NULL}}, false, err);
    else
        back = chardev_open(inner, err);
    return back ? mux_new(back) : NULL;
}

Chardev *chardev_open(const char *spec, GError **err)
{
    if (g_str_has_prefix(spec, "mon:"))
        return open_shared(spec, spec + strlen("mon:"), err);

    g_autofree char *name = g_strndup(spec, strcspn(spec, ":,"));
    size_t n = strlen(name);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, name) != 0)
            continue;
        if (kinds[i].argument)
            return open_kind(&kinds[i], spec, spec[n] == ':' ? spec + n + 1 : "", err);
        if (spec[n] != ':')
            return open_kind(&kinds[i], spec, spec + n,
                             err); /* ",options" after an empty argument */
    }
    say_unknown(spec, name, err);
    return NULL;
}
