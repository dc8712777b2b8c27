/* test_hints.c - cache hints, direct stores and SERIALIZE, and what the same bytes mean to
 * processors that are older. [SDM2] by their names. */
#include "tests/support/bare_cpu.h"

static BareCpu *long_cpu(unsigned cpl)
{
    BareCpu *t = bare_cpu();
    bare_long(t, cpl);
    t->cpu->gpr[RBX] = AT_DATA + 4;
    return t;
}

static void test_direct_store(void)
{
    BareCpu *t = long_cpu(3);
    t->cpu->gpr[RCX] = 0x1122334455667788;
    bare_write(t, AT_DATA + 4, UINT64_MAX, 8);
    assert_quiet(EXECUTE(t, 0x0f, 0x38, 0xf9, 0x0b)); /* movdiri [rbx], ecx */
    g_assert_cmphex(bare_read(t, AT_DATA + 4, 8), ==, 0xffffffff55667788);
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x38, 0xf9, 0x0b)); /* rcx */
    g_assert_cmphex(bare_read(t, AT_DATA + 4, 8), ==, 0x1122334455667788);
    feature_set_off(&t->cpu->features, FEATURE_MOVDIRI);
    assert_raised(EXECUTE(t, 0x0f, 0x38, 0xf9, 0x0b), EXC_UD, 0);
    bare_cpu_free(t);
}

/* 64 bytes from anywhere to an aligned line. */
static void test_direct_line(void)
{
    enum { LINE = 64, END = 0x200000 /* of what bare_long maps */ };
    BareCpu *t = long_cpu(3);
    Cpu *cpu = t->cpu;
    for (unsigned i = 0; i < LINE; i++)
        bare_write(t, AT_DATA + 4 + i, i + 1, 1);
    cpu->gpr[RCX] = AT_DATA + 0x1000;
    assert_quiet(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf8, 0x0b)); /* movdir64b rcx, [rbx] */
    for (unsigned i = 0; i < LINE; i++)
        g_assert_cmphex(bare_read(t, AT_DATA + 0x1000 + i, 1), ==, i + 1);
    g_assert_cmphex(bare_read(t, AT_DATA + 0x1000 + LINE, 1), ==, 0);
    cpu->gpr[RCX] = AT_DATA + 0x1008;
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf8, 0x0b), EXC_GP, 0);
    cpu->gpr[RCX] = END;
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf8, 0x0b), EXC_PF, PF_WRITE | PF_USER);
    cpu->gpr[RCX] = ((uint64_t)1 << 32) + AT_DATA + 0x2000;
    assert_quiet(EXECUTE(t, 0x67, 0x66, 0x0f, 0x38, 0xf8, 0x0b)); /* ecx, [ebx] */
    g_assert_cmphex(bare_read(t, AT_DATA + 0x2000, 1), ==, 1);
    feature_set_off(&cpu->features, FEATURE_MOVDIR64B);
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf8, 0x0b), EXC_UD, 0);
    bare_cpu_free(t);

    /* The destination is in ES, whatever the override. */
    t = bare_cpu();
    bare_protected(t, 3);
    t->cpu->gpr[RBX] = AT_DATA;
    t->cpu->gpr[RCX] = 0x40;
    t->cpu->seg[SEG_ES].base = AT_DATA + 0x1000;
    bare_write(t, AT_DATA + 8, 0x5a, 1);
    assert_quiet(EXECUTE(t, 0x3e, 0x66, 0x0f, 0x38, 0xf8, 0x0b)); /* movdir64b ecx, ds:[ebx] */
    g_assert_cmphex(bare_read(t, AT_DATA + 0x1048, 1), ==, 0x5a);
    bare_cpu_free(t);
}

static void test_serialize(void)
{
    BareCpu *t = long_cpu(3);
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xe8));
    feature_set_off(&t->cpu->features, FEATURE_SERIALIZE);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xe8), EXC_UD, 0);
    bare_cpu_free(t);
}

/* WBNOINVD is WBINVD where it is not known: privileged in any case. */
static void test_write_back(void)
{
    BareCpu *t = long_cpu(3);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x09), EXC_GP, 0);
    feature_set_off(&t->cpu->features, FEATURE_WBNOINVD);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x09), EXC_GP, 0);
    bare_long(t, 0);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x09));
    feature_set_on(&t->cpu->features, FEATURE_WBNOINVD);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x09));
    bare_cpu_free(t);
}

/* A hint never faults, and processors that do not know it take it for a NOP, since there are NOPs
 * with an operand. */
static void test_demote(void)
{
    BareCpu *t = long_cpu(3);
    t->cpu->gpr[RBX] = 0x800000000000;
    assert_quiet(EXECUTE(t, 0x0f, 0x1c, 0x03)); /* cldemote [rbx] */
    feature_set_off(&t->cpu->features, FEATURE_CLDEMOTE);
    assert_quiet(EXECUTE(t, 0x0f, 0x1c, 0x03));
    feature_set_off(&t->cpu->features, FEATURE_CMOV);
    assert_raised(EXECUTE(t, 0x0f, 0x1c, 0x03), EXC_UD, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hints/direct-store", test_direct_store);
    g_test_add_func("/hints/direct-line", test_direct_line);
    g_test_add_func("/hints/serialize", test_serialize);
    g_test_add_func("/hints/write-back", test_write_back);
    g_test_add_func("/hints/demote", test_demote);
    return g_test_run();
}
