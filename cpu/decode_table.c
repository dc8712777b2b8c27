/* decode_table.c - the decoder's look-up tables, made from the rows once.
 *
 * An opcode of a map has as many leaves as there are combinations of the conditions that its rows
 * name: mandatory prefix, W and L, modrm. Most have one. */
#include "cpu/decode_priv.h"

const DecodeTables *decode_tables;

/* --- matching --------------------------------------------------------------------------------- */

/* One combination of conditions. */
typedef struct Condition {
    unsigned prefix_class; /* 0-3 */
    unsigned wl;           /* 0-3 */
    uint8_t modrm;
} Condition;

static bool form_matches(unsigned form, uint8_t modrm)
{
    bool memory = modrm < 0xc0;
    unsigned reg = modrm >> 3 & 7, value = form & 0xff;
    switch (form_kind(form)) {
    case FORM_KIND_MEM:
        return memory;
    case FORM_KIND_REG:
        return !memory;
    case FORM_KIND_D:
        return reg == value;
    case FORM_KIND_M:
        return memory && reg == value;
    case FORM_KIND_R:
        return !memory && reg == value;
    case FORM_KIND_BYTE:
        return modrm == value;
    default:
        return true;
    }
}

static bool row_matches(const InsnRow *row, const Condition *c)
{
    return (row->prefix >> c->prefix_class & 1) && (row->wl >> c->wl & 1) &&
           form_matches(row->form, c->modrm);
}

/* How many conditions a row matches, the form weighing most: the smaller wins. */
static unsigned row_width(const InsnRow *row)
{
    static const uint16_t modrms[] = {
        [FORM_KIND_NONE] = 256,    [FORM_KIND_PLUSR] = 256, [FORM_KIND_PLUSC] = 256,
        [FORM_KIND_PLUSCRM] = 256, [FORM_KIND_RM] = 256,    [FORM_KIND_REGX] = 256,
        [FORM_KIND_MEM] = 192,     [FORM_KIND_REG] = 64,    [FORM_KIND_D] = 32,
        [FORM_KIND_M] = 24,        [FORM_KIND_R] = 8,       [FORM_KIND_BYTE] = 1,
    };
    return modrms[form_kind(row->form)] * 64 + __builtin_popcount(row->prefix) * 8 +
           __builtin_popcount(row->wl);
}

/* The row for a combination among those of an opcode. */
static unsigned choose_row(const GArray *rows, const Condition *c)
{
    unsigned best = NO_ROW;
    for (unsigned i = 0; i < rows->len; i++) {
        unsigned index = g_array_index(rows, uint16_t, i);
        const InsnRow *row = &insn_rows[index];
        if (!row_matches(row, c))
            continue;
        if (best == NO_ROW || row_width(row) < row_width(&insn_rows[best]))
            best = index;
        else if (row_width(row) == row_width(&insn_rows[best]))
            g_error("cpu/isa: %s and %s are the same bytes", row->name, insn_rows[best].name);
    }
    return best;
}

/* --- one opcode ------------------------------------------------------------------------------- */

static ModrmUse form_modrm_use(unsigned form)
{
    switch (form_kind(form)) {
    case FORM_KIND_NONE:
    case FORM_KIND_PLUSR:
    case FORM_KIND_PLUSC:
        return MODRM_ABSENT;
    case FORM_KIND_PLUSCRM:
    case FORM_KIND_RM:
    case FORM_KIND_REGX:
        return MODRM_IRRELEVANT;
    case FORM_KIND_BYTE:
        return MODRM_BYTE;
    default:
        return MODRM_REG;
    }
}

/* A modrm byte that stands for a leaf; the inverse of modrm_leaf. */
static uint8_t leaf_modrm(ModrmUse use, unsigned leaf)
{
    if (leaf < 8)
        return leaf << 3;
    return use == MODRM_REG ? 0xc0 | (leaf & 7) << 3 : 0xc0 + (leaf - 8);
}

static void build_slot(OpcodeSlot *slot, const GArray *rows, GArray *leaves)
{
    static const uint8_t modrm_leaves[] = {
        [MODRM_ABSENT] = 1, [MODRM_IRRELEVANT] = 1, [MODRM_REG] = 16, [MODRM_BYTE] = 72};
    bool prefix_matters = false, wl_matters = false;
    for (unsigned i = 0; i < rows->len; i++) {
        const InsnRow *row = &insn_rows[g_array_index(rows, uint16_t, i)];
        slot->modrm = MAX(slot->modrm, form_modrm_use(row->form));
        prefix_matters |= row->prefix != PREFIX_ANY;
        wl_matters |= row->wl != WL_ANY;
    }
    unsigned modrms = modrm_leaves[slot->modrm];
    unsigned wls = wl_matters ? WL_CLASSES : 1;
    unsigned prefixes = prefix_matters ? PREFIX_CLASSES : 1;
    slot->wl_stride = wl_matters ? modrms : 0;
    slot->prefix_stride = prefix_matters ? modrms * wls : 0;
    slot->first = leaves->len;
    for (unsigned p = 0; p < prefixes; p++)
        for (unsigned wl = 0; wl < wls; wl++)
            for (unsigned leaf = 0; leaf < modrms; leaf++) {
                Condition c = {p, wl, leaf_modrm(slot->modrm, leaf)};
                uint16_t row = choose_row(rows, &c);
                g_array_append_val(leaves, row);
            }
}

/* --- one map ---------------------------------------------------------------------------------- */

static unsigned form_opcodes(unsigned form)
{
    switch (form_kind(form)) {
    case FORM_KIND_PLUSR:
        return 8;
    case FORM_KIND_PLUSC:
    case FORM_KIND_PLUSCRM:
        return 16;
    default:
        return 1;
    }
}

/* The slots of one map, in 64-bit code or outside it. */
static void build_map(OpcodeSlot *slots, OpcodeMap map, bool code64, GArray *leaves)
{
    GArray *rows[256];
    for (unsigned i = 0; i < 256; i++)
        rows[i] = g_array_new(false, false, sizeof(uint16_t));
    for (uint16_t i = 0; i < insn_row_count; i++) {
        const InsnRow *row = &insn_rows[i];
        if (row->map != map || (row->attrs & (code64 ? ATTR_I64 : ATTR_O64)))
            continue;
        for (unsigned n = 0; n < form_opcodes(row->form); n++)
            g_array_append_val(rows[row->opcode + n], i);
    }
    for (unsigned i = 0; i < 256; i++) {
        build_slot(&slots[i], rows[i], leaves);
        g_array_free(rows[i], true);
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The operand that names the size of the operation: the first that is no immediate and not DX. */
static const OperandInfo *sizing_operand(const InsnRow *row)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const OperandInfo *info = &operand_infos[row->operands[i]];
        if (row->operands[i] != SPEC_DX && info->where != WHERE_I && info->where != WHERE_SI &&
            info->where != WHERE_I2)
            return info;
    }
    return &operand_infos[SPEC___];
}

static RowPlan plan_row(const InsnRow *row)
{
    const OperandInfo *sizing = sizing_operand(row);
    unsigned size = sizing->size != SIZE_0 ? sizing->size : sizing->memory_size;
    RowPlan plan = {
        .attrs = row->attrs,
        .byte_form = size == SIZE_B,
        .max32 = size == SIZE_Z,
        .mandatory_66 = row->prefix == PREFIX_P66,
        .mod_ignored = form_kind(row->form) == FORM_KIND_REGX,
        .has_modrm = form_modrm_use(row->form) != MODRM_ABSENT,
    };
    for (unsigned i = 0; i < MAX_OPERANDS && row->operands[i] != SPEC___; i++) {
        const OperandInfo *info = &operand_infos[row->operands[i]];
        plan.op[i] = (struct PlanOperand){
            .where = info->where,
            .reg = info->reg,
            .size = info->size,
            .memory_size = info->memory_size,
            .access = row->access >> 2 * i & 3,
        };
        plan.operand_count = i + 1;
        plan.uses_vvvv |= info->where == WHERE_H || info->where == WHERE_B;
    }
    return plan;
}

/* --- sizes ------------------------------------------------------------------------------------ */

static void build_sizes(uint8_t sizes[SIZE_COUNT], bool code64, bool w, bool l, unsigned opsize)
{
    unsigned z = MIN(opsize, 4), vector = l ? 32 : 16;
    const uint8_t bytes[SIZE_COUNT] = {
        [SIZE_0] = 0,
        [SIZE_B] = 1,
        [SIZE_W] = 2,
        [SIZE_D] = 4,
        [SIZE_Q] = 8,
        [SIZE_T] = 10,
        [SIZE_DQ] = 16,
        [SIZE_QQ] = 32,
        [SIZE_V] = opsize,
        [SIZE_Z] = z,
        [SIZE_Y] = w ? 8 : 4,
        [SIZE_N] = code64 ? 8 : 4,
        [SIZE_P] = opsize + 2,
        [SIZE_S] = code64 ? 10 : 6,
        [SIZE_A] = opsize * 2,
        [SIZE_ENV] = opsize == 2 ? 14 : 28,
        [SIZE_SAV] = opsize == 2 ? 94 : 108,
        [SIZE_X] = vector,
        [SIZE_XH] = vector / 2,
        [SIZE_XF] = vector / 4,
        [SIZE_XE] = vector / 8,
    };
    memcpy(sizes, bytes, SIZE_COUNT);
}

/* --- all -------------------------------------------------------------------------------------- */

static const DecodeTables *tables_new(void)
{
    DecodeTables *t = g_new0(DecodeTables, 1);
    GArray *leaves = g_array_new(false, false, sizeof(uint16_t));
    for (unsigned code64 = 0; code64 < 2; code64++) {
        for (unsigned map = 0; map < MAP_COUNT; map++)
            build_map(t->slots[code64][map], map, code64, leaves);
        for (unsigned w = 0; w < 2; w++)
            for (unsigned l = 0; l < 2; l++)
                for (unsigned log = 0; log < 4; log++)
                    build_sizes(t->sizes[code64][w][l][log], code64, w, l, 1u << log);
    }
    t->leaves = (uint16_t *)g_array_free(leaves, false);
    t->plans = g_new(RowPlan, insn_row_count);
    for (unsigned i = 0; i < insn_row_count; i++)
        t->plans[i] = plan_row(&insn_rows[i]);
    return t;
}

void decode_init(void)
{
    static size_t done;
    if (g_once_init_enter(&done)) {
        decode_tables = tables_new();
        g_once_init_leave(&done, 1);
    }
}
