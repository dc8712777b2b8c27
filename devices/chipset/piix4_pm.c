/* piix4_pm.c - ACPI power management: events, sleep, the PM timer, GPE0, the APM ports.
 *
 * [PIIX4] "Power Management", [ACPI] "ACPI Hardware Specification". The values of SLP_TYP, the
 * place of GPE0 and the ACPI enable commands are those of this board's firmware tables. Throttling,
 * device traps and idle timers are left out; the PM registers that belong to them read as ones.
 *
 * Interrupts: event status & enable drives the SCI. Writing the APM control port pulses SMI. */
#include "core/log.h"
#include "core/pci.h"
#include "devices/chipset/piix4_smbus.h"

enum {
    /* Configuration registers. */
    PMBA = 0x40,
    DEVACTB_3 = 0x5b,
    APMC_EN = 1 << 1, /* bit 25 of DEVACTB */
    PMREGMISC = 0x80,
    PMIOSE = 1 << 0,
    SMBBA = 0x90,
    SMBHSTCFG = 0xd2,
    SMB_HST_EN = 1 << 0,
    BASE_MASK = 0xffc0,

    /* PM I/O registers. */
    PM_REGISTERS = 0x40,
    PMSTS = 0x00,
    PMEN = 0x02,
    PMCNTRL = 0x04,
    PMTMR = 0x08,
    GLBCTL = 0x28,

    TMR = 1 << 0, /* bits of PMSTS and PMEN */
    GBL = 1 << 5,
    PWRBTN = 1 << 8,
    RTC = 1 << 10,
    WAK = 1 << 15,
    SCI_SOURCES = TMR | GBL | PWRBTN | RTC,

    SCI_EN = 1 << 0, /* bits of PMCNTRL */
    SLP_TYP_SHIFT = 10,
    SLP_EN = 1 << 13,

    /* [ACPI] "\_Sx (System States)": the values in this board's DSDT. */
    SLP_TYP_S5 = 0,
    SLP_TYP_S3 = 1,
    SLP_TYP_S4 = 2,

    GPE0_PORT = 0xafe0,
    APM_PORT = 0xb2,
    /* What the FADT tells the system to write to the APM control port. */
    APM_ACPI_ENABLE = 0xf1,
    APM_ACPI_DISABLE = 0xf0,
};

#define TIMER_HZ     3579545
#define TIMER_MASK   0xffffff
#define TIMER_TOGGLE 0x800000 /* TMR_STS sets whenever bit 23 changes */

typedef struct Piix4Pm {
    PciFunction pci;
    /* state */
    uint16_t status, enable, control;
    uint32_t global_control;
    uint64_t toggle_ticks; /* timer ticks since power-on when TMR_STS sets next */
    uint16_t gpe_status, gpe_enable;
    uint8_t apm_control, apm_status;
    Piix4Smbus smbus;
    /* derived */
    MemRegion *pm_region, *smbus_region;
    uint32_t pm_base, smbus_base; /* where they are mapped now, 0 = not */
    IrqLine sci[1];
    IrqLine smi[1];
} Piix4Pm;

/* --- the PM timer --- */

static uint64_t timer_ticks(Ns now)
{
    return (uint64_t)((unsigned __int128)now * TIMER_HZ / NS_PER_SEC);
}

/* The first time at which timer_ticks() is at least `ticks`. */
static Ns timer_time(uint64_t ticks)
{
    return (Ns)(((unsigned __int128)ticks * NS_PER_SEC + TIMER_HZ - 1) / TIMER_HZ);
}

static uint64_t pm_now(const Piix4Pm *p)
{
    return timer_ticks(clock_now(p->pci.dev.board->clock));
}

static uint64_t next_toggle(uint64_t ticks)
{
    return (ticks + TIMER_TOGGLE) & ~(uint64_t)(TIMER_TOGGLE - 1);
}

static void latch_timer(Piix4Pm *p)
{
    uint64_t now = pm_now(p);

    if (now < p->toggle_ticks)
        return;
    p->status |= TMR;
    p->toggle_ticks = next_toggle(now);
}

/* --- PM registers --- */

static void pm_sleep(Piix4Pm *p)
{
    Board *board = p->pci.dev.board;

    switch (bits_get(p->control, SLP_TYP_SHIFT, 3)) {
    case SLP_TYP_S5:
    case SLP_TYP_S4: /* the system has saved itself: the same to us */
        board_request(board, BOARD_POWEROFF, 0);
        break;
    case SLP_TYP_S3:
        board_request(board, BOARD_SUSPEND, 0);
        break;
    default:
        guest_error("PIIX4_PM: no such sleep state\n");
    }
}

/* The doubleword at offset, a multiple of 4. */
static uint32_t pm_read32(Piix4Pm *p, unsigned offset)
{
    switch (offset) {
    case PMSTS:
        latch_timer(p);
        return p->status | (uint32_t)p->enable << 16;
    case PMCNTRL:
        return p->control;
    case PMTMR:
        return pm_now(p) & TIMER_MASK;
    case GLBCTL:
        return p->global_control;
    default:
        return UINT32_MAX;
    }
}

/* Writes the bits in mask of the doubleword at offset. */
static void pm_write32(Piix4Pm *p, unsigned offset, uint32_t value, uint32_t mask)
{
    value &= mask;
    switch (offset) {
    case PMSTS:
        latch_timer(p);
        p->status &= ~value;
        p->enable = ((p->enable & ~(mask >> 16)) | value >> 16) & SCI_SOURCES;
        break;
    case PMCNTRL:
        p->control = ((p->control & ~mask) | value) & ~SLP_EN;
        if (value & SLP_EN)
            pm_sleep(p);
        break;
    case GLBCTL:
        p->global_control = (p->global_control & ~mask) | value;
        break;
    }
}

static uint64_t pm_read(void *dev, uint64_t offset, unsigned size)
{
    Piix4Pm *p = dev;
    unsigned shift = 8 * (offset & 3);

    return bits_get(pm_read32(p, offset & ~3), shift, MIN(8 * size, 32 - shift));
}

static void pm_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *p = dev;
    unsigned shift = 8 * (offset & 3);
    uint64_t mask = ((uint64_t)1 << 8 * size) - 1;

    pm_write32(p, offset & ~3, value << shift, mask << shift);
}

/* --- GPE0: two status bytes, two enable bytes. [ACPI] "General-Purpose Event Registers" --- */

static uint64_t gpe_read(void *dev, uint64_t offset, unsigned size)
{
    Piix4Pm *p = dev;

    return bits_get(p->gpe_status | (uint32_t)p->gpe_enable << 16, 8 * offset, 8);
}

static void gpe_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *p = dev;
    unsigned shift = 8 * (offset & 1);

    if (offset < 2)
        p->gpe_status &= ~(value << shift);
    else
        p->gpe_enable = (p->gpe_enable & ~(0xff << shift)) | value << shift;
}

/* --- APM ports B2 (control) and B3 (status) --- */

static uint64_t apm_read(void *dev, uint64_t offset, unsigned size)
{
    Piix4Pm *p = dev;

    return offset == 0 ? p->apm_control : p->apm_status;
}

static void apm_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *p = dev;

    if (offset == 1) {
        p->apm_status = value;
        return;
    }
    p->apm_control = value;
    /* Switching between ACPI and legacy mode is firmware's SMI work; this board does it in
     * hardware, so that it also works without SMM. */
    if (value == APM_ACPI_ENABLE)
        p->control |= SCI_EN;
    else if (value == APM_ACPI_DISABLE)
        p->control &= ~SCI_EN;
    else if (p->pci.config[DEVACTB_3] & APMC_EN)
        irq_send(&p->smi[0], 1);
}

/* --- SMBus --- */

static uint64_t smbus_read(void *dev, uint64_t offset, unsigned size)
{
    Piix4Pm *p = dev;

    return piix4_smbus_read(&p->smbus, offset);
}

static void smbus_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *p = dev;

    piix4_smbus_write(&p->smbus, offset, value);
}

/* --- inputs --- */

static void power_button_input(void *dev, int n, int level)
{
    Piix4Pm *p = dev;

    if (level)
        p->status |= PWRBTN;
}

/* The board woke from S3: pulsed after the reset that ends the sleep. */
static void wake_input(void *dev, int n, int level)
{
    Piix4Pm *p = dev;

    if (level)
        p->status |= WAK | PWRBTN;
}

/* [ACPI] "General-Purpose Event Handling": input n sets status bit n. */
static void gpe_input(void *dev, int n, int level)
{
    Piix4Pm *p = dev;

    if (level)
        p->gpe_status |= 1u << n;
}

/* --- the device --- */

/* Maps a register block where configuration space says. */
static void pm_place(Piix4Pm *p, MemRegion *region, uint32_t *mapped, uint32_t base)
{
    if (*mapped == base)
        return;
    address_space_hold(&p->pci.dev.board->ports);
    if (*mapped)
        mem_remove(region);
    if (base)
        mem_add(pci_bus_ports(p->pci.bus), base, region, 1);
    address_space_release(&p->pci.dev.board->ports);
    *mapped = base;
}

static bool pm_sci_level(const Piix4Pm *p)
{
    return (p->status & p->enable & SCI_SOURCES) || (p->gpe_status & p->gpe_enable);
}

static void pm_update(void *dev)
{
    Piix4Pm *p = dev;
    const uint8_t *config = p->pci.config;
    bool pm_on = config[PMREGMISC] & PMIOSE, smbus_on = config[SMBHSTCFG] & SMB_HST_EN;

    pm_place(p, p->pm_region, &p->pm_base, pm_on ? load_le16(config + PMBA) & BASE_MASK : 0);
    pm_place(p, p->smbus_region, &p->smbus_base,
             smbus_on ? load_le16(config + SMBBA) & BASE_MASK : 0);
    latch_timer(p);
    irq_set(&p->sci[0], pm_sci_level(p));
    timer_set(&p->pci.dev.timer,
              (p->enable & TMR) && !(p->status & TMR) ? timer_time(p->toggle_ticks) : NS_NEVER);
}

enum { IO_PM, IO_SMBUS };

static bool pm_realize(void *dev, GError **err)
{
    Piix4Pm *p = dev;

    p->pm_region = device_region(p, IO_PM);
    p->smbus_region = device_region(p, IO_SMBUS);
    store_le16(p->pci.config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK);
    p->pci.writable[PMBA] = 0xc0; /* bit 0 reads as 1: an I/O base */
    p->pci.writable[SMBBA] = 0xc0;
    return true;
}

static void pm_unrealize(void *dev)
{
    Piix4Pm *p = dev;

    pm_place(p, p->pm_region, &p->pm_base, 0);
    pm_place(p, p->smbus_region, &p->smbus_base, 0);
}

static void pm_reset(void *dev)
{
    Piix4Pm *p = dev;
    uint8_t *config = p->pci.config;

    memset(config + PCI_CAPABILITY_FIRST, 0, PCI_CONFIG_SIZE - PCI_CAPABILITY_FIRST);
    config[PMBA] = 1;
    /* Which legacy devices the board has, in the bits firmware reads them from. */
    config[0x5f] = 0x90;
    config[0x63] = 0x60;
    config[0x67] = 0x08;
    store_le16(config + SMBBA, 0xb101);
    config[SMBHSTCFG] = SMB_HST_EN | 4 << 1; /* interrupt by IRQ9 */
    p->status = p->enable = p->control = 0;
    p->global_control = 0;
    p->toggle_ticks = next_toggle(pm_now(p));
    p->gpe_status = p->gpe_enable = 0;
    p->apm_control = p->apm_status = 0;
    piix4_smbus_reset(&p->smbus);
}

/* A toggle further away than the timer's top bit would overflow its time. */
static bool pm_loaded(void *dev, GError **err)
{
    Piix4Pm *p = dev;

    p->toggle_ticks = MIN(p->toggle_ticks, next_toggle(pm_now(p)));
    return true;
}

static const IoRange pm_io[] = {
    [IO_PM] = {"acpi-pm", IO_UNMAPPED, 0, PM_REGISTERS, 1, 4, pm_read, pm_write},
    [IO_SMBUS] = {"smbus", IO_UNMAPPED, 0, SMBUS_REGISTERS, 1, 1, smbus_read, smbus_write},
    {"acpi-gpe0", IO_PORTS, GPE0_PORT, 4, 1, 1, gpe_read, gpe_write},
    {"apm", IO_PORTS, APM_PORT, 2, 1, 1, apm_read, apm_write},
    {0},
};

static const LineDef pm_lines[] = {
    LINE_IN("power_button", 1, power_button_input),
    LINE_IN("wake", 1, wake_input),
    LINE_IN("gpe", 16, gpe_input),
    LINE_OUT("sci", Piix4Pm, sci),
    LINE_OUT("smi", Piix4Pm, smi),
    {0},
};

static const StateField pm_state[] = {
    STATE(Piix4Pm, status),
    STATE(Piix4Pm, enable),
    STATE(Piix4Pm, control),
    STATE(Piix4Pm, global_control),
    STATE(Piix4Pm, toggle_ticks),
    STATE(Piix4Pm, gpe_status),
    STATE(Piix4Pm, gpe_enable),
    STATE(Piix4Pm, apm_control),
    STATE(Piix4Pm, apm_status),
    STATE_STRUCT(Piix4Pm, smbus, piix4_smbus_state),
    STATE_END,
};

static const PciClass pm_pci = {
    .vendor = 0x8086,
    .device = 0x7113,
    .revision = 3,
    .class_code = 0x0680,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .interrupt_pin = 1,
};

const DeviceClass piix4_pm_class = {
    .name = "PIIX4_PM",
    .desc = "ACPI power management",
    .size = sizeof(Piix4Pm),
    .io = pm_io,
    .lines = pm_lines,
    .state = pm_state,
    .pci = &pm_pci,
    .realize = pm_realize,
    .unrealize = pm_unrealize,
    .reset = pm_reset,
    .update = pm_update,
    .loaded = pm_loaded,
};
