/* block.h - what a disk controller asks of a disk image.
 *
 * Image formats implement BlockOps; controllers call the functions below. Requests may complete
 * before the call returns or later, always with the machine lock held. */
#ifndef MYNA_CORE_BLOCK_H
#define MYNA_CORE_BLOCK_H

#include "core/types.h"

typedef struct Block Block;
typedef void BlockDone(void *opaque, int error); /* 0 or a positive errno */

typedef enum BlockAccess { BLOCK_READONLY, BLOCK_READWRITE } BlockAccess;

typedef struct BlockOps {
    const char *format;
    /* All return 0 or a positive errno. offset and size lie inside the image. */
    int (*read)(void *image, uint64_t offset, void *buffer, size_t size);
    int (*write)(void *image, uint64_t offset, const void *buffer, size_t size);
    int (*flush)(void *image);
    void (*close)(void *image);
} BlockOps;

struct Block {
    const BlockOps *ops;
    void *image;
    uint64_t size_bytes; /* a multiple of 512 */
    BlockAccess access;
    char *name; /* drive id, for messages and `info block` */
    char *filename;
    bool present; /* false: an empty removable drive */
    uint64_t reads, writes, flushes, bytes_read, bytes_written;
    void (*media_changed)(void *opaque); /* set by the controller of a removable drive */
    void *media_opaque;
};

/* A drive without a medium (empty CD-ROM or floppy). */
Block *block_new_empty(const char *name);
void block_free(Block *block);

/* Out of range requests complete with EINVAL; writes to read-only images with EROFS; a missing
 * medium with ENOMEDIUM. */
void block_read(Block *block, uint64_t offset, void *buffer, size_t size, BlockDone *done,
                void *opaque);
void block_write(Block *block, uint64_t offset, const void *buffer, size_t size, BlockDone *done,
                 void *opaque);
void block_flush(Block *block, BlockDone *done, void *opaque);

#endif
