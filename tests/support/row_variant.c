/* row_variant.c - the forms of one row of the instruction table that differ in what they do. */
#include "tests/support/row_variant.h"

#include "cpu/isa.h"

/* What an encoding is made of, beside the row. */
typedef struct Choice {
    bool operand_size; /* 66 */
    bool w, l, b;      /* REX.W or VEX.W, VEX.L, REX.B alone */
    bool memory, sib;
} Choice;

RowMode row_mode_of(const InsnRow *row)
{
    return row->attrs & ATTR_I64 ? ROW_32 : ROW_64;
}

/* Instructions that have no operand to show their size. */
static bool has_hidden_size(const InsnRow *row)
{
    static const char *const names[] = {"CBW",   "CWD",   "PUSHA", "POPA",    "PUSHF",    "POPF",
                                        "ENTER", "LEAVE", "IRET",  "RET_FAR", "CALL_FAR", "JMP_FAR",
                                        "LES",   "LDS",   "LSS",   "LFS",     "LGS"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(row->name, names[i]))
            return true;
    }
    return false;
}

bool row_variant_equal(const Insn *a, const Insn *b)
{
    if (a->row != b->row || a->vex_l != b->vex_l)
        return false;
    if (has_hidden_size(insn_row(a)) && a->opsize != b->opsize)
        return false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        unsigned x = a->op[i].kind, y = b->op[i].kind;
        x = x == OPND_GPR8H ? OPND_GPR : x;
        y = y == OPND_GPR8H ? OPND_GPR : y;
        if (x != y || a->op[i].size != b->op[i].size)
            return false;
    }
    return true;
}

/* --- encoding ----------------------------------------------------------------------------------- */

static bool has_modrm(const InsnRow *row)
{
    FormKind kind = form_kind(row->form);
    return kind != FORM_KIND_NONE && kind != FORM_KIND_PLUSR && kind != FORM_KIND_PLUSC;
}

static bool has_operand(const InsnRow *row, OperandWhere where)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        if (operand_infos[row->operands[i]].where == where)
            return true;
    }
    return false;
}

/* Register 1 in modrm.reg, or 3 where 1 is none; 2 in modrm.rm, or 3 beside a digit; or [rbx]. */
static unsigned modrm(const InsnRow *row, const Choice *c)
{
    unsigned value = row->form & 0xff, reg = 1, rm = 2;
    FormKind kind = form_kind(row->form);
    if (kind == FORM_KIND_BYTE)
        return value;
    if (kind == FORM_KIND_D || kind == FORM_KIND_M || kind == FORM_KIND_R)
        reg = value, rm = row->map == MAP_BASE && !(row->attrs & ATTR_X87) ? 3 : 2;
    else if (has_operand(row, WHERE_S) || has_operand(row, WHERE_C) || has_operand(row, WHERE_D))
        reg = 3;
    return c->memory ? reg << 3 | (c->sib ? 4 : 3) : 0xc0 | reg << 3 | rm;
}

static uint8_t *put_vex(const InsnRow *row, const Choice *c, uint8_t *p)
{
    enum { REGISTER_5 = 10 << 3, NONE = 15 << 3 };
    unsigned pp = row->prefix & PREFIX_NP    ? 0
                  : row->prefix & PREFIX_P66 ? 1
                  : row->prefix & PREFIX_PF3 ? 2
                                             : 3;
    bool third = has_operand(row, WHERE_B) || has_operand(row, WHERE_H);
    bool both = row->wl & WL_L0 && row->wl & WL_L1;
    unsigned high = c->l && both ? 2 : 7; /* registers above 7 */
    *p++ = 0xc4;
    *p++ = high << 5 | (row->map - MAP_VEX_0F + 1);
    *p++ = c->w << 7 | (third ? REGISTER_5 : NONE) | c->l << 2 | pp;
    return p;
}

static uint8_t *put_prefixes(const InsnRow *row, const Choice *c, uint8_t *p)
{
    if (c->operand_size || row->prefix == PREFIX_P66)
        *p++ = 0x66;
    if (row->prefix == PREFIX_PF3)
        *p++ = 0xf3;
    if (row->prefix == PREFIX_PF2)
        *p++ = 0xf2;
    if (c->w)
        *p++ = 0x4d;
    else if (c->b)
        *p++ = 0x41;
    if (row->map != MAP_BASE)
        *p++ = 0x0f;
    if (row->map == MAP_0F38)
        *p++ = 0x38;
    if (row->map == MAP_0F3A)
        *p++ = 0x3a;
    return p;
}

/* What follows the modrm byte: address or immediate. */
static void put_rest(const InsnRow *row, const Choice *c, uint8_t *p, uint8_t *end)
{
    static const char *const arithmetic[] = {"ADD", "OR",  "ADC",  "SBB", "AND",   "SUB",
                                             "XOR", "CMP", "TEST", "MOV", "IMUL3", "PUSH"};
    static const uint8_t number[] = {0x9c, 0x43, 0x65, 0x87, 0x21, 0x0f, 0xed, 0xcb};
    bool wide = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(arithmetic); i++)
        wide |= !strcmp(row->name, arithmetic[i]);
    memset(p, 0, end - p);
    if (has_operand(row, WHERE_O))
        store_le32(p, ROW_DATA);
    else if (has_operand(row, WHERE_L))
        *p = 0x60;
    else if (wide)
        memcpy(p, number, MIN((size_t)(end - p), sizeof(number)));
    else
        *p = strstr(row->name, "DPP") ? 0xf5 : 0x05;
}

static bool encode(unsigned number, const Choice *c, RowVariant *v)
{
    const InsnRow *row = &insn_rows[number];
    FormKind kind = form_kind(row->form);
    uint8_t *p = v->code;
    p = row->map >= MAP_VEX_0F ? put_vex(row, c, p) : put_prefixes(row, c, p);
    *p++ = row->opcode + (kind == FORM_KIND_PLUSR                                ? 1
                          : kind >= FORM_KIND_PLUSC && kind <= FORM_KIND_PLUSCRM ? 2
                                                                                 : 0);
    if (has_modrm(row))
        *p++ = modrm(row, c);
    if (c->sib)
        *p++ = 2 << 6 | 2 << 3 | 3; /* [rbx + xmm2 * 4] */
    put_rest(row, c, p, v->code + MAX_INSN_LENGTH);
    return decode(v->code, MAX_INSN_LENGTH, row_mode_code_size(row_mode_of(row)), 0, &v->insn) ==
               DECODE_OK &&
           v->insn.row == number;
}

unsigned row_variants(unsigned row, RowVariant variants[MAX_ROW_VARIANTS])
{
    enum { CHOICES = 64 };
    unsigned count = 0;
    for (unsigned i = 0; i < CHOICES; i++) {
        const Choice c = {
            .memory = i & 1,
            .operand_size = i & 2,
            .w = i & 4,
            .l = i & 8,
            .b = i & 16,
            .sib = i & 32,
        };
        bool legacy = insn_rows[row].map < MAP_VEX_0F;
        if ((c.sib && (!c.memory || legacy)) ||
            (c.w && legacy && row_mode_of(&insn_rows[row]) == ROW_32))
            continue;
        RowVariant *v = &variants[count];
        if (count == MAX_ROW_VARIANTS || !encode(row, &c, v))
            continue;
        bool known = false;
        for (unsigned n = 0; n < count; n++)
            known |= row_variant_equal(&variants[n].insn, &v->insn);
        count += !known;
    }
    return count;
}
