/* open.c - opening an image: access, lock, and which format it is in. */
#include "core/error.h"
#include "devices/block/image/image_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Formats, most particular first. Those without `open` are known only to be refused by name rather
 * than taken for raw disks and destroyed. */
static const struct {
    const char *name;
    const char *magic;
    uint16_t magic_at, magic_size;
    ImageOpen *open;
} formats[] = {
    {"qcow2", "QFI\xfb", 0, 4, NULL},
    {"vmdk", "KDMV", 0, 4, NULL},
    {"vmdk", "# Disk DescriptorFile", 0, 21, NULL},
    {"vdi", "\x7f\x10\xda\xbe", 64, 4, NULL},
    {"vhd", "conectix", 0, 8, NULL},
    {"vhdx", "vhdxfile", 0, 8, NULL},
    {"qed", "QED\0", 0, 4, NULL},
    {"raw", "", 0, 0, raw_open},
};

enum { HEAD_SIZE = 128 };

static bool file_fails(const char *path, int error, GError **err)
{
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(error));
    return false;
}

/* --- the file --- */

/* Opens with the access asked for, and tells which access it became. */
static int open_with_access(const char *path, ImageAccess wanted, BlockAccess *access)
{
    int fd = -1;

    *access = BLOCK_READWRITE;
    if (wanted != IMAGE_READONLY) {
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 || wanted == IMAGE_READWRITE ||
            (errno != EACCES && errno != EROFS && errno != EPERM))
            return fd;
    }
    *access = BLOCK_READONLY;
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* One writer, or any number of readers. Locks of the open file, not of the process: two drives of
 * one machine exclude each other too. File systems without locks are used without. */
static bool lock_image(const char *path, int fd, BlockAccess access, GError **err)
{
    struct flock lock = {
        .l_type = access == BLOCK_READWRITE ? F_WRLCK : F_RDLCK,
        .l_whence = SEEK_SET,
    };

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
        return true;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: in use by another drive or program", path);
    return false;
}

static bool file_size(const char *path, int fd, uint64_t *size, GError **err)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) < 0)
        return file_fails(path, errno, err);
    if (S_ISDIR(st.st_mode))
        return file_fails(path, EISDIR, err);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: neither a file nor a block device",
                    path);
        return false;
    }
    end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return file_fails(path, errno, err);
    *size = end;
    return true;
}

/* --- the format --- */

static bool format_matches(unsigned n, const uint8_t *head, size_t size)
{
    size_t at = formats[n].magic_at, length = formats[n].magic_size;

    return at + length <= size && memcmp(head + at, formats[n].magic, length) == 0;
}

static int format_by_content(const char *path, int fd, uint64_t size, GError **err)
{
    uint8_t head[HEAD_SIZE];
    size_t have = MIN(size, sizeof(head));
    int error = file_read(fd, 0, head, have);
    unsigned n = 0;

    if (error) {
        file_fails(path, error, err);
        return -1;
    }
    while (!format_matches(n, head, have)) /* raw, the last one, always does */
        n++;
    return n;
}

static int format_by_name(const char *path, const char *name, GError **err)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(formats); n++)
        if (strcmp(formats[n].name, name) == 0)
            return n;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                "%s: unknown image format \"%s\"; known is \"raw\"", path, name);
    return -1;
}

static bool open_format(Block *block, int fd, uint64_t size, int format, GError **err)
{
    if (formats[format].open)
        return formats[format].open(block, fd, size, err);
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE,
                "%s: images in %s format are not supported; convert it to raw", block->filename,
                formats[format].name);
    return false;
}

/* --- both --- */

static bool open_image(Block *block, int fd, const char *format, GError **err)
{
    uint64_t size = 0;
    int n;

    if (!file_size(block->filename, fd, &size, err) ||
        !lock_image(block->filename, fd, block->access, err))
        return false;
    n = format ? format_by_name(block->filename, format, err)
               : format_by_content(block->filename, fd, size, err);
    return n >= 0 && open_format(block, fd, size, n, err);
}

Block *block_open(const char *path, const char *format, ImageAccess access, GError **err)
{
    Block *block = block_new_empty(path);
    int fd = open_with_access(path, access, &block->access);

    block->filename = g_strdup(path);
    if (fd < 0) {
        file_fails(path, errno, err);
        block_free(block);
        return NULL;
    }
    if (!open_image(block, fd, format, err)) {
        close(fd);
        block_free(block);
        return NULL;
    }
    block->present = true;
    return block;
}
