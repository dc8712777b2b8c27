/* row.h - executes rows of the guest's instruction table on the host: the same instruction, with
 * the guest's registers where the host keeps them. */
#ifndef MYNA_DBT_X64_ROW_H
#define MYNA_DBT_X64_ROW_H

#include "cpu/cpu.h"
#include "dbt/x64/asm.h"
#include "dbt/x64/row_plan.h"

/* Can the instruction be written with the scratch registers there are? */
static inline bool x64_row_fits(const Insn *insn)
{
    const RowHostPlan *plan = row_host_plan(insn);
    if (!plan->possible || (plan->not_16 && insn->opsize == 2))
        return false;
    return plan->placed <= 2 || row_detours_fit(plan, insn); /* of two, one is memory if any is */
}

/* Writes it; memory is its memory operand. Keeps host flags but for what the row does to them.
 * Uses R10 and R11 where memory does not. */
void x64_row(Asm *a, const Insn *insn, Rm memory);

/* --- where guest registers are ------------------------------------------------------------------- */

/* The host register of a general register, or HOST_NONE: it lives in struct Cpu. */
static inline unsigned x64_home(unsigned gpr)
{
    static const uint8_t homes[16] = {
        HOST_RAX,  HOST_RCX,  HOST_RDX,  HOST_RBX,  HOST_R8,  HOST_RBP, HOST_RSI, HOST_RDI,
        HOST_NONE, HOST_NONE, HOST_NONE, HOST_NONE, HOST_R12, HOST_R13, HOST_R14, HOST_R15};
    return homes[gpr];
}

/* R9 points this far into struct Cpu, so that its hot fields have short displacements. */
enum { CPU_BIAS = 128 };

static ALWAYS_INLINE Rm x64_cpu(size_t offset)
{
    return rm_mem(HOST_R9, (int32_t)offset - CPU_BIAS);
}

/* Its home: register or memory. */
static ALWAYS_INLINE Rm x64_gpr(unsigned gpr)
{
    enum { FROM_R9 = (int)offsetof(Cpu, gpr) - CPU_BIAS };
    static_assert(FROM_R9 >= INT8_MIN && FROM_R9 + 8 * (GPR_COUNT - 1) <= INT8_MAX, "rm_mem8");
    unsigned home = x64_home(gpr);
    return home != HOST_NONE ? rm_reg(home) : rm_mem8(HOST_R9, FROM_R9 + 8 * gpr);
}

#endif
