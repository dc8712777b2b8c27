/* piix3.c - PCI to ISA bridge: interrupt routing and the reset control register.
 *
 * [PIIX3] "PIRQRC[A:D]", "RC-Reset Control Register". The 8259s, 8237s and 8254 that share the chip
 * are devices of their own. Configuration registers without a function here are storage. */
#include "devices/chipset/piix3.h"
#include "core/pci.h"

enum {
    PIRQ_COUNT = 4,
    ISA_IRQS = 16,

    PIRQRC = 0x60, /* four bytes, PIRQA# first */
    PIRQRC_DISABLE = 0x80,
    PIRQRC_IRQ = 0x0f,

    RC_HARD = 1 << 1,  /* 1: hard reset, 0: soft reset; remembered */
    RC_RESET = 1 << 2, /* setting it resets */
};

typedef struct Piix3 {
    PciFunction pci;
    /* state */
    uint8_t reset_control;
    uint16_t isa_levels; /* bit n: the ISA pin IRQn is asserted by an ISA device */
    /* derived */
    uint8_t pirq_functions[PIRQ_COUNT]; /* how many functions assert each PIRQ# */
    IrqLine isa_irq[ISA_IRQS];
} Piix3;

/* The reset values of registers that are not zero. [PIIX3] "PCI Configuration Registers". */
static const struct {
    uint8_t reg, value;
} reset_values[] = {
    {0x4c, 0x4d}, /* IORT: ISA I/O recovery */
    {0x4e, 0x03}, /* XBCS: keyboard and RTC chip selects */
    {PIRQRC + 0, 0x80}, {PIRQRC + 1, 0x80}, {PIRQRC + 2, 0x80},
    {PIRQRC + 3, 0x80}, {0x69, 0x02}, /* TOM: 1 MiB */
    {0x70, 0x80},                     /* MBIRQ0: disabled */
    {0x76, 0x0c},       {0x77, 0x0c}, /* MBDMA: disabled */
    {0x78, 0x02},                     /* PCSC */
    {0xa0, 0x08},                     /* SMICNTL */
    {0xa8, 0x0f},                     /* CTLTMRL */
};

/* --- interrupts --- */

/* On this board the pins of neighbouring slots are rotated, so that INTA# of devices 1 to 4 reaches
 * PIRQA# to PIRQD#. */
void piix3_pci_set_irq(void *opaque, int devfn, int pin, int level)
{
    Piix3 *p = opaque;
    unsigned slot = (unsigned)devfn >> 3;

    p->pirq_functions[(pin + slot - 1) % PIRQ_COUNT] += level ? 1 : -1;
    device_update(p);
}

static void piix3_isa_input(void *dev, int n, int level)
{
    Piix3 *p = dev;

    p->isa_levels = (p->isa_levels & ~(1u << n)) | (level ? 1u << n : 0);
}

static void piix3_update(void *dev)
{
    Piix3 *p = dev;
    unsigned levels = p->isa_levels;

    for (unsigned i = 0; i < PIRQ_COUNT; i++) {
        uint8_t route = p->pci.config[PIRQRC + i];

        if (p->pirq_functions[i] && !(route & PIRQRC_DISABLE))
            levels |= 1u << (route & PIRQRC_IRQ);
    }
    for (unsigned n = 0; n < ISA_IRQS; n++)
        irq_set(&p->isa_irq[n], bit_get(levels, n));
}

/* --- reset control --- */

static uint64_t reset_control_read(void *dev, uint64_t offset, unsigned size)
{
    Piix3 *p = dev;

    return p->reset_control;
}

static void reset_control_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix3 *p = dev;

    p->reset_control = value & RC_HARD;
    if (value & RC_RESET)
        board_request(p->pci.dev.board, BOARD_RESET, 0);
}

/* --- the device --- */

static bool piix3_realize(void *dev, GError **err)
{
    Piix3 *p = dev;

    store_le16(p->pci.config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    return true;
}

static void piix3_reset(void *dev)
{
    Piix3 *p = dev;

    memset(p->pci.config + PCI_CAPABILITY_FIRST, 0, PCI_CONFIG_SIZE - PCI_CAPABILITY_FIRST);
    for (unsigned i = 0; i < G_N_ELEMENTS(reset_values); i++)
        p->pci.config[reset_values[i].reg] = reset_values[i].value;
    p->reset_control = 0;
}

/* The pin at port CF9 lies inside the host bridge's address register, which passes byte accesses
 * on: the board gives this range to the bridge. */
static const IoRange piix3_io[] = {
    {"reset-control", IO_UNMAPPED, 0xcf9, 1, 1, 1, reset_control_read, reset_control_write},
    {0},
};

static const LineDef piix3_lines[] = {
    LINE_IN("isa", ISA_IRQS, piix3_isa_input),
    LINE_OUT("isa_irq", Piix3, isa_irq),
    {0},
};

static const StateField piix3_state[] = {
    STATE(Piix3, reset_control),
    STATE(Piix3, isa_levels),
    STATE_END,
};

static const PciClass piix3_pci = {
    .vendor = 0x8086,
    .device = 0x7000,
    .class_code = 0x0601,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .multifunction = true,
};

const DeviceClass piix3_class = {
    .name = "PIIX3",
    .desc = "PCI to ISA bridge",
    .size = sizeof(Piix3),
    .io = piix3_io,
    .lines = piix3_lines,
    .state = piix3_state,
    .pci = &piix3_pci,
    .realize = piix3_realize,
    .reset = piix3_reset,
    .update = piix3_update,
};
