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

/* ModRM.rm; none: it takes more. */
static Rm common_rm(const Insn *insn, const RowHostPlan *plan, Rm memory, bool *rex)
{
    if (plan->rm == MAX_OPERANDS)
        return rm_reg(insn->modrm & 7);
    const Operand *op = &insn->op[plan->rm];
    if (op->kind == OPND_MEM)
        return memory;
    unsigned number = number_of(op);
    if (number == HOST_NONE)
        return plan->rm_only_read && op->kind == OPND_GPR ? x64_gpr(op->reg) : rm_none();
    *rex |= asks_for_rex(op, number);
    return rm_reg(number);
}

/* Most instructions: as they are, with the host's numbers for the registers, and our M. */
static bool put_common(Asm *a, const Insn *insn, const RowHostPlan *plan, Rm memory)
{
    unsigned reg = insn->modrm >> 3 & 7;
    bool rex = false;
    Rm rm = rm_none();
    if (!plan->is_legacy || insn->lock)
        return false;
    if (plan->reg != MAX_OPERANDS) {
        const Operand *op = &insn->op[plan->reg];
        reg = number_of(op);
        if (reg == HOST_NONE)
            return false;
        rex = asks_for_rex(op, reg);
    }
    if (plan->has_modrm) {
        rm = common_rm(insn, plan, memory, &rex);
        if (rm_equal(rm, rm_none()))
            return false;
    }
    unsigned bits = asm_rex(reg, rm) | insn->rex_w << 3;
    AsmHead head = {plan->escape | (unsigned)insn->opcode << plan->escape_bits,
                    plan->escape_bits / 8 + 1};
    asm_prepend(&head, (bits | rex) != 0, REX | bits);
    if (plan->prefix)
        asm_prepend(&head, true, plan->prefix);
    if (insn->opsize == 2 && plan->takes_66)
        asm_prepend(&head, true, 0x66);
    asm_put(a, head, reg, rm);
    row_put_immediate(a, insn, plan);
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
