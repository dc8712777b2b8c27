/* group.h - the CPUs of one machine: what one of them, or a device, asks of the others. */
#ifndef MYNA_CPU_GROUP_H
#define MYNA_CPU_GROUP_H

#include "cpu/cpu.h"

typedef struct CpuGroupMember CpuGroupMember;

/* A CPU's TLB and code cache belong to its thread while that is in cpu_run, and to whoever holds
 * the lock otherwise. What is asked of a CPU that runs on another thread waits for the end of its
 * block (PENDING_CODE, PENDING_FLUSH). */
struct CpuGroup {
    CpuGroupMember *members;
    unsigned count;
    GMutex lock;           /* the innermost: may be taken with the machine lock held */
    GCond news;            /* something was served, a CPU began to rest, or ended to be alone */
    CpuGroupMember *alone; /* whose instruction runs while all others rest, or NULL */
    uint64_t map_changes;
    GArray *old_tables; /* OldTable, oldest first */
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

/* The memory map changed: drops the CPU's TLB. When this returns no CPU uses the old map, so that
 * who changed it, by an instruction that is over now, may count on the new one. */
void cpu_group_flush(Cpu *cpu);

/* cpu, in an instruction that has changed nothing yet, is alone with memory until cpu_group_share
 * or until the instruction raises: for LOCKed accesses that the host cannot make whole. The caller
 * does not hold the machine lock, which another CPU may need to end its own instruction. */
void cpu_group_alone(Cpu *cpu);
void cpu_group_share(Cpu *cpu);

#endif
