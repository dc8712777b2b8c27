/* Returns that generated code expects (dbt/x64/indirect.c): they need no look-up, and go nowhere
 * else than the guest's stack says, in the mode and the mapping there is then. */
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, KERNEL = 0x2000, GDT = 0x6000, STACK = 0x8000, RAM = 16 << 20 };
enum { TURNS = 1000, BUDGET = 20000000 };

static void put(TestCpu *t, PhysAddr at, const uint8_t *code, size_t size)
{
    test_poke_bytes(t, at, code, size);
}
#define PUT(t, at, ...) \
    put(t, at, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static TestCpu *machine(CpuMode mode, unsigned cpl)
{
    TestCpu *t = test_cpu_new("max", RAM);
    test_cpu_flat(t, mode, cpl);
    t->cpu->gpr[RSP] = STACK;
    return t;
}

static void translate(TestCpu *t, bool counted)
{
    g_autoptr(GError) err = NULL;
    g_assert_true(
        dbt_attach(t->cpu, &(DbtOptions){.counted = counted, .optimize = OPTIMIZE_NONE}, &err));
}

static void run_from(TestCpu *t, uint64_t rip)
{
    t->cpu->rip = rip;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
}

/* The first run links the call, the second what is behind it. */
static void warm_up(TestCpu *t, uint64_t rip)
{
    for (unsigned run = 0; run < 2; run++)
        run_from(t, rip);
}

static uint64_t returns_handed_over(const TestCpu *t)
{
    uint64_t sum = 0;
    for (unsigned row = 0; row < insn_row_count; row++)
        if (!strcmp(insn_rows[row].name, "RET"))
            sum += translator_of(t->cpu)->stats.interpreted[row];
    return sum;
}

/* Runs the code at CODE so many turns, when it has been run and linked, with an empty jump cache.
 * The number of returns that nobody knew a target for. */
static uint64_t unknown_returns(TestCpu *t, unsigned turns)
{
    uint64_t before = 0;
    for (unsigned run = 0; run < 3; run++) {
        before = returns_handed_over(t);
        mmu_jumps_clear(mmu_context(t->cpu));
        t->cpu->gpr[RSI] = t->cpu->gpr[RDI] = 0;
        t->cpu->gpr[RCX] = turns;
        run_from(t, CODE);
    }
    return returns_handed_over(t) - before;
}

/* --- where the jump cache knows nothing ---------------------------------------------------------- */

static void plain(bool counted)
{
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x04, 0, 0, 0, /* 1000  again: call f */
        0x49, 0x75, 0xf8, 0xf4,       /* 1005  dec ecx; jnz again; hlt */
        0x46, 0xc3);                  /* 1009  f: inc esi; ret */
    translate(t, counted);
    g_assert_cmpuint(unknown_returns(t, TURNS), ==, 0);
    g_assert_cmpuint(t->cpu->gpr[RSI], ==, TURNS);
    test_cpu_free(t);
}

/* The call that gets the instruction pointer leaves a pair behind. */
static void one_left(bool counted)
{
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x04, 0, 0, 0,       /* 1000  again: call f */
        0x49, 0x75, 0xf8, 0xf4,             /* 1005  dec ecx; jnz again; hlt */
        0xe8, 0, 0, 0, 0, 0x5a, 0x01, 0xd6, /* 1009  f: call next; next: pop edx; add esi, edx */
        0xc3);                              /* 1011  ret */
    translate(t, counted);
    g_assert_cmpuint(unknown_returns(t, TURNS), ==, 0);
    g_assert_cmpuint(t->cpu->gpr[RSI], ==, TURNS * (CODE + 14));
    test_cpu_free(t);
}

/* Two levels are left out, each time: the pairs of these stay until there are too many. */
static void many_left(bool counted)
{
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x04, 0, 0, 0,    /* 1000  again: call f */
        0x49, 0x75, 0xf8, 0xf4,          /* 1005  dec ecx; jnz again; hlt */
        0xe8, 0x02, 0, 0, 0, 0x0f, 0x0b, /* 1009  f: call g; ud2 */
        0xe8, 0x02, 0, 0, 0, 0x0f, 0x0b, /* 1010  g: call h; ud2 */
        0x83, 0xc4, 0x08, 0x46, 0xc3);   /* 1017  h: add esp, 8; inc esi; ret */
    translate(t, counted);
    g_assert_cmpuint(unknown_returns(t, TURNS), ==, 1);
    g_assert_cmpuint(t->cpu->gpr[RSI], ==, TURNS);
    test_cpu_free(t);
}

/* Deeper than the host's stack. */
static void deep(bool counted)
{
    enum { DEPTH = 1000000 };
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x01, 0, 0, 0, 0xf4, /* 1000  call f; hlt */
        0x46, 0x49, 0x74, 0x05,             /* 1006  f: inc esi; dec ecx; jz out */
        0xe8, 0xf7, 0xff, 0xff, 0xff,       /* 100a  call f */
        0x47, 0xc3);                        /* 100f  out: inc edi; ret */
    translate(t, counted);
    t->cpu->gpr[RSP] = RAM;
    g_assert_cmpuint(unknown_returns(t, DEPTH), ==, 2);
    g_assert_cmpuint(t->cpu->gpr[RSI], ==, DEPTH);
    g_assert_cmpuint(t->cpu->gpr[RDI], ==, DEPTH);
    g_assert_cmphex(t->cpu->rip, ==, CODE + 6);
    test_cpu_free(t);
}

/* --- elsewhere ----------------------------------------------------------------------------------- */

/* No call expects a return to 0, but below the first pair there is such a one. */
static void to_zero(bool counted)
{
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0x6a, 0, 0xc3);          /* push 0; ret */
    PUT(t, 0, 0xba, 7, 0, 0, 0, 0x49,     /* 0  mov edx, 7; dec ecx */
        0x74, 0x03, 0x6a, 0, 0xc3, 0xf4); /* 6  jz out; push 0; ret; out: hlt */
    translate(t, counted);
    t->cpu->gpr[RCX] = TURNS;
    run_from(t, CODE);
    g_assert_cmphex(t->cpu->rip, ==, 12);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, STACK);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 0);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, 7);
    test_cpu_free(t);
}

/* The code behind the call is written anew by what was called; the call itself stays. */
static void written(bool counted)
{
    enum { CALL = 0x103b, BEHIND = 0x1040, CALLED = 0x1200, FEW = 6 };
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CALL, 0xe8, 0xc0, 0x01, 0, 0,         /* 103b  again: call f */
        0xba, 0x01, 0, 0, 0, 0x01, 0xd6,         /* 1040  mov edx, 1; add esi, edx */
        0x49, 0x75, 0xf1, 0xf4);                 /* 1047  dec ecx; jnz again; hlt */
    PUT(t, CALLED, 0x88, 0x0d, 0x41, 0x10, 0, 0, /* 1200  f: mov [1041], cl */
        0xc3);                                   /* 1206  ret */
    translate(t, counted);
    t->cpu->gpr[RCX] = FEW;
    run_from(t, CALL);
    g_assert_cmpuint(t->cpu->gpr[RSI], ==, FEW * (FEW + 1) / 2);
    test_cpu_free(t);
}

/* What is called maps another page where the call was. */
static void remapped_by(bool counted, const uint8_t *change, size_t size)
{
    enum { DIRECTORY = 0xa000, TABLE = 0x9000, CALLER = 0x10000, OTHER = 0x11000, USABLE = 7 };
    TestCpu *t = machine(CPU_PROTECTED, 0);
    test_poke(t, DIRECTORY, TABLE | USABLE, 4);
    for (unsigned i = 0; i < 1024; i++)
        test_poke(t, TABLE + 4 * i, i << 12 | USABLE, 4);
    PUT(t, CALLER, 0xe8, 0xfb, 0x0f, 0xff, 0xff, /* 10000  call f */
        0xba, 1, 0, 0, 0, 0xf4);                 /* 10005  mov edx, 1; hlt */
    PUT(t, OTHER + 5, 0xba, 2, 0, 0, 0, 0xf4);   /* mov edx, 2; hlt */
    PUT(t, CODE, 0x85, 0xdb, 0x74, 6 + size,     /* 1000  f: test ebx, ebx; jz out */
        0x89, 0x1d, 0x40, 0x90, 0, 0);           /* 1004  mov [9040], ebx */
    put(t, CODE + 10, change, size);
    PUT(t, CODE + 10 + size, 0xc3); /* out: ret */
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    cpu_update_mode(t->cpu);
    translate(t, counted);
    warm_up(t, CALLER);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, 1);
    t->cpu->gpr[RBX] = OTHER | USABLE;
    run_from(t, CALLER);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, 2);
    test_cpu_free(t);
}

static void remapped(bool counted)
{
    static const uint8_t invlpg[] = {0x0f, 0x01, 0x3d, 0, 0, 1, 0},
                         cr3[] = {0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8};
    remapped_by(counted, invlpg, sizeof(invlpg));
    remapped_by(counted, cr3, sizeof(cr3));
}

/* --- in another mode ----------------------------------------------------------------------------- */

/* What is called goes to ring 3, which returns to where the kernel's call would: CLI is not for it.
 */
static void by_iret(bool counted)
{
    enum { USER_STACK = 0x7000 };
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x07, 0, 0, 0,       /* 1000  call f */
        0xfa, 0xba, 1, 0, 0, 0, 0xf4,       /* 1005  cli; mov edx, 1; hlt */
        0x85, 0xdb, 0x74, 0x12,             /* 100c  f: test ebx, ebx; jz out */
        0x6a, 0x23, 0x68, 0x00, 0x70, 0, 0, /* 1010  push 23; push 7000 */
        0x6a, 0x02, 0x6a, 0x1b,             /* 1017  push 2; push 1b */
        0x68, 0x21, 0x10, 0, 0, 0xcf,       /* 101b  push user; iret */
        0xc3, 0xc3);                        /* 1021  user: ret; out: ret */
    test_poke(t, GDT + 0x18, 0x00cffb000000ffff, 8);
    test_poke(t, GDT + 0x20, 0x00cff3000000ffff, 8);
    test_poke(t, USER_STACK, CODE + 5, 4);
    t->cpu->gdtr = (DescriptorTable){.base = GDT, .limit = 0xff};
    translate(t, counted);
    warm_up(t, CODE);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, 1);
    for (unsigned run = 0; run < 3; run++) { /* the last one stays in generated code */
        test_cpu_flat(t, CPU_PROTECTED, 0);
        t->cpu->gpr[RSP] = STACK;
        t->cpu->gpr[RDX] = 0;
        t->cpu->gpr[RBX] = 1;
        run_from(t, CODE);
        g_assert_cmpint(t->cpu->activity, ==, CPU_SHUTDOWN); /* no handler for #GP */
        g_assert_cmpint(t->cpu->cpl, ==, 3);
        g_assert_cmpuint(t->cpu->gpr[RDX], ==, 0);
    }
    test_cpu_free(t);
}

/* The same by SYSRET, which generated code does itself after some turns. */
static void by_sysret(bool counted)
{
    enum { BEHIND = KERNEL + 5 };
    TestCpu *t = machine(CPU_LONG, 3);
    PUT(t, CODE, 0x0f, 0x05, 0xc3);               /* syscall; ret */
    PUT(t, KERNEL, 0xe8, 0x0c, 0, 0, 0,           /* 2000  call f */
        0xfa, 0xff, 0xc2,                         /* 2005  cli; inc edx */
        0x41, 0xbb, 2, 0, 0, 0,                   /* 2008  mov r11d, 2 */
        0x48, 0x0f, 0x07,                         /* 200e  sysretq */
        0xff, 0xcb, 0xf6, 0xc3, 0x03, 0x74, 0x0d, /* 2011  f: dec ebx; test bl, 3; jz out */
        0x48, 0x83, 0xc4, 0x08,                   /* 2018  add rsp, 8 */
        0x41, 0xbb, 2, 0, 0, 0,                   /* 201c  mov r11d, 2 */
        0x48, 0x0f, 0x07,                         /* 2022  sysretq */
        0xc3);                                    /* 2025  out: ret */
    Cpu *cpu = t->cpu;
    cpu->efer |= EFER_SCE;
    cpu->star = (uint64_t)0x18 << 48 | (uint64_t)0x8 << 32;
    cpu->lstar = KERNEL;
    cpu_update_mode(cpu);
    for (unsigned i = 0; i < TURNS; i++)
        test_poke(t, STACK + 8 * i, CODE, 8);
    test_poke(t, STACK + 8 * TURNS, BEHIND, 8);
    translate(t, counted);
    cpu->gpr[RDX] = 0;
    cpu->gpr[RBX] = TURNS; /* in every fourth turn f returns */
    run_from(t, CODE);
    g_assert_cmpint(cpu->activity, ==, CPU_SHUTDOWN);
    g_assert_cmpint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->rip, ==, BEHIND);
    g_assert_cmphex(cpu->gpr[RSP], ==, STACK + 8 * (TURNS + 1));
    g_assert_cmpuint(cpu->gpr[RDX], ==, TURNS / 4);
    test_cpu_free(t);
}

/* --- interrupts ---------------------------------------------------------------------------------- */

static int give_vector(void *opaque)
{
    return 0x40;
}

/* STI holds off until behind the return, and not longer. */
static void sti(bool counted)
{
    enum { HANDLER = 0x3000, IDT = 0x5000 };
    static const IntcOps ops = {.acknowledge = give_vector};
    TestCpu *t = machine(CPU_PROTECTED, 0);
    PUT(t, CODE, 0xe8, 0x03, 0, 0, 0, /* 1000  call f */
        0x42, 0x42, 0xf4,             /* 1005  inc edx; inc edx; hlt */
        0xfb, 0xc3);                  /* 1008  f: sti; ret */
    PUT(t, HANDLER, 0xf4);
    test_poke(t, IDT + 0x40 * 8, 0x00008e0000080000 | HANDLER, 8);
    test_poke(t, GDT + 8, 0x00cf9b000000ffff, 8);
    t->cpu->idtr = (DescriptorTable){.base = IDT, .limit = 0x7ff};
    t->cpu->gdtr = (DescriptorTable){.base = GDT, .limit = 0xff};
    t->cpu->bus.intc_ops = &ops;
    translate(t, counted);
    warm_up(t, CODE);
    t->cpu->eflags &= ~FLAG_IF;
    t->cpu->gpr[RDX] = 0;
    cpu_set_line(t->cpu, CPU_LINE_INTR, 1);
    run_from(t, CODE);
    g_assert_cmphex(t->cpu->rip, ==, HANDLER + 1);
    g_assert_cmphex(test_peek(t, STACK - 12, 4), ==, CODE + 5);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, 0);
    test_cpu_free(t);
}

/* --- running ------------------------------------------------------------------------------------- */

static void test_both(gconstpointer body)
{
    void (*test)(bool counted) = body;
    test(false);
    test(true);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_data_func("/returns/plain", plain, test_both);
    g_test_add_data_func("/returns/one_left", one_left, test_both);
    g_test_add_data_func("/returns/many_left", many_left, test_both);
    g_test_add_data_func("/returns/deep", deep, test_both);
    g_test_add_data_func("/returns/to_zero", to_zero, test_both);
    g_test_add_data_func("/returns/written", written, test_both);
    g_test_add_data_func("/returns/remapped", remapped, test_both);
    g_test_add_data_func("/returns/by_iret", by_iret, test_both);
    g_test_add_data_func("/returns/by_sysret", by_sysret, test_both);
    g_test_add_data_func("/returns/sti", sti, test_both);
    return g_test_run();
}
