/* smbios_text.h - what the user wants the SMBIOS tables to say. */
#ifndef MYNA_BIOS_SMBIOS_TEXT_H
#define MYNA_BIOS_SMBIOS_TEXT_H

#include "core/types.h"

/* Texts that are NULL leave the tables as they are. */
typedef struct SmbiosText {
    char *bios_vendor, *bios_version, *bios_date, *bios_release; /* release: "MAJOR.MINOR" */
    bool bios_uefi;
    char *system_manufacturer, *system_product, *system_version, *system_serial, *system_uuid,
        *system_sku, *system_family;
    char *board_manufacturer, *board_product, *board_version, *board_serial, *board_asset,
        *board_location;
    bool board; /* there is a type 2 structure */
    char *chassis_manufacturer, *chassis_version, *chassis_serial, *chassis_asset, *chassis_sku;
    char **oem_strings; /* NULL-ended; NULL: no type 11 structure */
} SmbiosText;

void smbios_text_clear(SmbiosText *text);

#endif
