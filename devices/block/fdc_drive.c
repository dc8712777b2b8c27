/* fdc_drive.c - floppy drives and the formats of their media, which an image's size tells. */
#include "devices/block/fdc_priv.h"

static const FloppyGeometry geometries[] = {
    /* KiB, sectors, tracks, heads, rate */
    {2880, 36, 80, 2, 3}, {1440, 18, 80, 2, 0}, {1680, 21, 80, 2, 0}, {1722, 21, 82, 2, 0},
    {1200, 15, 80, 2, 0}, {720, 9, 80, 2, 2},   {360, 9, 40, 2, 1},   {320, 8, 40, 2, 1},
    {180, 9, 40, 1, 1},   {160, 8, 40, 1, 1},
};
enum { GEOMETRY_1440 = 1 };

const FloppyGeometry *floppy_geometry(const Floppy *d)
{
    if (!d->block || !d->block->present)
        return NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(geometries); i++)
        if (d->block->size_bytes == geometries[i].kib * KIB)
            return &geometries[i];
    return &geometries[GEOMETRY_1440]; /* cut short or padded: its sectors are where 1.44 MB has
                                          them */
}

bool floppy_seek(Floppy *d, unsigned track)
{
    if (!d->block)
        return false;
    d->track = track;
    if (d->block->present)
        d->changed = false;
    return true;
}

bool floppy_write_protected(const Floppy *d)
{
    return !d->block || d->block->access == BLOCK_READONLY;
}

uint64_t floppy_offset(const FloppyGeometry *g, unsigned track, unsigned head, unsigned sector)
{
    return (((uint64_t)track * g->heads + head) * g->sectors + sector - 1) * FLOPPY_SECTOR;
}

const StateField floppy_fields[] = {
    STATE(Floppy, track),
    STATE(Floppy, changed),
    STATE_END,
};
