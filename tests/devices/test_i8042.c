/* test_i8042.c - the keyboard controller with a keyboard and a mouse on it. [I8042], [PS2KBD],
 * [PS2MOUSE]. */
#include "core/input.h"
#include "core/ps2.h"
#include "devices/devices.h"
#include "tests/support/testbus.h"

typedef struct Cables {
    PS2Link kbd, aux;
} Cables;

/* The controller is the bus's device; keyboard and mouse join it on the board. */
static void plug(TestBus *t)
{
    Cables *c = t->user;
    void *kbd = device_new(t->board, device_class_find("ps2-kbd"), NULL);
    void *mouse = device_new(t->board, device_class_find("ps2-mouse"), NULL);

    device_set_link(t->dev, "kbd", &c->kbd);
    device_set_link(t->dev, "aux", &c->aux);
    device_set_link(kbd, "link", &c->kbd);
    device_set_link(mouse, "link", &c->aux);
    device_realize_builtin(kbd);
    device_realize_builtin(mouse);
}

static TestBus *controller(void)
{
    Cables *c = g_new0(Cables, 1);

    g_test_queue_free(c);
    return test_bus_with("i8042", plug, c);
}

static uint8_t status(TestBus *t)
{
    return inb(t, 0x64);
}

/* The next byte, which the wire may still be carrying. */
static uint8_t next(TestBus *t)
{
    clock_step(t, 300 * NS_PER_US);
    g_assert_true(status(t) & 1);
    return inb(t, 0x60);
}

static void expect_nothing(TestBus *t)
{
    clock_step(t, 10 * NS_PER_MS);
    g_assert_false(status(t) & 1);
}

static void expect(TestBus *t, unsigned count, const uint8_t *bytes)
{
    for (unsigned i = 0; i < count; i++)
        g_assert_cmphex(next(t), ==, bytes[i]);
    expect_nothing(t);
}
#define EXPECT(t, ...) expect(t, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void command(TestBus *t, uint8_t command)
{
    outb(t, 0x64, command);
}

static void command_with(TestBus *t, uint8_t code, uint8_t argument)
{
    outb(t, 0x64, code);
    outb(t, 0x60, argument);
}

static void test_controller_commands(void)
{
    TestBus *t = controller();

    g_assert_cmphex(status(t), ==, 0x18);
    command(t, 0xaa);
    g_assert_cmphex(status(t), ==, 0x1d);
    EXPECT(t, 0x55);
    command(t, 0xab);
    EXPECT(t, 0x00);
    command(t, 0xa9);
    EXPECT(t, 0x00);
    command_with(t, 0x60, 0x65);
    g_assert_cmphex(status(t) & 0x08, ==, 0);
    command(t, 0x20);
    EXPECT(t, 0x65);
    command(t, 0xa7);
    command(t, 0xad);
    command(t, 0x20);
    EXPECT(t, 0x75);
    command(t, 0xa8);
    command(t, 0xae);
    command(t, 0x20);
    EXPECT(t, 0x45);
    command_with(t, 0x7f, 0x99); /* RAM */
    command(t, 0x3f);
    EXPECT(t, 0x99);
    command(t, 0xd0);
    g_assert_cmphex(next(t) & 3, ==, 3);
    test_bus_free(t);
}

static void test_reset_and_a20(void)
{
    TestBus *t = controller();

    command_with(t, 0xd1, 0xdd);
    g_assert_cmpint(level(t, "a20", 0), ==, 0);
    command_with(t, 0xd1, 0xdf);
    g_assert_cmpint(level(t, "a20", 0), ==, 1);
    unsigned before = messages(t, "a20", 0);
    command_with(t, 0xd1, 0xdf); /* said again, for port 92h may have spoken since */
    g_assert_cmpuint(messages(t, "a20", 0), ==, before + 1);
    command(t, 0xdd);
    g_assert_cmpint(level(t, "a20", 0), ==, 0);
    g_assert_cmpuint(t->requests->len, ==, 0);
    command(t, 0xfe);
    g_assert_cmpuint(t->requests->len, ==, 1);
    g_assert_cmpint(g_array_index(t->requests, TestRequest, 0).what, ==, BOARD_RESET);
    command_with(t, 0xd1, 0xde);
    g_assert_cmpuint(t->requests->len, ==, 2);
    test_bus_free(t);
}

static void test_keyboard_commands(void)
{
    TestBus *t = controller();

    outb(t, 0x60, 0xff);
    EXPECT(t, 0xfa, 0xaa);
    outb(t, 0x60, 0xf2);
    EXPECT(t, 0xfa, 0xab, 0x83);
    outb(t, 0x60, 0xee);
    EXPECT(t, 0xee);
    outb(t, 0x60, 0xfe); /* again */
    EXPECT(t, 0xee);
    outb(t, 0x60, 0xed);
    EXPECT(t, 0xfa);
    outb(t, 0x60, 0x07);
    EXPECT(t, 0xfa);
    outb(t, 0x60, 0xf0);
    EXPECT(t, 0xfa);
    outb(t, 0x60, 0x00);
    EXPECT(t, 0xfa, 0x02);
    outb(t, 0x60, 0xee);
    outb(t, 0x60, 0x01); /* nonsense */
    EXPECT(t, 0xee, 0xfe);
    test_bus_free(t);
}

static void press(TestBus *t, Key key)
{
    board_send_key(t->board, key, true);
    board_send_key(t->board, key, false);
}

static void test_scan_codes(void)
{
    TestBus *t = controller();

    press(t, KEY_A);
    EXPECT(t, 0x1c, 0xf0, 0x1c);
    press(t, KEY_UP);
    EXPECT(t, 0xe0, 0x75, 0xe0, 0xf0, 0x75);
    command_with(t, 0x60, 0x41); /* translate */
    press(t, KEY_A);
    EXPECT(t, 0x1e, 0x9e);
    press(t, KEY_UP);
    EXPECT(t, 0xe0, 0x48, 0xe0, 0xc8);
    outb(t, 0x60, 0xf2); /* translation does not spare the identity */
    EXPECT(t, 0xfa, 0xab, 0x41);
    command_with(t, 0x60, 0x01);
    outb(t, 0x60, 0xf0);
    outb(t, 0x60, 0x01); /* set 1 from the keyboard itself */
    EXPECT(t, 0xfa, 0xfa);
    press(t, KEY_DELETE);
    EXPECT(t, 0xe0, 0x53, 0xe0, 0xd3);
    outb(t, 0x60, 0xf5); /* not scanning */
    EXPECT(t, 0xfa);
    press(t, KEY_A);
    expect_nothing(t);
    test_bus_free(t);
}

/* The controller's translation and the key table are two statements of one fact. */
static void test_translation_of_every_key(void)
{
    TestBus *t = controller();

    command_with(t, 0x60, 0x41);
    for (unsigned key = KEY_NONE + 1; key < KEY_COUNT; key++) {
        uint32_t set1 = key_scancode_set1(key);
        board_send_key(t->board, key, true);
        if (set1 >> 8)
            g_assert_cmphex(next(t), ==, set1 >> 8);
        g_assert_cmphex(next(t), ==, set1 & 0xff);
        expect_nothing(t);
    }
    test_bus_free(t);
}

static void test_interrupts_and_pace(void)
{
    TestBus *t = controller();

    board_send_key(t->board, KEY_UP, true);
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmpint(level(t, "kbd-irq", 0), ==, 1);
    g_assert_cmphex(inb(t, 0x60), ==, 0xe0);
    g_assert_cmpint(level(t, "kbd-irq", 0), ==, 0);
    g_assert_cmphex(inb(t, 0x60), ==, 0xe0); /* read twice: the same, nothing is lost */
    t = test_bus_reload(t);
    board_send_key(t->board, KEY_UP, true); /* the reloaded keyboard starts afresh */
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmpuint(rises(t, "kbd-irq", 0), ==, 2);
    inb(t, 0x60);
    clock_step(t, 1 * NS_PER_MS);
    inb(t, 0x60);

    command(t, 0xad); /* off: keys wait in the keyboard */
    board_send_key(t->board, KEY_A, true);
    expect_nothing(t);
    command(t, 0xae);
    EXPECT(t, 0x1c);
    command_with(t, 0xd3, 0x42);
    g_assert_cmphex(status(t) & 0x21, ==, 0x21);
    g_assert_cmpint(level(t, "aux-irq", 0), ==, 1);
    g_assert_cmpint(level(t, "kbd-irq", 0), ==, 0);
    EXPECT(t, 0x42);
    test_bus_free(t);
}

static void test_key_buffer_overrun(void)
{
    TestBus *t = controller();
    unsigned count = 0;
    uint8_t last = 0xff;

    for (unsigned i = 0; i < 40; i++)
        board_send_key(t->board, KEY_A, true);
    clock_step(t, 1 * NS_PER_MS);
    while (status(t) & 1) {
        last = next(t);
        clock_step(t, 1 * NS_PER_MS);
        count++;
    }
    g_assert_cmpuint(count, ==, 16);
    g_assert_cmphex(last, ==, 0x00);
    test_bus_free(t);
}

static void to_mouse(TestBus *t, uint8_t byte)
{
    command_with(t, 0xd4, byte);
}

static void test_mouse(void)
{
    TestBus *t = controller();
    Board *b = t->board;

    to_mouse(t, 0xff);
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmphex(status(t) & 0x21, ==, 0x21);
    EXPECT(t, 0xfa, 0xaa, 0x00);
    to_mouse(t, 0xe9);
    EXPECT(t, 0xfa, 0x00, 0x02, 0x64);
    board_send_pointer(b, 5, 5, 0, 0);
    expect_nothing(t); /* reporting is off */
    to_mouse(t, 0xf4);
    EXPECT(t, 0xfa);
    board_send_pointer(b, 3, 4, 0, BUTTON_LEFT); /* down the screen is minus y */
    EXPECT(t, 0x29, 0x03, 0xfc);
    board_send_pointer(b, -300, 0, 0, BUTTON_LEFT);
    EXPECT(t, 0x19, 0x01, 0x00, 0x19, 0xd3, 0x00);
    board_send_pointer(b, 0, 0, 0, 0); /* a click faster than the wire keeps both its ends */
    board_send_pointer(b, 0, 0, 0, BUTTON_RIGHT);
    board_send_pointer(b, 0, 0, 0, 0);
    EXPECT(t, 0x08, 0, 0, 0x0a, 0, 0, 0x08, 0, 0);
    to_mouse(t, 0xf0); /* remote: only when asked */
    EXPECT(t, 0xfa);
    board_send_pointer(b, 7, 0, 0, 0);
    expect_nothing(t);
    to_mouse(t, 0xeb);
    EXPECT(t, 0xfa, 0x08, 7, 0);
    test_bus_free(t);
}

static void knock(TestBus *t, uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[] = {a, b, c};

    for (unsigned i = 0; i < 3; i++) {
        to_mouse(t, 0xf3);
        EXPECT(t, 0xfa);
        to_mouse(t, rates[i]);
        EXPECT(t, 0xfa);
    }
}

static void test_mouse_wheel(void)
{
    TestBus *t = controller();
    Board *b = t->board;

    knock(t, 200, 100, 80);
    to_mouse(t, 0xf2);
    EXPECT(t, 0xfa, 0x03);
    to_mouse(t, 0xf4);
    EXPECT(t, 0xfa);
    board_send_pointer(b, 0, 0, -1, 0);
    EXPECT(t, 0x08, 0, 0, 0xff);
    knock(t, 200, 200, 80);
    to_mouse(t, 0xf2);
    EXPECT(t, 0xfa, 0x04);
    board_send_pointer(b, 0, 0, -1, 0x18); /* buttons four and five */
    EXPECT(t, 0x08, 0, 0, 0x3f);
    to_mouse(t, 0xff);
    EXPECT(t, 0xfa, 0xaa, 0x00);
    to_mouse(t, 0xf2);
    EXPECT(t, 0xfa, 0x00);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8042/controller-commands", test_controller_commands);
    g_test_add_func("/i8042/reset-and-a20", test_reset_and_a20);
    g_test_add_func("/i8042/keyboard-commands", test_keyboard_commands);
    g_test_add_func("/i8042/scan-codes", test_scan_codes);
    g_test_add_func("/i8042/translation-of-every-key", test_translation_of_every_key);
    g_test_add_func("/i8042/interrupts-and-pace", test_interrupts_and_pace);
    g_test_add_func("/i8042/key-buffer-overrun", test_key_buffer_overrun);
    g_test_add_func("/i8042/mouse", test_mouse);
    g_test_add_func("/i8042/mouse-wheel", test_mouse_wheel);
    return g_test_run();
}
