/* vga.c - PCI VGA adapter with the Bochs display interface: ports, BARs, memory window, state.
 *
 * [VGA], [VBEDISPI]. BAR 0 is the frame buffer, BAR 2 a page of registers:
 *
 *      400-41F  ports 3C0-3DF      500-515  display interface registers, 16 bits each
 *      600-607  size of this block, byte order of the frame buffer
 *
 * The legacy ports and the window at A0000 are decoded always. */
#include "core/error.h"
#include "devices/display/vga_priv.h"

enum {
    MMIO_SIZE = 0x1000,
    MMIO_PORTS = 0x400,
    MMIO_VBE = 0x500,
    MMIO_EXTRA = 0x600,
    EXTRA_SIZE = 8,
    BAR_FRAME_BUFFER = 0,
    BAR_MMIO = 2,
};

#define ORDER_LITTLE 0x1e1e1e1eu
#define ORDER_BIG    0xbebebebeu

/* --- legacy ports --- */

#define PORTS(base)                                                                             \
    static uint64_t ports_##base##_read(void *dev, uint64_t offset, unsigned size)              \
    {                                                                                           \
        return vga_port_read(dev, 0x##base + offset);                                           \
    }                                                                                           \
    static void ports_##base##_write(void *dev, uint64_t offset, uint64_t value, unsigned size) \
    {                                                                                           \
        vga_port_write(dev, 0x##base + offset, value);                                          \
    }
PORTS(3b4)
PORTS(3ba)
PORTS(3c0)
PORTS(3d4)
PORTS(3da)

/* --- the display interface at 1CE (index) and 1CF (data; also at 1D0, for aligned accesses) --- */

static uint64_t vbe_ports_read(void *dev, uint64_t offset, unsigned size)
{
    Vga *v = dev;

    return offset == 0 ? v->vbe_index : vbe_read(v, v->vbe_index);
}

static void vbe_ports_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Vga *v = dev;

    if (offset == 0)
        v->vbe_index = value;
    else
        vbe_write(v, v->vbe_index, value);
}

/* --- the register page --- */

static uint64_t extra_read(Vga *v, unsigned offset)
{
    uint64_t block = EXTRA_SIZE | (uint64_t)(v->big_endian ? ORDER_BIG : ORDER_LITTLE) << 32;

    return block >> 8 * offset;
}

static void extra_write(Vga *v, unsigned offset, uint64_t value, unsigned size)
{
    if (offset != 4 || size != 4)
        return;
    if (value == ORDER_LITTLE)
        v->big_endian = false;
    else if (value == ORDER_BIG)
        v->big_endian = true;
}

static uint64_t mmio_read(void *dev, uint64_t offset, unsigned size)
{
    Vga *v = dev;
    uint64_t value = 0;

    if (offset >= MMIO_EXTRA && offset < MMIO_EXTRA + EXTRA_SIZE)
        return extra_read(v, offset - MMIO_EXTRA);
    if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * (VBE_COUNT + 1))
        return vbe_read(v, (offset - MMIO_VBE) / 2) >> 8 * (offset & 1);
    if (offset < MMIO_PORTS || offset >= MMIO_PORTS + 0x20)
        return 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)vga_port_read(v, 0x3c0 + (offset - MMIO_PORTS) + i) << 8 * i;
    return value;
}

static void mmio_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Vga *v = dev;

    if (offset >= MMIO_EXTRA && offset < MMIO_EXTRA + EXTRA_SIZE) {
        extra_write(v, offset - MMIO_EXTRA, value, size);
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_COUNT) {
        if (size >= 2 && offset % 2 == 0)
            vbe_write(v, (offset - MMIO_VBE) / 2, value);
    } else if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        for (unsigned i = 0; i < size; i++)
            vga_port_write(v, 0x3c0 + (offset - MMIO_PORTS) + i, value >> 8 * i);
    }
}

/* --- the device --- */

enum { IO_MMIO = 0 };

/* A BAR's size is a power of two; what the image does not fill is zero. */
static bool make_rom(Vga *v, GError **err)
{
    size_t size = g_bytes_get_size(v->rom), rounded = 2 * KIB;
    g_autofree uint8_t *image = NULL;

    if (size == 0 || size > 256 * KIB) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "VGA: a VGA BIOS of %zu bytes", size);
        return false;
    }
    while (rounded < size)
        rounded *= 2;
    image = g_malloc0(rounded);
    memcpy(image, g_bytes_get_data(v->rom, NULL), size);
    if (!mem_init_rom(&v->rom_region, "vga.rom", image, rounded, err))
        return false;
    pci_set_rom(&v->pci, &v->rom_region);
    return true;
}

static void make_window(Vga *v)
{
    MemRegion *bus = pci_bus_memory(v->pci.bus);

    address_space_hold(&v->pci.dev.board->memory);
    mem_init_io(&v->window, "vga-window", WINDOW_SIZE, &vga_window_ops, v);
    mem_init_alias(&v->direct, "vga-chain4", &v->vram, 0, BANK_SIZE);
    mem_set_enabled(&v->direct, false);
    mem_add(bus, WINDOW_BASE, &v->window, 1);
    mem_add(bus, WINDOW_BASE, &v->direct, 2);
    address_space_release(&v->pci.dev.board->memory);
}

static bool vga_realize(void *dev, GError **err)
{
    Vga *v = dev;

    if (v->vgamem_mb < 1 || v->vgamem_mb > 256 || (v->vgamem_mb & (v->vgamem_mb - 1))) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "VGA: vgamem_mb=%u: must be a power of two from 1 to 256", v->vgamem_mb);
        return false;
    }
    if (!mem_init_ram(&v->vram, "vga.vram", v->vgamem_mb * MIB, err))
        return false;
    if (v->rom && !make_rom(v, err)) {
        mem_fini(&v->vram);
        return false;
    }
    pci_set_bar(&v->pci, BAR_FRAME_BUFFER, &v->vram, false, true);
    pci_set_bar(&v->pci, BAR_MMIO, device_region(v, IO_MMIO), false, false);
    make_window(v);
    v->line = g_new0(uint32_t, LINE_DOTS_MAX);
    v->display = (DisplaySource){"vga", v, vga_render, vga_text};
    board_add_display(v->pci.dev.board, &v->display);
    return true;
}

static void vga_unrealize(void *dev)
{
    Vga *v = dev;

    g_ptr_array_remove(v->pci.dev.board->displays, &v->display);
    mem_fini(&v->direct);
    mem_fini(&v->window);
    if (v->rom)
        mem_fini(&v->rom_region);
    mem_fini(&v->vram);
    g_free(v->line);
    g_free(v->cells);
    g_free(v->surface.pixels);
}

static void vga_reset(void *dev)
{
    Vga *v = dev;

    vga_registers_reset(v);
    vbe_reset(v);
}

static void vga_update(void *dev)
{
    Vga *v = dev;
    uint32_t offset;
    bool direct = vga_window_is_direct(v, &offset);

    address_space_hold(&v->pci.dev.board->memory);
    if (direct)
        mem_set_alias_offset(&v->direct, offset);
    mem_set_enabled(&v->direct, direct);
    address_space_release(&v->pci.dev.board->memory);
}

static bool vga_loaded(void *dev, GError **err)
{
    Vga *v = dev;

    if (v->seq_index >= SEQ_COUNT || v->gc_index >= GC_COUNT || v->dac_component >= 3 ||
        v->vbe[VBE_BANK] >= v->vram.size / BANK_SIZE) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE, "VGA: an index register is out of range");
        return false;
    }
    vbe_legalize(v);
    return true;
}

static const Property vga_props[] = {
    PROP_U(Vga, vgamem_mb, 16, "video memory in MiB"),
    PROP_L(Vga, rom, "the VGA BIOS"),
    PROPS_END,
};

static const IoRange vga_io[] = {
    [IO_MMIO] = {"vga-mmio", IO_UNMAPPED, 0, MMIO_SIZE, 1, 4, mmio_read, mmio_write},
    {"vga-3b4", IO_PORTS, 0x3b4, 2, 1, 1, ports_3b4_read, ports_3b4_write},
    {"vga-3ba", IO_PORTS, 0x3ba, 1, 1, 1, ports_3ba_read, ports_3ba_write},
    {"vga-3c0", IO_PORTS, 0x3c0, 16, 1, 1, ports_3c0_read, ports_3c0_write},
    {"vga-3d4", IO_PORTS, 0x3d4, 2, 1, 1, ports_3d4_read, ports_3d4_write},
    {"vga-3da", IO_PORTS, 0x3da, 1, 1, 1, ports_3da_read, ports_3da_write},
    {"vbe", IO_PORTS, 0x1ce, 4, 1, 2, vbe_ports_read, vbe_ports_write},
    {0},
};

static const StateField vga_state[] = {
    STATE(Vga, seq_index),
    STATE_ARRAY(Vga, seq),
    STATE(Vga, gc_index),
    STATE_ARRAY(Vga, gc),
    STATE(Vga, crtc_index),
    STATE_ARRAY(Vga, crtc),
    STATE(Vga, attr_index),
    STATE_ARRAY(Vga, attr),
    STATE(Vga, attr_data),
    STATE(Vga, misc),
    STATE(Vga, feature),
    STATE_BYTES(Vga, dac),
    STATE(Vga, dac_mask),
    STATE(Vga, dac_read_index),
    STATE(Vga, dac_write_index),
    STATE(Vga, dac_component),
    STATE(Vga, dac_reading),
    STATE_BYTES(Vga, dac_latch),
    STATE(Vga, latch),
    STATE(Vga, vbe_index),
    STATE_ARRAY(Vga, vbe),
    STATE(Vga, big_endian),
    STATE_END,
};

static const PciClass vga_pci = {
    .vendor = 0x1234,
    .device = 0x1111,
    .revision = 2,
    .class_code = 0x0300,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
};

const DeviceClass vga_class = {
    .name = "VGA",
    .desc = "VGA display adapter",
    .size = sizeof(Vga),
    .props = vga_props,
    .io = vga_io,
    .state = vga_state,
    .pci = &vga_pci,
    .realize = vga_realize,
    .unrealize = vga_unrealize,
    .reset = vga_reset,
    .update = vga_update,
    .loaded = vga_loaded,
};
