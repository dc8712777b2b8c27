/* pc_cpus.c - the board's CPUs, and what their pins are wired to. */
#include "cpu/model.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/i8259.h"
#include "machine/pc_priv.h"

/* A CPU without a local APIC has the 8259A's INT on its INTR pin. */
int pc_pic_acknowledge(void *opaque)
{
    Pc *pc = opaque;
    return i8259_acknowledge(pc->pic[0]);
}

enum { FPU_IRQ = 13 };

static const IntcOps pic_ops = {.acknowledge = pc_pic_acknowledge};

static void ferr(void *opaque, int irq, int level)
{
    Pc *pc = opaque;
    irq_set(&pc->isa_input[irq], level);
}

bool pc_cpus_init(Pc *pc, GError **err)
{
    FeatureSet features;
    const CpuModel *model = cpu_model_parse(pc->config->cpu, &features, err);
    if (!model)
        return false;
    CpuBus bus = {
        .memory = &pc->board->memory,
        .smm_memory = i440fx_smm_memory(pc->host_bridge),
        .ports = &pc->board->ports,
        .clock = pc->board->clock,
        .lock = &pc->board->lock,
        .intc_ops = &pic_ops,
        .intc = pc,
        .triple_fault = pc->hooks.triple_fault,
        .woken = pc->hooks.woken,
        .opaque = pc->hooks.opaque,
    };
    irq_connect(&bus.ferr, ferr, pc, FPU_IRQ);
    unsigned count = pc->config->cpus;
    pc->cpus = g_new0(Cpu *, count);
    for (unsigned i = 0; i < count; i++)
        pc->cpus[i] = cpu_new(model, &features, i, count, &bus);
    pc->cpu_group = (CpuGroup){pc->cpus, count};
    cpu_group_listen(&pc->cpu_group, &pc->board->memory);
    cpu_group_listen(&pc->cpu_group, i440fx_smm_memory(pc->host_bridge));
    return true;
}

void pc_cpus_connect(Pc *pc)
{
    if (cpu_has(pc->cpus[0], FEATURE_APIC))
        pc_apics_add(pc);
    else
        device_connect_fn(pc->pic[0], "int", 0, cpu_set_line, pc->cpus[0], CPU_LINE_INTR);
}

void pc_cpus_fini(Pc *pc)
{
    for (unsigned i = 0; pc->cpus && i < pc->config->cpus; i++)
        cpu_free(pc->cpus[i]);
    g_clear_pointer(&pc->cpus, g_free);
}
