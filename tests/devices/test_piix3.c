/* test_piix3.c - interrupt routing and the reset control register. [PIIX3]. */
#include "devices/chipset/piix3.h"
#include "devices/devices.h"
#include "tests/support/testbus.h"

static void route(TestBus *t, unsigned pirq, uint8_t value)
{
    pci_config_write(t->pci, ((PciFunction *)t->dev)->devfn, 0x60 + pirq, value, 1);
}

static void test_identity(void)
{
    TestBus *t = test_bus("PIIX3");
    int devfn = ((PciFunction *)t->dev)->devfn;

    g_assert_cmphex(pci_config_read(t->pci, devfn, 0, 4), ==, 0x70008086);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 8, 4), ==, 0x06010000);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x0e, 1), ==, 0x80);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x60, 4), ==, 0x80808080);
    g_assert_cmphex(pci_config_read(t->pci, devfn, 0x4c, 4), ==, 0x0003004d);
    test_bus_free(t);
}

/* [PIIX3] "PIRQRC[A:D]": bit 7 disables, bits 3:0 choose the IRQ. */
static void test_routing(void)
{
    TestBus *t = test_bus("PIIX3");

    piix3_pci_set_irq(t->dev, 3 << 3, 0, 1); /* INTA# of device 3: PIRQC# */
    for (unsigned n = 0; n < 16; n++)
        g_assert_cmpint(level(t, "isa_irq", n), ==, 0);
    route(t, 2, 11);
    g_assert_cmpint(level(t, "isa_irq", 11), ==, 1);
    route(t, 2, 10);
    g_assert_cmpint(level(t, "isa_irq", 11), ==, 0);
    g_assert_cmpint(level(t, "isa_irq", 10), ==, 1);
    route(t, 2, 0x8a);
    g_assert_cmpint(level(t, "isa_irq", 10), ==, 0);
    test_bus_free(t);
}

static void test_slot_rotation(void)
{
    TestBus *t = test_bus("PIIX3");

    for (unsigned pirq = 0; pirq < 4; pirq++)
        route(t, pirq, 4 + pirq);
    for (unsigned slot = 1; slot < 8; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned irq = 4 + (pin + slot - 1) % 4;

            piix3_pci_set_irq(t->dev, slot << 3, pin, 1);
            g_assert_cmpint(level(t, "isa_irq", irq), ==, 1);
            piix3_pci_set_irq(t->dev, slot << 3, pin, 0);
            g_assert_cmpint(level(t, "isa_irq", irq), ==, 0);
        }
    }
    test_bus_free(t);
}

/* Level triggered lines are shared: PCI functions among themselves and with ISA. */
static void test_sharing(void)
{
    TestBus *t = test_bus("PIIX3");

    route(t, 0, 9);
    route(t, 1, 9);
    piix3_pci_set_irq(t->dev, 1 << 3, 0, 1);
    piix3_pci_set_irq(t->dev, 5 << 3, 0, 1); /* PIRQA# too */
    piix3_pci_set_irq(t->dev, 2 << 3, 0, 1); /* PIRQB# */
    set_line(t, "isa", 9, 1);
    piix3_pci_set_irq(t->dev, 1 << 3, 0, 0);
    g_assert_cmpint(level(t, "isa_irq", 9), ==, 1);
    piix3_pci_set_irq(t->dev, 5 << 3, 0, 0);
    g_assert_cmpint(level(t, "isa_irq", 9), ==, 1);
    piix3_pci_set_irq(t->dev, 2 << 3, 0, 0);
    g_assert_cmpint(level(t, "isa_irq", 9), ==, 1);
    t = test_bus_reload(t);
    g_assert_cmpint(level(t, "isa_irq", 9), ==, 1);
    set_line(t, "isa", 9, 0);
    g_assert_cmpint(level(t, "isa_irq", 9), ==, 0);
    g_assert_cmpuint(rises(t, "isa_irq", 9), ==, 1);
    test_bus_free(t);
}

/* The register as the host bridge reaches it: a byte at CF9 inside the address port. */
typedef struct Pair {
    Board *board;
    MemRegion ram, pci_memory;
    PciBus *bus;
    unsigned resets;
} Pair;

static void count_reset(void *opaque, BoardRequest what, int value)
{
    Pair *p = opaque;

    if (what == BOARD_RESET)
        p->resets++;
}

static void test_reset_control(void)
{
    Pair p = {.board = board_new(clock_new_manual())};
    GError *err = NULL;
    AddressSpace *ports = &p.board->ports;

    p.board->request = count_reset;
    p.board->request_opaque = &p;
    g_assert_true(mem_init_ram(&p.ram, "ram", MIB, &err));
    mem_add(&p.board->memory_root, 0, &p.ram, 0);
    mem_init_container(&p.pci_memory, "pci", (uint64_t)1 << 52);
    void *bridge = device_new(p.board, &i440fx_class, NULL);
    void *piix3 = device_new(p.board, &piix3_class, NULL);
    p.bus = pci_bus_new(p.board, &p.pci_memory, &p.board->port_root, piix3_pci_set_irq, piix3);
    pci_attach(bridge, p.bus, 0);
    pci_attach(piix3, p.bus, 1 << 3);
    device_realize_builtin(piix3);
    device_set_link(bridge, "ram", &p.ram);
    device_set_link(bridge, "reset_port", device_region(piix3, 0));
    device_realize_builtin(bridge);
    board_reset(p.board);

    address_space_store(ports, 0xcf8, 0x80000604, 4); /* an address whose second byte is 06 */
    g_assert_cmpuint(p.resets, ==, 0);
    address_space_store(ports, 0xcf9, 0x02, 1); /* hard reset chosen, not begun */
    g_assert_cmpuint(p.resets, ==, 0);
    g_assert_cmphex(address_space_load(ports, 0xcf9, 1), ==, 0x02);
    g_assert_cmphex(address_space_load(ports, 0xcf8, 4), ==, 0x80000604);
    address_space_store(ports, 0xcf9, 0x06, 1);
    g_assert_cmpuint(p.resets, ==, 1);
    board_free(p.board);
    pci_bus_free(p.bus);
    mem_fini(&p.pci_memory);
    mem_fini(&p.ram);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix3/identity", test_identity);
    g_test_add_func("/piix3/routing", test_routing);
    g_test_add_func("/piix3/slot-rotation", test_slot_rotation);
    g_test_add_func("/piix3/sharing", test_sharing);
    g_test_add_func("/piix3/reset-control", test_reset_control);
    return g_test_run();
}
