/* test_init.c - what INIT changes and what it leaves alone. [SDM3] "Processor State After Reset".
 */
#include "tests/support/testcpu.h"

enum { RAM = 1 << 16 };
static const uint64_t XSS = 1 << 11; /* CET, of user mode */

static TestCpu *busy_cpu(void)
{
    TestCpu *t = test_cpu_new("max", RAM);
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_LONG, 0);
    cpu->gpr[RCX] = 0x1234;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu->xss = XSS;
    cpu->pkru = 0x55555554;
    cpu->pat = 0x0606060606060606;
    cpu->mxcsr = 0x1fc0;
    cpu->fpu.cw = 0x27f;
    cpu->vec[15].u64[3] = 0x123456789abcdef0;
    cpu->u_cet = 1;
    return t;
}

/* MSRs, extended control registers, the FPU's and the vectors' state. */
static void test_kept(void)
{
    TestCpu *t = busy_cpu();
    Cpu *cpu = t->cpu;
    cpu_reset(cpu, CPU_INIT);
    g_assert_cmphex(cpu->xcr0, ==, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    g_assert_cmphex(cpu->xss, ==, XSS);
    g_assert_cmphex(cpu->pkru, ==, 0x55555554);
    g_assert_cmphex(cpu->pat, ==, 0x0606060606060606);
    g_assert_cmphex(cpu->mxcsr, ==, 0x1fc0);
    g_assert_cmphex(cpu->fpu.cw, ==, 0x27f);
    g_assert_cmphex(cpu->vec[15].u64[3], ==, 0x123456789abcdef0);
    test_cpu_free(t);
}

static void test_changed(void)
{
    TestCpu *t = busy_cpu();
    Cpu *cpu = t->cpu;
    cpu->cr0 |= CR0_CD | CR0_NW;
    cpu_reset(cpu, CPU_INIT);
    g_assert_cmphex(cpu->cr0, ==, CR0_ET | CR0_CD | CR0_NW); /* the two as they were */
    g_assert_cmphex(cpu->cr3 | cpu->cr4 | cpu->efer | cpu->gpr[RCX], ==, 0);
    g_assert_cmphex(cpu->u_cet, ==, 0);
    g_assert_cmphex(cpu->rip, ==, 0xfff0);
    g_assert_cmphex(cpu->seg[SEG_CS].base, ==, 0xffff0000);
    g_assert_cmphex(cpu->dr[6], ==, 0xffff0ff0);
    g_assert_cmphex(cpu->dr[7], ==, 0x400);
    test_cpu_free(t);
}

/* Power-on: everything. */
static void test_power_on(void)
{
    TestCpu *t = busy_cpu();
    Cpu *cpu = t->cpu;
    cpu_reset(cpu, CPU_POWER_ON);
    g_assert_cmphex(cpu->xcr0, ==, XCR0_X87);
    g_assert_cmphex(cpu->xss | cpu->pkru | cpu->vec[15].u64[3], ==, 0);
    g_assert_cmphex(cpu->mxcsr, ==, 0x1f80);
    g_assert_cmphex(cpu->fpu.cw, ==, 0x40);
    g_assert_cmphex(cpu->cr0, ==, CR0_ET | CR0_CD | CR0_NW);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/init/kept", test_kept);
    g_test_add_func("/init/changed", test_changed);
    g_test_add_func("/init/power_on", test_power_on);
    return g_test_run();
}
