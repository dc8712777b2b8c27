/* dbt.h - the translator, as the machine sees it: an engine for a CPU. */
#ifndef MYNA_DBT_DBT_H
#define MYNA_DBT_DBT_H

#include "cpu/cpu.h"
#include "dbt/host.h"

typedef struct DbtOptions {
    bool counted;       /* cpu_run's budget is kept to the instruction; otherwise it runs until
                           PENDING_EXIT */
    unsigned cache_mib; /* of code; 0: the usual */
    unsigned lockstep;  /* one in so many blocks is compared with the interpreter; 0: none */
} DbtOptions;

/* Lets the CPU run translated. Fails where the host has no back end or refuses executable memory.
 */
bool dbt_attach(Cpu *cpu, const DbtOptions *options, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* What the translator has done for the CPU, for `info jit`. */
void dbt_print(Cpu *cpu, GString *out);

#endif
