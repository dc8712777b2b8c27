/* disk.h - the first disk, moved by the bus master of the IDE controller. [PIIX3], [ATA6], [BMIDE].
 */
#pragma once
#include "types.h"

enum { SECTOR = 512 };
/* Where the bus master's registers are put, and what starts and ends a transfer. */
enum { BUS_MASTER = 0xc000, BM_STATUS = 2 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08, BM_INTERRUPT = 0x04 };

/* Makes the controller ready. Leaves the case if there is no disk. */
void require_disk(void);
/* A sector from memory. */
void disk_write(u32 sector, const void *from);
/* The first bytes of a sector, up to the whole of it, to memory; the rest is lost. Address and
 * count are even; physical, in one piece. */
void disk_read(u32 sector, void *to, u32 bytes);
/* The same in parts: all but the OUT that starts it; and what comes when BM_INTERRUPT is there. */
void disk_prepare_read(u32 sector, void *to, u32 bytes);
void disk_finish(void);
