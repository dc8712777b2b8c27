/* fast_priv.h - what the files of specialised forms share.
 *
 * Memory forms look into the TLB themselves; on a miss they hand over to the row's general exec
 * function, which starts from the beginning: nothing has been changed by then. */
#ifndef MYNA_CPU_EXEC_FAST_PRIV_H
#define MYNA_CPU_EXEC_FAST_PRIV_H

#include "cpu/exec.h"

typedef enum Addressing {
    EA_SEGMENTED, /* anything, with segment checks */
    EA_SHORT,     /* outside 64-bit mode, 32-bit address, with segment checks */
    EA_FLAT,      /* 64-bit mode, 64-bit address, segment base 0 */
    EA_BASE,      /* FLAT, and only a base register and a displacement */
    EA_COUNT,
} Addressing;

/* The specialised form of a row whose general function is given, or NULL. */
ExecFn *fast_move(ExecFn *general, const Insn *insn, CpuMode mode);   /* fast_move.c */
ExecFn *fast_branch(ExecFn *general, const Insn *insn, CpuMode mode); /* fast_branch.c */

static inline Addressing fast_addressing(const Insn *insn, CpuMode mode)
{
    if (insn->has_moffs)
        return EA_SEGMENTED;
    if (mode != CPU_LONG)
        return insn->addrsize == 4 ? EA_SHORT : EA_SEGMENTED;
    if (insn->addrsize != 8 || insn->seg >= SEG_FS)
        return EA_SEGMENTED;
    return insn->base < GPR_COUNT && insn->index == REG_NONE ? EA_BASE : EA_FLAT;
}

static ALWAYS_INLINE uint64_t flat_offset(const Cpu *cpu, const Insn *insn, Addressing ea)
{
    uint64_t off = (int64_t)insn->disp;
    if (ea == EA_BASE)
        return off + cpu->gpr[insn->base];
    if (insn->base < GPR_COUNT)
        off += cpu->gpr[insn->base];
    else if (insn->base == REG_IP)
        off += cpu->rip;
    if (insn->index < GPR_COUNT)
        off += cpu->gpr[insn->index] << insn->scale;
    return off;
}

/* Host address of [la, la+size) if the TLB knows it, else NULL. */
static ALWAYS_INLINE uint8_t *tlb_host(const Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    const TlbEntry *e = tlb_entry(cpu, la);
    uint64_t offset = la ^ (access == ACCESS_WRITE ? e->write : e->read);
    return LIKELY(offset <= PAGE_SIZE - size) ? e->host + offset : NULL;
}

/* Host address of the memory operand, or NULL: the general function will find out why. */
static ALWAYS_INLINE uint8_t *fast_host(Cpu *cpu, const Insn *insn, unsigned size, MemAccess access,
                                        Addressing ea)
{
    if (ea == EA_SEGMENTED)
        return tlb_host(cpu, insn_linear(cpu, insn, size, access), size, access);
    uint64_t off = flat_offset(cpu, insn, ea);
    if (ea != EA_SHORT)
        return tlb_host(cpu, off, size, access);
    const Segment *seg = &cpu->seg[insn->seg];
    uint64_t span = access == ACCESS_WRITE ? seg->write_span : seg->read_span;
    off = (uint32_t)off;
    if (UNLIKELY(off - seg->first + size > span || off < seg->first))
        return NULL;
    return tlb_host(cpu, (uint32_t)(seg->base + off), size, access);
}

#endif
