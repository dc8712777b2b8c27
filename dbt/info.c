/* info.c - the translator in numbers, for `info jit`. */
#include "dbt/dbt.h"

#include <inttypes.h>

#include "dbt/translator.h"

static const CpuEngine *engine_of(const Cpu *cpu)
{
    return cpu->engine;
}

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

void dbt_print(Cpu *cpu, GString *out)
{
    if (strcmp(engine_of(cpu)->name, "jit")) {
        g_string_append_printf(out, "cpu%u runs with the interpreter\n", cpu->index);
        return;
    }
    const Translator *t = translator_of(cpu);
    const TranslatorStats *s = &t->stats;
    g_string_append_printf(out,
                           "cpu%u: %" PRIu64 " blocks of %.1f instructions, %.1f bytes of code each; "
                           "%" PRIu64 " cycles an instruction\n",
                           cpu->index, s->blocks, (double)s->insns / MAX(s->blocks, 1),
                           (double)s->code_bytes / MAX(s->insns, 1),
                           s->host_cycles / MAX(s->insns, 1));
    g_string_append_printf(out, "  code cache %u of %u KiB, flushed %" PRIu64 " times; %" PRIu64
                                " blocks dropped\n",
                           t->used >> 10, t->size >> 10, s->flushes, s->dropped);
    g_string_append_printf(out, "  entered %" PRIu64 " times, %" PRIu64 " exits linked; %" PRIu64
                                " instructions handed to the interpreter:\n",
                           s->entries, s->links, s->sites_taken);
    print_interpreted(t, out);
}
