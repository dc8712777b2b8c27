/* test_fast.c - the specialised forms against the general exec functions: random instructions in
 * every mode, each run both ways from the same state; registers, flags, memory and faults must
 * agree. */
#include <inttypes.h>

#include "cpu/exec/fast.h"
#include "cpu/mmu.h"
#include "tests/support/testcpu.h"

enum { RAM_SIZE = 64 * 1024, ROUNDS = 60000, SEED = 8086 };

typedef struct Duel {
    TestCpu *t;
    GRand *rand;
    uint8_t code[16];
    Insn insn;
    uint8_t before[RAM_SIZE], after[RAM_SIZE];
    Cpu cpu_before, cpu_after;
} Duel;

static uint32_t below(Duel *d, uint32_t n)
{
    return g_rand_int(d->rand) % n;
}

/* The opcodes that have specialised forms, more often than chance. */
static unsigned likely_opcode(Duel *d)
{
    static const uint8_t opcodes[] = {0x80, 0x81, 0x83, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d,
                                      0xc0, 0xc1, 0xc3, 0xc6, 0xc7, 0xd0, 0xd1, 0xd3, 0xe8, 0xe9,
                                      0xeb, 0xf6, 0xf7, 0xfe, 0xff, 0x63, 0x68, 0x6a};
    switch (below(d, 4)) {
    case 0:
        return below(d, 0x40); /* arithmetic */
    case 1:
        return 0x40 + below(d, 0x40); /* INC, PUSH, Jcc */
    default:
        return opcodes[below(d, G_N_ELEMENTS(opcodes))];
    }
}

static unsigned likely_0f_opcode(Duel *d)
{
    static const uint8_t opcodes[] = {0x40, 0x80, 0x90, 0xaf, 0xb6, 0xb7, 0xbe, 0xbf};
    unsigned opcode = opcodes[below(d, G_N_ELEMENTS(opcodes))];
    return opcode < 0xa0 ? opcode + below(d, 16) : opcode;
}

static void random_code(Duel *d)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0x64, 0x2e};
    uint8_t *p = d->code;
    if (!below(d, 3))
        *p++ = prefixes[below(d, G_N_ELEMENTS(prefixes))];
    if (d->t->cpu->code_size == CODE_64 && below(d, 2))
        *p++ = 0x40 | below(d, 16);
    if (!below(d, 4)) {
        *p++ = 0x0f;
        *p++ = likely_0f_opcode(d);
    } else {
        *p++ = likely_opcode(d);
    }
    while (p < d->code + sizeof(d->code))
        *p++ = g_rand_int(d->rand) >> (below(d, 2) ? 0 : 28); /* small displacements too */
}

static void random_mode(Duel *d)
{
    Cpu *cpu = d->t->cpu;
    cpu_reset(cpu, CPU_POWER_ON);
    switch (below(d, 3)) {
    case 0:
        break; /* real mode */
    case 1:
        test_cpu_flat(d->t, CPU_PROTECTED, 0);
        break;
    case 2:
        test_cpu_flat(d->t, CPU_LONG, 0); /* paging off: addresses are physical */
        break;
    }
    if (below(d, 2)) {
        Segment *seg = &cpu->seg[below(d, SEG_COUNT)];
        seg->base = below(d, 0x1000);
        seg->limit = below(d, 0xffff);
        segment_update(seg);
    }
    cpu->seg[SEG_CS].base = 0;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = below(d, 8) ? below(d, RAM_SIZE)
                                  : (uint64_t)g_rand_int(d->rand) << below(d, 33);
    cpu->rip = below(d, 0x1000);
    flags_set_arith(cpu, g_rand_int(d->rand));
    cpu_update_mode(cpu);
}

/* Makes the TLB know all of RAM, so that the forms are not only ever on their way out. */
static void warm_tlb(Duel *d)
{
    for (LinAddr la = 0; la < RAM_SIZE; la += PAGE_SIZE)
        mem_probe(d->t->cpu, la, 1, ACCESS_WRITE);
}

static void call(Cpu *cpu, void *opaque)
{
    const Insn *insn = opaque;
    cpu->insn = insn;
    insn->exec(cpu, insn);
}

/* Runs fn from the saved state. */
static Raised run(Duel *d, ExecFn *fn)
{
    Cpu *cpu = d->t->cpu;
    *cpu = d->cpu_before;
    memcpy(d->t->ram.host, d->before, RAM_SIZE);
    d->insn.exec = fn;
    cpu->rip += d->insn.length;
    Raised r = test_cpu_try(d->t, call, &d->insn);
    if (r.vector >= 0)
        cpu->rip = d->cpu_before.rip; /* as the run loop does */
    return r;
}

static G_NORETURN void report(const Duel *d, const char *what)
{
    char text[128];
    insn_format(&d->insn, text, sizeof(text));
    g_error("%s in mode %d: %s differs (rip %#" PRIx64 " and %#" PRIx64 ")", text,
            d->cpu_before.mode, what, d->cpu_after.rip, d->t->cpu->rip);
}

static void duel(Duel *d, ExecFn *fast)
{
    d->cpu_before = *d->t->cpu;
    Raised a = run(d, fast);
    d->cpu_after = *d->t->cpu;
    memcpy(d->after, d->t->ram.host, RAM_SIZE);
    Raised b = run(d, insn_row(&d->insn)->exec);
    if (a.vector != b.vector || a.error != b.error)
        report(d, "what it raises");
    if (memcmp(d->cpu_after.gpr, d->t->cpu->gpr, sizeof(d->cpu_after.gpr)))
        report(d, "a register");
    if (d->cpu_after.rip != d->t->cpu->rip)
        report(d, "rip");
    if (flags_arith(&d->cpu_after) != flags_arith(d->t->cpu))
        report(d, "a flag");
    if (memcmp(d->after, d->t->ram.host, RAM_SIZE))
        report(d, "memory");
}

static void test_forms(void)
{
    Duel *d = g_new0(Duel, 1);
    d->t = test_cpu_new("max", RAM_SIZE);
    d->rand = g_rand_new_with_seed(SEED);
    for (unsigned i = 0; i < RAM_SIZE; i++)
        d->before[i] = below(d, 256);
    unsigned fought = 0;
    g_autoptr(GHashTable) forms = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        random_mode(d);
        random_code(d);
        Cpu *cpu = d->t->cpu;
        unsigned flags = cpu->mode == CPU_REAL ? DECODE_REAL_OR_V86 : 0;
        if (decode(d->code, sizeof(d->code), cpu->code_size, flags, &d->insn) != DECODE_OK)
            continue;
        ExecFn *fast = exec_fast(&d->insn, cpu->mode);
        if (!fast)
            continue;
        warm_tlb(d);
        duel(d, fast);
        fought++;
        g_hash_table_add(forms, fast);
    }
    g_test_message("%u duels of %u forms", fought, g_hash_table_size(forms));
    g_assert_cmpuint(g_hash_table_size(forms), >, 500);
    g_rand_free(d->rand);
    test_cpu_free(d->t);
    g_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fast/forms", test_forms);
    return g_test_run();
}
