/* engine.c - what can execute guest code. */
#include "tests/support/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "dbt/dbt.h"
#include "tests/support/testcpu.h"

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

TestCpu *translated_cpu_new(uint64_t ram_bytes)
{
    g_autoptr(GError) err = NULL;
    TestCpu *t = test_cpu_new("max", ram_bytes);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.optimize = OPTIMIZE_NONE}, &err));
    return t;
}

void translator_test_init(int *argc, char ***argv)
{
    enum { SKIPPED = 77 };
    g_test_init(argc, argv, NULL);
    if (host_can_translate())
        return;
    puts("skipped: this host has no back end");
    exit(SKIPPED);
}
