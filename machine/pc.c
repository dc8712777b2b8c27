/* pc.c - the board: which devices a PC has, where they are, and what is wired to what.
 *
 *      ISA IRQ 0-15 and PIRQA-D ──> PIIX3 ──> IRQ 0-15 ──┬─> 8259A pair ──> CPU 0 (LINT0)
 *                                                        └─> I/O APIC ────> local APICs
 *      SCI = IRQ 9, FERR# = IRQ 13, the PIT's counter 0 = IRQ 0 (I/O APIC pin 2)
 *      A20 = keyboard controller or port 92h
 *
 * PCI slots are those of QEMU's `pc`. */
#include "machine/pc.h"

#include "bios/firmware.h"
#include "core/error.h"
#include "devices/chipset/i8237.h"
#include "devices/chipset/piix3.h"
#include "devices/devices.h"
#include "machine/keyvalue.h"
#include "machine/pc_priv.h"

enum { TIMER_IRQ = 0, FLOPPY_IRQ = 6, CMOS_IRQ = 8, SCI_IRQ = 9 };

/* --- lines of the board itself ---------------------------------------------------------------- */

/* ISA devices share an interrupt as open collectors do: asserted while any of them asserts it. */
static void isa_pin(void *opaque, int irq, int level)
{
    Pc *pc = opaque;
    pc->isa_asserted[irq] += level ? 1 : -1;
    irq_set(&pc->isa_input[irq], pc->isa_asserted[irq] > 0);
}

static void ioapic_pin(void *opaque, int pin, int level)
{
    Pc *pc = opaque;
    pc->ioapic_asserted[pin] += level ? 1 : -1;
    irq_set(&pc->ioapic_input[pin], pc->ioapic_asserted[pin] > 0);
}

/* What the ISA bridge makes of ISA pins and PIRQs reaches both interrupt controllers. */
static void irq_out(void *opaque, int irq, int level)
{
    Pc *pc = opaque;
    irq_set(&pc->pic_input[irq], level);
    ioapic_pin(pc, irq == 0 ? 2 : irq, level);
}

enum { A20_KEYBOARD, A20_PORT92 };

static void a20_gate(void *opaque, int source, int level)
{
    Pc *pc = opaque;
    pc->a20[source] = level;
    for (unsigned i = 0; i < pc->config->cpus; i++)
        cpu_set_line(pc->cpus[i], CPU_LINE_A20, pc->a20[A20_KEYBOARD] || pc->a20[A20_PORT92]);
}

/* --- adding devices --------------------------------------------------------------------------- */

static void *add(Pc *pc, const char *class_name)
{
    const DeviceClass *klass = device_class_find(class_name);
    g_assert(klass);
    return device_new(pc->board, klass, NULL);
}

static void *add_simple(Pc *pc, const char *class_name)
{
    void *dev = add(pc, class_name);
    device_realize_builtin(dev);
    return dev;
}

static void *add_at(Pc *pc, const char *class_name, unsigned iobase)
{
    void *dev = add(pc, class_name);
    device_set_uint(dev, "iobase", iobase);
    return dev;
}

static void *add_pci(Pc *pc, const char *class_name, unsigned slot, unsigned function)
{
    void *dev = add(pc, class_name);
    pci_attach(dev, pc->pci, slot << 3 | function);
    return dev;
}

static void wire_isa(Pc *pc, void *dev, const char *pin, unsigned n, unsigned irq)
{
    device_connect_fn(dev, pin, n, isa_pin, pc, irq);
}

/* --- the chipset ------------------------------------------------------------------------------ */

/* The bus needs the bridge it interrupts, and the host bridge the ISA bridge's reset port. */
static void add_bridges(Pc *pc)
{
    pc->isa_bridge = add(pc, "PIIX3");
    pc->pci = pci_bus_new(pc->board, &pc->pci_memory, &pc->board->port_root, piix3_pci_set_irq,
                          pc->isa_bridge);
    pci_attach(pc->isa_bridge, pc->pci, 1 << 3 | 0);
    device_realize_builtin(pc->isa_bridge);
    pc->host_bridge = add_pci(pc, "i440FX", 0, 0);
    device_set_link(pc->host_bridge, "ram", &pc->ram);
    device_set_link(pc->host_bridge, "reset_port", device_region(pc->isa_bridge, 0));
    device_realize_builtin(pc->host_bridge);
}

static void add_interrupt_controllers(Pc *pc)
{
    for (unsigned i = 0; i < 2; i++) {
        pc->pic[i] = add_at(pc, "i8259", i ? 0xa0 : 0x20);
        device_set_uint(pc->pic[i], "elcr_port", 0x4d0 + i);
        device_set_uint(pc->pic[i], "elcr_mask", i ? 0xde : 0xf8);
    }
    device_set_link(pc->pic[0], "slave", pc->pic[1]);
    device_realize_builtin(pc->pic[1]);
    device_realize_builtin(pc->pic[0]);
    device_connect(pc->pic[1], "int", 0, pc->pic[0], "ir", 2);
    for (unsigned n = 0; n < ISA_IRQS; n++) {
        pc->isa_input[n] = device_input(pc->isa_bridge, "isa", n);
        device_connect_fn(pc->isa_bridge, "isa_irq", n, irq_out, pc, n);
        if (n != 2)
            pc->pic_input[n] = device_input(pc->pic[n / 8], "ir", n % 8);
    }
    if (!pc->apic_bus)
        return;
    pc->ioapic = add(pc, "ioapic");
    device_set_link(pc->ioapic, "bus", pc->apic_bus);
    device_realize_builtin(pc->ioapic);
    for (unsigned n = 0; n < IOAPIC_PINS; n++)
        pc->ioapic_input[n] = device_input(pc->ioapic, "irq", n);
}

static void add_isa_parts(Pc *pc)
{
    pc->dma = add_simple(pc, "i8237");
    pc->pit = add_simple(pc, "i8254");
    void *speaker = add_simple(pc, "pcspk");
    device_connect(pc->pit, "out", 2, speaker, "out2", 0);
    device_connect(speaker, "gate2", 0, pc->pit, "gate", 2);
    pc->rtc = add_simple(pc, "mc146818rtc");
    void *port92 = add_simple(pc, "port92");
    device_connect_fn(port92, "a20", 0, a20_gate, pc, A20_PORT92);
}

/* In its legacy mode the HPET takes IRQ 0 and 8 away from the older timers, which go through it. */
static void add_timer_interrupts(Pc *pc)
{
    if (!pc->config->hpet || !pc->ioapic) {
        wire_isa(pc, pc->pit, "out", 0, TIMER_IRQ);
        wire_isa(pc, pc->rtc, "irq", 0, CMOS_IRQ);
        return;
    }
    void *hpet = add_simple(pc, "hpet");
    device_connect(pc->pit, "out", 0, hpet, "legacy", 0);
    device_connect(pc->rtc, "irq", 0, hpet, "legacy", 1);
    wire_isa(pc, hpet, "isa", 0, TIMER_IRQ);
    wire_isa(pc, hpet, "isa", 1, CMOS_IRQ);
    for (unsigned n = 0; n < IOAPIC_PINS; n++)
        device_connect_fn(hpet, "irq", n, ioapic_pin, pc, n);
}

static void add_floppy_controller(Pc *pc)
{
    if (!pc->floppy[0] && !pc->floppy[1])
        return;
    void *fdc = add(pc, "isa-fdc");
    device_set_link(fdc, "dma-controller", i8237_isa_dma(pc->dma));
    device_set_link(fdc, "driveA", pc->floppy[0]);
    device_set_link(fdc, "driveB", pc->floppy[1]);
    device_realize_builtin(fdc);
    wire_isa(pc, fdc, "irq", 0, FLOPPY_IRQ);
}

static bool add_display(Pc *pc, GError **err)
{
    if (pc->config->vga != VGA_STD)
        return true;
    const Firmware *rom = &firmware_vgabios_std;
    pc->vga_rom = g_bytes_new_static(rom->data, firmware_size(rom));
    void *vga = add_pci(pc, "VGA", 2, 0);
    device_set_link(vga, "rom", pc->vga_rom);
    return device_realize(vga, err);
}

static void add_keyboard_and_mouse(Pc *pc)
{
    void *keyboard = add(pc, "ps2-kbd"), *mouse = add(pc, "ps2-mouse");
    device_set_link(keyboard, "link", &pc->keyboard);
    device_set_link(mouse, "link", &pc->mouse);
    device_realize_builtin(keyboard);
    device_realize_builtin(mouse);
    void *controller = add(pc, "i8042");
    device_set_link(controller, "kbd", &pc->keyboard);
    device_set_link(controller, "aux", &pc->mouse);
    device_realize_builtin(controller);
    wire_isa(pc, controller, "kbd-irq", 0, 1);
    wire_isa(pc, controller, "aux-irq", 0, 12);
    device_connect_fn(controller, "a20", 0, a20_gate, pc, A20_KEYBOARD);
}

static void add_ports(Pc *pc)
{
    static const struct {
        uint16_t base;
        uint8_t irq;
    } serial[MAX_SERIAL] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}},
      parallel[MAX_PARALLEL] = {{0x378, 7}, {0x278, 5}, {0x3bc, 7}};
    for (unsigned i = 0; i < MAX_SERIAL + MAX_PARALLEL; i++) {
        unsigned n = i < MAX_SERIAL ? i : i - MAX_SERIAL;
        bool is_serial = i < MAX_SERIAL;
        if (!(is_serial ? pc->has_serial : pc->has_parallel)[n])
            continue;
        void *port = add_at(pc, is_serial ? "isa-serial" : "isa-parallel",
                            (is_serial ? serial : parallel)[n].base);
        device_set_link(port, "chardev", (is_serial ? pc->serial : pc->parallel)[n]);
        device_realize_builtin(port);
        wire_isa(pc, port, "irq", 0, (is_serial ? serial : parallel)[n].irq);
    }
    if (pc->debugcon) {
        void *debugcon = add(pc, "isa-debugcon");
        device_set_link(debugcon, "chardev", pc->debugcon);
        device_realize_builtin(debugcon);
    }
}

static bool add_ide(Pc *pc, GError **err)
{
    static const char *const disks[] = {"disk0", "disk1", "disk2", "disk3"};
    static const char *const cdroms[] = {"cdrom0", "cdrom1", "cdrom2", "cdrom3"};
    static const char *const serials[] = {"serial0", "serial1", "serial2", "serial3"};
    void *ide = add_pci(pc, "piix3-ide", 1, 1);
    for (unsigned n = 0; n < IDE_PLACES; n++) {
        device_set_link(ide, disks[n], pc->ide_disk[n]);
        device_set_link(ide, cdroms[n], pc->ide_cdrom[n]);
        if (pc->ide_serial[n] && !device_set(ide, serials[n], pc->ide_serial[n], err))
            return false;
    }
    if (!device_realize(ide, err))
        return false;
    wire_isa(pc, ide, "irq", 0, 14);
    wire_isa(pc, ide, "irq", 1, 15);
    return true;
}

static void add_power_management(Pc *pc)
{
    pc->acpi_pm = add_pci(pc, "PIIX4_PM", 1, 3);
    device_realize_builtin(pc->acpi_pm);
    wire_isa(pc, pc->acpi_pm, "sci", 0, SCI_IRQ);
    if (pc->config->smm)
        device_connect_fn(pc->acpi_pm, "smi", 0, cpu_set_line, pc->cpus[0], CPU_LINE_SMI);
}

/* --- devices of the user ---------------------------------------------------------------------- */

static const Property *find_property(const DeviceClass *klass, const char *name, PropKind kind)
{
    for (const Property *p = klass->props; p && p->name; p++) {
        if (p->kind == kind && g_str_equal(p->name, name))
            return p;
    }
    return NULL;
}

static bool set_user_property(Pc *pc, Device *dev, const KeyValue *kv, GError **err)
{
    if (!find_property(dev->klass, kv->key, PROP_LINK) || !g_str_equal(kv->key, "chardev"))
        return device_set(dev, kv->key, kv->value, err);
    Chardev *chr = pc_use_chardev(pc, kv->value, err);
    if (chr)
        device_set_link(dev, kv->key, chr);
    return chr != NULL;
}

/* An ISA card's jumper says which interrupt its pin goes to. */
static void wire_user_irq(Pc *pc, Device *dev)
{
    const Property *irq = find_property(dev->klass, "irq", PROP_UINT);
    if (irq)
        wire_isa(pc, dev, "irq", 0, load_le((uint8_t *)dev + irq->offset, irq->size) % ISA_IRQS);
}

static bool add_user_device(Pc *pc, const DeviceConfig *config, GError **err)
{
    const DeviceClass *klass = device_class_find(config->class_name);
    Device *dev = device_new(pc->board, klass, config->id);
    if (klass->pci)
        pci_attach(dev, pc->pci, -1);
    for (unsigned i = 0; i < config->properties->len; i++) {
        if (!set_user_property(pc, dev, &g_array_index(config->properties, KeyValue, i), err))
            return false;
    }
    if (!device_realize(dev, err))
        return false;
    wire_user_irq(pc, dev);
    return true;
}

static bool add_user_devices(Pc *pc, GError **err)
{
    GPtrArray *devices = pc->config->devices;
    for (unsigned i = 0; i < devices->len; i++) {
        const DeviceConfig *config = devices->pdata[i];
        if (!add_user_device(pc, config, err)) {
            g_prefix_error(err, "-device \"%s\": ", config->text);
            return false;
        }
    }
    return true;
}

/* --- the board -------------------------------------------------------------------------------- */

static bool build(Pc *pc, GError **err)
{
    if (!pc_memory_init(pc, err) || !pc_memory_load_bios(pc, err))
        return false;
    add_bridges(pc);
    if (!pc_cpus_init(pc, err))
        return false;
    add_interrupt_controllers(pc);
    pc_cpus_connect(pc);
    add_isa_parts(pc);
    add_timer_interrupts(pc);
    add_floppy_controller(pc);
    add_keyboard_and_mouse(pc);
    add_ports(pc);
    if (!add_ide(pc, err) || !add_display(pc, err))
        return false;
    add_power_management(pc);
    pc->fw_cfg = add_simple(pc, "fw_cfg");
    pc_cmos_init(pc);
    return pc_firmware_init(pc, err) && add_user_devices(pc, err);
}

static void add_globals(Pc *pc)
{
    GPtrArray *globals = pc->config->globals;
    for (unsigned i = 0; i < globals->len; i++) {
        const GlobalConfig *global = globals->pdata[i];
        const DeviceDefault item = {device_class_find(global->driver), global->property,
                                    global->value};
        g_array_append_val(pc->board->defaults, item);
    }
}

Pc *pc_new(const Config *config, Clock *clock, const PcHooks *hooks, GError **err)
{
    Pc *pc = g_new0(Pc, 1);
    pc->config = config;
    pc->hooks = *hooks;
    pc->board = board_new(clock);
    pc->board->request = hooks->request;
    pc->board->wall_clock = hooks->wall_clock;
    pc->board->request_opaque = pc->board->wall_clock_opaque = hooks->opaque;
    add_globals(pc);
    board_lock(pc->board);
    address_space_hold(&pc->board->memory);
    address_space_hold(&pc->board->ports);
    bool ok = pc_drives_open(pc, err) && pc_consoles_open(pc, err) && build(pc, err);
    address_space_release(&pc->board->ports);
    address_space_release(&pc->board->memory);
    board_unlock(pc->board);
    if (!ok)
        g_clear_pointer(&pc, pc_free);
    return pc;
}

void pc_free(Pc *pc)
{
    if (!pc)
        return;
    pc->board->request = NULL;
    board_free(pc->board);
    if (pc->pci)
        pci_bus_free(pc->pci);
    g_clear_pointer(&pc->vga_rom, g_bytes_unref);
    pc_cpus_fini(pc);
    pc_memory_fini(pc);
    pc_consoles_close(pc);
    pc_drives_close(pc);
    g_free(pc);
}

void pc_reset(Pc *pc)
{
    const Config *config = pc->config;
    bool first = pc->boots++ == 0;
    pc_cmos_set_boot_order(pc, first && config->boot_once ? config->boot_once : config->boot_order);
    board_reset(pc->board);
}

void pc_press_power_button(Pc *pc)
{
    IrqLine button = device_input(pc->acpi_pm, "power_button", 0);
    irq_send(&button, 1);
    irq_send(&button, 0);
}

Board *pc_board(Pc *pc)
{
    return pc->board;
}

Cpu **pc_cpus(Pc *pc)
{
    return pc->cpus;
}

const MemRegion *pc_ram(Pc *pc)
{
    return &pc->ram;
}

PciBus *pc_pci(Pc *pc)
{
    return pc->pci;
}

GPtrArray *pc_drives(Pc *pc)
{
    return pc->drives;
}

GPtrArray *pc_chardevs(Pc *pc)
{
    return pc->chardevs;
}

GPtrArray *pc_monitors(Pc *pc)
{
    return pc->monitors;
}
