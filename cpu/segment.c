/* segment.c - loading segment registers, and what their hidden parts allow.
 *
 * [SDM2] MOV, POP; [SDM3] "Protection"; real and V86 mode: [SDM3] "8086 Emulation". Loads in real
 * mode keep limit and attributes, so "unreal" segments survive as they do on hardware since the
 * 486. */
#include "cpu/descriptor.h"
#include "cpu/exec.h"

enum {
    REAL_DATA = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED, /* what reset gives data segments */
    V86_DATA = REAL_DATA | AR_DPL,                       /* present, DPL 3, read/write, 16-bit */
};

static uint32_t segment_shape(const Segment *seg)
{
    bool whole = seg->base == 0 && seg->limit == UINT32_MAX && seg->first == 0;
    return (whole && seg->read_span > UINT32_MAX ? SHAPE_FLAT_READ : 0) |
           (whole && seg->write_span > UINT32_MAX ? SHAPE_FLAT_WRITE : 0) |
           (seg->first ? SHAPE_RAISED : 0);
}

void segment_update(Segment *seg)
{
    seg->first = seg->shape = 0;
    seg->read_span = seg->write_span = 0;
    unsigned access = seg->access;
    if (!(access & AR_P))
        return;
    uint64_t span = (uint64_t)seg->limit + 1;
    bool data = (access & (AR_S | AR_CODE)) == AR_S;
    if (data && access & AR_EXPAND_DOWN) {
        /* Valid offsets lie above the limit, up to FFFFh or FFFFFFFFh by the B flag. */
        uint64_t top = access & AR_DB ? UINT32_MAX : UINT16_MAX;
        seg->first = seg->limit + 1;
        span = top > seg->limit ? top - seg->limit : 0;
    }
    if (data) {
        seg->read_span = span;
        seg->write_span = access & AR_WRITABLE ? span : 0;
    } else if (access & AR_READABLE || !(access & AR_S)) {
        seg->read_span = span;
    }
    seg->shape = segment_shape(seg);
}

void segment_load_real(Cpu *cpu, SegReg n, uint16_t selector)
{
    Segment *seg = &cpu->seg[n];
    seg->selector = selector;
    seg->base = (uint64_t)selector << 4;
    if (cpu->mode == CPU_V86) {
        seg->limit = 0xffff;
        seg->access = V86_DATA;
    } else if (!(seg->access & AR_P)) {
        /* A null selector was left there by protected mode. */
        seg->limit = 0xffff;
        seg->access = REAL_DATA;
    } else if (n == SEG_CS) {
        /* Real mode code may write through CS, whatever protected mode left there. */
        seg->access = (seg->access & ~(AR_TYPE | AR_DPL)) | REAL_DATA;
    }
    segment_update(seg);
    if (n == SEG_CS || n == SEG_SS)
        cpu_update_mode(cpu);
}

/* A null SS is good only in 64-bit mode below CPL 3, with RPL = CPL. */
static bool null_stack_allowed(const Cpu *cpu, uint16_t selector)
{
    return cpu_is_long(cpu) && cpu->cpl < 3 && selector_rpl(selector) == cpu->cpl;
}

static void load_stack(Cpu *cpu, uint16_t selector)
{
    if (selector_is_null(selector)) {
        if (!null_stack_allowed(cpu, selector))
            raise_GP(cpu, 0);
        cpu->seg[SEG_SS] = segment_null(selector);
    } else {
        cpu->seg[SEG_SS] = stack_segment_check(cpu, selector, cpu->cpl, EXC_GP, 0);
    }
    cpu_update_mode(cpu);
}

/* DS, ES, FS, GS: data or readable code; unless conforming, neither RPL nor CPL above DPL. */
static void load_data(Cpu *cpu, SegReg n, uint16_t selector)
{
    if (selector_is_null(selector)) {
        cpu->seg[n] = segment_null(selector);
        return;
    }
    Descriptor d;
    uint32_t error = selector_error(selector, 0);
    descriptor_require(cpu, selector, EXC_GP, 0, &d);
    if (!descriptor_is_readable(&d))
        raise_GP(cpu, error);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_conforming(&d) && (selector_rpl(selector) > dpl || cpu->cpl > dpl))
        raise_GP(cpu, error);
    if (!descriptor_present(&d))
        raise_NP(cpu, error);
    descriptor_set_accessed(cpu, &d);
    cpu->seg[n] = descriptor_known_segment(cpu, &d, selector);
}

void segment_load(Cpu *cpu, SegReg n, uint16_t selector)
{
    if (!cpu_is_protected(cpu))
        segment_load_real(cpu, n, selector);
    else if (n == SEG_SS)
        load_stack(cpu, selector);
    else
        load_data(cpu, n, selector);
}
