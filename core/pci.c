/* pci.c - conventional PCI: configuration space, base address registers, interrupt pins.
 *
 * [PCI] "Configuration Space". One bus, type 0 headers; bridges to further buses are left out. What
 * a function's BARs decode and what its INTx pin drives is derived from its configuration space, so
 * that saving the 256 bytes and the pin's level saves everything. */
#include "core/pci_priv.h"
#include "core/error.h"
#include "core/log.h"

#include <inttypes.h>

/* A BAR region lies above what the board maps below it in the bus's space (ROM at the top). */
enum { BAR_PRIORITY = 1 };

/* Bits of the base address registers. [PCI] "Base Addresses". */
enum {
    BAR_IO = 1 << 0,
    BAR_MEM64 = 2 << 1,
    BAR_PREFETCHABLE = 1 << 3,
    BAR_IO_FLAGS = 0x3,
    BAR_MEM_FLAGS = 0xf,
    ROM_ENABLE = 1 << 0,
    ROM_ADDRESS = 0xfffff800,
};

struct PciBus {
    Board *board;
    MemRegion *memory;
    MemRegion *ports;
    void (*set_irq)(void *opaque, int devfn, int pin, int level);
    void *opaque;
    PciFunction *functions[PCI_FUNCTIONS];
    bool asserted[PCI_FUNCTIONS]; /* what set_irq last heard of each function */
};

PciBus *pci_bus_new(Board *board, MemRegion *memory, MemRegion *ports,
                    void (*set_irq)(void *opaque, int devfn, int pin, int level), void *opaque)
{
    PciBus *bus = g_new0(PciBus, 1);

    bus->board = board;
    bus->memory = memory;
    bus->ports = ports;
    bus->set_irq = set_irq;
    bus->opaque = opaque;
    return bus;
}

void pci_bus_free(PciBus *bus)
{
    if (bus)
        for (int devfn = 0; devfn < PCI_FUNCTIONS; devfn++)
            if (bus->functions[devfn])
                pci_function_unplug(bus->functions[devfn]);
    g_free(bus);
}

MemRegion *pci_bus_memory(PciBus *bus)
{
    return bus->memory;
}

MemRegion *pci_bus_ports(PciBus *bus)
{
    return bus->ports;
}

PciFunction *pci_function(PciBus *bus, int devfn)
{
    return devfn >= 0 && devfn < PCI_FUNCTIONS ? bus->functions[devfn] : NULL;
}

/* --- a function's life --- */

static const PciClass *pci_class(const PciFunction *f)
{
    return f->dev.klass->pci;
}

static unsigned bar_offset(unsigned n)
{
    return n == PCI_ROM_BAR ? PCI_ROM : PCI_BAR0 + 4 * n;
}

void pci_function_init(PciFunction *f)
{
    const PciClass *c = pci_class(f);

    store_le16(f->config + PCI_VENDOR_ID, c->vendor);
    store_le16(f->config + PCI_DEVICE_ID, c->device);
    f->config[PCI_REVISION] = c->revision;
    f->config[PCI_CLASS_PROG] = c->prog_if;
    store_le16(f->config + PCI_CLASS, c->class_code);
    f->config[PCI_HEADER_TYPE] = c->multifunction ? PCI_HEADER_MULTIFUNCTION : 0;
    store_le16(f->config + PCI_SUBSYSTEM_VENDOR, c->subsystem_vendor);
    store_le16(f->config + PCI_SUBSYSTEM_ID, c->subsystem);
    f->config[PCI_INTERRUPT_PIN] = c->interrupt_pin;

    store_le16(f->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                              PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    f->writable[PCI_CACHE_LINE] = 0xff;
    f->writable[PCI_INTERRUPT_LINE] = 0xff;
    /* The device's own registers: stored as written unless the device says otherwise. */
    memset(f->writable + PCI_CAPABILITY_FIRST, 0xff, PCI_CONFIG_SIZE - PCI_CAPABILITY_FIRST);
    f->devfn = -1;
}

void pci_attach(void *dev, PciBus *bus, int devfn)
{
    PciFunction *f = dev;

    g_assert(f->dev.klass->pci && !f->bus && devfn < PCI_FUNCTIONS);
    f->bus = bus;
    f->devfn = devfn;
}

/* The first device number of which no function exists. */
static int bus_first_free(const PciBus *bus)
{
    for (int slot = 0; slot < PCI_FUNCTIONS; slot += 8) {
        bool used = false;

        for (int fn = 0; fn < 8; fn++)
            used |= bus->functions[slot + fn] != NULL;
        if (!used)
            return slot;
    }
    return -1;
}

bool pci_function_plug(PciFunction *f, GError **err)
{
    PciBus *bus = f->bus;

    if (!bus) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: needs a PCI bus", f->dev.klass->name);
        return false;
    }
    if (f->devfn < 0)
        f->devfn = bus_first_free(bus);
    if (f->devfn < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: no PCI slot is free",
                    f->dev.klass->name);
        return false;
    }
    if (bus->functions[f->devfn]) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: PCI address %02x.%x is taken by %s",
                    f->dev.klass->name, f->devfn >> 3, f->devfn & 7,
                    bus->functions[f->devfn]->dev.klass->name);
        return false;
    }
    bus->functions[f->devfn] = f;
    return true;
}

/* --- base address registers --- */

void pci_set_bar(PciFunction *f, unsigned n, MemRegion *region, bool io, bool prefetchable)
{
    PciBar *bar = &f->bars[n];
    uint8_t *config = f->config + bar_offset(n);
    unsigned flags = io ? BAR_IO : prefetchable ? BAR_PREFETCHABLE : 0;

    g_assert(n < PCI_BAR_COUNT && !bar->region);
    g_assert(region->size >= 16 && (region->size & (region->size - 1)) == 0);
    *bar = (PciBar){.region = region, .io = io, .prefetchable = prefetchable};
    store_le32(config, flags);
    store_le32(f->writable + bar_offset(n),
               -(uint32_t)region->size & ~(io ? BAR_IO_FLAGS : BAR_MEM_FLAGS));
}

void pci_set_rom(PciFunction *f, MemRegion *region)
{
    g_assert(!f->bars[PCI_ROM_BAR].region);
    g_assert(region->size >= 2 * KIB && (region->size & (region->size - 1)) == 0);
    f->bars[PCI_ROM_BAR].region = region;
    store_le32(f->writable + PCI_ROM, (-(uint32_t)region->size & ROM_ADDRESS) | ROM_ENABLE);
}

/* Where the BAR decodes now; false if it does not. As sizing writes all ones, a range that ends at
 * the top of the space is not decoded, nor is one at 0: firmware means "unassigned" by both. */
static bool bar_decodes(const PciFunction *f, unsigned n, uint64_t *addr)
{
    const PciBar *bar = &f->bars[n];
    uint16_t command = load_le16(f->config + PCI_COMMAND);
    uint32_t value = load_le32(f->config + bar_offset(n));
    uint64_t limit = bar->io ? 0x10000 : 0xffffffff;

    if (!(command & (bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
        return false;
    if (n == PCI_ROM_BAR && !(value & ROM_ENABLE))
        return false;
    if (n == PCI_ROM_BAR)
        *addr = value & ROM_ADDRESS;
    else
        *addr = value & ~(uint32_t)(bar->io ? BAR_IO_FLAGS : BAR_MEM_FLAGS);
    return *addr != 0 && *addr + bar->region->size <= limit;
}

/* A device that goes away may have ended the region before it leaves the bus. */
static void bar_unmap(PciBar *bar)
{
    if (bar->mapped && bar->region->parent)
        mem_remove(bar->region);
    bar->mapped = false;
}

/* Derives every BAR's mapping from configuration space. */
static void function_map_bars(PciFunction *f)
{
    PciBus *bus = f->bus;

    address_space_hold(&bus->board->memory);
    address_space_hold(&bus->board->ports);
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        PciBar *bar = &f->bars[n];
        uint64_t addr;

        if (!bar->region)
            continue;
        if (!bar_decodes(f, n, &addr)) {
            bar_unmap(bar);
        } else if (!bar->mapped || bar->addr != addr) {
            bar_unmap(bar);
            mem_add(bar->io ? bus->ports : bus->memory, addr, bar->region, BAR_PRIORITY);
            bar->mapped = true;
            bar->addr = addr;
        }
    }
    address_space_release(&bus->board->ports);
    address_space_release(&bus->board->memory);
}

/* --- interrupt pin --- */

/* Derives the pin from the device's request and the command register's mask. [PCI] "Device
 * Control", "Device Status": the status bit shows the request whether masked or not. */
static void function_drive_intx(PciFunction *f)
{
    PciBus *bus = f->bus;
    uint16_t status = load_le16(f->config + PCI_STATUS) & ~PCI_STATUS_INTERRUPT;
    bool masked = load_le16(f->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
    bool level = f->intx && !masked;

    store_le16(f->config + PCI_STATUS, status | (f->intx ? PCI_STATUS_INTERRUPT : 0));
    if (bus->asserted[f->devfn] == level)
        return;
    bus->asserted[f->devfn] = level;
    if (bus->set_irq)
        bus->set_irq(bus->opaque, f->devfn, f->config[PCI_INTERRUPT_PIN] - 1, level);
}

void pci_set_intx(PciFunction *f, int level)
{
    g_assert(f->config[PCI_INTERRUPT_PIN] >= 1 && f->config[PCI_INTERRUPT_PIN] <= 4);
    if (f->intx == !!level)
        return;
    f->intx = level;
    function_drive_intx(f);
}

/* --- leaving, reset, state --- */

void pci_function_unplug(PciFunction *f)
{
    PciBus *bus = f->bus;

    if (!bus || f->devfn < 0 || bus->functions[f->devfn] != f)
        return;
    f->intx = false;
    function_drive_intx(f);
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++)
        bar_unmap(&f->bars[n]);
    bus->functions[f->devfn] = NULL;
    f->bus = NULL;
}

void pci_function_reset(PciFunction *f)
{
    store_le16(f->config + PCI_COMMAND, 0);
    f->config[PCI_CACHE_LINE] = 0;
    f->config[PCI_LATENCY] = 0;
    f->config[PCI_INTERRUPT_LINE] = 0;
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        uint8_t *config = f->config + bar_offset(n);

        if (f->bars[n].region)
            store_le32(config, load_le32(config) & ~load_le32(f->writable + bar_offset(n)));
    }
    f->intx = false;
    function_drive_intx(f);
    function_map_bars(f);
}

static const StateField function_state[] = {
    STATE_BYTES(PciFunction, config),
    STATE(PciFunction, intx),
    STATE_END,
};

void pci_function_save(const PciFunction *f, GByteArray *out)
{
    state_save(function_state, f, out);
}

/* What no function changes after realize. */
static const uint8_t identity[] = {
    PCI_VENDOR_ID, PCI_VENDOR_ID + 1, PCI_DEVICE_ID,    PCI_DEVICE_ID + 1, PCI_CLASS,
    PCI_CLASS + 1, PCI_HEADER_TYPE,   PCI_CAPABILITIES, PCI_INTERRUPT_PIN,
};

bool pci_function_load(PciFunction *f, StateReader *in, GError **err)
{
    uint8_t before[PCI_CONFIG_SIZE];

    memcpy(before, f->config, sizeof(before));
    if (!state_load(function_state, 0, f->dev.klass->name, f, in, err))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(identity); i++) {
        if (f->config[identity[i]] == before[identity[i]])
            continue;
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE,
                    "%s: configuration byte 0x%02x is 0x%02x in the state, 0x%02x in the device",
                    f->dev.klass->name, identity[i], f->config[identity[i]], before[identity[i]]);
        memcpy(f->config, before, sizeof(before));
        return false;
    }
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) { /* type bits, and BARs that do not exist */
        uint32_t mask = load_le32(f->writable + bar_offset(n));
        uint32_t value = load_le32(f->config + bar_offset(n)) & mask;

        store_le32(f->config + bar_offset(n), value | (load_le32(before + bar_offset(n)) & ~mask));
    }
    function_map_bars(f);
    function_drive_intx(f);
    return true;
}

/* --- capabilities --- */

unsigned pci_add_capability(PciFunction *f, uint8_t id, unsigned size)
{
    unsigned at = f->capability_end ? f->capability_end : PCI_CAPABILITY_FIRST;

    g_assert(size >= 2 && at + size <= PCI_CONFIG_SIZE - 4);
    f->config[at] = id;
    f->config[at + 1] = 0;
    memset(f->writable + at, 0, size);
    f->config[f->capability_last ? f->capability_last + 1 : PCI_CAPABILITIES] = at;
    f->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    f->capability_last = at;
    f->capability_end = (at + size + 3) & ~3u;
    return at;
}

/* --- access by host bridges and by functions --- */

uint32_t pci_config_read(PciBus *bus, int devfn, unsigned offset, unsigned size)
{
    PciFunction *f = pci_function(bus, devfn);

    g_assert(offset + size <= PCI_CONFIG_SIZE && (offset & (size - 1)) == 0);
    if (!f)
        return bits_get(UINT32_MAX, 0, 8 * size);
    if (pci_class(f)->config_reading)
        pci_class(f)->config_reading(f, offset, size);
    return load_le(f->config + offset, size);
}

void pci_config_write(PciBus *bus, int devfn, unsigned offset, uint32_t value, unsigned size)
{
    PciFunction *f = pci_function(bus, devfn);

    g_assert(offset + size <= PCI_CONFIG_SIZE && (offset & (size - 1)) == 0);
    if (!f)
        return;
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        uint8_t *byte = &f->config[offset + i];
        uint8_t mask = f->writable[offset + i];

        *byte = (*byte & ~mask) | (value & mask);
        *byte &= ~(value & f->clear_on_one[offset + i]);
    }
    if (offset < PCI_CAPABILITY_FIRST) {
        function_map_bars(f);
        function_drive_intx(f);
    }
    if (pci_class(f)->config_written)
        pci_class(f)->config_written(f, offset, size);
    device_update(f);
}

static bool function_is_master(const PciFunction *f)
{
    if (load_le16(f->config + PCI_COMMAND) & PCI_COMMAND_MASTER)
        return true;
    guest_error("%s: DMA with bus mastering disabled\n", f->dev.klass->name);
    return false;
}

void pci_dma_read(PciFunction *f, PhysAddr addr, void *buffer, uint64_t size)
{
    if (function_is_master(f))
        address_space_read(&f->dev.board->memory, addr, buffer, size);
    else
        memset(buffer, 0xff, size);
}

void pci_dma_write(PciFunction *f, PhysAddr addr, const void *buffer, uint64_t size)
{
    if (function_is_master(f))
        address_space_write(&f->dev.board->memory, addr, buffer, size);
}

/* --- info pci --- */

/* [PCI] "Class Codes". Subclass 0xff stands for all others of the class. */
static const struct {
    uint8_t class, subclass;
    const char *name;
} class_names[] = {
    {0x01, 0x00, "SCSI controller"},
    {0x01, 0x01, "IDE controller"},
    {0x01, 0x02, "Floppy controller"},
    {0x01, 0x06, "SATA controller"},
    {0x01, 0xff, "Storage controller"},
    {0x02, 0x00, "Ethernet controller"},
    {0x02, 0xff, "Network controller"},
    {0x03, 0x00, "VGA controller"},
    {0x03, 0xff, "Display controller"},
    {0x04, 0x01, "Audio controller"},
    {0x06, 0x00, "Host bridge"},
    {0x06, 0x01, "ISA bridge"},
    {0x06, 0x04, "PCI bridge"},
    {0x06, 0xff, "Bridge"},
    {0x07, 0x00, "Serial controller"},
    {0x0c, 0x03, "USB controller"},
    {0x0c, 0x05, "SMBus"},
};

static void print_class(const PciFunction *f, GString *out)
{
    uint8_t subclass = f->config[PCI_CLASS], class = f->config[PCI_CLASS + 1];

    for (unsigned i = 0; i < G_N_ELEMENTS(class_names); i++) {
        uint8_t want = class_names[i].subclass;

        if (class_names[i].class == class && (want == subclass || want == 0xff)) {
            g_string_append_printf(out, "    %s", class_names[i].name);
            return;
        }
    }
    g_string_append_printf(out, "    Class %02x%02x", class, subclass);
}

static void print_bar(const PciBar *bar, unsigned n, GString *out)
{
    uint64_t first = bar->mapped ? bar->addr : UINT64_MAX;
    uint64_t last = first + bar->region->size - 1;

    if (bar->io)
        g_string_append_printf(out, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", n,
                               first, last);
    else
        g_string_append_printf(
            out, "      BAR%u: 32 bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", n,
            bar->prefetchable ? " prefetchable" : "", first, last);
}

static void print_function(const PciFunction *f, GString *out)
{
    g_string_append_printf(out, "  Bus  0, device %3d, function %d:\n", f->devfn >> 3,
                           f->devfn & 7);
    print_class(f, out);
    g_string_append_printf(out, ": PCI device %04x:%04x\n", load_le16(f->config + PCI_VENDOR_ID),
                           load_le16(f->config + PCI_DEVICE_ID));
    if (load_le16(f->config + PCI_SUBSYSTEM_VENDOR))
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n",
                               load_le16(f->config + PCI_SUBSYSTEM_VENDOR),
                               load_le16(f->config + PCI_SUBSYSTEM_ID));
    if (f->config[PCI_INTERRUPT_PIN])
        g_string_append_printf(out, "      IRQ %d, pin %c\n", f->config[PCI_INTERRUPT_LINE],
                               'A' + f->config[PCI_INTERRUPT_PIN] - 1);
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++)
        if (f->bars[n].region)
            print_bar(&f->bars[n], n, out);
    g_string_append_printf(out, "      id \"%s\"\n", f->dev.id);
}

void pci_bus_print(PciBus *bus, GString *out)
{
    for (int devfn = 0; devfn < PCI_FUNCTIONS; devfn++)
        if (bus->functions[devfn])
            print_function(bus->functions[devfn], out);
}
