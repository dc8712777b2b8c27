/* sequences.c - random programs, run by the interpreter and by the translator from the same state.
 *
 *     sequences [--slots | --hot] [--programs N] [--seconds N] [--seed N]
 *
 * After each program registers, segments, flags, the x87 and vector state, memory and the number of
 * instructions must be the same. Half of the programs count instructions and have loops, stores
 * into code and a random end; the others run uncounted to their HLT. Each runs in the translator
 * twice, with an empty and with a filled TLB. With --hot each of its blocks is then written once
 * more for the path that it takes, without waiting for samples, and the program is run again, also
 * cut short at several places. A difference is shrunk and printed; the exit status is then 1. Exit
 * status 77: there is no translator for this host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/mmu.h"
#include "dbt/dbt.h"
#include "dbt/optimizer.h"
#include "dbt/translator.h"
#include "tests/support/random_program.h"

enum { SKIPPED = 77, RAM_SIZE = 2 * MIB, MOST_INSNS = 600, MOST_REPORTS = 5 };

typedef enum Engine { INTERPRETED, COUNTED, FREE, ENGINES } Engine;

typedef struct Bench {
    BareCpu *t[ENGINES];
    uint8_t *ram;        /* as it is before a program is loaded */
    Cpu before[ENGINES]; /* of the run under way */
    bool hot;
} Bench;

typedef struct Options {
    gint64 programs, seed;
    int seconds;
    gboolean slots; /* every check of memory has a TLB slot of its own */
    gboolean hot;   /* each block is made hot */
} Options;

typedef struct Totals {
    uint64_t programs, halted, insns, warm, cuts;
    unsigned differences;
} Totals;

static bool bench_new(Bench *b, const Options *o)
{
    b->hot = o->hot;
    for (unsigned e = 0; e < ENGINES; e++) {
        g_autoptr(GError) err = NULL;
        b->t[e] = bare_cpu();
        const DbtOptions options = {.counted = e == COUNTED,
                                    .optimize = o->slots ? OPTIMIZE_ALL : OPTIMIZE_HOT};
        if (e != INTERPRETED && !dbt_attach(b->t[e]->cpu, &options, &err)) {
            printf("skipped: %s\n", err->message);
            return false;
        }
    }
    b->ram = g_memdup2(b->t[0]->ram.host, RAM_SIZE);
    return true;
}

/* --- running ------------------------------------------------------------------------------------- */

static void load(Bench *b, BareCpu *t, const Program *p)
{
    memcpy(t->ram.host, b->ram, RAM_SIZE);
    program_load(t, p);
}

static void run_cold(Bench *b, Engine e, const Program *p, uint64_t most)
{
    BareCpu *t = b->t[e];
    load(b, t, p);
    code_cache_flush(t->cpu->code);
    b->before[e] = *t->cpu;
    cpu_run(t->cpu, e == FREE ? UINT64_MAX - t->cpu->insn_count : most);
}

/* The same again is to come, with what the run before left in the TLB and the code cache. False: it
 * cannot be, as the code has been written. */
static bool load_warm(Bench *b, Engine e, const Program *p)
{
    BareCpu *t = b->t[e];
    Cpu *cpu = t->cpu;
    uint8_t *pages = g_memdup2(t->ram.host + AT_CODE, 2 * PAGE_SIZE);
    load(b, t, p);
    bool same = !memcmp(pages, t->ram.host + AT_CODE, 2 * PAGE_SIZE);
    g_free(pages);
    if (same)
        *cpu = b->before[e];
    return same;
}

static void run_warm(Bench *b, Engine e, uint64_t most)
{
    Cpu *cpu = b->t[e]->cpu;
    cpu_run(cpu, e == FREE ? UINT64_MAX - cpu->insn_count : most);
}

/* --- comparing ----------------------------------------------------------------------------------- */

static bool same_segment(const Segment *a, const Segment *b)
{
    return a->base == b->base && a->limit == b->limit && a->selector == b->selector &&
           a->access == b->access;
}

static bool same_fpu(const Fpu *a, const Fpu *b)
{
    for (unsigned i = 0; i < 8; i++)
        if (a->reg[i].mant != b->reg[i].mant || a->reg[i].se != b->reg[i].se)
            return false;
    return a->cw == b->cw && a->sw == b->sw && a->top == b->top && a->valid == b->valid;
}

static bool same_memory(BareCpu *x, BareCpu *y)
{
    program_forget_accessed(x);
    program_forget_accessed(y);
    return !memcmp(x->ram.host, y->ram.host, RAM_SIZE);
}

/* What differs, or NULL. insns: how many the interpreter ran and the translator, if it counts. */
static const char *difference(BareCpu *x, BareCpu *y, uint64_t insns, uint64_t theirs)
{
    const Cpu *a = x->cpu, *b = y->cpu;
    if (a->activity != b->activity)
        return "activity";
    if (a->rip != b->rip)
        return "rip";
    if (memcmp(a->gpr, b->gpr, sizeof(a->gpr)))
        return "a general register";
    if (eflags_get(a) != eflags_get(b))
        return "eflags";
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (!same_segment(&a->seg[s], &b->seg[s]))
            return "a segment";
    if (a->cpl != b->cpl || a->cr2 != b->cr2 || a->mode != b->mode || a->shadow != b->shadow)
        return "cpl, cr2, mode or shadow";
    if (!same_fpu(&a->fpu, &b->fpu))
        return "the x87";
    if (a->mxcsr != b->mxcsr || memcmp(a->vec, b->vec, sizeof(a->vec)))
        return "the vector state";
    if (insns != theirs)
        return "the number of instructions";
    return same_memory(x, y) ? NULL : "memory";
}

/* --- hot blocks ---------------------------------------------------------------------------------- */

/* Instructions that the run of before has counted. */
static uint64_t counted(const Bench *b, Engine e, uint64_t insns)
{
    return e == FREE ? insns : b->t[e]->cpu->insn_count - b->before[e].insn_count;
}

/* Has each block of the program shown the way it goes and written again for it, with a run for
 * each; NULL or what differs. */
static const char *make_hot(Bench *b, Engine e, const Program *p, uint64_t most, uint64_t insns)
{
    Translator *t = translator_of(b->t[e]->cpu);
    uint32_t end = t->space[SPACE_PLAIN].next.block;
    const char *what = NULL;
    for (uint32_t block = 1; block < end && !what; block++) {
        if (t->blocks[block].is_tail || !load_warm(b, e, p))
            continue;
        optimizer_note(t->optimizer, block);
        optimizer_note(t->optimizer, block);
        run_warm(b, e, most);
        what = difference(b->t[INTERPRETED], b->t[e], insns, counted(b, e, insns));
        optimizer_wait(t->optimizer);
        optimizer_attend(t->optimizer);
    }
    return what;
}

/* Ends the run of hot blocks anywhere. */
static const char *cut_short(Bench *b, const Program *p, uint64_t insns, Totals *totals)
{
    enum { CUTS = 6 };
    const char *what = NULL;
    for (unsigned n = 0; n < CUTS && !what; n++) {
        uint64_t cut = 1 + insns * (2 * n + 1) / (2 * CUTS);
        run_cold(b, INTERPRETED, p, cut);
        if (!program_is_settled_at(p, b->t[INTERPRETED]->cpu->rip))
            continue;
        if (!load_warm(b, COUNTED, p))
            break;
        run_warm(b, COUNTED, cut);
        what = difference(b->t[INTERPRETED], b->t[COUNTED], counted(b, INTERPRETED, 0),
                          counted(b, COUNTED, 0));
        totals->cuts++;
    }
    return what;
}

static const char *judge_hot(Bench *b, Engine e, const Program *p, uint64_t most, uint64_t insns,
                             Totals *totals)
{
    if (!program_is_settled_at(p, b->t[INTERPRETED]->cpu->rip))
        return NULL; /* plain blocks left the end of it to the interpreter */
    const char *what = make_hot(b, e, p, most, insns);
    if (what || !load_warm(b, e, p))
        return what;
    run_warm(b, e, most);
    what = difference(b->t[INTERPRETED], b->t[e], insns, counted(b, e, insns));
    return what || e == FREE ? what : cut_short(b, p, insns, totals);
}

/* Runs p everywhere; NULL or what differs. *which: the engine that differs. */
static const char *judge(Bench *b, const Program *p, uint64_t most, Engine *which, Totals *totals)
{
    Engine e = *which = p->loops ? COUNTED : FREE;
    BareCpu *first = b->t[INTERPRETED], *t = b->t[e];
    run_cold(b, INTERPRETED, p, most);
    uint64_t insns = counted(b, INTERPRETED, 0);
    bool halted = first->cpu->activity != CPU_RUNNING;
    if (e == FREE && !halted)
        return NULL;
    totals->halted += halted;
    totals->insns += insns;
    run_cold(b, e, p, most);
    const char *what = difference(first, t, insns, counted(b, e, insns));
    if (what || !load_warm(b, e, p))
        return what;
    run_warm(b, e, most);
    totals->warm++;
    what = difference(first, t, insns, counted(b, e, insns));
    return what || !b->hot ? what : judge_hot(b, e, p, most, insns, totals);
}

/* --- reporting ----------------------------------------------------------------------------------- */

static void replace_by_nops(Piece *piece)
{
    enum { NOP = 0x90 };
    memset(piece->bytes, NOP, piece->length);
    piece->jump = piece->store = 0;
}

static void shrink(Bench *b, Program *p, uint64_t *most)
{
    Totals ignored = {0};
    Engine which;
    for (bool progress = true; progress;) {
        progress = false;
        for (unsigned n = 0; n < p->count; n++) {
            Piece saved = p->piece[n];
            bool plain = saved.bytes[0] == 0x90 && !saved.jump && !saved.store;
            if (plain)
                continue;
            replace_by_nops(&p->piece[n]);
            if (judge(b, p, *most, &which, &ignored))
                progress = true;
            else
                p->piece[n] = saved;
        }
    }
}

static void print_fpu(const char *name, const Fpu *fpu)
{
    printf("  x87 of the %s: control %04x status %04x top %u valid %02x\n", name, fpu->cw, fpu->sw,
           fpu->top, fpu->valid);
    for (unsigned i = 0; i < 8; i++)
        printf("  %04x:%016" PRIx64 "%s", fpu->reg[i].se, fpu->reg[i].mant, i % 4 == 3 ? "\n" : "");
}

static void report(Bench *b, Program *p, uint64_t most, uint64_t seed)
{
    Totals ignored = {0};
    Engine which;
    g_autoptr(GString) out = g_string_new(NULL);
    shrink(b, p, &most);
    const char *what = judge(b, p, most, &which, &ignored);
    printf("program %" PRIu64 ": %s differs%s; at most %" PRIu64 " instructions\n", seed,
           what ? what : "nothing more", which == COUNTED ? " (counted)" : "", most);
    program_print(p, out);
    const Cpu *a = b->t[INTERPRETED]->cpu, *c = b->t[which]->cpu;
    printf("%s  before, interpreter, translator\n", out->str);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        printf("  r%-2u    %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "%s\n", r, p->gpr[r],
               a->gpr[r], c->gpr[r], a->gpr[r] != c->gpr[r] ? " <" : "");
    printf("  flags  %16x %16x %16x\n  rip    %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n",
           p->flags, eflags_get(a), eflags_get(c), p->start, a->rip, c->rip);
    printf("  insns  %37" PRIu64 " %16" PRIu64 "\n", a->insn_count, c->insn_count);
    for (unsigned s = 0; s < SEG_COUNT && p->world->segmented; s++)
        printf("  segment %u base %" PRIx64 " limit %x access %x\n", s, a->seg[s].base,
               a->seg[s].limit, a->seg[s].access);
    if (!same_fpu(&a->fpu, &c->fpu)) {
        print_fpu("interpreter", &a->fpu);
        print_fpu("translator", &c->fpu);
    }
    const uint8_t *x = b->t[INTERPRETED]->ram.host, *y = b->t[which]->ram.host;
    for (unsigned at = 0, shown = 0; at < RAM_SIZE && shown < 16; at++)
        if (x[at] != y[at] && ++shown)
            printf("  memory %06x: %02x %02x\n", at, x[at], y[at]);
}

/* --- the program --------------------------------------------------------------------------------- */

static Options parse_options(int argc, char **argv)
{
    Options o = {.seed = 1};
    const GOptionEntry entries[] = {
        {"programs", 'n', 0, G_OPTION_ARG_INT64, &o.programs, "stop after so many", "N"},
        {"seconds", 't', 0, G_OPTION_ARG_INT, &o.seconds, "stop after this time", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT64, &o.seed, "of the first program; the next has the next",
         "N"},
        {"slots", 0, 0, G_OPTION_ARG_NONE, &o.slots, "check memory by slots", NULL},
        {"hot", 0, 0, G_OPTION_ARG_NONE, &o.hot, "write each block once more as a hot one", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext)
        context = g_option_context_new("- interpreter and translator, compared");
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) err = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &err)) {
        g_printerr("sequences: %s\n", err->message);
        exit(2);
    }
    if (!o.programs && !o.seconds)
        o.seconds = 10;
    return o;
}

static bool is_over(const Options *o, const Totals *totals, gint64 start)
{
    if (totals->differences >= MOST_REPORTS)
        return true;
    if (o->programs && totals->programs >= (uint64_t)o->programs)
        return true;
    return o->seconds && g_get_monotonic_time() - start >= o->seconds * G_USEC_PER_SEC;
}

static void judge_program(Bench *b, uint64_t seed, Totals *totals)
{
    static Program p;
    RandomCode r;
    Engine which;
    random_code_init(&r, seed);
    program_make(&r, random_code_below(&r, 2), &p);
    uint64_t most = p.loops ? 1 + random_code_below(&r, MOST_INSNS) : MOST_INSNS;
    if (judge(b, &p, most, &which, totals)) {
        report(b, &p, most, seed);
        totals->differences++;
    }
    totals->programs++;
}

/* The translator must have run something itself. */
static bool report_totals(const Bench *b, const Totals *totals)
{
    printf("%" PRIu64 " programs, %" PRIu64 " to the end, %" PRIu64 " twice, %" PRIu64
           " instructions, %" PRIu64 " hot and cut short, %u differences\n",
           totals->programs, totals->halted, totals->warm, totals->insns, totals->cuts,
           totals->differences);
    bool translated = true;
    for (unsigned e = COUNTED; e < ENGINES; e++) {
        const TranslatorStats *s = &translator_of(b->t[e]->cpu)->stats;
        printf("%s: %" PRIu64 " blocks, %" PRIu64 " entries, %" PRIu64 " handovers, %" PRIu64
               " links\n",
               e == COUNTED ? "counted" : "free", s->blocks, s->entries, s->sites_taken, s->links);
        translated &= s->entries > 0 && s->links > 0;
        if (!b->hot)
            continue;
        const OptimizerStats *hot = optimizer_stats(translator_of(b->t[e]->cpu)->optimizer);
        printf("%" PRIu64 " hot blocks, %" PRIu64 " in vain\n", hot->blocks, hot->stale);
        translated &= hot->blocks > 0;
    }
    return translated;
}

int main(int argc, char **argv)
{
    Options o = parse_options(argc, argv);
    static Bench b;
    Totals totals = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!bench_new(&b, &o))
        return SKIPPED;
    gint64 start = g_get_monotonic_time();
    while (!is_over(&o, &totals, start))
        judge_program(&b, o.seed + totals.programs, &totals);
    bool translated = report_totals(&b, &totals);
    for (unsigned e = 0; e < ENGINES; e++)
        bare_cpu_free(b.t[e]);
    g_free(b.ram);
    return totals.differences != 0 || !translated;
}
