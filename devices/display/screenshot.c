/* screenshot.c - writes a surface as a PNG file, through libpng. */
#include "devices/display/screenshot.h"
#include "core/error.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>

bool surface_write_png(const Surface *surface, const char *path, GError **err)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = surface->width,
        .height = surface->height,
        .format = PNG_FORMAT_RGB,
    };
    size_t count = (size_t)surface->width * surface->height;
    g_autofree uint8_t *rgb = g_malloc(3 * count);
    FILE *file = fopen(path, "wb");
    bool ok;

    if (!file) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        rgb[3 * i] = surface->pixels[i] >> 16;
        rgb[3 * i + 1] = surface->pixels[i] >> 8;
        rgb[3 * i + 2] = surface->pixels[i];
    }
    ok = png_image_write_to_stdio(&image, file, 0, rgb, 0, NULL);
    if (!ok)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, image.message);
    if (fclose(file) != 0 && ok) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
        ok = false;
    }
    return ok;
}
