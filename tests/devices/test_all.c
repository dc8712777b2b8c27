/* test_all.c - what holds for every device class: it saves what it loads, resets to one state, and
 * survives a guest that throws random accesses at it. */
#include "devices/devices.h"
#include "tests/support/testbus.h"

enum { HAMMER_ROUNDS = 20000 };

/* The larger half of the values a guest writes by mistake are small or all ones. */
static uint64_t random_value(void)
{
    uint64_t value = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();

    switch (g_test_rand_int_range(0, 4)) {
    case 0:
        return value & 0xff;
    case 1:
        return UINT64_MAX;
    default:
        return value;
    }
}

static void hammer_range(TestBus *t, unsigned n)
{
    const MemRegion *r = device_region(t->dev, n);
    if (!r->parent)
        return;
    const MemRegion *root = r;
    while (root->parent)
        root = root->parent;
    AddressSpace *as = root == &t->board->port_root ? &t->board->ports : &t->board->memory;
    unsigned size = 1u << g_test_rand_int_range(0, 4);
    uint64_t offset = (uint64_t)(g_test_rand_double() * r->size);
    if (g_test_rand_bit())
        offset &= 0xff; /* registers crowd at the start */

    if (g_test_rand_bit())
        address_space_store(as, test_range(t, n) + offset, random_value(), size);
    else
        address_space_load(as, test_range(t, n) + offset, size);
}

static void hammer_lines(TestBus *t)
{
    const DeviceClass *klass = ((Device *)t->dev)->klass;

    for (const LineDef *def = klass->lines; def && def->name; def++)
        if (def->input && g_test_rand_int_range(0, 4) == 0)
            set_line(t, def->name, g_test_rand_int_range(0, def->count), g_test_rand_bit());
}

static void hammer_config(TestBus *t)
{
    PciFunction *f = t->dev;
    unsigned size = 1u << g_test_rand_int_range(0, 3);
    unsigned offset = g_test_rand_int_range(0, PCI_CONFIG_SIZE) & ~(size - 1);

    pci_config_write(t->pci, f->devfn, offset, random_value(), size);
    pci_config_read(t->pci, f->devfn, offset, size);
}

static void hammer(TestBus *t, unsigned rounds)
{
    Device *dev = t->dev;

    for (unsigned i = 0; i < rounds; i++) {
        if (dev->region_count)
            hammer_range(t, g_test_rand_int_range(0, dev->region_count));
        if (i % 16 == 0)
            hammer_lines(t);
        if (i % 64 == 0 && t->pci)
            hammer_config(t);
        /* Time in bounded pieces of work: at most a few thousand timer events. */
        if (i % 8 == 0)
            clock_step(t, g_test_rand_int_range(0, 2000));
        if (i % 256 == 0) {
            clock_advance(t->board->clock, g_test_rand_int_range(0, 50 * NS_PER_MS));
            clock_run_due(t->board->clock);
        }
    }
}

static void assert_same(TestBus *t, GByteArray *a, GByteArray *b, const char *when)
{
    if (a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0))
        return;
    unsigned i = 0;
    while (i < MIN(a->len, b->len) && a->data[i] == b->data[i])
        i++;
    g_error("%s: state differs %s at byte %u of %u", ((Device *)t->dev)->klass->name, when, i,
            a->len);
}

static void check_reload(TestBus **t, const char *when)
{
    device_update((*t)->dev); /* as loading does: some state says up to when it is current */
    g_autoptr(GByteArray) before = test_bus_save(*t);

    *t = test_bus_reload(*t);
    g_autoptr(GByteArray) after = test_bus_save(*t);
    assert_same(*t, before, after, when);
}

static void check_reset(TestBus *t)
{
    test_bus_reset(t);
    g_autoptr(GByteArray) once = test_bus_save(t);
    test_bus_reset(t);
    g_autoptr(GByteArray) twice = test_bus_save(t);
    assert_same(t, once, twice, "after a second reset");
}

/* Truncated state is refused, with an error that names the device. */
static void check_truncated(TestBus *t)
{
    Device *dev = t->dev;
    g_autoptr(GByteArray) bytes = test_bus_save(t);

    for (unsigned cut = 1; cut <= bytes->len; cut += 1 + cut / 2) {
        g_autoptr(GError) err = NULL;
        StateReader in = {bytes->data, bytes->data + bytes->len - cut};
        g_assert_false(device_load(dev, dev->klass->version, &in, &err));
        g_assert_nonnull(err);
    }
}

/* State of random bytes is refused or makes a device that lives. */
static void check_hostile_state(const char *name)
{
    for (unsigned round = 0; round < 20; round++) {
        TestBus *t = test_bus(name);
        Device *dev = t->dev;
        g_autoptr(GByteArray) bytes = test_bus_save(t);
        g_autoptr(GError) err = NULL;

        for (unsigned i = 0; i < bytes->len; i++)
            if (round % 2 || g_test_rand_int_range(0, 8) == 0)
                bytes->data[i] = g_test_rand_int();
        StateReader in = {bytes->data, bytes->data + bytes->len};
        if (device_load(dev, dev->klass->version, &in, &err)) {
            device_update(dev);
            hammer(t, 200);
        } else {
            g_assert_nonnull(err);
        }
        test_bus_free(t);
    }
}

static void test_class(gconstpointer data)
{
    const DeviceClass *klass = data;
    TestBus *t = test_bus(klass->name);
    g_autoptr(GString) text = g_string_new(NULL);

    check_reset(t);
    check_reload(&t, "after reset, reload");
    hammer(t, HAMMER_ROUNDS);
    check_reload(&t, "after use, reload");
    hammer(t, HAMMER_ROUNDS / 10);
    device_print(t->dev, text);
    g_assert_cmpuint(text->len, >, 0);
    check_reset(t);
    check_truncated(t);
    test_bus_free(t);
    check_hostile_state(klass->name);
}

/* Two machines in one process do not meet: what one does, the other's state does not show. */
static void test_two_boards(gconstpointer data)
{
    const DeviceClass *klass = data;
    TestBus *quiet = test_bus(klass->name);
    g_autoptr(GByteArray) before = test_bus_save(quiet);
    TestBus *busy = test_bus(klass->name);

    hammer(busy, 1000);
    g_autoptr(GByteArray) after = test_bus_save(quiet);
    assert_same(quiet, before, after, "after another machine ran");
    test_bus_free(busy);
    test_bus_free(quiet);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned n = 0; device_class_at(n); n++) {
        const DeviceClass *klass = device_class_at(n);
        g_autofree char *path = g_strdup_printf("/devices/%s/life", klass->name);
        g_autofree char *pair = g_strdup_printf("/devices/%s/two-boards", klass->name);
        g_test_add_data_func(path, klass, test_class);
        g_test_add_data_func(pair, klass, test_two_boards);
    }
    return g_test_run();
}
