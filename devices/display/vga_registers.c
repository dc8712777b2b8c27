/* vga_registers.c - the VGA's I/O registers. [VGA] "VGA Registers".
 *
 * Undefined register bits read as zero where real adapters have none. The input status derives the
 * beam's place from the clock and the CRT controller's totals. */
#include "devices/display/vga_priv.h"

/* --- CRT controller values that are spread over registers --- */

/* A 10-bit vertical value: low byte, and bits 8 and 9 somewhere in the overflow register. */
static unsigned vertical(const Vga *v, unsigned low, unsigned bit8, unsigned bit9)
{
    uint8_t overflow = v->crtc[CRTC_OVERFLOW];

    return v->crtc[low] | bit_get(overflow, bit8) << 8 | bit_get(overflow, bit9) << 9;
}

unsigned vga_displayed_lines(const Vga *v)
{
    return vertical(v, CRTC_V_DISPLAY_END, 1, 6) + 1;
}

unsigned vga_line_compare(const Vga *v)
{
    return v->crtc[CRTC_LINE_COMPARE] | bit_get(v->crtc[CRTC_OVERFLOW], 4) << 8 |
           bit_get(v->crtc[CRTC_MAX_SCAN], 6) << 9;
}

unsigned vga_start_address(const Vga *v)
{
    return v->crtc[CRTC_START_HIGH] << 8 | v->crtc[CRTC_START_LOW];
}

/* --- input status 1: where the beam is --- */

typedef struct Beam {
    Ns line, visible;                      /* duration of a scan line, and of its visible part */
    unsigned total, displayed;             /* lines */
    unsigned retrace_start, retrace_lines; /* vertical */
} Beam;

/* What registers that describe no picture are taken for: 640x480 at 60 Hz. */
static const Beam default_beam = {31778, 25422, 525, 480, 490, 2};

static Beam beam_from_crtc(const Vga *v)
{
    unsigned dots = v->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS ? 8 : 9;
    Ns hz = (v->misc >> 2 & 3) == 1 ? 28322000 : 25175000;
    Beam b;
    Ns frame;

    if (v->seq[SEQ_CLOCKING] & CLOCKING_HALF)
        hz /= 2;
    b.line = (v->crtc[CRTC_H_TOTAL] + 5) * dots * NS_PER_SEC / hz;
    b.visible = (v->crtc[CRTC_H_DISPLAY_END] + 1) * dots * NS_PER_SEC / hz;
    b.total = vertical(v, CRTC_V_TOTAL, 0, 5) + 2;
    b.displayed = vga_displayed_lines(v);
    b.retrace_start = vertical(v, CRTC_V_RETRACE_START, 2, 7);
    b.retrace_lines = (v->crtc[CRTC_V_RETRACE_END] - b.retrace_start) & 0xf;
    frame = b.line * b.total;
    if (frame < 5 * NS_PER_MS || frame > 50 * NS_PER_MS || b.visible >= b.line ||
        b.retrace_start >= b.total || b.displayed >= b.total)
        return default_beam;
    return b;
}

static uint8_t input_status_1(const Vga *v)
{
    enum { DISPLAY_DISABLED = 0x01, VERTICAL_RETRACE = 0x08 };
    Beam b = beam_from_crtc(v);
    Ns t = clock_now(v->pci.dev.board->clock) % (b.line * b.total);
    unsigned y = t / b.line;
    uint8_t status = 0;

    if (y >= b.displayed || t % b.line >= b.visible)
        status |= DISPLAY_DISABLED;
    if (y >= b.retrace_start && y - b.retrace_start < b.retrace_lines)
        status |= VERTICAL_RETRACE;
    return status;
}

/* --- attribute controller: one port for index and data --- */

static const uint8_t attr_masks[] = {
    [0 ... 15] = 0x3f,          [ATTR_MODE] = 0xef,    [ATTR_OVERSCAN] = 0xff,
    [ATTR_PLANE_ENABLE] = 0x3f, [ATTR_PANNING] = 0x0f, [ATTR_COLOR_SELECT] = 0x0f,
};

static void attribute_write(Vga *v, uint8_t value)
{
    unsigned n = v->attr_index & 0x1f;

    if (!v->attr_data)
        v->attr_index = value & 0x3f;
    else if (n < ATTR_COUNT)
        v->attr[n] = value & attr_masks[n];
    v->attr_data = !v->attr_data;
}

static uint8_t attribute_read(const Vga *v)
{
    unsigned n = v->attr_index & 0x1f;

    return n < ATTR_COUNT ? v->attr[n] : 0;
}

/* --- DAC: three accesses a colour --- */

static uint8_t dac_width_mask(const Vga *v)
{
    return v->vbe[VBE_ENABLE] & VBE_8BIT_DAC ? 0xff : 0x3f;
}

static uint8_t dac_data_read(Vga *v)
{
    uint8_t value = v->dac[v->dac_read_index][v->dac_component];

    if (++v->dac_component == 3) {
        v->dac_component = 0;
        v->dac_read_index++;
    }
    return value;
}

static void dac_data_write(Vga *v, uint8_t value)
{
    v->dac_latch[v->dac_component] = value & dac_width_mask(v);
    if (++v->dac_component == 3) {
        memcpy(v->dac[v->dac_write_index], v->dac_latch, 3);
        v->dac_component = 0;
        v->dac_write_index++;
    }
}

static void dac_set_index(Vga *v, uint8_t index, bool reading)
{
    *(reading ? &v->dac_read_index : &v->dac_write_index) = index;
    v->dac_reading = reading;
    v->dac_component = 0;
}

/* --- CRT controller --- */

static void crtc_write(Vga *v, uint8_t value)
{
    enum { PROTECT = 0x80, LINE_COMPARE_8 = 0x10 };
    unsigned n = v->crtc_index;

    /* [VGA] "Vertical Retrace End": bit 7 protects registers 0-7, except the line compare bit. */
    if (n <= CRTC_OVERFLOW && (v->crtc[CRTC_V_RETRACE_END] & PROTECT)) {
        if (n != CRTC_OVERFLOW)
            return;
        value = (v->crtc[n] & ~LINE_COMPARE_8) | (value & LINE_COMPARE_8);
    }
    if (n <= CRTC_LINE_COMPARE)
        v->crtc[n] = value;
}

/* --- sequencer and graphics controller --- */

static const uint8_t seq_masks[SEQ_COUNT] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gc_masks[GC_COUNT] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

/* --- ports --- */

/* Mono and colour adapters have their CRT controllers at different ports. */
static bool crtc_ports_match(const Vga *v, unsigned port)
{
    return (port >= 0x3d0) == !!(v->misc & MISC_COLOR);
}

static uint8_t crtc_port_read(Vga *v, unsigned port)
{
    if (!crtc_ports_match(v, port))
        return 0xff;
    switch (port & 0xf) {
    case 0x4:
        return v->crtc_index;
    case 0x5:
        return v->crtc[v->crtc_index];
    case 0xa:
        v->attr_data = false;
        return input_status_1(v);
    default:
        return 0xff;
    }
}

static void crtc_port_write(Vga *v, unsigned port, uint8_t value)
{
    if (!crtc_ports_match(v, port))
        return;
    switch (port & 0xf) {
    case 0x4:
        v->crtc_index = value;
        break;
    case 0x5:
        crtc_write(v, value);
        break;
    case 0xa:
        v->feature = value & 0x10;
        break;
    }
}

uint8_t vga_port_read(Vga *v, unsigned port)
{
    switch (port) {
    case 0x3c0:
        return v->attr_data ? 0 : v->attr_index;
    case 0x3c1:
        return attribute_read(v);
    case 0x3c2:
        return 0; /* input status 0: no monitor is sensed */
    case 0x3c3:
        return 1; /* the adapter is enabled */
    case 0x3c4:
        return v->seq_index;
    case 0x3c5:
        return v->seq[v->seq_index];
    case 0x3c6:
        return v->dac_mask;
    case 0x3c7:
        return v->dac_reading ? 3 : 0;
    case 0x3c8:
        return v->dac_write_index;
    case 0x3c9:
        return dac_data_read(v);
    case 0x3ca:
        return v->feature;
    case 0x3cc:
        return v->misc;
    case 0x3ce:
        return v->gc_index;
    case 0x3cf:
        return v->gc[v->gc_index];
    default:
        return crtc_port_read(v, port);
    }
}

void vga_port_write(Vga *v, unsigned port, uint8_t value)
{
    switch (port) {
    case 0x3c0:
        attribute_write(v, value);
        break;
    case 0x3c2:
        v->misc = value & 0xef;
        break;
    case 0x3c4:
        v->seq_index = value % SEQ_COUNT;
        break;
    case 0x3c5:
        v->seq[v->seq_index] = value & seq_masks[v->seq_index];
        break;
    case 0x3c6:
        v->dac_mask = value;
        break;
    case 0x3c7:
        dac_set_index(v, value, true);
        break;
    case 0x3c8:
        dac_set_index(v, value, false);
        break;
    case 0x3c9:
        dac_data_write(v, value);
        break;
    case 0x3ce:
        v->gc_index = value % GC_COUNT;
        break;
    case 0x3cf:
        v->gc[v->gc_index] = value & gc_masks[v->gc_index];
        break;
    default:
        if (port < 0x3c0 || port > 0x3cf)
            crtc_port_write(v, port, value);
    }
}

void vga_registers_reset(Vga *v)
{
    v->seq_index = v->gc_index = v->crtc_index = v->attr_index = 0;
    memset(v->seq, 0, sizeof(v->seq));
    memset(v->gc, 0, sizeof(v->gc));
    memset(v->crtc, 0, sizeof(v->crtc));
    memset(v->attr, 0, sizeof(v->attr));
    memset(v->dac, 0, sizeof(v->dac));
    memset(v->dac_latch, 0, sizeof(v->dac_latch));
    v->attr_data = v->dac_reading = false;
    v->misc = v->feature = 0;
    v->dac_mask = 0xff;
    v->dac_read_index = v->dac_write_index = v->dac_component = 0;
    v->latch = 0;
}
