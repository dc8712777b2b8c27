/* vm.h - a virtual machine's life: made from a Config, run, paused, reset, powered off, ended.
 *
 * Threads. The I/O thread is the one that called vm_run: it runs the default GLib main context, and
 * in it the timers of the host clock and whoever talks to people. It holds the machine lock except
 * while it waits in poll. CPUs run on threads of their own and take the machine lock at each device
 * access. Whoever wants to look at a CPU parks the CPUs first. */
#ifndef MYNA_MACHINE_VM_H
#define MYNA_MACHINE_VM_H

#include "core/board.h"
#include "cpu/cpu.h"
#include "machine/config.h"

typedef struct Vm Vm;
typedef struct Pc Pc;

typedef enum VmStatus {
    VM_PRELAUNCH, /* made with -S, not yet continued */
    VM_RUNNING,
    VM_PAUSED,   /* by the monitor */
    VM_SHUTDOWN, /* the guest powered off under -no-shutdown */
    VM_DEBUG,    /* a CPU has something to tell a debugger: its stop.kind */
} VmStatus;

/* What a CPU does while the machine runs. */
typedef enum CpuResume {
    CPU_GOES,
    CPU_STEPS, /* one instruction, before which it takes no interrupt; then the machine stops */
    CPU_STEPS_INTO, /* the same, with interrupts */
    CPU_STANDS_STILL
} CpuResume;

/* Opens everything the config names and builds the machine; nothing runs yet. The config stays the
 * caller's and must outlive the machine. */
Vm *vm_new(const Config *config, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void vm_free(Vm *vm);

/* Runs until somebody calls vm_quit; returns the process's exit status. */
int vm_run(Vm *vm);

/* Ends vm_run. Any thread. The first status counts. */
void vm_quit(Vm *vm, int status);

Pc *vm_pc(Vm *vm);
Board *vm_board(Vm *vm);
Cpu *vm_cpu(Vm *vm, unsigned n); /* NULL if there is none */
unsigned vm_cpu_count(const Vm *vm);
const Config *vm_config(const Vm *vm);
VmStatus vm_status(Vm *vm);
const char *vm_status_name(VmStatus status);

/* Monitor's verbs. I/O thread, machine lock held once (vm_stop gives it up while it waits). */
void vm_stop(Vm *vm);
void vm_continue(Vm *vm);
/* As vm_continue, with a say for each CPU; NULL: all go. */
void vm_resume(Vm *vm, const CpuResume *how);

/* fn is called after each change of the status, with the machine lock held, on any thread. There is
 * one; NULL: nobody. */
void vm_watch_status(Vm *vm, void (*fn)(void *opaque), void *opaque);

/* Asks for a reset as a button would; it happens on the CPUs' thread. Any thread. */
void vm_reset(Vm *vm);

/* CPUs stand between two instructions from vm_park to the matching vm_unpark. I/O thread, machine
 * lock held once: it is given up while a CPU may need it to get to the end of its instruction. */
void vm_park(Vm *vm);
void vm_unpark(Vm *vm);

#endif
