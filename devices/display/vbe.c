/* vbe.c - the Bochs display interface: modes of any size and depth in a linear frame buffer.
 *
 * [VBEDISPI] An index and a data register of 16 bits. Setting the enable bit sets the mode that the
 * other registers describe, made legal first. The VGA registers follow, as software that looks at
 * them expects. */
#include "devices/display/vga_priv.h"

enum { ID0 = 0xb0c0, ID5 = 0xb0c5, MAX_XRES = 16000, MAX_YRES = 12000, MAX_BPP = 32 };

bool vbe_is_on(const Vga *v)
{
    return v->vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* Bits of memory a pixel takes. */
static unsigned pixel_bits(const Vga *v)
{
    return v->vbe[VBE_BPP] == 15 ? 16 : v->vbe[VBE_BPP];
}

uint32_t vbe_line_bytes(const Vga *v)
{
    return v->vbe[VBE_VIRTUAL_WIDTH] * pixel_bits(v) / 8;
}

uint64_t vbe_start_byte(const Vga *v)
{
    return (uint64_t)v->vbe[VBE_Y_OFFSET] * vbe_line_bytes(v) +
           v->vbe[VBE_X_OFFSET] * pixel_bits(v) / 8;
}

static void legalize_depth(Vga *v)
{
    static const uint8_t depths[] = {4, 8, 15, 16, 24, 32};

    for (unsigned i = 0; i < sizeof(depths); i++)
        if (v->vbe[VBE_BPP] == depths[i])
            return;
    v->vbe[VBE_BPP] = 8;
}

void vbe_legalize(Vga *v)
{
    uint16_t *r = v->vbe;
    uint64_t size;

    if (!vbe_is_on(v))
        return;
    legalize_depth(v);
    r[VBE_XRES] = CLAMP(r[VBE_XRES] & ~7, 8, MAX_XRES);
    r[VBE_VIRTUAL_WIDTH] = CLAMP(r[VBE_VIRTUAL_WIDTH] & ~7, r[VBE_XRES], MAX_XRES);
    r[VBE_VIRTUAL_HEIGHT] = MIN(v->vram.size / vbe_line_bytes(v), UINT16_MAX);
    r[VBE_YRES] = CLAMP(r[VBE_YRES], 1, MIN(MAX_YRES, r[VBE_VIRTUAL_HEIGHT]));
    size = (uint64_t)r[VBE_YRES] * vbe_line_bytes(v);
    if (vbe_start_byte(v) + size > v->vram.size)
        r[VBE_Y_OFFSET] = 0;
    if (vbe_start_byte(v) + size > v->vram.size)
        r[VBE_X_OFFSET] = 0;
}

/* CRT controller, sequencer and graphics controller as a VGA BIOS would set them for the mode. */
static void set_vga_registers(Vga *v)
{
    unsigned height = v->vbe[VBE_YRES] - 1;
    uint8_t *crtc = v->crtc;

    crtc[CRTC_OFFSET] = vbe_line_bytes(v) >> 3;
    crtc[CRTC_H_DISPLAY_END] = (v->vbe[VBE_XRES] >> 3) - 1;
    crtc[CRTC_V_DISPLAY_END] = height;
    crtc[CRTC_OVERFLOW] &= ~0x42;
    crtc[CRTC_OVERFLOW] |= 0x10 | bit_get(height, 8) << 1 | bit_get(height, 9) << 6;
    crtc[CRTC_LINE_COMPARE] = 0xff;
    crtc[CRTC_MAX_SCAN] = (crtc[CRTC_MAX_SCAN] & ~0x9f) | 0x40; /* each line once */
    crtc[CRTC_MODE] |= CRTC_MODE_NOT_CGA | CRTC_MODE_NOT_HERCULES;
    v->gc[GC_MISC] = (v->gc[GC_MISC] & ~0x0c) | 0x04 | GC_MISC_GRAPHICS; /* A0000, 64 KiB */
    v->gc[GC_MODE] &= ~0x60;
    if (v->vbe[VBE_BPP] == 4) {
        v->seq[SEQ_CLOCKING] &= ~CLOCKING_HALF;
    } else {
        v->gc[GC_MODE] |= 0x40;
        v->seq[SEQ_MEMORY_MODE] |= MEMORY_MODE_CHAIN4;
        v->seq[SEQ_MAP_MASK] |= 0x0f;
    }
}

static void set_mode(Vga *v, uint16_t enable)
{
    v->vbe[VBE_VIRTUAL_WIDTH] = v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
    v->vbe[VBE_ENABLE] |= VBE_ENABLED;
    vbe_legalize(v);
    set_vga_registers(v);
    if (enable & VBE_KEEP_MEMORY)
        return;
    size_t size = (size_t)v->vbe[VBE_YRES] * vbe_line_bytes(v);
    memset(v->vram.host, 0, size);
    if (size)
        address_space_ram_written(&v->pci.dev.board->memory, &v->vram, 0, size);
}

static void enable_write(Vga *v, uint16_t value)
{
    bool was_on = vbe_is_on(v);

    v->vbe[VBE_ENABLE] = value;
    if (!(value & VBE_ENABLED))
        v->vbe[VBE_BANK] = 0;
    else if (!was_on)
        set_mode(v, value);
}

static void bank_write(Vga *v, uint16_t value)
{
    unsigned banks = v->vram.size / BANK_SIZE;

    /* A bank of 64 KiB addresses is 256 KiB of memory when they are plane addresses. */
    if (v->vbe[VBE_BPP] == 4)
        banks /= 4;
    v->vbe[VBE_BANK] = value % banks;
}

uint16_t vbe_read(Vga *v, unsigned index)
{
    if (v->vbe[VBE_ENABLE] & VBE_GET_CAPABILITIES) {
        switch (index) {
        case VBE_XRES:
            return MAX_XRES;
        case VBE_YRES:
            return MAX_YRES;
        case VBE_BPP:
            return MAX_BPP;
        }
    }
    if (index == VBE_MEMORY_64K)
        return v->vram.size / BANK_SIZE;
    return index < VBE_COUNT ? v->vbe[index] : 0;
}

void vbe_write(Vga *v, unsigned index, uint16_t value)
{
    switch (index) {
    case VBE_ID: /* software asks for an old version of the interface by writing it */
        if (value >= ID0 && value <= ID5)
            v->vbe[VBE_ID] = value;
        break;
    case VBE_ENABLE:
        enable_write(v, value);
        break;
    case VBE_BANK:
        bank_write(v, value);
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRTUAL_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        v->vbe[index] = value;
        vbe_legalize(v);
        if (vbe_is_on(v))
            set_vga_registers(v);
        break;
    }
}

void vbe_reset(Vga *v)
{
    memset(v->vbe, 0, sizeof(v->vbe));
    v->vbe[VBE_ID] = ID5;
    v->vbe_index = 0;
    v->big_endian = false;
}
