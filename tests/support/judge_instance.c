/* judge_instance.c - random instances of a row: an encoding, and registers and memory that suit it.
 *
 * Values at which carries, signs, roundings and exceptions happen are likelier than chance has
 * them. Memory operands are aimed at the memory both engines have, now and then across its pages or
 * its end, where both fault. */
#include "cpu/x87.h"
#include "tests/support/edges.h"
#include "tests/support/judge.h"

static unsigned below(Judge *j, unsigned n)
{
    return random_below(&j->random, n);
}

static uint64_t next(Judge *j)
{
    return random_next(&j->random);
}

bool instance_named(const Instance *i, const char *name)
{
    return !strcmp(insn_rows[i->row].name, name);
}

bool instance_named_like(const Instance *i, const char *start)
{
    return g_str_has_prefix(insn_rows[i->row].name, start);
}

const Operand *instance_memory_operand(const Instance *i)
{
    for (unsigned n = 0; n < MAX_OPERANDS; n++) {
        if (i->insn.op[n].kind == OPND_MEM)
            return &i->insn.op[n];
    }
    return NULL;
}

static uint32_t attrs_of(const Instance *i)
{
    return insn_rows[i->row].attrs;
}

bool instance_is_branch(const Instance *i)
{
    return attrs_of(i) & ATTR_BRANCH && !instance_named_like(i, "INT");
}

uint64_t judge_address(const Judge *j, const Instance *i)
{
    if (instance_is_branch(i))
        return native_branch_address(j->native);
    return i->mode == CODE_32 ? native_address_32(j->native) : native_address(j->native);
}

/* --- values -------------------------------------------------------------------------------- */

static uint64_t random_integer(Judge *j)
{
    switch (below(j, 8)) {
    case 0:
    case 1:
        return integer_edges[below(j, INTEGER_EDGES)];
    case 2:
        return below(j, 0x200);
    case 3:
        return random_field(&j->random, 64);
    default:
        return next(j);
    }
}

static uint64_t integer_edge(Judge *j, unsigned bits)
{
    uint64_t limit = (uint64_t)1 << (bits - 1);
    switch (below(j, 6)) {
    case 0:
        return below(j, 3) - 1ull;
    case 1:
        return limit - 1 + below(j, 2);
    case 2:
        return below(j, 2 * bits);
    default:
        return next(j);
    }
}

typedef enum ElementType {
    ELEMENT_F32,
    ELEMENT_F64,
    ELEMENT_INTEGER,
    ELEMENT_LETTERS, /* strings of few letters, with ends */
    ELEMENT_F80,
    ELEMENT_BCD,
    ELEMENT_TYPES,
} ElementType;

/* Vectors of one type. */
static void random_elements(Judge *j, const Instance *i, uint8_t *p, unsigned size)
{
    uint64_t v = next(j);
    ElementType type = below(j, attrs_of(i) & ATTR_X87 ? ELEMENT_TYPES : ELEMENT_LETTERS + 1);
    if (type == ELEMENT_LETTERS && !strstr(insn_rows[i->row].name, "CMP"))
        type = ELEMENT_INTEGER;
    unsigned width = type == ELEMENT_F32   ? 4
                     : type == ELEMENT_F64 ? 8
                     : type == ELEMENT_F80 ? 10
                                           : 1u << below(j, 4);
    for (unsigned at = 0; at < size; at += width) {
        uint16_t high = 0;
        if (type == ELEMENT_F32) {
            v = random_f32(&j->random, v);
        } else if (type == ELEMENT_F64) {
            v = random_f64(&j->random, v);
        } else if (type == ELEMENT_LETTERS) {
            v = below(j, 6) ? 'a' + below(j, 3) : 0;
        } else if (type == ELEMENT_F80) {
            F80 f = random_f80(&j->random, (F80){v, 0});
            v = f.mant;
            high = f.se;
        } else if (type == ELEMENT_BCD) {
            v = next(j) & 0x7777777777777777;
        } else {
            v = integer_edge(j, 8 * width);
        }
        for (unsigned n = 0; n < width && at + n < size; n++)
            p[at + n] = n < 8 ? v >> 8 * n : (uint64_t)high >> 8 * (n - 8);
    }
}

/* --- registers ----------------------------------------------------------------------------- */

/* The host has XMM8 to XMM15 in 64-bit mode only; named registers are below 8 elsewhere. */
static void random_named(Judge *j, Instance *i)
{
    for (unsigned n = 0; n < MAX_OPERANDS; n++) {
        const Operand *op = &i->insn.op[n];
        uint8_t bytes[32];
        random_elements(j, i, bytes, sizeof(bytes));
        if (op->kind == OPND_VEC) {
            memcpy(i->before.image + IMAGE_XMM + 16 * op->reg, bytes, 16);
            memcpy(i->before.image + IMAGE_YMM + 16 * op->reg, bytes + 16, 16);
        } else if (op->kind == OPND_GPR || op->kind == OPND_GPR8H) {
            i->before.gpr[op->reg] = below(j, 2) ? random_integer(j) : load_le64(bytes);
        }
    }
}

/* MMX registers are by number, images are by stack order. */
static void random_x87(Judge *j, Instance *i)
{
    uint8_t *image = i->before.image;
    uint64_t v = next(j);
    bool is_x87 = attrs_of(i) & ATTR_X87;
    unsigned masks = below(j, 2) ? (unsigned)CW_MASKS : v & CW_MASKS;
    unsigned flags = v >> 8 & SW_FLAGS & (below(j, 32) ? masks : (unsigned)SW_FLAGS);
    static const uint8_t precisions[4] = {0, 2, 3, 3};
    if (!is_x87 && flags & ~masks)
        masks = CW_MASKS;
    store_le16(image + IMAGE_CW, masks | CW_ONE | precisions[v >> 16 & 3] << CW_PC_SHIFT |
                                     (v >> 18 & 3) << CW_RC_SHIFT);
    unsigned status = flags | (v >> 20 & (SW_CONDITIONS | 7 << SW_TOP_SHIFT));
    if (flags & ~masks)
        status |= SW_ES | SW_B;
    store_le16(image + IMAGE_SW, status);
    image[IMAGE_TAGS] = below(j, 2) ? v >> 40 : 0xff;
    F80 last = {0};
    for (unsigned r = 0; r < 8; r++) {
        if (is_x87)
            last = random_f80(&j->random, last);
        else
            last = (F80){random_integer(j), next(j)};
        store_le64(image + IMAGE_ST + 16 * r, last.mant);
        store_le16(image + IMAGE_ST + 16 * r + 8, last.se);
    }
}

static void random_mxcsr(Judge *j, Instance *i)
{
    enum { DAZ_AND_UNDERFLOW_TO_ZERO = 0x8040 };
    uint32_t mxcsr = next(j) & 0xffff;
    if (below(j, 8))
        mxcsr |= FP_ALL << 7;
    if (below(j, 2))
        mxcsr &= ~(FP_ALL | (uint32_t)DAZ_AND_UNDERFLOW_TO_ZERO);
    store_le32(i->before.image + IMAGE_MXCSR, mxcsr);
}

static void random_registers(Judge *j, Instance *i)
{
    i->before = j->template;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        i->before.gpr[r] = below(j, 4) ? j->template.gpr[r] : random_integer(j);
    i->before.flags = next(j) & (FLAGS_ARITH | FLAG_DF);
    i->before.gpr[RSP] = JUDGE_STACK;
    random_named(j, i);
    if (attrs_of(i) & (ATTR_X87 | ATTR_MMX))
        random_x87(j, i);
    if (attrs_of(i) & (ATTR_SSE | ATTR_MMX | ATTR_AVX))
        random_mxcsr(j, i);
    i->before.gpr[RSP] = JUDGE_STACK;
}

/* --- memory -------------------------------------------------------------------------------- */

/* Replaces the displacement in the code. False: this one cannot hold it. */
static bool set_displacement(Instance *i, uint64_t value)
{
    int32_t old = i->insn.disp;
    if ((int64_t)value != (int32_t)value)
        return false;
    for (unsigned at = i->insn.length - 4; at > 1; at--) {
        if ((int32_t)load_le32(i->code + at) != old)
            continue;
        Insn again;
        store_le32(i->code + at, value);
        if (decode(i->code, MAX_INSN_LENGTH, i->mode, 0, &again) == DECODE_OK &&
            again.disp == (int32_t)value && again.row == i->row) {
            i->insn = again;
            return true;
        }
        store_le32(i->code + at, old);
    }
    return false;
}

static uint64_t choose_target(Judge *j, const Instance *i, const Operand *mem)
{
    unsigned size = MAX(mem->size, 1), which = below(j, 64);
    uint64_t target = JUDGE_OPERAND + below(j, 64);
    if (which < 8)
        target = JUDGE_MEMORY + PAGE_SIZE - below(j, 2 * size); /* across pages */
    else if (which == 8)
        target = JUDGE_MEMORY + JUDGE_MEMORY_SIZE - below(j, 2 * size); /* across the end */
    else if (which == 9)
        target = JUDGE_MEMORY - below(j, 2 * size);
    bool aligned = attrs_of(i) & ATTR_ALIGNED || size == 16;
    return aligned && below(j, 16) ? target & ~(uint64_t)(size - 1) : target;
}

/* Indices of a gather, small enough for the memory. */
static uint64_t aim_vector_index(Judge *j, Instance *i)
{
    bool wide = strstr(insn_rows[i->row].name, "GATHERQ");
    unsigned at = 16 * i->insn.index;
    for (unsigned n = 0; n < 32; n += wide ? 8 : 4) {
        uint8_t *p = i->before.image + (n < 16 ? IMAGE_XMM : IMAGE_YMM) + at + n % 16;
        store_le(p, below(j, 64), wide ? 8 : 4);
    }
    return 0;
}

static uint64_t aim_index(Judge *j, Instance *i)
{
    if (instance_named_like(i, "VGATHER") || instance_named_like(i, "VPGATHER"))
        return aim_vector_index(j, i);
    if (i->insn.index >= GPR_COUNT)
        return 0;
    if (i->insn.addrsize == 8)
        i->before.gpr[i->insn.index] = below(j, 0x10000);
    return i->before.gpr[i->insn.index] << i->insn.scale;
}

/* Makes the address of the memory operand `target`. False: this encoding cannot be aimed. */
static bool aim_address(Judge *j, Instance *i, uint64_t target)
{
    const Insn *insn = &i->insn;
    if (insn->has_moffs && insn->seg < SEG_FS && insn->addrsize > 2) {
        store_le(i->code + insn->length - insn->addrsize, target, insn->addrsize);
        return decode(i->code, MAX_INSN_LENGTH, i->mode, 0, &i->insn) == DECODE_OK;
    }
    if (insn->has_moffs || insn->seg >= SEG_FS || insn->addrsize == 2)
        return false;
    bool stack = attrs_of(i) & ATTR_D64 || instance_is_branch(i);
    if (insn->base == RSP && stack)
        return false; /* PUSH, POP: the stack is where it is */
    if (insn->base < GPR_COUNT && insn->base == insn->index)
        return false;
    uint64_t index = aim_index(j, i);
    if (insn->base == REG_IP)
        return set_displacement(i, target - judge_address(j, i) - insn->length);
    if (insn->base >= GPR_COUNT)
        return set_displacement(i, (int32_t)(target - index));
    uint64_t base = target - (int64_t)insn->disp - index;
    if (insn->addrsize == 4)
        base = (uint32_t)base | next(j) << 32;
    i->before.gpr[insn->base] = base;
    return true;
}

static bool in_memory(uint64_t address, unsigned size)
{
    return address >= JUDGE_MEMORY && address + size <= JUDGE_MEMORY + JUDGE_MEMORY_SIZE;
}

static bool aim_memory(Judge *j, Instance *i)
{
    enum { X87_IMAGE = 108 };
    const Operand *mem = instance_memory_operand(i);
    i->target = 0;
    if (!mem || attrs_of(i) & ATTR_STRING)
        return true;
    if (i->insn.base == REG_NONE && i->insn.index == REG_NONE && instance_named(i, "LEA"))
        return true;
    uint64_t target = choose_target(j, i, mem);
    if (!aim_address(j, i, target))
        return false;
    i->target = target;
    unsigned size = MIN(MAX(mem->size, 1), X87_IMAGE);
    if (in_memory(target, size))
        random_elements(j, i, i->memory + (target - JUDGE_MEMORY), size);
    return true;
}

/* --- what an instruction needs to run at all, or to do something interesting ----------------- */

static void suit_string(Judge *j, Instance *i)
{
    uint64_t *gpr = i->before.gpr;
    uint64_t junk = i->insn.addrsize == 4 ? next(j) << 32 : 0;
    gpr[RSI] = JUDGE_OPERAND + below(j, 0x800);
    gpr[RDI] = JUDGE_OPERAND + below(j, 0x800);
    gpr[RCX] = below(j, 16) ? below(j, 12) : below(j, 200);
    gpr[RSI] |= junk;
    gpr[RDI] |= junk;
    gpr[RCX] |= junk;
    bool compares = instance_named_like(i, "CMPS") || instance_named_like(i, "SCAS");
    if (compares)
        memset(i->memory, below(j, 2), 0x1000 + below(j, 0x400));
    if (compares && below(j, 2))
        gpr[RAX] = 0;
}

/* Branches must lead into the page that waits for them. */
static bool suit_branch(Judge *j, Instance *i)
{
    const Insn *insn = &i->insn;
    uint64_t reach = NATIVE_BRANCH_REACH - 64, address = judge_address(j, i);
    uint64_t there = address - reach + below(j, 2 * reach);
    if (insn->opsize_prefix)
        return false; /* [SDM2] ignores it in 64-bit mode, AMD's processors do not */
    if (there - address < MAX_INSN_LENGTH)
        there = address + MAX_INSN_LENGTH;
    const Operand *op = &insn->op[0];
    if (op->kind == OPND_REL && op->size > 1 && insn->length > 4) {
        store_le32(i->code + insn->length - 4, there - address - insn->length);
        return decode(i->code, MAX_INSN_LENGTH, i->mode, 0, &i->insn) == DECODE_OK &&
               i->insn.imm == there - address - insn->length;
    }
    if (op->kind == OPND_REL)
        return insn->imm + insn->length >= MAX_INSN_LENGTH;
    if (op->kind == OPND_GPR)
        i->before.gpr[op->reg] = there;
    else if (op->kind == OPND_MEM && in_memory(i->target, 8))
        store_le64(i->memory + (i->target - JUDGE_MEMORY), there);
    else if (op->kind == OPND_MEM)
        return i->target;
    else
        store_le64(i->memory + (JUDGE_STACK - JUDGE_MEMORY), there); /* RET */
    return op->kind != OPND_GPR || op->reg != RSP;
}

/* Bit offsets in registers reach memory around the operand. */
static bool suit_bit_test(Judge *j, Instance *i)
{
    const Insn *insn = &i->insn;
    if (insn->op[0].kind != OPND_MEM || insn->op[1].kind != OPND_GPR)
        return true;
    if (insn->op[1].reg == insn->base || insn->op[1].reg == insn->index || insn->op[1].reg == RSP)
        return false;
    i->before.gpr[insn->op[1].reg] = (int64_t)below(j, 2000) - 1000;
    return true;
}

/* Registers with a meaning; before the memory operand is aimed. */
static void suit_registers(Judge *j, Instance *i)
{
    uint64_t *gpr = i->before.gpr;
    if (instance_named_like(i, "DIV") || instance_named_like(i, "IDIV"))
        gpr[RDX] = below(j, 2) ? (uint64_t)((int64_t)gpr[RAX] >> 63) : below(j, 3);
    if (strstr(insn_rows[i->row].name, "PCMPESTR")) {
        gpr[RAX] = below(j, 4) ? below(j, 40) - 20ull : next(j);
        gpr[RDX] = below(j, 4) ? below(j, 40) - 20ull : next(j);
    }
}

static bool suit_integer(Judge *j, Instance *i)
{
    uint64_t *gpr = i->before.gpr;
    const Insn *insn = &i->insn;
    if (instance_named(i, "LEAVE") || instance_named(i, "ENTER"))
        gpr[RBP] = JUDGE_STACK + 0x200;
    if (instance_named(i, "ENTER")) {
        i->code[insn->length - 2] &= 0x03; /* room for locals */
        return decode(i->code, MAX_INSN_LENGTH, i->mode, 0, &i->insn) == DECODE_OK;
    }
    if (instance_named_like(i, "CMPXCHG") && below(j, 2) && insn->op[0].kind == OPND_GPR)
        gpr[RAX] = gpr[insn->op[0].reg];
    if (instance_named(i, "POPF")) /* TF, NT and AC would reach our own code */
        store_le64(i->memory + (JUDGE_STACK - JUDGE_MEMORY), next(j) & (FLAGS_ARITH | FLAG_DF));
    if (instance_named_like(i, "BT"))
        return suit_bit_test(j, i);
    return true;
}

static void suit_vector(Judge *j, Instance *i)
{
    enum { MXCSR_BITS = 0xffff };
    if (strstr(insn_rows[i->row].name, "LDMXCSR") && in_memory(i->target, 4)) {
        uint8_t *p = i->memory + (i->target - JUDGE_MEMORY);
        store_le32(p, load_le32(p) & MXCSR_BITS); /* hosts have more of them */
    }
}

/* False: choose again. */
static bool suit(Judge *j, Instance *i)
{
    if (attrs_of(i) & ATTR_STRING)
        suit_string(j, i);
    if (instance_is_branch(i) && !suit_branch(j, i))
        return false;
    suit_vector(j, i);
    return suit_integer(j, i);
}

static void forget_upper_halves(Instance *i)
{
    for (unsigned r = 0; r < 8; r++)
        i->before.gpr[r] = (uint32_t)i->before.gpr[r];
    memset(i->before.gpr + 8, 0, sizeof(i->before.gpr) / 2);
}

void judge_make(Judge *j, unsigned row, Instance *i)
{
    i->row = row;
    i->mode = judge_row_mode(&insn_rows[row]);
    memcpy(i->memory, j->background, JUDGE_MEMORY_SIZE);
    do {
        g_assert_true(row_code(&j->codes, row, i->mode, i->code, &i->insn));
        random_registers(j, i);
        suit_registers(j, i);
    } while (!aim_memory(j, i) || !suit(j, i) || judge_is_undefined(i));
    if (i->mode == CODE_32)
        forget_upper_halves(i);
}

void judge_refresh(Judge *j)
{
    memset(&j->template, 0, sizeof(j->template));
    j->template.has_image = true;
    uint8_t *image = j->template.image;
    for (unsigned at = 0; at < JUDGE_MEMORY_SIZE; at += 8)
        store_le64(j->background + at, next(j));
    for (unsigned at = IMAGE_XMM; at < NATIVE_IMAGE_SIZE; at += 8)
        store_le64(image + at, random_integer(j));
    memset(image + IMAGE_XMM_END, 0, IMAGE_YMM - IMAGE_XMM_END);
    store_le16(image + IMAGE_CW, CW_INIT);
    store_le32(image + IMAGE_MXCSR, 0x1f80);
    image[IMAGE_XSTATE_BV] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        j->template.gpr[r] = random_integer(j);
}
