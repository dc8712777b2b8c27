/* system.c - instructions that read and write the processor's own registers. [SDM2]; the rules of
 * control registers and MSRs themselves are in cpu/control.c and cpu/msr.c. */
#include "cpu/exec.h"
#include "cpu/xstate.h"

/* --- identification, time ------------------------------------------------------------------ */

EXEC(CPUID)
{
    uint32_t out[4];
    cpuid(cpu, cpu->gpr[RAX], cpu->gpr[RCX], out);
    gpr_write(cpu, RAX, 4, out[0]);
    gpr_write(cpu, RBX, 4, out[1]);
    gpr_write(cpu, RCX, 4, out[2]);
    gpr_write(cpu, RDX, 4, out[3]);
}

/* EDX:EAX */
static void pair_write(Cpu *cpu, uint64_t value)
{
    gpr_write(cpu, RAX, 4, value);
    gpr_write(cpu, RDX, 4, value >> 32);
}

static uint64_t pair_read(const Cpu *cpu)
{
    return gpr_read(cpu, RDX, 4) << 32 | gpr_read(cpu, RAX, 4);
}

static void check_tsc_allowed(Cpu *cpu)
{
    if (cpu->cr4 & CR4_TSD && cpu->cpl > 0)
        raise_GP(cpu, 0);
}

EXEC(RDTSC)
{
    check_tsc_allowed(cpu);
    pair_write(cpu, cpu_tsc(cpu));
}

EXEC(RDTSCP)
{
    check_tsc_allowed(cpu);
    pair_write(cpu, cpu_tsc(cpu));
    gpr_write(cpu, RCX, 4, cpu->tsc_aux);
}

EXEC(RDPID)
{
    op_write(cpu, insn, 0, cpu->tsc_aux);
}

/* The two counters of the P6 are there and stand still. */
EXEC(RDPMC)
{
    bool allowed = cpu->cpl == 0 || cpu->cr4 & CR4_PCE;
    if (!allowed || gpr_read(cpu, RCX, 4) > 1)
        raise_GP(cpu, 0);
    pair_write(cpu, 0);
}

/* --- model-specific registers -------------------------------------------------------------- */

EXEC(RDMSR)
{
    pair_write(cpu, msr_read(cpu, gpr_read(cpu, RCX, 4)));
}

EXEC(WRMSR)
{
    msr_write(cpu, gpr_read(cpu, RCX, 4), pair_read(cpu));
}

/* --- control registers --------------------------------------------------------------------- */

/* CR8 is the controller's task priority, bits 7..4. */
static uint64_t cr8_read(Cpu *cpu)
{
    const IntcOps *ops = cpu->bus.intc_ops;
    if (!ops || !ops->get_tpr)
        return 0;
    lock_take(cpu->bus.lock);
    uint8_t tpr = ops->get_tpr(cpu->bus.intc);
    lock_release(cpu->bus.lock);
    return tpr >> 4;
}

static void cr8_write(Cpu *cpu, uint64_t value)
{
    const IntcOps *ops = cpu->bus.intc_ops;
    if (value > 15)
        raise_GP(cpu, 0);
    if (!ops || !ops->set_tpr)
        return;
    lock_take(cpu->bus.lock);
    ops->set_tpr(cpu->bus.intc, value << 4);
    lock_release(cpu->bus.lock);
}

EXEC(MOV_FROM_CR)
{
    uint64_t value;
    switch (insn->op[1].reg) {
    case 0:
        value = cpu->cr0;
        break;
    case 2:
        value = cpu->cr2;
        break;
    case 3:
        value = cpu->cr3;
        break;
    case 4:
        value = cpu->cr4;
        break;
    case 8:
        value = cr8_read(cpu);
        break;
    default:
        raise_UD(cpu);
    }
    op_write(cpu, insn, 0, value);
}

EXEC(MOV_TO_CR)
{
    uint64_t value = op_read(cpu, insn, 1);
    switch (insn->op[0].reg) {
    case 0:
        cr0_write(cpu, value);
        break;
    case 2:
        cpu->cr2 = value;
        break;
    case 3:
        cr3_write(cpu, value);
        break;
    case 4:
        cr4_write(cpu, value);
        break;
    case 8:
        cr8_write(cpu, value);
        break;
    default:
        raise_UD(cpu);
    }
}

EXEC(CLTS)
{
    cpu->cr0 &= ~(uint64_t)CR0_TS;
    cpu_update_mode(cpu);
}

/* [SDM3] "User-Mode Instruction Prevention". */
static void check_umip(Cpu *cpu)
{
    if (cpu->cr4 & CR4_UMIP && cpu->cpl > 0)
        raise_GP(cpu, 0);
}

EXEC(SMSW)
{
    check_umip(cpu);
    op_write(cpu, insn, 0, truncate_to(cpu->cr0, insn->op[0].size));
}

/* Loads MP, EM and TS, and sets PE, which it cannot clear. */
EXEC(LMSW)
{
    uint64_t word = op_read(cpu, insn, 0);
    uint64_t keep = cpu->cr0 & ~(uint64_t)(CR0_MP | CR0_EM | CR0_TS);
    cr0_write(cpu, keep | (word & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
}

/* --- extended control registers ------------------------------------------------------------ */

static void check_osxsave(Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE))
        raise_UD(cpu);
}

EXEC(XSETBV)
{
    check_osxsave(cpu);
    uint64_t value = pair_read(cpu);
    bool avx_without_sse = (value & (XCR0_AVX | XCR0_SSE)) == XCR0_AVX;
    if (gpr_read(cpu, RCX, 4) != 0 || !(value & XCR0_X87) || avx_without_sse ||
        value & ~xcr0_supported(cpu))
        raise_GP(cpu, 0);
    cpu->xcr0 = value;
    cpu_update_mode(cpu);
}

/* --- protection keys ----------------------------------------------------------------------- */

/* ECX names the register, and there is one. */
static void check_pkru(Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_PKE))
        raise_UD(cpu);
    if (gpr_read(cpu, RCX, 4) != 0)
        raise_GP(cpu, 0);
}

EXEC(RDPKRU)
{
    check_pkru(cpu);
    pair_write(cpu, cpu->pkru);
}

EXEC(WRPKRU)
{
    check_pkru(cpu);
    if (gpr_read(cpu, RDX, 4) != 0)
        raise_GP(cpu, 0);
    pkru_write(cpu, gpr_read(cpu, RAX, 4));
}

/* --- debug registers ----------------------------------------------------------------------- */

/* DR4 and DR5 are DR6 and DR7, or #UD with CR4.DE; any access is #DB with DR7.GD. */
static unsigned debug_register(Cpu *cpu, unsigned reg)
{
    if (reg > 7 || ((reg == 4 || reg == 5) && cpu->cr4 & CR4_DE))
        raise_UD(cpu);
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[6] |= DR6_BD;
        cpu_raise(cpu, EXC_DB, 0);
    }
    return reg == 4 || reg == 5 ? reg + 2 : reg;
}

EXEC(MOV_FROM_DR)
{
    op_write(cpu, insn, 0, cpu->dr[debug_register(cpu, insn->op[1].reg)]);
}

EXEC(MOV_TO_DR)
{
    const uint64_t dr6_writable = 0xe00f, dr7_writable = 0xffff23ff;
    unsigned reg = debug_register(cpu, insn->op[0].reg);
    uint64_t value = op_read(cpu, insn, 1);
    if (reg >= 6 && value >> 32)
        raise_GP(cpu, 0);
    if (reg == 6)
        value = (value & dr6_writable) | DR6_FIXED;
    if (reg == 7)
        value = (value & dr7_writable) | DR7_FIXED;
    cpu->dr[reg] = value;
    debug_registers_changed(cpu);
}

/* --- descriptor-table registers ------------------------------------------------------------ */

/* Memory holds a 16-bit limit, then the base: 8 bytes in 64-bit mode, else 4. */
static void table_store(Cpu *cpu, const Insn *insn, const DescriptorTable *table)
{
    check_umip(cpu);
    unsigned base_size = cpu_is_long(cpu) ? 8 : 4;
    uint64_t off = insn_offset(cpu, insn);
    uint64_t base_off = truncate_to(off + 2, insn->addrsize);
    LinAddr base_la = seg_linear(cpu, insn->seg, base_off, base_size, ACCESS_WRITE);
    mem_probe(cpu, base_la, base_size, ACCESS_WRITE);
    seg_store(cpu, insn->seg, off, table->limit, 2);
    mem_store(cpu, base_la, table->base, base_size);
}

/* With a 16-bit operand size only 24 bits of the base are loaded. */
static void table_load(Cpu *cpu, const Insn *insn, DescriptorTable *table)
{
    unsigned base_size = cpu_is_long(cpu) ? 8 : 4;
    uint64_t off = insn_offset(cpu, insn);
    uint16_t limit = seg_load(cpu, insn->seg, off, 2);
    uint64_t base = seg_load(cpu, insn->seg, truncate_to(off + 2, insn->addrsize), base_size);
    if (cpu_is_long(cpu) && !cpu_is_canonical_base(cpu, base))
        raise_GP(cpu, 0);
    if (insn->opsize == 2)
        base &= 0xffffff;
    table->base = base;
    table->limit = limit;
}

EXEC(SGDT)
{
    table_store(cpu, insn, &cpu->gdtr);
}

EXEC(SIDT)
{
    table_store(cpu, insn, &cpu->idtr);
}

EXEC(LGDT)
{
    table_load(cpu, insn, &cpu->gdtr);
}

EXEC(LIDT)
{
    table_load(cpu, insn, &cpu->idtr);
}

/* --- caches and the TLB -------------------------------------------------------------------- */

/* clang-format off */
EXEC(INVD)   { }
EXEC(WBINVD) { }
EXEC(WBNOINVD) { }
/* clang-format on */

/* The operand is an address only: no limit is checked, and one that is not canonical does nothing.
 */
EXEC(INVLPG)
{
    LinAddr la = cpu->seg[insn->seg].base + insn_offset(cpu, insn);
    if (!cpu_is_long(cpu))
        la = (uint32_t)(la);
    else if (insn->seg < SEG_FS)
        la = insn_offset(cpu, insn);
    tlb_flush_page(cpu, la);
}

/* The descriptor: 11..0 PCID, 63..12 zero, then the linear address. */
EXEC(INVPCID)
{
    enum { ONE_ADDRESS, ONE_PCID, ALL, ALL_BUT_GLOBAL };
    uint64_t type = op_read(cpu, insn, 0);
    uint64_t off = insn_offset(cpu, insn);
    uint64_t pcid = seg_load(cpu, insn->seg, off, 8);
    LinAddr la = seg_load(cpu, insn->seg, truncate_to(off + 8, insn->addrsize), 8);
    bool names_pcid = type == ONE_ADDRESS || type == ONE_PCID;
    if (type > ALL_BUT_GLOBAL || (names_pcid && pcid >> 12) ||
        (names_pcid && pcid && !(cpu->cr4 & CR4_PCIDE)) ||
        (type == ONE_ADDRESS && !cpu_is_canonical_base(cpu, la)))
        raise_GP(cpu, 0);
    if (type == ALL)
        tlb_flush_all(cpu);
    else if (type == ONE_ADDRESS)
        tlb_flush_page(cpu, la);
    else
        tlb_flush_non_global(cpu);
}

/* --- segment bases ------------------------------------------------------------------------- */

EXEC(SWAPGS)
{
    uint64_t base = cpu->seg[SEG_GS].base;
    cpu->seg[SEG_GS].base = cpu->kernel_gs_base;
    cpu->kernel_gs_base = base;
}

static void check_fsgsbase(Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_FSGSBASE))
        raise_UD(cpu);
}

static void base_write(Cpu *cpu, const Insn *insn, SegReg seg)
{
    check_fsgsbase(cpu);
    uint64_t base = op_read(cpu, insn, 0);
    if (!cpu_is_canonical_base(cpu, base))
        raise_GP(cpu, 0);
    cpu->seg[seg].base = base;
}

static void base_read(Cpu *cpu, const Insn *insn, SegReg seg)
{
    check_fsgsbase(cpu);
    op_write(cpu, insn, 0, cpu->seg[seg].base);
}

/* clang-format off */
EXEC(RDFSBASE) { base_read(cpu, insn, SEG_FS); }
EXEC(RDGSBASE) { base_read(cpu, insn, SEG_GS); }
EXEC(WRFSBASE) { base_write(cpu, insn, SEG_FS); }
EXEC(WRGSBASE) { base_write(cpu, insn, SEG_GS); }
/* clang-format on */
