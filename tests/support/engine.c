/* engine.c - what can execute guest code. */
#include "tests/support/engine.h"

#include "dbt/dbt.h"

static bool interpret(Cpu *cpu, GError **err)
{
    return true; /* as a CPU is made */
}

/* cpu_run's budget is kept to the instruction. */
static bool translate(Cpu *cpu, GError **err)
{
    return dbt_attach(cpu, &(DbtOptions){.counted = true, .cache_mib = 1}, err);
}

const Engine engines[] = {
    {"interpreter", interpret},
    {"translator", translate},
};
const unsigned engine_count = G_N_ELEMENTS(engines);
