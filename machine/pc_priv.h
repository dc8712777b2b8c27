/* pc_priv.h - the board's parts, shared by the pc_*.c files. Each file fills in its part of Pc. */
#ifndef MYNA_MACHINE_PC_PRIV_H
#define MYNA_MACHINE_PC_PRIV_H

#include "core/device.h"
#include "core/apic_bus.h"
#include "core/ps2.h"
#include "cpu/group.h"
#include "devices/chipset/lapic.h"
#include "machine/pc.h"

enum { IDE_PLACES = 4, FLOPPY_PLACES = 2, ISA_IRQS = 16 };

/* One CPU's local APIC. */
typedef struct PcApic {
    Pc *pc;
    Cpu *cpu;
    void *device;
    LapicHost host;
    IrqLine lint0;
} PcApic;

struct Pc {
    const Config *config;
    PcHooks hooks;
    Board *board;

    /* pc_memory.c */
    MemRegion ram, ram_low, ram_high; /* all RAM, and its two places */
    MemRegion pci_memory;
    MemRegion bios, bios_isa; /* at the top of 4 GiB, and its end below 1 MiB */

    /* pc_cpus.c */
    Cpu **cpus;
    CpuGroup cpu_group;

    /* pc_apic.c; all NULL when the CPU model has no APIC */
    ApicBus *apic_bus;
    PcApic *apics;
    void *apic_window;
    IrqLine hpet_input[24 - ISA_IRQS]; /* of the I/O APIC */

    /* pc_drives.c; an empty place is NULL */
    GPtrArray *drives; /* of Block, all of them; owned */
    Block *ide_disk[IDE_PLACES], *ide_cdrom[IDE_PLACES], *floppy[FLOPPY_PLACES];

    /* pc_consoles.c */
    GPtrArray *chardevs;        /* of Chardev; owned */
    GHashTable *named_chardevs; /* id -> Chardev, of -chardev */
    GHashTable *used_chardevs;  /* those of them that have a user */
    GPtrArray *monitors;        /* of Chardev */
    Chardev *serial[MAX_SERIAL], *parallel[MAX_PARALLEL], *debugcon;
    bool has_serial[MAX_SERIAL], has_parallel[MAX_PARALLEL];

    /* pc.c */
    PciBus *pci;
    void *host_bridge, *isa_bridge, *pic[2], *ioapic, *dma, *pit, *rtc, *fw_cfg, *acpi_pm;
    uint8_t isa_asserted[ISA_IRQS]; /* how many devices assert each ISA interrupt */
    IrqLine isa_input[ISA_IRQS];    /* of the ISA bridge */
    IrqLine pic_input[ISA_IRQS], ioapic_input[ISA_IRQS];
    bool a20[2];
    PS2Link keyboard, mouse;
    unsigned boots; /* resets so far, for -boot once= */
};

/* A whole file; the error begins with the option that named it. */
bool pc_read_file(const char *option, const char *path, char **data, gsize *size,
                  GError **err) G_GNUC_WARN_UNUSED_RESULT;

bool pc_memory_init(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
bool pc_memory_load_bios(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_memory_fini(Pc *pc);
uint64_t pc_ram_below_4g(const Pc *pc);
uint64_t pc_ram_above_4g(const Pc *pc);

bool pc_cpus_init(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_cpus_connect(Pc *pc); /* after the chipset is there */
void pc_cpus_fini(Pc *pc);
int pc_pic_acknowledge(void *pc); /* the 8259A pair's INTA */

void pc_apics_add(Pc *pc);
void pc_apics_free(Pc *pc);
void pc_hpet_add(Pc *pc); /* after PIT and RTC, and the I/O APIC if there is one */

/* An ISA interrupt pin, shared as open collectors are (IrqFn). */
void pc_isa_pin(void *pc, int irq, int level);

bool pc_drives_open(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_drives_close(Pc *pc);

bool pc_consoles_open(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_consoles_close(Pc *pc);
/* The device of -chardev with this id, or a port of it if it has users and is a multiplexer. */
Chardev *pc_use_chardev(Pc *pc, const char *id, GError **err);

/* CMOS bytes, fw_cfg items and files: what firmware learns of the machine. */
bool pc_firmware_init(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_cmos_init(Pc *pc);
/* The CMOS's boot order, which `once=` changes after the first boot. */
void pc_cmos_set_boot_order(Pc *pc, const char *letters);

#endif
