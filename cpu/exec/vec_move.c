/* vec_move.c - moves of MMX, SSE and AVX: whole registers, halves, scalars, sign masks, elements to
 * and from general registers. */
#include "cpu/exec/vec.h"

/* --- whole registers ----------------------------------------------------------------------- */

/* Operand 0 := operand 1, both of one size or zero extended. */
static void move_any(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    vec_write(cpu, insn, form, v);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
}

/* The same, quick for 16 bytes. */
static ALWAYS_INLINE void move(Cpu *cpu, const Insn *insn, VecForm form)
{
    if (insn->op[0].kind == OPND_VEC) {
        Vec buffer;
        vec_put(cpu, &insn->op[0], form, vec_source(cpu, insn, 1, &buffer));
        return;
    }
    if (LIKELY(insn->op[0].size == 16)) {
        LinAddr la = insn_linear(cpu, insn, 16, ACCESS_WRITE);
        uint8_t *host = vec_host16(cpu, insn, 0, la, ACCESS_WRITE);
        if (LIKELY(host != NULL)) {
            memcpy(host, &cpu->vec[insn->op[1].reg], 16);
            return;
        }
    }
    move_any(cpu, insn, form);
}

/* clang-format off */
VEC_FORMS(MOVUPS,   move)
VEC_FORMS(MOVUPD,   move)
VEC_FORMS(MOVAPS,   move)
VEC_FORMS(MOVAPD,   move)
VEC_FORMS(MOVDQA,   move)
VEC_FORMS(MOVDQU,   move)
VEC_FORMS(LDDQU,    move)
VEC_FORMS(MOVNTPS,  move)
VEC_FORMS(MOVNTPD,  move)
VEC_FORMS(MOVNTDQ,  move)
VEC_FORMS(MOVNTDQA, move)
/* clang-format on */

EXEC(MOVNTQ)
{
    move_any(cpu, insn, VEC_LEGACY);
}

/* --- quadwords and doublewords ------------------------------------------------------------- */

/* [SDM2] MOVD/MOVQ: between general and vector registers; the vector is zero extended. */
static ALWAYS_INLINE void move_general(Cpu *cpu, const Insn *insn, VecForm form)
{
    const Operand *op = insn->op;
    if (op[0].kind == OPND_VEC) {
        vec_put_low(cpu, op[0].reg, form, op_read(cpu, insn, 1));
    } else if (op[1].kind == OPND_VEC) {
        op_write(cpu, insn, 0, truncate_to(cpu->vec[op[1].reg].u64[0], op[0].size));
    } else {
        move_any(cpu, insn, form); /* MMX */
    }
}

/* [SDM2] MOVQ: the low quadword; a vector destination is zero extended. */
static ALWAYS_INLINE void move_quadword(Cpu *cpu, const Insn *insn, VecForm form)
{
    const Operand *op = insn->op;
    if (op[0].kind == OPND_VEC && op[1].kind == OPND_VEC) {
        vec_put_low(cpu, op[0].reg, form, cpu->vec[op[1].reg].u64[0]);
    } else if (op[0].kind == OPND_VEC && op[1].kind == OPND_MEM) {
        uint64_t v = mem_load(cpu, insn_linear(cpu, insn, 8, ACCESS_READ), 8);
        vec_put_low(cpu, op[0].reg, form, v);
    } else if (op[0].kind == OPND_MEM && op[1].kind == OPND_VEC) {
        LinAddr la = insn_linear(cpu, insn, 8, ACCESS_WRITE);
        mem_store(cpu, la, cpu->vec[op[1].reg].u64[0], 8);
    } else {
        move_any(cpu, insn, form); /* MMX */
    }
}

VEC_FORMS(MOVD, move_general)
VEC_FORMS(MOVQ, move_quadword)

EXEC(MOVQ2DQ)
{
    move_any(cpu, insn, VEC_LEGACY);
}

EXEC(MOVDQ2Q)
{
    move_any(cpu, insn, VEC_LEGACY);
}

/* --- scalars ------------------------------------------------------------------------------- */

/* [SDM2] MOVSS, MOVSD: loads clear the rest of the register, moves between registers take it from
 * the first source. */
static ALWAYS_INLINE void move_scalar(Cpu *cpu, const Insn *insn, VecForm form, unsigned size)
{
    const Operand *op = insn->op;
    if (op[0].kind == OPND_MEM) {
        LinAddr la = insn_linear(cpu, insn, size, ACCESS_WRITE);
        mem_store(cpu, la, load_le(cpu->vec[op[1].reg].u8, size), size);
        return;
    }
    if (op[1].kind == OPND_MEM) {
        uint64_t v = mem_load(cpu, insn_linear(cpu, insn, size, ACCESS_READ), size);
        vec_put_low(cpu, op[0].reg, form, v);
    } else if (form == VEC_LEGACY) {
        memcpy(&cpu->vec[op[0].reg], &cpu->vec[op[1].reg], size);
    } else {
        Vec d = cpu->vec[op[1].reg];
        memcpy(&d, &cpu->vec[op[2].reg], size);
        vec_put_sized(cpu, op[0].reg, form, false, &d);
    }
}

VEC_FORMS(MOVSS, move_scalar, 4)
VEC_FORMS(MOVSD, move_scalar, 8)

/* --- halves -------------------------------------------------------------------------------- */

typedef enum Half { LOW = 0, HIGH = 1 } Half;

/* A half of the first source is replaced by memory, or by a half of another register; or stored. */
static ALWAYS_INLINE void move_half(Cpu *cpu, const Insn *insn, VecForm form, Half to, Half from)
{
    const Operand *op = insn->op;
    if (op[0].kind == OPND_MEM) {
        LinAddr la = insn_linear(cpu, insn, 8, ACCESS_WRITE);
        mem_store(cpu, la, cpu->vec[op[1].reg].u64[to], 8);
        return;
    }
    Vec buffer;
    uint64_t half = vec_source(cpu, insn, 1 + form, &buffer)->u64[from];
    if (form == VEC_LEGACY) {
        cpu->vec[op[0].reg].u64[to] = half;
        return;
    }
    Vec d = cpu->vec[op[form].reg];
    d.u64[to] = half;
    vec_put(cpu, &op[0], form, &d);
}

VEC_FORMS(MOVLPS, move_half, LOW, LOW)
VEC_FORMS(MOVLPD, move_half, LOW, LOW)
VEC_FORMS(MOVHPS, move_half, HIGH, LOW)
VEC_FORMS(MOVHPD, move_half, HIGH, LOW)
VEC_FORMS(MOVHLPS, move_half, LOW, HIGH)
VEC_FORMS(MOVLHPS, move_half, HIGH, LOW)

/* --- duplication --------------------------------------------------------------------------- */

VEC_LANE(MOVSLDUP)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[i & ~1u];
}

VEC_LANE(MOVSHDUP)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[i | 1];
}

VEC_LANE(MOVDDUP)
{
    d->u64[0] = d->u64[1] = a->u64[0];
}

VEC_FORMS(MOVSLDUP, xmm_one, lane_MOVSLDUP, 0)
VEC_FORMS(MOVSHDUP, xmm_one, lane_MOVSHDUP, 0)
VEC_FORMS(MOVDDUP, xmm_one, lane_MOVDDUP, 0)

/* --- sign masks ---------------------------------------------------------------------------- */

/* The top bits of eight bytes: the product brings them together in its top byte. */
static inline uint32_t byte_signs(uint64_t v)
{
    return (v & 0x8080808080808080) * 0x0002040810204081 >> 56;
}

static ALWAYS_INLINE void sign_mask(Cpu *cpu, const Insn *insn, VecForm form,
                                    unsigned element_bytes)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    uint32_t mask = 0;
    for (unsigned i = 0; i < insn->op[1].size / element_bytes; i++) {
        if (element_bytes == 8)
            mask |= (uint32_t)(v->u64[i] >> 63) << i;
        else
            mask |= (v->u32[i] >> 31) << i;
    }
    gpr_write(cpu, insn->op[0].reg, 4, mask);
}

VEC_FORMS(MOVMSKPS, sign_mask, 4)
VEC_FORMS(MOVMSKPD, sign_mask, 8)

static void byte_mask(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    if (form == VEC_LEGACY && insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    uint32_t mask = 0;
    for (unsigned i = 0; i < insn->op[1].size / 8; i++)
        mask |= byte_signs(v->u64[i]) << 8 * i;
    gpr_write(cpu, insn->op[0].reg, 4, mask);
}

VEC_FORMS(PMOVMSKB, byte_mask)

/* Bytes whose mask byte has its top bit set go to memory at DS:rDI. */
static void mask_move(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffers[2];
    const Vec *data = vec_source(cpu, insn, 1, &buffers[0]);
    const Vec *mask = vec_source(cpu, insn, 2, &buffers[1]);
    unsigned size = insn->op[1].size;
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_WRITE);
    bool any = false;
    for (unsigned i = 0; i < size; i++)
        any |= mask->u8[i] >> 7;
    if (any)
        mem_probe(cpu, la, size, ACCESS_WRITE);
    if (insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    for (unsigned i = 0; i < size; i++)
        if (mask->u8[i] & 0x80)
            mem_store(cpu, linear_plus(cpu, la, i), data->u8[i], 1);
}

VEC_FORMS(MASKMOVDQU, mask_move)

EXEC(MASKMOVQ)
{
    mask_move(cpu, insn, VEC_LEGACY);
}

/* --- insertion and extraction -------------------------------------------------------------- */

static ALWAYS_INLINE void insert(Cpu *cpu, const Insn *insn, VecForm form, unsigned element_bytes)
{
    uint64_t value = op_read(cpu, insn, 1 + form);
    Vec d;
    if (form == VEC_LEGACY && insn->op[0].kind == OPND_MMX)
        d.u64[0] = mmx_read(cpu, insn->op[0].reg);
    else
        d = cpu->vec[insn->op[form].reg];
    unsigned n = insn->imm & (insn->op[0].size / element_bytes - 1);
    store_le(d.u8 + n * element_bytes, value, element_bytes);
    vec_write(cpu, insn, form, &d);
}

static ALWAYS_INLINE void extract(Cpu *cpu, const Insn *insn, VecForm form, unsigned element_bytes)
{
    Vec buffer;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    unsigned n = insn->imm & (insn->op[1].size / element_bytes - 1);
    if (form == VEC_LEGACY && insn->op[1].kind == OPND_MMX)
        mmx_enter(cpu);
    op_write(cpu, insn, 0, load_le(v->u8 + n * element_bytes, element_bytes));
}

static void insert_general(Cpu *cpu, const Insn *insn, VecForm form)
{
    insert(cpu, insn, form, insn->op[1 + form].size);
}

static void extract_general(Cpu *cpu, const Insn *insn, VecForm form)
{
    extract(cpu, insn, form, insn->op[0].size);
}

VEC_FORMS(PINSRB, insert, 1)
VEC_FORMS(PINSRW, insert, 2)
VEC_FORMS(PINSRD, insert_general)
VEC_FORMS(PEXTRB, extract, 1)
VEC_FORMS(PEXTRW, extract, 2)
VEC_FORMS(PEXTRD, extract_general)
VEC_FORMS(EXTRACTPS, extract, 4)

/* [SDM2] INSERTPS: imm8 = source element, destination element, elements to clear. */
static void insert_single(Cpu *cpu, const Insn *insn, VecForm form)
{
    Vec buffer;
    const Vec *source = vec_source(cpu, insn, 1 + form, &buffer);
    unsigned from = insn->op[1 + form].kind == OPND_MEM ? 0 : insn->imm >> 6 & 3;
    Vec d = cpu->vec[insn->op[form].reg];
    d.u32[insn->imm >> 4 & 3] = source->u32[from];
    for (unsigned i = 0; i < 4; i++)
        if (insn->imm & 1 << i)
            d.u32[i] = 0;
    vec_put(cpu, &insn->op[0], form, &d);
}

VEC_FORMS(INSERTPS, insert_single)

/* --- ends ---------------------------------------------------------------------------------- */

/* [SDM2] EMMS: empties the x87 registers. */
EXEC(EMMS)
{
    mmx_leave(cpu);
}
