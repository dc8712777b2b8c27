/* i8237.c - the PC's two DMA controllers with their page registers. [8237A], [PIIX3] "DMA
 * registers".
 *
 * Channels 0-3 move bytes, 5-7 words; 4 is the cascade. The second controller's address lines are
 * shifted by one, so its ports lie two apart and its addresses count words. A transfer happens at
 * once when a device asks (core/dma.h): bus timing, and with it the difference between single,
 * block and demand mode, is left out. So is memory-to-memory, which no PC wires. */
#include "devices/chipset/i8237.h"
#include "core/device.h"
#include "core/log.h"
#include "core/trace.h"

enum { CONTROLLERS = 2, CHANNELS = 4, CASCADE = 4 };

/* Registers of a controller after the eight of its channels. */
enum {
    REG_COMMAND = 8, /* read: status */
    REG_REQUEST,
    REG_MASK_ONE,
    REG_MODE,
    REG_CLEAR_POINTER,
    REG_MASTER_CLEAR, /* read: temporary */
    REG_CLEAR_MASK,
    REG_MASK_ALL,
};

enum { COMMAND_MEMORY_TO_MEMORY = 1 << 0, COMMAND_DISABLE = 1 << 2 };
enum { MODE_TYPE = 3 << 2, MODE_VERIFY = 0 << 2, MODE_WRITE = 1 << 2, MODE_READ = 2 << 2 };
enum { MODE_AUTOINIT = 1 << 4, MODE_DECREMENT = 1 << 5 };

typedef struct Channel {
    uint16_t base_address, base_count;
    uint16_t address, count; /* count is one less than what is left */
    uint8_t mode;
    bool dreq;
} Channel;

typedef struct Controller {
    Channel channel[CHANNELS];
    uint8_t command;
    uint8_t mask;
    uint8_t request;        /* software requests */
    uint8_t terminal_count; /* status bits 3-0 */
    bool high_byte;         /* the byte pointer flip-flop */
} Controller;

/* What a device attached. */
typedef struct Agent {
    IsaDmaReady *ready;
    void *opaque;
} Agent;

typedef struct I8237 {
    Device dev;
    IsaDma dma;
    /* state */
    Controller controller[CONTROLLERS];
    uint8_t pages[16]; /* ports 80h to 8Fh */
    /* derived */
    Agent agent[CONTROLLERS * CHANNELS];
} I8237;

/* Ports of the page registers of channels 0 to 7, less 80h. */
static const uint8_t page_port[CONTROLLERS * CHANNELS] = {7, 3, 1, 2, 15, 11, 9, 10};

static I8237 *of_dma(IsaDma *dma)
{
    return (I8237 *)((uint8_t *)dma - offsetof(I8237, dma));
}

IsaDma *i8237_isa_dma(void *i8237)
{
    return &((I8237 *)i8237)->dma;
}

static Channel *channel_of(I8237 *d, unsigned channel)
{
    return &d->controller[channel / CHANNELS].channel[channel % CHANNELS];
}

/* [8237A] "DMA operation": the second controller works only through the first's cascade, which the
 * firmware leaves unmasked; its own registers decide. */
static bool can_run(const I8237 *d, unsigned channel)
{
    const Controller *c = &d->controller[channel / CHANNELS];

    return channel != CASCADE && !(c->command & COMMAND_DISABLE) &&
           !(c->mask & 1 << channel % CHANNELS);
}

/* --- moving bytes ----------------------------------------------------------------------------- */

/* The 24-bit address of the channel's current unit. */
static PhysAddr channel_address(const I8237 *d, unsigned channel)
{
    const Channel *c = &d->controller[channel / CHANNELS].channel[channel % CHANNELS];
    PhysAddr page = (PhysAddr)d->pages[page_port[channel]] << 16;

    return channel < CHANNELS ? page | c->address
                              : (page & ~0x1ffffull) | (PhysAddr)c->address << 1;
}

/* One byte or word, between memory and the device's buffer, as the mode register says. */
static void move_unit(I8237 *d, unsigned channel, IsaDmaDirection direction, uint8_t *bytes,
                      unsigned size)
{
    AddressSpace *memory = &d->dev.board->memory;
    uint8_t type = channel_of(d, channel)->mode & MODE_TYPE;
    PhysAddr at = channel_address(d, channel);

    if (direction == ISA_DMA_TO_MEMORY && type == MODE_WRITE)
        address_space_write(memory, at, bytes, size);
    else if (direction == ISA_DMA_FROM_MEMORY && type == MODE_READ)
        address_space_read(memory, at, bytes, size);
    else if (direction == ISA_DMA_FROM_MEMORY)
        memset(bytes, 0xff, size);
}

/* Counts one unit; true at terminal count, after which the channel starts over or is masked. */
static bool count_unit(I8237 *d, unsigned channel)
{
    Controller *controller = &d->controller[channel / CHANNELS];
    Channel *c = channel_of(d, channel);
    uint8_t bit = 1 << channel % CHANNELS;

    c->address += c->mode & MODE_DECREMENT ? -1 : 1;
    if (c->count--)
        return false;
    controller->terminal_count |= bit;
    controller->request &= ~bit;
    if (c->mode & MODE_AUTOINIT) {
        c->address = c->base_address;
        c->count = c->base_count;
    } else {
        controller->mask |= bit;
    }
    return true;
}

static size_t dma_transfer(IsaDma *dma, unsigned channel, IsaDmaDirection direction, uint8_t *bytes,
                           size_t size, bool *terminal_count)
{
    I8237 *d = of_dma(dma);
    unsigned unit = channel < CHANNELS ? 1 : 2;
    size_t done = 0;

    g_assert(channel < CONTROLLERS * CHANNELS && size % unit == 0);
    trace_i8237_transfer(channel, (unsigned)channel_address(d, channel), (unsigned)size);
    while (done < size && can_run(d, channel) && !*terminal_count) {
        move_unit(d, channel, direction, bytes + done, unit);
        done += unit;
        *terminal_count = count_unit(d, channel);
    }
    return done;
}

/* --- requests --------------------------------------------------------------------------------- */

static void serve(I8237 *d, unsigned channel)
{
    const Agent *agent = &d->agent[channel];

    if (agent->ready && channel_of(d, channel)->dreq && can_run(d, channel))
        agent->ready(agent->opaque);
}

static void serve_all(I8237 *d, unsigned controller)
{
    for (unsigned n = 0; n < CHANNELS; n++)
        serve(d, controller * CHANNELS + n);
}

static void dma_request(IsaDma *dma, unsigned channel, int level)
{
    I8237 *d = of_dma(dma);
    bool rising = level && !channel_of(d, channel)->dreq;

    channel_of(d, channel)->dreq = level;
    if (rising)
        serve(d, channel);
}

static void dma_attach(IsaDma *dma, unsigned channel, IsaDmaReady *ready, void *opaque)
{
    g_assert(channel < CONTROLLERS * CHANNELS && channel != CASCADE);
    of_dma(dma)->agent[channel] = (Agent){ready, opaque};
}

static const IsaDmaOps dma_ops = {dma_attach, dma_request, dma_transfer};

/* --- registers -------------------------------------------------------------------------------- */

static void master_clear(Controller *c)
{
    c->command = 0;
    c->request = 0;
    c->terminal_count = 0;
    c->high_byte = false;
    c->mask = 0xf;
}

static void set_byte(uint16_t *reg, bool high, uint8_t value)
{
    *reg = high ? (*reg & 0x00ff) | value << 8 : (*reg & 0xff00) | value;
}

/* Addresses and counts: low byte first; base and current registers are written together. */
static void write_channel(Controller *c, unsigned reg, uint8_t value)
{
    Channel *channel = &c->channel[reg / 2];
    uint16_t *base = reg & 1 ? &channel->base_count : &channel->base_address;

    set_byte(base, c->high_byte, value);
    set_byte(reg & 1 ? &channel->count : &channel->address, c->high_byte, value);
    c->high_byte = !c->high_byte;
}

static uint8_t read_channel(Controller *c, unsigned reg)
{
    const Channel *channel = &c->channel[reg / 2];
    uint16_t value = reg & 1 ? channel->count : channel->address;
    bool high = c->high_byte;

    c->high_byte = !high;
    return high ? value >> 8 : value;
}

static void set_bit(uint8_t *set, unsigned n, bool on)
{
    *set = on ? *set | 1 << n : *set & ~(1 << n);
}

static void write_register(Controller *c, unsigned reg, uint8_t value)
{
    switch (reg) {
    case REG_COMMAND:
        c->command = value;
        if (value & COMMAND_MEMORY_TO_MEMORY)
            guest_error("i8237: memory-to-memory transfers are not wired on a PC");
        break;
    case REG_REQUEST:
        set_bit(&c->request, value & 3, value & 4);
        break;
    case REG_MASK_ONE:
        set_bit(&c->mask, value & 3, value & 4);
        break;
    case REG_MODE:
        c->channel[value & 3].mode = value & ~3;
        break;
    case REG_CLEAR_POINTER:
        c->high_byte = false;
        break;
    case REG_MASTER_CLEAR:
        master_clear(c);
        break;
    case REG_CLEAR_MASK:
        c->mask = 0;
        break;
    case REG_MASK_ALL:
        c->mask = value & 0xf;
        break;
    default:
        write_channel(c, reg, value);
    }
}

static uint8_t read_status(Controller *c)
{
    uint8_t status = c->terminal_count;

    for (unsigned n = 0; n < CHANNELS; n++)
        if (c->channel[n].dreq || c->request & 1 << n)
            status |= 0x10 << n;
    c->terminal_count = 0;
    return status;
}

static uint8_t read_register(Controller *c, unsigned reg)
{
    if (reg == REG_COMMAND)
        return read_status(c);
    if (reg == REG_MASK_ALL)
        return c->mask | 0xf0;
    return reg < REG_COMMAND ? read_channel(c, reg) : 0;
}

static uint64_t low_read(void *dev, uint64_t offset, unsigned size)
{
    return read_register(&((I8237 *)dev)->controller[0], offset);
}

static void low_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8237 *d = dev;

    write_register(&d->controller[0], offset, value);
    serve_all(d, 0);
}

static uint64_t high_read(void *dev, uint64_t offset, unsigned size)
{
    return read_register(&((I8237 *)dev)->controller[1], offset / 2);
}

static void high_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8237 *d = dev;

    write_register(&d->controller[1], offset / 2, value);
    serve_all(d, 1);
}

/* All sixteen can be read and written; those of no channel are scratch, and 80h shows POST codes.
 */
static uint64_t page_read(void *dev, uint64_t offset, unsigned size)
{
    return ((I8237 *)dev)->pages[offset];
}

static void page_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == 0)
        trace_post_code((unsigned)value);
    ((I8237 *)dev)->pages[offset] = value;
}

/* --- the class -------------------------------------------------------------------------------- */

static bool i8237_realize(void *dev, GError **err)
{
    ((I8237 *)dev)->dma.ops = &dma_ops;
    return true;
}

/* DREQ is the devices' to lower. */
static void i8237_reset(void *dev)
{
    I8237 *d = dev;

    for (unsigned n = 0; n < CONTROLLERS; n++)
        master_clear(&d->controller[n]);
}

static const IoRange io[] = {
    {"dma1", IO_PORTS, 0x00, 16, 1, 1, low_read, low_write},
    {"dma-page", IO_PORTS, 0x80, 16, 1, 1, page_read, page_write},
    {"dma2", IO_PORTS, 0xc0, 32, 1, 1, high_read, high_write},
    {0},
};

static const StateField channel_state[] = {
    STATE(Channel, base_address),
    STATE(Channel, base_count),
    STATE(Channel, address),
    STATE(Channel, count),
    STATE(Channel, mode),
    STATE(Channel, dreq),
    STATE_END,
};

static const StateField controller_state[] = {
    STATE_STRUCTS(Controller, channel, channel_state),
    STATE(Controller, command),
    STATE(Controller, mask),
    STATE(Controller, request),
    STATE(Controller, terminal_count),
    STATE(Controller, high_byte),
    STATE_END,
};

static const StateField state[] = {
    STATE_STRUCTS(I8237, controller, controller_state),
    STATE_ARRAY(I8237, pages),
    STATE_END,
};

const DeviceClass i8237_class = {
    .name = "i8237",
    .desc = "DMA controllers and page registers",
    .size = sizeof(I8237),
    .io = io,
    .state = state,
    .realize = i8237_realize,
    .reset = i8237_reset,
};
