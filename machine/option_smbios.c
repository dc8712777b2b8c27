/* option_smbios.c - the option -smbios: texts for the tables that inventories read. */
#include <stdio.h>

#include "core/error.h"
#include "machine/keyvalue.h"
#include "machine/option_priv.h"

#define TEXT(key, member)                             \
    {                                                 \
        key, KEY_STRING, offsetof(SmbiosText, member) \
    }

static const KeyRow bios_keys[] = {
    {"type", KEY_IGNORED},
    TEXT("vendor", bios_vendor),
    TEXT("version", bios_version),
    TEXT("date", bios_date),
    TEXT("release", bios_release),
    {"uefi", KEY_BOOL, offsetof(SmbiosText, bios_uefi)},
    {NULL},
};

static const KeyRow system_keys[] = {
    {"type", KEY_IGNORED},
    TEXT("manufacturer", system_manufacturer),
    TEXT("product", system_product),
    TEXT("version", system_version),
    TEXT("serial", system_serial),
    TEXT("uuid", system_uuid),
    TEXT("sku", system_sku),
    TEXT("family", system_family),
    {NULL},
};

static const KeyRow board_keys[] = {
    {"type", KEY_IGNORED},
    TEXT("manufacturer", board_manufacturer),
    TEXT("product", board_product),
    TEXT("version", board_version),
    TEXT("serial", board_serial),
    TEXT("asset", board_asset),
    TEXT("location", board_location),
    {NULL},
};

static const KeyRow chassis_keys[] = {
    {"type", KEY_IGNORED},
    TEXT("manufacturer", chassis_manufacturer),
    TEXT("version", chassis_version),
    TEXT("serial", chassis_serial),
    TEXT("asset", chassis_asset),
    TEXT("sku", chassis_sku),
    {NULL},
};

static bool fail(const char *argument, const char *what, GError **err)
{
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-smbios: \"%s\" %s", argument, what);
    return false;
}

/* type=11,value=TEXT,value=TEXT: each value is one string more. */
static bool add_oem_strings(SmbiosText *text, const char *argument, GError **err)
{
    enum { MAX_STRINGS = 255 }; /* the structure counts them in a byte */
    g_autoptr(GArray) items = keyvalue_split(argument, NULL);
    for (unsigned i = 0; i < items->len; i++) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        if (g_str_equal(kv->key, "type"))
            continue;
        if (!g_str_equal(kv->key, "value") || !*kv->value)
            return fail(argument, "should be type=11,value=TEXT[,value=TEXT...]", err);
        unsigned count = text->oem_strings ? g_strv_length(text->oem_strings) : 0;
        if (count == MAX_STRINGS)
            return fail(argument, "is too much: type 11 holds 255 strings", err);
        text->oem_strings = g_renew(char *, text->oem_strings, count + 2);
        text->oem_strings[count] = g_strdup(kv->value);
        text->oem_strings[count + 1] = NULL;
    }
    return true;
}

/* What can be wrong with a text. */
static bool check(const SmbiosText *text, const char *argument, GError **err)
{
    unsigned major, minor;
    char more;
    if (text->bios_release && (sscanf(text->bios_release, "%u.%u%c", &major, &minor, &more) != 2 ||
                               major > 255 || minor > 255))
        return fail(argument, "has a release that is not MAJOR.MINOR, each from 0 to 255", err);
    if (text->system_uuid && !g_uuid_string_is_valid(text->system_uuid))
        return fail(argument, "has a uuid that is not like 12345678-9abc-def0-1234-56789abcdef0",
                    err);
    return true;
}

static int type_of(const char *argument)
{
    g_autoptr(GArray) items = keyvalue_split(argument, NULL);
    uint64_t type;
    for (unsigned i = 0; i < items->len; i++) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        if (g_str_equal(kv->key, "type") && keyvalue_uint(kv->value, &type) && type <= 255)
            return type;
    }
    return -1;
}

OptionResult option_smbios(Config *c, const char *option, const char *argument, GError **err)
{
    enum { OEM_STRINGS = 11 };
    static const KeyRow *const keys[] = {bios_keys, system_keys, board_keys, chassis_keys};
    int type = type_of(argument);
    bool ok;
    if (type == OEM_STRINGS)
        ok = add_oem_strings(&c->smbios, argument, err);
    else if (type >= 0 && type < (int)G_N_ELEMENTS(keys))
        ok = keyvalue_parse("-smbios", argument, NULL, keys[type], &c->smbios, err) &&
             check(&c->smbios, argument, err);
    else
        ok = fail(argument, "should begin with type=0, 1, 2, 3 or 11", err);
    c->smbios.board |= type == 2;
    return ok ? OPTION_RUN : OPTION_ERROR;
}
