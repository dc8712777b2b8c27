/* breakpoint.h - stopping a CPU for a debugger outside, unseen by the guest.
 *
 * Apart from the guest's own debug registers (cpu/debug.c): nothing here reaches DR6 or raises #DB.
 * While a CPU has no breakpoints this costs nothing: a page with a breakpoint has no fetch tag in
 * the TLB and a page with a watchpoint no read and write tags, so only accesses to them come by
 * here.
 *
 * cpu_run lets the interpreter run a CPU that has any. An engine that is to run them itself
 *   - calls breakpoint_check when it fetches a block from a page without a fetch tag;
 *   - ends blocks before an address for which breakpoint_at is true;
 *   - unlinks blocks linked past the TLB when PENDING_FLUSH tells that breakpoints have changed. */
#ifndef MYNA_CPU_BREAKPOINT_H
#define MYNA_CPU_BREAKPOINT_H

#include "cpu/mem.h"

typedef enum BreakpointKind {
    BREAKPOINT_SOFTWARE, /* stop before the instruction at the address is executed */
    BREAKPOINT_HARDWARE, /* the same: they differ in what the debugger is told */
    WATCHPOINT_WRITE,    /* stop after an instruction that writes any of the bytes */
    WATCHPOINT_READ,
    WATCHPOINT_ACCESS, /* that reads or writes */
} BreakpointKind;

typedef struct Breakpoint {
    BreakpointKind kind;
    LinAddr la;
    uint64_t size; /* bytes watched; of no meaning for breakpoints */
} Breakpoint;

enum { BREAKPOINTS_MAX = 1024 };

/* The CPU must not be in cpu_run. Inserting what is there already is no error; false: there are too
 * many. Removing: false if there is no such one. */
bool breakpoint_insert(Cpu *cpu, const Breakpoint *breakpoint) G_GNUC_WARN_UNUSED_RESULT;
bool breakpoint_remove(Cpu *cpu, const Breakpoint *breakpoint);
void breakpoint_remove_all(Cpu *cpu);

/* Executes one instruction, whatever breakpoint is on it, and stops with STOP_STEP; but a CPU that
 * cannot run does nothing. Without `interrupts`, a running CPU takes none before the instruction.
 */
void cpu_step(Cpu *cpu, bool interrupts);

/* --- for engines ------------------------------------------------------------------------------ */

/* What the functions below do once there is a list. */
bool breakpoint_at_slow(const Cpu *cpu, LinAddr la);
bool breakpoint_in_page_slow(const Cpu *cpu, LinAddr la);
bool watchpoint_in_page_slow(const Cpu *cpu, LinAddr la);
void breakpoint_check_slow(Cpu *cpu, LinAddr la);
void watchpoint_access_slow(Cpu *cpu, LinAddr la, unsigned size, MemAccess access);

static inline bool breakpoint_at(const Cpu *cpu, LinAddr la)
{
    return UNLIKELY(cpu->breakpoints != NULL) && breakpoint_at_slow(cpu, la);
}

/* Is there one in the page of la? */
static inline bool breakpoint_in_page(const Cpu *cpu, LinAddr la)
{
    return UNLIKELY(cpu->breakpoints != NULL) && breakpoint_in_page_slow(cpu, la);
}

static inline bool watchpoint_in_page(const Cpu *cpu, LinAddr la)
{
    return UNLIKELY(cpu->breakpoints != NULL) && watchpoint_in_page_slow(cpu, la);
}

/* No breakpoint at la counts until an instruction has retired after the one that is number
 * insn_count: the CPU has stopped there, or a repeated instruction goes on. */
static inline void breakpoint_pass(Cpu *cpu, LinAddr la, uint64_t insn_count)
{
    cpu->passed.la = la;
    cpu->passed.insn_count = insn_count;
}

/* Before the instruction at la: leaves cpu_run if there is a breakpoint that is not passed. */
static inline void breakpoint_check(Cpu *cpu, LinAddr la)
{
    if (UNLIKELY(cpu->breakpoints != NULL))
        breakpoint_check_slow(cpu, la);
}

/* After an access to a page without tags: the CPU stops when the instruction is done. */
static inline void watchpoint_access(Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    if (UNLIKELY(cpu->breakpoints != NULL))
        watchpoint_access_slow(cpu, la, size, access);
}

#endif
