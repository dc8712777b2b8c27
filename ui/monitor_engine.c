/* monitor_engine.c - commands and subjects about what runs guest code. */
#include "dbt/dbt.h"
#include "machine/pc.h"
#include "ui/monitor_priv.h"

void monitor_accel(Monitor *m, const MonitorArgs *args, GString *out)
{
    const char *name = args->word[0];
    bool jit = g_str_equal(name, "jit") || g_str_equal(name, "tcg");
    g_autoptr(GError) err = NULL;
    if (!jit && !g_str_equal(name, "interp"))
        g_string_append_printf(out, "accel: there is no '%s', only: jit, interp\n", name);
    else if (!pc_set_engine(vm_pc(monitor_vm(m)), jit ? ACCEL_JIT : ACCEL_INTERP, &err))
        g_string_append_printf(out, "%s\n", err->message);
}

void monitor_info_accel(Monitor *m, const MonitorArgs *args, GString *out)
{
    for (unsigned i = 0; i < vm_cpu_count(monitor_vm(m)); i++)
        g_string_append_printf(out, "CPU #%u: %s\n", i, vm_cpu(monitor_vm(m), i)->engine->name);
}

void monitor_jit(Monitor *m, const MonitorArgs *args, GString *out)
{
    dbt_print_block(monitor_cpu_chosen(m), args->number[0], out);
}

void monitor_info_jit(Monitor *m, const MonitorArgs *args, GString *out)
{
    dbt_print(monitor_cpu_chosen(m), out);
}

void monitor_info_hot(Monitor *m, const MonitorArgs *args, GString *out)
{
    enum { SHOWN = 20 };
    Cpu *cpu = monitor_cpu_chosen(m);
    const char *word = args->word[0];
    guint64 shown = SHOWN;
    if (word && g_str_equal(word, "on"))
        dbt_profile_start(cpu);
    else if (word && g_str_equal(word, "off"))
        dbt_profile_stop(cpu);
    else if (word && !g_ascii_string_to_unsigned(word, 10, 1, UINT32_MAX, &shown, NULL))
        g_string_append_printf(out, "info hot: '%s' should be on, off or a number\n", word);
    else
        dbt_print_hot(cpu, shown, out);
}
