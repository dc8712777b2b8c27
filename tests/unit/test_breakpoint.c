/* Breakpoints, watchpoints and steps of a debugger outside: where the CPU stops, that it goes on,
 * and that the guest sees nothing. */
#include "cpu/block.h"
#include "cpu/breakpoint.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, DATA = 0x8000, STACK = 0x9000, ENOUGH = 100000 };

static TestCpu *with_code(const void *code, size_t size)
{
    TestCpu *t = test_cpu_new("max", 4 * MIB);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    address_space_write(&t->board->memory, CODE, code, size);
    t->cpu->rip = CODE;
    t->cpu->gpr[RAX] = 0;
    t->cpu->gpr[RSP] = STACK;
    return t;
}
#define WITH_CODE(...) \
    with_code((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void insert(TestCpu *t, BreakpointKind kind, LinAddr la, uint64_t size)
{
    const Breakpoint b = {kind, la, size};
    g_assert_true(breakpoint_insert(t->cpu, &b));
}

static void remove_one(TestCpu *t, BreakpointKind kind, LinAddr la, uint64_t size)
{
    const Breakpoint b = {kind, la, size};
    g_assert_true(breakpoint_remove(t->cpu, &b));
    g_assert_false(breakpoint_remove(t->cpu, &b));
}

/* Runs, and it stops for this. */
static void assert_stops(TestCpu *t, CpuStopKind kind, LinAddr la, uint64_t rip)
{
    cpu_run(t->cpu, ENOUGH);
    g_assert_cmpint(t->cpu->stop.kind, ==, kind);
    g_assert_cmphex(t->cpu->stop.la, ==, la);
    g_assert_cmphex(t->cpu->rip, ==, rip);
    t->cpu->stop.kind = STOP_NONE;
}

/* inc eax; inc ecx; inc edx; jmp CODE */
#define LOOP 0x40, 0x41, 0x42, 0xeb, 0xfb

/* In the middle of a block that was already running; then once a turn. */
static void breaks(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    g_assert_cmpuint(cpu_run(t->cpu, 40), ==, 40);
    g_assert_cmpint(t->cpu->stop.kind, ==, STOP_NONE);
    insert(t, BREAKPOINT_SOFTWARE, CODE + 2, 1);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_stops(t, STOP_BREAKPOINT, CODE + 2, CODE + 2);
        g_assert_cmpuint(t->cpu->gpr[RAX], ==, 11 + turn);
    }
    insert(t, BREAKPOINT_HARDWARE, CODE, 1);
    assert_stops(t, STOP_HARDWARE_BREAKPOINT, CODE, CODE);
    remove_one(t, BREAKPOINT_HARDWARE, CODE, 1);
    assert_stops(t, STOP_BREAKPOINT, CODE + 2, CODE + 2);
    remove_one(t, BREAKPOINT_SOFTWARE, CODE + 2, 1);
    g_assert_cmpuint(cpu_run(t->cpu, ENOUGH), ==, ENOUGH);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED);
    test_cpu_free(t);
}

/* Not between instructions: never reached. */
static void breaks_inside_instruction(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    insert(t, BREAKPOINT_SOFTWARE, CODE + 4, 1);
    g_assert_cmpuint(cpu_run(t->cpu, ENOUGH), ==, ENOUGH);
    g_assert_cmpint(t->cpu->stop.kind, ==, STOP_NONE);
    test_cpu_free(t);
}

/* The linear address counts, not where its bytes lie: CS.base moves. */
static void breaks_by_linear_address(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    Segment *cs = &t->cpu->seg[SEG_CS];
    cs->base = 0x800;
    segment_update(cs);
    t->cpu->rip = CODE - 0x800;
    insert(t, BREAKPOINT_SOFTWARE, CODE + 1, 1);
    assert_stops(t, STOP_BREAKPOINT, CODE + 1, CODE + 1 - 0x800);
    test_cpu_free(t);
}

/* A repeated instruction is met once, however many turns of the run loop it takes. */
static void breaks_once_at_repeat(void)
{
    TestCpu *t = WITH_CODE(0xf3, 0xa4, 0x40, 0xeb, 0xfe); /* rep movsb; inc eax; jmp $ */
    t->cpu->gpr[RSI] = 0x10000;
    t->cpu->gpr[RDI] = 0x20800;
    t->cpu->gpr[RCX] = 5 * PAGE_SIZE;
    insert(t, BREAKPOINT_SOFTWARE, CODE, 1);
    insert(t, BREAKPOINT_SOFTWARE, CODE + 2, 1);
    assert_stops(t, STOP_BREAKPOINT, CODE, CODE);
    assert_stops(t, STOP_BREAKPOINT, CODE + 2, CODE + 2);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 0);
    test_cpu_free(t);
}

/* With the guest's TF and RF the place is the same, and both are kept. */
static void keeps_flags(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    insert(t, BREAKPOINT_SOFTWARE, CODE, 1);
    eflags_set(t->cpu, FLAG_TF | FLAG_RF);
    assert_stops(t, STOP_BREAKPOINT, CODE, CODE);
    g_assert_cmphex(t->cpu->eflags & (FLAG_TF | FLAG_RF), ==, FLAG_TF | FLAG_RF);
    g_assert_cmphex(t->cpu->pending_db, ==, 0);
    test_cpu_free(t);
}

/* mov [DATA], eax; mov ecx, [DATA]; inc eax; jmp CODE */
#define TOUCH 0xa3, 0x00, 0x80, 0, 0, 0x8b, 0x0d, 0x00, 0x80, 0, 0, 0x40, 0xeb, 0xf2

/* After the instruction, by kind of access; a byte of it is enough, its neighbours are not. */
static void watches(void)
{
    TestCpu *t = WITH_CODE(TOUCH);
    g_assert_cmpuint(cpu_run(t->cpu, 40), ==, 40); /* the page is in the TLB */
    insert(t, WATCHPOINT_WRITE, DATA + 3, 1);
    assert_stops(t, STOP_WATCH_WRITE, DATA + 3, CODE + 5);
    assert_stops(t, STOP_WATCH_WRITE, DATA + 3, CODE + 5);
    remove_one(t, WATCHPOINT_WRITE, DATA + 3, 1);
    insert(t, WATCHPOINT_READ, DATA - 8, 9);
    assert_stops(t, STOP_WATCH_READ, DATA - 8, CODE + 11);
    assert_stops(t, STOP_WATCH_READ, DATA - 8, CODE + 11);
    remove_one(t, WATCHPOINT_READ, DATA - 8, 9);
    insert(t, WATCHPOINT_ACCESS, DATA, 8);
    assert_stops(t, STOP_WATCH_ACCESS, DATA, CODE + 5);
    assert_stops(t, STOP_WATCH_ACCESS, DATA, CODE + 11);
    remove_one(t, WATCHPOINT_ACCESS, DATA, 8);
    insert(t, WATCHPOINT_ACCESS, DATA + 4, 1);
    insert(t, WATCHPOINT_ACCESS, DATA - 1, 1);
    g_assert_cmpuint(cpu_run(t->cpu, ENOUGH), ==, ENOUGH);
    g_assert_cmpint(t->cpu->stop.kind, ==, STOP_NONE);
    breakpoint_remove_all(t->cpu);
    g_assert_cmphex(t->cpu->dr[6], ==, DR6_FIXED);
    test_cpu_free(t);
}

/* One instruction, whatever is on it; an interrupt waits if it is told to. */
static void steps(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    insert(t, BREAKPOINT_SOFTWARE, CODE, 1);
    for (unsigned i = 0; i < 3; i++) {
        cpu_step(t->cpu, false);
        g_assert_cmpint(t->cpu->stop.kind, ==, STOP_STEP);
        g_assert_cmphex(t->cpu->rip, ==, CODE + i + 1);
        t->cpu->stop.kind = STOP_NONE;
    }
    t->cpu->idtr.limit = 0; /* an NMI would be a triple fault */
    cpu_kick(t->cpu, PENDING_NMI);
    cpu_step(t->cpu, false);
    g_assert_cmphex(t->cpu->rip, ==, CODE);
    g_assert_cmpuint(t->triple_faults, ==, 0);
    cpu_step(t->cpu, true);
    g_assert_cmpuint(t->triple_faults, ==, 1);
    test_cpu_free(t);
}

/* A CPU that waits does not step. */
static void steps_halt(void)
{
    TestCpu *t = WITH_CODE(0xf4, 0x90); /* hlt; nop */
    cpu_step(t->cpu, false);
    g_assert_cmpint(t->cpu->stop.kind, ==, STOP_STEP);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    t->cpu->stop.kind = STOP_NONE;
    cpu_step(t->cpu, false);
    g_assert_cmpint(t->cpu->stop.kind, ==, STOP_NONE);
    test_cpu_free(t);
}

static void has_bounds(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        insert(t, BREAKPOINT_SOFTWARE, 0x100000 + i, 1);
    insert(t, BREAKPOINT_SOFTWARE, 0x100000, 1); /* there already */
    const Breakpoint more = {BREAKPOINT_SOFTWARE, CODE, 1};
    g_assert_false(breakpoint_insert(t->cpu, &more));
    test_cpu_free(t);
}

/* What was decoded without breakpoints is still there when they are gone, and pages without any
 * keep their fetch tags. */
static void costs_nothing_elsewhere(void)
{
    TestCpu *t = WITH_CODE(LOOP);
    insert(t, BREAKPOINT_SOFTWARE, CODE + PAGE_SIZE, 1);
    cpu_run(t->cpu, 40);
    uint64_t bytes = code_cache_bytes(t->cpu->code);
    LinAddr page = CODE & ~PAGE_MASK;
    g_assert_cmphex(t->cpu->tlb[page >> PAGE_SHIFT].fetch, ==, page);
    remove_one(t, BREAKPOINT_SOFTWARE, CODE + PAGE_SIZE, 1);
    g_assert_null(t->cpu->breakpoints);
    cpu_run(t->cpu, 40);
    g_assert_cmpuint(code_cache_bytes(t->cpu->code), ==, bytes);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/breakpoint/breaks", breaks);
    g_test_add_func("/breakpoint/inside-instruction", breaks_inside_instruction);
    g_test_add_func("/breakpoint/linear-address", breaks_by_linear_address);
    g_test_add_func("/breakpoint/once-at-repeat", breaks_once_at_repeat);
    g_test_add_func("/breakpoint/keeps-flags", keeps_flags);
    g_test_add_func("/breakpoint/watches", watches);
    g_test_add_func("/breakpoint/steps", steps);
    g_test_add_func("/breakpoint/steps-halt", steps_halt);
    g_test_add_func("/breakpoint/bounds", has_bounds);
    g_test_add_func("/breakpoint/costs-nothing-elsewhere", costs_nothing_elsewhere);
    return g_test_run();
}
