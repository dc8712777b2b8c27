/* mmu.h - page walks and the software TLB. */
#ifndef MYNA_CPU_MMU_H
#define MYNA_CPU_MMU_H

#include "cpu/mem.h"

TlbState *tlb_state_new(void);
void tlb_state_free(TlbState *state);
/* Cpu.tlb becomes that of a mode. */
void tlb_select(Cpu *cpu, TlbMode mode);
/* Cpu.tlb becomes one that never hits, while the CPU's own is still filled; until tlb_select. */
void tlb_hide(Cpu *cpu);

/* --- indirect branches of translated code ------------------------------------------------------ */

/* Where rip is in the jump cache; translated code computes the same. */
static inline unsigned jump_index(uint64_t rip)
{
    uint32_t low = rip;
    return (((low << 4 | low >> 28) ^ low) & (JUMP_CACHE_SIZE - 1) << 4) >> 4;
}

void mmu_jump_add(MmuContext *context, uint64_t rip, const void *code);
/* If it leads to that code. */
void mmu_jump_drop(MmuContext *context, uint64_t rip, const void *code);
void mmu_jumps_clear(MmuContext *context);

/* The number of the code page that is mapped at `page` (dbt/link.c). */
void mmu_code_id_set(MmuContext *context, LinAddr page, uint32_t id);
void mmu_code_ids_clear(MmuContext *context);

/* The context that holds the CPU's present TLB. */
static inline MmuContext *mmu_context(const Cpu *cpu)
{
    return (MmuContext *)cpu->tlb;
}

/* The context of any mode; they lie MMU_CONTEXT_STRIDE bytes apart. */
MmuContext *mmu_context_of(const Cpu *cpu, TlbMode mode);
extern const uint32_t MMU_CONTEXT_STRIDE;
TlbMode mmu_tlb_mode(const Cpu *cpu);

/* Where TlbState.slot, slots_filled and slot_misses are from the first context on. */
extern const uint32_t MMU_SLOTS_AT, MMU_SLOTS_FILLED_AT, MMU_SLOT_MISSES_AT;
/* Times the slot was filled, since the CPU was made; goes round at 2^32. */
uint32_t mmu_slot_misses(const Cpu *cpu, unsigned slot);
/* No slot knows a page any more: code for other places may use them. */
void mmu_slots_empty(Cpu *cpu);

/* What a linear page translates to for one privilege context. */
typedef struct Translation {
    PhysAddr pa;             /* of the page's first byte, A20 applied */
    MemPage page;            /* RAM behind it, if any, */
    MemRegisters registers;  /* or else what is known of the device */
    bool read, write, fetch; /* what may be done without another walk */
} Translation;

/* Who asks, apart from the access: the current privilege, or the CPU itself on behalf of any. */
typedef enum MemRole { ROLE_CURRENT, ROLE_SYSTEM } MemRole;

/* Translates the page of la for an access, walking if need be, fills the TLB, sets A and D.
 * Raises #PF. */
const Translation *mmu_translate(Cpu *cpu, LinAddr la, MemAccess access, MemRole role);

/* Fills the TLB for an access whose fast path missed. True: it is served now, unless it straddles
 * pages. False: the page faults, is no plain RAM, or was there already. Raises nothing. */
bool mmu_refill(Cpu *cpu, LinAddr la, MemAccess access);

/* The page of la if it is known to be a device's that may be read, and nobody watches; else NULL.
 */
const Translation *mmu_device(Cpu *cpu, LinAddr la);

/* The page of la if it is known to be RAM that may be written, and no store to it must be seen
 * alone; else NULL. It may have code. */
const MemPage *mmu_writable_page(Cpu *cpu, LinAddr la);

/* For an access to a user's or the supervisor's shadow stack. There is no TLB for these. */
Translation mmu_translate_shadow(Cpu *cpu, LinAddr la, MemAccess access, bool user);

/* As above without faults or side effects; false if it would fault. */
bool mmu_translate_debug(Cpu *cpu, LinAddr la, PhysAddr *pa);

/* As tlb_flush_page, but where the tables lie may stay known: after a walk that ended in a fault.
 */
void tlb_forget_page(Cpu *cpu, LinAddr la);

/* A piece of a page of more than 4 KiB is filled. */
void tlb_note_large_page(Cpu *cpu, LinAddr la, uint64_t size);

/* The page at this host address becomes code: stores must take the slow path. */
void tlb_forget_writable(Cpu *cpu, const uint8_t *host_page);

/* What is wrong with the TLB as the memory map is now, or NULL. For tests, between instructions;
 * the caller frees it. */
char *tlb_problem(Cpu *cpu);

/* `info tlb` and `info mem`. */
void mmu_print(Cpu *cpu, GString *out);

/* The address space physical accesses of this CPU go to now (SMM has its own). */
static inline AddressSpace *cpu_memory(const Cpu *cpu)
{
    return cpu->smm && cpu->bus.smm_memory ? cpu->bus.smm_memory : cpu->bus.memory;
}

/* After the CPU wrote RAM itself: what was decoded from those bytes is dropped. */
static inline void cpu_ram_written(Cpu *cpu, const MemPage *page, unsigned offset, unsigned size)
{
    AddressSpace *as = cpu_memory(cpu);
    if (page_written_has_code(page->page_flags))
        as->on_code_write(as->listener, page->host + offset, size);
}

/* debug.c: true if a data breakpoint lies in the page of la. */
bool debug_page_watched_slow(const Cpu *cpu, LinAddr la);
static inline bool debug_page_watched(const Cpu *cpu, LinAddr la)
{
    return UNLIKELY(cpu->dr[7] & DR7_ENABLES) && debug_page_watched_slow(cpu, la);
}

#endif
