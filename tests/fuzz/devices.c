/* devices.c - what a guest and the world outside do to a board's devices, without a CPU. */
#include "tests/fuzz/devices.h"

#include "core/display.h"
#include "core/error.h"
#include "core/input.h"
#include "tests/fuzz/code.h"

static unsigned any_size(Input *in)
{
    return 1u << input_below(in, 4);
}

/* Where the region is seen, if nothing hides it. */
static uint64_t address_of(const MemRegion *r, const MemRegion **root)
{
    uint64_t at = 0;
    for (; r->parent; r = r->parent)
        at += r->addr;
    *root = r;
    return at;
}

/* A register of one device. */
static void access_register(Input *in, FuzzBoard *b)
{
    GPtrArray *devices = b->board->devices;
    Device *dev = g_ptr_array_index(devices, input_below(in, devices->len));
    if (!dev->region_count)
        return;
    const MemRegion *r = device_region(dev, input_below(in, dev->region_count)), *root;
    uint64_t at = address_of(r, &root), offset = input_number(in) % r->size;
    AddressSpace *as = root == &b->board->port_root ? &b->board->ports : &b->board->memory;
    unsigned size = any_size(in);
    if (input_one_in(in, 3))
        address_space_load(as, at + offset, size);
    else
        address_space_store(as, at + offset, input_number(in), size);
}

static void access_port(Input *in, FuzzBoard *b)
{
    uint16_t port = code_port(in);
    unsigned size = 1u << input_below(in, 3);
    if (input_one_in(in, 3))
        address_space_load(&b->board->ports, port, size);
    else
        address_space_store(&b->board->ports, port, input_number(in), size);
}

static void access_memory(Input *in, FuzzBoard *b)
{
    uint64_t at = input_one_in(in, 8) ? input_number(in) : input_code_address(in);
    unsigned size = any_size(in);
    if (input_one_in(in, 3))
        address_space_load(&b->board->memory, at, size);
    else
        address_space_store(&b->board->memory, at, input_number(in), size);
}

static void access_config(Input *in, FuzzBoard *b)
{
    static const uint8_t functions[] = {0, 1 << 3, 1 << 3 | 1, 1 << 3 | 3, 2 << 3};
    unsigned size = 1u << input_below(in, 3);
    unsigned offset = input_byte(in) & ~(size - 1);
    pci_config_write(pc_pci(b->pc), INPUT_CHOOSE(in, functions), offset, input_number(in), size);
}

/* Work for bus masters: scatter-gather entries and DMA descriptors, in either byte order. */
static void write_descriptors(Input *in, FuzzBoard *b)
{
    uint64_t at = input_code_address(in) & ~(uint64_t)3;
    for (unsigned n = 1 + input_below(in, 4); n > 0; n--, at += 8) {
        uint32_t count = input_one_in(in, 2) ? input_bits(in, 2) : 1u << input_below(in, 17);
        uint32_t last = input_one_in(in, 3) ? 0x80000000 : 0;
        address_space_store(&b->board->memory, at, input_code_address(in), 4);
        address_space_store(&b->board->memory, at + 4, count | last, 4);
    }
}

/* The firmware configuration's DMA, whose descriptor and registers are big-endian. */
static void configuration_dma(Input *in, FuzzBoard *b)
{
    static const uint8_t controls[] = {2, 4, 8, 10, 12, 16, 24, 26};
    uint64_t at = input_code_address(in) & ~(uint64_t)7;
    uint32_t control = input_below(in, 0x40) << 16 | INPUT_CHOOSE(in, controls);
    uint32_t length = input_one_in(in, 16) ? input_number(in) : input_below(in, 0x400);
    address_space_store(&b->board->memory, at, GUINT32_SWAP_LE_BE(control), 4);
    address_space_store(&b->board->memory, at + 4, GUINT32_SWAP_LE_BE(length), 4);
    address_space_store(&b->board->memory, at + 8,
                        GUINT64_SWAP_LE_BE((uint64_t)input_code_address(in)), 8);
    address_space_store(&b->board->ports, 0x514, 0, 4);
    address_space_store(&b->board->ports, 0x518, GUINT32_SWAP_LE_BE((uint32_t)at), 4);
}

/* An ATA or ATAPI command on either channel with its parameters, and some of its data. */
static void disk_command(Input *in, FuzzBoard *b)
{
    uint16_t base = input_one_in(in, 2) ? 0x1f0 : 0x170;
    AddressSpace *ports = &b->board->ports;
    for (unsigned reg = 1; reg < 7; reg++)
        address_space_store(ports, base + reg, input_number(in), 1);
    address_space_store(ports, base + 6, 0xa0 | (input_byte(in) & 0x5f), 1);
    static const uint8_t commands[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xa0, 0xa1,
                                       0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe7, 0xec, 0xef, 0x90};
    address_space_store(ports, base + 7,
                        input_one_in(in, 4) ? input_byte(in) : INPUT_CHOOSE(in, commands), 1);
    for (unsigned n = input_below(in, 64); n > 0; n--)
        if (input_one_in(in, 2))
            address_space_store(ports, base, input_number(in), 2);
        else
            address_space_load(ports, base, 2);
    if (input_one_in(in, 2)) { /* bus master: table, then start */
        uint16_t master = FUZZ_BARS_PORTS + (base == 0x170 ? 8 : 0);
        address_space_store(ports, master + 4, input_code_address(in), 4);
        address_space_store(ports, master, 1 | (input_byte(in) & 8), 1);
    }
}

/* A whole command of the floppy controller, with its DMA channel. */
static void floppy_command(Input *in, FuzzBoard *b)
{
    static const uint8_t commands[] = {0xe6, 0x46, 0xc5, 0x45, 0x4d, 0x07, 0x0f, 0x08,
                                       0x03, 0x4a, 0x13, 0x0e, 0x10, 0x94, 0x51, 0x59};
    AddressSpace *ports = &b->board->ports;
    address_space_store(ports, 0x3f2, 0x1c | input_below(in, 4), 1);
    address_space_store(ports, 0x04, input_number(in), 1);
    address_space_store(ports, 0x05, input_number(in), 1);
    address_space_store(ports, 0x81, input_number(in), 1);
    address_space_store(ports, 0x0b, 0x42 | (input_byte(in) & 0xfc), 1);
    address_space_store(ports, 0x0a, 2, 1);
    address_space_store(ports, 0x3f5, INPUT_CHOOSE(in, commands), 1);
    for (unsigned n = input_below(in, 10); n > 0; n--)
        address_space_store(ports, 0x3f5, input_one_in(in, 2) ? input_below(in, 4) : input_byte(in),
                            1);
    for (unsigned n = input_below(in, 10); n > 0; n--)
        address_space_load(ports, 0x3f5, 1);
}

static void outside(Input *in, FuzzBoard *b)
{
    static const uint8_t text[] = "hostile";
    switch (input_below(in, 4)) {
    case 0:
        board_send_key(b->board, input_below(in, KEY_COUNT), input_one_in(in, 2));
        break;
    case 1:
        board_send_pointer(b->board, (int8_t)input_byte(in), input_number(in),
                           (int8_t)input_byte(in), input_byte(in) & 7);
        break;
    case 2: {
        GPtrArray *chardevs = pc_chardevs(b->pc);
        chardev_deliver(chardevs->pdata[input_below(in, chardevs->len)], text, sizeof(text));
        break;
    }
    default:
        pc_press_power_button(b->pc);
    }
}

/* What a person at the screen sees. */
static void look(Input *in, FuzzBoard *b)
{
    DisplaySource *display = g_ptr_array_index(b->board->displays, 0);
    TextScreen screen;
    const Surface *surface = display->render(display->opaque);
    uint32_t sum = 0;
    for (size_t i = 0; i < (size_t)surface->width * surface->height; i += 97)
        sum += surface->pixels[i];
    if (display->text(display->opaque, &screen))
        for (unsigned i = 0; i < screen.columns * screen.rows; i++)
            sum += screen.cells[i];
    address_space_store(&b->board->memory, 0x500, sum, 4);
}

void devices_act(Input *in, FuzzBoard *b)
{
    static void (*const acts[])(Input * in, FuzzBoard * b) = {
        access_register, access_register, access_register, access_port,       access_port,
        access_port,     access_memory,   access_memory,   access_config,     write_descriptors,
        disk_command,    floppy_command,  outside,         configuration_dma,
    };
    board_lock(b->board);
    if (input_one_in(in, 128))
        look(in, b);
    else
        INPUT_CHOOSE(in, acts)(in, b);
    board_unlock(b->board);
    if (input_one_in(in, 4))
        fuzz_board_wait(b, input_one_in(in, 8) ? 50 * NS_PER_MS : input_bits(in, 2));
}

/* --- saved state ------------------------------------------------------------------------------ */

GByteArray *devices_save(FuzzBoard *b)
{
    GByteArray *out = g_byte_array_new();
    for (unsigned i = 0; i < b->board->devices->len; i++)
        device_save(g_ptr_array_index(b->board->devices, i), out);
    return out;
}

bool devices_load(FuzzBoard *b, const uint8_t *bytes, size_t size, GError **err)
{
    StateReader in = {bytes, bytes + size};
    GPtrArray *devices = b->board->devices;
    board_lock(b->board);
    bool ok = true;
    for (unsigned i = 0; ok && i < devices->len; i++) {
        Device *dev = g_ptr_array_index(devices, i);
        ok = device_load(dev, dev->klass->version, &in, err);
    }
    for (unsigned i = 0; ok && i < devices->len; i++)
        device_update(g_ptr_array_index(devices, i));
    board_unlock(b->board);
    return ok;
}
