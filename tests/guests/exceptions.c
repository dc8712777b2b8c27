/* exceptions.c - every exception: vector, error code, saved address. [SDM3] "Exception and
 * Interrupt Reference". */
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

CASE(de_divide_by_zero, "DIV by zero is a #DE fault")
{
    Trap t = TRY("div %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc");

    expect_fault(t, DE, 0);
    check_eq(t.frame.ax, 1);
}

CASE(ud2, "UD2 is a #UD fault")
{
    Trap t = TRY("ud2");

    expect_fault(t, UD, 0);
}
