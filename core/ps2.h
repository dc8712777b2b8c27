/* ps2.h - the cable between a keyboard controller and a PS/2 keyboard or mouse.
 *
 * The board makes one PS2Link for each port and gives it to both ends as their "link" properties;
 * each end fills in its half when it is realized. The device keeps what it wants to say; the
 * controller pulls a byte when it has room for one, as the real one does by releasing the clock. */
#ifndef MYNA_CORE_PS2_H
#define MYNA_CORE_PS2_H

#include "core/types.h"

typedef struct PS2Link {
    /* The device's half. */
    void *device;
    void (*send)(void *device, uint8_t byte); /* a command or argument byte for the device */
    bool (*ready)(void *device);              /* has it a byte to send? */
    uint8_t (*take)(void *device);            /* its next byte; only when ready */

    /* The controller's half: called when the device may have become ready. */
    void *host;
    void (*wake)(void *host);
} PS2Link;

static inline void ps2_wake(PS2Link *link)
{
    if (link && link->wake)
        link->wake(link->host);
}

#endif
