/* display.c - the board's list of display adapters. */
#include "core/display.h"

void board_add_display(Board *board, DisplaySource *source)
{
    g_ptr_array_add(board->displays, source);
}
