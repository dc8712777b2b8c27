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

/* Written so that compilers do not load both at once, which would wait for the two stores. */
static bool is_constant(const IrAddress *ad)
{
    static_assert(REG_NONE == 0xff, "no other number has all bits");
    return (ad->base & ad->index) == REG_NONE;
}

static uint64_t constant_of(const IrAddress *ad)
{
    uint64_t v = ad->disp;
    return ad->bits_size == 8 ? v : ad->bits_size == 4 ? (uint32_t)v : (uint16_t)v;
}

/* The register with a guest register's value, loading `scratch` if its home is memory. */
static inline unsigned value_in(Emit *e, unsigned gpr, unsigned scratch)
{
    unsigned home = x64_home(gpr);
    if (home != HOST_NONE)
        return home;
    asm_mov(&e->a, 8, scratch, x64_gpr(gpr));
    return scratch;
}

/* dst := the offset. Changes no flags. Uses R10 and R11. */
static ALWAYS_INLINE void put_offset(Emit *e, const IrAddress *ad, unsigned dst)
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
    else if (index == HOST_NONE)
        asm_lea(&e->a, size, dst, rm_mem(base, ad->disp));
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

/* The look-up of the address in R10: then R10 is the offset in the page, and R11 the entry, or at
 * last the page's host address. It is the same each time but for two numbers, so it is written once
 * for each context and access, and copied. */
struct LookupCode {
    uint8_t bytes[48];
    uint8_t limit;  /* where in it are the greatest offset, */
    uint8_t miss;   /* and the rel32 of the jump that is taken if the page is not there; */
    uint8_t found;  /* behind that jump */
    uint8_t length; /* and all of it */
    uint8_t again_length;
    uint8_t again[24]; /* makes R10 the address again where the jump goes: xor r10, tag */
    Rm tag, host;      /* of the entry at R11 */
};

enum { CONTEXTS = 4, ACCESSES = 2 };
static const LookupCode *lookup_codes; /* [CONTEXTS][ACCESSES] */

static LookupCode lookup_code(unsigned context, bool write)
{
    int32_t entry = context * MMU_CONTEXT_STRIDE;
    int32_t tag = write ? offsetof(TlbEntry, write) : offsetof(TlbEntry, read);
    LookupCode code = {.tag = rm_gs(HOST_R11, entry + tag),
                       .host = rm_gs(HOST_R11, entry + offsetof(TlbEntry, host))};
    Asm a = {.code = code.bytes, .at = 0};
    asm_rorx(&a, 4, HOST_R11, rm_reg(HOST_R10), PAGE_SHIFT - TLB_ENTRY_SHIFT);
    asm_op(&a, OP1(0x23), 4, HOST_R11, x64_cpu(offsetof(Cpu, tlb_mask))); /* and r11d, mask */
    asm_op(&a, OP1(0x33), 8, HOST_R10, code.tag);                         /* xor r10, tag */
    asm_op(&a, OP1(0x81), 8, ALU_CMP, rm_reg(HOST_R10));                  /* cmp r10, imm32 */
    code.limit = a.at;
    asm_imm(&a, 0, 4);
    code.miss = asm_jcc(&a, COND_A, 0);
    code.found = a.at;
    asm_mov(&a, 8, HOST_R11, code.host);
    code.length = a.at;
    g_assert(a.at + ASM_SLACK <= sizeof(code.bytes));
    Asm again = {.code = code.again, .at = 0};
    asm_op(&again, OP1(0x33), 8, HOST_R10, code.tag);
    code.again_length = again.at;
    g_assert(again.at + ASM_SLACK <= sizeof(code.again));
    return code;
}

static const LookupCode *lookup_codes_make(void)
{
    if (g_once_init_enter(&lookup_codes)) {
        LookupCode *made = g_new(LookupCode, CONTEXTS * ACCESSES);
        for (unsigned i = 0; i < CONTEXTS * ACCESSES; i++)
            made[i] = lookup_code(i / ACCESSES, i % ACCESSES);
        g_once_init_leave(&lookup_codes, made);
    }
    return lookup_codes;
}

static const LookupCode *lookup_code_for(const Emit *e, bool write)
{
    const LookupCode *codes = __atomic_load_n(&lookup_codes, __ATOMIC_ACQUIRE);
    unsigned context = e->ir->key >> KEY_TLB_SHIFT & 3;
    return &(LIKELY(codes != NULL) ? codes : lookup_codes_make())[context * ACCESSES + write];
}

/* All of it is written; `length` of it counts. Returns where the jump's rel32 is. */
static uint32_t put_lookup(Asm *a, const LookupCode *code, unsigned bytes, unsigned length)
{
    uint8_t *p = a->code + a->at;
    uint32_t missed = a->at + code->miss;
    memcpy(p, code->bytes, sizeof(code->bytes));
    store_le32(p + code->limit, PAGE_SIZE - bytes);
    a->at += length;
    return missed;
}

/* With R11 as the look-up left it, which what follows may need. */
static void put_address_again(Asm *a, const LookupCode *code)
{
    memcpy(a->code + a->at, code->again, sizeof(code->again));
    a->at += code->again_length;
}

/* A field of a slot. */
#define SLOT(n, field) \
    rm_gs(HOST_NONE, MMU_SLOTS_AT + (n) * sizeof(TlbSlot) + offsetof(TlbSlot, field))

/* The same by the access's own slot, which stands at a fixed place: shorter, and M is known sooner.
 */
static uint32_t put_slot_lookup(Asm *a, unsigned slot)
{
    asm_op(a, OP1(0x33), 8, HOST_R10, SLOT(slot, tag));  /* xor r10, tag */
    asm_op(a, OP1(0x3b), 8, HOST_R10, SLOT(slot, span)); /* cmp r10, span */
    uint32_t missed = asm_jcc(a, COND_AE, 0);
    asm_mov(a, 8, HOST_R11, SLOT(slot, host));
    return missed;
}

/* --- misses -------------------------------------------------------------------------------------- */

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

/* The slot missed, and R10 is the xor with its tag: fills it from the TLB and goes to `ready`, or
 * goes on with R10 and R11 as if there were no slot. */
static void put_slot_refill(Emit *e, const Stub *stub)
{
    Asm *a = &e->a;
    unsigned slot = stub->slot;
    const LookupCode *code = stub->lookup;
    asm_op(a, OP1(0x33), 8, HOST_R10, SLOT(slot, tag)); /* the address again */
    uint32_t missed = put_lookup(a, code, stub->bytes, code->found);
    asm_alu_imm(a, ALU_ADD, 4, rm_gs(HOST_NONE, MMU_SLOT_MISSES_AT + 4 * slot), 1);
    asm_store_imm(a, 1, rm_gs(HOST_NONE, MMU_SLOTS_FILLED_AT + slot / SLOT_GROUP), 1);
    asm_store_imm(a, 8, SLOT(slot, span), PAGE_SIZE - stub->bytes + 1);
    asm_op(a, OP1(0xff), 4, 6, code->tag);       /* push */
    asm_op(a, OP1(0x8f), 4, 0, SLOT(slot, tag)); /* pop */
    asm_mov(a, 8, HOST_R11, code->host);
    asm_store(a, 8, SLOT(slot, host), HOST_R11);
    asm_jmp(a, stub->ready);
    asm_patch(a, missed, a->at);
}

/* Of a span, it is the instruction's own access that is translated: the others may never come. */
static void put_miss(Emit *e, const Stub *stub)
{
    bool is_long = (e->ir->key >> KEY_MODE_SHIFT & 7) == CPU_LONG;
    const Trampolines *trampolines = &e->t->trampolines;
    Asm *a = &e->a;
    if (stub->has_slot)
        put_slot_refill(e, stub);
    put_address_again(a, stub->lookup);
    if (stub->own)
        asm_lea(a, is_long ? 8 : 4, HOST_R10, rm_mem(HOST_R10, stub->own));
    if (stub->save_flags)
        emit_recipe(e, stub->recipe);
    if (stub->swapped)
        emit_swap(e);
    asm_mov_imm(a, HOST_R11, stub->id | stub->kind);
    asm_call(a, stub->save_flags ? trampolines->miss_with_flags : trampolines->miss);
    if (stub->swapped)
        emit_swap(e);
    if (stub->kind & MISS_READS)
        asm_jcc(a, COND_NE, stub->ready);
    asm_jmp(a, stub->retry);
}

/* --- checks -------------------------------------------------------------------------------------- */

/* What one check looks for: the instruction's own access, or all of a span. */
typedef struct Wanted {
    unsigned bytes;
    unsigned own; /* the own access is so far behind the first byte */
    bool write;
} Wanted;

/* M := the page's host address and the offset in it. */
static void find_page(Emit *e, const IrOp *op, const Wanted *wanted, uint32_t retry)
{
    Asm *a = &e->a;
    const LookupCode *code = lookup_code_for(e, wanted->write);
    bool has_slot = op->src == REF_SLOT && e->next->slot < e->end->slot;
    unsigned slot = has_slot ? e->next->slot++ : 0;
    uint32_t missed = has_slot ? put_slot_lookup(a, slot)
                               : put_lookup(a, code, wanted->bytes, code->length);
    Stub *miss = emit_stub(e, put_miss, MARK_MISS, emit_site(e), missed);
    emit_note_flags(e, miss);
    miss->retry = retry;
    miss->ready = a->at;
    miss->kind = miss_kind(e, op);
    miss->lookup = code;
    miss->own = wanted->own;
    miss->bytes = wanted->bytes;
    miss->has_slot = has_slot;
    miss->slot = slot;
}

static void put_alignment_check(Emit *e, unsigned align)
{
    asm_modrm(&e->a, OP1(0xf6), (HostWidth){.rex = true}, 0, rm_reg(HOST_R10));
    asm_byte(&e->a, align - 1); /* test r10b, align - 1 */
    emit_cold_if(e, COND_NE);
}

void emit_check(Emit *e, const IrOp *op)
{
    IrAddress ad = ir_check_address(e->ir, op);
    Wanted wanted = {.bytes = op->size, .write = op->access == ACCESS_WRITE};
    if (op->span) {
        const IrSpan *span = &e->ir->spans[op->span - 1];
        wanted = (Wanted){.bytes = span->bytes, .own = span->offset, .write = span->write};
        ad.disp -= span->offset;
        e->t->sites[emit_site(e)].opens_span = true;
    }
    uint32_t start = e->a.at;
    put_offset(e, &ad, HOST_R10);
    put_segment(e, op, &ad);
    unsigned align = ir_required_alignment(op);
    if (align > 1)
        put_alignment_check(e, align);
    find_page(e, op, &wanted, start);
    e->memory = rm_index(HOST_R10, HOST_R11, 0, 0);
    e->flags &= ~FLAGS_IN_HOST;
    if (op->span) {
        emit_join_memory(e);
        asm_store(&e->a, 8, SPAN(op->span - 1), HOST_R10);
        e->memory = rm_mem(HOST_R10, wanted.own);
    }
}

void emit_reach(Emit *e, const IrOp *op)
{
    asm_mov(&e->a, 8, HOST_R10, SPAN(op->span - 1));
    e->memory = rm_mem(HOST_R10, e->ir->spans[op->span - 1].offset + op->imm);
}

void emit_join_memory(Emit *e)
{
    if (!rm_equal(e->memory, rm_index(HOST_R10, HOST_R11, 0, 0)))
        return;
    asm_lea(&e->a, 8, HOST_R10, e->memory);
    e->memory = rm_mem(HOST_R10, 0);
}
