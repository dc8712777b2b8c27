/* pc_consoles.c - where the board's ports and the monitors meet the host: opens the character
 * devices of the config. */
#include "core/error.h"
#include "devices/char/host/host.h"
#include "machine/keyvalue.h"
#include "machine/pc_priv.h"

static void chr_free(void *chr)
{
    chardev_free(chr);
}

static void quit_key(void *opaque)
{
    Pc *pc = opaque;
    if (pc->hooks.quit)
        pc->hooks.quit(pc->hooks.opaque);
}

static Chardev *open_text(Pc *pc, const char *text, GError **err)
{
    Chardev *chr = chardev_open(text, err);
    if (!chr)
        return NULL;
    g_ptr_array_add(pc->chardevs, chr);
    const MuxHooks hooks = {.quit = quit_key, .opaque = pc};
    chardev_mux_set_hooks(chr, &hooks);
    return chr;
}

/* --- -chardev --------------------------------------------------------------------------------- */

/* The short form that -serial takes: "file,path=x" is "file:x", "socket,path=x,server=on" is
 * "unix:x,server=on". */
static char *short_form(GArray *items)
{
    GString *options = g_string_new(NULL);
    const char *backend = "", *path = NULL, *host = NULL, *port = NULL;
    bool mux = false;
    for (unsigned i = 0; i < items->len; i++) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        if (g_str_equal(kv->key, "backend"))
            backend = kv->value;
        else if (g_str_equal(kv->key, "path"))
            path = kv->value;
        else if (g_str_equal(kv->key, "host"))
            host = kv->value;
        else if (g_str_equal(kv->key, "port"))
            port = kv->value;
        else if (g_str_equal(kv->key, "mux"))
            mux = g_str_equal(kv->value, "on");
        else if (!g_str_equal(kv->key, "id"))
            g_string_append_printf(options, ",%s=%s", kv->key, kv->value);
    }
    GString *text = g_string_new(mux ? "mon:" : "");
    bool socket = g_str_equal(backend, "socket");
    g_string_append(text, !socket ? backend : path ? "unix" : "tcp");
    if (path)
        g_string_append_printf(text, ":%s", path);
    else if (socket)
        g_string_append_printf(text, ":%s:%s", host ? host : "", port ? port : "");
    g_string_append(text, options->str);
    g_string_free(options, TRUE);
    return g_string_free(text, FALSE);
}

static bool open_named(Pc *pc, const ChardevConfig *config, GError **err)
{
    g_autoptr(GArray) items = keyvalue_split(config->text, "backend");
    g_autofree char *text = short_form(items);
    if (g_hash_table_contains(pc->named_chardevs, config->id)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-chardev: there are two with id=%s",
                    config->id);
        return false;
    }
    Chardev *chr = open_text(pc, text, err);
    if (!chr) {
        g_prefix_error(err, "-chardev \"%s\": ", config->text);
        return false;
    }
    g_hash_table_insert(pc->named_chardevs, config->id, chr);
    return true;
}

Chardev *pc_use_chardev(Pc *pc, const char *id, GError **err)
{
    Chardev *chr = g_hash_table_lookup(pc->named_chardevs, id);
    if (!chr) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "there is no -chardev with id=%s", id);
        return NULL;
    }
    if (g_hash_table_add(pc->used_chardevs, chr))
        return chr;
    Chardev *port = chardev_mux_port(chr);
    if (!port) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "chardev \"%s\" has a user already, and is not mux=on", id);
        return NULL;
    }
    g_ptr_array_add(pc->chardevs, port);
    return port;
}

/* --- ports and monitors ----------------------------------------------------------------------- */

static bool open_console(Pc *pc, const char *option, const char *text, Chardev **chr, GError **err)
{
    const char *id = NULL;
    if (g_str_has_prefix(text, "chardev:"))
        id = text + strlen("chardev:");
    *chr = id ? pc_use_chardev(pc, id, err) : open_text(pc, text, err);
    if (!*chr) {
        g_prefix_error(err, "-%s \"%s\": ", option, text);
        return false;
    }
    /* mon: also asks for a monitor behind the same terminal. */
    Chardev *monitor = g_str_has_prefix(text, "mon:") ? chardev_mux_port(*chr) : NULL;
    if (monitor) {
        g_ptr_array_add(pc->chardevs, monitor);
        g_ptr_array_add(pc->monitors, monitor);
    }
    return true;
}

static bool open_ports(Pc *pc, const char *option, GPtrArray *texts, Chardev **chr, bool *has,
                       GError **err)
{
    for (unsigned i = 0; i < texts->len; i++) {
        if (g_str_equal(texts->pdata[i], "none"))
            continue;
        has[i] = true;
        if (!open_console(pc, option, texts->pdata[i], &chr[i], err))
            return false;
    }
    return true;
}

static bool open_monitors(Pc *pc, GError **err)
{
    GPtrArray *texts = pc->config->monitors;
    for (unsigned i = 0; i < texts->len; i++) {
        Chardev *chr;
        if (g_str_equal(texts->pdata[i], "none"))
            continue;
        if (!open_console(pc, "monitor", texts->pdata[i], &chr, err))
            return false;
        if (!g_str_has_prefix(texts->pdata[i], "mon:"))
            g_ptr_array_add(pc->monitors, chr);
    }
    return true;
}

bool pc_consoles_open(Pc *pc, GError **err)
{
    const Config *config = pc->config;
    pc->chardevs = g_ptr_array_new_with_free_func(chr_free);
    pc->monitors = g_ptr_array_new();
    pc->named_chardevs = g_hash_table_new(g_str_hash, g_str_equal);
    pc->used_chardevs = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < config->chardevs->len; i++) {
        if (!open_named(pc, config->chardevs->pdata[i], err))
            return false;
    }
    bool debugcon = false;
    return open_ports(pc, "serial", config->serials, pc->serial, pc->has_serial, err) &&
           open_ports(pc, "parallel", config->parallels, pc->parallel, pc->has_parallel, err) &&
           open_ports(pc, "debugcon", config->debugcons, &pc->debugcon, &debugcon, err) &&
           open_monitors(pc, err);
}

void pc_consoles_close(Pc *pc)
{
    g_clear_pointer(&pc->monitors, g_ptr_array_unref);
    g_clear_pointer(&pc->named_chardevs, g_hash_table_unref);
    g_clear_pointer(&pc->used_chardevs, g_hash_table_unref);
    g_clear_pointer(&pc->chardevs, g_ptr_array_unref);
}
