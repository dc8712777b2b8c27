/* port.c - IN and OUT: a call of C with the port's number. [SDM2] IN, OUT. */
#include "cpu/mem.h"
#include "dbt/x64/emit.h"

/* RAX is what is read or written; what else C changes the trampoline keeps. */
void emit_port(Emit *e, const IrOp *op)
{
    const Insn *insn = &e->ir->insn[op->insn];
    bool out = op->access == ACCESS_WRITE;
    Asm *a = &e->a;
    if (insn->op[!out].kind == OPND_IMM)
        asm_mov_imm(a, HOST_R10, insn->imm & 0xff);
    else
        asm_op(a, OP0F(0xb7), 4, HOST_R10, rm_reg(HOST_RDX)); /* movzx r10d, dx */
    asm_mov_imm(a, HOST_R11,
                emit_site(e) | op->size << PORT_SIZE_SHIFT | (out ? (uint32_t)PORT_OUT : 0));
    asm_call(a, e->t->trampolines.port);
    e->flags &= ~FLAGS_IN_HOST;
}
