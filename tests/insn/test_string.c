/* test_string.c - string instructions: chunks, overlaps, wraps, faults and events in the middle.
 * [SDM2] REP/REPE/REPZ/REPNE/REPNZ. */
#include "cpu/block.h"
#include "cpu/exec.h"
#include "tests/support/insn_bench.h"

enum { HIGH = TEST_HIGH };

static const uint8_t rep_movsb[] = {0xf3, 0xa4}, rep_stosb[] = {0xf3, 0xaa};
static const uint8_t repe_cmpsb[] = {0xf3, 0xa6}, repne_scasb[] = {0xf2, 0xae};

/* 64-bit mode with the three string registers set. */
static InsnBench *bench(uint64_t rcx, uint64_t rsi, uint64_t rdi)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_enter(t, CODE_64);
    t->cpu->gpr[RCX] = rcx;
    t->cpu->gpr[RSI] = rsi;
    t->cpu->gpr[RDI] = rdi;
    for (unsigned i = 0; i < TEST_HIGH_SIZE; i++)
        t->high.host[i] = i * 7 >> 3;
    return t;
}

static void check_registers(const InsnBench *t, uint64_t rcx, uint64_t rsi, uint64_t rdi)
{
    g_assert_cmphex(t->cpu->gpr[RCX], ==, rcx);
    g_assert_cmphex(t->cpu->gpr[RSI], ==, rsi);
    g_assert_cmphex(t->cpu->gpr[RDI], ==, rdi);
}

/* Three pages and a bit, both ends inside pages. */
static void test_movs_pages(void)
{
    InsnBench *t = bench(0x3456, HIGH + 0x123, HIGH + 0x8321);
    uint8_t want[0x3456];
    memcpy(want, t->high.host + 0x123, sizeof(want));
    g_assert_cmpint(insn_bench_run(t, rep_movsb, 2), ==, -1);
    g_assert_cmpmem(t->high.host + 0x8321, sizeof(want), want, sizeof(want));
    check_registers(t, 0, HIGH + 0x123 + 0x3456, HIGH + 0x8321 + 0x3456);
    insn_bench_free(t);
}

/* A destination one byte ahead copies the first byte all along. */
static void test_movs_propagates(void)
{
    InsnBench *t = bench(0x2000, HIGH + 0x100, HIGH + 0x101);
    t->high.host[0x100] = 0x5a;
    uint8_t after = t->high.host[0x2101];
    g_assert_cmpint(insn_bench_run(t, rep_movsb, 2), ==, -1);
    for (unsigned i = 0x100; i <= 0x2100; i++)
        g_assert_cmphex(t->high.host[i], ==, 0x5a);
    g_assert_cmphex(t->high.host[0x2101], ==, after);
    insn_bench_free(t);
}

/* Downwards the same overlap moves correctly. */
static void test_movs_down(void)
{
    InsnBench *t = bench(0x2000, HIGH + 0x20ff, HIGH + 0x2100);
    uint8_t want[0x2000];
    memcpy(want, t->high.host + 0x100, sizeof(want));
    eflags_set(t->cpu, FLAG_DF);
    g_assert_cmpint(insn_bench_run(t, rep_movsb, 2), ==, -1);
    g_assert_cmpmem(t->high.host + 0x101, sizeof(want), want, sizeof(want));
    check_registers(t, 0, HIGH + 0xff, HIGH + 0x100);
    insn_bench_free(t);
}

/* A page fault leaves the registers at the element that caused it; what was done stays. */
static void test_fault_in_the_middle(void)
{
    InsnBench *t = bench(16, 0, HIGH + 7);
    uint64_t absent = 0;
    insn_bench_write(t, INSN_BENCH_PAGE_DIRECTORY + ((HIGH >> 21) - 1) * 8, &absent, 8);
    eflags_set(t->cpu, FLAG_DF);
    t->cpu->gpr[RAX] = 0xee;
    g_assert_cmpint(insn_bench_run(t, rep_stosb, 2), ==, EXC_PF);
    g_assert_cmphex(t->cpu->cr2, ==, HIGH - 1);
    check_registers(t, 8, 0, HIGH - 1);
    for (unsigned i = 0; i < 8; i++)
        g_assert_cmphex(t->high.host[i], ==, 0xee);
    g_assert_cmphex(insn_bench_read(t, t->cpu->gpr[RSP] + 8, 8), ==, TEST_CODE); /* pushed RIP */
    insn_bench_free(t);
}

/* The same at a segment limit: real mode, 32-bit addresses. */
static void test_limit_in_the_middle(void)
{
    static const uint8_t code[] = {0x67, 0xf3, 0xaa};
    InsnBench *t = insn_bench_new("max");
    insn_bench_enter(t, CODE_16);
    t->cpu->gpr[RCX] = 0x20;
    t->cpu->gpr[RDI] = 0xfff0;
    g_assert_cmpint(insn_bench_run(t, code, sizeof(code)), ==, EXC_GP);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0x10);
    g_assert_cmphex(t->cpu->gpr[RDI], ==, 0x10000);
    insn_bench_free(t);
}

/* 16-bit addresses wrap, and leave the upper halves of the registers alone. */
static void test_wrap_16(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_enter(t, CODE_16);
    t->cpu->gpr[RAX] = 0x77;
    t->cpu->gpr[RCX] = 0xabc0020;
    t->cpu->gpr[RDI] = 0xdef0fff0;
    g_assert_cmpint(insn_bench_run(t, rep_stosb, 2), ==, -1);
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0xabc0000);
    g_assert_cmphex(t->cpu->gpr[RDI], ==, 0xdef00010);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(insn_bench_read(t, TEST_DATA + i, 1), ==, 0x77);
        g_assert_cmphex(insn_bench_read(t, TEST_DATA + 0xfff0 + i, 1), ==, 0x77);
    }
    insn_bench_free(t);
}

/* A count of zero does nothing; with 32-bit addresses in 64-bit mode the rest of RCX is no count.
 */
static void test_count(void)
{
    static const uint8_t code[] = {0x67, 0xf3, 0xa4};
    InsnBench *t = bench(0x100000000, 1, 2);
    g_assert_cmpint(insn_bench_run(t, code, sizeof(code)), ==, -1);
    check_registers(t, 0x100000000, 1, 2);
    insn_bench_free(t);
}

static void test_cmps(void)
{
    InsnBench *t = bench(0x3000, HIGH + 0x123, HIGH + 0x8000);
    memcpy(t->high.host + 0x8000, t->high.host + 0x123, 0x3000);
    t->high.host[0x8000 + 0x2345]++;
    g_assert_cmpint(insn_bench_run(t, repe_cmpsb, 2), ==, -1);
    check_registers(t, 0x3000 - 0x2346, HIGH + 0x123 + 0x2346, HIGH + 0x8000 + 0x2346);
    g_assert_false(flag_zf(t->cpu));
    g_assert_true(flag_cf(t->cpu)); /* first - second borrows */
    insn_bench_free(t);
}

static void test_scas(void)
{
    InsnBench *t = bench(UINT64_MAX, 0, HIGH + 0x10);
    memset(t->high.host, 'x', 0x5000);
    t->high.host[0x4321] = 0;
    g_assert_cmpint(insn_bench_run(t, repne_scasb, 2), ==, -1);
    check_registers(t, UINT64_MAX - (0x4322 - 0x10), 0, HIGH + 0x4322);
    g_assert_true(flag_zf(t->cpu));
    insn_bench_free(t);
}

/* Elements that straddle pages. */
static void test_straddling(void)
{
    static const uint8_t rep_movsq[] = {0xf3, 0x48, 0xa5};
    InsnBench *t = bench(0x500, HIGH + 3, HIGH + 0x8005);
    uint8_t want[0x2800];
    memcpy(want, t->high.host + 3, sizeof(want));
    g_assert_cmpint(insn_bench_run(t, rep_movsq, sizeof(rep_movsq)), ==, -1);
    g_assert_cmpmem(t->high.host + 0x8005, sizeof(want), want, sizeof(want));
    insn_bench_free(t);
}

/* Each call does eight pages at most, so that events are looked at between; rip stays meanwhile. */
static void test_interruptible(void)
{
    InsnBench *t = bench(0x10000, 0, HIGH);
    insn_bench_write(t, TEST_CODE, rep_stosb, 2);
    t->cpu->rip = TEST_CODE;
    t->cpu->activity = CPU_RUNNING;
    for (unsigned pages = 8; pages <= 16; pages += 8) {
        g_assert_cmpuint(cpu_run(t->cpu, 1), ==, 1);
        check_registers(t, 0x10000 - pages * 0x1000, 0, HIGH + pages * 0x1000);
        g_assert_cmphex(t->cpu->rip, ==, TEST_CODE + (pages == 16 ? 2 : 0));
    }
    insn_bench_free(t);
}

/* A NOP and a HLT at every 256 bytes of the high memory, decoded and run. */
static void run_code_everywhere(InsnBench *t)
{
    for (unsigned at = 0; at < TEST_HIGH_SIZE; at += 256) {
        t->high.host[at] = 0x90;
        t->high.host[at + 1] = 0xf4;
        t->cpu->rip = HIGH + at;
        t->cpu->activity = CPU_RUNNING;
        g_assert_cmpuint(cpu_run(t->cpu, 2), ==, 2);
    }
}

/* What is left in RCX behind one call. */
static uint64_t left_after_call(const uint8_t *string, bool down, bool over_code)
{
    enum { COUNT = 0x9000 };
    uint64_t first = down ? TEST_HIGH_SIZE - 1 : 0x10;
    InsnBench *t = bench(COUNT, TEST_DATA + (down ? 0xffff : 0), HIGH + first);
    if (over_code)
        run_code_everywhere(t);
    insn_bench_write(t, TEST_CODE, string, 2);
    t->cpu->rip = TEST_CODE;
    t->cpu->activity = CPU_RUNNING;
    t->cpu->eflags |= down ? FLAG_DF : 0;
    t->port_value = 0;
    g_assert_cmpuint(cpu_run(t->cpu, 1), ==, 1);
    uint64_t left = t->cpu->gpr[RCX];
    for (unsigned i = 0; i < COUNT - left; i++) {
        uint64_t at = down ? first - i : first + i;
        g_assert_cmphex(t->high.host[at], ==, 0);
    }
    g_assert_null(code_cache_problem(t->cpu->code));
    insn_bench_free(t);
    return left;
}

/* A call does as much where code has been decoded: else instructions, and so the time of counted
 * runs, would depend on what an engine has decoded. */
static void test_over_code(void)
{
    static const uint8_t rep_insb[] = {0xf3, 0x6c};
    static const uint8_t *const strings[] = {rep_stosb, rep_movsb, rep_insb};
    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++)
        for (unsigned down = 0; down < 2; down++)
            g_assert_cmphex(left_after_call(strings[i], down, true), ==,
                            left_after_call(strings[i], down, false));
}

/* Fills of every element size, beside the same bytes stored one by one. */
static void test_stos_sizes(void)
{
    static const uint8_t code[4][3] = {
        {0xf3, 0xaa}, {0x66, 0xf3, 0xab}, {0xf3, 0xab}, {0xf3, 0x48, 0xab}};
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned count = 1; count < 300; count += 7) {
            unsigned size = 1 << i;
            InsnBench *t = bench(count, 0, HIGH + 3);
            uint8_t want[300 * 8 + 8] = {0};
            t->cpu->gpr[RAX] = 0x8877665544332211;
            for (unsigned n = 0; n < count * size; n++)
                want[n] = t->cpu->gpr[RAX] >> 8 * (n % size);
            memset(t->high.host, 0, sizeof(want) + 3);
            g_assert_cmpint(insn_bench_run(t, code[i], i == 0 || i == 2 ? 2 : 3), ==, -1);
            g_assert_cmpmem(t->high.host + 3, sizeof(want), want, sizeof(want));
            check_registers(t, 0, 0, HIGH + 3 + count * size);
            insn_bench_free(t);
        }
    }
}

/* Where a search stops, by the definition. */
static unsigned elements_compared(const uint8_t *a, const uint8_t *b, unsigned count, unsigned size,
                                  bool down, bool while_equal)
{
    for (unsigned n = 0; n < count; n++) {
        unsigned at = (down ? count - 1 - n : n) * size;
        if (!memcmp(a + at, b + at, size) != while_equal)
            return n + 1;
    }
    return count;
}

/* CMPS and SCAS of every element size, both ways, with the end anywhere or nowhere. */
static void test_search(void)
{
    GRand *rand = g_rand_new_with_seed(5);
    InsnBench *t = bench(0, 0, 0);
    uint8_t *a = t->high.host + 0x100, *b = t->high.host + 0x4100;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned log = round & 3, size = 1 << log, count = g_rand_int_range(rand, 1, 400);
        bool down = round & 4, while_equal = round & 8, scas = round & 16;
        uint8_t code[3] = {while_equal ? 0xf3 : 0xf2, 0, (scas ? 0xae : 0xa6) | (log > 0)};
        code[1] = log == 1 ? 0x66 : log == 3 ? 0x48 : 0x40;
        uint64_t value = g_rand_int(rand) | (uint64_t)g_rand_int(rand) << 32;
        for (unsigned n = 0; n < count * size; n++) {
            b[n] = value >> 8 * (n % size);
            a[n] = while_equal ? b[n] : b[n] ^ (n % size == 0 ? g_rand_int_range(rand, 1, 256) : 0);
        }
        unsigned odd = g_rand_int_range(rand, 0, count) * size;
        if (round % 5)
            memcpy(a + odd, b + odd, size);
        if (round % 5 && while_equal)
            a[odd + g_rand_int_range(rand, 0, size)] ^= 1 << g_rand_int_range(rand, 0, 8);
        unsigned want = elements_compared(a, b, count, size, down, while_equal);
        unsigned first = down ? (count - 1) * size : 0,
                 last = down ? (count - want) * size : (want - 1) * size;
        int64_t moved = down ? -(int64_t)want * size : (int64_t)want * size;
        t->cpu->gpr[RCX] = count;
        t->cpu->gpr[RAX] = value;
        t->cpu->gpr[RSI] = HIGH + 0x4100 + first;
        t->cpu->gpr[RDI] = HIGH + 0x100 + first;
        eflags_set(t->cpu, down ? FLAG_DF : 0);
        g_assert_cmpint(insn_bench_run(t, code, 3), ==, -1);
        check_registers(t, count - want, HIGH + 0x4100 + first + (scas ? 0 : moved),
                        HIGH + 0x100 + first + moved);
        g_assert_cmpuint(flag_zf(t->cpu), ==, !memcmp(a + last, b + last, size));
        g_assert_cmpuint(flag_cf(t->cpu), ==, load_le(b + last, size) < load_le(a + last, size));
    }
    insn_bench_free(t);
    g_rand_free(rand);
}

/* The trap flag breaks after every element. */
static void test_single_step(void)
{
    InsnBench *t = bench(5, HIGH, HIGH + 0x8000);
    eflags_set(t->cpu, FLAG_TF);
    g_assert_cmpint(insn_bench_run(t, rep_movsb, 2), ==, EXC_DB);
    check_registers(t, 4, HIGH + 1, HIGH + 0x8001);
    insn_bench_free(t);
}

static void test_ports(void)
{
    static const uint8_t rep_insb[] = {0xf3, 0x6c}, rep_outsw[] = {0xf3, 0x66, 0x6f};
    InsnBench *t = bench(3, HIGH + 0x100, HIGH + 0x200);
    t->cpu->gpr[RDX] = 0x1f0;
    t->port_value = 0x42;
    g_assert_cmpint(insn_bench_run(t, rep_insb, 2), ==, -1);
    for (unsigned i = 0; i < 3; i++)
        g_assert_cmphex(t->high.host[0x200 + i], ==, 0x42);
    check_registers(t, 0, HIGH + 0x100, HIGH + 0x203);

    t->cpu->gpr[RCX] = 2;
    store_le16(t->high.host + 0x102, 0xbeef);
    g_assert_cmpint(insn_bench_run(t, rep_outsw, 3), ==, -1);
    g_assert_cmphex(t->port_value, ==, 0xbeef);
    g_assert_cmphex(t->port_last, ==, 0x1f0);
    insn_bench_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/string/movs-pages", test_movs_pages);
    g_test_add_func("/string/movs-propagates", test_movs_propagates);
    g_test_add_func("/string/movs-down", test_movs_down);
    g_test_add_func("/string/fault-in-the-middle", test_fault_in_the_middle);
    g_test_add_func("/string/limit-in-the-middle", test_limit_in_the_middle);
    g_test_add_func("/string/wrap-16", test_wrap_16);
    g_test_add_func("/string/count", test_count);
    g_test_add_func("/string/cmps", test_cmps);
    g_test_add_func("/string/scas", test_scas);
    g_test_add_func("/string/straddling", test_straddling);
    g_test_add_func("/string/stos-sizes", test_stos_sizes);
    g_test_add_func("/string/search", test_search);
    g_test_add_func("/string/interruptible", test_interruptible);
    g_test_add_func("/string/over-code", test_over_code);
    g_test_add_func("/string/single-step", test_single_step);
    g_test_add_func("/string/ports", test_ports);
    return g_test_run();
}
