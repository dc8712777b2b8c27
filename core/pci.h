/* pci.h - conventional PCI: buses, functions, configuration space, base address registers, INTx.
 *
 * [PCI] "Configuration Space". */
#ifndef MYNA_CORE_PCI_H
#define MYNA_CORE_PCI_H

#include "core/device.h"

enum { PCI_CONFIG_SIZE = 256, PCI_BAR_COUNT = 6, PCI_ROM_BAR = 6, PCI_FUNCTIONS = 256 };
enum { PCI_CAPABILITY_FIRST = 0x40 };

/* Configuration registers. */
enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS = 0x0a, /* 16 bits: subclass, class */
    PCI_CACHE_LINE = 0x0c,
    PCI_LATENCY = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM = 0x30,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,

    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << 3,
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_STATUS_FAST_BACK = 1 << 7,
    PCI_STATUS_DEVSEL_MEDIUM = 1 << 9,
    PCI_HEADER_MULTIFUNCTION = 1 << 7,
};

typedef struct PciClass {
    uint16_t vendor, device;
    uint8_t revision;
    uint8_t prog_if;
    uint16_t class_code; /* class << 8 | subclass */
    uint16_t subsystem_vendor, subsystem;
    uint8_t interrupt_pin; /* 0 none, 1 INTA# .. */
    bool multifunction;
    /* After the core stored a config write of `size` bytes at `offset`. Optional. */
    void (*config_written)(void *dev, unsigned offset, unsigned size);
    /* Before a config read, to refresh derived bytes. Optional. */
    void (*config_reading)(void *dev, unsigned offset, unsigned size);
} PciClass;

typedef struct PciBus PciBus;

typedef struct PciBar {
    MemRegion *region; /* NULL: no such BAR */
    bool io;
    bool prefetchable;
    bool mem64; /* this BAR and the next form a 64-bit address */
    bool mapped;
    uint64_t addr;
} PciBar;

/* The first member of every PCI device's struct. config, bars' addresses and the INTx level are
 * saved by the core. */
typedef struct PciFunction {
    Device dev;
    PciBus *bus;
    int devfn; /* device << 3 | function; -1: any free slot */
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];     /* bits the guest may write */
    uint8_t clear_on_one[PCI_CONFIG_SIZE]; /* bits cleared by writing 1 */
    PciBar bars[PCI_BAR_COUNT + 1];
    bool intx;
    uint8_t capability_last; /* offset of the last capability in the list, 0 = none */
    uint8_t capability_end;  /* first free byte for the next one, 0 = PCI_CAPABILITY_FIRST */
} PciFunction;

/* A bus on the board. set_irq hears (pin 0-3 after the slot swizzle is NOT applied: devfn and pin
 * are given), level. */
PciBus *pci_bus_new(Board *board, MemRegion *memory, MemRegion *ports,
                    void (*set_irq)(void *opaque, int devfn, int pin, int level), void *opaque);
void pci_bus_free(PciBus *bus);

/* Between device_new and device_realize: puts the function on a bus at devfn (-1: first free). */
void pci_attach(void *dev, PciBus *bus, int devfn);

/* In realize: BAR n of the function is this region (its size, a power of two >= 16, is the BAR's).
 */
void pci_set_bar(PciFunction *f, unsigned n, MemRegion *region, bool io, bool prefetchable);
void pci_set_rom(PciFunction *f, MemRegion *region);

/* Appends a capability of `size` bytes (header included) and returns its offset. */
unsigned pci_add_capability(PciFunction *f, uint8_t id, unsigned size);

void pci_set_intx(PciFunction *f, int level);

/* DMA by the function; nothing happens (reads give ones) unless bus mastering is enabled. */
void pci_dma_read(PciFunction *f, PhysAddr addr, void *buffer, uint64_t size);
void pci_dma_write(PciFunction *f, PhysAddr addr, const void *buffer, uint64_t size);

/* Configuration accesses from a host bridge. size is 1, 2 or 4, aligned. Absent functions read
 * ones. */
uint32_t pci_config_read(PciBus *bus, int devfn, unsigned offset, unsigned size);
void pci_config_write(PciBus *bus, int devfn, unsigned offset, uint32_t value, unsigned size);

PciFunction *pci_function(PciBus *bus, int devfn); /* NULL if none */
MemRegion *pci_bus_memory(PciBus *bus);            /* for legacy ranges that no BAR decodes */
MemRegion *pci_bus_ports(PciBus *bus);
void pci_bus_print(PciBus *bus, GString *out); /* `info pci` */

#endif
