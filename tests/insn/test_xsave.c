/* test_xsave.c - FXSAVE, FXRSTOR and the XSAVE family: random states and areas, stored and loaded
 * by the interpreter and by the host CPU, and compared byte for byte; then what the manual says of
 * faults, of masks, and of code that is not 64-bit. [SDM1] "Managing State Using the XSAVE Feature
 * Set". */
#include "cpu/exec.h"
#include "cpu/x87.h"
#include "tests/float/operands.h"
#include "tests/support/bare_cpu.h"
#include "tests/support/insn_bench.h"
#include "tests/support/native_state.h"

enum { INSTANCES = 20000, SEED = 4711, AREA_SIZE = 1024 };
enum { AREA = TEST_HIGH + 0x4000 };
#define XCR0_ALL      (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define XCOMP_COMPACT ((uint64_t)1 << 63)
enum { MXCSR_INITIAL = 0x1f80 };

typedef struct Subject {
    const char *name;
    uint8_t code[4]; /* with [rsi] */
    uint8_t length, align;
    bool loads;
    CpuFeature feature;
} Subject;

static const Subject subjects[] = {
    /* name        code                      size align loads  feature */
    {"FXSAVE", {0x0f, 0xae, 0x06}, 3, 16, false, FEATURE_FXSR},
    {"FXSAVE64", {0x48, 0x0f, 0xae, 0x06}, 4, 16, false, FEATURE_FXSR},
    {"FXRSTOR", {0x0f, 0xae, 0x0e}, 3, 16, true, FEATURE_FXSR},
    {"FXRSTOR64", {0x48, 0x0f, 0xae, 0x0e}, 4, 16, true, FEATURE_FXSR},
    {"XSAVE", {0x0f, 0xae, 0x26}, 3, 64, false, FEATURE_XSAVE},
    {"XSAVE64", {0x48, 0x0f, 0xae, 0x26}, 4, 64, false, FEATURE_XSAVE},
    {"XSAVEOPT", {0x0f, 0xae, 0x36}, 3, 64, false, FEATURE_XSAVEOPT},
    {"XSAVEC", {0x0f, 0xc7, 0x26}, 3, 64, false, FEATURE_XSAVEC},
    {"XSAVEC64", {0x48, 0x0f, 0xc7, 0x26}, 4, 64, false, FEATURE_XSAVEC},
    {"XRSTOR", {0x0f, 0xae, 0x2e}, 3, 64, true, FEATURE_XSAVE},
    {"XRSTOR64", {0x48, 0x0f, 0xae, 0x2e}, 4, 64, true, FEATURE_XSAVE},
};

typedef struct Judge {
    InsnBench *t;
    Native *native_cpu;
    uint8_t *host, *guest; /* the area here and there */
    Random random;
    NativeState before, ours, native;
} Judge;

static unsigned below(Judge *j, unsigned n)
{
    return random_below(&j->random, n);
}

/* --- random states ------------------------------------------------------------------------- */

static void random_x87(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    uint64_t v = random_next(&j->random);
    x87_init(cpu);
    memset(cpu->fpu.reg, 0, sizeof(cpu->fpu.reg));
    if (!below(j, 4))
        return;
    cpu->fpu.cw = (v & CW_WRITABLE) | CW_ONE;
    cpu->fpu.sw = v >> 16 & (SW_FLAGS | SW_SF | SW_CONDITIONS);
    cpu->fpu.top = v >> 32 & 7;
    cpu->fpu.valid = v >> 40;
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.reg[i] = random_f80(&j->random, cpu->fpu.reg[0]);
    x87_update_summary(cpu);
}

static void random_state(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    bool sse = below(j, 4), avx = below(j, 4);
    random_x87(j);
    for (unsigned i = 0; i < 16; i++) {
        cpu->vec[i].u64[0] = sse ? random_next(&j->random) : 0;
        cpu->vec[i].u64[1] = sse ? random_next(&j->random) : 0;
        cpu->vec[i].u64[2] = avx ? random_next(&j->random) : 0;
        cpu->vec[i].u64[3] = avx ? random_next(&j->random) : 0;
    }
    cpu->mxcsr = below(j, 3) ? random_next(&j->random) & 0xffff : MXCSR_INITIAL;
}

/* Random bytes; for the loads a header that is good, or wrong in one place. */
static void random_area(Judge *j, const Subject *s)
{
    for (unsigned i = 0; i < AREA_SIZE; i += 8)
        store_le64(j->host + i, random_next(&j->random));
    if (!s->loads) {
        memcpy(j->guest, j->host, AREA_SIZE);
        return;
    }
    store_le32(j->host + IMAGE_MXCSR, random_next(&j->random) & (below(j, 16) ? 0xffff : 0x8ffff));
    uint8_t *header = j->host + IMAGE_XSTATE_BV;
    uint64_t components = below(j, 8), format = below(j, 2) ? 0 : XCOMP_COMPACT | below(j, 8);
    if (format)
        components &= format;
    memset(header, 0, 64);
    if (!below(j, 16))
        header[10 + below(j, 54)] = 1 << below(j, 8); /* bits no host has in XCR0 */
    store_le64(header, components | (below(j, 16) ? 0 : (uint64_t)1 << (20 + below(j, 20))));
    store_le64(header + 8, load_le64(header + 8) | format);
    memcpy(j->guest, j->host, AREA_SIZE);
}

/* --- comparison ---------------------------------------------------------------------------- */

/* What a store may leave or write as it likes, and what hosts do not agree on. */
static void forget(uint8_t *area)
{
    memset(area + IMAGE_FOP, 0, IMAGE_MXCSR - IMAGE_FOP);
    memset(area + IMAGE_MXCSR_MASK, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        memset(area + IMAGE_ST + 16 * i + 10, 0, 6);
}

/* A processor may take a component for in use that is in its initial configuration, differently
 * from run to run; it is then stored whole. [SDM1] "XSAVE-Managed State" (XINUSE). */
static void accept_host_in_use(uint8_t *ours, const uint8_t *host)
{
    uint64_t extra = load_le64(host + IMAGE_XSTATE_BV) & ~load_le64(ours + IMAGE_XSTATE_BV);
    if (extra & ~(uint64_t)XCR0_ALL)
        return;
    store_le64(ours + IMAGE_XSTATE_BV, load_le64(ours + IMAGE_XSTATE_BV) | extra);
    if (extra & XCR0_X87)
        memcpy(ours, host, IMAGE_XMM);
    if (extra & XCR0_SSE) {
        memcpy(ours + IMAGE_MXCSR, host + IMAGE_MXCSR, 8);
        memcpy(ours + IMAGE_XMM, host + IMAGE_XMM, 256);
    }
    if (extra & XCR0_AVX)
        memcpy(ours + IMAGE_YMM, host + IMAGE_YMM, 256);
}

static bool memory_differs(const Judge *j, unsigned *at)
{
    uint8_t ours[AREA_SIZE], host[AREA_SIZE];
    memcpy(ours, j->guest, AREA_SIZE);
    memcpy(host, j->host, AREA_SIZE);
    uint64_t offset = j->before.gpr[RSI] -
                      AREA; /* that of an instance that is misaligned for some */
    accept_host_in_use(ours + offset, host + offset);
    forget(ours + offset);
    forget(host + offset);
    for (*at = 0; *at < AREA_SIZE; ++*at)
        if (ours[*at] != host[*at])
            return true;
    return false;
}

static bool report(const Judge *j, const Subject *s, const char *what, unsigned at)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "%s, mask %x: %s differs", s->name, (unsigned)j->before.gpr[RAX],
                           what);
    g_string_append_printf(out, " at %u: %02x, host %02x;", at, j->guest[at], j->host[at]);
    g_string_append_printf(out, " header %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x",
                           load_le64(j->guest + IMAGE_XSTATE_BV),
                           load_le64(j->guest + IMAGE_XCOMP_BV));
    native_state_report(out, &j->before, &j->ours, &j->native);
    g_printerr("%s\n", out->str);
    g_test_fail();
    return false;
}

static bool judge_instance(Judge *j, const Subject *s)
{
    Cpu *cpu = j->t->cpu;
    Insn insn;
    g_assert_cmpint(decode(s->code, s->length, CODE_64, 0, &insn), ==, DECODE_OK);
    random_state(j);
    random_area(j, s);
    cpu->gpr[RSI] = AREA + (below(j, 16) ? 0 : 8u << below(j, 4));
    cpu->gpr[RAX] = below(j, 2) ? below(j, 8) : 7;
    cpu->gpr[RDX] = below(j, 2) ? 0 : 1 << 20;
    native_state_take(&j->before, cpu);
    memset(j->before.image + IMAGE_FOP, 0, IMAGE_MXCSR - IMAGE_FOP);
    j->native = j->before;
    int vector = insn_bench_step(j->t, &insn);
    native_run(j->native_cpu, s->code, s->length, &j->native);
    native_state_take(&j->ours, cpu);
    j->ours.vector = vector;
    const char *difference = native_state_difference(&j->ours, &j->native, FLAGS_ARITH | FLAG_DF);
    unsigned at = 0;
    if (!difference && memory_differs(j, &at))
        difference = "memory";
    return !difference || report(j, s, difference, at);
}

static void test_against_host(void)
{
    Judge *j = g_new0(Judge, 1);
    j->native_cpu = native_new();
    uint8_t *host = j->native_cpu ? native_map(j->native_cpu, TEST_HIGH, TEST_HIGH_SIZE) : NULL;
    if (!host || !native_has(FEATURE_AVX)) {
        g_test_skip("the host cannot run XSAVE with AVX state for us");
        native_free(j->native_cpu);
        g_free(j);
        return;
    }
    j->t = insn_bench_new("max");
    j->host = host + (AREA - TEST_HIGH);
    j->guest = (uint8_t *)j->t->high.host + (AREA - TEST_HIGH);
    j->random.state = SEED;
    insn_bench_enter(j->t, CODE_64);
    j->t->cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    j->t->cpu->xcr0 = XCR0_ALL;
    cpu_update_mode(j->t->cpu);
    for (unsigned i = 0; i < G_N_ELEMENTS(subjects); i++) {
        bool same = native_has(subjects[i].feature);
        for (unsigned n = 0; n < INSTANCES && same; n++)
            same = judge_instance(j, &subjects[i]);
    }
    insn_bench_free(j->t);
    native_free(j->native_cpu);
    g_free(j);
}

/* --- rules --------------------------------------------------------------------------------- */

/* [rsi] is AT_DATA, filled with 5A; all registers hold 1s, EDX:EAX asks for everything. */
static BareCpu *xsave_cpu(void (*enter)(BareCpu *t, unsigned cpl))
{
    BareCpu *t = bare_cpu();
    enter(t, 0);
    Cpu *cpu = t->cpu;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    cpu->xcr0 = XCR0_ALL;
    cpu->mxcsr = MXCSR_INITIAL;
    cpu_update_mode(cpu);
    cpu->gpr[RSI] = AT_DATA;
    cpu->gpr[RAX] = cpu->gpr[RDX] = UINT32_MAX;
    memset(cpu->vec, 0x11, sizeof(cpu->vec));
    memset((uint8_t *)t->ram.host + AT_DATA, 0x5a, AREA_SIZE);
    return t;
}

static uint64_t area_read(BareCpu *t, unsigned at, unsigned size)
{
    return bare_read(t, AT_DATA + at, size);
}

static void test_availability(void)
{
    BareCpu *t = xsave_cpu(bare_long);
    Cpu *cpu = t->cpu;
    cpu->cr0 |= CR0_EM; /* says nothing about XSAVE */
    cpu_update_mode(cpu);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x26));
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x0e), EXC_NM, 0); /* FXRSTOR */
    cpu->cr0 ^= CR0_EM | CR0_TS;
    cpu_update_mode(cpu);
    for (unsigned i = 0; i < G_N_ELEMENTS(subjects); i++)
        assert_raised(bare_execute(t, subjects[i].code, subjects[i].length), EXC_NM, 0);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xd0)); /* XGETBV with ECX = 0 */
    cpu->cr4 &= ~CR4_OSXSAVE;
    cpu_update_mode(cpu);
    for (unsigned i = 4; i < G_N_ELEMENTS(subjects); i++) /* before #NM */
        assert_raised(bare_execute(t, subjects[i].code, subjects[i].length), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xd0), EXC_UD, 0);
    bare_cpu_free(t);
}

/* What XCR0 does not enable is neither stored nor loaded nor told. */
static void test_xcr0_mask(void)
{
    BareCpu *t = xsave_cpu(bare_long);
    Cpu *cpu = t->cpu;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE;
    bare_write(t, AT_DATA + IMAGE_XSTATE_BV, XCR0_AVX, 8);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x26)); /* XSAVE; the bit of AVX stays */
    g_assert_cmphex(area_read(t, IMAGE_XSTATE_BV, 8) & ~XCR0_X87, ==, XCR0_SSE | XCR0_AVX);
    g_assert_cmphex(area_read(t, IMAGE_XMM, 8), ==, 0x1111111111111111);
    g_assert_cmphex(area_read(t, IMAGE_YMM, 8), ==, 0x5a5a5a5a5a5a5a5a);
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x26)); /* XSAVEC writes the whole of both words */
    g_assert_cmphex(area_read(t, IMAGE_XSTATE_BV, 8) & ~XCR0_X87, ==, XCR0_SSE);
    g_assert_cmphex(area_read(t, IMAGE_XCOMP_BV, 8), ==, XCOMP_COMPACT | XCR0_X87 | XCR0_SSE);
    memset((uint8_t *)t->ram.host + AT_DATA + IMAGE_XSTATE_BV, 0, 64);
    bare_write(t, AT_DATA + IMAGE_MXCSR, MXCSR_INITIAL, 4);
    bare_write(t, AT_DATA + IMAGE_XSTATE_BV, XCR0_AVX, 8);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x2e), EXC_GP, 0); /* XRSTOR */
    bare_write(t, AT_DATA + IMAGE_XSTATE_BV, 0, 8);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x2e));
    g_assert_cmphex(cpu->vec[0].u64[0], ==, 0);
    g_assert_cmphex(cpu->vec[0].u64[2], ==, 0x1111111111111111);
    bare_cpu_free(t);
}

/* A processor without XSAVEC takes the compacted form for a bad header. */
static void test_no_compaction(void)
{
    BareCpu *t = xsave_cpu(bare_long);
    memset((uint8_t *)t->ram.host + AT_DATA, 0, AREA_SIZE);
    bare_write(t, AT_DATA + IMAGE_XCOMP_BV, XCOMP_COMPACT | XCR0_ALL, 8);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x2e)); /* XRSTOR */
    g_assert_cmphex(t->cpu->mxcsr, ==, MXCSR_INITIAL);
    feature_set_off(&t->cpu->features, FEATURE_XSAVEC);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x2e), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x26), EXC_UD, 0); /* XSAVEC */
    bare_cpu_free(t);
}

static void test_xgetbv(void)
{
    BareCpu *t = xsave_cpu(bare_long);
    Cpu *cpu = t->cpu;
    x87_init(cpu);
    memset(cpu->fpu.reg, 0, sizeof(cpu->fpu.reg));
    for (unsigned i = 0; i < 16; i++)
        cpu->vec[i].u64[2] = cpu->vec[i].u64[3] = 0;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xd0));
    g_assert_cmphex(cpu->gpr[RAX], ==, XCR0_ALL);
    g_assert_cmphex(cpu->gpr[RDX], ==, 0);
    cpu->gpr[RCX] = 1;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xd0));
    g_assert_cmphex(cpu->gpr[RAX], ==, XCR0_SSE);
    cpu->vec[15].u8[31] = 1;
    cpu->fpu.valid = 1;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xd0));
    g_assert_cmphex(cpu->gpr[RAX], ==, XCR0_ALL);
    cpu->gpr[RCX] = 2;
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xd0), EXC_GP, 0);
    bare_cpu_free(t);
}

/* Outside 64-bit mode there are eight registers, and pointers have selectors. */
static void test_32_bit(void)
{
    BareCpu *t = xsave_cpu(bare_protected);
    Cpu *cpu = t->cpu;
    cpu->fpu.fip = 0x12345678;
    cpu->fpu.fcs = 0x1b;
    cpu->fpu.fdp = 0x87654321;
    cpu->fpu.fds = 0x23;
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x06)); /* FXSAVE [esi] */
    g_assert_cmphex(area_read(t, 8, 8), ==, 0x1b12345678);
    g_assert_cmphex(area_read(t, 16, 8), ==, 0x2387654321);
    g_assert_cmphex(area_read(t, IMAGE_XMM + 16 * 7, 8), ==, 0x1111111111111111);
    g_assert_cmphex(area_read(t, IMAGE_XMM + 16 * 8, 8), ==, 0x5a5a5a5a5a5a5a5a);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x26)); /* XSAVE */
    g_assert_cmphex(area_read(t, IMAGE_YMM + 16 * 7, 8), ==, 0x1111111111111111);
    g_assert_cmphex(area_read(t, IMAGE_YMM + 16 * 8, 8), ==, 0x5a5a5a5a5a5a5a5a);
    memset((uint8_t *)t->ram.host + AT_DATA + IMAGE_XSTATE_BV, 0, 64);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x2e)); /* XRSTOR: all initial */
    g_assert_cmphex(cpu->vec[7].u64[0] | cpu->vec[7].u64[3], ==, 0);
    g_assert_cmphex(cpu->vec[8].u64[0] & cpu->vec[8].u64[3], ==, 0x1111111111111111);
    bare_cpu_free(t);
}

/* A fault in the second page of an area: nothing is stored, nothing is loaded. */
static void test_page_fault(void)
{
    enum { END = 0x200000 }; /* of what bare_long maps */
    BareCpu *t = xsave_cpu(bare_long);
    t->cpu->gpr[RSI] = END - 576;
    memset((uint8_t *)t->ram.host + END - 576, 0, 576);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x26), EXC_PF, PF_WRITE); /* XSAVE */
    g_assert_cmphex(t->cpu->cr2, ==, END);
    g_assert_cmphex(bare_read(t, END - 576 + IMAGE_XMM, 8), ==, 0);
    bare_write(t, END - 576 + IMAGE_XSTATE_BV, XCR0_SSE | XCR0_AVX, 8);
    bare_write(t, END - 576 + IMAGE_MXCSR, MXCSR_INITIAL, 4);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x2e), EXC_PF, 0); /* XRSTOR */
    g_assert_cmphex(t->cpu->vec[0].u64[0], ==, 0x1111111111111111);
    t->cpu->gpr[RAX] = XCR0_X87 | XCR0_SSE;
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x26)); /* no AVX: the area ends there */
    bare_cpu_free(t);
}

/* DAZ and its bit in MXCSR_MASK came with SSE2. */
static void test_mxcsr_mask(void)
{
    BareCpu *t = xsave_cpu(bare_protected);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x06)); /* FXSAVE [esi] */
    g_assert_cmphex(area_read(t, IMAGE_MXCSR_MASK, 4), ==, 0xffff);
    feature_set_off(&t->cpu->features, FEATURE_SSE2);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x06));
    g_assert_cmphex(area_read(t, IMAGE_MXCSR_MASK, 4), ==, 0xffbf);
    bare_write(t, AT_DATA, 0x1fc0, 4);
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x16), EXC_GP, 0); /* LDMXCSR [esi] */
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xsave/against-host", test_against_host);
    g_test_add_func("/xsave/availability", test_availability);
    g_test_add_func("/xsave/xcr0-mask", test_xcr0_mask);
    g_test_add_func("/xsave/no-compaction", test_no_compaction);
    g_test_add_func("/xsave/xgetbv", test_xgetbv);
    g_test_add_func("/xsave/32-bit", test_32_bit);
    g_test_add_func("/xsave/page-fault", test_page_fault);
    g_test_add_func("/xsave/mxcsr-mask", test_mxcsr_mask);
    return g_test_run();
}
