/* code.h - machine code that a guest writes. */
#pragma once
#include "x86.h"

enum { NOP = 0x90, RET = 0xc3, MOV_EAX = 0xb8 };

static inline u8 *put32(u8 *at, u32 value)
{
    memcpy(at, &value, 4);
    return at + 4;
}

/* mov eax, value; ret. Returns where it ends. */
static inline u8 *put_return(u8 *at, u32 value)
{
    *at++ = MOV_EAX;
    at = put32(at, value);
    *at++ = RET;
    return at;
}
