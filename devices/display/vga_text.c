/* vga_text.c - text modes: character cells, fonts, cursor.
 *
 * [VGA] "Alphanumeric Modes". Plane 0 holds character codes, plane 1 attributes, plane 2 fonts of
 * 256 characters, 32 bytes each. */
#include "devices/display/vga_priv.h"

enum { FONT_SIZE = 8192, GLYPH_SIZE = 32, ATTRIBUTE_FONT = 0x08, ATTRIBUTE_BLINK = 0x80 };

/* [VGA]: the cursor changes every 8 frames, characters every 16, of 60 a second. */
#define CURSOR_PHASE (8 * NS_PER_SEC / 60)
#define BLINK_PHASE  (16 * NS_PER_SEC / 60)

static bool phase(const Vga *v, Ns length)
{
    return clock_now(v->pci.dev.board->clock) / length % 2 == 0;
}

unsigned vga_text_dots(const Vga *v)
{
    return v->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS ? 8 : 9;
}

static unsigned cursor_address(const Vga *v)
{
    return v->crtc[CRTC_CURSOR_HIGH] << 8 | v->crtc[CRTC_CURSOR_LOW];
}

static bool cursor_on_line(const Vga *v, unsigned row_scan)
{
    uint8_t start = v->crtc[CRTC_CURSOR_START], end = v->crtc[CRTC_CURSOR_END];

    return !(start & CURSOR_OFF) && row_scan >= (start & 0x1f) && row_scan <= (end & 0x1f) &&
           phase(v, CURSOR_PHASE);
}

/* Plane 2 address of the font for attribute bit 3. [VGA] "Character Map Select": three bits each,
 * the lowest one apart from the others. */
static unsigned font_address(const Vga *v, unsigned which)
{
    uint8_t map = v->seq[SEQ_CHARACTER_MAP];
    unsigned number = which ? (map >> 1 & 6) | (map >> 5 & 1) : (map << 1 & 6) | (map >> 4 & 1);

    return number * FONT_SIZE;
}

static uint8_t glyph_line(const Vga *v, unsigned attribute, unsigned code, unsigned row_scan)
{
    unsigned font = font_address(v, attribute & ATTRIBUTE_FONT);

    return vga_doubleword(v, font + code * GLYPH_SIZE + row_scan) >> 16;
}

static bool is_underlined(const Vga *v, unsigned attribute, unsigned row_scan)
{
    return (v->attr[ATTR_MODE] & ATTR_MODE_MONO) && (attribute & 7) == 1 &&
           row_scan == (v->crtc[CRTC_UNDERLINE] & 0x1f);
}

/* The bits of a character's line, the leftmost dot highest, 9 of them. */
static unsigned character_bits(const Vga *v, unsigned code, unsigned attribute, unsigned row_scan)
{
    bool line_graphics = (v->attr[ATTR_MODE] & ATTR_MODE_LINE_GRAPHICS) && (code & 0xe0) == 0xc0;
    unsigned bits = glyph_line(v, attribute, code, row_scan);

    if (is_underlined(v, attribute, row_scan))
        return 0x1ff;
    return bits << 1 | (line_graphics ? bits & 1 : 0);
}

void vga_draw_text_line(const Vga *v, uint32_t *out, unsigned count, unsigned address,
                        unsigned row_scan)
{
    bool blinking = v->attr[ATTR_MODE] & ATTR_MODE_BLINK, visible = phase(v, BLINK_PHASE);
    bool cursor_line = cursor_on_line(v, row_scan);
    unsigned dots = vga_text_dots(v);

    for (unsigned i = 0; i < count; i++) {
        unsigned at = (address + i) & 0xffff;
        uint32_t cell = vga_doubleword(v, at);
        unsigned code = cell & 0xff, attribute = cell >> 8 & 0xff;
        unsigned bits = character_bits(v, code, attribute, row_scan);
        uint32_t ink = v->attr_colors[attribute & 0xf];
        uint32_t paper = v->attr_colors[blinking ? attribute >> 4 & 7 : attribute >> 4];

        if (blinking && (attribute & ATTRIBUTE_BLINK) && !visible)
            bits = 0;
        if (cursor_line && at == cursor_address(v))
            bits = 0x1ff;
        for (unsigned dot = 0; dot < dots; dot++)
            *out++ = bits & 0x100 >> dot ? ink : paper;
    }
}

bool vga_text(void *vga, TextScreen *screen)
{
    Vga *v = vga;
    unsigned columns = v->crtc[CRTC_H_DISPLAY_END] + 1;
    unsigned rows = vga_displayed_lines(v) / ((v->crtc[CRTC_MAX_SCAN] & 0x1f) + 1);
    unsigned start = vga_start_address(v), stride = 2 * v->crtc[CRTC_OFFSET];
    unsigned cursor = (cursor_address(v) - start) & 0xffff;

    if (vga_is_blank(v) || vbe_is_on(v) || !vga_is_text(v))
        return false;
    if (v->cell_count < (size_t)columns * rows) {
        v->cell_count = (size_t)columns * rows;
        v->cells = g_renew(uint16_t, v->cells, v->cell_count);
    }
    for (unsigned y = 0; y < rows; y++)
        for (unsigned x = 0; x < columns; x++)
            v->cells[y * columns + x] = vga_doubleword(v, (start + y * stride + x) & 0xffff);
    *screen = (TextScreen){
        .columns = columns,
        .rows = rows,
        .cells = v->cells,
        .cursor_column = stride ? cursor % stride : 0,
        .cursor_row = stride ? cursor / stride : 0,
    };
    return true;
}
