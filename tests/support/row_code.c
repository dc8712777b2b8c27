/* row_code.c - random encodings of one row of the instruction table, by trying: bytes that suit the
 * row's columns are made until the decoder says that they are the row's. */
#include "tests/support/row_code.h"

#include "cpu/isa.h"

/* Of the classes that the row allows. Where the mandatory prefix is not the row's business, 66 is
 * an operand size. */
static unsigned choose_prefix(RandomCode *r, const InsnRow *row)
{
    static const uint8_t bytes[PREFIX_CLASSES] = {0, 0x66, 0xf3, 0xf2};
    if (row->prefix == PREFIX_ANY || row->prefix == PREFIX_NOF)
        return random_code_below(r, 4) ? 0 : 0x66;
    for (;;) {
        unsigned class = random_code_below(r, PREFIX_CLASSES);
        if (row->prefix & 1u << class)
            return bytes[class];
    }
}

static uint8_t *put_legacy(RandomCode *r, const InsnRow *row, CodeSize mode, uint8_t *p)
{
    unsigned prefix = choose_prefix(r, row);
    if (row->attrs & ATTR_LOCK && !random_code_below(r, 4))
        *p++ = 0xf0;
    if (!random_code_below(r, 16))
        *p++ = 0x67;
    if (row->attrs & ATTR_STRING && random_code_below(r, 2))
        *p++ = random_code_below(r, 2) ? 0xf3 : 0xf2;
    if (prefix)
        *p++ = prefix;
    if (mode == CODE_64 && random_code_below(r, 4))
        *p++ = 0x40 | random_code_below(r, 16);
    if (row->map != MAP_BASE)
        *p++ = 0x0f;
    if (row->map == MAP_0F38)
        *p++ = 0x38;
    if (row->map == MAP_0F3A)
        *p++ = 0x3a;
    return p;
}

/* The three-byte form: inverted R, X, B and the map; then W, inverted vvvv, L and pp. Outside
 * 64-bit code inverted R and X tell it from LES. */
static uint8_t *put_vex(RandomCode *r, const InsnRow *row, CodeSize mode, uint8_t *p)
{
    enum { VVVV_UNUSED = 15 << 3 };
    unsigned pp = row->prefix & PREFIX_NP    ? 0
                  : row->prefix & PREFIX_P66 ? 1
                  : row->prefix & PREFIX_PF3 ? 2
                                             : 3;
    unsigned rest = random_code_next(r) >> 32 & 0xfc;
    *p++ = 0xc4;
    *p++ = (mode == CODE_64 ? random_code_below(r, 8) : 7) << 5 | (row->map - MAP_VEX_0F + 1);
    *p++ = (random_code_below(r, 2) ? rest : rest | VVVV_UNUSED) | pp;
    return p;
}

static bool has_modrm(const InsnRow *row)
{
    FormKind kind = form_kind(row->form);
    return kind != FORM_KIND_NONE && kind != FORM_KIND_PLUSR && kind != FORM_KIND_PLUSC;
}

static unsigned choose_modrm(RandomCode *r, const InsnRow *row)
{
    unsigned value = row->form & 0xff, modrm = random_code_below(r, 256);
    switch (form_kind(row->form)) {
    case FORM_KIND_D:
    case FORM_KIND_M:
    case FORM_KIND_R:
        return (modrm & ~0x38u) | value << 3;
    case FORM_KIND_BYTE:
        return value;
    default:
        return modrm;
    }
}

bool row_code(RandomCode *r, unsigned number, CodeSize mode, uint8_t bytes[MAX_INSN_LENGTH],
              Insn *insn)
{
    enum { TRIES = 2000 };
    const InsnRow *row = &insn_rows[number];
    FormKind kind = form_kind(row->form);
    unsigned opcodes = kind == FORM_KIND_PLUSR ? 8 : kind == FORM_KIND_PLUSC ? 16 : 1;
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t *p = bytes;
        p = row->map >= MAP_VEX_0F ? put_vex(r, row, mode, p) : put_legacy(r, row, mode, p);
        *p++ = row->opcode + random_code_below(r, opcodes);
        if (has_modrm(row))
            *p++ = choose_modrm(r, row);
        while (p < bytes + MAX_INSN_LENGTH)
            *p++ = random_code_next(r) >> 32;
        if (decode(bytes, MAX_INSN_LENGTH, mode, 0, insn) == DECODE_OK && insn->row == number)
            return true;
    }
    return false;
}
