/* pc.c - the board: which devices a PC has, where they are, and what is wired to what.
 *
 *      ISA IRQ 0-15 and PIRQA-D ──> PIIX3 ──> IRQ 0-15 ──┬─> 8259A pair ──> CPU 0 (LINT0)
 *                                                        └─> I/O APIC ────> local APICs
 *      SCI = IRQ 9, FERR# = IRQ 13, the PIT's counter 0 = IRQ 0 (I/O APIC pin 2)
 *      A20 = keyboard controller or port 92h
 *
 * PCI slots are those of QEMU's `pc`. */
#include "machine/pc.h"

#include "core/error.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix3.h"
#include "devices/devices.h"
#include "machine/keyvalue.h"
#include "machine/pc_priv.h"

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

/* An ISA device's interrupt pin to the bridge's input. */
static void wire_isa(Pc *pc, void *dev, const char *pin, unsigned irq)
{
    device_connect(dev, pin, 0, pc->isa_bridge, "isa", irq);
}
