/* fuzz.h - what a fuzz target defines, by libFuzzer's rules: any input is fine, 0 is returned. */
#ifndef MYNA_TESTS_FUZZ_H
#define MYNA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
