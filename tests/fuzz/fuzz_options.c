/* fuzz_options.c - command lines, key=value lists, monitor commands and arithmetic of any text are
 * understood or refused with one message. Nothing is started, no file is made.
 *
 * Words are separated by spaces; what would open, write or show something is left out. */
#include <stdio.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "machine/keyvalue.h"
#include "machine/option.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "ui/monitor_priv.h"

enum { MAX_WORDS = 12, MAX_TEXT = 64 };

static const char *const words[] = {
#define SECTION(title)
#define OPTION(name, argument, fn, help) "-" name,
#include "machine/options.def"
#undef OPTION
#undef SECTION
    "help",      "on",
    "off",       "if=floppy",
    "index=3",   "media=cdrom",
    "file=x",    "id=a,",
    "shift=",    "auto",
    "maxcpus=",  "cpus=2,",
    "threads=",  "1.5G",
    "0x10",      "2024-02-30T25:61:61",
    "base=",     "order=",
    "once=dca",  "max,+avx2,-sse",
    "qemu64",    "isa-serial,iobase=",
    "VGA,help",  "type=1,",
    "std",       "none",
    "mon:stdio",
};

static const char *const commands[] = {
#define COMMAND(name, other, args, fn, help) name,
#include "ui/commands.def"
#undef COMMAND
#define SUBJECT(name, args, fn, help) "info " name,
#include "ui/subjects.def"
#undef SUBJECT
    "x/4i", "xp/8gx", "p/d", "$rip", "$cs*16", "(1+2)", "ctrl-alt-delete", "0xfffffff0",
};

/* Text from the tables with text of the input's own after it. */
static void append(Input *in, GString *out, const char *const *table, unsigned count)
{
    if (!input_one_in(in, 4))
        g_string_append(out, table[input_below(in, count)]);
    for (unsigned n = input_one_in(in, 3) ? input_below(in, MAX_TEXT) : 0; n > 0; n--) {
        char c = input_byte(in);
        if (c)
            g_string_append_c(out, c);
    }
}

/* --- the command line ------------------------------------------------------------------------- */

static bool is_harmless(const char *word)
{
    /* -D makes a file; names of files that exist would be opened. */
    return !g_str_equal(word, "-D") && !g_str_equal(word, "--D") && !strchr(word, '/');
}

static void parse_line(Input *in)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup("myna"));
    for (unsigned n = input_below(in, MAX_WORDS); n > 0; n--) {
        GString *word = g_string_new(NULL);
        append(in, word, words, G_N_ELEMENTS(words));
        if (is_harmless(word->str))
            g_ptr_array_add(argv, g_strdup(word->str));
        g_string_free(word, TRUE);
    }
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) err = NULL;
    OptionResult result = option_parse(config, argv->len, (char *const *)argv->pdata, &err);
    g_assert_cmpint(result == OPTION_ERROR, ==, err != NULL);
    if (err)
        g_assert_true(err->domain == MYNA_ERROR && *err->message);
    if (result == OPTION_RUN) {
        g_assert_cmpuint(config->cpus, >=, 1);
        g_assert_cmpuint(config->cpus, <=, MAX_CPUS);
        g_assert_cmpuint(config->ram_bytes % PAGE_SIZE, ==, 0);
    }
    log_mask = 0; /* what -d turned on */
}

/* --- key=value lists -------------------------------------------------------------------------- */

typedef struct Sample {
    char *text;
    unsigned number, choice;
    uint64_t size;
    bool flag;
} Sample;

static void parse_keys(Input *in)
{
    static const char *const table[] = {"text=",   "number=", "size=", "flag",
                                        "choice=", ",",       ",,",    "="};
    static const char *const choices[] = {"one", "two", NULL};
    static const KeyRow rows[] = {
        {"text", KEY_STRING, offsetof(Sample, text)},
        {"number", KEY_UINT, offsetof(Sample, number), .min = 3, .max = 300},
        {"size", KEY_SIZE, offsetof(Sample, size), .min = MIB},
        {"flag", KEY_BOOL, offsetof(Sample, flag)},
        {"choice", KEY_CHOICE, offsetof(Sample, choice), .choices = choices},
        {NULL},
    };
    Sample sample = {.number = 3};
    g_autoptr(GString) text = g_string_new(NULL);
    for (unsigned n = input_below(in, 6); n > 0; n--)
        append(in, text, table, G_N_ELEMENTS(table));
    g_autoptr(GError) err = NULL;
    bool ok = keyvalue_parse("-sample", text->str, "text", rows, &sample, &err);
    g_assert_cmpint(ok, ==, err == NULL);
    g_assert_true(sample.number >= 3 && sample.number <= 300 && sample.choice < 2);
    g_free(sample.text);
}

/* --- the monitor ------------------------------------------------------------------------------ */

/* One for all inputs, never run. Only what reads is tried: a stopped machine stays what it is. */
static Monitor *stopped_machine(void)
{
    static Monitor *monitor;
    if (monitor)
        return monitor;
    static char *argv[] = {"myna", "-m",      "4",    "-S",       "-display",
                           "none", "-serial", "none", "-monitor", "null"};
    Config *config = config_new();
    g_assert_cmpint(option_parse(config, G_N_ELEMENTS(argv), argv, NULL), ==, OPTION_RUN);
    Vm *vm = vm_new(config, NULL);
    g_assert_nonnull(vm);
    board_lock(vm_board(vm));
    monitor = g_ptr_array_index(monitor_attach_all(vm, NULL), 0);
    return monitor;
}

static bool only_reads(const char *line)
{
    static const char *const others[] = {"screendump", "change", "log", "gdbserver"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (strstr(line, others[i]))
            return false;
    return true;
}

static void type_command(Input *in)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (unsigned n = 1 + input_below(in, 4); n > 0; n--) {
        append(in, line, commands, G_N_ELEMENTS(commands));
        g_string_append_c(line, ' ');
    }
    g_autoptr(GString) out = g_string_new(NULL);
    if (only_reads(line->str))
        monitor_run(stopped_machine(), line->str, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool quiet;
    if (!quiet && !freopen("/dev/null", "w", stdout))
        g_error("/dev/null cannot be opened");
    quiet = true;
    Input in;
    input_init(&in, data, size);
    parse_line(&in);
    parse_keys(&in);
    type_command(&in);
    return 0;
}
