/* engine.c - what can execute guest code. */
#include "tests/support/engine.h"

#include <stdio.h>
#include <stdlib.h>

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

void translator_test_init(int *argc, char ***argv)
{
    enum { SKIPPED = 77 };
    g_test_init(argc, argv, NULL);
    if (host_can_translate())
        return;
    puts("skipped: this host has no back end");
    exit(SKIPPED);
}
