/* vga_priv.h - the VGA's registers and memory, shared by the files of the adapter.
 *
 * vga.c            the PCI function: ports, BARs, memory window, state
 * vga_registers.c  sequencer, graphics, CRT and attribute controllers, DAC, status
 * vga_memory.c     the window at A0000: planes, latches, read and write modes
 * vbe.c            the Bochs display interface: linear modes
 * vga_draw.c       from memory to pixels;  vga_text.c: character cells
 *
 * Video memory is 32 bits wide: byte 4n + p is address n of plane p. What the CPU addresses in
 * odd/even and chain-4 modes is packed, so that address n of the CRT controller is always
 * doubleword n, and chain-4 memory and the linear frame buffer are the bytes in order. */
#ifndef MYNA_DEVICES_VGA_PRIV_H
#define MYNA_DEVICES_VGA_PRIV_H

#include "core/display.h"
#include "core/pci.h"

/* Register indices. [VGA] names. */
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_CHARACTER_MAP, SEQ_MEMORY_MODE, SEQ_COUNT = 8 };
enum {
    GC_SET_RESET,
    GC_ENABLE_SET_RESET,
    GC_COLOR_COMPARE,
    GC_ROTATE,
    GC_READ_MAP,
    GC_MODE,
    GC_MISC,
    GC_COLOR_DONT_CARE,
    GC_BIT_MASK,
    GC_COUNT = 16,
};
enum {
    CRTC_H_TOTAL = 0x00,
    CRTC_H_DISPLAY_END = 0x01,
    CRTC_V_TOTAL = 0x06,
    CRTC_OVERFLOW = 0x07,
    CRTC_PRESET_ROW = 0x08,
    CRTC_MAX_SCAN = 0x09,
    CRTC_CURSOR_START = 0x0a,
    CRTC_CURSOR_END = 0x0b,
    CRTC_START_HIGH = 0x0c,
    CRTC_START_LOW = 0x0d,
    CRTC_CURSOR_HIGH = 0x0e,
    CRTC_CURSOR_LOW = 0x0f,
    CRTC_V_RETRACE_START = 0x10,
    CRTC_V_RETRACE_END = 0x11,
    CRTC_V_DISPLAY_END = 0x12,
    CRTC_OFFSET = 0x13,
    CRTC_UNDERLINE = 0x14,
    CRTC_MODE = 0x17,
    CRTC_LINE_COMPARE = 0x18,
    CRTC_COUNT = 0x100,
};
enum {
    ATTR_MODE = 0x10,
    ATTR_OVERSCAN = 0x11,
    ATTR_PLANE_ENABLE = 0x12,
    ATTR_PANNING = 0x13,
    ATTR_COLOR_SELECT = 0x14,
    ATTR_COUNT = 0x15,
};

/* Bits of them. */
enum {
    CLOCKING_8_DOTS = 0x01,
    CLOCKING_HALF = 0x08,
    CLOCKING_SCREEN_OFF = 0x20,
    MEMORY_MODE_SEQUENTIAL = 0x04, /* not odd/even */
    MEMORY_MODE_CHAIN4 = 0x08,
    GC_MODE_READ_COMPARE = 0x08,
    GC_MODE_ODD_EVEN = 0x10,
    GC_MISC_GRAPHICS = 0x01,
    CRTC_MODE_NOT_CGA = 0x01,      /* row scan bit 0 is not an address bit */
    CRTC_MODE_NOT_HERCULES = 0x02, /* nor is bit 1 */
    CRTC_MODE_BYTE = 0x40,
    UNDERLINE_DOUBLEWORD = 0x40,
    MAX_SCAN_DOUBLE = 0x80,
    CURSOR_OFF = 0x20,
    ATTR_MODE_MONO = 0x02,
    ATTR_MODE_LINE_GRAPHICS = 0x04,
    ATTR_MODE_BLINK = 0x08,
    ATTR_MODE_PANNING_COMPAT = 0x20,
    ATTR_MODE_PALETTE_BITS = 0x80, /* palette bits 5:4 come from color select */
    ATTR_INDEX_DISPLAY = 0x20,     /* palette address source: display is on */
    MISC_COLOR = 0x01,             /* CRTC at 3Dx, not 3Bx */
};

/* The Bochs display interface. */
enum {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRTUAL_WIDTH,
    VBE_VIRTUAL_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_COUNT,
    VBE_MEMORY_64K = VBE_COUNT, /* read only */

    VBE_ENABLED = 0x01,
    VBE_GET_CAPABILITIES = 0x02,
    VBE_8BIT_DAC = 0x20,
    VBE_LINEAR = 0x40,
    VBE_KEEP_MEMORY = 0x80,
};

enum { WINDOW_BASE = 0xa0000, WINDOW_SIZE = 0x20000, BANK_SIZE = 0x10000 };

typedef struct Vga {
    PciFunction pci;
    /* properties */
    uint32_t vgamem_mb;
    GBytes *rom; /* the VGA BIOS, or NULL */
    /* state */
    uint8_t seq_index, seq[SEQ_COUNT];
    uint8_t gc_index, gc[GC_COUNT];
    uint8_t crtc_index, crtc[CRTC_COUNT];
    uint8_t attr_index, attr[ATTR_COUNT];
    bool attr_data; /* the next write to 3C0 is data */
    uint8_t misc, feature;
    uint8_t dac[256][3];
    uint8_t dac_mask, dac_read_index, dac_write_index, dac_component;
    bool dac_reading;
    uint8_t dac_latch[3]; /* components of the colour being written */
    uint32_t latch;       /* one byte a plane, plane 0 lowest */
    uint16_t vbe_index, vbe[VBE_COUNT];
    bool big_endian; /* of 16- and 32-bit pixels */
    /* derived */
    MemRegion vram;
    MemRegion rom_region;
    MemRegion window; /* A0000-BFFFF through the planes */
    MemRegion direct; /* A0000: chain-4 memory as plain RAM */
    DisplaySource display;
    Surface surface;
    size_t surface_pixels; /* allocated */
    uint16_t *cells;
    size_t cell_count;        /* allocated */
    uint32_t *line;           /* dots of one scan line, before panning */
    uint32_t colors[256];     /* of the DAC, when the screen was last drawn */
    uint32_t attr_colors[16]; /* of the attribute controller's palette */
} Vga;

/* --- vga_registers.c: ports 3B0-3DF --- */
uint8_t vga_port_read(Vga *v, unsigned port);
void vga_port_write(Vga *v, unsigned port, uint8_t value);
void vga_registers_reset(Vga *v);

/* Timing and geometry out of the CRT controller. */
unsigned vga_displayed_lines(const Vga *v);
unsigned vga_line_compare(const Vga *v);
unsigned vga_start_address(const Vga *v);

/* --- vga_memory.c --- */
uint8_t vga_memory_read(Vga *v, uint32_t offset);
void vga_memory_write(Vga *v, uint32_t offset, uint8_t value);
extern const MemOps vga_window_ops;
/* The window is plain memory now: where in video memory it begins. */
bool vga_window_is_direct(const Vga *v, uint32_t *offset);

/* --- vbe.c --- */
uint16_t vbe_read(Vga *v, unsigned index);
void vbe_write(Vga *v, unsigned index, uint16_t value);
void vbe_reset(Vga *v);
/* Makes the registers mean a mode that fits into video memory. */
void vbe_legalize(Vga *v);
bool vbe_is_on(const Vga *v);
uint32_t vbe_line_bytes(const Vga *v);
uint64_t vbe_start_byte(const Vga *v);

/* --- vga_draw.c --- */
enum {
    LINE_DOTS_MAX = (256 + 1) * 9 * 2, /* one character more than shown, for panning */
};
const Surface *vga_render(void *vga);
bool vga_is_blank(const Vga *v);
bool vga_is_text(const Vga *v);

/* --- vga_text.c --- */
/* Draws `count` characters' scan line of the text row at CRT address `address`. */
void vga_draw_text_line(const Vga *v, uint32_t *out, unsigned count, unsigned address,
                        unsigned row_scan);
unsigned vga_text_dots(const Vga *v); /* 8 or 9 a character */
bool vga_text(void *vga, TextScreen *screen);

static inline uint32_t vga_doubleword(const Vga *v, uint32_t address)
{
    return load_le32(v->vram.host + ((uint64_t)address * 4 & (v->vram.size - 1)));
}

#endif
