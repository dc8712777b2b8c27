/* snapshot.c - a temporary overlay (-snapshot): the image below is read, never written.
 *
 * The overlay is a sparse file without a name, as large as the image, and one bit a cluster: set
 * when the cluster's content is in the overlay. */
#include "core/error.h"
#include "devices/block/image/image_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CLUSTER = 4096 };

typedef struct Snapshot {
    const BlockOps *base_ops;
    void *base;
    uint64_t size_bytes;
    int fd;
    uint8_t *present; /* one bit a cluster */
} Snapshot;

static bool cluster_present(const Snapshot *s, uint64_t cluster)
{
    return s->present[cluster / 8] >> cluster % 8 & 1;
}

/* The part of [offset, offset + size) that lies in one cluster. */
static size_t piece_size(uint64_t offset, size_t size)
{
    return MIN(size, CLUSTER - offset % CLUSTER);
}

static int snapshot_read(void *image, uint64_t offset, void *buffer, size_t size)
{
    Snapshot *s = image;
    uint8_t *at = buffer;
    int error = 0;

    while (size && !error) {
        size_t piece = piece_size(offset, size);

        if (cluster_present(s, offset / CLUSTER))
            error = file_read(s->fd, offset, at, piece);
        else
            error = s->base_ops->read(s->base, offset, at, piece);
        at += piece;
        offset += piece;
        size -= piece;
    }
    return error;
}

/* Brings a cluster into the overlay before a part of it is overwritten. */
static int copy_up(Snapshot *s, uint64_t cluster)
{
    uint8_t buffer[CLUSTER];
    uint64_t offset = cluster * CLUSTER;
    size_t size = MIN(CLUSTER, s->size_bytes - offset);
    int error = s->base_ops->read(s->base, offset, buffer, size);

    return error ? error : file_write(s->fd, offset, buffer, size);
}

static int snapshot_write(void *image, uint64_t offset, const void *buffer, size_t size)
{
    Snapshot *s = image;
    const uint8_t *at = buffer;

    while (size) {
        uint64_t cluster = offset / CLUSTER;
        size_t piece = piece_size(offset, size);
        int error = 0;

        if (piece < CLUSTER && !cluster_present(s, cluster))
            error = copy_up(s, cluster);
        if (!error)
            error = file_write(s->fd, offset, at, piece);
        if (error)
            return error;
        s->present[cluster / 8] |= 1 << cluster % 8;
        at += piece;
        offset += piece;
        size -= piece;
    }
    return 0;
}

static int snapshot_flush(void *image)
{
    return 0; /* nobody will read the overlay after us */
}

static void snapshot_close(void *image)
{
    Snapshot *s = image;

    if (s->base_ops->close)
        s->base_ops->close(s->base);
    close(s->fd);
    g_free(s->present);
    g_free(s);
}

static const BlockOps snapshot_ops = {
    .format = "snapshot",
    .read = snapshot_read,
    .write = snapshot_write,
    .flush = snapshot_flush,
    .close = snapshot_close,
};

/* A file that has no name from the start where the host can do that, else at once. */
static int temporary_file(void)
{
    const char *dir = g_getenv("TMPDIR") ? g_getenv("TMPDIR") : "/var/tmp";
    g_autofree char *name = NULL;
    int fd = -1;

#ifdef O_TMPFILE
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
    if (fd >= 0)
        return fd;
    name = g_build_filename(dir, "myna-snapshot-XXXXXX", NULL);
    fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlink(name);
    return fd;
}

bool block_add_snapshot(Block *block, GError **err)
{
    uint64_t clusters = (block->size_bytes + CLUSTER - 1) / CLUSTER;
    uint8_t *present = g_try_malloc0(clusters / 8 + 1);
    int fd = present ? temporary_file() : -1;
    Snapshot *s;

    if (fd < 0 || ftruncate(fd, (off_t)block->size_bytes) < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: no temporary file for -snapshot: %s",
                    block->filename, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        g_free(present);
        return false;
    }
    s = g_new(Snapshot, 1);
    *s = (Snapshot){block->ops, block->image, block->size_bytes, fd, present};
    block->ops = &snapshot_ops;
    block->image = s;
    block->access = BLOCK_READWRITE;
    return true;
}
