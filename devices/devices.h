/* devices.h - the list of device classes. A class is found by its name, as in -device. */
#ifndef MYNA_DEVICES_DEVICES_H
#define MYNA_DEVICES_DEVICES_H

#include "core/device.h"

#define DEVICE(name) extern const DeviceClass name##_class;
#include "devices/devices.def"
#undef DEVICE

const DeviceClass *device_class_find(const char *name); /* NULL if there is none */

/* The nth class, NULL after the last. */
const DeviceClass *device_class_at(unsigned n);

#endif
