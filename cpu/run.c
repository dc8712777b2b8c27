/* run.c - the interpreter's run loop: look at pending events, find a block, execute it.
 *
 * A raise comes back to cpu_run by siglongjmp with rip_start at the faulting instruction. Events
 * are looked at between blocks; whatever must be noticed at once ends the running block. */
#include "cpu/run.h"

#include "cpu/block.h"
#include "cpu/breakpoint.h"
#include "cpu/cet.h"
#include "cpu/exec.h"
#include "cpu/group.h"
#include "cpu/interrupt.h"
#include "cpu/mmu.h"

static uint32_t pending_bits(const Cpu *cpu)
{
    return __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);
}

static void pending_clear(Cpu *cpu, uint32_t bits)
{
    __atomic_fetch_and(&cpu->pending, ~bits, __ATOMIC_SEQ_CST);
}

/* A start-up IPI. [SDM3] "MP Initialization Protocol Algorithm". */
static void start_up(Cpu *cpu)
{
    pending_clear(cpu, PENDING_SIPI);
    if (cpu->activity != CPU_WAIT_SIPI)
        return;
    Segment *cs = &cpu->seg[SEG_CS];
    uint8_t page = __atomic_load_n(&cpu->sipi_vector, __ATOMIC_RELAXED);
    cs->selector = page << 8;
    cs->base = (uint64_t)page << 12;
    segment_update(cs);
    cpu->rip = 0;
    cpu->activity = CPU_RUNNING;
    cpu_update_mode(cpu);
}

static int acknowledge(Cpu *cpu)
{
    lock_take(cpu->bus.lock);
    int vector = cpu->bus.intc_ops->acknowledge(cpu->bus.intc);
    lock_release(cpu->bus.lock);
    return vector;
}

static void take_init(Cpu *cpu)
{
    pending_clear(cpu, PENDING_INIT);
    cpu_reset(cpu, CPU_INIT);
    if (cpu->bus.intc_ops && cpu->bus.intc_ops->reset) {
        lock_take(cpu->bus.lock);
        cpu->bus.intc_ops->reset(cpu->bus.intc);
        lock_release(cpu->bus.lock);
    }
}

/* Interrupts from outside, in the manual's order. [SDM3] "Priority Among Concurrent Events". */
static void take_interrupts(Cpu *cpu, uint32_t pending)
{
    bool may_run = cpu->activity == CPU_RUNNING || cpu->activity == CPU_HALTED;
    if (pending & PENDING_SMI && !cpu->smm) {
        pending_clear(cpu, PENDING_SMI);
        smm_enter(cpu);
        return;
    }
    if (pending & PENDING_NMI && !cpu->nmi_blocked && !(cpu->shadow & SHADOW_MOV_SS)) {
        pending_clear(cpu, PENDING_NMI);
        cpu->activity = CPU_RUNNING;
        interrupt_nmi(cpu);
        return;
    }
    if (pending & PENDING_INTR && cpu->eflags & FLAG_IF && !cpu->shadow && may_run) {
        int vector = acknowledge(cpu);
        if (vector >= 0) {
            cpu->activity = CPU_RUNNING;
            interrupt_hardware(cpu, vector);
        }
    }
}

/* Looks at everything pending. False: leave cpu_run. */
static bool service(Cpu *cpu)
{
    uint32_t pending = pending_bits(cpu);
    if (pending & PENDING_EXIT) {
        pending_clear(cpu, PENDING_EXIT);
        return false;
    }
    if (pending & PENDING_FLUSH) {
        pending_clear(cpu, PENDING_FLUSH);
        cpu_group_flush(cpu);
    }
    if (pending & PENDING_CODE) {
        pending_clear(cpu, PENDING_CODE);
        cpu_group_serve(cpu);
    }
    if (pending & PENDING_INIT && !cpu->smm)
        take_init(cpu);
    if (pending & PENDING_SIPI)
        start_up(cpu);
    /* rip is that of the next instruction: a fault while delivering restarts there. */
    cpu->rip_start = cpu->rip;
    cpu->insn = NULL;
    bool held = cpu->hold_interrupts && cpu->activity == CPU_RUNNING;
    if (cpu->activity != CPU_WAIT_SIPI && !held)
        take_interrupts(cpu, pending_bits(cpu));
    return cpu->activity == CPU_RUNNING;
}

/* The inner loop. Everything between two looks at `pending`. Whatever sets rip ends its block, so
 * the next rip is known without reading back what the instruction left. */
static ALWAYS_INLINE void run_insns(Cpu *cpu, const Insn *insn, const Insn *end)
{
    const Insn *first = insn;
    uint64_t rip = cpu->rip;
    cpu->block_first = first;
    cpu->block_end = end;
    do {
        cpu->insn = insn;
        cpu->rip_start = rip;
        rip += insn->length;
        cpu->rip = rip;
        insn->exec(cpu, insn);
        insn++;
    } while (insn != cpu->block_end);
    cpu->insn = NULL;
    cpu->insn_count += insn - first;
}

/* One instruction with every check around it: shadows, TF, breakpoints, branch tracking. */
static void run_one(Cpu *cpu)
{
    breakpoint_check(cpu, code_address(cpu, cpu->rip));
    debug_before_instruction(cpu);
    const CodeBlock *block = code_block(cpu);
    if (UNLIKELY(pending_bits(cpu) & PENDING_TRACKER))
        cet_check_target(cpu, block->insns);
    cpu->shadow = 0;
    run_insns(cpu, block->insns, block->insns + 1);
    if (!cpu->shadow)
        pending_clear(cpu, PENDING_SHADOW);
    debug_after_instruction(cpu);
}

static const uint32_t run_alone = PENDING_DEBUG | PENDING_SHADOW | PENDING_TRACKER;

/* A request that IF holds off is no news. */
static bool held_off(const Cpu *cpu, uint32_t pending)
{
    return pending == PENDING_INTR && !(cpu->eflags & FLAG_IF) && cpu->activity == CPU_RUNNING;
}

bool run_is_quiet(const Cpu *cpu)
{
    uint32_t pending = pending_bits(cpu);
    return LIKELY(!(pending | cpu->activity)) || held_off(cpu, pending);
}

RunNext run_attend(Cpu *cpu)
{
    if (run_is_quiet(cpu))
        return RUN_BLOCKS;
    if (!service(cpu))
        return RUN_STOP;
    if (!(pending_bits(cpu) & run_alone))
        return RUN_BLOCKS;
    cpu->rip_start = cpu->rip;
    run_one(cpu);
    return RUN_LOOK_AGAIN;
}

HOT void run_block(Cpu *cpu, uint64_t most)
{
    cpu->rip_start = cpu->rip;
    const CodeBlock *block = code_block(cpu);
    run_insns(cpu, block->insns, block->insns + MIN(block->count, most));
}

/* Apart from cpu_run, whose locals live in memory because of sigsetjmp. */
static HOT NOINLINE void interpreter_run(Cpu *cpu, uint64_t limit)
{
    while (cpu->insn_count < limit) {
        RunNext next = run_attend(cpu);
        if (next == RUN_STOP)
            return;
        if (next == RUN_BLOCKS)
            run_block(cpu, limit - cpu->insn_count);
    }
}

const CpuEngine interpreter_engine = {.name = "interp", .run = interpreter_run};

void cpu_set_engine(Cpu *cpu, const CpuEngine *engine, void *data)
{
    if (cpu->engine && cpu->engine->free)
        cpu->engine->free(cpu);
    cpu->engine = engine;
    cpu->engine_data = data;
}

uint64_t cpu_run(Cpu *cpu, uint64_t budget)
{
    uint64_t start = cpu->insn_count, limit = start + budget;
    sigjmp_buf unwind;
    cpu->unwind = &unwind;
    /* Breakpoints, and steps of one instruction, are the interpreter's. */
    bool debugged = cpu->breakpoints || cpu->stepping;
    const CpuEngine *engine = UNLIKELY(debugged) ? &interpreter_engine : cpu->engine;
    cpu_group_enter(cpu);
    int unwound = sigsetjmp(unwind, 0);
    if (unwound && cpu->alone)
        cpu_group_share(cpu);
    if (unwound == UNWIND_STOP) {
        cpu_group_leave(cpu);
        return cpu->insn_count - start;
    }
    if (unwound == UNWIND_RAISE) {
        if (engine->unwound)
            engine->unwound(cpu);
        /* The instruction in flight raised: it does not count, and rip goes back to it. */
        if (cpu->insn)
            cpu->insn_count += cpu->insn - cpu->block_first;
        cpu->insn = NULL;
        cpu->unwind = &unwind;
        cpu->rip = cpu->rip_start;
        exception_deliver(cpu, cpu->raised.vector, cpu->raised.error);
        /* A fault storm must end a bounded run too. */
        cpu->insn_count++;
    }
    engine->run(cpu, limit);
    cpu->insn = NULL;
    cpu_group_leave(cpu);
    return cpu->insn_count - start;
}
