/* vcpu.c - the host threads on which the CPUs run: one for each, or one for all in turns.
 *
 * A thread's loop (Runner): obey the run control, give each of its CPUs that can run a slice, run
 * the timers of a counted clock, sleep when every CPU is halted. Counted runs have one thread,
 * which is what makes them repeat exactly. */
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "cpu/breakpoint.h"
#include "machine/vm_priv.h"

/* Instructions in one turn: about half a millisecond alone; less when others wait, because a CPU
 * may be spinning on what another must do. A CPU with a thread of its own runs until it is told. */
enum { SLICE_ALONE = 50000, SLICE_SHARED = 5000 };
#define SLICE_ENDLESS (UINT64_MAX / 4)

/* The CPU whose turn it is on the calling thread. */
static __thread Cpu *current_cpu;

/* --- waking --------------------------------------------------------------------------------------- */

static Runner *runner_of(const Vm *vm, const Cpu *cpu)
{
    return &vm->runners[vm->runner_count == 1 ? 0 : cpu->index];
}

static void wake(Runner *r)
{
    if (!__atomic_load_n(&r->idle, __ATOMIC_SEQ_CST))
        return;
    g_mutex_lock(&r->vm->run_lock);
    g_cond_signal(&r->changed);
    g_mutex_unlock(&r->vm->run_lock);
}

/* The first thing a woken CPU wants is the machine lock: the I/O thread, which has it, wakes later.
 */
void vcpu_woken(void *opaque, Cpu *cpu)
{
    Vm *vm = opaque;
    if (!vm->runners)
        return;
    Runner *r = runner_of(vm, cpu);
    if (g_thread_self() == vm->io_thread)
        vm->wake_asked = r->wake_asked = true;
    else
        wake(r);
}

void vcpu_wake_asked(Vm *vm)
{
    if (!vm->wake_asked)
        return;
    vm->wake_asked = false;
    for (unsigned i = 0; i < vm->runner_count; i++) {
        Runner *r = &vm->runners[i];
        if (r->wake_asked)
            wake(r);
        r->wake_asked = false;
    }
}

void vcpu_signal(Vm *vm)
{
    for (unsigned i = 0; i < vm->runner_count; i++)
        g_cond_signal(&vm->runners[i].changed);
}

/* A counted machine's slices are cut by what the guest does alone, or a look from outside would
 * move the cuts of all that follow: the news wait for the end of this one. */
void vcpu_notify(Vm *vm)
{
    bool from_outside = g_thread_self() == vm->io_thread;
    for (unsigned i = 0; i < vm->cpu_count && !(vm->config->counted && from_outside); i++)
        cpu_kick(vm->cpus[i], PENDING_EXIT);
    g_mutex_lock(&vm->run_lock);
    vcpu_signal(vm);
    g_mutex_unlock(&vm->run_lock);
}

Cpu *vcpu_current(void *opaque)
{
    return current_cpu;
}

uint64_t vcpu_count(void *opaque)
{
    Vm *vm = opaque;
    uint64_t sum = 0;
    for (unsigned i = 0; i < vm->cpu_count; i++)
        sum += cpu_insn_count(vm->cpus[i]);
    return sum;
}

/* --- obeying -------------------------------------------------------------------------------------- */

bool vcpu_all_parked(const Vm *vm)
{
    for (unsigned i = 0; i < vm->runner_count; i++)
        if (!vm->runners[i].parked)
            return false;
    return true;
}

/* Stands until there is news of the run control. run_lock held. */
static void stand(Runner *r)
{
    Vm *vm = r->vm;
    r->parked = true;
    g_cond_broadcast(&vm->all_parked);
    g_cond_wait(&r->changed, &vm->run_lock);
    r->parked = false;
}

/* All other CPUs stand. run_lock held, given up meanwhile. */
static void reset_machine(Vm *vm)
{
    vm->reset_wanted = false;
    vm->resetting = true;
    g_mutex_unlock(&vm->run_lock);
    board_lock(vm->board);
    pc_reset(vm->pc);
    for (unsigned i = 0; i < vm->cpu_count; i++)
        cpu_reset(vm->cpus[i], CPU_POWER_ON);
    for (unsigned i = 1; i < vm->cpu_count; i++)
        vm->cpus[i]->tsc_zero = vm->cpus[0]->tsc_zero; /* one RESET# line starts all counters */
    board_unlock(vm->board);
    g_mutex_lock(&vm->run_lock);
    vm->resetting = false;
    vcpu_signal(vm);
}

static bool others_stand(const Runner *r)
{
    for (unsigned i = 0; i < r->vm->runner_count; i++)
        if (&r->vm->runners[i] != r && !r->vm->runners[i].parked)
            return false;
    return true;
}

/* Its CPUs have been asked to come back from cpu_run. */
static bool is_asked(const Runner *r)
{
    uint32_t pending = 0;
    for (unsigned i = 0; i < r->count; i++)
        pending |= __atomic_load_n(&r->cpus[i]->pending, __ATOMIC_SEQ_CST);
    return pending & PENDING_EXIT;
}

/* Resets, stands and goes as asked; false: the machine ends. */
static bool obey(Runner *r)
{
    Vm *vm = r->vm;
    for (unsigned i = 0; i < r->count; i++) /* before looking at what it was for */
        __atomic_fetch_and(&r->cpus[i]->pending, ~(uint32_t)PENDING_EXIT, __ATOMIC_SEQ_CST);
    g_mutex_lock(&vm->run_lock);
    r->parked = false;
    while (!vm->quitting) {
        if (vm->reset_wanted && !vm->resetting && others_stand(r))
            reset_machine(vm);
        else if (vm->reset_wanted || vm->resetting || vm->parks || vm->status != VM_RUNNING)
            stand(r);
        else
            break;
    }
    bool run = !vm->quitting;
    g_mutex_unlock(&vm->run_lock);
    return run;
}

/* --- counted time --------------------------------------------------------------------------------- */

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

/* --- sleeping ------------------------------------------------------------------------------------- */

static bool has_work(const Runner *r, const Cpu *cpu)
{
    return cpu_has_work(cpu) && r->vm->resume[cpu->index] != CPU_STANDS_STILL;
}

/* How many of its CPUs have something to do. */
static unsigned count_busy(const Runner *r)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < r->count; i++)
        busy += has_work(r, r->cpus[i]);
    return busy;
}

static bool must_wake(const Runner *r)
{
    const Vm *vm = r->vm;
    bool told = vm->quitting || vm->reset_wanted || vm->parks || vm->status != VM_RUNNING ||
                r->retime;
    return told || is_asked(r) || count_busy(r) > 0;
}

/* Until a CPU has work, the run control changes, or the host's time has come. True: it was time. */
static bool sleep_until(Runner *r, gint64 host_us)
{
    Vm *vm = r->vm;
    bool timeout = false;
    g_mutex_lock(&vm->run_lock);
    __atomic_store_n(&r->idle, 1, __ATOMIC_SEQ_CST);
    while (!must_wake(r) && !timeout) {
        if (host_us == G_MAXINT64)
            g_cond_wait(&r->changed, &vm->run_lock);
        else
            timeout = !g_cond_wait_until(&r->changed, &vm->run_lock, host_us);
    }
    __atomic_store_n(&r->idle, 0, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&vm->run_lock);
    return timeout;
}

void vcpu_retime(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    vm->keeper->retime = true;
    g_cond_signal(&vm->keeper->changed);
    g_mutex_unlock(&vm->run_lock);
}

/* When the host's clock will have come to the earliest deadline. */
static gint64 deadline_on_host(Vm *vm)
{
    Ns deadline = clock_next_deadline(vm->clock);
    if (deadline == NS_NEVER)
        return G_MAXINT64;
    Ns left = MAX(deadline - clock_now(vm->clock), 0);
    return g_get_monotonic_time() + (left + NS_PER_US - 1) / NS_PER_US;
}

/* The first that sleeps keeps the time: a tick that wakes its CPU then wakes one thread, not the
 * I/O thread to run the timer and this one after it. */
static void idle(Runner *r)
{
    Vm *vm = r->vm;
    gint64 until = G_MAXINT64;
    board_lock(vm->board);
    bool keeps = !vm->keeper && vm->status == VM_RUNNING;
    if (keeps) {
        vm->keeper = r;
        r->retime = false;
        vm_arm_timers(vm);
        until = deadline_on_host(vm);
    }
    board_unlock(vm->board);
    sleep_until(r, until);
    if (!keeps)
        return;
    board_lock(vm->board);
    if (vm->status == VM_RUNNING)
        clock_run_due(vm->clock);
    vm->keeper = NULL;
    r->retime = false;
    vm_arm_timers(vm);
    board_unlock(vm->board);
}

/* Nobody executes, so a counted clock stands: move it to the next deadline, at once or as fast as
 * the host's clock goes. */
static void idle_counted(Runner *r)
{
    Vm *vm = r->vm;
    Ns left = next_deadline_in(vm);
    if (left == NS_NEVER) {
        sleep_until(r, G_MAXINT64);
        return;
    }
    Ns passed = left;
    if (vm->config->icount_sleep) {
        gint64 start = g_get_monotonic_time();
        if (!sleep_until(r, start + left / NS_PER_US + 1))
            passed = (g_get_monotonic_time() - start) * NS_PER_US;
        passed = MIN(passed, left);
    }
    board_lock(vm->board);
    clock_advance(vm->clock, passed);
    clock_run_due(vm->clock);
    board_unlock(vm->board);
}

/* --- running -------------------------------------------------------------------------------------- */

static uint64_t slice_of(const Runner *r, unsigned busy)
{
    if (r->count == 1 && !r->vm->config->counted)
        return SLICE_ENDLESS;
    return cut_slice(r->vm, busy > 1 ? SLICE_SHARED : SLICE_ALONE);
}

/* Runs the CPU for at most `slice` instructions; how many it was. */
static uint64_t run_slice(Runner *r, Cpu *cpu, uint64_t slice)
{
    CpuResume resume = r->vm->resume[cpu->index];
    uint64_t ran = slice;
    current_cpu = cpu;
    if (resume == CPU_GOES)
        ran = cpu_run(cpu, slice);
    else
        cpu_step(cpu, resume == CPU_STEPS_INTO);
    current_cpu = NULL;
    if (r->vm->config->counted)
        run_timers(r->vm);
    return ran;
}

/* One CPU's turn; false: it has stopped for the debugger, and the machine with it, or that ends.
 * Who shares a thread goes on with its turn when the machine stood in the middle of it: a look at a
 * counted machine must not change what it does. */
static bool run_turn(Runner *r, Cpu *cpu, uint64_t slice)
{
    unsigned spins = cpu->spins;
    uint64_t ran = run_slice(r, cpu, slice);
    while (r->count > 1 && ran < slice && cpu->stop.kind == STOP_NONE && cpu->spins == spins &&
           has_work(r, cpu)) {
        if (!obey(r))
            return false;
        slice -= ran;
        ran = run_slice(r, cpu, cut_slice(r->vm, slice));
    }
    if (LIKELY(cpu->stop.kind == STOP_NONE))
        return true;
    vm_stop_for_debugger(r->vm);
    return false;
}

/* One turn for each CPU that has something to do; false if none has. After a stop those go on that
 * did not have theirs, lest a CPU at a breakpoint starve the others. */
static bool run_turns(Runner *r)
{
    unsigned busy = count_busy(r), first = r->first_turn;
    for (unsigned n = 0; n < r->count && busy; n++) {
        unsigned i = (first + n) % r->count;
        if (has_work(r, r->cpus[i]) && !run_turn(r, r->cpus[i], slice_of(r, busy))) {
            r->first_turn = (i + 1) % r->count;
            break;
        }
    }
    return busy != 0;
}

static gpointer runner_thread(gpointer opaque)
{
    Runner *r = opaque;
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1); /* ns; else sleeps may last 50 us longer */
#endif
    while (obey(r)) {
        if (run_turns(r))
            continue;
        if (r->vm->config->counted)
            idle_counted(r);
        else
            idle(r);
    }
    g_mutex_lock(&r->vm->run_lock);
    r->parked = true; /* for good */
    g_cond_broadcast(&r->vm->all_parked);
    g_mutex_unlock(&r->vm->run_lock);
    return NULL;
}

/* --- a machine's runners -------------------------------------------------------------------------- */

void vcpu_init(Vm *vm)
{
    bool one = vm->config->counted || vm->config->turns;
    unsigned count = one ? 1 : vm->cpu_count;
    Runner *runners = g_new0(Runner, count);
    for (unsigned i = 0; i < count; i++) {
        runners[i] = (Runner){
            .vm = vm, .cpus = vm->cpus + i, .count = one ? vm->cpu_count : 1, .parked = true};
        g_cond_init(&runners[i].changed);
    }
    vm->runner_count = count;
    vm->runners = runners;
}

void vcpu_start(Vm *vm)
{
    for (unsigned i = 0; i < vm->runner_count; i++) {
        g_autofree char *name = g_strdup_printf("cpu%u", i);
        vm->runners[i].thread = g_thread_new(name, runner_thread, &vm->runners[i]);
    }
}

void vcpu_join(Vm *vm)
{
    for (unsigned i = 0; i < vm->runner_count; i++)
        if (vm->runners[i].thread)
            g_thread_join(vm->runners[i].thread);
}

void vcpu_fini(Vm *vm)
{
    for (unsigned i = 0; i < vm->runner_count; i++)
        g_cond_clear(&vm->runners[i].changed);
    g_clear_pointer(&vm->runners, g_free);
    vm->runner_count = 0;
}
