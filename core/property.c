/* property.c - devices' properties: initial values, and values from the board and the user. */
#include "core/device_priv.h"
#include "core/error.h"

#include <errno.h>

static void *property_at(Device *dev, const Property *prop)
{
    return (uint8_t *)dev + prop->offset;
}

static const Property *find_property(const DeviceClass *klass, const char *name)
{
    for (const Property *p = klass->props; p && p->kind != PROP_END; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* Integers are stored in host order, which load_le and store_le give back as they got it. */
static void put_uint(Device *dev, const Property *prop, uint64_t value)
{
    if (prop->kind == PROP_BOOL)
        *(bool *)property_at(dev, prop) = value != 0;
    else
        store_le(property_at(dev, prop), value, prop->size);
}

void device_init_properties(Device *dev)
{
    for (const Property *p = dev->klass->props; p && p->kind != PROP_END; p++)
        if (p->kind == PROP_UINT || p->kind == PROP_BOOL)
            put_uint(dev, p, p->initial);
    GArray *defaults = dev->board->defaults;
    for (unsigned i = 0; i < defaults->len; i++) {
        const DeviceDefault *d = &g_array_index(defaults, DeviceDefault, i);
        bool ok = d->klass != dev->klass || device_set(dev, d->property, d->text, NULL);
        g_assert(ok); /* device_class_takes said so */
    }
}

void device_free_properties(Device *dev)
{
    for (const Property *p = dev->klass->props; p && p->kind != PROP_END; p++)
        if (p->kind == PROP_STRING)
            g_free(*(char **)property_at(dev, p));
}

/* --- from the user's text --------------------------------------------------------------------- */

static bool parse_bool(const char *text, uint64_t *value)
{
    if (strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
        *value = 1;
    else if (strcmp(text, "off") == 0 || strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
        *value = 0;
    else
        return false;
    return true;
}

/* Decimal or 0x.., with K, M or G after it where sizes are meant. */
static bool parse_uint(const Property *prop, const char *text, uint64_t *value)
{
    static const char suffixes[] = "KMG";
    char *end;

    if (!g_ascii_isdigit(*text))
        return false;
    errno = 0;
    *value = g_ascii_strtoull(text, &end, g_str_has_prefix(text, "0x") ? 16 : 10);
    if (errno)
        return false;
    const char *suffix = *end ? strchr(suffixes, g_ascii_toupper(*end)) : NULL;
    if (suffix && prop->size == 8) {
        unsigned shift = 10 * (suffix - suffixes + 1);
        if (*value >> (64 - shift))
            return false;
        *value <<= shift;
        end++;
    }
    return *end == '\0' && (prop->size == 8 || *value >> 8 * prop->size == 0);
}

static char *property_names(const DeviceClass *klass)
{
    GString *names = g_string_new(NULL);

    for (const Property *p = klass->props; p && p->kind != PROP_END; p++)
        if (p->kind != PROP_LINK)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", p->name);
    if (!names->len)
        g_string_append(names, "none");
    return g_string_free(names, FALSE);
}

static void fail_unknown(const DeviceClass *klass, const char *name, const char *text, GError **err)
{
    g_autofree char *names = property_names(klass);

    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s,%s=%s: no property '%s'; %s has: %s",
                klass->name, name, text, name, klass->name, names);
}

static void fail_value(const DeviceClass *klass, const Property *prop, const char *text,
                       GError **err)
{
    g_autofree char *want = prop->kind == PROP_BOOL ? g_strdup("on or off")
                            : prop->size == 8
                                ? g_strdup("a number, such as 4096, 0x1000 or 4K")
                                : g_strdup_printf("a number from 0 to 0x%" G_GINT64_MODIFIER "x",
                                                  ((uint64_t)1 << 8 * prop->size) - 1);

    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s,%s=%s: '%s' is not %s", klass->name,
                prop->name, text, text, want);
}

/* The property and, unless it is a string, the value of the text. NULL: an error. */
static const Property *parse(const DeviceClass *klass, const char *name, const char *text,
                             uint64_t *value, GError **err)
{
    const Property *prop = find_property(klass, name);

    if (!prop || prop->kind == PROP_LINK)
        fail_unknown(klass, name, text, err);
    else if (prop->kind == PROP_STRING ||
             (prop->kind == PROP_BOOL ? parse_bool(text, value) : parse_uint(prop, text, value)))
        return prop;
    else
        fail_value(klass, prop, text, err);
    return NULL;
}

bool device_class_takes(const DeviceClass *klass, const char *name, const char *text, GError **err)
{
    uint64_t value;

    return parse(klass, name, text, &value, err) != NULL;
}

bool device_set(void *device, const char *name, const char *text, GError **err)
{
    Device *dev = device;
    uint64_t value;
    const Property *prop = parse(dev->klass, name, text, &value, err);

    if (!prop)
        return false;
    if (prop->kind == PROP_STRING) {
        char **string = property_at(dev, prop);
        g_free(*string);
        *string = g_strdup(text);
    } else {
        put_uint(dev, prop, value);
    }
    return true;
}

/* --- from the board --------------------------------------------------------------------------- */

void device_set_uint(void *device, const char *name, uint64_t value)
{
    Device *dev = device;
    const Property *prop = find_property(dev->klass, name);

    g_assert(prop && (prop->kind == PROP_UINT || prop->kind == PROP_BOOL));
    put_uint(dev, prop, value);
}

void device_set_link(void *device, const char *name, void *target)
{
    Device *dev = device;
    const Property *prop = find_property(dev->klass, name);

    g_assert(prop && prop->kind == PROP_LINK);
    *(void **)property_at(dev, prop) = target;
}
