/* devices.h - what a guest and the world outside do to a board's devices, without a CPU. */
#ifndef MYNA_TESTS_FUZZ_DEVICES_H
#define MYNA_TESTS_FUZZ_DEVICES_H

#include "tests/fuzz/board.h"

/* One access, key, byte, or span of time, of the input's choice. */
void devices_act(Input *in, FuzzBoard *b);

/* The state of every device, in the board's order; the caller frees it. */
GByteArray *devices_save(FuzzBoard *b);
/* Loads it into the devices of a board made alike and updates them. */
bool devices_load(FuzzBoard *b, const uint8_t *bytes, size_t size,
                  GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
