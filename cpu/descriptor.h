/* descriptor.h - selectors and descriptors: how the segmentation, far transfer, interrupt and task
 * code reads GDT, LDT and IDT. [SDM3] "Segment Descriptors", "System Descriptor Types".
 *
 *   63      56 55  52 51   48 47        40 39      32 31        16 15         0
 *   base 31:24 G DB L  limit   P DPL S type base 23:16  base 15:0    limit 15:0
 *
 * In IA-32e mode system descriptors are 16 bytes: the second eight begin with bits 63:32 of the
 * base or offset. Errors are raised as the manual says: vector(selector | EXT). */
#ifndef MYNA_CPU_DESCRIPTOR_H
#define MYNA_CPU_DESCRIPTOR_H

#include "cpu/mem.h"

enum { SELECTOR_RPL = 3, SELECTOR_TI = 4, DESCRIPTOR_SIZE = 8 };

/* Error code bits beside the index. [SDM3] "Error Code". */
enum { ERROR_EXT = 1, ERROR_IDT = 2 };

typedef struct Descriptor {
    LinAddr la;    /* where it stands in its table */
    uint64_t low;  /* the eight bytes every descriptor has */
    uint64_t high; /* bytes 8-15 of a 16-byte descriptor, else 0 */
} Descriptor;

static inline bool selector_is_null(uint16_t selector)
{
    return !(selector & ~SELECTOR_RPL);
}

static inline unsigned selector_rpl(uint16_t selector)
{
    return selector & SELECTOR_RPL;
}

static inline uint16_t selector_with_rpl(uint16_t selector, unsigned rpl)
{
    return (selector & ~SELECTOR_RPL) | rpl;
}

/* The error code that names a selector; ext is 0 or ERROR_EXT. */
static inline uint32_t selector_error(uint16_t selector, unsigned ext)
{
    return (selector & ~SELECTOR_RPL) | ext;
}

/* --- fields ---------------------------------------------------------------------------------- */

static inline uint16_t descriptor_access(const Descriptor *d)
{
    return d->low >> 40 & 0xf0ff;
}

static inline unsigned descriptor_type(const Descriptor *d)
{
    return d->low >> 40 & AR_TYPE;
}

static inline unsigned descriptor_dpl(const Descriptor *d)
{
    return bits_get(d->low, 45, 2);
}

static inline bool descriptor_present(const Descriptor *d)
{
    return bit_get(d->low, 47);
}

static inline bool descriptor_is_system(const Descriptor *d)
{
    return !bit_get(d->low, 44);
}

static inline bool descriptor_is_code(const Descriptor *d)
{
    return (descriptor_access(d) & (AR_S | AR_CODE)) == (AR_S | AR_CODE);
}

static inline bool descriptor_is_conforming(const Descriptor *d)
{
    return (descriptor_access(d) & (AR_S | AR_CODE | AR_CONFORMING)) ==
           (AR_S | AR_CODE | AR_CONFORMING);
}

static inline bool descriptor_is_writable_data(const Descriptor *d)
{
    return (descriptor_access(d) & (AR_S | AR_CODE | AR_WRITABLE)) == (AR_S | AR_WRITABLE);
}

static inline bool descriptor_is_readable(const Descriptor *d)
{
    unsigned access = descriptor_access(d);
    return access & AR_S && (!(access & AR_CODE) || access & AR_READABLE);
}

uint64_t descriptor_base(const Descriptor *d);
uint32_t descriptor_limit(const Descriptor *d); /* in bytes */

/* Gates. */
static inline uint16_t gate_selector(const Descriptor *d)
{
    return d->low >> 16;
}

static inline unsigned gate_parameter_count(const Descriptor *d)
{
    return bits_get(d->low, 32, 5);
}

static inline unsigned gate_ist(const Descriptor *d)
{
    return bits_get(d->low, 32, 3);
}

/* Bytes of what a gate pushes: 8 in IA-32e mode, else by the 32-bit flag of its type. */
static inline unsigned gate_slot(const Cpu *cpu, const Descriptor *d)
{
    return cpu_is_lma(cpu) ? 8 : descriptor_type(d) & 8 ? 4 : 2;
}

uint64_t gate_offset(const Cpu *cpu, const Descriptor *d);

/* A 16-byte descriptor has zeros where another descriptor's type would be. */
static inline bool descriptor_high_is_valid(const Descriptor *d)
{
    return !bits_get(d->high, 40, 5);
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Reads the descriptor a selector names; false if it lies outside its table's limit. The selector
 * is not null. */
bool descriptor_fetch(Cpu *cpu, uint16_t selector, Descriptor *d);
/* Adds the second eight bytes; false if they lie outside the table's limit. */
bool descriptor_fetch_high(Cpu *cpu, uint16_t selector, Descriptor *d);

/* descriptor_fetch, or raises vector(selector | ext). */
void descriptor_require(Cpu *cpu, uint16_t selector, ExceptionVector vector, unsigned ext,
                        Descriptor *d);
/* The same for a system descriptor: reads all 16 bytes in IA-32e mode. */
void descriptor_require_system(Cpu *cpu, uint16_t selector, ExceptionVector vector, unsigned ext,
                               Descriptor *d);

/* Sets the accessed bit in memory, as an atomic supervisor write, and in d. */
void descriptor_set_accessed(Cpu *cpu, Descriptor *d);
/* Sets or clears the busy bit of a TSS descriptor in memory and in d. */
void descriptor_set_busy(Cpu *cpu, Descriptor *d, bool busy);
/* Raises what writing the descriptor's type byte would raise. */
void descriptor_probe_write(Cpu *cpu, const Descriptor *d);

/* The hidden and visible parts a descriptor loads into a segment register. */
Segment descriptor_segment(const Descriptor *d, uint16_t selector);
/* The same, quickly for the few that a system's events load again and again. */
Segment descriptor_known_segment(Cpu *cpu, const Descriptor *d, uint16_t selector);
/* A register that holds a null selector. */
Segment segment_null(uint16_t selector);

/* --- checks shared by loads, returns and stack switches -------------------------------------- */

/* The writable data segment a stack at privilege cpl needs: limit, RPL, type, DPL raise
 * vector(selector | ext), not present #SS(selector | ext). The selector is not null. Sets the
 * accessed bit. */
Segment stack_segment_check(Cpu *cpu, uint16_t selector, unsigned cpl, ExceptionVector vector,
                            unsigned ext);

/* Else the current TSS has the 16-bit layout. */
static inline bool tss_is_32bit(const Cpu *cpu)
{
    return (cpu->tr.access & AR_TYPE) >= DESC_TSS_AVAILABLE;
}

/* ES, DS, FS, GS: nulls what the new, outer CPL may not see. */
void segments_drop_inner(Cpu *cpu);

#endif
