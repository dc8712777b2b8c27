/* An interrupt that STI lets in comes behind the next instruction, and its frame has the flags of
 * before the STI, although the block that begins there was jumped to without saving them. */
#include "cpu/flags.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum {
    CODE = 0x1000,
    STI_AT = 6,
    BEHIND_STI = 7,
    COMES_AT = 9,
    STACK = 0x8000,
    IDT = 0x6000,
    GDT = 0x7000,
    HANDLER = 0x3000,
    RAM = 1 << 16
};
enum { VECTOR = 0x40, TURNS = 8, BUDGET = 1000000 };

static const uint8_t program[] = {
    0x39, 0xc0,       /* 1000  again: cmp eax, eax: ZF */
    0x74, 0x02,       /* 1002  jz there */
    0x90, 0x90,       /* 1004  nop; nop */
    0xfb,             /* 1006  there: sti */
    0x89, 0xc3,       /* 1007  mov ebx, eax */
    0x83, 0xc6, 0x01, /* 1009  add esi, 1: no ZF */
    0xfa,             /* 100c  cli */
    0x83, 0xe9, 0x01, /* 100d  sub ecx, 1 */
    0x75, 0xee,       /* 1010  jnz again */
    0xf4,             /* 1012  hlt */
};

static int give_vector(void *opaque)
{
    return VECTOR;
}

/* EFLAGS in the frame of an interrupt that waits when the loop at `code` begins once more. The
 * first time it begins at `first`. Behind the STI stands `behind`. */
static uint64_t pushed_flags(bool translated, uint64_t code, uint64_t first, uint16_t behind)
{
    static const IntcOps ops = {.acknowledge = give_vector};
    TestCpu *t = test_cpu_new("max", RAM);
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke_bytes(t, code, program, sizeof(program));
    test_poke(t, code + BEHIND_STI, behind, 2);
    test_poke(t, HANDLER, 0xf4, 1); /* hlt */
    test_poke(t, IDT + VECTOR * 8, 0x00008e0000080000 | HANDLER, 8);
    test_poke(t, GDT + 8, 0x00cf9b000000ffff, 8);
    cpu->idtr = (DescriptorTable){.base = IDT, .limit = 0x7ff};
    cpu->gdtr = (DescriptorTable){.base = GDT, .limit = 0xff};
    cpu->bus.intc_ops = &ops;
    g_autoptr(GError) err = NULL;
    if (translated)
        g_assert_true(dbt_attach(cpu, &(DbtOptions){.optimize = OPTIMIZE_NONE}, &err));
    for (unsigned run = 0; run < 2; run++) { /* the first one links the blocks */
        cpu->rip = run ? code : first;
        cpu->activity = CPU_RUNNING;
        cpu->gpr[RSP] = STACK;
        cpu->gpr[RCX] = TURNS;
        cpu->eflags &= ~FLAG_IF;
        flags_set_arith(cpu, FLAG_CF); /* what a frame without CMP's would show */
        cpu_set_line(cpu, CPU_LINE_INTR, run);
        cpu_run(cpu, BUDGET);
        g_assert_cmpint(cpu->activity, ==, CPU_HALTED);
    }
    g_assert_cmphex(cpu->rip, ==, HANDLER + 1);
    uint64_t flags = test_peek(t, STACK - 4, 4);
    g_assert_cmphex(test_peek(t, STACK - 12, 4), ==, code + COMES_AT);
    test_cpu_free(t);
    return flags;
}

static void check(uint64_t code, uint64_t first)
{
    enum { MOV_EBX_EAX = 0xc389, JMP_ON = 0x00eb, JZ_ON = 0x0074, FLAGS = FLAG_ZF | FLAG_PF };
    static const uint16_t behind[] = {MOV_EBX_EAX, JMP_ON, JZ_ON};
    for (unsigned i = 0; i < G_N_ELEMENTS(behind); i++)
        for (unsigned translated = 0; translated < 2; translated++)
            g_assert_cmphex(pushed_flags(translated, code, first, behind[i]), ==,
                            FLAGS | FLAG_IF | 2);
}

static void in_the_frame(void)
{
    check(CODE, CODE);
}

/* There is a block that starts behind the STI: the one with the STI goes on into it. */
static void before_a_block(void)
{
    check(CODE, CODE + BEHIND_STI);
}

/* STI is the last instruction of a page, and so of its block. */
static void at_the_end_of_a_page(void)
{
    uint64_t code = CODE + PAGE_MASK - STI_AT;
    check(code, code);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/poll_flags/in_the_frame", in_the_frame);
    g_test_add_func("/poll_flags/before_a_block", before_a_block);
    g_test_add_func("/poll_flags/at_the_end_of_a_page", at_the_end_of_a_page);
    return g_test_run();
}
