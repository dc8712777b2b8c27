/* bcd.c - decimal adjustment, and SALC. [SDM2] DAA, DAS, AAA, AAS, AAM, AAD.
 *
 * Flags the manual leaves undefined follow what the 80286 and later Intel processors compute where
 * a simple rule is known: OF is cleared; SF ZF PF of AAA and AAS come from AL. */
#include "cpu/exec.h"

static void set_al(Cpu *cpu, unsigned al)
{
    gpr_write(cpu, RAX, 1, al);
}

/* SF ZF PF of AL, with the given CF and AF. */
static void flags_decimal(Cpu *cpu, bool cf, bool af)
{
    flags_logic(cpu, 1, gpr_read(cpu, RAX, 1));
    cpu->flag_carries = (cf ? CARRIES_OUT | CARRIES_IN : 0) | (af ? CARRIES_AF : 0);
}

/* DAA adds 06 and 60 where a digit went over nine; DAS subtracts them. */
static void adjust_packed(Cpu *cpu, int sign)
{
    unsigned old = gpr_read(cpu, RAX, 1), al = old;
    bool af = (old & 15) > 9 || flag_af(cpu);
    bool cf = old > 0x99 || flag_cf(cpu);
    bool out = cf;
    if (af) {
        al += sign * 6;
        out |= sign < 0 && old < 6; /* the borrow of DAS counts */
    }
    if (cf)
        al += sign * 0x60;
    set_al(cpu, al);
    flags_decimal(cpu, out, af);
}

EXEC(DAA)
{
    adjust_packed(cpu, 1);
}

EXEC(DAS)
{
    adjust_packed(cpu, -1);
}

/* AAA and AAS carry between AL and AH as one 16-bit number, then clear the upper digit. */
static void adjust_unpacked(Cpu *cpu, int sign)
{
    unsigned ax = gpr_read(cpu, RAX, 2);
    bool adjust = (ax & 15) > 9 || flag_af(cpu);
    if (adjust)
        ax += sign * 0x106;
    gpr_write(cpu, RAX, 2, ax & 0xff0f);
    flags_decimal(cpu, adjust, adjust);
}

EXEC(AAA)
{
    adjust_unpacked(cpu, 1);
}

EXEC(AAS)
{
    adjust_unpacked(cpu, -1);
}

EXEC(AAM)
{
    unsigned base = insn->imm & 0xff, al = gpr_read(cpu, RAX, 1);
    if (base == 0)
        cpu_raise(cpu, EXC_DE, 0);
    gpr_write(cpu, RAX, 2, al / base << 8 | al % base);
    flags_decimal(cpu, false, false);
}

EXEC(AAD)
{
    unsigned base = insn->imm & 0xff;
    unsigned al = gpr_read(cpu, RAX, 1) + gpr8h_read(cpu, RAX) * base;
    gpr_write(cpu, RAX, 2, al & 0xff);
    flags_decimal(cpu, false, false);
}

/* AL := CF ? FF : 00. Not in the manual; on every Intel processor. */
EXEC(SALC)
{
    set_al(cpu, flag_cf(cpu) ? 0xff : 0);
}
