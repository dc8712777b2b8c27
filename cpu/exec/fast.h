/* fast.h - specialised forms of the most executed instructions. */
#ifndef MYNA_CPU_EXEC_FAST_H
#define MYNA_CPU_EXEC_FAST_H

#include "cpu/cpu.h"

/* A variant of the row's exec function for exactly these operand kinds, sizes and mode, or NULL. */
ExecFn *exec_fast(const Insn *insn, CpuMode mode);

#endif
