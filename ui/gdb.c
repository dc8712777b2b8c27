/* gdb.c - the gdb server: its connection, and how it hears that the machine stops.
 *
 * A packet is obeyed as it comes, with the CPUs parked; a machine that stops is told of from the
 * main loop. While no gdb is connected there are no breakpoints. */
#include "ui/gdb.h"

#include "core/error.h"
#include "devices/char/host/host.h"
#include "ui/gdb_priv.h"

/* --- replies ---------------------------------------------------------------------------------- */

void gdb_reply(GdbServer *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    gdb_link_send(s->link, text, strlen(text));
}

void gdb_reply_error(GdbServer *s, GdbError error)
{
    gdb_reply(s, "E%02x", error);
}

void gdb_append_hex(GString *out, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(out, "%02x", ((const uint8_t *)bytes)[i]);
}

void gdb_print(GdbServer *s, const char *text, size_t size)
{
    enum { AT_ONCE = GDB_PACKET_MAX / 2 - 1 };
    for (size_t done = 0; done < size; done += AT_ONCE) {
        GString *out = g_string_new("O");
        gdb_append_hex(out, text + done, MIN(size - done, AT_ONCE));
        gdb_link_send(s->link, out->str, out->len);
        g_string_free(out, TRUE);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void packet_arrived(void *opaque, const char *payload, size_t size)
{
    GdbServer *s = opaque;
    s->busy = true;
    vm_park(s->vm);
    gdb_command(s, payload, size);
    vm_unpark(s->vm);
    s->busy = false;
}

static void interrupted(void *opaque)
{
    GdbServer *s = opaque;
    vm_stop(s->vm);
}

static void send_bytes(void *opaque, const void *bytes, size_t size)
{
    GdbServer *s = opaque;
    chardev_write(s->chr, bytes, size);
}

static gboolean look_at_status(gpointer opaque)
{
    GdbServer *s = opaque;
    s->source = 0;
    if (s->waiting && vm_status(s->vm) != VM_RUNNING) {
        vm_park(s->vm);
        gdb_run_stopped(s);
        vm_unpark(s->vm);
    }
    return G_SOURCE_REMOVE;
}

static void status_changed(void *opaque)
{
    GdbServer *s = opaque;
    if (!s->source)
        s->source = g_idle_add_full(G_PRIORITY_DEFAULT, look_at_status, s, NULL);
}

/* --- its character device --------------------------------------------------------------------- */

static size_t can_receive(void *opaque)
{
    return 4096;
}

static void receive(void *opaque, const uint8_t *bytes, size_t count)
{
    GdbServer *s = opaque;
    gdb_link_receive(s->link, bytes, count);
}

static void forget_connection(GdbServer *s)
{
    gdb_link_reset(s->link);
    s->arch = GDB_X86_64; /* what gdb takes us for if it wants no description */
    s->told = 0;
    s->cpu = s->stepped = vm_cpu(s->vm, 0);
    s->waiting = s->swbreak = s->hwbreak = s->physical = false;
    s->step_flags = STEP_ENABLE | STEP_NOIRQ;
}

static void connected(GdbServer *s)
{
    forget_connection(s);
    vm_stop(s->vm);
}

/* The machine stays as it is: gdb may come again, to be told of another architecture. */
static void disconnected(GdbServer *s)
{
    s->waiting = false;
    vm_park(s->vm);
    gdb_run_forget(s);
    vm_unpark(s->vm);
}

static void event(void *opaque, ChardevEvent what)
{
    if (what == CHARDEV_OPENED)
        connected(opaque);
    else if (what == CHARDEV_CLOSED)
        disconnected(opaque);
}

/* As QEMU's -gdb, sockets are servers that do not wait, but by default for this host only. */
static char *server_device(const char *device)
{
    const char *options = "server=on,wait=off";
    if (g_str_has_prefix(device, "tcp::"))
        return g_strdup_printf("tcp:127.0.0.1:%s,%s", device + strlen("tcp::"), options);
    if (g_str_has_prefix(device, "tcp:") || g_str_has_prefix(device, "unix:"))
        return g_strdup_printf("%s,%s", device, options);
    return g_strdup(device);
}

static void stop_listening(GdbServer *s)
{
    if (!s->chr)
        return;
    disconnected(s);
    g_clear_pointer(&s->chr, chardev_free);
}

void gdb_server_attach(GdbServer *s, Chardev *chr)
{
    const ChardevFrontend front = {can_receive, receive, event, s};
    s->chr = chr;
    chardev_attach(chr, &front);
}

bool gdb_server_listen(GdbServer *s, const char *device, GError **err)
{
    if (s->busy) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "not from gdb itself");
        return false;
    }
    stop_listening(s);
    if (g_str_equal(device, "none"))
        return true;
    g_autofree char *text = server_device(device);
    Chardev *chr = chardev_open(text, err);
    if (chr)
        gdb_server_attach(s, chr);
    return chr != NULL;
}

GdbServer *gdb_server_new(Vm *vm)
{
    GdbServer *s = g_new0(GdbServer, 1);
    s->vm = vm;
    const GdbEvents events = {packet_arrived, interrupted, send_bytes, s};
    s->link = gdb_link_new(&events);
    s->monitor = monitor_new(vm, NULL, s);
    forget_connection(s);
    vm_watch_status(vm, status_changed, s);
    return s;
}

void gdb_server_free(GdbServer *s, int status)
{
    vm_watch_status(s->vm, NULL, NULL);
    if (s->waiting)
        gdb_reply(s, "W%02x", status & 0xff);
    if (s->chr)
        chardev_free(s->chr);
    if (s->source)
        g_source_remove(s->source);
    monitor_free(s->monitor);
    gdb_link_free(s->link);
    g_free(s->description);
    g_free(s);
}
