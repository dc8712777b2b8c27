/* piix4_smbus.h - the SMBus host controller inside the PIIX4's power management function. */
#ifndef MYNA_DEVICES_PIIX4_SMBUS_H
#define MYNA_DEVICES_PIIX4_SMBUS_H

#include "core/state.h"

enum { SMBUS_REGISTERS = 0x40, SMBUS_BLOCK_SIZE = 32 };

typedef struct Piix4Smbus {
    uint8_t status;
    uint8_t control;
    uint8_t command;
    uint8_t address;
    uint8_t data0, data1;
    uint8_t block[SMBUS_BLOCK_SIZE];
    uint8_t block_index; /* of the next access to SMBBLKDAT; below SMBUS_BLOCK_SIZE */
} Piix4Smbus;

extern const StateField piix4_smbus_state[];

void piix4_smbus_reset(Piix4Smbus *s);
uint8_t piix4_smbus_read(Piix4Smbus *s, unsigned offset);
void piix4_smbus_write(Piix4Smbus *s, unsigned offset, uint8_t value);

#endif
