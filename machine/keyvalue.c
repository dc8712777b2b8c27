/* keyvalue.c - option arguments of the form key=value,key=value. */
#include "machine/keyvalue.h"

#include <errno.h>
#include <math.h>

#include "core/error.h"
#include "machine/suggest.h"

static void keyvalue_clear(void *item)
{
    KeyValue *kv = item;
    g_free(kv->key);
    g_free(kv->value);
}

/* The text up to the next single comma, pairs of commas made one; *at moves past it. */
static char *next_item(const char **at)
{
    GString *item = g_string_new(NULL);
    const char *p = *at;
    for (; *p; p++) {
        if (*p == ',' && *++p != ',')
            break;
        g_string_append_c(item, *p);
    }
    *at = p;
    return g_string_free(item, FALSE);
}

GArray *keyvalue_split(const char *text, const char *implied_key)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(KeyValue));
    g_array_set_clear_func(list, keyvalue_clear);
    while (*text) {
        g_autofree char *item = next_item(&text);
        const char *equals = strchr(item, '=');
        KeyValue kv;
        if (!equals && list->len == 0 && implied_key)
            kv = (KeyValue){g_strdup(implied_key), g_strdup(item)};
        else if (!equals)
            kv = (KeyValue){g_strdup(item), g_strdup("on")};
        else
            kv = (KeyValue){g_strndup(item, equals - item), g_strdup(equals + 1)};
        g_array_append_val(list, kv);
    }
    return list;
}

bool keyvalue_uint(const char *text, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!g_ascii_isxdigit(text[hex ? 2 : 0]))
        return false;
    char *end;
    errno = 0;
    *value = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    return errno == 0 && end != text && *end == '\0';
}

static uint64_t suffix_bytes(char suffix)
{
    switch (g_ascii_tolower(suffix)) {
    case 'b':
        return 1;
    case 'k':
        return KIB;
    case 'm':
        return MIB;
    case 'g':
        return GIB;
    case 't':
        return GIB * KIB;
    default:
        return 0;
    }
}

bool keyvalue_size(const char *text, uint64_t unit, uint64_t *bytes)
{
    if (keyvalue_uint(text, bytes))
        return !__builtin_mul_overflow(*bytes, unit, bytes);
    if (!g_ascii_isdigit(text[0]))
        return false;
    char *end;
    double number = g_ascii_strtod(text, &end);
    if (*end) {
        unit = suffix_bytes(*end);
        if (unit == 0 || end[1] != '\0')
            return false;
    }
    number *= unit;
    if (!isfinite(number) || number >= 0x1p63)
        return false;
    *bytes = number;
    return true;
}

bool keyvalue_bool(const char *text, bool *value)
{
    static const char *const words[][2] = {{"off", "on"}, {"no", "yes"}, {"false", "true"}};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        for (int v = 0; v < 2; v++) {
            if (g_str_equal(text, words[i][v])) {
                *value = v;
                return true;
            }
        }
    }
    return false;
}

static bool parse_choice(const KeyRow *row, const char *value, unsigned *index)
{
    for (unsigned i = 0; row->choices[i]; i++) {
        if (g_str_equal(row->choices[i], value)) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* What would be a right value, for people. */
static char *expected(const KeyRow *row)
{
    switch (row->kind) {
    case KEY_UINT:
        if (row->max == UINT32_MAX)
            return g_strdup_printf("a number of at least %u", (unsigned)row->min);
        return g_strdup_printf("a number from %u to %u", (unsigned)row->min, (unsigned)row->max);
    case KEY_SIZE:
        return g_strdup("a size such as 512M or 2G");
    case KEY_BOOL:
        return g_strdup("on or off");
    default: {
        g_autofree char *list = g_strjoinv(", ", (char **)row->choices);
        return g_strdup_printf("one of: %s", list);
    }
    }
}

static bool store(const KeyRow *row, const char *value, void *target)
{
    void *member = (char *)target + row->offset;
    uint64_t number;
    switch (row->kind) {
    case KEY_STRING:
        g_free(*(char **)member);
        *(char **)member = g_strdup(value);
        return true;
    case KEY_UINT:
        if (!keyvalue_uint(value, &number) || number < row->min || number > row->max)
            return false;
        *(unsigned *)member = number;
        return true;
    case KEY_SIZE:
        return keyvalue_size(value, row->min, member);
    case KEY_BOOL:
        return keyvalue_bool(value, member);
    case KEY_CHOICE:
        return parse_choice(row, value, member);
    case KEY_IGNORED:
        return true;
    }
    g_assert_not_reached();
}

static const KeyRow *find_row(const KeyRow *rows, const char *key)
{
    for (; rows->name; rows++) {
        if (g_str_equal(rows->name, key))
            return rows;
    }
    return NULL;
}

static void unknown_key(const char *option, const char *key, const KeyRow *rows, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (; rows->name; rows++)
        g_ptr_array_add(names, (char *)rows->name);
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(key, (const char *const *)names->pdata);
    g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
    if (near)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "%s: unknown key \"%s\"; did you mean \"%s\"?", option, key, near);
    else
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: unknown key \"%s\"; there are: %s",
                    option, key, all);
}

bool keyvalue_parse(const char *option, const char *text, const char *implied_key,
                    const KeyRow *rows, void *target, GError **err)
{
    g_autoptr(GArray) items = keyvalue_split(text, implied_key);
    for (unsigned i = 0; i < items->len; i++) {
        const KeyValue *kv = &g_array_index(items, KeyValue, i);
        const KeyRow *row = find_row(rows, kv->key);
        if (!row) {
            unknown_key(option, kv->key, rows, err);
            return false;
        }
        if (!store(row, kv->value, target)) {
            g_autofree char *right = expected(row);
            g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "%s: \"%s=%s\" should be %s", option,
                        kv->key, kv->value, right);
            return false;
        }
    }
    return true;
}
