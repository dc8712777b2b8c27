/* indirect.c - transfers to where a register or memory says, and the calls that returns come from.
 *
 * Jumps and calls look for their target in the jump cache. Calls and returns are paired on the
 * host's stack: a call pushes the guest's return address and calls the code that goes to the
 * target; behind the host's CALL stands an exit to the return address. A return that finds its
 * target in the top pair is the host's RET, which the host predicts. Any other return looks one
 * pair further (one may be left over, for not every call returns), and then into the jump cache.
 *
 *     rsp + 8   the guest's return address
 *     rsp       host code that goes on there
 *
 * The pairs are of one run of generated code (Cpu.jit.returns), one mode, and one mapping of code:
 * whatever changes these forgets them (returns_forget). Below them are two of rip 0, whose code is
 * the dispatcher: a return to 0 is right there, and nobody looks deeper. When there is no room for
 * more, all are forgotten. */
#include "dbt/x64/emit.h"

#define JIT(field) x64_cpu(offsetof(Cpu, jit.field))

/* --- the jump cache ------------------------------------------------------------------------------ */

uint32_t emit_jump_lookup(Emit *e, int32_t context)
{
    enum { ENTRY_SHIFT = 4, INDEX_MASK = (JUMP_CACHE_SIZE - 1) << ENTRY_SHIFT };
    static_assert(sizeof(JumpEntry) == 1 << ENTRY_SHIFT, "jump entries are indexed by shifting");
    Asm *a = &e->a;
    int32_t table = context + offsetof(MmuContext, jump);
    asm_rorx(a, 4, HOST_R11, rm_reg(HOST_R10), 32 - ENTRY_SHIFT);
    asm_op(a, OP1(0x33), 4, HOST_R11, rm_reg(HOST_R10));
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), INDEX_MASK);
    asm_op(a, OP1(0x3b), 8, HOST_R10, rm_gs(HOST_R11, table + offsetof(JumpEntry, rip)));
    return asm_jcc(a, COND_NE, 0);
}

Rm emit_jump_code(int32_t context)
{
    return rm_gs(HOST_R11, context + offsetof(MmuContext, jump) + offsetof(JumpEntry, code));
}

static void put_jump(Asm *a, Rm code)
{
    asm_modrm(a, OP1(0xff), (HostWidth){0}, 4, code);
}

/* T through the jump cache; a miss is the interpreter's, which does the whole instruction. */
void emit_find(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    int32_t context = emit_context(e->ir->key);
    emit_cold_from(e, emit_jump_lookup(e, context));
    if (op->last) {
        asm_mov(a, 8, HOST_R10, emit_jump_code(context));
        asm_store(a, 8, JIT(next), HOST_R10);
    }
    e->flags &= ~FLAGS_IN_HOST;
}

void emit_jump(Emit *e, const IrOp *op)
{
    put_jump(&e->a, op->last ? JIT(next) : emit_jump_code(emit_context(e->ir->key)));
}

/* --- calls --------------------------------------------------------------------------------------- */

enum { HALF_PAIR = 8, PAIR = 16 };

static void put_push(Asm *a, uint64_t value)
{
    if (value == (uint64_t)(int32_t)value) {
        asm_byte(a, 0x68); /* push imm32 */
        asm_imm(a, value, 4);
        return;
    }
    asm_mov_imm(a, HOST_R11, value);
    asm_byte(a, 0x41); /* push r11 */
    asm_byte(a, 0x53);
}

static void put_full(Emit *e, const Stub *stub)
{
    asm_mov(&e->a, 8, HOST_RSP, JIT(returns));
    asm_jmp(&e->a, stub->retry);
}

/* What follows goes to the call's target. The block behind the return looks at what is pending: the
 * return may be what STI held it off for. */
void emit_expect(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    asm_op(a, OP1(0x3b), 8, HOST_RSP, JIT(returns_limit));
    Stub *full = emit_stub(e, put_full, MARK_HANDOVER, 0, asm_jcc(a, COND_B, 0));
    full->retry = a->at;
    put_push(a, op->imm);
    asm_byte(a, 0xe8); /* call */
    asm_imm(a, 0, 4);
    uint32_t behind = a->at;
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, HALF_PAIR));
    emit_exit_polled(e, op->imm);
    asm_patch(a, behind - 4, a->at);
    e->flags &= ~FLAGS_IN_HOST;
}

/* --- returns ------------------------------------------------------------------------------------- */

/* T is not in the top pair. */
static void put_search(Emit *e, const Stub *stub)
{
    Asm *a = &e->a;
    int32_t context = emit_context(e->ir->key);
    asm_op(a, OP1(0x3b), 8, HOST_R10, rm_mem(HOST_RSP, PAIR + HALF_PAIR));
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, PAIR));
    asm_jcc(a, COND_E, stub->retry);
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, -PAIR));
    uint32_t unknown = emit_jump_lookup(e, context);
    emit_add_sp(e, stub->drop);
    put_jump(a, emit_jump_code(context));
    asm_patch(a, unknown, a->at);
    emit_handover(e, stub->id, e->t->trampolines.cold);
}

void emit_ret(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    asm_op(a, OP1(0x3b), 8, HOST_R10, rm_mem(HOST_RSP, HALF_PAIR));
    uint32_t not_top = asm_jcc(a, COND_NE, 0);
    Stub *other = emit_stub(e, put_search, MARK_HANDOVER, emit_site(e), not_top);
    other->drop = op->imm;
    other->retry = a->at;
    emit_add_sp(e, op->imm);
    asm_byte(a, 0xc3);
}

/* The call is on the block's path, and what follows is behind it. */
void emit_known(Emit *e, const IrOp *op)
{
    bool fits = op->imm == (int32_t)op->imm;
    if (fits) {
        asm_alu_imm(&e->a, ALU_CMP, 8, rm_reg(HOST_R10), op->imm);
    } else {
        asm_mov_imm(&e->a, HOST_R11, op->imm);
        asm_op(&e->a, OP1(0x3b), 8, HOST_R10, rm_reg(HOST_R11));
    }
    emit_cold_if(e, COND_NE);
    e->flags &= ~FLAGS_IN_HOST;
}
