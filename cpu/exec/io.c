/* io.c - ports: permission, access, IN and OUT. [SDM1] "Input/Output". */
#include "cpu/exec.h"

enum { TSS_IO_MAP_BASE = 0x66, TSS_MIN_LIMIT = 0x67 };

/* The map's bits of [port, port + size) must all be clear. Two bytes are read in any case, so that
 * a port range may straddle them; both must lie inside the TSS. */
static bool io_map_allows(Cpu *cpu, uint16_t port, unsigned size)
{
    unsigned type = cpu->tr.access & AR_TYPE;
    bool tss32 = type == DESC_TSS_AVAILABLE || type == DESC_TSS_BUSY;
    if (!(cpu->tr.access & AR_P) || !tss32 || cpu->tr.limit < TSS_MIN_LIMIT)
        return false;
    uint32_t base = mem_load_system(cpu, cpu->tr.base + TSS_IO_MAP_BASE, 2);
    uint32_t at = base + port / 8;
    if (at + 1 > cpu->tr.limit)
        return false;
    uint32_t map = mem_load_system(cpu, cpu->tr.base + at, 2);
    return bits_get(map, port % 8, size) == 0;
}

void io_check(Cpu *cpu, uint16_t port, unsigned size)
{
    bool by_privilege = cpu->mode != CPU_V86 && cpu->cpl <= cpu_iopl(cpu);
    if (cpu->mode == CPU_REAL || by_privilege)
        return;
    if (!io_map_allows(cpu, port, size))
        raise_GP(cpu, 0);
}

uint32_t port_load(Cpu *cpu, uint16_t port, unsigned size)
{
    lock_take(cpu->bus.lock);
    uint32_t value = address_space_load(cpu->bus.ports, port, size);
    lock_release(cpu->bus.lock);
    return value;
}

void port_store(Cpu *cpu, uint16_t port, uint32_t value, unsigned size)
{
    lock_take(cpu->bus.lock);
    address_space_store(cpu->bus.ports, port, value, size);
    lock_release(cpu->bus.lock);
}

/* The port is DX or an immediate byte. */
static uint16_t port_operand(Cpu *cpu, const Insn *insn, unsigned n)
{
    return insn->op[n].kind == OPND_IMM ? insn->imm & 0xff : gpr_read(cpu, RDX, 2);
}

EXEC(IN)
{
    unsigned size = insn->op[0].size;
    uint16_t port = port_operand(cpu, insn, 1);
    io_check(cpu, port, size);
    gpr_write(cpu, RAX, size, port_load(cpu, port, size));
    debug_io_access(cpu, port, size);
}

EXEC(OUT)
{
    unsigned size = insn->op[1].size;
    uint16_t port = port_operand(cpu, insn, 0);
    io_check(cpu, port, size);
    port_store(cpu, port, gpr_read(cpu, RAX, size), size);
    debug_io_access(cpu, port, size);
}
