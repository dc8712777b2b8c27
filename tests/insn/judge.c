/* judge.c - every row of the instruction table against the host CPU.
 *
 *     judge [--engine interp|jit] [--group int|vec|x87|MNEMONIC] [--seconds N] [--instances N]
 *           [--seed N] [--rows] [--table]
 *
 * Random instances of every row that may run in user mode are run by the interpreter and by the
 * host, until the time or the number is reached. A difference is shrunk and printed as a row of
 * test; the exit status is then 1. With --engine jit the translator runs them, and a row that it
 * should have run itself and never did is a failure too. --rows lists the rows that are not judged,
 * and why. Exit status 77: this host cannot judge. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/isa.h"
#include "dbt/rows.h"
#include "tests/support/judge_jit.h"
#include "tests/support/row_coverage.h"

enum { BATCH = 100, SKIPPED = 77 };

typedef struct Options {
    char *engine, *group;
    int seconds;
    gint64 instances, seed;
    gboolean rows, table;
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

/* --- the table ------------------------------------------------------------------------------- */

static void print_modrm(const InsnRow *row)
{
    unsigned value = row->form & 0xff;
    switch (form_kind(row->form)) {
    case FORM_KIND_NONE:
        break;
    case FORM_KIND_PLUSR:
        printf("+r");
        break;
    case FORM_KIND_PLUSC:
        printf("+cc");
        break;
    case FORM_KIND_PLUSCRM:
        printf("+cc /r");
        break;
    case FORM_KIND_RM:
    case FORM_KIND_REGX:
        printf(" /r");
        break;
    case FORM_KIND_MEM:
        printf(" /r memory");
        break;
    case FORM_KIND_REG:
        printf(" /r register");
        break;
    case FORM_KIND_D:
        printf(" /%u", value);
        break;
    case FORM_KIND_M:
        printf(" /%u memory", value);
        break;
    case FORM_KIND_R:
        printf(" /%u register", value);
        break;
    case FORM_KIND_BYTE:
        printf(" %02X", value);
        break;
    }
}

/* The prefix, map, opcode and modrm columns; W and L where the row wants one of them. */
static void print_encoding(const InsnRow *row)
{
    static const char *const maps[MAP_COUNT] = {
        "", "0F ", "0F 38 ", "0F 3A ", "VEX 0F ", "VEX 0F 38 ", "VEX 0F 3A ",
    };
    static const char *const prefixes[PREFIX_ANY + 1] = {
        [PREFIX_NP] = "NP ",
        [PREFIX_P66] = "66 ",
        [PREFIX_PF3] = "F3 ",
        [PREFIX_PF2] = "F2 ",
    };
    static const char *const wl[WL_ANY + 1] = {
        [WL_B0] = "L0 ",
        [WL_B1] = "L1 ",
        [WL_W0] = "W0 ",
        [WL_W1] = "W1 ",
        [WL_W0 & WL_B0] = "W0 L0 ",
        [WL_W0 & WL_B1] = "W0 L1 ",
        [WL_W1 & WL_B0] = "W1 L0 ",
        [WL_W1 & WL_B1] = "W1 L1 ",
    };
    const char *prefix = prefixes[row->prefix], *bits = wl[row->wl];
    printf("%s%s%s%02X", maps[row->map], prefix ? prefix : "", bits ? bits : "", row->opcode);
    print_modrm(row);
}

/* One line a row: name, encoding, operands, feature, group, offered, proof, note, file of cases;
 * with tabs between. */
static void print_table(void)
{
    static const char *const proofs[] = {"native", "refusal", "none"};
    decode_init();
    g_autoptr(GPtrArray) cases = row_files_read(MYNA_SOURCE_DIR);
    RowCoverage *covered = row_coverage_new(cases);
    for (unsigned r = 0; r < insn_row_count; r++) {
        const InsnRow *row = &insn_rows[r];
        const char *why = NULL;
        RowClass class = judge_row_class(row, &why);
        const RowCase *first = row_coverage_first(covered, r);
        printf("%s\t", row->name);
        print_encoding(row);
        putchar('\t');
        for (unsigned n = 0; n < MAX_OPERANDS && row->operands[n]; n++)
            printf("%s%s", n ? ", " : "", operand_infos[row->operands[n]].name);
        printf("\t%s\t%s\t%s\t%s\t%s\t%s\n", row->feature ? feature_infos[row->feature].name : "",
               judge_row_group(row), judge_row_is_offered(row) ? "yes" : "no", proofs[class],
               why ? why : "", first ? first->file : "");
    }
    row_coverage_free(covered);
}

/* --- the translator --------------------------------------------------------------------------- */

/* Rows that the translator leaves to the interpreter, here: an opcode that the host's mode lacks,
 * division of AX, what user mode may not, and what counted code leaves to nobody else. */
static bool is_never_translated(const InsnRow *row)
{
    bool divides_ax = row->opcode == 0xf6 && g_str_has_suffix(row->name, "DIV");
    return (row->map == MAP_BASE && row->opcode == 0x82) || divides_ax ||
           row_traits(&(Insn){.row = row - insn_rows})->open ||
           row->attrs & (ATTR_IOPL | ATTR_CPL0) || !strcmp(row->name, "SYSRET");
}

/* Rows that are lifted, were tried often, and yet never ran without the interpreter. */
static unsigned report_untranslated(const Judge *j, const GArray *rows, const Totals *totals)
{
    enum { OFTEN = 100 };
    unsigned translated = 0, lifted = 0, missing = 0;
    uint64_t instances = 0;
    for (unsigned n = 0; n < rows->len; n++) {
        unsigned row = g_array_index(rows, unsigned, n);
        bool is_lifted = row_traits(&(Insn){.row = row})->kind != LIFT_INTERP &&
                         !is_never_translated(&insn_rows[row]);
        lifted += is_lifted;
        translated += j->jit->by_host[row] != 0;
        instances += j->jit->by_host[row];
        if (is_lifted && !j->jit->by_host[row] && totals->instances > rows->len * OFTEN) {
            printf("%s (opcode %02x) is lifted, but never ran as host code\n", insn_rows[row].name,
                   insn_rows[row].opcode);
            missing++;
        }
    }
    printf("%u rows are lifted; %u, and %" PRIu64 " instances, ran as host code alone\n", lifted,
           translated, instances);
    return missing;
}

static Options parse_options(int argc, char **argv)
{
    Options o = {.seed = 1};
    const GOptionEntry entries[] = {
        {"engine", 'e', 0, G_OPTION_ARG_STRING, &o.engine, "what is judged: interp or jit",
         "ENGINE"},
        {"group", 'g', 0, G_OPTION_ARG_STRING, &o.group, "int, vec, x87, or a mnemonic", "GROUP"},
        {"seconds", 't', 0, G_OPTION_ARG_INT, &o.seconds, "stop after this time", "N"},
        {"instances", 'n', 0, G_OPTION_ARG_INT64, &o.instances, "stop after so many", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT64, &o.seed, "of the random numbers", "N"},
        {"rows", 'r', 0, G_OPTION_ARG_NONE, &o.rows, "list the rows not judged", NULL},
        {"table", 0, 0, G_OPTION_ARG_NONE, &o.table, "print the table of rows and proofs", NULL},
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
    if (o.table) {
        print_table();
        return 0;
    }
    Judge *j = judge_new(o.seed);
    if (!j) {
        printf("skipped: this host cannot run x86-64 instructions for us\n");
        return SKIPPED;
    }
    bool jit = o.engine && !strcmp(o.engine, "jit");
    if (jit && !judge_use_translator(j)) {
        printf("skipped: no translator for this host\n");
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
    unsigned missing = jit ? report_untranslated(j, rows, &totals) : 0;
    g_array_free(rows, TRUE);
    judge_free(j);
    g_free(o.group);
    g_free(o.engine);
    return totals.differences != 0 || missing != 0;
}
