/* judge.c - every row of the instruction table against the host CPU.
 *
 *     judge [--group int|vec|x87|MNEMONIC] [--seconds N] [--instances N] [--seed N] [--rows]
 *
 * Random instances of every row that may run in user mode are run by the interpreter and by the
 * host, until the time or the number is reached. A difference is shrunk and printed as a row of
 * test; the exit status is then 1. --rows lists the rows that are not judged, and why. Exit status
 * 77: this host cannot judge. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/judge.h"

enum { BATCH = 100, SKIPPED = 77 };

typedef struct Options {
    char *group;
    int seconds;
    gint64 instances, seed;
    gboolean rows;
} Options;

typedef struct Totals {
    unsigned rows, offered, judged, refused, lacking;
    uint64_t instances, raised;
    unsigned differences;
} Totals;

static bool is_wanted(const Options *o, const InsnRow *row)
{
    return !o->group || !strcmp(o->group, "all") || !strcmp(o->group, judge_row_group(row)) ||
           !g_ascii_strcasecmp(o->group, row->name);
}

/* Judges a batch of a row's instances. False: they differ. */
static bool judge_row(Judge *j, unsigned row, Totals *totals)
{
    static Instance i;
    for (unsigned n = 0; n < BATCH; n++) {
        judge_make(j, row, &i);
        const char *difference = judge_instance(j, &i);
        totals->instances++;
        totals->raised += j->raised;
        if (!difference)
            continue;
        g_autoptr(GString) out = g_string_new(NULL);
        judge_shrink(j, &i, difference);
        judge_print(j, &i, difference, out);
        printf("%s\n", out->str);
        totals->differences++;
        return false;
    }
    return true;
}

/* The rows to judge. */
static GArray *choose_rows(const Judge *j, const Options *o, Totals *totals)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(unsigned));
    for (unsigned r = 0; r < insn_row_count; r++) {
        const InsnRow *row = &insn_rows[r];
        const char *why = NULL;
        if (!is_wanted(o, row))
            continue;
        totals->rows++;
        RowClass class = judge_row_class(row, &why);
        if (!judge_row_is_offered(row)) {
            why = "not executed";
        } else if (class == ROW_NOT) {
            totals->offered++;
        } else if (judge_host_lacks(j, row)) {
            totals->offered++;
            totals->lacking++;
            why = judge_host_lacks(j, row);
        } else {
            totals->offered++;
            totals->refused += class == ROW_REFUSED;
            totals->judged += class == ROW_JUDGED;
            g_array_append_val(rows, r);
        }
        if (o->rows && why)
            printf("%-12s %s\n", row->name, why);
    }
    return rows;
}

static bool is_over(const Options *o, const Totals *totals, gint64 start)
{
    if (o->instances && totals->instances >= (uint64_t)o->instances)
        return true;
    return o->seconds && g_get_monotonic_time() - start >= o->seconds * G_USEC_PER_SEC;
}

static void judge_rows(Judge *j, const Options *o, GArray *rows, Totals *totals)
{
    gint64 start = g_get_monotonic_time();
    while (rows->len && !is_over(o, totals, start)) {
        judge_refresh(j);
        for (unsigned n = 0; n < rows->len && !is_over(o, totals, start); n++) {
            if (!judge_row(j, g_array_index(rows, unsigned, n), totals))
                g_array_remove_index(rows, n--); /* one report a row is enough */
        }
    }
}

static Options parse_options(int argc, char **argv)
{
    Options o = {.seed = 1};
    const GOptionEntry entries[] = {
        {"group", 'g', 0, G_OPTION_ARG_STRING, &o.group, "int, vec, x87, or a mnemonic", "GROUP"},
        {"seconds", 't', 0, G_OPTION_ARG_INT, &o.seconds, "stop after this time", "N"},
        {"instances", 'n', 0, G_OPTION_ARG_INT64, &o.instances, "stop after so many", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT64, &o.seed, "of the random numbers", "N"},
        {"rows", 'r', 0, G_OPTION_ARG_NONE, &o.rows, "list the rows not judged", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- the host CPU judges");
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) err = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &err)) {
        g_printerr("judge: %s\n", err->message);
        exit(2);
    }
    if (!o.seconds && !o.instances && !o.rows)
        o.seconds = 10;
    return o;
}

int main(int argc, char **argv)
{
    Options o = parse_options(argc, argv);
    Totals totals = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    Judge *j = judge_new(o.seed);
    if (!j) {
        printf("skipped: this host cannot run x86-64 instructions for us\n");
        return SKIPPED;
    }
    GArray *rows = choose_rows(j, &o, &totals);
    gint64 start = g_get_monotonic_time();
    if (o.seconds || o.instances)
        judge_rows(j, &o, rows, &totals);
    printf("%u rows, %u executed; judged %u, refusal judged %u, host lacks %u\n", totals.rows,
           totals.offered, totals.judged, totals.refused, totals.lacking);
    printf("%" PRIu64 " instances, %" PRIu64 " raised, %u differences, seed %" PRIi64 ", %.1f s\n",
           totals.instances, totals.raised, totals.differences, o.seed,
           (g_get_monotonic_time() - start) / 1e6);
    g_array_free(rows, TRUE);
    judge_free(j);
    g_free(o.group);
    return totals.differences != 0;
}
