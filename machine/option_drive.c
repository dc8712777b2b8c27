/* option_drive.c - the options that name disks, and what to boot from. */
#include <stdio.h>

#include "core/error.h"
#include "machine/keyvalue.h"
#include "machine/option_priv.h"

OptionResult option_drive(Config *c, const char *option, const char *argument, GError **err)
{
    static const char *const interfaces[] = {
        [DRIVE_IDE] = "ide", [DRIVE_FLOPPY] = "floppy", [DRIVE_NONE] = "none", NULL};
    static const char *const media[] = {[MEDIA_DISK] = "disk", [MEDIA_CDROM] = "cdrom", NULL};
    static const KeyRow keys[] = {
        {"file", KEY_STRING, offsetof(DriveConfig, file)},
        {"id", KEY_STRING, offsetof(DriveConfig, id)},
        {"format", KEY_STRING, offsetof(DriveConfig, format)},
        {"if", KEY_CHOICE, offsetof(DriveConfig, interface), .choices = interfaces},
        {"media", KEY_CHOICE, offsetof(DriveConfig, media), .choices = media},
        {"index", KEY_UINT, offsetof(DriveConfig, index), 0, 3},
        {"bus", KEY_UINT, offsetof(DriveConfig, bus), 0, 1},
        {"unit", KEY_UINT, offsetof(DriveConfig, unit), 0, 1},
        {"readonly", KEY_BOOL, offsetof(DriveConfig, readonly)},
        {"snapshot", KEY_BOOL, offsetof(DriveConfig, snapshot)},
        {"cache", KEY_IGNORED},
        {"aio", KEY_IGNORED},
        {NULL},
    };
    DriveConfig *drive = config_add_drive(c);
    if (!keyvalue_parse("-drive", argument, NULL, keys, drive, err))
        return OPTION_ERROR;
    if (drive->format && !g_str_equal(drive->format, "raw")) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-drive: \"format=%s\" should be one of: raw", drive->format);
        return OPTION_ERROR;
    }
    if (!drive->file && drive->media == MEDIA_DISK && drive->interface != DRIVE_FLOPPY) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-drive: \"%s\" names no file=", argument);
        return OPTION_ERROR;
    }
    return OPTION_RUN;
}

/* --- drives of -device ------------------------------------------------------------------------ */

static const KeyRow *drive_device_keys(const DriveDriver *driver)
{
    static const char *const ide[] = {"ide.0", "ide.1", NULL}, *const fdc[] = {"floppy-bus.0",
                                                                               NULL};
#define COMMON_KEYS                                                                  \
    {"driver", KEY_IGNORED}, {"id", KEY_IGNORED},                                    \
        {"drive", KEY_STRING, offsetof(DriveDeviceConfig, drive)},                   \
        {"unit", KEY_UINT, offsetof(DriveDeviceConfig, unit), 0, 1},                 \
    {                                                                                \
        "bootindex", KEY_UINT, offsetof(DriveDeviceConfig, boot_index), 0, INT32_MAX \
    }
    static const KeyRow ide_keys[] = {
        COMMON_KEYS,
        {"bus", KEY_CHOICE, offsetof(DriveDeviceConfig, bus), .choices = ide},
        {"serial", KEY_STRING, offsetof(DriveDeviceConfig, serial)},
        {NULL},
    };
    static const KeyRow floppy_keys[] = {
        COMMON_KEYS,
        {"bus", KEY_CHOICE, offsetof(DriveDeviceConfig, bus), .choices = fdc},
        {NULL},
    };
    return driver->interface == DRIVE_IDE ? ide_keys : floppy_keys;
}

OptionResult option_drive_device(Config *c, const DriveDriver *driver, const char *argument,
                                 GError **err)
{
    const KeyRow *keys = drive_device_keys(driver);
    if (g_str_has_suffix(argument, ",help")) {
        printf("%s: %s\n", driver->name, driver->desc);
        for (const KeyRow *row = keys; row->name; row++) {
            if (row->kind != KEY_IGNORED)
                printf("  %s\n", row->name);
        }
        return OPTION_DONE;
    }
    DriveDeviceConfig *device = g_new0(DriveDeviceConfig, 1);
    g_ptr_array_add(c->drive_devices, device);
    device->driver = driver;
    device->text = g_strdup(argument);
    device->bus = device->unit = DRIVE_INDEX_ANY;
    device->boot_index = BOOT_INDEX_NONE;
    return keyvalue_parse("-device", argument, "driver", keys, device, err) ? OPTION_RUN
                                                                            : OPTION_ERROR;
}

/* --- drives with options of their own --------------------------------------------------------- */

static OptionResult add(Config *c, DriveInterface interface, DriveMedia media, unsigned index,
                        const char *file)
{
    DriveConfig *drive = config_add_drive(c);
    drive->interface = interface;
    drive->media = media;
    drive->index = index;
    drive->file = g_strdup(file);
    return OPTION_RUN;
}

OptionResult option_hda(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_IDE, MEDIA_DISK, 0, argument);
}

OptionResult option_hdb(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_IDE, MEDIA_DISK, 1, argument);
}

OptionResult option_hdc(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_IDE, MEDIA_DISK, 2, argument);
}

OptionResult option_hdd(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_IDE, MEDIA_DISK, 3, argument);
}

OptionResult option_cdrom(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_IDE, MEDIA_CDROM, 2, argument);
}

OptionResult option_fda(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_FLOPPY, MEDIA_DISK, 0, argument);
}

OptionResult option_fdb(Config *c, const char *option, const char *argument, GError **err)
{
    return add(c, DRIVE_FLOPPY, MEDIA_DISK, 1, argument);
}

OptionResult option_snapshot(Config *c, const char *option, const char *argument, GError **err)
{
    c->snapshot = true;
    return OPTION_RUN;
}

static bool check_letters(const char *key, const char *letters, GError **err)
{
    if (!letters || (*letters && strspn(letters, "abcdn") == strlen(letters)))
        return true;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                "-boot: \"%s=%s\" should be letters of: a (floppy), c (hard disk), d (CD), "
                "n (network)",
                key, letters);
    return false;
}

OptionResult option_boot(Config *c, const char *option, const char *argument, GError **err)
{
    static const KeyRow keys[] = {
        {"order", KEY_STRING, offsetof(Config, boot_order)},
        {"once", KEY_STRING, offsetof(Config, boot_once)},
        {"menu", KEY_BOOL, offsetof(Config, boot_menu)},
        {"splash-time", KEY_IGNORED},
        {"strict", KEY_IGNORED},
        {NULL},
    };
    bool ok = keyvalue_parse("-boot", argument, "order", keys, c, err) &&
              check_letters("order", c->boot_order, err) &&
              check_letters("once", c->boot_once, err);
    return ok ? OPTION_RUN : OPTION_ERROR;
}

static OptionResult keep(char **member, const char *argument)
{
    g_free(*member);
    *member = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_bios(Config *c, const char *option, const char *argument, GError **err)
{
    return keep(&c->bios, argument);
}

OptionResult option_kernel(Config *c, const char *option, const char *argument, GError **err)
{
    return keep(&c->kernel, argument);
}

OptionResult option_initrd(Config *c, const char *option, const char *argument, GError **err)
{
    return keep(&c->initrd, argument);
}

OptionResult option_append(Config *c, const char *option, const char *argument, GError **err)
{
    return keep(&c->append, argument);
}

OptionResult option_no_fd_bootchk(Config *c, const char *option, const char *argument, GError **err)
{
    c->floppy_boot_check = false;
    return OPTION_RUN;
}
