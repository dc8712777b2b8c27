/* pc_priv.h - the board's parts, shared by the pc_*.c files. Each file fills in its part of Pc. */
#ifndef MYNA_MACHINE_PC_PRIV_H
#define MYNA_MACHINE_PC_PRIV_H

#include "core/device.h"
#include "core/ps2.h"
#include "core/symbols.h"
#include "cpu/group.h"
#include "dbt/perf.h"
#include "devices/chipset/lapic.h"
#include "machine/pc.h"

enum { IDE_PLACES = 4, FLOPPY_PLACES = 2, ISA_IRQS = 16, IOAPIC_PINS = 24 };

/* A CPU's place on the board. */
typedef struct PcCpu {
    Pc *pc;
    Cpu *cpu;
    void *lapic; /* NULL: the model has none */
    LapicHost host;
    IrqLine lint0;
} PcCpu;

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
    PcCpu *places;
    CpuGroup cpu_group;
    ApicBus *apic_bus; /* NULL: no local APICs */
    void *lapic_window;

    /* pc_engine.c */
    Symbols *symbols; /* of the guest, or NULL */
    PerfFiles *perf;

    /* pc_drives.c; an empty place is NULL */
    GPtrArray *drives; /* of Block, all of them; owned */
    Block *ide_disk[IDE_PLACES], *ide_cdrom[IDE_PLACES], *floppy[FLOPPY_PLACES];
    const char *ide_serial[IDE_PLACES]; /* NULL: the controller's own */

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
    GBytes *vga_rom;
    uint8_t isa_asserted[ISA_IRQS]; /* how many devices assert each ISA interrupt */
    IrqLine isa_input[ISA_IRQS];    /* of the ISA bridge */
    IrqLine pic_input[ISA_IRQS];
    uint8_t ioapic_asserted[IOAPIC_PINS];
    IrqLine ioapic_input[IOAPIC_PINS];
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

/* The CPUs' engines; after the CPUs are there, and after they are gone. */
bool pc_engine_init(Pc *pc, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_engine_fini(Pc *pc);

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
