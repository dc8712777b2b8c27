/* world.h - the guest memory and the CPU states that hostile programs start from.
 *
 * Guest memory, linear = physical as long as the program leaves its page tables alone:
 *
 *   00000  8086 vectors      04000  second TSS            20000  data
 *   01000  GDT and LDT       08000  stacks, downwards     30000  SMM code (SMBASE + 8000h at 38000)
 *   02000  IDT               10000  code, 64 KiB          40000  page tables: 32-bit, PAE, long
 *   03000  TSS */
#ifndef MYNA_TESTS_FUZZ_WORLD_H
#define MYNA_TESTS_FUZZ_WORLD_H

#include "core/memory.h"
#include "cpu/cpu.h"
#include "tests/fuzz/input.h"

enum {
    WORLD_GDT = 0x1000,
    WORLD_IDT = 0x2000,
    WORLD_TSS = 0x3000,
    WORLD_TSS2 = 0x4000,
    WORLD_STACKS = 0x8000,
    WORLD_CODE = 0x10000,
    WORLD_CODE_SIZE = 0x2000,
    WORLD_DATA = 0x20000,
    WORLD_PAGES = 0x40000,
    WORLD_SELECTORS = 0x100, /* bytes of GDT */
};

/* Tables in memory, from sound to broken as the input has it, and code everywhere control may go.
 */
void world_write(Input *in, AddressSpace *memory);

/* Puts the CPU into a mode of the input's choice, with registers, tables and paging to match. */
void world_enter(Input *in, Cpu *cpu, AddressSpace *memory);
/* The same in user mode: protected, compatibility, long or V86. */
void world_enter_user(Input *in, Cpu *cpu, AddressSpace *memory);

/* A chunk of WORLD_CODE where an instruction begins. */
uint32_t world_entry(Input *in);

#endif
