/* xsave.c - saving and restoring the x87, SSE and AVX state: FXSAVE, XSAVE and MXCSR.
 *
 * [SDM1] "Managing State Using the XSAVE Feature Set", "FXSAVE Area". The image is built in a
 * buffer and moved to or from memory whole, after every check. */
#include "cpu/exec/vec.h"

enum {
    AREA_MXCSR = 24,
    AREA_MXCSR_MASK = 28,
    AREA_XMM = 160,
    FXSAVE_SIZE = 512,
    HEADER = 512, /* XSTATE_BV, XCOMP_BV, reserved */
    HEADER_SIZE = 64,
    AREA_YMM = 576, /* standard format, and compacted too: AVX is the first extended component */
    YMM_SIZE = 256,
    XSAVE_MAX = AREA_YMM + YMM_SIZE,
    MXCSR_INIT = 0x1f80,
};
#define XCOMP_COMPACT ((uint64_t)1 << 63)

/* --- MXCSR ------------------------------------------------------------------------------------ */

/* MXCSR_MASK: DAZ came with SSE2. [SDM1] "Guidelines for Writing to the MXCSR Register". */
uint32_t mxcsr_supported(const Cpu *cpu)
{
    return cpu_has(cpu, FEATURE_SSE2) ? 0xffff : 0xffbf;
}

static void mxcsr_check(Cpu *cpu, uint32_t v)
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

static unsigned xmm_count(const Cpu *cpu)
{
    return cpu_is_long(cpu) ? 16 : 8;
}

static FxPointers pointer_format(const Insn *insn)
{
    return insn->rex_w ? FX_POINTERS_64 : FX_POINTERS_32;
}

/* Its address, checked for alignment (#GP(0)) and for the access over its whole size. */
static LinAddr area_address(Cpu *cpu, const Insn *insn, unsigned size, unsigned align,
                            MemAccess access)
{
    LinAddr la = insn_linear(cpu, insn, size, access);
    if (la & (align - 1))
        raise_GP(cpu, 0);
    mem_probe(cpu, la, size, access);
    return la;
}

static void area_load(Cpu *cpu, LinAddr la, uint8_t *area, unsigned from, unsigned size)
{
    for (unsigned i = from; i < from + size; i += 8)
        store_le64(area + i, mem_load(cpu, linear_plus(cpu, la, i), 8));
}

static void area_store(Cpu *cpu, LinAddr la, const uint8_t *area, unsigned from, unsigned size)
{
    for (unsigned i = from; i < from + size; i += 8)
        mem_store(cpu, linear_plus(cpu, la, i), load_le64(area + i), 8);
}

static void xmm_to_area(const Cpu *cpu, uint8_t *area)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++)
        memcpy(area + AREA_XMM + 16 * i, &cpu->vec[i], 16);
}

static void xmm_from_area(Cpu *cpu, const uint8_t *area)
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

/* --- XSAVE ------------------------------------------------------------------------------------ */

static void xsave_check_available(Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE))
        raise_UD(cpu);
    if (cpu->cr0 & CR0_TS)
        raise_NM(cpu);
}

static uint64_t requested(const Cpu *cpu)
{
    uint64_t mask = (uint64_t)(uint32_t)cpu->gpr[RDX] << 32 | (uint32_t)cpu->gpr[RAX];
    return mask & cpu->xcr0;
}

static bool all_zero(const void *p, size_t size)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool x87_is_initial(const Cpu *cpu)
{
    const Fpu *fpu = &cpu->fpu;
    bool used = fpu->cw != CW_INIT || fpu->sw || fpu->top || fpu->valid || fpu->fop || fpu->fcs ||
                fpu->fds || fpu->fip || fpu->fdp;
    for (unsigned i = 0; i < 8; i++)
        used |= fpu->reg[i].mant || fpu->reg[i].se;
    return !used;
}

/* Components that are not in their initial configuration: XINUSE. */
static uint64_t in_use(const Cpu *cpu)
{
    uint64_t used = x87_is_initial(cpu) ? 0 : XCR0_X87;
    for (unsigned i = 0; i < xmm_count(cpu); i++) {
        if (!all_zero(&cpu->vec[i].u8[0], 16))
            used |= XCR0_SSE;
        if (!all_zero(&cpu->vec[i].u8[16], 16))
            used |= XCR0_AVX;
    }
    return used;
}

static unsigned area_size(const Cpu *cpu, uint64_t components)
{
    return components & XCR0_AVX ? XSAVE_MAX : HEADER + HEADER_SIZE;
}

/* Fills the parts of the area that components name and stores them. */
static void components_store(Cpu *cpu, const Insn *insn, LinAddr la, uint64_t components)
{
    uint8_t area[XSAVE_MAX] = {0};
    if (components & XCR0_X87) {
        x87_save_image(cpu, area, pointer_format(insn));
        area_store(cpu, la, area, 0, AREA_MXCSR);
        area_store(cpu, la, area, 32, AREA_XMM - 32);
    }
    if (components & XCR0_SSE) {
        xmm_to_area(cpu, area);
        area_store(cpu, la, area, AREA_XMM, 16 * xmm_count(cpu));
    }
    if (components & XCR0_AVX) {
        for (unsigned i = 0; i < xmm_count(cpu); i++)
            memcpy(area + AREA_YMM + 16 * i, &cpu->vec[i].u8[16], 16);
        area_store(cpu, la, area, AREA_YMM, 16 * xmm_count(cpu));
    }
}

static void mxcsr_store(Cpu *cpu, LinAddr la)
{
    mem_store(cpu, la + AREA_MXCSR, cpu->mxcsr, 4);
    mem_store(cpu, la + AREA_MXCSR_MASK, mxcsr_supported(cpu), 4);
}

/* [SDM2] XSAVE: standard format; the header's other bits of XSTATE_BV stay. */
static void xsave_standard(Cpu *cpu, const Insn *insn, bool skip_initial)
{
    xsave_check_available(cpu);
    uint64_t wanted = requested(cpu);
    LinAddr la = area_address(cpu, insn, area_size(cpu, wanted), 64, ACCESS_WRITE);
    uint64_t used = in_use(cpu);
    uint64_t old = mem_load(cpu, la + HEADER, 8);
    components_store(cpu, insn, la, skip_initial ? wanted & used : wanted);
    if (wanted & (XCR0_SSE | XCR0_AVX))
        mxcsr_store(cpu, la);
    mem_store(cpu, la + HEADER, (old & ~wanted) | (wanted & used), 8);
}

EXEC(XSAVE)
{
    xsave_standard(cpu, insn, false);
}

EXEC(XSAVEOPT)
{
    xsave_standard(cpu, insn, true);
}

/* [SDM2] XSAVEC: compacted format, with the init optimization; MXCSR counts as SSE state. */
EXEC(XSAVEC)
{
    xsave_check_available(cpu);
    uint64_t wanted = requested(cpu);
    LinAddr la = area_address(cpu, insn, area_size(cpu, wanted), 64, ACCESS_WRITE);
    uint64_t used = in_use(cpu);
    if (cpu->mxcsr != MXCSR_INIT)
        used |= XCR0_SSE;
    components_store(cpu, insn, la, wanted & used);
    if (wanted & used & XCR0_SSE)
        mxcsr_store(cpu, la);
    mem_store(cpu, la + HEADER, wanted & used, 8);
    mem_store(cpu, la + HEADER + 8, wanted | XCOMP_COMPACT, 8);
}

/* [SDM1] "Operation of XRSTOR": what makes the header invalid. */
static void check_header(Cpu *cpu, const uint8_t *area)
{
    uint64_t xstate = load_le64(area + HEADER), xcomp = load_le64(area + HEADER + 8);
    bool reserved_clear = all_zero(area + HEADER + 16, HEADER_SIZE - 16);
    bool good;
    if (xcomp & XCOMP_COMPACT)
        good = cpu_has(cpu, FEATURE_XSAVEC) && !(xcomp & ~XCOMP_COMPACT & ~cpu->xcr0) &&
               !(xstate & ~xcomp);
    else
        good = xcomp == 0 && !(xstate & ~cpu->xcr0);
    /* The standard form looks at bytes 23:8 only, the compacted at 63:16. */
    if (!(xcomp & XCOMP_COMPACT))
        reserved_clear = load_le64(area + HEADER + 16) == 0;
    if (!good || !reserved_clear)
        raise_GP(cpu, 0);
}

static void ymm_high_from_area(Cpu *cpu, const uint8_t *area)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++)
        memcpy(&cpu->vec[i].u8[16], area + AREA_YMM + 16 * i, 16);
}

EXEC(XRSTOR)
{
    xsave_check_available(cpu);
    uint64_t wanted = requested(cpu);
    unsigned size = area_size(cpu, wanted);
    LinAddr la = area_address(cpu, insn, size, 64, ACCESS_READ);
    uint8_t area[XSAVE_MAX] = {0};
    area_load(cpu, la, area, 0, size);
    check_header(cpu, area);
    uint64_t saved = load_le64(area + HEADER);
    bool compact = load_le64(area + HEADER + 8) & XCOMP_COMPACT;
    /* MXCSR comes with SSE or AVX in the standard form, with SSE only when compacted. */
    bool load_mxcsr = compact ? wanted & saved & XCR0_SSE : wanted & (XCR0_SSE | XCR0_AVX);
    uint32_t mxcsr = load_le32(area + AREA_MXCSR);
    if (load_mxcsr)
        mxcsr_check(cpu, mxcsr);

    if (wanted & XCR0_X87) {
        if (saved & XCR0_X87) {
            x87_load_image(cpu, area, pointer_format(insn));
        } else {
            x87_init(cpu);
            memset(cpu->fpu.reg, 0, sizeof(cpu->fpu.reg));
        }
    }
    if (load_mxcsr)
        cpu->mxcsr = mxcsr;
    else if (compact && wanted & XCR0_SSE)
        cpu->mxcsr = MXCSR_INIT;
    if (wanted & XCR0_SSE) {
        if (!(saved & XCR0_SSE))
            memset(area + AREA_XMM, 0, 256);
        xmm_from_area(cpu, area);
    }
    if (wanted & XCR0_AVX) {
        if (!(saved & XCR0_AVX))
            memset(area + AREA_YMM, 0, YMM_SIZE);
        ymm_high_from_area(cpu, area);
    }
}

/* [SDM2] XGETBV: XCR0, or with ECX = 1 the components of XCR0 that are in use. */
EXEC(XGETBV)
{
    if (!(cpu->cr4 & CR4_OSXSAVE))
        raise_UD(cpu);
    uint32_t number = gpr_read(cpu, RCX, 4);
    if (number > 1 || (number == 1 && !cpu_has(cpu, FEATURE_XGETBV1)))
        raise_GP(cpu, 0);
    uint64_t v = number == 0 ? cpu->xcr0 : cpu->xcr0 & in_use(cpu);
    gpr_write(cpu, RAX, 4, v);
    gpr_write(cpu, RDX, 4, v >> 32);
}
