/* test_stack.c - the stack and near branches: PUSH, POP, PUSHA, ENTER, flags images, CALL, RET,
 * LOOP. */
#include "tests/support/insn_bench.h"

enum { S16 = 0xf000, L16 = TEST_DATA + S16 }; /* SP of 16-bit mode, and its linear address */

/* clang-format off */
static const InsnCase real_mode[] = {
    { "push sp",       CODE(0x54), .out = { R(RSP, S16 - 2), M(L16 - 2, 2, S16) } },
    { "pop sp",        CODE(0x5c), .in = { M(L16, 2, 0x1234) }, .out = { R(RSP, 0x1234) } },
    { "push imm8",     CODE(0x6a, 0xfe), .out = { R(RSP, S16 - 2), M(L16 - 2, 2, 0xfffe) } },
    { "push wraps",    CODE(0x50), .in = { R(RAX, 0xbeef), R(RSP, 0xabcd0000) },
      .out = { R(RSP, 0xabcdfffe), M(0x2fffe, 2, 0xbeef) } },
    { "push splits",   CODE(0x50), .in = { R(RSP, 1) }, .out = { RAISES(INSN_BENCH_SHUTDOWN) } },
    { "pusha",         CODE(0x60), .in = { R(RAX, 1), R(RBX, 4), R(RDI, 8) },
      .out = { R(RSP, S16 - 16), M(L16 - 2, 2, 1), M(L16 - 8, 2, 4), M(L16 - 10, 2, S16), M(L16 - 16, 2, 8) } },
    { "popa skips sp", CODE(0x61), .in = { M(L16, 8, 0x0003000200010009), M(L16 + 8, 8, 0x0008000700060005) },
      .out = { R(RSP, S16 + 16), R(RDI, 9), R(RSI, 1), R(RBP, 2), R(RBX, 5), R(RDX, 6), R(RCX, 7), R(RAX, 8) } },
    { "enter 4, 0",    CODE(0xc8, 4, 0, 0), .in = { R(RBP, 0x1111) },
      .out = { R(RBP, S16 - 2), R(RSP, S16 - 6), M(L16 - 2, 2, 0x1111) } },
    { "enter 2, 2",    CODE(0xc8, 2, 0, 2), .in = { R(RBP, 0x8000), M(0x27ffe, 2, 0x7777) },
      .out = { R(RBP, S16 - 2), R(RSP, S16 - 8), M(L16 - 2, 2, 0x8000), M(L16 - 4, 2, 0x7777),
               M(L16 - 6, 2, S16 - 2) } },
    { "leave",         CODE(0xc9), .in = { R(RBP, 0x8000), M(0x28000, 2, 0x1234) },
      .out = { R(RBP, 0x1234), R(RSP, 0x8002) } },
    { "pushf",         CODE(0x9c), .in = { FL(CF | ZF | FLAG_NT) },
      .out = { R(RSP, S16 - 2), M(L16 - 2, 2, FLAG_NT | CF | ZF | FLAG_FIXED) } },
    { "popf",          CODE(0x9d), .in = { M(L16, 2, 0x7fd7 & ~FLAG_TF & ~FLAG_IF) },
      .out = { R(RSP, S16 + 2), FL(0x7cd7) } },
    { "popfd keeps VM, VIF, VIP", CODE(0x66, 0x9d), .in = { M(L16, 4, 0x003f0002), FL(FLAG_RF) },
      .out = { R(RSP, S16 + 4), FL(FLAG_ID | FLAG_AC) } },
    { "jmp short",     CODE(0xeb, 0x10), .out = { IP(0x12) } },
    { "call near",     CODE(0xe8, 0x10, 0x00), .out = { IP(0x13), R(RSP, S16 - 2), M(L16 - 2, 2, 3) } },
    { "call [bx]",     CODE(0xff, 0x17), .in = { R(RBX, 0x100), M(0x20100, 2, 0x20) },
      .out = { IP(0x20), R(RSP, S16 - 2), M(L16 - 2, 2, 2) } },
    { "ret 4",         CODE(0xc2, 4, 0), .in = { M(L16, 2, 0x20) }, .out = { IP(0x20), R(RSP, S16 + 6) } },
    { "loop",          CODE(0xe2, 0x10), .in = { R(RCX, 0x10002) }, .out = { IP(0x12), R(RCX, 0x10001) } },
    { "loop ends",     CODE(0xe2, 0x10), .in = { R(RCX, 0x10001) }, .out = { R(RCX, 0x10000) } },
    { "loop ecx",      CODE(0x67, 0xe2, 0x10), .in = { R(RCX, 0x10000) }, .out = { IP(0x13), R(RCX, 0xffff) } },
    { "loope",         CODE(0xe1, 0x10), .in = { R(RCX, 2), FL(ZF) }, .out = { IP(0x12), R(RCX, 1) } },
    { "loopne",        CODE(0xe0, 0x10), .in = { R(RCX, 2), FL(ZF) }, .out = { R(RCX, 1) } },
    { "jcxz",          CODE(0xe3, 0x10), .in = { R(RCX, 0x10000) }, .out = { IP(0x12) } },
    { "jecxz",         CODE(0x67, 0xe3, 0x10), .in = { R(RCX, 0x10000) } },
};

static const InsnCase protected_32[] = {
    { "push eax",      CODE(0x50), .in = { R(RAX, 0x12345678) },
      .out = { R(RSP, TEST_STACK - 4), M(TEST_STACK - 4, 4, 0x12345678) } },
    { "pop [esp]",     CODE(0x8f, 0x04, 0x24), .in = { M(TEST_STACK, 4, 0x55) },
      .out = { R(RSP, TEST_STACK + 4), M(TEST_STACK + 4, 4, 0x55) } },
    { "jnz taken",     CODE(0x75, 0x10), .out = { IP(0x12) } },
    { "jnz not taken", CODE(0x75, 0x10), .in = { FL(ZF) } },
    { "jg",            CODE(0x7f, 0x10), .in = { FL(SF | OF) }, .out = { IP(0x12) } },
    { "jbe",           CODE(0x0f, 0x86, 0x10, 0, 0, 0), .in = { FL(CF) }, .out = { IP(0x16) } },
    { "jp",            CODE(0x7a, 0x10), .in = { FL(PF) }, .out = { IP(0x12) } },
    { "call",          CODE(0xe8, 0x10, 0, 0, 0),
      .out = { IP(0x15), R(RSP, TEST_STACK - 4), M(TEST_STACK - 4, 4, TEST_CODE + 5) } },
    { "ret",           CODE(0xc3), .in = { M(TEST_STACK, 4, TEST_CODE + 0x30) },
      .out = { IP(0x30), R(RSP, TEST_STACK + 4) } },
};

static const InsnCase long_mode[] = {
    { "push r9",       CODE(0x41, 0x51), .in = { R(R9, 0x123456789abcdef0) },
      .out = { R(RSP, TEST_STACK - 8), M(TEST_STACK - 8, 8, 0x123456789abcdef0) } },
    { "push imm32",    CODE(0x68, 0, 0, 0, 0x80),
      .out = { R(RSP, TEST_STACK - 8), M(TEST_STACK - 8, 8, 0xffffffff80000000) } },
    { "push ax",       CODE(0x66, 0x50), .in = { R(RAX, 0xabcd) },
      .out = { R(RSP, TEST_STACK - 2), M(TEST_STACK - 2, 2, 0xabcd) } },
    { "call rax",      CODE(0xff, 0xd0), .in = { R(RAX, TEST_CODE + 0x40) },
      .out = { IP(0x40), R(RSP, TEST_STACK - 8), M(TEST_STACK - 8, 8, TEST_CODE + 2) } },
    { "jmp not canonical", CODE(0xff, 0xe0), .in = { R(RAX, 0x0000800000000000) },
      .out = { RAISES(EXC_GP) } },
    { "call not canonical", CODE(0xff, 0xd0), .in = { R(RAX, 0x0000800000000000) },
      .out = { RAISES(EXC_GP) } },
    { "ret not canonical", CODE(0xc3), .in = { M(TEST_STACK, 8, 0x0000800000000000) },
      .out = { RAISES(EXC_GP) } },
    { "66 jz is still near", CODE(0x66, 0x0f, 0x84, 0x10, 0, 0, 0), .in = { FL(ZF) }, .out = { IP(0x17) } },
    { "enter 8, 1",    CODE(0xc8, 8, 0, 1), .in = { R(RBP, 0x25000) },
      .out = { R(RBP, TEST_STACK - 8), R(RSP, TEST_STACK - 24), M(TEST_STACK - 8, 8, 0x25000),
               M(TEST_STACK - 16, 8, TEST_STACK - 8) } },
};
/* clang-format on */

static void test_mode(CodeSize mode, const InsnCase *cases, size_t count)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, mode, cases, count);
    insn_bench_free(t);
}

static void test_real(void)
{
    test_mode(CODE_16, real_mode, G_N_ELEMENTS(real_mode));
}

static void test_protected(void)
{
    test_mode(CODE_32, protected_32, G_N_ELEMENTS(protected_32));
}

static void test_long(void)
{
    test_mode(CODE_64, long_mode, G_N_ELEMENTS(long_mode));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stack/real", test_real);
    g_test_add_func("/stack/protected", test_protected);
    g_test_add_func("/stack/long", test_long);
    return g_test_run();
}
