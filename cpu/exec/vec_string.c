/* vec_string.c - PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
 *
 * [SDM1] "SSE4.2 String and Text Instructions": aggregate two strings' comparison matrix to a bit
 * mask, adjust its polarity, give it as a mask or as an index. */
#include "cpu/exec/vec.h"

/* imm8, by the manual's field names. */
enum {
    SOURCE_WORDS = 1 << 0,
    SOURCE_SIGNED = 1 << 1,
    AGGREGATION_SHIFT = 2, /* 2 bits */
    POLARITY_NEGATIVE = 1 << 4,
    POLARITY_MASKED = 1 << 5,
    OUTPUT_HIGH = 1 << 6, /* index: the last one; mask: expanded to elements */
};

enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

typedef struct Strings {
    Vec a, b; /* operand 1 and 2 of the manual */
    unsigned len_a, len_b;
    unsigned count; /* elements in a register: 8 or 16 */
    unsigned imm;
} Strings;

static int32_t element(const Strings *s, const Vec *v, unsigned i)
{
    switch (s->imm & (SOURCE_WORDS | SOURCE_SIGNED)) {
    case 0:
        return v->u8[i];
    case SOURCE_WORDS:
        return v->u16[i];
    case SOURCE_SIGNED:
        return v->s8[i];
    default:
        return v->s16[i];
    }
}

/* Does element j of b match element i of a, where either may lie past its string's end? */
static bool cell(const Strings *s, unsigned i, unsigned j)
{
    bool valid_a = i < s->len_a, valid_b = j < s->len_b;
    int32_t a = element(s, &s->a, i), b = element(s, &s->b, j);
    switch (s->imm >> AGGREGATION_SHIFT & 3) {
    case EQUAL_ANY:
        return valid_a && valid_b && a == b;
    case RANGES:
        return valid_a && valid_b && (i & 1 ? b <= a : b >= a);
    case EQUAL_EACH:
        return valid_a && valid_b ? a == b : valid_a == valid_b;
    default:
        return !valid_a || (valid_b && a == b);
    }
}

static bool aggregate(const Strings *s, unsigned j)
{
    switch (s->imm >> AGGREGATION_SHIFT & 3) {
    case EQUAL_ANY:
        for (unsigned i = 0; i < s->count; i++)
            if (cell(s, i, j))
                return true;
        return false;
    case RANGES:
        for (unsigned i = 0; i < s->count; i += 2)
            if (cell(s, i, j) && cell(s, i + 1, j))
                return true;
        return false;
    case EQUAL_EACH:
        return cell(s, j, j);
    default:
        for (unsigned i = 0; i + j < s->count; i++)
            if (!cell(s, i, i + j))
                return false;
        return true;
    }
}

static uint32_t result_mask(const Strings *s)
{
    uint32_t mask = 0;
    for (unsigned j = 0; j < s->count; j++)
        mask |= (uint32_t)aggregate(s, j) << j;
    if (s->imm & POLARITY_NEGATIVE) {
        uint32_t flip = s->imm & POLARITY_MASKED ? (1u << s->len_b) - 1 : (1u << s->count) - 1;
        mask ^= flip;
    }
    return mask;
}

/* |length| in a register, at most the element count. */
static unsigned explicit_length(uint64_t v, unsigned size, unsigned count)
{
    int64_t length = size == 8 ? (int64_t)v : (int32_t)v;
    uint64_t magnitude = length < 0 ? -(uint64_t)length : (uint64_t)length;
    return MIN(magnitude, count);
}

static unsigned implicit_length(const Strings *s, const Vec *v)
{
    unsigned i = 0;
    while (i < s->count && element(s, v, i) != 0)
        i++;
    return i;
}

static void strings_read(Cpu *cpu, const Insn *insn, Strings *s, bool lengths_given)
{
    s->imm = insn->imm;
    s->count = s->imm & SOURCE_WORDS ? 8 : 16;
    Vec buffer;
    s->b = *vec_source(cpu, insn, 1, &buffer);
    s->a = cpu->vec[insn->op[0].reg];
    if (lengths_given) {
        unsigned size = insn->rex_w ? 8 : 4;
        s->len_a = explicit_length(cpu->gpr[RAX], size, s->count);
        s->len_b = explicit_length(cpu->gpr[RDX], size, s->count);
    } else {
        s->len_a = implicit_length(s, &s->a);
        s->len_b = implicit_length(s, &s->b);
    }
}

static void set_flags(Cpu *cpu, const Strings *s, uint32_t mask)
{
    flags_set_arith(cpu, (mask ? FLAG_CF : 0) | (s->len_b < s->count ? FLAG_ZF : 0) |
                             (s->len_a < s->count ? FLAG_SF : 0) | (mask & 1 ? FLAG_OF : 0));
}

static void to_index(Cpu *cpu, const Insn *insn, VecForm form, bool lengths_given)
{
    Strings s;
    strings_read(cpu, insn, &s, lengths_given);
    uint32_t mask = result_mask(&s);
    unsigned index = s.count;
    if (mask)
        index = s.imm & OUTPUT_HIGH ? 31 - __builtin_clz(mask) : __builtin_ctz(mask);
    cpu->gpr[RCX] = index;
    set_flags(cpu, &s, mask);
}

static void to_mask(Cpu *cpu, const Insn *insn, VecForm form, bool lengths_given)
{
    Strings s;
    strings_read(cpu, insn, &s, lengths_given);
    uint32_t mask = result_mask(&s);
    Vec d = {0};
    if (s.imm & OUTPUT_HIGH) {
        for (unsigned i = 0; i < s.count; i++) {
            if (s.imm & SOURCE_WORDS)
                d.u16[i] = mask >> i & 1 ? UINT16_MAX : 0;
            else
                d.u8[i] = mask >> i & 1 ? UINT8_MAX : 0;
        }
    } else {
        d.u32[0] = mask;
    }
    memcpy(&cpu->vec[0], &d, 16);
    if (form == VEC_VEX)
        memset(&cpu->vec[0].u64[2], 0, 16);
    set_flags(cpu, &s, mask);
}

VEC_FORMS(PCMPESTRI, to_index, true)
VEC_FORMS(PCMPISTRI, to_index, false)
VEC_FORMS(PCMPESTRM, to_mask, true)
VEC_FORMS(PCMPISTRM, to_mask, false)
