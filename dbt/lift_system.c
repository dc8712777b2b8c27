/* lift_system.c - the system instructions that kernels execute most. [SDM2] CLI, STI,
 * SWAPGS, PUSHF, POPF, SYSCALL, SYSRET, IN, OUT. */
#include "dbt/lift.h"

/* CPL 0 outside real and V86 mode: no IOPL or VME rule is in the way. */
static bool is_kernel(const Lift *l)
{
    return l->cpu->mode >= CPU_PROTECTED && l->cpu->cpl == 0;
}

/* What is held off from now on needs no look. */
bool lift_cli(Lift *l)
{
    if (!is_kernel(l))
        return false;
    ir_add(l->ir, IR_CLI, 0);
    return true;
}

/* Interrupts come in after the next instruction: there is a look then, or at the next block's head
 * if that instruction ends this one. */
bool lift_sti(Lift *l)
{
    if (!is_kernel(l) || l->shadow == l->ir->insn_count)
        return false;
    ir_add(l->ir, IR_STI, 0);
    l->shadow = l->ir->insn_count + 1;
    return true;
}

/* Behind the instruction just lifted. */
void lift_poll(Lift *l)
{
    ir_add(l->ir, IR_POLL, 0)->imm = l->next;
}

/* Who needs no permission goes to the device at once; not where time is exact, which devices see.
 */
bool lift_port(Lift *l)
{
    const Operand *op = l->insn->op;
    bool out = !(op[0].access & OPND_WRITE);
    if (lift_is_counted(l) || !(is_kernel(l) || l->cpu->mode == CPU_REAL))
        return false;
    IrOp *port = ir_add_to(l->ir, IR_PORT, op[out].size, out ? REF_NONE : RAX);
    port->access = out ? ACCESS_WRITE : ACCESS_READ;
    lift_poll(l);
    return true;
}

bool lift_swapgs(Lift *l)
{
    if (!is_kernel(l) || l->cpu->mode != CPU_LONG)
        return false;
    ir_add(l->ir, IR_SWAPGS, 0);
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

/* Of the flags that are not arithmetic only IF may change; else the interpreter does it. */
bool lift_popf(Lift *l)
{
    unsigned size = l->insn->opsize;
    if (!is_kernel(l) || size == 2)
        return false;
    lift_stack_check(l, IR_CHECKSP, size, ACCESS_READ, 0);
    ir_add_to(l->ir, IR_LOAD, size, REF_T);
    ir_add(l->ir, IR_POPF, 0);
    ir_add(l->ir, IR_SPADD, 0)->imm = size;
    lift_poll(l);
    return true;
}

static void cross(Lift *l, CrossingKind kind)
{
    IrOp *op = ir_add(l->ir, IR_CROSS, 0);
    op->access = kind;
    op->imm = l->next;
    l->done = true;
}

/* From user to kernel and back; any other way is the interpreter's. */
bool lift_syscall(Lift *l)
{
    if (l->cpu->mode != CPU_LONG || l->cpu->cpl != 3)
        return false;
    cross(l, CROSSING_IN);
    return true;
}

bool lift_sysret(Lift *l)
{
    if (l->cpu->mode != CPU_LONG || l->cpu->cpl != 0 || l->insn->opsize != 8)
        return false;
    cross(l, CROSSING_OUT);
    return true;
}
