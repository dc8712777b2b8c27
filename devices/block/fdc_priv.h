/* fdc_priv.h - a floppy drive as its controller sees it. */
#ifndef MYNA_DEVICES_BLOCK_FDC_PRIV_H
#define MYNA_DEVICES_BLOCK_FDC_PRIV_H

#include "core/block.h"
#include "core/state.h"

enum { FLOPPY_SECTOR = 512, FLOPPY_SIZE_CODE = 2 /* N of a 512-byte sector */ };

/* What a medium of a certain size is. [82077AA] "Data Rate Select Register": rate. */
typedef struct FloppyGeometry {
    uint16_t kib;
    uint8_t sectors, tracks, heads;
    uint8_t rate; /* 0 = 500, 1 = 300, 2 = 250, 3 = 1000 kbit/s */
} FloppyGeometry;

typedef struct Floppy {
    Block *block; /* NULL: no drive */

    uint8_t track;
    bool changed; /* the medium, since the last step with one in */
} Floppy;

extern const StateField floppy_fields[];

/* The medium's, or NULL without one. */
const FloppyGeometry *floppy_geometry(const Floppy *d);

/* Moves the heads. Without a drive there is nothing to move and no track 0: false. */
bool floppy_seek(Floppy *d, unsigned track);

bool floppy_write_protected(const Floppy *d);

/* Byte offset in the image. */
uint64_t floppy_offset(const FloppyGeometry *g, unsigned track, unsigned head, unsigned sector);

#endif
