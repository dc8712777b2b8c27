/* piix3.h - what the board asks of the ISA bridge beyond the device framework. */
#ifndef MYNA_DEVICES_PIIX3_H
#define MYNA_DEVICES_PIIX3_H

/* For pci_bus_new: an INTx pin (0-3) of a function changed. opaque is the PIIX3. */
void piix3_pci_set_irq(void *opaque, int devfn, int pin, int level);

#endif
