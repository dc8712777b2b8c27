/* undefined.h - flags that an instruction leaves without a meaning, in which two right engines may
 * differ. */
#ifndef MYNA_TESTS_SUPPORT_UNDEFINED_H
#define MYNA_TESTS_SUPPORT_UNDEFINED_H

#include "cpu/decode.h"

/* Of the arithmetic flags, those undefined behind the instruction, whatever its operands. [SDM2].
 */
uint32_t undefined_flags(const Insn *insn);

/* Those that its result depends on, in a condition or as data. */
uint32_t flags_looked_at(const Insn *insn);

#endif
