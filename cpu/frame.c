/* frame.c - stack frames of far calls and events. [SDM3] "Stack Switching". */
#include "cpu/frame.h"

Frame frame_current(const Cpu *cpu, unsigned slot, uint32_t error)
{
    return (Frame){
        .ss = cpu->seg[SEG_SS],
        .sp = stack_pointer(cpu),
        .pointer_size = cpu->stack_size,
        .slot = slot,
        .cpl = cpu->cpl,
        .error = error,
    };
}

/* A field of the current TSS. */
static uint64_t tss_load(Cpu *cpu, unsigned offset, unsigned size)
{
    LinAddr la = cpu->tr.base + offset;
    if (!cpu_is_lma(cpu))
        la = (uint32_t)la;
    return mem_load_system(cpu, la, size);
}

/* #TS(TR | ext) if its limit is below `last`. */
static void tss_require(Cpu *cpu, unsigned last, unsigned ext)
{
    if (last > cpu->tr.limit)
        raise_TS(cpu, selector_error(cpu->tr.selector, ext));
}

uint64_t tss_stack_pointer64(Cpu *cpu, unsigned cpl, unsigned ist, unsigned ext)
{
    unsigned offset = ist ? ist * 8 + 28 : cpl * 8 + 4;
    tss_require(cpu, offset + 7, ext);
    return tss_load(cpu, offset, 8);
}

static Frame frame_inner64(Cpu *cpu, unsigned cpl, unsigned ext)
{
    return (Frame){
        .ss = segment_null(cpl),
        .sp = tss_stack_pointer64(cpu, cpl, 0, ext),
        .pointer_size = 8,
        .slot = 8,
        .cpl = cpl,
        .error = ext,
    };
}

Frame frame_inner(Cpu *cpu, unsigned cpl, unsigned slot, unsigned ext)
{
    if (cpu_is_lma(cpu))
        return frame_inner64(cpu, cpl, ext);
    uint16_t selector;
    uint64_t sp;
    if (tss_is_32bit(cpu)) {
        tss_require(cpu, cpl * 8 + 4 + 5, ext);
        sp = tss_load(cpu, cpl * 8 + 4, 4);
        selector = tss_load(cpu, cpl * 8 + 8, 2);
    } else {
        tss_require(cpu, cpl * 4 + 2 + 3, ext);
        sp = tss_load(cpu, cpl * 4 + 2, 2);
        selector = tss_load(cpu, cpl * 4 + 4, 2);
    }
    if (selector_is_null(selector))
        raise_TS(cpu, ext);
    Frame f = {
        .ss = stack_segment_check(cpu, selector, cpl, EXC_TS, ext),
        .slot = slot,
        .cpl = cpl,
        .error = selector_error(selector, ext),
    };
    f.pointer_size = f.ss.access & AR_DB ? 4 : 2;
    f.sp = truncate_to(sp, f.pointer_size);
    return f;
}

void frame_reserve(Cpu *cpu, const Frame *f, unsigned slots)
{
    if (f->pointer_size == 8) {
        if (!cpu_is_canonical(cpu, f->sp - 1) || !cpu_is_canonical(cpu, f->sp - slots * f->slot))
            raise_SS(cpu, f->error);
        return;
    }
    uint64_t sp = f->sp;
    for (unsigned i = 0; i < slots; i++) {
        sp = truncate_to(sp - f->slot, f->pointer_size);
        if (sp < f->ss.first || sp - f->ss.first + f->slot > f->ss.write_span)
            raise_SS(cpu, f->error);
    }
}

/* An inner stack is written with the privilege it will be used with: the supervisor's, though the
 * CPU is still at CPL 3. */
void frame_push(Cpu *cpu, Frame *f, uint64_t value)
{
    f->sp = truncate_to(f->sp - f->slot, f->pointer_size);
    LinAddr la = f->pointer_size == 8 ? f->sp : (uint32_t)(f->ss.base + f->sp);
    if (cpu->cpl == 3 && f->cpl < 3)
        mem_store_system(cpu, la, truncate_to(value, f->slot), f->slot);
    else
        mem_store(cpu, la, truncate_to(value, f->slot), f->slot);
}
