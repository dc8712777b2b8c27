/* exec/interrupt.c - software interrupts. [SDM2] INT n/INTO/INT3/INT1. */
#include "cpu/exec.h"

EXEC(INT)
{
    interrupt_deliver(cpu, (uint8_t)insn->imm, EVENT_SOFTWARE, false, 0);
}

EXEC(INT3)
{
    interrupt_deliver(cpu, EXC_BP, EVENT_INT3_INTO, false, 0);
}

EXEC(INTO)
{
    if (flag_of(cpu))
        interrupt_deliver(cpu, EXC_OF, EVENT_INT3_INTO, false, 0);
}

EXEC(INT1)
{
    interrupt_deliver(cpu, EXC_DB, EVENT_ICEBP, false, 0);
}
