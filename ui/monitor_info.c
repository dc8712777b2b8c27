/* monitor_info.c - the subjects of `info`. */
#include <inttypes.h>

#include "cpu/mmu.h"
#include "core/device.h"
#include "machine/pc.h"
#include "ui/monitor_priv.h"

typedef struct Subject {
    const char *name, *args;
    MonitorFn *fn;
    const char *help;
} Subject;

static const Subject subjects[] = {
#define SUBJECT(name, args, fn, help) {name, args, monitor_info_##fn, help},
#include "ui/subjects.def"
#undef SUBJECT
};

static void list_subjects(GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
        g_string_append_printf(out, "info %s %-8s %s\n", subjects[i].name, subjects[i].args,
                               subjects[i].help);
    g_string_append(out, "info ID or CLASS    the state of a device of `info devices`\n");
}

void monitor_info(Monitor *m, const MonitorArgs *args, GString *out)
{
    const char *name = args->word[0];
    if (!name) {
        list_subjects(out);
        return;
    }
    const MonitorArgs rest = {.word = {args->word[1]}, .format = args->format};
    for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
        if (g_str_equal(subjects[i].name, name)) {
            subjects[i].fn(m, &rest, out);
            return;
        }
    }
    Device *dev = board_find_device(vm_board(monitor_vm(m)), name);
    if (dev)
        device_print(dev, out);
    else
        g_string_append_printf(out, "info: there is no '%s'; 'info' lists the subjects\n", name);
}

void monitor_info_version(Monitor *m, const MonitorArgs *args, GString *out)
{
    g_string_append(out, "myna " MYNA_VERSION "\n");
}

void monitor_info_status(Monitor *m, const MonitorArgs *args, GString *out)
{
    g_string_append_printf(out, "VM status: %s\n", vm_status_name(vm_status(monitor_vm(m))));
}

void monitor_info_name(Monitor *m, const MonitorArgs *args, GString *out)
{
    const char *name = vm_config(monitor_vm(m))->name;
    if (name)
        g_string_append_printf(out, "%s\n", name);
}

void monitor_info_cpus(Monitor *m, const MonitorArgs *args, GString *out)
{
    for (unsigned i = 0; i < vm_cpu_count(monitor_vm(m)); i++) {
        Cpu *cpu = vm_cpu(monitor_vm(m), i);
        g_string_append_printf(
            out, "%c CPU #%u: pc=0x%016" PRIx64 " %s, %" PRIu64 " instructions\n",
            cpu == monitor_cpu_chosen(m) ? '*' : ' ', i, cpu->seg[SEG_CS].base + cpu->rip,
            cpu->activity == CPU_RUNNING ? "running" : "halted", cpu_insn_count(cpu));
    }
}

void monitor_info_registers(Monitor *m, const MonitorArgs *args, GString *out)
{
    if (!args->word[0]) {
        registers_print(monitor_cpu_chosen(m), out);
        return;
    }
    if (!g_str_equal(args->word[0], "-a")) {
        g_string_append_printf(out, "info registers: '%s' should be -a\n", args->word[0]);
        return;
    }
    for (unsigned i = 0; i < vm_cpu_count(monitor_vm(m)); i++)
        registers_print(vm_cpu(monitor_vm(m), i), out);
}

void monitor_info_tlb(Monitor *m, const MonitorArgs *args, GString *out)
{
    mmu_print(monitor_cpu_chosen(m), out);
}

/* --- mapped ranges ---------------------------------------------------------------------------- */

typedef struct MappedRange {
    LinAddr first, last;
    bool open;
    GString *out;
} MappedRange;

static void range_close(MappedRange *r)
{
    if (r->open)
        g_string_append_printf(r->out, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 "\n", r->first,
                               r->last, r->last - r->first + 1);
    r->open = false;
}

static void range_add(MappedRange *r, LinAddr first, uint64_t size)
{
    if (r->open && r->last + 1 == first) {
        r->last += size;
        return;
    }
    range_close(r);
    *r = (MappedRange){first, first + size - 1, true, r->out};
}

/* [SDM3] "Paging": a present entry above the last level that is no large page leads to a table. */
static void walk_table(Cpu *cpu, uint64_t table, unsigned shift, LinAddr base, MappedRange *r)
{
    enum { PRESENT = 1, LARGE = 1 << 7 };
    bool legacy = !(cpu->cr4 & CR4_PAE);
    unsigned entry_size = legacy ? 4 : 8, entries = legacy ? 1024 : 512;
    if (!legacy && !(cpu->efer & EFER_LMA) && shift == 30)
        entries = 4;
    for (unsigned i = 0; i < entries; i++) {
        uint64_t entry = address_space_load(cpu_memory(cpu), table + i * entry_size, entry_size);
        LinAddr la = base | (LinAddr)i << shift;
        if (shift == 39)
            la = sign_extend(la, 48);
        bool may_be_large = shift > PAGE_SHIFT && shift < 39 && !(shift == 30 && entries == 4);
        if (!(entry & PRESENT))
            continue;
        if (shift == PAGE_SHIFT || (may_be_large && entry & LARGE))
            range_add(r, la, (uint64_t)1 << shift);
        else
            walk_table(cpu, entry & 0x000ffffffffff000, shift - (legacy ? 10 : 9), la, r);
    }
}

void monitor_info_mem(Monitor *m, const MonitorArgs *args, GString *out)
{
    Cpu *cpu = monitor_cpu_chosen(m);
    MappedRange r = {.out = out};
    if (!(cpu->cr0 & CR0_PG)) {
        g_string_append(out, "paging is off\n");
        return;
    }
    if (cpu->efer & EFER_LMA)
        walk_table(cpu, cpu->cr3 & 0x000ffffffffff000, 39, 0, &r);
    else if (cpu->cr4 & CR4_PAE)
        walk_table(cpu, cpu->cr3 & 0xffffffe0, 30, 0, &r);
    else
        walk_table(cpu, cpu->cr3 & 0xfffff000, 22, 0, &r);
    range_close(&r);
}

/* --- the board -------------------------------------------------------------------------------- */

void monitor_info_mtree(Monitor *m, const MonitorArgs *args, GString *out)
{
    Board *board = vm_board(monitor_vm(m));
    address_space_print(&board->memory, out);
    address_space_print(&board->ports, out);
}

static void print_class(Board *board, const char *class_name, GString *out)
{
    for (unsigned i = 0; i < board->devices->len; i++) {
        Device *dev = board->devices->pdata[i];
        if (!g_str_equal(dev->klass->name, class_name))
            continue;
        g_string_append_printf(out, "%s\n", dev->id);
        device_print(dev, out);
    }
}

void monitor_info_pic(Monitor *m, const MonitorArgs *args, GString *out)
{
    static const char *const classes[] = {"i8259", "ioapic", "lapic"};
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        print_class(vm_board(monitor_vm(m)), classes[i], out);
}

void monitor_info_pci(Monitor *m, const MonitorArgs *args, GString *out)
{
    pci_bus_print(pc_pci(vm_pc(monitor_vm(m))), out);
}

void monitor_info_block(Monitor *m, const MonitorArgs *args, GString *out)
{
    GPtrArray *drives = pc_drives(vm_pc(monitor_vm(m)));
    for (unsigned i = 0; i < drives->len; i++) {
        const Block *b = drives->pdata[i];
        if (b->present)
            g_string_append_printf(out, "%s: %s (%s%s, %" PRIu64 " bytes)\n", b->name, b->filename,
                                   b->ops->format, b->access == BLOCK_READONLY ? ", read-only" : "",
                                   b->size_bytes);
        else
            g_string_append_printf(out, "%s: [not inserted]\n", b->name);
        g_string_append_printf(out,
                               "    reads %" PRIu64 " (%" PRIu64 " bytes), writes %" PRIu64
                               " (%" PRIu64 " bytes), flushes %" PRIu64 "\n",
                               b->reads, b->bytes_read, b->writes, b->bytes_written, b->flushes);
    }
}

void monitor_info_chardev(Monitor *m, const MonitorArgs *args, GString *out)
{
    GPtrArray *chardevs = pc_chardevs(vm_pc(monitor_vm(m)));
    for (unsigned i = 0; i < chardevs->len; i++) {
        const Chardev *chr = chardevs->pdata[i];
        g_string_append_printf(out, "%s: %s%s\n", chr->id ? chr->id : "-", chr->ops->name,
                               chr->attached ? "" : " (not used)");
    }
}

void monitor_info_devices(Monitor *m, const MonitorArgs *args, GString *out)
{
    GPtrArray *devices = vm_board(monitor_vm(m))->devices;
    for (unsigned i = 0; i < devices->len; i++) {
        const Device *dev = devices->pdata[i];
        g_string_append_printf(out, "%-20s %-16s %s\n", dev->id, dev->klass->name,
                               dev->klass->desc);
    }
}
