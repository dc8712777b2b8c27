/* pc_drives.c - the board's drives: opens the images of the config and gives each its place. */
#include "core/error.h"
#include "devices/block/image/image.h"
#include "machine/pc_priv.h"

/* The names QEMU gives: people type them in `change` and `eject`. */
static char *drive_name(const DriveConfig *drive)
{
    if (drive->id)
        return g_strdup(drive->id);
    switch (drive->interface) {
    case DRIVE_IDE:
        return g_strdup_printf("ide%u-%s%u", drive->index / 2,
                               drive->media == MEDIA_CDROM ? "cd" : "hd", drive->index % 2);
    case DRIVE_FLOPPY:
        return g_strdup_printf("floppy%u", drive->index);
    default:
        return g_strdup("none");
    }
}

static Block *open_image(const DriveConfig *drive, GError **err)
{
    bool protect = drive->readonly || drive->snapshot || drive->media == MEDIA_CDROM;
    Block *block = block_open(drive->file, drive->format,
                              protect ? IMAGE_READONLY : IMAGE_READWRITE, err);
    if (!block)
        return NULL;
    if (drive->snapshot && !drive->readonly && drive->media == MEDIA_DISK &&
        !block_add_snapshot(block, err)) {
        block_free(block);
        return NULL;
    }
    return block;
}

static bool open_drive(Pc *pc, const DriveConfig *drive, GError **err)
{
    g_autofree char *name = drive_name(drive);
    Block *block = drive->file ? open_image(drive, err) : block_new_empty(name);
    if (!block)
        return false;
    g_free(block->name);
    block->name = g_steal_pointer(&name);
    g_ptr_array_add(pc->drives, block);
    if (drive->interface == DRIVE_IDE)
        pc->ide_serial[drive->index] = drive->serial;
    if (drive->interface == DRIVE_FLOPPY)
        pc->floppy[drive->index] = block;
    else if (drive->interface == DRIVE_IDE && drive->media == MEDIA_CDROM)
        pc->ide_cdrom[drive->index] = block;
    else if (drive->interface == DRIVE_IDE)
        pc->ide_disk[drive->index] = block;
    return true;
}

/* Did -device say which drives this controller has? */
static bool named_by_device(const Pc *pc, DriveInterface interface)
{
    GPtrArray *devices = pc->config->drive_devices;
    for (unsigned i = 0; i < devices->len; i++) {
        if (((DriveDeviceConfig *)devices->pdata[i])->driver->interface == interface)
            return true;
    }
    return false;
}

/* A PC has a CD drive and a floppy drive, with or without a medium. */
static bool open_default(Pc *pc, DriveInterface interface, DriveMedia media, unsigned index,
                         GError **err)
{
    const DriveConfig drive = {.interface = interface, .media = media, .index = index};
    return open_drive(pc, &drive, err);
}

static void drive_free(void *block)
{
    block_free(block);
}

bool pc_drives_open(Pc *pc, GError **err)
{
    pc->drives = g_ptr_array_new_with_free_func(drive_free);
    GPtrArray *drives = pc->config->drives;
    for (unsigned i = 0; i < drives->len; i++) {
        if (!open_drive(pc, drives->pdata[i], err))
            return false;
    }
    if (!pc->config->defaults)
        return true;
    bool no_cd = pc->ide_disk[2] || pc->ide_cdrom[2] || named_by_device(pc, DRIVE_IDE);
    bool no_floppy = pc->floppy[0] || named_by_device(pc, DRIVE_FLOPPY);
    return (no_cd || open_default(pc, DRIVE_IDE, MEDIA_CDROM, 2, err)) &&
           (no_floppy || open_default(pc, DRIVE_FLOPPY, MEDIA_DISK, 0, err));
}

void pc_drives_close(Pc *pc)
{
    g_clear_pointer(&pc->drives, g_ptr_array_unref);
}
