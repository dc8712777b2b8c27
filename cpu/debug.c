/* debug.c - breakpoints in DR0-3, single steps, and DR6.
 *
 * [SDM3] "Debug, Branch Profile, TSC, and Intel Resource Director Technology Features". DR7 is the
 * only state: while no breakpoint is enabled and TF is clear, PENDING_DEBUG is clear and nothing
 * here runs; while one is, instructions run one by one and the pages of data breakpoints have no
 * TLB entries, so that their accesses come by here.
 *
 * DR7:   31..16: LEN3 RW3 .. LEN0 RW0     13: GD     9: GE  8: LE     7..0: G3 L3 .. G0 L0 */
#include "cpu/debug.h"

#include "cpu/breakpoint.h"
#include "cpu/interrupt.h"
#include "cpu/mmu.h"

enum { BREAKPOINTS = 4, DR7_LOCAL_ENABLES = 0x155 };

typedef enum BreakOn { BREAK_FETCH, BREAK_WRITE, BREAK_IO, BREAK_ACCESS } BreakOn;

static bool enabled(const Cpu *cpu, unsigned n)
{
    return bits_get(cpu->dr[7], 2 * n, 2);
}

static BreakOn break_on(const Cpu *cpu, unsigned n)
{
    return bits_get(cpu->dr[7], 16 + 4 * n, 2);
}

/* LEN: 1, 2, 8, 4 bytes. */
static unsigned break_size(const Cpu *cpu, unsigned n)
{
    static const uint8_t sizes[] = {1, 2, 8, 4};
    return sizes[bits_get(cpu->dr[7], 18 + 4 * n, 2)];
}

/* The range is aligned to its size, whatever the low address bits say. */
static bool range_hit(const Cpu *cpu, unsigned n, uint64_t address, unsigned size)
{
    unsigned length = break_size(cpu, n);
    uint64_t first = cpu->dr[n] & ~(uint64_t)(length - 1);
    return address <= first + length - 1 && address + size - 1 >= first;
}

/* DR6 bits of the breakpoints of one kind that [address, address+size) touches. */
static unsigned hits(const Cpu *cpu, unsigned kinds, uint64_t address, unsigned size)
{
    unsigned bits = 0;
    for (unsigned n = 0; n < BREAKPOINTS; n++)
        if (enabled(cpu, n) && bit_get(kinds, break_on(cpu, n)) && range_hit(cpu, n, address, size))
            bits |= 1u << n;
    return bits;
}

static bool armed(const Cpu *cpu)
{
    return cpu->dr[7] & DR7_ENABLES || cpu->eflags & (FLAG_TF | FLAG_RF) || cpu->pending_db;
}

static void note(Cpu *cpu)
{
    __atomic_fetch_or(&cpu->pending, PENDING_DEBUG, __ATOMIC_RELAXED);
}

/* B0-B3 are replaced, the others stay until software clears them. */
static void dr6_report(Cpu *cpu, uint64_t bits)
{
    cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)0xf) | bits;
}

void debug_pend(Cpu *cpu, uint64_t dr6)
{
    cpu->pending_db |= dr6;
    note(cpu);
}

/* Kernels return from every page fault with RF set. Without breakpoints there is nothing to hide,
 * and only an interrupt's frame would show it: it goes at once, unless there may be one. */
void debug_resume(Cpu *cpu)
{
    if (cpu->dr[7] & DR7_ENABLES || __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE))
        note(cpu);
    else
        cpu->eflags &= ~FLAG_RF;
}

/* --- arming ---------------------------------------------------------------------------------- */

/* Pages enter or leave the TLB by what is armed now. */
void debug_registers_changed(Cpu *cpu)
{
    tlb_flush_all(cpu);
    if (armed(cpu))
        note(cpu);
}

void debug_task_switched(Cpu *cpu)
{
    if (!(cpu->dr[7] & DR7_LOCAL_ENABLES))
        return;
    cpu->dr[7] &= ~(uint64_t)DR7_LOCAL_ENABLES;
    debug_registers_changed(cpu);
}

bool debug_page_watched_slow(const Cpu *cpu, LinAddr la)
{
    unsigned data = 1 << BREAK_WRITE | 1 << BREAK_ACCESS;
    return hits(cpu, data, la & ~PAGE_MASK, PAGE_SIZE);
}

/* --- accesses -------------------------------------------------------------------------------- */

void debug_data_access(Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    watchpoint_access(cpu, la, size, access);
    if (LIKELY(!(cpu->dr[7] & DR7_ENABLES)))
        return;
    unsigned kinds = 1 << BREAK_ACCESS | (access == ACCESS_WRITE ? 1 << BREAK_WRITE : 0);
    unsigned bits = hits(cpu, kinds, la, size);
    if (bits)
        debug_pend(cpu, bits);
}

void debug_io_access(Cpu *cpu, uint16_t port, unsigned size)
{
    if (LIKELY(!(cpu->dr[7] & DR7_ENABLES)) || !(cpu->cr4 & CR4_DE))
        return;
    unsigned bits = hits(cpu, 1 << BREAK_IO, port, size);
    if (bits)
        debug_pend(cpu, bits);
}

/* --- around an instruction ------------------------------------------------------------------- */

static void deliver_trap(Cpu *cpu)
{
    dr6_report(cpu, cpu->pending_db);
    cpu->pending_db = 0;
    if (cpu->activity == CPU_HALTED)
        cpu->activity = CPU_RUNNING;
    exception_deliver_trap(cpu, EXC_DB);
}

static void check_instruction_breakpoint(Cpu *cpu)
{
    LinAddr la = cpu->rip;
    if (!cpu_is_long(cpu))
        la = (uint32_t)(cpu->seg[SEG_CS].base + cpu->rip);
    unsigned bits = hits(cpu, 1 << BREAK_FETCH, la, 1);
    if (!bits)
        return;
    dr6_report(cpu, bits);
    cpu_raise(cpu, EXC_DB, DEBUG_INSTRUCTION_BREAKPOINT);
}

/* RF lasts for one instruction and only hides instruction breakpoints, so it ends here; a fault in
 * the instruction pushes it set anyway. [SDM3] "Instruction-Breakpoint Exception Condition". */
void debug_before_instruction(Cpu *cpu)
{
    bool in_shadow = cpu->shadow & SHADOW_MOV_SS;
    /* What a task switch by an event left to report. */
    if (cpu->pending_db && !in_shadow) {
        deliver_trap(cpu);
        cpu->rip_start = cpu->rip;
    }
    bool resume = cpu->eflags & FLAG_RF;
    cpu->eflags &= ~FLAG_RF;
    if (!resume && !in_shadow && cpu->dr[7] & DR7_ENABLES)
        check_instruction_breakpoint(cpu);
    if (cpu->eflags & FLAG_TF)
        cpu->pending_db |= DR6_BS;
}

/* A repeated string instruction that stopped between iterations will execute at the same place. */
static bool repeat_unfinished(const Cpu *cpu)
{
    const Insn *insn = cpu->block_first;
    return cpu->rip == cpu->rip_start && insn->rep && insn_row(insn)->attrs & ATTR_STRING;
}

/* [SDM3] "Masking Exceptions and Interrupts When Switching Stacks": after MOV SS and POP SS traps
 * wait for the next instruction. Between iterations RF is set, so that a breakpoint on a repeated
 * instruction stops it once. */
void debug_after_instruction(Cpu *cpu)
{
    if (repeat_unfinished(cpu))
        cpu->eflags |= FLAG_RF;
    if (cpu->pending_db && !(cpu->shadow & SHADOW_MOV_SS))
        deliver_trap(cpu);
    if (!armed(cpu))
        __atomic_fetch_and(&cpu->pending, ~PENDING_DEBUG, __ATOMIC_RELAXED);
}

/* A software interrupt completes before the traps of the data it touched; but not its single step,
 * for TF is clear in the handler. INT1 is a #DB itself and takes them along. A fault or an
 * interrupt abandons them all. */
void debug_event_begins(Cpu *cpu, EventKind kind)
{
    uint64_t data = cpu->pending_db & 0xf;
    cpu->pending_db = kind == EVENT_SOFTWARE || kind == EVENT_INT3_INTO ? data : 0;
    if (kind != EVENT_ICEBP)
        return;
    cpu->dr[7] &= ~(uint64_t)DR7_GD;
    if (data)
        dr6_report(cpu, data);
}

void debug_step_by_new_flags(Cpu *cpu)
{
    cpu->pending_db &= ~(uint64_t)DR6_BS;
    if (cpu->eflags & FLAG_TF)
        debug_pend(cpu, DR6_BS);
}
