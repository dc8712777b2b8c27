/* pc_cpus.c - the board's CPUs with their local APICs, and what the pins of both are wired to. */
#include "core/error.h"
#include "cpu/model.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/i8259.h"
#include "devices/devices.h"
#include "machine/pc_priv.h"

enum { FPU_IRQ = 13 };

static int pic_inta(void *opaque)
{
    Pc *pc = opaque;
    return i8259_acknowledge(pc->pic[0]);
}

/* A CPU without a local APIC has the 8259A's INT on its INTR pin. */
static const IntcOps pic_ops = {.acknowledge = pic_inta};

static void ferr(void *opaque, int irq, int level)
{
    Pc *pc = opaque;
    irq_set(&pc->isa_input[irq], level);
}

/* --- local APICs ------------------------------------------------------------------------------ */

static int lapic_inta(void *opaque)
{
    PcCpu *place = opaque;
    return pic_inta(place->pc);
}

/* The inverse of cpu_tsc, rounded up. A value of the past gives a time of the past. */
static Ns lapic_tsc_time(void *opaque, uint64_t tsc)
{
    const Cpu *cpu = ((PcCpu *)opaque)->cpu;
    __int128 left = (int64_t)(tsc - cpu_tsc((Cpu *)cpu));
    Ns now = clock_now(cpu->bus.clock);
    __int128 ns = (left * NS_PER_SEC + (left > 0 ? (int64_t)cpu->tsc_hz - 1 : 0)) /
                  (int64_t)cpu->tsc_hz;
    return ns > NS_NEVER - now ? NS_NEVER : now + (Ns)MAX(ns, -now);
}

static void lapic_base_changed(void *opaque, PhysAddr base)
{
    PcCpu *place = opaque;
    lapic_window_move(place->pc->lapic_window, base);
}

/* The APIC of the CPU whose access this is. */
static void *lapic_current(void *opaque)
{
    Pc *pc = opaque;
    Cpu *cpu = pc->hooks.current ? pc->hooks.current(pc->hooks.opaque) : NULL;
    return cpu ? pc->places[cpu->index].lapic : NULL;
}

static void add_lapic(Pc *pc, unsigned index, const FeatureSet *features)
{
    PcCpu *place = &pc->places[index];
    place->host = (LapicHost){.inta = lapic_inta,
                              .tsc_time = lapic_tsc_time,
                              .base_changed = lapic_base_changed,
                              .opaque = place};
    void *lapic = device_new(pc->board, device_class_find("apic"), NULL);
    device_set_uint(lapic, "id", index);
    device_set_uint(lapic, "bsp", index == 0);
    device_set_uint(lapic, "x2apic", feature_in(features, FEATURE_X2APIC));
    device_set_uint(lapic, "tsc_deadline", feature_in(features, FEATURE_TSC_DEADLINE));
    device_set_link(lapic, "bus", pc->apic_bus);
    device_set_link(lapic, "host", &place->host);
    device_realize_builtin(lapic);
    place->lapic = lapic;
}

static void wire_lapic(void *lapic, Cpu *cpu)
{
    static const struct {
        const char *pin;
        CpuLine line;
    } wires[] = {{"intr", CPU_LINE_INTR},
                 {"nmi", CPU_LINE_NMI},
                 {"smi", CPU_LINE_SMI},
                 {"init", CPU_LINE_INIT},
                 {"sipi", CPU_LINE_SIPI}};
    for (size_t i = 0; i < G_N_ELEMENTS(wires); i++)
        device_connect_fn(lapic, wires[i].pin, 0, cpu_set_line, cpu, wires[i].line);
}

/* --- CPUs ------------------------------------------------------------------------------------- */

static CpuBus make_bus(Pc *pc)
{
    CpuBus bus = {
        .memory = &pc->board->memory,
        .smm_memory = i440fx_smm_memory(pc->host_bridge),
        .ports = &pc->board->ports,
        .clock = pc->board->clock,
        .lock = &pc->board->lock,
        .turns = pc->config->turns,
        .intc_ops = &pic_ops,
        .intc = pc,
        .triple_fault = pc->hooks.triple_fault,
        .woken = pc->hooks.woken,
        .opaque = pc->hooks.opaque,
    };
    irq_connect(&bus.ferr, ferr, pc, FPU_IRQ);
    return bus;
}

static void add_cpu(Pc *pc, const CpuModel *model, const FeatureSet *features, unsigned index)
{
    PcCpu *place = &pc->places[index];
    CpuBus bus = make_bus(pc);
    place->pc = pc;
    if (pc->apic_bus) {
        add_lapic(pc, index, features);
        bus.intc_ops = &lapic_intc_ops;
        bus.intc = place->lapic;
    }
    place->cpu = cpu_new(model, features, index, pc->config->cpus, &bus);
    pc->cpus[index] = place->cpu;
    if (place->lapic)
        wire_lapic(place->lapic, place->cpu);
}

bool pc_cpus_init(Pc *pc, GError **err)
{
    FeatureSet features;
    const CpuModel *model = cpu_model_parse(pc->config->cpu, &features, err);
    if (!model)
        return false;
    unsigned count = pc->config->cpus;
    if (count > 1 && !feature_in(&features, FEATURE_APIC)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-smp: %u CPUs need a CPU model with a local APIC, which \"%s\" lacks", count,
                    pc->config->cpu);
        return false;
    }
    if (feature_in(&features, FEATURE_APIC))
        pc->apic_bus = apic_bus_new();
    pc->places = g_new0(PcCpu, count);
    pc->cpus = g_new0(Cpu *, count);
    for (unsigned i = 0; i < count; i++)
        add_cpu(pc, model, &features, i);
    if (!pc_engine_init(pc, err))
        return false;
    cpu_group_init(&pc->cpu_group, pc->cpus, count);
    cpu_group_listen(&pc->cpu_group, &pc->board->memory);
    cpu_group_listen(&pc->cpu_group, i440fx_smm_memory(pc->host_bridge));
    return true;
}

/* The 8259A's INT: LINT0 of every local APIC, or INTR of the only CPU. */
static void pic_int(void *opaque, int n, int level)
{
    Pc *pc = opaque;
    for (unsigned i = 0; i < pc->config->cpus; i++) {
        PcCpu *place = &pc->places[i];
        if (place->lapic)
            irq_set(&place->lint0, level);
        else
            cpu_set_line(place->cpu, CPU_LINE_INTR, level);
    }
}

void pc_cpus_connect(Pc *pc)
{
    device_connect_fn(pc->pic[0], "int", 0, pic_int, pc, 0);
    if (!pc->apic_bus)
        return;
    for (unsigned i = 0; i < pc->config->cpus; i++)
        pc->places[i].lint0 = device_input(pc->places[i].lapic, "lint", 0);
    pc->lapic_window = device_new(pc->board, device_class_find("apic-window"), NULL);
    lapic_window_wire(pc->lapic_window, pc->apic_bus, lapic_current, pc);
    device_realize_builtin(pc->lapic_window);
}

void pc_cpus_fini(Pc *pc)
{
    cpu_group_fini(&pc->cpu_group);
    for (unsigned i = 0; pc->cpus && i < pc->config->cpus; i++)
        cpu_free(pc->cpus[i]);
    g_clear_pointer(&pc->cpus, g_free);
    g_clear_pointer(&pc->places, g_free);
    pc_engine_fini(pc);
    if (pc->apic_bus)
        apic_bus_free(pc->apic_bus);
    pc->apic_bus = NULL;
}
