/* piix3_ide.c - the PIIX3's IDE function: two channels in their legacy places, and a bus master.
 *
 * [PIIX3] "IDE Controller". Timing registers are storage; the channels decode always. */
#include "devices/block/ide_priv.h"

enum { BM_SIZE = 16, BM_CHANNEL_SIZE = 8, BM_BAR = 4 };

typedef struct Piix3Ide {
    PciFunction pci;
    /* properties: drive n is unit n % 2 of channel n / 2 */
    Block *disk[4];
    Block *cdrom[4];
    char *serial[4];
    /* state */
    IdeChannel channels[2];
    /* derived */
    IrqLine irq[2];
} Piix3Ide;

/* --- ports --- */

/* Reading the status or the last data of a block has effects: the interrupt goes away or comes. */
static uint64_t command_block_read(Piix3Ide *p, unsigned n, unsigned offset, unsigned size)
{
    uint64_t value = ide_command_block_read(&p->channels[n], offset, size);

    device_update(p);
    return value;
}

#define CHANNEL_PORTS(n)                                                                     \
    static uint64_t command_read_##n(void *dev, uint64_t offset, unsigned size)              \
    {                                                                                        \
        return command_block_read(dev, n, offset, size);                                     \
    }                                                                                        \
    static void command_write_##n(void *dev, uint64_t offset, uint64_t value, unsigned size) \
    {                                                                                        \
        ide_command_block_write(&((Piix3Ide *)dev)->channels[n], offset, value, size);       \
    }                                                                                        \
    static uint64_t control_read_##n(void *dev, uint64_t offset, unsigned size)              \
    {                                                                                        \
        return ide_alternate_status(&((Piix3Ide *)dev)->channels[n]);                        \
    }                                                                                        \
    static void control_write_##n(void *dev, uint64_t offset, uint64_t value, unsigned size) \
    {                                                                                        \
        ide_device_control(&((Piix3Ide *)dev)->channels[n], value);                          \
    }
CHANNEL_PORTS(0)
CHANNEL_PORTS(1)

static uint64_t bm_read(void *dev, uint64_t offset, unsigned size)
{
    Piix3Ide *p = dev;

    return ide_bm_read(&p->channels[offset / BM_CHANNEL_SIZE], offset % BM_CHANNEL_SIZE);
}

static void bm_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Piix3Ide *p = dev;

    ide_bm_write(&p->channels[offset / BM_CHANNEL_SIZE], offset % BM_CHANNEL_SIZE, value);
}

/* --- the device --- */

enum { IO_BM = 4 };

static bool piix3_ide_realize(void *dev, GError **err)
{
    Piix3Ide *p = dev;

    for (unsigned n = 0; n < 2; n++)
        ide_channel_init(&p->channels[n], &p->pci);
    for (unsigned n = 0; n < 4; n++) {
        IdeKind kind = p->disk[n] ? IDE_DISK : p->cdrom[n] ? IDE_CDROM : IDE_ABSENT;
        char serial[] = {'M', 'Y', '0', '0', '0', '0', '1' + n, '\0'};

        ide_drive_init(&p->channels[n / 2], n % 2, kind, p->disk[n] ? p->disk[n] : p->cdrom[n],
                       p->serial[n] ? p->serial[n] : serial);
    }
    store_le16(p->pci.config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK);
    pci_set_bar(&p->pci, BM_BAR, device_region(p, IO_BM), true, false);
    return true;
}

static void piix3_ide_unrealize(void *dev)
{
    Piix3Ide *p = dev;

    for (unsigned n = 0; n < 4; n++)
        if (p->cdrom[n])
            p->cdrom[n]->media_changed = NULL;
}

static void piix3_ide_reset(void *dev)
{
    Piix3Ide *p = dev;

    memset(p->pci.config + PCI_CAPABILITY_FIRST, 0, PCI_CONFIG_SIZE - PCI_CAPABILITY_FIRST);
    for (unsigned n = 0; n < 2; n++)
        ide_channel_reset(&p->channels[n]);
}

static void piix3_ide_update(void *dev)
{
    Piix3Ide *p = dev;

    for (unsigned n = 0; n < 2; n++)
        irq_set(&p->irq[n], ide_channel_irq(&p->channels[n]));
}

static bool piix3_ide_loaded(void *dev, GError **err)
{
    Piix3Ide *p = dev;

    return ide_channel_loaded(&p->channels[0], err) && ide_channel_loaded(&p->channels[1], err);
}

static const Property piix3_ide_props[] = {
    {"disk0", PROP_LINK, offsetof(Piix3Ide, disk[0]), sizeof(Block *), 0, "primary master disk"},
    {"disk1", PROP_LINK, offsetof(Piix3Ide, disk[1]), sizeof(Block *), 0, "primary slave disk"},
    {"disk2", PROP_LINK, offsetof(Piix3Ide, disk[2]), sizeof(Block *), 0, "secondary master disk"},
    {"disk3", PROP_LINK, offsetof(Piix3Ide, disk[3]), sizeof(Block *), 0, "secondary slave disk"},
    {"cdrom0", PROP_LINK, offsetof(Piix3Ide, cdrom[0]), sizeof(Block *), 0, "primary master CD"},
    {"cdrom1", PROP_LINK, offsetof(Piix3Ide, cdrom[1]), sizeof(Block *), 0, "primary slave CD"},
    {"cdrom2", PROP_LINK, offsetof(Piix3Ide, cdrom[2]), sizeof(Block *), 0, "secondary master CD"},
    {"cdrom3", PROP_LINK, offsetof(Piix3Ide, cdrom[3]), sizeof(Block *), 0, "secondary slave CD"},
    {"serial0", PROP_STRING, offsetof(Piix3Ide, serial[0]), sizeof(char *), 0, "serial number"},
    {"serial1", PROP_STRING, offsetof(Piix3Ide, serial[1]), sizeof(char *), 0, "serial number"},
    {"serial2", PROP_STRING, offsetof(Piix3Ide, serial[2]), sizeof(char *), 0, "serial number"},
    {"serial3", PROP_STRING, offsetof(Piix3Ide, serial[3]), sizeof(char *), 0, "serial number"},
    PROPS_END,
};

static const IoRange piix3_ide_io[] = {
    {"ide0-command", IO_PORTS, 0x1f0, 8, 1, 4, command_read_0, command_write_0},
    {"ide0-control", IO_PORTS, 0x3f6, 1, 1, 1, control_read_0, control_write_0},
    {"ide1-command", IO_PORTS, 0x170, 8, 1, 4, command_read_1, command_write_1},
    {"ide1-control", IO_PORTS, 0x376, 1, 1, 1, control_read_1, control_write_1},
    [IO_BM] = {"ide-bus-master", IO_UNMAPPED, 0, BM_SIZE, 1, 1, bm_read, bm_write},
    {0},
};

static const LineDef piix3_ide_lines[] = {
    LINE_OUT("irq", Piix3Ide, irq),
    {0},
};

static const StateField piix3_ide_state[] = {
    STATE_STRUCTS(Piix3Ide, channels, ide_channel_state),
    STATE_END,
};

static const PciClass piix3_ide_pci = {
    .vendor = 0x8086,
    .device = 0x7010,
    .prog_if = 0x80, /* bus master, both channels in legacy mode */
    .class_code = 0x0101,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
};

const DeviceClass piix3_ide_class = {
    .name = "piix3-ide",
    .desc = "IDE controller",
    .size = sizeof(Piix3Ide),
    .props = piix3_ide_props,
    .io = piix3_ide_io,
    .lines = piix3_ide_lines,
    .state = piix3_ide_state,
    .pci = &piix3_ide_pci,
    .realize = piix3_ide_realize,
    .unrealize = piix3_ide_unrealize,
    .reset = piix3_ide_reset,
    .update = piix3_ide_update,
    .loaded = piix3_ide_loaded,
};
