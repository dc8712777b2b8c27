/* native_state.h - a guest CPU's state in the form of the host's, for comparing the two. */
#ifndef MYNA_TESTS_SUPPORT_NATIVE_STATE_H
#define MYNA_TESTS_SUPPORT_NATIVE_STATE_H

#include "cpu/cpu.h"
#include "tests/support/native.h"

/* Everything of the guest CPU that a NativeState has, with the image. */
void native_state_take(NativeState *s, const Cpu *cpu);

/* The other way: puts registers, flags and image into the guest CPU. */
void native_state_put(const NativeState *s, Cpu *cpu);

/* What differs, or NULL. `flags` are the comparable EFLAGS bits. Not compared are FOP, FIP and FDP,
 * MXCSR_MASK, reserved bytes and the XSAVE header: hosts do not agree there. */
const char *native_state_difference(const NativeState *ours, const NativeState *host,
                                    uint32_t flags);

/* Clears those fields of an image, or of the like in memory. */
void native_image_forget(uint8_t *image);

/* All three side by side, differences marked with <. */
void native_state_report(GString *out, const NativeState *before, const NativeState *ours,
                         const NativeState *host);

#endif
