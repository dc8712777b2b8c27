/* memdisk.h - a disk image in memory, whose requests a test can make fail. */
#ifndef MYNA_TESTS_SUPPORT_MEMDISK_H
#define MYNA_TESTS_SUPPORT_MEMDISK_H

#include "core/block.h"

typedef struct MemDisk {
    uint8_t *bytes;
    int fail; /* errno that requests end with; 0 = none */
} MemDisk;

/* A writable disk, every sector filled with its number (low byte first, then repeated). */
Block *memdisk_new(uint64_t size_bytes);
MemDisk *memdisk_of(Block *block);

#endif
