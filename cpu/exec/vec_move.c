/* vec_move.c - moves of MMX and SSE: whole registers, halves, scalars, masks, insertions, and the
 * shuffles that an immediate or an index register steers. */
#include "cpu/exec/vec.h"

/* Operand 0 := operand 1, both of one size or zero extended. */
static void move(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    vec_write(cpu, insn, 0, &v);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
}

/* clang-format off */
EXEC(MOVUPS)   { move(cpu, insn); }
EXEC(MOVUPD)   { move(cpu, insn); }
EXEC(MOVAPS)   { move(cpu, insn); }
EXEC(MOVAPD)   { move(cpu, insn); }
EXEC(MOVDQA)   { move(cpu, insn); }
EXEC(MOVDQU)   { move(cpu, insn); }
EXEC(LDDQU)    { move(cpu, insn); }
EXEC(MOVNTPS)  { move(cpu, insn); }
EXEC(MOVNTPD)  { move(cpu, insn); }
EXEC(MOVNTDQ)  { move(cpu, insn); }
EXEC(MOVNTDQA) { move(cpu, insn); }
EXEC(MOVNTQ)   { move(cpu, insn); }
/* clang-format on */

/* [SDM2] MOVD/MOVQ: between general and vector registers; the vector is zero extended. */
EXEC(MOVD)
{
    move(cpu, insn);
}

/* [SDM2] MOVQ: the low quadword; a register destination is zero extended to 128 bits. */
EXEC(MOVQ)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    v.u64[1] = 0;
    const Operand *op = &insn->op[0];
    if (op->kind == OPND_VEC)
        memcpy(&cpu->vec[op->reg], &v, 16);
    else
        vec_write(cpu, insn, 0, &v);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
}

/* [SDM2] MOVSS, MOVSD: loads clear the rest of the register, register moves keep it. */
static void move_scalar(Cpu *cpu, const Insn *insn)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    if (insn->op[0].kind == OPND_VEC && insn->op[1].kind == OPND_MEM)
        memcpy(&cpu->vec[insn->op[0].reg], &v, 16);
    else
        vec_write(cpu, insn, 0, &v);
}

EXEC(MOVSS)
{
    move_scalar(cpu, insn);
}

EXEC(MOVSD)
{
    move_scalar(cpu, insn);
}

/* Half of a register with memory, or with the half of another. */
static void move_half(Cpu *cpu, const Insn *insn, unsigned to_half, unsigned from_half)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    if (insn->op[0].kind == OPND_VEC) {
        cpu->vec[insn->op[0].reg].u64[to_half] = v.u64[from_half];
        return;
    }
    v.u64[0] = v.u64[from_half];
    vec_write(cpu, insn, 0, &v);
}

/* clang-format off */
EXEC(MOVLPS)  { move_half(cpu, insn, 0, 0); }
EXEC(MOVLPD)  { move_half(cpu, insn, 0, 0); }
EXEC(MOVHPS)  { move_half(cpu, insn, 1, insn->op[0].kind == OPND_VEC ? 0 : 1); }
EXEC(MOVHPD)  { move_half(cpu, insn, 1, insn->op[0].kind == OPND_VEC ? 0 : 1); }
EXEC(MOVHLPS) { move_half(cpu, insn, 0, 1); }
EXEC(MOVLHPS) { move_half(cpu, insn, 1, 0); }
/* clang-format on */

EXEC(MOVSLDUP)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    for (unsigned i = 0; i < 8; i += 2)
        v.u32[i + 1] = v.u32[i];
    vec_write(cpu, insn, 0, &v);
}

EXEC(MOVSHDUP)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    for (unsigned i = 0; i < 8; i += 2)
        v.u32[i] = v.u32[i + 1];
    vec_write(cpu, insn, 0, &v);
}

EXEC(MOVDDUP)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    v.u64[1] = v.u64[0];
    vec_write(cpu, insn, 0, &v);
}

EXEC(MOVQ2DQ)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    mmx_enter(cpu);
    vec_write(cpu, insn, 0, &v);
}

EXEC(MOVDQ2Q)
{
    move(cpu, insn);
}

/* --- sign masks
 * -------------------------------------------------------------------------------------- */

static void sign_mask(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    uint32_t mask = 0;
    for (unsigned i = 0; i < insn->op[1].size / element_bytes; i++)
        mask |= (uint32_t)(v.u8[(i + 1) * element_bytes - 1] >> 7) << i;
    op_write(cpu, insn, 0, mask);
}

/* clang-format off */
EXEC(MOVMSKPS) { sign_mask(cpu, insn, 4); }
EXEC(MOVMSKPD) { sign_mask(cpu, insn, 8); }
EXEC(PMOVMSKB) { sign_mask(cpu, insn, 1); }
/* clang-format on */

/* Bytes whose mask byte has its top bit set go to memory at DS:rDI. */
static void mask_move(Cpu *cpu, const Insn *insn)
{
    Vec data, mask;
    vec_read(cpu, insn, 1, &data);
    vec_read(cpu, insn, 2, &mask);
    unsigned size = insn->op[1].size;
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_WRITE);
    bool any = false;
    for (unsigned i = 0; i < size; i++)
        any |= mask.u8[i] >> 7;
    if (any)
        mem_probe(cpu, la, size, ACCESS_WRITE);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    for (unsigned i = 0; i < size; i++)
        if (mask.u8[i] & 0x80)
            mem_store(cpu, la + i, data.u8[i], 1);
}

/* clang-format off */
EXEC(MASKMOVQ)   { mask_move(cpu, insn); }
EXEC(MASKMOVDQU) { mask_move(cpu, insn); }
/* clang-format on */

/* --- insertion and extraction
 * -------------------------------------------------------------------------- */

static void insert(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    uint64_t value = op_read(cpu, insn, 1);
    Vec v;
    vec_read(cpu, insn, 0, &v);
    unsigned n = insn->imm & (insn->op[0].size / element_bytes - 1);
    store_le(v.u8 + n * element_bytes, value, element_bytes);
    vec_write(cpu, insn, 0, &v);
}

static void extract(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec v;
    vec_read(cpu, insn, 1, &v);
    unsigned n = insn->imm & (insn->op[1].size / element_bytes - 1);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    op_write(cpu, insn, 0, load_le(v.u8 + n * element_bytes, element_bytes));
}

/* clang-format off */
EXEC(PINSRB)    { insert(cpu, insn, 1); }
EXEC(PINSRW)    { insert(cpu, insn, 2); }
EXEC(PINSRD)    { insert(cpu, insn, insn->op[1].size); }
EXEC(PEXTRB)    { extract(cpu, insn, 1); }
EXEC(PEXTRW)    { extract(cpu, insn, 2); }
EXEC(PEXTRD)    { extract(cpu, insn, insn->op[0].size); }
EXEC(EXTRACTPS) { extract(cpu, insn, 4); }
/* clang-format on */

/* [SDM2] INSERTPS: imm8 = source element, destination element, elements to clear. */
EXEC(INSERTPS)
{
    Vec source, v;
    vec_read(cpu, insn, 1, &source);
    unsigned from = insn->op[1].kind == OPND_MEM ? 0 : insn->imm >> 6 & 3;
    if (insn->op[1].kind == OPND_VEC)
        source = cpu->vec[insn->op[1].reg];
    vec_read(cpu, insn, 0, &v);
    v.u32[insn->imm >> 4 & 3] = source.u32[from];
    for (unsigned i = 0; i < 4; i++)
        if (insn->imm & 1 << i)
            v.u32[i] = 0;
    vec_write(cpu, insn, 0, &v);
}

/* --- shuffles by immediate
 * ------------------------------------------------------------------------------ */

EXEC(PSHUFD)
{
    Vec a, d;
    vec_read(cpu, insn, 1, &a);
    for (unsigned i = 0; i < 8; i++)
        d.u32[i] = a.u32[(i & 4) | (insn->imm >> (i & 3) * 2 & 3)];
    vec_write(cpu, insn, 0, &d);
}

/* Four words beginning at `first` of each 128-bit lane are shuffled, the others kept. */
static void shuffle_words(Cpu *cpu, const Insn *insn, unsigned first)
{
    Vec a;
    vec_read(cpu, insn, 1, &a);
    Vec d = a;
    for (unsigned lane = 0; lane < 16; lane += 8)
        for (unsigned i = 0; i < 4; i++)
            d.u16[lane + first + i] = a.u16[lane + first + (insn->imm >> i * 2 & 3)];
    vec_write(cpu, insn, 0, &d);
}

/* clang-format off */
EXEC(PSHUFW)  { shuffle_words(cpu, insn, 0); }
EXEC(PSHUFLW) { shuffle_words(cpu, insn, 0); }
EXEC(PSHUFHW) { shuffle_words(cpu, insn, 4); }
/* clang-format on */

EXEC(SHUFPS)
{
    Vec a, b, d;
    vec_read_two(cpu, insn, &a, &b);
    for (unsigned i = 0; i < 8; i++) {
        const Vec *from = i & 2 ? &b : &a;
        d.u32[i] = from->u32[(i & 4) | (insn->imm >> (i & 3) * 2 & 3)];
    }
    vec_write(cpu, insn, 0, &d);
}

EXEC(SHUFPD)
{
    Vec a, b, d;
    vec_read_two(cpu, insn, &a, &b);
    for (unsigned i = 0; i < 4; i++) {
        const Vec *from = i & 1 ? &b : &a;
        d.u64[i] = from->u64[(i & 2) | (insn->imm >> i & 1)];
    }
    vec_write(cpu, insn, 0, &d);
}

/* --- blends
 * --------------------------------------------------------------------------------------------- */

/* Element i of the result is b's where choose says so. */
static void blend_immediate(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec a, b;
    vec_read_two(cpu, insn, &a, &b);
    for (unsigned i = 0; i < insn->op[0].size / element_bytes; i++)
        if (insn->imm >> (i & 7) & 1)
            memcpy(a.u8 + i * element_bytes, b.u8 + i * element_bytes, element_bytes);
    vec_write(cpu, insn, 0, &a);
}

/* The mask is operand 2: XMM0 in the legacy forms. */
static void blend_variable(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec a, b, mask;
    vec_read_two(cpu, insn, &a, &b);
    vec_read(cpu, insn, 2, &mask);
    for (unsigned i = 0; i < insn->op[0].size / element_bytes; i++)
        if (mask.u8[(i + 1) * element_bytes - 1] & 0x80)
            memcpy(a.u8 + i * element_bytes, b.u8 + i * element_bytes, element_bytes);
    vec_write(cpu, insn, 0, &a);
}

/* clang-format off */
EXEC(BLENDPS)  { blend_immediate(cpu, insn, 4); }
EXEC(BLENDPD)  { blend_immediate(cpu, insn, 8); }
EXEC(PBLENDW)  { blend_immediate(cpu, insn, 2); }
EXEC(BLENDVPS) { blend_variable(cpu, insn, 4); }
EXEC(BLENDVPD) { blend_variable(cpu, insn, 8); }
EXEC(PBLENDVB) { blend_variable(cpu, insn, 1); }
/* clang-format on */

/* [SDM2] EMMS: empties the x87 registers. */
EXEC(EMMS)
{
    mmx_leave(cpu);
}
