/* string.c - MOVS CMPS STOS LODS SCAS INS OUTS, alone and repeated. [SDM2] MOVS, REP/REPE/REPNE.
 *
 * A repeated instruction may be interrupted between any two elements, with rCX, rSI and rDI counted
 * so far and rip still at the instruction. One call here does some chunks, each the elements up to
 * the end of a page, and if any are left puts rip back; the run loop looks for events and comes
 * again. A call counts as one instruction: in RAM it does as much whatever other threads do
 * meanwhile, and whatever code has been decoded there.
 *
 * A chunk that lies in plain RAM is done in bulk on host memory (string_priv.h); everything
 * else, single steps included, goes element by element through the ordinary loads and stores, with
 * the registers advanced after each, so that a fault leaves them at the faulting element. */
#include "cpu/block.h"
#include "cpu/breakpoint.h"
#include "cpu/exec/alu_priv.h"
#include "cpu/exec/string_priv.h"
#include "cpu/exec/string_search.h"

/* One element at the present rSI and rDI. False: a repeat ends here (CMPS, SCAS). */
typedef bool ElementFn(Cpu *cpu, const Insn *insn, unsigned size);

/* Up to n elements in bulk; the number done, 0 if it must go by elements. *stop: the repeat ends.
 */
typedef uint64_t BulkFn(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop);

/* --- registers ----------------------------------------------------------------------------- */

static ALWAYS_INLINE void advance(Cpu *cpu, const Insn *insn, unsigned reg, int64_t bytes)
{
    gpr_write(cpu, reg, insn->addrsize, cpu->gpr[reg] + bytes);
}

static ALWAYS_INLINE int64_t step_of(const Cpu *cpu, unsigned size)
{
    return cpu->eflags & FLAG_DF ? -(int64_t)size : (int64_t)size;
}

static ALWAYS_INLINE uint64_t source_offset(const Cpu *cpu, const Insn *insn)
{
    return gpr_read(cpu, RSI, insn->addrsize);
}

static ALWAYS_INLINE uint64_t dest_offset(const Cpu *cpu, const Insn *insn)
{
    return gpr_read(cpu, RDI, insn->addrsize);
}

static ALWAYS_INLINE bool repeat_goes_on(const Cpu *cpu, const Insn *insn)
{
    return flag_zf(cpu) == (insn->rep == REP_REPE);
}

/* --- the repetition ------------------------------------------------------------------------ */

enum {
    CHUNKS_AT_ONCE = 8,
    ELEMENTS_AT_ONCE = 32, /* in a chunk by elements, when nothing waits */
};

/* Element by element; the repeat's end is told by true. */
static bool string_elements(Cpu *cpu, const Insn *insn, unsigned size, ElementFn *element)
{
    for (unsigned i = 0; i < ELEMENTS_AT_ONCE; i++) {
        bool more = element(cpu, insn, size);
        advance(cpu, insn, RCX, -1);
        if (!more || gpr_read(cpu, RCX, insn->addrsize) == 0)
            return true;
        if (__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED))
            return false;
    }
    return false;
}

static ALWAYS_INLINE bool debugged(const Cpu *cpu)
{
    return __atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) & PENDING_DEBUG;
}

static ALWAYS_INLINE void string_run(Cpu *cpu, const Insn *insn, unsigned size, ElementFn *element,
                                     BulkFn *bulk)
{
    if (insn->rep == REP_NONE) {
        element(cpu, insn, size);
        return;
    }
    uint64_t count = gpr_read(cpu, RCX, insn->addrsize);
    if (count == 0)
        return;
    for (unsigned chunk = 0; chunk < CHUNKS_AT_ONCE; chunk++) {
        bool stop = false;
        uint64_t done = 0;
        if (!debugged(cpu))
            done = bulk(cpu, insn, size, count, &stop);
        if (done)
            advance(cpu, insn, RCX, -(int64_t)done);
        else
            stop = string_elements(cpu, insn, size, element);
        count = gpr_read(cpu, RCX, insn->addrsize);
        if (stop || count == 0)
            return;
        if (!done && __atomic_load_n(&cpu->pending, __ATOMIC_RELAXED))
            break;
    }
    cpu->rip = cpu->rip_start;
    breakpoint_pass(cpu, code_address(cpu, cpu->rip), cpu_insn_count(cpu) + 1);
}

/* --- MOVS ---------------------------------------------------------------------------------- */

static bool element_MOVS(Cpu *cpu, const Insn *insn, unsigned size)
{
    int64_t step = step_of(cpu, size);
    uint64_t v = seg_load(cpu, insn->seg, source_offset(cpu, insn), size);
    seg_store(cpu, SEG_ES, dest_offset(cpu, insn), v, size);
    advance(cpu, insn, RSI, step);
    advance(cpu, insn, RDI, step);
    return true;
}

static uint64_t bulk_MOVS(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    int64_t step = step_of(cpu, size);
    StringSpan from = span_at(cpu, insn, insn->seg, source_offset(cpu, insn), size);
    StringSpan to = span_at(cpu, insn, SEG_ES, dest_offset(cpu, insn), size);
    n = MIN(n, MIN(from.elements, to.elements));
    uint8_t *src = span_host(cpu, &from, n, size, ACCESS_READ);
    StringTarget target = {0};
    if (src)
        target = span_target(cpu, &to, n, size);
    if (!target.host)
        return 0;
    bulk_copy(target.host, src, n, size, step < 0);
    target_written(cpu, &target);
    advance(cpu, insn, RSI, step * (int64_t)n);
    advance(cpu, insn, RDI, step * (int64_t)n);
    return n;
}

EXEC(MOVS)
{
    string_run(cpu, insn, insn->opsize, element_MOVS, bulk_MOVS);
}

/* --- STOS, LODS ---------------------------------------------------------------------------- */

static bool element_STOS(Cpu *cpu, const Insn *insn, unsigned size)
{
    seg_store(cpu, SEG_ES, dest_offset(cpu, insn), gpr_read(cpu, RAX, size), size);
    advance(cpu, insn, RDI, step_of(cpu, size));
    return true;
}

static uint64_t bulk_STOS(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    StringSpan to = span_at(cpu, insn, SEG_ES, dest_offset(cpu, insn), size);
    n = MIN(n, to.elements);
    StringTarget target = span_target(cpu, &to, n, size);
    if (!target.host)
        return 0;
    bulk_fill(target.host, gpr_read(cpu, RAX, size), n, size);
    target_written(cpu, &target);
    advance(cpu, insn, RDI, step_of(cpu, size) * (int64_t)n);
    return n;
}

EXEC(STOS)
{
    string_run(cpu, insn, insn->opsize, element_STOS, bulk_STOS);
}

static bool element_LODS(Cpu *cpu, const Insn *insn, unsigned size)
{
    gpr_write(cpu, RAX, size, seg_load(cpu, insn->seg, source_offset(cpu, insn), size));
    advance(cpu, insn, RSI, step_of(cpu, size));
    return true;
}

/* Only the last element is seen, but each page must be readable. */
static uint64_t bulk_LODS(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    int64_t step = step_of(cpu, size);
    StringSpan from = span_at(cpu, insn, insn->seg, source_offset(cpu, insn), size);
    n = MIN(n, from.elements);
    uint8_t *src = span_host(cpu, &from, n, size, ACCESS_READ);
    if (!src)
        return 0;
    gpr_write(cpu, RAX, size, ram_load(step > 0 ? src + (n - 1) * size : src, size));
    advance(cpu, insn, RSI, step * (int64_t)n);
    return n;
}

EXEC(LODS)
{
    string_run(cpu, insn, insn->opsize, element_LODS, bulk_LODS);
}

/* --- CMPS, SCAS: flags of first - second, of the last elements compared -------------------- */

static bool element_CMPS(Cpu *cpu, const Insn *insn, unsigned size)
{
    int64_t step = step_of(cpu, size);
    uint64_t a = seg_load(cpu, insn->seg, source_offset(cpu, insn), size);
    uint64_t b = seg_load(cpu, SEG_ES, dest_offset(cpu, insn), size);
    advance(cpu, insn, RSI, step);
    advance(cpu, insn, RDI, step);
    alu_set_flags(cpu, size, alu_SUB(cpu, size, a, b));
    return repeat_goes_on(cpu, insn);
}

static uint64_t bulk_CMPS(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    int64_t step = step_of(cpu, size);
    StringSpan first = span_at(cpu, insn, insn->seg, source_offset(cpu, insn), size);
    StringSpan second = span_at(cpu, insn, SEG_ES, dest_offset(cpu, insn), size);
    n = MIN(n, MIN(first.elements, second.elements));
    const uint8_t *a = span_host(cpu, &first, n, size, ACCESS_READ);
    const uint8_t *b = a ? span_host(cpu, &second, n, size, ACCESS_READ) : NULL;
    if (!b)
        return 0;
    StringSearch search = {
        .a = a, .b = b, .size = size, .down = step < 0, .while_equal = insn->rep == REP_REPE};
    uint64_t done = string_search(&search, n);
    *stop = done < n;
    done += *stop;
    size_t last = search_offset(&search, n, done - 1, 1);
    alu_set_flags(cpu, size, alu_SUB(cpu, size, load_le(a + last, size), load_le(b + last, size)));
    advance(cpu, insn, RSI, step * (int64_t)done);
    advance(cpu, insn, RDI, step * (int64_t)done);
    return done;
}

EXEC(CMPS)
{
    string_run(cpu, insn, insn->opsize, element_CMPS, bulk_CMPS);
}

static bool element_SCAS(Cpu *cpu, const Insn *insn, unsigned size)
{
    uint64_t v = seg_load(cpu, SEG_ES, dest_offset(cpu, insn), size);
    advance(cpu, insn, RDI, step_of(cpu, size));
    alu_set_flags(cpu, size, alu_SUB(cpu, size, gpr_read(cpu, RAX, size), v));
    return repeat_goes_on(cpu, insn);
}

static uint64_t bulk_SCAS(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    int64_t step = step_of(cpu, size);
    StringSpan span = span_at(cpu, insn, SEG_ES, dest_offset(cpu, insn), size);
    n = MIN(n, span.elements);
    const uint8_t *p = span_host(cpu, &span, n, size, ACCESS_READ);
    if (!p)
        return 0;
    uint64_t wanted = gpr_read(cpu, RAX, size);
    StringSearch search = {.a = p,
                           .value = repeated(wanted, size),
                           .size = size,
                           .down = step < 0,
                           .while_equal = insn->rep == REP_REPE};
    uint64_t done = string_search(&search, n);
    *stop = done < n;
    done += *stop;
    size_t last = search_offset(&search, n, done - 1, 1);
    alu_set_flags(cpu, size, alu_SUB(cpu, size, wanted, load_le(p + last, size)));
    advance(cpu, insn, RDI, step * (int64_t)done);
    return done;
}

EXEC(SCAS)
{
    string_run(cpu, insn, insn->opsize, element_SCAS, bulk_SCAS);
}

/* --- INS, OUTS: never in bulk, a port may change memory under the string ------------------- */

static uint64_t bulk_none(Cpu *cpu, const Insn *insn, unsigned size, uint64_t n, bool *stop)
{
    return 0;
}

/* Memory is checked before the port is read: what a read takes from a device cannot be put back. */
static bool element_INS(Cpu *cpu, const Insn *insn, unsigned size)
{
    uint16_t port = gpr_read(cpu, RDX, 2);
    io_check(cpu, port, size);
    LinAddr la = seg_linear(cpu, SEG_ES, dest_offset(cpu, insn), size, ACCESS_WRITE);
    mem_probe(cpu, la, size, ACCESS_WRITE);
    mem_store(cpu, la, port_load(cpu, port, size), size);
    advance(cpu, insn, RDI, step_of(cpu, size));
    debug_io_access(cpu, port, size);
    return true;
}

static bool element_OUTS(Cpu *cpu, const Insn *insn, unsigned size)
{
    uint16_t port = gpr_read(cpu, RDX, 2);
    io_check(cpu, port, size);
    uint64_t v = seg_load(cpu, insn->seg, source_offset(cpu, insn), size);
    port_store(cpu, port, v, size);
    advance(cpu, insn, RSI, step_of(cpu, size));
    debug_io_access(cpu, port, size);
    return true;
}

/* Ports are 4 bytes wide at most. */
static unsigned io_size(const Insn *insn)
{
    return MIN(insn->opsize, 4);
}

EXEC(INS)
{
    string_run(cpu, insn, io_size(insn), element_INS, bulk_none);
}

EXEC(OUTS)
{
    string_run(cpu, insn, io_size(insn), element_OUTS, bulk_none);
}
