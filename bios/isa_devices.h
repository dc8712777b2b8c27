/* isa_devices.h - which ISA devices the board has, as both C and ASL see it: \_SB.DEVS. */
#ifndef MYNA_BIOS_ISA_DEVICES_H
#define MYNA_BIOS_ISA_DEVICES_H

#define ISA_HAS_COM1  0x01
#define ISA_HAS_COM2  0x02
#define ISA_HAS_LPT1  0x04
#define ISA_HAS_FDC   0x08
#define ISA_HAS_HPET  0x10
#define ISA_HAS_MOUSE 0x20

#endif
