/* test_system.c - the instructions of the system, one case or more for each: ports, descriptor
 * table registers, machine status, model-specific registers, counters, identification, bases,
 * caches. [SDM2] by their names. What privilege they ask for is in test_privilege.c too. */
#include "cpu/exec.h"
#include "tests/support/bare_cpu.h"
#include "tests/support/insn_bench.h"

static void set(BareCpu *t, unsigned reg, uint64_t v)
{
    t->cpu->gpr[reg] = v;
}

/* --- ports, flags and segment registers, as tables ------------------------------------------- */

enum { PORT_VALUE = 0x876543a5 };

/* clang-format off */
static const InsnCase input[] = {
    { "in al, 40h",  CODE(0xe4, 0x40), .in = { R(RAX, 0x1100) }, .out = { R(RAX, 0x11a5) } },
    { "in eax, 40h", CODE(0xe5, 0x40), .out = { R(RAX, PORT_VALUE) } },
    { "in al, dx",   CODE(0xec), .in = { R(RDX, 0x60) }, .out = { R(RAX, 0xa5) } },
    { "in eax, dx",  CODE(0xed), .in = { R(RDX, 0x60) }, .out = { R(RAX, PORT_VALUE) } },
    { "insb",        CODE(0x6c), .in = { R(RDX, 0x60), R(RDI, TEST_DATA) },
      .out = { R(RDI, TEST_DATA + 1), M(TEST_DATA, 1, 0xa5) } },
    { "rep insd",    CODE(0xf3, 0x6d), .in = { R(RDX, 0x60), R(RDI, TEST_DATA), R(RCX, 2) },
      .out = { R(RDI, TEST_DATA + 8), R(RCX, 0), M(TEST_DATA, 8, 0x876543a5876543a5) } },
};

static const InsnCase output[] = {
    { "out 40h, eax", CODE(0xe7, 0x40), .in = { R(RAX, 0x01020304) } },
    { "out dx, al",   CODE(0xee), .in = { R(RAX, 0x01020307), R(RDX, 0x51) } },
    { "outsd",        CODE(0x6f), .in = { R(RSI, TEST_DATA), R(RDX, 0x62), M(TEST_DATA, 4, 0x44332211) },
      .out = { R(RSI, TEST_DATA + 4) } },
    { "outsb",        CODE(0x6e), .in = { R(RSI, TEST_DATA), R(RDX, 0x63), M(TEST_DATA, 1, 0x99) },
      .out = { R(RSI, TEST_DATA + 1) } },
};
static const struct { uint16_t port; uint32_t value; } written[] = {
    { 0x40, 0x01020304 }, { 0x51, 0x07 }, { 0x62, 0x44332211 }, { 0x63, 0x99 },
};
static_assert(G_N_ELEMENTS(written) == G_N_ELEMENTS(output), "a port write for each case");

static const InsnCase interrupt_flag[] = {
    { "cli", CODE(0xfa), .in = { FL(FLAG_IF | CF) }, .out = { FL(CF) } },
    { "sti", CODE(0xfb), .in = { FL(ZF) }, .out = { FL(FLAG_IF | ZF) } },
};

/* The selector loaded is read back into AX. */
static const InsnCase real_segments[] = {
    { "push ds", CODE(0x1e), .out = { R(RSP, 0xeffe), M(0x2effe, 2, TEST_DATA >> 4) } },
    { "push es", CODE(0x06), .out = { R(RSP, 0xeffe), M(0x2effe, 2, TEST_DATA >> 4) } },
    { "push gs", CODE(0x0f, 0xa8), .out = { R(RSP, 0xeffe), M(0x2effe, 2, TEST_DATA >> 4) } },
    { "pop es",  CODE(0x07, 0x8c, 0xc0), .in = { M(0x2f000, 2, 0x1234) },
      .out = { R(RSP, 0xf002), R(RAX, 0x1234) } },
    { "pop ds",  CODE(0x1f, 0x8c, 0xd8), .in = { M(0x2f000, 2, 0x1234) },
      .out = { R(RSP, 0xf002), R(RAX, 0x1234) } },
    { "les cx, [bx]", CODE(0xc4, 0x0f, 0x8c, 0xc0), .in = { M(TEST_DATA, 4, 0x12345678) },
      .out = { R(RCX, 0x5678), R(RAX, 0x1234) } },
    { "lds cx, [bx]", CODE(0xc5, 0x0f, 0x8c, 0xd8), .in = { M(TEST_DATA, 4, 0x12345678) },
      .out = { R(RCX, 0x5678), R(RAX, 0x1234) } },
    { "pop fs",  CODE(0x0f, 0xa1, 0x8c, 0xe0), .in = { M(0x2f000, 2, 0x1234) },
      .out = { R(RSP, 0xf002), R(RAX, 0x1234) } },
    { "pop gs",  CODE(0x0f, 0xa9, 0x8c, 0xe8), .in = { M(0x2f000, 2, 0x1234) },
      .out = { R(RSP, 0xf002), R(RAX, 0x1234) } },
};
/* clang-format on */

static void test_tables(void)
{
    InsnBench *t = insn_bench_new("max");
    t->port_value = PORT_VALUE;
    insn_bench_check(t, CODE_32, input, G_N_ELEMENTS(input));
    for (unsigned i = 0; i < G_N_ELEMENTS(output); i++) {
        insn_bench_check(t, CODE_32, &output[i], 1);
        g_assert_cmphex(t->port_value, ==, written[i].value);
        g_assert_cmphex(t->port_last, ==, written[i].port);
    }
    insn_bench_check(t, CODE_32, interrupt_flag, G_N_ELEMENTS(interrupt_flag));
    insn_bench_check(t, CODE_16, real_segments, G_N_ELEMENTS(real_segments));
    insn_bench_free(t);
}

/* --- descriptor table registers, machine status ---------------------------------------------- */

static void test_descriptor_tables(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    set(t, RBX, AT_DATA);
    t->cpu->gdtr = (DescriptorTable){0x12345678, 0xabcd};
    t->cpu->idtr = (DescriptorTable){0x9abcdef0, 0x07ff};
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0x03)); /* sgdt [ebx] */
    g_assert_cmphex(bare_read(t, AT_DATA, 2), ==, 0xabcd);
    g_assert_cmphex(bare_read(t, AT_DATA + 2, 4), ==, 0x12345678);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0x0b)); /* sidt [ebx] */
    g_assert_cmphex(bare_read(t, AT_DATA, 2), ==, 0x07ff);
    g_assert_cmphex(bare_read(t, AT_DATA + 2, 4), ==, 0x9abcdef0);
    bare_write(t, AT_DATA, 0x0000abcdef010123, 8);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0x1b)); /* lidt [ebx] */
    g_assert_cmphex(t->cpu->idtr.base, ==, 0xabcdef01);
    g_assert_cmphex(t->cpu->idtr.limit, ==, 0x0123);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0x13)); /* lgdt [ebx] */
    g_assert_cmphex(t->cpu->gdtr.base, ==, 0xabcdef01);
    g_assert_cmphex(t->cpu->gdtr.limit, ==, 0x0123);
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x01, 0x13)); /* 16 bits: a base of 24 */
    g_assert_cmphex(t->cpu->gdtr.base, ==, 0x00cdef01);
    bare_cpu_free(t);
}

/* LMSW sets PE and cannot clear it; MP, EM and TS it sets and clears. */
static void test_machine_status(void)
{
    BareCpu *t = bare_cpu();
    set(t, RAX, CR0_PE | CR0_MP | CR0_TS);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xf0)); /* lmsw ax */
    g_assert_cmphex(t->cpu->cr0 & 0xf, ==, CR0_PE | CR0_MP | CR0_TS);
    assert_quiet(EXECUTE(t, 0x0f, 0x06)); /* clts */
    g_assert_cmphex(t->cpu->cr0 & 0xf, ==, CR0_PE | CR0_MP);
    set(t, RAX, 0);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xf0));
    g_assert_cmphex(t->cpu->cr0 & 0xf, ==, CR0_PE);
    bare_cpu_free(t);
}

static void test_control_and_debug(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    set(t, RAX, 0xabcde018);
    assert_quiet(EXECUTE(t, 0x0f, 0x22, 0xd8)); /* mov cr3, eax */
    g_assert_cmphex(t->cpu->cr3, ==, 0xabcde018);
    assert_quiet(EXECUTE(t, 0x0f, 0x20, 0xdb)); /* mov ebx, cr3 */
    g_assert_cmphex(t->cpu->gpr[RBX], ==, 0xabcde018);
    set(t, RAX, CR0_PG | CR0_ET); /* paging without protection */
    assert_raised(EXECUTE(t, 0x0f, 0x22, 0xc0), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x20, 0xc8), EXC_UD, 0); /* there is no CR1 */
    set(t, RAX, 0x12345678);
    assert_quiet(EXECUTE(t, 0x0f, 0x23, 0xd8)); /* mov dr3, eax */
    g_assert_cmphex(t->cpu->dr[3], ==, 0x12345678);
    assert_quiet(EXECUTE(t, 0x0f, 0x21, 0xd9)); /* mov ecx, dr3 */
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0x12345678);
    bare_protected(t, 3);
    assert_raised(EXECUTE(t, 0x0f, 0x22, 0xd8), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x23, 0xd8), EXC_GP, 0);
    bare_cpu_free(t);
}

/* --- MSRs and counters ----------------------------------------------------------------------- */

static uint64_t pair(const BareCpu *t)
{
    return t->cpu->gpr[RDX] << 32 | (uint32_t)t->cpu->gpr[RAX];
}

static void test_msrs(void)
{
    enum { SYSENTER_EIP = 0x176, NO_SUCH = 0x12345 };
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    set(t, RCX, SYSENTER_EIP);
    set(t, RDX, 0x00007fff);
    set(t, RAX, 0x89abcdef);
    assert_quiet(EXECUTE(t, 0x0f, 0x30)); /* wrmsr */
    g_assert_cmphex(t->cpu->sysenter_eip, ==, 0x00007fff89abcdef);
    set(t, RDX, UINT64_MAX);
    set(t, RAX, UINT64_MAX);
    assert_quiet(EXECUTE(t, 0x0f, 0x32)); /* rdmsr */
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x89abcdef);
    g_assert_cmphex(t->cpu->gpr[RDX], ==, 0x00007fff);
    set(t, RDX, 0x80000000); /* not canonical */
    assert_raised(EXECUTE(t, 0x0f, 0x30), EXC_GP, 0);
    set(t, RCX, NO_SUCH);
    assert_raised(EXECUTE(t, 0x0f, 0x32), EXC_GP, 0);
    bare_cpu_free(t);
}

static void test_counters(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->tsc_adjust = 0x123456789a;
    t->cpu->tsc_aux = 0x55;
    assert_quiet(EXECUTE(t, 0x0f, 0x31)); /* rdtsc */
    g_assert_cmphex(pair(t), ==, cpu_tsc(t->cpu));
    g_assert_cmphex(pair(t), >=, 0x123456789a);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xf9)); /* rdtscp */
    g_assert_cmphex(pair(t), ==, cpu_tsc(t->cpu));
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0x55);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0xc7, 0xfe)); /* rdpid rsi */
    g_assert_cmphex(t->cpu->gpr[RSI], ==, 0x55);
    set(t, RCX, 0);
    assert_quiet(EXECUTE(t, 0x0f, 0x33)); /* rdpmc */
    set(t, RCX, 0x1000);
    assert_raised(EXECUTE(t, 0x0f, 0x33), EXC_GP, 0);
    bare_long(t, 3);
    t->cpu->cr4 |= CR4_TSD;
    assert_raised(EXECUTE(t, 0x0f, 0x31), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xf9), EXC_GP, 0);
    set(t, RCX, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x33), EXC_GP, 0); /* without CR4.PCE */
    bare_cpu_free(t);
}

/* --- what the processor is, random numbers --------------------------------------------------- */

static void test_cpuid(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    set(t, RAX, UINT64_C(0xffffffff00000000));
    assert_quiet(EXECUTE(t, 0x0f, 0xa2)); /* cpuid */
    g_assert_cmphex(t->cpu->gpr[RBX], ==, 0x756e6547);
    g_assert_cmphex(t->cpu->gpr[RDX], ==, 0x49656e69);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0x6c65746e);
    bare_cpu_free(t);
}

/* CF says that there was a number; the other flags are cleared. */
static void test_random(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    eflags_set(t->cpu, FLAGS_ARITH);
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0xc7, 0xf0)); /* rdrand rax */
    g_assert_cmphex(eflags_get(t->cpu) & FLAGS_ARITH, ==, FLAG_CF);
    eflags_set(t->cpu, FLAGS_ARITH);
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0xc7, 0xfb)); /* rdseed rbx */
    g_assert_cmphex(eflags_get(t->cpu) & FLAGS_ARITH, ==, FLAG_CF);
    g_assert_cmphex(t->cpu->gpr[RAX], !=, t->cpu->gpr[RBX]);
    set(t, RCX, UINT64_MAX);
    assert_quiet(EXECUTE(t, 0x0f, 0xc7, 0xf1)); /* rdrand ecx */
    g_assert_cmphex(t->cpu->gpr[RCX] >> 32, ==, 0);
    bare_cpu_free(t);
}

/* --- state and bases ------------------------------------------------------------------------- */

static void test_extended_state(void)
{
    enum { XMM0_AT = 160, XSTATE_BV_AT = 512 };
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    set(t, RCX, 0);
    set(t, RDX, 0);
    set(t, RAX, XCR0_X87 | XCR0_SSE);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xd1), EXC_UD, 0); /* xsetbv without CR4.OSXSAVE */
    t->cpu->cr4 |= CR4_OSXSAVE | CR4_OSFXSR;
    cpu_update_mode(t->cpu);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xd1));
    g_assert_cmphex(t->cpu->xcr0, ==, XCR0_X87 | XCR0_SSE);
    t->cpu->vec[0].u64[0] = 0x1122334455667788;
    set(t, RAX, XCR0_SSE);
    set(t, RBX, AT_DATA);
    assert_quiet(EXECUTE(t, 0x0f, 0xae, 0x33)); /* xsaveopt [rbx] */
    g_assert_cmphex(bare_read(t, AT_DATA + XMM0_AT, 8), ==, 0x1122334455667788);
    g_assert_cmphex(bare_read(t, AT_DATA + XSTATE_BV_AT, 8), ==, XCR0_SSE);
    set(t, RAX, XCR0_SSE); /* the x87 bit must be set */
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xd1), EXC_GP, 0);
    bare_cpu_free(t);
}

static void test_bases(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    assert_raised(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xc8), EXC_UD, 0); /* rdgsbase rax */
    t->cpu->cr4 |= CR4_FSGSBASE;
    set(t, RAX, 0x123456789abc);
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xd0)); /* wrfsbase rax */
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0xae, 0xd8));       /* wrgsbase eax */
    g_assert_cmphex(t->cpu->seg[SEG_FS].base, ==, 0x123456789abc);
    g_assert_cmphex(t->cpu->seg[SEG_GS].base, ==, 0x56789abc);
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xcb)); /* rdgsbase rbx */
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xc1)); /* rdfsbase rcx */
    g_assert_cmphex(t->cpu->gpr[RBX], ==, 0x56789abc);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0x123456789abc);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xf8), EXC_GP, 0); /* swapgs in user mode */
    t->cpu->cpl = 0;
    cpu_update_mode(t->cpu);
    t->cpu->kernel_gs_base = 0xffff800000000000;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xf8));
    g_assert_cmphex(t->cpu->seg[SEG_GS].base, ==, 0xffff800000000000);
    g_assert_cmphex(t->cpu->kernel_gs_base, ==, 0x56789abc);
    set(t, RAX, 0x8000000000000000);
    assert_raised(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xd8), EXC_GP, 0); /* not canonical */
    bare_cpu_free(t);
}

/* --- caches, translations, waiting ----------------------------------------------------------- */

static void test_caches(void)
{
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        BareCpu *t = bare_cpu();
        int expected = cpl ? EXC_GP : -1;
        bare_long(t, cpl);
        set(t, RBX, AT_DATA);
        assert_raised(EXECUTE(t, 0x0f, 0x08), expected, 0);       /* invd */
        assert_raised(EXECUTE(t, 0x0f, 0x09), expected, 0);       /* wbinvd */
        assert_raised(EXECUTE(t, 0x0f, 0x01, 0x3b), expected, 0); /* invlpg [rbx] */
        bare_cpu_free(t);
    }
}

/* Type in the register; PCID and linear address in memory. */
static void test_invpcid(void)
{
    enum { ONE_ADDRESS, ONE_PCID, ALL, ALL_BUT_GLOBAL, NO_SUCH };
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    set(t, RBX, AT_DATA);
    bare_write(t, AT_DATA, 0, 8);
    bare_write(t, AT_DATA + 8, 0x1234000, 8);
    for (unsigned type = ONE_ADDRESS; type < NO_SUCH; type++) {
        set(t, RAX, type);
        assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x38, 0x82, 0x03)); /* invpcid rax, [rbx] */
    }
    set(t, RAX, NO_SUCH);
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0x82, 0x03), EXC_GP, 0);
    set(t, RAX, ONE_PCID);
    bare_write(t, AT_DATA, 1, 8); /* without CR4.PCIDE there is PCID 0 only */
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0x82, 0x03), EXC_GP, 0);
    bare_cpu_free(t);
}

static void test_waiting(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    set(t, RAX, AT_DATA);
    set(t, RCX, 1); /* MONITOR knows no extensions */
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xc8), EXC_GP, 0);
    set(t, RCX, 0);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xc8)); /* monitor */
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xc9)); /* mwait */
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    bare_long(t, 3);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xc8), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xc9), EXC_UD, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/system/tables", test_tables);
    g_test_add_func("/system/descriptor-tables", test_descriptor_tables);
    g_test_add_func("/system/machine-status", test_machine_status);
    g_test_add_func("/system/control-and-debug", test_control_and_debug);
    g_test_add_func("/system/msrs", test_msrs);
    g_test_add_func("/system/counters", test_counters);
    g_test_add_func("/system/cpuid", test_cpuid);
    g_test_add_func("/system/random", test_random);
    g_test_add_func("/system/extended-state", test_extended_state);
    g_test_add_func("/system/bases", test_bases);
    g_test_add_func("/system/caches", test_caches);
    g_test_add_func("/system/invpcid", test_invpcid);
    g_test_add_func("/system/waiting", test_waiting);
    return g_test_run();
}
