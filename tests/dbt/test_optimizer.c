/* Hot blocks, made without waiting for samples: paths through branches, calls and returns; TLB
 * slots and what empties them; code that is rewritten around the moment at which it is written
 * again. */
#include <signal.h>

#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/mmu.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/optimizer.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum {
    RAM = 1 << 20,
    CODE = 0x1000,
    ALIAS = 0x21000, /* where CODE's page is mapped once more, in paged machines */
    DATA = 0x4000,
    OTHER = 0x6000,
    AWAY = 0x30000, /* what is mapped behind DATA's page */
    STACK = 0x8000,
    DIRECTORY = 0xa000,
    TABLE = 0xb000,
    DIRECTORY2 = 0xc000, /* another space: DATA is OTHER there */
    TABLE2 = 0xd000,
    PRESENT_WRITABLE = 3,
    GLOBAL = 0x100,
    BUDGET = 1000000,
};

static TestCpu *machine_of(const DbtOptions *options, const uint8_t *program, size_t size)
{
    TestCpu *t = test_cpu_new("max", RAM);
    g_autoptr(GError) err = NULL;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke_bytes(t, CODE, program, size);
    g_assert_true(dbt_attach(t->cpu, options, &err));
    return t;
}

static TestCpu *machine(const uint8_t *program, size_t size)
{
    return machine_of(&(DbtOptions){.counted = true}, program, size);
}

static Translator *translator(TestCpu *t)
{
    return translator_of(t->cpu);
}

static Optimizer *optimizer(TestCpu *t)
{
    return translator(t)->optimizer;
}

static void map(TestCpu *t, PhysAddr table, LinAddr la, uint32_t entry)
{
    test_poke(t, table + (la >> PAGE_SHIFT) * 4, entry, 4);
}

static void turn_on_paging(TestCpu *t)
{
    test_poke(t, DIRECTORY, TABLE | PRESENT_WRITABLE, 4);
    test_poke(t, DIRECTORY2, TABLE2 | PRESENT_WRITABLE, 4);
    for (LinAddr la = 0; la < RAM; la += PAGE_SIZE) {
        map(t, TABLE, la, la | PRESENT_WRITABLE);
        map(t, TABLE2, la, la | PRESENT_WRITABLE);
    }
    map(t, TABLE, ALIAS, CODE | PRESENT_WRITABLE);
    map(t, TABLE2, DATA, OTHER | PRESENT_WRITABLE);
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG | CR0_WP;
    t->cpu->cr4 |= CR4_PGE;
    cpu_update_mode(t->cpu);
    tlb_flush_all(t->cpu);
}

/* From CODE to the program's HLT. */
static void run(TestCpu *t)
{
    Cpu *cpu = t->cpu;
    cpu->rip = CODE;
    cpu->gpr[RSP] = STACK;
    cpu->activity = CPU_RUNNING;
    cpu_run(cpu, BUDGET);
    g_assert_cmpint(cpu->activity, ==, CPU_HALTED);
}

static uint32_t run_with(TestCpu *t, uint32_t eax, uint32_t ecx)
{
    t->cpu->gpr[RAX] = eax;
    t->cpu->gpr[RCX] = ecx;
    run(t);
    return t->cpu->gpr[RAX];
}

/* The block at rip that is in the cache. */
static uint32_t block_at(TestCpu *t, uint64_t rip)
{
    const Translator *tr = translator(t);
    for (unsigned kind = 0; kind < SPACE_COUNT; kind++)
        for (uint32_t i = tr->space[kind].first.block; i < tr->space[kind].next.block; i++)
            if (tr->blocks[i].rip == rip && !tr->blocks[i].dropped && !tr->blocks[i].is_tail)
                return i;
    return 0;
}

static bool is_hot(TestCpu *t, uint32_t block)
{
    return block >= translator(t)->space[SPACE_HOT].first.block;
}

/* The block at rip is hot the next time it comes. */
static void note(TestCpu *t, uint64_t rip)
{
    uint32_t block = block_at(t, rip);
    g_assert_cmpuint(block, !=, 0);
    optimizer_note(optimizer(t), block);
    optimizer_note(optimizer(t), block);
}

static void finish(TestCpu *t)
{
    optimizer_wait(optimizer(t));
    optimizer_attend(optimizer(t));
}

/* Has the block at rip written again, in two runs. */
static const Block *heat(TestCpu *t, uint64_t rip, uint32_t eax, uint32_t ecx)
{
    run_with(t, eax, ecx);
    note(t, rip);
    run_with(t, eax, ecx);
    finish(t);
    uint32_t block = block_at(t, rip);
    g_assert_true(is_hot(t, block));
    return &translator(t)->blocks[block];
}

/* --- paths --------------------------------------------------------------------------------------- */

/* Adds 3 to EAX in each round while EAX is even in bit 8, else 5. */
static const uint8_t winding[] = {
    0xa9, 0x00, 0x01, 0x00, 0x00, /* 1000  again: test eax, 100h */
    0x74, 0x06,                   /* 1005  jz even */
    0x83, 0xc0, 0x05,             /* 1007  add eax, 5 */
    0xeb, 0x08,                   /* 100a  jmp behind */
    0xf4,                         /* 100c */
    0xe8, 0x47, 0x00, 0x00, 0x00, /* 100d  even: call three */
    0x90, 0x90,                   /* 1012 */
    0x49,                         /* 1014  behind: dec ecx */
    0x75, 0xe9,                   /* 1015  jnz again */
    0xf4,                         /* 1017  hlt */
};
/* In another granule of 64 bytes. */
enum { THREE = 0x1059, ADD_THREE = THREE + 2 };
static const uint8_t three[] = {
    0x83, 0xc0, 0x03, /* 1059  three: add eax, 3 */
    0xc3,             /* 105c  ret */
};

static TestCpu *winding_machine(void)
{
    TestCpu *t = machine(winding, sizeof(winding));
    test_poke_bytes(t, THREE, three, sizeof(three));
    return t;
}

static uint32_t wind(uint32_t eax, uint32_t ecx)
{
    while (ecx--)
        eax += eax & 0x100 ? 5 : 3;
    return eax;
}

static void test_path(void)
{
    TestCpu *t = winding_machine();
    const Block *hot = heat(t, CODE, 0, 20);
    g_assert_cmpuint(hot->insn_count, ==, 9); /* both no-operations too */
    for (uint32_t eax = 0; eax < 0x400; eax += 0x37)
        for (uint32_t rounds = 1; rounds < 200; rounds += 61)
            g_assert_cmphex(run_with(t, eax, rounds), ==, wind(eax, rounds));
    g_assert_cmpuint(optimizer_stats(optimizer(t))->blocks, ==, 1);
    test_cpu_free(t);
}

/* Cut anywhere, a run has done what its number of instructions do. */
static void test_cut(void)
{
    TestCpu *t = winding_machine(), *interpreted = winding_machine();
    cpu_set_engine(interpreted->cpu, &interpreter_engine, NULL);
    heat(t, CODE, 0, 20);
    TestCpu *const both[] = {t, interpreted};
    for (unsigned most = 1; most < 120; most++) {
        for (unsigned i = 0; i < 2; i++) {
            Cpu *cpu = both[i]->cpu;
            cpu->rip = CODE;
            cpu->gpr[RSP] = STACK;
            cpu->gpr[RAX] = 0xf0;
            cpu->gpr[RCX] = 20;
            cpu->activity = CPU_RUNNING;
            g_assert_cmpuint(cpu_run(cpu, most), ==, most);
        }
        g_assert_cmphex(t->cpu->rip, ==, interpreted->cpu->rip);
        for (unsigned r = 0; r < 8; r++)
            g_assert_cmphex(t->cpu->gpr[r], ==, interpreted->cpu->gpr[r]);
    }
    test_cpu_free(t);
    test_cpu_free(interpreted);
}

/* Calls; what is called adds EBX to the address that it returns to. */
static const uint8_t returning[] = {
    0x49,                         /* 1000  again: dec ecx */
    0x74, 0x0a,                   /* 1001  jz end */
    0xe8, 0x09, 0x00, 0x00, 0x00, /* 1003  call f */
    0x40,                         /* 1008  inc eax */
    0x40,                         /* 1009  inc eax */
    0xeb, 0xf4,                   /* 100a  jmp again */
    0x90,                         /* 100c */
    0xf4,                         /* 100d  end: hlt */
    0x90, 0x90, 0x90,             /* 100e */
    0x01, 0x1c, 0x24,             /* 1011  f: add [esp], ebx */
    0xc3,                         /* 1014  ret */
    0x83, 0xc0, 0x10,             /* 1015  add eax, 10h */
    0xeb, 0xee,                   /* 1018  jmp 1008 */
};

static void test_return(void)
{
    TestCpu *t = machine(returning, sizeof(returning));
    t->cpu->gpr[RBX] = 0;
    const Block *hot = heat(t, CODE, 0, 50);
    g_assert_cmpuint(hot->insn_count, ==, 8);
    g_assert_cmphex(run_with(t, 0, 11), ==, 20);
    t->cpu->gpr[RBX] = 1; /* over one of the two */
    g_assert_cmphex(run_with(t, 0, 11), ==, 10);
    t->cpu->gpr[RBX] = 0x1015 - 0x1008; /* to the byte behind RET */
    g_assert_cmphex(run_with(t, 0, 11), ==, 10 * 0x12);
    test_cpu_free(t);
}

/* Nothing behind a HLT on the path runs before something wakes the CPU. */
static void test_halt(void)
{
    static const uint8_t halting[] = {
        0x40, /* 1000  inc eax */
        0xf4, /* 1001  hlt */
        0x40, /* 1002  inc eax */
        0xf4, /* 1003  hlt */
    };
    TestCpu *t = machine(halting, sizeof(halting));
    run_with(t, 0, 0);
    note(t, CODE);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(run_with(t, 0, 0), ==, 1);
        g_assert_cmphex(t->cpu->rip, ==, CODE + 2);
        finish(t);
    }
    g_assert_true(is_hot(t, block_at(t, CODE)));
    test_cpu_free(t);
}

/* A branch that was linked past the saving of the flags saves them when its target is taken away.
 */
static void test_unlinked_flags(void)
{
    static const uint8_t code[] = {
        0x39, 0xc8, /* 1000  cmp eax, ecx: carry */
        0x75, 0x01, /* 1002  jne there */
        0xf4,       /* 1004 */
        0x40,       /* 1005  there: inc eax, which leaves the carry alone */
        0x19, 0xd2, /* 1006  sbb edx, edx */
        0xf4,       /* 1008  hlt */
    };
    TestCpu *t = machine_of(&(DbtOptions){0}, code,
                            sizeof(code)); /* where exits are counted, none is */
    for (unsigned n = 0; n < 4; n++) {
        flags_set_arith(t->cpu, 0);
        run_with(t, 1, 2);
        g_assert_cmphex((uint32_t)t->cpu->gpr[RDX], ==, UINT32_MAX);
        if (n == 2)
            note(t, CODE + 5);
    }
    test_cpu_free(t);
}

/* --- slots --------------------------------------------------------------------------------------- */

/* Reads [EBX] into EAX and adds it up in EDX, and writes EDX to [ESI]. */
static const uint8_t touching[] = {
    0x8b, 0x03, /* 1000  again: mov eax, [ebx] */
    0x01, 0xc2, /* 1002  add edx, eax */
    0x89, 0x16, /* 1004  mov [esi], edx */
    0x49,       /* 1006  dec ecx */
    0x75, 0xf7, /* 1007  jnz again */
    0xf4,       /* 1009  hlt */
};

static uint32_t touch(TestCpu *t, LinAddr from, LinAddr to)
{
    t->cpu->gpr[RBX] = from;
    t->cpu->gpr[RSI] = to;
    t->cpu->gpr[RDX] = 0;
    run_with(t, 0, 1);
    return t->cpu->gpr[RAX];
}

static TestCpu *touching_machine(void)
{
    TestCpu *t = machine(touching, sizeof(touching));
    turn_on_paging(t);
    map(t, TABLE, DATA + PAGE_SIZE, AWAY | PRESENT_WRITABLE);
    test_poke(t, DATA, 0x11111111, 4);
    test_poke(t, OTHER, 0x22222222, 4);
    t->cpu->gpr[RBX] = DATA;
    t->cpu->gpr[RSI] = STACK;
    heat(t, CODE, 0, 50);
    g_assert_cmphex(touch(t, DATA, STACK), ==, 0x11111111);
    return t;
}

static uint64_t misses(TestCpu *t)
{
    uint64_t sum = 0;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        sum += mmu_slot_misses(t->cpu, slot);
    return sum;
}

static void test_slot_hits(void)
{
    TestCpu *t = touching_machine();
    g_assert_cmpuint(translator(t)->space[SPACE_HOT].next.slot, >=, 2);
    uint64_t before = misses(t);
    touch(t, DATA + 5, STACK + 7);
    touch(t, DATA + PAGE_SIZE - 4, STACK);
    g_assert_cmpuint(misses(t), ==, before);
    /* Across the end: neither from the slot nor into it. */
    test_poke(t, DATA + PAGE_SIZE - 3, 0x665544, 3);
    test_poke(t, AWAY, 0x77, 1);
    g_assert_cmphex(touch(t, DATA + PAGE_SIZE - 3, STACK), ==, 0x77665544);
    g_assert_cmpuint(misses(t), ==, before);
    touch(t, OTHER, STACK);
    g_assert_cmpuint(misses(t), ==, before + 1);
    test_cpu_free(t);
}

static void test_slot_invlpg(void)
{
    TestCpu *t = touching_machine();
    map(t, TABLE, DATA, OTHER | PRESENT_WRITABLE);
    tlb_flush_page(t->cpu, DATA);
    g_assert_cmphex(touch(t, DATA, STACK), ==, 0x22222222);
    test_cpu_free(t);
}

static void test_slot_cr3(void)
{
    TestCpu *t = touching_machine();
    t->cpu->cr3 = DIRECTORY2;
    tlb_flush_non_global(t->cpu);
    g_assert_cmphex(touch(t, DATA, STACK), ==, 0x22222222);
    /* A global page stays what it was. */
    map(t, TABLE2, DATA, OTHER | PRESENT_WRITABLE | GLOBAL);
    tlb_flush_all(t->cpu);
    touch(t, DATA, STACK);
    t->cpu->cr3 = DIRECTORY;
    tlb_flush_non_global(t->cpu);
    g_assert_cmphex(touch(t, DATA, STACK), ==, 0x22222222);
    tlb_flush_all(t->cpu);
    g_assert_cmphex(touch(t, DATA, STACK), ==, 0x11111111);
    test_cpu_free(t);
}

/* Read-only: the store faults, and there is no handler. */
static void test_slot_readonly(void)
{
    TestCpu *t = touching_machine();
    touch(t, DATA, OTHER);
    map(t, TABLE, OTHER, OTHER | 1);
    tlb_flush_page(t->cpu, OTHER);
    t->cpu->gpr[RBX] = DATA;
    t->cpu->gpr[RCX] = 1;
    t->cpu->rip = CODE;
    t->cpu->activity = CPU_RUNNING;
    cpu_run(t->cpu, BUDGET);
    g_assert_cmpuint(t->triple_faults, ==, 1);
    g_assert_cmphex(t->cpu->cr2, ==, OTHER);
    test_cpu_free(t);
}

/* A page that was written through a slot becomes code; a store then is seen by the code. */
static void test_slot_code(void)
{
    static const uint8_t elsewhere[] = {0xb8, 0x01, 0x00, 0x00, 0x00, 0xf4}; /* mov eax, 1; hlt */
    TestCpu *t = touching_machine();
    touch(t, DATA, OTHER + 0x10);
    test_poke_bytes(t, OTHER + 0x100, elsewhere, sizeof(elsewhere));
    for (uint32_t n = 1; n < 4; n++) {
        t->cpu->rip = OTHER + 0x100;
        t->cpu->activity = CPU_RUNNING;
        cpu_run(t->cpu, BUDGET);
        g_assert_cmphex(t->cpu->gpr[RAX], ==, n == 1 ? 1 : n * 0x01010101);
        test_poke(t, DATA, (n + 1) * 0x01010101, 4);
        touch(t, DATA, OTHER + 0x101);
    }
    test_cpu_free(t);
}

/* Too many misses: written once more without the slot. */
static void test_remade(void)
{
    TestCpu *t = touching_machine();
    /* ESI moves on by pages and comes back */
    static const uint8_t wide[] = {
        0x8b, 0x03,                         /* again: mov eax, [ebx] */
        0x81, 0xf3, 0x00, 0x20, 0x00, 0x00, /* xor ebx, 2000h */
        0x49,                               /* dec ecx */
        0x75, 0xf5,                         /* jnz again */
        0xf4,
    };
    test_poke_bytes(t, CODE, wide, sizeof(wide));
    t->cpu->gpr[RBX] = DATA;
    heat(t, CODE, 0, 1000);
    t->cpu->gpr[RBX] = DATA;
    run_with(t, 0, 100001);
    note(t, CODE);
    g_assert_cmpuint(optimizer_stats(optimizer(t))->remade, ==, 1);
    finish(t);
    uint64_t before = misses(t);
    t->cpu->gpr[RBX] = DATA;
    g_assert_cmphex(run_with(t, 0, 100002), ==, 0x22222222);
    g_assert_cmpuint(misses(t), ==, before);
    test_cpu_free(t);
}

/* --- code that changes --------------------------------------------------------------------------- */

enum { PATH_INSNS = 9 }; /* of `winding`, once through */

/* The path is noted, and the other thread begins; whatever it does is not looked at yet. */
static void begin(TestCpu *t)
{
    Cpu *cpu = t->cpu;
    run_with(t, 0, 20);
    note(t, CODE);
    cpu->rip = CODE;
    cpu->gpr[RAX] = 0;
    cpu->gpr[RCX] = 20;
    cpu->gpr[RSP] = STACK;
    cpu->activity = CPU_RUNNING;
    g_assert_cmpuint(cpu_run(cpu, PATH_INSNS), ==, PATH_INSNS);
    g_assert_cmphex(cpu->rip, ==, CODE);
}

/* The path's bytes are written before or after it is in the cache, directly or by an alias. */
static void change(bool before_end, bool by_alias)
{
    TestCpu *t = winding_machine();
    turn_on_paging(t);
    begin(t);
    optimizer_wait(optimizer(t));
    if (!before_end)
        optimizer_attend(optimizer(t));
    if (by_alias)
        mem_store(t->cpu, ALIAS + (ADD_THREE & PAGE_MASK), 7, 1);
    else
        test_poke(t, ADD_THREE, 7, 1);
    g_assert_cmphex(run_with(t, 0, 20), ==, 20 * 7);
    const OptimizerStats *stats = optimizer_stats(optimizer(t));
    g_assert_cmpuint(stats->stale, ==, before_end);
    g_assert_cmpuint(stats->blocks, ==, !before_end);
    test_cpu_free(t);
}

static void test_changed_after(void)
{
    change(false, false);
    change(false, true);
}

static void test_changed_meanwhile(void)
{
    change(true, false);
    change(true, true);
}

/* A hot block is dropped by what it has called. What is linked then is the block behind the return,
 * and nothing of the dropped one's, for its exits' numbers are given away again. */
static void test_dropped_in_call(void)
{
    static const uint8_t calling[] = {
        0xe8, 0xfb, 0x1f, 0x00, 0x00, /* 1000  again: call store */
        0x40,                         /* 1005  inc eax */
        0x49,                         /* 1006  dec ecx */
        0x75, 0xf7,                   /* 1007  jnz again */
        0xf4,                         /* 1009  hlt */
    };
    static const uint8_t store[] = {0x89, 0x13, 0xc3}; /* mov [ebx], edx; ret */
    enum { STORE = 0x3000, BESIDE = CODE + 0x20 };
    TestCpu *t = machine(calling, sizeof(calling));
    test_poke_bytes(t, STORE, store, sizeof(store));
    t->cpu->gpr[RBX] = DATA;
    const Block *hot = heat(t, CODE, 0, 20);
    run_with(t, 0, 2); /* links the call */
    t->cpu->gpr[RBX] = BESIDE;
    g_assert_cmphex(run_with(t, 0, 1), ==, 1);
    g_assert_true(hot->dropped);
    for (unsigned i = 0; i < hot->exit_count; i++)
        g_assert_cmpuint(translator(t)->exits[hot->first_exit + i].target, ==, 0);
    test_cpu_free(t);
}

/* --- the hot space ------------------------------------------------------------------------------- */

/* Many loops, each of them hot, until the slots run out, and again. */
static void test_emptied(void)
{
    enum { LOOPS = 600, DISTANCE = 64 };
    TestCpu *t = machine(touching, sizeof(touching));
    for (unsigned n = 0; n < LOOPS; n++)
        test_poke_bytes(t, 0x10000 + n * DISTANCE, touching, sizeof(touching));
    for (unsigned n = 0; n < 2 * LOOPS; n++)
        for (unsigned times = 0; times < 3; times++) {
            LinAddr at = 0x10000 + n % LOOPS * DISTANCE;
            Cpu *cpu = t->cpu;
            cpu->rip = at;
            cpu->gpr[RBX] = DATA;
            cpu->gpr[RSI] = OTHER;
            cpu->gpr[RDX] = 0;
            cpu->gpr[RCX] = 10;
            cpu->activity = CPU_RUNNING;
            test_poke(t, DATA, n, 4);
            cpu_run(cpu, BUDGET);
            g_assert_cmpuint(test_peek(t, OTHER, 4), ==, 10 * n);
            if (times == 0 && !is_hot(t, block_at(t, at)))
                note(t, at);
            finish(t);
        }
    const OptimizerStats *stats = optimizer_stats(optimizer(t));
    g_assert_cmpuint(stats->emptied, >=, 1);
    g_assert_cmpuint(stats->blocks, >, LOOPS);
    test_cpu_free(t);
}

/* Everything goes while the other thread writes. */
static void test_flushed(void)
{
    TestCpu *t = winding_machine();
    for (unsigned n = 0; n < 50; n++) {
        begin(t);
        code_cache_flush(t->cpu->code);
        g_assert_cmphex(run_with(t, 0, 20), ==, 60);
        g_assert_false(is_hot(t, block_at(t, CODE)));
    }
    g_assert_cmpuint(optimizer_stats(optimizer(t))->stale, ==, 50);
    test_cpu_free(t);
}

static void test_freed(void)
{
    for (unsigned n = 0; n < 50; n++) {
        TestCpu *t = winding_machine();
        begin(t);
        test_cpu_free(t);
    }
}

/* Appends the instruction, so many times, and the end of a loop from CODE: sub ecx, 1; jnz CODE;
 * hlt. `code` is what stands at CODE. Returns what is behind. */
static uint8_t *put_loop(const uint8_t *code, uint8_t *p, const uint8_t *insn, unsigned size,
                         unsigned count)
{
    static const uint8_t end[] = {0x83, 0xe9, 0x01, 0x0f, 0x85};
    for (unsigned n = 0; n < count; n++, p += size)
        memcpy(p, insn, size);
    memcpy(p, end, sizeof(end));
    p += sizeof(end);
    store_le(p, code - (p + 4), 4);
    p[4] = 0xf4;
    return p + 5;
}

/* Loops of as many instructions as a block can have, written twice: the code and what is out of its
 * way fit where they are written. */
static void run_large(const uint8_t *insn, unsigned size)
{
    enum { COUNT = 62, ROUNDS = 5 };
    uint8_t code[COUNT * MAX_INSN_LENGTH + 16];
    TestCpu *t = machine(code, put_loop(code, code, insn, size, COUNT) - code);
    Cpu *cpu = t->cpu;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS) {
            cpu->seg[s].base = 0x10000;
            segment_update(&cpu->seg[s]);
        }
    cpu_update_mode(cpu);
    const Block *hot = heat(t, CODE, 0, ROUNDS);
    g_test_message("%02x %02x: %u bytes of code", insn[0], insn[1], hot->code_end - hot->entry);
    g_assert_cmpuint(hot->insn_count, ==, COUNT + 2);
    cpu->gpr[RBX] = cpu->gpr[RSI] = cpu->gpr[RDI] = 0;
    run_with(t, 0, ROUNDS);
    g_assert_cmphex(cpu->gpr[RSI] + STACK - cpu->gpr[RSP], ==, ROUNDS * COUNT * 4);
    test_cpu_free(t);
}

/* The same in 64-bit code that names all registers in memory: they change places at each way out,
 * where the flags are made by undoing an addition. */
static void run_large_swapped(const uint8_t *insn, unsigned size)
{
    enum { COUNT = 59, ROUNDS = 5 };
    uint8_t code[COUNT * MAX_INSN_LENGTH + 32];
    static const uint8_t all[] = {0x4d, 0x01, 0xc8, 0x4d, 0x01, 0xda, /* add r8, r9; add r10, r11 */
                                  0x48, 0x81, 0xc0, 0x00, 0x10, 0,    0}; /* add rax, 1000h */
    memcpy(code, all, sizeof(all));
    TestCpu *t = machine(code, put_loop(code, code + sizeof(all), insn, size, COUNT) - code);
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_LONG, 0);
    cpu->seg[SEG_GS].base = 0x10000;
    cpu->gpr[RSI] = cpu->gpr[RDI] = DATA;
    const Block *hot = heat(t, CODE, 0, ROUNDS);
    g_test_message("%02x %02x: %u bytes of code", insn[0], insn[1], hot->code_end - hot->entry);
    g_assert_cmpuint(hot->insn_count, ==, COUNT + 5);
    test_cpu_free(t);
}

static void test_largest_swapped(void)
{
    static const uint8_t push[] = {0x65, 0xff, 0xb4, 0x33, 0x00, 0x40, 0x00, 0x00};
    static const uint8_t pop[] = {0x65, 0x8f, 0x84, 0x33, 0x00, 0x40, 0x00, 0x00};
    static const uint8_t movs[] = {0x65, 0x48, 0xa5}, cmps[] = {0x65, 0x48, 0xa7};
    static const uint8_t movs32[] = {0x65, 0x67, 0x48, 0xa5}, cmps32[] = {0x65, 0x67, 0x48, 0xa7};
    run_large_swapped(push, sizeof(push));
    run_large_swapped(pop, sizeof(pop));
    run_large_swapped(movs, sizeof(movs));
    run_large_swapped(cmps, sizeof(cmps));
    run_large_swapped(movs32, sizeof(movs32));
    run_large_swapped(cmps32, sizeof(cmps32));
}

static void test_largest(void)
{
    static const uint8_t push[] = {0x65, 0xff, 0xb4, 0x33, 0x00, 0x40, 0x00, 0x00};
    static const uint8_t movs[] = {0x65, 0xa5}, cmps[] = {0x65, 0xa7};
    static const uint8_t movs16[] = {0x65, 0x67, 0xa5},
                         push16[] = {0x65, 0x67, 0xff, 0xb0, 0, 0x40};
    run_large(push, sizeof(push)); /* push dword gs:[ebx+esi+4000h] */
    run_large(push16, sizeof(push16));
    run_large(movs, sizeof(movs));
    run_large(movs16, sizeof(movs16));
    run_large(cmps, sizeof(cmps));
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    /* No samples: what is hot is what these tests say. */
    sigset_t samples;
    sigemptyset(&samples);
    sigaddset(&samples, SIGPROF);
    sigprocmask(SIG_BLOCK, &samples, NULL);
    g_test_add_func("/optimizer/path", test_path);
    g_test_add_func("/optimizer/cut", test_cut);
    g_test_add_func("/optimizer/return", test_return);
    g_test_add_func("/optimizer/halt", test_halt);
    g_test_add_func("/optimizer/unlinked_flags", test_unlinked_flags);
    g_test_add_func("/optimizer/slot/hits", test_slot_hits);
    g_test_add_func("/optimizer/slot/invlpg", test_slot_invlpg);
    g_test_add_func("/optimizer/slot/cr3", test_slot_cr3);
    g_test_add_func("/optimizer/slot/readonly", test_slot_readonly);
    g_test_add_func("/optimizer/slot/code", test_slot_code);
    g_test_add_func("/optimizer/remade", test_remade);
    g_test_add_func("/optimizer/changed_after", test_changed_after);
    g_test_add_func("/optimizer/changed_meanwhile", test_changed_meanwhile);
    g_test_add_func("/optimizer/dropped_in_call", test_dropped_in_call);
    g_test_add_func("/optimizer/emptied", test_emptied);
    g_test_add_func("/optimizer/flushed", test_flushed);
    g_test_add_func("/optimizer/freed", test_freed);
    g_test_add_func("/optimizer/largest", test_largest);
    g_test_add_func("/optimizer/largest_swapped", test_largest_swapped);
    return g_test_run();
}
