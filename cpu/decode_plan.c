/* decode_plan.c - what decoding needs of a row, and the sizes that its operand letters stand for.
 *
 * What depends on the row alone is found out here, once. */
#include "cpu/decode_priv.h"

/* --- operands --------------------------------------------------------------------------------- */

/* What an operand becomes: a kind; for registers the field with the number, and which bits of it
 * count; whether mod can make it memory instead; whether it is one for decode_special. */
/* clang-format off */
static const struct OperandForm {
    uint8_t kind;  /* OperandKind */
    uint8_t shift; /* FieldShift */
    uint8_t mask;
    bool or_memory;
    bool is_special;
} operand_forms[WHERE_COUNT] = {
    [WHERE_NONE]        = { OPND_NONE, 0,             0,   false,  false },
    [WHERE_E]           = { OPND_GPR,  FIELD_RM,      15,  true,   false },
    [WHERE_G]           = { OPND_GPR,  FIELD_REG,     15,  false,  false },
    [WHERE_B]           = { OPND_GPR,  FIELD_VVVV,    15,  false,  false },
    [WHERE_Z]           = { OPND_GPR,  FIELD_OPCODE,  15,  false,  false },
    [WHERE_M]           = { OPND_MEM,  0,             0,   false,  false },
    [WHERE_VSIB_X]      = { OPND_MEM,  0,             0,   false,  true  },
    [WHERE_VSIB_H]      = { OPND_MEM,  0,             0,   false,  true  },
    [WHERE_O]           = { OPND_MEM,  0,             0,   false,  true  },
    [WHERE_FIXED_MEM]   = { OPND_MEM,  0,             0,   false,  true  },
    [WHERE_Y]           = { OPND_MEM,  0,             0,   false,  true  },
    [WHERE_GPR]         = { OPND_GPR,  0,             0,   false,  false },
    [WHERE_ONE]         = { OPND_ONE,  0,             0,   false,  false },
    [WHERE_S]           = { OPND_SEG,  FIELD_REG,     7,   false,  true  },
    [WHERE_SEG]         = { OPND_SEG,  0,             0,   false,  false },
    [WHERE_C]           = { OPND_CR,   FIELD_REG,     15,  false,  true  },
    [WHERE_D]           = { OPND_DR,   FIELD_REG,     15,  false,  true  },
    [WHERE_I]           = { OPND_IMM,  0,             0,   false,  false },
    [WHERE_SI]          = { OPND_IMM,  0,             0,   false,  false },
    [WHERE_I2]          = { OPND_IMM2, 0,             0,   false,  true  },
    [WHERE_J]           = { OPND_REL,  0,             0,   false,  false },
    [WHERE_A]           = { OPND_FAR,  0,             0,   false,  true  },
    [WHERE_ST]          = { OPND_ST,   0,             0,   false,  false },
    [WHERE_STI]         = { OPND_ST,   FIELD_RM,      7,   false,  false },
    [WHERE_P]           = { OPND_MMX,  FIELD_REG,     7,   false,  false },
    [WHERE_Q]           = { OPND_MMX,  FIELD_RM,      7,   true,   false },
    [WHERE_V]           = { OPND_VEC,  FIELD_REG,     15,  false,  false },
    [WHERE_W]           = { OPND_VEC,  FIELD_RM,      15,  true,   false },
    [WHERE_H]           = { OPND_VEC,  FIELD_VVVV,    15,  false,  false },
    [WHERE_L]           = { OPND_VEC,  0,             0,   false,  true  },
    [WHERE_VEC]         = { OPND_VEC,  0,             0,   false,  false },
};
/* clang-format on */

/* Adds an operand to a plan. */
static void plan_operand(const OperandInfo *info, unsigned access, unsigned i, RowPlan *plan)
{
    const struct OperandForm *form = &operand_forms[info->where];
    bool fixed = info->where == WHERE_FIXED_MEM || info->where == WHERE_Y;
    plan->operand_count = i + 1;
    plan->is_special |= form->is_special;
    plan->vsib |= info->where == WHERE_VSIB_X || info->where == WHERE_VSIB_H;
    if (form->kind == OPND_MEM || (form->or_memory && plan->has_memory)) {
        plan->op[i] = (Operand){OPND_MEM, fixed ? info->reg : REG_NONE, info->memory_size, access};
        return;
    }
    plan->op[i] = (Operand){form->kind, info->reg, info->size, access};
    plan->shift[i] = form->shift;
    plan->mask[i] = form->mask;
    plan->has_byte_register |= form->kind == OPND_GPR && info->size == SIZE_B;
}

static void plan_immediate(const OperandInfo *info, RowPlan *plan)
{
    if (info->where != WHERE_I && info->where != WHERE_SI && info->where != WHERE_J)
        return;
    plan->immediate_size = info->memory_size;
    plan->is_sign_extended = info->where != WHERE_I;
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

/* Insn.opsize: 1 for byte forms, at most 4 for ports. */
static OperandSize operation_size(const InsnRow *row)
{
    const OperandInfo *sizing = sizing_operand(row);
    OperandSize size = sizing->size != SIZE_0 ? sizing->size : sizing->memory_size;
    return size == SIZE_B || size == SIZE_Z ? size : SIZE_V;
}

static unsigned row_sizing(const InsnRow *row)
{
    return (row->attrs & ATTR_D64 ? SIZING_D64 : 0) | (row->attrs & ATTR_F64 ? SIZING_F64 : 0) |
           (row->prefix == PREFIX_P66 ? SIZING_P66 : 0) | (row->map >= MAP_VEX_0F ? SIZING_VEX : 0);
}

static bool names_vvvv(const InsnRow *row)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (operand_forms[operand_infos[row->operands[i]].where].shift == FIELD_VVVV)
            return true;
    return false;
}

/* Outside real and V86 mode, with LOCK or vvvv, a row may be #UD; LOCK wants memory. */
static unsigned refused_circumstances(const InsnRow *row, bool memory)
{
    bool takes_lock = memory && row->attrs & ATTR_LOCK;
    return (row->attrs & ATTR_PROT ? IN_REAL_OR_V86 : 0) | (takes_lock ? 0 : WITH_LOCK) |
           (names_vvvv(row) ? 0 : WITH_VVVV);
}

RowPlan decode_plan_row(unsigned index, bool memory)
{
    const InsnRow *row = &insn_rows[index];
    bool mod_ignored = form_kind(row->form) == FORM_KIND_REGX;
    RowPlan plan = {
        .row = index,
        .has_memory = memory && decode_modrm_use(row) != MODRM_ABSENT && !mod_ignored,
        .mod_ignored = mod_ignored,
        .sizing = row_sizing(row),
        .opsize = operation_size(row),
        .refused = refused_circumstances(row, memory),
    };
    for (unsigned i = 0; i < MAX_OPERANDS && row->operands[i] != SPEC___; i++) {
        const OperandInfo *info = &operand_infos[row->operands[i]];
        plan_operand(info, row->access >> 2 * i & 3, i, &plan);
        plan_immediate(info, &plan);
    }
    return plan;
}

/* --- sizes ------------------------------------------------------------------------------------ */

/* [SDM1] "Operand-Size and Address-Size Attributes". */
static unsigned operand_size(unsigned sizing, CodeSize mode, bool opsize_prefix, bool w)
{
    bool prefix = opsize_prefix && !(sizing & SIZING_P66);
    if (mode != CODE_64)
        return (mode == CODE_16) == prefix || sizing & SIZING_VEX ? 4 : 2;
    if (w || sizing & SIZING_F64)
        return 8;
    if (prefix)
        return 2;
    return sizing & SIZING_D64 ? 8 : 4;
}

static void plan_sizes(unsigned opsize, bool code64, bool w, bool l, SizeBytes sizes)
{
    unsigned z = MIN(opsize, 4), vector = l ? 32 : 16;
    const SizeBytes bytes = {
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
    memcpy(sizes, bytes, sizeof(bytes));
}

void decode_plan_sizes(SizeBytes sizes[SIZING_COUNT][STATE_COUNT])
{
    for (unsigned sizing = 0; sizing < SIZING_COUNT; sizing++)
        for (unsigned state = 0; state < STATE_COUNT; state++) {
            CodeSize mode = state >> STATE_MODE_SHIFT;
            bool w = state & STATE_W && mode == CODE_64;
            bool l = state & STATE_L && sizing & SIZING_VEX;
            unsigned opsize = operand_size(sizing, mode, state & STATE_66, w);
            plan_sizes(opsize, mode == CODE_64, w, l, sizes[sizing][state]);
        }
}
