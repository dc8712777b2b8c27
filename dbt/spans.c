/* spans.c - has one check of memory serve several accesses of a block.
 *
 * Much code pushes registers, reads locals, or fields of a structure: bytes at constant distances
 * from one register's value. The first such access checks all the bytes that the later ones want,
 * in one page, and they reach into what it has opened. No access is left out or moved, only its
 * check. If the bytes are not in one page, or are no plain memory, the first access is handed over,
 * and the block is left behind it (translator.h, Site.opens_span). */
#include "cpu/block.h"
#include "dbt/lift.h"
#include "dbt/rows.h"

/* The wider, the more often it lies across a page's end. */
enum { MOST_BYTES = 256, MOST_TRIED = 32 };

/* A register is what value `id` stands for, plus delta. */
typedef struct Value {
    uint32_t id; /* n + 1: what register n was at first; more: something else */
    int64_t delta;
} Value;

typedef struct Span {
    uint64_t base; /* what its addresses have in common: values and a scale; UINT64_MAX: closed */
    int64_t low, high; /* first byte and the one behind the last, from the base */
    int64_t at;        /* where the access is that opens it, from the base */
    uint16_t op;       /* index of that access's check */
    uint8_t number;    /* 1 + index in IrBlock.spans; 0: that is its only access */
    bool write;
} Span;

typedef struct Spans {
    IrBlock *ir;
    bool is_long;
    unsigned natural; /* bytes of an address */
    uint32_t last_id;
    unsigned count;
    uint16_t wanted;  /* bit n: addresses are made of register n; others are not followed */
    uint16_t changed; /* bit n: register n is no longer what it was at first, but value[n] */
    Value value[GPR_COUNT];
    Span span[MOST_TRIED];
} Spans;

/* --- what registers hold ------------------------------------------------------------------------- */

static Value value_of(const Spans *s, unsigned gpr)
{
    return s->changed >> gpr & 1 ? s->value[gpr] : (Value){gpr + 1, 0};
}

static void forget(Spans *s, uint16_t gprs)
{
    gprs &= s->wanted;
    s->changed |= gprs;
    for (unsigned left = gprs; left; left &= left - 1)
        s->value[__builtin_ctz(left)] = (Value){++s->last_id, 0};
}

static bool set_to(Spans *s, unsigned dst, unsigned src, int64_t more)
{
    if (!(s->wanted >> src & 1))
        return false;
    Value value = value_of(s, src);
    s->changed |= 1u << dst;
    s->value[dst] = (Value){value.id, value.delta + more};
    return true;
}

/* MOV r, r; ADD, SUB r, constant: in full width. */
static bool follow_row(Spans *s, const Insn *insn)
{
    RowSum sum = row_traits(insn)->sum;
    const Operand *dst = &insn->op[0], *src = &insn->op[1];
    if (sum == SUM_NONE || dst->kind != OPND_GPR || dst->size != s->natural)
        return false;
    if (sum == SUM_MOVE && src->kind == OPND_GPR)
        return set_to(s, dst->reg, src->reg, 0);
    if (sum == SUM_ADD && src->kind == OPND_IMM)
        return set_to(s, dst->reg, dst->reg, insn->imm);
    if (sum == SUM_SUB && src->kind == OPND_IMM)
        return set_to(s, dst->reg, dst->reg, -insn->imm);
    return false;
}

static bool follow_lea(Spans *s, const IrOp *op)
{
    IrAddress ad = ir_operand_address(s->ir, op);
    if (op->size != s->natural || ad.bits_size != s->natural || ad.base == REG_NONE ||
        ad.index != REG_NONE)
        return false;
    return set_to(s, op->dst, ad.base, ad.disp);
}

static bool follow_stack(Spans *s, const IrOp *op)
{
    if (1u << (s->ir->key >> KEY_STACK_SHIFT & 3) != s->natural)
        return false;
    return op->op == IR_SPBP ? set_to(s, RSP, RBP, 0) : set_to(s, RSP, RSP, op->imm);
}

/* What the interpreter does may change what addresses mean. */
static void close_all(Spans *s)
{
    for (unsigned i = 0; i < s->count; i++)
        s->span[i].base = UINT64_MAX;
}

/* Op n writes registers that are wanted. */
static void follow(Spans *s, unsigned n)
{
    const IrOp *op = &s->ir->ops[n];
    bool known = false;
    if (op->op == IR_ROW)
        known = follow_row(s, &s->ir->insn[op->insn]);
    else if (op->op == IR_LEA)
        known = follow_lea(s, op);
    else if (op->op == IR_SPADD || op->op == IR_SPBP)
        known = follow_stack(s, op);
    else if (op->op == IR_INTERP)
        close_all(s);
    if (!known)
        forget(s, s->ir->use[n].gprs);
}

/* --- spans --------------------------------------------------------------------------------------- */

static bool may_join(const Spans *s, const IrOp *op, const IrAddress *ad)
{
    if (ad->bits_size != s->natural)
        return false;
    if (s->is_long)
        return ad->seg < SEG_FS;
    bool flat = ad->seg <= SEG_DS && s->ir->key >> (KEY_FLAT_SHIFT + ad->seg) & 1;
    return flat && !(op->access == ACCESS_WRITE && ad->seg == SEG_CS);
}

/* Where an access is: from a base on. */
typedef struct Place {
    uint64_t base; /* as in Span */
    int64_t at;
} Place;

static Place place_of(const Spans *s, const IrAddress *ad)
{
    uint64_t at = ad->disp, base = 0;
    if (ad->base != REG_NONE) {
        Value value = value_of(s, ad->base);
        base = value.id;
        at += value.delta;
    }
    if (ad->index != REG_NONE) {
        Value value = value_of(s, ad->index);
        base |= ((uint64_t)value.id << 2 | ad->scale) << 32;
        at += (uint64_t)value.delta << ad->scale;
    }
    return (Place){base, s->is_long ? (int64_t)at : (int32_t)at};
}

/* Op n is left to the check that opens the span; unless there are too many spans already. */
static void join(Spans *s, Span *span, unsigned n, int64_t at)
{
    IrBlock *ir = s->ir;
    IrOp *op = &ir->ops[n];
    if (!span->number && ir->span_count == IR_MAX_SPANS)
        return;
    if (!span->number) {
        span->number = ++ir->span_count;
        ir->ops[span->op].span = span->number;
    }
    op->op = IR_REACH;
    op->span = span->number;
    op->imm = at - span->at;
    ir->use[n] = ir_info[IR_REACH].use;
}

/* Op n is an access: to the first span from the same base that it is near to, or it is the first of
 * one. In a hot block a read may look ahead for a later write. */
static void add_access(Spans *s, unsigned n)
{
    const IrOp *op = &s->ir->ops[n];
    IrAddress ad = ir_joinable_address(s->ir, op);
    if (!may_join(s, op, &ad))
        return;
    Place place = place_of(s, &ad);
    bool write = op->access == ACCESS_WRITE, any = !write | s->ir->is_hot;
    int64_t at = place.at, end = (uint64_t)at + op->size;
    Span *behind = s->span + s->count;
    for (Span *span = s->span; span < behind; span++) {
        int64_t low = MIN(span->low, at), high = MAX(span->high, end);
        uint64_t bytes = (uint64_t)high - low;
        if ((span->base == place.base) & (bytes <= MOST_BYTES) & (span->write | any)) {
            span->low = low;
            span->high = high;
            span->write |= write;
            join(s, span, n, at);
            return;
        }
    }
    if (s->count < MOST_TRIED)
        s->span[s->count++] = (Span){
            .base = place.base, .low = at, .high = end, .at = at, .op = n, .write = write};
}

static void note(IrBlock *ir, const Span *span)
{
    if (span->number)
        ir->spans[span->number - 1] = (IrSpan){
            .bytes = span->high - span->low, .offset = span->at - span->low, .write = span->write};
}

void spans_join(IrBlock *ir)
{
    ir->span_count = 0;
    if (ir->alone || ir->joinable_count < 2)
        return;
    Spans s;
    s.ir = ir;
    s.is_long = (ir->key >> KEY_MODE_SHIFT & 7) == CPU_LONG;
    s.natural = s.is_long ? 8 : 4;
    s.last_id = GPR_COUNT;
    s.count = s.changed = 0;
    s.wanted = ir->joinable_gprs | 1u << RSP; /* so that INTERP, which writes all, is followed */
    for (unsigned i = 0, n = 0; i < ir->joinable_count; i++) {
        for (unsigned end = ir->joinable[i]; n < end; n++)
            if (ir->use[n].gprs & s.wanted)
                follow(&s, n);
        add_access(&s, n);
    }
    for (unsigned i = 0; i < s.count && ir->span_count; i++)
        note(ir, &s.span[i]);
}
