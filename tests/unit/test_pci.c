/* test_pci.c - configuration space, BARs and interrupt pins. [PCI] "Configuration Space". */
#include "core/error.h"
#include "core/pci.h"

enum { MEM_BAR = 0, IO_BAR = 4, MEM_SIZE = 0x10000, IO_SIZE = 0x40, CAP_ID = 0x05 };

typedef struct Dummy {
    PciFunction pci;
    MemRegion rom;
    unsigned capability;
    unsigned config_writes, config_reads;
} Dummy;

typedef struct IrqLog {
    int devfn, pin, level;
    unsigned calls;
} IrqLog;

typedef struct Fixture {
    Board *board;
    MemRegion memory, ram;
    PciBus *bus;
    IrqLog irq;
} Fixture;

static uint64_t dummy_read(void *dev, uint64_t offset, unsigned size)
{
    return 0xd0 + offset;
}

static void dummy_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
}

static bool dummy_realize(void *dev, GError **err)
{
    Dummy *d = dev;
    static const uint8_t image[0x800] = {0x55, 0xaa};

    pci_set_bar(&d->pci, MEM_BAR, device_region(d, 0), false, true);
    pci_set_bar(&d->pci, IO_BAR, device_region(d, 1), true, false);
    if (!mem_init_rom(&d->rom, "rom", image, sizeof(image), err))
        return false;
    pci_set_rom(&d->pci, &d->rom);
    d->capability = pci_add_capability(&d->pci, CAP_ID, 10);
    d->pci.clear_on_one[0x61] = 0x0f;
    d->pci.writable[0x61] = 0;
    return true;
}

static void dummy_unrealize(void *dev)
{
    mem_fini(&((Dummy *)dev)->rom);
}

static void dummy_config_written(void *dev, unsigned offset, unsigned size)
{
    ((Dummy *)dev)->config_writes++;
}

static void dummy_config_reading(void *dev, unsigned offset, unsigned size)
{
    ((Dummy *)dev)->config_reads++;
}

static const IoRange dummy_io[] = {
    {"mem", IO_UNMAPPED, 0, MEM_SIZE, 1, 4, dummy_read, dummy_write},
    {"io", IO_UNMAPPED, 0, IO_SIZE, 1, 4, dummy_read, dummy_write},
    {0},
};

static const StateField dummy_state[] = {STATE_END};

static const PciClass dummy_pci = {
    .vendor = 0x1234,
    .device = 0x5678,
    .revision = 9,
    .class_code = 0x0200,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .interrupt_pin = 2,
    .config_written = dummy_config_written,
    .config_reading = dummy_config_reading,
};

static const DeviceClass dummy_class = {
    .name = "dummy",
    .desc = "test function",
    .size = sizeof(Dummy),
    .io = dummy_io,
    .state = dummy_state,
    .pci = &dummy_pci,
    .realize = dummy_realize,
    .unrealize = dummy_unrealize,
};

static void hear_irq(void *opaque, int devfn, int pin, int level)
{
    Fixture *x = opaque;

    x->irq = (IrqLog){devfn, pin, level, x->irq.calls + 1};
}

static void set_up(Fixture *x)
{
    GError *err = NULL;

    *x = (Fixture){.board = board_new(clock_new_manual())};
    mem_init_container(&x->memory, "pci", (uint64_t)1 << 52);
    mem_add(&x->board->memory_root, 0, &x->memory, -1);
    g_assert_true(mem_init_ram(&x->ram, "ram", MIB, &err));
    mem_add(&x->board->memory_root, 0, &x->ram, 0);
    x->bus = pci_bus_new(x->board, &x->memory, &x->board->port_root, hear_irq, x);
}

static void tear_down(Fixture *x)
{
    board_free(x->board);
    pci_bus_free(x->bus);
    mem_fini(&x->memory);
    mem_fini(&x->ram);
}

static Dummy *add_dummy(Fixture *x, int devfn)
{
    Dummy *d = device_new(x->board, &dummy_class, NULL);

    pci_attach(d, x->bus, devfn);
    device_realize_builtin(d);
    board_reset(x->board);
    return d;
}

static uint32_t get(Fixture *x, int devfn, unsigned reg, unsigned size)
{
    return pci_config_read(x->bus, devfn, reg, size);
}

static void set(Fixture *x, int devfn, unsigned reg, uint32_t value, unsigned size)
{
    pci_config_write(x->bus, devfn, reg, value, size);
}

static void test_header(void)
{
    Fixture x;

    set_up(&x);
    add_dummy(&x, 0x18);
    g_assert_cmphex(get(&x, 0x18, 0, 4), ==, 0x56781234);
    g_assert_cmphex(get(&x, 0x18, 8, 4), ==, 0x02000009);
    g_assert_cmphex(get(&x, 0x18, 0x2c, 4), ==, 0x11001af4);
    g_assert_cmphex(get(&x, 0x18, 0x3d, 1), ==, 2);
    set(&x, 0x18, 0, 0, 4);
    g_assert_cmphex(get(&x, 0x18, 0, 4), ==, 0x56781234);
    set(&x, 0x18, 0x3c, 0xff0b, 2); /* the line is the guest's, the pin is not */
    g_assert_cmphex(get(&x, 0x18, 0x3c, 2), ==, 0x020b);
    /* [PCI] "Configuration Space Decoding": an absent function reads as ones. */
    g_assert_cmphex(get(&x, 0x19, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(get(&x, 0x19, 0, 2), ==, 0xffff);
    set(&x, 0x19, 4, 7, 2);
    /* Ones to a command register stick where there is something to control. */
    set(&x, 0x18, 4, 0xffffffff, 4);
    g_assert_cmphex(get(&x, 0x18, 4, 2), ==, 0x0507);
    tear_down(&x);
}

static void test_bar_sizing(void)
{
    Fixture x;

    set_up(&x);
    add_dummy(&x, 0x18);
    g_assert_cmphex(get(&x, 0x18, 0x10, 4), ==, 0x00000008); /* prefetchable memory */
    g_assert_cmphex(get(&x, 0x18, 0x20, 4), ==, 0x00000001); /* I/O */
    for (unsigned reg = 0x10; reg <= 0x30; reg += 4)
        if (reg != 0x28 && reg != 0x2c)
            set(&x, 0x18, reg, 0xffffffff, 4);
    g_assert_cmphex(get(&x, 0x18, 0x10, 4), ==, 0xffff0008);
    g_assert_cmphex(get(&x, 0x18, 0x14, 4), ==, 0);
    g_assert_cmphex(get(&x, 0x18, 0x20, 4), ==, 0xffffffc1);
    g_assert_cmphex(get(&x, 0x18, 0x30, 4), ==, 0xfffff001); /* RAM is rounded to pages */
    tear_down(&x);
}

static void test_bar_mapping(void)
{
    Fixture x;
    AddressSpace *memory, *ports;

    set_up(&x);
    memory = &x.board->memory;
    ports = &x.board->ports;
    Dummy *d = add_dummy(&x, 0x18);
    set(&x, 0x18, 0x10, 0xe0000000, 4);
    set(&x, 0x18, 0x20, 0xc000, 4);
    g_assert_cmphex(address_space_load(memory, 0xe0000004, 1), ==, 0xff);
    set(&x, 0x18, 4, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(address_space_load(memory, 0xe0000004, 1), ==, 0xd4);
    g_assert_cmphex(address_space_load(ports, 0xc003, 1), ==, 0xff);
    set(&x, 0x18, 4, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(address_space_load(ports, 0xc003, 1), ==, 0xd3);
    /* Moving, and sizing while enabled. */
    set(&x, 0x18, 0x10, 0xe1000000, 4);
    g_assert_cmphex(address_space_load(memory, 0xe0000004, 1), ==, 0xff);
    g_assert_cmphex(address_space_load(memory, 0xe1000004, 1), ==, 0xd4);
    set(&x, 0x18, 0x10, 0xffffffff, 4);
    g_assert_false(d->pci.bars[MEM_BAR].mapped);
    g_assert_cmphex(address_space_load(memory, 0xffff0004, 1), ==, 0xff);
    set(&x, 0x18, 0x10, 0, 4);
    g_assert_false(d->pci.bars[MEM_BAR].mapped);
    /* The expansion ROM has an enable bit of its own. */
    set(&x, 0x18, 0x30, 0xe2000000, 4);
    g_assert_cmphex(address_space_load(memory, 0xe2000000, 2), ==, 0xffff);
    set(&x, 0x18, 0x30, 0xe2000001, 4);
    g_assert_cmphex(address_space_load(memory, 0xe2000000, 2), ==, 0xaa55);
    set(&x, 0x18, 4, 0, 2);
    g_assert_cmphex(address_space_load(memory, 0xe2000000, 2), ==, 0xffff);
    g_assert_cmphex(address_space_load(ports, 0xc003, 1), ==, 0xff);
    tear_down(&x);
}

static void test_interrupt(void)
{
    Fixture x;

    set_up(&x);
    Dummy *d = add_dummy(&x, 0x18);
    pci_set_intx(&d->pci, 1);
    pci_set_intx(&d->pci, 1);
    g_assert_cmpuint(x.irq.calls, ==, 1);
    g_assert_cmpint(x.irq.devfn, ==, 0x18);
    g_assert_cmpint(x.irq.pin, ==, 1); /* INTB# */
    g_assert_cmpint(x.irq.level, ==, 1);
    g_assert_cmphex(get(&x, 0x18, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, PCI_STATUS_INTERRUPT);
    set(&x, 0x18, 4, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(x.irq.level, ==, 0);
    g_assert_cmphex(get(&x, 0x18, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, PCI_STATUS_INTERRUPT);
    set(&x, 0x18, 4, 0, 2);
    g_assert_cmpint(x.irq.level, ==, 1);
    board_reset(x.board);
    g_assert_cmpint(x.irq.level, ==, 0);
    tear_down(&x);
}

static void test_capability(void)
{
    Fixture x;

    set_up(&x);
    Dummy *d = add_dummy(&x, 0x18);
    g_assert_cmphex(d->capability, ==, 0x40);
    g_assert_cmphex(get(&x, 0x18, 0x34, 1), ==, 0x40);
    g_assert_cmphex(get(&x, 0x18, 0x40, 2), ==, 0x0005);
    g_assert_cmphex(get(&x, 0x18, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES, !=, 0);
    g_assert_cmphex(pci_add_capability(&d->pci, 0x11, 12), ==, 0x4c); /* after 10 bytes, aligned */
    g_assert_cmphex(get(&x, 0x18, 0x40, 2), ==, 0x4c05);
    set(&x, 0x18, 0x40, 0xffffffff, 4);
    g_assert_cmphex(get(&x, 0x18, 0x40, 4), ==, 0x00004c05);
    /* Bits cleared by ones. */
    d->pci.config[0x61] = 0xff;
    set(&x, 0x18, 0x61, 0x35, 1);
    g_assert_cmphex(get(&x, 0x18, 0x61, 1), ==, 0xfa);
    d->config_writes = d->config_reads = 0;
    get(&x, 0x18, 0x60, 4);
    set(&x, 0x18, 0x60, 1, 4);
    g_assert_cmpuint(d->config_reads, ==, 1);
    g_assert_cmpuint(d->config_writes, ==, 1);
    tear_down(&x);
}

static void test_dma(void)
{
    Fixture x;
    uint8_t byte = 0x12;

    set_up(&x);
    Dummy *d = add_dummy(&x, 0x18);
    pci_dma_write(&d->pci, 0x1000, &byte, 1);
    g_assert_cmphex(x.ram.host[0x1000], ==, 0);
    pci_dma_read(&d->pci, 0x1000, &byte, 1);
    g_assert_cmphex(byte, ==, 0xff);
    set(&x, 0x18, 4, PCI_COMMAND_MASTER, 2);
    byte = 0x34;
    pci_dma_write(&d->pci, 0x1000, &byte, 1);
    g_assert_cmphex(x.ram.host[0x1000], ==, 0x34);
    tear_down(&x);
}

static void test_places(void)
{
    Fixture x;
    g_autoptr(GError) err = NULL;

    set_up(&x);
    g_assert_cmpint(add_dummy(&x, -1)->pci.devfn, ==, 0x00);
    g_assert_cmpint(add_dummy(&x, 0x09)->pci.devfn, ==, 0x09);
    g_assert_cmpint(add_dummy(&x, -1)->pci.devfn, ==, 0x10); /* slot 1 has a function already */
    Dummy *d = device_new(x.board, &dummy_class, NULL);
    pci_attach(d, x.bus, 0x09);
    g_assert_false(device_realize(d, &err));
    g_assert_cmpstr(err->message, ==, "dummy: PCI address 01.1 is taken by dummy");
    tear_down(&x);
}

static void test_state(void)
{
    Fixture x;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;

    set_up(&x);
    Dummy *d = add_dummy(&x, 0x18);
    set(&x, 0x18, 0x10, 0xe0000000, 4);
    set(&x, 0x18, 4, PCI_COMMAND_MEMORY, 2);
    pci_set_intx(&d->pci, 1);
    device_save(&d->pci.dev, bytes);
    board_reset(x.board);
    g_assert_cmphex(address_space_load(&x.board->memory, 0xe0000004, 1), ==, 0xff);
    StateReader in = {bytes->data, bytes->data + bytes->len};
    g_assert_true(device_load(&d->pci.dev, 0, &in, &err));
    g_assert_cmphex(address_space_load(&x.board->memory, 0xe0000004, 1), ==, 0xd4);
    g_assert_cmpint(x.irq.level, ==, 1);
    bytes->data[0] ^= 1; /* another vendor's state */
    in = (StateReader){bytes->data, bytes->data + bytes->len};
    g_assert_false(device_load(&d->pci.dev, 0, &in, &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_STATE);
    g_assert_cmphex(get(&x, 0x18, 0, 4), ==, 0x56781234);
    tear_down(&x);
}

static void test_print(void)
{
    Fixture x;
    g_autoptr(GString) out = g_string_new(NULL);

    set_up(&x);
    add_dummy(&x, 0x18);
    set(&x, 0x18, 0x10, 0xe0000000, 4);
    set(&x, 0x18, 0x3c, 11, 1);
    set(&x, 0x18, 4, PCI_COMMAND_MEMORY, 2);
    pci_bus_print(x.bus, out);
    g_assert_cmpstr(out->str, ==,
                    "  Bus  0, device   3, function 0:\n"
                    "    Ethernet controller: PCI device 1234:5678\n"
                    "      PCI subsystem 1af4:1100\n"
                    "      IRQ 11, pin B\n"
                    "      BAR0: 32 bit prefetchable memory at 0xe0000000 [0xe000ffff].\n"
                    "      BAR4: I/O at 0xffffffffffffffff [0x003e].\n"
                    "      BAR6: 32 bit memory at 0xffffffffffffffff [0x00000ffe].\n"
                    "      id \"dummy\"\n");
    tear_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/header", test_header);
    g_test_add_func("/pci/bar-sizing", test_bar_sizing);
    g_test_add_func("/pci/bar-mapping", test_bar_mapping);
    g_test_add_func("/pci/interrupt", test_interrupt);
    g_test_add_func("/pci/capability", test_capability);
    g_test_add_func("/pci/dma", test_dma);
    g_test_add_func("/pci/places", test_places);
    g_test_add_func("/pci/state", test_state);
    g_test_add_func("/pci/print", test_print);
    return g_test_run();
}
