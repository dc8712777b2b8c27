/* mux.c - several front ends on one back end: serial port and monitor on the user's terminal.
 *
 * Ctrl-a is the escape: the key after it is a command, or a second Ctrl-a for itself. All front
 * ends write; the one in focus reads. Each port keeps input that its front end has no room for, so
 * that Ctrl-a is heard even when a guest does not read. */
#include "devices/char/host/host_priv.h"

enum { ESCAPE = 0x01 /* Ctrl-a */, PORT_INPUT_MAX = 4096 };

typedef struct Mux Mux;

typedef struct MuxPort {
    Chardev chr;
    Mux *mux;
    GByteArray *waiting;
} MuxPort;

struct Mux {
    Chardev *back;
    GPtrArray *ports; /* of MuxPort; freed with the last one */
    MuxPort *focus;
    bool escaped; /* the last byte was the escape */
    bool timestamps;
    bool line_start;
    gint64 started; /* microseconds, the host's monotonic clock */
    MuxHooks hooks;
};

static void say(Mux *m, const char *text)
{
    chardev_write(m->back, text, strlen(text));
}

static void command_break(Mux *m)
{
    ChardevFrontend *front = &m->focus->chr.front;

    if (m->focus->chr.attached && front->event)
        front->event(front->opaque, CHARDEV_BREAK);
}

static void command_focus(Mux *m)
{
    guint at = 0;

    g_ptr_array_find(m->ports, m->focus, &at);
    m->focus = m->ports->pdata[(at + 1) % m->ports->len];
    ChardevFrontend *front = &m->focus->chr.front;
    if (m->focus->chr.attached && front->event)
        front->event(front->opaque, CHARDEV_OPENED);
}

static void command_sync(Mux *m)
{
    if (m->hooks.sync)
        m->hooks.sync(m->hooks.opaque);
}

static void command_timestamps(Mux *m)
{
    m->timestamps = !m->timestamps;
    m->started = g_get_monotonic_time();
    m->line_start = true;
}

static void command_quit(Mux *m)
{
    say(m, "\r\nmyna: ended by Ctrl-a x\r\n");
    if (m->hooks.quit)
        m->hooks.quit(m->hooks.opaque);
}

static void command_help(Mux *m);

static const struct {
    uint8_t key;
    void (*run)(Mux *m);
    const char *help;
} commands[] = {
    {'h', command_help, "this help"},
    {'x', command_quit, "end the program"},
    {'s', command_sync, "write the disks' data back to their files"},
    {'t', command_timestamps, "turn timestamps of lines on or off"},
    {'b', command_break, "send a break (Linux: magic SysRq)"},
    {'c', command_focus, "switch between the console and the monitor"},
};

static void command_help(Mux *m)
{
    g_autoptr(GString) text = g_string_new("\r\n");

    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
        g_string_append_printf(text, "Ctrl-a %c       %s\r\n", commands[i].key, commands[i].help);
    g_string_append(text, "Ctrl-a Ctrl-a  send Ctrl-a itself\r\n");
    say(m, text->str);
}

static void run_command(Mux *m, uint8_t key)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].key == key) {
            commands[i].run(m);
            return;
        }
    }
}

/* The front end may come back here while it takes bytes, so each is removed before it is given. */
static void port_accept_input(Chardev *chr)
{
    MuxPort *p = (MuxPort *)chr;

    while (p->waiting->len && host_front_room(chr)) {
        uint8_t byte = p->waiting->data[0];
        g_byte_array_remove_index(p->waiting, 0);
        chardev_deliver(chr, &byte, 1);
    }
    if (p->mux->focus == p && p->waiting->len < PORT_INPUT_MAX)
        chardev_accept_input(p->mux->back);
}

static size_t mux_can_receive(void *opaque)
{
    Mux *m = opaque;

    return PORT_INPUT_MAX - MIN(m->focus->waiting->len, PORT_INPUT_MAX);
}

static void mux_receive(void *opaque, const uint8_t *bytes, size_t count)
{
    Mux *m = opaque;

    for (size_t i = 0; i < count; i++) {
        bool escaped = m->escaped;
        m->escaped = !escaped && bytes[i] == ESCAPE;
        if (m->escaped)
            continue;
        if (escaped && bytes[i] != ESCAPE) {
            run_command(m, bytes[i]);
            continue;
        }
        g_byte_array_append(m->focus->waiting, &bytes[i], 1);
        port_accept_input(&m->focus->chr);
    }
}

static void mux_event(void *opaque, ChardevEvent event)
{
    Mux *m = opaque;

    for (guint i = 0; i < m->ports->len; i++) {
        Chardev *chr = m->ports->pdata[i];
        if (chr->attached && chr->front.event)
            chr->front.event(chr->front.opaque, event);
    }
}

static void write_timestamp(Mux *m)
{
    gint64 ms = (g_get_monotonic_time() - m->started) / 1000;
    char text[32];

    g_snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
               (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
    say(m, text);
}

static size_t port_write(Chardev *chr, const uint8_t *bytes, size_t count)
{
    Mux *m = ((MuxPort *)chr)->mux;

    if (!m->timestamps) {
        chardev_write(m->back, bytes, count);
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (m->line_start)
            write_timestamp(m);
        m->line_start = bytes[i] == '\n';
        chardev_write(m->back, &bytes[i], 1);
    }
    return count;
}

static void mux_free(Mux *m)
{
    chardev_free(m->back);
    g_ptr_array_unref(m->ports);
    g_free(m);
}

static void port_free(Chardev *chr)
{
    MuxPort *p = (MuxPort *)chr;
    Mux *m = p->mux;

    g_ptr_array_remove(m->ports, p);
    if (!m->ports->len)
        mux_free(m);
    else if (m->focus == p)
        m->focus = m->ports->pdata[0];
    g_byte_array_unref(p->waiting);
    g_free(p);
}

static const ChardevOps port_ops = {
    .name = "mux",
    .write = port_write,
    .accept_input = port_accept_input,
    .free = port_free,
};

static Chardev *port_new(Mux *m)
{
    MuxPort *p = g_new0(MuxPort, 1);

    chardev_init(&p->chr, &port_ops, "mux");
    p->mux = m;
    p->waiting = g_byte_array_new();
    g_ptr_array_add(m->ports, p);
    return &p->chr;
}

Chardev *mux_new(Chardev *back)
{
    Mux *m = g_new0(Mux, 1);
    ChardevFrontend front = {mux_can_receive, mux_receive, mux_event, m};

    m->back = back;
    m->ports = g_ptr_array_new();
    Chardev *first = port_new(m);
    m->focus = (MuxPort *)first;
    chardev_attach(back, &front);
    chardev_accept_input(back);
    return first;
}

Chardev *chardev_mux_port(Chardev *chr)
{
    return chr->ops == &port_ops ? port_new(((MuxPort *)chr)->mux) : NULL;
}

void chardev_mux_set_hooks(Chardev *chr, const MuxHooks *hooks)
{
    if (chr->ops == &port_ops)
        ((MuxPort *)chr)->mux->hooks = *hooks;
}
