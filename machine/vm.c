/* vm.c - a virtual machine's life cycle, and the timers of the host clock. */
#include "machine/vm.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "machine/vm_priv.h"

/* --- timers of the host clock ----------------------------------------------------------------- */

enum { TIMER_FIRED = -1 }; /* Vm.armed: whatever the next deadline is, it must be set */

void vm_arm_timers(Vm *vm)
{
    bool ours = vm->status == VM_RUNNING && !vm->keeper;
    Ns deadline = ours ? clock_next_deadline(vm->clock) : NS_NEVER;
    if (deadline == vm->armed)
        return;
    vm->armed = deadline;
    struct itimerspec when = {0}; /* all zero: disarmed */
    if (deadline != NS_NEVER) {
        Ns now = clock_now(vm->clock);
        Ns left = deadline > now ? deadline - now : 1;
        when.it_value.tv_sec = left / NS_PER_SEC;
        when.it_value.tv_nsec = left % NS_PER_SEC;
    }
    timerfd_settime(vm->timer_fd, 0, &when, NULL);
}

/* clock_set_notify's: the earliest deadline came nearer. */
static void deadline_moved(void *opaque)
{
    Vm *vm = opaque;
    if (vm->config->counted)
        vcpu_notify(vm); /* the slice in flight was cut for a later one */
    else if (vm->keeper)
        vcpu_retime(vm);
    else
        vm_arm_timers(vm);
}

/* The descriptor is not read: setting it anew makes it unreadable too. */
static gboolean timer_fd_fired(gint fd, GIOCondition condition, gpointer opaque)
{
    Vm *vm = opaque;
    vm->armed = TIMER_FIRED;
    if (vm->status == VM_RUNNING && !vm->keeper)
        clock_run_due(vm->clock);
    vm_arm_timers(vm);
    return G_SOURCE_CONTINUE;
}

/* --- the wall clock --------------------------------------------------------------------------- */

static Ns host_wall_clock(void)
{
    return g_get_real_time() * NS_PER_US;
}

static Ns wall_clock(void *opaque)
{
    Vm *vm = opaque;
    if (vm->config->counted || vm->config->rtc_clock == RTC_CLOCK_VM)
        return vm->wall_start + clock_now(vm->clock);
    return host_wall_clock() + vm->wall_shift;
}

static void set_wall_clock(Vm *vm)
{
    Ns now = host_wall_clock();
    if (vm->config->rtc_base == RTC_DATE)
        vm->wall_shift = vm->config->rtc_date * NS_PER_SEC - now;
    if (vm->config->rtc_base == RTC_LOCALTIME) {
        g_autoptr(GDateTime) local = g_date_time_new_now_local();
        vm->wall_shift = g_date_time_get_utc_offset(local) * NS_PER_US;
    }
    vm->wall_start = now + vm->wall_shift;
}

/* --- what the guest asks ---------------------------------------------------------------------- */

static void set_status(Vm *vm, VmStatus status)
{
    board_lock(vm->board);
    g_mutex_lock(&vm->run_lock);
    vm->status = status;
    g_mutex_unlock(&vm->run_lock);
    if (status == VM_RUNNING)
        clock_start(vm->clock);
    else
        clock_stop(vm->clock);
    if (!vm->config->counted)
        vm_arm_timers(vm);
    if (vm->status_changed)
        vm->status_changed(vm->status_opaque);
    board_unlock(vm->board);
    vcpu_notify(vm);
}

static void shut_down(Vm *vm)
{
    if (vm->config->on_shutdown == SHUTDOWN_PAUSE)
        set_status(vm, VM_SHUTDOWN);
    else
        vm_quit(vm, 0);
}

/* Board.request: on any thread, machine lock held. */
static void request(void *opaque, BoardRequest what, int value)
{
    Vm *vm = opaque;
    switch (what) {
    case BOARD_RESET:
        if (vm->config->on_reboot == REBOOT_SHUTDOWN)
            shut_down(vm);
        else
            vm_reset(vm);
        break;
    case BOARD_POWEROFF:
        shut_down(vm);
        break;
    case BOARD_DEBUG_EXIT:
        vm_quit(vm, value & 0xff);
        break;
    case BOARD_SUSPEND:
        unimp("machine: ACPI S3 suspend\n");
        break;
    }
}

/* [SDM3] "Double Fault Exception": a PC's chipset answers the shutdown cycle with a reset. */
static void triple_fault(void *opaque, Cpu *cpu)
{
    Vm *vm = opaque;
    guest_error("cpu%u: triple fault\n", cpu->index);
    board_lock(vm->board);
    request(vm, BOARD_RESET, 0);
    board_unlock(vm->board);
}

/* Timers of a counted clock run between the same two instructions each time. */
static void stop_time_came(void *opaque)
{
    Vm *vm = opaque;
    if (vm_status(vm) == VM_RUNNING)
        set_status(vm, VM_PAUSED);
}

static void quit_key(void *opaque)
{
    vm_quit(opaque, 0);
}

/* --- making and ending ------------------------------------------------------------------------ */

static gboolean on_signal(gpointer opaque)
{
    vm_quit(opaque, 0);
    return G_SOURCE_CONTINUE;
}

static bool start_timer_fd(Vm *vm, GError **err)
{
    vm->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (vm->timer_fd < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "timerfd: %s", g_strerror(errno));
        return false;
    }
    GSource *watch = g_unix_fd_source_new(vm->timer_fd, G_IO_IN);
    g_source_set_callback(watch, G_SOURCE_FUNC(timer_fd_fired), vm, NULL);
    /* Else GLib takes the descriptor out of the poll set around each call, and wakes itself twice.
     */
    g_source_set_can_recurse(watch, TRUE);
    vm->timer_watch = g_source_attach(watch, NULL);
    g_source_unref(watch);
    return true;
}

Vm *vm_new(const Config *config, GError **err)
{
    Vm *vm = g_new0(Vm, 1);
    vm->config = config;
    vm->timer_fd = -1;
    vm->armed = NS_NEVER;
    g_mutex_init(&vm->run_lock);
    g_cond_init(&vm->all_parked);
    set_wall_clock(vm);
    const PcHooks hooks = {.request = request,
                           .wall_clock = wall_clock,
                           .triple_fault = triple_fault,
                           .woken = vcpu_woken,
                           .current = vcpu_current,
                           .quit = quit_key,
                           .opaque = vm};
    vm->clock = config->counted ? clock_new_manual() : clock_new_host();
    vm->pc = pc_new(config, vm->clock, &hooks, err);
    if (!vm->pc || !start_timer_fd(vm, err)) {
        vm_free(vm);
        return NULL;
    }
    vm->board = pc_board(vm->pc);
    vm->cpus = pc_cpus(vm->pc);
    vm->cpu_count = config->cpus;
    vm->resume = g_new0(CpuResume, vm->cpu_count);
    if (config->counted)
        clock_set_counter(vm->clock, vcpu_count, vm, config->icount_shift);
    timer_init(&vm->stop_timer, vm->clock, stop_time_came, vm);
    if (config->icount_stop)
        timer_set(&vm->stop_timer, config->icount_stop);
    vm->status = VM_PRELAUNCH;
    vm->reset_wanted = true; /* power-on */
    vcpu_init(vm);
    return vm;
}

void vm_free(Vm *vm)
{
    if (!vm)
        return;
    if (vm->timer_watch)
        g_source_remove(vm->timer_watch);
    if (vm->timer_fd >= 0)
        close(vm->timer_fd);
    vcpu_fini(vm);
    timer_fini(&vm->stop_timer);
    pc_free(vm->pc);
    g_free(vm->resume);
    g_mutex_clear(&vm->run_lock);
    g_cond_clear(&vm->all_parked);
    g_free(vm);
}

/* --- the I/O thread --------------------------------------------------------------------------- */

static bool is_quitting(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    bool quitting = vm->quitting;
    g_mutex_unlock(&vm->run_lock);
    return quitting;
}

/* One turn of the GLib main loop. Sources are dispatched with the machine lock held, which is free
 * only while the thread waits in poll. */
static void io_iterate(Vm *vm, GArray *fds)
{
    GMainContext *context = g_main_context_default();
    int priority, timeout, count;
    g_main_context_prepare(context, &priority);
    while ((count = g_main_context_query(context, priority, &timeout, (GPollFD *)fds->data,
                                         fds->len)) > (int)fds->len)
        g_array_set_size(fds, count);
    board_unlock(vm->board);
    vcpu_wake_asked(vm);
    g_poll((GPollFD *)fds->data, count, timeout);
    board_lock(vm->board);
    if (g_main_context_check(context, priority, (GPollFD *)fds->data, count))
        g_main_context_dispatch(context);
}

int vm_run(Vm *vm)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    guint watches[G_N_ELEMENTS(signals)];
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        watches[i] = g_unix_signal_add(signals[i], on_signal, vm);
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(GPollFD));
    bool owner = g_main_context_acquire(g_main_context_default());
    g_assert(owner);
    board_lock(vm->board);
    vm->io_thread = g_thread_self();
    clock_set_notify(vm->clock, deadline_moved, vm);
    if (!vm->config->start_paused)
        set_status(vm, VM_RUNNING);
    vcpu_start(vm);
    while (!is_quitting(vm))
        io_iterate(vm, fds);
    board_unlock(vm->board);
    vcpu_join(vm);
    clock_set_notify(vm->clock, NULL, NULL);
    g_main_context_release(g_main_context_default());
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        g_source_remove(watches[i]);
    return vm->exit_status;
}

void vm_quit(Vm *vm, int status)
{
    g_mutex_lock(&vm->run_lock);
    if (!vm->quitting)
        vm->exit_status = status;
    vm->quitting = true;
    g_mutex_unlock(&vm->run_lock);
    g_main_context_wakeup(NULL);
    vcpu_notify(vm);
}

/* --- people's verbs --------------------------------------------------------------------------- */

Pc *vm_pc(Vm *vm)
{
    return vm->pc;
}

Board *vm_board(Vm *vm)
{
    return vm->board;
}

Cpu *vm_cpu(Vm *vm, unsigned n)
{
    return n < vm->cpu_count ? vm->cpus[n] : NULL;
}

unsigned vm_cpu_count(const Vm *vm)
{
    return vm->cpu_count;
}

const Config *vm_config(const Vm *vm)
{
    return vm->config;
}

VmStatus vm_status(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    VmStatus status = vm->status;
    g_mutex_unlock(&vm->run_lock);
    return status;
}

const char *vm_status_name(VmStatus status)
{
    static const char *const names[] = {
        [VM_PRELAUNCH] = "paused (prelaunch)",
        [VM_RUNNING] = "running",
        [VM_PAUSED] = "paused",
        [VM_SHUTDOWN] = "paused (shutdown)",
        [VM_DEBUG] = "paused (debug)",
    };
    return names[status];
}

void vm_stop(Vm *vm)
{
    if (vm_status(vm) == VM_RUNNING)
        set_status(vm, VM_PAUSED);
    vm_park(vm);
    vm_unpark(vm);
}

void vm_resume(Vm *vm, const CpuResume *how)
{
    if (vm_status(vm) == VM_SHUTDOWN)
        vm_reset(vm); /* there is nothing to go on with */
    vm_park(vm);
    for (unsigned i = 0; i < vm->cpu_count; i++)
        vm->resume[i] = how ? how[i] : CPU_GOES;
    vm_unpark(vm);
    set_status(vm, VM_RUNNING);
}

void vm_continue(Vm *vm)
{
    vm_resume(vm, NULL);
}

void vm_stop_for_debugger(Vm *vm)
{
    board_lock(vm->board);
    if (vm_status(vm) == VM_RUNNING)
        set_status(vm, VM_DEBUG);
    board_unlock(vm->board);
}

void vm_watch_status(Vm *vm, void (*fn)(void *opaque), void *opaque)
{
    vm->status_changed = fn;
    vm->status_opaque = opaque;
}

void vm_reset(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    vm->reset_wanted = true;
    g_mutex_unlock(&vm->run_lock);
    vcpu_notify(vm);
}

void vm_park(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    vm->parks++;
    g_mutex_unlock(&vm->run_lock);
    vcpu_notify(vm);
    board_unlock(vm->board); /* a CPU may need it to finish its instruction */
    g_mutex_lock(&vm->run_lock);
    while (!vcpu_all_parked(vm))
        g_cond_wait(&vm->all_parked, &vm->run_lock);
    g_mutex_unlock(&vm->run_lock);
    board_lock(vm->board);
}

void vm_unpark(Vm *vm)
{
    g_mutex_lock(&vm->run_lock);
    g_assert(vm->parks > 0);
    vm->parks--;
    vcpu_signal(vm);
    g_mutex_unlock(&vm->run_lock);
}
