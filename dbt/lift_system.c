/* lift_system.c - the system instructions that kernels execute most. [SDM2] CLI, PUSHF. */
#include "dbt/lift.h"

/* CPL 0 outside real and V86 mode: no IOPL or VME rule is in the way. */
static bool is_kernel(const Lift *l)
{
    return l->cpu->mode >= CPU_PROTECTED && l->cpu->cpl == 0;
}

/* What is held off from now on needs no look. STI, which lets things in, is the interpreter's. */
bool lift_cli(Lift *l)
{
    if (!is_kernel(l))
        return false;
    ir_add(l->ir, IR_CLI, 0);
    return true;
}

/* VM and RF read as zero: VM is, and RF is only set while an instruction is resumed. */
bool lift_pushf(Lift *l)
{
    unsigned size = l->insn->opsize;
    if (l->cpu->mode == CPU_V86)
        return false;
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_WRITE, -(int64_t)size);
    ir_add(l->ir, IR_FLAGS, 0);
    ir_add(l->ir, IR_STORE, size)->src = REF_TEMP;
    ir_add(l->ir, IR_SPADD, 0)->imm = -(int64_t)size;
    return true;
}
