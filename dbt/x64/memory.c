/* memory.c - guest memory access, the one place that emits it.
 *
 * A check op leaves the linear address in R10, looks into the TLB that GS points to, and goes to
 * the instruction's handover unless the page is there and the access does not leave it; M is then
 * [R10 + R11]. The interpreter fills the TLB, raises, or does what is no plain RAM. */
#include "dbt/x64/emit.h"

#include "cpu/block.h"
#include "cpu/mmu.h"
#include "dbt/lift.h"

/* --- address computation ------------------------------------------------------------------------- */

static bool is_constant(const IrAddress *ad)
{
    return ad->base == REG_NONE && ad->index == REG_NONE;
}

static uint64_t constant_of(const IrAddress *ad)
{
    uint64_t v = ad->disp;
    return ad->bits_size == 8 ? v : ad->bits_size == 4 ? (uint32_t)v : (uint16_t)v;
}

/* The register with a guest register's value, loading `scratch` if its home is memory. */
static unsigned value_in(Emit *e, unsigned gpr, unsigned scratch)
{
    unsigned home = x64_home(gpr);
    if (home != HOST_NONE)
        return home;
    asm_mov(&e->a, 8, scratch, x64_gpr(gpr));
    return scratch;
}

/* dst := the offset. Changes no flags. Uses R10 and R11. */
static void put_offset(Emit *e, const IrAddress *ad, unsigned dst)
{
    unsigned size = ad->bits_size == 8 ? 8 : 4;
    if (is_constant(ad)) {
        asm_mov_imm(&e->a, dst, constant_of(ad));
        return;
    }
    unsigned base = HOST_NONE, index = HOST_NONE;
    if (ad->base != REG_NONE)
        base = value_in(e, ad->base, HOST_R10);
    if (ad->index != REG_NONE)
        index = value_in(e, ad->index, HOST_R11);
    if (index == HOST_NONE && ad->disp == 0)
        asm_mov(&e->a, size, dst, rm_reg(base));
    else
        asm_lea(&e->a, size, dst, rm_index(base, index, ad->scale, ad->disp));
    if (ad->bits_size == 2)
        asm_op(&e->a, OP0F(0xb7), 4, dst, rm_reg(dst));
}

void emit_operand_offset(Emit *e, const IrOp *op, unsigned dst)
{
    IrAddress ad = ir_operand_address(e->ir, op);
    put_offset(e, &ad, dst);
}

void emit_lea(Emit *e, const IrOp *op)
{
    IrAddress ad = ir_operand_address(e->ir, op);
    Rm home = x64_gpr(op->dst);
    bool direct = rm_is_reg(home) && op->size >= 4 && ad.bits_size >= op->size;
    if (direct && is_constant(&ad)) {
        asm_mov_imm(&e->a, rm_number(home),
                    op->size == 4 ? (uint32_t)constant_of(&ad) : constant_of(&ad));
        return;
    }
    if (direct) {
        ad.bits_size = op->size;
        put_offset(e, &ad, rm_number(home));
        return;
    }
    put_offset(e, &ad, HOST_R10);
    if (op->size == 2)
        asm_store(&e->a, 2, home, HOST_R10);
    else if (rm_is_reg(home))
        asm_mov(&e->a, op->size, rm_number(home), rm_reg(HOST_R10));
    else {
        if (op->size == 4 && ad.bits_size == 8)
            asm_mov(&e->a, 4, HOST_R10, rm_reg(HOST_R10));
        asm_store(&e->a, 8, home, HOST_R10);
    }
}

/* --- segments ------------------------------------------------------------------------------------ */

#define SEG_FIELD(n, field) \
    x64_cpu(offsetof(Cpu, seg) + (n) * sizeof(Segment) + offsetof(Segment, field))

/* R10: offset to linear address, with the segment's limit. Expand-down segments do not come here.
 */
static void put_segment(Emit *e, const IrOp *op, const IrAddress *ad)
{
    unsigned mode = e->ir->key >> KEY_MODE_SHIFT & 7;
    if (mode == CPU_LONG) {
        if (ad->seg >= SEG_FS)
            asm_op(&e->a, OP1(0x03), 8, HOST_R10, SEG_FIELD(ad->seg, base));
        return;
    }
    bool writes = op->access == ACCESS_WRITE;
    bool flat = ad->seg <= SEG_DS && e->ir->key >> (KEY_FLAT_SHIFT + ad->seg) & 1;
    if (flat && !(writes && ad->seg == SEG_CS))
        return;
    asm_lea(&e->a, 8, HOST_R11, rm_mem(HOST_R10, op->size));
    asm_op(&e->a, OP1(0x3b), 8, HOST_R11,
           writes ? SEG_FIELD(ad->seg, write_span) : SEG_FIELD(ad->seg, read_span));
    emit_cold_if(e, COND_A);
    asm_op(&e->a, OP1(0x03), 4, HOST_R10, SEG_FIELD(ad->seg, base));
}

/* --- the look-up --------------------------------------------------------------------------------- */

static_assert(G_N_ELEMENTS(((Cpu *)0)->jit.span) == IR_MAX_SPANS, "each span has a place");
#define SPAN(n) x64_cpu(offsetof(Cpu, jit.span) + 8 * (n))

/* A device's register may be read at once, into a place that M then is, if that is all the
 * instruction has to do with memory and nothing behind the check leaves. */
static uint32_t miss_kind(const Emit *e, const IrOp *op)
{
    if (op->access == ACCESS_WRITE)
        return MISS_WRITES;
    if (op->op != IR_CHECK || op->span || op->size > 8 || op->size & (op->size - 1))
        return 0;
    for (unsigned i = e->at_op + 1; i < e->ir->op_count && e->ir->ops[i].insn == op->insn; i++)
        if (ir_info[e->ir->ops[i].op].leaves)
            return 0;
    return MISS_READS | (uint32_t)__builtin_ctz(op->size) << MISS_SIZE_SHIFT;
}

void emit_tlb_lookup(Asm *a, Rm tag, unsigned bytes)
{
    asm_rorx(a, 4, HOST_R11, rm_reg(HOST_R10), PAGE_SHIFT - TLB_ENTRY_SHIFT);
    asm_op(a, OP1(0x23), 4, HOST_R11, x64_cpu(offsetof(Cpu, tlb_mask))); /* and r11d, mask */
    asm_op(a, OP1(0x33), 8, HOST_R10, tag);                              /* xor r10, tag */
    asm_alu_imm(a, ALU_CMP, 8, rm_reg(HOST_R10), PAGE_SIZE - bytes);
}

/* A field of a slot. */
#define SLOT(n, field) \
    rm_gs(HOST_NONE, MMU_SLOTS_AT + (n) * sizeof(TlbSlot) + offsetof(TlbSlot, field))

/* The same by the access's own slot, which stands at a fixed place: shorter, and M is known sooner.
 */
static void put_slot_lookup(Asm *a, unsigned slot)
{
    asm_op(a, OP1(0x33), 8, HOST_R10, SLOT(slot, tag));  /* xor r10, tag */
    asm_op(a, OP1(0x3b), 8, HOST_R10, SLOT(slot, span)); /* cmp r10, span */
}

void emit_slot_refill(Emit *e, const Stub *stub)
{
    Asm *a = &e->a;
    unsigned slot = stub->slot;
    Rm host = rm_gs(HOST_R11, emit_context(e->ir->key) + offsetof(TlbEntry, host));
    asm_op(a, OP1(0x33), 8, HOST_R10, SLOT(slot, tag)); /* the address again */
    emit_tlb_lookup(a, stub->tag, stub->bytes);
    uint32_t missed = asm_jcc(a, COND_A, 0);
    asm_alu_imm(a, ALU_ADD, 4, rm_gs(HOST_NONE, MMU_SLOT_MISSES_AT + 4 * slot), 1);
    asm_store_imm(a, 1, rm_gs(HOST_NONE, MMU_SLOTS_FILLED_AT + slot / SLOT_GROUP), 1);
    asm_store_imm(a, 8, SLOT(slot, span), PAGE_SIZE - stub->bytes + 1);
    asm_op(a, OP1(0xff), 4, 6, stub->tag);       /* push */
    asm_op(a, OP1(0x8f), 4, 0, SLOT(slot, tag)); /* pop */
    asm_mov(a, 8, HOST_R11, host);
    asm_store(a, 8, SLOT(slot, host), HOST_R11);
    asm_jmp(a, stub->ready);
    asm_patch(a, missed, a->at);
}

static bool has_slot_left(const Emit *e)
{
    return e->next->slot < e->end->slot;
}

/* M := the page's host address and the offset in it. */
static Stub *find_page(Emit *e, const IrOp *op, Rm tag, Rm host, unsigned bytes, uint32_t retry)
{
    Asm *a = &e->a;
    bool has_slot = op->src == REF_SLOT && has_slot_left(e);
    unsigned slot = has_slot ? e->next->slot++ : 0;
    if (has_slot)
        put_slot_lookup(a, slot);
    else
        emit_tlb_lookup(a, tag, bytes);
    unsigned missed = has_slot ? COND_AE : COND_A;
    Stub *miss = emit_miss_if(e, missed, tag, retry, miss_kind(e, op));
    miss->has_slot = has_slot;
    miss->slot = slot;
    miss->bytes = bytes;
    asm_mov(a, 8, HOST_R11, has_slot ? SLOT(slot, host) : host);
    miss->ready = a->at;
    return miss;
}

void emit_check(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    IrAddress ad = ir_check_address(e->ir, op);
    int32_t context = emit_context(e->ir->key);
    unsigned bytes = op->size, own = 0;
    bool write = op->access == ACCESS_WRITE;
    if (op->span) {
        const IrSpan *span = &e->ir->spans[op->span - 1];
        write = span->write;
        bytes = span->bytes;
        own = span->offset;
        ad.disp -= own;
        e->t->sites[emit_site(e)].opens_span = true;
    }
    int32_t tag = write ? offsetof(TlbEntry, write) : offsetof(TlbEntry, read);
    Rm tag_at = rm_gs(HOST_R11, context + tag);
    Rm host_at = rm_gs(HOST_R11, context + offsetof(TlbEntry, host));
    uint32_t start = a->at;
    put_offset(e, &ad, HOST_R10);
    put_segment(e, op, &ad);
    unsigned align = ir_required_alignment(op);
    if (align > 1) {
        asm_modrm(a, OP1(0xf6), (HostWidth){.rex = true}, 0, rm_reg(HOST_R10), 1);
        asm_byte(a, align - 1); /* test r10b, align - 1 */
        emit_cold_if(e, COND_NE);
    }
    Stub *miss = find_page(e, op, tag_at, host_at, bytes, start);
    miss->own = own;
    e->memory = rm_index(HOST_R10, HOST_R11, 0, 0);
    e->flags &= ~FLAGS_IN_HOST;
    if (op->span) {
        emit_join_memory(e);
        asm_store(a, 8, SPAN(op->span - 1), HOST_R10);
        e->memory = rm_mem(HOST_R10, own);
    }
}

void emit_reach(Emit *e, const IrOp *op)
{
    asm_mov(&e->a, 8, HOST_R10, SPAN(op->span - 1));
    e->memory = rm_mem(HOST_R10, op->imm);
}

void emit_join_memory(Emit *e)
{
    if (!rm_equal(e->memory, rm_index(HOST_R10, HOST_R11, 0, 0)))
        return;
    asm_lea(&e->a, 8, HOST_R10, e->memory);
    e->memory = rm_mem(HOST_R10, 0);
}
