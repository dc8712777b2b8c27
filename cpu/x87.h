/* x87.h - the x87 unit as the rest of the CPU needs it: its reset, its saved image, the MMX
 * registers that live in it. The instructions are in cpu/exec/x87_*.c. [SDM1] "Programming with the
 * x87 FPU". */
#ifndef MYNA_CPU_X87_H
#define MYNA_CPU_X87_H

#include "cpu/cpu.h"

/* Control word. */
enum {
    CW_MASKS = 0x3f, /* FP_IE..FP_PE */
    CW_ONE = 1 << 6, /* reserved, reads as one */
    CW_PC_SHIFT = 8,
    CW_RC_SHIFT = 10,
    CW_WRITABLE = 0x1f3f,
    CW_INIT = 0x037f,
};

/* Status word; bits 5:0 are FP_IE..FP_PE, TOP is Fpu.top. */
enum {
    SW_FLAGS = 0x3f,
    SW_SF = 1 << 6,
    SW_ES = 1 << 7,
    SW_C0 = 1 << 8,
    SW_C1 = 1 << 9,
    SW_C2 = 1 << 10,
    SW_TOP_SHIFT = 11,
    SW_C3 = 1 << 14,
    SW_B = 1 << 15,
    SW_CONDITIONS = SW_C0 | SW_C1 | SW_C2 | SW_C3,
};

enum { FOP_BITS = 0x7ff };

/* The state FNINIT leaves; also the initial configuration of XRSTOR. The data registers stay. */
void x87_init(Cpu *cpu);

/* The status word with TOP. */
uint16_t x87_status(const Cpu *cpu);

/* The tag word of FNSTENV, and what FLDENV makes of it. */
uint16_t x87_tag_word(const Cpu *cpu);
void x87_set_tag_word(Cpu *cpu, uint16_t tags);

/* Sets ES and B from flags and masks, and FERR# when CR0.NE is clear. After the control word, the
 * status word or CR0.NE changed. */
void x87_update_summary(Cpu *cpu);

/* The x87 part of the FXSAVE image: bytes 0..23 and 32..159 of [SDM1] "FXSAVE Area". With wide
 * (REX.W) the pointers have 64 bits and no selectors. Loading raises nothing. */
enum { FXSAVE_X87_SIZE = 160 };
typedef enum FxPointers { FX_POINTERS_32, FX_POINTERS_64 } FxPointers;
void x87_save_image(const Cpu *cpu, uint8_t image[FXSAVE_X87_SIZE], FxPointers pointers);
void x87_load_image(Cpu *cpu, const uint8_t image[FXSAVE_X87_SIZE], FxPointers pointers);

/* --- MMX [SDM3] "Effects of MMX Instructions on x87 FPU State" ------------------------------- */

/* What every MMX instruction but EMMS does to the x87: TOP 0, all tags valid. */
static inline void mmx_enter(Cpu *cpu)
{
    cpu->fpu.top = 0;
    cpu->fpu.valid = 0xff;
}

static inline uint64_t mmx_read(const Cpu *cpu, unsigned reg)
{
    return cpu->fpu.reg[reg & 7].mant;
}

/* The sign and exponent of a written register become ones. */
static inline void mmx_write(Cpu *cpu, unsigned reg, uint64_t v)
{
    cpu->fpu.reg[reg & 7] = (F80){.mant = v, .se = 0xffff};
}

/* EMMS: TOP 0, all tags empty. */
static inline void mmx_leave(Cpu *cpu)
{
    cpu->fpu.top = 0;
    cpu->fpu.valid = 0;
}

#endif
