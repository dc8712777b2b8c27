/* ps2_keyboard.c - a 104-key PS/2 keyboard. [PS2KBD].
 *
 * Keys repeat when the user's own keyboard does: a key-down for a key that is down is a repeat.
 * Left out: scan code set 3, and the key-by-key modes that only it has. */
#include "core/device.h"
#include "core/input.h"
#include "core/log.h"
#include "core/ps2.h"

/* [PS2KBD] "Commands to the keyboard" and "Commands from the keyboard". */
enum {
    CMD_LEDS = 0xed,
    CMD_ECHO = 0xee,
    CMD_SCAN_SET = 0xf0,
    CMD_ID = 0xf2,
    CMD_TYPEMATIC = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5,
    CMD_DEFAULTS = 0xf6,
    CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,

    REPLY_OVERRUN = 0x00, /* in set 2; FF in set 1 */
    REPLY_SELF_TEST_OK = 0xaa,
    REPLY_ACK = 0xfa,
    REPLY_RESEND = 0xfe,
};

enum { KEY_BUFFER = 16, REPLY_BUFFER = 8, TYPEMATIC_DEFAULT = 0x2b };

typedef struct Keyboard {
    Device dev;

    PS2Link *link;

    bool scanning;
    uint8_t set;
    uint8_t leds;
    uint8_t typematic;
    uint8_t command; /* that waits for its argument; 0 = none */
    uint8_t last;    /* for resend */
    uint8_t keys[KEY_BUFFER];
    uint8_t key_first, key_count;
    uint8_t replies[REPLY_BUFFER]; /* go before keys */
    uint8_t reply_count;

    InputSink sink;
} Keyboard;

static void clear_keys(Keyboard *k)
{
    k->key_first = k->key_count = 0;
}

static void add_reply(Keyboard *k, uint8_t byte)
{
    if (k->reply_count < REPLY_BUFFER)
        k->replies[k->reply_count++] = byte;
}

static void add_key_byte(Keyboard *k, uint8_t byte)
{
    k->keys[(k->key_first + k->key_count) % KEY_BUFFER] = byte;
    k->key_count++;
}

static bool keyboard_ready(void *device)
{
    Keyboard *k = device;

    return k->reply_count || k->key_count;
}

static uint8_t keyboard_take(void *device)
{
    Keyboard *k = device;

    if (k->reply_count) {
        k->last = k->replies[0];
        k->reply_count--;
        memmove(k->replies, k->replies + 1, k->reply_count);
    } else {
        k->last = k->keys[k->key_first];
        k->key_first = (k->key_first + 1) % KEY_BUFFER;
        k->key_count--;
    }
    return k->last;
}

/* The bytes of a key going down or up in the present set, low end first in `bytes`. */
static unsigned key_bytes(const Keyboard *k, Key key, bool down, uint8_t bytes[5])
{
    uint32_t code = k->set == 1 ? key_scancode_set1(key) : key_scancode_set2(key);
    unsigned n = 0;

    for (int shift = 16; shift > 0; shift -= 8)
        if (code >> shift & 0xff)
            bytes[n++] = code >> shift;
    if (!down && k->set != 1)
        bytes[n++] = 0xf0;
    bytes[n++] = !down && k->set == 1 ? code | 0x80 : code;
    return n;
}

/* [PS2KBD] "Buffer": the byte that would overfill it is the overrun code; later keys are lost. */
static void keyboard_key(void *opaque, Key key, bool down)
{
    Keyboard *k = opaque;
    uint8_t bytes[5];

    if (!k->scanning || key == KEY_NONE)
        return;
    unsigned n = key_bytes(k, key, down, bytes);
    if (k->key_count + n < KEY_BUFFER)
        for (unsigned i = 0; i < n; i++)
            add_key_byte(k, bytes[i]);
    else if (k->keys[(k->key_first + k->key_count - 1) % KEY_BUFFER] != REPLY_OVERRUN)
        add_key_byte(k, REPLY_OVERRUN);
    ps2_wake(k->link);
}

static void set_defaults(Keyboard *k)
{
    k->set = 2;
    k->typematic = TYPEMATIC_DEFAULT;
    clear_keys(k);
}

static void command_reset(Keyboard *k)
{
    set_defaults(k);
    k->scanning = true;
    k->leds = 0;
    k->reply_count = 0;
    add_reply(k, REPLY_ACK);
    add_reply(k, REPLY_SELF_TEST_OK);
}

static void command_id(Keyboard *k)
{
    add_reply(k, REPLY_ACK);
    add_reply(k, 0xab);
    add_reply(k, 0x83);
}

static void take_argument(Keyboard *k, uint8_t byte)
{
    uint8_t command = k->command;

    k->command = 0;
    if (command == CMD_SCAN_SET && byte > 2) {
        unimp("ps2-kbd: scan code set %u\n", byte);
        add_reply(k, REPLY_RESEND);
        return;
    }
    add_reply(k, REPLY_ACK);
    if (command == CMD_LEDS)
        k->leds = byte & 7;
    else if (command == CMD_TYPEMATIC)
        k->typematic = byte & 0x7f;
    else if (byte == 0)
        add_reply(k, k->set);
    else
        k->set = byte;
}

static void take_command(Keyboard *k, uint8_t byte)
{
    switch (byte) {
    case CMD_LEDS:
    case CMD_SCAN_SET:
    case CMD_TYPEMATIC:
        k->command = byte;
        add_reply(k, REPLY_ACK);
        break;
    case CMD_ECHO:
        add_reply(k, CMD_ECHO);
        break;
    case CMD_ID:
        command_id(k);
        break;
    case CMD_ENABLE:
    case CMD_DISABLE:
        clear_keys(k);
        k->scanning = byte == CMD_ENABLE;
        add_reply(k, REPLY_ACK);
        break;
    case CMD_DEFAULTS:
        set_defaults(k);
        add_reply(k, REPLY_ACK);
        break;
    case CMD_RESEND:
        add_reply(k, k->last);
        break;
    case CMD_RESET:
        command_reset(k);
        break;
    default:
        guest_error("ps2-kbd: unknown command %02x\n", byte);
        add_reply(k, REPLY_RESEND);
        break;
    }
}

/* An argument never has bit 7 set: such a byte is a new command that replaces the old one. */
static void keyboard_send(void *device, uint8_t byte)
{
    Keyboard *k = device;

    if (k->command && byte < 0x80) {
        take_argument(k, byte);
    } else {
        k->command = 0;
        take_command(k, byte);
    }
    ps2_wake(k->link);
}

static bool keyboard_realize(void *dev, GError **err)
{
    Keyboard *k = dev;

    if (k->link) {
        k->link->device = k;
        k->link->send = keyboard_send;
        k->link->ready = keyboard_ready;
        k->link->take = keyboard_take;
    }
    k->sink = (InputSink){.opaque = k, .key = keyboard_key};
    board_add_input(k->dev.board, &k->sink);
    return true;
}

static void keyboard_unrealize(void *dev)
{
    Keyboard *k = dev;

    g_ptr_array_remove(k->dev.board->inputs, &k->sink);
    if (k->link && k->link->device == k)
        *k->link = (PS2Link){.host = k->link->host, .wake = k->link->wake};
}

static void keyboard_reset(void *dev)
{
    Keyboard *k = dev;

    set_defaults(k);
    k->scanning = true;
    k->leds = k->command = k->last = k->reply_count = 0;
}

static bool keyboard_loaded(void *dev, GError **err)
{
    Keyboard *k = dev;

    k->key_first %= KEY_BUFFER;
    k->key_count = MIN(k->key_count, KEY_BUFFER);
    k->reply_count = MIN(k->reply_count, REPLY_BUFFER);
    return true;
}

static const Property props[] = {
    PROP_L(Keyboard, link, "cable to the controller"),
    PROPS_END,
};

static const StateField state[] = {
    STATE(Keyboard, scanning),      STATE(Keyboard, set),         STATE(Keyboard, leds),
    STATE(Keyboard, typematic),     STATE(Keyboard, command),     STATE(Keyboard, last),
    STATE_BYTES(Keyboard, keys),    STATE(Keyboard, key_first),   STATE(Keyboard, key_count),
    STATE_BYTES(Keyboard, replies), STATE(Keyboard, reply_count), STATE_END,
};

const DeviceClass ps2_keyboard_class = {
    .name = "ps2-kbd",
    .desc = "PS/2 keyboard",
    .size = sizeof(Keyboard),
    .props = props,
    .state = state,
    .realize = keyboard_realize,
    .unrealize = keyboard_unrealize,
    .reset = keyboard_reset,
    .loaded = keyboard_loaded,
};
