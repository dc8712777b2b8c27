/* xsave.c - saving and restoring processor state by components: the XSAVE family.
 *
 * [SDM1] "Managing State Using the XSAVE Feature Set"; the layout is cpu/xstate.c's. An area is
 * loaded whole and checked before anything of it is taken. */
#include "cpu/cet.h"
#include "cpu/exec/xsave_priv.h"

/* Every component, in either format. */
enum { XSAVE_MAX = XSAVE_EXTENDED + 256 + 8 + 16 + 24 };

/* --- availability, and what is asked for ------------------------------------------------------ */

static void xsave_check_available(Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE))
        raise_UD(cpu);
    if (cpu->cr0 & CR0_TS)
        raise_NM(cpu);
}

/* RFBM: the components of a set that EDX:EAX asks for. */
static uint64_t requested(const Cpu *cpu, uint64_t enabled)
{
    uint64_t mask = (uint64_t)(uint32_t)cpu->gpr[RDX] << 32 | (uint32_t)cpu->gpr[RAX];
    return mask & enabled;
}

static bool all_zero(const void *p, size_t size)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* --- components ------------------------------------------------------------------------------- */

static bool x87_is_initial(const Cpu *cpu)
{
    const Fpu *fpu = &cpu->fpu;
    bool used = fpu->cw != CW_INIT || fpu->sw || fpu->top || fpu->valid || fpu->fop || fpu->fcs ||
                fpu->fds || fpu->fip || fpu->fdp;
    for (unsigned i = 0; i < 8; i++)
        used |= fpu->reg[i].mant || fpu->reg[i].se;
    return !used;
}

static bool xmm_is_initial(const Cpu *cpu)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++)
        if (!all_zero(&cpu->vec[i].u8[0], 16))
            return false;
    return true;
}

static void x87_make_initial(Cpu *cpu)
{
    x87_init(cpu);
    memset(cpu->fpu.reg, 0, sizeof(cpu->fpu.reg));
}

/* The state of one component of xstate.def, as it lies in memory. */
static void component_save(const Cpu *cpu, XStateNumber number, uint8_t *p)
{
    switch (number) {
    case XSTATE_AVX:
        for (unsigned i = 0; i < xmm_count(cpu); i++)
            memcpy(p + 16 * i, &cpu->vec[i].u8[16], 16);
        break;
    case XSTATE_PKRU:
        store_le64(p, cpu->pkru);
        break;
    case XSTATE_CET_U:
        store_le64(p, cpu->u_cet);
        store_le64(p + 8, cpu->pl_ssp[3]);
        break;
    case XSTATE_CET_S:
        for (unsigned i = 0; i < 3; i++)
            store_le64(p + 8 * i, cpu->pl_ssp[i]);
        break;
    }
}

static void component_restore(Cpu *cpu, XStateNumber number, const uint8_t *p)
{
    switch (number) {
    case XSTATE_AVX:
        for (unsigned i = 0; i < xmm_count(cpu); i++)
            memcpy(&cpu->vec[i].u8[16], p + 16 * i, 16);
        break;
    case XSTATE_PKRU:
        pkru_write(cpu, load_le32(p));
        break;
    case XSTATE_CET_U:
        cpu->u_cet = load_le64(p);
        cpu->pl_ssp[3] = load_le64(p + 8);
        cpu_update_mode(cpu);
        break;
    case XSTATE_CET_S:
        for (unsigned i = 0; i < 3; i++)
            cpu->pl_ssp[i] = load_le64(p + 8 * i);
        break;
    }
}

/* #GP(0) for what WRMSR would refuse too. */
static void component_check(Cpu *cpu, XStateNumber number, const uint8_t *p)
{
    bool good = true;
    if (number == XSTATE_CET_U)
        good = cet_control_valid(cpu, load_le64(p)) && cet_ssp_valid(cpu, load_le64(p + 8));
    for (unsigned i = 0; i < 3 && number == XSTATE_CET_S; i++)
        good &= cet_ssp_valid(cpu, load_le64(p + 8 * i));
    if (!good)
        raise_GP(cpu, 0);
}

/* Components that are not in their initial configuration: XINUSE. */
static uint64_t in_use(const Cpu *cpu)
{
    uint64_t used = (x87_is_initial(cpu) ? 0 : XCR0_X87) | (xmm_is_initial(cpu) ? 0 : XCR0_SSE);
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++) {
        uint8_t state[256] = {0};
        component_save(cpu, x->number, state);
        if (!all_zero(state, x->size))
            used |= xstate_bit(x);
    }
    return used;
}

/* --- saving ----------------------------------------------------------------------------------- */

/* Stores the components, each at its place. */
static void components_store(Cpu *cpu, const Insn *insn, LinAddr la, uint64_t components,
                             uint64_t xcomp)
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
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++) {
        if (!(components & xstate_bit(x)))
            continue;
        unsigned at = xstate_offset(x, xcomp);
        unsigned size = x->number == XSTATE_AVX ? 16 * xmm_count(cpu) : x->size;
        component_save(cpu, x->number, area + at);
        area_store(cpu, la, area, at, size);
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
    uint64_t wanted = requested(cpu, cpu->xcr0);
    LinAddr la = area_address(cpu, insn, xstate_area_size(wanted, 0), 64, ACCESS_WRITE);
    uint64_t used = in_use(cpu);
    uint64_t old = mem_load(cpu, la + XSAVE_HEADER, 8);
    components_store(cpu, insn, la, skip_initial ? wanted & used : wanted, 0);
    if (wanted & (XCR0_SSE | XCR0_AVX))
        mxcsr_store(cpu, la);
    mem_store(cpu, la + XSAVE_HEADER, (old & ~wanted) | (wanted & used), 8);
}

/* [SDM2] XSAVEC, XSAVES: compacted format, with the init optimization; MXCSR counts as SSE state.
 * Nothing is left out because it has not changed since it was loaded. */
static void xsave_compacted(Cpu *cpu, const Insn *insn, uint64_t enabled)
{
    xsave_check_available(cpu);
    uint64_t wanted = requested(cpu, enabled), xcomp = wanted | XCOMP_COMPACT;
    LinAddr la = area_address(cpu, insn, xstate_area_size(wanted, xcomp), 64, ACCESS_WRITE);
    uint64_t used = in_use(cpu);
    if (cpu->mxcsr != MXCSR_INIT)
        used |= XCR0_SSE;
    components_store(cpu, insn, la, wanted & used, xcomp);
    if (wanted & used & XCR0_SSE)
        mxcsr_store(cpu, la);
    mem_store(cpu, la + XSAVE_HEADER, wanted & used, 8);
    mem_store(cpu, la + XSAVE_HEADER + 8, xcomp, 8);
}

/* clang-format off */
EXEC(XSAVE)    { xsave_standard(cpu, insn, false); }
EXEC(XSAVEOPT) { xsave_standard(cpu, insn, true); }
EXEC(XSAVEC)   { xsave_compacted(cpu, insn, cpu->xcr0); }
EXEC(XSAVES)   { xsave_compacted(cpu, insn, cpu->xcr0 | cpu->xss); }
/* clang-format on */

/* --- restoring -------------------------------------------------------------------------------- */

/* [SDM1] "Operation of XRSTOR", "Operation of XRSTORS": what makes the header invalid. */
static void check_header(Cpu *cpu, const uint8_t *area, uint64_t enabled, bool supervisor)
{
    uint64_t xstate = load_le64(area + XSAVE_HEADER), xcomp = load_le64(area + XSAVE_HEADER + 8);
    bool good, compact = xcomp & XCOMP_COMPACT;
    if (compact)
        good = (supervisor || cpu_has(cpu, FEATURE_XSAVEC)) &&
               !(xcomp & ~XCOMP_COMPACT & ~enabled) && !(xstate & ~xcomp) &&
               all_zero(area + XSAVE_HEADER + 16, XSAVE_HEADER_SIZE - 16);
    else /* looks at bytes 23:8 only */
        good = !supervisor && xcomp == 0 && !(xstate & ~enabled) &&
               load_le64(area + XSAVE_HEADER + 16) == 0;
    if (!good)
        raise_GP(cpu, 0);
}

/* Fills the area with what is wanted and saved, and checks it. */
static void components_load(Cpu *cpu, LinAddr la, uint8_t *area, uint64_t components)
{
    uint64_t xcomp = load_le64(area + XSAVE_HEADER + 8);
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++) {
        if (!(components & xstate_bit(x)))
            continue;
        unsigned at = xstate_offset(x, xcomp);
        mem_probe(cpu, linear_plus(cpu, la, at), x->size, ACCESS_READ);
        area_load(cpu, la, area, at, x->size);
        component_check(cpu, x->number, area + at);
    }
}

/* Components that are wanted and not saved become initial. */
static void components_restore(Cpu *cpu, const Insn *insn, const uint8_t *area, uint64_t wanted)
{
    static const uint8_t initial[XSAVE_MAX];
    uint64_t saved = load_le64(area + XSAVE_HEADER), xcomp = load_le64(area + XSAVE_HEADER + 8);
    if (wanted & saved & XCR0_X87)
        x87_load_image(cpu, area, pointer_format(insn));
    else if (wanted & XCR0_X87)
        x87_make_initial(cpu);
    if (wanted & XCR0_SSE)
        xmm_from_area(cpu, saved & XCR0_SSE ? area : initial);
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++) {
        if (wanted & xstate_bit(x))
            component_restore(cpu, x->number,
                              saved & xstate_bit(x) ? area + xstate_offset(x, xcomp) : initial);
    }
}

static void xrstor(Cpu *cpu, const Insn *insn, uint64_t enabled, bool supervisor)
{
    xsave_check_available(cpu);
    uint64_t wanted = requested(cpu, enabled);
    LinAddr la = area_address(cpu, insn, XSAVE_EXTENDED, 64, ACCESS_READ);
    uint8_t area[XSAVE_MAX] = {0};
    area_load(cpu, la, area, 0, XSAVE_EXTENDED);
    check_header(cpu, area, enabled, supervisor);
    uint64_t saved = load_le64(area + XSAVE_HEADER);
    bool compact = load_le64(area + XSAVE_HEADER + 8) & XCOMP_COMPACT;
    /* MXCSR comes with SSE or AVX in the standard form, with SSE only when compacted. */
    bool load_mxcsr = compact ? wanted & saved & XCR0_SSE : wanted & (XCR0_SSE | XCR0_AVX);
    uint32_t mxcsr = load_le32(area + AREA_MXCSR);
    if (load_mxcsr)
        mxcsr_check(cpu, mxcsr);
    components_load(cpu, la, area, wanted & saved);

    if (load_mxcsr)
        cpu->mxcsr = mxcsr;
    else if (compact && wanted & XCR0_SSE)
        cpu->mxcsr = MXCSR_INIT;
    components_restore(cpu, insn, area, wanted);
}

/* clang-format off */
EXEC(XRSTOR)  { xrstor(cpu, insn, cpu->xcr0, false); }
EXEC(XRSTORS) { xrstor(cpu, insn, cpu->xcr0 | cpu->xss, true); }
/* clang-format on */

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
