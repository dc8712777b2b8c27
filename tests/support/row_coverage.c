/* row_coverage.c - which variants and faults of a row of the instruction table have a case.
 *
 * A condition is shown by a case of the row whose `faults` or whose own `in` names it. */
#include "tests/support/row_coverage.h"

#include "tests/support/row_bench.h"
#include "tests/support/row_variant.h"

typedef struct Covered {
    const RowCase *c;
    Insn insn;
} Covered;

struct RowCoverage {
    GArray **rows; /* of Covered, for each row */
};

RowCoverage *row_coverage_new(GPtrArray *cases)
{
    RowCoverage *v = g_new0(RowCoverage, 1);
    v->rows = g_new0(GArray *, insn_row_count);
    for (unsigned r = 0; r < insn_row_count; r++)
        v->rows[r] = g_array_new(FALSE, FALSE, sizeof(Covered));
    for (unsigned i = 0; i < cases->len; i++) {
        Covered covered = {.c = cases->pdata[i]};
        if (row_decode(covered.c, &covered.insn))
            g_array_append_val(v->rows[covered.insn.row], covered);
    }
    return v;
}

void row_coverage_free(RowCoverage *v)
{
    for (unsigned r = 0; r < insn_row_count; r++)
        g_array_free(v->rows[r], TRUE);
    g_free(v->rows);
    g_free(v);
}

const RowCase *row_coverage_first(const RowCoverage *v, unsigned row)
{
    return v->rows[row]->len ? g_array_index(v->rows[row], Covered, 0).c : NULL;
}

bool row_coverage_has_variant(const RowCoverage *v, const Insn *variant)
{
    const GArray *cases = v->rows[variant->row];
    for (unsigned i = 0; i < cases->len; i++) {
        if (row_variant_equal(&g_array_index(cases, Covered, i).insn, variant))
            return true;
    }
    return false;
}

static bool shows(const RowCase *c, const RowCondition *condition)
{
    for (unsigned i = 0; i < c->conditions->len; i++) {
        if (g_array_index(c->conditions, const RowCondition *, i) == condition)
            return true;
    }
    for (unsigned i = 0; i < c->faults->len; i++) {
        if (g_array_index(c->faults, RowFault, i).condition == condition)
            return true;
    }
    return false;
}

static bool has_condition(const RowCoverage *v, unsigned row, const RowCondition *condition)
{
    for (unsigned i = 0; i < v->rows[row]->len; i++) {
        if (shows(g_array_index(v->rows[row], Covered, i).c, condition))
            return true;
    }
    return false;
}

char *row_coverage_missing(const RowCoverage *v, unsigned row)
{
    g_autoptr(GString) out = g_string_new(NULL);
    RowVariant variants[MAX_ROW_VARIANTS];
    unsigned count = row_variants(row, variants);
    RowMode mode = row_mode_of(&insn_rows[row]);
    if (!v->rows[row]->len)
        g_string_append_printf(out, "%s: any case\n", insn_rows[row].name);
    for (unsigned i = 0; i < count; i++) {
        char text[128];
        insn_format(&variants[i].insn, text, sizeof(text));
        if (!row_coverage_has_variant(v, &variants[i].insn))
            g_string_append_printf(out, "%s\n", text);
    }
    for (unsigned k = 0; k < row_condition_count; k++) {
        const RowCondition *condition = &row_conditions[k];
        bool needed = false;
        for (unsigned i = 0; condition->needed && i < count; i++)
            needed |= condition->needed(&variants[i].insn, mode);
        if (needed && !has_condition(v, row, condition))
            g_string_append_printf(out, "%s: %s\n", insn_rows[row].name, condition->name);
    }
    return g_strdup(out->str);
}
