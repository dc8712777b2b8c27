/* device.c - the device framework: life, register ranges, lines, saved state. Properties are in
 * property.c. */
#include "core/device_priv.h"
#include "core/error.h"
#include "core/pci_priv.h"
#include "core/trace.h"

/* A PCI function's struct begins with a PciFunction, which begins with the Device. */
static PciFunction *pci_of(Device *dev)
{
    return dev->klass->pci ? (PciFunction *)dev : NULL;
}

/* What the IrqFn of an input pin is given: `update` runs after the pin's own function. */
typedef struct DevicePin {
    Device *dev;
    const LineDef *def;
} DevicePin;

/* What the MemOps of a register range are given. */
typedef struct DeviceRange {
    Device *dev;
    const IoRange *def;
    MemOps ops;
} DeviceRange;

static unsigned range_count(const DeviceClass *klass)
{
    unsigned n = 0;

    while (klass->io && klass->io[n].name)
        n++;
    return n;
}

static unsigned line_count(const DeviceClass *klass)
{
    unsigned n = 0;

    while (klass->lines && klass->lines[n].name)
        n++;
    return n;
}

void device_update(void *device)
{
    Device *dev = device;

    if (dev->klass->update)
        dev->klass->update(dev);
}

static void timer_fired(void *device)
{
    Device *dev = device;

    if (dev->klass->expire)
        dev->klass->expire(dev);
    device_update(dev);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t range_read(void *opaque, uint64_t offset, unsigned size)
{
    DeviceRange *range = opaque;

    return range->def->read(range->dev, offset, size);
}

static void range_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    DeviceRange *range = opaque;

    range->def->write(range->dev, offset, value, size);
    device_update(range->dev);
}

static void make_regions(Device *dev)
{
    dev->region_count = range_count(dev->klass);
    dev->regions = g_new0(MemRegion, dev->region_count);
    dev->ranges = g_new0(DeviceRange, dev->region_count);
    for (unsigned i = 0; i < dev->region_count; i++) {
        const IoRange *def = &dev->klass->io[i];
        dev->ranges[i] = (DeviceRange){
            .dev = dev,
            .def = def,
            .ops =
                {
                    .read = def->read ? range_read : NULL,
                    .write = def->write ? range_write : NULL,
                    .min_size = def->min_access ? def->min_access : 1,
                    .max_size = def->max_access ? def->max_access : 4,
                },
        };
        mem_init_io(&dev->regions[i], def->name, def->size, &dev->ranges[i].ops, &dev->ranges[i]);
    }
}

static uint64_t range_base(const Device *dev, const IoRange *def)
{
    return def->base_prop ? load_le((const uint8_t *)dev + def->base_prop, def->base_prop_size)
                          : def->base;
}

static void map_regions(Device *dev)
{
    for (unsigned i = 0; i < dev->region_count; i++) {
        const IoRange *def = &dev->klass->io[i];
        uint64_t base = range_base(dev, def);
        if (def->space == IO_PORTS)
            mem_add(&dev->board->port_root, base, &dev->regions[i], def->priority);
        else if (def->space == IO_MEMORY)
            mem_add(&dev->board->memory_root, base, &dev->regions[i], def->priority);
    }
}

MemRegion *device_region(void *device, unsigned range)
{
    Device *dev = device;

    g_assert(range < dev->region_count);
    return &dev->regions[range];
}

/* --- lines ------------------------------------------------------------------------------------ */

static const LineDef *find_line(const Device *dev, const char *name, unsigned n)
{
    for (const LineDef *def = dev->klass->lines; def && def->name; def++) {
        if (strcmp(def->name, name) == 0) {
            g_assert(n < def->count);
            return def;
        }
    }
    g_error("%s has no line '%s'", dev->klass->name, name);
}

static IrqLine *output_line(Device *dev, const char *name, unsigned n)
{
    const LineDef *def = find_line(dev, name, n);

    g_assert(!def->input);
    return (IrqLine *)((uint8_t *)dev + def->output) + n;
}

static void pin_driven(void *opaque, int n, int level)
{
    DevicePin *pin = opaque;

    pin->def->input(pin->dev, n, level);
    device_update(pin->dev);
}

IrqLine device_input(void *to, const char *in, unsigned m)
{
    Device *dev = to;
    const LineDef *def = find_line(dev, in, m);

    g_assert(def->input);
    return (IrqLine){.fn = pin_driven, .opaque = &dev->pins[def - dev->klass->lines], .n = (int)m};
}

void device_connect_fn(void *from, const char *out, unsigned n, IrqFn *fn, void *opaque, int fn_n)
{
    irq_connect(output_line(from, out, n), fn, opaque, fn_n);
}

void device_connect(void *from, const char *out, unsigned n, void *to, const char *in, unsigned m)
{
    IrqLine pin = device_input(to, in, m);

    device_connect_fn(from, out, n, pin.fn, pin.opaque, pin.n);
}

/* --- life ------------------------------------------------------------------------------------- */

Device *board_find_device(Board *board, const char *id_or_class)
{
    for (unsigned i = 0; i < board->devices->len; i++) {
        Device *dev = g_ptr_array_index(board->devices, i);
        if (strcmp(dev->id, id_or_class) == 0)
            return dev;
    }
    for (unsigned i = 0; i < board->devices->len; i++) {
        Device *dev = g_ptr_array_index(board->devices, i);
        if (strcmp(dev->klass->name, id_or_class) == 0)
            return dev;
    }
    return NULL;
}

/* The class's name, numbered from the second device of the class on. */
static char *default_id(Board *board, const DeviceClass *klass)
{
    unsigned same = 0;

    for (unsigned i = 0; i < board->devices->len; i++)
        same += ((Device *)g_ptr_array_index(board->devices, i))->klass == klass;
    return same ? g_strdup_printf("%s#%u", klass->name, same) : g_strdup(klass->name);
}

void *device_new(Board *board, const DeviceClass *klass, const char *id)
{
    Device *dev = g_malloc0(klass->size);
    unsigned lines = line_count(klass);

    dev->klass = klass;
    dev->board = board;
    dev->id = id ? g_strdup(id) : default_id(board, klass);
    timer_init(&dev->timer, board->clock, timer_fired, dev);
    dev->pins = g_new0(DevicePin, lines);
    for (unsigned i = 0; i < lines; i++)
        dev->pins[i] = (DevicePin){dev, &klass->lines[i]};
    device_init_properties(dev);
    if (pci_of(dev))
        pci_function_init(pci_of(dev));
    g_ptr_array_add(board->devices, dev);
    return dev;
}

bool device_realize(void *device, GError **err)
{
    Device *dev = device;

    g_assert(!dev->realized);
    make_regions(dev);
    if (pci_of(dev) && !pci_function_plug(pci_of(dev), err))
        return false;
    if (dev->klass->realize && !dev->klass->realize(dev, err))
        return false;
    dev->realized = true;
    map_regions(dev);
    return true;
}

void device_realize_builtin(void *device)
{
    Device *dev = device;
    GError *err = NULL;

    if (!device_realize(dev, &err))
        g_error("%s: %s", dev->id, err->message);
}

void device_free(Device *dev)
{
    if (dev->realized && dev->klass->unrealize)
        dev->klass->unrealize(dev);
    if (pci_of(dev))
        pci_function_unplug(pci_of(dev));
    timer_fini(&dev->timer);
    for (unsigned i = 0; i < dev->region_count; i++)
        mem_fini(&dev->regions[i]);
    device_free_properties(dev);
    g_free(dev->regions);
    g_free(dev->ranges);
    g_free(dev->pins);
    g_free(dev->id);
    g_free(dev);
}

void device_reset(Device *dev)
{
    trace_device_reset(dev->id);
    if (pci_of(dev))
        pci_function_reset(pci_of(dev));
    if (dev->klass->reset)
        dev->klass->reset(dev);
}

/* --- saved state ------------------------------------------------------------------------------ */

/* Levels travel with the state: a receiver that counts edges must not see one when the first update
 * after loading drives what was driven before. */
static const StateField line_fields[] = {STATE(IrqLine, level), STATE_END};

void device_save(Device *dev, GByteArray *out)
{
    if (pci_of(dev))
        pci_function_save(pci_of(dev), out);
    state_save(dev->klass->state, dev, out);
    for (const LineDef *def = dev->klass->lines; def && def->name; def++)
        for (unsigned n = 0; !def->input && n < def->count; n++)
            state_save(line_fields, output_line(dev, def->name, n), out);
}

bool device_load(Device *dev, unsigned version, StateReader *in, GError **err)
{
    if (version > dev->klass->version) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE,
                    "%s: state of version %u, but this program knows versions up to %u", dev->id,
                    version, dev->klass->version);
        return false;
    }
    if (pci_of(dev) && !pci_function_load(pci_of(dev), in, err))
        return false;
    if (!state_load(dev->klass->state, version, dev->id, dev, in, err))
        return false;
    for (const LineDef *def = dev->klass->lines; def && def->name; def++)
        for (unsigned n = 0; !def->input && n < def->count; n++)
            if (!state_load(line_fields, version, dev->id, output_line(dev, def->name, n), in, err))
                return false;
    return !dev->klass->loaded || dev->klass->loaded(dev, err);
}

void device_print(Device *dev, GString *out)
{
    g_string_append_printf(out, "%s (%s)\n", dev->id, dev->klass->desc ? dev->klass->desc : "");
    state_print(dev->klass->state, dev, 2, out);
    if (dev->klass->print)
        dev->klass->print(dev, out);
}
