/* interrupt_flag.c - CLI and STI in all their modes, AC, and waiting: HLT, MONITOR, MWAIT. [SDM2],
 * [SDM3] "Virtual-8086 Mode Extensions", "Protected-Mode Virtual Interrupts". */
#include "cpu/exec.h"

/* What CLI and STI act on. */
typedef enum FlagTarget { TARGET_IF, TARGET_VIF } FlagTarget;

/* #GP(0) where the program may touch neither. */
static FlagTarget flag_target(Cpu *cpu)
{
    if (cpu->mode == CPU_REAL)
        return TARGET_IF;
    if (cpu->mode == CPU_V86) {
        if (cpu_iopl(cpu) == 3)
            return TARGET_IF;
        if (cpu->cr4 & CR4_VME)
            return TARGET_VIF;
        raise_GP(cpu, 0);
    }
    if (cpu->cpl <= cpu_iopl(cpu))
        return TARGET_IF;
    if (cpu->cpl == 3 && cpu->cr4 & CR4_PVI)
        return TARGET_VIF;
    raise_GP(cpu, 0);
}

EXEC(CLI)
{
    cpu->eflags &= flag_target(cpu) == TARGET_IF ? ~FLAG_IF : ~FLAG_VIF;
}

/* The first instruction after an STI that opens interrupts still runs undisturbed. */
EXEC(STI)
{
    if (flag_target(cpu) == TARGET_VIF) {
        if (cpu->eflags & FLAG_VIP)
            raise_GP(cpu, 0);
        cpu->eflags |= FLAG_VIF;
        return;
    }
    if (!(cpu->eflags & FLAG_IF)) {
        cpu->shadow |= SHADOW_STI;
        __atomic_fetch_or(&cpu->pending, PENDING_SHADOW, __ATOMIC_SEQ_CST);
    }
    cpu->eflags |= FLAG_IF;
}

/* [SDM2] CLAC, STAC: #UD above CPL 0. */
static void write_ac(Cpu *cpu, bool ac)
{
    if (cpu->cpl > 0)
        raise_UD(cpu);
    cpu->eflags = ac ? cpu->eflags | FLAG_AC : cpu->eflags & ~FLAG_AC;
    cpu_update_level(cpu);
}

EXEC(CLAC)
{
    write_ac(cpu, false);
}

EXEC(STAC)
{
    write_ac(cpu, true);
}

/* --- waiting ------------------------------------------------------------------------------- */

EXEC(HLT)
{
    cpu->activity = CPU_HALTED;
}

/* The address is checked as a read; what is written to it nobody watches, see MWAIT. */
EXEC(MONITOR)
{
    if (cpu->cpl > 0)
        raise_UD(cpu);
    if (gpr_read(cpu, RCX, 4) != 0)
        raise_GP(cpu, 0);
    uint64_t off = truncate_to(cpu->gpr[RAX], insn->addrsize);
    mem_probe(cpu, seg_linear(cpu, insn->seg, off, 1, ACCESS_READ), 1, ACCESS_READ);
}

/* MWAIT may end for any reason, and with more CPUs, one of which may write the line, it ends at
 * once. A single CPU waits as HLT does, unless masked interrupts were to wake it (ECX bit 0). */
EXEC(MWAIT)
{
    if (cpu->cpl > 0)
        raise_UD(cpu);
    uint32_t extensions = gpr_read(cpu, RCX, 4);
    if (extensions > 1)
        raise_GP(cpu, 0);
    if (cpu->cpu_count > 1)
        cpu_spins(cpu);
    else if (cpu->eflags & FLAG_IF || !extensions)
        cpu->activity = CPU_HALTED;
}
