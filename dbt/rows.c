/* rows.c - which rows the host can execute for the guest: by name (lift.def), by attribute, and by what
 * features the host has. */
#include "dbt/rows.h"

#include "cpu/isa_priv.h"
#include "dbt/host.h"

typedef struct NamedLift {
    const char *name;
    LiftKind kind;
} NamedLift;

static const NamedLift named[] = {
#define LIFT(name, kind) {#name, LIFT_##kind},
#include "dbt/lift.def"
#undef LIFT
};

/* Vector rows that touch more than registers and one memory operand. */
static const char *const not_vector[] = {"MASKMOVDQU", "VMASKMOVDQU", "LDMXCSR",    "STMXCSR",
                                         "VLDMXCSR",   "VSTMXCSR",    "VMASKMOVPS", "VMASKMOVPD",
                                         "VPMASKMOVD", "VPMASKMOVQ",  "VZEROALL",   "EMMS"};

static bool vector_by_attributes(const InsnRow *row)
{
    if (!(row->attrs & (ATTR_SSE | ATTR_AVX)) || row->attrs & (ATTR_MMX | ATTR_SERIAL))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(not_vector); i++)
        if (!strcmp(row->name, not_vector[i]))
            return false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        OperandWhere where = operand_infos[row->operands[i]].where;
        if (where == WHERE_VSIB_X || where == WHERE_VSIB_H || where == WHERE_FIXED_MEM ||
            where == WHERE_P || where == WHERE_Q)
            return false;
    }
    return true;
}

static LiftKind kind_of(const InsnRow *row)
{
    if (!host_has_feature(row->feature))
        return LIFT_INTERP;
    for (unsigned i = 0; i < G_N_ELEMENTS(named); i++)
        if (!strcmp(row->name, named[i].name))
            return named[i].kind;
    return vector_by_attributes(row) ? LIFT_VECTOR : LIFT_INTERP;
}

LiftKind row_lift_kind(const Insn *insn)
{
    static uint8_t *kinds;
    if (g_once_init_enter(&kinds)) {
        uint8_t *made = g_malloc(insn_row_count);
        for (unsigned i = 0; i < insn_row_count; i++)
            made[i] = kind_of(&insn_rows[i]);
        g_once_init_leave(&kinds, made);
    }
    return kinds[insn->row];
}
