/* config.h - what the user asked for: the machine described by the command line, nothing opened
 * yet. */
#ifndef MYNA_MACHINE_CONFIG_H
#define MYNA_MACHINE_CONFIG_H

#include "bios/smbios_text.h"
#include "core/types.h"

enum { MAX_CPUS = 255, MAX_SERIAL = 4, MAX_PARALLEL = 3 };

typedef enum DriveInterface { DRIVE_IDE, DRIVE_FLOPPY, DRIVE_NONE } DriveInterface;
typedef enum DriveMedia { MEDIA_DISK, MEDIA_CDROM } DriveMedia;

enum { DRIVE_INDEX_ANY = UINT32_MAX, BOOT_INDEX_NONE = UINT32_MAX };

typedef struct DriveConfig {
    char *id, *file; /* file NULL: an empty drive */
    char *format;
    DriveInterface interface;
    DriveMedia media;
    unsigned index, bus, unit; /* DRIVE_INDEX_ANY: the first free place */
    bool readonly, snapshot;
    char *serial;        /* number of an IDE drive, or NULL */
    unsigned boot_index; /* the lowest is booted first; BOOT_INDEX_NONE: as -boot says */
} DriveConfig;

/* What -device calls a drive. */
typedef struct DriveDriver {
    const char *name, *desc;
    DriveInterface interface;
    DriveMedia media;
} DriveDriver;

/* A drive of -device: it takes the image of a -drive with if=none, or is empty. */
typedef struct DriveDeviceConfig {
    const DriveDriver *driver;
    char *text; /* as the user wrote it, for messages */
    char *drive, *serial;
    unsigned bus, unit, boot_index;
} DriveDeviceConfig;

/* -global: a property's initial value for all devices of a class. */
typedef struct GlobalConfig {
    char *driver, *property, *value;
} GlobalConfig;

typedef struct DeviceConfig {
    char *class_name, *id;
    GArray *properties; /* of KeyValue, without driver and id */
    char *text;         /* as the user wrote it, for messages */
} DeviceConfig;

typedef struct ChardevConfig {
    char *id;
    char *text; /* the whole argument of -chardev */
} ChardevConfig;

typedef enum RebootAction { REBOOT_RESET, REBOOT_SHUTDOWN } RebootAction;
typedef enum ShutdownAction { SHUTDOWN_POWEROFF, SHUTDOWN_PAUSE } ShutdownAction;
typedef enum RtcBase { RTC_UTC, RTC_LOCALTIME, RTC_DATE } RtcBase;
typedef enum RtcClock { RTC_CLOCK_HOST, RTC_CLOCK_VM } RtcClock;
typedef enum VgaKind { VGA_STD, VGA_NONE, VGA_UNSAID } VgaKind;

typedef enum Accel {
    ACCEL_BEST, /* the translator where the host has one */
    ACCEL_JIT,
    ACCEL_INTERP,
} Accel;

typedef enum ThreadKind {
    THREAD_BEST, /* one for each CPU, unless instructions are counted or compared */
    THREAD_SINGLE,
    THREAD_MULTI,
} ThreadKind;

typedef struct Config {
    Accel accel;
    unsigned thread;         /* ThreadKind */
    bool turns;              /* the CPUs share one host thread; config_finish sets it */
    unsigned code_cache_mib; /* of the translator; 0: the usual */
    unsigned optimize;       /* OptimizeKind (dbt/dbt.h) */
    unsigned lockstep;       /* -check lockstep: one in so many blocks; 0: none */
    uint64_t ram_bytes;
    unsigned cpus, max_cpus, sockets, cores, threads; /* all at least 1 after config_finish */
    char *cpu;                                        /* argument of -cpu, or NULL */
    bool hpet, smm;

    char *bios, *kernel, *initrd, *append;
    GPtrArray *drives;            /* of DriveConfig */
    GPtrArray *drive_devices;     /* of DriveDeviceConfig */
    GPtrArray *devices;           /* of DeviceConfig */
    GPtrArray *globals;           /* of GlobalConfig */
    char *boot_order, *boot_once; /* of the letters a, c, d, n */
    bool boot_menu;
    bool floppy_boot_check; /* the BIOS looks for 55 AA on floppies */

    GPtrArray *chardevs;                                   /* of ChardevConfig */
    GPtrArray *serials, *parallels, *monitors, *debugcons; /* of char *: chardev texts, in order */
    bool nographic;
    char *display; /* "none", or NULL */
    VgaKind vga;
    bool defaults; /* add the devices a PC has unless told otherwise */

    RebootAction on_reboot;
    ShutdownAction on_shutdown;
    bool start_paused;
    char *gdb;     /* argument of -gdb, or NULL */
    bool snapshot; /* all drives */

    RtcBase rtc_base;
    int64_t rtc_date; /* seconds since 1970, for RTC_DATE */
    RtcClock rtc_clock;

    bool counted; /* -icount */
    unsigned icount_shift;
    bool icount_sleep;
    Ns icount_stop; /* virtual time at which the machine pauses; 0: it does not */

    char *symbols;         /* file of the guest's symbols, or NULL */
    bool perfmap, jitdump; /* files for perf */

    char *name, *uuid, *pidfile;
    SmbiosText smbios;
} Config;

Config *config_new(void);
void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* A drive added to the list, with nothing said of it yet. */
DriveConfig *config_add_drive(Config *config);

extern const DriveDriver drive_drivers[]; /* the last has no name */
const DriveDriver *drive_driver_find(const char *name);

/* Part of config_finish: gives every drive its place. */
bool config_finish_drives(Config *config, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* An image named without an option: a CD if it holds an ISO 9660 file system, else the first disk.
 */
bool config_add_image(Config *config, const char *path, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* After the last option: fills in what was left open and refuses what cannot be had together. */
bool config_finish(Config *config, GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
