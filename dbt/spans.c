/* spans.c - has one check of memory serve several accesses of a block.
 *
 * Much code pushes registers, reads locals, or fields of a structure: bytes at constant distances
 * from one register's value. The first such access checks all the bytes that the later ones want,
 * in one page, and they reach into what it has opened. No access is left out or moved, only its
 * check. If the bytes are not in one page, or are no plain memory, the first access is handed over,
 * and the block is left behind it (translator.h, Site.opens_span). */
#include "cpu/block.h"
#include "dbt/lift.h"

/* The wider, the more often it lies across a page's end. */
enum { MOST_BYTES = 256, MOST_TRIED = 32 };

/* A register is what value `id` stands for, plus delta. */
typedef struct Value {
    unsigned id;
    int64_t delta;
} Value;

typedef struct Span {
    uint64_t base; /* what its addresses have in common: values and a scale; 0: nothing */
    bool write;
    int64_t low, high;       /* first byte and the one behind the last, from the base */
    unsigned first, members; /* the first in Spans.access; how many */
    unsigned number;         /* 1 + index in IrBlock.spans */
} Span;

/* A check that could be left to an earlier one, or serve later ones. */
typedef struct Access {
    uint16_t op;  /* index */
    uint8_t span; /* index */
    int64_t at;   /* from the span's base */
} Access;

typedef struct Spans {
    IrBlock *ir;
    bool is_long;
    unsigned natural; /* bytes of an address */
    Value value[GPR_COUNT];
    unsigned last_id;
    unsigned count, access_count;
    Span span[MOST_TRIED];
    Access access[IR_MAX_OPS];
} Spans;

/* --- what registers hold ------------------------------------------------------------------------- */

static void forget(Spans *s, uint16_t gprs)
{
    for (unsigned left = gprs; left; left &= left - 1)
        s->value[__builtin_ctz(left)] = (Value){++s->last_id, 0};
}

static void set_to(Spans *s, unsigned dst, unsigned src, int64_t more)
{
    s->value[dst] = s->value[src];
    s->value[dst].delta += more;
}

/* MOV r, r; ADD, SUB r, constant: in full width. */
static bool follow_row(Spans *s, const Insn *insn)
{
    const Operand *dst = &insn->op[0], *src = &insn->op[1];
    if (dst->kind != OPND_GPR || dst->size != s->natural || insn_row(insn)->map != MAP_BASE)
        return false;
    bool immediate = insn->opcode == 0x81 || insn->opcode == 0x83;
    unsigned group = insn->modrm >> 3 & 7;
    if ((insn->opcode == 0x89 || insn->opcode == 0x8b) && src->kind == OPND_GPR)
        set_to(s, dst->reg, src->reg, 0);
    else if (immediate && group == 0)
        set_to(s, dst->reg, dst->reg, insn->imm);
    else if (immediate && group == 5)
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
    if (!known)
        forget(s, s->ir->use[n].gprs);
}

/* --- spans --------------------------------------------------------------------------------------- */

static bool may_join(const Spans *s, const IrOp *op, const IrAddress *ad)
{
    if (op->op > IR_CHECKBP || ad->bits_size != s->natural || ir_required_alignment(s->ir, op) > 1)
        return false;
    if (s->is_long)
        return ad->seg < SEG_FS;
    bool flat = ad->seg <= SEG_DS && s->ir->key >> (KEY_FLAT_SHIFT + ad->seg) & 1;
    return flat && !(op->access == ACCESS_WRITE && ad->seg == SEG_CS);
}

/* Takes in the span of one access, if it has the same base and the two are near each other. In a
 * hot block a read may look ahead for a later write. */
static bool join(Span *span, const Span *one, bool ahead)
{
    if (span->base != one->base || (one->write && !span->write && !ahead))
        return false;
    int64_t low = MIN(span->low, one->low), high = MAX(span->high, one->high);
    if (high - low > MOST_BYTES)
        return false;
    span->low = low;
    span->high = high;
    span->write |= one->write;
    span->members++;
    return true;
}

static void place(Spans *s, unsigned n)
{
    const IrOp *op = &s->ir->ops[n];
    IrAddress ad = ir_check_address(s->ir, op);
    if (!may_join(s, op, &ad))
        return;
    uint64_t at = ad.disp, base = 0;
    if (ad.base != REG_NONE) {
        base = s->value[ad.base].id;
        at += s->value[ad.base].delta;
    }
    if (ad.index != REG_NONE) {
        base |= ((uint64_t)s->value[ad.index].id << 2 | ad.scale) << 32;
        at += (uint64_t)s->value[ad.index].delta << ad.scale;
    }
    if (!s->is_long)
        at = (int32_t)at;
    Span one = {.base = base,
                .write = op->access == ACCESS_WRITE,
                .low = at,
                .high = (int64_t)at + op->size,
                .first = s->access_count,
                .members = 1};
    unsigned i = 0;
    while (i < s->count && !join(&s->span[i], &one, s->ir->is_hot))
        i++;
    if (i == MOST_TRIED)
        return;
    if (i == s->count)
        s->span[s->count++] = one;
    s->access[s->access_count++] = (Access){.op = n, .span = i, .at = at};
}

/* What the interpreter does may change what addresses mean. */
static void close_all(Spans *s)
{
    for (unsigned i = 0; i < s->count; i++)
        s->span[i].base = UINT64_MAX;
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
    const Span *span = &s->span[access->span];
    if (!span->number || access == &s->access[span->first])
        return;
    IrOp *op = &s->ir->ops[access->op];
    op->op = IR_REACH;
    op->span = span->number;
    op->imm = access->at - span->low;
}

static bool is_candidate(const IrOp *op)
{
    return op->op <= IR_CHECKBP;
}

void spans_join(IrBlock *ir)
{
    unsigned candidates = 0, end = 0;
    for (unsigned i = 0; i < ir->op_count; i++)
        if (is_candidate(&ir->ops[i])) {
            candidates++;
            end = i + 1;
        }
    ir->span_count = 0;
    if (ir->alone || candidates < 2)
        return;
    Spans s;
    s.ir = ir;
    s.is_long = (ir->key >> KEY_MODE_SHIFT & 7) == CPU_LONG;
    s.natural = s.is_long ? 8 : 4;
    s.last_id = s.count = s.access_count = 0;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        s.value[r] = (Value){++s.last_id, 0};
    for (unsigned i = 0; i < end; i++) {
        if (is_candidate(&ir->ops[i]))
            place(&s, i);
        follow(&s, i);
        if (ir->ops[i].op == IR_INTERP)
            close_all(&s);
    }
    for (unsigned i = 0; i < s.count; i++)
        number(&s, &s.span[i]);
    for (unsigned i = 0; i < s.access_count; i++)
        reach(&s, &s.access[i]);
}
