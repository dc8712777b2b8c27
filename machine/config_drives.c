/* config_drives.c - which drive is where: those of -device take their images, and each gets a
 * place.
 */
#include "core/error.h"
#include "machine/config.h"

const DriveDriver drive_drivers[] = {
    {"ide-hd", "IDE disk (drive=ID)", DRIVE_IDE, MEDIA_DISK},
    {"ide-cd", "IDE CD drive (drive=ID)", DRIVE_IDE, MEDIA_CDROM},
    {"floppy", "floppy drive (drive=ID)", DRIVE_FLOPPY, MEDIA_DISK},
    {NULL},
};

const DriveDriver *drive_driver_find(const char *name)
{
    for (const DriveDriver *d = drive_drivers; d->name; d++) {
        if (g_str_equal(d->name, name))
            return d;
    }
    return NULL;
}

/* --- drives of -device ------------------------------------------------------------------------ */

/* The image of this id that no drive has yet. */
static DriveConfig *find_image(const Config *c, const char *id)
{
    for (unsigned i = 0; i < c->drives->len; i++) {
        DriveConfig *drive = c->drives->pdata[i];
        if (drive->interface == DRIVE_NONE && drive->id && g_str_equal(drive->id, id))
            return drive;
    }
    return NULL;
}

static bool attach(Config *c, const DriveDeviceConfig *device, GError **err)
{
    const DriveDriver *driver = device->driver;
    bool may_be_empty = driver->media == MEDIA_CDROM || driver->interface == DRIVE_FLOPPY;
    DriveConfig *drive = NULL;
    if (device->drive)
        drive = find_image(c, device->drive);
    else if (may_be_empty)
        drive = config_add_drive(c);
    if (!drive) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    device->drive ? "-device \"%s\": there is no -drive if=none,id=%s, or it has a "
                                    "place already"
                                  : "-device \"%s\" names no drive=ID",
                    device->text, device->drive);
        return false;
    }
    drive->interface = driver->interface;
    drive->media = driver->media;
    drive->bus = device->bus;
    drive->unit = device->unit;
    drive->boot_index = device->boot_index;
    drive->serial = g_strdup(device->serial);
    return true;
}

static bool attach_devices(Config *c, GError **err)
{
    for (unsigned i = 0; i < c->drive_devices->len; i++) {
        if (!attach(c, c->drive_devices->pdata[i], err))
            return false;
    }
    return true;
}

/* --- places ----------------------------------------------------------------------------------- */

/* Places: IDE has four, the floppy controller two. */
static bool finish_drive(Config *c, DriveConfig *drive, uint32_t taken[2], GError **err)
{
    if (drive->interface == DRIVE_NONE)
        return true;
    bool ide = drive->interface == DRIVE_IDE;
    unsigned places = ide ? 4 : 2;
    if (drive->bus != DRIVE_INDEX_ANY || drive->unit != DRIVE_INDEX_ANY) {
        unsigned bus = drive->bus == DRIVE_INDEX_ANY ? 0 : drive->bus;
        unsigned unit = drive->unit == DRIVE_INDEX_ANY ? 0 : drive->unit;
        drive->index = ide ? bus * 2 + unit : unit;
    }
    if (drive->index == DRIVE_INDEX_ANY) {
        /* A CD goes where people look for it first. */
        unsigned first = ide && drive->media == MEDIA_CDROM ? 2 : 0;
        for (unsigned i = 0; i < places && drive->index == DRIVE_INDEX_ANY; i++) {
            if (!bit_get(taken[drive->interface], (first + i) % places))
                drive->index = (first + i) % places;
        }
    }
    const char *file = drive->file ? drive->file : "(empty)";
    if (drive->index >= places) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "drive %s: the %s controller has %u places only", file, ide ? "IDE" : "floppy",
                    places);
        return false;
    }
    if (bit_get(taken[drive->interface], drive->index)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "drive %s: %s index %u is taken twice", file,
                    ide ? "IDE" : "floppy", drive->index);
        return false;
    }
    taken[drive->interface] |= 1u << drive->index;
    return true;
}

bool config_finish_drives(Config *c, GError **err)
{
    if (!attach_devices(c, err))
        return false;
    uint32_t taken[2] = {0, 0}; /* places by DriveInterface; the named ones first */
    for (int named = 1; named >= 0; named--) {
        for (unsigned i = 0; i < c->drives->len; i++) {
            DriveConfig *drive = c->drives->pdata[i];
            bool has_place = drive->index != DRIVE_INDEX_ANY || drive->bus != DRIVE_INDEX_ANY ||
                             drive->unit != DRIVE_INDEX_ANY;
            if (has_place == named && !finish_drive(c, drive, taken, err))
                return false;
            drive->snapshot |= c->snapshot;
        }
    }
    return true;
}
