/* swap.c - in a hot loop, guest registers that live in memory change places with registers that the
 * loop does not use, and so live in the host's while it runs.
 *
 * The instructions are renamed, and everything behind that is as for any block. The values change
 * places where the block is entered, and back wherever it is left: exits and handovers find all
 * state at home. */
#include "dbt/x64/emit.h"

/* --- which ---------------------------------------------------------------------------------------- */

static uint16_t bit_of(unsigned gpr)
{
    return gpr < GPR_COUNT ? 1u << gpr : 0;
}

/* General registers that the instructions name, and no more: those that nothing uses unnamed may
 * change places. */
static uint16_t named_gprs(const IrBlock *ir)
{
    uint16_t gprs = 0;
    for (unsigned n = 0; n < ir->insn_count; n++) {
        const Insn *insn = &ir->insn[n];
        for (unsigned i = 0; i < MAX_OPERANDS; i++) {
            if (insn->op[i].kind == OPND_GPR)
                gprs |= bit_of(insn->op[i].reg);
            if (insn->op[i].kind == OPND_MEM)
                gprs |= bit_of(insn->base) | bit_of(insn->index);
        }
    }
    return gprs;
}

/* Behind a call that is no part of the path all registers are at home, wherever it came from. */
static bool may_swap(const IrBlock *ir)
{
    if (!ir->is_hot || !ir->is_loop || ir->x87 || ir->second ||
        ir->ops[ir->op_count - 1].op != IR_JMP)
        return false;
    for (unsigned i = 0; i < ir->op_count; i++)
        if (ir->ops[i].op == IR_EXPECT)
            return false;
    return true;
}

static void choose(IrBlock *ir)
{
    static const uint8_t in_memory[] = {R8, R9, R10, R11}, spare[] = {R15, R14, R13, R12};
    static_assert(G_N_ELEMENTS(in_memory) <= IR_MAX_SWAPS, "there is a pair for each");
    uint16_t named = named_gprs(ir);
    unsigned next = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(in_memory); i++) {
        if (!(named & bit_of(in_memory[i])))
            continue;
        while (next < G_N_ELEMENTS(spare) && named & bit_of(spare[next]))
            next++;
        if (next == G_N_ELEMENTS(spare))
            return;
        ir->swap[ir->swap_count++] = (IrSwap){in_memory[i], spare[next++]};
    }
}

/* --- renaming ------------------------------------------------------------------------------------- */

static uint8_t renamed(const IrBlock *ir, uint8_t ref)
{
    for (unsigned i = 0; i < ir->swap_count; i++) {
        if (ref == ir->swap[i].a)
            return ir->swap[i].b;
        if (ref == ir->swap[i].b)
            return ir->swap[i].a;
    }
    return ref;
}

static uint16_t renamed_gprs(const IrBlock *ir, uint16_t gprs)
{
    for (unsigned i = 0; i < ir->swap_count; i++) {
        uint16_t a = bit_of(ir->swap[i].a), b = bit_of(ir->swap[i].b);
        if (!(gprs & a) != !(gprs & b))
            gprs ^= a | b;
    }
    return gprs;
}

void x64_rename_insn(const IrBlock *ir, Insn *insn)
{
    if (!ir->swap_count)
        return;
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (insn->op[i].kind == OPND_GPR)
            insn->op[i].reg = renamed(ir, insn->op[i].reg);
    insn->base = renamed(ir, insn->base);
    insn->index = renamed(ir, insn->index);
}

void x64_swap_registers(IrBlock *ir)
{
    if (!may_swap(ir))
        return;
    choose(ir);
    for (unsigned n = 0; ir->swap_count && n < ir->insn_count; n++)
        x64_rename_insn(ir, &ir->insn[n]);
    for (unsigned n = 0; ir->swap_count && n < ir->op_count; n++) {
        ir->ops[n].dst = renamed(ir, ir->ops[n].dst);
        ir->ops[n].src = renamed(ir, ir->ops[n].src);
        ir->use[n].gprs = renamed_gprs(ir, ir->use[n].gprs);
    }
    ir->joinable_gprs = renamed_gprs(ir, ir->joinable_gprs);
}

/* --- the values ----------------------------------------------------------------------------------- */

void emit_swap(Emit *e)
{
    Asm *a = &e->a;
    for (unsigned i = 0; i < e->ir->swap_count; i++) {
        Rm memory = x64_gpr(e->ir->swap[i].a);
        unsigned reg = x64_home(e->ir->swap[i].b);
        asm_op(a, OP1(0xff), 4, 6, memory); /* push */
        asm_store(a, 8, memory, reg);
        asm_op(a, OP1(0x8f), 4, 0, rm_reg(reg)); /* pop */
    }
}

void emit_swapped_resumes(Emit *e)
{
    for (uint32_t n = e->first_site; n < e->next->site; n++) {
        Site *site = &e->t->sites[n];
        if (!site->resume)
            continue;
        uint32_t behind = site->resume;
        site->resume = e->a.at;
        emit_swap(e);
        asm_jmp(&e->a, behind);
    }
}
