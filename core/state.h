/* state.h - what a struct's saved state is: a list of fields, and one encoder and one decoder.
 *
 * Saving, loading, `info`, lockstep comparison and reset-state tests all read the same list. */
#ifndef MYNA_CORE_STATE_H
#define MYNA_CORE_STATE_H

#include "core/types.h"

typedef enum FieldKind {
    FIELD_END,
    FIELD_UINT,   /* unsigned integers of `size` bytes, `count` of them */
    FIELD_BOOL,   /* the same of bools: anything but 0 is loaded as true */
    FIELD_BYTES,  /* `size` raw bytes */
    FIELD_STRUCT, /* `count` structs of `size` bytes, described by `fields` */
} FieldKind;

typedef struct StateField {
    const char *name;
    FieldKind kind;
    uint32_t offset;
    uint32_t size;  /* bytes of one element */
    uint32_t count; /* elements */
    const struct StateField *fields;
    uint16_t since; /* first version of the struct that has it; 0 = always */
} StateField;

#define STATE_KIND(member) _Generic(member, bool : FIELD_BOOL, default : FIELD_UINT)
/* One integer, bool or enum member; signed members are saved as their two's complement. */
#define STATE(S, f)                                                                  \
    {                                                                                \
#f, STATE_KIND(((S *)0)->f), offsetof(S, f), sizeof(((S *)0)->f), 1, NULL, 0 \
    }
#define STATE_SINCE(S, f, version)                                                         \
    {                                                                                      \
#f, STATE_KIND(((S *)0)->f), offsetof(S, f), sizeof(((S *)0)->f), 1, NULL, version \
    }
/* An array of integers. */
#define STATE_ARRAY(S, f)                                                       \
    {                                                                           \
#f, STATE_KIND(((S *)0)->f[0]), offsetof(S, f), sizeof(((S *)0)->f[0]), \
            G_N_ELEMENTS(((S *)0)->f), NULL, 0                                  \
    }
/* A buffer. */
#define STATE_BYTES(S, f)                                                \
    {                                                                    \
#f, FIELD_BYTES, offsetof(S, f), sizeof(((S *)0)->f), 1, NULL, 0 \
    }
/* An embedded struct, or an array of them, described by its own list. */
#define STATE_STRUCT(S, f, list)                                          \
    {                                                                     \
#f, FIELD_STRUCT, offsetof(S, f), sizeof(((S *)0)->f), 1, list, 0 \
    }
#define STATE_STRUCTS(S, f, list)                                                                  \
    {                                                                                              \
#f, FIELD_STRUCT, offsetof(S, f), sizeof(((S *)0)->f[0]), G_N_ELEMENTS(((S *)0)->f), list, \
            0                                                                                      \
    }
#define STATE_END                         \
    {                                     \
        NULL, FIELD_END, 0, 0, 0, NULL, 0 \
    }

/* Appends the fields of object, little-endian, in list order. */
void state_save(const StateField *fields, const void *object, GByteArray *out);

/* A cursor over hostile bytes. */
typedef struct StateReader {
    const uint8_t *at;
    const uint8_t *end;
} StateReader;

/* Fills object from a state saved at `version`; fields newer than that keep their value. Fails with
 * MYNA_ERROR_STATE, naming `what` and the field, on short input; object is then half filled. */
bool state_load(const StateField *fields, unsigned version, const char *what, void *object,
                StateReader *in, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* "name=0x.. name[2]=.." lines for people, indented by `indent` spaces. */
void state_print(const StateField *fields, const void *object, unsigned indent, GString *out);

/* The first field in which a and b differ, as "name[i]: 0x1 != 0x2", or NULL. Caller frees. */
char *state_first_difference(const StateField *fields, const void *a, const void *b);

#endif
