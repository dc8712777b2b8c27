/* screenshot.h - a surface as a picture file. */
#ifndef MYNA_DEVICES_SCREENSHOT_H
#define MYNA_DEVICES_SCREENSHOT_H

#include "core/display.h"

/* Writes the surface as PNG, 8 bits a component. Errors begin with the path. */
bool surface_write_png(const Surface *surface, const char *path,
                       GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
