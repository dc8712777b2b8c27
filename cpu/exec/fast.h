/* fast.h - exec functions specialised for the operands, size and addressing of one decoded form. */
#ifndef MYNA_CPU_EXEC_FAST_H
#define MYNA_CPU_EXEC_FAST_H

#include "cpu/cpu.h"

/* A function that does what insn's row does, faster, in blocks decoded for `mode`; NULL if there is
 * none. What it does not expect it hands to the row's own function. It checks no privilege and no
 * feature: those were the binder's. */
ExecFn *exec_fast(const Insn *insn, CpuMode mode);

#endif
