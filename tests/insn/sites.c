/* sites.c - every place where generated code can leave, made to leave, in both engines.
 *
 *     sites [--programs N] [--seconds N] [--seed N]
 *
 * Random programs access each page once or so. For each page one run after the other finds it
 * absent, read-only, for supervisors only, to be a device, a device that asks for an NMI, or full
 * of code; likewise the second page of the code, which may be another one. Each run is done from
 * cold, and once more behind a run without the obstacle, with code linked and TLB filled; then
 * counted, cut short at every instruction. All state must be the interpreter's. A difference is
 * printed; the exit status is then 1. Exit status 77: there is no translator for this host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/mmu.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/random_program.h"

enum {
    SKIPPED = 77,
    MOST_REPORTS = 5,
    MOST_INSNS = 300,
    RAM_SIZE = 2 * MIB,
    DEVICE_AT = 0x300000,
    OTHER_CODE = 0x60000, /* physical: what the second page of code may become */
    HLT = 0xf4,
};

typedef enum Engine { INTERPRETED, FREE, COUNTED, ENGINES } Engine;

typedef enum Obstacle {
    NONE,
    ABSENT,
    READ_ONLY,
    SUPERVISOR,
    DEVICE,
    DEVICE_ASKS,
    WITH_CODE,
    ANOTHER, /* page of code */
    OBSTACLES,
} Obstacle;
static const char *const obstacle_names[] = {"nothing",      "absent",   "read-only",
                                             "supervisor's", "a device", "a device that asks",
                                             "with code",    "another"};

typedef struct Machine {
    BareCpu *t;
    MemRegion device;
    uint64_t seen; /* what the device saw, in order */
    bool asks;
} Machine;

typedef struct Case {
    const Program *program;
    LinAddr page;
    Obstacle obstacle;
} Case;

typedef struct Test {
    Machine machine[ENGINES];
    uint8_t *ram; /* as it is before a program is loaded */
    uint64_t seed, programs, cases, runs, left_early;
    unsigned differences;
} Test;

/* --- machines ------------------------------------------------------------------------------------ */

static void note(Machine *m, uint64_t what)
{
    m->seen = (m->seen ^ what) * 0x9e3779b97f4a7c15;
    if (m->asks)
        cpu_kick(m->t->cpu, PENDING_NMI);
}

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    note(opaque, offset << 4 | size);
    return 0x0123456789abcdef * (offset + 1);
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    note(opaque, value << 16 | offset << 4 | size | 8);
}

static const MemOps device_ops = {device_read, device_write, 1, 8};

static bool machine_init(Machine *m, Engine e, bool slots, GError **err)
{
    const DbtOptions options = {
        .counted = e == COUNTED, .cache_mib = 1, .optimize = slots ? OPTIMIZE_ALL : OPTIMIZE_HOT};
    m->t = bare_cpu();
    mem_init_io(&m->device, "device", PAGE_SIZE, &device_ops, m);
    mem_add(&m->t->memory_root, DEVICE_AT, &m->device, 0);
    return e == INTERPRETED || dbt_attach(m->t->cpu, &options, err);
}

static void machine_fini(Machine *m)
{
    mem_remove(&m->device);
    bare_cpu_free(m->t);
}

/* --- obstacles ----------------------------------------------------------------------------------- */

static void map(Machine *m, LinAddr la, uint64_t entry)
{
    bare_write(m->t, PROGRAM_TABLE + 8 * (la >> PAGE_SHIFT), entry, 8);
    tlb_flush_page(m->t->cpu, la);
}

/* Executes an instruction of the page, as any program could have done before. */
static void make_code(Machine *m, LinAddr page)
{
    Cpu *cpu = m->t->cpu, before = *cpu;
    uint8_t *end = m->t->ram.host + page + PAGE_SIZE - 1;
    uint8_t byte = *end;
    bare_write(m->t, page + PAGE_SIZE - 1, HLT, 1);
    cpu->rip = page + PAGE_SIZE - 1 - (cpu->mode == CPU_LONG ? 0 : cpu->seg[SEG_CS].base);
    cpu_run(cpu, 1);
    *end = byte; /* unseen by the guest: nothing runs it again */
    *cpu = before;
    cpu_update_mode(cpu);
}

static void put_obstacle(Machine *m, const Case *c)
{
    enum { PRESENT = 1, WRITABLE = 2, USER = 4, ALL = PRESENT | WRITABLE | USER };
    m->asks = c->obstacle == DEVICE_ASKS;
    switch (c->obstacle) {
    case ABSENT:
        map(m, c->page, 0);
        break;
    case READ_ONLY:
        map(m, c->page, c->page | PRESENT | USER);
        break;
    case SUPERVISOR:
        map(m, c->page, c->page | PRESENT | WRITABLE);
        break;
    case DEVICE:
    case DEVICE_ASKS:
        map(m, c->page, DEVICE_AT | ALL);
        break;
    case WITH_CODE:
        make_code(m, c->page);
        break;
    case ANOTHER:
        map(m, c->page, OTHER_CODE | ALL);
        break;
    default:
        break;
    }
}

/* --- running ------------------------------------------------------------------------------------- */

static void load(Test *test, Machine *m, const Program *p)
{
    memcpy(m->t->ram.host, test->ram, RAM_SIZE);
    program_load(m->t, p);
    memset(m->t->ram.host + OTHER_CODE, HLT, PAGE_SIZE);
    m->t->cpu->pending = 0;
    m->t->cpu->nmi_blocked = false;
    m->seen = 0;
    m->asks = false;
}

static uint64_t go(Machine *m, Engine e, uint64_t most)
{
    Cpu *cpu = m->t->cpu;
    uint64_t before = cpu->insn_count;
    cpu_run(cpu, e == FREE ? UINT64_MAX - before : most);
    return cpu->insn_count - before;
}

static uint64_t run_cold(Test *test, Engine e, const Case *c, uint64_t most)
{
    Machine *m = &test->machine[e];
    load(test, m, c->program);
    code_cache_flush(m->t->cpu->code);
    put_obstacle(m, c);
    return go(m, e, most);
}

/* Once without the obstacle first. False: that run has changed the code. */
static bool run_warm(Test *test, Engine e, const Case *c, uint64_t most, uint64_t *insns)
{
    Machine *m = &test->machine[e];
    uint8_t *code = m->t->ram.host + AT_CODE;
    load(test, m, c->program);
    code_cache_flush(m->t->cpu->code);
    Cpu before = *m->t->cpu;
    g_autofree uint8_t *pages = g_memdup2(code, 2 * PAGE_SIZE);
    go(m, e, MOST_INSNS);
    if (memcmp(code, pages, 2 * PAGE_SIZE))
        return false;
    g_autofree uint8_t *ram = g_memdup2(test->ram, RAM_SIZE);
    load(test, m, c->program);
    uint64_t count = m->t->cpu->insn_count;
    *m->t->cpu = before;
    m->t->cpu->insn_count = count;
    cpu_update_mode(m->t->cpu);
    put_obstacle(m, c);
    *insns = go(m, e, most);
    return true;
}

/* --- comparing ----------------------------------------------------------------------------------- */

static bool same_fpu(const Fpu *a, const Fpu *b)
{
    for (unsigned i = 0; i < 8; i++)
        if (a->reg[i].mant != b->reg[i].mant || a->reg[i].se != b->reg[i].se)
            return false;
    return a->cw == b->cw && a->sw == b->sw && a->top == b->top && a->valid == b->valid;
}

static const char *difference(const Test *test, const Program *p, Engine e)
{
    const Machine *x = &test->machine[INTERPRETED], *y = &test->machine[e];
    const Cpu *a = x->t->cpu, *b = y->t->cpu;
    if (a->rip != b->rip || a->activity != b->activity)
        return "rip or activity";
    if (memcmp(a->gpr, b->gpr, sizeof(a->gpr)))
        return "a general register";
    if (eflags_get(a) != eflags_get(b) && program_is_settled_at(p, a->rip))
        return "eflags";
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (a->seg[s].base != b->seg[s].base || a->seg[s].selector != b->seg[s].selector)
            return "a segment";
    if (a->cpl != b->cpl || a->cr2 != b->cr2 || a->shadow != b->shadow)
        return "cpl, cr2 or shadow";
    if (!same_fpu(&a->fpu, &b->fpu))
        return "the x87";
    if (a->mxcsr != b->mxcsr || memcmp(a->vec, b->vec, sizeof(a->vec)))
        return "the vector state";
    if (x->seen != y->seen)
        return "what the device saw";
    program_forget_accessed(x->t);
    program_forget_accessed(y->t);
    return memcmp(x->t->ram.host, y->t->ram.host, RAM_SIZE) ? "memory" : NULL;
}

static void report(Test *test, const Case *c, Engine e, const char *how, const char *what)
{
    g_autoptr(GString) text = g_string_new(NULL);
    program_print(c->program, text);
    const Cpu *a = test->machine[INTERPRETED].t->cpu, *b = test->machine[e].t->cpu;
    printf("program %" PRIu64 ", page %#" PRIx64 " %s, %s: %s differs\n%s", test->seed, c->page,
           obstacle_names[c->obstacle], how, what, text->str);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        if (a->gpr[r] != b->gpr[r])
            printf("  r%-2u %016" PRIx64 " %016" PRIx64 "\n", r, a->gpr[r], b->gpr[r]);
    printf("  rip %016" PRIx64 " %016" PRIx64 ", flags %x %x, cr2 %" PRIx64 " %" PRIx64 "\n",
           a->rip, b->rip, eflags_get(a), eflags_get(b), a->cr2, b->cr2);
    const uint8_t *x = test->machine[INTERPRETED].t->ram.host, *y = test->machine[e].t->ram.host;
    for (unsigned at = 0, shown = 0; at < RAM_SIZE && shown < 16; at++)
        if (x[at] != y[at] && ++shown)
            printf("  memory %06x: %02x %02x\n", at, x[at], y[at]);
    test->differences++;
}

/* False: it differs. */
static bool judge(Test *test, const Case *c, Engine e, const char *how)
{
    const char *what = difference(test, c->program, e);
    test->runs++;
    if (what)
        report(test, c, e, how, what);
    return !what;
}

/* --- cases --------------------------------------------------------------------------------------- */

static bool run_case(Test *test, const Case *c)
{
    uint64_t insns = run_cold(test, INTERPRETED, c, MOST_INSNS), theirs;
    if (test->machine[INTERPRETED].t->cpu->activity == CPU_RUNNING)
        return true;
    test->cases++;
    test->left_early += test->machine[INTERPRETED].t->cpu->rip == PROGRAM_HANDLER + 1;
    if (c->obstacle != DEVICE_ASKS) { /* uncounted code sees that when it next looks */
        run_cold(test, FREE, c, 0);
        if (!judge(test, c, FREE, "cold"))
            return false;
        if (run_warm(test, FREE, c, 0, &theirs) && !judge(test, c, FREE, "warm"))
            return false;
    }
    uint64_t most = 1 + test->runs % insns;
    run_cold(test, INTERPRETED, c, most);
    run_cold(test, COUNTED, c, most);
    return judge(test, c, COUNTED, "counted");
}

/* Without an obstacle, cut short at each instruction. */
static bool cut_everywhere(Test *test, const Program *p)
{
    Case c = {p, AT_DATA, NONE};
    uint64_t insns = run_cold(test, INTERPRETED, &c, MOST_INSNS), theirs;
    for (uint64_t most = 1; most <= insns; most++) {
        run_cold(test, INTERPRETED, &c, most);
        if (!run_warm(test, COUNTED, &c, most, &theirs))
            return true;
        if (!judge(test, &c, COUNTED, "cut short"))
            return false;
    }
    return true;
}

static bool run_pages(Test *test, const Program *p)
{
    unsigned pages = MIN(p->apart_next, (unsigned)APART_PAGES);
    for (unsigned n = 0; n < pages; n++)
        for (unsigned o = ABSENT; o <= WITH_CODE; o++)
            if (!run_case(test, &(Case){p, AT_DATA + n * PAGE_SIZE, o}))
                return false;
    /* An exception between an instruction and what settles its flags would show them. */
    if (!program_is_settled_at(p, AT_CODE + PAGE_SIZE))
        return true;
    static const Obstacle of_code[] = {ABSENT, SUPERVISOR, DEVICE, ANOTHER};
    for (unsigned i = 0; i < G_N_ELEMENTS(of_code); i++)
        if (!run_case(test, &(Case){p, AT_CODE + PAGE_SIZE, of_code[i]}))
            return false;
    return true;
}

static void run_program(Test *test, uint64_t seed)
{
    static Program p;
    RandomCode r;
    test->seed = seed;
    random_code_init(&r, seed);
    program_make_apart(&r, &p);
    test->programs++;
    if (run_case(test, &(Case){&p, AT_DATA, NONE}) && run_pages(test, &p))
        cut_everywhere(test, &p);
}

/* --- the program --------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    gint64 programs = 0, seed = 1;
    int seconds = 0;
    gboolean slots = FALSE;
    const GOptionEntry entries[] = {
        {"programs", 'n', 0, G_OPTION_ARG_INT64, &programs, "stop after so many", "N"},
        {"seconds", 't', 0, G_OPTION_ARG_INT, &seconds, "stop after this time", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT64, &seed, "of the first program", "N"},
        {"slots", 0, 0, G_OPTION_ARG_NONE, &slots, "check memory by TLB slots", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- places to leave code, compared");
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) err = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &err)) {
        g_printerr("sites: %s\n", err->message);
        return 2;
    }
    static Test test;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned e = 0; e < ENGINES; e++)
        if (!machine_init(&test.machine[e], e, slots, &err)) {
            printf("skipped: %s\n", err->message);
            return SKIPPED;
        }
    test.ram = g_memdup2(test.machine[0].t->ram.host, RAM_SIZE);
    gint64 start = g_get_monotonic_time();
    if (!programs && !seconds)
        seconds = 10;
    while (test.differences < MOST_REPORTS && (!programs || test.programs < (uint64_t)programs) &&
           (!seconds || g_get_monotonic_time() - start < seconds * G_USEC_PER_SEC))
        run_program(&test, seed + test.programs);
    printf("%" PRIu64 " programs, %" PRIu64 " cases, %" PRIu64
           " of them leave by an exception, %" PRIu64 " comparisons, %u differences\n",
           test.programs, test.cases, test.left_early, test.runs, test.differences);
    const TranslatorStats *s = &translator_of(test.machine[FREE].t->cpu)->stats;
    bool translated = s->links && s->sites_taken && s->misses[0] && s->misses[1];
    for (unsigned e = 0; e < ENGINES; e++)
        machine_fini(&test.machine[e]);
    g_free(test.ram);
    return test.differences || !translated || !test.left_early;
}
