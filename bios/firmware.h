/* firmware.h - the firmware images linked into the program. */
#ifndef MYNA_BIOS_FIRMWARE_H
#define MYNA_BIOS_FIRMWARE_H

#include "core/types.h"

typedef struct Firmware {
    const char *name;
    const uint8_t *data;
    const uint8_t *end;
} Firmware;

static inline size_t firmware_size(const Firmware *f)
{
    return f->end - f->data;
}

extern const Firmware firmware_seabios;     /* 256 KiB, for the top of 4 GiB */
extern const Firmware firmware_vgabios_std; /* for the standard VGA's ROM BAR */
extern const Firmware firmware_linuxboot;   /* option ROMs for -kernel; see option_rom_seal */
extern const Firmware firmware_multiboot;
extern const Firmware firmware_dsdt;

/* An option ROM from an image that has only its header's size: padded to that, with the checksum
 * that BIOSes want. [PNPBIOS] "Option ROM Header". */
GByteArray *option_rom_seal(const Firmware *image);

#endif
