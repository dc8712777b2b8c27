/* string_priv.h - runs of string elements in host memory.
 *
 * A span is the elements from the present one to the end of its page in the direction of DF:
 *
 *     DF = 0       la                          DF = 1   first              la
 *     ...|page     [e0][e1][e2]...   |page|             |page  ...[e2][e1][e0]   |
 *
 * The element at the page's edge may straddle it: such a span has no elements. */
#ifndef MYNA_CPU_EXEC_STRING_PRIV_H
#define MYNA_CPU_EXEC_STRING_PRIV_H

#include "cpu/exec.h"
#include "cpu/mmu.h"

typedef struct StringSpan {
    LinAddr la; /* of the present element */
    uint64_t elements;
    bool down;
    uint8_t seg;
    uint64_t off;
} StringSpan;

/* The elements of size bytes at seg:off that stay in one page and do not wrap at the address size.
 * Segment limits are not looked at yet. */
static ALWAYS_INLINE StringSpan span_at(const Cpu *cpu, const Insn *insn, unsigned seg,
                                        uint64_t off, unsigned size)
{
    bool based = cpu->mode != CPU_LONG || seg >= SEG_FS;
    StringSpan span = {.off = off, .seg = seg, .down = cpu->eflags & FLAG_DF};
    span.la = off + (based ? cpu->seg[seg].base : 0);
    if (cpu->mode != CPU_LONG)
        span.la = (uint32_t)span.la;
    uint64_t in_page = span.la & PAGE_MASK, room;
    if (in_page + size > PAGE_SIZE)
        return span;
    if (span.down) {
        room = MIN(in_page, off) + size;
    } else {
        uint64_t to_wrap = truncate_to(-off, insn->addrsize); /* 0: at offset 0, or a whole turn */
        room = PAGE_SIZE - in_page;
        if (to_wrap && to_wrap < room)
            room = to_wrap;
    }
    span.elements = room / size;
    return span;
}

/* As seg_linear's check, but telling instead of raising. */
static ALWAYS_INLINE bool segment_covers(const Cpu *cpu, unsigned seg, uint64_t off, uint64_t bytes,
                                         MemAccess access)
{
    const Segment *s = &cpu->seg[seg];
    if (cpu->mode == CPU_LONG)
        return true;
    uint64_t span = access == ACCESS_WRITE ? s->write_span : s->read_span;
    return off >= s->first && off - s->first + bytes <= span;
}

/* Bytes of the first n elements that lie below the present one. */
static ALWAYS_INLINE uint64_t span_below(const StringSpan *span, uint64_t n, unsigned size)
{
    return span->down ? (n - 1) * size : 0;
}

static ALWAYS_INLINE bool span_covered(const Cpu *cpu, const StringSpan *span, uint64_t n,
                                       unsigned size, MemAccess access)
{
    uint64_t off = span->off - span_below(span, n, size);
    return n && segment_covers(cpu, span->seg, off, n * size, access);
}

/* Host memory of the first n elements, lowest address first, or NULL: go by elements, which will
 * raise if there is a reason to. */
static ALWAYS_INLINE uint8_t *span_host(Cpu *cpu, const StringSpan *span, uint64_t n, unsigned size,
                                        MemAccess access)
{
    uint64_t below = span_below(span, n, size);
    if (!span_covered(cpu, span, n, size, access))
        return NULL;
    if (below) /* a fault is the present element's, which is not at the lowest address */
        mem_probe(cpu, span->la, size, access);
    return mem_host(cpu, span->la - below, n * size, access);
}

/* Copies n elements as the string instruction would, one after the other: where source and
 * destination overlap in the direction of travel, what was written is read again. */
static inline void bulk_copy(uint8_t *dest, const uint8_t *src, uint64_t n, unsigned size,
                             bool down)
{
    uint64_t bytes = n * size;
    bool apart = dest + bytes <= src || src + bytes <= dest;
    if (apart || (down ? dest > src : dest < src)) {
        memmove(dest, src, bytes);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = (down ? n - 1 - i : i) * size;
        ram_store(dest + at, ram_load(src + at, size), size);
    }
}

/* Where elements are written to, lowest address first. */
typedef struct StringTarget {
    uint8_t *host;
    uint64_t size;
    const MemPage *code; /* the page has code, and must be told of; NULL: it has none */
} StringTarget;

/* As span_host, for writing, with code in the page or without: how far a call of a repeated
 * instruction gets must not depend on what has been decoded. host is NULL if it must go by
 * elements. */
static ALWAYS_INLINE StringTarget span_target(Cpu *cpu, const StringSpan *span, uint64_t n,
                                              unsigned size)
{
    StringTarget to = {.host = span_host(cpu, span, n, size, ACCESS_WRITE), .size = n * size};
    if (LIKELY(to.host) || !span_covered(cpu, span, n, size, ACCESS_WRITE))
        return to;
    LinAddr la = span->la - span_below(span, n, size);
    to.code = mmu_writable_page(cpu, la);
    to.host = to.code ? to.code->host + (la & PAGE_MASK) : NULL;
    return to;
}

/* After the bytes were written. */
static ALWAYS_INLINE void target_written(Cpu *cpu, const StringTarget *to)
{
    if (UNLIKELY(to->code != NULL)) {
        MemPage page = *to->code;
        cpu_ram_written(cpu, &page, to->host - page.host, to->size);
    }
}

static inline void bulk_fill(uint8_t *dest, uint64_t v, uint64_t n, unsigned size)
{
    enum { SEED = 64 };
    if (size == 1 || v == truncate_to((uint8_t)v * 0x0101010101010101u, size)) {
        memset(dest, v, n * size);
        return;
    }
    uint64_t bytes = n * size, done = 0;
    for (; done < MIN(bytes, SEED); done += size)
        ram_store(dest + done, v, size);
    for (; done < bytes;
         done += MIN(done, bytes - done)) /* what is there, twice as much each time */
        memcpy(dest + done, dest, MIN(done, bytes - done));
}

#endif
