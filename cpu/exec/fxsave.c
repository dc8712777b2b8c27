/* fxsave.c - MXCSR, and saving and restoring the x87 and SSE state with FXSAVE and FXRSTOR.
 *
 * [SDM1] "FXSAVE Area". The image is built in a buffer and moved to or from memory whole, after
 * every check. */
#include "cpu/exec/xsave_priv.h"

/* --- MXCSR ------------------------------------------------------------------------------------ */

/* DAZ came with SSE2. [SDM1] "Guidelines for Writing to the MXCSR Register". */
uint32_t mxcsr_supported(const Cpu *cpu)
{
    return cpu_has(cpu, FEATURE_SSE2) ? 0xffff : 0xffbf;
}

void mxcsr_check(Cpu *cpu, uint32_t v)
{
    if (v & ~mxcsr_supported(cpu))
        raise_GP(cpu, 0);
}

static void load_mxcsr(Cpu *cpu, const Insn *insn, VecForm form)
{
    uint32_t v = op_read(cpu, insn, 0);
    mxcsr_check(cpu, v);
    cpu->mxcsr = v;
}

static void store_mxcsr(Cpu *cpu, const Insn *insn, VecForm form)
{
    op_write(cpu, insn, 0, cpu->mxcsr);
}

VEC_FORMS(LDMXCSR, load_mxcsr)
VEC_FORMS(STMXCSR, store_mxcsr)

/* --- the image in memory ---------------------------------------------------------------------- */

unsigned xmm_count(const Cpu *cpu)
{
    return cpu_is_long(cpu) ? 16 : 8;
}

FxPointers pointer_format(const Insn *insn)
{
    return insn->rex_w ? FX_POINTERS_64 : FX_POINTERS_32;
}

LinAddr area_address(Cpu *cpu, const Insn *insn, unsigned size, unsigned align, MemAccess access)
{
    LinAddr la = insn_linear(cpu, insn, size, access);
    if (la & (align - 1))
        raise_GP(cpu, 0);
    mem_probe(cpu, la, size, access);
    return la;
}

void area_load(Cpu *cpu, LinAddr la, uint8_t *area, unsigned from, unsigned size)
{
    for (unsigned i = from; i < from + size; i += 8)
        store_le64(area + i, mem_load(cpu, linear_plus(cpu, la, i), 8));
}

void area_store(Cpu *cpu, LinAddr la, const uint8_t *area, unsigned from, unsigned size)
{
    for (unsigned i = from; i < from + size; i += 8)
        mem_store(cpu, linear_plus(cpu, la, i), load_le64(area + i), 8);
}

void xmm_to_area(const Cpu *cpu, uint8_t *area)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++)
        memcpy(area + AREA_XMM + 16 * i, &cpu->vec[i], 16);
}

void xmm_from_area(Cpu *cpu, const uint8_t *area)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++)
        memcpy(&cpu->vec[i], area + AREA_XMM + 16 * i, 16);
}

/* --- FXSAVE and FXRSTOR: #NM by CR0.EM and TS ------------------------------------------------- */

static void fx_check_available(Cpu *cpu)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS))
        raise_NM(cpu);
}

EXEC(FXSAVE)
{
    fx_check_available(cpu);
    LinAddr la = area_address(cpu, insn, FXSAVE_SIZE, 16, ACCESS_WRITE);
    uint8_t area[FXSAVE_SIZE] = {0};
    x87_save_image(cpu, area, pointer_format(insn));
    store_le32(area + AREA_MXCSR, cpu->mxcsr);
    store_le32(area + AREA_MXCSR_MASK, mxcsr_supported(cpu));
    xmm_to_area(cpu, area);
    /* Bytes 464 to 511 are the software's and stay. */
    area_store(cpu, la, area, 0, AREA_XMM + 16 * xmm_count(cpu));
}

EXEC(FXRSTOR)
{
    fx_check_available(cpu);
    LinAddr la = area_address(cpu, insn, FXSAVE_SIZE, 16, ACCESS_READ);
    uint8_t area[FXSAVE_SIZE];
    area_load(cpu, la, area, 0, FXSAVE_SIZE);
    uint32_t mxcsr = load_le32(area + AREA_MXCSR);
    mxcsr_check(cpu, mxcsr);
    x87_load_image(cpu, area, pointer_format(insn));
    cpu->mxcsr = mxcsr;
    xmm_from_area(cpu, area);
}
