/* task.h - hardware task switching. [SDM3] "Task Management". */
#ifndef MYNA_CPU_TASK_H
#define MYNA_CPU_TASK_H

#include "cpu/cpu.h"

typedef enum TaskReason {
    TASK_JUMP, /* the old task is left for good */
    TASK_CALL, /* CALL, interrupt, exception: the new task is nested in the old one */
    TASK_IRET, /* back from a nested task */
} TaskReason;

/* Switches to the task whose TSS the selector names, after the checks of the TSS descriptor (but
 * not its DPL: that depends on how one got there). Faults before the switch leave the old task as
 * it was; faults of the new task's state are raised in the new task. cpu->rip is what the old task
 * goes on with. The caller checks the new EIP, after pushing an error code if there is one. ext is
 * 0 or ERROR_EXT. */
void task_switch(Cpu *cpu, uint16_t selector, TaskReason reason, unsigned ext);

#endif
