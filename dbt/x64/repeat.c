/* repeat.c - repeated string instructions on the host's. [SDM2] REP/REPE/REPNE.
 *
 * What lies in one page, and goes up, is one instruction of the host on the host's addresses; the
 * rest is the interpreter's, which is better at much of it. Afterwards the index registers are
 * moved as far as the host's were. */
#include "dbt/x64/emit.h"

#define TEMP(n) x64_cpu(offsetof(Cpu, jit.temp[n]))

static void put_prefix(Emit *e, const IrOp *op)
{
    if (op->size == 4)
        asm_byte(&e->a, 0x67);
}

/* JRCXZ is short. Both ways the flags are in the image at the end. */
void emit_skipcx(Emit *e, const IrOp *op)
{
    enum { JMP_BYTES = 5 };
    put_prefix(e, op);
    asm_byte(&e->a, 0xe3); /* jrcxz to the jump */
    asm_byte(&e->a, 2);
    asm_byte(&e->a, 0xeb);
    asm_byte(&e->a, JMP_BYTES);
    e->skip = asm_jmp(&e->a, 0);
}

/* Before memory is looked at: without elements nothing of it is, the accessed bits included. */
void emit_count(Emit *e, const IrOp *op)
{
    asm_lea(&e->a, 8, HOST_R11, rm_mem(HOST_RCX, -1));
    asm_alu_imm(&e->a, ALU_CMP, 8, rm_reg(HOST_R11), op->imm);
    emit_cold_if(e, COND_AE);
    e->flags &= ~FLAGS_IN_HOST;
}

/* R10 is the offset in the page, R11 the page. The count is too small to wrap the sum. */
void emit_elements(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    unsigned scale = __builtin_ctz(op->size);
    asm_lea(a, 8, HOST_R11, rm_index(HOST_R10, HOST_R11, 0, 0));
    asm_store(a, 8, op->dst == REF_TEMP ? TEMP(0) : TEMP(1), HOST_R11);
    asm_lea(a, 8, HOST_R10, rm_index(HOST_R10, HOST_RCX, scale, 0));
    asm_alu_imm(a, ALU_CMP, 8, rm_reg(HOST_R10), PAGE_SIZE);
    emit_cold_if(e, COND_A);
    e->memory = rm_none();
    e->flags &= ~FLAGS_IN_HOST;
}

static bool has_source(const Insn *insn)
{
    return (insn->opcode & 0xfe) == 0xa4 || (insn->opcode & 0xfe) == 0xa6; /* MOVS, CMPS */
}

static void put_row(Emit *e, const Insn *insn)
{
    if (insn->opsize == 2)
        asm_byte(&e->a, 0x66);
    asm_byte(&e->a, insn->rep == REP_REPE ? 0xf3 : 0xf2);
    if (insn->opsize == 8)
        asm_byte(&e->a, 0x48);
    asm_byte(&e->a, insn->opcode);
}

/* reg: the guest's address, for the host's in temp[n], and the difference there. */
static void enter_host(Emit *e, unsigned reg, unsigned n)
{
    asm_mov(&e->a, 8, HOST_R11, rm_reg(reg));
    asm_mov(&e->a, 8, reg, TEMP(n));
    asm_op(&e->a, OP1(0x2b), 8, HOST_R11, rm_reg(reg)); /* sub */
    asm_store(&e->a, 8, TEMP(n), HOST_R11);
}

/* Changes no flags. */
static void leave_host(Emit *e, const Insn *insn, unsigned reg, unsigned n)
{
    asm_mov(&e->a, 8, HOST_R11, TEMP(n));
    asm_lea(&e->a, insn->addrsize, reg, rm_index(reg, HOST_R11, 0, 0));
}

/* Behind the repetition, and not at the next instruction: a block may end here. */
static void land_skip(Emit *e)
{
    if (e->skip)
        asm_patch(&e->a, e->skip, e->a.at);
    e->skip = 0;
}

void emit_repeat(Emit *e, const IrOp *op)
{
    const Insn *insn = &e->ir->insn[op->insn];
    if (has_source(insn))
        enter_host(e, HOST_RSI, 0);
    enter_host(e, HOST_RDI, 1);
    put_row(e, insn);
    if (has_source(insn))
        leave_host(e, insn, HOST_RSI, 0);
    leave_host(e, insn, HOST_RDI, 1);
    land_skip(e);
}

void emit_repcmp(Emit *e, const IrOp *op)
{
    emit_repeat(e, op);
}
