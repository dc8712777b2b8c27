/* test_xsaves.c - XSAVES and XRSTORS, the components beside x87, SSE and AVX, and the compacted
 * format with components left out. [SDM1] "Managing State Using the XSAVE Feature Set". */
#include "cpu/xstate.h"
#include "tests/support/bare_cpu.h"

enum { XSTATE_BV = 512, XCOMP_BV = 520, EXTENDED = 576, AREA_SIZE = 1024, FILL = 0x5a };
#define BIT(n)     ((uint64_t)1 << (n))
#define XCR0_ALL   (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU)
#define XSS_ALL    (BIT(11) | BIT(12))
#define FILL_WORDS 0x5a5a5a5a5a5a5a5a

/* [rsi] is AT_DATA; EDX:EAX asks for everything; no component but x87 is initial. */
static BareCpu *xsaves_cpu(unsigned cpl)
{
    BareCpu *t = bare_cpu();
    bare_long(t, cpl);
    Cpu *cpu = t->cpu;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    cpu->xcr0 = XCR0_ALL;
    cpu->xss = XSS_ALL;
    cpu_update_mode(cpu);
    cpu->gpr[RSI] = AT_DATA;
    cpu->gpr[RAX] = cpu->gpr[RDX] = UINT32_MAX;
    memset(cpu->vec, 0x11, sizeof(cpu->vec));
    cpu->pkru = 0x12345678;
    cpu->u_cet = 1;
    for (unsigned i = 0; i < 4; i++)
        cpu->pl_ssp[i] = 0x1000 + i * 8;
    memset((uint8_t *)t->ram.host + AT_DATA, FILL, AREA_SIZE);
    return t;
}

static uint64_t area(BareCpu *t, unsigned at)
{
    return bare_read(t, AT_DATA + at, 8);
}

static void set_area(BareCpu *t, unsigned at, uint64_t v)
{
    bare_write(t, AT_DATA + at, v, 8);
}

/* One after the other: AVX, PKRU, CET_U, CET_S. */
static void test_layout(void)
{
    BareCpu *t = xsaves_cpu(0);
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x2e)); /* xsaves [rsi] */
    g_assert_cmphex(area(t, XSTATE_BV) | XCR0_X87, ==, XCR0_ALL | XSS_ALL);
    g_assert_cmphex(area(t, XCOMP_BV), ==, XCOMP_COMPACT | XCR0_ALL | XSS_ALL);
    g_assert_cmphex(area(t, EXTENDED), ==, 0x1111111111111111);
    g_assert_cmphex(area(t, 832), ==, 0x12345678);
    g_assert_cmphex(area(t, 840), ==, 1);
    g_assert_cmphex(area(t, 848), ==, 0x1018); /* PL3_SSP */
    g_assert_cmphex(area(t, 856), ==, 0x1000);
    g_assert_cmphex(area(t, 872), ==, 0x1010);
    g_assert_cmphex(area(t, 880), ==, FILL_WORDS);
    bare_cpu_free(t);

    /* Without AVX the others move down. */
    t = xsaves_cpu(0);
    t->cpu->gpr[RAX] = XSS_ALL | XCR0_PKRU;
    t->cpu->pl_ssp[0] = t->cpu->pl_ssp[1] = t->cpu->pl_ssp[2] = 0; /* CET_S is initial */
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x2e));
    g_assert_cmphex(area(t, XSTATE_BV), ==, XCR0_PKRU | BIT(11));
    g_assert_cmphex(area(t, XCOMP_BV), ==, XCOMP_COMPACT | XCR0_PKRU | XSS_ALL);
    g_assert_cmphex(area(t, 0), ==, FILL_WORDS);
    g_assert_cmphex(area(t, EXTENDED), ==, 0x12345678);
    g_assert_cmphex(area(t, EXTENDED + 8), ==, 1);
    g_assert_cmphex(area(t, EXTENDED + 16), ==, 0x1018);
    g_assert_cmphex(area(t, EXTENDED + 24), ==, FILL_WORDS); /* and not stored */
    bare_cpu_free(t);
}

/* What XSAVES stored XRSTORS brings back; what was initial becomes so. */
static void test_round_trip(void)
{
    BareCpu *t = xsaves_cpu(0);
    Cpu *cpu = t->cpu;
    cpu->u_cet = cpu->pl_ssp[3] = 0;
    memset((uint8_t *)t->ram.host + AT_DATA, 0,
           AREA_SIZE); /* the end of the header is not stored */
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x2e));
    cpu->pkru = 0;
    cpu->u_cet = 3;
    cpu->pl_ssp[3] = 0x2000;
    memset(cpu->pl_ssp, 0, 3 * sizeof(cpu->pl_ssp[0]));
    memset(cpu->vec, 0, sizeof(cpu->vec));
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x1e)); /* xrstors [rsi] */
    g_assert_cmphex(cpu->pkru, ==, 0x12345678);
    g_assert_cmphex(cpu->u_cet | cpu->pl_ssp[3], ==, 0);
    g_assert_cmphex(cpu->pl_ssp[0], ==, 0x1000);
    g_assert_cmphex(cpu->pl_ssp[2], ==, 0x1010);
    g_assert_cmphex(cpu->vec[15].u64[3], ==, 0x1111111111111111);
    bare_cpu_free(t);
}

typedef struct HeaderCase {
    const char *name;
    uint64_t xstate, xcomp;
    unsigned reserved; /* a byte of the header that is not zero, or 0 */
    bool good;
} HeaderCase;

/* clang-format off */
static const HeaderCase headers[] = {
    /* what                      XSTATE_BV   XCOMP_BV                           reserved */
    { "all of it",               XSS_ALL,    XCOMP_COMPACT | XCR0_ALL | XSS_ALL, 0,  true },
    { "nothing",                 0,          XCOMP_COMPACT,                      0,  true },
    { "standard format",         0,          0,                                  0,  false },
    { "not in XCR0 or XSS",      0,          XCOMP_COMPACT | BIT(8),             0,  false },
    { "saved, not in XCOMP_BV",  BIT(11),    XCOMP_COMPACT | BIT(12),            0,  false },
    { "reserved, first",         0,          XCOMP_COMPACT,                      16, false },
    { "reserved, last",          0,          XCOMP_COMPACT,                      63, false },
};
/* clang-format on */

static void test_header(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(headers); i++) {
        const HeaderCase *c = &headers[i];
        BareCpu *t = xsaves_cpu(0);
        memset((uint8_t *)t->ram.host + AT_DATA, 0, AREA_SIZE);
        set_area(t, XSTATE_BV, c->xstate);
        set_area(t, XCOMP_BV, c->xcomp);
        if (c->reserved)
            bare_write(t, AT_DATA + XSTATE_BV + c->reserved, 1, 1);
        g_test_message("%s", c->name);
        Raised r = EXECUTE(t, 0x0f, 0xc7, 0x1e);
        g_assert_cmpint(r.vector, ==, c->good ? -1 : EXC_GP);
        if (!c->good)
            g_assert_cmphex(t->cpu->vec[0].u64[0], ==, 0x1111111111111111);
        bare_cpu_free(t);
    }
}

/* XRSTOR takes no supervisor components, whatever IA32_XSS says. */
static void test_user_restore(void)
{
    BareCpu *t = xsaves_cpu(3);
    memset((uint8_t *)t->ram.host + AT_DATA, 0, AREA_SIZE);
    set_area(t, XCOMP_BV, XCOMP_COMPACT | XCR0_PKRU | BIT(11));
    assert_raised(EXECUTE(t, 0x0f, 0xae, 0x2e), EXC_GP, 0); /* xrstor [rsi] */
    set_area(t, XCOMP_BV, XCOMP_COMPACT | XCR0_PKRU);
    set_area(t, XSTATE_BV, XCR0_PKRU);
    set_area(t, EXTENDED, 0xffffffff87654321); /* the upper half is ignored */
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x2e));
    g_assert_cmphex(t->cpu->pkru, ==, 0x87654321);
    g_assert_cmphex(t->cpu->u_cet, ==, 1);
    bare_cpu_free(t);
}

/* In the standard format PKRU has its own place. */
static void test_standard_pkru(void)
{
    BareCpu *t = xsaves_cpu(3);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x26)); /* xsave [rsi] */
    g_assert_cmphex(area(t, 832), ==, 0x12345678);
    g_assert_cmphex(area(t, 840), ==, FILL_WORDS);
    t->cpu->pkru = 0;
    memset((uint8_t *)t->ram.host + AT_DATA + XSTATE_BV + 8, 0, 56);
    set_area(t, XSTATE_BV, XCR0_PKRU);
    t->cpu->gpr[RAX] = XCR0_PKRU;
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x2e)); /* xrstor [rsi] */
    g_assert_cmphex(t->cpu->pkru, ==, 0x12345678);
    bare_cpu_free(t);
}

/* What WRMSR would refuse XRSTORS refuses, before it changes anything. */
static void test_checked_values(void)
{
    static const struct {
        unsigned at;
        uint64_t value;
    } bad[] = {{840, 1 << 6}, {840, 3 << 10}, {848, 2}, {856, (uint64_t)1 << 60}, {872, 1}};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        BareCpu *t = xsaves_cpu(0);
        memset((uint8_t *)t->ram.host + AT_DATA, 0, AREA_SIZE);
        assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0x2e));
        set_area(t, bad[i].at, bad[i].value);
        t->cpu->pkru = 0;
        assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x1e), EXC_GP, 0);
        g_assert_cmphex(t->cpu->pkru, ==, 0);
        bare_cpu_free(t);
    }
}

static NOINLINE Raised write_xss(BareCpu *t, uint64_t value)
{
    return RAISED_BY(t, msr_write(t->cpu, MSR_XSS, value));
}

static void test_availability(void)
{
    BareCpu *t = xsaves_cpu(3);
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x2e), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x1e), EXC_GP, 0);
    bare_cpu_free(t);
    t = xsaves_cpu(0);
    t->cpu->gpr[RSI]++;
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x2e), EXC_GP, 0);
    t->cpu->cr0 |= CR0_TS;
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x1e), EXC_NM, 0);
    t->cpu->cr4 &= ~(uint64_t)CR4_OSXSAVE;
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x1e), EXC_UD, 0);
    assert_quiet(write_xss(t, XSS_ALL));
    assert_raised(write_xss(t, BIT(8)), EXC_GP, 0);
    feature_set_off(&t->cpu->features, FEATURE_CET_SS);
    feature_set_off(&t->cpu->features, FEATURE_CET_IBT);
    assert_raised(write_xss(t, BIT(11)), EXC_GP, 0);
    feature_set_off(&t->cpu->features, FEATURE_XSAVES);
    assert_raised(write_xss(t, 0), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0xc7, 0x1e), EXC_UD, 0);
    bare_cpu_free(t);
}

/* The sizes that CPUID tells are those of the areas. */
static void test_cpuid(void)
{
    enum { EAX, EBX, ECX, EDX };
    BareCpu *t = xsaves_cpu(0);
    uint32_t r[4];
    cpuid(t->cpu, 0xd, 1, r);
    g_assert_cmpuint(r[EBX], ==, 880);
    g_assert_cmphex(r[ECX], ==, XSS_ALL);
    t->cpu->xcr0 = XCR0_X87 | XCR0_SSE;
    cpuid(t->cpu, 0xd, 1, r);
    g_assert_cmpuint(r[EBX], ==, 576 + 16 + 24);
    cpuid(t->cpu, 0xd, 11, r);
    g_assert_cmpuint(r[EAX], ==, 16);
    g_assert_cmpuint(r[EBX], ==, 0);
    g_assert_cmphex(r[ECX], ==, 1); /* a supervisor component */
    cpuid(t->cpu, 0xd, 3, r);
    g_assert_cmphex(r[EAX] | r[EBX] | r[ECX], ==, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xsaves/layout", test_layout);
    g_test_add_func("/xsaves/round-trip", test_round_trip);
    g_test_add_func("/xsaves/header", test_header);
    g_test_add_func("/xsaves/user-restore", test_user_restore);
    g_test_add_func("/xsaves/standard-pkru", test_standard_pkru);
    g_test_add_func("/xsaves/checked-values", test_checked_values);
    g_test_add_func("/xsaves/availability", test_availability);
    g_test_add_func("/xsaves/cpuid", test_cpuid);
    return g_test_run();
}
