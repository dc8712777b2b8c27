/* gdb_registers.h - a CPU's registers as gdb numbers and describes them. */
#ifndef MYNA_UI_GDB_REGISTERS_H
#define MYNA_UI_GDB_REGISTERS_H

#include "cpu/cpu.h"

/* What gdb takes the code for. */
typedef enum GdbArch { GDB_I8086, GDB_I386, GDB_X86_64 } GdbArch;

GdbArch gdb_arch_of(const Cpu *cpu);
const char *gdb_arch_name(GdbArch arch); /* as for gdb's `set architecture` */

/* The target description, as XML. */
char *gdb_description(GdbArch arch);

enum { GDB_REGISTER_BYTES = 16 }; /* no register is longer */

/* A register's bytes, lowest first; how many there are, 0: no register has the number. The CPU
 * stands. */
size_t gdb_register_read(const Cpu *cpu, GdbArch arch, unsigned number,
                         uint8_t bytes[GDB_REGISTER_BYTES]);
/* False: there is no such register of this size, or the CPU refuses the value. Machine lock held.
 */
bool gdb_register_write(Cpu *cpu, GdbArch arch, unsigned number, const uint8_t *bytes, size_t size);

void gdb_set_pc(Cpu *cpu, LinAddr la);

/* Those that `g` and `G` carry are numbered from 0 to this. The bytes are the same for every
 * architecture, so that a gdb that refuses the description, because its program is of another
 * architecture, still finds everything in its place. */
unsigned gdb_registers_in_g(GdbArch arch);

#endif
