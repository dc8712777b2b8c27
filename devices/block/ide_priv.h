/* ide_priv.h - an ATA channel and its two drives, shared by the files of the IDE controller.
 *
 * ide.c          task file registers, device selection, reset, the PIO data port
 * ide_disk.c     ATA commands of disks
 * ide_smart.c    SMART
 * ide_identify.c the 512 bytes of IDENTIFY (PACKET) DEVICE
 * ide_dma.c      bus master registers and physical region descriptors
 * atapi.c        the packet protocol;  atapi_commands.c: the packet commands
 *
 * A drive works on one transfer at a time. Its kind says what the data port or the DMA engine moves
 * and who is asked when the buffer has been emptied or filled. */
#ifndef MYNA_DEVICES_IDE_PRIV_H
#define MYNA_DEVICES_IDE_PRIV_H

#include "core/block.h"
#include "core/pci.h"

enum {
    IDE_SECTOR = 512,
    IDE_MULTIPLE_MAX = 16,
    CD_SECTOR = 2048,
    CD_RAW_SECTOR = 2352,
    IDE_CHUNK = 65536, /* bytes a DMA transfer moves at a time */
    /* A chunk, and what may be left of a CD sector of which a packet data block took a part. */
    IDE_BUFFER = IDE_CHUNK + CD_RAW_SECTOR,
};

/* Task file registers, by port offset. [ATA] "Register descriptions". */
enum {
    REG_DATA,
    REG_FEATURE, /* error when read */
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_COMMAND, /* status when read */
    REG_COUNT_OF,
};

enum {
    STATUS_ERR = 0x01,
    STATUS_DRQ = 0x08,
    STATUS_DSC = 0x10, /* seek complete; service for packet devices */
    STATUS_DF = 0x20,
    STATUS_DRDY = 0x40,
    STATUS_BSY = 0x80,
    STATUS_READY = STATUS_DRDY | STATUS_DSC,

    ERROR_ABRT = 0x04,
    ERROR_IDNF = 0x10,
    ERROR_UNC = 0x40,

    DEVICE_LBA = 0x40,
    DEVICE_SLAVE = 0x10,
    DEVICE_FIXED = 0xa0, /* obsolete bits, kept at 1 by old software */

    CONTROL_NIEN = 0x02,
    CONTROL_SRST = 0x04,
    CONTROL_HOB = 0x80,

    BM_CMD_START = 0x01,
    BM_CMD_TO_MEMORY = 0x08,
    BM_STS_ACTIVE = 0x01,
    BM_STS_ERROR = 0x02,
    BM_STS_INTERRUPT = 0x04,
    BM_STS_CAPABLE = 0x60,
};

typedef enum IdeKind { IDE_ABSENT, IDE_DISK, IDE_CDROM } IdeKind;

typedef enum IdeTransfer {
    TRANSFER_NONE,
    TRANSFER_PIO_DATA,  /* to host, complete when read: IDENTIFY, SMART */
    TRANSFER_PIO_READ,  /* to host, sectors */
    TRANSFER_PIO_WRITE, /* from host, sectors */
    TRANSFER_DMA_READ,
    TRANSFER_DMA_WRITE,
    TRANSFER_PACKET,     /* from host: the command packet */
    TRANSFER_PACKET_IN,  /* to host: packet command data, PIO */
    TRANSFER_PACKET_OUT, /* from host: packet command parameters, PIO */
    TRANSFER_PACKET_DMA, /* to host: packet command data */
    TRANSFER_COUNT,
} IdeTransfer;

/* A disk's geometry as software may address it. */
typedef struct IdeGeometry {
    uint32_t cylinders, heads, sectors;
} IdeGeometry;

typedef struct AtapiState {
    uint8_t sense_key, asc, ascq;
    bool dma; /* the packet command asked for DMA */
    bool tray_open;
    bool locked;
    bool media_changed;   /* unit attention is due */
    bool event_new_media; /* not yet reported by GET EVENT STATUS NOTIFICATION */
    bool event_eject;
    uint8_t command;
    uint32_t byte_limit;  /* of a PIO data block, from the byte count registers */
    uint32_t filled;      /* end of the data in the buffer, while a part of it is offered */
    uint64_t left;        /* bytes of the command still to be offered */
    uint32_t lba;         /* next sector to read */
    uint32_t sectors;     /* still to be read */
    uint32_t sector_size; /* bytes of each in the buffer: CD_SECTOR or CD_RAW_SECTOR */
} AtapiState;

typedef struct IdeChannel IdeChannel;

typedef struct IdeDrive {
    /* properties */
    IdeKind kind;
    Block *block;
    char serial[21];
    /* state */
    uint8_t feature, count, lba_low, lba_mid, lba_high;                     /* as last written */
    uint8_t hob_feature, hob_count, hob_lba_low, hob_lba_mid, hob_lba_high; /* and before that */
    uint8_t device, status, error, command;
    bool irq;              /* INTRQ is asserted, were the drive selected */
    uint8_t multiple;      /* sectors a data block of READ/WRITE MULTIPLE, 0 = not set */
    uint8_t transfer_mode; /* of SET FEATURES: 0x08|n PIO, 0x20|n multiword, 0x40|n ultra */
    bool write_cache;
    bool smart_enabled, smart_autosave;
    bool standby;
    IdeGeometry geometry; /* as set by INITIALIZE DEVICE PARAMETERS */
    uint8_t transfer;     /* IdeTransfer */
    uint32_t pos, end;    /* of the data in buffer */
    uint64_t lba;
    uint32_t sectors; /* still to be moved */
    AtapiState atapi;
    uint8_t buffer[IDE_BUFFER];
    /* derived */
    IdeChannel *channel;
    IdeGeometry native; /* geometry by default */
    uint64_t total_sectors;
    uint32_t pending; /* bytes of the block request under way */
    uint64_t request; /* number of the request under way; 0 = none */
} IdeDrive;

struct IdeChannel {
    /* state */
    IdeDrive drives[2];
    uint8_t selected;
    uint8_t control;
    uint8_t bm_command, bm_status;
    uint32_t bm_table;           /* address of the descriptor table */
    uint32_t prd_next;           /* address of the next descriptor */
    uint32_t prd_addr, prd_left; /* of the descriptor in use */
    bool prd_end;                /* it is the last one */
    /* derived */
    PciFunction *pci;
    bool dma_running, dma_again;
    uint64_t last_request;
};

extern const StateField ide_channel_state[];

/* --- ide.c --- */
void ide_channel_init(IdeChannel *ch, PciFunction *pci);
void ide_channel_reset(IdeChannel *ch);
bool ide_channel_loaded(IdeChannel *ch, GError **err) G_GNUC_WARN_UNUSED_RESULT;
void ide_drive_init(IdeChannel *ch, unsigned unit, IdeKind kind, Block *block, const char *serial);
bool ide_channel_irq(const IdeChannel *ch);
uint64_t ide_command_block_read(IdeChannel *ch, unsigned offset, unsigned size);
void ide_command_block_write(IdeChannel *ch, unsigned offset, uint64_t value, unsigned size);
uint8_t ide_alternate_status(IdeChannel *ch);
void ide_device_control(IdeChannel *ch, uint8_t value);

void ide_raise_irq(IdeDrive *d);
void ide_signature(IdeDrive *d);
/* Ends the command: status ready, no error. With or without an interrupt. */
void ide_done(IdeDrive *d);
/* Ends the command in an error, with an interrupt. */
void ide_fail(IdeDrive *d, uint8_t error);
/* Offers buffer[pos, end) to the data port; the transfer kind says what follows. */
void ide_pio_start(IdeDrive *d, IdeTransfer transfer, uint32_t size);
void ide_stop_transfer(IdeDrive *d);

/* Starts a block request for the drive. `done` hears only of the drive's present request: one that
 * was overtaken by a reset is forgotten. */
typedef void IdeRequestDone(IdeDrive *d, int error);
void ide_request_read(IdeDrive *d, uint64_t offset, uint32_t at, uint32_t size,
                      IdeRequestDone *done);
void ide_request_write(IdeDrive *d, uint64_t offset, uint32_t size, IdeRequestDone *done);
void ide_request_flush(IdeDrive *d, IdeRequestDone *done);

/* --- ide_disk.c --- */
typedef struct IdeCommand {
    void (*run)(IdeDrive *d);
    uint8_t kinds; /* 1 << IDE_DISK | 1 << IDE_CDROM */
    uint8_t flags;
} IdeCommand;
extern const IdeCommand ide_commands[256];
IdeGeometry ide_default_geometry(uint64_t sectors);
void ide_pio_read_next(IdeDrive *d);
void ide_pio_write_next(IdeDrive *d);
void ide_disk_dma_step(IdeDrive *d);

/* --- ide_smart.c, ide_identify.c --- */
void ide_cmd_SMART(IdeDrive *d);
void ide_identify_disk(const IdeDrive *d, uint8_t *data);
void ide_identify_cdrom(const IdeDrive *d, uint8_t *data);
/* Fills an ATA string: two characters a word, first one high, padded with spaces. */
void ide_string(uint8_t *words, unsigned size, const char *text);

/* --- ide_dma.c --- */
uint64_t ide_bm_read(IdeChannel *ch, unsigned offset);
void ide_bm_write(IdeChannel *ch, unsigned offset, uint8_t value);
/* The drive's DMA transfer can go on, if the host has started the engine. */
void ide_dma_kick(IdeChannel *ch);
/* Moves buffer[0, size) to or from memory; returns how many bytes the descriptors had room for. */
uint32_t ide_dma_move(IdeChannel *ch, uint8_t *buffer, uint32_t size);
/* The drive has moved all it wanted, or failed, or ran out of descriptors. */
void ide_dma_finished(IdeChannel *ch);
void ide_dma_short(IdeDrive *d);

/* --- atapi*.c --- */
void ide_cmd_PACKET(IdeDrive *d);
void atapi_packet_received(IdeDrive *d);
void atapi_pio_in_next(IdeDrive *d);
void atapi_pio_out_done(IdeDrive *d);
void atapi_dma_step(IdeDrive *d);
void atapi_reset(IdeDrive *d);
bool atapi_loaded(IdeDrive *d);
void atapi_media_changed(void *drive);

/* For the packet commands. */
void atapi_ok(IdeDrive *d);
void atapi_sense(IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq);
/* Replies with the first `size` bytes of buffer, at most `allocation` of them. */
void atapi_reply(IdeDrive *d, uint32_t size, uint32_t allocation);
void atapi_read_sectors(IdeDrive *d, uint32_t lba, uint32_t count, uint32_t sector_size);
void atapi_receive(IdeDrive *d, uint32_t size);
void atapi_execute(IdeDrive *d, const uint8_t *packet);
bool atapi_has_medium(const IdeDrive *d);
uint32_t atapi_sectors(const IdeDrive *d);

extern const StateField atapi_state[];

#endif
