/* gdb_run.c - gdb lets CPUs go, makes them stop, and is told why they did. [GDB] "Stop Reply
 * Packets", "vCont". */
#include <inttypes.h>

#include "ui/gdb_priv.h"

/* Signals as gdb numbers them. */
enum { SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_TRAP = 5 };

/* --- stop replies ----------------------------------------------------------------------------- */

/* A CPU that stopped for gdb and has not been told of yet: the one gdb looks at first of all. */
static Cpu *find_stopped(GdbServer *s)
{
    if (s->cpu->stop.kind != STOP_NONE)
        return s->cpu;
    for (unsigned i = 0; i < vm_cpu_count(s->vm); i++) {
        Cpu *cpu = vm_cpu(s->vm, i);
        if (cpu->stop.kind != STOP_NONE)
            return cpu;
    }
    return NULL;
}

static void append_reason(GdbServer *s, const CpuStop *stop, GString *out)
{
    switch (stop->kind) {
    case STOP_BREAKPOINT:
        g_string_append(out, s->swbreak ? "swbreak:;" : "");
        break;
    case STOP_HARDWARE_BREAKPOINT:
        g_string_append(out, s->hwbreak ? "hwbreak:;" : "");
        break;
    case STOP_WATCH_WRITE:
        g_string_append_printf(out, "watch:%" PRIx64 ";", stop->la);
        break;
    case STOP_WATCH_READ:
        g_string_append_printf(out, "rwatch:%" PRIx64 ";", stop->la);
        break;
    case STOP_WATCH_ACCESS:
        g_string_append_printf(out, "awatch:%" PRIx64 ";", stop->la);
        break;
    case STOP_NONE:
    case STOP_STEP:
        break;
    }
}

static unsigned stop_signal(GdbServer *s, const Cpu *stopped)
{
    if (stopped)
        return SIGNAL_TRAP;
    switch (vm_status(s->vm)) {
    case VM_PAUSED:
        return SIGNAL_INT;
    case VM_SHUTDOWN:
        return SIGNAL_QUIT;
    default:
        return SIGNAL_TRAP;
    }
}

/* gdb cannot be told that the CPU's code has become another architecture's; its user can, once. */
static void tell_architecture(GdbServer *s, const Cpu *cpu)
{
    GdbArch arch = gdb_arch_of(cpu);
    if (arch == s->arch || bit_get(s->told, arch))
        return;
    s->told |= 1u << arch;
    bool compatible = s->arch == GDB_I8086 && arch == GDB_I386;
    const char *way = compatible ? "`set architecture i386' makes gdb follow"
                                 : "`disconnect' and `target remote' again make gdb follow";
    g_autofree char *text = g_strdup_printf("myna: CPU %u now executes %s code; %s\n", cpu->index,
                                            gdb_arch_name(arch), way);
    gdb_print(s, text, strlen(text));
}

static void reply_stopped(GdbServer *s, bool waited)
{
    Cpu *stopped = find_stopped(s);
    unsigned signal = stop_signal(s, stopped);
    if (stopped)
        s->cpu = s->stepped = stopped;
    if (waited)
        tell_architecture(s, s->cpu);
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "T%02xthread:%x;", signal, s->cpu->index + 1);
    append_reason(s, &s->cpu->stop, out);
    s->cpu->stop.kind = STOP_NONE;
    gdb_reply(s, "%s", out->str);
}

void gdb_run_stopped(GdbServer *s)
{
    s->waiting = false;
    reply_stopped(s, true);
}

/* gdb's first question. A device that does not say when somebody comes has not stopped the machine.
 */
void gdb_run_tell_why(GdbServer *s, GdbText args)
{
    vm_stop(s->vm);
    reply_stopped(s, false);
}

/* --- resuming --------------------------------------------------------------------------------- */

static CpuResume step_kind(const GdbServer *s)
{
    return s->step_flags & STEP_NOIRQ ? CPU_STEPS : CPU_STEPS_INTO;
}

/* Whoever stopped at the same time as another is told of before anybody goes on. */
static void resume(GdbServer *s, const CpuResume *how)
{
    bool any = false;
    for (unsigned i = 0; i < vm_cpu_count(s->vm); i++)
        any |= how[i] != CPU_STANDS_STILL;
    if (!any || find_stopped(s)) {
        reply_stopped(s, true);
        return;
    }
    s->waiting = true;
    vm_resume(s->vm, how);
}

/* One action of vCont: a letter, a signal that no CPU can take, a thread. */
static bool take_action(GdbServer *s, GdbText *args, CpuResume *action, Cpu **cpu)
{
    uint64_t signal;
    *cpu = NULL;
    if (gdb_take(args, 'c'))
        *action = CPU_GOES;
    else if (gdb_take(args, 's'))
        *action = step_kind(s);
    else if (gdb_take(args, 't'))
        *action = CPU_STANDS_STILL;
    else if (gdb_take(args, 'C') && gdb_take_hex(args, &signal))
        *action = CPU_GOES;
    else if (gdb_take(args, 'S') && gdb_take_hex(args, &signal))
        *action = step_kind(s);
    else
        return false;
    return !gdb_take(args, ':') || gdb_take_thread(s, args, cpu);
}

/* The leftmost action that fits a thread is its own; without one it stands still. */
void gdb_run_vcont(GdbServer *s, GdbText args)
{
    unsigned count = vm_cpu_count(s->vm);
    g_autofree CpuResume *how = g_new(CpuResume, count);
    g_autofree bool *said = g_new0(bool, count);
    for (unsigned i = 0; i < count; i++)
        how[i] = CPU_STANDS_STILL;
    bool ok = true;
    while (ok && gdb_take(&args, ';')) {
        CpuResume action = CPU_STANDS_STILL;
        Cpu *cpu;
        ok = take_action(s, &args, &action, &cpu);
        for (unsigned i = 0; i < count; i++) {
            if (said[i] || (cpu && cpu->index != i))
                continue;
            how[i] = action;
            said[i] = true;
        }
    }
    if (ok && args.at == args.end)
        resume(s, how);
    else
        gdb_reply_error(s, GDB_INVALID);
}

void gdb_run_vcont_query(GdbServer *s, GdbText args)
{
    gdb_reply(s, "vCont;c;C;s;S;t");
}

/* Without vCont: the chosen CPU does this, the others go. An address to begin at may be said. */
static void resume_chosen(GdbServer *s, GdbText args, CpuResume action)
{
    unsigned count = vm_cpu_count(s->vm);
    g_autofree CpuResume *how = g_new0(CpuResume, count);
    uint64_t address;
    if (gdb_take_hex(&args, &address))
        gdb_set_pc(s->stepped, address);
    how[s->stepped->index] = action;
    resume(s, how);
}

void gdb_run_continue(GdbServer *s, GdbText args)
{
    resume_chosen(s, args, CPU_GOES);
}

void gdb_run_step(GdbServer *s, GdbText args)
{
    resume_chosen(s, args, step_kind(s));
}

/* "C SIGNAL;ADDRESS": as without a signal. */
static void skip_signal(GdbText *args)
{
    uint64_t signal;
    if (gdb_take_hex(args, &signal))
        gdb_take(args, ';');
}

void gdb_run_continue_signal(GdbServer *s, GdbText args)
{
    skip_signal(&args);
    gdb_run_continue(s, args);
}

void gdb_run_step_signal(GdbServer *s, GdbText args)
{
    skip_signal(&args);
    gdb_run_step(s, args);
}

/* --- breakpoints ------------------------------------------------------------------------------ */

/* "TYPE,ADDRESS,KIND": a breakpoint's kind is of no use here, a watchpoint's is its length. */
static bool take_breakpoint(GdbServer *s, GdbText args, Breakpoint *b)
{
    uint64_t type, address, kind;
    if (!gdb_take_hex(&args, &type) || type > WATCHPOINT_ACCESS || !gdb_take(&args, ',') ||
        !gdb_take_hex(&args, &address) || !gdb_take(&args, ',') || !gdb_take_hex(&args, &kind))
        return false;
    if (!cpu_is_lma(s->cpu) && address >> 32 == UINT32_MAX)
        address = (uint32_t)address; /* sign extended by a 64-bit gdb */
    *b = (Breakpoint){type, address, type >= WATCHPOINT_WRITE ? kind : 1};
    return b->size > 0 && b->size - 1 <= UINT64_MAX - address;
}

/* gdb's types are the kinds, in their order. */
static_assert(BREAKPOINT_SOFTWARE == 0 && BREAKPOINT_HARDWARE == 1 && WATCHPOINT_WRITE == 2 &&
                  WATCHPOINT_READ == 3 && WATCHPOINT_ACCESS == 4,
              "Z0 to Z4");

void gdb_run_insert(GdbServer *s, GdbText args)
{
    Breakpoint b;
    if (!take_breakpoint(s, args, &b)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    bool ok = true;
    for (unsigned i = 0; i < vm_cpu_count(s->vm); i++)
        ok &= breakpoint_insert(vm_cpu(s->vm, i), &b);
    if (ok)
        gdb_reply(s, "OK");
    else
        gdb_reply_error(s, GDB_FULL);
}

void gdb_run_remove(GdbServer *s, GdbText args)
{
    Breakpoint b;
    bool ok = take_breakpoint(s, args, &b);
    for (unsigned i = 0; ok && i < vm_cpu_count(s->vm); i++)
        breakpoint_remove(vm_cpu(s->vm, i), &b);
    if (ok)
        gdb_reply(s, "OK"); /* removing what is not there is none of gdb's errors */
    else
        gdb_reply_error(s, GDB_INVALID);
}

/* --- leaving ---------------------------------------------------------------------------------- */

void gdb_run_forget(GdbServer *s)
{
    for (unsigned i = 0; i < vm_cpu_count(s->vm); i++) {
        breakpoint_remove_all(vm_cpu(s->vm, i));
        vm_cpu(s->vm, i)->stop.kind = STOP_NONE;
    }
}

void gdb_run_detach(GdbServer *s, GdbText args)
{
    gdb_run_forget(s);
    gdb_reply(s, "OK");
    vm_continue(s->vm);
}

void gdb_run_kill(GdbServer *s, GdbText args)
{
    vm_quit(s->vm, 0);
}

void gdb_run_vkill(GdbServer *s, GdbText args)
{
    gdb_reply(s, "OK");
    vm_quit(s->vm, 0);
}
