/* ps2_mouse.c - a PS/2 mouse: three buttons; with a wheel and then five buttons for who knocks.
 * [PS2MOUSE]; the knocks and the fourth byte: [IMPS2].
 *
 * Movement adds up while the host does not listen, as in the real counters; a change of buttons
 * ends a packet, so that no click is lost in one. A positive dz turns the wheel towards the user.
 */
#include "core/device.h"
#include "core/input.h"
#include "core/log.h"
#include "core/ps2.h"

/* [PS2MOUSE] "Command set". */
enum {
    CMD_SCALE_1 = 0xe6,
    CMD_SCALE_2 = 0xe7,
    CMD_RESOLUTION = 0xe8,
    CMD_STATUS = 0xe9,
    CMD_STREAM = 0xea,
    CMD_READ_DATA = 0xeb,
    CMD_END_WRAP = 0xec,
    CMD_WRAP = 0xee,
    CMD_REMOTE = 0xf0,
    CMD_ID = 0xf2,
    CMD_RATE = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5,
    CMD_DEFAULTS = 0xf6,
    CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,

    REPLY_SELF_TEST_OK = 0xaa,
    REPLY_ACK = 0xfa,
    REPLY_ERROR = 0xfc,
    REPLY_RESEND = 0xfe,
};

enum { ID_PLAIN = 0, ID_WHEEL = 3, ID_EXPLORER = 4 };
enum {
    BYTES_MAX = 64,
    BUTTONS_PLAIN = 7,
    BUTTONS_EXPLORER = 0x1f,
    COUNTS_MAX = 255,
    WHEEL_MAX = 7
};

typedef struct Mouse {
    Device dev;

    PS2Link *link;

    uint8_t id;
    uint8_t rates[3]; /* the last three sample rates set: the knock */
    uint8_t resolution;
    bool scale_2, remote, wrap, reporting;
    uint8_t command; /* that waits for its argument; 0 = none */
    uint8_t last;    /* for resend */
    uint8_t buttons, told_buttons;
    int32_t dx, dy, dz; /* not yet told; dy positive is up */
    uint8_t bytes[BYTES_MAX];
    uint8_t byte_first, byte_count;

    InputSink sink;
} Mouse;

static void add_byte(Mouse *m, uint8_t byte)
{
    if (m->byte_count == BYTES_MAX)
        return;
    m->bytes[(m->byte_first + m->byte_count) % BYTES_MAX] = byte;
    m->byte_count++;
}

static bool has_news(const Mouse *m)
{
    return m->dx || m->dy || (m->dz && m->id != ID_PLAIN) || m->buttons != m->told_buttons;
}

static bool streams(const Mouse *m)
{
    return m->reporting && !m->remote && !m->wrap;
}

static int32_t take_part(int32_t *all, int32_t limit)
{
    int32_t part = CLAMP(*all, -limit, limit);

    *all -= part;
    return part;
}

/* [PS2MOUSE] "Movement data packet": buttons, signs and overflows; X; Y; and the wheel. */
static void add_packet(Mouse *m)
{
    int32_t dx = take_part(&m->dx, COUNTS_MAX), dy = take_part(&m->dy, COUNTS_MAX);

    add_byte(m, (m->buttons & BUTTONS_PLAIN) | 0x08 | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
    add_byte(m, dx);
    add_byte(m, dy);
    if (m->id == ID_WHEEL)
        add_byte(m, take_part(&m->dz, WHEEL_MAX));
    else if (m->id == ID_EXPLORER)
        add_byte(m, (take_part(&m->dz, WHEEL_MAX) & 0x0f) | (m->buttons & 0x18) << 1);
    else
        m->dz = 0;
    m->told_buttons = m->buttons;
}

static bool mouse_ready(void *device)
{
    Mouse *m = device;

    return m->byte_count || (streams(m) && has_news(m));
}

static uint8_t mouse_take(void *device)
{
    Mouse *m = device;

    if (!m->byte_count)
        add_packet(m);
    m->last = m->bytes[m->byte_first];
    m->byte_first = (m->byte_first + 1) % BYTES_MAX;
    m->byte_count--;
    return m->last;
}

static void mouse_pointer(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    Mouse *m = opaque;
    unsigned known = m->id == ID_EXPLORER ? BUTTONS_EXPLORER : BUTTONS_PLAIN;

    /* The packet that tells of the last change must be made before the next one. */
    if (streams(m) && (buttons & known) != m->buttons && m->buttons != m->told_buttons &&
        m->byte_count + 4 <= BYTES_MAX)
        add_packet(m);
    m->dx = CLAMP((int64_t)m->dx + dx, -0xffff, 0xffff);
    m->dy = CLAMP((int64_t)m->dy - dy, -0xffff, 0xffff);
    m->dz = CLAMP((int64_t)m->dz + dz, -0xff, 0xff);
    m->buttons = buttons & known;
    ps2_wake(m->link);
}

static void forget_movement(Mouse *m)
{
    m->dx = m->dy = m->dz = 0;
    m->told_buttons = m->buttons;
}

/* [IMPS2] "Entering wheel mode": three sample rates in a row. */
static void set_rate(Mouse *m, uint8_t rate)
{
    m->rates[0] = m->rates[1];
    m->rates[1] = m->rates[2];
    m->rates[2] = rate;
    if (m->rates[0] == 200 && m->rates[1] == 100 && m->rates[2] == 80 && m->id == ID_PLAIN)
        m->id = ID_WHEEL;
    if (m->rates[0] == 200 && m->rates[1] == 200 && m->rates[2] == 80)
        m->id = ID_EXPLORER;
}

static void set_defaults(Mouse *m)
{
    m->rates[0] = m->rates[1] = 0;
    m->rates[2] = 100;
    m->resolution = 2;
    m->scale_2 = m->remote = m->wrap = m->reporting = false;
    forget_movement(m);
}

static void tell_status(Mouse *m)
{
    uint8_t buttons = (m->buttons & BUTTON_LEFT ? 4 : 0) | (m->buttons & BUTTON_MIDDLE ? 2 : 0) |
                      (m->buttons & BUTTON_RIGHT ? 1 : 0);

    add_byte(m, (m->remote ? 0x40 : 0) | (m->reporting ? 0x20 : 0) | (m->scale_2 ? 0x10 : 0) |
                    buttons);
    add_byte(m, m->resolution);
    add_byte(m, m->rates[2]);
}

static void take_argument(Mouse *m, uint8_t byte)
{
    uint8_t command = m->command;

    m->command = 0;
    if (command == CMD_RATE) {
        set_rate(m, byte);
    } else if (byte <= 3) {
        m->resolution = byte;
    } else {
        add_byte(m, REPLY_ERROR);
        return;
    }
    add_byte(m, REPLY_ACK);
}

/* Commands that set a mode; all clear the movement counters, as the manual says of each. */
static bool set_mode(Mouse *m, uint8_t byte)
{
    switch (byte) {
    case CMD_STREAM:
    case CMD_REMOTE:
        m->remote = byte == CMD_REMOTE;
        break;
    case CMD_WRAP:
        m->wrap = true;
        break;
    case CMD_ENABLE:
    case CMD_DISABLE:
        m->reporting = byte == CMD_ENABLE;
        break;
    case CMD_DEFAULTS:
        set_defaults(m);
        break;
    case CMD_END_WRAP:
        break;
    default:
        return false;
    }
    forget_movement(m);
    add_byte(m, REPLY_ACK);
    return true;
}

static void take_command(Mouse *m, uint8_t byte)
{
    if (set_mode(m, byte))
        return;
    if (byte == CMD_RESEND) {
        add_byte(m, m->last);
        return;
    }
    if (byte < CMD_SCALE_1 || byte == 0xed || byte == 0xef || byte == 0xf1 ||
        (byte > CMD_DEFAULTS && byte < CMD_RESEND)) {
        guest_error("ps2-mouse: unknown command %02x\n", byte);
        add_byte(m, REPLY_RESEND);
        return;
    }

    add_byte(m, REPLY_ACK);
    switch (byte) {
    case CMD_SCALE_1:
    case CMD_SCALE_2:
        m->scale_2 = byte == CMD_SCALE_2;
        break;
    case CMD_RESOLUTION:
    case CMD_RATE:
        m->command = byte;
        break;
    case CMD_STATUS:
        tell_status(m);
        break;
    case CMD_READ_DATA:
        add_packet(m);
        break;
    case CMD_ID:
        add_byte(m, m->id);
        break;
    case CMD_RESET:
        m->id = ID_PLAIN;
        set_defaults(m);
        add_byte(m, REPLY_SELF_TEST_OK);
        add_byte(m, ID_PLAIN);
        break;
    }
}

static void mouse_send(void *device, uint8_t byte)
{
    Mouse *m = device;

    m->byte_count = 0; /* a command ends whatever was being sent */
    if (m->wrap && byte != CMD_END_WRAP && byte != CMD_RESET) {
        add_byte(m, byte);
    } else if (m->wrap) {
        m->wrap = false;
        take_command(m, byte);
    } else if (m->command) {
        take_argument(m, byte);
    } else {
        take_command(m, byte);
    }
    ps2_wake(m->link);
}

static bool mouse_realize(void *dev, GError **err)
{
    Mouse *m = dev;

    if (m->link) {
        m->link->device = m;
        m->link->send = mouse_send;
        m->link->ready = mouse_ready;
        m->link->take = mouse_take;
    }
    m->sink = (InputSink){.opaque = m, .pointer = mouse_pointer};
    board_add_input(m->dev.board, &m->sink);
    return true;
}

static void mouse_unrealize(void *dev)
{
    Mouse *m = dev;

    g_ptr_array_remove(m->dev.board->inputs, &m->sink);
    if (m->link && m->link->device == m)
        *m->link = (PS2Link){.host = m->link->host, .wake = m->link->wake};
}

static void mouse_reset(void *dev)
{
    Mouse *m = dev;

    m->id = ID_PLAIN;
    m->buttons = 0;
    set_defaults(m);
    m->command = m->last = m->byte_first = m->byte_count = 0;
}

static bool mouse_loaded(void *dev, GError **err)
{
    Mouse *m = dev;

    m->byte_first %= BYTES_MAX;
    m->byte_count = MIN(m->byte_count, BYTES_MAX);
    return true;
}

static const Property props[] = {
    PROP_L(Mouse, link, "cable to the controller"),
    PROPS_END,
};

static const StateField state[] = {
    STATE(Mouse, id),         STATE_BYTES(Mouse, rates),  STATE(Mouse, resolution),
    STATE(Mouse, scale_2),    STATE(Mouse, remote),       STATE(Mouse, wrap),
    STATE(Mouse, reporting),  STATE(Mouse, command),      STATE(Mouse, last),
    STATE(Mouse, buttons),    STATE(Mouse, told_buttons), STATE(Mouse, dx),
    STATE(Mouse, dy),         STATE(Mouse, dz),           STATE_BYTES(Mouse, bytes),
    STATE(Mouse, byte_first), STATE(Mouse, byte_count),   STATE_END,
};

const DeviceClass ps2_mouse_class = {
    .name = "ps2-mouse",
    .desc = "PS/2 mouse",
    .size = sizeof(Mouse),
    .props = props,
    .state = state,
    .realize = mouse_realize,
    .unrealize = mouse_unrealize,
    .reset = mouse_reset,
    .loaded = mouse_loaded,
};
