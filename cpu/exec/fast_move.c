/* fast_move.c - specialised forms of MOVZX, MOVSX, MOVSXD, LEA, PUSH and POP. */
#include "cpu/exec/fast_priv.h"

ExecFn exec_MOVZX, exec_MOVSX, exec_MOVSXD, exec_LEA, exec_PUSH, exec_POP;

/* --- moves with extension ------------------------------------------------------------------ */

typedef enum Extension { ZERO_64, SIGN_32, SIGN_64, EXTENSION_COUNT } Extension;
enum { EA_REGISTER = EA_COUNT, SOURCE_COUNT };

static ALWAYS_INLINE void extend(Cpu *cpu, const Insn *insn, ExecFn *general, Extension to,
                                 unsigned ea, unsigned size)
{
    uint64_t src;
    if (ea == EA_REGISTER) {
        src = gpr_read(cpu, insn->op[1].reg, size);
    } else {
        const uint8_t *host = fast_host(cpu, insn, size, ACCESS_READ, ea);
        if (UNLIKELY(!host)) {
            general(cpu, insn);
            return;
        }
        src = ram_load(host, size);
    }
    if (to != ZERO_64)
        src = sign_extend(src, size * 8);
    gpr_write(cpu, insn->op[0].reg, to == SIGN_32 ? 4 : 8, src);
}

/* X(general, extension, source, size): zero extension to 32 bits is zero extension to 64. */
#define EXTEND_SOURCES(X, N, to, size) \
    X(N, to, REGISTER, size)           \
    X(N, to, SEGMENTED, size)          \
    X(N, to, SHORT, size)              \
    X(N, to, FLAT, size)               \
    X(N, to, BASE, size)
#define EXTEND_FORMS(X)                  \
    EXTEND_SOURCES(X, MOVZX, ZERO_64, 1) \
    EXTEND_SOURCES(X, MOVZX, ZERO_64, 2) \
    EXTEND_SOURCES(X, MOVSX, SIGN_32, 1) \
    EXTEND_SOURCES(X, MOVSX, SIGN_32, 2) \
    EXTEND_SOURCES(X, MOVSX, SIGN_64, 1) \
    EXTEND_SOURCES(X, MOVSX, SIGN_64, 2) \
    EXTEND_SOURCES(X, MOVSXD, SIGN_64, 4)

#define DEFINE(N, to, source, size)                                             \
    static void fast_##N##_##to##_##source##_##size(Cpu *cpu, const Insn *insn) \
    {                                                                           \
        extend(cpu, insn, exec_##N, to, EA_##source, size);                     \
    }
EXTEND_FORMS(DEFINE)
#undef DEFINE

static ExecFn *const extend_forms[EXTENSION_COUNT][SOURCE_COUNT][5] = {
#define ENTRY(N, to, source, size) [to][EA_##source][size] = fast_##N##_##to##_##source##_##size,
    EXTEND_FORMS(ENTRY)
#undef ENTRY
};

static ExecFn *choose_extension(const Insn *insn, CpuMode mode, bool sign)
{
    const Operand *dest = &insn->op[0], *src = &insn->op[1];
    if (dest->size < 4 || src->size > 4 || src->kind == OPND_GPR8H)
        return NULL;
    Extension to = !sign ? ZERO_64 : dest->size == 4 ? SIGN_32 : SIGN_64;
    unsigned source = src->kind == OPND_MEM ? fast_addressing(insn, mode) : EA_REGISTER;
    return extend_forms[to][source][src->size];
}

/* --- LEA ----------------------------------------------------------------------------------- */

#define DEFINE(ea, size)                                                        \
    static void fast_LEA_##ea##_##size(Cpu *cpu, const Insn *insn)              \
    {                                                                           \
        gpr_write(cpu, insn->op[0].reg, size, flat_offset(cpu, insn, EA_##ea)); \
    }
DEFINE(FLAT, 4)
DEFINE(FLAT, 8)
DEFINE(BASE, 4)
DEFINE(BASE, 8)
#undef DEFINE

/* An address size of 4 with a destination of 4 cuts the sum just as well as 8 does. */
static ExecFn *choose_LEA(const Insn *insn)
{
    unsigned size = insn->op[0].size;
    if (size < 4 || insn->addrsize < size)
        return NULL;
    bool base = insn->base < GPR_COUNT && insn->index == REG_NONE;
    if (base)
        return size == 4 ? fast_LEA_BASE_4 : fast_LEA_BASE_8;
    return size == 4 ? fast_LEA_FLAT_4 : fast_LEA_FLAT_8;
}

/* --- the stack ----------------------------------------------------------------------------- */

static ALWAYS_INLINE void push_long(Cpu *cpu, const Insn *insn, uint64_t value)
{
    uint64_t sp = cpu->gpr[RSP] - 8;
    uint8_t *host = tlb_host(cpu, sp, 8, ACCESS_WRITE);
    if (UNLIKELY(!host)) {
        exec_PUSH(cpu, insn);
        return;
    }
    ram_store(host, value, 8);
    cpu->gpr[RSP] = sp;
}

static void fast_PUSH_register_8(Cpu *cpu, const Insn *insn)
{
    push_long(cpu, insn, cpu->gpr[insn->op[0].reg]);
}

static void fast_PUSH_immediate_8(Cpu *cpu, const Insn *insn)
{
    push_long(cpu, insn, insn->imm);
}

static void fast_POP_register_8(Cpu *cpu, const Insn *insn)
{
    const uint8_t *host = tlb_host(cpu, cpu->gpr[RSP], 8, ACCESS_READ);
    if (UNLIKELY(!host)) {
        exec_POP(cpu, insn);
        return;
    }
    uint64_t value = ram_load(host, 8);
    cpu->gpr[RSP] += 8;
    cpu->gpr[insn->op[0].reg] = value;
}

static void fast_PUSH_register_4(Cpu *cpu, const Insn *insn)
{
    stack_push(cpu, (uint32_t)cpu->gpr[insn->op[0].reg], 4);
}

static void fast_PUSH_immediate_4(Cpu *cpu, const Insn *insn)
{
    stack_push(cpu, (uint32_t)insn->imm, 4);
}

static void fast_POP_register_4(Cpu *cpu, const Insn *insn)
{
    uint64_t value = stack_pop(cpu, 4);
    cpu->gpr[insn->op[0].reg] = value;
}

static ExecFn *choose_PUSH(const Insn *insn, CpuMode mode)
{
    bool immediate = insn->op[0].kind == OPND_IMM;
    if (!immediate && insn->op[0].kind != OPND_GPR)
        return NULL;
    if (mode == CPU_LONG && insn->opsize == 8)
        return immediate ? fast_PUSH_immediate_8 : fast_PUSH_register_8;
    if (insn->opsize == 4)
        return immediate ? fast_PUSH_immediate_4 : fast_PUSH_register_4;
    return NULL;
}

static ExecFn *choose_POP(const Insn *insn, CpuMode mode)
{
    if (insn->op[0].kind != OPND_GPR)
        return NULL;
    if (mode == CPU_LONG && insn->opsize == 8)
        return fast_POP_register_8;
    return insn->opsize == 4 ? fast_POP_register_4 : NULL;
}

ExecFn *fast_move(ExecFn *general, const Insn *insn, CpuMode mode)
{
    if (general == exec_MOVZX)
        return choose_extension(insn, mode, false);
    if (general == exec_MOVSX || general == exec_MOVSXD)
        return choose_extension(insn, mode, true);
    if (general == exec_LEA)
        return choose_LEA(insn);
    if (general == exec_PUSH)
        return choose_PUSH(insn, mode);
    if (general == exec_POP)
        return choose_POP(insn, mode);
    return NULL;
}
