/* entry.c - where a block is entered. */
#include "dbt/x64/emit.h"

#include "cpu/block.h"
#include "dbt/lift.h"

#define JIT(field) x64_cpu(offsetof(Cpu, jit.field))

/* cmp byte [loaded], 0; je load: once a block that uses the registers. */
static void put_load_check(Emit *e, Rm loaded, uint32_t trampoline)
{
    enum { CALL_BYTES = 5 };
    asm_modrm(&e->a, OP1(0x80), (HostWidth){0}, 7, loaded);
    asm_byte(&e->a, 0);
    asm_byte(&e->a, 0x75); /* jne over the call */
    asm_byte(&e->a, CALL_BYTES);
    asm_byte(&e->a, 0xe8);
    asm_imm(&e->a, trampoline - (e->a.at + 4), 4);
}

static void put_leave(Emit *e, const Stub *stub)
{
    emit_stub_state(e, stub);
    emit_handover(e, LEFT_AT_START | e->block, e->t->trampolines.exit);
}

/* To the dispatcher if something is pending. */
static void put_poll(Emit *e)
{
    asm_modrm(&e->a, OP1(0x83), (HostWidth){0}, 7, JIT(poll)); /* cmp dword [poll], 0 */
    asm_byte(&e->a, 0);
    uint32_t pending = asm_jcc(&e->a, COND_NE, 0);
    emit_note_flags(e, emit_stub(e, put_leave, MARK_LEAVE, e->block, pending));
}

/* Likewise if the block has more instructions than a counted run has left. */
static void put_count(Emit *e)
{
    if (!(e->ir->key & KEY_COUNTED))
        return;
    asm_alu_imm(&e->a, ALU_SUB, 8, JIT(budget), e->ir->insn_count);
    emit_note_flags(e, emit_exit_stub(e, EXIT_BUDGET, e->ir->rip, asm_jcc(&e->a, COND_S, 0)));
}

/* The other page must still be where the instruction was made from: to the dispatcher if that is
 * not known. */
static void put_second_check(Emit *e)
{
    const IrBlock *ir = e->ir;
    LinAddr la = (ir->la & ~PAGE_MASK) + PAGE_SIZE;
    emit_page_check(&e->a, ir->key, la, link_page_id(e->t, la, ir->second));
    Stub *stub = emit_exit_stub(e, EXIT_LEAVE, ir->rip, asm_jcc(&e->a, COND_NE, 0));
    stub->rest = ir->key & KEY_COUNTED ? ir->insn_count : 0;
}

void emit_head(Emit *e, Block *block)
{
    bool counted = e->ir->key & KEY_COUNTED;
    block->entry = e->a.at;
    put_poll(e);
    block->polled = e->a.at - block->entry;
    put_count(e);
    block->body = e->a.at - block->entry;
    bool leaves = counted || e->ir->second;
    block->dead = !leaves && !e->ir->live_before ? block->body : 0;
    if (e->ir->second)
        put_second_check(e);
    if (e->ir->vectors)
        put_load_check(e, JIT(vectors_loaded), e->t->trampolines.load_vectors);
    if (e->ir->x87)
        put_load_check(e, JIT(x87_loaded), e->t->trampolines.load_x87);
    e->swapped = e->ir->swap_count != 0;
    emit_swap(e);
}

void emit_copy_head(Emit *e)
{
    e->copy = e->a.at;
    asm_patch(&e->a, e->to_copy, e->copy);
    e->flags = 0;
    e->recipe = e->loop_recipe;
    put_poll(e);
    put_count(e);
}
