/* interrupt.c - events through the IDT: real mode vectors, interrupt, trap and task gates, 64-bit
 * gates, and exceptions that meet exceptions.
 *
 * Reads as [SDM2] INT n/INTO/INT3/INT1 "Operation"; [SDM3] "Interrupt and Exception Handling". What
 * can fault comes before what changes the CPU. */
#include "cpu/interrupt.h"

#include <inttypes.h>

#include "core/log.h"
#include "cpu/cet.h"
#include "cpu/debug.h"
#include "cpu/far.h"
#include "cpu/frame.h"
#include "cpu/interrupt_priv.h"
#include "cpu/task.h"

/* --- real mode ------------------------------------------------------------------------------- */

void interrupt_enter_8086(Cpu *cpu, uint32_t entry, uint16_t flags)
{
    Frame f = frame_current(cpu, 2, 0);
    frame_reserve(cpu, &f, 3);
    frame_push(cpu, &f, flags);
    frame_push(cpu, &f, cpu->seg[SEG_CS].selector);
    frame_push(cpu, &f, cpu->rip);
    frame_commit(cpu, &f);
    segment_load_real(cpu, SEG_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
}

/* REAL-ADDRESS-MODE. No error codes here. */
static void deliver_real(Cpu *cpu, const Event *event)
{
    if (event->vector * 4 + 3 > cpu->idtr.limit)
        raise_GP(cpu, event->vector * 8 + ERROR_IDT + event->ext);
    LinAddr la = (uint32_t)(cpu->idtr.base + event->vector * 4);
    uint32_t entry = mem_load_system(cpu, la, 4);
    interrupt_enter_8086(cpu, entry, eflags_get(cpu));
    cpu->eflags &= ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF);
    cpu_update_mode(cpu);
}

/* --- gates ----------------------------------------------------------------------------------- */

static uint32_t gate_error(const Event *event)
{
    return event->vector * 8 + ERROR_IDT + event->ext;
}

/* Types of gates the IDT may hold, as bit sets. */
enum {
    IDT_TYPES = 1 << DESC_TASK_GATE | 1 << DESC_INT_GATE16 | 1 << DESC_TRAP_GATE16 |
                1 << DESC_INT_GATE | 1 << DESC_TRAP_GATE,
    IDT_TYPES_LMA = 1 << DESC_INT_GATE | 1 << DESC_TRAP_GATE,
};

static Descriptor idt_gate(Cpu *cpu, const Event *event)
{
    bool lma = cpu_is_lma(cpu);
    unsigned size = lma ? 16 : 8;
    uint32_t error = gate_error(event);
    if (event->vector * size + size - 1 > cpu->idtr.limit)
        raise_GP(cpu, error);
    Descriptor gate = {.la = cpu->idtr.base + event->vector * size};
    if (!lma)
        gate.la = (uint32_t)gate.la;
    gate.low = mem_load_system(cpu, gate.la, 8);
    if (lma)
        gate.high = mem_load_system(cpu, gate.la + 8, 8);
    unsigned types = lma ? IDT_TYPES_LMA : IDT_TYPES;
    if (!descriptor_is_system(&gate) || !bit_get(types, descriptor_type(&gate)))
        raise_GP(cpu, error);
    if (event_is_software(event) && descriptor_dpl(&gate) < cpu->cpl)
        raise_GP(cpu, error);
    if (!descriptor_present(&gate))
        raise_NP(cpu, error);
    return gate;
}

/* The handler's code segment and the privilege it runs at. From V86 mode only level 0 will do. */
static Segment handler_code(Cpu *cpu, uint16_t selector, unsigned ext, unsigned *cpl)
{
    if (selector_is_null(selector))
        raise_GP(cpu, ext);
    Descriptor d;
    uint32_t error = selector_error(selector, ext);
    descriptor_require(cpu, selector, EXC_GP, ext, &d);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_code(&d) || dpl > cpu->cpl)
        raise_GP(cpu, error);
    if (cpu_is_lma(cpu) && (descriptor_access(&d) & (AR_L | AR_DB)) != AR_L)
        raise_GP(cpu, error);
    if (!descriptor_present(&d))
        raise_NP(cpu, error);
    bool inner = !descriptor_is_conforming(&d) && dpl < cpu->cpl;
    if (cpu->mode == CPU_V86 && (!inner || dpl != 0))
        raise_GP(cpu, error);
    *cpl = inner ? dpl : cpu->cpl;
    descriptor_set_accessed(cpu, &d);
    return descriptor_known_segment(cpu, &d, selector);
}

/* EFLAGS in the handler. */
static void enter_handler_flags(Cpu *cpu, const Descriptor *gate)
{
    bool interrupt_gate = !(descriptor_type(gate) & 1);
    cpu->eflags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (interrupt_gate ? FLAG_IF : 0));
}

/* EFLAGS, CS, eIP and the error code: the part of the frame that every handler finds. */
static void push_return(Cpu *cpu, Frame *f, const Event *event)
{
    frame_push(cpu, f, eflags_get(cpu));
    frame_push(cpu, f, cpu->seg[SEG_CS].selector);
    frame_push(cpu, f, cpu->rip);
    if (event->has_error)
        frame_push(cpu, f, event->error);
}

/* INTRA-PRIVILEGE-LEVEL-INTERRUPT */
static void deliver_same(Cpu *cpu, const Event *event, const Descriptor *gate, const Segment *cs)
{
    Frame f = frame_current(cpu, gate_slot(cpu, gate), event->ext);
    uint64_t rip = gate_offset(cpu, gate);
    frame_reserve(cpu, &f, 3 + event->has_error);
    far_check_target(cpu, cs, rip, event->ext);
    push_return(cpu, &f, event);
    uint64_t ssp = cet_prepare_call(cpu, cs, cpu->cpl, 0);
    frame_commit(cpu, &f);
    cet_commit_call(cpu, cpu->cpl, ssp);
    enter_handler_flags(cpu, gate);
    far_commit(cpu, cs, rip, cpu->cpl);
}

/* INTER-PRIVILEGE-LEVEL-INTERRUPT and INTERRUPT-FROM-VIRTUAL-8086-MODE */
static void deliver_inner(Cpu *cpu, const Event *event, const Descriptor *gate, const Segment *cs,
                          unsigned cpl)
{
    static const uint8_t v86_order[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
    bool v86 = cpu->mode == CPU_V86;
    Frame f = frame_inner(cpu, cpl, gate_slot(cpu, gate), event->ext);
    uint64_t rip = gate_offset(cpu, gate);
    frame_reserve(cpu, &f, 5 + event->has_error + (v86 ? G_N_ELEMENTS(v86_order) : 0));
    far_check_target(cpu, cs, rip, event->ext);
    for (unsigned i = 0; v86 && i < G_N_ELEMENTS(v86_order); i++)
        frame_push(cpu, &f, cpu->seg[v86_order[i]].selector);
    frame_push(cpu, &f, cpu->seg[SEG_SS].selector);
    frame_push(cpu, &f, cpu->gpr[RSP]);
    push_return(cpu, &f, event);
    uint64_t ssp = cet_prepare_call(cpu, cs, cpl, 0);
    frame_commit(cpu, &f);
    cet_commit_call(cpu, cpl, ssp);
    for (unsigned i = 0; v86 && i < G_N_ELEMENTS(v86_order); i++)
        cpu->seg[v86_order[i]] = segment_null(0);
    enter_handler_flags(cpu, gate);
    far_commit(cpu, cs, rip, cpl);
}

/* 64-bit gates push SS:RSP always, on a stack aligned to 16 bytes: an interrupt stack table entry,
 * the TSS's stack for an inner level, or the present one. [SDM3] "64-Bit Mode Stack Frame". */
static void deliver_long(Cpu *cpu, const Event *event, const Descriptor *gate, const Segment *cs,
                         unsigned cpl)
{
    bool inner = cpl < cpu->cpl;
    unsigned ist = gate_ist(gate);
    Frame f = frame_current(cpu, 8, event->ext);
    f.pointer_size = 8;
    f.cpl = cpl;
    f.sp = cpu->gpr[RSP];
    if (ist || inner)
        f.sp = tss_stack_pointer64(cpu, cpl, ist, event->ext);
    if (inner)
        f.ss = segment_null(cpl);
    f.sp &= ~(uint64_t)15;
    uint64_t rip = gate_offset(cpu, gate);
    frame_reserve(cpu, &f, 5 + event->has_error);
    far_check_target(cpu, cs, rip, event->ext);
    frame_push(cpu, &f, cpu->seg[SEG_SS].selector);
    frame_push(cpu, &f, cpu->gpr[RSP]);
    push_return(cpu, &f, event);
    uint64_t ssp = cet_prepare_call(cpu, cs, cpl, ist);
    frame_commit(cpu, &f);
    cet_commit_call(cpu, cpl, ssp);
    enter_handler_flags(cpu, gate);
    far_commit(cpu, cs, rip, cpl);
}

/* TASK-GATE: the error code goes on the new task's stack. */
static void deliver_to_task(Cpu *cpu, const Event *event, const Descriptor *gate)
{
    task_switch(cpu, gate_selector(gate), TASK_CALL, event->ext);
    if (event->has_error) {
        Frame f = frame_current(cpu, tss_is_32bit(cpu) ? 4 : 2, event->ext);
        frame_reserve(cpu, &f, 1);
        frame_push(cpu, &f, event->error);
        frame_commit(cpu, &f);
    }
    far_check_target(cpu, &cpu->seg[SEG_CS], cpu->rip, event->ext);
}

/* PROTECTED-MODE and IA-32e-MODE */
static void deliver_protected(Cpu *cpu, const Event *event)
{
    Descriptor gate = idt_gate(cpu, event);
    if (descriptor_type(&gate) == DESC_TASK_GATE) {
        deliver_to_task(cpu, event, &gate);
        return;
    }
    unsigned cpl;
    Segment cs = handler_code(cpu, gate_selector(&gate), event->ext, &cpl);
    if (cpu_is_lma(cpu))
        deliver_long(cpu, event, &gate, &cs, cpl);
    else if (cpl < cpu->cpl)
        deliver_inner(cpu, event, &gate, &cs, cpl);
    else
        deliver_same(cpu, event, &gate, &cs);
}

static void log_event(const Cpu *cpu, const Event *event)
{
    LOG(LOG_INT,
        "cpu%u: vector %#x kind %d error %#x cs:rip %04x:%016" PRIx64
        " cpl %u ss:rsp %04x:%016" PRIx64 " cr2 %016" PRIx64 "\n",
        cpu->index, event->vector, event->kind, event->error, cpu->seg[SEG_CS].selector, cpu->rip,
        cpu->cpl, cpu->seg[SEG_SS].selector, cpu->gpr[RSP], cpu->cr2);
}

void interrupt_deliver(Cpu *cpu, unsigned vector, EventKind kind, bool has_error, uint32_t error)
{
    Event event = {.vector = vector, .kind = kind, .has_error = has_error, .error = error};
    event.ext = event_is_software(&event) ? 0 : ERROR_EXT;
    log_event(cpu, &event);
    debug_event_begins(cpu, kind);
    cpu->shadow = 0;
    if (cpu->mode == CPU_REAL)
        deliver_real(cpu, &event);
    else if (cpu->mode != CPU_V86 || kind != EVENT_SOFTWARE || !interrupt_redirect_v86(cpu, vector))
        deliver_protected(cpu, &event);
}

/* --- exceptions ------------------------------------------------------------------------------ */

/* Vector sets. [SDM3] "Exceptions and Interrupts" table, "Double Fault Exception". */
enum {
    WITH_ERROR_CODE = 1 << EXC_DF | 1 << EXC_TS | 1 << EXC_NP | 1 << EXC_SS | 1 << EXC_GP |
                      1 << EXC_PF | 1 << EXC_AC | 1 << EXC_CP,
    FAULTS = 1 << EXC_DE | 1 << EXC_DB | 1 << EXC_BR | 1 << EXC_UD | 1 << EXC_NM | 1 << EXC_TS |
             1 << EXC_NP | 1 << EXC_SS | 1 << EXC_GP | 1 << EXC_PF | 1 << EXC_MF | 1 << EXC_AC |
             1 << EXC_XM | 1 << EXC_CP,
    CONTRIBUTORY = 1 << EXC_DE | 1 << EXC_TS | 1 << EXC_NP | 1 << EXC_SS | 1 << EXC_GP |
                   1 << EXC_CP,
};

/* What a second exception during the delivery of a first one makes of both. */
typedef enum Meeting { MEETING_SERIAL, MEETING_DOUBLE_FAULT, MEETING_SHUTDOWN } Meeting;

static Meeting meeting(ExceptionVector first, ExceptionVector second)
{
    bool second_contributory = bit_get(CONTRIBUTORY, second);
    if (first == EXC_DF && (second_contributory || second == EXC_PF))
        return MEETING_SHUTDOWN;
    if (first == EXC_PF && (second_contributory || second == EXC_PF))
        return MEETING_DOUBLE_FAULT;
    if (bit_get(CONTRIBUTORY, first) && second_contributory)
        return MEETING_DOUBLE_FAULT;
    return MEETING_SERIAL;
}

void cpu_shut_down(Cpu *cpu)
{
    LOG(LOG_INT, "cpu%u: shutdown at %04x:%016" PRIx64 "\n", cpu->index, cpu->seg[SEG_CS].selector,
        cpu->rip);
    cpu->activity = CPU_SHUTDOWN;
    cpu->pending_db = 0;
    if (!cpu->bus.triple_fault)
        return;
    lock_take(cpu->bus.lock);
    cpu->bus.triple_fault(cpu->bus.opaque, cpu);
    lock_release(cpu->bus.lock);
}

/* One attempt. True if it was delivered; else cpu->raised says what went wrong. */
static bool try_deliver(Cpu *cpu, ExceptionVector vector, uint32_t error)
{
    sigjmp_buf *outer = cpu->unwind, unwind;
    cpu->unwind = &unwind;
    bool delivered = !sigsetjmp(unwind, 0);
    if (delivered)
        interrupt_deliver(cpu, vector, EVENT_EXCEPTION, bit_get(WITH_ERROR_CODE, vector), error);
    cpu->unwind = outer;
    return delivered;
}

/* Benign exceptions could follow each other for ever; hardware would hang, we stop. */
enum { MAX_NESTED = 16 };

static void deliver_nested(Cpu *cpu, ExceptionVector vector, uint32_t error)
{
    for (unsigned i = 0; i < MAX_NESTED; i++) {
        if (try_deliver(cpu, vector, error))
            return;
        ExceptionVector second = cpu->raised.vector;
        switch (meeting(vector, second)) {
        case MEETING_SERIAL:
            vector = second;
            error = cpu->raised.error;
            break;
        case MEETING_DOUBLE_FAULT:
            vector = EXC_DF;
            error = 0;
            break;
        case MEETING_SHUTDOWN:
            cpu_shut_down(cpu);
            return;
        }
        if (bit_get(FAULTS, vector))
            cpu->eflags |= FLAG_RF;
    }
    cpu_shut_down(cpu);
}

/* A fault pushes RF set, so that an instruction breakpoint does not stop its restart; only the
 * breakpoint itself pushes RF as it is. [SDM3] "Instruction-Breakpoint Exception Condition". */
void exception_deliver(Cpu *cpu, ExceptionVector vector, uint32_t error)
{
    bool breakpoint = vector == EXC_DB && error == DEBUG_INSTRUCTION_BREAKPOINT;
    if (bit_get(FAULTS, vector) && !breakpoint)
        cpu->eflags |= FLAG_RF;
    if (vector == EXC_DB)
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
    deliver_nested(cpu, vector, error);
}

void exception_deliver_trap(Cpu *cpu, ExceptionVector vector)
{
    if (vector == EXC_DB)
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
    deliver_nested(cpu, vector, 0);
}

/* --- from outside ---------------------------------------------------------------------------- */

void interrupt_hardware(Cpu *cpu, int vector)
{
    cpu->rip_start = cpu->rip;
    interrupt_deliver(cpu, vector, EVENT_HARDWARE, false, 0);
}

/* Further NMIs wait for IRET. */
void interrupt_nmi(Cpu *cpu)
{
    cpu->nmi_blocked = true;
    interrupt_hardware(cpu, EXC_NMI);
}
