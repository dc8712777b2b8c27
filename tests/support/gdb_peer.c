/* gdb_peer.c - asks a gdb server, without gdb. */
#include "tests/support/gdb_peer.h"

#include "devices/char/host/host.h"
#include "machine/option.h"

GdbPeer *gdb_peer_new(void)
{
    static char *const argv[] = {"myna", "-display", "none", "-nodefaults", "-m", "4",
                                 "-smp", "2",        "-cpu", "max",         "-S"};
    g_autoptr(GError) err = NULL;
    GdbPeer *p = g_new0(GdbPeer, 1);
    p->config = config_new();
    g_assert_cmpint(option_parse(p->config, G_N_ELEMENTS(argv), argv, &err), ==, OPTION_RUN);
    p->vm = vm_new(p->config, &err);
    g_assert_no_error(err);
    board_lock(vm_board(p->vm));
    p->server = gdb_server_new(p->vm);
    p->chr = chardev_memory_new("gdb");
    gdb_server_attach(p->server, p->chr);
    return p;
}

void gdb_peer_free(GdbPeer *p)
{
    gdb_server_free(p->server, 0);
    board_unlock(vm_board(p->vm));
    vm_free(p->vm);
    config_free(p->config);
    g_free(p);
}

static char *unframed(GdbPeer *p)
{
    g_autoptr(GByteArray) sent = chardev_memory_take(p->chr);
    GString *out = g_string_new(NULL);
    bool inside = false;
    for (unsigned i = 0; i < sent->len; i++) {
        char c = sent->data[i];
        if (c == '$') {
            g_string_append(out, out->len ? " " : "");
            inside = true;
        } else if (c == '#') {
            inside = false;
        } else if (inside) {
            g_string_append_c(out, c == '}' ? sent->data[++i] ^ 0x20 : c);
        }
    }
    return g_string_free(out, FALSE);
}

char *gdb_peer_send(GdbPeer *p, const void *bytes, size_t size)
{
    chardev_memory_feed(p->chr, bytes, size);
    return unframed(p);
}

char *gdb_peer_ask(GdbPeer *p, const char *payload)
{
    uint8_t sum = 0;
    for (const char *c = payload; *c; c++)
        sum += (uint8_t)*c;
    g_autofree char *framed = g_strdup_printf("$%s#%02x", payload, sum);
    return gdb_peer_send(p, framed, strlen(framed));
}
