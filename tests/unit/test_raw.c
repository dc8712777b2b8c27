/* test_raw.c - opening images, raw access, locks, and the discardable overlay. */
#include "core/error.h"
#include "devices/block/image/image.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *make_file(const char *name, size_t size)
{
    char *path = g_build_filename(g_get_tmp_dir(), name, NULL);
    g_autofree uint8_t *bytes = g_malloc(size + 1);
    GError *err = NULL;

    for (size_t i = 0; i < size; i++)
        bytes[i] = i / 512 + 1;
    g_file_set_contents(path, (char *)bytes, size, &err);
    g_assert_no_error(err);
    return path;
}

static char *temporary(size_t size)
{
    g_autofree char *name = g_strdup_printf("myna-test-raw-%d-%u.img", getpid(), g_random_int());

    return make_file(name, size);
}

static void remove_file(char *path)
{
    g_unlink(path);
    g_free(path);
}

static void note_error(void *opaque, int error)
{
    *(int *)opaque = error;
}

static int read_at(Block *b, uint64_t offset, void *buffer, size_t size)
{
    int error = -1;

    block_read(b, offset, buffer, size, note_error, &error);
    return error;
}

static int write_at(Block *b, uint64_t offset, const void *buffer, size_t size)
{
    int error = -1;

    block_write(b, offset, buffer, size, note_error, &error);
    return error;
}

static Block *must_open(const char *path, ImageAccess access)
{
    GError *err = NULL;
    Block *b = block_open(path, "raw", access, &err);

    g_assert_no_error(err);
    return b;
}

/* Opening fails, and the one line says this about the path. */
static void refuse(const char *path, const char *format, ImageAccess access, const char *text)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *message = g_strdup_printf("%s: %s", path, text);

    g_assert_null(block_open(path, format, access, &err));
    g_assert_nonnull(err);
    g_assert_cmpstr(err->message, ==, message);
}

static void test_read_write(void)
{
    char *path = temporary(8192);
    Block *b = must_open(path, IMAGE_READWRITE);
    uint8_t buffer[1024];

    g_assert_cmpuint(b->size_bytes, ==, 8192);
    g_assert_true(b->present);
    g_assert_cmpint(read_at(b, 512, buffer, 1024), ==, 0);
    g_assert_cmpuint(buffer[0], ==, 2);
    g_assert_cmpuint(buffer[1023], ==, 3);
    memset(buffer, 0xab, sizeof(buffer));
    g_assert_cmpint(write_at(b, 7680, buffer, 512), ==, 0);
    g_assert_cmpint(write_at(b, 7680, buffer, 1024), ==, EINVAL);
    g_assert_cmpint(read_at(b, UINT64_MAX - 100, buffer, 512), ==, EINVAL);
    block_free(b);
    b = must_open(path, IMAGE_READONLY);
    g_assert_cmpint(read_at(b, 7680, buffer, 512), ==, 0);
    g_assert_cmphex(buffer[511], ==, 0xab);
    g_assert_cmpint(write_at(b, 0, buffer, 512), ==, EROFS);
    block_free(b);
    remove_file(path);
}

static void test_sizes(void)
{
    char *odd = temporary(1000), *empty = temporary(0), *good = temporary(1536);

    refuse(odd, "raw", IMAGE_READWRITE,
           "the size of a disk image must be a multiple of 512 bytes, this is 1000");
    refuse(odd, NULL, IMAGE_READONLY,
           "the size of a disk image must be a multiple of 512 bytes, this is 1000");
    refuse(empty, NULL, IMAGE_READONLY,
           "the size of a disk image must be a multiple of 512 bytes, this is 0");
    block_free(must_open(good, IMAGE_READONLY));
    remove_file(odd);
    remove_file(empty);
    remove_file(good);
}

static void test_files(void)
{
    char *path = temporary(512);

    refuse("/nonexistent/disk.img", NULL, IMAGE_READWRITE, "No such file or directory");
    refuse("/tmp", NULL, IMAGE_READONLY, "Is a directory");
    refuse("/dev/null", NULL, IMAGE_READONLY, "neither a file nor a block device");
    refuse(path, "qcow7", IMAGE_READONLY, "unknown image format \"qcow7\"; known is \"raw\"");
    remove_file(path);
}

/* A file that the host protects is read-only only if that was asked for. */
static void test_protected(void)
{
    char *path = temporary(512);
    g_autoptr(GError) err = NULL;

    if (geteuid() == 0) { /* nothing is protected from root */
        g_test_skip("runs as root");
    } else {
        g_chmod(path, 0444);
        refuse(path, "raw", IMAGE_READWRITE, "Permission denied");
        Block *b = must_open(path, IMAGE_READWRITE_IF_POSSIBLE);
        g_assert_cmpint(b->access, ==, BLOCK_READONLY);
        block_free(b);
    }
    remove_file(path);
}

static void test_formats(void)
{
    static const struct {
        unsigned at;
        const char *magic, *name;
    } other[] = {{0, "QFI\xfb", "qcow2"}, {0, "KDMV", "vmdk"}, {64, "\x7f\x10\xda\xbe", "vdi"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(other); i++) {
        char *path = temporary(0);
        uint8_t bytes[512] = {0};
        g_autofree char *text = g_strdup_printf(
            "images in %s format are not supported; convert it to raw", other[i].name);

        memcpy(bytes + other[i].at, other[i].magic, 4);
        g_assert_true(g_file_set_contents(path, (char *)bytes, sizeof(bytes), NULL));
        refuse(path, NULL, IMAGE_READWRITE, text);
        refuse(path, other[i].name, IMAGE_READWRITE, text);
        block_free(must_open(path, IMAGE_READWRITE)); /* raw by the user's word */
        remove_file(path);
    }
}

static void test_locks(void)
{
    char *path = temporary(512);
    Block *writer = must_open(path, IMAGE_READWRITE);

    refuse(path, "raw", IMAGE_READWRITE, "in use by another drive or program");
    refuse(path, "raw", IMAGE_READONLY, "in use by another drive or program");
    block_free(writer);
    Block *reader = must_open(path, IMAGE_READONLY), *another = must_open(path, IMAGE_READONLY);
    refuse(path, "raw", IMAGE_READWRITE, "in use by another drive or program");
    block_free(reader);
    block_free(another);
    block_free(must_open(path, IMAGE_READWRITE));
    remove_file(path);
}

static void test_snapshot(void)
{
    char *path = temporary(4096 + 512);
    Block *b = must_open(path, IMAGE_READONLY);
    g_autoptr(GError) err = NULL;
    uint8_t buffer[4608];

    g_assert_true(block_add_snapshot(b, &err));
    memset(buffer, 0xee, sizeof(buffer));
    g_assert_cmpint(write_at(b, 512, buffer, 512), ==, 0);
    g_assert_cmpint(read_at(b, 0, buffer, 4608), ==, 0);
    g_assert_cmphex(buffer[0], ==, 1);
    g_assert_cmphex(buffer[512], ==, 0xee);
    g_assert_cmphex(buffer[1023], ==, 0xee);
    g_assert_cmphex(buffer[1024], ==, 3);
    g_assert_cmphex(buffer[4096], ==, 9);
    memset(buffer, 0xdd, sizeof(buffer));
    g_assert_cmpint(write_at(b, 0, buffer, 4608), ==, 0); /* whole clusters, and the short last */
    memset(buffer, 0, sizeof(buffer));
    g_assert_cmpint(read_at(b, 0, buffer, 4608), ==, 0);
    g_assert_cmphex(buffer[0], ==, 0xdd);
    g_assert_cmphex(buffer[4607], ==, 0xdd);
    block_free(b);
    b = must_open(path, IMAGE_READONLY);
    g_assert_cmpint(read_at(b, 0, buffer, 4608), ==, 0);
    g_assert_cmphex(buffer[0], ==, 1);
    g_assert_cmphex(buffer[512], ==, 2);
    block_free(b);
    remove_file(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/raw/read-write", test_read_write);
    g_test_add_func("/raw/sizes", test_sizes);
    g_test_add_func("/raw/files", test_files);
    g_test_add_func("/raw/protected", test_protected);
    g_test_add_func("/raw/formats", test_formats);
    g_test_add_func("/raw/locks", test_locks);
    g_test_add_func("/raw/snapshot", test_snapshot);
    return g_test_run();
}
