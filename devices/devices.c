/* devices.c - the list of device classes. */
#include "devices/devices.h"

static const DeviceClass *const classes[] = {
#define DEVICE(name) &name##_class,
#include "devices/devices.def"
#undef DEVICE
    NULL,
};

const DeviceClass *device_class_at(unsigned n)
{
    return n < G_N_ELEMENTS(classes) ? classes[n] : NULL;
}

const DeviceClass *device_class_find(const char *name)
{
    for (const DeviceClass *const *klass = classes; *klass; klass++)
        if (strcmp((*klass)->name, name) == 0)
            return *klass;
    return NULL;
}
