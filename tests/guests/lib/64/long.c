/* long.c - far transfers and descriptors of IA-32e mode. */
#include "lib/64/long.h"

static FarPointer32 far_target;
static word iret_stack[512];

#define IRET_FRAME (&iret_stack[COUNT(iret_stack) - sizeof(IretFrame) / sizeof(word)])
const IretFrame *const iret_sp = (const IretFrame *)IRET_FRAME;

Trap far_jump(u16 selector, const void *target)
{
    far_target = (FarPointer32){(u32)(word)target, selector};
    return TRY("ljmp *%0", : : "m"(far_target));
}

Trap iretq(IretFrame frame)
{
    memcpy(IRET_FRAME, &frame, sizeof(frame));
    return TRY("mov %0, %%rsp\n movq $1f, try_begin\n 1: iretq", : : "r"(iret_sp) : "memory");
}

Trap in_ring3(u16 cs, const void *snippet, word flags)
{
    return iretq((IretFrame){(word)snippet, cs | 3, flags, USER_STACK_END, SEL_USER_DATA | 3});
}

void gdt_set_system(u16 selector, u64 base, u32 limit, u32 access)
{
    gdt_at(selector)[0] = descriptor(base, limit, access);
    gdt_at(selector)[1] = base >> 32;
}

void gdt_set_gate(u16 selector, u16 target, u64 offset, u32 access)
{
    gdt_at(selector)[0] = gate(target, offset, access, 0);
    gdt_at(selector)[1] = offset >> 32;
}
