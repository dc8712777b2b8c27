/* display.h - what a display adapter shows to user interfaces. */
#ifndef MYNA_CORE_DISPLAY_H
#define MYNA_CORE_DISPLAY_H

#include "core/board.h"

/* 32-bit pixels 0x00RRGGBB, row major, `width` pixels a row. */
typedef struct Surface {
    unsigned width, height;
    uint32_t *pixels;
} Surface;

/* A text screen's cells, for terminals and tests: character code page 437, attribute byte. */
typedef struct TextScreen {
    unsigned columns, rows;
    const uint16_t *cells; /* attribute << 8 | character */
    unsigned cursor_column, cursor_row;
} TextScreen;

struct DisplaySource {
    const char *name;
    void *opaque;
    /* Draws the present screen; the surface belongs to the adapter and lives until the next call.
     */
    const Surface *(*render)(void *opaque);
    /* The present text screen, or false in graphics modes. */
    bool (*text)(void *opaque, TextScreen *screen);
};

void board_add_display(Board *board, DisplaySource *source);

#endif
