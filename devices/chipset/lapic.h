/* lapic.h - what the board asks of a local APIC beyond the device framework. */
#ifndef MYNA_DEVICES_LAPIC_H
#define MYNA_DEVICES_LAPIC_H

#include "core/apic_bus.h"
#include "core/intc.h"

/* What an APIC needs of its board and CPU: the "host" link. Any function may be NULL. */
typedef struct LapicHost {
    int (*inta)(void *opaque); /* vector of the 8259A behind LINT0 */
    Ns (*tsc_time)(void *opaque,
                   uint64_t tsc); /* virtual time at which the CPU's TSC has this value */
    void (*base_changed)(void *opaque, PhysAddr base); /* IA32_APIC_BASE moved the registers */
    void *opaque;
} LapicHost;

/* The CPU's side; intc is the device. */
extern const IntcOps lapic_intc_ops;

/* The register page. offset is 0 to FFFh; accesses are of 32 bits. */
uint32_t lapic_mmio_read(void *lapic, uint64_t offset);
void lapic_mmio_write(void *lapic, uint64_t offset, uint32_t value);

/* The window at FEE00000h through which every CPU sees its own APIC, and devices send MSIs.
 * `current` returns the APIC of the CPU whose access this is, or NULL if it is a device's. */
void lapic_window_wire(void *window, ApicBus *bus, void *(*current)(void *opaque), void *opaque);
void lapic_window_move(void *window, PhysAddr base);

#endif
