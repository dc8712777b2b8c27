/* screendump.c - the guest's screen as a picture file: PNG, or PPM by hand. */
#include <errno.h>
#include <stdio.h>

#include "core/display.h"
#include "core/error.h"
#include "devices/display/screenshot.h"
#include "ui/monitor_priv.h"

/* One row as bytes R G B. */
static void row_bytes(const Surface *s, unsigned y, uint8_t *row)
{
    const uint32_t *pixels = s->pixels + (size_t)y * s->width;
    for (unsigned x = 0; x < s->width; x++) {
        *row++ = pixels[x] >> 16;
        *row++ = pixels[x] >> 8;
        *row++ = pixels[x];
    }
}

static bool write_rows(FILE *file, const Surface *s)
{
    g_autofree uint8_t *row = g_new(uint8_t, s->width * 3);
    bool ok = fprintf(file, "P6\n%u %u\n255\n", s->width, s->height) > 0;
    for (unsigned y = 0; ok && y < s->height; y++) {
        row_bytes(s, y, row);
        ok = fwrite(row, 3, s->width, file) == s->width;
    }
    return ok;
}

static bool write_ppm(const Surface *s, const char *path, GError **err)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && write_rows(file, s);
    if (file && fclose(file) != 0)
        ok = false;
    if (!ok)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
    return ok;
}

bool screendump_write(Board *board, const char *path, GError **err)
{
    if (board->displays->len == 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "the machine has no display");
        return false;
    }
    DisplaySource *source = board->displays->pdata[0];
    const Surface *surface = source->render(source->opaque);
    return g_str_has_suffix(path, ".ppm") ? write_ppm(surface, path, err)
                                          : surface_write_png(surface, path, err);
}
