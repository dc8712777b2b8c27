/* vme.c - INT n in virtual-8086 mode: the five ways it can go.
 *
 * [SDM3] "Class 3-Software Interrupt Handling in Virtual-8086 Mode", table of methods:
 *
 *   CR4.VME  IOPL  map bit   what happens
 *      0      3       -      protected mode handler                          (method 1)
 *      0     <3       -      #GP(0)                                          (method 2)
 *      1     <3       1      #GP(0)                                          (method 3)
 *      1      3       1      protected mode handler                          (method 4)
 *      1      3       0      the 8086 program's handler                      (method 5)
 *      1     <3       0      the 8086 program's handler, VIF in place of IF  (method 6) */
#include "cpu/exec.h"
#include "cpu/interrupt_priv.h"

enum { TSS_IO_MAP_BASE = 0x66, REDIRECTION_MAP_SIZE = 32 };

/* Bit `vector` of the map that ends where the I/O permission map begins. */
static bool redirection_bit(Cpu *cpu, unsigned vector)
{
    if (cpu->tr.limit < TSS_IO_MAP_BASE + 1)
        raise_GP(cpu, 0);
    LinAddr tss = cpu->tr.base;
    uint32_t io_map = mem_load_system(cpu, (uint32_t)(tss + TSS_IO_MAP_BASE), 2);
    if (io_map < REDIRECTION_MAP_SIZE || io_map > cpu->tr.limit)
        raise_GP(cpu, 0);
    uint32_t at = io_map - REDIRECTION_MAP_SIZE + vector / 8;
    return bit_get(mem_load_system(cpu, (uint32_t)(tss + at), 1), vector % 8);
}

bool interrupt_redirect_v86(Cpu *cpu, unsigned vector)
{
    bool iopl3 = cpu_iopl(cpu) == 3;
    if (!(cpu->cr4 & CR4_VME) || redirection_bit(cpu, vector)) {
        if (!iopl3)
            raise_GP(cpu, 0);
        return false;
    }
    uint32_t flags = eflags_get(cpu);
    if (!iopl3) {
        flags = (flags & ~FLAG_IF) | FLAG_IOPL;
        flags |= flags & FLAG_VIF ? FLAG_IF : 0;
    }
    /* The program's vector table is at its address 0: a user access like its own. */
    interrupt_enter_8086(cpu, mem_load(cpu, vector * 4, 4), flags);
    cpu->eflags &= ~(FLAG_TF | FLAG_RF | (iopl3 ? FLAG_IF : FLAG_VIF));
    return true;
}
