/* intc.h - where a CPU and its interrupt controller meet. */
#ifndef MYNA_CORE_INTC_H
#define MYNA_CORE_INTC_H

#include "core/irq.h"

/* A CPU's input pins; cpu_set_line is the IrqFn that takes them as n. */
typedef enum CpuLine {
    CPU_LINE_INTR, /* level: the controller has a vector to give */
    CPU_LINE_NMI,  /* rising edge */
    CPU_LINE_SMI,  /* rising edge */
    CPU_LINE_INIT, /* rising edge */
    CPU_LINE_SIPI, /* irq_send(vector): start-up at vector << 12, if waiting for it */
    CPU_LINE_A20,  /* level: 0 masks address bit 20 */
    CPU_LINE_COUNT,
} CpuLine;

/* What a CPU asks of its controller (the local APIC, or the bare PIC on a board without one). All
 * functions are called with the machine lock held. A NULL function means the controller lacks it.
 */
typedef struct IntcOps {
    /* INTA: the vector to deliver, now in service; -1 if the request went away. */
    int (*acknowledge)(void *intc);
    uint8_t (*get_tpr)(void *intc); /* bits 7:4 are CR8 */
    void (*set_tpr)(void *intc, uint8_t tpr);
    /* IA32_APIC_BASE (1Bh), IA32_TSC_DEADLINE (6E0h), x2APIC (800h-8FFh). False: #GP(0). `tsc_now`
     * is not passed: the controller is told of TSC through clock and tsc_to_ns. */
    bool (*read_msr)(void *intc, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *intc, uint32_t msr, uint64_t value);
    void (*reset)(void *intc); /* INIT: the CPU tells its controller */
} IntcOps;

#endif
