/* row_plan.c - how the host does each row of the guest's instruction table. [SDM2] "Instruction
 * Format". */
#include "dbt/x64/row_plan.h"

#include "cpu/isa.h"

static OperandWhere where_of(const InsnRow *row, unsigned n)
{
    return operand_infos[row->operands[n]].where;
}

/* --- operands ------------------------------------------------------------------------------------ */

static bool is_system_register(OperandWhere where)
{
    return where == WHERE_S || where == WHERE_SEG || where == WHERE_C || where == WHERE_D ||
           where == WHERE_A;
}

static bool is_immediate(OperandWhere where)
{
    return where == WHERE_I || where == WHERE_SI;
}

/* A bit index in a register would reach beyond a memory operand. */
static bool is_register_only(const InsnRow *row)
{
    return where_of(row, 1) == WHERE_G && row->map == MAP_0F && (row->opcode & 0xe7) == 0xa3;
}

static bool needs_register(const InsnRow *row, unsigned n)
{
    bool written = row->access >> 2 * n & OPND_WRITE;
    return where_of(row, n) != WHERE_E || written || is_register_only(row) ||
           form_kind(row->form) == FORM_KIND_REG;
}

/* XCHG with memory would lock the host's bus. What SSE rows write may be wider in a register. */
static bool does_as_memory(const InsnRow *row, unsigned n)
{
    return where_of(row, n) == WHERE_E && form_kind(row->form) != FORM_KIND_REG &&
           !is_register_only(row) && !(row->attrs & (ATTR_SSE | ATTR_MMX | ATTR_AVX)) &&
           strcmp(row->name, "XCHG") != 0;
}

static void place(RowHostPlan *plan, const InsnRow *row, unsigned n, RowField field)
{
    plan->place[plan->placed++] = (RowPlace){
        .operand = n, .field = field, .needs_register = needs_register(row, n)};
    if (field == FIELD_RM) {
        plan->rm = n;
        plan->rm_only_read = !needs_register(row, n);
        plan->rm_as_memory = does_as_memory(row, n);
    } else if (field == FIELD_REG) {
        plan->reg = n;
    }
}

static unsigned immediate_bytes(const InsnRow *row, unsigned n)
{
    switch (operand_infos[row->operands[n]].memory_size) {
    case SIZE_B:
        return 1;
    case SIZE_W:
        return 2;
    case SIZE_V:
        return 8;
    default:
        return 4;
    }
}

static void plan_operand(RowHostPlan *plan, const InsnRow *row, unsigned n)
{
    switch (where_of(row, n)) {
    case WHERE_E:
    case WHERE_M:
    case WHERE_W:
    case WHERE_Q:
        place(plan, row, n, FIELD_RM);
        break;
    case WHERE_G:
    case WHERE_V:
    case WHERE_P:
        place(plan, row, n, FIELD_REG);
        break;
    case WHERE_B:
    case WHERE_H:
        place(plan, row, n, FIELD_VVVV);
        break;
    case WHERE_Z:
        place(plan, row, n, FIELD_OPCODE);
        break;
    case WHERE_L:
        plan->is4 = n;
        break;
    case WHERE_I:
    case WHERE_SI:
        plan->immediate_bytes = immediate_bytes(row, n);
        break;
    default:
        break;
    }
}

/* --- the opcode ---------------------------------------------------------------------------------- */

/* Of what 64-bit mode has not, INC, DEC, LAHF and SAHF have another encoding there. */
static bool host_has(const InsnRow *row)
{
    return !(row->attrs & ATTR_I64) || (row->opcode & 0xf0) == 0x40 || row->opcode == 0x9e ||
           row->opcode == 0x9f;
}

static void plan_opcode(RowHostPlan *plan, const InsnRow *row)
{
    static const uint8_t maps[MAP_COUNT] = {0, 1, 2, 3, 1, 2, 3};
    static const uint16_t escapes[] = {0, 0x0f, 0x380f, 0x3a0f};
    FormKind kind = form_kind(row->form);
    bool any = row->prefix == PREFIX_ANY || row->prefix == PREFIX_NOF;
    bool repeat_class = row->prefix & (PREFIX_PF2 | PREFIX_PF3) && !(row->attrs & ATTR_SSE);
    plan->map = maps[row->map];
    plan->escape = escapes[plan->map];
    plan->escape_bits = 8 * MIN(plan->map, 2);
    plan->vex = row->map >= MAP_VEX_0F;
    if (!any)
        plan->prefix = row->prefix & PREFIX_P66   ? 0x66
                       : row->prefix & PREFIX_PF3 ? 0xf3
                       : row->prefix & PREFIX_PF2 ? 0xf2
                                                  : 0;
    plan->takes_66 = !plan->vex && (any || repeat_class);
    plan->has_modrm = kind != FORM_KIND_NONE && kind != FORM_KIND_PLUSR && kind != FORM_KIND_PLUSC;
    plan->group = kind == FORM_KIND_D || kind == FORM_KIND_M || kind == FORM_KIND_R ||
                  kind == FORM_KIND_BYTE;
    plan->in_opcode = where_of(row, 0) == WHERE_Z;
    plan->is_constant = !strcmp(row->name, "MOV") && is_immediate(where_of(row, 1));
    plan->not_16 = !strcmp(row->name, "BSWAP");
    bool alu = row->opcode < 0x40 && (row->opcode & 6) == 0, mov = (row->opcode & 0xfe) == 0x88;
    plan->both_ways = row->map == MAP_BASE && (alu || mov);
}

static unsigned alu_of(const InsnRow *row)
{
    static const char *const names[] = {"ADD", "OR",  "ADC", "SBB", "AND",
                                        "SUB", "XOR", "CMP", "TEST"};
    unsigned alu = 0;
    while (alu < G_N_ELEMENTS(names) && (row->map != MAP_BASE || strcmp(row->name, names[alu])))
        alu++;
    static_assert(G_N_ELEMENTS(names) == ALU_NONE, "each has a name");
    return alu;
}

static RowHostPlan plan_row(const InsnRow *row)
{
    RowHostPlan plan = {.possible = host_has(row), .rm = MAX_OPERANDS, .reg = MAX_OPERANDS};
    bool has_offset = false;
    plan_opcode(&plan, row);
    plan.alu = alu_of(row);
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        OperandWhere where = where_of(row, i);
        plan_operand(&plan, row, i);
        plan.possible &= !is_system_register(where);
        plan.w_by_size |= where == WHERE_E || where == WHERE_G || where == WHERE_B;
        has_offset |= where == WHERE_O;
    }
    bool is_complete = plan.reg == MAX_OPERANDS || plan.rm != MAX_OPERANDS;
    plan.is_legacy = !plan.vex && !plan.in_opcode && !has_offset && is_complete;
    return plan;
}

const RowHostPlan *row_host_plans;

const RowHostPlan *row_host_plans_make(void)
{
    if (g_once_init_enter(&row_host_plans)) {
        RowHostPlan *made = g_new(RowHostPlan, insn_row_count);
        for (unsigned i = 0; i < insn_row_count; i++)
            made[i] = plan_row(&insn_rows[i]);
        g_once_init_leave(&row_host_plans, made);
    }
    return row_host_plans;
}
