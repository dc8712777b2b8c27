/* frame.h - a stack frame that is being built by a far call or an event, beside the CPU's own
 * stack.
 *
 * Nothing of the CPU changes until frame_commit, so whatever faults on the way leaves it as it was.
 */
#ifndef MYNA_CPU_FRAME_H
#define MYNA_CPU_FRAME_H

#include "cpu/descriptor.h"
#include "cpu/exec.h"

typedef struct Frame {
    Segment ss;
    uint64_t sp;
    uint8_t pointer_size; /* bytes of the stack pointer: 2, 4, 8 */
    uint8_t slot;         /* bytes of each push */
    uint8_t cpl;          /* privilege the stack belongs to */
    uint32_t error;       /* of the #SS when it does not fit */
} Frame;

/* On the present stack. */
Frame frame_current(const Cpu *cpu, unsigned slot, uint32_t error);

/* On the stack the TSS names for privilege cpl: SS:eSP of a 16- or 32-bit TSS, #TS as the manual
 * says, or RSP of a 64-bit TSS with a null SS. [SDM3] "Stack Switching". */
Frame frame_inner(Cpu *cpu, unsigned cpl, unsigned slot, unsigned ext);

/* RSPn (0-2) or ISTn (ist 1-7) of a 64-bit TSS. */
uint64_t tss_stack_pointer64(Cpu *cpu, unsigned cpl, unsigned ist, unsigned ext);

/* Raises #SS(error) unless `slots` pushes fit. */
void frame_reserve(Cpu *cpu, const Frame *f, unsigned slots);
void frame_push(Cpu *cpu, Frame *f, uint64_t value);

/* Makes it the CPU's stack; cpu_update_mode is the caller's, with its other changes. */
static inline void frame_commit(Cpu *cpu, const Frame *f)
{
    cpu->seg[SEG_SS] = f->ss;
    gpr_write(cpu, RSP, f->pointer_size, f->sp);
}

#endif
