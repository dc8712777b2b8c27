/* engine.c - what can execute guest code. */
#include "tests/support/engine.h"

static void interpret(Cpu *cpu, uint64_t count)
{
    cpu_run(cpu, count);
}

const Engine engines[] = {
    {"interpreter", interpret},
};
const unsigned engine_count = G_N_ELEMENTS(engines);
