/* piix4_smbus.c - SMBus host controller. [PIIX4] "SMBus I/O Space Registers".
 *
 * The board has no SMBus devices, so every transaction ends at once with "device error", which is
 * how the controller reports an address that nobody acknowledged. The slave interface and the
 * interrupt (drivers poll) are left out. */
#include "devices/chipset/piix4_smbus.h"

enum {
    SMBHSTSTS = 0x00,
    SMBHSTCNT = 0x02,
    SMBHSTCMD = 0x03,
    SMBHSTADD = 0x04,
    SMBHSTDAT0 = 0x05,
    SMBHSTDAT1 = 0x06,
    SMBBLKDAT = 0x07,

    STS_DEV_ERR = 1 << 2,
    STS_CLEARABLE = 0x1e, /* FAILED, BUS_ERR, DEV_ERR, SMB_INTER */

    CNT_KILL = 1 << 1,
    CNT_START = 1 << 6,
};

static void smbus_control(Piix4Smbus *s, uint8_t value)
{
    s->control = value & ~(CNT_START | CNT_KILL);
    if (value & CNT_START)
        s->status |= STS_DEV_ERR;
}

/* The block buffer is a window that each access moves; reading SMBHSTCNT rewinds it. */
static uint8_t *smbus_block_next(Piix4Smbus *s)
{
    uint8_t *byte = &s->block[s->block_index % SMBUS_BLOCK_SIZE];

    s->block_index = (s->block_index + 1) % SMBUS_BLOCK_SIZE;
    return byte;
}

uint8_t piix4_smbus_read(Piix4Smbus *s, unsigned offset)
{
    switch (offset) {
    case SMBHSTSTS:
        return s->status;
    case SMBHSTCNT:
        s->block_index = 0;
        return s->control;
    case SMBHSTCMD:
        return s->command;
    case SMBHSTADD:
        return s->address;
    case SMBHSTDAT0:
        return s->data0;
    case SMBHSTDAT1:
        return s->data1;
    case SMBBLKDAT:
        return *smbus_block_next(s);
    default:
        return 0;
    }
}

void piix4_smbus_write(Piix4Smbus *s, unsigned offset, uint8_t value)
{
    switch (offset) {
    case SMBHSTSTS:
        s->status &= ~(value & STS_CLEARABLE);
        break;
    case SMBHSTCNT:
        smbus_control(s, value);
        break;
    case SMBHSTCMD:
        s->command = value;
        break;
    case SMBHSTADD:
        s->address = value;
        break;
    case SMBHSTDAT0:
        s->data0 = value;
        break;
    case SMBHSTDAT1:
        s->data1 = value;
        break;
    case SMBBLKDAT:
        *smbus_block_next(s) = value;
        break;
    }
}

void piix4_smbus_reset(Piix4Smbus *s)
{
    memset(s, 0, sizeof(*s));
}

const StateField piix4_smbus_state[] = {
    STATE(Piix4Smbus, status),      STATE(Piix4Smbus, control),     STATE(Piix4Smbus, command),
    STATE(Piix4Smbus, address),     STATE(Piix4Smbus, data0),       STATE(Piix4Smbus, data1),
    STATE_BYTES(Piix4Smbus, block), STATE(Piix4Smbus, block_index), STATE_END,
};
