/* gate.c - INT 80h from ring 3 through an interrupt gate, and IRET. [SDM2] INT n, IRET. */
#include "kernel.h"

static u32 served;

HANDLER static void serve(Frame *frame)
{
    (void)frame;
    served++;
}

static void user(u64 count)
{
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("int $0x80" : : : "memory");
    user_end();
}

u32 work(u32 size)
{
    kernel_init();
    gate_set(0x80, serve, RING3);
    user_run(user, size);
    return served;
}
