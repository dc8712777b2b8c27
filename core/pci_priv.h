/* pci_priv.h - what the device framework (device.c) asks of the PCI core for classes with `pci`.
 *
 * Order in a function's life: init, pci_attach, plug, class->realize, then reset, save and load
 * before the class's own, then unplug. */
#ifndef MYNA_CORE_PCI_PRIV_H
#define MYNA_CORE_PCI_PRIV_H

#include "core/pci.h"

/* After allocation: the configuration header and the writable bits from the class. */
void pci_function_init(PciFunction *f);

/* Takes the function's place on the bus given with pci_attach. Fails if there is none or the place
 * is taken. */
bool pci_function_plug(PciFunction *f, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Leaves the bus: BARs unmapped, INTx released. Harmless if not plugged. */
void pci_function_unplug(PciFunction *f);

/* [PCI] "Reset": decoding, bus mastering and the interrupt pin off, BARs cleared. */
void pci_function_reset(PciFunction *f);

void pci_function_save(const PciFunction *f, GByteArray *out);
/* Fails if the state is of another kind of function; maps BARs and drives INTx as loaded. */
bool pci_function_load(PciFunction *f, StateReader *in, GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
