/* vcpu.c - the thread on which the CPUs run, in turns.
 *
 * The thread's loop: obey the run control, give each CPU that can run a slice, run the timers of a
 * counted clock, sleep when every CPU is halted. */
#include "cpu/breakpoint.h"
#include "machine/vm_priv.h"

/* Instructions in one turn: about half a millisecond alone; less when others wait, because a CPU
 * may be spinning on what another must do. */
enum { SLICE_ALONE = 50000, SLICE_SHARED = 5000 };

static void wake(Vm *vm)
{
    if (!__atomic_load_n(&vm->idle, __ATOMIC_SEQ_CST))
        return;
    g_mutex_lock(&vm->run_lock);
    g_cond_broadcast(&vm->run_changed);
    g_mutex_unlock(&vm->run_lock);
}

/* The first thing a woken CPU wants is the machine lock: the I/O thread, which has it, wakes later.
 */
void vcpu_woken(void *opaque, Cpu *cpu)
{
    Vm *vm = opaque;
    if (g_thread_self() == vm->io_thread)
        vm->wake_asked = true;
    else
        wake(vm);
}

void vcpu_wake_asked(Vm *vm)
{
    if (!vm->wake_asked)
        return;
    vm->wake_asked = false;
    wake(vm);
}

void vcpu_notify(Vm *vm)
{
    for (unsigned i = 0; i < vm->cpu_count; i++)
        cpu_kick(vm->cpus[i], PENDING_EXIT);
    g_mutex_lock(&vm->run_lock);
    g_cond_broadcast(&vm->run_changed);
    g_mutex_unlock(&vm->run_lock);
}

Cpu *vcpu_current(void *opaque)
{
    Vm *vm = opaque;
    return vm->cpu_thread == g_thread_self() ? vm->running : NULL;
}

uint64_t vcpu_count(void *opaque)
{
    Vm *vm = opaque;
    uint64_t sum = 0;
    for (unsigned i = 0; i < vm->cpu_count; i++)
        sum += cpu_insn_count(vm->cpus[i]);
    return sum;
}

static bool has_work(const Vm *vm, unsigned i)
{
    return cpu_has_work(vm->cpus[i]) && vm->resume[i] != CPU_STANDS_STILL;
}

/* How many CPUs have something to do. */
static unsigned count_busy(const Vm *vm)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < vm->cpu_count; i++)
        busy += has_work(vm, i);
    return busy;
}

/* --- obeying ---------------------------------------------------------------------------------- */

static void reset_machine(Vm *vm)
{
    board_lock(vm->board);
    pc_reset(vm->pc);
    for (unsigned i = 0; i < vm->cpu_count; i++)
        cpu_reset(vm->cpus[i], CPU_POWER_ON);
    board_unlock(vm->board);
}

/* Resets, stands and goes as asked; false: the machine ends. */
static bool obey(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    for (;;) {
        if (vm->quitting)
            break;
        if (vm->reset_wanted) {
            vm->reset_wanted = false;
            vm->parked = false;
            g_mutex_unlock(&vm->run_lock);
            reset_machine(vm);
            g_mutex_lock(&vm->run_lock);
            continue;
        }
        if (vm->parks == 0 && vm->status == VM_RUNNING)
            break;
        vm->parked = true;
        g_cond_broadcast(&vm->run_changed);
        g_cond_wait(&vm->run_changed, &vm->run_lock);
    }
    vm->parked = false;
    bool run = !vm->quitting;
    g_mutex_unlock(&vm->run_lock);
    return run;
}

/* --- counted time ----------------------------------------------------------------------------- */

static Ns next_deadline_in(Vm *vm)
{
    board_lock(vm->board);
    Ns deadline = clock_next_deadline(vm->clock), now = clock_now(vm->clock);
    board_unlock(vm->board);
    return deadline == NS_NEVER ? NS_NEVER : MAX(deadline - now, 0);
}

static void run_timers(Vm *vm)
{
    board_lock(vm->board);
    clock_run_due(vm->clock);
    board_unlock(vm->board);
}

/* Instructions up to the next deadline of a counted clock, so that timers fire between the right
 * two. */
static uint64_t cut_slice(Vm *vm, uint64_t slice)
{
    if (!vm->config->counted)
        return slice;
    Ns left = next_deadline_in(vm);
    if (left == NS_NEVER)
        return slice;
    unsigned shift = vm->config->icount_shift;
    return MIN(slice, (uint64_t)(left + ((Ns)1 << shift) - 1) >> shift);
}

/* --- sleeping --------------------------------------------------------------------------------- */

static bool must_wake(const Vm *vm)
{
    bool told = vm->quitting || vm->reset_wanted || vm->parks || vm->status != VM_RUNNING;
    return told || count_busy(vm) > 0;
}

/* Until a CPU has work, the run control changes, or the host's time has come. True: it was time. */
static bool sleep_until(Vm *vm, gint64 host_us)
{
    bool timeout = false;
    g_mutex_lock(&vm->run_lock);
    __atomic_store_n(&vm->idle, 1, __ATOMIC_SEQ_CST);
    while (!must_wake(vm) && !timeout) {
        if (host_us == G_MAXINT64)
            g_cond_wait(&vm->run_changed, &vm->run_lock);
        else
            timeout = !g_cond_wait_until(&vm->run_changed, &vm->run_lock, host_us);
    }
    __atomic_store_n(&vm->idle, 0, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&vm->run_lock);
    return timeout;
}

/* Nobody executes, so a counted clock stands: move it to the next deadline, at once or as fast as
 * the host's clock goes. */
static void idle_counted(Vm *vm)
{
    Ns left = next_deadline_in(vm);
    if (left == NS_NEVER) {
        sleep_until(vm, G_MAXINT64);
        return;
    }
    Ns passed = left;
    if (vm->config->icount_sleep) {
        gint64 start = g_get_monotonic_time();
        if (!sleep_until(vm, start + left / NS_PER_US + 1))
            passed = (g_get_monotonic_time() - start) * NS_PER_US;
        passed = MIN(passed, left);
    }
    board_lock(vm->board);
    clock_advance(vm->clock, passed);
    clock_run_due(vm->clock);
    board_unlock(vm->board);
}

/* --- running ---------------------------------------------------------------------------------- */

/* One CPU's turn; false: it has stopped for the debugger, and the machine with it. */
static bool run_turn(Vm *vm, unsigned i, uint64_t slice)
{
    Cpu *cpu = vm->cpus[i];
    vm->running = cpu;
    if (vm->resume[i] == CPU_GOES)
        cpu_run(cpu, cut_slice(vm, slice));
    else
        cpu_step(cpu, vm->resume[i] == CPU_STEPS_INTO);
    vm->running = NULL;
    if (vm->config->counted)
        run_timers(vm);
    if (LIKELY(cpu->stop.kind == STOP_NONE))
        return true;
    vm_stop_for_debugger(vm);
    return false;
}

/* One turn for each CPU that has something to do; false if none has. After a stop those go on that
 * did not have theirs, lest a CPU at a breakpoint starve the others. */
static bool run_turns(Vm *vm)
{
    unsigned busy = count_busy(vm);
    uint64_t slice = busy > 1 ? SLICE_SHARED : SLICE_ALONE;
    unsigned first = vm->first_turn;
    for (unsigned n = 0; n < vm->cpu_count && busy; n++) {
        unsigned i = (first + n) % vm->cpu_count;
        if (has_work(vm, i) && !run_turn(vm, i, slice)) {
            vm->first_turn = (i + 1) % vm->cpu_count;
            break;
        }
    }
    return busy != 0;
}

static gpointer vcpu_thread(gpointer opaque)
{
    Vm *vm = opaque;
    while (obey(vm)) {
        if (run_turns(vm))
            continue;
        if (vm->config->counted)
            idle_counted(vm);
        else
            sleep_until(vm, G_MAXINT64);
    }
    g_mutex_lock(&vm->run_lock);
    vm->parked = true; /* for good */
    g_cond_broadcast(&vm->run_changed);
    g_mutex_unlock(&vm->run_lock);
    return NULL;
}

void vcpu_start(Vm *vm)
{
    /* The thread takes the lock first of all, so it knows itself by then. */
    g_mutex_lock(&vm->run_lock);
    vm->cpu_thread = g_thread_new("cpu", vcpu_thread, vm);
    g_mutex_unlock(&vm->run_lock);
}

void vcpu_join(Vm *vm)
{
    if (vm->cpu_thread)
        g_thread_join(vm->cpu_thread);
    vm->cpu_thread = NULL;
}
