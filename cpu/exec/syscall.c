/* exec/syscall.c - the fast system calls, which load flat segments without looking at descriptors.
 *
 * [SDM2] SYSENTER, SYSEXIT, SYSCALL, SYSRET; [SDM3] "Fast System Calls in 64-Bit Mode". */
#include "cpu/cet.h"
#include "cpu/debug.h"
#include "cpu/descriptor.h"
#include "cpu/exec.h"

enum {
    FLAT_CODE = AR_P | AR_S | AR_CODE | AR_READABLE | AR_ACCESSED | AR_G,
    FLAT_DATA = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED | AR_G | AR_DB,
    /* What SYSRET takes from R11. */
    SYSRET_FLAGS = 0x3c7fd7,
};

typedef enum FlatMode { FLAT_32 = AR_DB, FLAT_64 = AR_L } FlatMode;

/* All of the address space, writable if it is data. Field by field: this is a hot path, and a
 * segment made elsewhere and copied would stall on its own stores. */
static void load_flat(Segment *seg, uint16_t selector, unsigned access, unsigned dpl)
{
    const uint64_t whole = (uint64_t)UINT32_MAX + 1;
    seg->base = 0;
    seg->limit = UINT32_MAX;
    seg->selector = selector_with_rpl(selector, dpl);
    seg->access = access | dpl << AR_DPL_SHIFT;
    seg->first = 0;
    seg->shape = SHAPE_FLAT_READ | (access & AR_CODE ? 0 : SHAPE_FLAT_WRITE);
    seg->read_span = whole;
    seg->write_span = access & AR_CODE ? 0 : whole;
}

/* Flat CS and SS at privilege cpl, and where to go on. */
static void enter_flat(Cpu *cpu, uint16_t cs, uint16_t ss, unsigned cpl, FlatMode mode,
                       uint64_t rip)
{
    load_flat(&cpu->seg[SEG_CS], cs, FLAT_CODE | mode, cpl);
    load_flat(&cpu->seg[SEG_SS], ss, FLAT_DATA, cpl);
    cpu->cpl = cpl;
    cpu->rip = rip;
    cpu_update_level(cpu);
}

/* --- SYSENTER, SYSEXIT ----------------------------------------------------------------------- */

static void check_sysenter(Cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE) || selector_is_null(cpu->sysenter_cs))
        raise_GP(cpu, 0);
}

EXEC(SYSENTER)
{
    check_sysenter(cpu);
    bool lma = cpu_is_lma(cpu);
    uint16_t cs = cpu->sysenter_cs & ~SELECTOR_RPL;
    cpu->eflags &= ~(FLAG_VM | FLAG_IF | FLAG_RF);
    cpu->gpr[RSP] = lma ? cpu->sysenter_esp : (uint32_t)cpu->sysenter_esp;
    cet_system_call(cpu);
    enter_flat(cpu, cs, cs + 8, 0, lma ? FLAT_64 : FLAT_32,
               lma ? cpu->sysenter_eip : (uint32_t)cpu->sysenter_eip);
}

EXEC(SYSEXIT)
{
    check_sysenter(cpu);
    if (cpu->cpl != 0)
        raise_GP(cpu, 0);
    bool to_64 = insn->opsize == 8;
    uint64_t rsp = cpu->gpr[RCX], rip = cpu->gpr[RDX];
    if (to_64 && (!cpu_is_canonical(cpu, rsp) || !cpu_is_canonical(cpu, rip)))
        raise_GP(cpu, 0);
    uint16_t cs = cpu->sysenter_cs + (to_64 ? 32 : 16);
    cpu->gpr[RSP] = to_64 ? rsp : (uint32_t)rsp;
    cet_system_return(cpu);
    enter_flat(cpu, cs, cs + 8, 3, to_64 ? FLAT_64 : FLAT_32, to_64 ? rip : (uint32_t)rip);
}

/* --- SYSCALL, SYSRET ------------------------------------------------------------------------- */

static void check_syscall(Cpu *cpu)
{
    if (!cpu_is_long(cpu) || !(cpu->efer & EFER_SCE))
        raise_UD(cpu);
}

EXEC(SYSCALL)
{
    check_syscall(cpu);
    uint16_t cs = cpu->star >> 32;
    uint32_t flags = eflags_get(cpu) & ~FLAG_RF;
    cpu->gpr[RCX] = cpu->rip;
    cpu->gpr[R11] = flags;
    eflags_set(cpu, flags & ~(uint32_t)cpu->fmask);
    cet_system_call(cpu);
    enter_flat(cpu, cs, cs + 8, 0, FLAT_64, cpu->lstar);
    debug_step_by_new_flags(cpu);
}

EXEC(SYSRET)
{
    check_syscall(cpu);
    bool to_64 = insn->opsize == 8;
    uint64_t rip = cpu->gpr[RCX];
    if (cpu->cpl != 0 || (to_64 && !cpu_is_canonical(cpu, rip)))
        raise_GP(cpu, 0);
    uint16_t base = cpu->star >> 48;
    eflags_set(cpu, cpu->gpr[R11] & SYSRET_FLAGS);
    cet_system_return(cpu);
    enter_flat(cpu, to_64 ? base + 16 : base, base + 8, 3, to_64 ? FLAT_64 : FLAT_32,
               to_64 ? rip : (uint32_t)rip);
    debug_step_by_new_flags(cpu);
}
