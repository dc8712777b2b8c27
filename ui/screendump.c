/* screendump.c - the guest's screen as a picture file. [PNG] by libpng; PPM by hand. */
#include <errno.h>
#include <stdio.h>

#include "core/display.h"
#include "core/error.h"
#include "ui/monitor_priv.h"

#ifdef HAVE_PNG
#include <png.h>
#endif

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

static bool write_ppm(FILE *file, const Surface *s)
{
    g_autofree uint8_t *row = g_new(uint8_t, s->width * 3);
    bool ok = fprintf(file, "P6\n%u %u\n255\n", s->width, s->height) > 0;
    for (unsigned y = 0; ok && y < s->height; y++) {
        row_bytes(s, y, row);
        ok = fwrite(row, 3, s->width, file) == s->width;
    }
    return ok;
}

#ifdef HAVE_PNG
static bool write_png(FILE *file, const Surface *s)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *row = g_new(uint8_t, s->width * 3);
    bool ok = false;
    if (info && !setjmp(png_jmpbuf(png))) {
        png_init_io(png, file);
        png_set_IHDR(png, info, s->width, s->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (unsigned y = 0; y < s->height; y++) {
            row_bytes(s, y, row);
            png_write_row(png, row);
        }
        png_write_end(png, info);
        ok = true;
    }
    g_free(row);
    png_destroy_write_struct(&png, &info);
    return ok;
}
#else
static bool write_png(FILE *file, const Surface *s)
{
    errno = ENOTSUP; /* built without libpng: .ppm works */
    return false;
}
#endif

bool screendump_write(Board *board, const char *path, GError **err)
{
    if (board->displays->len == 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "the machine has no display");
        return false;
    }
    DisplaySource *source = board->displays->pdata[0];
    const Surface *surface = source->render(source->opaque);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL;
    if (ok)
        ok = g_str_has_suffix(path, ".ppm") ? write_ppm(file, surface) : write_png(file, surface);
    if (file && fclose(file) != 0)
        ok = false;
    if (!ok)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
    return ok;
}
