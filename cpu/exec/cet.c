/* cet.c - the instructions of shadow stacks and of indirect-branch tracking.
 *
 * [SDM2] by their names; [SDM1] "Shadow Stacks", "Indirect Branch Tracking". Tokens at the top of a
 * stack that is switched away from:
 *
 *   restore token       SSP it will have, bit 0: of 64-bit code
 *   previous-SSP token  SSP of the stack switched from, bit 0 likewise, bit 1 set */
#include "cpu/cet.h"

#include "cpu/exec.h"

enum { TOKEN_64_BIT = 1, TOKEN_PREVIOUS = 2 };

static void require_shadow_stack(Cpu *cpu)
{
    if (!cet_enabled(cpu, CET_SH_STK_EN))
        raise_UD(cpu);
}

/* For the supervisor's, whatever the privilege: #UD comes before #GP. */
static void require_supervisor(Cpu *cpu, bool available)
{
    if (!available)
        raise_UD(cpu);
    if (cpu->cpl != 0)
        raise_GP(cpu, 0);
}

static ShadowOwner owner(const Cpu *cpu)
{
    return shadow_owner(cpu->cpl);
}

/* The memory operand's address, which must be aligned. */
static LinAddr aligned_address(Cpu *cpu, const Insn *insn, unsigned size)
{
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_READ);
    if (la & (size - 1))
        raise_GP(cpu, 0);
    return la;
}

/* --- the pointer ------------------------------------------------------------------------------ */

EXEC(RDSSP)
{
    if (cet_enabled(cpu, CET_SH_STK_EN))
        op_write(cpu, insn, 0, truncate_to(cpu->ssp, insn->op[0].size));
}

/* Touches the first and the last of the elements it drops. */
EXEC(INCSSP)
{
    require_shadow_stack(cpu);
    unsigned size = insn->op[0].size, count = op_read(cpu, insn, 0) & 0xff;
    shadow_load(cpu, cpu->ssp, size, owner(cpu));
    if (count)
        shadow_load(cpu, cpu->ssp + (uint64_t)size * (count - 1), size, owner(cpu));
    cpu->ssp += (uint64_t)size * count;
}

/* --- switching stacks ------------------------------------------------------------------------- */

/* Exchanges the restore token of a stack for one that names the present stack, and goes there. CF:
 * the stack had been left with SSP aligned to four bytes only. */
EXEC(RSTORSSP)
{
    require_shadow_stack(cpu);
    LinAddr la = aligned_address(cpu, insn, 8);
    unsigned mode = cpu_is_long(cpu) ? TOKEN_64_BIT : 0;
    uint64_t token = shadow_load(cpu, la, 8, owner(cpu));
    bool good = (token & 3) == mode && (mode || !(token >> 32));
    uint64_t top = ((token & ~(uint64_t)TOKEN_64_BIT) - 8) & ~(uint64_t)7;
    uint64_t previous = cpu->ssp | mode | TOKEN_PREVIOUS;
    if (!good || top != la || shadow_exchange(cpu, la, token, previous, owner(cpu)) != token)
        cpu_raise(cpu, EXC_CP, CP_RSTORSSP);
    cpu->ssp = la;
    flags_set_arith(cpu, token & 4 ? FLAG_CF : 0);
}

/* Pops the previous-SSP token, and leaves a restore token on the stack it names. CF: four bytes of
 * zeros are to be popped as well. */
EXEC(SAVEPREVSSP)
{
    require_shadow_stack(cpu);
    if (cpu->ssp & 7)
        raise_GP(cpu, 0);
    bool is_long = cpu_is_long(cpu), hole = eflags_get(cpu) & FLAG_CF;
    uint64_t token = shadow_load(cpu, cpu->ssp, 8, owner(cpu));
    if (hole && (is_long || shadow_load(cpu, cpu->ssp + 8, 4, owner(cpu))))
        raise_GP(cpu, 0);
    if (!(token & TOKEN_PREVIOUS) || (!is_long && token >> 32))
        raise_GP(cpu, 0);
    uint64_t old = token & ~(uint64_t)3;
    shadow_store(cpu, old - 4, 0, 4, owner(cpu));
    shadow_store(cpu, (old & ~(uint64_t)7) - 8, old | (is_long ? TOKEN_64_BIT : 0), 8, owner(cpu));
    cpu->ssp += hole ? 12 : 8;
}

/* --- writing ---------------------------------------------------------------------------------- */

EXEC(WRSS)
{
    require_shadow_stack(cpu);
    if (!cet_enabled(cpu, CET_WR_SHSTK_EN))
        raise_UD(cpu);
    unsigned size = insn->op[1].size;
    LinAddr la = aligned_address(cpu, insn, size);
    shadow_store(cpu, la, op_read(cpu, insn, 1), size, owner(cpu));
}

/* The supervisor writes as the user would. */
EXEC(WRUSS)
{
    require_supervisor(cpu, cpu->cr4 & CR4_CET);
    unsigned size = insn->op[1].size;
    LinAddr la = aligned_address(cpu, insn, size);
    shadow_store(cpu, la, op_read(cpu, insn, 1), size, SHADOW_USER);
}

/* --- tokens of supervisor stacks -------------------------------------------------------------- */

EXEC(SETSSBSY)
{
    require_supervisor(cpu, cet_enabled_at(cpu, 0, CET_SH_STK_EN));
    uint64_t la = cpu->pl_ssp[0];
    if (la & 7)
        raise_GP(cpu, 0);
    if (shadow_exchange(cpu, la, la, la | CET_TOKEN_BUSY, SHADOW_SUPERVISOR) != la)
        cpu_raise(cpu, EXC_CP, CP_SETSSBSY);
    cpu->ssp = la;
}

EXEC(CLRSSBSY)
{
    require_supervisor(cpu, cet_enabled_at(cpu, 0, CET_SH_STK_EN));
    LinAddr la = aligned_address(cpu, insn, 8);
    uint64_t busy = la | CET_TOKEN_BUSY;
    bool cleared = shadow_exchange(cpu, la, busy, la, SHADOW_SUPERVISOR) == busy;
    cpu->ssp = 0;
    flags_set_arith(cpu, cleared ? 0 : FLAG_CF);
}

/* --- the marks of branch targets -------------------------------------------------------------- */

/* The tracker is content, if the mark is the mode's. */
static void end_branch(Cpu *cpu, bool of_this_mode)
{
    if (!of_this_mode || !cet_enabled(cpu, CET_ENDBR_EN))
        return;
    *(cpu->cpl == 3 ? &cpu->u_cet : &cpu->s_cet) &= ~(uint64_t)(CET_TRACKER | CET_SUPPRESS);
    cet_arm(cpu);
}

/* clang-format off */
EXEC(ENDBR32) { end_branch(cpu, !cpu_is_long(cpu)); }
EXEC(ENDBR64) { end_branch(cpu, cpu_is_long(cpu)); }
/* clang-format on */
