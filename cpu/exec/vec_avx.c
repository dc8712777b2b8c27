/* vec_avx.c - what AVX and AVX2 have that SSE has not: broadcasts, permutations across lanes,
 * shifts by a count for each element, masked moves, gathers. [SDM1] "Programming with Intel AVX".
 */
#include "cpu/exec/vec.h"

static unsigned vec_bytes(const Insn *insn)
{
    return insn->vex_l ? 32 : 16;
}

/* --- state --------------------------------------------------------------------------------- */

static unsigned vec_count(const Cpu *cpu)
{
    return cpu_is_long(cpu) ? 16 : 8;
}

EXEC(VZEROUPPER)
{
    for (unsigned i = 0; i < vec_count(cpu); i++)
        memset(&cpu->vec[i].u8[16], 0, 16);
}

EXEC(VZEROALL)
{
    memset(cpu->vec, 0, vec_count(cpu) * sizeof(Vec));
}

/* --- broadcasts ---------------------------------------------------------------------------- */

static void broadcast(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec buffer, d;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    for (unsigned at = 0; at < 32; at += element_bytes)
        memcpy(&d.u8[at], v, element_bytes);
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

/* clang-format off */
EXEC(VPBROADCASTB)   { broadcast(cpu, insn, 1); }
EXEC(VPBROADCASTW)   { broadcast(cpu, insn, 2); }
EXEC(VPBROADCASTD)   { broadcast(cpu, insn, 4); }
EXEC(VPBROADCASTQ)   { broadcast(cpu, insn, 8); }
EXEC(VBROADCASTSS)   { broadcast(cpu, insn, 4); }
EXEC(VBROADCASTSD)   { broadcast(cpu, insn, 8); }
EXEC(VBROADCASTF128) { broadcast(cpu, insn, 16); }
EXEC(VBROADCASTI128) { broadcast(cpu, insn, 16); }
/* clang-format on */

/* --- permutations -------------------------------------------------------------------------- */

/* Within lanes, by an immediate or by an index register. [SDM2] VPERMILPD: bit 1 of each index. */
VEC_LANE(immediate_VPERMILPS)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[imm >> 2 * i & 3];
}

VEC_LANE(indexed_VPERMILPS)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = a->u32[b->u32[i] & 3];
}

VEC_LANE(immediate_VPERMILPD)
{
    for (unsigned i = 0; i < 2; i++)
        d->u64[i] = a->u64[imm >> i & 1];
}

VEC_LANE(indexed_VPERMILPD)
{
    for (unsigned i = 0; i < 2; i++)
        d->u64[i] = a->u64[b->u64[i] >> 1 & 1];
}

EXEC(VPERMILPS)
{
    if (insn->op[2].kind == OPND_IMM)
        xmm_one(cpu, insn, VEC_VEX, lane_immediate_VPERMILPS, 0);
    else
        xmm_two(cpu, insn, VEC_VEX, lane_indexed_VPERMILPS, 0);
}

EXEC(VPERMILPD)
{
    if (insn->op[2].kind == OPND_IMM)
        xmm_one(cpu, insn, VEC_VEX, lane_immediate_VPERMILPD, 2);
    else
        xmm_two(cpu, insn, VEC_VEX, lane_indexed_VPERMILPD, 0);
}

/* Across lanes: doublewords by index register, quadwords by immediate. */
static void permute_doublewords(Cpu *cpu, const Insn *insn)
{
    Vec buffer, d;
    const Vec *v = vec_source(cpu, insn, 2, &buffer), *index = &cpu->vec[insn->op[1].reg];
    for (unsigned i = 0; i < 8; i++)
        d.u32[i] = v->u32[index->u32[i] & 7];
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

static void permute_quadwords(Cpu *cpu, const Insn *insn)
{
    Vec buffer, d;
    const Vec *v = vec_source(cpu, insn, 1, &buffer);
    for (unsigned i = 0; i < 4; i++)
        d.u64[i] = v->u64[insn->imm >> 2 * i & 3];
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

/* [SDM2] VPERM2F128: each lane is one of four, or zero. */
static void permute_lanes(Cpu *cpu, const Insn *insn)
{
    Vec buffer, d;
    const Vec *b = vec_source(cpu, insn, 2, &buffer), *a = &cpu->vec[insn->op[1].reg];
    for (unsigned lane = 0; lane < 2; lane++) {
        unsigned control = insn->imm >> 4 * lane;
        const Vec *from = control & 2 ? b : a;
        for (unsigned i = 0; i < 2; i++)
            d.u64[2 * lane + i] = control & 8 ? 0 : from->u64[2 * (control & 1) + i];
    }
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

static void insert_lane(Cpu *cpu, const Insn *insn)
{
    Vec buffer, d = cpu->vec[insn->op[1].reg];
    memcpy(&d.u8[16 * (insn->imm & 1)], vec_source(cpu, insn, 2, &buffer), 16);
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

static void extract_lane(Cpu *cpu, const Insn *insn)
{
    Vec d = {.u64 = {0}};
    memcpy(&d, &cpu->vec[insn->op[1].reg].u8[16 * (insn->imm & 1)], 16);
    vec_write(cpu, insn, VEC_VEX, &d);
}

/* clang-format off */
EXEC(VPERMD)       { permute_doublewords(cpu, insn); }
EXEC(VPERMPS)      { permute_doublewords(cpu, insn); }
EXEC(VPERMQ)       { permute_quadwords(cpu, insn); }
EXEC(VPERMPD)      { permute_quadwords(cpu, insn); }
EXEC(VPERM2F128)   { permute_lanes(cpu, insn); }
EXEC(VPERM2I128)   { permute_lanes(cpu, insn); }
EXEC(VINSERTF128)  { insert_lane(cpu, insn); }
EXEC(VINSERTI128)  { insert_lane(cpu, insn); }
EXEC(VEXTRACTF128) { extract_lane(cpu, insn); }
EXEC(VEXTRACTI128) { extract_lane(cpu, insn); }
/* clang-format on */

/* --- shifts with a count for each element -------------------------------------------------- */

#define SHIFT_EACH(NAME, field, expression)          \
    VEC_EACH_LANE(NAME, field, expression)           \
    EXEC(NAME)                                       \
    {                                                \
        xmm_two(cpu, insn, VEC_VEX, lane_##NAME, 0); \
    }

/* clang-format off */
SHIFT_EACH(VPSLLVD, u32, b < 32 ? a << b : 0)
SHIFT_EACH(VPSLLVQ, u64, b < 64 ? a << b : 0)
SHIFT_EACH(VPSRLVD, u32, b < 32 ? a >> b : 0)
SHIFT_EACH(VPSRLVQ, u64, b < 64 ? a >> b : 0)
SHIFT_EACH(VPSRAVD, s32, a >> MIN((uint32_t)b, 31))
/* clang-format on */

/* --- tests of sign bits -------------------------------------------------------------------- */

static void test_signs(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec buffer;
    const Vec *b = vec_source(cpu, insn, 1, &buffer), *a = &cpu->vec[insn->op[0].reg];
    bool both = false, only_b = false;
    for (unsigned i = element_bytes - 1; i < insn->op[0].size; i += element_bytes) {
        both |= a->u8[i] & b->u8[i] & 0x80;
        only_b |= ~a->u8[i] & b->u8[i] & 0x80;
    }
    flags_set_arith(cpu, (both ? 0 : FLAG_ZF) | (only_b ? 0 : FLAG_CF));
}

EXEC(VTESTPS)
{
    test_signs(cpu, insn, 4);
}

EXEC(VTESTPD)
{
    test_signs(cpu, insn, 8);
}

/* --- masked moves: only elements whose mask has the top bit set are touched, or can fault --- */

static bool mask_chooses(const Vec *mask, unsigned i, unsigned element_bytes)
{
    return mask->u8[(i + 1) * element_bytes - 1] & 0x80;
}

static LinAddr element_address(Cpu *cpu, const Insn *insn, unsigned i, unsigned element_bytes,
                               MemAccess access)
{
    uint64_t offset = truncate_to(insn_offset(cpu, insn) + i * element_bytes, insn->addrsize);
    return seg_linear(cpu, insn->seg, offset, element_bytes, access);
}

static void masked_load(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    Vec d = {.u64 = {0}};
    const Vec *mask = &cpu->vec[insn->op[1].reg];
    for (unsigned i = 0; i < vec_bytes(insn) / element_bytes; i++) {
        if (!mask_chooses(mask, i, element_bytes))
            continue;
        LinAddr la = element_address(cpu, insn, i, element_bytes, ACCESS_READ);
        store_le(&d.u8[i * element_bytes], mem_load(cpu, la, element_bytes), element_bytes);
    }
    vec_put(cpu, &insn->op[0], VEC_VEX, &d);
}

static void masked_store(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    const Vec *mask = &cpu->vec[insn->op[1].reg], *v = &cpu->vec[insn->op[2].reg];
    unsigned count = vec_bytes(insn) / element_bytes;
    LinAddr la[8];
    for (unsigned i = 0; i < count; i++) {
        if (!mask_chooses(mask, i, element_bytes))
            continue;
        la[i] = element_address(cpu, insn, i, element_bytes, ACCESS_WRITE);
        mem_probe(cpu, la[i], element_bytes, ACCESS_WRITE);
    }
    for (unsigned i = 0; i < count; i++)
        if (mask_chooses(mask, i, element_bytes))
            mem_store(cpu, la[i], load_le(&v->u8[i * element_bytes], element_bytes), element_bytes);
}

static void masked_move(Cpu *cpu, const Insn *insn, unsigned element_bytes)
{
    (insn->op[0].kind == OPND_MEM ? masked_store : masked_load)(cpu, insn, element_bytes);
}

/* clang-format off */
EXEC(VMASKMOVPS) { masked_move(cpu, insn, 4); }
EXEC(VMASKMOVPD) { masked_move(cpu, insn, 8); }
EXEC(VPMASKMOVD) { masked_move(cpu, insn, 4); }
EXEC(VPMASKMOVQ) { masked_move(cpu, insn, 8); }
/* clang-format on */

/* --- gathers ------------------------------------------------------------------------------- */

/* [SDM2] VPGATHERDD: elements go to the destination one by one, each clearing its mask, so that a
 * fault leaves what is done and the instruction can be restarted. */
static void gather(Cpu *cpu, const Insn *insn, unsigned index_bytes, unsigned element_bytes)
{
    Vec *d = &cpu->vec[insn->op[0].reg], *mask = &cpu->vec[insn->op[2].reg];
    const Vec *index = &cpu->vec[insn->index];
    unsigned count = vec_bytes(insn) / MAX(index_bytes, element_bytes);
    uint64_t base = insn->base < GPR_COUNT ? cpu->gpr[insn->base] : 0;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *element_mask = &mask->u8[i * element_bytes];
        if (mask_chooses(mask, i, element_bytes)) {
            int64_t at = index_bytes == 4 ? index->s32[i] : index->s64[i];
            uint64_t offset = base + ((uint64_t)at << insn->scale) + (int64_t)insn->disp;
            uint64_t v = seg_load(cpu, insn->seg, truncate_to(offset, insn->addrsize),
                                  element_bytes);
            store_le(&d->u8[i * element_bytes], v, element_bytes);
        }
        memset(element_mask, 0, element_bytes);
    }
    unsigned used = count * element_bytes;
    memset(&d->u8[used], 0, sizeof(Vec) - used);
    memset(mask, 0, sizeof(Vec));
}

/* clang-format off */
EXEC(VPGATHERDD) { gather(cpu, insn, 4, 4); }
EXEC(VPGATHERDQ) { gather(cpu, insn, 4, 8); }
EXEC(VPGATHERQD) { gather(cpu, insn, 8, 4); }
EXEC(VPGATHERQQ) { gather(cpu, insn, 8, 8); }
EXEC(VGATHERDPS) { gather(cpu, insn, 4, 4); }
EXEC(VGATHERDPD) { gather(cpu, insn, 4, 8); }
EXEC(VGATHERQPS) { gather(cpu, insn, 8, 4); }
EXEC(VGATHERQPD) { gather(cpu, insn, 8, 8); }
/* clang-format on */
