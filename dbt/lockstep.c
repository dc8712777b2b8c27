/* lockstep.c - every block run by both engines, and the results compared.
 *
 * Before generated code is entered the interpreter runs the block's instructions, one by one, on
 * the real state. Each store is noted with the bytes from before, so that afterwards memory and CPU
 * can be put back. Then the translator runs the block for good, and what it leaves is compared.
 * Generated code is entered behind the block's look at the budget, which is far below zero: a block
 * that follows it leaves at once.
 *
 * The interpreter stops before what must not be done twice: devices, ports, counters, stores into
 * code, and what changes mode or mapping. Up to there the states are compared when generated code
 * hands that instruction over. A block that cannot be compared is run by the translator alone, and
 * counted. With one block in N, the translator runs free for a random number of instructions in
 * between. */
#include "dbt/lockstep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "dbt/lift.h"
#include "dbt/runtime.h"

typedef struct Store {
    uint8_t *host;
    uint8_t size;
    uint64_t old, new;
} Store;

enum { MAX_STORES = 4096, KEPT_BLOCKS = 256, FINISHED = -1, GIVEN_UP = -2 };

/* Blocks lifted before, for loops. */
typedef struct KeptBlock {
    uint32_t generation; /* of the number */
    uint32_t block;      /* 0: nothing is kept here */
    IrBlock ir;
    bool final[IR_MAX_INSNS]; /* the instruction is not to be run twice */
} KeptBlock;

struct Lockstep {
    StoreJournal journal; /* first: what cpu/mem.c sees */
    Translator *t;
    unsigned one_in;
    bool due;        /* the next block entered is compared, */
    bool free;       /* or the stretch before it runs */
    uint32_t random; /* where the next one is */
    Cpu before, expected;
    Store store[MAX_STORES];
    unsigned store_count;
    sigjmp_buf give_up;
    bool active;   /* the translator's run of a block that is compared */
    bool compared; /* it has been */
    uint32_t block;
    unsigned insns; /* that the interpreter ran */
    int vector;     /* that the next one raised, FINISHED */
    uint32_t error;
    uint64_t count; /* insn_count at the start of the translator's run */
    LockstepStats stats;
    const KeptBlock *now; /* of the block */
    KeptBlock kept[KEPT_BLOCKS];
};

/* --- the journal --------------------------------------------------------------------------------- */

static void note_store(StoreJournal *journal, uint8_t *host, unsigned size, bool code)
{
    Lockstep *l = (Lockstep *)journal;
    if (code || l->store_count == MAX_STORES)
        siglongjmp(l->give_up, 1);
    l->store[l->store_count++] = (Store){.host = host, .size = size, .old = load_le(host, size)};
}

static void note_device(StoreJournal *journal)
{
    siglongjmp(((Lockstep *)journal)->give_up, 1);
}

/* An entry of a page table that the block itself has written gets its A and D bits in the
 * interpreter's run, which walks for each access; in the translator's the TLB may know the page. */
static void note_mark(StoreJournal *journal, const uint8_t *entry)
{
    Lockstep *l = (Lockstep *)journal;
    for (unsigned i = 0; i < l->store_count; i++)
        if (entry < l->store[i].host + l->store[i].size && l->store[i].host < entry + 8)
            siglongjmp(l->give_up, 1);
}

static void take_back(Lockstep *l)
{
    for (unsigned i = 0; i < l->store_count; i++)
        l->store[i].new = load_le(l->store[i].host, l->store[i].size);
    for (unsigned i = l->store_count; i-- > 0;)
        store_le(l->store[i].host, l->store[i].old, l->store[i].size);
}

/* The state of before; what other threads may have set meanwhile stays. */
static void restore(Cpu *cpu, const Cpu *from)
{
    size_t after = offsetof(Cpu, mode_key), jit = offsetof(Cpu, jit), rest = offsetof(Cpu, seg);
    memcpy(cpu, from, offsetof(Cpu, pending));
    memcpy((char *)cpu + after, (const char *)from + after, jit - after);
    memcpy((char *)cpu + rest, (const char *)from + rest, sizeof(Cpu) - rest);
}

/* --- the interpreter's run ----------------------------------------------------------------------- */

/* Generated code hands the instruction to the interpreter, always. */
static bool is_handed_over(const IrBlock *ir, unsigned n)
{
    for (unsigned i = 0; i < ir->op_count; i++)
        if (ir->ops[i].insn == n && (ir->ops[i].op == IR_INTERP || ir->ops[i].op == IR_LEAVE))
            return true;
    return false;
}

/* Not to be run twice; generated code does no such thing itself. */
static bool is_final(const IrBlock *ir, unsigned n)
{
    const Insn *insn = &ir->insn[n];
    if (!is_handed_over(ir, n))
        return false;
    static const char *const names[] = {
        "IN",      "OUT",        "INS",     "OUTS",    "RDTSC",  "RDTSCP",   "RDPMC",   "RDRAND",
        "RDSEED",  "MOV_TO_SEG", "POP_SEG", "LSS",     "LDS",    "LES",      "LFS",     "LGS",
        "XRSTOR",  "FXRSTOR",    "RDPID",   "INT",     "INT1",   "INT3",     "INTO",    "CALL_FAR",
        "JMP_FAR", "RET_FAR",    "IRET",    "SYSCALL", "SYSRET", "SYSENTER", "SYSEXIT", "POPF",
        "STI",     "CLI",        "STAC",    "CLAC"};
    const InsnRow *row = insn_row(insn);
    if (row->attrs & (ATTR_SERIAL | ATTR_CPL0))
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (!strcmp(row->name, names[i]))
            return true;
    return false;
}

/* Runs the lifted instructions while they follow each other. Returns what was raised, or FINISHED.
 */
static int interpret(Lockstep *l, Cpu *cpu)
{
    sigjmp_buf unwind;
    cpu->unwind = &unwind;
    if (sigsetjmp(l->give_up, 0))
        return GIVEN_UP;
    if (sigsetjmp(unwind, 0)) {
        l->error = cpu->raised.error;
        cpu->rip = cpu->rip_start;
        return cpu->raised.vector;
    }
    const IrBlock *ir = &l->now->ir;
    for (l->insns = 0; l->insns < ir->insn_count; l->insns++) {
        unsigned n = l->insns;
        const Insn *insn = &ir->insn[n];
        if (cpu->rip != ir->insn_rip[n] || l->now->final[n])
            break;
        cpu->insn = cpu->block_first = insn;
        cpu->block_end = insn + 2;
        cpu->rip_start = cpu->rip;
        cpu->rip += insn->length;
        insn->exec(cpu, insn);
        tlb_hide(cpu); /* POPF has chosen one */
        bool again = insn_row(insn)->attrs & ATTR_STRING && cpu->rip == cpu->rip_start;
        if (again || cpu->pending & PENDING_DEBUG)
            return GIVEN_UP;
    }
    return FINISHED;
}

/* Lifts the block as the translator did. False: that cannot be repeated. */
static bool lift(Lockstep *l, Cpu *cpu)
{
    KeptBlock *kept = &l->kept[l->block % KEPT_BLOCKS];
    l->now = kept;
    if (kept->block == l->block && kept->generation == l->t->generation)
        return true;
    kept->block = 0;
    if (!lift_again(l->t, cpu, l->block, &kept->ir))
        return false;
    for (unsigned n = 0; n < kept->ir.insn_count; n++) {
        kept->final[n] = is_final(&kept->ir, n);
        exec_bind_general(cpu, &kept->ir.insn[n]);
    }
    kept->block = l->block;
    kept->generation = l->t->generation;
    return true;
}

/* The interpreter's run, taken back. False: there is nothing to compare. */
static bool foresee(Lockstep *l, Cpu *cpu)
{
    if (mmu_tlb_mode(cpu) == TLB_NEVER || !lift(l, cpu))
        return false;
    l->before = *cpu;
    l->store_count = 0;
    tlb_hide(cpu);
    cpu->journal = &l->journal;
    l->vector = interpret(l, cpu);
    cpu->journal = NULL;
    cpu->tlb = l->before.tlb;
    l->expected = *cpu;
    take_back(l);
    restore(cpu, &l->before);
    tlb_select(cpu, mmu_tlb_mode(cpu)); /* it may have grown */
    cpu->insn = NULL;
    return l->vector != GIVEN_UP && (l->insns || l->vector >= 0);
}

/* --- comparing ----------------------------------------------------------------------------------- */

static bool same_fpu(const Fpu *a, const Fpu *b)
{
    for (unsigned i = 0; i < 8; i++)
        if (a->reg[i].mant != b->reg[i].mant || a->reg[i].se != b->reg[i].se)
            return false;
    return a->cw == b->cw && a->sw == b->sw && a->top == b->top && a->valid == b->valid;
}

static bool same_segments(const Cpu *a, const Cpu *b)
{
    return a->mode_key == b->mode_key && a->cpl == b->cpl && a->mode == b->mode &&
           a->code_size == b->code_size && a->stack_size == b->stack_size &&
           !memcmp(a->seg, b->seg, sizeof(a->seg));
}

static const char *difference(const Lockstep *l, const Cpu *cpu)
{
    const Cpu *e = &l->expected;
    if (cpu->rip != e->rip)
        return "rip";
    if (memcmp(cpu->gpr, e->gpr, sizeof(e->gpr)))
        return "a general register";
    if (eflags_get(cpu) != eflags_get(e))
        return "eflags";
    if (!same_segments(cpu, e))
        return "a segment or the mode";
    if (cpu->mxcsr != e->mxcsr || memcmp(cpu->vec, e->vec, sizeof(e->vec)))
        return "the vector state";
    if (!same_fpu(&cpu->fpu, &e->fpu))
        return "the x87";
    for (unsigned i = l->store_count; i-- > 0;) {
        const Store *s = &l->store[i];
        if (load_le(s->host, s->size) != s->new)
            return "memory";
    }
    return NULL;
}

static void print_bytes(FILE *out, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%02x%s", bytes[i], i % 32 == 31 || i + 1 == count ? "\n" : "");
}

static void print_x87(FILE *out, const char *name, const Fpu *f)
{
    fprintf(out, "x87      %s: control %04x status %04x top %u valid %02x\n", name, f->cw, f->sw,
            f->top, f->valid);
    for (unsigned i = 0; i < 8; i++)
        fprintf(out, " %04x:%016" PRIx64 "%s", f->reg[i].se, f->reg[i].mant,
                i % 4 == 3 ? "\n" : "");
}

static void print_registers(FILE *out, const Lockstep *l, const Cpu *cpu)
{
    const Cpu *a = &l->before, *e = &l->expected;
    fprintf(out, "         before           interpreter      translator\n");
    for (unsigned r = 0; r < GPR_COUNT; r++)
        fprintf(out, "r%-2u      %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "%s\n", r, a->gpr[r],
                e->gpr[r], cpu->gpr[r], e->gpr[r] != cpu->gpr[r] ? " <" : "");
    fprintf(out, "rip      %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", a->rip, e->rip,
            cpu->rip);
    fprintf(out, "eflags   %16x %16x %16x\n", eflags_get(a), eflags_get(e), eflags_get(cpu));
    if (!same_fpu(&cpu->fpu, &e->fpu)) {
        print_x87(out, "before", &a->fpu);
        print_x87(out, "interpreter", &e->fpu);
        print_x87(out, "translator", &cpu->fpu);
    }
    for (unsigned v = 0; v < 16; v++)
        for (unsigned n = 0; n < 4; n++)
            if (cpu->vec[v].u64[n] != e->vec[v].u64[n])
                fprintf(out, "vec%u.%u  %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " <\n", v, n,
                        a->vec[v].u64[n], e->vec[v].u64[n], cpu->vec[v].u64[n]);
}

static void print_stores(FILE *out, const Lockstep *l)
{
    for (unsigned i = 0; i < l->store_count; i++) {
        const Store *s = &l->store[i];
        uint64_t now = load_le(s->host, s->size);
        fprintf(out, "store    %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "%s\n", s->old, s->new,
                now, s->new != now ? " <" : "");
    }
}

/* Guest code, the intermediate form, host code, both states; then the end. */
static void report(Lockstep *l, const Cpu *cpu, const char *what)
{
    const Block *block = &l->t->blocks[l->block];
    g_autoptr(GString) text = g_string_new(NULL);
    KeptBlock *kept = &l->kept[l->block % KEPT_BLOCKS];
    kept->ir.alone = cache_is_alone(cache_page(l->t, block->host), block->host);
    ir_passes(&kept->ir);
    ir_print(&kept->ir, text);
    fprintf(stderr,
            "lockstep: %s differs after %u instructions of the block at %#" PRIx64 ", mode %u\n%s",
            what, l->insns, block->rip, l->before.mode, text->str);
    fprintf(stderr, "guest code: ");
    print_bytes(stderr, block->host, 64);
    fprintf(stderr, "host code at %p:\n", (void *)(l->t->rx + block->entry));
    print_bytes(stderr, l->t->rw + block->entry, block->code_end - block->entry);
    print_registers(stderr, l, cpu);
    print_stores(stderr, l);
    exit(1);
}

static void compare(Lockstep *l, const Cpu *cpu)
{
    const char *what = difference(l, cpu);
    l->compared = true;
    l->stats.compared++;
    l->stats.insns += l->insns;
    if (what)
        report(l, cpu, what);
}

/* --- the translator's run ------------------------------------------------------------------------ */

uint64_t lockstep_stretch(Translator *t)
{
    enum { BLOCK_INSNS = 6 }; /* about */
    Lockstep *l = t->lockstep;
    l->free = !l->free && l->one_in > 1;
    l->due = !l->free;
    if (l->due)
        return INT64_MAX;
    l->random = l->random * 1664525 + 1013904223;
    return 1 + (l->random >> 8) % (2 * BLOCK_INSNS * l->one_in);
}

bool lockstep_begin(Translator *t, Cpu *cpu, uint32_t block)
{
    Lockstep *l = t->lockstep;
    l->active = l->compared = false;
    if (!l->due)
        return false;
    l->due = l->one_in == 1;
    l->block = block;
    if (!foresee(l, cpu)) {
        l->stats.skipped++;
        return false;
    }
    l->active = true;
    l->count = cpu->insn_count;
    return true;
}

void lockstep_door(Translator *t, const Cpu *cpu, const Site *site)
{
    Lockstep *l = t->lockstep;
    if (l->active && !l->compared && site->block == l->block && site->number == l->insns &&
        l->vector == FINISHED && cpu->insn_count - l->count == l->insns) {
        Cpu at_door = *cpu;
        at_door.rip = cpu->rip_start;
        compare(l, &at_door);
    }
}

void lockstep_end(Translator *t, const Cpu *cpu)
{
    Lockstep *l = t->lockstep;
    if (!l->active || l->compared)
        return;
    l->active = false;
    bool before_raise = l->vector >= 0 && cpu->insn_count - l->count == l->insns &&
                        cpu->rip == l->expected.rip;
    if (cpu->insn_count - l->count < l->insns || before_raise) {
        l->stats.cut++; /* something became pending, or the next instruction needs another block */
        return;
    }
    if (cpu->insn_count - l->count > l->insns)
        report(l, cpu, "the number of instructions");
    if (l->vector >= 0)
        report(l, cpu, "that it raised nothing: the state");
    compare(l, cpu);
}

void lockstep_raised(Translator *t, const Cpu *cpu)
{
    Lockstep *l = t->lockstep;
    if (!l->active || l->compared)
        return;
    l->active = false;
    Cpu now = *cpu;
    now.rip = cpu->rip_start;
    if (cpu->insn_count - l->count < l->insns) {
        l->stats.cut++;
        return;
    }
    if (l->vector != cpu->raised.vector || l->error != cpu->raised.error ||
        now.cr2 != l->expected.cr2)
        report(l, &now, "the exception raised, or else the state,");
    compare(l, &now);
}

/* --- life ---------------------------------------------------------------------------------------- */

Lockstep *lockstep_new(Translator *t, unsigned one_in)
{
    Lockstep *l = g_new0(Lockstep, 1);
    l->journal = (StoreJournal){.store = note_store, .device = note_device, .mark = note_mark};
    l->t = t;
    l->one_in = one_in;
    return l;
}

void lockstep_free(Lockstep *l)
{
    if (l)
        fprintf(stderr,
                "lockstep: %" PRIu64 " blocks compared, %" PRIu64
                " instructions; not compared: %" PRIu64 " blocks, %" PRIu64 " cut short\n",
                l->stats.compared, l->stats.insns, l->stats.skipped, l->stats.cut);
    g_free(l);
}
