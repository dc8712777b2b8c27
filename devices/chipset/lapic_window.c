/* lapic_window.c - the megabyte at FEE00000h: to a CPU its own local APIC's page, to a device the
 * address of MSIs. [SDM3] "Local APIC Registers", "Message Signalled Interrupts". */
#include "core/device.h"
#include "devices/chipset/lapic.h"

#define WINDOW_SIZE MIB

typedef struct LapicWindow {
    Device dev;
    /* derived */
    ApicBus *bus;
    void *(*current)(void *opaque);
    void *opaque;
} LapicWindow;

void lapic_window_wire(void *window, ApicBus *bus, void *(*current)(void *opaque), void *opaque)
{
    LapicWindow *w = window;

    w->bus = bus;
    w->current = current;
    w->opaque = opaque;
}

void lapic_window_move(void *window, PhysAddr base)
{
    mem_set_addr(device_region(window, 0), base);
}

static void *current_lapic(const LapicWindow *w, uint64_t offset)
{
    return w->current && offset < PAGE_SIZE ? w->current(w->opaque) : NULL;
}

static uint64_t window_read(void *dev, uint64_t offset, unsigned size)
{
    void *lapic = current_lapic(dev, offset);

    return lapic ? lapic_mmio_read(lapic, offset) : UINT32_MAX;
}

static void window_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    LapicWindow *w = dev;
    void *lapic = current_lapic(w, offset);

    if (lapic)
        lapic_mmio_write(lapic, offset, value);
    else
        apic_bus_msi(w->bus, offset, value);
}

static const IoRange io[] = {
    {"apic", IO_MEMORY, 0xfee00000, WINDOW_SIZE, 4, 4, window_read, window_write, .priority = 16},
    {0},
};

static const StateField state[] = {STATE_END};

const DeviceClass lapic_window_class = {
    .name = "apic-window",
    .desc = "the local APICs' page and the MSI range",
    .size = sizeof(LapicWindow),
    .io = io,
    .state = state,
};
