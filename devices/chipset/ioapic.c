/* ioapic.c - I/O APIC with 24 inputs. [82093AA]; version 20h adds the EOI register ([ICH9] "EOIR").
 *
 * Input levels are logical: 1 = asserted. Polarity bits are kept and mean nothing here, since a
 * board wires no inverters. */
#include "core/apic_bus.h"
#include "core/device.h"
#include "core/trace.h"

enum { PINS = 24, VERSION = 0x20 };
enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 };
enum { INDEX_ID = 0, INDEX_VERSION = 1, INDEX_ARBITRATION = 2, INDEX_TABLE = 0x10 };

/* Redirection entry. [82093AA] "I/O redirection table registers". */
enum {
    ENTRY_LOGICAL = 11,
    ENTRY_REMOTE_IRR = 14,
    ENTRY_LEVEL = 15,
    ENTRY_MASKED = 16,
    ENTRY_DEST = 56
};
#define ENTRY_READ_ONLY ((uint64_t)1 << 12 | (uint64_t)1 << ENTRY_REMOTE_IRR)
#define ENTRY_WRITABLE  (0xff0000000001ffffull & ~ENTRY_READ_ONLY)

typedef struct IoApic {
    Device dev;
    /* properties */
    uint64_t base;
    ApicBus *bus;
    /* state */
    uint8_t select;
    uint8_t id;
    uint32_t levels; /* of the inputs */
    uint64_t table[PINS];
} IoApic;

static void send(IoApic *a, unsigned pin)
{
    uint64_t entry = a->table[pin];
    ApicMessage message = {
        .dest = entry >> ENTRY_DEST,
        .logical = bit_get(entry, ENTRY_LOGICAL),
        .delivery = bits_get(entry, 8, 3),
        .vector = entry,
        .level = bit_get(entry, ENTRY_LEVEL),
    };

    trace_ioapic_send(pin, entry);
    apic_bus_send(a->bus, &message);
}

/* A level input that is up is sent once, and again after each EOI while it stays up. */
static void serve_level(IoApic *a, unsigned pin)
{
    uint64_t *entry = &a->table[pin];

    if (!bit_get(*entry, ENTRY_LEVEL) || bit_get(*entry, ENTRY_MASKED) ||
        bit_get(*entry, ENTRY_REMOTE_IRR) || !(a->levels >> pin & 1))
        return;
    unsigned delivery = bits_get(*entry, 8, 3);
    if (delivery == APIC_FIXED || delivery == APIC_LOWEST) /* only these are ended by an EOI */
        *entry |= (uint64_t)1 << ENTRY_REMOTE_IRR;
    send(a, pin);
}

/* [82093AA] "Interrupt mask": an edge on a masked input is lost. */
static void ioapic_irq(void *dev, int n, int level)
{
    IoApic *a = dev;
    bool rising = level && !(a->levels >> n & 1);

    a->levels = level ? a->levels | 1u << n : a->levels & ~(1u << n);
    if (bit_get(a->table[n], ENTRY_LEVEL))
        serve_level(a, n);
    else if (rising && !bit_get(a->table[n], ENTRY_MASKED))
        send(a, n);
}

static void ioapic_eoi(void *opaque, uint8_t vector)
{
    IoApic *a = opaque;

    for (unsigned pin = 0; pin < PINS; pin++) {
        uint64_t *entry = &a->table[pin];
        if ((uint8_t)*entry != vector || !bit_get(*entry, ENTRY_REMOTE_IRR))
            continue;
        *entry &= ~((uint64_t)1 << ENTRY_REMOTE_IRR);
        serve_level(a, pin);
    }
}

/* --- registers -------------------------------------------------------------------------------- */

static uint32_t read_index(const IoApic *a)
{
    unsigned pin = (a->select - INDEX_TABLE) / 2;

    switch (a->select) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return (uint32_t)a->id << 24;
    case INDEX_VERSION:
        return VERSION | (PINS - 1) << 16;
    default:
        if (a->select < INDEX_TABLE || pin >= PINS)
            return UINT32_MAX;
        return (uint32_t)(a->select & 1 ? a->table[pin] >> 32 : a->table[pin]);
    }
}

/* Software clears a stuck remote IRR by making the entry edge triggered. */
static void write_entry(IoApic *a, unsigned pin, uint64_t value, uint64_t half)
{
    uint64_t *entry = &a->table[pin];
    uint64_t mask = ENTRY_WRITABLE & half;

    *entry = (*entry & ~mask) | (value & mask);
    if (!bit_get(*entry, ENTRY_LEVEL))
        *entry &= ~((uint64_t)1 << ENTRY_REMOTE_IRR);
    serve_level(a, pin);
}

static void write_index(IoApic *a, uint32_t value)
{
    unsigned pin = (a->select - INDEX_TABLE) / 2;

    if (a->select == INDEX_ID)
        a->id = value >> 24 & 0xf;
    else if (a->select >= INDEX_TABLE && pin < PINS && a->select & 1)
        write_entry(a, pin, (uint64_t)value << 32, ~(uint64_t)UINT32_MAX);
    else if (a->select >= INDEX_TABLE && pin < PINS)
        write_entry(a, pin, value, UINT32_MAX);
}

static uint64_t ioapic_read(void *dev, uint64_t offset, unsigned size)
{
    IoApic *a = dev;

    if (offset == REG_SELECT)
        return a->select;
    return offset == REG_WINDOW ? read_index(a) : 0;
}

static void ioapic_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    IoApic *a = dev;

    if (offset == REG_SELECT)
        a->select = value;
    else if (offset == REG_WINDOW)
        write_index(a, value);
    else if (offset == REG_EOI)
        ioapic_eoi(a, value);
}

/* --- the class -------------------------------------------------------------------------------- */

static bool ioapic_realize(void *dev, GError **err)
{
    IoApic *a = dev;

    apic_bus_add_io(a->bus, ioapic_eoi, a);
    return true;
}

static void ioapic_unrealize(void *dev)
{
    IoApic *a = dev;

    apic_bus_remove(a->bus, a);
}

/* The levels are the wires'. */
static void ioapic_reset(void *dev)
{
    IoApic *a = dev;

    a->select = 0;
    a->id = 0;
    for (unsigned pin = 0; pin < PINS; pin++)
        a->table[pin] = (uint64_t)1 << ENTRY_MASKED;
}

static const Property props[] = {
    PROP_U(IoApic, base, 0xfec00000, "address of its registers"),
    PROP_L(IoApic, bus, "APIC bus"),
    PROPS_END,
};

static const IoRange io[] = {
    {"ioapic", IO_MEMORY, 0xfec00000, PAGE_SIZE, 4, 4, ioapic_read, ioapic_write,
     BASE_FROM(IoApic, base), .priority = 16},
    {0},
};

static const LineDef lines[] = {LINE_IN("irq", PINS, ioapic_irq), {0}};

static const StateField state[] = {
    STATE(IoApic, select),      STATE(IoApic, id), STATE(IoApic, levels),
    STATE_ARRAY(IoApic, table), STATE_END,
};

const DeviceClass ioapic_class = {
    .name = "ioapic",
    .desc = "I/O APIC",
    .size = sizeof(IoApic),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
};
