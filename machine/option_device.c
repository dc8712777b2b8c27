/* option_device.c - the options -device and -global: devices the user adds, and what all of a class
 * begin with. */
#include <stdio.h>

#include "core/error.h"
#include "devices/devices.h"
#include "machine/keyvalue.h"
#include "machine/option_priv.h"
#include "machine/suggest.h"

static OptionResult print(GString *text)
{
    fputs(text->str, stdout);
    return OPTION_DONE;
}

static void device_list(GString *out)
{
    const DeviceClass *klass;
    for (unsigned n = 0; (klass = device_class_at(n)); n++) {
        if (klass->user_creatable)
            g_string_append_printf(out, "%-20s %s\n", klass->name, klass->desc);
    }
    for (const DriveDriver *d = drive_drivers; d->name; d++)
        g_string_append_printf(out, "%-20s %s\n", d->name, d->desc);
}

static void property_list(const DeviceClass *klass, GString *out)
{
    static const char *const kinds[] = {
        [PROP_BOOL] = "on|off", [PROP_UINT] = "number", [PROP_STRING] = "text"};
    g_string_append_printf(out, "%s: %s\n", klass->name, klass->desc);
    for (const Property *p = klass->props; p && p->name; p++) {
        if (p->kind != PROP_LINK)
            g_string_append_printf(out, "  %s=<%s>  %s\n", p->name, kinds[p->kind], p->help);
    }
}

/* The class, if people may name it; else an error with the nearest name. */
static const DeviceClass *find_class(const char *name, GError **err)
{
    const DeviceClass *klass = device_class_find(name);
    if (klass && klass->user_creatable)
        return klass;
    if (klass) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-device: \"%s\" is part of the board and cannot be added", name);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (unsigned n = 0; (klass = device_class_at(n)); n++) {
        if (klass->user_creatable)
            g_ptr_array_add(names, (char *)klass->name);
    }
    for (const DriveDriver *d = drive_drivers; d->name; d++)
        g_ptr_array_add(names, (char *)d->name);
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-device: there is no \"%s\"; %s%s%s", name,
                near ? "did you mean \"" : "\"-device help", near ? near : "",
                near ? "\"?" : "\" lists what there is");
    return NULL;
}

static void device_config_take(DeviceConfig *device, GArray *items)
{
    for (unsigned i = 0; i < items->len;) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        bool driver = g_str_equal(kv->key, "driver"), id = g_str_equal(kv->key, "id");
        if (!driver && !id) {
            i++;
            continue;
        }
        char **member = driver ? &device->class_name : &device->id;
        g_free(*member);
        *member = g_strdup(kv->value);
        g_array_remove_index(items, i);
    }
    device->properties = g_array_ref(items);
}

OptionResult option_device(Config *c, const char *option, const char *argument, GError **err)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (g_str_equal(argument, "help") || g_str_equal(argument, "?")) {
        device_list(out);
        return print(out);
    }
    g_autoptr(GArray) items = keyvalue_split(argument, "driver");
    DeviceConfig *device = g_new0(DeviceConfig, 1);
    g_ptr_array_add(c->devices, device);
    device_config_take(device, items);
    device->text = g_strdup(argument);
    if (!device->class_name) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-device: \"%s\" names no class", argument);
        return OPTION_ERROR;
    }
    const DriveDriver *driver = drive_driver_find(device->class_name);
    if (driver) {
        g_ptr_array_set_size(c->devices, c->devices->len - 1);
        return option_drive_device(c, driver, argument, err);
    }
    const DeviceClass *klass = find_class(device->class_name, err);
    if (!klass)
        return OPTION_ERROR;
    for (unsigned i = 0; i < items->len; i++) {
        if (g_str_equal(g_array_index(items, KeyValue, i).key, "help")) {
            property_list(klass, out);
            return print(out);
        }
    }
    return OPTION_RUN;
}

/* DRIVER.PROPERTY=VALUE, or driver=DRIVER,property=PROPERTY,value=VALUE. */
OptionResult option_global(Config *c, const char *option, const char *argument, GError **err)
{
    static const KeyRow keys[] = {
        {"driver", KEY_STRING, offsetof(GlobalConfig, driver)},
        {"property", KEY_STRING, offsetof(GlobalConfig, property)},
        {"value", KEY_STRING, offsetof(GlobalConfig, value)},
        {NULL},
    };
    GlobalConfig *global = g_new0(GlobalConfig, 1);
    g_ptr_array_add(c->globals, global);
    const char *dot = strchr(argument, '.'), *equals = dot ? strchr(dot, '=') : NULL;
    if (g_str_has_prefix(argument, "driver=")) {
        if (!keyvalue_parse("-global", argument, NULL, keys, global, err))
            return OPTION_ERROR;
    } else if (equals) {
        global->driver = g_strndup(argument, dot - argument);
        global->property = g_strndup(dot + 1, equals - dot - 1);
        global->value = g_strdup(equals + 1);
    }
    if (!global->driver || !global->property || !global->value) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-global: \"%s\" should be DRIVER.PROPERTY=VALUE", argument);
        return OPTION_ERROR;
    }
    const DeviceClass *klass = device_class_find(global->driver);
    if (!klass) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-global: there is no device \"%s\"",
                    global->driver);
        return OPTION_ERROR;
    }
    if (device_class_takes(klass, global->property, global->value, err))
        return OPTION_RUN;
    g_prefix_error(err, "-global: ");
    return OPTION_ERROR;
}
