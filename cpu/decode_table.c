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

/* The row for a combination among those of an opcode; insn_row_count: there is none. */
static unsigned choose_row(const GArray *rows, const Condition *c)
{
    unsigned best = insn_row_count;
    for (unsigned i = 0; i < rows->len; i++) {
        unsigned index = g_array_index(rows, uint16_t, i);
        const InsnRow *row = &insn_rows[index];
        if (!row_matches(row, c))
            continue;
        if (best == insn_row_count || row_width(row) < row_width(&insn_rows[best]))
            best = index;
        else if (row_width(row) == row_width(&insn_rows[best]))
            g_error("cpu/isa: %s and %s are the same bytes", row->name, insn_rows[best].name);
    }
    return best;
}

/* --- one opcode ------------------------------------------------------------------------------- */

ModrmUse decode_modrm_use(const InsnRow *row)
{
    switch (form_kind(row->form)) {
    case FORM_KIND_NONE:
    case FORM_KIND_PLUSR:
    case FORM_KIND_PLUSC:
        return MODRM_ABSENT;
    case FORM_KIND_PLUSCRM:
    case FORM_KIND_RM:
    case FORM_KIND_REGX:
        return MODRM_MOD;
    case FORM_KIND_BYTE:
        return MODRM_BYTE;
    default:
        return MODRM_REG;
    }
}

/* Index of a modrm byte among the leaves of an opcode. */
static unsigned modrm_leaf(ModrmUse use, uint8_t modrm)
{
    bool is_register = modrm >= 0xc0;
    unsigned reg = modrm >> 3 & 7;
    switch (use) {
    case MODRM_MOD: /* 0 memory, 1 register */
        return is_register;
    case MODRM_REG: /* 0-7 memory, 8-15 register */
        return is_register << 3 | reg;
    case MODRM_BYTE: /* 0-7 memory, then C0-FF */
        return is_register ? 8u + (modrm & 63) : reg;
    default:
        return 0;
    }
}

/* A modrm byte that stands for a leaf; the inverse of modrm_leaf. */
static uint8_t leaf_modrm(ModrmUse use, unsigned leaf)
{
    unsigned modrm = 0;
    while (modrm_leaf(use, modrm) != leaf)
        modrm++;
    return modrm;
}

static void build_slot(OpcodeSlot *slot, const GArray *rows, GArray *leaves)
{
    static const uint8_t modrm_leaves[] = {
        [MODRM_ABSENT] = 1, [MODRM_MOD] = 2, [MODRM_REG] = 16, [MODRM_BYTE] = 72};
    bool prefix_matters = false, wl_matters = false;
    for (unsigned i = 0; i < rows->len; i++) {
        const InsnRow *row = &insn_rows[g_array_index(rows, uint16_t, i)];
        slot->modrm = MAX(slot->modrm, decode_modrm_use(row));
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
                uint16_t plan = choose_row(rows, &c) * 2 + (c.modrm < 0xc0);
                g_array_append_val(leaves, plan);
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
static void build_map(OpcodeSlot slots[256][2], OpcodeMap map, bool code64, GArray *leaves)
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
        build_slot(&slots[i][code64], rows[i], leaves);
        g_array_free(rows[i], true);
    }
}

/* --- all -------------------------------------------------------------------------------------- */

static const DecodeTables *tables_new(void)
{
    DecodeTables *t = g_new0(DecodeTables, 1);
    GArray *leaves = g_array_new(false, false, sizeof(uint16_t));
    for (unsigned code64 = 0; code64 < 2; code64++)
        for (unsigned map = 0; map < MAP_COUNT; map++)
            build_map(t->slots[map], map, code64, leaves);
    t->leaves = (uint16_t *)g_array_free(leaves, false);
    for (unsigned byte = 0; byte < 256; byte++)
        t->rex[1][byte] = decode_rex_fields(byte);
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        for (unsigned use = 0; use < MODRM_USES; use++)
            t->modrm_leaf[use][modrm] = modrm_leaf(use, modrm);
        t->modrm_fields[modrm] = (modrm >> 3 & 7) << FIELD_REG | (modrm & 7) << FIELD_RM;
    }
    decode_plan_sizes(t->sizes);
    t->plans = g_new(RowPlan, insn_row_count * 2 + 2);
    for (unsigned i = 0; i < insn_row_count * 2; i++)
        t->plans[i] = decode_plan_row(i / 2, i % 2);
    for (unsigned i = insn_row_count * 2; i < insn_row_count * 2 + 2; i++)
        t->plans[i] = (RowPlan){.refused = EVERYWHERE};
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
