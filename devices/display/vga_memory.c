/* vga_memory.c - the memory window A0000-BFFFF: planes, latches, read and write modes.
 *
 * [VGA] "Graphics Controller", "Sequencer". A plane address and a set of planes follow from the CPU
 * address; then the write mode makes four bytes, one a plane, of the CPU's byte and the latches:
 *
 *      mode 0: rotate, set/reset per plane, logical function with the latches, bit mask
 *      mode 1: the latches
 *      mode 2: bit p of the byte fills plane p, logical function, bit mask
 *      mode 3: set/reset, logical function; the rotated byte and the bit mask are the mask
 *
 * Chain-4 memory is written as it is: its planes are the low address bits. */
#include "devices/display/vga_priv.h"

/* --- addresses --- */

/* The part of the window that is decoded. [VGA] "Miscellaneous Register", memory map. */
static const struct {
    uint32_t base, size;
} maps[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};

/* From an offset in the window to one in the mapped part, with the bank; false: not decoded. */
static bool window_offset(const Vga *v, uint32_t *offset)
{
    unsigned map = v->gc[GC_MISC] >> 2 & 3;

    if (*offset < maps[map].base || *offset - maps[map].base >= maps[map].size)
        return false;
    *offset -= maps[map].base;
    if (map == 1)
        *offset += v->vbe[VBE_BANK] * (uint32_t)BANK_SIZE;
    return true;
}

static bool is_chain4(const Vga *v)
{
    return v->seq[SEQ_MEMORY_MODE] & MEMORY_MODE_CHAIN4;
}

bool vga_window_is_direct(const Vga *v, uint32_t *offset)
{
    unsigned map = v->gc[GC_MISC] >> 2 & 3;

    *offset = v->vbe[VBE_BANK] * (uint32_t)BANK_SIZE;
    return is_chain4(v) && map == 1 && (v->seq[SEQ_MAP_MASK] & 0xf) == 0xf &&
           *offset + BANK_SIZE <= v->vram.size;
}

static uint8_t *plane_bytes(const Vga *v, uint32_t address)
{
    return v->vram.host + ((uint64_t)address * 4 & (v->vram.size - 1));
}

/* --- reading --- */

/* Read mode 1: bit n is set where the four planes' bits n equal the colour compared with. */
static uint8_t compare_colors(const Vga *v)
{
    uint8_t differ = 0;

    for (unsigned p = 0; p < 4; p++) {
        uint8_t plane = v->latch >> 8 * p;
        uint8_t wanted = bit_get(v->gc[GC_COLOR_COMPARE], p) ? 0xff : 0;

        if (bit_get(v->gc[GC_COLOR_DONT_CARE], p))
            differ |= plane ^ wanted;
    }
    return ~differ;
}

uint8_t vga_memory_read(Vga *v, uint32_t offset)
{
    unsigned plane = v->gc[GC_READ_MAP] & 3;

    if (!window_offset(v, &offset))
        return 0xff;
    if (is_chain4(v))
        return v->vram.host[offset & (v->vram.size - 1)];
    if (v->gc[GC_MODE] & GC_MODE_ODD_EVEN) {
        plane = (plane & 2) | (offset & 1);
        offset >>= 1;
    }
    v->latch = load_le32(plane_bytes(v, offset));
    if (v->gc[GC_MODE] & GC_MODE_READ_COMPARE)
        return compare_colors(v);
    return v->latch >> 8 * plane;
}

/* --- writing --- */

static uint8_t rotate(const Vga *v, uint8_t value)
{
    unsigned n = v->gc[GC_ROTATE] & 7;

    return (uint8_t)(value >> n | value << (8 - n));
}

/* The same byte in each plane. */
static uint32_t replicate(uint8_t value)
{
    return value * 0x01010101u;
}

/* FF in each plane whose bit is set. */
static uint32_t expand(unsigned planes)
{
    uint32_t mask = 0;

    for (unsigned p = 0; p < 4; p++)
        if (bit_get(planes, p))
            mask |= 0xffu << 8 * p;
    return mask;
}

static uint32_t logical_function(const Vga *v, uint32_t data)
{
    switch (v->gc[GC_ROTATE] >> 3 & 3) {
    case 1:
        return data & v->latch;
    case 2:
        return data | v->latch;
    case 3:
        return data ^ v->latch;
    default:
        return data;
    }
}

static uint32_t apply_mask(const Vga *v, uint32_t data, uint8_t mask)
{
    uint32_t bits = replicate(mask);

    return (data & bits) | (v->latch & ~bits);
}

static uint32_t write_mode_data(const Vga *v, uint8_t value)
{
    uint8_t bit_mask = v->gc[GC_BIT_MASK];
    uint32_t set_reset = expand(v->gc[GC_SET_RESET]);
    uint32_t enable = expand(v->gc[GC_ENABLE_SET_RESET]);
    uint32_t data;

    switch (v->gc[GC_MODE] & 3) {
    case 0:
        data = (replicate(rotate(v, value)) & ~enable) | (set_reset & enable);
        return apply_mask(v, logical_function(v, data), bit_mask);
    case 1:
        return v->latch;
    case 2:
        return apply_mask(v, logical_function(v, expand(value)), bit_mask);
    default:
        return apply_mask(v, logical_function(v, set_reset), rotate(v, value) & bit_mask);
    }
}

/* The frame buffer's BAR shows the same memory, and code may be executed there. */
static void memory_written(Vga *v, uint64_t at, unsigned size)
{
    address_space_ram_written(&v->pci.dev.board->memory, &v->vram, at, size);
}

void vga_memory_write(Vga *v, uint32_t offset, uint8_t value)
{
    unsigned planes = v->seq[SEQ_MAP_MASK] & 0xf;

    if (!window_offset(v, &offset))
        return;
    if (is_chain4(v)) {
        uint64_t at = offset & (v->vram.size - 1);
        if (!bit_get(planes, offset & 3))
            return;
        v->vram.host[at] = value;
        memory_written(v, at, 1);
        return;
    }
    if (!(v->seq[SEQ_MEMORY_MODE] & MEMORY_MODE_SEQUENTIAL)) {
        planes &= offset & 1 ? 0xa : 0x5;
        offset >>= 1;
    }
    uint8_t *at = plane_bytes(v, offset);
    uint32_t mask = expand(planes);
    store_le32(at, (load_le32(at) & ~mask) | (write_mode_data(v, value) & mask));
    memory_written(v, at - v->vram.host, 4);
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    return vga_memory_read(opaque, offset);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    vga_memory_write(opaque, offset, value);
}

const MemOps vga_window_ops = {window_read, window_write, 1, 1};
