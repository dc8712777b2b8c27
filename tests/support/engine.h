/* engine.h - what can execute guest code: every row of test runs through each of them. */
#ifndef MYNA_TESTS_SUPPORT_ENGINE_H
#define MYNA_TESTS_SUPPORT_ENGINE_H

#include "cpu/cpu.h"

typedef struct TestCpu TestCpu; /* tests/support/testcpu.h */

typedef struct Engine {
    const char *name;
    /* From now on cpu_run runs with it. False: this host cannot. */
    bool (*attach)(Cpu *cpu, GError **err);
} Engine;

extern const Engine engines[];
extern const unsigned engine_count;

/* g_test_init for a program whose tests all are of the translator: where the host has no back end
 * it ends here, skipped. */
void translator_test_init(int *argc, char ***argv);

/* A CPU in flat 32-bit mode with ram_bytes of RAM, which runs translated; blocks stay as they were
 * first written. */
TestCpu *translated_cpu_new(uint64_t ram_bytes);

#endif
