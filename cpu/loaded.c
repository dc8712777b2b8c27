/* loaded.c - a CPU whose fields came from outside: is it one, and what follows from them.
 *
 * The rules are those that the instructions which write the registers enforce: [SDM3] "Control
 * Registers", "System Flags and Fields in the EFLAGS Register", [SDM1] "MXCSR Control and Status
 * Register", "x87 FPU Control Word". Anything they let through may be loaded too. */
#include "core/error.h"
#include "cpu/cet.h"
#include "cpu/debug.h"
#include "cpu/exec.h"
#include "cpu/x87.h"

enum { ACCESS_DEFINED = 0xf0ff };

/* Fifty days at a thousand million a second; as nanoseconds of -icount it still fits. */
#define INSN_COUNT_MAX ((uint64_t)1 << 52)

/* Each says which field cannot be, or NULL. */
typedef const char *Rule(const Cpu *cpu);

static bool implies(uint64_t condition, uint64_t consequence)
{
    return !condition || consequence;
}

static bool within(uint64_t v, uint64_t bits)
{
    return !(v & ~bits);
}

static const char *control_registers(const Cpu *cpu)
{
    uint64_t cr0 = cpu->cr0, cr4 = cpu->cr4, efer = cpu->efer;
    if (!within(cr0, CR0_DEFINED) || !(cr0 & CR0_ET) || !implies(cr0 & CR0_PG, cr0 & CR0_PE) ||
        !implies(cr0 & CR0_NW, cr0 & CR0_CD))
        return "cr0";
    if (!within(efer, efer_supported(cpu)) ||
        !(efer & EFER_LMA) != !((efer & EFER_LME) && (cr0 & CR0_PG)))
        return "efer";
    if (!within(cr4, cr4_supported(cpu)) || !implies(efer & EFER_LMA, cr4 & CR4_PAE) ||
        !implies(cr4 & CR4_PCIDE, efer & EFER_LMA) || !implies(cr4 & CR4_CET, cr0 & CR0_WP))
        return "cr4";
    if (cpu->cr3 >> cpu->phys_bits)
        return "cr3";
    if (!within(cpu->xcr0, xcr0_supported(cpu)) || !(cpu->xcr0 & XCR0_X87) ||
        !implies(cpu->xcr0 & XCR0_AVX, cpu->xcr0 & XCR0_SSE))
        return "xcr0";
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->pdpte); i++)
        if (cpu->pdpte[i] >> cpu->phys_bits)
            return "pdpte";
    return within(cpu->xss, xss_supported(cpu)) ? NULL : "xss";
}

static const char *control_flow_enforcement(const Cpu *cpu)
{
    if (!cet_control_valid(cpu, cpu->u_cet))
        return "u_cet";
    if (!cet_control_valid(cpu, cpu->s_cet))
        return "s_cet";
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->pl_ssp); i++)
        if (!cet_ssp_valid(cpu, cpu->pl_ssp[i]))
            return "pl_ssp";
    if (!cpu_is_canonical_base(cpu, cpu->interrupt_ssp_table))
        return "interrupt_ssp_table";
    return cet_ssp_valid(cpu, cpu->ssp) ? NULL : "ssp";
}

static const char *flags_and_privilege(const Cpu *cpu)
{
    uint32_t flags = cpu->eflags;
    if (!within(flags, FLAGS_DEFINED & ~FLAGS_ARITH) || !(flags & FLAG_FIXED) ||
        !implies(flags & FLAG_VM, cpu->cr0 & CR0_PE && !cpu_is_lma(cpu)))
        return "eflags";
    bool protected_mode = cpu->cr0 & CR0_PE;
    if (cpu->cpl > 3 || !implies(!protected_mode, cpu->cpl == 0) ||
        !implies(flags & FLAG_VM, cpu->cpl == 3))
        return "cpl";
    return NULL;
}

static const char *segments(const Cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        if (!within(cpu->seg[i].access, ACCESS_DEFINED))
            return "seg";
    unsigned tss = cpu->tr.access & (AR_S | AR_TYPE);
    if (!within(cpu->ldtr.access, ACCESS_DEFINED))
        return "ldtr";
    if (!within(cpu->tr.access, ACCESS_DEFINED) || (tss != DESC_TSS_BUSY && tss != DESC_TSS16_BUSY))
        return "tr";
    return NULL;
}

static const char *floating_point(const Cpu *cpu)
{
    const Fpu *fpu = &cpu->fpu;
    if (fpu->top > 7 || !within(fpu->sw, SW_FLAGS | SW_SF | SW_ES | SW_CONDITIONS | SW_B) ||
        !within(fpu->cw, CW_WRITABLE | CW_ONE) || !within(fpu->fop, FOP_BITS))
        return "fpu";
    return within(cpu->mxcsr, mxcsr_supported(cpu)) ? NULL : "mxcsr";
}

static const char *events(const Cpu *cpu)
{
    if (cpu->activity > CPU_SHUTDOWN)
        return "activity";
    if (!within(cpu->shadow, SHADOW_STI | SHADOW_MOV_SS))
        return "shadow";
    if (cpu->dr[6] >> 32 || cpu->dr[7] >> 32)
        return "dr";
    if (!within(cpu->pending_db, DR6_BS | DR6_BT | DR6_BD | 0xf))
        return "pending_db";
    return cpu->insn_count > INSN_COUNT_MAX ? "insn_count" : NULL;
}

/* What the fields decide, and what is never saved because it is over between two instructions. */
static void derive(Cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        segment_update(&cpu->seg[i]);
    cpu->insn = NULL;
    cpu->rip_start = cpu->rip;
    cpu->delivering.active = false;
    __atomic_fetch_and(&cpu->pending, ~(PENDING_DEBUG | PENDING_SHADOW), __ATOMIC_SEQ_CST);
    if (cpu->shadow)
        __atomic_fetch_or(&cpu->pending, PENDING_SHADOW, __ATOMIC_SEQ_CST);
    debug_registers_changed(cpu);
    cpu_update_mode(cpu);
}

bool cpu_loaded(Cpu *cpu, GError **err)
{
    static Rule *const rules[] = {
        control_registers,       flags_and_privilege, segments, floating_point, events,
        control_flow_enforcement};
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *field = rules[i](cpu);
        if (!field)
            continue;
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE,
                    "cpu%u: saved state has a value of '%s' that the processor cannot have",
                    cpu->index, field);
        return false;
    }
    derive(cpu);
    return true;
}
