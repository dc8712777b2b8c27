/* fdc_priv.h - the floppy controller's parts: drives, moving sectors, commands, registers. */
#ifndef MYNA_DEVICES_BLOCK_FDC_PRIV_H
#define MYNA_DEVICES_BLOCK_FDC_PRIV_H

#include "core/block.h"
#include "core/device.h"
#include "core/dma.h"

enum { FLOPPY_SECTOR = 512, FLOPPY_SIZE_CODE = 2 /* N of a 512-byte sector */ };

/* What a medium of a certain size is. [82077AA] "Data Rate Select Register": rate. */
typedef struct FloppyGeometry {
    uint16_t kib;
    uint8_t sectors, tracks, heads;
    uint8_t rate; /* 0 = 500, 1 = 300, 2 = 250, 3 = 1000 kbit/s */
} FloppyGeometry;

typedef struct Floppy {
    Block *block; /* NULL: no drive */

    uint8_t track;
    bool changed; /* the medium, since the last step with one in */
} Floppy;

extern const StateField floppy_fields[];

/* The medium's, or NULL without one. */
const FloppyGeometry *floppy_geometry(const Floppy *d);

/* Moves the heads. Without a drive there is nothing to move and no track 0: false. */
bool floppy_seek(Floppy *d, unsigned track);

bool floppy_write_protected(const Floppy *d);

/* Byte offset in the image. */
uint64_t floppy_offset(const FloppyGeometry *g, unsigned track, unsigned head, unsigned sector);

/* --- the controller --- */

enum { DRIVES = 4, EXECUTE_DELAY_US = 50, STEP_US = 20 };

enum {
    DOR_DMA_GATE = 0x08, /* interrupt and DREQ reach the bus */

    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLING = 0xc0,
    ST0_SEEK_END = 0x20,
    ST0_EQUIPMENT_CHECK = 0x10,
    ST1_END_OF_CYLINDER = 0x80,
    ST1_DATA_ERROR = 0x20,
    ST1_NO_DATA = 0x04,
    ST1_NOT_WRITABLE = 0x02,
    ST1_MISSING_MARK = 0x01,
    ST2_WRONG_CYLINDER = 0x10,

    CONFIG_IMPLIED_SEEK = 0x40,
    CONFIG_NO_FIFO = 0x20,
    CONFIG_NO_POLLING = 0x10,

    COMMAND_MULTI_TRACK = 0x80,
};

typedef enum Phase { PHASE_COMMAND, PHASE_EXECUTE, PHASE_RESULT } Phase;

/* What execution moves. */
typedef enum Direction { MOVE_READ, MOVE_WRITE, MOVE_FORMAT, MOVE_VERIFY } Direction;

typedef struct Fdc {
    Device dev;

    uint32_t irq, dma_channel;
    IsaDma *dma;
    Block *drive_a, *drive_b;

    uint8_t dor, tdr, rate;
    uint8_t phase;
    uint8_t command[16], command_count;
    uint8_t result[16], result_count, result_at;
    bool interrupt;
    uint8_t poll_left;       /* drives whose ready change after reset is still to be sensed */
    uint8_t seeking, sought; /* bit n: drive n moves; has moved, and that is to be sensed */
    uint8_t seek_st0[DRIVES];
    uint8_t specify[2], configure[3], perpendicular;
    bool locked;
    Floppy drives[DRIVES];
    Ns reset_due, execute_due, seek_due[DRIVES]; /* NS_NEVER: nothing to come */

    /* The sector being moved; command[] still holds the parameters. */
    uint8_t direction;
    uint8_t cylinder, head, sector;
    bool ignore_id; /* READ TRACK */
    uint8_t left;   /* sectors to format */
    uint8_t buffer[FLOPPY_SECTOR];
    uint16_t at; /* of the bytes that the CPU or DMA sees, transfer_size of them */
    bool ready;  /* the buffer waits for them, not for the image */
    bool terminal_count;

    IrqLine out[1];
    bool pumping; /* in dma_ready, which the DMA controller may call again */
} Fdc;

/* The drive and head that the command's second byte names. */
static inline unsigned command_drive(const Fdc *f)
{
    return f->command[1] & 3;
}

static inline unsigned command_head(const Fdc *f)
{
    return f->command[1] >> 2 & 1;
}

static inline Floppy *drive_of_command(Fdc *f)
{
    return &f->drives[command_drive(f)];
}

static inline bool uses_dma(const Fdc *f)
{
    return !(f->specify[1] & 1);
}

/* The CPU is to move a byte through the FIFO. */
static inline bool moves_by_cpu(const Fdc *f)
{
    return f->phase == PHASE_EXECUTE && f->ready && !uses_dma(f);
}

/* Bytes of one piece on the bus: a sector, or the ID of one to format. */
static inline unsigned transfer_size(const Fdc *f)
{
    return f->direction == MOVE_FORMAT ? 4 : FLOPPY_SECTOR;
}

static inline Ns after_us(const Fdc *f, unsigned us)
{
    return clock_now(f->dev.board->clock) + us * NS_PER_US;
}

/* fdc_command.c: a byte of a command; the last one runs it. */
void command_byte(Fdc *f, uint8_t byte);
/* Ends the command; its `count` result bytes are in f->result. */
void result_begin(Fdc *f, unsigned count);
/* The seven bytes of a data command, and the interrupt. */
void result_of_data(Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2);

/* fdc_transfer.c: what data commands do when their time has come. */
void execute_due(Fdc *f);
/* Moves what the DMA controller takes; it alone calls this. */
void dma_ready(void *fdc);
/* The CPU took or gave the byte at f->at. */
void cpu_moved_byte(Fdc *f);

#endif
