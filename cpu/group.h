/* group.h - the CPUs of one machine: what one of them, or a device, asks of the others. */
#ifndef MYNA_CPU_GROUP_H
#define MYNA_CPU_GROUP_H

#include "cpu/cpu.h"

typedef struct CpuGroupMember CpuGroupMember;

/* A CPU's TLB and code cache belong to its thread while that is in cpu_run, and to whoever holds
 * the lock otherwise. What is asked of a CPU that runs on another thread waits for the end of its
 * block (PENDING_CODE). */
struct CpuGroup {
    CpuGroupMember *members;
    unsigned count;
    GMutex lock; /* the innermost: may be taken with the machine lock held */
    GCond served;
};

/* The CPUs, in the order of their index, know the group from now on. Ends before they do. */
void cpu_group_init(CpuGroup *group, Cpu **cpus, unsigned count);
void cpu_group_fini(CpuGroup *group);

/* The group hears of the address space's changes and of writes to code from now on. */
void cpu_group_listen(CpuGroup *group, AddressSpace *as);

/* cpu, between blocks, is about to decode bytes of the page: when this returns, its code cache has
 * a record of the page and stores of every CPU to it take the slow path. */
void cpu_group_code_page(Cpu *cpu, const MemPage *page);

/* The CPU's thread enters and leaves cpu_run. */
void cpu_group_enter(Cpu *cpu);
void cpu_group_leave(Cpu *cpu);

/* Does what others asked of the CPU, which is between blocks. */
void cpu_group_serve(Cpu *cpu);

#endif
