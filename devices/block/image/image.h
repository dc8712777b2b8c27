/* image.h - opening disk images: formats, access, locks, and the discardable overlay. */
#ifndef MYNA_DEVICES_IMAGE_H
#define MYNA_DEVICES_IMAGE_H

#include "core/block.h"

typedef enum ImageAccess {
    IMAGE_READONLY,
    IMAGE_READWRITE,
    IMAGE_READWRITE_IF_POSSIBLE, /* falls back to read-only when the host forbids writing */
} ImageAccess;

/* Opens an image file or block device. format NULL: recognised by content, raw if nothing else
 * fits. Errors are one line that begins with the path. The drive's name is the path until the
 * caller sets another one. Free with block_free. */
Block *block_open(const char *path, const char *format, ImageAccess access,
                  GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* From now on writes go to a temporary file that vanishes with the drive, and the image is not
 * changed; the drive becomes writable. */
bool block_add_snapshot(Block *block, GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
