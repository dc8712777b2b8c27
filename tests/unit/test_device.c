/* test_device.c - the device framework, by a device made for it, and the small registries. */
#include "core/device.h"
#include "core/block.h"
#include "core/chardev.h"
#include "core/error.h"
#include "core/input.h"
#include "core/trace.h"

#include <errno.h>

/* --- a device that counts what happens to it -------------------------------------------------- */

typedef struct Probe {
    Device dev;
    /* properties */
    uint32_t iobase;
    uint64_t ram_size;
    uint8_t small;
    bool enabled;
    char *label;
    void *peer;
    bool fail;
    /* state */
    uint32_t value;
    uint8_t in_level[2];
    /* derived */
    IrqLine out[2];
    unsigned resets, updates, expiries, unrealized_after;
    unsigned updates_at_reset;
} Probe;

static unsigned total_updates(Board *board)
{
    unsigned n = 0;

    for (unsigned i = 0; i < board->devices->len; i++)
        n += ((Probe *)g_ptr_array_index(board->devices, i))->updates;
    return n;
}

static uint64_t probe_read(void *dev, uint64_t offset, unsigned size)
{
    return ((Probe *)dev)->value + offset;
}

static void probe_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    ((Probe *)dev)->value = value;
}

static void probe_in(void *dev, int n, int level)
{
    ((Probe *)dev)->in_level[n] = level;
}

static bool probe_realize(void *dev, GError **err)
{
    Probe *p = dev;

    if (p->fail)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "asked to fail");
    return !p->fail;
}

static void probe_reset(void *dev)
{
    Probe *p = dev;

    p->value = 0;
    p->resets++;
    p->updates_at_reset = total_updates(p->dev.board);
}

static void probe_update(void *dev)
{
    Probe *p = dev;

    p->updates++;
    irq_set(&p->out[0], p->value & 1);
    irq_set(&p->out[1], p->in_level[1]);
    timer_set(&p->dev.timer, p->value >= 100 ? p->value : NS_NEVER);
}

static void probe_expire(void *dev)
{
    Probe *p = dev;

    p->expiries++;
    p->value = 1;
}

static bool probe_loaded(void *dev, GError **err)
{
    if (((Probe *)dev)->value != 0xbad)
        return true;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE, "value is bad");
    return false;
}

static const Property props[] = {
    PROP_U(Probe, iobase, 0x100, "first port"),
    PROP_U(Probe, ram_size, 0, "bytes"),
    PROP_U(Probe, small, 5, "a byte"),
    PROP_B(Probe, enabled, true, "a switch"),
    PROP_B(Probe, fail, false, "refuse to be realized"),
    PROP_S(Probe, label, "a text"),
    PROP_L(Probe, peer, "another"),
    PROPS_END,
};

static const IoRange io[] = {
    {"probe", IO_PORTS, 0, 4, 1, 2, probe_read, probe_write, BASE_FROM(Probe, iobase)},
    {"probe-mmio", IO_MEMORY, 0x9000, 0x100, 4, 4, probe_read, probe_write},
    {"probe-bar", IO_UNMAPPED, 0, 0x20, 0, 0, probe_read, NULL},
    {0},
};

static const LineDef lines[] = {LINE_IN("in", 2, probe_in), LINE_OUT("out", Probe, out), {0}};

static const StateField state[] = {STATE(Probe, value), STATE_ARRAY(Probe, in_level), STATE_END};

static const DeviceClass probe_class = {
    .name = "probe",
    .desc = "counts",
    .size = sizeof(Probe),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .version = 1,
    .realize = probe_realize,
    .reset = probe_reset,
    .update = probe_update,
    .expire = probe_expire,
    .loaded = probe_loaded,
};

static Board *board_with(Probe **probe)
{
    Board *board = board_new(clock_new_manual());

    *probe = device_new(board, &probe_class, NULL);
    device_realize_builtin(*probe);
    board_reset(board);
    return board;
}

/* --- registers, lines, timer ------------------------------------------------------------------ */

static void test_registers(void)
{
    Probe *p;
    Board *board = board_with(&p);
    unsigned before = p->updates;

    address_space_store(&board->ports, 0x100, 0x12, 1);
    g_assert_cmphex(p->value, ==, 0x12);
    g_assert_cmpuint(p->updates, ==, before + 1);
    g_assert_cmphex(address_space_load(&board->ports, 0x102, 1), ==, 0x14);
    /* Wider than two bytes is split. */
    g_assert_cmphex(address_space_load(&board->ports, 0x100, 4), ==, 0x00140012);
    g_assert_cmphex(address_space_load(&board->ports, 0x104, 1), ==, 0xff);
    g_assert_cmphex(address_space_load(&board->memory, 0x9004, 4), ==, 0x16);
    g_assert_null(device_region(p, 2)->parent);
    /* No write function: nothing happens. */
    mem_add(&board->memory_root, 0xa000, device_region(p, 2), 0);
    address_space_store(&board->memory, 0xa000, 0x77, 4);
    g_assert_cmphex(address_space_load(&board->memory, 0xa001, 1), ==, 0x13);
    board_free(board);
}

static void test_base_property(void)
{
    Board *board = board_new(clock_new_manual());
    Probe *p = device_new(board, &probe_class, NULL);

    g_assert_true(device_set(p, "iobase", "0x200", NULL));
    device_realize_builtin(p);
    g_assert_cmphex(address_space_load(&board->ports, 0x100, 1), ==, 0xff);
    g_assert_cmphex(address_space_load(&board->ports, 0x201, 1), ==, 0x01);
    board_free(board);
}

static void test_lines(void)
{
    Probe *a;
    Board *board = board_with(&a);
    Probe *b = device_new(board, &probe_class, "second");

    device_set_uint(b, "iobase", 0x300);
    device_realize_builtin(b);
    device_connect(a, "out", 0, b, "in", 1);
    unsigned before = b->updates;
    address_space_store(&board->ports, 0x100, 1, 1);
    g_assert_cmpint(b->in_level[1], ==, 1);
    g_assert_cmpint(b->in_level[0], ==, 0);
    g_assert_cmpint(b->out[1].level, ==, 1); /* derived by its update */
    g_assert_cmpuint(b->updates, ==, before + 1);
    address_space_store(&board->ports, 0x100, 3, 1); /* no change of the line */
    g_assert_cmpuint(b->updates, ==, before + 1);
    IrqLine pin = device_input(b, "in", 0);
    irq_set(&pin, 1);
    g_assert_cmpint(b->in_level[0], ==, 1);
    board_free(board);
}

static void test_timer(void)
{
    Probe *p;
    Board *board = board_with(&p);

    address_space_store(&board->ports, 0x100, 500, 2);
    g_assert_cmpint(clock_next_deadline(board->clock), ==, 500);
    clock_advance(board->clock, 500);
    clock_run_due(board->clock);
    g_assert_cmpuint(p->expiries, ==, 1);
    g_assert_cmpint(p->out[0].level, ==, 1);
    g_assert_cmpint(clock_next_deadline(board->clock), ==, NS_NEVER);
    board_free(board);
}

/* No update runs before the last reset. */
static void test_two_passes(void)
{
    Probe *a;
    Board *board = board_with(&a);
    Probe *b = device_new(board, &probe_class, NULL);

    device_realize_builtin(b);
    unsigned before = total_updates(board);
    board_reset(board);
    g_assert_cmpuint(a->updates_at_reset, ==, before);
    g_assert_cmpuint(b->updates_at_reset, ==, before);
    g_assert_cmpuint(total_updates(board), ==, before + 2);
    board_free(board);
}

static void test_names(void)
{
    Probe *a;
    Board *board = board_with(&a);
    Probe *b = device_new(board, &probe_class, "disk7");
    Probe *c = device_new(board, &probe_class, NULL);

    g_assert_cmpstr(a->dev.id, ==, "probe");
    g_assert_cmpstr(c->dev.id, ==, "probe#2");
    g_assert_true(board_find_device(board, "disk7") == &b->dev);
    g_assert_true(board_find_device(board, "probe") == &a->dev);
    g_assert_null(board_find_device(board, "nothing"));
    board_free(board);
}

/* --- properties ------------------------------------------------------------------------------- */

static void test_properties(void)
{
    Board *board = board_new(clock_new_manual());
    Probe *p = device_new(board, &probe_class, NULL);

    g_assert_cmphex(p->iobase, ==, 0x100);
    g_assert_true(p->enabled);
    g_assert_true(device_set(p, "enabled", "off", NULL));
    g_assert_false(p->enabled);
    g_assert_true(device_set(p, "small", "255", NULL));
    g_assert_cmpuint(p->small, ==, 255);
    g_assert_true(device_set(p, "ram_size", "3G", NULL));
    g_assert_cmpuint(p->ram_size, ==, 3 * GIB);
    g_assert_true(device_set(p, "ram_size", "0x10k", NULL));
    g_assert_cmpuint(p->ram_size, ==, 16 * KIB);
    g_assert_true(device_set(p, "label", "one", NULL));
    g_assert_true(device_set(p, "label", "two", NULL));
    g_assert_cmpstr(p->label, ==, "two");
    device_set_uint(p, "small", 3);
    device_set_link(p, "peer", board);
    g_assert_true(p->small == 3 && p->peer == board);
    board_free(board);
}

static void test_property_errors(void)
{
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"small", "256", "probe,small=256: '256' is not a number from 0 to 0xff"},
        {"small", "-1", "probe,small=-1: '-1' is not a number from 0 to 0xff"},
        {"small", "", "probe,small=: '' is not a number from 0 to 0xff"},
        {"small", "1K", "probe,small=1K: '1K' is not a number from 0 to 0xff"},
        {"small", "7x", "probe,small=7x: '7x' is not a number from 0 to 0xff"},
        {"ram_size", "99999999999G",
         "probe,ram_size=99999999999G: '99999999999G' is not a number, such as 4096, 0x1000 or 4K"},
        {"ram_size", "123456789012345678901",
         "probe,ram_size=123456789012345678901: '123456789012345678901' is not a number, such as "
         "4096, 0x1000 or 4K"},
        {"enabled", "maybe", "probe,enabled=maybe: 'maybe' is not on or off"},
        {"smal", "1",
         "probe,smal=1: no property 'smal'; probe has: iobase, ram_size, small, enabled, fail, "
         "label"},
        {"peer", "x",
         "probe,peer=x: no property 'peer'; probe has: iobase, ram_size, small, enabled, fail, "
         "label"},
    };
    Board *board = board_new(clock_new_manual());
    Probe *p = device_new(board, &probe_class, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        g_assert_false(device_set(p, cases[i].name, cases[i].text, &err));
        g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
        g_assert_cmpstr(err->message, ==, cases[i].message);
    }
    g_assert_cmpuint(p->small, ==, 5);
    board_free(board);
}

static void test_realize_fails(void)
{
    Board *board = board_new(clock_new_manual());
    Probe *p = device_new(board, &probe_class, NULL);
    g_autoptr(GError) err = NULL;

    device_set_uint(p, "fail", 1);
    g_assert_false(device_realize(p, &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_HOST);
    g_assert_cmphex(address_space_load(&board->ports, 0x100, 1), ==, 0xff);
    board_free(board);
}

/* --- saved state ------------------------------------------------------------------------------ */

/* The receiver of a line hears no edge when loading brings back the level it had. */
static void test_load_makes_no_edge(void)
{
    Probe *a, *b;
    Board *from = board_with(&a), *to = board_with(&b);
    g_autoptr(GByteArray) out = g_byte_array_new();

    address_space_store(&from->ports, 0x100, 1, 1);
    device_save(&a->dev, out);
    Probe *receiver = device_new(to, &probe_class, "receiver");
    device_connect(b, "out", 0, receiver, "in", 0);
    StateReader in = {out->data, out->data + out->len};
    g_assert_true(device_load(&b->dev, 1, &in, NULL));
    device_update(b);
    g_assert_cmpuint(b->value, ==, 1);
    g_assert_cmpint(b->out[0].level, ==, 1);
    g_assert_cmpuint(receiver->updates, ==, 0);
    board_free(from);
    board_free(to);
}

static void test_load_refuses(void)
{
    Probe *p;
    Board *board = board_with(&p);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) err = NULL;

    p->value = 0xbad;
    device_save(&p->dev, out);
    StateReader in = {out->data, out->data + out->len};
    g_assert_false(device_load(&p->dev, 1, &in, &err));
    g_assert_cmpstr(err->message, ==, "value is bad");
    g_clear_error(&err);
    g_assert_false(device_load(&p->dev, 2, &in, &err));
    g_assert_cmpstr(err->message, ==,
                    "probe: state of version 2, but this program knows versions up to 1");
    board_free(board);
}

static void test_print(void)
{
    Probe *p;
    Board *board = board_with(&p);
    g_autoptr(GString) out = g_string_new(NULL);

    device_print(&p->dev, out);
    g_assert_cmpstr(out->str, ==,
                    "probe (counts)\n  value=0x0\n  in_level[0]=0x0 in_level[1]=0x0\n");
    board_free(board);
}

/* --- the registries --------------------------------------------------------------------------- */

static void test_keys(void)
{
    g_assert_cmpint(key_from_name("ret"), ==, KEY_RET);
    g_assert_cmpint(key_from_name("nokey"), ==, KEY_NONE);
    g_assert_cmpstr(key_name(KEY_F12), ==, "f12");
    g_assert_cmphex(key_scancode_set1(KEY_UP), ==, 0xe048);
    g_assert_cmphex(key_scancode_set2(KEY_A), ==, 0x1c);
    g_assert_cmphex(key_scancode_set2(KEY_NONE), ==, 0);
}

static void note_key(void *opaque, Key key, bool down)
{
    *(Key *)opaque = key;
}

static void test_newest_keyboard(void)
{
    Board *board = board_new(clock_new_manual());
    Key first = KEY_NONE, second = KEY_NONE;
    InputSink old = {.opaque = &first, .key = note_key}, new = {.opaque = &second, .key = note_key};
    InputSink pointer = {0};

    board_send_key(board, KEY_A, true);
    board_add_input(board, &old);
    board_add_input(board, &new);
    board_add_input(board, &pointer);
    board_send_key(board, KEY_A, true);
    board_send_pointer(board, 1, 1, 0, 0);
    g_assert_cmpint(first, ==, KEY_NONE);
    g_assert_cmpint(second, ==, KEY_A);
    board_free(board);
}

static int image_read(void *image, uint64_t offset, void *buffer, size_t size)
{
    memset(buffer, 0x5a, size);
    return 0;
}

static int image_write(void *image, uint64_t offset, const void *buffer, size_t size)
{
    return EIO;
}

static void note_error(void *opaque, int error)
{
    *(int *)opaque = error;
}

static void test_block(void)
{
    static const BlockOps ops = {.format = "test", .read = image_read, .write = image_write};
    Block *block = block_new_empty("ide0");
    uint8_t bytes[512];
    int error;

    block_read(block, 0, bytes, 512, note_error, &error);
    g_assert_cmpint(error, ==, ENOMEDIUM);
    block->ops = &ops;
    block->present = true;
    block->size_bytes = 1024;
    block_read(block, 512, bytes, 512, note_error, &error);
    g_assert_cmpint(error, ==, 0);
    g_assert_cmphex(bytes[511], ==, 0x5a);
    block_read(block, 513, bytes, 512, note_error, &error);
    g_assert_cmpint(error, ==, EINVAL);
    block_read(block, UINT64_MAX, bytes, 2, note_error, &error);
    g_assert_cmpint(error, ==, EINVAL);
    block_write(block, 0, bytes, 512, note_error, &error);
    g_assert_cmpint(error, ==, EROFS);
    block->access = BLOCK_READWRITE;
    block_write(block, 0, bytes, 512, note_error, &error);
    g_assert_cmpint(error, ==, EIO);
    block_flush(block, note_error, &error);
    g_assert_cmpint(error, ==, 0);
    g_assert_cmpuint(block->reads, ==, 1);
    g_assert_cmpuint(block->bytes_read, ==, 512);
    g_assert_cmpuint(block->writes, ==, 0);
    block_free(block);
}

static size_t room_for_two(void *opaque)
{
    return 2;
}

static void receive(void *opaque, const uint8_t *bytes, size_t count)
{
    g_string_append_len(opaque, (const char *)bytes, count);
}

static void chr_free(Chardev *chr)
{
}

static void test_chardev(void)
{
    static const ChardevOps ops = {.name = "test", .free = chr_free};
    g_autoptr(GString) got = g_string_new(NULL);
    ChardevFrontend front = {.can_receive = room_for_two, .receive = receive, .opaque = got};
    Chardev chr;

    chardev_init(&chr, &ops, "serial0");
    g_assert_cmpuint(chardev_deliver(&chr, (const uint8_t *)"abc", 3), ==, 0);
    chardev_attach(&chr, &front);
    g_assert_cmpuint(chardev_deliver(&chr, (const uint8_t *)"abc", 3), ==, 2);
    g_assert_cmpstr(got->str, ==, "ab");
    chardev_write(NULL, "x", 1);
    chardev_free(&chr);
}

static void test_log_items(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_true(log_set_items("int,trace:device_*", &err));
    g_assert_true(log_on(LOG_INT));
    g_assert_true(trace_on[TRACE_device_reset]);
    log_mask = 0;
    trace_on[TRACE_device_reset] = 0;
    g_assert_false(log_set_items("int,nothing", &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
    g_assert_nonnull(strstr(err->message, "'nothing'"));
    g_clear_error(&err);
    g_assert_false(log_set_items("trace:nothing*", &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
    log_mask = 0;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device/registers", test_registers);
    g_test_add_func("/device/base-property", test_base_property);
    g_test_add_func("/device/lines", test_lines);
    g_test_add_func("/device/timer", test_timer);
    g_test_add_func("/device/two-passes", test_two_passes);
    g_test_add_func("/device/names", test_names);
    g_test_add_func("/device/properties", test_properties);
    g_test_add_func("/device/property-errors", test_property_errors);
    g_test_add_func("/device/realize-fails", test_realize_fails);
    g_test_add_func("/device/load-makes-no-edge", test_load_makes_no_edge);
    g_test_add_func("/device/load-refuses", test_load_refuses);
    g_test_add_func("/device/print", test_print);
    g_test_add_func("/registry/keys", test_keys);
    g_test_add_func("/registry/newest-keyboard", test_newest_keyboard);
    g_test_add_func("/registry/block", test_block);
    g_test_add_func("/registry/chardev", test_chardev);
    g_test_add_func("/log/items", test_log_items);
    return g_test_run();
}
