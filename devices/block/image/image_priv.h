/* image_priv.h - what an image format provides. */
#ifndef MYNA_DEVICES_IMAGE_PRIV_H
#define MYNA_DEVICES_IMAGE_PRIV_H

#include "devices/block/image/image.h"

/* Takes fd, an open and locked file of size_bytes, into block->ops, ->image and ->size_bytes. On
 * failure fd stays the caller's. */
typedef bool ImageOpen(Block *block, int fd, uint64_t size_bytes, GError **err);

bool raw_open(Block *block, int fd, uint64_t size_bytes, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Whole reads and writes at an offset: 0 or a positive errno; EIO beyond the end of the file. */
int file_read(int fd, uint64_t offset, void *buffer, size_t size);
int file_write(int fd, uint64_t offset, const void *buffer, size_t size);

#endif
