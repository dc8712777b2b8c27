/* interrupt_priv.h - an event on its way through the IDT; shared by the interrupt files. */
#ifndef MYNA_CPU_INTERRUPT_PRIV_H
#define MYNA_CPU_INTERRUPT_PRIV_H

#include "cpu/exec.h"

typedef struct Event {
    unsigned vector;
    EventKind kind;
    bool has_error;
    uint32_t error;
    unsigned ext; /* ERROR_EXT if the program did not ask for it */
} Event;

static inline bool event_is_software(const Event *event)
{
    return event->kind == EVENT_SOFTWARE || event->kind == EVENT_INT3_INTO;
}

/* Pushes FLAGS, CS, IP on the present stack and goes to cs:ip of an interrupt vector table entry:
 * real mode, and V86 mode with virtual mode extensions. flags is the image to push. */
void interrupt_enter_8086(Cpu *cpu, uint32_t entry, uint16_t flags);

/* vme.c: INT n in V86 mode. True if the 8086 program's own handler got it; #GP(0) if IOPL forbids
 * it; false: on through the IDT. */
bool interrupt_redirect_v86(Cpu *cpu, unsigned vector);

#endif
