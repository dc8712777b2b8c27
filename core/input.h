/* input.h - keys and pointer events on their way from people to keyboards and mice. */
#ifndef MYNA_CORE_INPUT_H
#define MYNA_CORE_INPUT_H

#include "core/board.h"

/* Keys by QEMU's key names (`sendkey`); each with its scan codes in keys.def. */
typedef enum Key {
    KEY_NONE,
#define KEY(id, name, set1, set2) KEY_##id,
#include "core/keys.def"
#undef KEY
    KEY_COUNT,
} Key;

enum { BUTTON_LEFT = 1, BUTTON_RIGHT = 2, BUTTON_MIDDLE = 4 };

struct InputSink {
    void *opaque;
    void (*key)(void *opaque, Key key, bool down);                           /* or NULL */
    void (*pointer)(void *opaque, int dx, int dy, int dz, unsigned buttons); /* or NULL */
};

void board_add_input(Board *board, InputSink *sink);
void board_send_key(Board *board, Key key, bool down);
void board_send_pointer(Board *board, int dx, int dy, int dz, unsigned buttons);

Key key_from_name(const char *name); /* "ret", "ctrl", "a", "f1"; KEY_NONE if unknown */
const char *key_name(Key key);
/* Scan codes: up to 3 bytes, big end first, E0 prefixes included; 0 = none. */
uint32_t key_scancode_set1(Key key);
uint32_t key_scancode_set2(Key key);

#endif
