/* group.h - the CPUs of one machine, as the memory map must know them. */
#ifndef MYNA_CPU_GROUP_H
#define MYNA_CPU_GROUP_H

#include "cpu/cpu.h"

/* Tells the CPUs of changes of the memory maps they look at, and of writes to code. */
typedef struct CpuGroup {
    Cpu **cpus;
    unsigned count;
} CpuGroup;

/* The group hears of the address space's changes from now on. The arrays stay the caller's. */
void cpu_group_listen(CpuGroup *group, AddressSpace *as);

#endif
