/* input.c - the table of keys, and the way of an event to the newest keyboard or pointer. */
#include "core/input.h"

typedef struct KeyInfo {
    const char *name;
    uint32_t set1, set2; /* scan codes, big end first */
} KeyInfo;

static const KeyInfo keys[KEY_COUNT] = {
#define KEY(id, name, set1, set2) [KEY_##id] = {name, set1, set2},
#include "core/keys.def"
#undef KEY
};

Key key_from_name(const char *name)
{
    for (unsigned key = KEY_NONE + 1; key < KEY_COUNT; key++)
        if (strcmp(keys[key].name, name) == 0)
            return key;
    return KEY_NONE;
}

static const KeyInfo *key_info(Key key)
{
    g_assert((unsigned)key < KEY_COUNT);
    return &keys[key];
}

const char *key_name(Key key)
{
    return key_info(key)->name;
}

uint32_t key_scancode_set1(Key key)
{
    return key_info(key)->set1;
}

uint32_t key_scancode_set2(Key key)
{
    return key_info(key)->set2;
}

void board_add_input(Board *board, InputSink *sink)
{
    g_ptr_array_add(board->inputs, sink);
}

/* A person at the machine uses the keyboard plugged in last. */
void board_send_key(Board *board, Key key, bool down)
{
    for (unsigned i = board->inputs->len; i-- > 0;) {
        InputSink *sink = g_ptr_array_index(board->inputs, i);
        if (sink->key) {
            sink->key(sink->opaque, key, down);
            return;
        }
    }
}

void board_send_pointer(Board *board, int dx, int dy, int dz, unsigned buttons)
{
    for (unsigned i = board->inputs->len; i-- > 0;) {
        InputSink *sink = g_ptr_array_index(board->inputs, i);
        if (sink->pointer) {
            sink->pointer(sink->opaque, dx, dy, dz, buttons);
            return;
        }
    }
}
