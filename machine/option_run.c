/* option_run.c - the options about consoles, the life cycle and the log. */
#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "machine/keyvalue.h"
#include "machine/option_priv.h"

OptionResult option_nographic(Config *c, const char *option, const char *argument, GError **err)
{
    c->nographic = true;
    return OPTION_RUN;
}

OptionResult option_display(Config *c, const char *option, const char *argument, GError **err)
{
    if (g_str_equal(argument, "help")) {
        puts("none");
        return OPTION_DONE;
    }
    if (!g_str_equal(argument, "none")) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "there is no display \"%s\", only: none",
                    argument);
        return OPTION_ERROR;
    }
    g_free(c->display);
    c->display = g_strdup(argument);
    return OPTION_RUN;
}

static OptionResult add_console(GPtrArray *list, unsigned max, const char *option,
                                const char *argument, GError **err)
{
    if (list->len == max) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-%s \"%s\": there are at most %u", option,
                    argument, max);
        return OPTION_ERROR;
    }
    g_ptr_array_add(list, g_strdup(argument));
    return OPTION_RUN;
}

OptionResult option_serial(Config *c, const char *option, const char *argument, GError **err)
{
    return add_console(c->serials, MAX_SERIAL, option, argument, err);
}

OptionResult option_parallel(Config *c, const char *option, const char *argument, GError **err)
{
    return add_console(c->parallels, MAX_PARALLEL, option, argument, err);
}

OptionResult option_monitor(Config *c, const char *option, const char *argument, GError **err)
{
    return add_console(c->monitors, 4, option, argument, err);
}

OptionResult option_debugcon(Config *c, const char *option, const char *argument, GError **err)
{
    return add_console(c->debugcons, 1, option, argument, err);
}

OptionResult option_chardev(Config *c, const char *option, const char *argument, GError **err)
{
    g_autoptr(GArray) items = keyvalue_split(argument, "backend");
    for (unsigned i = 0; i < items->len; i++) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        if (!g_str_equal(kv->key, "id"))
            continue;
        ChardevConfig *chardev = g_new0(ChardevConfig, 1);
        chardev->id = g_strdup(kv->value);
        chardev->text = g_strdup(argument);
        g_ptr_array_add(c->chardevs, chardev);
        return OPTION_RUN;
    }
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-chardev: \"%s\" lacks id=NAME", argument);
    return OPTION_ERROR;
}

OptionResult option_S(Config *c, const char *option, const char *argument, GError **err)
{
    c->start_paused = true;
    return OPTION_RUN;
}

OptionResult option_gdb(Config *c, const char *option, const char *argument, GError **err)
{
    g_free(c->gdb);
    c->gdb = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_s(Config *c, const char *option, const char *argument, GError **err)
{
    return option_gdb(c, option, "tcp::1234", err);
}

OptionResult option_no_reboot(Config *c, const char *option, const char *argument, GError **err)
{
    c->on_reboot = REBOOT_SHUTDOWN;
    return OPTION_RUN;
}

OptionResult option_no_shutdown(Config *c, const char *option, const char *argument, GError **err)
{
    c->on_shutdown = SHUTDOWN_PAUSE;
    return OPTION_RUN;
}

OptionResult option_action(Config *c, const char *option, const char *argument, GError **err)
{
    static const char *const reboots[] = {
        [REBOOT_RESET] = "reset", [REBOOT_SHUTDOWN] = "shutdown", NULL};
    static const char *const shutdowns[] = {
        [SHUTDOWN_POWEROFF] = "poweroff", [SHUTDOWN_PAUSE] = "pause", NULL};
    static const KeyRow keys[] = {
        {"reboot", KEY_CHOICE, offsetof(Config, on_reboot), .choices = reboots},
        {"shutdown", KEY_CHOICE, offsetof(Config, on_shutdown), .choices = shutdowns},
        {"panic", KEY_IGNORED},    /* no panic device */
        {"watchdog", KEY_IGNORED}, /* no watchdog */
        {NULL},
    };
    return keyvalue_parse("-action", argument, NULL, keys, c, err) ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_d(Config *c, const char *option, const char *argument, GError **err)
{
    GError *why = NULL;
    if (log_set_items(argument, &why))
        return OPTION_RUN;
    if (!why)
        return OPTION_DONE;
    g_propagate_error(err, why);
    return OPTION_ERROR;
}

OptionResult option_dfilter(Config *c, const char *option, const char *argument, GError **err)
{
    return log_set_filter(argument, err) ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_symbols(Config *c, const char *option, const char *argument, GError **err)
{
    g_free(c->symbols);
    c->symbols = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_perfmap(Config *c, const char *option, const char *argument, GError **err)
{
    c->perfmap = true;
    return OPTION_RUN;
}

OptionResult option_jitdump(Config *c, const char *option, const char *argument, GError **err)
{
    c->jitdump = true;
    return OPTION_RUN;
}

OptionResult option_D(Config *c, const char *option, const char *argument, GError **err)
{
    if (log_set_file(argument, err))
        return OPTION_RUN;
    g_prefix_error(err, "-D: ");
    return OPTION_ERROR;
}

OptionResult option_pidfile(Config *c, const char *option, const char *argument, GError **err)
{
    g_free(c->pidfile);
    c->pidfile = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_version(Config *c, const char *option, const char *argument, GError **err)
{
    puts("myna version " MYNA_VERSION);
    return OPTION_DONE;
}

OptionResult option_help(Config *c, const char *option, const char *argument, GError **err)
{
    g_autoptr(GString) out = g_string_new(NULL);
    option_usage(out);
    fputs(out->str, stdout);
    return OPTION_DONE;
}
