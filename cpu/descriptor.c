/* descriptor.c - selectors and descriptors. [SDM3] "Protected-Mode Memory Management". */
#include "cpu/descriptor.h"

#include "cpu/exec.h"
#include "cpu/mmu.h"

/* Offsets in a descriptor. */
enum { TYPE_BYTE = 5, BUSY_BIT = 2 };

uint64_t descriptor_base(const Descriptor *d)
{
    return bits_get(d->low, 16, 24) | bits_get(d->low, 56, 8) << 24 | d->high << 32;
}

uint32_t descriptor_limit(const Descriptor *d)
{
    uint32_t limit = bits_get(d->low, 0, 16) | bits_get(d->low, 48, 4) << 16;
    return descriptor_access(d) & AR_G ? limit << 12 | 0xfff : limit;
}

uint64_t gate_offset(const Cpu *cpu, const Descriptor *d)
{
    uint64_t low = bits_get(d->low, 0, 16);
    if (gate_slot(cpu, d) == 2)
        return low;
    return low | bits_get(d->low, 48, 16) << 16 | d->high << 32;
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Linear address of byte `index` of the selector's table if size bytes there are inside it. */
static bool table_address(const Cpu *cpu, uint16_t selector, unsigned first, unsigned size,
                          LinAddr *la)
{
    unsigned index = (selector & ~(SELECTOR_RPL | SELECTOR_TI)) + first;
    bool local = selector & SELECTOR_TI;
    if (local && !(cpu->ldtr.access & AR_P))
        return false;
    uint32_t limit = local ? cpu->ldtr.limit : cpu->gdtr.limit;
    if (index + size - 1 > limit)
        return false;
    *la = (local ? cpu->ldtr.base : cpu->gdtr.base) + index;
    if (!cpu_is_lma(cpu))
        *la = (uint32_t)*la;
    return true;
}

bool descriptor_fetch(Cpu *cpu, uint16_t selector, Descriptor *d)
{
    if (!table_address(cpu, selector, 0, DESCRIPTOR_SIZE, &d->la))
        return false;
    d->low = mem_load_system(cpu, d->la, 8);
    d->high = 0;
    return true;
}

bool descriptor_fetch_high(Cpu *cpu, uint16_t selector, Descriptor *d)
{
    LinAddr la;
    if (!table_address(cpu, selector, DESCRIPTOR_SIZE, DESCRIPTOR_SIZE, &la))
        return false;
    d->high = mem_load_system(cpu, la, 8);
    return true;
}

void descriptor_require(Cpu *cpu, uint16_t selector, ExceptionVector vector, unsigned ext,
                        Descriptor *d)
{
    if (!descriptor_fetch(cpu, selector, d))
        cpu_raise(cpu, vector, selector_error(selector, ext));
}

void descriptor_require_system(Cpu *cpu, uint16_t selector, ExceptionVector vector, unsigned ext,
                               Descriptor *d)
{
    descriptor_require(cpu, selector, vector, ext, d);
    if (!cpu_is_lma(cpu))
        return;
    if (!descriptor_fetch_high(cpu, selector, d))
        cpu_raise(cpu, vector, selector_error(selector, ext));
}

/* --- bits the processor writes --------------------------------------------------------------- */

/* Replaces the bits of mask in the type byte. Plain RAM takes it as one atomic operation, so that a
 * neighbour's bits are never lost; elsewhere it is a load and a store. */
static void type_byte_update(Cpu *cpu, Descriptor *d, uint8_t mask, uint8_t value)
{
    LinAddr la = d->la + TYPE_BYTE;
    const Translation *t = mmu_translate(cpu, la, ACCESS_WRITE, ROLE_SYSTEM);
    const MemPage *page = &t->page;
    if (page->host && page->writable && !*page->page_flags) {
        uint8_t *host = page->host + (la & PAGE_MASK);
        if (value)
            __atomic_fetch_or(host, value, __ATOMIC_SEQ_CST);
        else
            __atomic_fetch_and(host, (uint8_t)~mask, __ATOMIC_SEQ_CST);
    } else {
        mem_store_system(cpu, la, (mem_load_system(cpu, la, 1) & ~mask) | value, 1);
    }
    d->low = (d->low & ~((uint64_t)mask << 40)) | (uint64_t)value << 40;
}

void descriptor_set_accessed(Cpu *cpu, Descriptor *d)
{
    if (!(descriptor_access(d) & AR_ACCESSED))
        type_byte_update(cpu, d, AR_ACCESSED, AR_ACCESSED);
}

void descriptor_set_busy(Cpu *cpu, Descriptor *d, bool busy)
{
    type_byte_update(cpu, d, BUSY_BIT, busy ? BUSY_BIT : 0);
}

void descriptor_probe_write(Cpu *cpu, const Descriptor *d)
{
    mmu_translate(cpu, d->la + TYPE_BYTE, ACCESS_WRITE, ROLE_SYSTEM);
}

/* --- segment registers ----------------------------------------------------------------------- */

Segment descriptor_segment(const Descriptor *d, uint16_t selector)
{
    Segment seg = {
        .base = descriptor_base(d),
        .limit = descriptor_limit(d),
        .selector = selector,
        .access = descriptor_access(d),
    };
    segment_update(&seg);
    return seg;
}

/* A segment just made and copied stalls on its own stores, which costs more than making it. */
Segment descriptor_known_segment(Cpu *cpu, const Descriptor *d, uint16_t selector)
{
    enum { COUNT = G_N_ELEMENTS(cpu->known_segment) };
    KnownSegment *known = &cpu->known_segment[selector / DESCRIPTOR_SIZE % COUNT];
    if (UNLIKELY(known->low != d->low || known->segment.selector != selector || d->high)) {
        known->low = d->low;
        known->segment = descriptor_segment(d, selector);
    }
    return known->segment;
}

Segment segment_null(uint16_t selector)
{
    return (Segment){.selector = selector};
}

Segment stack_segment_check(Cpu *cpu, uint16_t selector, unsigned cpl, ExceptionVector vector,
                            unsigned ext)
{
    Descriptor d;
    uint32_t error = selector_error(selector, ext);
    descriptor_require(cpu, selector, vector, ext, &d);
    if (selector_rpl(selector) != cpl || descriptor_dpl(&d) != cpl ||
        !descriptor_is_writable_data(&d))
        cpu_raise(cpu, vector, error);
    if (!descriptor_present(&d))
        raise_SS(cpu, error);
    descriptor_set_accessed(cpu, &d);
    return descriptor_known_segment(cpu, &d, selector);
}

void segments_drop_inner(Cpu *cpu)
{
    static const uint8_t data_segments[] = {SEG_ES, SEG_FS, SEG_GS, SEG_DS};
    for (unsigned i = 0; i < G_N_ELEMENTS(data_segments); i++) {
        Segment *seg = &cpu->seg[data_segments[i]];
        /* A null register keeps what the FS.base and GS.base MSRs put there. */
        if (!seg->access) {
            seg->selector = 0;
            continue;
        }
        bool conforming = (seg->access & (AR_CODE | AR_CONFORMING)) == (AR_CODE | AR_CONFORMING);
        if (!conforming && segment_dpl(seg) < cpu->cpl)
            *seg = segment_null(0);
    }
}
