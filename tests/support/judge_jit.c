/* judge_jit.c - one instance in translated code.
 *
 * The instruction stands among code of no effect: before it, what leaves the flags in the host's
 * EFLAGS, in their image, or in both; behind it, what looks at them in another way. The rest of its
 * page is HLT, which user mode may not: the run ends there, by the interpreter's hand. */
#include "tests/support/judge_jit.h"

#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"

enum {
    HLT = 0xf4,
    CODE_PAGES = 0x80000, /* four physical pages for each place where instructions lie */
    TABLES = 0x90000,     /* page tables for them */
    BEFORE = 32,          /* bytes before the instruction that belong to its run, */
    AFTER = 64,           /* and from its first byte on */
    BUDGET = 10000,
};

typedef struct Surroundings {
    uint8_t size;
    uint8_t code[24];
} Surroundings;

#define BYTES(...)                              \
    {                                           \
        sizeof((const uint8_t[]){__VA_ARGS__}), \
        {                                       \
            __VA_ARGS__                         \
        }                                       \
    }

/* Flags in the image; in EFLAGS alone (CMC twice); in both (CMOVO rAX, rAX). */
static const Surroundings before_64[] = {{0},
                                         BYTES(0xf5, 0xf5),
                                         BYTES(0x48, 0x0f, 0x40, 0xc0),
                                         BYTES(0xf5, 0xf5, 0x48, 0x0f, 0x40, 0xc0)};
static const Surroundings before_32[] = {
    {0}, BYTES(0xf5, 0xf5), BYTES(0x0f, 0x40, 0xc0), BYTES(0xf5, 0xf5, 0x0f, 0x40, 0xc0)};

/* Nothing; XCHG of rAX with memory, twice; CMC twice; CMOVO and XCHG. */
#define ADDRESS 0x00, 0x2f, 0x00, 0x10
#define XCHG_64 0x48, 0x87, 0x04, 0x25, ADDRESS, 0x48, 0x87, 0x04, 0x25, ADDRESS
#define XCHG_32 0x87, 0x05, ADDRESS, 0x87, 0x05, ADDRESS
static_assert(JUDGE_MEMORY == 0x10000000 && JUDGE_MEMORY_SIZE > 0x2f00, "ADDRESS is in it");
static const Surroundings after_64[] = {
    {0}, BYTES(XCHG_64), BYTES(0xf5, 0xf5), BYTES(0x48, 0x0f, 0x40, 0xc0, XCHG_64)};
static const Surroundings after_32[] = {
    {0}, BYTES(XCHG_32), BYTES(0xf5, 0xf5), BYTES(0x0f, 0x40, 0xc0, XCHG_32)};

/* --- memory -------------------------------------------------------------------------------------- */

typedef struct Place {
    uint64_t address; /* of instructions */
    PhysAddr pa;      /* of the page before it */
} Place;

static LinAddr place_start(uint64_t address)
{
    return (address & ~PAGE_MASK) - PAGE_SIZE;
}

static void map_page(InsnBench *t, LinAddr la, PhysAddr pa, PhysAddr *free_table)
{
    enum { PRESENT = 1, WRITABLE_USER = 6 };
    PhysAddr table = t->cpu->cr3;
    for (unsigned level = t->code_size == CODE_64 ? 3 : 2; level > 0; level--) {
        PhysAddr at = table + 8 * (la >> (12 + 9 * level) & 511);
        uint64_t entry = insn_bench_read(t, at, 8);
        if (!(entry & PRESENT)) {
            bool pointers = level == 2 && t->code_size == CODE_32;
            entry = *free_table | PRESENT | (pointers ? 0 : WRITABLE_USER);
            *free_table += PAGE_SIZE;
            insn_bench_write(t, at, &entry, 8);
        }
        table = entry & ~(uint64_t)0xfff;
    }
    uint64_t entry = pa | PRESENT | WRITABLE_USER;
    insn_bench_write(t, table + 8 * (la >> 12 & 511), &entry, 8);
}

static void map_place(InsnBench *t, uint64_t address, unsigned place, PhysAddr *free_table)
{
    PhysAddr pa = CODE_PAGES + place * 4 * PAGE_SIZE;
    uint8_t page[PAGE_SIZE];
    memset(page, HLT, sizeof(page));
    for (unsigned n = 0; n < 3; n++) {
        map_page(t, place_start(address) + n * PAGE_SIZE, pa + n * PAGE_SIZE, free_table);
        insn_bench_write(t, pa + n * PAGE_SIZE, page, PAGE_SIZE);
    }
}

/* Where the instruction's first byte is in the guest's RAM. */
static PhysAddr physical(const Judge *j, const Instance *i)
{
    unsigned place = instance_is_branch(i);
    uint64_t address = judge_address(j, i);
    return CODE_PAGES + place * 4 * PAGE_SIZE + (address - place_start(address));
}

bool judge_use_translator(Judge *j)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(j->t); n++) {
        InsnBench *t = j->t[n];
        PhysAddr free_table = TABLES;
        GError *err = NULL;
        if (!dbt_attach(t->cpu, &(DbtOptions){.counted = true}, &err)) {
            g_clear_error(&err);
            return false;
        }
        if (t->code_size == CODE_64) {
            map_place(t, native_address(j->native), 0, &free_table);
            map_place(t, native_branch_address(j->native), 1, &free_table);
        } else {
            map_place(t, native_address_32(j->native), 0, &free_table);
            g_assert_true(mmu_load_pdptes(t->cpu, t->cpu->cr3));
        }
        tlb_flush_all(t->cpu);
    }
    j->jit = g_new0(JudgeJit, 1);
    j->jit->by_host = g_new0(uint32_t, insn_row_count);
    return true;
}

void judge_jit_free(JudgeJit *jit)
{
    if (jit)
        g_free(jit->by_host);
    g_free(jit);
}

/* --- the code ------------------------------------------------------------------------------------ */

/* A number that stays while the instance is shrunk. */
static unsigned variety(const Instance *i)
{
    unsigned sum = 0;
    for (unsigned n = 0; n < i->insn.length; n++)
        sum = sum * 31 + i->code[n];
    return sum ^ sum >> 7;
}

/* Code that is written over and over counts as restless and is not translated: not here. */
static void forget_restlessness(Translator *t)
{
    GHashTableIter iter;
    gpointer page;
    g_hash_table_iter_init(&iter, t->pages);
    while (g_hash_table_iter_next(&iter, NULL, &page))
        memset(((CodePage *)page)->hits, 0, sizeof(((CodePage *)page)->hits));
}

static void choose_surroundings(const Instance *i, const Surroundings **first,
                                const Surroundings **last)
{
    static const Surroundings nothing; /* branches may lead everywhere */
    bool wide = i->mode == CODE_64;
    unsigned v = variety(i);
    *first = instance_is_branch(i) ? &nothing : &(wide ? before_64 : before_32)[v & 3];
    *last = instance_is_branch(i) ? &nothing : &(wide ? after_64 : after_32)[v >> 2 & 3];
}

static void place_code(Judge *j, const Instance *i, const Surroundings *first,
                       const Surroundings *last)
{
    InsnBench *t = j->t[i->mode - 1];
    uint8_t bytes[BEFORE + AFTER];
    memset(bytes, HLT, sizeof(bytes));
    memcpy(bytes + BEFORE - first->size, first->code, first->size);
    memcpy(bytes + BEFORE, i->code, i->insn.length);
    memcpy(bytes + BEFORE + i->insn.length, last->code, last->size);
    insn_bench_write(t, physical(j, i) - BEFORE, bytes, sizeof(bytes));
    forget_restlessness(translator_of(t->cpu));
}

/* --- running ------------------------------------------------------------------------------------- */

/* Runs until something is raised: its vector. */
static int run_to_raise(Cpu *cpu)
{
    sigjmp_buf unwind;
    cpu->unwind = &unwind;
    if (!sigsetjmp(unwind, 0)) {
        cpu->engine->run(cpu, cpu->insn_count + BUDGET);
        return INSN_BENCH_SHUTDOWN;
    }
    if (cpu->engine->unwound)
        cpu->engine->unwound(cpu);
    cpu->insn = NULL;
    cpu->rip = cpu->rip_start;
    return cpu->raised.vector;
}

int judge_run_translated(Judge *j, const Instance *i, bool warm, uint64_t *there)
{
    Cpu *cpu = j->t[i->mode - 1]->cpu;
    Translator *t = translator_of(cpu);
    const Surroundings *before, *after;
    uint64_t address = judge_address(j, i), end = address + i->insn.length;
    choose_surroundings(i, &before, &after);
    if (!warm) {
        place_code(j, i, before, after);
        tlb_flush_all(cpu);
    }
    cpu->rip = address - before->size;
    uint64_t sites = t->stats.sites_taken, entries = t->stats.entries;
    int vector = run_to_raise(cpu);
    *there = 0;
    bool halted = vector == EXC_GP && (cpu->rip < address || cpu->rip >= end);
    if (!halted)
        return vector;
    /* The HLT is one handover, and nothing else runs outside generated code. */
    if (warm && t->stats.sites_taken == sites + 1 && t->stats.entries > entries)
        j->jit->by_host[i->row]++;
    if (cpu->rip != end + after->size || instance_is_branch(i))
        *there = cpu->rip;
    else
        cpu->rip = end;
    return -1;
}
