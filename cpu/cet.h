/* cet.h - control-flow enforcement: shadow stacks and indirect-branch tracking.
 *
 * [SDM1] "Control-flow Enforcement Technology (CET)". Most of it costs one look at CR4 while CET is
 * off; decoded blocks know by KEY_CET whether it is on at the present privilege. */
#ifndef MYNA_CPU_CET_H
#define MYNA_CPU_CET_H

#include "cpu/mem.h"

/* IA32_U_CET and IA32_S_CET:
 *
 *   63..12                     11       10        9..6  5             4            3
 *   legacy bitmap, page        TRACKER  SUPPRESS  0     SUPPRESS_DIS  NO_TRACK_EN  LEG_IW_EN
 *
 *   2         1            0
 *   ENDBR_EN  WR_SHSTK_EN  SH_STK_EN */
enum {
    CET_SH_STK_EN = 1 << 0,
    CET_WR_SHSTK_EN = 1 << 1,
    CET_ENDBR_EN = 1 << 2,
    CET_LEG_IW_EN = 1 << 3,
    CET_NO_TRACK_EN = 1 << 4,
    CET_SUPPRESS_DIS = 1 << 5,
    CET_SUPPRESS = 1 << 10,
    CET_TRACKER = 1 << 11, /* an ENDBR must be next */
};

/* Bit 0 of a supervisor shadow-stack token: some CPU uses the stack. */
enum { CET_TOKEN_BUSY = 1 };

/* May the control registers, and the shadow-stack pointers, hold this? */
bool cet_control_valid(const Cpu *cpu, uint64_t value);
bool cet_ssp_valid(const Cpu *cpu, uint64_t value);

/* Is one of the bits on for privilege cpl? For protected mode outside V86 mode. */
static inline bool cet_enabled_at(const Cpu *cpu, unsigned cpl, uint64_t bits)
{
    return UNLIKELY(cpu->cr4 & CR4_CET) && (cpl == 3 ? cpu->u_cet : cpu->s_cet) & bits;
}

/* Is it on for the code that runs? */
static inline bool cet_enabled(const Cpu *cpu, uint64_t bits)
{
    return cet_enabled_at(cpu, cpu->cpl, bits) && cpu_is_protected(cpu);
}

/* --- tracking indirect branches --------------------------------------------------------------- */

/* An indirect near branch was taken. */
void cet_track_near(Cpu *cpu, const Insn *insn);

/* Makes PENDING_TRACKER what the present tracker says; cpu_update_mode does. */
void cet_arm(Cpu *cpu);

/* Before the instruction at which a tracked branch arrived: #CP(ENDBRANCH) unless it may be there.
 */
void cet_check_target(Cpu *cpu, const Insn *insn);

/* --- shadow-stack memory (mem.c) -------------------------------------------------------------- */

/* Whose stack it is; its pages must be that one's shadow-stack pages, or #PF. */
typedef enum ShadowOwner { SHADOW_SUPERVISOR, SHADOW_USER } ShadowOwner;

static inline ShadowOwner shadow_owner(unsigned cpl)
{
    return cpl == 3 ? SHADOW_USER : SHADOW_SUPERVISOR;
}

uint64_t shadow_load(Cpu *cpu, LinAddr la, unsigned size, ShadowOwner owner);
void shadow_store(Cpu *cpu, LinAddr la, uint64_t value, unsigned size, ShadowOwner owner);
/* Eight aligned bytes: stores value if they are `expected`. Returns what was there. */
uint64_t shadow_exchange(Cpu *cpu, LinAddr la, uint64_t expected, uint64_t value,
                         ShadowOwner owner);

/* --- shadow stacks in transfers of control ---------------------------------------------------- */

/* Each does nothing where shadow stacks are off. What faults comes before what changes the CPU;
 * the pairs are for callers that have checks of their own in between. */

/* Near CALL: pushes the return address. Near RET: pops it, #CP(NEAR-RET) unless it is the target.
 */
void cet_call_near(Cpu *cpu, uint64_t return_address, unsigned opsize);
void cet_return_near(Cpu *cpu, uint64_t target, unsigned opsize);

/* Far calls and events to code at privilege cpl; ist names an interrupt stack, or is 0. The first
 * pushes and returns the new SSP; the second, before the privilege changes, makes it current and
 * starts tracking. */
uint64_t cet_prepare_call(Cpu *cpu, const Segment *cs, unsigned cpl, unsigned ist);
void cet_commit_call(Cpu *cpu, unsigned cpl, uint64_t ssp);
/* Far jumps: the check, and tracking. */
void cet_check_jump(Cpu *cpu, const Segment *cs);
void cet_commit_jump(Cpu *cpu);

/* Far returns: #CP(FAR-RET/IRET) unless the shadow stack agrees. The first gives up the stack that
 * is left and returns the new SSP. */
uint64_t cet_prepare_return(Cpu *cpu, const Segment *cs, uint64_t rip, unsigned cpl);
void cet_commit_return(Cpu *cpu, unsigned cpl, uint64_t ssp);
void cet_return_to_v86(Cpu *cpu);

/* SYSCALL and SYSENTER; SYSRET and SYSEXIT. Before the privilege changes. */
void cet_system_call(Cpu *cpu);
void cet_system_return(Cpu *cpu);

#endif
