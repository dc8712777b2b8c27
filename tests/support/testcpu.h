/* testcpu.h - one CPU on a bare board: RAM from address 0, nothing else. */
#ifndef MYNA_TESTS_TESTCPU_H
#define MYNA_TESTS_TESTCPU_H

#include "core/board.h"
#include "cpu/exec.h"
#include "cpu/group.h"

typedef struct TestCpu {
    Board *board;
    MemRegion ram;
    CpuGroup group;
    Cpu *cpu;
    unsigned triple_faults;
} TestCpu;

/* A CPU of the model ("max" has everything), power-on state, with ram_bytes of RAM. */
TestCpu *test_cpu_new(const char *model, uint64_t ram_bytes);
void test_cpu_free(TestCpu *t);

/* What an access or a function raised. vector is -1 if nothing. */
typedef struct Raised {
    int vector;
    uint32_t error;
    uint64_t cr2;
} Raised;

/* Calls fn under a guard that catches raises. */
Raised test_cpu_try(TestCpu *t, void (*fn)(Cpu *cpu, void *opaque), void *opaque);

/* Puts the CPU in a flat mode with base-0 segments: CPU_PROTECTED (32-bit code) or CPU_LONG, at
 * the given privilege. Paging is as CR0, CR3, CR4 and EFER say. */
void test_cpu_flat(TestCpu *t, CpuMode mode, unsigned cpl);

/* Stores little-endian values in RAM by physical address. */
void test_poke(TestCpu *t, PhysAddr pa, uint64_t value, unsigned size);
void test_poke_bytes(TestCpu *t, PhysAddr pa, const uint8_t *bytes, size_t count);
uint64_t test_peek(TestCpu *t, PhysAddr pa, unsigned size);

#endif
