/* stubs.c - code out of the way, behind a block: handovers to the interpreter, and what fills the
 * TLB. And the sites that they name. */
#include "dbt/x64/emit.h"

#include "cpu/block.h"
#include "dbt/lift.h"

/* --- sites --------------------------------------------------------------------------------------- */

void emit_keep_insn(Emit *e)
{
    Translator *t = e->t;
    Insn *insn = &t->insns[e->next->insn++];
    *insn = e->ir->insn[e->site_insn];
    if (e->ir->swap_count)
        x64_rename_insn(e->ir, insn);
    exec_bind(e->cpu, insn);
    t->sites[e->site].insn = e->next->insn;
}

uint32_t emit_new_site(Emit *e)
{
    Translator *t = e->t;
    const IrBlock *ir = e->ir;
    e->site = e->next->site++;
    t->sites[e->site] = (Site){
        .block = e->block, .delta = ir->insn_rip[e->site_insn] - ir->rip, .number = e->site_insn};
    if (ir->second) /* not to be decoded again from one page */
        emit_keep_insn(e);
    return e->site;
}

/* --- stubs --------------------------------------------------------------------------------------- */

Stub *emit_stub(Emit *e, StubFn *put, MarkKind mark, uint32_t id, uint32_t from)
{
    g_assert(e->stub_count < MAX_STUBS);
    Stub *stub = &e->stubs[e->stub_count++];
    stub->put = put;
    stub->id = id;
    stub->mark = mark;
    stub->from_count = 1;
    stub->swapped = e->swapped;
    stub->save_flags = false;
    stub->recipe = (Recipe){0};
    stub->from[0] = from;
    return stub;
}

void emit_stub_state(Emit *e, const Stub *stub)
{
    if (stub->save_flags) {
        emit_recipe(e, stub->recipe);
        emit_save_flags(&e->a);
    }
    if (stub->swapped)
        emit_swap(e);
}

void emit_stubs(Emit *e)
{
    for (unsigned i = 0; i < e->stub_count; i++) {
        const Stub *stub = &e->stubs[i];
        for (unsigned j = 0; j < stub->from_count; j++)
            asm_patch(&e->a, stub->from[j], e->a.at);
        emit_mark(e, stub->mark, stub->id);
        stub->put(e, stub);
    }
    if (e->swapped)
        emit_swapped_resumes(e);
}

/* --- handovers ----------------------------------------------------------------------------------- */

static void put_cold(Emit *e, const Stub *stub)
{
    emit_stub_state(e, stub);
    emit_handover(e, stub->id, e->t->trampolines.cold);
}

void emit_cold_from(Emit *e, uint32_t from)
{
    Stub *stub = e->site_stub;
    if (stub && stub->from_count < G_N_ELEMENTS(stub->from)) {
        stub->from[stub->from_count++] = from;
        return;
    }
    e->site_stub = emit_stub(e, put_cold, MARK_HANDOVER, emit_site(e), from);
    emit_note_flags(e, e->site_stub);
}

void emit_cold_if(Emit *e, unsigned cond)
{
    emit_cold_from(e, asm_jcc(&e->a, cond, 0));
}
