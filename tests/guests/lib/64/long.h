/* long.h - what cases of IA-32e mode share: far pointers, IRETQ frames, compatibility-mode code. */
#pragma once
#include "lib/cpu.h"
#include "lib/snippet.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

/* Memory operands of far transfers: m16:32, and m16:64 with REX.W. */
typedef struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) FarPointer32;

typedef struct {
    u64 offset;
    u16 selector;
} __attribute__((packed)) FarPointer64;

/* Code for compatibility mode, which ends with TRAP_DONE. */
#define SNIPPET32(name, text) SNIPPET(name, ".code32\n" text "\n int $0xf1\n .code64")
/* Code for 64-bit mode that ends the same way. */
#define SNIPPET64(name, text) SNIPPET(name, text "\n int $0xf1")

/* Jumps to a snippet in another code segment. */
Trap far_jump(u16 selector, const void *target);
#define in_compat(snippet) far_jump(SEL_CODE32, snippet)

/* What IRETQ pops. */
typedef struct {
    word ip, cs, flags, sp, ss;
} IretFrame;

/* IRETQ with this frame, marked as by TRY; RSP was *iret_sp before. */
Trap iretq(IretFrame frame);
extern const IretFrame *const iret_sp;

/* Runs a snippet in ring 3, in a code segment and with flags of the caller's choice. */
Trap in_ring3(u16 cs, const void *snippet, word flags);

/* An address that is not canonical with 48 or 57 bits. */
#define NOT_CANONICAL 0x4000000000000000ull

/* A system descriptor of 16 bytes in the GDT. */
void gdt_set_system(u16 selector, u64 base, u32 limit, u32 access);
/* A call gate of 16 bytes in the GDT. */
void gdt_set_gate(u16 selector, u16 target, u64 offset, u32 access);
