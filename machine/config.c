/* config.c - the machine the command line describes, and what it is when nothing is said. */
#include "machine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "core/error.h"
#include "machine/keyvalue.h"

static void drive_free(void *p)
{
    DriveConfig *drive = p;
    g_free(drive->id);
    g_free(drive->file);
    g_free(drive->format);
    g_free(drive->serial);
    g_free(drive);
}

static void drive_device_free(void *p)
{
    DriveDeviceConfig *device = p;
    g_free(device->text);
    g_free(device->drive);
    g_free(device->serial);
    g_free(device);
}

static void global_free(void *p)
{
    GlobalConfig *global = p;
    g_free(global->driver);
    g_free(global->property);
    g_free(global->value);
    g_free(global);
}

static void device_free(void *p)
{
    DeviceConfig *device = p;
    g_free(device->class_name);
    g_free(device->id);
    g_free(device->text);
    g_array_unref(device->properties);
    g_free(device);
}

static void chardev_config_free(void *p)
{
    ChardevConfig *chardev = p;
    g_free(chardev->id);
    g_free(chardev->text);
    g_free(chardev);
}

Config *config_new(void)
{
    Config *c = g_new0(Config, 1);
    c->ram_bytes = 128 * MIB;
    c->hpet = c->smm = true;
    c->floppy_boot_check = true;
    c->defaults = true;
    c->vga = VGA_UNSAID;
    c->icount_sleep = true;
    c->drives = g_ptr_array_new_with_free_func(drive_free);
    c->drive_devices = g_ptr_array_new_with_free_func(drive_device_free);
    c->devices = g_ptr_array_new_with_free_func(device_free);
    c->globals = g_ptr_array_new_with_free_func(global_free);
    c->chardevs = g_ptr_array_new_with_free_func(chardev_config_free);
    GPtrArray **texts[] = {&c->serials, &c->parallels, &c->monitors, &c->debugcons};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_ptr_array_new_with_free_func(g_free);
    return c;
}

void config_free(Config *c)
{
    GPtrArray *lists[] = {c->drives,  c->drive_devices, c->devices,  c->globals,  c->chardevs,
                          c->serials, c->parallels,     c->monitors, c->debugcons};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    char *texts[] = {c->cpu,        c->bios,      c->kernel,  c->initrd, c->append,
                     c->boot_order, c->boot_once, c->display, c->name,   c->uuid,
                     c->pidfile,    c->gdb,       c->symbols};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    smbios_text_clear(&c->smbios);
    g_free(c);
}

DriveConfig *config_add_drive(Config *c)
{
    DriveConfig *drive = g_new0(DriveConfig, 1);
    drive->index = drive->bus = drive->unit = DRIVE_INDEX_ANY;
    drive->boot_index = BOOT_INDEX_NONE;
    g_ptr_array_add(c->drives, drive);
    return drive;
}

/* [ECMA-119] "Volume Descriptor Set": the first descriptor, at sector 16, holds CD001 at byte 1. */
static bool is_iso9660(int fd)
{
    char id[5];
    return pread(fd, id, sizeof(id), 16 * 2048 + 1) == sizeof(id) && !memcmp(id, "CD001", 5);
}

bool config_add_image(Config *c, const char *path, GError **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
        return false;
    }
    bool iso = is_iso9660(fd);
    close(fd);
    DriveConfig *drive = config_add_drive(c);
    drive->file = g_strdup(path);
    drive->format = g_strdup("raw");
    drive->media = iso ? MEDIA_CDROM : MEDIA_DISK;
    drive->index = iso ? 2 : 0;
    if (iso && !c->boot_order)
        c->boot_order = g_strdup("d");
    return true;
}

/* More memory than the host has can only end in the host killing us later. */
static bool check_memory(const Config *c, GError **err)
{
    uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (c->ram_bytes <= host)
        return true;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST,
                "-m: %" PRIu64 " MiB is more than the host's %" PRIu64 " MiB", c->ram_bytes / MIB,
                host / MIB);
    return false;
}

/* Sockets take what is left open, as the QEMU versions since 6.2 prefer them. */
static bool finish_topology(Config *c, GError **err)
{
    unsigned given = MAX(c->sockets, 1) * MAX(c->cores, 1) * MAX(c->threads, 1);
    if (!c->cpus)
        c->cpus = c->max_cpus ? c->max_cpus : given;
    if (!c->max_cpus)
        c->max_cpus = MAX(c->cpus, given);
    c->cores = MAX(c->cores, 1);
    c->threads = MAX(c->threads, 1);
    if (!c->sockets)
        c->sockets = c->max_cpus / (c->cores * c->threads);
    uint64_t product = (uint64_t)c->sockets * c->cores * c->threads;
    if (c->cpus > c->max_cpus)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-smp: cpus=%u is more than maxcpus=%u",
                    c->cpus, c->max_cpus);
    else if (c->max_cpus > MAX_CPUS)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-smp: %u CPUs are more than the board's %u",
                    c->max_cpus, MAX_CPUS);
    else if (product != c->max_cpus)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-smp: sockets=%u * cores=%u * threads=%u should be maxcpus=%u", c->sockets,
                    c->cores, c->threads, c->max_cpus);
    else
        return true;
    return false;
}

static bool check_kernel(const Config *c, GError **err)
{
    const char *lonely = c->kernel ? NULL : c->initrd ? "-initrd" : c->append ? "-append" : NULL;
    if (!lonely)
        return true;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s needs -kernel", lonely);
    return false;
}

static bool mentions_stdio(const GPtrArray *texts)
{
    for (unsigned i = 0; i < texts->len; i++) {
        if (strstr(texts->pdata[i], "stdio"))
            return true;
    }
    return false;
}

static bool terminal_is_free(const Config *c)
{
    for (unsigned i = 0; i < c->chardevs->len; i++) {
        if (strstr(((ChardevConfig *)c->chardevs->pdata[i])->text, "stdio"))
            return false;
    }
    return !mentions_stdio(c->serials) && !mentions_stdio(c->parallels) &&
           !mentions_stdio(c->monitors) && !mentions_stdio(c->debugcons);
}

/* Who gets the terminal when nobody asked for it: as with QEMU's -nographic, which is also what
 * naming no display means here, because there is no window to open. */
static void finish_consoles(Config *c)
{
    bool free = terminal_is_free(c);
    if (c->serials->len == 0) {
        bool terminal = free && (c->nographic || !c->display);
        const char *use = !terminal ? "null" : c->monitors->len ? "stdio" : "mon:stdio";
        g_ptr_array_add(c->serials, g_strdup(use));
    } else if (c->nographic && c->monitors->len == 0 && free) {
        g_ptr_array_add(c->monitors, g_strdup("stdio"));
    }
}

/* Do the CPUs take turns on one thread? */
static bool finish_turns(Config *c, GError **err)
{
    const char *why = c->counted    ? "-icount, which repeats a run exactly"
                      : c->lockstep ? "-check lockstep, which runs each block twice"
                                    : NULL;
    if (why && c->thread == THREAD_MULTI) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-accel: thread=multi does not go with %s",
                    why);
        return false;
    }
    c->turns = c->cpus > 1 && (why || c->thread == THREAD_SINGLE);
    return true;
}

bool config_finish(Config *c, GError **err)
{
    if (!check_memory(c, err) || !finish_topology(c, err) || !check_kernel(c, err) ||
        !config_finish_drives(c, err) || !finish_turns(c, err))
        return false;
    if (!c->boot_order)
        c->boot_order = g_strdup("cad");
    if (c->defaults)
        finish_consoles(c);
    if (c->vga == VGA_UNSAID)
        c->vga = c->defaults ? VGA_STD : VGA_NONE;
    return true;
}
