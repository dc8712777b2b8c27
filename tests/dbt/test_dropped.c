/* A block whose bytes are written is not run any more, by whichever exit others were linked to it.
 */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 16, STACK = 0x8000, BUDGET = 1000, TIMES = 4, CHANGES = 4 };
enum { BEFORE = 0x1100, FROM = 0x1238, BEHIND = 0x1300, ELSEWHERE = 0x3000 };

/* Eight bytes of code at FROM, or a few more, that go to `to`, where B is; EBX has that address. */
typedef struct Way {
    const char *name;
    unsigned to;
    uint8_t code[16];
} Way;

#define CMP_SAME 0x39, 0xdb /* cmp ebx, ebx */
#define JE       0x0f, 0x84 /* je rel32: at FROM + 2, 6 bytes */
#define REL(to)  ((to)&0xff), ((to) >> 8 & 0xff), 0xff * ((to) < 0), 0xff * ((to) < 0)
#define AFTER_JE (FROM + 8)

static const Way ways[] = {
    {"branch-forward", BEHIND, {CMP_SAME, JE, REL(BEHIND - AFTER_JE), 0xf4}},
    {"branch-backward", BEFORE, {CMP_SAME, JE, REL(BEFORE - AFTER_JE), 0xf4}},
    {"branch-far", ELSEWHERE, {CMP_SAME, JE, REL(ELSEWHERE - AFTER_JE), 0xf4}},
    /* Three branches that are not taken, to elsewhere, end a block: it goes on at B. */
    {"end", FROM + 8, {CMP_SAME, 0x75, 0x20, 0x75, 0x20, 0x75, 0x20}},
    {"jump-backward", BEFORE, {CMP_SAME, 0x90, 0xe9, REL(BEFORE - AFTER_JE)}},
    {"jump-far", ELSEWHERE, {CMP_SAME, 0x90, 0xe9, REL(ELSEWHERE - AFTER_JE)}},
    {"jump-indirect", ELSEWHERE, {CMP_SAME, 0xff, 0xe3}},
    {"call", ELSEWHERE, {CMP_SAME, 0x90, 0xe8, REL(ELSEWHERE - AFTER_JE)}},
    {"return", ELSEWHERE, {CMP_SAME, 0x53, 0xc3}}, /* push ebx; ret */
};

/* JMP, the last two bytes of which lie in the next granule of 64 bytes: to BEHIND, or 100h further.
 */
enum { ACROSS = 0x123e, HIGH_BYTE = ACROSS + 2 };
static const uint8_t across[] = {0xe9, REL(BEHIND - (ACROSS + 5))};

static uint32_t run(TestCpu *t, unsigned from, unsigned to)
{
    t->cpu->rip = from;
    t->cpu->gpr[RAX] = 0;
    t->cpu->gpr[RBX] = to;
    t->cpu->gpr[RSP] = STACK;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    return t->cpu->gpr[RAX];
}

/* mov eax, imm32; xor edx, edx; hlt: flags of before are dead there. */
static const uint8_t b[] = {0xb8, 1, 0, 0, 0, 0x31, 0xd2, 0xf4};

static void follow(gconstpointer data)
{
    const Way *way = data;
    TestCpu *t = translated_cpu_new(RAM);
    test_poke_bytes(t, FROM, way->code, sizeof(way->code));
    test_poke_bytes(t, way->to, b, sizeof(b));
    const TranslatorStats *stats = &translator_of(t->cpu)->stats;
    for (unsigned change = 1; change < CHANGES; change++) {
        test_poke(t, way->to + 1, change, 1);
        for (unsigned i = 0; i < TIMES; i++) {
            uint64_t entries = stats->entries;
            g_assert_cmphex(run(t, FROM, way->to), ==, change);
            if (i) /* one entry, the rest is linked or in the jump cache */
                g_assert_cmpuint(stats->entries, ==, entries + 1);
        }
        g_assert_cmpuint(stats->dropped, ==, change - 1);
    }
    g_assert_cmpuint(stats->refused, ==, 0);
    test_cpu_free(t);
}

/* The block is known in each granule that has a byte of it. */
static void granules(void)
{
    TestCpu *t = translated_cpu_new(RAM);
    test_poke_bytes(t, ACROSS, across, sizeof(across));
    test_poke_bytes(t, BEHIND, b, sizeof(b));
    test_poke_bytes(t, BEHIND + 0x100, b, sizeof(b));
    test_poke(t, BEHIND + 0x101, 2, 1);
    for (unsigned i = 0; i < TIMES; i++) {
        g_assert_cmphex(run(t, ACROSS, 0), ==, 1 + i % 2);
        test_poke(t, HIGH_BYTE, across[2] + !(i % 2), 1);
    }
    g_assert_cmpuint(translator_of(t->cpu)->stats.refused, ==, 0);
    test_cpu_free(t);
}

/* Where few more decoded instructions have room, those that code hands over are not kept: the next
 * block may need all of it. */
static void full(void)
{
    static const uint8_t load[] = {0x8b, 0x03, 0xf4}; /* mov eax, [ebx]; hlt */
    enum { NOWHERE = 0x200000, LEFT = IR_MAX_INSNS };
    TestCpu *t = translated_cpu_new(RAM);
    Translator *tr = translator_of(t->cpu);
    CodeSpace *space = &tr->space[SPACE_PLAIN];
    test_poke_bytes(t, FROM, load, sizeof(load));
    run(t, FROM, STACK);
    space->next.insn = space->end.insn - LEFT;
    g_assert_cmphex(run(t, FROM, NOWHERE), ==, UINT32_MAX);
    g_assert_cmpuint(tr->stats.flushes, ==, 1);
    g_assert_cmpuint(space->next.insn, <, LEFT);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/dropped/granules", granules);
    g_test_add_func("/dropped/full", full);
    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *name = g_strdup_printf("/dropped/%s", ways[i].name);
        g_test_add_data_func(name, &ways[i], follow);
    }
    return g_test_run();
}
