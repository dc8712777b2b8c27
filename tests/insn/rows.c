/* rows.c - the developer's tool beside tests/insn/rows/ *.rows.
 *
 *     rows --draft [MNEMONIC]   drafts of cases for the variants of rows that have none
 *     rows --record FILE        the file, with `out` lines from this host where cases have none
 *     rows --host               judges the cases of user mode by this host
 *
 * Exit status 77: this host cannot run them. */
#include <stdio.h>
#include <stdlib.h>

#include "cpu/isa.h"
#include "tests/support/judge.h"
#include "tests/support/row_coverage.h"
#include "tests/support/row_draft.h"
#include "tests/support/row_state.h"

enum { SKIPPED = 77 };

/* --- drafts --------------------------------------------------------------------------------------- */

static void draft_row(RowHost *h, const RowCoverage *covered, unsigned row)
{
    enum { TURNS = 12 };
    RowVariant variants[MAX_ROW_VARIANTS];
    unsigned count = row_variants(row, variants);
    for (unsigned i = 0; i < count; i++) {
        if (row_coverage_has_variant(covered, &variants[i].insn))
            continue;
        g_autoptr(GString) out = g_string_new(NULL);
        bool done = false;
        for (unsigned turn = 0; !done && turn < TURNS; turn++)
            done = row_draft(h, &variants[i], row * 7 + i * 3 + turn, out);
        printf("# row %u\nmode %s\n%s", row, row_mode_of(&insn_rows[row]) == ROW_32 ? "32" : "64",
               out->str);
        if (!done)
            printf("# %s: no operands show all its faults\n", insn_rows[row].name);
    }
}

static void draft(RowHost *h, const char *name)
{
    g_autoptr(GPtrArray) cases = row_files_read(MYNA_SOURCE_DIR);
    RowCoverage *covered = row_coverage_new(cases);
    for (unsigned r = 0; r < insn_row_count; r++) {
        if (judge_row_is_offered(&insn_rows[r]) &&
            (!name || !g_ascii_strcasecmp(name, insn_rows[r].name)))
            draft_row(h, covered, r);
    }
    row_coverage_free(covered);
}

/* --- recording ------------------------------------------------------------------------------------ */

static const RowCase *case_at(GPtrArray *cases, unsigned line)
{
    for (unsigned i = 0; i < cases->len; i++) {
        const RowCase *c = cases->pdata[i];
        if (c->line == line)
            return c;
    }
    return NULL;
}

static void print_recorded(RowHost *h, const RowCase *c)
{
    if (!c || c->has_out || !row_host_can(h, c))
        return;
    g_autoptr(GString) out = g_string_new(NULL);
    row_host_run(h, c, NULL);
    row_host_print(h, c, out);
    if (out->len)
        printf("    out   %s\n", out->str);
}

/* The new line follows `in`, so that `faults` stays last. */
static void record(RowHost *h, const char *path)
{
    g_autoptr(GPtrArray) cases = row_file_read(path);
    g_autofree char *text = NULL;
    g_file_get_contents(path, &text, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const RowCase *c = NULL;
    for (unsigned n = 0; lines[n] && (*lines[n] || lines[n + 1]); n++) {
        const char *word = lines[n] + strspn(lines[n], " ");
        if (!g_str_has_prefix(word, "in ")) {
            print_recorded(h, c);
            c = NULL;
        }
        puts(lines[n]);
        c = c ? c : case_at(cases, n + 1);
    }
    print_recorded(h, c);
}

/* --- judging -------------------------------------------------------------------------------------- */

/* NULL, or how the host differs from the case. */
static char *host_difference(RowHost *h, const RowCase *c)
{
    row_host_run(h, c, NULL);
    if (h->raise.vector != c->raise.vector)
        return g_strdup_printf("vector %d, expected %d", h->raise.vector, c->raise.vector);
    Cpu expected = h->before;
    row_expect(c, &expected);
    RowCompare how = {.flags = (FLAGS_ARITH | FLAG_DF) & ~c->undefined, .listed = c->out};
    if (c->raise.vector >= 0)
        return NULL;
    row_state_settle(&h->after, &expected, c->out);
    char *difference = row_state_difference(&h->after, &expected, &how);
    if (difference)
        return difference;
    for (unsigned i = 0; i < c->out->len; i++) {
        const RowItem *item = &g_array_index(c->out, RowItem, i);
        if (!item->field &&
            memcmp(h->memory + (item->address - ROW_MEMORY), item->value, item->size))
            return g_strdup("memory differs");
    }
    return NULL;
}

static int judge_host(RowHost *h)
{
    g_autoptr(GPtrArray) cases = row_files_read(MYNA_SOURCE_DIR);
    unsigned judged = 0, wrong = 0;
    for (unsigned i = 0; i < cases->len; i++) {
        const RowCase *c = cases->pdata[i];
        if (!row_host_can(h, c))
            continue;
        judged++;
        g_autofree char *difference = host_difference(h, c);
        if (difference)
            printf("%s:%u: %s: %s\n", c->file, c->line, c->text, difference);
        wrong += difference != NULL;
    }
    printf("%u of %u cases judged by the host, %u differ\n", judged, cases->len, wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : NULL;
    RowHost *h = row_host_new();
    if (!h) {
        puts("skipped: this host cannot run x86-64 instructions for us");
        return SKIPPED;
    }
    int status = 0;
    if (!strcmp(what, "--draft")) {
        draft(h, name);
    } else if (!strcmp(what, "--record") && name) {
        record(h, name);
    } else if (!strcmp(what, "--host")) {
        status = judge_host(h);
    } else {
        fprintf(stderr, "usage: rows --draft [MNEMONIC] | --record FILE | --host\n");
        status = 2;
    }
    row_host_free(h);
    return status;
}
