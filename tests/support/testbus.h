/* testbus.h - one device on an otherwise empty board, driven by a test without a CPU.
 *
 * The board has a manual clock, 16 MiB of RAM at 0, and a PCI bus if the device wants one.
 * Properties and links that are not the defaults are set by the test in a `setup` function. */
#ifndef MYNA_TESTS_SUPPORT_TESTBUS_H
#define MYNA_TESTS_SUPPORT_TESTBUS_H

#include "core/device.h"
#include "core/pci.h"

#define TEST_RAM_SIZE (16 * MIB)

typedef struct TestBus TestBus;

/* Runs between device_new and device_realize: properties and links. */
typedef void TestSetup(TestBus *t);

struct TestBus {
    Board *board;
    MemRegion ram;
    PciBus *pci; /* NULL unless the device is a PCI function */
    MemRegion pci_memory;
    void *dev; /* the device, which is also board->devices[0] */
    TestSetup *setup;
    void *user;         /* the test's */
    GPtrArray *watches; /* one for each output pin */
    GArray *requests;   /* of TestRequest: what the device asked of the board */
    Ns wall_clock;      /* of virtual time 0, ns since 1970; default 2000-01-01 00:00:00 */
};

typedef struct TestRequest {
    BoardRequest what;
    int value;
} TestRequest;

/* Makes, realizes and resets a device of the class in the device list. Fails the test on error. */
TestBus *test_bus(const char *class_name);
TestBus *test_bus_with(const char *class_name, TestSetup *setup, void *user);
void test_bus_free(TestBus *t);
void test_bus_reset(TestBus *t);

/* The bus and device anew, in the state of t, which is freed: what follows proves that the state
 * fields are all there is. */
TestBus *test_bus_reload(TestBus *t);

/* The device's saved state. */
GByteArray *test_bus_save(TestBus *t);

/* Ports. */
uint8_t inb(TestBus *t, uint16_t port);
uint16_t inw(TestBus *t, uint16_t port);
uint32_t inl(TestBus *t, uint16_t port);
void outb(TestBus *t, uint16_t port, uint8_t value);
void outw(TestBus *t, uint16_t port, uint16_t value);
void outl(TestBus *t, uint16_t port, uint32_t value);

/* Memory. */
uint8_t readb(TestBus *t, PhysAddr pa);
uint16_t readw(TestBus *t, PhysAddr pa);
uint32_t readl(TestBus *t, PhysAddr pa);
uint64_t readq(TestBus *t, PhysAddr pa);
void writeb(TestBus *t, PhysAddr pa, uint8_t value);
void writew(TestBus *t, PhysAddr pa, uint16_t value);
void writel(TestBus *t, PhysAddr pa, uint32_t value);
void writeq(TestBus *t, PhysAddr pa, uint64_t value);

/* Where range n of the class can be reached: as mapped, or, if the device leaves that to others, at
 * an address in memory of the test bus's choice. */
PhysAddr test_range(TestBus *t, unsigned n);

/* Lets virtual time pass, firing timers on time. */
void clock_step(TestBus *t, Ns by);

/* Input pins. */
void set_line(TestBus *t, const char *name, unsigned n, int level);

/* Output pins: the level now; edges and calls since test_bus. */
int level(TestBus *t, const char *name, unsigned n);
unsigned rises(TestBus *t, const char *name, unsigned n);
unsigned falls(TestBus *t, const char *name, unsigned n);
unsigned messages(TestBus *t, const char *name, unsigned n); /* changes and irq_send alike */

#endif
