/* i440fx.c - host bridge: the configuration ports, shadow RAM and SMRAM.
 *
 * [440FX] "PMC Configuration Registers". The processor reaches RAM where there is RAM and PCI
 * elsewhere; this file decides for the ranges below 1 MiB where both exist:
 *
 *      A0000-BFFFF  video window: PCI, or RAM when SMRAM is open, or RAM for a CPU in SMM
 *      C0000-EFFFF  twelve segments of 16 KiB \ each: reads and writes to RAM or PCI,
 *      F0000-FFFFF  one segment of 64 KiB     / by the programmable attribute map (PAM)
 *
 * DRAM timing, error and arbitration registers are storage. */
#include "devices/chipset/i440fx.h"
#include "core/log.h"
#include "core/pci.h"

enum {
    CONFIG_ENABLE = 1u << 31,

    DRAMC = 0x57, /* here: RAM in units of 8 MiB, which firmware may ask for */
    PAM0 = 0x59,
    PAM_REGISTERS = 7,
    SMRAM = 0x72,

    SMRAM_D_OPEN = 1 << 6,
    SMRAM_D_CLS = 1 << 5,
    SMRAM_D_LCK = 1 << 4,
    SMRAM_G_SMRAME = 1 << 3,
    SMRAM_C_BASE_SEG = 2, /* hardwired: A0000 */

    SEGMENTS = 13,
    SEGMENT_READ = 1, /* PAM bits RE and WE: to RAM */
    SEGMENT_WRITE = 2,
    SEGMENT_SIZE = 0x4000,

    VIDEO_BASE = 0xa0000,
    VIDEO_SIZE = 0x20000,
};

typedef struct Segment {
    MemRegion ram;
    MemRegion pci;
    MemRegion split; /* reads from PCI, writes to RAM */
    uint32_t base;
    struct I440fx *bridge;
    uint8_t attributes; /* what is mapped now */
} Segment;

typedef struct I440fx {
    PciFunction pci;
    /* properties */
    MemRegion *ram;        /* all RAM of the board */
    MemRegion *reset_port; /* where byte accesses of CF9 go */
    /* state */
    uint32_t config_address;
    /* derived */
    Segment segments[SEGMENTS];
    AddressSpace pci_memory; /* memory as seen from PCI alone */
    MemRegion video_pci;     /* A0000: PCI hides the RAM below */
    MemRegion video_ram;     /* A0000: open SMRAM hides PCI */
    MemRegion smm_root;      /* the SMM view: everything, and above it SMRAM */
    MemRegion smm_all;
    MemRegion smm_ram;
    AddressSpace smm_memory;
} I440fx;

/* --- configuration ports CF8-CFF: [440FX] "CONFADD", "CONFDATA" --- */

/* The function and register that CONFADD selects; false: none, the bus would be another one. */
static bool config_target(const I440fx *b, int *devfn, unsigned *offset)
{
    *devfn = bits_get(b->config_address, 8, 8);
    *offset = b->config_address & 0xfc;
    return (b->config_address & CONFIG_ENABLE) && bits_get(b->config_address, 16, 8) == 0;
}

static uint64_t config_data_read(I440fx *b, unsigned lane, unsigned size)
{
    uint64_t value = 0;
    unsigned offset;
    int devfn;

    if (!config_target(b, &devfn, &offset))
        return UINT32_MAX;
    if (lane % size == 0)
        return pci_config_read(b->pci.bus, devfn, offset + lane, size);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)pci_config_read(b->pci.bus, devfn, offset + ((lane + i) & 3), 1)
                 << 8 * i;
    return value;
}

static void config_data_write(I440fx *b, unsigned lane, uint64_t value, unsigned size)
{
    unsigned offset;
    int devfn;

    if (!config_target(b, &devfn, &offset))
        return;
    if (lane % size == 0) {
        pci_config_write(b->pci.bus, devfn, offset + lane, value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        pci_config_write(b->pci.bus, devfn, offset + ((lane + i) & 3), value >> 8 * i & 0xff, 1);
}

static uint64_t config_ports_read(void *dev, uint64_t offset, unsigned size)
{
    I440fx *b = dev;

    if (offset >= 4)
        return config_data_read(b, offset - 4, size);
    if (offset == 0 && size == 4)
        return b->config_address;
    if (offset == 1 && size == 1 && b->reset_port)
        return b->reset_port->ops->read(b->reset_port->opaque, 0, 1);
    return UINT32_MAX;
}

/* CONFADD takes whole doublewords only; anything narrower goes on to the PCI bus. */
static void config_ports_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I440fx *b = dev;

    if (offset >= 4)
        config_data_write(b, offset - 4, value, size);
    else if (offset == 0 && size == 4)
        b->config_address = value;
    else if (offset == 1 && size == 1 && b->reset_port)
        b->reset_port->ops->write(b->reset_port->opaque, 0, value, 1);
}

/* --- shadow RAM: [440FX] "PAM-Programmable Attribute Map Registers" --- */

static uint64_t split_read(void *opaque, uint64_t offset, unsigned size)
{
    Segment *s = opaque;

    return address_space_load(&s->bridge->pci_memory, s->base + offset, size);
}

static void split_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Segment *s = opaque;
    AddressSpace *memory = &s->bridge->pci.dev.board->memory;
    MemRegion *ram = s->bridge->ram;
    uint64_t at = s->base + offset;

    store_le(ram->host + at, value, size);
    address_space_ram_written(memory, ram, at, size);
}

static const MemOps split_ops = {split_read, split_write, 1, 8};

/* Segment 0 is F0000 (the high nibble of PAM0), then upwards from C0000, low nibble first. */
static unsigned segment_attributes(const I440fx *b, unsigned n)
{
    uint8_t reg = b->pci.config[PAM0 + (n + 1) / 2];

    return (n & 1 ? reg : reg >> 4) & (SEGMENT_READ | SEGMENT_WRITE);
}

static void segment_init(I440fx *b, unsigned n)
{
    Segment *s = &b->segments[n];
    MemRegion *root = &b->pci.dev.board->memory_root;
    uint64_t size = n == 0 ? 4 * SEGMENT_SIZE : SEGMENT_SIZE;

    s->bridge = b;
    s->base = n == 0 ? 0xf0000 : 0xc0000 + (n - 1) * SEGMENT_SIZE;
    mem_init_alias(&s->ram, "pam-ram", b->ram, s->base, size);
    mem_init_alias(&s->pci, "pam-pci", pci_bus_memory(b->pci.bus), s->base, size);
    mem_init_io(&s->split, "pam-split", size, &split_ops, s);
    mem_set_enabled(&s->ram, false);
    mem_set_enabled(&s->split, false);
    mem_add(root, s->base, &s->pci, 1);
    mem_add(root, s->base, &s->ram, 1);
    mem_add(root, s->base, &s->split, 1);
}

static void segment_map(Segment *s, unsigned attributes)
{
    if (s->attributes == attributes)
        return;
    s->attributes = attributes;
    mem_set_enabled(&s->pci, attributes == 0);
    mem_set_enabled(&s->split, attributes == SEGMENT_WRITE);
    mem_set_enabled(&s->ram, attributes & SEGMENT_READ);
    mem_set_readonly(&s->ram, !(attributes & SEGMENT_WRITE));
}

/* --- SMRAM: [440FX] "SMRAM-System Management RAM Control Register" --- */

static void smram_init(I440fx *b)
{
    MemRegion *root = &b->pci.dev.board->memory_root;

    mem_init_alias(&b->video_pci, "video-pci", pci_bus_memory(b->pci.bus), VIDEO_BASE, VIDEO_SIZE);
    mem_init_alias(&b->video_ram, "smram-open", b->ram, VIDEO_BASE, VIDEO_SIZE);
    mem_set_enabled(&b->video_ram, false);
    mem_add(root, VIDEO_BASE, &b->video_pci, 1);
    mem_add(root, VIDEO_BASE, &b->video_ram, 2);

    mem_init_container(&b->smm_root, "smm", root->size);
    mem_init_alias(&b->smm_all, "memory", root, 0, root->size);
    mem_init_alias(&b->smm_ram, "smram", b->ram, VIDEO_BASE, VIDEO_SIZE);
    mem_set_enabled(&b->smm_ram, false);
    mem_add(&b->smm_root, 0, &b->smm_all, 0);
    mem_add(&b->smm_root, VIDEO_BASE, &b->smm_ram, 1);
    address_space_init(&b->smm_memory, "smm", &b->smm_root);
}

AddressSpace *i440fx_smm_memory(void *i440fx)
{
    I440fx *b = i440fx;

    return &b->smm_memory;
}

/* Once locked, only reset changes the register; locking also closes SMRAM. */
static void i440fx_config_written(void *dev, unsigned offset, unsigned size)
{
    I440fx *b = dev;
    uint8_t *smram = &b->pci.config[SMRAM];

    if (offset > SMRAM || offset + size <= SMRAM)
        return;
    *smram = (*smram & ~7) | SMRAM_C_BASE_SEG;
    if (*smram & SMRAM_D_LCK) {
        *smram &= ~SMRAM_D_OPEN;
        b->pci.writable[SMRAM] = SMRAM_D_CLS;
    }
    if (*smram & SMRAM_D_CLS)
        unimp("i440FX: SMRAM closed to data but not to code\n");
}

/* --- the device --- */

static bool i440fx_realize(void *dev, GError **err)
{
    I440fx *b = dev;
    Board *board = b->pci.dev.board;
    MemRegion *pci = pci_bus_memory(b->pci.bus);

    g_assert(b->ram && b->ram->size >= MIB);
    address_space_hold(&board->memory);
    address_space_init(&b->pci_memory, "pci", pci);
    mem_add(&board->memory_root, 0, pci, -1);
    for (unsigned n = 0; n < SEGMENTS; n++)
        segment_init(b, n);
    smram_init(b);
    address_space_release(&board->memory);
    return true;
}

static void i440fx_unrealize(void *dev)
{
    I440fx *b = dev;
    Board *board = b->pci.dev.board;

    address_space_hold(&board->memory);
    address_space_fini(&b->smm_memory);
    mem_fini(&b->smm_ram);
    mem_fini(&b->smm_all);
    mem_fini(&b->smm_root);
    mem_fini(&b->video_ram);
    mem_fini(&b->video_pci);
    for (unsigned n = 0; n < SEGMENTS; n++) {
        mem_fini(&b->segments[n].split);
        mem_fini(&b->segments[n].ram);
        mem_fini(&b->segments[n].pci);
    }
    mem_remove(pci_bus_memory(b->pci.bus));
    address_space_fini(&b->pci_memory);
    address_space_release(&board->memory);
}

static void i440fx_reset(void *dev)
{
    I440fx *b = dev;
    uint64_t ram_units = b->ram->size / (8 * MIB);

    b->config_address = 0;
    memset(b->pci.config + PCI_CAPABILITY_FIRST, 0, PCI_CONFIG_SIZE - PCI_CAPABILITY_FIRST);
    b->pci.config[DRAMC] = MIN(ram_units, 0xff);
    b->pci.config[SMRAM] = SMRAM_C_BASE_SEG;
    b->pci.writable[SMRAM] = 0xff;
}

static void i440fx_update(void *dev)
{
    I440fx *b = dev;
    Board *board = b->pci.dev.board;
    uint8_t smram = b->pci.config[SMRAM];
    bool enabled = smram & SMRAM_G_SMRAME;

    address_space_hold(&board->memory);
    for (unsigned n = 0; n < SEGMENTS; n++)
        segment_map(&b->segments[n], segment_attributes(b, n));
    mem_set_enabled(&b->video_ram, enabled && (smram & SMRAM_D_OPEN));
    mem_set_enabled(&b->smm_ram, enabled);
    address_space_release(&board->memory);
}

static bool i440fx_loaded(void *dev, GError **err)
{
    I440fx *b = dev;

    b->pci.writable[SMRAM] = b->pci.config[SMRAM] & SMRAM_D_LCK ? SMRAM_D_CLS : 0xff;
    return true;
}

static const Property i440fx_props[] = {
    PROP_L(I440fx, ram, "the board's RAM"),
    PROP_L(I440fx, reset_port, "the range that answers byte accesses of port CF9"),
    PROPS_END,
};

static const IoRange i440fx_io[] = {
    {"pci-config", IO_PORTS, 0xcf8, 8, 1, 4, config_ports_read, config_ports_write},
    {0},
};

static const StateField i440fx_state[] = {
    STATE(I440fx, config_address),
    STATE_END,
};

static const PciClass i440fx_pci = {
    .vendor = 0x8086,
    .device = 0x1237,
    .revision = 2,
    .class_code = 0x0600,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .config_written = i440fx_config_written,
};

const DeviceClass i440fx_class = {
    .name = "i440FX",
    .desc = "host bridge",
    .size = sizeof(I440fx),
    .props = i440fx_props,
    .io = i440fx_io,
    .state = i440fx_state,
    .pci = &i440fx_pci,
    .realize = i440fx_realize,
    .unrealize = i440fx_unrealize,
    .reset = i440fx_reset,
    .update = i440fx_update,
    .loaded = i440fx_loaded,
};
