/* test_vec_faults.c - when vector instructions fault, and what they leave: availability by CR0 and
 * CR4, alignment, page crossings, the state transitions of MMX, SIMD floating-point exceptions.
 *
 * [SDM3] "System Programming for Instruction Set Extensions and Processor Extended States",
 * "Intel MMX Technology System Programming"; [SDM2] "SIMD/MMX Exceptions". */
#include "cpu/x87.h"
#include "tests/support/bare_cpu.h"

enum { OUTSIDE = 0x200000 }; /* the first linear address that bare_long does not map */
enum { MASKS_ALL = 0x1f80 };

static BareCpu *vec_cpu(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    t->cpu->mxcsr = MASKS_ALL;
    t->cpu->gpr[RAX] = AT_DATA;
    t->cpu->gpr[RBP] = AT_DATA;
    cpu_update_mode(t->cpu);
    return t;
}

static Vec vec_make(uint64_t low, uint64_t high)
{
    return (Vec){.u64 = {low, high}};
}

static void assert_vec(const Vec *v, uint64_t low, uint64_t high)
{
    g_assert_cmphex(v->u64[0], ==, low);
    g_assert_cmphex(v->u64[1], ==, high);
}

/* --- availability -------------------------------------------------------------------------- */

/* One of each kind; -1: it runs. */
typedef struct Sample {
    const char *text;
    uint8_t code[5];
    uint8_t length;
    int em, ts, em_and_ts, no_osfxsr; /* vectors with CR0.EM, TS, both, without CR4.OSFXSR */
} Sample;

static const Sample samples[] = {
    /* text                 code                           size  EM      TS      both    no OSFXSR
     */
    {"PADDB mm0, mm1", {0x0f, 0xfc, 0xc1}, 3, EXC_UD, EXC_NM, EXC_UD, -1},
    {"PSHUFW mm0, mm1, 0", {0x0f, 0x70, 0xc1, 0}, 4, EXC_UD, EXC_NM, EXC_UD, -1},
    {"PADDQ mm0, mm1", {0x0f, 0xd4, 0xc1}, 3, EXC_UD, EXC_NM, EXC_UD, -1},
    {"PABSB mm0, mm1", {0x0f, 0x38, 0x1c, 0xc1}, 4, EXC_UD, EXC_NM, EXC_UD, -1},
    {"EMMS", {0x0f, 0x77}, 2, EXC_UD, EXC_NM, EXC_UD, -1},
    {"ADDPS xmm0, xmm1", {0x0f, 0x58, 0xc1}, 3, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"PADDB xmm0, xmm1", {0x66, 0x0f, 0xfc, 0xc1}, 4, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"PMINSB xmm0, xmm1", {0x66, 0x0f, 0x38, 0x38, 0xc1}, 5, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"AESENC xmm0, xmm1", {0x66, 0x0f, 0x38, 0xdc, 0xc1}, 5, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"CVTPS2PI mm0, xmm1", {0x0f, 0x2d, 0xc1}, 3, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"MOVDQ2Q mm0, xmm1", {0xf2, 0x0f, 0xd6, 0xc1}, 4, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"STMXCSR [rax]", {0x0f, 0xae, 0x18}, 3, EXC_UD, EXC_NM, EXC_UD, EXC_UD},
    {"FXSAVE [rax]", {0x0f, 0xae, 0x00}, 3, EXC_NM, EXC_NM, EXC_NM, -1},
    {"MOVNTI [rax], ecx", {0x0f, 0xc3, 0x08}, 3, -1, -1, -1, -1},
    {"CRC32 ecx, al", {0xf2, 0x0f, 0x38, 0xf0, 0xc8}, 5, -1, -1, -1, -1},
    {"POPCNT ecx, eax", {0xf3, 0x0f, 0xb8, 0xc8}, 4, -1, -1, -1, -1},
    {"SFENCE", {0x0f, 0xae, 0xf8}, 3, -1, -1, -1, -1},
    {"PREFETCHT0 [rax]", {0x0f, 0x18, 0x08}, 3, -1, -1, -1, -1},
};

static void check_sample(const Sample *s, uint64_t cr0, uint64_t no_cr4, int vector)
{
    BareCpu *t = vec_cpu();
    t->cpu->cr0 |= cr0;
    t->cpu->cr4 &= ~no_cr4;
    cpu_update_mode(t->cpu);
    Raised r = bare_execute(t, s->code, s->length);
    if (r.vector != vector)
        g_error("%s: vector %d, expected %d (CR0 %x)", s->text, r.vector, vector, (unsigned)cr0);
    bare_cpu_free(t);
}

static void test_availability(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(samples); i++) {
        const Sample *s = &samples[i];
        check_sample(s, 0, 0, -1);
        check_sample(s, CR0_EM, 0, s->em);
        check_sample(s, CR0_TS, 0, s->ts);
        check_sample(s, CR0_EM | CR0_TS, 0, s->em_and_ts);
        check_sample(s, 0, CR4_OSFXSR, s->no_osfxsr);
        check_sample(s, 0, CR4_OSXMMEXCPT, -1);
    }
}

/* --- alignment ----------------------------------------------------------------------------- */

/* At AT_DATA + 8. */
static void test_alignment(void)
{
    BareCpu *t = vec_cpu();
    Cpu *cpu = t->cpu;
    bare_write(t, AT_DATA + 8, 0x1111111111111111, 8);
    bare_write(t, AT_DATA + 16, 0x2222222222222222, 8);
    cpu->vec[0] = vec_make(1, 2);
    assert_raised(EXECUTE(t, 0x0f, 0x28, 0x40, 0x08), EXC_GP, 0);       /* MOVAPS xmm0, [rax+8] */
    assert_raised(EXECUTE(t, 0x0f, 0x29, 0x40, 0x08), EXC_GP, 0);       /* MOVAPS [rax+8], xmm0 */
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x6f, 0x40, 0x08), EXC_GP, 0); /* MOVDQA */
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0xe7, 0x40, 0x08), EXC_GP, 0); /* MOVNTDQ */
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0xfe, 0x40, 0x08), EXC_GP, 0); /* PADDD */
    assert_raised(EXECUTE(t, 0x0f, 0x58, 0x40, 0x08), EXC_GP, 0);       /* ADDPS */
    assert_raised(EXECUTE(t, 0x0f, 0x38, 0xc9, 0x40, 0x08), EXC_GP, 0); /* SHA1MSG1 */
    assert_raised(EXECUTE(t, 0x0f, 0x28, 0x45, 0x08), EXC_GP, 0); /* [rbp+8]: not #SS either */
    assert_vec(&cpu->vec[0], 1, 2);
    g_assert_cmphex(bare_read(t, AT_DATA + 8, 8), ==, 0x1111111111111111);

    assert_quiet(EXECUTE(t, 0x0f, 0x10, 0x40, 0x08)); /* MOVUPS xmm0, [rax+8] */
    assert_vec(&cpu->vec[0], 0x1111111111111111, 0x2222222222222222);
    assert_quiet(EXECUTE(t, 0x0f, 0x11, 0x40, 0x28)); /* MOVUPS [rax+28h], xmm0 */
    g_assert_cmphex(bare_read(t, AT_DATA + 0x30, 8), ==, 0x2222222222222222);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x6f, 0x40, 0x08));             /* MOVDQU */
    assert_quiet(EXECUTE(t, 0xf2, 0x0f, 0xf0, 0x40, 0x08));             /* LDDQU */
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x58, 0x40, 0x09));             /* ADDSS: a scalar */
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x38, 0x20, 0x40, 0x09));       /* PMOVSXBW: 8 bytes */
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x3a, 0x63, 0x40, 0x09, 0x00)); /* PCMPISTRI */
    assert_quiet(EXECUTE(t, 0x0f, 0xfc, 0x40, 0x09));                   /* PADDB mm0 */
    bare_cpu_free(t);
}

static void test_not_canonical(void)
{
    BareCpu *t = vec_cpu();
    t->cpu->gpr[RAX] = t->cpu->gpr[RBP] = 0x800000000000;
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x00), EXC_GP, 0);       /* MOVUPS xmm0, [rax] */
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x45, 0x00), EXC_SS, 0); /* [rbp] */
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x40, 0xf8), EXC_GP, 0); /* half of it is not */
    bare_cpu_free(t);
}

/* --- page crossings ------------------------------------------------------------------------ */

static void test_page_crossing(void)
{
    BareCpu *t = vec_cpu();
    Cpu *cpu = t->cpu;
    bare_write(t, AT_DATA + 0xff8, 0x0807060504030201, 8);
    bare_write(t, AT_DATA + 0x1000, 0x100f0e0d0c0b0a09, 8);
    for (unsigned at = 0xff1; at <= 0x1000; at++) {
        cpu->gpr[RAX] = AT_DATA + at;
        assert_quiet(EXECUTE(t, 0x0f, 0x10, 0x00)); /* MOVUPS xmm0, [rax] */
        for (unsigned i = 0; i < 16; i++)
            g_assert_cmphex(cpu->vec[0].u8[i], ==, bare_read(t, AT_DATA + at + i, 1));
        cpu->gpr[RAX] += 0x1000;
        assert_quiet(EXECUTE(t, 0x0f, 0x11, 0x00)); /* MOVUPS [rax], xmm0 */
        for (unsigned i = 0; i < 16; i++)
            g_assert_cmphex(bare_read(t, AT_DATA + 0x1000 + at + i, 1), ==, cpu->vec[0].u8[i]);
    }
    bare_cpu_free(t);
}

/* The second page is not there: CR2 is its first byte, and nothing was stored in the first. */
static void test_page_fault_in_second_page(void)
{
    BareCpu *t = vec_cpu();
    Cpu *cpu = t->cpu;
    cpu->gpr[RAX] = OUTSIDE - 8;
    cpu->vec[0] = vec_make(1, 2);
    bare_write(t, OUTSIDE - 8, 0x5555555555555555, 8);
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x00), EXC_PF, 0);
    g_assert_cmphex(cpu->cr2, ==, OUTSIDE);
    assert_vec(&cpu->vec[0], 1, 2);
    cpu->cr2 = 0;
    assert_raised(EXECUTE(t, 0x0f, 0x11, 0x00), EXC_PF, PF_WRITE);
    g_assert_cmphex(cpu->cr2, ==, OUTSIDE);
    g_assert_cmphex(bare_read(t, OUTSIDE - 8, 8), ==, 0x5555555555555555);
    cpu->gpr[RAX] = OUTSIDE - 4;
    assert_raised(EXECUTE(t, 0x0f, 0x13, 0x00), EXC_PF, PF_WRITE); /* MOVLPS [rax], xmm0 */
    g_assert_cmphex(bare_read(t, OUTSIDE - 4, 4), ==, 0x55555555);
    bare_cpu_free(t);
}

/* Offsets beyond a segment's limit, with the last byte only. */
static void test_segment_limit(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    Cpu *cpu = t->cpu;
    cpu->cr4 |= CR4_OSFXSR;
    cpu_update_mode(cpu);
    cpu->seg[SEG_DS].limit = cpu->seg[SEG_SS].limit = AT_DATA + 0x1e;
    segment_update(&cpu->seg[SEG_DS]);
    segment_update(&cpu->seg[SEG_SS]);
    cpu->gpr[RAX] = cpu->gpr[RBP] = AT_DATA;
    assert_quiet(EXECUTE(t, 0x0f, 0x10, 0x40, 0x0f));             /* MOVUPS xmm0, [eax+15] */
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x40, 0x10), EXC_GP, 0); /* [eax+16] */
    assert_raised(EXECUTE(t, 0x0f, 0x10, 0x45, 0x10), EXC_SS, 0); /* [ebp+16] */
    bare_cpu_free(t);
}

/* --- masked stores ------------------------------------------------------------------------- */

static void test_maskmov(void)
{
    BareCpu *t = vec_cpu();
    Cpu *cpu = t->cpu;
    cpu->gpr[RDI] = AT_DATA + 1;
    cpu->vec[0] = vec_make(0x8877665544332211, 0);
    cpu->vec[1] = vec_make(0x7f00000080000080, 0);
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0xf7, 0xc1)); /* MASKMOVDQU xmm0, xmm1 */
    g_assert_cmphex(bare_read(t, AT_DATA, 8), ==, 0x0000004400001100);
    cpu->gpr[RDI] = OUTSIDE;
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0xf7, 0xc1), EXC_PF, PF_WRITE);
    bare_cpu_free(t);
}

/* --- MMX and the x87 ----------------------------------------------------------------------- */

/* [SDM3] "Effects of MMX Instructions on x87 FPU State". */
typedef struct Transition {
    const char *text;
    uint8_t code[4];
    uint8_t length;
    uint8_t top, valid; /* from TOP 3 and tags 5A */
} Transition;

static const Transition transitions[] = {
    {"PADDB mm0, mm1", {0x0f, 0xfc, 0xc1}, 3, 0, 0xff},
    {"MOVD mm0, eax", {0x0f, 0x6e, 0xc0}, 3, 0, 0xff},
    {"MOVD ecx, mm0", {0x0f, 0x7e, 0xc1}, 3, 0, 0xff},
    {"MOVQ [rax], mm0", {0x0f, 0x7f, 0x00}, 3, 0, 0xff},
    {"MOVNTQ [rax], mm0", {0x0f, 0xe7, 0x00}, 3, 0, 0xff},
    {"PMOVMSKB ecx, mm0", {0x0f, 0xd7, 0xc8}, 3, 0, 0xff},
    {"MASKMOVQ mm0, mm1", {0x0f, 0xf7, 0xc1}, 3, 0, 0xff},
    {"MOVQ2DQ xmm0, mm1", {0xf3, 0x0f, 0xd6, 0xc1}, 4, 0, 0xff},
    {"MOVDQ2Q mm0, xmm1", {0xf2, 0x0f, 0xd6, 0xc1}, 4, 0, 0xff},
    {"CVTPS2PI mm0, xmm1", {0x0f, 0x2d, 0xc1}, 3, 0, 0xff},
    {"CVTPI2PS xmm0, mm1", {0x0f, 0x2a, 0xc1}, 3, 0, 0xff},
    {"CVTPI2PS xmm0, [rax]", {0x0f, 0x2a, 0x00}, 3, 0, 0xff},
    {"CVTPI2PD xmm0, mm1", {0x66, 0x0f, 0x2a, 0xc1}, 4, 0, 0xff},
    {"CVTPI2PD xmm0, [rax]", {0x66, 0x0f, 0x2a, 0x00}, 4, 3, 0x5a},
    {"PADDB xmm0, xmm1", {0x66, 0x0f, 0xfc, 0xc1}, 4, 3, 0x5a},
    {"EMMS", {0x0f, 0x77}, 2, 0, 0},
};

static void test_transitions(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(transitions); i++) {
        const Transition *c = &transitions[i];
        BareCpu *t = vec_cpu();
        Fpu *fpu = &t->cpu->fpu;
        t->cpu->gpr[RDI] = AT_DATA;
        fpu->top = 3;
        fpu->valid = 0x5a;
        assert_quiet(bare_execute(t, c->code, c->length));
        if (fpu->top != c->top || fpu->valid != c->valid)
            g_error("%s: TOP %u, tags %02x", c->text, fpu->top, fpu->valid);
        bare_cpu_free(t);
    }
}

/* A write sets sign and exponent to ones; a read changes no register; a fault changes nothing. */
static void test_mmx_registers(void)
{
    BareCpu *t = vec_cpu();
    Fpu *fpu = &t->cpu->fpu;
    fpu->top = 3;
    fpu->valid = 0x5a;
    fpu->reg[0] = fpu->reg[1] = (F80){0x8000000000000001, 0x3fff};
    t->cpu->gpr[RAX] = OUTSIDE;
    assert_raised(EXECUTE(t, 0x0f, 0x6f, 0x00), EXC_PF, 0);        /* MOVQ mm0, [rax] */
    assert_raised(EXECUTE(t, 0x0f, 0x7f, 0x00), EXC_PF, PF_WRITE); /* MOVQ [rax], mm0 */
    g_assert_cmpuint(fpu->top, ==, 3);
    g_assert_cmphex(fpu->valid, ==, 0x5a);
    assert_quiet(EXECUTE(t, 0x0f, 0xfc, 0xc1)); /* PADDB mm0, mm1 */
    g_assert_cmphex(fpu->reg[0].mant, ==, 2);
    g_assert_cmphex(fpu->reg[0].se, ==, 0xffff);
    g_assert_cmphex(fpu->reg[1].se, ==, 0x3fff);
    bare_cpu_free(t);
}

static void make_pending(BareCpu *t)
{
    t->cpu->fpu.cw = CW_INIT & ~FP_ZE;
    t->cpu->fpu.sw = FP_ZE;
    x87_update_summary(t->cpu);
}

/* A pending x87 exception is reported before everything else that the instruction could raise. */
static void test_pending_x87(void)
{
    BareCpu *t = vec_cpu();
    make_pending(t);
    t->cpu->gpr[RAX] = OUTSIDE;
    assert_raised(EXECUTE(t, 0x0f, 0xfc, 0xc1), EXC_MF, 0);       /* PADDB mm0, mm1 */
    assert_raised(EXECUTE(t, 0x0f, 0x6f, 0x00), EXC_MF, 0);       /* MOVQ mm0, [rax] */
    assert_raised(EXECUTE(t, 0x0f, 0x77), EXC_MF, 0);             /* EMMS */
    assert_raised(EXECUTE(t, 0x0f, 0x2d, 0xc1), EXC_MF, 0);       /* CVTPS2PI mm0, xmm1 */
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0xd6, 0xc1), EXC_MF, 0); /* MOVQ2DQ xmm0, mm1 */
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x2a, 0xc1), EXC_MF, 0); /* CVTPI2PD xmm0, mm1 */
    t->cpu->gpr[RAX] = AT_DATA;
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x2a, 0x00)); /* CVTPI2PD xmm0, [rax] */
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0xfc, 0xc1)); /* PADDB xmm0, xmm1 */
    t->cpu->cr0 |= CR0_TS;
    cpu_update_mode(t->cpu);
    assert_raised(EXECUTE(t, 0x0f, 0xfc, 0xc1), EXC_NM, 0);
    bare_cpu_free(t);
}

/* --- SIMD floating-point exceptions -------------------------------------------------------- */

enum { ONE = 0x3f800000, ZERO = 0, DENORMAL = 1, LARGEST = 0x7f7fffff, SIGNALING = 0x7fa00000 };

/* DIVPS xmm0, xmm1 with two different elements. [SDM1] "SIMD Floating-Point Exception Priority":
 * what is found before computing hides what computing would find in other elements. */
typedef struct SimdCase {
    const char *text;
    uint32_t a[2], b[2];
    unsigned unmasked, osxmmexcpt; /* CR4.OSXMMEXCPT or 0 */
    int vector;
    unsigned flags;
} SimdCase;

static const SimdCase simd_cases[] = {
    {"masked", {ONE, ONE}, {ZERO, LARGEST}, 0, CR4_OSXMMEXCPT, -1, FP_ZE | FP_UE | FP_PE},
    {"#XM", {ONE, ONE}, {ZERO, ONE}, FP_ZE, CR4_OSXMMEXCPT, EXC_XM, FP_ZE},
    {"no OSXMMEXCPT", {ONE, ONE}, {ZERO, ONE}, FP_ZE, 0, EXC_UD, FP_ZE},
    {"hidden", {ONE, ONE}, {ZERO, LARGEST}, FP_ZE, CR4_OSXMMEXCPT, EXC_XM, FP_ZE},
    {"after", {ONE, ONE}, {ZERO, LARGEST}, FP_PE, CR4_OSXMMEXCPT, EXC_XM, FP_ZE | FP_UE | FP_PE},
    {"both", {SIGNALING, ONE}, {ONE, ZERO}, FP_IE, CR4_OSXMMEXCPT, EXC_XM, FP_IE | FP_ZE},
    {"denormal", {DENORMAL, ONE}, {ONE, ONE}, FP_DE, CR4_OSXMMEXCPT, EXC_XM, FP_DE},
};

static void test_simd_exceptions(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(simd_cases); i++) {
        const SimdCase *c = &simd_cases[i];
        BareCpu *t = vec_cpu();
        Cpu *cpu = t->cpu;
        cpu->cr4 = (cpu->cr4 & ~CR4_OSXMMEXCPT) | c->osxmmexcpt;
        cpu->mxcsr = MASKS_ALL & ~(c->unmasked << 7);
        cpu->vec[0] = (Vec){.u32 = {c->a[0], c->a[1], ONE, ONE}};
        cpu->vec[1] = (Vec){.u32 = {c->b[0], c->b[1], ONE, ONE}};
        Vec before = cpu->vec[0];
        Raised r = EXECUTE(t, 0x0f, 0x5e, 0xc1);
        if (r.vector != c->vector || (cpu->mxcsr & FP_ALL) != c->flags)
            g_error("%s: vector %d, MXCSR %x", c->text, r.vector, cpu->mxcsr);
        if (c->vector >= 0)
            g_assert_cmpmem(&cpu->vec[0], sizeof(Vec), &before, sizeof(Vec));
        bare_cpu_free(t);
    }
}

/* A flag that is set already raises nothing, masked or not. */
static void test_sticky_flags(void)
{
    BareCpu *t = vec_cpu();
    t->cpu->mxcsr = FP_ALL;
    t->cpu->vec[0] = t->cpu->vec[1] = (Vec){.u32 = {ONE, ONE, ONE, ONE}};
    assert_quiet(EXECUTE(t, 0x0f, 0x5e, 0xc1));
    g_assert_cmphex(t->cpu->mxcsr, ==, FP_ALL);
    bare_cpu_free(t);
}

/* Comparisons into EFLAGS leave the flags when they raise. */
static void test_comis_exception(void)
{
    BareCpu *t = vec_cpu();
    t->cpu->mxcsr = MASKS_ALL & ~(FP_IE << 7);
    t->cpu->vec[0].u32[0] = SIGNALING;
    flags_set_arith(t->cpu, FLAG_OF | FLAG_SF);
    assert_raised(EXECUTE(t, 0x0f, 0x2e, 0xc1), EXC_XM, 0); /* UCOMISS xmm0, xmm1 */
    g_assert_cmphex(eflags_get(t->cpu) & FLAGS_ARITH, ==, FLAG_OF | FLAG_SF);
    bare_cpu_free(t);
}

static void test_ldmxcsr(void)
{
    BareCpu *t = vec_cpu();
    bare_write(t, AT_DATA, 0x10000, 4);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x10), EXC_GP, 0);
    g_assert_cmphex(t->cpu->mxcsr, ==, MASKS_ALL);
    bare_write(t, AT_DATA + 1, 0x0000ffbf, 4);
    t->cpu->gpr[RAX]++;
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x10));
    g_assert_cmphex(t->cpu->mxcsr, ==, 0xffbf);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x58, 0x10)); /* STMXCSR [rax+16] */
    g_assert_cmphex(bare_read(t, AT_DATA + 17, 4), ==, 0xffbf);
    bare_cpu_free(t);
}

/* --- AVX ----------------------------------------------------------------------------------- */

static BareCpu *avx_cpu(void)
{
    BareCpu *t = vec_cpu();
    t->cpu->cr4 |= CR4_OSXSAVE;
    t->cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu_update_mode(t->cpu);
    return t;
}

#define VADDPS_YMM 0xc5, 0xf4, 0x58, 0xc2 /* VADDPS ymm0, ymm1, ymm2 */

/* [SDM2] "Exception Conditions of VEX": CR0.EM and CR4.OSFXSR say nothing. */
static void test_avx_availability(void)
{
    BareCpu *t = avx_cpu();
    Cpu *cpu = t->cpu;
    cpu->cr0 |= CR0_EM;
    cpu->cr4 &= ~CR4_OSFXSR;
    cpu_update_mode(cpu);
    assert_quiet(EXECUTE(t, VADDPS_YMM));
    cpu->cr0 |= CR0_TS;
    cpu_update_mode(cpu);
    assert_raised(EXECUTE(t, VADDPS_YMM), EXC_NM, 0);
    cpu->xcr0 = XCR0_X87 | XCR0_SSE;
    cpu_update_mode(cpu);
    assert_raised(EXECUTE(t, VADDPS_YMM), EXC_UD, 0); /* before #NM */
    cpu->xcr0 |= XCR0_AVX;
    cpu->cr4 &= ~CR4_OSXSAVE;
    cpu_update_mode(cpu);
    assert_raised(EXECUTE(t, VADDPS_YMM), EXC_UD, 0);
    bare_cpu_free(t);
}

/* Only the moves that say so want alignment, of their whole size. */
static void test_avx_alignment(void)
{
    BareCpu *t = avx_cpu();
    assert_quiet(EXECUTE(t, 0xc5, 0xf4, 0x58, 0x40, 0x01));             /* VADDPS ymm0, ymm1, m */
    assert_raised(EXECUTE(t, 0xc5, 0xfc, 0x28, 0x40, 0x10), EXC_GP, 0); /* VMOVAPS ymm0, [rax+16] */
    assert_quiet(EXECUTE(t, 0xc5, 0xf8, 0x28, 0x40, 0x10));             /* VMOVAPS xmm0 */
    assert_quiet(EXECUTE(t, 0xc5, 0xfc, 0x10, 0x40, 0x01));             /* VMOVUPS ymm0 */
    t->cpu->gpr[RAX] = OUTSIDE - 16;
    assert_raised(EXECUTE(t, 0xc5, 0xfc, 0x11, 0x00), EXC_PF, PF_WRITE);
    g_assert_cmphex(t->cpu->cr2, ==, OUTSIDE);
    bare_cpu_free(t);
}

/* Legacy forms keep the upper lane, VEX forms clear it. */
static void test_upper_lane(void)
{
    BareCpu *t = avx_cpu();
    Vec *v = t->cpu->vec;
    memset(t->cpu->vec, 0x11, sizeof(t->cpu->vec));
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0xef, 0xc0)); /* PXOR xmm0, xmm0 */
    g_assert_cmphex(v[0].u64[2], ==, 0x1111111111111111);
    assert_quiet(EXECUTE(t, 0xc5, 0xf9, 0xef, 0xc0)); /* VPXOR xmm0, xmm0, xmm0 */
    g_assert_cmphex(v[0].u64[2] | v[0].u64[3], ==, 0);
    assert_quiet(EXECUTE(t, 0xc5, 0xf8, 0x77)); /* VZEROUPPER */
    g_assert_cmphex(v[15].u64[0], ==, 0x1111111111111111);
    g_assert_cmphex(v[15].u64[2] | v[15].u64[3], ==, 0);
    assert_quiet(EXECUTE(t, 0xc5, 0xfc, 0x77)); /* VZEROALL */
    g_assert_cmphex(v[15].u64[0], ==, 0);
    bare_cpu_free(t);
}

/* Elements that the mask leaves out cannot fault. */
static void test_masked_moves(void)
{
    BareCpu *t = avx_cpu();
    Cpu *cpu = t->cpu;
    cpu->gpr[RAX] = OUTSIDE - 8;
    bare_write(t, OUTSIDE - 8, 0x2222222211111111, 8);
    cpu->vec[1] = (Vec){.u32 = {0x80000000, 0x80000000, 0, 0x7fffffff}};
    assert_quiet(EXECUTE(t, 0xc4, 0xe2, 0x71, 0x2c, 0x00)); /* VMASKMOVPS xmm0, xmm1, [rax] */
    assert_vec(&cpu->vec[0], 0x2222222211111111, 0);
    cpu->vec[0].u32[1] = 0x33333333;
    assert_quiet(EXECUTE(t, 0xc4, 0xe2, 0x71, 0x2e, 0x00)); /* VMASKMOVPS [rax], xmm1, xmm0 */
    g_assert_cmphex(bare_read(t, OUTSIDE - 8, 8), ==, 0x3333333311111111);
    cpu->vec[1].u32[2] = 0x80000000;
    cpu->vec[0].u32[0] = 0;
    assert_raised(EXECUTE(t, 0xc4, 0xe2, 0x71, 0x2e, 0x00), EXC_PF, PF_WRITE);
    g_assert_cmphex(bare_read(t, OUTSIDE - 8, 8), ==, 0x3333333311111111);
    bare_cpu_free(t);
}

/* A gather that faults has done the elements before, and their masks are clear. */
static void test_gather_restart(void)
{
    BareCpu *t = avx_cpu();
    Cpu *cpu = t->cpu;
    bare_write(t, AT_DATA, 0x1234, 4);
    cpu->vec[0] = (Vec){.u32 = {7, 7, 7, 7}};
    cpu->vec[1] = (Vec){.u32 = {0, 0, (OUTSIDE - AT_DATA) / 4, 0}}; /* indexes */
    cpu->vec[2] = (Vec){.u32 = {UINT32_MAX, 0, UINT32_MAX, UINT32_MAX}};
    /* VPGATHERDD xmm0, [rax+xmm1*4], xmm2 */
    assert_raised(EXECUTE(t, 0xc4, 0xe2, 0x69, 0x90, 0x04, 0x88), EXC_PF, 0);
    g_assert_cmphex(cpu->cr2, ==, OUTSIDE);
    assert_vec(&cpu->vec[0], 0x700001234, 0x700000007);
    assert_vec(&cpu->vec[2], 0, UINT64_MAX);
    cpu->vec[1].u32[2] = 0;
    assert_quiet(EXECUTE(t, 0xc4, 0xe2, 0x69, 0x90, 0x04, 0x88));
    assert_vec(&cpu->vec[0], 0x700001234, 0x123400001234);
    assert_vec(&cpu->vec[2], 0, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vec-faults/availability", test_availability);
    g_test_add_func("/vec-faults/alignment", test_alignment);
    g_test_add_func("/vec-faults/not-canonical", test_not_canonical);
    g_test_add_func("/vec-faults/page-crossing", test_page_crossing);
    g_test_add_func("/vec-faults/second-page", test_page_fault_in_second_page);
    g_test_add_func("/vec-faults/segment-limit", test_segment_limit);
    g_test_add_func("/vec-faults/maskmov", test_maskmov);
    g_test_add_func("/vec-faults/transitions", test_transitions);
    g_test_add_func("/vec-faults/mmx-registers", test_mmx_registers);
    g_test_add_func("/vec-faults/pending-x87", test_pending_x87);
    g_test_add_func("/vec-faults/simd-exceptions", test_simd_exceptions);
    g_test_add_func("/vec-faults/sticky-flags", test_sticky_flags);
    g_test_add_func("/vec-faults/comis-exception", test_comis_exception);
    g_test_add_func("/vec-faults/ldmxcsr", test_ldmxcsr);
    g_test_add_func("/vec-faults/avx-availability", test_avx_availability);
    g_test_add_func("/vec-faults/avx-alignment", test_avx_alignment);
    g_test_add_func("/vec-faults/upper-lane", test_upper_lane);
    g_test_add_func("/vec-faults/masked-moves", test_masked_moves);
    g_test_add_func("/vec-faults/gather-restart", test_gather_restart);
    return g_test_run();
}
