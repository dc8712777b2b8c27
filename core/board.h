/* board.h - what a device stands on: memory, ports, time, the machine lock, and the way out. */
#ifndef MYNA_CORE_BOARD_H
#define MYNA_CORE_BOARD_H

#include "core/clock.h"
#include "core/lock.h"
#include "core/memory.h"

typedef struct Device Device;
typedef struct DisplaySource DisplaySource;
typedef struct InputSink InputSink;

/* What a device may ask of whoever runs the machine. */
typedef enum BoardRequest {
    BOARD_RESET,      /* system reset */
    BOARD_POWEROFF,   /* ACPI S5 or a shutdown port */
    BOARD_DEBUG_EXIT, /* isa-debug-exit; value = process status */
    BOARD_SUSPEND,    /* ACPI S3 */
} BoardRequest;

typedef struct Board {
    Clock *clock;
    MemRegion memory_root;
    MemRegion port_root;
    AddressSpace memory;
    AddressSpace ports;
    GPtrArray *devices; /* of Device, in creation order; the board owns them */
    GArray *defaults;   /* of DeviceDefault; for devices made from now on */
    Lock lock;          /* the machine lock */
    void (*request)(void *opaque, BoardRequest what, int value);
    void *request_opaque;
    GPtrArray *displays; /* of DisplaySource, registered by display adapters; first = primary */
    GPtrArray *inputs;   /* of InputSink, registered by keyboards and pointers */
    Ns (*wall_clock)(void *opaque); /* ns since 1970 that the guest's RTC should show now */
    void *wall_clock_opaque;
} Board;

/* The clock becomes the board's. Memory is 2^52 bytes, ports 2^16, both empty. */
Board *board_new(Clock *clock);
void board_free(Board *board); /* unrealizes and frees the devices, last first */

static inline void board_lock(Board *board)
{
    lock_take(&board->lock);
}

static inline void board_unlock(Board *board)
{
    lock_release(&board->lock);
}

/* Resets every device: all `reset` functions, then all `update` functions. */
void board_reset(Board *board);

/* Asks; what happens then is the machine's business. A board without a handler ignores it. */
void board_request(Board *board, BoardRequest what, int value);

/* Seconds and nanoseconds since 1970 the guest should see. Default: the host's UTC. */
Ns board_wall_clock(Board *board);

#endif
