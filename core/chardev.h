/* chardev.h - a stream of bytes between a device or monitor (front end) and the host (back end). */
#ifndef MYNA_CORE_CHARDEV_H
#define MYNA_CORE_CHARDEV_H

#include "core/types.h"

typedef struct Chardev Chardev;

typedef enum ChardevEvent { CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK } ChardevEvent;

/* What the front end gives. All are called with the machine lock held. */
typedef struct ChardevFrontend {
    size_t (*can_receive)(void *opaque); /* bytes it can take now */
    void (*receive)(void *opaque, const uint8_t *bytes, size_t count);
    void (*event)(void *opaque, ChardevEvent event);
    void *opaque;
} ChardevFrontend;

typedef struct ChardevOps {
    const char *name;
    size_t (*write)(Chardev *chr, const uint8_t *bytes, size_t count); /* bytes taken */
    void (*accept_input)(Chardev *chr); /* the front end has room again */
    void (*free)(Chardev *chr);
} ChardevOps;

struct Chardev {
    const ChardevOps *ops;
    char *id;
    ChardevFrontend front;
    bool attached;
};

/* Back ends embed a Chardev first. */
void chardev_init(Chardev *chr, const ChardevOps *ops, const char *id);
void chardev_free(Chardev *chr);

void chardev_attach(Chardev *chr, const ChardevFrontend *front);
/* Writes; what the host cannot take at once is kept by the back end or dropped there. NULL chr: all
 * bytes vanish. */
void chardev_write(Chardev *chr, const void *bytes, size_t count);
void chardev_accept_input(Chardev *chr);
/* For back ends: hand bytes to the front end; returns how many it took. */
size_t chardev_deliver(Chardev *chr, const uint8_t *bytes, size_t count);

#endif
