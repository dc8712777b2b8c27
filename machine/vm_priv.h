/* vm_priv.h - the machine's run control, shared by vm.c and vcpu.c. */
#ifndef MYNA_MACHINE_VM_PRIV_H
#define MYNA_MACHINE_VM_PRIV_H

#include "machine/pc.h"
#include "machine/vm.h"

/* A host thread and the CPUs that run on it, in turns: one CPU, or, where they share a thread, all.
 */
typedef struct Runner {
    Vm *vm;
    Cpu **cpus;
    unsigned count;
    unsigned first_turn; /* whose turn comes first */
    GThread *thread;
    GCond changed;   /* with Vm.run_lock: work for its CPUs, or news of the run control */
    int idle;        /* atomic: sleeps until a CPU of its is kicked */
    bool parked;     /* under run_lock: its CPUs stand */
    bool retime;     /* it keeps the time, and the earliest deadline came nearer */
    bool wake_asked; /* the I/O thread's own: wake it once the machine lock is free */
} Runner;

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
    bool wake_asked;    /* the I/O thread's own: of some Runner */
    Timer stop_timer;   /* -icount stop= */
    Ns wall_start;      /* ns since 1970 at virtual time 0 */
    Ns wall_shift;      /* what the guest's wall clock is ahead of the host's */

    /* Run control. run_lock is a leaf: nothing is locked under it. */
    GMutex run_lock;
    GCond all_parked; /* the last Runner has parked */
    VmStatus status;
    unsigned parks; /* who wants the CPUs to stand */
    bool reset_wanted, resetting;
    bool quitting;
    int exit_status;
    CpuResume *resume; /* one for each CPU; changed only while they stand */

    void (*status_changed)(void *opaque); /* machine lock */
    void *status_opaque;

    Runner *keeper; /* sleeps until the earliest deadline, in the timer's stead; machine lock */
    Runner *runners;
    unsigned runner_count;
};

/* Sets the timer to the earliest deadline, if it is the I/O thread that runs the timers now.
 * Machine lock held. */
void vm_arm_timers(Vm *vm);

/* Makes every running CPU come back from cpu_run and its thread look at the run control: at once,
 * or, counted and asked by the I/O thread, at the end of its slice. */
void vcpu_notify(Vm *vm);

/* Tells the threads that stand or sleep of news of the run control. run_lock held. */
void vcpu_signal(Vm *vm);
/* A CPU has stopped for the debugger: the machine stops. Any thread. */
void vm_stop_for_debugger(Vm *vm);

/* CpuBus.woken; opaque is the Vm. */
void vcpu_woken(void *opaque, Cpu *cpu);

/* The earliest deadline came nearer: tells the keeper. Machine lock held. */
void vcpu_retime(Vm *vm);

/* Does what vcpu_woken put off. I/O thread, machine lock not held. */
void vcpu_wake_asked(Vm *vm);

/* PcHooks.current; opaque is the Vm. */
Cpu *vcpu_current(void *opaque);

/* The counter behind a counted clock: instructions retired by all CPUs. */
uint64_t vcpu_count(void *opaque);

/* All CPUs stand between two instructions. run_lock held. */
bool vcpu_all_parked(const Vm *vm);

/* A machine's runners: made without threads, all parked; started; joined; freed. */
void vcpu_init(Vm *vm);
void vcpu_start(Vm *vm);
void vcpu_join(Vm *vm);
void vcpu_fini(Vm *vm);

#endif
