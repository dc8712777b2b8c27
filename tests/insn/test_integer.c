/* test_integer.c - single integer instructions against values worked out from [SDM2]: the forms and
 * modes that the host-CPU judge (test_native_int.c) does not reach, and a row or two of the others
 * so that there is something on hosts that cannot judge. */
#include "tests/support/insn_bench.h"

/* clang-format off */
static const InsnCase any_mode[] = {
    { "add al, 1 to 0",    CODE(0x80, 0xc0, 0xff), .in = { R(RAX, 1) },
      .out = { R(RAX, 0), FL(CF | PF | AF | ZF) } },
    { "adc al, 7f + CF",   CODE(0x14, 0x7f), .in = { FL(CF) },
      .out = { R(RAX, 0x80), FL(OF | SF | AF) } },
    { "cmp al, 1",         CODE(0x3c, 1), .in = { R(RAX, 0) },
      .out = { FL(CF | PF | AF | SF) } },
    { "inc keeps CF",      CODE(0xfe, 0xc0), .in = { R(RAX, 0x7f), FL(CF) },
      .out = { R(RAX, 0x80), FL(CF | OF | SF | AF) } },
    { "neg 80",            CODE(0xf6, 0xd8), .in = { R(RAX, 0x80) },
      .out = { R(RAX, 0x80), FL(CF | OF | SF) } },
    { "shl by 0",          CODE(0xc0, 0xe0, 0x20), .in = { R(RAX, 0x81), FL(CF | OF | ZF) },
      .out = { R(RAX, 0x81) } },
    { "shl al, 9",         CODE(0xc0, 0xe0, 9), .in = { R(RAX, 0xff) },
      .out = { R(RAX, 0), FL_UNDEF(PF | ZF, CF | OF | AF) } },
    { "rcl al, 9 is none", CODE(0xc0, 0xd0, 9), .in = { R(RAX, 0x5a), FL(CF) },
      .out = { R(RAX, 0x5a), FL_UNDEF(CF, OF) } },
    { "div by zero",       CODE(0xf6, 0xf3), .in = { R(RAX, 5) }, .out = { RAISES(EXC_DE) } },
    { "div overflow",      CODE(0xf6, 0xf3), .in = { R(RAX, 0x200), R(RBX, 2) },
      .out = { RAISES(EXC_DE) } },
    { "idiv -128 / -1",    CODE(0xf6, 0xfb), .in = { R(RAX, 0xff80), R(RBX, 0xff) },
      .out = { RAISES(EXC_DE) } },
    { "idiv -128 / 1",     CODE(0xf6, 0xfb), .in = { R(RAX, 0xff80), R(RBX, 1) },
      .out = { R(RAX, 0x80), FL_UNDEF(0, FLAGS_ARITH) } },
    { "setc ah",           CODE(0x0f, 0x92, 0xc4), .in = { FL(CF) }, .out = { R(RAX, 0x100) } },
    { "stc",               CODE(0xf9), .in = { FL(OF) }, .out = { FL(CF | OF) } },
    { "cmc",               CODE(0xf5), .in = { FL(CF | SF) }, .out = { FL(SF) } },
    { "std",               CODE(0xfd), .out = { FL(DF) } },
    { "sahf",              CODE(0x9e), .in = { R(RAX, 0xff00), FL(OF) },
      .out = { FL(OF | SF | ZF | AF | PF | CF) } },
    { "lahf",              CODE(0x9f), .in = { FL(ZF | CF) }, .out = { R(RAX, 0x4300) } },
};

/* Instructions that 64-bit mode dropped. */
static const InsnCase legacy[] = {
    { "daa 9 + 8",         CODE(0x27), .in = { R(RAX, 0x11), FL(AF) },
      .out = { R(RAX, 0x17), FL_UNDEF(AF | PF, OF) } },
    { "daa 9a",            CODE(0x27), .in = { R(RAX, 0x9a) },
      .out = { R(RAX, 0), FL_UNDEF(CF | AF | ZF | PF, OF) } },
    { "das 4 - 5",         CODE(0x2f), .in = { R(RAX, 0xff), FL(CF | AF | SF) },
      .out = { R(RAX, 0x99), FL_UNDEF(CF | AF | SF | PF, OF) } },
    { "das borrow of 6",   CODE(0x2f), .in = { R(RAX, 3), FL(AF) },
      .out = { R(RAX, 0xfd), FL_UNDEF(CF | AF | SF, OF) } },
    { "aaa",               CODE(0x37), .in = { R(RAX, 0x010b) },
      .out = { R(RAX, 0x0201), FL_UNDEF(CF | AF, OF | SF | ZF | PF) } },
    { "aaa carries to AH", CODE(0x37), .in = { R(RAX, 0x00fb) },
      .out = { R(RAX, 0x0201), FL_UNDEF(CF | AF, OF | SF | ZF | PF) } },
    { "aas",               CODE(0x3f), .in = { R(RAX, 0x02fe), FL(AF) },
      .out = { R(RAX, 0x0108), FL_UNDEF(CF | AF, OF | SF | ZF | PF) } },
    { "aam",               CODE(0xd4, 10), .in = { R(RAX, 87) },
      .out = { R(RAX, 0x0807), FL_UNDEF(0, OF | AF | CF) } },
    { "aam 0",             CODE(0xd4, 0), .out = { RAISES(EXC_DE) } },
    { "aad",               CODE(0xd5, 10), .in = { R(RAX, 0x0807) },
      .out = { R(RAX, 87), FL_UNDEF(0, OF | AF | CF) } },
    { "salc",              CODE(0xd6), .in = { FL(CF) }, .out = { R(RAX, 0xff) } },
};

static const InsnCase real_mode[] = {
    { "inc cx",            CODE(0x41), .in = { R(RCX, 0x1234ffff) },
      .out = { R(RCX, 0x12340000), FL(ZF | PF | AF) } },
    { "mul bx",            CODE(0xf7, 0xe3), .in = { R(RAX, 0x8000), R(RBX, 4) },
      .out = { R(RAX, 0), R(RDX, 2), FL_UNDEF(CF | OF, SF | ZF | AF | PF) } },
    { "bound inside",      CODE(0x62, 0x06, 0x00, 0x01), .in = { R(RAX, 5), M(0x20100, 4, 0x00050005) } },
    { "bound above",       CODE(0x62, 0x06, 0x00, 0x01), .in = { R(RAX, 6), M(0x20100, 4, 0x00050005) },
      .out = { RAISES(EXC_BR) } },
    { "bound below",       CODE(0x62, 0x06, 0x00, 0x01), .in = { R(RAX, 0xffff), M(0x20100, 4, 0x00050000) },
      .out = { RAISES(EXC_BR) } },
    { "word at ffff",      CODE(0xa1, 0xff, 0xff), .out = { RAISES(EXC_GP) } },
    { "stack word at ffff", CODE(0x8b, 0x46, 0x00), .in = { R(RBP, 0xffff) }, .out = { RAISES(EXC_SS) } },
    { "xlat wraps",        CODE(0xd7), .in = { R(RAX, 2), R(RBX, 0xffff), M(0x20001, 1, 0x77) },
      .out = { R(RAX, 0x77) } },
    { "in al, dx",         CODE(0xec), .in = { R(RDX, 0x3f8) }, .out = { R(RAX, 0xa5) } },
    { "cbw",               CODE(0x98), .in = { R(RAX, 0x12340080) }, .out = { R(RAX, 0x1234ff80) } },
    { "cwd",               CODE(0x99), .in = { R(RAX, 0x8000) }, .out = { R(RAX, 0x8000), R(RDX, 0xffff) } },
    { "ud2",               CODE(0x0f, 0x0b), .out = { RAISES(EXC_UD) } },
};

static const InsnCase protected_32[] = {
    { "shl ecx, 4",        CODE(0xc1, 0xe1, 4), .in = { R(RCX, 0x10000001) },
      .out = { R(RCX, 0x10), FL_UNDEF(CF, OF | AF) } },
    { "shld edx, eax, 8",  CODE(0x0f, 0xa4, 0xc2, 8), .in = { R(RDX, 0x01000000), R(RAX, 0xab000000) },
      .out = { R(RDX, 0xab), FL_UNDEF(CF, OF | AF) } },
    { "shrd edx, eax, 8",  CODE(0x0f, 0xac, 0xc2, 8), .in = { R(RDX, 0x180), R(RAX, 0xab) },
      .out = { R(RDX, 0xab000001), FL_UNDEF(CF | SF, OF | AF) } },
    { "bts [20000], -1",   CODE(0x0f, 0xab, 0x05, 0x00, 0x00, 0x02, 0x00), .in = { R(RAX, 0xffffffff) },
      .out = { M(0x1fffc, 4, 0x80000000), FL_UNDEF(0, OF | SF | AF | PF) } },
    { "bt [20000], 35",    CODE(0x0f, 0xa3, 0x05, 0x00, 0x00, 0x02, 0x00),
      .in = { R(RAX, 35), M(0x20004, 4, 8) }, .out = { FL_UNDEF(CF, OF | SF | AF | PF) } },
    { "bsf of 0",          CODE(0x0f, 0xbc, 0xc3), .in = { R(RAX, 7) },
      .out = { FL_UNDEF(ZF, OF | SF | AF | PF | CF) } },
    { "cmpxchg8b equal",   CODE(0x0f, 0xc7, 0x0d, 0x00, 0x00, 0x02, 0x00),
      .in = { R(RAX, 1), R(RDX, 2), R(RBX, 3), R(RCX, 4), M(0x20000, 8, 0x0000000200000001) },
      .out = { M(0x20000, 8, 0x0000000400000003), FL(ZF) } },
    { "cmpxchg8b unequal", CODE(0x0f, 0xc7, 0x0d, 0x00, 0x00, 0x02, 0x00),
      .in = { R(RAX, 1), R(RDX, 2), M(0x20000, 8, 0x0000000500000006), FL(ZF | CF) },
      .out = { R(RAX, 6), R(RDX, 5), FL(CF) } },
    { "lock cmpxchg",      CODE(0xf0, 0x0f, 0xb1, 0x1d, 0x00, 0x00, 0x02, 0x00),
      .in = { R(RAX, 1), R(RBX, 9), M(0x20000, 4, 1) }, .out = { M(0x20000, 4, 9), FL(ZF | PF) } },
    { "xchg memory",       CODE(0x87, 0x1d, 0x00, 0x00, 0x02, 0x00),
      .in = { R(RBX, 9), M(0x20000, 4, 1) }, .out = { R(RBX, 1), M(0x20000, 4, 9) } },
    { "crc32 eax, bl",     CODE(0xf2, 0x0f, 0x38, 0xf0, 0xc3), .in = { R(RBX, 1) },
      .out = { R(RAX, 0xf26b8303) } },
    { "bswap",             CODE(0x0f, 0xc9), .in = { R(RCX, 0x12345678) }, .out = { R(RCX, 0x78563412) } },
    { "out dx, eax",       CODE(0xef), .in = { R(RDX, 0x510), R(RAX, 0x12345678) } },
};

static const InsnCase long_mode[] = {
    { "mov eax clears",    CODE(0x89, 0xd8), .in = { R(RAX, UINT64_MAX), R(RBX, 5) }, .out = { R(RAX, 5) } },
    { "mov ax keeps",      CODE(0x66, 0x89, 0xd8), .in = { R(RAX, UINT64_MAX) },
      .out = { R(RAX, 0xffffffffffff0000) } },
    { "shl eax, 0 clears", CODE(0xc1, 0xe0, 0), .in = { R(RAX, 0x1122334455667788) },
      .out = { R(RAX, 0x55667788) } },
    { "cmovne not taken clears", CODE(0x0f, 0x45, 0xc3), .in = { R(RAX, 0x1122334455667788), FL(ZF) },
      .out = { R(RAX, 0x55667788) } },
    { "movsxd",            CODE(0x48, 0x63, 0xc3), .in = { R(RBX, 0x80000000) },
      .out = { R(RAX, 0xffffffff80000000) } },
    { "div 128 by 64",     CODE(0x48, 0xf7, 0xf3), .in = { R(RAX, 5), R(RDX, 1), R(RBX, 0x10) },
      .out = { R(RAX, 0x1000000000000000), R(RDX, 5), FL_UNDEF(0, FLAGS_ARITH) } },
    { "idiv overflow",     CODE(0x48, 0xf7, 0xfb), .in = { R(RDX, 0x8000000000000000), R(RBX, 1) },
      .out = { RAISES(EXC_DE) } },
    { "cmpxchg16b odd",    CODE(0x48, 0x0f, 0xc7, 0x0b), .in = { R(RBX, TEST_DATA + 8) },
      .out = { RAISES(EXC_GP) } },
    { "load not canonical", CODE(0x8b, 0x03), .in = { R(RBX, 0x8000000000000000) },
      .out = { RAISES(EXC_GP) } },
    { "stack not canonical", CODE(0x8b, 0x45, 0x00), .in = { R(RBP, 0x8000000000000000) },
      .out = { RAISES(EXC_SS) } },
    { "lea rip",           CODE(0x48, 0x8d, 0x05, 0x10, 0, 0, 0), .out = { R(RAX, TEST_CODE + 7 + 16) } },
    { "lea 67 cuts",       CODE(0x67, 0x48, 0x8d, 0x43, 0x01), .in = { R(RBX, 0xffffffffffffffff) },
      .out = { R(RAX, 0) } },
    { "andn",              CODE(0xc4, 0xe2, 0x60, 0xf2, 0xc1), .in = { R(RBX, 0xf0), R(RCX, 0xff) },
      .out = { R(RAX, 0x0f), FL_UNDEF(0, AF | PF) } },
    { "pdep",              CODE(0xc4, 0xe2, 0xe3, 0xf5, 0xc1), .in = { R(RBX, 5), R(RCX, 0xf0) },
      .out = { R(RAX, 0x50) } },
    { "pext",              CODE(0xc4, 0xe2, 0xe2, 0xf5, 0xc1), .in = { R(RBX, 0x5a), R(RCX, 0xf0) },
      .out = { R(RAX, 5) } },
};
/* clang-format on */

static void test_all_modes(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, CODE_16, any_mode, G_N_ELEMENTS(any_mode));
    insn_bench_check(t, CODE_32, any_mode, G_N_ELEMENTS(any_mode));
    insn_bench_check(t, CODE_64, any_mode, G_N_ELEMENTS(any_mode));
    insn_bench_free(t);
}

static void test_legacy(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, CODE_16, legacy, G_N_ELEMENTS(legacy));
    insn_bench_check(t, CODE_32, legacy, G_N_ELEMENTS(legacy));
    insn_bench_free(t);
}

static void test_real(void)
{
    InsnBench *t = insn_bench_new("max");
    t->port_value = 0xa5;
    insn_bench_check(t, CODE_16, real_mode, G_N_ELEMENTS(real_mode));
    insn_bench_free(t);
}

static void test_protected(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, CODE_32, protected_32, G_N_ELEMENTS(protected_32));
    g_assert_cmphex(t->port_value, ==, 0x12345678);
    g_assert_cmphex(t->port_last, ==, 0x510);
    insn_bench_free(t);
}

static void test_long(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, CODE_64, long_mode, G_N_ELEMENTS(long_mode));
    insn_bench_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/integer/all-modes", test_all_modes);
    g_test_add_func("/integer/legacy", test_legacy);
    g_test_add_func("/integer/real", test_real);
    g_test_add_func("/integer/protected", test_protected);
    g_test_add_func("/integer/long", test_long);
    return g_test_run();
}
