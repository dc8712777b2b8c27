/* xsave_priv.h - the legacy region of saved state, for FXSAVE and XSAVE. [SDM1] "FXSAVE Area". */
#ifndef MYNA_CPU_EXEC_XSAVE_PRIV_H
#define MYNA_CPU_EXEC_XSAVE_PRIV_H

#include "cpu/exec/vec.h"
#include "cpu/xstate.h"

enum {
    AREA_MXCSR = 24,
    AREA_MXCSR_MASK = 28,
    AREA_XMM = 160,
    FXSAVE_SIZE = 512,
    MXCSR_INIT = 0x1f80,
};

/* #GP(0) for a value with bits that MXCSR does not have. */
void mxcsr_check(Cpu *cpu, uint32_t v);

FxPointers pointer_format(const Insn *insn);

/* Its address, checked for alignment (#GP(0)) and for the access over its whole size. */
LinAddr area_address(Cpu *cpu, const Insn *insn, unsigned size, unsigned align, MemAccess access);

/* Bytes [from, from + size) of an area at la; multiples of eight. */
void area_load(Cpu *cpu, LinAddr la, uint8_t *area, unsigned from, unsigned size);
void area_store(Cpu *cpu, LinAddr la, const uint8_t *area, unsigned from, unsigned size);

/* Registers that the mode has: 16 in 64-bit mode, else 8. */
unsigned xmm_count(const Cpu *cpu);
void xmm_to_area(const Cpu *cpu, uint8_t *area);
void xmm_from_area(Cpu *cpu, const uint8_t *area);

#endif
