/* bios.h - the files that firmware finds through the firmware configuration device. */
#ifndef MYNA_BIOS_BIOS_H
#define MYNA_BIOS_BIOS_H

#include "bios/machine_info.h"

/* A named file, as fw_cfg_add_file_gbytes takes it. */
typedef struct BiosFile {
    char *name;
    GBytes *data;
} BiosFile;

/* All of them: ACPI and SMBIOS tables, memory map, boot order. An array of BiosFile; unref it. */
GPtrArray *bios_files(const MachineInfo *info);

/* ACPI tables and the commands by which firmware places them: "etc/acpi/rsdp", "etc/acpi/tables",
 * "etc/table-loader". [ACPI] "ACPI Software Programming Model", [FW_CFG]. */
typedef struct AcpiTables {
    GByteArray *rsdp;
    GByteArray *tables;
    GByteArray *loader;
} AcpiTables;
AcpiTables acpi_build(const MachineInfo *info);

/* [SMBIOS] entry point, whose table address firmware fills in, and structures. */
typedef struct SmbiosTables {
    GByteArray *anchor;
    GByteArray *structures;
} SmbiosTables;
SmbiosTables smbios_build(const MachineInfo *info);

/* RAM for the firmware's memory map: base and length (64 bits each) and type (32 bits). */
GByteArray *e820_build(const MachineInfo *info);

/* Boot device paths for MachineInfo.boot_paths, by SeaBIOS's names. */
#define BOOT_PATH_IDE(channel, unit) "/pci@i0cf8/ide@1,1/drive@" #channel "/disk@" #unit
#define BOOT_PATH_FLOPPY(unit)       "/pci@i0cf8/isa@1/fdc@03f0/floppy@" #unit
#define BOOT_PATH_ROM(file)          "/rom@" file

#endif
