/* x87.c - x87 rows on the host's x87. [SDM1] "x87 FPU Instruction and Data (Operand) Pointers". */
#include "dbt/x64/emit.h"

#include "dbt/rows.h"

#define JIT(field) x64_cpu(offsetof(Cpu, jit.field))

/* Will another instruction set the pointers before anybody can look at them? */
static bool set_again(const Emit *e)
{
    for (unsigned i = e->at_op + 1; i < e->ir->op_count; i++) {
        const IrOp *op = &e->ir->ops[i];
        if (op->op == IR_X87 && row_traits(&e->ir->insn[op->insn])->sets_x87_pointers)
            return true;
        if (op->op != IR_X87 && op->op != IR_ROW && op->op != IR_LEA && op->op != IR_MOVE)
            return false;
    }
    return false;
}

/* Instruction pointer and opcode follow from the site. */
static void note_instruction(Emit *e, const IrOp *op)
{
    Translator *t = e->t;
    Site *site = &t->sites[emit_site(e)];
    if (!site->insn) {
        site->insn = 1 + e->next->insn;
        t->insns[e->next->insn++] = e->ir->insn[op->insn];
    }
    asm_store_imm(&e->a, 4, JIT(x87_site), e->site);
}

/* The address registers are still what they were. */
static void note_operand(Emit *e, const IrOp *op)
{
    emit_operand_offset(e, op, HOST_R10);
    asm_store(&e->a, 8, x64_cpu(offsetof(Cpu, fpu.fdp)), HOST_R10);
    asm_store_imm(&e->a, 1, JIT(x87_seg), 1 + e->ir->insn[op->insn].seg);
}

void emit_x87(Emit *e, const IrOp *op)
{
    const Insn *insn = &e->ir->insn[op->insn];
    bool memory = insn->op[0].kind == OPND_MEM;
    emit_row_flags(e); /* joins memory if it needs R11 */
    Rm rm = memory ? e->memory : rm_reg(insn->modrm & 7);
    asm_modrm(&e->a, OP1(insn->opcode), (HostWidth){0}, insn->modrm >> 3 & 7, rm);
    if (!row_traits(insn)->sets_x87_pointers)
        return;
    if (memory)
        note_operand(e, op);
    if (!set_again(e))
        note_instruction(e, op);
}

/* A control word that unmasks an exception is the interpreter's. It is read once: memory may
 * change. */
void emit_fldcw(Emit *e, const IrOp *op)
{
    enum { MASKS = 0x3f };
    Asm *a = &e->a;
    asm_op(a, OP0F(0xb7), 4, HOST_R10, e->memory); /* movzx */
    asm_store(a, 8, JIT(temp), HOST_R10);
    asm_op(a, OP1(0xf7), 4, 2, rm_reg(HOST_R10)); /* not r10d */
    asm_modrm(a, OP1(0xf6), (HostWidth){.rex = true}, 0, rm_reg(HOST_R10));
    asm_byte(a, MASKS); /* test r10b, masks */
    emit_cold_if(e, COND_NE);
    asm_modrm(a, OP1(0xd9), (HostWidth){0}, 5, JIT(temp)); /* fldcw */
    e->flags &= ~FLAGS_IN_HOST;
}
