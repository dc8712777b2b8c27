/* fast_branch.c - specialised forms of near branches, and of SETcc and CMOVcc: one instance for
 * each condition. Forms named LONG are for 64-bit mode, the others for operand and code size 4
 * or 2. */
#include "cpu/exec/branch_priv.h"
#include "cpu/exec/fast_priv.h"

ExecFn exec_JCC, exec_JMP, exec_CALL, exec_RET, exec_SETCC, exec_CMOVCC;

/* --- near branches ------------------------------------------------------------------------- */

/* Canonical in 48 bits is canonical; the rest is branch_to's to judge. */
static ALWAYS_INLINE void branch_long(Cpu *cpu, uint64_t target)
{
    if (LIKELY((LinAddr)sign_extend(target, 48) == target))
        cpu->rip = target;
    else
        branch_to(cpu, target);
}

static void fast_JMP_LONG(Cpu *cpu, const Insn *insn)
{
    branch_long(cpu, cpu->rip + insn->imm);
}

static void fast_JMP_SHORT(Cpu *cpu, const Insn *insn)
{
    branch_relative(cpu, insn);
}

static void fast_JMP_register_LONG(Cpu *cpu, const Insn *insn)
{
    branch_long(cpu, cpu->gpr[insn->op[0].reg]);
}

static ALWAYS_INLINE void call_long(Cpu *cpu, const Insn *insn, uint64_t target)
{
    uint64_t sp = cpu->gpr[RSP] - 8;
    uint8_t *host = tlb_host(cpu, sp, 8, ACCESS_WRITE);
    if (UNLIKELY(!host)) {
        exec_CALL(cpu, insn);
        return;
    }
    uint64_t back = cpu->rip;
    branch_long(cpu, target);
    ram_store(host, back, 8);
    cpu->gpr[RSP] = sp;
}

static void fast_CALL_LONG(Cpu *cpu, const Insn *insn)
{
    call_long(cpu, insn, cpu->rip + insn->imm);
}

static void fast_CALL_SHORT_4(Cpu *cpu, const Insn *insn)
{
    uint64_t back = cpu->rip;
    branch_to(cpu, (uint32_t)(back + insn->imm));
    stack_push(cpu, (uint32_t)back, 4);
}

static void fast_CALL_register_LONG(Cpu *cpu, const Insn *insn)
{
    call_long(cpu, insn, cpu->gpr[insn->op[0].reg]);
}

static void fast_RET_LONG(Cpu *cpu, const Insn *insn)
{
    const uint8_t *host = tlb_host(cpu, cpu->gpr[RSP], 8, ACCESS_READ);
    if (UNLIKELY(!host)) {
        exec_RET(cpu, insn);
        return;
    }
    branch_long(cpu, ram_load(host, 8));
    cpu->gpr[RSP] += 8;
}

static void fast_RET_SHORT_4(Cpu *cpu, const Insn *insn)
{
    uint64_t sp = stack_pointer(cpu);
    branch_to(cpu, seg_load(cpu, SEG_SS, sp, 4));
    stack_set_pointer(cpu, truncate_to(sp + 4, cpu->stack_size));
}

/* --- conditions ---------------------------------------------------------------------------- */

#define CONDITIONS(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

#define DEFINE(cc)                                                                    \
    static void fast_JCC_LONG_##cc(Cpu *cpu, const Insn *insn)                        \
    {                                                                                 \
        if (flags_condition(cpu, cc))                                                 \
            branch_long(cpu, cpu->rip + insn->imm);                                   \
    }                                                                                 \
    static void fast_JCC_SHORT_##cc(Cpu *cpu, const Insn *insn)                       \
    {                                                                                 \
        if (flags_condition(cpu, cc))                                                 \
            branch_relative(cpu, insn);                                               \
    }                                                                                 \
    static void fast_SETCC_##cc(Cpu *cpu, const Insn *insn)                           \
    {                                                                                 \
        gpr_write(cpu, insn->op[0].reg, 1, flags_condition(cpu, cc));                 \
    }                                                                                 \
    static void fast_CMOVCC_4_##cc(Cpu *cpu, const Insn *insn)                        \
    {                                                                                 \
        unsigned from = flags_condition(cpu, cc) ? insn->op[1].reg : insn->op[0].reg; \
        cpu->gpr[insn->op[0].reg] = (uint32_t)cpu->gpr[from];                         \
    }                                                                                 \
    static void fast_CMOVCC_8_##cc(Cpu *cpu, const Insn *insn)                        \
    {                                                                                 \
        unsigned from = flags_condition(cpu, cc) ? insn->op[1].reg : insn->op[0].reg; \
        cpu->gpr[insn->op[0].reg] = cpu->gpr[from];                                   \
    }
CONDITIONS(DEFINE)
#undef DEFINE

#define JCC_LONG(cc)  fast_JCC_LONG_##cc,
#define JCC_SHORT(cc) fast_JCC_SHORT_##cc,
#define SETCC(cc)     fast_SETCC_##cc,
#define CMOVCC_4(cc)  fast_CMOVCC_4_##cc,
#define CMOVCC_8(cc)  fast_CMOVCC_8_##cc,
static ExecFn *const jcc_long[16] = {CONDITIONS(JCC_LONG)};
static ExecFn *const jcc_short[16] = {CONDITIONS(JCC_SHORT)};
static ExecFn *const setcc[16] = {CONDITIONS(SETCC)};
static ExecFn *const cmovcc_4[16] = {CONDITIONS(CMOVCC_4)};
static ExecFn *const cmovcc_8[16] = {CONDITIONS(CMOVCC_8)};

/* --- choosing ------------------------------------------------------------------------------ */

static ExecFn *choose_CMOVCC(const Insn *insn, unsigned cc)
{
    if (insn->op[1].kind != OPND_GPR || insn->opsize < 4)
        return NULL;
    return insn->opsize == 8 ? cmovcc_8[cc] : cmovcc_4[cc];
}

static ExecFn *choose_indirect(const Insn *insn, CpuMode mode, ExecFn *by_register)
{
    return mode == CPU_LONG && insn->op[0].kind == OPND_GPR ? by_register : NULL;
}

static ExecFn *choose_RET(const Insn *insn, bool is_long)
{
    if (insn->op[0].kind != OPND_NONE)
        return NULL;
    return is_long ? fast_RET_LONG : insn->opsize == 4 ? fast_RET_SHORT_4 : NULL;
}

ExecFn *fast_branch(ExecFn *general, const Insn *insn, CpuMode mode)
{
    unsigned cc = insn->opcode & 15;
    bool is_long = mode == CPU_LONG && insn->opsize == 8;
    bool relative = insn->op[0].kind == OPND_REL;
    if (general == exec_JCC)
        return is_long ? jcc_long[cc] : jcc_short[cc];
    if (general == exec_JMP && relative)
        return is_long ? fast_JMP_LONG : fast_JMP_SHORT;
    if (general == exec_JMP)
        return choose_indirect(insn, mode, fast_JMP_register_LONG);
    if (general == exec_CALL && relative)
        return is_long ? fast_CALL_LONG : insn->opsize == 4 ? fast_CALL_SHORT_4 : NULL;
    if (general == exec_CALL)
        return choose_indirect(insn, mode, fast_CALL_register_LONG);
    if (general == exec_RET)
        return choose_RET(insn, is_long);
    if (general == exec_SETCC)
        return insn->op[0].kind == OPND_GPR ? setcc[cc] : NULL;
    if (general == exec_CMOVCC)
        return choose_CMOVCC(insn, cc);
    return NULL;
}
