/* vm_priv.h - the machine's run control, shared by vm.c and vcpu.c. */
#ifndef MYNA_MACHINE_VM_PRIV_H
#define MYNA_MACHINE_VM_PRIV_H

#include "machine/pc.h"
#include "machine/vm.h"

struct Vm {
    const Config *config;
    Clock *clock; /* the board's own */
    Pc *pc;
    Board *board;
    Cpu **cpus;
    unsigned cpu_count;

    int timer_fd; /* host clock: fires at the earliest deadline */
    guint timer_watch;
    Ns armed;           /* what it is set to; NS_NEVER: not set */
    GThread *io_thread; /* that is in vm_run */
    bool wake_asked; /* the I/O thread's own: CPUs have work when it lets go of the machine lock */
    Ns wall_start;   /* ns since 1970 at virtual time 0 */
    Ns wall_shift;   /* what the guest's wall clock is ahead of the host's */

    /* Run control. run_lock is a leaf: nothing is locked under it. */
    GMutex run_lock;
    GCond run_changed;
    VmStatus status;
    unsigned parks; /* who wants the CPUs to stand */
    bool parked;    /* they do */
    bool reset_wanted;
    bool quitting;
    int exit_status;
    CpuResume *resume; /* one for each CPU; changed only while they stand */

    void (*status_changed)(void *opaque); /* machine lock */
    void *status_opaque;

    GThread *cpu_thread;
    Cpu *running;        /* the CPU thread's own: whose turn it is */
    unsigned first_turn; /* whose turn comes first; the CPU thread's own */
    int idle;            /* atomic: the CPU thread sleeps until a CPU is kicked */
};

/* Makes every running CPU come back from cpu_run and its thread look at the run control. */
void vcpu_notify(Vm *vm);

/* A CPU has stopped for the debugger: the machine stops. Any thread. */
void vm_stop_for_debugger(Vm *vm);

/* CpuBus.woken; opaque is the Vm. */
void vcpu_woken(void *opaque, Cpu *cpu);

/* Does what vcpu_woken put off. I/O thread, machine lock not held. */
void vcpu_wake_asked(Vm *vm);

/* PcHooks.current; opaque is the Vm. */
Cpu *vcpu_current(void *opaque);

/* The counter behind a counted clock: instructions retired by all CPUs. */
uint64_t vcpu_count(void *opaque);

void vcpu_start(Vm *vm);
void vcpu_join(Vm *vm);

#endif
