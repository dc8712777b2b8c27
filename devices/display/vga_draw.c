/* vga_draw.c - from video memory to pixels.
 *
 * [VGA] "CRT Controller", "Attribute Controller". The picture is made as the hardware makes it,
 * scan line by scan line: the CRT controller's address and row scan counters say which doublewords
 * are fetched, one a character clock, and the graphics controller's shift mode what they become:
 *
 *      planar      8 dots, one bit from each plane
 *      CGA         8 dots, two bits each from planes 0 and 1, two more from planes 2 and 3
 *      256 colour  4 dots twice as wide, one byte from each plane
 *
 * Linear modes (vbe.c) take pixels straight from the frame buffer. Borders are left out. */
#include "devices/display/vga_priv.h"

enum { DEFAULT_WIDTH = 640, DEFAULT_HEIGHT = 480 };

/* --- colours --- */

static uint32_t dac_color(const Vga *v, uint8_t index)
{
    const uint8_t *c = v->dac[index & v->dac_mask];
    uint32_t rgb = 0;

    for (unsigned i = 0; i < 3; i++) {
        uint8_t level = c[i];

        if (!(v->vbe[VBE_ENABLE] & VBE_8BIT_DAC))
            level = (level & 0x3f) << 2 | (level >> 4 & 3);
        rgb = rgb << 8 | level;
    }
    return rgb;
}

/* [VGA] "Color Select Register": the palette gives 6 or 4 bits of the DAC's index. */
static uint8_t palette_index(const Vga *v, unsigned attribute)
{
    uint8_t select = v->attr[ATTR_COLOR_SELECT], index = v->attr[attribute & 0xf];

    if (v->attr[ATTR_MODE] & ATTR_MODE_PALETTE_BITS)
        index = (index & 0x0f) | (select & 0x03) << 4;
    return index | (select & 0x0c) << 4;
}

static void update_colors(Vga *v)
{
    for (unsigned i = 0; i < 256; i++)
        v->colors[i] = dac_color(v, i);
    for (unsigned i = 0; i < 16; i++)
        v->attr_colors[i] = v->colors[palette_index(v, i)];
}

/* --- graphics lines: `count` doublewords from CRT address `address`, 8 dots each --- */

static void draw_planar_line(const Vga *v, uint32_t *out, unsigned count, unsigned address)
{
    unsigned enabled = v->attr[ATTR_PLANE_ENABLE] & 0xf;

    for (unsigned i = 0; i < count; i++) {
        uint32_t planes = vga_doubleword(v, (address + i) & 0xffff);

        for (unsigned bit = 8; bit-- > 0;) {
            unsigned dot = (planes >> bit & 1) | (planes >> (bit + 7) & 2) |
                           (planes >> (bit + 14) & 4) | (planes >> (bit + 21) & 8);
            *out++ = v->attr_colors[dot & enabled];
        }
    }
}

static void draw_cga_line(const Vga *v, uint32_t *out, unsigned count, unsigned address)
{
    unsigned enabled = v->attr[ATTR_PLANE_ENABLE] & 0xf;

    for (unsigned i = 0; i < count; i++) {
        uint32_t planes = vga_doubleword(v, (address + i) & 0xffff);

        for (unsigned dot = 0; dot < 8; dot++) {
            unsigned low = (dot & 4) * 2 + 6 - 2 * (dot & 3); /* of plane 0 or 1 */
            unsigned color = (planes >> low & 3) | (planes >> (low + 16) & 3) << 2;
            *out++ = v->attr_colors[color & enabled];
        }
    }
}

static void draw_256_line(const Vga *v, uint32_t *out, unsigned count, unsigned address)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t pixels = vga_doubleword(v, (address + i) & 0xffff);

        for (unsigned n = 0; n < 4; n++, pixels >>= 8) {
            *out++ = v->colors[pixels & 0xff];
            *out++ = v->colors[pixels & 0xff];
        }
    }
}

typedef void DrawLine(const Vga *v, uint32_t *out, unsigned count, unsigned address);

/* By the shift mode, bits 6:5 of the graphics controller's mode register. */
static DrawLine *const shift_modes[4] = {
    draw_planar_line,
    draw_cga_line,
    draw_256_line,
    draw_256_line,
};

static DrawLine *graphics_line(const Vga *v)
{
    return shift_modes[v->gc[GC_MODE] >> 5 & 3];
}

/* --- the CRT controller's counters --- */

/* [VGA] "CRT Mode Control": in modes that imitate older adapters the lowest bits of the row scan
 * counter are address bits 13 and 14; where those are in a doubleword's number depends on how many
 * bytes an address counts. */
static unsigned crt_address(const Vga *v, unsigned counter, unsigned row_scan)
{
    uint8_t mode = v->crtc[CRTC_MODE];
    unsigned shift = v->crtc[CRTC_UNDERLINE] & UNDERLINE_DOUBLEWORD ? 2
                     : mode & CRTC_MODE_BYTE                        ? 0
                                                                    : 1;

    if (!(mode & CRTC_MODE_NOT_CGA))
        counter = (counter & ~(1u << (13 - shift))) | (row_scan & 1) << (13 - shift);
    if (!(mode & CRTC_MODE_NOT_HERCULES))
        counter = (counter & ~(1u << (14 - shift))) | (row_scan >> 1 & 1) << (14 - shift);
    return counter;
}

typedef struct Scan {
    unsigned counter, row_scan;
    bool second; /* of a line that is shown twice */
} Scan;

static void scan_next(const Vga *v, Scan *s)
{
    uint8_t max_scan = v->crtc[CRTC_MAX_SCAN];

    if ((max_scan & MAX_SCAN_DOUBLE) && !s->second) {
        s->second = true;
        return;
    }
    s->second = false;
    if (s->row_scan == (max_scan & 0x1f)) {
        s->row_scan = 0;
        s->counter += 2 * v->crtc[CRTC_OFFSET];
    } else {
        s->row_scan = (s->row_scan + 1) & 0x1f;
    }
}

/* Dots by which the picture is shifted to the left. [VGA] "Horizontal PEL Panning". */
static unsigned panning(const Vga *v)
{
    unsigned n = v->attr[ATTR_PANNING] & 0xf;

    if (vga_is_text(v) && vga_text_dots(v) == 9)
        return n >= 8 ? 0 : n + 1;
    return graphics_line(v) == draw_256_line && !vga_is_text(v) ? n & 6 : n & 7;
}

/* --- surfaces --- */

static void resize_surface(Vga *v, unsigned width, unsigned height)
{
    size_t pixels = (size_t)width * height;

    if (pixels > v->surface_pixels || pixels < v->surface_pixels / 4) {
        v->surface.pixels = g_renew(uint32_t, v->surface.pixels, pixels);
        v->surface_pixels = pixels;
    }
    v->surface.width = width;
    v->surface.height = height;
}

static void double_dots(uint32_t *line, unsigned dots)
{
    for (unsigned i = dots; i-- > 0;)
        line[2 * i] = line[2 * i + 1] = line[i];
}

static void draw_crt(Vga *v)
{
    bool text = vga_is_text(v), half = v->seq[SEQ_CLOCKING] & CLOCKING_HALF;
    unsigned characters = v->crtc[CRTC_H_DISPLAY_END] + 1, lines = vga_displayed_lines(v);
    unsigned dots = text ? vga_text_dots(v) : 8, stretch = half ? 2 : 1;
    unsigned width = characters * dots * stretch, pan = panning(v) * stretch;
    Scan s = {vga_start_address(v), v->crtc[CRTC_PRESET_ROW] & 0x1f, false};

    resize_surface(v, width, lines);
    for (unsigned y = 0; y < lines; y++) {
        if (text)
            vga_draw_text_line(v, v->line, characters + 1, s.counter, s.row_scan);
        else
            graphics_line(v)(v, v->line, characters + 1, crt_address(v, s.counter, s.row_scan));
        if (half)
            double_dots(v->line, (characters + 1) * dots);
        memcpy(v->surface.pixels + (size_t)y * width, v->line + pan, width * sizeof(uint32_t));
        scan_next(v, &s);
        if (y == vga_line_compare(v)) { /* the lower part of a split screen */
            s = (Scan){0, 0, false};
            if (v->attr[ATTR_MODE] & ATTR_MODE_PANNING_COMPAT)
                pan = 0;
        }
    }
}

/* --- linear modes --- */

static uint32_t rgb_from_555(uint16_t p)
{
    uint32_t r = p >> 10 & 0x1f, g = p >> 5 & 0x1f, b = p & 0x1f;

    return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static uint32_t rgb_from_565(uint16_t p)
{
    uint32_t r = p >> 11 & 0x1f, g = p >> 5 & 0x3f, b = p & 0x1f;

    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static uint16_t pixel16(const Vga *v, const uint8_t *at)
{
    uint16_t p = load_le16(at);

    return v->big_endian ? GUINT16_SWAP_LE_BE(p) : p;
}

static uint32_t pixel32(const Vga *v, const uint8_t *at)
{
    uint32_t p = load_le32(at);

    return (v->big_endian ? GUINT32_SWAP_LE_BE(p) : p) & 0xffffff;
}

static void draw_linear_line(const Vga *v, uint32_t *out, const uint8_t *in, unsigned width)
{
    switch (v->vbe[VBE_BPP]) {
    case 8:
        for (unsigned x = 0; x < width; x++)
            out[x] = v->colors[in[x]];
        break;
    case 15:
        for (unsigned x = 0; x < width; x++)
            out[x] = rgb_from_555(pixel16(v, in + 2 * x));
        break;
    case 16:
        for (unsigned x = 0; x < width; x++)
            out[x] = rgb_from_565(pixel16(v, in + 2 * x));
        break;
    case 24:
        for (unsigned x = 0; x < width; x++)
            out[x] = in[3 * x] | in[3 * x + 1] << 8 | in[3 * x + 2] << 16;
        break;
    case 32:
        for (unsigned x = 0; x < width; x++)
            out[x] = pixel32(v, in + 4 * x);
        break;
    }
}

/* Four bits a pixel are in the planes, as in the VGA's own modes. */
static void draw_linear_planar(const Vga *v, uint32_t *out, uint64_t start, unsigned width)
{
    unsigned enabled = v->attr[ATTR_PLANE_ENABLE] & 0xf;

    for (unsigned x = 0; x < width; x++) {
        uint32_t planes = vga_doubleword(v, start / 4 + x / 8);
        unsigned dot = 0;

        for (unsigned p = 0; p < 4; p++)
            dot |= bit_get(planes, 8 * p + 7 - x % 8) << p;
        out[x] = v->attr_colors[dot & enabled];
    }
}

static void draw_vbe(Vga *v)
{
    unsigned width = v->vbe[VBE_XRES], height = v->vbe[VBE_YRES];
    uint64_t start = vbe_start_byte(v);

    resize_surface(v, width, height);
    for (unsigned y = 0; y < height; y++, start += vbe_line_bytes(v)) {
        uint32_t *out = v->surface.pixels + (size_t)y * width;

        if (v->vbe[VBE_BPP] == 4)
            draw_linear_planar(v, out, start, width);
        else
            draw_linear_line(v, out, v->vram.host + start, width);
    }
}

/* --- the screen --- */

bool vga_is_blank(const Vga *v)
{
    return !(v->attr_index & ATTR_INDEX_DISPLAY) || (v->seq[SEQ_CLOCKING] & CLOCKING_SCREEN_OFF);
}

bool vga_is_text(const Vga *v)
{
    return !(v->gc[GC_MISC] & GC_MISC_GRAPHICS);
}

static void draw_blank(Vga *v)
{
    if (!v->surface.pixels)
        resize_surface(v, DEFAULT_WIDTH, DEFAULT_HEIGHT);
    memset(v->surface.pixels, 0, (size_t)v->surface.width * v->surface.height * sizeof(uint32_t));
}

const Surface *vga_render(void *vga)
{
    Vga *v = vga;

    update_colors(v);
    if (vga_is_blank(v))
        draw_blank(v);
    else if (vbe_is_on(v))
        draw_vbe(v);
    else
        draw_crt(v);
    return &v->surface;
}
