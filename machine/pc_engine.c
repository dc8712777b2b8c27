/* pc_engine.c - what the CPUs run with, and what is told of it. */
#include "dbt/dbt.h"

#include <unistd.h>

#include "cpu/run.h"
#include "machine/pc_priv.h"

static bool attach(Pc *pc, Cpu *cpu, Accel accel, GError **err)
{
    if (accel == ACCEL_INTERP) {
        cpu_set_engine(cpu, &interpreter_engine, NULL);
        return true;
    }
    DbtOptions options = {.counted = pc->config->counted || pc->config->turns,
                          .cache_mib = pc->config->code_cache_mib,
                          .optimize = pc->config->optimize,
                          .symbols = pc->symbols,
                          .perf = pc->perf,
                          .lockstep = pc->config->lockstep};
    return dbt_attach(cpu, &options, err);
}

bool pc_set_engine(Pc *pc, Accel accel, GError **err)
{
    if (accel == ACCEL_BEST)
        accel = host_can_translate() ? ACCEL_JIT : ACCEL_INTERP;
    for (unsigned i = 0; i < pc->config->cpus; i++) {
        bool translates = dbt_is_attached(pc->cpus[i]);
        if (translates != (accel == ACCEL_JIT) && !attach(pc, pc->cpus[i], accel, err))
            return false;
    }
    return true;
}

/* -symbols, or the kernel, if it is an ELF file that has them. */
static bool load_symbols(Pc *pc, GError **err)
{
    const Config *config = pc->config;
    if (config->symbols) {
        pc->symbols = symbols_load(config->symbols, err);
        g_prefix_error(err, "-symbols: ");
        return pc->symbols != NULL;
    }
    g_autofree char *data = NULL;
    gsize size;
    if (config->kernel && g_file_get_contents(config->kernel, &data, &size, NULL))
        pc->symbols = symbols_from_elf((const uint8_t *)data, size);
    return true;
}

static bool open_perf_files(Pc *pc, GError **err)
{
    const Config *config = pc->config;
    if (!config->perfmap && !config->jitdump)
        return true;
    g_autofree char *map = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());
    g_autofree char *dump = g_strdup_printf("jit-%d.dump", (int)getpid());
    pc->perf = perf_files_new(config->perfmap ? map : NULL, config->jitdump ? dump : NULL, err);
    return pc->perf != NULL;
}

bool pc_engine_init(Pc *pc, GError **err)
{
    return load_symbols(pc, err) && open_perf_files(pc, err) &&
           pc_set_engine(pc, pc->config->accel, err);
}

void pc_engine_fini(Pc *pc)
{
    g_clear_pointer(&pc->symbols, symbols_free);
    g_clear_pointer(&pc->perf, perf_files_free);
}
