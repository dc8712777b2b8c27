/* memdisk.c - a disk image in memory. */
#include "tests/support/memdisk.h"

static int memdisk_read(void *image, uint64_t offset, void *buffer, size_t size)
{
    MemDisk *m = image;

    memcpy(buffer, m->bytes + offset, size);
    return m->fail;
}

static int memdisk_write(void *image, uint64_t offset, const void *buffer, size_t size)
{
    MemDisk *m = image;

    if (!m->fail)
        memcpy(m->bytes + offset, buffer, size);
    return m->fail;
}

static int memdisk_flush(void *image)
{
    return ((MemDisk *)image)->fail;
}

static void memdisk_close(void *image)
{
    MemDisk *m = image;

    g_free(m->bytes);
    g_free(m);
}

static const BlockOps memdisk_ops = {"memory", memdisk_read, memdisk_write, memdisk_flush,
                                     memdisk_close};

Block *memdisk_new(uint64_t size_bytes)
{
    Block *block = block_new_empty("memory");
    MemDisk *m = g_new0(MemDisk, 1);

    m->bytes = g_malloc(size_bytes);
    for (uint64_t at = 0; at < size_bytes; at += 2)
        store_le16(m->bytes + at, at / 512);
    block->ops = &memdisk_ops;
    block->image = m;
    block->size_bytes = size_bytes;
    block->access = BLOCK_READWRITE;
    block->present = true;
    return block;
}

MemDisk *memdisk_of(Block *block)
{
    return block->image;
}
