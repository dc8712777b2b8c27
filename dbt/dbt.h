/* dbt.h - the translator, as the machine sees it: an engine for a CPU. */
#ifndef MYNA_DBT_DBT_H
#define MYNA_DBT_DBT_H

#include "cpu/cpu.h"
#include "core/symbols.h"
#include "dbt/host.h"
#include "dbt/perf.h"

typedef enum OptimizeKind {
    OPTIMIZE_HOT, /* what samples say is hot, on another thread */
    OPTIMIZE_NONE,
    OPTIMIZE_ALL, /* every block, at once: for tests */
} OptimizeKind;

typedef struct DbtOptions {
    bool counted;           /* cpu_run's budget is kept to the instruction; otherwise it runs until
                               PENDING_EXIT */
    unsigned cache_mib;     /* of code; 0: the usual */
    const Symbols *symbols; /* of the guest, for people; NULL: none. Outlives the engine */
    PerfFiles *perf;        /* is told of every block; NULL: nobody is. Likewise */
    OptimizeKind optimize;
    unsigned lockstep; /* one in so many blocks is compared with the interpreter; 0: none */
} DbtOptions;

/* Lets the CPU run translated. Fails where the host has no back end or refuses executable memory.
 */
bool dbt_attach(Cpu *cpu, const DbtOptions *options, GError **err) G_GNUC_WARN_UNUSED_RESULT;

bool dbt_is_attached(const Cpu *cpu);

/* --- for people; between runs ---------------------------------------------------------------------- */

/* What the translator has done for the CPU, for `info jit`. */
void dbt_print(Cpu *cpu, GString *out);

/* The translation of the code at a linear address: guest, intermediate form, host side by side. */
void dbt_print_block(Cpu *cpu, LinAddr la, GString *out);

/* Samples which blocks run, from now on; stops doing so; the hottest so far. */
void dbt_profile_start(Cpu *cpu);
void dbt_profile_stop(Cpu *cpu);
void dbt_print_hot(Cpu *cpu, unsigned shown, GString *out);

#endif
