/* row.c - executes rows of the guest's instruction table on the host. [SDM2] "Instruction Format".
 */
#include "dbt/x64/row.h"

/* HOST_NONE: it takes more than a number to name it. */
static unsigned number_of(const Operand *op)
{
    return op->kind == OPND_GPR ? x64_home(op->reg) : op->kind == OPND_GPR8H ? HOST_NONE : op->reg;
}

/* SPL to DIL have the numbers of AH to BH without a REX prefix. */
static bool asks_for_rex(const Operand *op, unsigned number)
{
    return op->kind == OPND_GPR && op->size == 1 && number >= HOST_RSP;
}

/* Most instructions: as they are, with the host's numbers for the registers, and our M. One of two
 * registers may live in memory: it goes through a scratch register, if memory cannot stand where it
 * is named. */
typedef struct Common {
    unsigned opcode, reg;
    Rm rm;
    bool rex;            /* even if empty */
    const Operand *away; /* what goes through the scratch register; NULL: nothing */
    unsigned scratch;
} Common;

/* May the home of the operand in ModRM.rm stand there if it is memory? A part of it must not be
 * written alone: who loads all of it soon would wait, and 32 bits clear the upper half. */
static bool may_be_memory(const RowHostPlan *plan, const Operand *op)
{
    return plan->rm_only_read || (plan->rm_as_memory && op->size == 8);
}

static bool take_rm(Common *c, const Insn *insn, const RowHostPlan *plan, Rm memory)
{
    const Operand *op = &insn->op[plan->rm];
    unsigned number = number_of(op);
    c->rm = rm_reg(number);
    c->rex = asks_for_rex(op, number);
    if (op->kind == OPND_MEM) {
        c->rm = memory;
    } else if (number == HOST_NONE) {
        if (op->kind == OPND_GPR8H)
            return false;
        c->rm = x64_gpr(op->reg);
        if (!may_be_memory(plan, op)) {
            c->away = op;
            c->rm = rm_reg(HOST_R10);
        }
    }
    return true;
}

/* The operand in ModRM.reg lives in memory. ADD to CMP, and MOV, have both directions: it goes to
 * ModRM.rm if the other one can do with a register. */
static bool take_reg_away(Common *c, Asm *a, const Insn *insn, const RowHostPlan *plan)
{
    const Operand *op = &insn->op[plan->reg], *other = &insn->op[plan->rm];
    bool is_same = plan->both_ways && other->kind == OPND_GPR && other->reg == op->reg;
    if (op->kind == OPND_GPR8H || is_same) /* XOR r, r need not read it at all */
        return false;
    if (plan->both_ways && rm_is_reg(c->rm)) {
        c->opcode |= 2;
        c->reg = rm_number(c->rm);
        c->rm = x64_gpr(op->reg);
        return true;
    }
    if (c->away)
        return false;
    c->away = op;
    if (other->kind == OPND_MEM && !row_loads_only(insn)) {
        c->scratch = HOST_R11;
        if (rm_equal(c->rm, rm_index(HOST_R10, HOST_R11, 0, 0))) {
            asm_lea(a, 8, HOST_R10, c->rm);
            c->rm = rm_mem(HOST_R10, 0);
        }
    }
    c->reg = c->scratch;
    return true;
}

static bool put_common(Asm *a, const Insn *insn, const RowHostPlan *plan, Rm memory)
{
    Common c = {.opcode = insn->opcode, .reg = insn->modrm >> 3 & 7, .scratch = HOST_R10};
    if (!plan->is_legacy || insn->lock)
        return false;
    if (plan->rm != MAX_OPERANDS) {
        if (!take_rm(&c, insn, plan, memory))
            return false;
    } else if (plan->has_modrm) {
        c.rm = rm_reg(insn->modrm & 7);
    }
    if (plan->reg != MAX_OPERANDS) {
        const Operand *op = &insn->op[plan->reg];
        c.reg = number_of(op);
        if (c.reg == HOST_NONE && !take_reg_away(&c, a, insn, plan))
            return false;
        c.rex |= asks_for_rex(op, c.reg);
    }
    if (c.away && (c.away->access & OPND_READ || c.away->size < 4))
        asm_mov(a, 8, c.scratch, x64_gpr(c.away->reg));
    unsigned bits = asm_rex(c.reg, c.rm) | insn->rex_w << 3;
    AsmHead head = {plan->escape | c.opcode << plan->escape_bits, plan->escape_bits / 8 + 1};
    asm_prepend(&head, (bits | c.rex) != 0, REX | bits);
    if (plan->prefix)
        asm_prepend(&head, true, plan->prefix);
    if (insn->opsize == 2 && plan->takes_66)
        asm_prepend(&head, true, 0x66);
    asm_put(a, head, c.reg, c.rm);
    row_put_immediate(a, insn, plan);
    if (c.away && c.away->access & OPND_WRITE)
        asm_store(a, 8, x64_gpr(c.away->reg), c.scratch);
    return true;
}

/* MOV of a constant to a register: the shortest way, memory homes included. */
static bool put_mov_constant(Asm *a, const Insn *insn)
{
    const Operand *dest = &insn->op[0];
    if (dest->kind != OPND_GPR)
        return false;
    uint64_t value = insn->imm;
    Rm home = x64_gpr(dest->reg);
    if (dest->size < 4) {
        if (rm_is_reg(home) && dest->size == 2) {
            asm_byte(a, 0x66);
            if (rm_number(home) >= HOST_R8)
                asm_byte(a, 0x41);
            asm_byte(a, 0xb8 | (rm_number(home) & 7));
            asm_imm(a, value, 2);
            return true;
        }
        HostWidth width = {.opsize = dest->size == 2, .rex = rm_is_reg(home)};
        asm_modrm(a, OP1(dest->size == 1 ? 0xc6 : 0xc7), width, 0, home);
        asm_imm_sized(a, value, dest->size);
        return true;
    }
    if (dest->size == 4)
        value = (uint32_t)value;
    if (rm_is_reg(home)) {
        asm_mov_imm(a, rm_number(home), value);
    } else if ((int64_t)value == (int32_t)value) {
        asm_store_imm(a, 8, home, value);
    } else {
        asm_mov_imm(a, HOST_R10, value);
        asm_store(a, 8, home, HOST_R10);
    }
    return true;
}

void x64_row(Asm *a, const Insn *insn, Rm memory)
{
    const RowHostPlan *plan = row_host_plan(insn);
    if ((!plan->is_constant || !put_mov_constant(a, insn)) && !put_common(a, insn, plan, memory))
        row_put_general(a, insn, plan, memory);
}
