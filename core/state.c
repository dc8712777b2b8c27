/* state.c - the one encoder and the one decoder of saved state.
 *
 * The encoding is the fields' bytes, little-endian, in list order, and nothing else: what they mean
 * is in the list and the version that the container of the state records. */
#include "core/state.h"
#include "core/error.h"

#include <inttypes.h>

static uint64_t field_get(const StateField *f, const uint8_t *element)
{
    switch (f->size) {
    case 1:
        return *element;
    case 2:
        return *(const uint16_t *)element;
    case 4:
        return *(const uint32_t *)element;
    default:
        g_assert(f->size == 8);
        return *(const uint64_t *)element;
    }
}

static void field_put(const StateField *f, uint8_t *element, uint64_t value)
{
    switch (f->size) {
    case 1:
        *element = value;
        break;
    case 2:
        *(uint16_t *)element = value;
        break;
    case 4:
        *(uint32_t *)element = value;
        break;
    default:
        g_assert(f->size == 8);
        *(uint64_t *)element = value;
    }
}

static const uint8_t *element_at(const StateField *f, const void *object, uint32_t n)
{
    return (const uint8_t *)object + f->offset + (size_t)n * f->size;
}

/* --- saving ----------------------------------------------------------------------------------- */

static void save_element(const StateField *f, const uint8_t *element, GByteArray *out)
{
    uint8_t bytes[8];

    switch (f->kind) {
    case FIELD_UINT:
    case FIELD_BOOL:
        store_le(bytes, field_get(f, element), f->size);
        g_byte_array_append(out, bytes, f->size);
        break;
    case FIELD_BYTES:
        g_byte_array_append(out, element, f->size);
        break;
    case FIELD_STRUCT:
        state_save(f->fields, element, out);
        break;
    case FIELD_END:
        g_assert_not_reached();
    }
}

void state_save(const StateField *fields, const void *object, GByteArray *out)
{
    for (const StateField *f = fields; f && f->kind != FIELD_END; f++)
        for (uint32_t n = 0; n < f->count; n++)
            save_element(f, element_at(f, object, n), out);
}

/* --- loading ---------------------------------------------------------------------------------- */

static bool load_bytes(const StateField *f, const char *what, StateReader *in, void *to,
                       GError **err)
{
    size_t left = in->end - in->at;

    if (left < f->size) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE, "%s: saved state ends at field '%s'", what,
                    f->name);
        return false;
    }
    memcpy(to, in->at, f->size);
    in->at += f->size;
    return true;
}

static bool load_element(const StateField *f, unsigned version, const char *what, uint8_t *element,
                         StateReader *in, GError **err)
{
    uint8_t bytes[8];
    uint64_t value;

    switch (f->kind) {
    case FIELD_UINT:
    case FIELD_BOOL:
        if (!load_bytes(f, what, in, bytes, err))
            return false;
        value = load_le(bytes, f->size);
        field_put(f, element, f->kind == FIELD_BOOL ? value != 0 : value);
        return true;
    case FIELD_BYTES:
        return load_bytes(f, what, in, element, err);
    case FIELD_STRUCT:
        return state_load(f->fields, version, what, element, in, err);
    case FIELD_END:
        break;
    }
    g_assert_not_reached();
}

bool state_load(const StateField *fields, unsigned version, const char *what, void *object,
                StateReader *in, GError **err)
{
    for (const StateField *f = fields; f && f->kind != FIELD_END; f++) {
        if (f->since > version)
            continue;
        for (uint32_t n = 0; n < f->count; n++)
            if (!load_element(f, version, what, (uint8_t *)element_at(f, object, n), in, err))
                return false;
    }
    return true;
}

/* --- showing ---------------------------------------------------------------------------------- */

static char *element_name(const StateField *f, uint32_t n)
{
    return f->count > 1 ? g_strdup_printf("%s[%u]", f->name, n) : g_strdup(f->name);
}

static void print_struct(const StateField *f, const void *object, unsigned indent, GString *out)
{
    for (uint32_t n = 0; n < f->count; n++) {
        g_autofree char *name = element_name(f, n);
        g_string_append_printf(out, "%*s%s:\n", (int)indent, "", name);
        state_print(f->fields, element_at(f, object, n), indent + 2, out);
    }
}

/* Sixteen bytes a line. */
static void print_bytes(const StateField *f, const void *object, unsigned indent, GString *out)
{
    const uint8_t *bytes = element_at(f, object, 0);

    for (uint32_t i = 0; i < f->size; i++) {
        if (i % 16 == 0)
            g_string_append_printf(out, "%s%*s%s+0x%x:", i ? "\n" : "", (int)indent, "", f->name,
                                   i);
        g_string_append_printf(out, " %02x", bytes[i]);
    }
    g_string_append_c(out, '\n');
}

static void print_uints(const StateField *f, const void *object, unsigned indent, GString *out)
{
    g_string_append_printf(out, "%*s", (int)indent, "");
    for (uint32_t n = 0; n < f->count; n++) {
        g_autofree char *name = element_name(f, n);
        const char *gap = n + 1 == f->count ? "\n" : " ";
        g_string_append_printf(out, "%s=0x%" PRIx64 "%s", name,
                               field_get(f, element_at(f, object, n)), gap);
    }
}

void state_print(const StateField *fields, const void *object, unsigned indent, GString *out)
{
    for (const StateField *f = fields; f && f->kind != FIELD_END; f++) {
        if (f->kind == FIELD_STRUCT)
            print_struct(f, object, indent, out);
        else if (f->kind == FIELD_BYTES)
            print_bytes(f, object, indent, out);
        else
            print_uints(f, object, indent, out);
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

static char *element_difference(const StateField *f, uint32_t n, const uint8_t *a, const uint8_t *b)
{
    g_autofree char *name = element_name(f, n);

    if ((f->kind == FIELD_UINT || f->kind == FIELD_BOOL) && field_get(f, a) != field_get(f, b))
        return g_strdup_printf("%s: 0x%" PRIx64 " != 0x%" PRIx64, name, field_get(f, a),
                               field_get(f, b));
    if (f->kind == FIELD_BYTES)
        for (uint32_t i = 0; i < f->size; i++)
            if (a[i] != b[i])
                return g_strdup_printf("%s[%u]: 0x%x != 0x%x", name, i, a[i], b[i]);
    if (f->kind == FIELD_STRUCT) {
        g_autofree char *inner = state_first_difference(f->fields, a, b);
        return inner ? g_strdup_printf("%s.%s", name, inner) : NULL;
    }
    return NULL;
}

char *state_first_difference(const StateField *fields, const void *a, const void *b)
{
    for (const StateField *f = fields; f && f->kind != FIELD_END; f++) {
        for (uint32_t n = 0; n < f->count; n++) {
            char *difference = element_difference(f, n, element_at(f, a, n), element_at(f, b, n));
            if (difference)
                return difference;
        }
    }
    return NULL;
}
