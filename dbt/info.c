/* info.c - the translator in numbers, for `info jit` and `info hot`. */
#include <inttypes.h>
#include <time.h>

#include "dbt/dbt.h"
#include "dbt/optimizer.h"
#include "dbt/profile.h"
#include "dbt/translator.h"
#include "dbt/view.h"

/* Rows that the interpreter was asked for most, with their share. */
static void print_interpreted(const Translator *t, GString *out)
{
    enum { SHOWN = 24 };
    g_autofree uint64_t *left = g_memdup2(t->stats.interpreted, insn_row_count * sizeof(uint64_t));
    uint64_t sum = 0;
    for (unsigned i = 0; i < insn_row_count; i++)
        sum += left[i];
    for (unsigned n = 0; n < SHOWN && sum; n++) {
        unsigned best = 0;
        for (unsigned i = 1; i < insn_row_count; i++)
            best = left[i] > left[best] ? i : best;
        if (!left[best])
            break;
        g_string_append_printf(out, "  %-12s %02x  %12" PRIu64 "  %4.1f %%\n", insn_rows[best].name,
                               insn_rows[best].opcode, left[best], 100.0 * left[best] / sum);
        left[best] = 0;
    }
}

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / b : 0;
}

/* What a nanosecond of the host is in cycles of its time stamp counter, measured. */
static double cycles_per_ns(const Translator *t)
{
#ifdef __x86_64__
    uint64_t cycles = __builtin_ia32_rdtsc() - t->stats.start_cycles;
    return ratio(cycles, (g_get_monotonic_time() - t->stats.start_us) * NS_PER_US);
#else
    return 0;
#endif
}

/* Counted in some of the blocks there are, spread over the cache. */
static void print_host_insns(const Translator *t, GString *out)
{
    enum { LOOKED_AT = 2000 };
    g_autoptr(Disassembler) d = disassembler_new(CODE_64);
    uint64_t guest = 0, likely = 0, stubs = 0;
    uint32_t end = t->space[SPACE_PLAIN].next.block, step = MAX(end / LOOKED_AT, 1);
    for (uint32_t i = 1; i < end; i += step) {
        const Block *block = &t->blocks[i];
        guest += block->insn_count;
        likely += view_count_host(t, d, block->entry, block->stubs);
        stubs += view_count_host(t, d, block->stubs, block->code_end);
    }
    g_string_append_printf(out,
                           "  %.1f host instructions for each of the guest's, and %.1f in stubs\n",
                           ratio(likely, guest), ratio(stubs, guest));
}

static unsigned count_restless(const Translator *t)
{
    unsigned count = 0;
    GHashTableIter iter;
    gpointer page;
    g_hash_table_iter_init(&iter, t->pages);
    while (g_hash_table_iter_next(&iter, NULL, &page))
        for (unsigned i = 0; i < G_N_ELEMENTS(((CodePage *)page)->hits); i++)
            count += cache_granule_is_restless(page, i);
    return count;
}

static void print_optimizer(const Translator *t, GString *out)
{
    if (!t->optimizer)
        return;
    const OptimizerStats *s = optimizer_stats(t->optimizer);
    const CodeSpace *space = &t->space[SPACE_HOT];
    g_string_append_printf(
        out,
        "  %" PRIu64 " hot blocks written again, %" PRIu64
        " of them once more without slots that did not pay, %" PRIu64 " in vain; %" PRIu32
        " of %u slots given away, all taken back %" PRIu64 " times\n",
        s->blocks, s->remade, s->stale, space->next.slot, SLOT_COUNT, s->emptied);
}

static void print_blocks(const Cpu *cpu, const Translator *t, GString *out)
{
    const TranslatorStats *s = &t->stats;
    const CodePlace *next = &t->space[SPACE_PLAIN].next;
    double ns = ratio(s->timed_ns, s->timed_insns);
    g_string_append_printf(out,
                           "cpu%u: %" PRIu64
                           " blocks translated, of %.1f instructions; %.1f bytes of "
                           "code and %.0f ns (%.0f cycles) an instruction\n",
                           cpu->index, s->blocks, ratio(s->insns, s->blocks),
                           ratio(s->code_bytes, s->insns), ns, ns * cycles_per_ns(t));
    print_host_insns(t, out);
    print_optimizer(t, out);
    g_string_append_printf(out,
                           "  code cache %u of %u KiB with %u blocks, emptied %" PRIu64
                           " times; %" PRIu64
                           " blocks dropped because they were written, %u granules restless\n",
                           next->code >> 10, t->size >> 10, next->block - 1, s->flushes, s->dropped,
                           count_restless(t));
}

void dbt_print(Cpu *cpu, GString *out)
{
    if (!dbt_is_attached(cpu)) {
        g_string_append_printf(out, "cpu%u runs with the interpreter\n", cpu->index);
        return;
    }
    const Translator *t = translator_of(cpu);
    const TranslatorStats *s = &t->stats;
    print_blocks(cpu, t, out);
    g_string_append_printf(out,
                           "  entered %" PRIu64 " times, %" PRIu64
                           " exits linked; TLB missed %" PRIu64 " times and filled, %" PRIu64
                           " times not; %" PRIu64 " registers of devices read and %" PRIu64
                           " ports accessed at once; jump cache missed %" PRIu64 " times\n",
                           s->entries, s->links, s->misses[true], s->misses[false], s->device_loads,
                           s->ports, s->jump_misses);
    g_string_append_printf(out,
                           "  %" PRIu64 " times no block could be made, for instructions whose "
                           "bytes change often\n",
                           s->refused);
    g_string_append_printf(out, "  %" PRIu64 " instructions handed to the interpreter:\n",
                           s->sites_taken);
    print_interpreted(t, out);
}

/* --- samples -------------------------------------------------------------------------------------- */

void dbt_profile_start(Cpu *cpu)
{
    if (!dbt_is_attached(cpu))
        return;
    Translator *t = translator_of(cpu);
    profile_free(t->profile);
    samples_resolve(t);
    t->profile = profile_new(t);
}

void dbt_profile_stop(Cpu *cpu)
{
    if (!dbt_is_attached(cpu) || !translator_of(cpu)->profile)
        return;
    samples_resolve(translator_of(cpu));
    profile_stop(translator_of(cpu)->profile);
}

void dbt_print_hot(Cpu *cpu, unsigned shown, GString *out)
{
    Translator *t = dbt_is_attached(cpu) ? translator_of(cpu) : NULL;
    if (!t) {
        g_string_append_printf(out, "cpu%u runs with the interpreter\n", cpu->index);
    } else if (!t->profile) {
        g_string_append(out, "nothing was sampled; 'info hot on' begins\n");
    } else {
        samples_resolve(t);
        profile_print(t->profile, shown, out);
    }
}
