/* snippet.h - code whose exact addresses count: functions written in assembly inside a case's file.
 */
#pragma once
#include "types.h"

/* A function of this text; "ret" is added. Labels in it are global names of the guest. */
#define SNIPPET(name, text)                                                \
    asm(".pushsection .text\n" #name ":\n" text "\n ret\n .popsection\n"); \
    extern void name(void)
#define LABEL(name) extern const u8 name[]
