/* raw.c - images that are the disk, byte for byte: files and block devices of the host. */
#include "core/error.h"
#include "devices/block/image/image_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

int file_read(int fd, uint64_t offset, void *buffer, size_t size)
{
    uint8_t *at = buffer;

    while (size) {
        ssize_t n = pread(fd, at, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += n;
        offset += n;
        size -= n;
    }
    return 0;
}

int file_write(int fd, uint64_t offset, const void *buffer, size_t size)
{
    const uint8_t *at = buffer;

    while (size) {
        ssize_t n = pwrite(fd, at, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += n;
        offset += n;
        size -= n;
    }
    return 0;
}

/* The image object is the file descriptor. */
static int raw_read(void *image, uint64_t offset, void *buffer, size_t size)
{
    return file_read(GPOINTER_TO_INT(image), offset, buffer, size);
}

static int raw_write(void *image, uint64_t offset, const void *buffer, size_t size)
{
    return file_write(GPOINTER_TO_INT(image), offset, buffer, size);
}

static int raw_flush(void *image)
{
    return fdatasync(GPOINTER_TO_INT(image)) == 0 ? 0 : errno;
}

static void raw_close(void *image)
{
    close(GPOINTER_TO_INT(image));
}

static const BlockOps raw_ops = {
    .format = "raw",
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .close = raw_close,
};

bool raw_open(Block *block, int fd, uint64_t size_bytes, GError **err)
{
    if (size_bytes == 0 || size_bytes % 512) {
        g_set_error(
            err, MYNA_ERROR, MYNA_ERROR_FILE,
            "%s: the size of a disk image must be a multiple of 512 bytes, this is %" PRIu64,
            block->filename, size_bytes);
        return false;
    }
    block->ops = &raw_ops;
    block->image = GINT_TO_POINTER(fd);
    block->size_bytes = size_bytes;
    return true;
}
