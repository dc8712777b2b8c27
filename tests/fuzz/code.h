/* code.h - hostile programs: instructions chosen for the trouble they make. */
#ifndef MYNA_TESTS_FUZZ_CODE_H
#define MYNA_TESTS_FUZZ_CODE_H

#include "tests/fuzz/input.h"

/* Fills [code, code+size) with instructions for this code size: port and memory-mapped I/O, MSRs,
 * control and debug registers, descriptor tables, far transfers, string I/O, stores to code, and
 * whatever bytes the input has. */
void code_fill(Input *in, CodeSize size, uint8_t *code, size_t bytes);

/* Addresses worth an access: devices, tables, code, edges. */
uint32_t input_code_address(Input *in);
uint16_t code_port(Input *in);

#endif
