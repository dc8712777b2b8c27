/* test_system_registers.c - the rules of CR0, CR3, CR4, EFER and the MSRs. [SDM3] "Control
 * Registers", "IA-32e Mode Activation"; [SDM4]. */
#include "cpu/exec.h"
#include "tests/support/testcpu.h"

typedef struct Write {
    void (*fn)(Cpu *cpu, uint64_t value);
    uint64_t value;
    uint32_t msr;
} Write;

static void do_write(Cpu *cpu, void *opaque)
{
    const Write *w = opaque;
    if (w->fn)
        w->fn(cpu, w->value);
    else
        msr_write(cpu, w->msr, w->value);
}

static int write_cr(TestCpu *t, void (*fn)(Cpu *cpu, uint64_t value), uint64_t value)
{
    Write w = {fn, value, 0};
    return test_cpu_try(t, do_write, &w).vector;
}

static int write_msr(TestCpu *t, uint32_t msr, uint64_t value)
{
    Write w = {NULL, value, msr};
    return test_cpu_try(t, do_write, &w).vector;
}

static void do_read(Cpu *cpu, void *opaque)
{
    Write *w = opaque;
    w->value = msr_read(cpu, w->msr);
}

/* The value, or all ones for #GP. */
static uint64_t read_msr(TestCpu *t, uint32_t msr)
{
    Write w = {.msr = msr};
    return test_cpu_try(t, do_read, &w).vector == EXC_GP ? UINT64_MAX : w.value;
}

enum { OK = -1, GP = EXC_GP };

/* --- control registers --------------------------------------------------------------------- */

static void test_cr0(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PG), ==, GP);            /* PG without PE */
    g_assert_cmpint(write_cr(t, cr0_write, CR0_NW), ==, GP);            /* NW without CD */
    g_assert_cmpint(write_cr(t, cr0_write, (uint64_t)1 << 32), ==, GP); /* reserved */
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE | 1u << 28), ==, OK); /* ignored */
    g_assert_cmphex(t->cpu->cr0, ==, CR0_PE | CR0_ET);
    g_assert_cmpint(t->cpu->mode, ==, CPU_PROTECTED);
    test_cpu_free(t);
}

static void test_long_mode_activation(void)
{
    const uint32_t on = CR0_PE | CR0_PG | CR0_ET;
    TestCpu *t = test_cpu_new("max", MIB);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    g_assert_cmpint(write_msr(t, MSR_EFER, EFER_LME), ==, OK);
    g_assert_cmpint(write_cr(t, cr0_write, on), ==, GP); /* needs PAE */
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE), ==, OK);
    t->cpu->tr.access = AR_P | DESC_TSS16_BUSY;
    g_assert_cmpint(write_cr(t, cr0_write, on), ==, GP); /* 16-bit TSS */
    t->cpu->tr.access = AR_P | DESC_TSS_BUSY;
    t->cpu->seg[SEG_CS].access |= AR_L;
    g_assert_cmpint(write_cr(t, cr0_write, on), ==, GP); /* CS.L */
    t->cpu->seg[SEG_CS].access &= ~AR_L;
    g_assert_cmpint(write_cr(t, cr0_write, on), ==, OK);
    g_assert_cmphex(t->cpu->efer, ==, EFER_LME | EFER_LMA);
    g_assert_cmpint(t->cpu->mode, ==, CPU_COMPAT);

    g_assert_cmpint(write_msr(t, MSR_EFER, 0), ==, GP); /* LME with paging on */
    g_assert_cmpint(write_cr(t, cr4_write, 0), ==, GP); /* PAE in long mode */
    g_assert_cmpint(write_cr(t, cr3_write, (uint64_t)1 << 40), ==, GP);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE | CR4_PCIDE), ==, OK);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE), ==, GP); /* PCIDE */
    g_assert_cmpint(write_cr(t, cr3_write, (uint64_t)1 << 63 | 0x1005), ==, OK);
    g_assert_cmphex(t->cpu->cr3, ==, 0x1005);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE), ==, OK);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE | CR4_PCIDE), ==, GP); /* CR3[11:0] */

    t->cpu->seg[SEG_CS].access |= AR_L;
    cpu_update_mode(t->cpu);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE), ==, GP); /* in 64-bit mode */
    t->cpu->seg[SEG_CS].access &= ~AR_L;
    cpu_update_mode(t->cpu);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE), ==, OK);
    g_assert_cmphex(t->cpu->efer, ==, EFER_LME);
    test_cpu_free(t);
}

static void test_cr4(void)
{
    TestCpu *t = test_cpu_new("pentium", MIB);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE), ==, GP); /* no such feature */
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PSE | CR4_TSD), ==, OK);
    g_assert_cmpint(write_cr(t, cr4_write, 1u << 31), ==, GP);
    g_assert_cmphex(t->cpu->cr4, ==, CR4_PSE | CR4_TSD);
    test_cpu_free(t);
    t = test_cpu_new("max", MIB);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PCIDE), ==, GP); /* outside long mode */
    g_assert_cmpint(write_cr(t, cr4_write, CR4_CET), ==, GP);   /* without CR0.WP */
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE | CR0_WP), ==, OK);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_CET), ==, OK);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE), ==, GP); /* with CR4.CET */
    test_cpu_free(t);
    t = test_cpu_new("max,-la57,-pku,-shstk,-ibt", MIB);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE | CR0_WP), ==, OK);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_LA57), ==, GP);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PKE), ==, GP);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_CET), ==, GP);
    test_cpu_free(t);
}

/* The number of levels changes outside IA-32e mode only. */
static void test_la57(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    t->cpu->cr0 |= CR0_PE;
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE | CR4_LA57), ==, OK);
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE), ==, OK);
    test_cpu_flat(t, CPU_LONG, 0);
    t->cpu->cr0 |= CR0_PG;
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE | CR4_LA57), ==, GP);
    t->cpu->cr4 |= CR4_LA57;
    g_assert_cmpint(write_cr(t, cr4_write, CR4_PAE), ==, GP);
    test_cpu_free(t);
}

/* Turning on PAE paging reads the four page-directory pointers and refuses reserved bits. */
static void test_pae_pointers(void)
{
    TestCpu *t = test_cpu_new("qemu32", MIB);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    t->cpu->cr3 = 0x1000;
    t->cpu->cr4 = CR4_PAE;
    test_poke(t, 0x1018, 0x2007, 8); /* bits 1 and 2 are reserved */
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE | CR0_PG), ==, GP);
    test_poke(t, 0x1018, 0x2001, 8);
    g_assert_cmpint(write_cr(t, cr0_write, CR0_PE | CR0_PG), ==, OK);
    g_assert_cmphex(t->cpu->pdpte[3], ==, 0x2001);
    test_cpu_free(t);
}

static void test_efer(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    g_assert_cmpint(write_msr(t, MSR_EFER, EFER_SCE | EFER_NXE | EFER_LMA), ==, OK);
    g_assert_cmphex(read_msr(t, MSR_EFER), ==, EFER_SCE | EFER_NXE);
    g_assert_cmpint(write_msr(t, MSR_EFER, 2), ==, GP);
    test_cpu_free(t);
    t = test_cpu_new("pentium3", MIB);
    g_assert_cmphex(read_msr(t, MSR_EFER), ==, UINT64_MAX);
    g_assert_cmpint(write_msr(t, MSR_EFER, 0), ==, GP);
    test_cpu_free(t);
}

/* --- model-specific registers -------------------------------------------------------------- */

typedef struct MsrCase {
    uint32_t msr;
    uint64_t value;
    int vector;
} MsrCase;

static const MsrCase msr_cases[] = {
    {MSR_SYSENTER_CS, 0xffffffff, OK},
    {MSR_SYSENTER_CS, 0x100000000, GP},
    {MSR_SYSENTER_EIP, 0xffff800000000000, OK},
    {MSR_SYSENTER_EIP, 0x0000800000000000, OK}, /* with LA57 */
    {MSR_SYSENTER_EIP, 0x0100000000000000, GP},
    {MSR_LSTAR, 0x8000000000000000, GP},
    {MSR_FS_BASE, 0x00007fffffffffff, OK},
    {MSR_KERNEL_GS_BASE, 0xffffffffff600000, OK},
    {MSR_FMASK, 0x100000000, GP},
    {MSR_TSC_AUX, 0xffffffff, OK},
    {MSR_TSC_AUX, 0x100000000, GP},
    {MSR_PAT, 0x0007010600070106, OK},
    {MSR_PAT, 0x0000000000000002, GP},
    {MSR_PAT, 0x0300000000000000, GP},
    {MSR_MTRR_PHYSBASE0 + 4, 0x80000006, OK},
    {MSR_MTRR_PHYSBASE0 + 4, 0x80000002, GP},
    {MSR_MTRR_PHYSBASE0 + 5, 0xff80000800, OK},
    {MSR_MTRR_PHYSBASE0 + 5, 0x10080000800, GP}, /* above 40 bits */
    {MSR_MTRR_PHYSBASE0 + 5, 0x1, GP},
    {MSR_MTRR_FIX4K_C0000 + 7, 0x0606060606060606, OK},
    {MSR_MTRR_FIX4K_C0000 + 7, 0x0706060606060606, GP},
    {MSR_MTRR_DEF_TYPE, 0xc06, OK},
    {MSR_MTRR_DEF_TYPE, 0x1006, GP},
    {MSR_MCG_CTL, UINT64_MAX, OK},
    {MSR_MCG_CTL, 1, GP},
    {MSR_MC0_CTL, UINT64_MAX, OK},
    {MSR_MC0_CTL + 1, 0, OK},
    {MSR_MC0_CTL + 1, 1, GP},
    {MSR_MC0_CTL + 40, 0, GP},
    {MSR_U_CET, 0x00007ffffffff43f, OK},
    {MSR_U_CET, 1 << 6, GP},
    {MSR_U_CET, 3 << 10, GP}, /* suppressed and waiting */
    {MSR_U_CET, 0x0100000000000000, GP},
    {MSR_S_CET, 1 << 11, OK},
    {MSR_PL0_SSP, 0xffff8000000000f8, OK},
    {MSR_PL0_SSP + 3, 4, OK},
    {MSR_PL0_SSP + 3, 2, GP},
    {MSR_PL0_SSP + 1, 0x0100000000000000, GP},
    {MSR_INTERRUPT_SSP_TABLE, 0xfffff000, OK},
    {MSR_XSS, 0x1800, OK},
    {MSR_XSS, 0x100, GP},
    {MSR_MTRRCAP, 0, GP},
    {MSR_ARCH_CAPABILITIES, 0, GP},
    {MSR_SMBASE, 0x30000, GP},
    {0x12345678, 0, GP},
};

/* What may be written reads back; what may not leaves the register as it was. */
static void test_msrs(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    for (unsigned i = 0; i < G_N_ELEMENTS(msr_cases); i++) {
        const MsrCase *c = &msr_cases[i];
        uint64_t before = read_msr(t, c->msr);
        g_assert_cmpint(write_msr(t, c->msr, c->value), ==, c->vector);
        g_assert_cmphex(read_msr(t, c->msr), ==, c->vector == OK ? c->value : before);
    }
    g_assert_cmphex(t->cpu->seg[SEG_FS].base, ==, 0x00007fffffffffff);
    g_assert_cmphex(t->cpu->mtrr_fixed[10], ==, 0x0606060606060606);
    g_assert_cmphex(read_msr(t, MSR_MTRRCAP), ==, 0x508);
    g_assert_cmphex(read_msr(t, MSR_MCG_CAP), ==, 0x10a);
    g_assert_cmphex(read_msr(t, MSR_SMBASE), ==, UINT64_MAX); /* outside SMM */
    test_cpu_free(t);
}

static void test_msr_features(void)
{
    TestCpu *t = test_cpu_new("pentium", MIB);
    g_assert_cmphex(read_msr(t, MSR_PAT), ==, UINT64_MAX);
    g_assert_cmphex(read_msr(t, MSR_FS_BASE), ==, UINT64_MAX);
    g_assert_cmphex(read_msr(t, MSR_SYSENTER_CS), ==, UINT64_MAX);
    test_cpu_free(t);
}

static void test_tsc(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    clock_advance(t->board->clock, 1000);
    g_assert_cmpint(write_msr(t, MSR_TSC, 5000), ==, OK);
    clock_advance(t->board->clock, 10);
    g_assert_cmpuint(read_msr(t, MSR_TSC), ==, 5010);
    uint64_t adjust = read_msr(t, MSR_TSC_ADJUST);
    g_assert_cmpint(write_msr(t, MSR_TSC_ADJUST, adjust - 5000), ==, OK);
    g_assert_cmpuint(read_msr(t, MSR_TSC), ==, 10);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/cr0", test_cr0);
    g_test_add_func("/control/long-mode-activation", test_long_mode_activation);
    g_test_add_func("/control/cr4", test_cr4);
    g_test_add_func("/control/la57", test_la57);
    g_test_add_func("/control/pae-pointers", test_pae_pointers);
    g_test_add_func("/control/efer", test_efer);
    g_test_add_func("/msr/values", test_msrs);
    g_test_add_func("/msr/features", test_msr_features);
    g_test_add_func("/msr/tsc", test_tsc);
    return g_test_run();
}
