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
    uint64_t base;     /* what its addresses have in common: values and a scale; 0: nothing */
    int64_t low, high; /* first byte and the one behind the last, from the base */
    uint16_t first;    /* of its members in Spans.access */
    uint16_t members;  /* how many */
    uint8_t number;    /* 1 + index in IrBlock.spans; 0: it has none */
    bool write;
} Span;

/* A check that could be left to an earlier one, or serve later ones. */
typedef struct Access {
    int64_t at;   /* from the span's base */
    uint16_t op;  /* index */
    uint8_t span; /* index */
} Access;

typedef struct Spans {
    IrBlock *ir;
    bool is_long;
    unsigned natural; /* bytes of an address */
    uint32_t last_id;
    unsigned count, access_count;
    uint16_t changed; /* bit n: register n is no longer what it was at first, but value[n] */
    Value value[GPR_COUNT];
    Span span[MOST_TRIED];
    Access access[IR_MAX_OPS];
} Spans;

/* --- what registers hold ------------------------------------------------------------------------- */

static Value value_of(const Spans *s, unsigned gpr)
{
    return s->changed >> gpr & 1 ? s->value[gpr] : (Value){gpr + 1, 0};
}

static void forget(Spans *s, uint16_t gprs)
{
    s->changed |= gprs;
    for (unsigned left = gprs; left; left &= left - 1)
        s->value[__builtin_ctz(left)] = (Value){++s->last_id, 0};
}

static void set_to(Spans *s, unsigned dst, unsigned src, int64_t more)
{
    Value value = value_of(s, src);
    s->changed |= 1u << dst;
    s->value[dst] = (Value){value.id, value.delta + more};
}

/* MOV r, r; ADD, SUB r, constant: in full width. */
static bool follow_row(Spans *s, const Insn *insn)
{
    RowSum sum = row_traits(insn)->sum;
    const Operand *dst = &insn->op[0], *src = &insn->op[1];
    if (sum == SUM_NONE || dst->kind != OPND_GPR || dst->size != s->natural)
        return false;
    if (sum == SUM_MOVE && src->kind == OPND_GPR)
        set_to(s, dst->reg, src->reg, 0);
    else if (sum == SUM_ADD && src->kind == OPND_IMM)
        set_to(s, dst->reg, dst->reg, insn->imm);
    else if (sum == SUM_SUB && src->kind == OPND_IMM)
        set_to(s, dst->reg, dst->reg, -insn->imm);
    else
        return false;
    return true;
}

static bool follow_lea(Spans *s, const IrOp *op)
{
    IrAddress ad = ir_operand_address(s->ir, op);
    if (op->size != s->natural || ad.bits_size != s->natural || ad.base == REG_NONE ||
        ad.index != REG_NONE)
        return false;
    set_to(s, op->dst, ad.base, ad.disp);
    return true;
}

static bool follow_stack(Spans *s, const IrOp *op)
{
    if (1u << (s->ir->key >> KEY_STACK_SHIFT & 3) != s->natural)
        return false;
    if (op->op == IR_SPBP)
        set_to(s, RSP, RBP, 0);
    else
        set_to(s, RSP, RSP, op->imm);
    return true;
}

/* What the interpreter does may change what addresses mean. */
static void close_all(Spans *s)
{
    for (unsigned i = 0; i < s->count; i++)
        s->span[i].base = UINT64_MAX;
}

/* Op n writes registers. */
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

/* Takes in an access from the same base, if the two are near each other. In a hot block a read may
 * look ahead for a later write. */
static bool join(Span *span, int64_t at, unsigned size, bool write, bool is_hot)
{
    if (write && !span->write && !is_hot)
        return false;
    int64_t low = MIN(span->low, at), high = MAX(span->high, at + size);
    if (high - low > MOST_BYTES)
        return false;
    span->low = low;
    span->high = high;
    span->write |= write;
    span->members++;
    return true;
}

/* Differences of addresses would not fit. There is no memory so far out. */
static bool is_far_out(int64_t at)
{
    return at > INT64_MAX / 4 || at < INT64_MIN / 4;
}

static void add_access(Spans *s, unsigned n)
{
    const IrOp *op = &s->ir->ops[n];
    IrAddress ad = ir_joinable_address(s->ir, op);
    if (!may_join(s, op, &ad))
        return;
    Place place = place_of(s, &ad);
    if (is_far_out(place.at))
        return;
    bool write = op->access == ACCESS_WRITE;
    unsigned i = 0;
    while (i < s->count && !(s->span[i].base == place.base &&
                             join(&s->span[i], place.at, op->size, write, s->ir->is_hot)))
        i++;
    if (i == MOST_TRIED)
        return;
    if (i == s->count)
        s->span[s->count++] = (Span){.base = place.base,
                                     .low = place.at,
                                     .high = place.at + op->size,
                                     .first = s->access_count,
                                     .members = 1,
                                     .write = write};
    s->access[s->access_count++] = (Access){.at = place.at, .op = n, .span = i};
}

static void number(Spans *s, Span *span)
{
    IrBlock *ir = s->ir;
    const Access *first = &s->access[span->first];
    if (span->members < 2 || ir->span_count == IR_MAX_SPANS)
        return;
    ir->spans[ir->span_count++] = (IrSpan){
        .bytes = span->high - span->low, .offset = first->at - span->low, .write = span->write};
    span->number = ir->span_count;
    ir->ops[first->op].span = span->number;
}

static void reach(const Spans *s, const Access *access)
{
    IrBlock *ir = s->ir;
    const Span *span = &s->span[access->span];
    if (!span->number || access == &s->access[span->first])
        return;
    IrOp *op = &ir->ops[access->op];
    op->op = IR_REACH;
    op->span = span->number;
    op->imm = access->at - span->low;
    ir->use[access->op] = ir_info[IR_REACH].use;
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
    s.count = s.access_count = s.changed = 0;
    for (unsigned i = 0, n = 0; i < ir->joinable_count; i++) {
        for (unsigned end = ir->joinable[i]; n < end; n++)
            if (ir->use[n].gprs)
                follow(&s, n);
        add_access(&s, n);
    }
    for (unsigned i = 0; i < s.count; i++)
        number(&s, &s.span[i]);
    for (unsigned i = 0; i < s.access_count && ir->span_count; i++)
        reach(&s, &s.access[i]);
}
