/* keyvalue.h - option arguments of the form key=value,key=value, read into a struct by a table.
 *
 * A comma inside a value is written twice. The first item may leave its key out where the option
 * names an implied one; later items without "=" are switches: `key` is `key=on`. */
#ifndef MYNA_MACHINE_KEYVALUE_H
#define MYNA_MACHINE_KEYVALUE_H

#include "core/types.h"

typedef struct KeyValue {
    char *key, *value;
} KeyValue;

/* Cuts text at commas. An item without a key and without an implied one is a switch. Never fails;
 * the array frees its items. */
GArray *keyvalue_split(const char *text, const char *implied_key);

typedef enum KeyKind {
    KEY_STRING,  /* char *, replaced */
    KEY_UINT,    /* unsigned within [min, max] */
    KEY_SIZE,    /* uint64_t bytes; suffixes k M G T; without one, in units of `min` bytes */
    KEY_BOOL,    /* bool: on, off, yes, no, true, false */
    KEY_CHOICE,  /* unsigned: index in choices */
    KEY_IGNORED, /* known, but nothing here depends on it */
} KeyKind;

typedef struct KeyRow {
    const char *name;
    KeyKind kind;
    size_t offset; /* of the member in the struct */
    uint64_t min, max;
    const char *const *choices; /* NULL-terminated */
} KeyRow;                       /* a table ends with a row without a name */

/* Reads the items of text into target. Errors (MYNA_ERROR_USAGE) quote the option and the item, and
 * say what would be right; members read before the error keep their values. */
bool keyvalue_parse(const char *option, const char *text, const char *implied_key,
                    const KeyRow *rows, void *target, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* "64k", "1.5G", "0x100"; bytes = number * unit without a suffix. False: malformed or too large. */
bool keyvalue_size(const char *text, uint64_t unit, uint64_t *bytes) G_GNUC_WARN_UNUSED_RESULT;
/* Decimal, or hexadecimal after 0x, with nothing behind it. */
bool keyvalue_uint(const char *text, uint64_t *value) G_GNUC_WARN_UNUSED_RESULT;
bool keyvalue_bool(const char *text, bool *value) G_GNUC_WARN_UNUSED_RESULT;

#endif
