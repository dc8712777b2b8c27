/* control.c - what writing CR0, CR3, CR4, EFER and PKRU may do and does. [SDM3] "Control
 * Registers", "IA-32e Mode Activation and Consistency Checking", "Invalidation of TLBs".
 *
 * Everything is checked before anything changes; a refusal is #GP(0). */
#include "cpu/exec.h"

static void require(Cpu *cpu, bool condition)
{
    if (!condition)
        raise_GP(cpu, 0);
}

static bool uses_pae_tables(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

/* --- CR0 ----------------------------------------------------------------------------------- */

static void check_paging_on(Cpu *cpu)
{
    if (!(cpu->efer & EFER_LME))
        return;
    unsigned tss = cpu->tr.access & AR_TYPE;
    require(cpu, cpu->cr4 & CR4_PAE);
    require(cpu, !(cpu->seg[SEG_CS].access & AR_L));
    require(cpu, tss != DESC_TSS16_AVAILABLE && tss != DESC_TSS16_BUSY);
}

static void check_paging_off(Cpu *cpu)
{
    require(cpu, cpu->mode != CPU_LONG);
    require(cpu, !(cpu->cr4 & CR4_PCIDE));
}

void cr0_write(Cpu *cpu, uint64_t value)
{
    require(cpu, value >> 32 == 0);
    value = (value & CR0_DEFINED) | CR0_ET; /* undefined bits below 32 are wired */
    require(cpu, !(value & CR0_PG) || (value & CR0_PE));
    require(cpu, !(value & CR0_NW) || (value & CR0_CD));
    require(cpu, (value & CR0_WP) || !(cpu->cr4 & CR4_CET));

    uint64_t changed = value ^ cpu->cr0, efer = cpu->efer;
    if (changed & value & CR0_PG) {
        check_paging_on(cpu);
        efer |= cpu->efer & EFER_LME ? EFER_LMA : 0;
    } else if (changed & CR0_PG) {
        check_paging_off(cpu);
        efer &= ~(uint64_t)EFER_LMA;
    }
    if (uses_pae_tables(value, cpu->cr4, efer) && (changed & (CR0_PG | CR0_CD | CR0_NW)))
        require(cpu, mmu_load_pdptes(cpu, cpu->cr3));

    cpu->efer = efer;
    cpu->cr0 = value;
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- CR3 ----------------------------------------------------------------------------------- */

/* Bit 63 asks to keep the entries of the new PCID. Entries carry no PCID here, so all but the
 * global ones go in any case; dropping too much is always allowed. */
void cr3_write(Cpu *cpu, uint64_t value)
{
    const uint64_t keep_entries = (uint64_t)1 << 63;
    if (cpu->cr4 & CR4_PCIDE)
        value &= ~keep_entries;
    if (cpu->efer & EFER_LMA)
        require(cpu, value >> cpu->phys_bits == 0);
    if (uses_pae_tables(cpu->cr0, cpu->cr4, cpu->efer))
        require(cpu, mmu_load_pdptes(cpu, value));
    cpu->cr3 = value;
    tlb_flush_non_global(cpu);
}

/* --- CR4 ----------------------------------------------------------------------------------- */

/* A bit may be set if the CPU has the feature it is for. */
static const struct {
    uint32_t bits;
    CpuFeature feature;
} cr4_features[] = {
    {CR4_VME | CR4_PVI, FEATURE_VME}, {CR4_TSD, FEATURE_TSC},           {CR4_DE, FEATURE_DE},
    {CR4_PSE, FEATURE_PSE},           {CR4_PAE, FEATURE_PAE},           {CR4_MCE, FEATURE_MCE},
    {CR4_PGE, FEATURE_PGE},           {CR4_PCE, FEATURE_MMX}, /* RDPMC came with MMX */
    {CR4_OSFXSR, FEATURE_FXSR},       {CR4_OSXMMEXCPT, FEATURE_SSE},    {CR4_UMIP, FEATURE_UMIP},
    {CR4_LA57, FEATURE_LA57},         {CR4_FSGSBASE, FEATURE_FSGSBASE}, {CR4_PCIDE, FEATURE_PCID},
    {CR4_OSXSAVE, FEATURE_XSAVE},     {CR4_SMEP, FEATURE_SMEP},         {CR4_SMAP, FEATURE_SMAP},
    {CR4_PKE, FEATURE_PKU},           {CR4_CET, FEATURE_CET_SS},        {CR4_CET, FEATURE_CET_IBT},
};

uint64_t cr4_supported(const Cpu *cpu)
{
    uint64_t allowed = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(cr4_features); i++) {
        if (cpu_has(cpu, cr4_features[i].feature))
            allowed |= cr4_features[i].bits;
    }
    return allowed;
}

void cr4_write(Cpu *cpu, uint64_t value)
{
    uint64_t changed = value ^ cpu->cr4;
    require(cpu, !(value & ~cr4_supported(cpu)));
    if (cpu->efer & EFER_LMA)
        require(cpu, (value & CR4_PAE) && !(changed & CR4_LA57));
    require(cpu, !(value & CR4_CET) || cpu->cr0 & CR0_WP);
    if (changed & value & CR4_PCIDE)
        require(cpu, (cpu->efer & EFER_LMA) && (cpu->cr3 & 0xfff) == 0);
    const uint64_t reload = CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP;
    if (uses_pae_tables(cpu->cr0, value, cpu->efer) && (changed & reload))
        require(cpu, mmu_load_pdptes(cpu, cpu->cr3));
    cpu->cr4 = value;
    const uint64_t paging = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP |
                            CR4_LA57 | CR4_PKE | CR4_CET;
    if (changed & paging)
        tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- EFER ---------------------------------------------------------------------------------- */

uint64_t efer_supported(const Cpu *cpu)
{
    return (cpu_has(cpu, FEATURE_SYSCALL) ? EFER_SCE : 0) |
           (cpu_has(cpu, FEATURE_LM) ? EFER_LME | EFER_LMA : 0) |
           (cpu_has(cpu, FEATURE_NX) ? EFER_NXE : 0);
}

/* LMA follows LME and CR0.PG; a write does not touch it. */
void efer_write(Cpu *cpu, uint64_t value)
{
    uint64_t allowed = efer_supported(cpu);
    require(cpu, allowed && !(value & ~allowed));
    value = (value & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
    uint64_t changed = value ^ cpu->efer;
    require(cpu, !(changed & EFER_LME) || !(cpu->cr0 & CR0_PG));
    cpu->efer = value;
    if (changed & EFER_NXE)
        tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- PKRU ---------------------------------------------------------------------------------- */

/* TLB entries hold the rights that the keys left. */
void pkru_write(Cpu *cpu, uint32_t value)
{
    bool matters = cpu->cr4 & CR4_PKE && cpu_is_lma(cpu) && value != cpu->pkru;
    cpu->pkru = value;
    if (matters)
        tlb_flush_all(cpu);
}
