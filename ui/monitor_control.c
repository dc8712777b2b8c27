/* monitor_control.c - commands that act on the machine. */
#include <errno.h>

#include "core/input.h"
#include "core/log.h"
#include "devices/block/image/image.h"
#include "machine/pc.h"
#include "ui/monitor_priv.h"

void monitor_stop(Monitor *m, const MonitorArgs *args, GString *out)
{
    vm_stop(monitor_vm(m));
}

void monitor_cont(Monitor *m, const MonitorArgs *args, GString *out)
{
    vm_continue(monitor_vm(m));
}

void monitor_system_reset(Monitor *m, const MonitorArgs *args, GString *out)
{
    vm_reset(monitor_vm(m));
}

void monitor_system_powerdown(Monitor *m, const MonitorArgs *args, GString *out)
{
    pc_press_power_button(vm_pc(monitor_vm(m)));
}

void monitor_quit(Monitor *m, const MonitorArgs *args, GString *out)
{
    vm_quit(monitor_vm(m), 0);
}

void monitor_cpu(Monitor *m, const MonitorArgs *args, GString *out)
{
    if (!monitor_choose_cpu(m, MIN(args->number[0], UINT32_MAX)))
        g_string_append_printf(out, "cpu: there are CPUs 0 to %u\n",
                               vm_cpu_count(monitor_vm(m)) - 1);
}

void monitor_gdbserver(Monitor *m, const MonitorArgs *args, GString *out)
{
    const char *device = args->word[0] ? args->word[0] : "tcp::1234";
    g_autoptr(GError) err = NULL;
    if (!gdb_server_listen(monitor_gdb(m), device, &err))
        g_string_append_printf(out, "gdbserver: %s\n", err->message);
    else if (!g_str_equal(device, "none"))
        g_string_append_printf(out, "Waiting for gdb at %s\n", device);
}

void monitor_log(Monitor *m, const MonitorArgs *args, GString *out)
{
    log_mask = 0;
    if (g_str_equal(args->word[0], "none"))
        return;
    g_autoptr(GError) err = NULL;
    if (!log_set_items(args->word[0], &err) && err)
        g_string_append_printf(out, "log: %s\n", err->message);
}

/* --- sendkey ---------------------------------------------------------------------------------- */

enum { KEYS_AT_ONCE = 16, HOLD_MS = 100 };

typedef struct KeyPress {
    Board *board;
    Timer release;
    Key keys[KEYS_AT_ONCE];
    unsigned count;
} KeyPress;

/* Released in the opposite order, as fingers do. */
static void release_keys(void *opaque)
{
    KeyPress *press = opaque;
    while (press->count)
        board_send_key(press->board, press->keys[--press->count], false);
    timer_fini(&press->release);
    g_free(press);
}

void monitor_sendkey(Monitor *m, const MonitorArgs *args, GString *out)
{
    g_auto(GStrv) names = g_strsplit(args->word[0], "-", -1);
    KeyPress *press = g_new0(KeyPress, 1);
    press->board = vm_board(monitor_vm(m));
    for (char **name = names; *name; name++) {
        Key key = key_from_name(*name);
        if (key == KEY_NONE || press->count == KEYS_AT_ONCE) {
            g_string_append_printf(out, "sendkey: there is no key '%s'\n", *name);
            g_free(press);
            return;
        }
        press->keys[press->count++] = key;
    }
    for (unsigned i = 0; i < press->count; i++)
        board_send_key(press->board, press->keys[i], true);
    uint64_t hold_ms = args->word[1] ? MIN(args->number[1], 60000) : HOLD_MS;
    timer_init(&press->release, press->board->clock, release_keys, press);
    timer_set(&press->release, clock_now(press->board->clock) + (Ns)hold_ms * NS_PER_MS);
}

void monitor_screendump(Monitor *m, const MonitorArgs *args, GString *out)
{
    g_autoptr(GError) err = NULL;
    if (!screendump_write(vm_board(monitor_vm(m)), args->word[0], &err))
        g_string_append_printf(out, "screendump: %s\n", err->message);
}

/* --- media ------------------------------------------------------------------------------------ */

static Block *find_removable(Monitor *m, const char *command, const char *name, GString *out)
{
    GPtrArray *drives = pc_drives(vm_pc(monitor_vm(m)));
    for (unsigned i = 0; i < drives->len; i++) {
        Block *drive = drives->pdata[i];
        if (!g_str_equal(drive->name, name))
            continue;
        if (drive->media_changed)
            return drive;
        g_string_append_printf(out, "%s: the medium of %s is fixed\n", command, name);
        return NULL;
    }
    g_string_append_printf(out, "%s: there is no drive %s; see 'info block'\n", command, name);
    return NULL;
}

/* Moves `medium` (or emptiness) into the drive, whose name and controller stay. */
static void insert(Block *drive, Block *medium)
{
    Block old = *drive;
    *drive = *medium;
    drive->name = old.name;
    drive->media_changed = old.media_changed;
    drive->media_opaque = old.media_opaque;
    old.name = medium->name;
    *medium = old;
    block_free(medium);
    drive->media_changed(drive->media_opaque);
}

void monitor_eject(Monitor *m, const MonitorArgs *args, GString *out)
{
    Block *drive = find_removable(m, "eject", args->word[0], out);
    if (drive)
        insert(drive, block_new_empty(drive->name));
}

void monitor_change(Monitor *m, const MonitorArgs *args, GString *out)
{
    Block *drive = find_removable(m, "change", args->word[0], out);
    if (!drive)
        return;
    g_autoptr(GError) err = NULL;
    Block *medium = block_open(args->word[1], NULL, IMAGE_READONLY, &err);
    if (medium)
        insert(drive, medium);
    else
        g_string_append_printf(out, "change: %s\n", err->message);
}
