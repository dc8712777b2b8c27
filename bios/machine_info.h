/* machine_info.h - what firmware tables say about a machine; the board fills it in. */
#ifndef MYNA_BIOS_MACHINE_INFO_H
#define MYNA_BIOS_MACHINE_INFO_H

#include "bios/isa_devices.h"
#include "bios/smbios_text.h"
#include "core/types.h"

typedef struct MachineInfo {
    uint64_t ram_below_4g, ram_above_4g; /* bytes; the second starts at 4 GiB */

    unsigned cpu_count;          /* 1 to 255 */
    unsigned threads_per_socket; /* cores and threads together; 0 = 1 */
    const uint8_t *apic_ids;     /* of each CPU; NULL: 0, 1, 2 .. */
    const char *cpu_name;        /* for SMBIOS; NULL: the machine's name */
    unsigned cpu_mhz;

    unsigned isa_devices; /* ISA_HAS_ bits */

    /* Power management, [PIIX4] "Power Management Register Block". 0 = 0x600, where SeaBIOS puts
     * it. */
    uint16_t pm_base;
    uint16_t gpe0_base; /* 0: no general purpose events */
    uint8_t gpe0_bytes;
    uint16_t smi_port;                 /* 0: always in ACPI mode */
    uint8_t acpi_enable, acpi_disable; /* what to write there */
    uint16_t reset_port;               /* 0: none */
    uint8_t reset_value;

    uint64_t pci64_base, pci64_size; /* 64-bit window for BARs; 0 = none */

    const char *name;         /* of the machine, for SMBIOS; NULL: "PC" */
    uint8_t uuid[16];         /* as its text is written, first byte first */
    const SmbiosText *smbios; /* NULL: nothing else is said */

    const char *const
        *boot_paths;            /* Open Firmware paths, first choice first; NULL ended, or NULL */
    unsigned boot_fail_wait_ms; /* before trying again when nothing boots; 0 = do not */
    bool boot_menu;             /* wait for the menu key */
    bool serial_console;        /* SeaBIOS shows its text on COM1 */
} MachineInfo;

#endif
