/* apic_bus.h - the messages between local APICs, I/O APICs and devices that signal by MSI.
 *
 * [SDM3] "Advanced Programmable Interrupt Controller (APIC)". Delivery is immediate. A NULL bus
 * delivers nothing. Machine lock held throughout. */
#ifndef MYNA_CORE_APIC_BUS_H
#define MYNA_CORE_APIC_BUS_H

#include "core/types.h"

/* Delivery modes, as in ICR, redirection entries, LVT entries and MSI data. */
typedef enum ApicDelivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1, /* fixed, to the one of the addressed with the lowest priority */
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
} ApicDelivery;

typedef struct ApicMessage {
    uint32_t dest;
    bool wide;    /* dest has 32 bits (x2APIC ICR), else 8 */
    bool logical; /* dest is a set of logical IDs, else one physical ID or all ones */
    uint8_t delivery;
    uint8_t vector;
    bool level; /* trigger mode */
} ApicMessage;

/* Answers to ApicLocal.priority besides a processor priority of 0 to 255. */
enum { APIC_PRIORITY_FOCUS = -1, APIC_PRIORITY_UNABLE = 256 };

/* What a local APIC puts on the bus. */
typedef struct ApicLocal {
    bool (*matches)(void *opaque, const ApicMessage *message);
    int (*priority)(void *opaque,
                    const ApicMessage *message); /* in a lowest priority arbitration */
    void (*accept)(void *opaque, const ApicMessage *message);
} ApicLocal;

typedef struct ApicBus ApicBus;

ApicBus *apic_bus_new(void);
void apic_bus_free(ApicBus *bus); /* after the devices on it */

void apic_bus_add_local(ApicBus *bus, const ApicLocal *local, void *opaque);
/* `eoi` hears the vector of each level-triggered interrupt that ends. */
void apic_bus_add_io(ApicBus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque);
void apic_bus_remove(ApicBus *bus, void *opaque);

/* To those whose ID matches; false if nobody took it. */
bool apic_bus_send(ApicBus *bus, const ApicMessage *message);
/* To all but the one added with `except` (NULL: to all), whatever dest says. */
void apic_bus_broadcast(ApicBus *bus, const ApicMessage *message, const void *except);
void apic_bus_eoi(ApicBus *bus, uint8_t vector);

/* A bus master's write of data to address FEExxxxxh. [SDM3] "Message Signalled Interrupts". */
void apic_bus_msi(ApicBus *bus, PhysAddr address, uint32_t data);

#endif
