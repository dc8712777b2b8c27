/* device_priv.h - what the parts of the framework and the board share. */
#ifndef MYNA_CORE_DEVICE_PRIV_H
#define MYNA_CORE_DEVICE_PRIV_H

#include "core/device.h"

/* property.c */
void device_init_properties(Device *dev);
void device_free_properties(Device *dev);

void device_reset(Device *dev); /* the first pass: no outputs */
void device_free(Device *dev);

#endif
