/* engine.h - what can execute guest code: every row of test runs through each of them. */
#ifndef MYNA_TESTS_SUPPORT_ENGINE_H
#define MYNA_TESTS_SUPPORT_ENGINE_H

#include "cpu/cpu.h"

typedef struct Engine {
    const char *name;
    /* Executes from cs:rip until `count` instructions have retired or been delivered as exceptions,
     * or the CPU stops. */
    void (*run)(Cpu *cpu, uint64_t count);
} Engine;

extern const Engine engines[];
extern const unsigned engine_count;

#endif
