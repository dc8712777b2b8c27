/* irq.h - interrupt and signal lines: one output pin drives one input pin. */
#ifndef MYNA_CORE_IRQ_H
#define MYNA_CORE_IRQ_H

#include "core/types.h"

/* An input pin: `n` tells the receiver which of its pins; level is 0 or 1, or a message value where
 * the receiver says so (a SIPI vector). Called with the machine lock held. */
typedef void IrqFn(void *opaque, int n, int level);

/* An output pin. Zeroed = not connected. `level` is what was last driven. */
typedef struct IrqLine {
    IrqFn *fn;
    void *opaque;
    int n;
    int level;
} IrqLine;

/* Drives the pin; the receiver hears of changes only. */
static inline void irq_set(IrqLine *line, int level)
{
    if (line->level == level)
        return;
    line->level = level;
    if (line->fn)
        line->fn(line->opaque, line->n, level);
}

/* A message that is sent even when the value repeats (edges, SIPI vectors). */
static inline void irq_send(IrqLine *line, int value)
{
    if (line->fn)
        line->fn(line->opaque, line->n, value);
}

static inline void irq_connect(IrqLine *line, IrqFn *fn, void *opaque, int n)
{
    line->fn = fn;
    line->opaque = opaque;
    line->n = n;
}

#endif
