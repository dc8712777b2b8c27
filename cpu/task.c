/* task.c - hardware task switching. [SDM3] "Task Management": "Task Switching", "Task-State Segment
 * (TSS)", and the table of exceptions during a task switch.
 *
 * Everything that can go wrong with the two TSSs and their descriptors comes first, in the old
 * task. From commit on, faults belong to the new task. */
#include "cpu/task.h"

#include "core/log.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/exec.h"

/* Selectors in the order a TSS keeps them. */
static const uint8_t segment_order[] = {SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS};

/* Where the state lies in a TSS. Sizes are of EIP, EFLAGS and general registers; selectors are two
 * bytes, `stride` apart. */
typedef struct TssLayout {
    uint8_t last;     /* smallest legal limit */
    uint8_t size;     /* bytes of a register */
    uint8_t cr3;      /* 0: none */
    uint8_t eip;      /* EIP, EFLAGS and eight registers follow each other */
    uint8_t segments; /* offset of ES */
    uint8_t segment_count;
    uint8_t stride;
    uint8_t ldt;
    uint8_t trap; /* offset of the T flag's byte; 0: none */
} TssLayout;

/* clang-format off */
static const TssLayout layout16 = { .last = 0x2b, .size = 2, .cr3 = 0,    .eip = 0x0e,
                                    .segments = 0x22, .segment_count = 4, .stride = 2,
                                    .ldt = 0x2a, .trap = 0 };
static const TssLayout layout32 = { .last = 0x67, .size = 4, .cr3 = 0x1c, .eip = 0x20,
                                    .segments = 0x48, .segment_count = 6, .stride = 4,
                                    .ldt = 0x60, .trap = 0x64 };
/* clang-format on */

/* The dynamic and static fields the processor loads. */
typedef struct TaskState {
    uint32_t cr3, eip, eflags;
    uint32_t gpr[8];
    uint16_t selector[SEG_COUNT]; /* by SegReg */
    uint16_t ldt;
    bool trap;
} TaskState;

static const TssLayout *tss_layout(unsigned access)
{
    return (access & AR_TYPE) >= DESC_TSS_AVAILABLE ? &layout32 : &layout16;
}

static uint32_t tss_read(Cpu *cpu, const Segment *tss, unsigned offset, unsigned size)
{
    return mem_load_system(cpu, (uint32_t)(tss->base + offset), size);
}

static void tss_write(Cpu *cpu, const Segment *tss, unsigned offset, uint32_t v, unsigned size)
{
    mem_store_system(cpu, (uint32_t)(tss->base + offset), truncate_to(v, size), size);
}

static void load_state(Cpu *cpu, const Segment *tss, TaskState *s)
{
    const TssLayout *l = tss_layout(tss->access);
    memset(s, 0, sizeof(*s));
    if (l->cr3)
        s->cr3 = tss_read(cpu, tss, l->cr3, 4);
    s->eip = tss_read(cpu, tss, l->eip, l->size);
    s->eflags = tss_read(cpu, tss, l->eip + l->size, l->size);
    for (unsigned i = 0; i < 8; i++)
        s->gpr[i] = tss_read(cpu, tss, l->eip + (2 + i) * l->size, l->size);
    for (unsigned i = 0; i < l->segment_count; i++)
        s->selector[segment_order[i]] = tss_read(cpu, tss, l->segments + i * l->stride, 2);
    s->ldt = tss_read(cpu, tss, l->ldt, 2);
    s->trap = l->trap && tss_read(cpu, tss, l->trap, 1) & 1;
}

static void save_state(Cpu *cpu, uint32_t eflags)
{
    const Segment *tss = &cpu->tr;
    const TssLayout *l = tss_layout(tss->access);
    tss_write(cpu, tss, l->eip, cpu->rip, l->size);
    tss_write(cpu, tss, l->eip + l->size, eflags, l->size);
    for (unsigned i = 0; i < 8; i++)
        tss_write(cpu, tss, l->eip + (2 + i) * l->size, cpu->gpr[i], l->size);
    for (unsigned i = 0; i < l->segment_count; i++)
        tss_write(cpu, tss, l->segments + i * l->stride, cpu->seg[segment_order[i]].selector, 2);
}

/* --- the new task's TSS descriptor ----------------------------------------------------------- */

/* A return from a nested task wants a busy TSS and complains with #TS, the others an available one
 * and complain with #GP. */
static Descriptor new_tss(Cpu *cpu, uint16_t selector, TaskReason reason, unsigned ext)
{
    Descriptor d;
    ExceptionVector vector = reason == TASK_IRET ? EXC_TS : EXC_GP;
    uint32_t error = selector_error(selector, ext);
    if (selector_is_null(selector) || selector & SELECTOR_TI)
        cpu_raise(cpu, vector, error);
    descriptor_require(cpu, selector, vector, ext, &d);
    unsigned type = descriptor_type(&d);
    unsigned wanted16 = reason == TASK_IRET ? DESC_TSS16_BUSY : DESC_TSS16_AVAILABLE;
    unsigned wanted = reason == TASK_IRET ? DESC_TSS_BUSY : DESC_TSS_AVAILABLE;
    if (!descriptor_is_system(&d) || (type != wanted16 && type != wanted))
        cpu_raise(cpu, vector, error);
    if (!descriptor_present(&d))
        raise_NP(cpu, error);
    if (descriptor_limit(&d) < tss_layout(descriptor_access(&d))->last)
        raise_TS(cpu, error);
    return d;
}

/* --- the new task's segments, after the switch ----------------------------------------------- */

static void load_ldt(Cpu *cpu, uint16_t selector, unsigned ext)
{
    cpu->ldtr = segment_null(selector);
    if (selector_is_null(selector))
        return;
    Descriptor d;
    uint32_t error = selector_error(selector, ext);
    if (selector & SELECTOR_TI)
        raise_TS(cpu, error);
    descriptor_require(cpu, selector, EXC_TS, ext, &d);
    if (!descriptor_is_system(&d) || descriptor_type(&d) != DESC_LDT || !descriptor_present(&d))
        raise_TS(cpu, error);
    cpu->ldtr = descriptor_segment(&d, selector);
}

static void load_code(Cpu *cpu, uint16_t selector, unsigned ext)
{
    if (selector_is_null(selector))
        raise_TS(cpu, ext);
    Descriptor d;
    uint32_t error = selector_error(selector, ext);
    descriptor_require(cpu, selector, EXC_TS, ext, &d);
    unsigned dpl = descriptor_dpl(&d), rpl = selector_rpl(selector);
    if (!descriptor_is_code(&d) || (descriptor_is_conforming(&d) ? dpl > rpl : dpl != rpl))
        raise_TS(cpu, error);
    if (!descriptor_present(&d))
        raise_NP(cpu, error);
    descriptor_set_accessed(cpu, &d);
    cpu->seg[SEG_CS] = descriptor_segment(&d, selector);
    cpu_update_mode(cpu);
}

static void load_stack(Cpu *cpu, uint16_t selector, unsigned ext)
{
    if (selector_is_null(selector))
        raise_TS(cpu, ext);
    cpu->seg[SEG_SS] = stack_segment_check(cpu, selector, cpu->cpl, EXC_TS, ext);
    cpu_update_mode(cpu);
}

static void load_data(Cpu *cpu, SegReg n, uint16_t selector, unsigned ext)
{
    if (selector_is_null(selector))
        return;
    Descriptor d;
    uint32_t error = selector_error(selector, ext);
    descriptor_require(cpu, selector, EXC_TS, ext, &d);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_readable(&d))
        raise_TS(cpu, error);
    if (!descriptor_is_conforming(&d) && (selector_rpl(selector) > dpl || cpu->cpl > dpl))
        raise_TS(cpu, error);
    if (!descriptor_present(&d))
        raise_NP(cpu, error);
    descriptor_set_accessed(cpu, &d);
    cpu->seg[n] = descriptor_segment(&d, selector);
}

static void load_segments(Cpu *cpu, const TaskState *s, unsigned ext)
{
    load_ldt(cpu, s->ldt, ext);
    if (cpu->mode == CPU_V86) {
        for (unsigned n = 0; n < SEG_COUNT; n++)
            segment_load_real(cpu, n, s->selector[n]);
        return;
    }
    load_code(cpu, s->selector[SEG_CS], ext);
    load_stack(cpu, s->selector[SEG_SS], ext);
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++)
        load_data(cpu, data[i], s->selector[data[i]], ext);
}

/* --- the switch ------------------------------------------------------------------------------ */

/* With PAE the page-directory pointers come along; bad ones are #GP(0) in the new task. */
static void load_cr3(Cpu *cpu, uint32_t cr3)
{
    cpu->cr3 = cr3;
    tlb_flush_non_global(cpu);
    if (cpu->cr4 & CR4_PAE && !mmu_load_pdptes(cpu, cr3))
        raise_GP(cpu, 0);
}

/* Registers of the new task, selectors with nothing behind them yet. */
static void commit(Cpu *cpu, const TaskState *s, TaskReason reason)
{
    bool has_cr3 = tss_layout(cpu->tr.access)->cr3;
    for (unsigned i = 0; i < 8; i++)
        cpu->gpr[i] = s->gpr[i];
    for (unsigned n = 0; n < SEG_COUNT; n++)
        cpu->seg[n] = segment_null(s->selector[n]);
    cpu->ldtr = segment_null(s->ldt);
    uint32_t eflags = s->eflags;
    if (!has_cr3)
        eflags &= 0xffff;
    eflags &= FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM |
              FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID;
    if (reason == TASK_CALL)
        eflags |= FLAG_NT;
    eflags_set(cpu, eflags);
    if (eflags & FLAG_RF)
        debug_pend(cpu, 0);
    cpu->cpl = eflags & FLAG_VM ? 3 : selector_rpl(s->selector[SEG_CS]);
    cpu->rip = cpu->rip_start = s->eip;
    cpu->cr0 |= CR0_TS;
    cpu_update_mode(cpu);
    debug_task_switched(cpu);
    if (cpu->cr0 & CR0_PG && has_cr3)
        load_cr3(cpu, s->cr3);
}

static void log_switch(const Cpu *cpu, uint16_t selector, TaskReason reason)
{
    LOG(LOG_PCALL, "cpu%u: task %04x -> %04x (%s)\n", cpu->index, cpu->tr.selector, selector,
        reason == TASK_JUMP   ? "jump"
        : reason == TASK_CALL ? "call"
                              : "iret");
}

void task_switch(Cpu *cpu, uint16_t selector, TaskReason reason, unsigned ext)
{
    Descriptor d = new_tss(cpu, selector, reason, ext);
    Segment tss = descriptor_segment(&d, selector);
    TaskState state;
    load_state(cpu, &tss, &state);
    log_switch(cpu, selector, reason);

    /* The old task; its own descriptor may have gone from the GDT, which nobody checks. */
    Descriptor old;
    bool leave = reason != TASK_CALL && descriptor_fetch(cpu, cpu->tr.selector, &old);
    uint32_t eflags = eflags_get(cpu) & ~(reason == TASK_IRET ? FLAG_NT : 0);
    descriptor_probe_write(cpu, &d);
    if (leave)
        descriptor_probe_write(cpu, &old);
    save_state(cpu, eflags);
    if (reason == TASK_CALL)
        tss_write(cpu, &tss, 0, cpu->tr.selector, 2);
    if (leave)
        descriptor_set_busy(cpu, &old, false);
    if (reason != TASK_IRET)
        descriptor_set_busy(cpu, &d, true);

    cpu->tr = descriptor_segment(&d, selector);
    commit(cpu, &state, reason);
    load_segments(cpu, &state, ext);
    if (state.trap)
        debug_pend(cpu, DR6_BT);
}
