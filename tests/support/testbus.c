/* testbus.c - one device on an otherwise empty board. */
#include "tests/support/testbus.h"
#include "devices/devices.h"

#define UNMAPPED_BASE   ((PhysAddr)1 << 40) /* ranges that the device does not map itself */
#define UNMAPPED_STEP   ((PhysAddr)1 << 32)
#define WALL_CLOCK_2000 (946684800 * NS_PER_SEC)

typedef struct Watch {
    const char *name;
    unsigned n;
    int level;
    unsigned rises, falls, calls;
} Watch;

/* --- lines ------------------------------------------------------------------------------------ */

static void watch_driven(void *opaque, int n, int level)
{
    Watch *w = opaque;

    w->calls++;
    w->rises += level && !w->level;
    w->falls += !level && w->level;
    w->level = level;
}

static void watch_outputs(TestBus *t, const DeviceClass *klass)
{
    for (const LineDef *def = klass->lines; def && def->name; def++) {
        for (unsigned n = 0; !def->input && n < def->count; n++) {
            Watch *w = g_new0(Watch, 1);
            *w = (Watch){.name = def->name, .n = n};
            g_ptr_array_add(t->watches, w);
            device_connect_fn(t->dev, def->name, n, watch_driven, w, 0);
        }
    }
}

static const Watch *find_watch(TestBus *t, const char *name, unsigned n)
{
    for (unsigned i = 0; i < t->watches->len; i++) {
        const Watch *w = g_ptr_array_index(t->watches, i);
        if (strcmp(w->name, name) == 0 && w->n == n)
            return w;
    }
    g_error("no output line %s[%u]", name, n);
}

int level(TestBus *t, const char *name, unsigned n)
{
    return find_watch(t, name, n)->level;
}

unsigned rises(TestBus *t, const char *name, unsigned n)
{
    return find_watch(t, name, n)->rises;
}

unsigned falls(TestBus *t, const char *name, unsigned n)
{
    return find_watch(t, name, n)->falls;
}

unsigned messages(TestBus *t, const char *name, unsigned n)
{
    return find_watch(t, name, n)->calls;
}

void set_line(TestBus *t, const char *name, unsigned n, int level)
{
    IrqLine line = device_input(t->dev, name, n);

    line.fn(line.opaque, line.n, level);
}

/* --- making and freeing ----------------------------------------------------------------------- */

static void note_request(void *opaque, BoardRequest what, int value)
{
    TestBus *t = opaque;
    TestRequest request = {what, value};

    g_array_append_val(t->requests, request);
}

static Ns wall_clock(void *opaque)
{
    TestBus *t = opaque;

    return t->wall_clock + clock_now(t->board->clock);
}

static void pci_irq(void *opaque, int devfn, int pin, int level)
{
}

static void make_board(TestBus *t)
{
    GError *err = NULL;

    t->board = board_new(clock_new_manual());
    t->board->request = note_request;
    t->board->request_opaque = t;
    t->board->wall_clock = wall_clock;
    t->board->wall_clock_opaque = t;
    if (!mem_init_ram(&t->ram, "test.ram", TEST_RAM_SIZE, &err))
        g_error("%s", err->message);
    mem_add(&t->board->memory_root, 0, &t->ram, -1);
}

/* Every BAR gets an address and decodes it. */
static void enable_function(TestBus *t)
{
    PciFunction *f = t->dev;

    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        if (!f->bars[n].region)
            continue;
        uint32_t address = f->bars[n].io ? 0xc000 + n * 0x400 : 0xe0000000 + n * 0x02000000;
        pci_config_write(t->pci, f->devfn, PCI_BAR0 + 4 * n, address, 4);
    }
    pci_config_write(t->pci, f->devfn, PCI_COMMAND,
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void map_unmapped(TestBus *t, const DeviceClass *klass)
{
    for (unsigned n = 0; klass->io && klass->io[n].name; n++)
        if (klass->io[n].space == IO_UNMAPPED && !device_region(t->dev, n)->parent && !t->pci)
            mem_add(&t->board->memory_root, UNMAPPED_BASE + n * UNMAPPED_STEP,
                    device_region(t->dev, n), 0);
}

/* A bus whose memory is apart, as behind a host bridge, which may map it itself in realize. */
static void make_pci(TestBus *t)
{
    mem_init_container(&t->pci_memory, "pci", (uint64_t)1 << 52);
    t->pci = pci_bus_new(t->board, &t->pci_memory, &t->board->port_root, pci_irq, t);
    pci_attach(t->dev, t->pci, -1);
}

static void map_pci(TestBus *t)
{
    if (t->pci && !t->pci_memory.parent)
        mem_add(&t->board->memory_root, 0, &t->pci_memory, -1);
}

/* The one link that every test would set alike. */
static void link_ram(TestBus *t, const DeviceClass *klass)
{
    for (const Property *p = klass->props; p && p->kind != PROP_END; p++)
        if (p->kind == PROP_LINK && strcmp(p->name, "ram") == 0)
            device_set_link(t->dev, "ram", &t->ram);
}

TestBus *test_bus_with(const char *class_name, TestSetup *setup, void *user)
{
    const DeviceClass *klass = device_class_find(class_name);
    TestBus *t = g_new0(TestBus, 1);

    if (!klass)
        g_error("no device class '%s' in devices.def", class_name);
    t->setup = setup;
    t->user = user;
    t->watches = g_ptr_array_new_with_free_func(g_free);
    t->requests = g_array_new(FALSE, FALSE, sizeof(TestRequest));
    t->wall_clock = WALL_CLOCK_2000;
    make_board(t);
    t->dev = device_new(t->board, klass, NULL);
    watch_outputs(t, klass);
    if (klass->pci)
        make_pci(t);
    link_ram(t, klass);
    if (setup)
        setup(t);
    device_realize_builtin(t->dev);
    map_pci(t);
    map_unmapped(t, klass);
    test_bus_reset(t);
    for (unsigned i = 0; i < t->watches->len; i++) {
        Watch *w = g_ptr_array_index(t->watches, i);
        w->rises = w->falls = w->calls = 0;
    }
    return t;
}

TestBus *test_bus(const char *class_name)
{
    return test_bus_with(class_name, NULL, NULL);
}

void test_bus_free(TestBus *t)
{
    board_free(t->board);
    if (t->pci) {
        pci_bus_free(t->pci);
        mem_fini(&t->pci_memory);
    }
    mem_fini(&t->ram);
    g_ptr_array_unref(t->watches);
    g_array_unref(t->requests);
    g_free(t);
}

void test_bus_reset(TestBus *t)
{
    board_reset(t->board);
    if (t->pci)
        enable_function(t);
}

/* --- saved state ------------------------------------------------------------------------------ */

GByteArray *test_bus_save(TestBus *t)
{
    GByteArray *bytes = g_byte_array_new();

    device_save(t->dev, bytes);
    return bytes;
}

TestBus *test_bus_reload(TestBus *t)
{
    Device *old = t->dev;
    TestBus *fresh = test_bus_with(old->klass->name, t->setup, t->user);
    g_autoptr(GByteArray) bytes = test_bus_save(t);
    StateReader in = {bytes->data, bytes->data + bytes->len};
    GError *err = NULL;

    clock_set(fresh->board->clock, clock_now(t->board->clock));
    fresh->wall_clock = t->wall_clock;
    memcpy(fresh->ram.host, t->ram.host, TEST_RAM_SIZE);
    if (!device_load(fresh->dev, old->klass->version, &in, &err))
        g_error("%s", err->message);
    g_assert_true(in.at == in.end);
    for (unsigned i = 0; i < t->watches->len; i++)
        *(Watch *)g_ptr_array_index(fresh->watches, i) = *(Watch *)g_ptr_array_index(t->watches, i);
    device_update(fresh->dev);
    test_bus_free(t);
    return fresh;
}

/* --- time ------------------------------------------------------------------------------------- */

void clock_step(TestBus *t, Ns by)
{
    Clock *clock = t->board->clock;
    Ns end = clock_now(clock) + by;

    for (;;) {
        Ns next = clock_next_deadline(clock);
        if (next > end)
            break;
        if (next > clock_now(clock))
            clock_set(clock, next);
        clock_run_due(clock);
    }
    clock_set(clock, end);
}

/* --- accesses --------------------------------------------------------------------------------- */

PhysAddr test_range(TestBus *t, unsigned n)
{
    PhysAddr at = 0;

    for (const MemRegion *r = device_region(t->dev, n); r->parent; r = r->parent)
        at += r->addr;
    return at;
}

#define ACCESSORS(bits, in, out, read, write)                         \
    uint##bits##_t in(TestBus *t, uint16_t port)                      \
    {                                                                 \
        return address_space_load(&t->board->ports, port, bits / 8);  \
    }                                                                 \
    void out(TestBus *t, uint16_t port, uint##bits##_t value)         \
    {                                                                 \
        address_space_store(&t->board->ports, port, value, bits / 8); \
    }                                                                 \
    uint##bits##_t read(TestBus *t, PhysAddr pa)                      \
    {                                                                 \
        return address_space_load(&t->board->memory, pa, bits / 8);   \
    }                                                                 \
    void write(TestBus *t, PhysAddr pa, uint##bits##_t value)         \
    {                                                                 \
        address_space_store(&t->board->memory, pa, value, bits / 8);  \
    }
ACCESSORS(8, inb, outb, readb, writeb)
ACCESSORS(16, inw, outw, readw, writew)
ACCESSORS(32, inl, outl, readl, writel)
#undef ACCESSORS

uint64_t readq(TestBus *t, PhysAddr pa)
{
    return address_space_load(&t->board->memory, pa, 8);
}

void writeq(TestBus *t, PhysAddr pa, uint64_t value)
{
    address_space_store(&t->board->memory, pa, value, 8);
}
