/* mmu.h - page walks and the software TLB. */
#ifndef MYNA_CPU_MMU_H
#define MYNA_CPU_MMU_H

#include "cpu/mem.h"

TlbState *tlb_state_new(void);
void tlb_state_free(TlbState *state);
TlbEntry *tlb_table(TlbState *state, TlbMode mode);

/* What a linear page translates to for one privilege context. */
typedef struct Translation {
    PhysAddr pa;             /* of the page's first byte, A20 applied */
    MemPage page;            /* RAM behind it, if any */
    bool read, write, fetch; /* what may be done without another walk */
} Translation;

/* Who asks, apart from the access: the current privilege, or the CPU itself on behalf of any. */
typedef enum MemRole { ROLE_CURRENT, ROLE_SYSTEM } MemRole;

/* Translates the page of la for an access, walking if need be, fills the TLB, sets A and D.
 * Raises #PF. */
const Translation *mmu_translate(Cpu *cpu, LinAddr la, MemAccess access, MemRole role);

/* For an access to a user's or the supervisor's shadow stack. There is no TLB for these. */
Translation mmu_translate_shadow(Cpu *cpu, LinAddr la, MemAccess access, bool user);

/* As above without faults or side effects; false if it would fault. */
bool mmu_translate_debug(Cpu *cpu, LinAddr la, PhysAddr *pa);

/* The page at this host address now holds decoded code: stores must take the slow path. */
void tlb_forget_writable(Cpu *cpu, const uint8_t *host_page);

/* `info tlb` and `info mem`. */
void mmu_print(Cpu *cpu, GString *out);

/* The address space physical accesses of this CPU go to now (SMM has its own). */
static inline AddressSpace *cpu_memory(const Cpu *cpu)
{
    return cpu->smm && cpu->bus.smm_memory ? cpu->bus.smm_memory : cpu->bus.memory;
}

/* debug.c: true if a data breakpoint lies in the page of la. */
bool debug_page_watched(const Cpu *cpu, LinAddr la);

#endif
