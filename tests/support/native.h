/* native.h - the host CPU as an oracle: runs one user-mode instruction on given registers, flags
 * and memory. Only on x86-64 hosts; elsewhere native_new returns NULL and tests that need it skip.
 */
#ifndef MYNA_TESTS_SUPPORT_NATIVE_H
#define MYNA_TESTS_SUPPORT_NATIVE_H

#include "cpu/features.h"
#include "cpu/regs.h"

typedef struct NativeState {
    uint64_t gpr[GPR_COUNT];
    uint64_t flags; /* arithmetic flags and DF */
} NativeState;

typedef struct Native Native;

Native *native_new(void);
void native_free(Native *n);

/* True if the host's CPUID has the feature. */
bool native_has(CpuFeature f);

/* Readable and writable memory at exactly this address, or NULL. Freed with the Native. */
uint8_t *native_map(Native *n, uint64_t address, size_t size);

/* Runs the instruction; all registers, RSP too, are the state's before and after. False: it
 * trapped, and the state is as before. */
bool native_run(Native *n, const uint8_t *code, size_t length, NativeState *state);

#endif
