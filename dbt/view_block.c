/* view_block.c - the translation of the code at an address, for the monitor.
 *
 * The intermediate form is not kept: the bytes are lifted again, and host code is written behind
 * the last block, where the next one will overwrite it. What is shown of a block that has run is
 * its own code, with its links; the second writing only tells what each part of it is for. */
#include <inttypes.h>

#include "cpu/mmu.h"
#include "dbt/dbt.h"
#include "dbt/lift.h"
#include "dbt/optimizer.h"
#include "dbt/runtime.h"
#include "dbt/view.h"
#include "dbt/x64/emit.h"

/* Host address of the byte at la; NULL: no RAM is mapped there. */
static const uint8_t *code_at(Cpu *cpu, LinAddr la)
{
    PhysAddr pa;
    if (!mem_translate_debug(cpu, la, &pa))
        return NULL;
    const MemPage page = address_space_page(cpu_memory(cpu), pa & ~PAGE_MASK);
    return page.host ? page.host + (pa & PAGE_MASK) : NULL;
}

static bool lift_at(Translator *t, uint64_t rip, uint32_t key, const uint8_t *host)
{
    Cpu *cpu = t->cpu;
    uint64_t saved = cpu->rip;
    cpu->rip = rip;
    LinAddr la = code_base(cpu) + rip;
    const uint8_t *second = code_at(cpu, (la & ~PAGE_MASK) + PAGE_SIZE);
    uint32_t index = cache_find(t, rip, code_base(cpu), host, key);
    const CodePage *page = cache_page(t, host);
    LiftBounds bounds = {.starts = page->starts};
    bool lifted = index ? lift_again(t, cpu, index, t->ir)
                        : lift_block(cpu, key, host, NULL, la, &bounds, t->ir) ||
                              (second && lift_block(cpu, key, host, second, la, &bounds, t->ir));
    cpu->rip = saved;
    t->ir->alone = cache_is_alone(page, host);
    if (!lifted)
        return false;
    x64_swap_registers(t->ir);
    ir_passes(t->ir);
    return true;
}

static bool ir_holds(const IrBlock *ir, uint64_t rip)
{
    for (unsigned i = 0; i < ir->insn_count; i++)
        if (ir->insn_rip[i] == rip)
            return true;
    return false;
}

/* A block of the present mode that holds rip somewhere behind its start; t->ir is its. 0: none. */
static uint32_t block_around(Translator *t, uint64_t rip, uint32_t key, const uint8_t *host)
{
    for (uint64_t back = 1; back <= (rip & PAGE_MASK); back++) {
        uint32_t index = cache_find(t, rip - back, code_base(t->cpu), host - back, key);
        if (index && lift_at(t, rip - back, key, host - back) && ir_holds(t->ir, rip))
            return index;
    }
    return 0;
}

/* Writes t->ir behind the last block, or behind the last hot one, and forgets it. */
static Block write_again(Translator *t, bool hot)
{
    CodeSpace *space = &t->space[hot ? SPACE_HOT : SPACE_PLAIN];
    CodePlace kept = space->next;
    uint32_t index = space->next.block++;
    t->ir->marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    t->blocks[index] = (Block){
        .rip = t->ir->rip, .host = t->ir->host, .key = t->ir->key, .insn_count = t->ir->insn_count};
    x64_emit(t, space, t->cpu, t->ir, index);
    space->next = kept;
    return t->blocks[index];
}

/* The marks of the second writing speak of the places of the first. */
static void renumber(Translator *t, const Block *old)
{
    uint32_t site = view_first_site(t, old - t->blocks);
    const CodePlace *next = &code_space_of(t, old - t->blocks)->next;
    for (unsigned i = 0; i < t->ir->marks->len; i++) {
        Mark *mark = &g_array_index(t->ir->marks, Mark, i);
        if (mark->kind == MARK_EXIT)
            mark->number += old->first_exit - next->exit;
        else if (mark->kind == MARK_LEAVE)
            mark->number = old - t->blocks;
        else if (mark->kind != MARK_OP)
            mark->number += site - next->site;
    }
}

static void print(Translator *t, const Block *old, GString *out)
{
    bool hot = old && t->optimizer && optimizer_repeat(t->optimizer, old - t->blocks, t->ir);
    Block again = write_again(t, hot);
    bool same = old && old->code_end - old->entry == again.code_end - again.entry;
    if (same)
        renumber(t, old);
    const Block *block = old ? old : &t->blocks[t->space[SPACE_PLAIN].next.block];
    g_autoptr(Disassembler) guest = disassembler_new(t->cpu->code_size);
    g_autoptr(Disassembler) host = disassembler_new(CODE_64);
    const View v = {t, t->ir, block, same || !old ? t->ir->marks : NULL, again.entry, guest, host};
    g_string_append_printf(out, "%s: %u instructions, %" PRIu32 " bytes%s\n",
                           old ? hot ? "hot block" : "block"
                               : "not translated yet in this mode; it would be",
                           t->ir->insn_count, block->code_end - block->entry,
                           v.marks ? "" : ", written in another way than it would be now");
    if (v.marks)
        view_beside(&v, out);
    else
        view_host(&v, out);
    if (old)
        view_meta(&v, out);
    view_forget(t->ir);
}

void dbt_print_block(Cpu *cpu, LinAddr la, GString *out)
{
    if (!dbt_is_attached(cpu)) {
        g_string_append(out, "the interpreter runs; 'accel jit' would translate\n");
        return;
    }
    Translator *t = translator_of(cpu);
    const uint8_t *host = code_at(cpu, la);
    uint64_t rip = la - code_base(cpu);
    uint32_t key = lift_key(cpu, t->counted);
    if (!host) {
        g_string_append_printf(out, "no RAM or ROM is mapped at 0x%" PRIx64 "\n", la);
        return;
    }
    uint32_t index = cache_find(t, rip, code_base(cpu), host, key);
    bool lifted = true;
    if (index)
        lifted = lift_at(t, rip, key, host);
    else if (!(index = block_around(t, rip, key, host)))
        lifted = lift_at(t, rip, key, host);
    if (!lifted)
        g_string_append(out, "the interpreter does the first instruction: it is none\n");
    else if (cache_nearly_full(&t->space[SPACE_PLAIN]))
        g_string_append(out, "the code cache is full; let the machine run on\n");
    else
        print(t, index ? &t->blocks[index] : NULL, out);
}
