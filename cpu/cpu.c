/* cpu.c - a CPU's life: making, resetting, its pins, and the facts derived from its registers.
 *
 * [SDM3] "Processor Management and Initialization". */
#include "cpu/cpu.h"

#include <inttypes.h>

#include "core/log.h"
#include "cpu/block.h"
#include "cpu/cet.h"
#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "cpu/walk.h"
#include "cpu/model.h"

static const StateField segment_fields[] = {
    STATE(Segment, selector),
    STATE(Segment, base),
    STATE(Segment, limit),
    STATE(Segment, access),
    STATE_END,
};

static const StateField table_fields[] = {
    STATE(DescriptorTable, base),
    STATE(DescriptorTable, limit),
    STATE_END,
};

static const StateField f80_fields[] = {
    STATE(F80, mant),
    STATE(F80, se),
    STATE_END,
};

static const StateField fpu_fields[] = {
    STATE_STRUCTS(Fpu, reg, f80_fields),
    STATE(Fpu, cw),
    STATE(Fpu, sw),
    STATE(Fpu, top),
    STATE(Fpu, valid),
    STATE(Fpu, fop),
    STATE(Fpu, fcs),
    STATE(Fpu, fds),
    STATE(Fpu, fip),
    STATE(Fpu, fdp),
    STATE_END,
};

static const StateField vec_fields[] = {
    STATE_ARRAY(Vec, u64),
    STATE_END,
};

const StateField cpu_state_fields[] = {
    STATE_ARRAY(Cpu, gpr),
    STATE(Cpu, rip),
    STATE(Cpu, flag_result),
    STATE(Cpu, flag_carries),
    STATE(Cpu, eflags),
    STATE(Cpu, cpl),
    STATE_STRUCTS(Cpu, seg, segment_fields),
    STATE_STRUCT(Cpu, ldtr, segment_fields),
    STATE_STRUCT(Cpu, tr, segment_fields),
    STATE_STRUCT(Cpu, gdtr, table_fields),
    STATE_STRUCT(Cpu, idtr, table_fields),
    STATE(Cpu, cr0),
    STATE(Cpu, cr2),
    STATE(Cpu, cr3),
    STATE(Cpu, cr4),
    STATE(Cpu, xcr0),
    STATE_ARRAY(Cpu, dr),
    STATE_ARRAY(Cpu, pdpte),
    STATE(Cpu, shadow),
    STATE(Cpu, nmi_blocked),
    STATE(Cpu, smm),
    STATE(Cpu, a20),
    STATE(Cpu, activity),
    STATE(Cpu, sipi_vector),
    STATE(Cpu, smbase),
    STATE(Cpu, efer),
    STATE(Cpu, star),
    STATE(Cpu, lstar),
    STATE(Cpu, cstar),
    STATE(Cpu, fmask),
    STATE(Cpu, kernel_gs_base),
    STATE(Cpu, sysenter_cs),
    STATE(Cpu, sysenter_esp),
    STATE(Cpu, sysenter_eip),
    STATE(Cpu, pat),
    STATE(Cpu, misc_enable),
    STATE(Cpu, debugctl),
    STATE(Cpu, feature_control),
    STATE(Cpu, tsc_zero),
    STATE(Cpu, tsc_adjust),
    STATE(Cpu, tsc_aux),
    STATE(Cpu, pkru),
    STATE(Cpu, xss),
    STATE(Cpu, ssp),
    STATE(Cpu, u_cet),
    STATE(Cpu, s_cet),
    STATE_ARRAY(Cpu, pl_ssp),
    STATE(Cpu, interrupt_ssp_table),
    STATE(Cpu, mtrr_def_type),
    STATE_ARRAY(Cpu, mtrr_fixed),
    STATE_ARRAY(Cpu, mtrr_base),
    STATE_ARRAY(Cpu, mtrr_mask),
    STATE(Cpu, mcg_status),
    STATE(Cpu, mcg_ctl),
    STATE_ARRAY(Cpu, mc_banks),
    STATE_STRUCT(Cpu, fpu, fpu_fields),
    STATE(Cpu, mxcsr),
    STATE_STRUCTS(Cpu, vec, vec_fields),
    STATE(Cpu, pending_db),
    STATE(Cpu, insn_count),
    STATE_END,
};

Cpu *cpu_new(const CpuModel *model, const FeatureSet *features, unsigned index, unsigned cpu_count,
             const CpuBus *bus)
{
    decode_init();
    Cpu *cpu = g_new0(Cpu, 1);
    cpu->index = index;
    cpu->apic_id = index;
    cpu->cpu_count = cpu_count;
    cpu->model = model;
    cpu->features = *features;
    cpu->phys_bits = cpu_has(cpu, FEATURE_LM) ? 40 : cpu_has(cpu, FEATURE_PAE) ? 36 : 32;
    cpu->tsc_hz = NS_PER_SEC;
    cpu->bus = *bus;
    cpu->a20 = true;
    cpu->tlb_state = tlb_state_new();
    cpu->walk_cache = walk_cache_new();
    cpu->code = code_cache_new(cpu);
    cpu->engine = &interpreter_engine;
    cpu_reset(cpu, CPU_POWER_ON);
    return cpu;
}

void cpu_free(Cpu *cpu)
{
    if (!cpu)
        return;
    g_free(cpu->breakpoints);
    cpu_set_engine(cpu, &interpreter_engine, NULL);
    code_cache_free(cpu->code);
    tlb_state_free(cpu->tlb_state);
    g_free(cpu->walk_cache);
    g_free(cpu);
}

/* What power-on sets and INIT leaves alone: MSRs, the FPU's and the vectors' state. [SDM3]
 * "Processor State After Reset". Editions before 2022 had INIT clear IA32_XSS, a mistake: Linux
 * be4f3b3f8227. */
static void reset_power_on(Cpu *cpu)
{
    memset(&cpu->fpu, 0, sizeof(cpu->fpu));
    cpu->fpu.cw = 0x40;
    cpu->fpu.valid = 0xff; /* tag word 5555h: zeros, not empty */
    cpu->mxcsr = 0x1f80;
    memset(cpu->vec, 0, sizeof(cpu->vec));
    cpu->smbase = 0x30000;
    cpu->tsc_zero = 0;
    cpu->tsc_adjust = 0;
    cpu->tsc_zero = cpu_tsc(cpu);
    cpu->tsc_aux = 0;
    cpu->pat = 0x0007040600070406;
    cpu->misc_enable = 1;     /* fast strings */
    cpu->feature_control = 1; /* locked, VMX off */
    cpu->mtrr_def_type = 0;
    memset(cpu->mtrr_fixed, 0, sizeof(cpu->mtrr_fixed));
    memset(cpu->mtrr_base, 0, sizeof(cpu->mtrr_base));
    memset(cpu->mtrr_mask, 0, sizeof(cpu->mtrr_mask));
    cpu->mcg_status = 0;
    memset(cpu->mc_banks, 0, sizeof(cpu->mc_banks));
    cpu->xcr0 = XCR0_X87;
    cpu->xss = 0;
    cpu->pkru = 0;
    __atomic_store_n(&cpu->pending, 0, __ATOMIC_SEQ_CST);
}

/* CS too is read and write data: real mode may store through it. [SDM3] "Processor State After
 * Reset". */
static void reset_segments(Cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        cpu->seg[i] = (Segment){.limit = 0xffff, .access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED};
    cpu->seg[SEG_CS].selector = 0xf000;
    cpu->seg[SEG_CS].base = 0xffff0000;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        segment_update(&cpu->seg[i]);
    cpu->ldtr = (Segment){.limit = 0xffff, .access = AR_P | DESC_LDT};
    cpu->tr = (Segment){.limit = 0xffff, .access = AR_P | DESC_TSS_BUSY};
    cpu->gdtr = (DescriptorTable){.limit = 0xffff};
    cpu->idtr = (DescriptorTable){.limit = 0xffff};
}

void cpu_reset(Cpu *cpu, CpuResetKind kind)
{
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[RDX] = cpu_model_signature(cpu->model);
    cpu->rip = 0xfff0;
    eflags_set(cpu, FLAG_FIXED);
    cpu->cpl = 0;
    reset_segments(cpu);
    /* INIT keeps the cache bits CD and NW. */
    uint64_t cache_bits = kind == CPU_INIT ? cpu->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;
    cpu->cr0 = CR0_ET | cache_bits;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = 0;
    cpu->efer = 0;
    memset(cpu->dr, 0, sizeof(cpu->dr));
    cpu->dr[6] = DR6_FIXED;
    cpu->dr[7] = DR7_FIXED;
    cpu->shadow = 0;
    cpu->nmi_blocked = false;
    cpu->smm = false;
    cpu->star = cpu->lstar = cpu->cstar = cpu->fmask = cpu->kernel_gs_base = 0;
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    cpu->debugctl = 0;
    cpu->ssp = cpu->u_cet = cpu->s_cet = cpu->interrupt_ssp_table = 0;
    memset(cpu->pl_ssp, 0, sizeof(cpu->pl_ssp));
    cpu->pending_db = 0;
    cpu->delivering.active = false;
    if (kind == CPU_POWER_ON)
        reset_power_on(cpu);
    cpu->activity = cpu->index == 0 ? CPU_RUNNING : CPU_WAIT_SIPI;
    debug_registers_changed(cpu);
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
    LOG(LOG_RESET, "cpu%u: %s\n", cpu->index, kind == CPU_POWER_ON ? "power-on reset" : "INIT");
}

static CpuMode current_mode(const Cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE))
        return CPU_REAL;
    if (cpu->eflags & FLAG_VM)
        return CPU_V86;
    if (!(cpu->efer & EFER_LMA))
        return CPU_PROTECTED;
    return cpu->seg[SEG_CS].access & AR_L ? CPU_LONG : CPU_COMPAT;
}

static TlbMode current_tlb_mode(const Cpu *cpu)
{
    if (cpu->cpl == 3)
        return cpu->cr0 & CR0_AM && cpu->eflags & FLAG_AC ? TLB_NEVER : TLB_USER;
    return cpu->cr4 & CR4_SMAP && cpu->eflags & FLAG_AC ? TLB_SUPERVISOR_AC : TLB_SUPERVISOR;
}

void cpu_update_level(Cpu *cpu)
{
    cpu->mode = current_mode(cpu);
    cpu->code_size = cpu->mode == CPU_LONG             ? CODE_64
                     : cpu->seg[SEG_CS].access & AR_DB ? CODE_32
                                                       : CODE_16;
    cpu->stack_size = cpu->mode == CPU_LONG ? 8 : cpu->seg[SEG_SS].access & AR_DB ? 4 : 2;
    TlbMode tlb_mode = current_tlb_mode(cpu);
    tlb_select(cpu, tlb_mode);
    bool avx = (cpu->xcr0 & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX);
    cpu->mode_key = cpu->mode << KEY_MODE_SHIFT | cpu->code_size << KEY_CODE_SIZE_SHIFT |
                    cpu->cpl << KEY_CPL_SHIFT | (cpu->cr0 & CR0_EM ? KEY_EM : 0) |
                    (cpu->cr0 & CR0_TS ? KEY_TS : 0) | (cpu->cr0 & CR0_MP ? KEY_MP : 0) |
                    (cpu->cr4 & CR4_OSFXSR ? KEY_OSFXSR : 0) |
                    (cpu->cr4 & CR4_OSXSAVE ? KEY_OSXSAVE : 0) | (avx ? KEY_AVX : 0) |
                    (cet_enabled(cpu, CET_SH_STK_EN | CET_ENDBR_EN) ? KEY_CET : 0) |
                    (uint32_t)__builtin_ctz(cpu->stack_size) << KEY_STACK_SHIFT |
                    tlb_mode << KEY_TLB_SHIFT;
    bool tracked = __atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) & PENDING_TRACKER;
    if (UNLIKELY(tracked || cpu->cr4 & CR4_CET))
        cet_arm(cpu);
}

void cpu_forget_crossings(Cpu *cpu)
{
    cpu->jit.crossing[CROSSING_IN].from = cpu->jit.crossing[CROSSING_OUT].from = 0;
}

void cpu_update_mode(Cpu *cpu)
{
    cpu_update_level(cpu);
    cpu_forget_crossings(cpu);
}

/* --- pins ------------------------------------------------------------------------------------- */

void cpu_kick(Cpu *cpu, uint32_t pending)
{
    __atomic_fetch_or(&cpu->pending, pending, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->jit.poll, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu->thread, __ATOMIC_RELAXED) == g_thread_self())
        cpu_end_block(cpu);
    if (cpu->bus.woken)
        cpu->bus.woken(cpu->bus.opaque, cpu);
}

void cpu_end_block(Cpu *cpu)
{
    if (cpu->insn && cpu->block_end > cpu->insn + 1)
        cpu->block_end = cpu->insn + 1;
}

void cpu_set_line(void *opaque, int line, int level)
{
    Cpu *cpu = opaque;
    switch ((CpuLine)line) {
    case CPU_LINE_INTR:
        if (level)
            cpu_kick(cpu, PENDING_INTR);
        else
            __atomic_fetch_and(&cpu->pending, ~PENDING_INTR, __ATOMIC_SEQ_CST);
        break;
    case CPU_LINE_NMI:
        if (level)
            cpu_kick(cpu, PENDING_NMI);
        break;
    case CPU_LINE_SMI:
        if (level)
            cpu_kick(cpu, PENDING_SMI);
        break;
    case CPU_LINE_INIT:
        if (!level)
            break;
        /* A start-up IPI from before the INIT is void; one from after it must not be lost. */
        __atomic_fetch_and(&cpu->pending, ~PENDING_SIPI, __ATOMIC_SEQ_CST);
        cpu_kick(cpu, PENDING_INIT);
        break;
    case CPU_LINE_SIPI:
        __atomic_store_n(&cpu->sipi_vector, (uint8_t)level, __ATOMIC_RELAXED);
        cpu_kick(cpu, PENDING_SIPI);
        break;
    case CPU_LINE_A20:
        if (cpu->a20 != (level != 0)) {
            __atomic_store_n(&cpu->a20, level != 0, __ATOMIC_RELAXED);
            cpu_kick(cpu, PENDING_FLUSH);
        }
        break;
    case CPU_LINE_COUNT:
        break;
    }
}

void cpu_spins(Cpu *cpu)
{
    enum { PATIENCE = 64 };
    if (cpu->bus.turns) {
        cpu->spins++;
        __atomic_fetch_or(&cpu->pending, PENDING_EXIT, __ATOMIC_RELAXED);
        __atomic_store_n(&cpu->jit.poll, 1, __ATOMIC_RELAXED);
        cpu_end_block(cpu); /* the turn ends at the same instruction in every engine */
    } else if (cpu->cpu_count > 1 && ++cpu->spins % PATIENCE == 0) {
        g_thread_yield();
    }
}

bool cpu_has_work(const Cpu *cpu)
{
    uint32_t pending = __atomic_load_n(&cpu->pending, __ATOMIC_SEQ_CST);
    uint32_t wakers = PENDING_INIT;
    switch ((CpuActivity)cpu->activity) {
    case CPU_RUNNING:
        return true;
    case CPU_HALTED:
        wakers |= PENDING_SMI | (cpu->nmi_blocked ? 0 : PENDING_NMI) |
                  (cpu->eflags & FLAG_IF ? PENDING_INTR : 0);
        break;
    case CPU_WAIT_SIPI:
        wakers |= PENDING_SIPI;
        break;
    case CPU_SHUTDOWN:
        wakers |= PENDING_SMI | PENDING_NMI;
        break;
    }
    return pending & wakers;
}

uint64_t cpu_insn_count(const Cpu *cpu)
{
    return cpu->insn_count + (cpu->insn ? (uint64_t)(cpu->insn - cpu->block_first) : 0);
}

uint64_t cpu_tsc(Cpu *cpu)
{
    uint64_t ns = clock_now(cpu->bus.clock);
    return (uint64_t)((unsigned __int128)ns * cpu->tsc_hz / NS_PER_SEC) - cpu->tsc_zero +
           cpu->tsc_adjust;
}

void cpu_raise(Cpu *cpu, ExceptionVector vector, uint32_t error)
{
    cpu->raised.vector = vector;
    cpu->raised.error = error;
    siglongjmp(*cpu->unwind, UNWIND_RAISE);
}

void cpu_raise_pf(Cpu *cpu, LinAddr la, uint32_t error)
{
    LOG(LOG_MMU, "cpu%u: #PF at rip %#" PRIx64 " address %#" PRIx64 " error %#x\n", cpu->index,
        cpu->rip_start, la, error);
    cpu->cr2 = la;
    cpu_raise(cpu, EXC_PF, error);
}
