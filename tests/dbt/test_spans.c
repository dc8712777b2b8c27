/* Spans: accesses near one register's value that share a check read and write what they would each
 * by themselves, at a page's end, and when what is mapped there changes between them. */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, STACK = 0x8000, DATA = 0x4000, SWITCH = 0x20000, RAM = 1 << 16 };
enum { TURNS = 1000, BUDGET = 1000000 };

/* Four accesses to [EBX] and behind it, in a loop. */
static const uint8_t near_ebx[] = {
    0x8b, 0x03,       /* 1000  again: mov eax, [ebx] */
    0x03, 0x43, 0x04, /* 1002  add eax, [ebx+4] */
    0x89, 0x43, 0x08, /* 1005  mov [ebx+8], eax */
    0x01, 0x43, 0x0c, /* 1008  add [ebx+12], eax */
    0x49,             /* 100b  dec ecx */
    0x75, 0xf2,       /* 100c  jnz again */
    0xf4,             /* 100e  hlt */
};

/* From node to node of a ring, in 64-bit code: the register of the addresses is loaded between two
 * of them. */
enum { NODE = 0x4100, OTHER_NODE = 0x5100 };
static const uint8_t chasing[] = {
    0x49, 0x8b, 0x00,       /* 1000  again: mov rax, [r8] */
    0x4d, 0x8b, 0x40, 0x08, /* 1003  mov r8, [r8+8] */
    0x49, 0x01, 0x00,       /* 1007  add [r8], rax */
    0xff, 0xc9,             /* 100a  dec ecx */
    0x75, 0xf2,             /* 100c  jnz again */
    0xf4,                   /* 100e  hlt */
};

/* Between two of them a store to a device. */
static const uint8_t remapping[] = {
    0x8b, 0x03,       /* 1000  mov eax, [ebx] */
    0x89, 0x07,       /* 1002  mov [edi], eax */
    0x8b, 0x73, 0x04, /* 1004  mov esi, [ebx+4] */
    0xf4,             /* 1007  hlt */
};

/* Between two of them the page becomes another one, and the TLB is told. */
enum { DIRECTORY = 0x9000, TABLE = 0xa000, OTHER = 0xb000, PRESENT_WRITABLE = 3 };
static const uint8_t invalidating[] = {
    0x8b, 0x05, 0x00, 0x40, 0x00, 0x00,       /* 1000  mov eax, [DATA] */
    0x89, 0x0d, 0x10, 0xa0, 0x00, 0x00,       /* 1006  mov [TABLE + 4 * DATA / 4096], ecx */
    0x0f, 0x01, 0x3d, 0x00, 0x40, 0x00, 0x00, /* 100c  invlpg [DATA] */
    0x8b, 0x35, 0x04, 0x40, 0x00, 0x00,       /* 1013  mov esi, [DATA + 4] */
    0xf4,                                     /* 1019  hlt */
};

static TestCpu *machine(const uint8_t *program, size_t size)
{
    TestCpu *t = test_cpu_new("max", RAM);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke_bytes(t, CODE, program, size);
    for (unsigned at = DATA; at < DATA + 2 * PAGE_SIZE; at += 4)
        test_poke(t, at, at * 0x9e3779b1u, 4);
    t->cpu->rip = CODE;
    t->cpu->gpr[RSP] = STACK;
    t->cpu->gpr[RBX] = DATA;
    t->cpu->gpr[RCX] = TURNS;
    return t;
}

static void translate_as(TestCpu *t, OptimizeKind optimize)
{
    g_autoptr(GError) err = NULL;
    g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.optimize = optimize}, &err));
}

static void translate(TestCpu *t)
{
    translate_as(t, OPTIMIZE_NONE);
}

static void assert_same(TestCpu *translated, TestCpu *interpreted)
{
    g_assert_cmpint(translated->cpu->activity, ==, CPU_HALTED);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_assert_cmphex(translated->cpu->gpr[r], ==, interpreted->cpu->gpr[r]);
    for (unsigned at = DATA; at < DATA + 2 * PAGE_SIZE; at += 4)
        g_assert_cmphex(test_peek(translated, at, 4), ==, test_peek(interpreted, at, 4));
}

/* Returns how many instructions generated code handed to the interpreter. */
static uint64_t run_both(LinAddr ebx)
{
    TestCpu *interpreted = machine(near_ebx, sizeof(near_ebx)),
            *translated = machine(near_ebx, sizeof(near_ebx));
    translate(translated);
    interpreted->cpu->gpr[RBX] = translated->cpu->gpr[RBX] = ebx;
    cpu_run(interpreted->cpu, BUDGET);
    cpu_run(translated->cpu, BUDGET);
    assert_same(translated, interpreted);
    uint64_t handed = translator_of(translated->cpu)->stats.sites_taken;
    test_cpu_free(interpreted);
    test_cpu_free(translated);
    return handed;
}

/* One check reads for two, one writes for two. */
static void joined(void)
{
    TestCpu *t = machine(near_ebx, sizeof(near_ebx));
    translate(t);
    cpu_run(t->cpu, BUDGET);
    g_autoptr(GString) out = g_string_new(NULL);
    dbt_print_block(t->cpu, CODE, out);
    g_assert_nonnull(strstr(out->str, "check read.32 [ebx], opens span 1 of 8 bytes at +0"));
    g_assert_nonnull(strstr(out->str, "check write.32 [ebx+0x8], opens span 2 of 8 bytes at +0"));
    g_assert_nonnull(strstr(out->str, "M = span 1 +4"));
    g_assert_nonnull(strstr(out->str, "M = span 2 +4"));
    test_cpu_free(t);
    g_assert_cmpuint(run_both(DATA), ==, 1); /* HLT */
}

/* The span's bytes lie in two pages, each access in one: soon the block is made without spans. */
static void apart(void)
{
    for (unsigned before = 4; before < 16; before += 4) {
        uint64_t handed = run_both(DATA + PAGE_SIZE - before);
        g_assert_cmpuint(handed, <, TURNS / 4);
    }
}

/* One index, scaled in two ways: these are two places. */
static void scaled(void)
{
    static const uint8_t two_scales[] = {
        0x8b, 0x04, 0x8b, /* 1000  mov eax, [ebx+4*ecx] */
        0x03, 0x04, 0xcb, /* 1003  add eax, [ebx+8*ecx] */
        0xf4,             /* 1006  hlt */
    };
    enum { INDEX = 5 };
    TestCpu *t = machine(two_scales, sizeof(two_scales));
    translate(t);
    t->cpu->gpr[RCX] = INDEX;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmphex(
        t->cpu->gpr[RAX], ==,
        (uint32_t)((DATA + 4 * INDEX) * 0x9e3779b1u + (DATA + 8 * INDEX) * 0x9e3779b1u));
    test_cpu_free(t);
}

/* An access of the span lies across the page's end itself. */
static void across(void)
{
    for (unsigned before = 1; before < 16; before++)
        run_both(DATA + PAGE_SIZE - before);
}

/* Addresses at both ends of all 64 bits are not near each other. */
static void far_apart(void)
{
    static const uint8_t ends[] = {
        0xa0, 0x10, 0,    0,    0,    0,    0,    0,    0x80,       /* mov al, [-2^63 + 10h] */
        0xa0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xf4, /* mov al, [2^63 - 10h]; hlt */
    };
    TestCpu *t = machine(ends, sizeof(ends));
    test_cpu_flat(t, CPU_LONG, 0);
    translate(t);
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpuint(t->triple_faults, ==, 1); /* no handler for #GP */
    test_cpu_free(t);
}

/* --- what is mapped changes ---------------------------------------------------------------------- */

typedef struct Switch {
    MemRegion port, overlay;
} Switch;

static void switch_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    mem_set_enabled(&((Switch *)opaque)->overlay, false);
}

static uint64_t switch_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

/* Runs `remapping` over RAM that lies before other RAM until the store; ESI then. */
static uint64_t run_remapping(bool translated)
{
    static const MemOps ops = {.read = switch_read, .write = switch_write};
    g_autoptr(GError) err = NULL;
    Switch s = {0};
    TestCpu *t = machine(remapping, sizeof(remapping));
    g_assert_true(mem_init_ram(&s.overlay, "overlay", PAGE_SIZE, &err));
    mem_init_io(&s.port, "switch", PAGE_SIZE, &ops, &s);
    mem_add(&t->board->memory_root, DATA, &s.overlay, 1);
    mem_add(&t->board->memory_root, SWITCH, &s.port, 0);
    if (translated)
        translate(t);
    t->cpu->gpr[RDI] = SWITCH;
    cpu_run(t->cpu, BUDGET);
    uint64_t esi = t->cpu->gpr[RSI];
    mem_remove(&s.overlay);
    mem_fini(&s.overlay);
    mem_remove(&s.port);
    mem_fini(&s.port);
    test_cpu_free(t);
    return esi;
}

static void remapped(void)
{
    uint32_t below = (DATA + 4) * 0x9e3779b1u;
    g_assert_cmphex(run_remapping(false), ==, below);
    g_assert_cmphex(run_remapping(true), ==, below);
}

/* Runs `invalidating`; ESI then. */
static uint32_t run_invalidating(bool translated)
{
    TestCpu *t = machine(invalidating, sizeof(invalidating));
    if (translated)
        translate(t);
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    for (unsigned at = 0; at < RAM; at += PAGE_SIZE)
        test_poke(t, TABLE + at / PAGE_SIZE * 4, at | PRESENT_WRITABLE, 4);
    test_poke(t, OTHER + 4, 0x12345678, 4);
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    t->cpu->gpr[RCX] = OTHER | PRESENT_WRITABLE;
    cpu_run(t->cpu, BUDGET);
    uint32_t esi = t->cpu->gpr[RSI];
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    test_cpu_free(t);
    return esi;
}
static TestCpu *ring(void)
{
    TestCpu *t = machine(chasing, sizeof(chasing));
    test_cpu_flat(t, CPU_LONG, 0);
    test_poke(t, NODE, 1, 8);
    test_poke(t, NODE + 8, OTHER_NODE, 8);
    test_poke(t, OTHER_NODE, 2, 8);
    test_poke(t, OTHER_NODE + 8, NODE, 8);
    t->cpu->rip = CODE;
    t->cpu->gpr[R8] = NODE;
    t->cpu->gpr[RCX] = TURNS;
    return t;
}

/* Hot, the loop has another register in R8's place. */
static void chased(void)
{
    for (OptimizeKind o = OPTIMIZE_NONE; o <= OPTIMIZE_ALL; o++) {
        TestCpu *interpreted = ring(), *translated = ring();
        translate_as(translated, o);
        cpu_run(interpreted->cpu, BUDGET);
        cpu_run(translated->cpu, BUDGET);
        assert_same(translated, interpreted);
        test_cpu_free(interpreted);
        test_cpu_free(translated);
    }
}

static void invalidated(void)
{
    g_assert_cmphex(run_invalidating(false), ==, 0x12345678);
    g_assert_cmphex(run_invalidating(true), ==, 0x12345678);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/spans/joined", joined);
    g_test_add_func("/spans/chased", chased);
    g_test_add_func("/spans/scaled", scaled);
    g_test_add_func("/spans/apart", apart);
    g_test_add_func("/spans/across", across);
    g_test_add_func("/spans/far_apart", far_apart);
    g_test_add_func("/spans/remapped", remapped);
    g_test_add_func("/spans/invalidated", invalidated);
    return g_test_run();
}
