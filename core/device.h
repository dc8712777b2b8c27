/* device.h - the device framework: a device is one file, one DeviceClass, one line in a list.
 *
 * The framework allocates the device, applies properties, maps its ranges, splits accesses,
 * connects lines, resets in two passes (every reset, then every update), saves, loads and prints
 * the state fields, and calls `update` after each register write, load, line change and timer. A
 * device keeps to four parts in this order: `Device dev` (or `PciFunction pci`), properties, state,
 * derived. */
#ifndef MYNA_CORE_DEVICE_H
#define MYNA_CORE_DEVICE_H

#include "core/board.h"
#include "core/irq.h"
#include "core/state.h"

typedef struct DeviceClass DeviceClass;

struct Device {
    const DeviceClass *klass;
    char *id; /* the user's id=, or a name made by the framework, never NULL */
    Board *board;
    Timer timer;        /* armed by `update`; fires `expire`, then `update` */
    MemRegion *regions; /* one for each IoRange */
    unsigned region_count;
    struct DevicePin *pins;     /* one for each LineDef: what an input's IrqFn is given */
    struct DeviceRange *ranges; /* one for each IoRange: what a region's MemOps are given */
    bool realized;
};

/* Properties: what the board or the user sets before realize. */
typedef enum PropKind {
    PROP_END,
    PROP_BOOL,   /* bool; "on", "off" */
    PROP_UINT,   /* unsigned of `size` bytes; decimal, 0x.., with suffixes K M G for size 8 */
    PROP_STRING, /* char *, owned by the device */
    PROP_LINK,   /* a pointer that only the board sets (a back end, another object) */
} PropKind;

typedef struct Property {
    const char *name; /* QEMU's name where there is one */
    PropKind kind;
    uint32_t offset;
    uint32_t size;
    uint64_t initial;
    const char *help;
} Property;

#define PROP_U(S, f, initial, help)                                       \
    {                                                                     \
#f, PROP_UINT, offsetof(S, f), sizeof(((S *)0)->f), initial, help \
    }
#define PROP_NAMED_U(name, S, f, initial, help)                             \
    {                                                                       \
        name, PROP_UINT, offsetof(S, f), sizeof(((S *)0)->f), initial, help \
    }
#define PROP_B(S, f, initial, help)                                \
    {                                                              \
#f, PROP_BOOL, offsetof(S, f), sizeof(bool), initial, help \
    }
#define PROP_S(S, f, help)                                       \
    {                                                            \
#f, PROP_STRING, offsetof(S, f), sizeof(char *), 0, help \
    }
#define PROP_L(S, f, help)                                     \
    {                                                          \
#f, PROP_LINK, offsetof(S, f), sizeof(void *), 0, help \
    }
#define PROPS_END                     \
    {                                 \
        NULL, PROP_END, 0, 0, 0, NULL \
    }

/* Register ranges. */
typedef enum IoSpace {
    IO_PORTS,
    IO_MEMORY,
    IO_UNMAPPED, /* a region made but not mapped: PCI BARs, and what the board places itself */
} IoSpace;

typedef struct IoRange {
    const char *name;
    IoSpace space;
    uint64_t base;
    uint64_t size;                  /* in addresses */
    uint8_t min_access, max_access; /* bytes; 0 = 1 and 4 */
    /* `dev` is the device struct; offset counts from base */
    uint64_t (*read)(void *dev, uint64_t offset, unsigned size);
    void (*write)(void *dev, uint64_t offset, uint64_t value, unsigned size);
    uint32_t base_prop; /* offset of a uint32_t or uint64_t property that replaces base; 0 = none */
    uint8_t base_prop_size;
    int priority;
} IoRange;
#define BASE_FROM(S, f) .base_prop = offsetof(S, f), .base_prop_size = sizeof(((S *)0)->f)

/* Pins. An input has a function, an output a member of type IrqLine[count]. */
typedef struct LineDef {
    const char *name;
    unsigned count;
    void (*input)(void *dev, int n, int level); /* inputs; `update` runs afterwards */
    uint32_t output;                            /* outputs: offset of IrqLine[count] */
} LineDef;
#define LINE_IN(name, n, fn) \
    {                        \
        name, n, fn, 0       \
    }
#define LINE_OUT(name, S, f)                                              \
    {                                                                     \
        name, sizeof(((S *)0)->f) / sizeof(IrqLine), NULL, offsetof(S, f) \
    }

struct DeviceClass {
    const char *name; /* as in -device and `info` */
    const char *desc;
    size_t size;           /* of the device struct, whose first member is a Device */
    const Property *props; /* lists end with PROPS_END, {0}, {0}, STATE_END */
    const IoRange *io;
    const LineDef *lines;
    const StateField *state;
    unsigned version;    /* of the state list */
    bool user_creatable; /* may be named in -device */
    const struct PciClass
        *pci; /* a PCI function: its struct begins with PciFunction (core/pci.h) */
    bool (*realize)(void *dev, GError **err); /* properties are set, ranges are mapped after it */
    void (*unrealize)(void *dev);
    void (*reset)(void *dev);  /* state to its power-on value; no outputs */
    void (*update)(void *dev); /* outputs and dev.timer from state and clock; idempotent */
    void (*expire)(void *dev); /* dev.timer fired; `update` follows */
    /* After load: refuse state the hardware cannot have been in, which later code would trust. */
    bool (*loaded)(void *dev, GError **err);
    void (*print)(void *dev, GString *out); /* `info`: what the field list does not show well */
};

/* Makes a device with its properties' initial values. `id` may be NULL. The board owns it. */
void *device_new(Board *board, const DeviceClass *klass, const char *id);

/* A property's initial value in place of its class's: an item of Board.defaults. */
typedef struct DeviceDefault {
    const DeviceClass *klass;
    const char *property, *text; /* device_class_takes them */
} DeviceDefault;

/* Would device_set take this? */
bool device_class_takes(const DeviceClass *klass, const char *name, const char *text,
                        GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Sets a property from the user's text; the error quotes the option and says what would be right.
 */
bool device_set(void *dev, const char *name, const char *text,
                GError **err) G_GNUC_WARN_UNUSED_RESULT;
void device_set_uint(void *dev, const char *name, uint64_t value); /* asserts that it exists */
void device_set_link(void *dev, const char *name, void *target);

bool device_realize(void *dev, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* For boards: new + set_uint pairs done, realize cannot fail for host reasons. Asserts on error. */
void device_realize_builtin(void *dev);

/* Wires output pin `out`[n] to input pin `in`[m]. Asserts that both exist. */
void device_connect(void *from, const char *out, unsigned n, void *to, const char *in, unsigned m);
/* Wires output pin `out`[n] to any function. */
void device_connect_fn(void *from, const char *out, unsigned n, IrqFn *fn, void *opaque, int fn_n);
/* An IrqLine that drives input pin `in`[m] of a device. */
IrqLine device_input(void *to, const char *in, unsigned m);

MemRegion *device_region(void *dev, unsigned range); /* the region of io[range] */
Device *board_find_device(Board *board, const char *id_or_class);

/* Runs the class's update; for devices that change state outside registers, lines and the timer. */
void device_update(void *dev);

/* The state fields, and what the framework keeps: output levels, PCI configuration. Loading drives
 * no output: when all devices are loaded, device_update each. */
void device_save(Device *dev, GByteArray *out);
bool device_load(Device *dev, unsigned version, StateReader *in,
                 GError **err) G_GNUC_WARN_UNUSED_RESULT;
void device_print(Device *dev, GString *out); /* the state fields, for `info` */

#endif
