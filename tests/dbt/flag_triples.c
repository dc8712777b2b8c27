/* flag_triples.c - the arithmetic flags between who writes them and who reads them, with everything
 * that can come between, in the interpreter and in the translator.
 *
 *     flag_triples [--one-in N] [--seed N] [--show WRITER/PLACE/READER]
 *
 * Every writer, place and reader of flag_pieces.c is one triple, run from several states in 16-,
 * 32- and 64-bit code: with an empty TLB and unlinked code, once more with both filled, and
 * counted, with a budget that ends it anywhere. Registers, flags, memory, and what an exception
 * pushed must be the interpreter's; uncounted, but for flags that are undefined. One in N pairs of
 * writer and place is run, with all readers. Exit status: 1 if anything differs, 77 without a
 * translator for this host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/isa.h"
#include "cpu/mmu.h"
#include "cpu/x87.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/dbt/flag_pieces.h"
#include "tests/support/bare_cpu.h"
#include "tests/support/random_code.h"
#include "tests/support/undefined.h"

enum {
    SKIPPED = 77,
    MOST_REPORTS = 5,
    MOST_INSNS = 100,
    HLT = 0xf4,
    INTERRUPT = 0x40,
    TABLE = 0x110000, /* of 4 KiB pages */
    DEVICE_AT = 0x300000,
    HANDLERS = 0x1f000,
    /* Linear addresses. */
    READ_ONLY_PAGE = 0x24000,
    ABSENT_PAGE = 0x25000,
    DEVICE_PAGE = 0x26000,
    CODE_ALIAS = 0x28000, /* a second mapping of the code */
    /* A slot holds one triple: the reader backward jumps go to, then writer, place and reader. */
    SLOT = 128,
    ENTRY = 32,
    SLOTS_IN_PAGE = 30, /* nothing is behind them */
    FAR = 0x4000,       /* from a slot to its reader in another page */
    MOST_SLOTS = 4 * SLOTS_IN_PAGE,
};

/* --- the machines -------------------------------------------------------------------------------- */

typedef enum Engine { INTERPRETED, FREE, COUNTED, ENGINES } Engine;

typedef struct Machine {
    BareCpu *t;
    MemRegion device;
    unsigned accesses; /* of the device */
} Machine;

typedef struct World {
    const char *name;
    CodeSize mode;
    uint8_t sizes; /* IN_* */
    uint64_t data_base;
} World;

/* The last is segmented, as the first. */
static const World worlds[] = {
    {"16-bit", CODE_16, IN_16, AT_DATA},
    {"32-bit", CODE_32, IN_32, 0},
    {"64-bit", CODE_64, IN_64, 0},
    {"32-bit, segmented", CODE_32, IN_32, AT_DATA},
};

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    Machine *m = opaque;
    m->accesses++;
    if (offset >= 0x800)
        cpu_kick(m->t->cpu, PENDING_INTR);
    return 0xa5a5a5a5a5a5a5a5 + offset;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Machine *m = opaque;
    m->accesses += 1 + value % 1000;
}

static const MemOps device_ops = {device_read, device_write, 1, 8};

static int acknowledge(void *intc)
{
    return INTERRUPT;
}

static bool machine_init(Machine *m, Engine engine, GError **err)
{
    static const IntcOps intc = {.acknowledge = acknowledge};
    m->t = bare_cpu();
    m->t->cpu->bus.intc_ops = &intc;
    mem_init_io(&m->device, "device", PAGE_SIZE, &device_ops, m);
    mem_add(&m->t->memory_root, DEVICE_AT, &m->device, 0);
    if (engine == INTERPRETED)
        return true;
    return dbt_attach(m->t->cpu, &(DbtOptions){.counted = engine == COUNTED, .cache_mib = 1}, err);
}

static void machine_fini(Machine *m)
{
    mem_remove(&m->device);
    bare_cpu_free(m->t);
}

/* --- the world ----------------------------------------------------------------------------------- */

static uint64_t page_entry(LinAddr la)
{
    enum { PRESENT = 1, WRITABLE = 2, USER = 4, ALL_RIGHTS = PRESENT | WRITABLE | USER };
    if (la == READ_ONLY_PAGE)
        return la | PRESENT | USER;
    if (la == ABSENT_PAGE)
        return 0;
    if (la == DEVICE_PAGE)
        return DEVICE_AT | ALL_RIGHTS;
    if (la >= CODE_ALIAS && la < CODE_ALIAS + 2 * FAR)
        return (la - CODE_ALIAS + AT_CODE) | ALL_RIGHTS;
    return la | ALL_RIGHTS;
}

static void put_tables(BareCpu *t)
{
    enum { VECTORS = 0x41, IST = 1, RIGHTS = 7 };
    for (unsigned n = 0; n < 512; n++)
        bare_write(t, TABLE + 8 * n, page_entry(n * PAGE_SIZE), 8);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE, TABLE | RIGHTS, 8);
    bare_write(t, HANDLERS, HLT, 1);
    for (unsigned v = 0; v < VECTORS; v++)
        bare_idt_long(
            t, v, gate_make(SEL_CODE64, HANDLERS, AR_P | DESC_INT_GATE, 0) | (uint64_t)IST << 32,
            0);
    bare_write(t, AT_TSS + 0x24, AT_IST1, 8);
}

static void enter_world(Machine *m, const World *w)
{
    Cpu *cpu = m->t->cpu;
    if (w->mode == CODE_64)
        bare_long(m->t, 0);
    else
        bare_compat(m->t, 0);
    put_tables(m->t);
    cpu->cr0 |= CR0_WP;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    memset(&cpu->fpu, 0, sizeof(cpu->fpu));
    x87_init(cpu);
    cpu->mxcsr = 0x1f80;
    Segment *cs = &cpu->seg[SEG_CS], *ss = &cpu->seg[SEG_SS];
    if (w->mode == CODE_16) {
        cs->access &= ~AR_DB;
        cs->base = AT_CODE;
        cs->limit = ss->limit = 0xffff;
        ss->access &= ~AR_DB;
        segment_update(cs);
        segment_update(ss);
    }
    static const uint8_t data[] = {SEG_DS, SEG_ES};
    for (unsigned i = 0; i < G_N_ELEMENTS(data) && w->data_base; i++) {
        cpu->seg[data[i]].base = w->data_base;
        cpu->seg[data[i]].limit = 0xffff;
        segment_update(&cpu->seg[data[i]]);
    }
    cpu_update_mode(cpu);
    tlb_flush_all(cpu);
}

static uint64_t code_base(const World *w)
{
    return w->mode == CODE_16 ? AT_CODE : 0;
}

/* --- states -------------------------------------------------------------------------------------- */

/* Chosen so that every flag is set and clear behind most writers. */
typedef struct Values {
    uint64_t a, d, memory;
    unsigned count;
    uint32_t flags;
    uint32_t x[2]; /* floats */
} Values;

static const Values values[] = {
    {0x7f7f7f7f7f7f7f7f, 0x0101010101010101, 0x81, 5, FLAGS_ARITH, {0x3f800000, 0x40000000}},
    {UINT64_MAX, 1, UINT64_MAX, 0, 0, {0x40000000, 0x3f800000}},
    {0x8080808080808080,
     0x8080808080808080,
     0x7f7f7f7f7f7f7f7f,
     33,
     FLAG_OF | FLAG_ZF,
     {0x3f800000, 0x3f800000}},
    {0, 0x0010001000100010, 1, 1, FLAG_CF | FLAG_PF | FLAG_SF, {0x7fc00000, 0x3f800000}},
};

static LinAddr target_address(Target target, unsigned slot_at)
{
    switch (target) {
    case STRADDLE:
        return AT_DATA + PAGE_SIZE - 1;
    case READ_ONLY:
        return READ_ONLY_PAGE + 0x100;
    case STRADDLE_READ_ONLY:
        return READ_ONLY_PAGE - 1;
    case ABSENT:
        return ABSENT_PAGE + 0x100;
    case STRADDLE_ABSENT:
        return ABSENT_PAGE - 1;
    case DEVICE:
        return DEVICE_PAGE;
    case DEVICE_KICK:
        return DEVICE_PAGE + 0x800;
    case CODE_PAGE:
        return CODE_ALIAS + PAGE_SIZE - 64;
    case OWN_CODE:
        return CODE_ALIAS + slot_at + SLOT - 1;
    case FAR_CODE:
        return CODE_ALIAS + FAR + slot_at + SLOT - 1;
    default:
        return AT_DATA + 0x100;
    }
}

/* Memory that a triple may write: compared, and written before each run. */
typedef struct Window {
    PhysAddr at;
    unsigned size;
} Window;
static const Window windows[] = {
    {AT_DATA + 0x100, 0x100},  {AT_DATA + PAGE_SIZE - 16, 32},
    {READ_ONLY_PAGE - 32, 64}, {READ_ONLY_PAGE + 0x100, 64},
    {ABSENT_PAGE - 32, 32},    {AT_CODE + PAGE_SIZE - 64, 64},
    {AT_STACK0 - 64, 64 + 64}, {AT_IST1 - 64, 64},
};
enum { FRAME_FLAGS = AT_IST1 - 24, FRAME_RIP = AT_IST1 - 40, WINDOW_MOST = 0x100 };

static void fill_windows(BareCpu *t, const Values *v)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++)
        memset(t->ram.host + windows[i].at, 0x11 * (i + 1), windows[i].size);
    bare_write(t, AT_DATA + 0x180, v->memory, 8);
    bare_write(t, AT_DATA + 0x100, v->memory ^ 0x40, 8);
}

static void set_state(Cpu *cpu, const World *w, const FlagPiece *place, const Values *v,
                      unsigned slot_at)
{
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = v->a ^ UINT64_C(0x1111111111111111) * r;
    cpu->gpr[RAX] = v->a;
    cpu->gpr[RDX] = v->d;
    cpu->gpr[RCX] = v->count;
    cpu->gpr[RBP] = v->d << 7 | 1;
    if (w->mode != CODE_64)
        for (unsigned r = 0; r < GPR_COUNT; r++)
            cpu->gpr[r] = (uint32_t)cpu->gpr[r];
    cpu->gpr[RBX] = AT_DATA + 0x180 - w->data_base;
    cpu->gpr[RDI] = AT_DATA + 0x1a0 - w->data_base;
    cpu->gpr[RSI] = target_address(place->target, slot_at) - w->data_base;
    cpu->gpr[RSP] = AT_STACK0;
    for (unsigned i = 0; i < 4; i++) {
        cpu->vec[0].u32[i] = v->x[0];
        cpu->vec[1].u32[i] = v->x[1];
    }
    flags_set_arith(cpu, v->flags);
    cpu->rip = AT_CODE - code_base(w) + slot_at + ENTRY;
    if (place->request)
        cpu->pending |= PENDING_INTR;
}

/* --- code ---------------------------------------------------------------------------------------- */

typedef struct Code {
    const World *world;
    uint8_t *bytes; /* of the slot */
    unsigned at;    /* bytes written so far, from the slot's start */
    uint64_t rip;   /* of the slot's start */
} Code;

static unsigned put_token(Code *c, unsigned token, unsigned after)
{
    unsigned size = c->world->mode == CODE_16 ? 2 : 4;
    uint8_t *to = c->bytes + c->at;
    bool modrm16 = c->world->mode == CODE_16;
    uint64_t end = c->rip + c->at + size;
    switch (token & 0xff00) {
    case 0:
        *to = token;
        return 1;
    case TOKEN_SI:
        *to = (token & 0x38) | (modrm16 ? 4 : 6);
        return 1;
    case TOKEN_BX:
        *to = (token & 0x38) | (modrm16 ? 7 : 3);
        return 1;
    case TOKEN_IMM:
        store_le(to, (int64_t)(int8_t)token, size);
        return size;
    }
    switch (token) {
    case TOKEN_W:
        *to = 0x48;
        return c->world->mode == CODE_64;
    case TOKEN_TO_FAR:
        store_le(to, c->rip + FAR - end, size);
        return size;
    case TOKEN_TO_BACK:
        store_le(to, c->rip - end, size);
        return size;
    case TOKEN_AT_FAR:
        store_le(to, c->rip + FAR, size);
        return size;
    case TOKEN_AT_BACK:
        store_le(to, c->rip, size);
        return size;
    case TOKEN_AT_NEXT:
        store_le(to, end + after, size);
        return size;
    }
    g_assert_not_reached();
}

static void put_piece(Code *c, const FlagPiece *piece)
{
    for (unsigned i = 0; piece->code[i] != TOKEN_END; i++) {
        unsigned after = 0; /* only plain bytes are ever behind TOKEN_AT_NEXT */
        while (piece->code[i] == TOKEN_AT_NEXT && piece->code[i + 1 + after] != TOKEN_END)
            after++;
        c->at += put_token(c, piece->code[i], after);
    }
}

/* One triple at offset slot_at of the code, of len bytes behind ENTRY. */
static void put_triple(uint8_t *code, const World *w, unsigned slot_at,
                       const FlagPiece *const piece[3])
{
    uint64_t rip = AT_CODE - code_base(w) + slot_at;
    memset(code + slot_at, HLT, SLOT);
    memset(code + FAR + slot_at, HLT, SLOT);
    Code back = {w, code + slot_at, 0, rip};
    put_piece(&back, piece[2]);
    g_assert_cmpuint(back.at, <, ENTRY);
    Code far = {w, code + FAR + slot_at, 0, rip + FAR};
    put_piece(&far, piece[2]);
    Code c = {w, code + slot_at, ENTRY, rip};
    for (unsigned i = 0; i < 3; i++)
        put_piece(&c, piece[i]);
    g_assert_cmpuint(c.at, <, SLOT - 16);
}

/* What is known of a triple's flags: undefined behind writer and place, and before each instruction
 * at its offset in the slot. */
typedef struct Undefined {
    uint32_t after, before[SLOT];
} Undefined;

/* False: the reader, or the place, looks at an undefined flag. */
static bool flags_are_settled(const uint8_t *slot, const World *w, Undefined *u)
{
    uint32_t now = 0;
    *u = (Undefined){0};
    unsigned at = ENTRY;
    while (slot[at] != HLT) {
        Insn insn;
        DecodeStatus status = decode(slot + at, SLOT - at, w->mode, 0, &insn);
        g_assert_cmpint(status, ==, DECODE_OK);
        if (now & flags_looked_at(&insn))
            return false;
        u->before[at] = now;
        const InsnRow *row = insn_row(&insn);
        /* Shifts and repeated strings may keep all flags; INTO changes them only if it traps. */
        bool may_keep = undefined_flags(&insn) || row->attrs & (ATTR_STRING | ATTR_BRANCH);
        if (!may_keep)
            now &= ~(uint32_t)row->flags_written;
        now |= undefined_flags(&insn);
        u->after |= now;
        at += insn.length;
    }
    u->before[at] = now;
    return true;
}

/* --- running ------------------------------------------------------------------------------------- */

typedef struct Result {
    Cpu cpu;
    uint64_t insns;
    unsigned accesses;
    uint8_t memory[G_N_ELEMENTS(windows)][WINDOW_MOST];
} Result;

/* From `start`, for at most `most` instructions. */
static void run(Machine *m, Engine e, const Cpu *start, const Values *v, uint64_t most, Result *r)
{
    Cpu *cpu = m->t->cpu;
    fill_windows(m->t, v);
    m->accesses = 0;
    uint64_t count = cpu->insn_count;
    *cpu = *start;
    cpu->insn_count = count;
    cpu_update_mode(cpu);
    cpu_run(cpu, e == FREE ? UINT64_MAX - count : most);
    r->cpu = *cpu;
    r->insns = cpu->insn_count - count;
    r->accesses = m->accesses;
    for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++)
        memcpy(r->memory[i], m->t->ram.host + windows[i].at, windows[i].size);
}

static bool same_memory(const Result *a, const Result *b, uint32_t undefined)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++) {
        const Window *w = &windows[i];
        if (!memcmp(a->memory[i], b->memory[i], w->size))
            continue;
        if (FRAME_FLAGS < w->at || FRAME_FLAGS >= w->at + w->size)
            return false;
        uint8_t x[WINDOW_MOST];
        memcpy(x, b->memory[i], w->size);
        uint8_t *flags = x + FRAME_FLAGS - w->at;
        uint32_t theirs = load_le32(a->memory[i] + FRAME_FLAGS - w->at);
        store_le32(flags, (load_le32(flags) & ~undefined) | (theirs & undefined));
        if (memcmp(a->memory[i], x, w->size))
            return false;
    }
    return true;
}

static const char *difference(const Result *a, const Result *b, uint32_t undefined, bool counted)
{
    const Cpu *x = &a->cpu, *y = &b->cpu;
    if (x->rip != y->rip || x->activity != y->activity)
        return "rip or activity";
    if (memcmp(x->gpr, y->gpr, sizeof(x->gpr)))
        return "a general register";
    if ((eflags_get(x) ^ eflags_get(y)) & ~undefined)
        return "eflags";
    if (x->cr2 != y->cr2 || x->shadow != y->shadow)
        return "cr2 or the interrupt shadow";
    if (memcmp(x->vec, y->vec, sizeof(x->vec)))
        return "a vector register";
    if (counted && a->insns != b->insns)
        return "the number of instructions";
    if (a->accesses != b->accesses)
        return "what the device saw";
    return same_memory(a, b, undefined) ? NULL : "memory";
}

/* --- triples ------------------------------------------------------------------------------------- */

typedef struct Test {
    Machine machine[ENGINES];
    Cpu ready[ENGINES]; /* at the start of the world */
    uint64_t triples, undefined, runs, pairs;
    unsigned one_in, differences;
    const char *show;
} Test;

typedef struct Triple {
    const World *world;
    const FlagPiece *piece[3];
    unsigned slot_at;
    Undefined flags;
    bool settled;       /* nobody looks at an undefined flag */
    uint32_t undefined; /* in the state that is compared */
} Triple;

static void report(Test *test, const Triple *c, const Values *v, const char *how, const char *what,
                   const Result *a, const Result *b)
{
    printf("%s: %s / %s / %s, state %u, %s: %s differs, undefined %x\n", c->world->name,
           c->piece[0]->text, c->piece[1]->text, c->piece[2]->text, (unsigned)(v - values), how,
           what, c->undefined);
    const uint8_t *slot = test->machine[INTERPRETED].t->ram.host + AT_CODE + c->slot_at;
    for (unsigned at = ENTRY; slot[at] != HLT;) {
        Insn insn;
        char text[128];
        if (decode(slot + at, SLOT - at, c->world->mode, 0, &insn) != DECODE_OK)
            break;
        insn_format(&insn, text, sizeof(text));
        printf("    %s\n", text);
        at += insn.length;
    }
    printf("    interpreter      translator\n");
    for (unsigned r = 0; r < GPR_COUNT; r++)
        if (a->cpu.gpr[r] != b->cpu.gpr[r])
            printf("    %016" PRIx64 " %016" PRIx64 " r%u\n", a->cpu.gpr[r], b->cpu.gpr[r], r);
    printf("    %016" PRIx64 " %016" PRIx64 " rip\n    %16x %16x eflags\n", a->cpu.rip, b->cpu.rip,
           eflags_get(&a->cpu), eflags_get(&b->cpu));
    for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++)
        for (unsigned n = 0; n < windows[i].size; n++)
            if (a->memory[i][n] != b->memory[i][n])
                printf("    %16x %16x at %" PRIx64 "\n", a->memory[i][n], b->memory[i][n],
                       windows[i].at + n);
    test->differences++;
}

static bool judge(Test *test, const Triple *c, const Values *v, Engine e, const char *how,
                  uint64_t most, const Result *right)
{
    static Result r;
    Machine *m = &test->machine[e];
    run(m, e, &test->ready[e], v, most, &r);
    test->runs++;
    const char *what = difference(right, &r, c->undefined, e == COUNTED);
    if (what)
        report(test, c, v, how, what, right, &r);
    return !what;
}

/* Behind an exception: what is undefined at the instruction that its frame names. */
static uint32_t undefined_in(const Triple *c, const Machine *m, const Result *r)
{
    uint64_t start = AT_CODE - code_base(c->world) + c->slot_at;
    uint64_t rip = r->cpu.rip == HANDLERS + 1 ? bare_read(m->t, FRAME_RIP, 8) : UINT64_MAX;
    bool in_slot = rip >= start + ENTRY && rip < start + SLOT;
    return in_slot ? c->flags.before[rip - start] : c->flags.after;
}

static bool run_state(Test *test, Triple *c, const Values *v)
{
    static Result right, part;
    Machine *m = test->machine;
    for (unsigned e = 0; e < ENGINES; e++) {
        set_state(&test->ready[e], c->world, c->piece[1], v, c->slot_at);
        tlb_flush_all(m[e].t->cpu);
    }
    run(&m[INTERPRETED], INTERPRETED, &test->ready[INTERPRETED], v, MOST_INSNS, &right);
    g_assert_cmpuint(right.insns, <, MOST_INSNS);
    c->undefined = undefined_in(c, &m[INTERPRETED], &right);
    /* Uncounted code sees what a device asks for when it next looks. */
    bool exact = c->settled && c->piece[1]->target != DEVICE_KICK;
    if (exact && (!judge(test, c, v, FREE, "first run", 0, &right) ||
                  !judge(test, c, v, FREE, "second run", 0, &right)))
        return false;
    c->undefined = 0;
    uint64_t most = 1 + test->runs % right.insns;
    if (!judge(test, c, v, COUNTED, "counted", MOST_INSNS, &right))
        return false;
    run(&m[INTERPRETED], INTERPRETED, &test->ready[INTERPRETED], v, most, &part);
    return judge(test, c, v, COUNTED, "cut short", most, &part);
}

static void put_slots(Test *test, const World *w, const FlagPiece *writer, const FlagPiece *place)
{
    for (unsigned e = 0; e < ENGINES; e++) {
        uint8_t *code = test->machine[e].t->ram.host + AT_CODE;
        code_cache_flush(test->machine[e].t->cpu->code);
        for (unsigned n = 0; n < flag_reader_count; n++) {
            unsigned at = n / SLOTS_IN_PAGE * PAGE_SIZE + n % SLOTS_IN_PAGE * SLOT;
            put_triple(code, w, at, (const FlagPiece *[]){writer, place, &flag_readers[n]});
        }
    }
}

static bool is_shown(const Test *test, const Triple *c)
{
    if (!test->show)
        return true;
    g_autofree char *name = g_strdup_printf("%s/%s/%s", c->piece[0]->text, c->piece[1]->text,
                                            c->piece[2]->text);
    return strstr(name, test->show) != NULL;
}

static void run_pair(Test *test, const World *w, const FlagPiece *writer, const FlagPiece *place)
{
    put_slots(test, w, writer, place);
    test->pairs++;
    for (unsigned n = 0; n < flag_reader_count && test->differences < MOST_REPORTS; n++) {
        const FlagPiece *reader = &flag_readers[n];
        Triple c = {.world = w,
                    .piece = {writer, place, reader},
                    .slot_at = n / SLOTS_IN_PAGE * PAGE_SIZE + n % SLOTS_IN_PAGE * SLOT};
        if (!(reader->sizes & w->sizes) || !is_shown(test, &c))
            continue;
        const uint8_t *slot = test->machine[INTERPRETED].t->ram.host + AT_CODE + c.slot_at;
        c.settled = flags_are_settled(slot, w, &c.flags);
        test->undefined += !c.settled;
        test->triples++;
        for (unsigned v = 0; v < G_N_ELEMENTS(values); v++)
            if (!run_state(test, &c, &values[v]))
                break;
    }
}

static void run_world(Test *test, const World *w, RandomCode *choice)
{
    for (unsigned e = 0; e < ENGINES; e++) {
        enter_world(&test->machine[e], w);
        test->ready[e] = *test->machine[e].t->cpu;
    }
    for (unsigned i = 0; i < flag_writer_count; i++)
        for (unsigned j = 0; j < flag_place_count && test->differences < MOST_REPORTS; j++) {
            bool exists = flag_writers[i].sizes & flag_places[j].sizes & w->sizes;
            if (exists && !random_code_below(choice, test->one_in))
                run_pair(test, w, &flag_writers[i], &flag_places[j]);
        }
}

/* --- the program --------------------------------------------------------------------------------- */

static void parse_options(int argc, char **argv, Test *test, int *seed)
{
    int one_in = 1;
    const GOptionEntry entries[] = {
        {"one-in", 'n', 0, G_OPTION_ARG_INT, &one_in, "run one in so many pairs", "N"},
        {"seed", 's', 0, G_OPTION_ARG_INT, seed, "which of them", "N"},
        {"show", 0, 0, G_OPTION_ARG_STRING, &test->show, "only triples whose names hold this",
         "TEXT"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- flags in both engines, compared");
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) err = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &err) || one_in < 1) {
        g_printerr("flag_triples: %s\n", err ? err->message : "--one-in is too small");
        exit(2);
    }
    test->one_in = one_in;
}

int main(int argc, char **argv)
{
    static Test test;
    int seed = 0;
    parse_options(argc, argv, &test, &seed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned e = 0; e < ENGINES; e++) {
        g_autoptr(GError) err = NULL;
        if (!machine_init(&test.machine[e], e, &err)) {
            printf("skipped: %s\n", err->message);
            return SKIPPED;
        }
    }
    RandomCode choice;
    random_code_init(&choice, seed);
    for (unsigned w = 0; w < G_N_ELEMENTS(worlds); w++)
        run_world(&test, &worlds[w], &choice);
    printf("%" PRIu64 " pairs, %" PRIu64 " triples, %" PRIu64 " runs; %" PRIu64
           " triples look at undefined flags; %u differences\n",
           test.pairs, test.triples, test.runs, test.undefined, test.differences);
    const TranslatorStats *s = &translator_of(test.machine[FREE].t->cpu)->stats;
    bool translated = s->blocks > test.triples && s->links > test.pairs && s->misses[1];
    for (unsigned e = 0; e < ENGINES; e++)
        machine_fini(&test.machine[e]);
    return test.differences || (!translated && !test.show);
}
