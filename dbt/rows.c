/* rows.c - which rows the host can execute for the guest: by name (lift.def), by attribute, and by
 * what features the host has; and what their instructions do. */
#include "dbt/rows.h"

#include "cpu/block.h"
#include "cpu/isa.h"
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

/* General registers that rows write without naming them. */
static const struct {
    const char *name;
    uint16_t gprs;
} unnamed[] = {
    {"MUL", 1 << RAX | 1 << RDX},
    {"IMUL", 1 << RAX | 1 << RDX},
    {"DIV", 1 << RAX | 1 << RDX},
    {"IDIV", 1 << RAX | 1 << RDX},
    {"CBW", 1 << RAX},
    {"CWD", 1 << RDX},
    {"CMPXCHG", 1 << RAX},
    {"LAHF", 1 << RAX},
    {"CMPXCHG8B", 1 << RAX | 1 << RDX},
    {"FNSTSW", 1 << RAX},
    {"PCMPESTRI", 1 << RCX},
    {"PCMPISTRI", 1 << RCX},
    {"VPCMPESTRI", 1 << RCX},
    {"VPCMPISTRI", 1 << RCX},
};

static bool is_named(const InsnRow *row, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!strcmp(row->name, names[i]))
            return true;
    return false;
}

static bool vector_by_attributes(const InsnRow *row)
{
    if (!(row->attrs & (ATTR_SSE | ATTR_AVX)) || row->attrs & (ATTR_MMX | ATTR_SERIAL))
        return false;
    if (is_named(row, not_vector, G_N_ELEMENTS(not_vector)))
        return false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        OperandWhere where = operand_infos[row->operands[i]].where;
        if (where == WHERE_VSIB_X || where == WHERE_VSIB_H || where == WHERE_FIXED_MEM ||
            where == WHERE_P || where == WHERE_Q)
            return false;
    }
    return true;
}

/* `names` has named[] by name. */
static LiftKind kind_of(const InsnRow *row, GHashTable *names)
{
    if (!host_has_feature(row->feature))
        return LIFT_INTERP;
    const NamedLift *lift = g_hash_table_lookup(names, row->name);
    if (lift)
        return lift->kind;
    if (row->attrs & ATTR_X87)
        return LIFT_X87;
    if (row->attrs & ATTR_MMX)
        return LIFT_MMX;
    return vector_by_attributes(row) ? LIFT_VECTOR : LIFT_INTERP;
}

/* --- what is known of each row ------------------------------------------------------------------- */

static uint16_t unnamed_gprs(const InsnRow *row, LiftKind kind)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(unnamed); i++)
        if (!strcmp(row->name, unnamed[i].name))
            return unnamed[i].gprs;
    return kind == LIFT_INTERP ? UINT16_MAX : 0;
}

/* Undefined, but for those that every processor leaves in one way, which is the interpreter's too.
 */
static uint16_t open_flags(const InsnRow *row)
{
    static const char *const logic[] = {"AND", "OR", "XOR", "TEST"}; /* AF is 0 */
    static const char *const shifts[] = {"SHL",  "SHR", "SAR", "SHLD",
                                         "SHRD", /* OF as for a count of 1 */
                                         "ROL",  "ROR", "RCL", "RCR"};
    if (is_named(row, logic, G_N_ELEMENTS(logic)))
        return 0;
    uint16_t flags = row->flags_undefined & FLAGS_ARITH;
    return is_named(row, shifts, G_N_ELEMENTS(shifts)) ? flags & ~FLAG_OF : flags;
}

static uint8_t written_operands(const InsnRow *row)
{
    uint8_t written = 0;
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        written |= (row->access >> 2 * i & OPND_WRITE ? 1 : 0) << i;
    return written;
}

static IrUse use_of(const InsnRow *row, LiftKind kind)
{
    bool leaves = kind == LIFT_DIVIDE; /* what would fault does */
    return (IrUse){.reads = leaves ? FLAGS_ARITH : row->flags_read & FLAGS_ARITH,
                   .writes = row->flags_written & FLAGS_ARITH,
                   .gprs = unnamed_gprs(row, kind)};
}

static uint8_t memory_operand(const InsnRow *row)
{
    static const bool in_memory[WHERE_COUNT] = {
        [WHERE_E] = true,      [WHERE_M] = true, [WHERE_VSIB_X] = true,
        [WHERE_VSIB_H] = true, [WHERE_O] = true, [WHERE_FIXED_MEM] = true,
        [WHERE_Y] = true,      [WHERE_Q] = true, [WHERE_W] = true,
    };
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (in_memory[operand_infos[row->operands[i]].where])
            return i;
    return 0;
}

static RowSum sum_of(const InsnRow *row)
{
    static const char *const names[] = {[SUM_MOVE] = "MOV", [SUM_ADD] = "ADD", [SUM_SUB] = "SUB"};
    for (unsigned i = SUM_MOVE; i < G_N_ELEMENTS(names); i++)
        if (!strcmp(row->name, names[i]))
            return i;
    return SUM_NONE;
}

/* They write general or vector registers, flags and memory, or go to a device. */
static bool keeps_mode(LiftKind kind)
{
    static const bool kinds[LIFT_KIND_COUNT] = {
        [LIFT_ROW] = true,    [LIFT_SHIFT] = true,  [LIFT_CONDITION] = true, [LIFT_BITTEST] = true,
        [LIFT_VECTOR] = true, [LIFT_DIVIDE] = true, [LIFT_PUSH] = true,      [LIFT_POP] = true,
        [LIFT_MOVS] = true,   [LIFT_STOS] = true,   [LIFT_LODS] = true,      [LIFT_SCAS] = true,
        [LIFT_CMPS] = true,   [LIFT_PORT] = true,
    };
    return kinds[kind];
}

static RowTraits traits_of(const InsnRow *row, LiftKind kind)
{
    /* Approximations; how far a partial remainder goes; whether C1 is cleared. */
    static const char *const open[] = {
        "RCPPS", "RCPSS",  "RSQRTPS", "RSQRTSS", "VRCPPS", "VRCPSS", "VRSQRTPS", "VRSQRTSS",
        "F2XM1", "FYL2X",  "FYL2XP1", "FPTAN",   "FPATAN", "FSIN",   "FCOS",     "FSINCOS",
        "FPREM", "FPREM1", "FCOMI",   "FCOMIP",  "FUCOMI", "FUCOMIP"};
    /* SHLD and SHRD by more than 16, and the upper half behind MOVSXD. */
    static const char *const open_16[] = {"SHLD", "SHRD", "MOVSXD"};
    static const char *const state[] = {"FXSAVE",   "FXRSTOR", "XSAVE",  "XRSTOR",
                                        "XSAVEOPT", "XSAVEC",  "XSAVES", "XRSTORS"};
    static const char *const control[] = {"FNINIT", "FNCLEX",  "FLDCW",  "FNSTCW", "FNSTSW",
                                          "FLDENV", "FNSTENV", "FRSTOR", "FNSAVE", "FWAIT"};
    bool x87 = row->attrs & ATTR_X87, branch = row->attrs & ATTR_BRANCH;
    return (RowTraits){.use = use_of(row, kind),
                       .open_flags = open_flags(row),
                       .kind = kind,
                       .written_operands = written_operands(row),
                       .memory = memory_operand(row),
                       .ruled = exec_is_ruled(row),
                       .use_varies = kind == LIFT_CONDITION || kind == LIFT_SHIFT,
                       .sum = sum_of(row),
                       .aligned = row->attrs & ATTR_ALIGNED,
                       .open = is_named(row, open, G_N_ELEMENTS(open)),
                       .open_16 = is_named(row, open_16, G_N_ELEMENTS(open_16)),
                       .sees_x87 = x87 || row->attrs & ATTR_MMX ||
                                   is_named(row, state, G_N_ELEMENTS(state)),
                       .sets_x87_pointers = x87 && !is_named(row, control, G_N_ELEMENTS(control)),
                       .sees_flags = branch || row->flags_read || row->flags_written,
                       .indirect = branch && !(row->attrs & ATTR_SERIAL),
                       .keeps_mode = keeps_mode(kind)};
}

const RowTraits *row_traits_table;

const RowTraits *row_traits_make(void)
{
    if (g_once_init_enter(&row_traits_table)) {
        g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
        for (unsigned i = 0; i < G_N_ELEMENTS(named); i++)
            g_hash_table_insert(names, (gpointer)named[i].name, (gpointer)&named[i]);
        RowTraits *made = g_new(RowTraits, insn_row_count);
        for (unsigned i = 0; i < insn_row_count; i++)
            made[i] = traits_of(&insn_rows[i], kind_of(&insn_rows[i], names));
        g_once_init_leave(&row_traits_table, made);
    }
    return row_traits_table;
}

/* --- what is known of one instruction ------------------------------------------------------------- */

/* A count that is zero once masked leaves the flags alone. */
static bool count_may_be_zero(const Insn *insn)
{
    for (unsigned i = 1; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_ONE)
            return false;
        if (insn->op[i].kind == OPND_IMM)
            return (insn->imm & (insn->op[0].size == 8 ? 63 : 31)) == 0;
    }
    return true;
}

static unsigned condition_reads(unsigned cc)
{
    static const uint16_t reads[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF,
    };
    return reads[cc >> 1 & 7];
}

void row_vary_use(const Insn *insn, const RowTraits *traits, IrUse *use)
{
    if (traits->kind == LIFT_CONDITION)
        use->reads = condition_reads(insn->opcode & 15);
    use->may_keep = traits->kind == LIFT_SHIFT && count_may_be_zero(insn);
}
