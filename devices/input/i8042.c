/* i8042.c - keyboard controller with an auxiliary port, as on the PS/2 and every PC since.
 * [I8042] and [PS2HW] "Keyboard and Auxiliary Device Controller".
 *
 * A byte that a device sends shows in the output buffer a little after the one before was read, as
 * over the real serial wire: a handler that reads the port twice, or chains to the BIOS's, sees the
 * same byte twice instead of losing the next. The controller's own replies come at once. */
#include "core/device.h"
#include "core/log.h"
#include "core/ps2.h"

enum { WIRE_DELAY_US = 250 };

enum {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08, /* the last write was to port 64h */
    STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20, /* the byte in the output buffer is from the auxiliary device */

    /* The command byte, RAM address 0. */
    CCB_KBD_INTERRUPT = 0x01,
    CCB_AUX_INTERRUPT = 0x02,
    CCB_SYSTEM = 0x04,
    CCB_KBD_DISABLED = 0x10,
    CCB_AUX_DISABLED = 0x20,
    CCB_TRANSLATE = 0x40,

    OUTPUT_NOT_RESET = 0x01,
    OUTPUT_A20 = 0x02,
    OUTPUT_KBD_FULL = 0x10,
    OUTPUT_AUX_FULL = 0x20,
    OUTPUT_AT_RESET = 0xcf, /* clocks and data high, A20 on, not in reset */

    INPUT_PORT = 0x80, /* keyboard not locked */
};

/* Who put the byte into the output buffer. */
typedef enum Source { FROM_CONTROLLER, FROM_KBD, FROM_AUX } Source;

typedef struct I8042 {
    Device dev;

    PS2Link *kbd, *aux;

    uint8_t status;  /* STATUS_SYSTEM and STATUS_COMMAND only */
    uint8_t ram[32]; /* [0] = command byte */
    uint8_t output_port;
    uint8_t command; /* that waits for its argument on port 60h; 0 = none */
    uint8_t data;    /* the output buffer */
    bool full;
    uint8_t source;
    uint8_t reply; /* of the controller, while the output buffer is full */
    bool reply_waits;
    bool break_prefix; /* translation: F0 has come */
    Ns wire_free;      /* when the next byte from a device can be here */

    IrqLine kbd_irq[1], aux_irq[1];
    IrqLine a20[1];
} I8042;

/* Scan code set 2 to set 1; what is above stays itself. [PS2HW] "Scan code translation". */
static const uint8_t set1_of_set2[0x85] = {
    /* clang-format off */
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
    0x80, 0x81, 0x82, 0x41, 0x54,
    /* clang-format on */
};

static bool link_ready(const PS2Link *link)
{
    return link && link->ready && link->ready(link->device);
}

static bool kbd_ready(const I8042 *k)
{
    return !(k->ram[0] & CCB_KBD_DISABLED) && link_ready(k->kbd);
}

static bool aux_ready(const I8042 *k)
{
    return !(k->ram[0] & CCB_AUX_DISABLED) && link_ready(k->aux);
}

static void i8042_update(void *dev)
{
    I8042 *k = dev;
    bool waits = !k->full && (kbd_ready(k) || aux_ready(k));
    bool from_aux = k->source == FROM_AUX;

    timer_set(&k->dev.timer, waits ? k->wire_free : NS_NEVER);
    /* Replies raise the keyboard's interrupt too, but not while the keyboard is off: drivers set up
     * the controller that way, and read by polling. */
    irq_set(&k->kbd_irq[0], k->full && !from_aux && (k->ram[0] & CCB_KBD_INTERRUPT) &&
                                !(k->ram[0] & CCB_KBD_DISABLED));
    irq_set(&k->aux_irq[0], k->full && from_aux && (k->ram[0] & CCB_AUX_INTERRUPT));
}

static void fill(I8042 *k, uint8_t byte, Source source)
{
    k->data = byte;
    k->source = source;
    k->full = true;
}

static void reply(I8042 *k, uint8_t byte)
{
    if (!k->full) {
        fill(k, byte, FROM_CONTROLLER);
        return;
    }
    k->reply = byte;
    k->reply_waits = true;
}

/* F0 xx becomes one byte, so it takes two of the keyboard's to make one of ours. */
static void fill_from_kbd(I8042 *k)
{
    while (link_ready(k->kbd)) {
        uint8_t byte = k->kbd->take(k->kbd->device);
        if (!(k->ram[0] & CCB_TRANSLATE)) {
            fill(k, byte, FROM_KBD);
            return;
        }
        if (byte == 0xf0) {
            k->break_prefix = true;
            continue;
        }
        if (byte < sizeof(set1_of_set2))
            byte = set1_of_set2[byte];
        fill(k, byte | (k->break_prefix ? 0x80 : 0), FROM_KBD);
        k->break_prefix = false;
        return;
    }
}

/* The wire is free: take what a device has to say, the keyboard first. */
static void i8042_expire(void *dev)
{
    I8042 *k = dev;

    if (k->full || clock_now(k->dev.board->clock) < k->wire_free)
        return;
    if (kbd_ready(k))
        fill_from_kbd(k);
    else if (aux_ready(k))
        fill(k, k->aux->take(k->aux->device), FROM_AUX);
}

static void i8042_wake(void *host)
{
    device_update(host);
}

static uint8_t read_data(I8042 *k)
{
    uint8_t byte = k->data;

    if (!k->full)
        return byte;
    k->full = false;
    if (k->source != FROM_CONTROLLER)
        k->wire_free = clock_now(k->dev.board->clock) + WIRE_DELAY_US * NS_PER_US;
    i8042_update(k); /* the line falls, to rise again for the next byte */
    if (k->reply_waits) {
        k->reply_waits = false;
        fill(k, k->reply, FROM_CONTROLLER);
        i8042_update(k);
    }
    return byte;
}

static uint64_t data_read(void *dev, uint64_t offset, unsigned size)
{
    return read_data(dev);
}

static uint64_t status_read(void *dev, uint64_t offset, unsigned size)
{
    I8042 *k = dev;

    return k->status | STATUS_UNLOCKED | (k->full ? STATUS_OUTPUT_FULL : 0) |
           (k->full && k->source == FROM_AUX ? STATUS_AUX : 0);
}

/* A20 has a second gate in port 92h. The last one to speak wins, so even an unchanged value is
 * sent; the board keeps the result. */
static void write_output_port(I8042 *k, uint8_t value)
{
    k->output_port = value;
    irq_send(&k->a20[0], !!(value & OUTPUT_A20));
    if (!(value & OUTPUT_NOT_RESET))
        board_request(k->dev.board, BOARD_RESET, 0);
}

static void write_command_byte(I8042 *k, uint8_t value)
{
    k->ram[0] = value;
    k->status = (k->status & ~STATUS_SYSTEM) | (value & CCB_SYSTEM ? STATUS_SYSTEM : 0);
}

/* Commands. The argument is the command itself, or the data byte it waited for. */

static void command_read_ram(I8042 *k, uint8_t command)
{
    reply(k, k->ram[command & 0x1f]);
}

static void command_disable_aux(I8042 *k, uint8_t command)
{
    k->ram[0] |= CCB_AUX_DISABLED;
}

static void command_enable_aux(I8042 *k, uint8_t command)
{
    k->ram[0] &= ~CCB_AUX_DISABLED;
}

static void command_disable_kbd(I8042 *k, uint8_t command)
{
    k->ram[0] |= CCB_KBD_DISABLED;
}

static void command_enable_kbd(I8042 *k, uint8_t command)
{
    k->ram[0] &= ~CCB_KBD_DISABLED;
}

static void command_self_test(I8042 *k, uint8_t command)
{
    k->status |= STATUS_SYSTEM;
    k->ram[0] |= CCB_SYSTEM;
    reply(k, 0x55);
}

static void command_test_wires(I8042 *k, uint8_t command)
{
    reply(k, 0x00); /* no error */
}

static void command_read_input_port(I8042 *k, uint8_t command)
{
    reply(k, INPUT_PORT);
}

static void command_read_output_port(I8042 *k, uint8_t command)
{
    uint8_t value = k->output_port & ~(OUTPUT_KBD_FULL | OUTPUT_AUX_FULL);

    if (k->full)
        value |= k->source == FROM_AUX ? OUTPUT_AUX_FULL : OUTPUT_KBD_FULL;
    reply(k, value);
}

static void command_a20(I8042 *k, uint8_t command)
{
    write_output_port(k,
                      command == 0xdf ? k->output_port | OUTPUT_A20 : k->output_port & ~OUTPUT_A20);
}

static void command_read_test_inputs(I8042 *k, uint8_t command)
{
    reply(k, k->ram[0] & CCB_KBD_DISABLED ? 0x00 : 0x01);
}

/* Low bits of the command that are 0 pulse low for 6 us: bit 0 is the CPU's reset. */
static void command_pulse(I8042 *k, uint8_t command)
{
    if (!(command & OUTPUT_NOT_RESET))
        board_request(k->dev.board, BOARD_RESET, 0);
}

static void argument_write_ram(I8042 *k, uint8_t value)
{
    if (k->command == 0x60)
        write_command_byte(k, value);
    else
        k->ram[k->command & 0x1f] = value;
}

static void argument_output_port(I8042 *k, uint8_t value)
{
    write_output_port(k, value);
}

static void argument_fake_kbd(I8042 *k, uint8_t value)
{
    fill(k, value, FROM_KBD);
}

static void argument_fake_aux(I8042 *k, uint8_t value)
{
    fill(k, value, FROM_AUX);
}

static void argument_to_aux(I8042 *k, uint8_t value)
{
    k->ram[0] &= ~CCB_AUX_DISABLED;
    if (k->aux && k->aux->send)
        k->aux->send(k->aux->device, value);
}

static const struct Command {
    uint8_t first, last;
    void (*run)(I8042 *k, uint8_t command);
    void (*argument)(I8042 *k, uint8_t value);
} commands[] = {
    /* clang-format off */
    { 0x20, 0x3f, command_read_ram,         NULL },
    { 0x60, 0x7f, NULL,                     argument_write_ram },
    { 0xa7, 0xa7, command_disable_aux,      NULL },
    { 0xa8, 0xa8, command_enable_aux,       NULL },
    { 0xa9, 0xa9, command_test_wires,       NULL },
    { 0xaa, 0xaa, command_self_test,        NULL },
    { 0xab, 0xab, command_test_wires,       NULL },
    { 0xad, 0xad, command_disable_kbd,      NULL },
    { 0xae, 0xae, command_enable_kbd,       NULL },
    { 0xc0, 0xc0, command_read_input_port,  NULL },
    { 0xd0, 0xd0, command_read_output_port, NULL },
    { 0xd1, 0xd1, NULL,                     argument_output_port },
    { 0xd2, 0xd2, NULL,                     argument_fake_kbd },
    { 0xd3, 0xd3, NULL,                     argument_fake_aux },
    { 0xd4, 0xd4, NULL,                     argument_to_aux },
    { 0xdd, 0xdd, command_a20,              NULL },
    { 0xdf, 0xdf, command_a20,              NULL },
    { 0xe0, 0xe0, command_read_test_inputs, NULL },
    { 0xf0, 0xff, command_pulse,            NULL },
    /* clang-format on */
};

static const struct Command *find_command(uint8_t byte)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
        if (byte >= commands[i].first && byte <= commands[i].last)
            return &commands[i];
    return NULL;
}

static void command_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8042 *k = dev;
    const struct Command *command = find_command(value);

    k->status |= STATUS_COMMAND;
    k->command = 0;
    if (!command) {
        guest_error("i8042: unknown command %02x\n", (unsigned)value);
        return;
    }
    if (command->run)
        command->run(k, value);
    else
        k->command = value;
}

static void data_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8042 *k = dev;
    const struct Command *command = k->command ? find_command(k->command) : NULL;

    k->status &= ~STATUS_COMMAND;
    if (command && command->argument) {
        command->argument(k, value);
        k->command = 0;
        return;
    }
    k->ram[0] &= ~CCB_KBD_DISABLED; /* sending to the keyboard turns it on */
    if (k->kbd && k->kbd->send)
        k->kbd->send(k->kbd->device, value);
}

static bool i8042_realize(void *dev, GError **err)
{
    I8042 *k = dev;
    PS2Link *links[] = {k->kbd, k->aux};

    for (unsigned i = 0; i < G_N_ELEMENTS(links); i++) {
        if (links[i]) {
            links[i]->host = k;
            links[i]->wake = i8042_wake;
        }
    }
    return true;
}

static void i8042_reset(void *dev)
{
    I8042 *k = dev;

    memset(k->ram, 0, sizeof(k->ram));
    k->ram[0] = CCB_KBD_INTERRUPT | CCB_AUX_INTERRUPT;
    k->status = STATUS_COMMAND;
    k->output_port = OUTPUT_AT_RESET;
    k->command = k->data = k->reply = 0;
    k->full = k->reply_waits = k->break_prefix = false;
    k->source = FROM_CONTROLLER;
    k->wire_free = 0;
}

static const Property props[] = {
    PROP_L(I8042, kbd, "cable to the keyboard"),
    PROP_L(I8042, aux, "cable to the mouse"),
    PROPS_END,
};

static const IoRange io[] = {
    {.name = "i8042-data",
     .space = IO_PORTS,
     .base = 0x60,
     .size = 1,
     .max_access = 1,
     .read = data_read,
     .write = data_write},
    {.name = "i8042-command",
     .space = IO_PORTS,
     .base = 0x64,
     .size = 1,
     .max_access = 1,
     .read = status_read,
     .write = command_write},
    {0},
};

static const LineDef lines[] = {
    LINE_OUT("kbd-irq", I8042, kbd_irq),
    LINE_OUT("aux-irq", I8042, aux_irq),
    LINE_OUT("a20", I8042, a20),
    {0},
};

static const StateField state[] = {
    STATE(I8042, status),       STATE_BYTES(I8042, ram), STATE(I8042, output_port),
    STATE(I8042, command),      STATE(I8042, data),      STATE(I8042, full),
    STATE(I8042, source),       STATE(I8042, reply),     STATE(I8042, reply_waits),
    STATE(I8042, break_prefix), STATE(I8042, wire_free), STATE_END,
};

const DeviceClass i8042_class = {
    .name = "i8042",
    .desc = "keyboard controller",
    .size = sizeof(I8042),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = i8042_realize,
    .reset = i8042_reset,
    .update = i8042_update,
    .expire = i8042_expire,
};
