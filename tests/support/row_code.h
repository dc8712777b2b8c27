/* row_code.h - random encodings of one row of the instruction table. */
#ifndef MYNA_TESTS_SUPPORT_ROW_CODE_H
#define MYNA_TESTS_SUPPORT_ROW_CODE_H

#include "tests/support/random_code.h"

/* Makes MAX_INSN_LENGTH bytes that begin with an encoding of the row for code of this size, and
 * what the decoder makes of them: prefixes, registers, addressing and immediates are random. False:
 * there is none (a row of another mode). */
bool row_code(RandomCode *r, unsigned row, CodeSize mode, uint8_t bytes[MAX_INSN_LENGTH],
              Insn *insn);

#endif
