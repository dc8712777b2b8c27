/* view_host.c - host code for people: capstone's text, with names for the fixed places that
 * generated code reaches: fields of struct Cpu behind R9, the MMU context behind GS, stubs and
 * trampolines. */
#include <inttypes.h>

#include "cpu/mmu.h"
#include "dbt/view.h"
#include "dbt/x64/row.h"

enum { NOTE_COLUMN = 42 };

/* --- notes ----------------------------------------------------------------------------------------- */

static const struct {
    uint32_t offset;
    const char *name;
} cpu_fields[] = {
#define FIELD(field, name)         \
    {                              \
        offsetof(Cpu, field), name \
    }
#define BASE(seg_name, text)                                                              \
    {                                                                                     \
        offsetof(Cpu, seg) + (seg_name) * sizeof(Segment) + offsetof(Segment, base), text \
    }
    FIELD(gpr[8], "guest r8"),
    FIELD(gpr[9], "guest r9"),
    FIELD(gpr[10], "guest r10"),
    FIELD(gpr[11], "guest r11"),
    FIELD(tlb_mask, "TLB size"),
    FIELD(eflags, "eflags"),
    FIELD(pending, "pending"),
    FIELD(kernel_gs_base, "kernel gs base"),
    FIELD(jit.flags, "flags image"),
    FIELD(jit.vectors_loaded, "vectors loaded?"),
    FIELD(jit.x87_loaded, "x87 loaded?"),
    FIELD(jit.poll, "poll"),
    FIELD(jit.budget, "budget"),
    FIELD(jit.next, "next"),
    FIELD(jit.span[0], "span 1"),
    FIELD(jit.span[1], "span 2"),
    FIELD(jit.span[2], "span 3"),
    FIELD(jit.span[3], "span 4"),
    FIELD(jit.span[4], "span 5"),
    FIELD(jit.span[5], "span 6"),
    FIELD(jit.span[6], "span 7"),
    FIELD(jit.span[7], "span 8"),
    FIELD(jit.temp[0], "temp"),
    FIELD(jit.temp[1], "temp 1"),
    BASE(SEG_ES, "es base"),
    BASE(SEG_CS, "cs base"),
    BASE(SEG_SS, "ss base"),
    BASE(SEG_DS, "ds base"),
    BASE(SEG_FS, "fs base"),
    BASE(SEG_GS, "gs base"),
#undef FIELD
#undef BASE
};

static const char *cpu_field_name(int64_t displacement)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu_fields); i++)
        if (cpu_fields[i].offset == displacement + CPU_BIAS)
            return cpu_fields[i].name;
    return NULL;
}

/* The CPU's contexts lie one behind the other, and the slots behind them. */
static const char *context_field_name(uint64_t offset)
{
    static const char *const entry[] = {"TLB read tag", "TLB write tag", "TLB fetch tag",
                                        "TLB host page"};
    static const char *const slot[] = {"slot tag", "slot host page", "slot span"};
    if (offset >= MMU_SLOT_MISSES_AT)
        return "slot misses";
    if (offset >= MMU_SLOTS_FILLED_AT)
        return "slots filled";
    if (offset >= MMU_SLOTS_AT)
        return slot[(offset - MMU_SLOTS_AT) % sizeof(TlbSlot) / 8];
    offset %= MMU_CONTEXT_STRIDE;
    if (offset < offsetof(MmuContext, code_id))
        return entry[offset % sizeof(TlbEntry) / 8];
    if (offset < offsetof(MmuContext, jump))
        return "page id";
    if (offset < offsetof(MmuContext, jump_base))
        return (offset - offsetof(MmuContext, jump)) % sizeof(JumpEntry) ? "jump cache code"
                                                                         : "jump cache rip";
    return NULL;
}

/* What "[r9 - 0x40]" or "gs:[r11 + 8]" in the text means; NULL: nothing fixed. */
static const char *note_of(const char *text)
{
    const char *cpu = strstr(text, "[r9"), *context = strstr(text, "gs:[");
    if (cpu) {
        const char *sign = cpu + strlen("[r9");
        int64_t displacement = 0;
        if (g_str_has_prefix(sign, " + ") || g_str_has_prefix(sign, " - "))
            displacement = g_ascii_strtoll(sign + 3, NULL, 0);
        else if (*sign != ']')
            return NULL;
        return cpu_field_name(sign[1] == '-' ? -displacement : displacement);
    }
    if (!context)
        return NULL;
    const char *inside = context + strlen("gs:[");
    if (g_str_has_prefix(inside, "r11 + "))
        inside += strlen("r11 + ");
    return context_field_name(g_ascii_strtoull(inside, NULL, 0));
}

/* --- places ---------------------------------------------------------------------------------------- */

void view_mark_name(const Mark *mark, GString *out)
{
    static const char *const names[] = {[MARK_OP] = "op",
                                        [MARK_MISS] = "miss",
                                        [MARK_HANDOVER] = "handover",
                                        [MARK_EXIT] = "exit",
                                        [MARK_LEAVE] = "leave"};
    g_string_append_printf(out, "%s %" PRIu32, names[mark->kind], mark->number);
}

uint32_t view_next_mark(const View *v, uint32_t at, const Mark **mark)
{
    for (unsigned i = 0; v->marks && i < v->marks->len; i++) {
        const Mark *m = &g_array_index(v->marks, Mark, i);
        uint32_t there = m->at - v->marks_entry + v->block->entry;
        if (there >= at) {
            *mark = m;
            return there;
        }
    }
    *mark = NULL;
    return v->block->code_end;
}

/* In each space blocks lie in the order of their numbers. */
uint32_t view_block_of_code(const Translator *t, uint32_t at)
{
    bool hot = at >= t->space[SPACE_HOT].first.code;
    const CodeSpace *space = &t->space[hot ? SPACE_HOT : SPACE_PLAIN];
    uint32_t low = space->first.block, high = space->next.block;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->blocks[middle].code_end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < space->next.block && at >= t->blocks[low].entry ? low : 0;
}

static const char *trampoline_name(const Trampolines *t, uint32_t at)
{
    const struct {
        uint32_t at;
        const char *name;
    } names[] = {
        {t->exit, "to the dispatcher"},    {t->cold, "to the interpreter"},
        {t->miss, "fill the TLB"},         {t->miss_with_flags, "save flags, fill the TLB"},
        {t->load_vectors, "load vectors"}, {t->spill_vectors, "spill vectors"},
        {t->load_x87, "load x87"},         {t->port, "access a port"}};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].at == at)
            return names[i].name;
    return NULL;
}

static void print_place(const View *v, uint32_t at, GString *out)
{
    const Block *block = v->block;
    const char *trampoline = trampoline_name(&v->t->trampolines, at);
    const Mark *mark;
    uint32_t other = view_block_of_code(v->t, at);
    if (trampoline) {
        g_string_append_printf(out, "<%s>", trampoline);
    } else if (at >= block->entry && at < block->code_end) {
        g_string_append_printf(out, "+%03" PRIx32, at - block->entry);
        if (view_next_mark(v, at, &mark) == at && mark->kind != MARK_OP) {
            g_string_append(out, " <");
            view_mark_name(mark, out);
            g_string_append_c(out, '>');
        }
    } else if (other) {
        g_string_append_printf(out, "<block 0x%" PRIx64 ">", v->t->blocks[other].rip);
    } else {
        g_string_append_printf(out, "code+0x%" PRIx32, at);
    }
}

/* A direct jump's or call's operand becomes the place's name. */
static void name_target(const View *v, GString *text)
{
    char *operand = strchr(text->str, ' ');
    if ((text->str[0] != 'j' && !g_str_has_prefix(text->str, "call")) || !operand ||
        !g_str_has_prefix(operand, " 0x"))
        return;
    uint64_t target = g_ascii_strtoull(operand + 1, NULL, 0) - (uintptr_t)v->t->rx;
    if (target >= v->t->size)
        return;
    g_string_truncate(text, operand + 1 - text->str);
    print_place(v, target, text);
}

/* --- lines ----------------------------------------------------------------------------------------- */

unsigned view_host_line(const View *v, uint32_t at, GString *out)
{
    enum { INT3 = 0xcc };
    g_autoptr(GString) text = g_string_new(NULL);
    const uint8_t *code = v->t->rx + at;
    unsigned room = 0;
    while (at + room < v->block->code_end && code[room] == INT3)
        room++;
    if (room) {
        g_string_append_printf(out, "+%03" PRIx32 "  (%u bytes of room for a link)\n",
                               at - v->block->entry, room);
        return room;
    }
    unsigned length = disassemble(v->host, (uintptr_t)code, code, v->block->code_end - at, text);
    name_target(v, text);
    const char *note = note_of(text->str);
    g_string_append_printf(out, "+%03" PRIx32 "  ", at - v->block->entry);
    if (note)
        g_string_append_printf(out, "%-*s ; %s", NOTE_COLUMN, text->str, note);
    else
        g_string_append(out, text->str);
    g_string_append_c(out, '\n');
    return length;
}

unsigned view_count_host(const Translator *t, Disassembler *d, uint32_t from, uint32_t to)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned count = 0;
    while (from < to) {
        g_string_truncate(text, 0);
        from += disassemble(d, from, t->rx + from, to - from, text);
        count++;
    }
    return count;
}
