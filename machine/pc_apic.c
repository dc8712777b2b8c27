/* pc_apic.c - the board's APICs and the HPET, which routes interrupts too.
 *
 *      8259A INT ──> LINT0 of every local APIC (software enables it on the boot processor)
 *      IRQ 1, 3-15 ──> I/O APIC pins 1, 3-15;   IRQ 0 ──> pin 2
 *      PIT, RTC ──> HPET "legacy" ──> IRQ 0, IRQ 8 (the HPET may take both over)
 */
#include "core/apic_bus.h"
#include "devices/chipset/lapic.h"
#include "devices/devices.h"
#include "machine/pc_priv.h"

enum { PIT_PIN = 2, HPET_PINS = 24 };

static int cpu_inta(void *opaque)
{
    PcApic *apic = opaque;
    return pc_pic_acknowledge(apic->pc);
}

static Ns apic_tsc_time(void *opaque, uint64_t tsc)
{
    PcApic *apic = opaque;
    return cpu_tsc_time(apic->cpu, tsc);
}

/* The window is one for all CPUs; it follows the boot processor's base. */
static void base_changed(void *opaque, PhysAddr base)
{
    PcApic *apic = opaque;
    if (apic->cpu->index == 0 && apic->pc->apic_window)
        lapic_window_move(apic->pc->apic_window, base);
}

/* The APIC of the CPU that makes the access on this thread; NULL: a device's write. */
static void *accessing_apic(void *opaque)
{
    Pc *pc = opaque;
    Cpu *cpu = cpu_current();
    return cpu ? pc->apics[cpu->index].device : NULL;
}

static void add_local_apic(Pc *pc, Cpu *cpu)
{
    PcApic *apic = &pc->apics[cpu->index];
    apic->pc = pc;
    apic->cpu = cpu;
    apic->host = (LapicHost){cpu_inta, apic_tsc_time, base_changed, apic};
    void *dev = device_new(pc->board, device_class_find("apic"), NULL);
    device_set_uint(dev, "id", cpu->apic_id);
    device_set_uint(dev, "bsp", cpu->index == 0);
    device_set_uint(dev, "x2apic", cpu_has(cpu, FEATURE_X2APIC));
    device_set_uint(dev, "tsc_deadline", cpu_has(cpu, FEATURE_TSC_DEADLINE));
    device_set_uint(dev, "phys_bits", cpu->phys_bits);
    device_set_link(dev, "bus", pc->apic_bus);
    device_set_link(dev, "host", &apic->host);
    device_realize_builtin(dev);
    apic->device = dev;

    device_connect_fn(dev, "intr", 0, cpu_set_line, cpu, CPU_LINE_INTR);
    device_connect_fn(dev, "nmi", 0, cpu_set_line, cpu, CPU_LINE_NMI);
    device_connect_fn(dev, "smi", 0, cpu_set_line, cpu, CPU_LINE_SMI);
    device_connect_fn(dev, "init", 0, cpu_set_line, cpu, CPU_LINE_INIT);
    device_connect_fn(dev, "sipi", 0, cpu_set_line, cpu, CPU_LINE_SIPI);
    cpu->bus.intc_ops = &lapic_intc_ops;
    cpu->bus.intc = dev;
}

/* INT of the 8259A reaches LINT0 of all. */
static void pic_int(void *opaque, int n, int level)
{
    Pc *pc = opaque;
    for (unsigned i = 0; i < pc->config->cpus; i++)
        irq_set(&pc->apics[i].lint0, level);
}

void pc_apics_add(Pc *pc)
{
    pc->apic_bus = apic_bus_new();
    pc->apics = g_new0(PcApic, pc->config->cpus);
    for (unsigned i = 0; i < pc->config->cpus; i++) {
        add_local_apic(pc, pc->cpus[i]);
        pc->apics[i].lint0 = device_input(pc->apics[i].device, "lint", 0);
    }
    device_connect_fn(pc->pic[0], "int", 0, pic_int, pc, 0);

    pc->apic_window = device_new(pc->board, device_class_find("apic-window"), NULL);
    lapic_window_wire(pc->apic_window, pc->apic_bus, accessing_apic, pc);
    device_realize_builtin(pc->apic_window);

    pc->ioapic = device_new(pc->board, device_class_find("ioapic"), NULL);
    device_set_link(pc->ioapic, "bus", pc->apic_bus);
    device_realize_builtin(pc->ioapic);
    for (unsigned n = 0; n < ISA_IRQS; n++)
        if (n != PIT_PIN)
            pc->ioapic_input[n] = device_input(pc->ioapic, "irq", n == 0 ? PIT_PIN : n);
}

void pc_apics_free(Pc *pc)
{
    if (pc->apic_bus)
        apic_bus_free(pc->apic_bus);
    g_free(pc->apics);
}

/* Beyond the ISA interrupts only the I/O APIC has pins; the others are shared with ISA devices. */
static void hpet_pin(void *opaque, int pin, int level)
{
    Pc *pc = opaque;
    if (pin == PIT_PIN)
        pc_isa_pin(pc, 0, level);
    else if (pin < ISA_IRQS)
        pc_isa_pin(pc, pin, level);
    else
        irq_set(&pc->hpet_input[pin - ISA_IRQS], level);
}

void pc_hpet_add(Pc *pc)
{
    void *hpet = device_new(pc->board, device_class_find("hpet"), NULL);
    device_realize_builtin(hpet);
    device_connect(pc->pit, "out", 0, hpet, "legacy", 0);
    device_connect(pc->rtc, "irq", 0, hpet, "legacy", 1);
    device_connect_fn(hpet, "isa", 0, pc_isa_pin, pc, 0);
    device_connect_fn(hpet, "isa", 1, pc_isa_pin, pc, 8);
    for (unsigned n = ISA_IRQS; pc->ioapic && n < HPET_PINS; n++)
        pc->hpet_input[n - ISA_IRQS] = device_input(pc->ioapic, "irq", n);
    for (unsigned n = 0; n < HPET_PINS; n++)
        device_connect_fn(hpet, "irq", n, hpet_pin, pc, n);
}
