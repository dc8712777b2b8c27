/* breakpoint.c - the breakpoints and watchpoints of a debugger outside, one list for each CPU. */
#include "cpu/breakpoint.h"

#include "cpu/interrupt.h"

struct BreakpointList {
    unsigned count;
    Breakpoint item[];
};

static bool is_watchpoint(const Breakpoint *b)
{
    return b->kind >= WATCHPOINT_WRITE;
}

/* Does [first, first+size) touch any of the bytes watched? Neither range may wrap. */
static bool overlaps(const Breakpoint *b, LinAddr first, uint64_t size)
{
    return first <= b->la + (b->size - 1) && first + (size - 1) >= b->la;
}

/* --- the list --------------------------------------------------------------------------------- */

static Breakpoint *find(const Cpu *cpu, const Breakpoint *wanted)
{
    BreakpointList *list = cpu->breakpoints;
    for (unsigned i = 0; list && i < list->count; i++) {
        Breakpoint *b = &list->item[i];
        if (b->kind == wanted->kind && b->la == wanted->la && b->size == wanted->size)
            return b;
    }
    return NULL;
}

/* The list gets room for count items; none: there is no list. Pages enter or leave the TLB. */
static void resize(Cpu *cpu, unsigned count)
{
    if (count == 0)
        g_clear_pointer(&cpu->breakpoints, g_free);
    else
        cpu->breakpoints = g_realloc(cpu->breakpoints,
                                     sizeof(BreakpointList) + count * sizeof(Breakpoint));
    if (count)
        cpu->breakpoints->count = count;
    cpu_kick(cpu, PENDING_FLUSH);
}

bool breakpoint_insert(Cpu *cpu, const Breakpoint *breakpoint)
{
    g_assert(breakpoint->size > 0 && breakpoint->la + (breakpoint->size - 1) >= breakpoint->la);
    if (find(cpu, breakpoint))
        return true;
    unsigned count = cpu->breakpoints ? cpu->breakpoints->count : 0;
    if (count == BREAKPOINTS_MAX)
        return false;
    resize(cpu, count + 1);
    cpu->breakpoints->item[count] = *breakpoint;
    return true;
}

bool breakpoint_remove(Cpu *cpu, const Breakpoint *breakpoint)
{
    Breakpoint *b = find(cpu, breakpoint);
    if (!b)
        return false;
    unsigned last = cpu->breakpoints->count - 1;
    *b = cpu->breakpoints->item[last];
    resize(cpu, last);
    return true;
}

void breakpoint_remove_all(Cpu *cpu)
{
    if (cpu->breakpoints)
        resize(cpu, 0);
}

/* --- breakpoints ------------------------------------------------------------------------------ */

static const Breakpoint *breakpoint_on(const Cpu *cpu, LinAddr la)
{
    const BreakpointList *list = cpu->breakpoints;
    for (unsigned i = 0; i < list->count; i++)
        if (!is_watchpoint(&list->item[i]) && list->item[i].la == la)
            return &list->item[i];
    return NULL;
}

bool breakpoint_at_slow(const Cpu *cpu, LinAddr la)
{
    return breakpoint_on(cpu, la) != NULL;
}

bool breakpoint_in_page_slow(const Cpu *cpu, LinAddr la)
{
    const BreakpointList *list = cpu->breakpoints;
    for (unsigned i = 0; i < list->count; i++)
        if (!is_watchpoint(&list->item[i]) && !((list->item[i].la ^ la) & ~PAGE_MASK))
            return true;
    return false;
}

void breakpoint_check_slow(Cpu *cpu, LinAddr la)
{
    const Breakpoint *b = breakpoint_on(cpu, la);
    bool passed = cpu->passed.la == la && cpu->passed.insn_count == cpu->insn_count;
    if (!b || cpu->stepping || passed)
        return;
    bool hardware = b->kind == BREAKPOINT_HARDWARE;
    cpu->stop = (CpuStop){hardware ? STOP_HARDWARE_BREAKPOINT : STOP_BREAKPOINT, la};
    breakpoint_pass(cpu, la, cpu->insn_count);
    siglongjmp(*cpu->unwind, UNWIND_STOP);
}

/* --- watchpoints ------------------------------------------------------------------------------ */

bool watchpoint_in_page_slow(const Cpu *cpu, LinAddr la)
{
    const BreakpointList *list = cpu->breakpoints;
    for (unsigned i = 0; i < list->count; i++)
        if (is_watchpoint(&list->item[i]) && overlaps(&list->item[i], la & ~PAGE_MASK, PAGE_SIZE))
            return true;
    return false;
}

static bool watches(const Breakpoint *b, MemAccess access)
{
    switch (b->kind) {
    case WATCHPOINT_WRITE:
        return access == ACCESS_WRITE;
    case WATCHPOINT_READ:
        return access == ACCESS_READ;
    case WATCHPOINT_ACCESS:
        return access != ACCESS_FETCH;
    default:
        return false;
    }
}

/* The first access of an instruction is the one told. */
void watchpoint_access_slow(Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    static const CpuStopKind kinds[] = {[WATCHPOINT_WRITE] = STOP_WATCH_WRITE,
                                        [WATCHPOINT_READ] = STOP_WATCH_READ,
                                        [WATCHPOINT_ACCESS] = STOP_WATCH_ACCESS};
    const BreakpointList *list = cpu->breakpoints;
    for (unsigned i = 0; i < list->count && cpu->stop.kind == STOP_NONE; i++) {
        const Breakpoint *b = &list->item[i];
        if (!watches(b, access) || !overlaps(b, la, size))
            continue;
        cpu->stop = (CpuStop){.kind = kinds[b->kind], .la = b->la};
        cpu_kick(cpu, PENDING_EXIT);
    }
}

/* --- stepping --------------------------------------------------------------------------------- */

void cpu_step(Cpu *cpu, bool interrupts)
{
    cpu->stepping = true;
    cpu->hold_interrupts = !interrupts;
    uint64_t retired = cpu_run(cpu, 1);
    cpu->stepping = cpu->hold_interrupts = false;
    if (retired && cpu->stop.kind == STOP_NONE)
        cpu->stop.kind = STOP_STEP;
}
