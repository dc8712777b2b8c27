/* monitor_hash.c - `info hash`: whether two machines are in the same state, at a glance. */
#include "core/device.h"
#include "cpu/flags.h"
#include "machine/pc.h"
#include "ui/monitor_priv.h"

static void print_hash(GString *out, const char *name, const void *data, size_t size)
{
    g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
    g_string_append_printf(out, "%s  %s\n", hash, name);
}

/* The flags are kept as what they are computed from, of which there are many: one form for each. */
static void print_cpu(GString *out, Cpu *cpu)
{
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autofree char *name = g_strdup_printf("cpu%u", cpu->index);
    flags_set_arith(cpu, flags_arith(cpu));
    state_save(cpu_state_fields, cpu, state);
    print_hash(out, name, state->data, state->len);
}

void monitor_info_hash(Monitor *m, const MonitorArgs *args, GString *out)
{
    Vm *vm = monitor_vm(m);
    const MemRegion *ram = pc_ram(vm_pc(vm));
    print_hash(out, "ram", ram->host, ram->size);
    for (unsigned i = 0; i < vm_cpu_count(vm); i++)
        print_cpu(out, vm_cpu(vm, i));
    GPtrArray *devices = vm_board(vm)->devices;
    for (unsigned i = 0; i < devices->len; i++) {
        g_autoptr(GByteArray) state = g_byte_array_new();
        Device *dev = devices->pdata[i];
        device_save(dev, state);
        print_hash(out, dev->id, state->data, state->len);
    }
}
