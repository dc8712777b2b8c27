/* exits.c - where generated code is left: exits to other blocks. */
#include "dbt/x64/emit.h"

#include "cpu/block.h"
#include "dbt/lift.h"

#define JIT(field) x64_cpu(offsetof(Cpu, jit.field))

/* --- their records and ends ---------------------------------------------------------------------- */

static uint32_t new_exit(Emit *e, ExitKind kind, uint64_t rip)
{
    Translator *t = e->t;
    uint32_t id = e->next->exit++;
    t->exits[id] = (Exit){
        .rip = rip, .block = e->block, .kind = kind, .polls = e->site_insn == e->behind_sti};
    Block *block = &t->blocks[e->block];
    if (!block->exit_count)
        block->first_exit = id;
    block->exit_count++;
    return id;
}

static ExitKind exit_kind(const Emit *e, uint64_t rip)
{
    uint64_t page = (e->ir->la + (rip - e->ir->rip)) & ~PAGE_MASK;
    return page == (e->ir->la & ~PAGE_MASK) ? EXIT_NEAR : EXIT_FAR;
}

/* To the dispatcher, which aims what is at `patch` at a block (link.c). */
static void put_exit(Emit *e, uint32_t id)
{
    Exit *exit = &e->t->exits[id];
    exit->patch = e->a.at;
    if (exit->kind == EXIT_FAR)
        emit_far_room(&e->a);
    emit_handover(e, id, e->t->trampolines.exit);
}

static void put_exit_stub(Emit *e, const Stub *stub)
{
    Exit *exit = &e->t->exits[stub->id];
    uint32_t start = e->a.at;
    emit_stub_state(e, stub);
    if (exit->kind == EXIT_BUDGET)
        asm_alu_imm(&e->a, ALU_ADD, 8, JIT(budget), e->ir->insn_count);
    else if (stub->rest)
        asm_alu_imm(&e->a, ALU_ADD, 8, JIT(budget), stub->rest);
    put_exit(e, stub->id);
    g_assert(exit->patch - start <= UINT8_MAX);
    exit->before = exit->patch - start;
}

Stub *emit_exit_stub(Emit *e, ExitKind kind, uint64_t rip, uint32_t from)
{
    Stub *stub = emit_stub(e, put_exit_stub, MARK_EXIT, new_exit(e, kind, rip), from);
    stub->rest = 0;
    return stub;
}

/* --- exits --------------------------------------------------------------------------------------- */

/* In the middle of a block: to the dispatcher if something is pending. */
void emit_poll(Emit *e, const IrOp *op)
{
    asm_modrm(&e->a, OP1(0x83), (HostWidth){0}, 7, JIT(poll));
    asm_byte(&e->a, 0);
    Stub *stub = emit_exit_stub(e, EXIT_LEAVE, op->imm, asm_jcc(&e->a, COND_NE, 0));
    emit_note_flags(e, stub);
    stub->rest = e->ir->key & KEY_COUNTED ? e->ir->insn_count - op->insn - 1 : 0;
    e->flags &= ~FLAGS_IN_HOST;
}

static unsigned instructions_left(const Emit *e, const IrOp *op)
{
    return e->ir->insn_count - op->insn - 1;
}

static Stub *conditional_exit(Emit *e, const IrOp *op, uint32_t from)
{
    Stub *stub = emit_exit_stub(e, exit_kind(e, op->imm), op->imm, from);
    stub->rest = e->ir->key & KEY_COUNTED ? instructions_left(e, op) : 0;
    stub->save_flags = !(e->flags & FLAGS_IN_IMAGE); /* the host has them */
    return stub;
}

bool emit_saves_before(const Emit *e, const IrOp *op)
{
    if (e->ir->is_hot)
        return false; /* it is the path that is likely, not the exits from it */
    bool backward = (uint64_t)op->imm <= e->ir->insn_rip[op->insn];
    return backward && exit_kind(e, op->imm) == EXIT_NEAR;
}

/* The branch at the end of a loop that is one block goes to a copy of the block, which knows how
 * the flags it begins with are made again, and need not have them saved. */
static bool put_loop_branch(Emit *e, const IrOp *op)
{
    bool always = op->op == IR_JMP, last = e->at_op + 2 >= e->ir->op_count;
    unsigned most = e->ir->is_hot ? IR_MAX_INSNS : MAX_LOOP_INSNS;
    if (!e->ir->is_loop || !last || (uint64_t)op->imm != e->ir->rip || e->ir->insn_count > most)
        return false;
    if (!e->copy && (e->to_copy || e->flags & FLAGS_IN_IMAGE || !emit_recipe_lasts(e, 0)))
        return false;
    uint32_t at = always ? asm_jmp(&e->a, e->copy) : asm_jcc(&e->a, op->access, e->copy);
    if (!e->copy) {
        e->to_copy = at;
        e->loop_recipe = e->recipe;
    }
    return true;
}

/* A taken branch. Backward, it is the end of a loop: the flags are saved before it, so that it can
 * go straight to the loop's entry. */
void emit_exitif(Emit *e, const IrOp *op)
{
    if (put_loop_branch(e, op))
        return;
    bool near = exit_kind(e, op->imm) == EXIT_NEAR;
    if (emit_saves_before(e, op))
        emit_flags_to_image(e);
    uint32_t jcc = asm_jcc(&e->a, op->access, 0);
    Stub *stub = conditional_exit(e, op, jcc);
    if (!near || e->ir->key & KEY_COUNTED || e->swapped)
        return;
    Exit *exit = &e->t->exits[stub->id];
    exit->shortcut = jcc;
    exit->shortcut_kind = stub->save_flags ? SHORTCUT_JCC_DEAD : SHORTCUT_JCC;
}

/* No instruction of the host looks at a counter without flags but JRCXZ, which is short. */
void emit_exitcx(Emit *e, const IrOp *op)
{
    enum { JMP_BYTES = 5 };
    Asm *a = &e->a;
    emit_flags_to_image(e);
    if (op->last) /* LOOP */
        asm_lea(a, op->size, HOST_RCX, rm_mem(HOST_RCX, -1));
    bool nonzero = op->access & 1;
    if (!nonzero) { /* jump over the exit unless zero: jcxz +2; jmp +5 */
        if (op->size == 4)
            asm_byte(a, 0x67);
        asm_byte(a, 0xe3);
        asm_byte(a, 2);
        asm_byte(a, 0xeb);
        asm_byte(a, JMP_BYTES);
    } else {
        if (op->size == 4)
            asm_byte(a, 0x67);
        asm_byte(a, 0xe3);
        asm_byte(a, JMP_BYTES);
    }
    conditional_exit(e, op, asm_jmp(a, 0));
}

static void set_shortcut(Exit *exit, uint32_t at)
{
    exit->shortcut = at;
    exit->shortcut_kind = SHORTCUT_JMP_DEAD;
}

void emit_jmp(Emit *e, const IrOp *op)
{
    if (put_loop_branch(e, op))
        return;
    bool saves = !(e->flags & FLAGS_IN_IMAGE);
    if (saves)
        emit_flags_to_host(e);
    uint32_t save_at = e->a.at;
    ExitKind kind = exit_kind(e, op->imm);
    bool backward = (uint64_t)op->imm <= e->ir->insn_rip[op->insn];
    emit_flags_to_image(e);
    if (e->swapped)
        emit_swap(e);
    uint32_t id = new_exit(e, kind, op->imm);
    if (saves && !e->swapped && kind == EXIT_NEAR && !backward)
        set_shortcut(&e->t->exits[id], save_at);
    put_exit(e, id);
}

void emit_exit_polled(Emit *e, uint64_t rip)
{
    ExitKind kind = exit_kind(e, rip);
    uint32_t jump = asm_jmp(&e->a, 0);
    Exit *exit = &e->t->exits[emit_exit_stub(e, kind, rip, jump)->id];
    exit->polls = true;
    if (kind == EXIT_NEAR) {
        exit->shortcut = jump;
        exit->shortcut_kind = SHORTCUT_JCC;
    }
}

void emit_interp(Emit *e, const IrOp *op)
{
    uint32_t site = emit_site(e);
    if (!e->t->sites[site].insn)
        emit_keep_insn(e);
    if (e->swapped)
        emit_swap(e);
    emit_handover(e, site, e->t->trampolines.cold);
    e->flags = FLAGS_IN_HOST | FLAGS_IN_IMAGE;
}
