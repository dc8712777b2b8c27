/* view.c - translated blocks for people: guest code, intermediate form, host code and the tables of
 * places where the code can be left, for -d and for the monitor. */
#include "dbt/view.h"

#include <inttypes.h>

#include "core/log.h"
#include "dbt/perf.h"

enum { IR_COLUMN = 40, BYTES_COLUMN = 24 };

static const uint8_t *guest_bytes(const IrBlock *ir, unsigned insn)
{
    return ir->host + (ir->insn_rip[insn] - ir->rip);
}

static void print_guest_insn(const View *v, unsigned n, GString *out)
{
    const IrBlock *ir = v->ir;
    const uint8_t *bytes = guest_bytes(ir, n);
    unsigned length = ir->insn[n].length;
    g_autoptr(GString) hex = g_string_new(NULL);
    for (unsigned i = 0; i < length; i++)
        g_string_append_printf(hex, "%s%02x", i ? " " : "", bytes[i]);
    g_string_append_printf(out, "0x%0*" PRIx64 ":  %-*s  ", ir->insn_rip[n] >> 32 ? 16 : 8,
                           ir->insn_rip[n], BYTES_COLUMN, hex->str);
    disassemble(v->guest, ir->insn_rip[n], bytes, length, out);
    g_string_append_c(out, '\n');
}

static void print_title(const View *v, const char *what, GString *out)
{
    g_string_append_printf(out, "%s: ", what);
    symbols_print(v->t->symbols, v->ir->rip, out);
    g_string_append_c(out, '\n');
}

void view_guest(const View *v, GString *out)
{
    print_title(v, "IN", out);
    for (unsigned i = 0; i < v->ir->insn_count; i++)
        print_guest_insn(v, i, out);
}

void view_ir(const View *v, GString *out)
{
    print_title(v, "IR", out);
    ir_print(v->ir, out);
}

/* --- host code ------------------------------------------------------------------------------------- */

/* The instruction that a stub belongs to, or where an exit goes. */
static void print_stub_title(const View *v, const Mark *mark, GString *out)
{
    g_string_append_c(out, '<');
    view_mark_name(mark, out);
    if (mark->kind == MARK_EXIT) {
        const Exit *exit = &v->t->exits[mark->number];
        g_string_append(out, exit->kind == EXIT_LEAVE    ? "> pending, at "
                             : exit->kind == EXIT_BUDGET ? "> budget spent, at "
                                                         : "> to ");
        symbols_print(v->t->symbols, exit->rip, out);
    } else if (mark->kind == MARK_LEAVE) {
        g_string_append(out, "> pending, at ");
        symbols_print(v->t->symbols, v->t->blocks[mark->number].rip, out);
    } else {
        const Site *site = &v->t->sites[mark->number];
        g_string_append_printf(out, "> of 0x%" PRIx64, v->block->rip + site->delta);
    }
    g_string_append(out, ":\n");
}

static uint32_t print_code(const View *v, uint32_t at, uint32_t end, GString *out)
{
    while (at < end) {
        g_string_append(out, "    ");
        at += view_host_line(v, at, out);
    }
    return at;
}

void view_host(const View *v, GString *out)
{
    const Block *block = v->block;
    unsigned insn = IR_MAX_INSNS;
    g_string_append_printf(out, "OUT: %" PRIu32 " bytes at %p\n", block->code_end - block->entry,
                           v->t->rx + block->entry);
    const Mark *mark = NULL;
    uint32_t at = print_code(v, block->entry, view_next_mark(v, block->entry, &mark), out);
    const Mark *end = v->marks ? &g_array_index(v->marks, Mark, v->marks->len) : NULL;
    for (; mark && mark < end; mark++) {
        if (mark->kind != MARK_OP) {
            print_stub_title(v, mark, out);
        } else if (v->ir->ops[mark->number].insn != insn) {
            insn = v->ir->ops[mark->number].insn;
            print_guest_insn(v, insn, out);
        }
        uint32_t next = mark + 1 < end ? mark[1].at - v->marks_entry + block->entry
                                       : block->code_end;
        at = print_code(v, at, next, out);
    }
}

/* --- side by side ---------------------------------------------------------------------------------- */

/* Left of the first host line, the op; left of the rest, nothing. */
static uint32_t print_op_beside(const View *v, const char *op, uint32_t at, uint32_t end,
                                GString *out)
{
    if (at >= end)
        g_string_append_printf(out, "  %s\n", op);
    while (at < end) {
        g_string_append_printf(out, "  %-*s | ", IR_COLUMN, op);
        at += view_host_line(v, at, out);
        op = "";
    }
    return at;
}

void view_beside(const View *v, GString *out)
{
    const Block *block = v->block;
    unsigned insn = IR_MAX_INSNS;
    const Mark *mark = NULL;
    uint32_t at = print_op_beside(v, "(entry)", block->entry,
                                  view_next_mark(v, block->entry, &mark), out);
    const Mark *end = v->marks ? &g_array_index(v->marks, Mark, v->marks->len) : NULL;
    for (; mark && mark < end; mark++) {
        g_autoptr(GString) left = g_string_new(NULL);
        if (mark->kind != MARK_OP) {
            print_stub_title(v, mark, out);
        } else {
            if (v->ir->ops[mark->number].insn != insn) {
                insn = v->ir->ops[mark->number].insn;
                print_guest_insn(v, insn, out);
            }
            ir_print_op(v->ir, mark->number, left);
        }
        uint32_t next = mark + 1 < end ? mark[1].at - v->marks_entry + block->entry
                                       : block->code_end;
        at = print_op_beside(v, left->str, at, next, out);
    }
}

/* --- where it can be left -------------------------------------------------------------------------- */

static void print_exit(const View *v, uint32_t n, GString *out)
{
    static const char *const kinds[] = {
        [EXIT_LEAVE] = "leave", [EXIT_BUDGET] = "budget", [EXIT_NEAR] = "near", [EXIT_FAR] = "far"};
    const Exit *exit = &v->t->exits[n];
    g_string_append_printf(out, "  exit %-6" PRIu32 " %-6s to ", n, kinds[exit->kind]);
    symbols_print(v->t->symbols, exit->rip, out);
    if (exit->patch)
        g_string_append_printf(out, ", patched at +%03" PRIx32, exit->patch - v->block->entry);
    if (exit->shortcut)
        g_string_append_printf(out, " and +%03" PRIx32, exit->shortcut - v->block->entry);
    g_string_append(out, exit->target ? ", linked\n" : "\n");
}

/* In each space sites lie in the order of their blocks. */
uint32_t view_first_site(const Translator *t, uint32_t block)
{
    const CodeSpace *space = code_space_of(t, block);
    uint32_t low = space->first.site, high = space->next.site;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->sites[middle].block < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void view_meta(const View *v, GString *out)
{
    const Translator *t = v->t;
    const Block *block = v->block;
    g_string_append_printf(out,
                           "META: %u instructions, key %08" PRIx32 ", entries +000, +%03" PRIx32
                           " without the look at poll",
                           block->insn_count, block->key, (uint32_t)block->polled);
    if (block->dead)
        g_string_append_printf(out, ", +%03x without flags", block->dead);
    g_string_append_c(out, '\n');
    uint32_t index = block - t->blocks;
    uint32_t end = code_space_of(t, index)->next.site;
    for (uint32_t n = view_first_site(t, index); n < end && t->sites[n].block == index; n++) {
        const Site *site = &t->sites[n];
        g_string_append_printf(out, "  site %-6" PRIu32 " instruction %u at ", n, site->number);
        symbols_print(t->symbols, block->rip + site->delta, out);
        if (site->resume)
            g_string_append_printf(out, ", goes on at +%03" PRIx32, site->resume - block->entry);
        g_string_append_c(out, '\n');
    }
    for (uint32_t n = 0; n < block->exit_count; n++)
        print_exit(v, block->first_exit + n, out);
}

/* --- the log --------------------------------------------------------------------------------------- */

static bool is_logged(const IrBlock *ir)
{
    enum { ITEMS = 1 << LOG_IN_ASM | 1 << LOG_IR | 1 << LOG_OUT_ASM | 1 << LOG_META };
    return UNLIKELY(log_mask & ITEMS) && log_in_filter(ir->la);
}

void view_before(IrBlock *ir)
{
    ir->marks = is_logged(ir) ? g_array_new(FALSE, FALSE, sizeof(Mark)) : NULL;
}

void view_forget(IrBlock *ir)
{
    g_clear_pointer(&ir->marks, g_array_unref);
}

static void tell_perf(Translator *t, const Block *block)
{
    g_autoptr(GString) name = g_string_new(NULL);
    symbols_print(t->symbols, block->rip, name);
    perf_files_add(t->perf, name->str, t->rx + block->entry, block->code_end - block->entry);
}

void view_after(Translator *t, IrBlock *ir, uint32_t index)
{
    if (t->perf)
        tell_perf(t, &t->blocks[index]);
    if (!ir->marks)
        return;
    g_autoptr(Disassembler) guest = disassembler_new(t->cpu->code_size);
    g_autoptr(Disassembler) host = disassembler_new(CODE_64);
    const View v = {t, ir, &t->blocks[index], ir->marks, t->blocks[index].entry, guest, host};
    g_autoptr(GString) out = g_string_new(NULL);
    if (log_on(LOG_IN_ASM))
        view_guest(&v, out);
    if (log_on(LOG_IR))
        view_ir(&v, out);
    if (log_on(LOG_OUT_ASM))
        view_host(&v, out);
    if (log_on(LOG_META))
        view_meta(&v, out);
    log_printf("%s", out->str);
    view_forget(ir);
}
