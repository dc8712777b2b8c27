/* mem.h - guest memory as the CPU sees it: linear addresses through the TLB, and offsets in
 * segments.
 *
 * Faults do not return: they raise with the right vector, error code and CR2, before anything is
 * written. An access that crosses a page is checked on both pages first.
 *
 * In 64-bit mode nothing but a TLB miss looks whether an address is canonical (tags always are);
 * the slow path then raises #SS(0) if the instruction in flight addressed the stack, else #GP(0).
 */
#ifndef MYNA_CPU_MEM_H
#define MYNA_CPU_MEM_H

#include "core/ram.h"
#include "cpu/cpu.h"

typedef enum MemAccess { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH } MemAccess;

/* Who wants to know of stores to RAM, before they are done, and of device accesses. With the TLB
 * hidden (tlb_hide) all of them come through here. */
typedef struct StoreJournal StoreJournal;
struct StoreJournal {
    void (*store)(StoreJournal *journal, uint8_t *host, unsigned size, bool code);
    void (*device)(StoreJournal *journal);
    void (*mark)(StoreJournal *journal, const uint8_t *entry); /* of a table: A or D are set */
};

/* Slow paths (mem.c): TLB miss, page crossing, MMIO, code pages, breakpoints, alignment checks. */
uint64_t mem_load_slow(Cpu *cpu, LinAddr la, unsigned size);
void mem_store_slow(Cpu *cpu, LinAddr la, uint64_t value, unsigned size);
uint64_t mem_load_system(Cpu *cpu, LinAddr la, unsigned size);
void mem_store_system(Cpu *cpu, LinAddr la, uint64_t value, unsigned size);

/* A load from a device's registers that the TLB's tables know. False, and nothing happened: it is
 * not one, or wants a closer look. */
bool mem_load_device(Cpu *cpu, LinAddr la, unsigned size, uint64_t *value);

/* Raises what reading or writing [la, la+size) would raise; size up to a page. */
void mem_probe(Cpu *cpu, LinAddr la, unsigned size, MemAccess access);

/* Host address of [la, la+size) inside one page of plain RAM, faulting as the access would, or NULL
 * (MMIO, ROM, code or watched page, crosses a page): then use load/store. For atomics, vectors,
 * bulk. */
uint8_t *mem_host(Cpu *cpu, LinAddr la, unsigned size, MemAccess access);

/* Physical address and error code of an access, without side effects or faults (monitor, gdb).
 * False if it would fault. */
bool mem_translate_debug(Cpu *cpu, LinAddr la, PhysAddr *pa);
/* Reads or writes guest memory by linear address for monitor and gdb; bytes done. */
size_t mem_read_debug(Cpu *cpu, LinAddr la, void *buffer, size_t size);
size_t mem_write_debug(Cpu *cpu, LinAddr la, const void *buffer, size_t size);

static ALWAYS_INLINE TlbEntry *tlb_entry_in(const TlbEntry *tlb, uint32_t mask, LinAddr la)
{
    return (TlbEntry *)((char *)tlb + ((la >> (PAGE_SHIFT - TLB_ENTRY_SHIFT)) & mask));
}

static ALWAYS_INLINE TlbEntry *tlb_entry(const Cpu *cpu, LinAddr la)
{
    return tlb_entry_in(cpu->tlb, cpu->tlb_mask, la);
}

/* size is a constant 1, 2, 4 or 8 wherever speed matters. */
static ALWAYS_INLINE uint64_t mem_load(Cpu *cpu, LinAddr la, unsigned size)
{
    TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ e->read;
    if (LIKELY(offset <= PAGE_SIZE - size))
        return ram_load(e->host + offset, size);
    return mem_load_slow(cpu, la, size);
}

static ALWAYS_INLINE void mem_store(Cpu *cpu, LinAddr la, uint64_t value, unsigned size)
{
    TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ e->write;
    if (LIKELY(offset <= PAGE_SIZE - size))
        ram_store(e->host + offset, value, size);
    else
        mem_store_slow(cpu, la, value, size);
}

/* n bytes on; 32-bit linear addresses wrap. */
static inline LinAddr linear_plus(const Cpu *cpu, LinAddr la, unsigned n)
{
    return cpu->mode == CPU_LONG ? la + n : (uint32_t)(la + n);
}

/* --- segments --------------------------------------------------------------------------------- */

/* Raises #SS(0) for SS, else #GP(0). */
G_NORETURN void seg_raise(Cpu *cpu, unsigned seg);

/* Linear address of [off, off+size) in a segment after limit, type and (64-bit mode) canonical
 * checks. off is already cut to the address size. In 64-bit mode the canonical check is the TLB's:
 * its tags are canonical, so only misses look. */
static ALWAYS_INLINE LinAddr seg_linear(Cpu *cpu, unsigned seg, uint64_t off, unsigned size,
                                        MemAccess access)
{
    const Segment *s = &cpu->seg[seg];
    if (LIKELY(cpu->mode == CPU_LONG))
        return seg >= SEG_FS ? s->base + off : off;
    uint64_t span = access == ACCESS_WRITE ? s->write_span : s->read_span;
    if (UNLIKELY(off - s->first + size > span || off < s->first))
        seg_raise(cpu, seg);
    return (uint32_t)(s->base + off);
}

static ALWAYS_INLINE uint64_t seg_load(Cpu *cpu, unsigned seg, uint64_t off, unsigned size)
{
    return mem_load(cpu, seg_linear(cpu, seg, off, size, ACCESS_READ), size);
}

static ALWAYS_INLINE void seg_store(Cpu *cpu, unsigned seg, uint64_t off, uint64_t v, unsigned size)
{
    mem_store(cpu, seg_linear(cpu, seg, off, size, ACCESS_WRITE), v, size);
}

#endif
