/* block.c - the checks that every disk request passes on its way to an image. */
#include "core/block.h"

#include <errno.h>

Block *block_new_empty(const char *name)
{
    Block *block = g_new0(Block, 1);

    block->name = g_strdup(name);
    block->access = BLOCK_READONLY;
    return block;
}

void block_free(Block *block)
{
    if (!block)
        return;
    if (block->ops && block->ops->close)
        block->ops->close(block->image);
    g_free(block->name);
    g_free(block->filename);
    g_free(block);
}

/* 0, or why the image is not asked at all. */
static int check_range(const Block *block, uint64_t offset, size_t size)
{
    if (!block->present)
        return ENOMEDIUM;
    if (offset > block->size_bytes || size > block->size_bytes - offset)
        return EINVAL;
    return 0;
}

void block_read(Block *block, uint64_t offset, void *buffer, size_t size, BlockDone *done,
                void *opaque)
{
    int error = check_range(block, offset, size);

    if (!error)
        error = block->ops->read(block->image, offset, buffer, size);
    if (!error) {
        block->reads++;
        block->bytes_read += size;
    }
    done(opaque, error);
}

void block_write(Block *block, uint64_t offset, const void *buffer, size_t size, BlockDone *done,
                 void *opaque)
{
    int error = check_range(block, offset, size);

    if (!error && block->access == BLOCK_READONLY)
        error = EROFS;
    if (!error)
        error = block->ops->write(block->image, offset, buffer, size);
    if (!error) {
        block->writes++;
        block->bytes_written += size;
    }
    done(opaque, error);
}

void block_flush(Block *block, BlockDone *done, void *opaque)
{
    int error = block->present ? 0 : ENOMEDIUM;

    if (!error && block->access == BLOCK_READWRITE && block->ops->flush)
        error = block->ops->flush(block->image);
    if (!error)
        block->flushes++;
    done(opaque, error);
}
