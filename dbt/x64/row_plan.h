/* row_plan.h - how the host does a row of the guest's instruction table: what the writer (row.c)
 * needs of the row, all of it derived from the row. */
#ifndef MYNA_DBT_X64_ROW_PLAN_H
#define MYNA_DBT_X64_ROW_PLAN_H

#include "cpu/insn.h"
#include "dbt/x64/asm.h"

/* Where the host's instruction names a register operand. */
typedef enum RowField { FIELD_RM, FIELD_REG, FIELD_VVVV, FIELD_OPCODE } RowField;

typedef struct RowPlace {
    uint8_t operand : 2;        /* index */
    uint8_t field : 2;          /* RowField */
    uint8_t needs_register : 1; /* written, or not to be read as memory */
} RowPlace;

/* What a row computes, beside the eight of HostAlu. */
enum { ALU_TEST = ALU_CMP + 1, ALU_NONE };

typedef struct RowHostPlan {
    uint16_t possible : 1;    /* the host, in 64-bit mode, has it; no system registers are named */
    uint16_t not_16 : 1;      /* but not with 16-bit operands */
    uint16_t is_constant : 1; /* MOV of a constant, which may have a shorter form */
    uint16_t is_legacy : 1; /* opcode, ModRM and immediate as they are, with the host's registers */
    uint16_t both_ways : 1; /* with bit 1 of the opcode set, the operands change places */
    uint16_t has_modrm : 1;
    uint16_t in_opcode : 1; /* the opcode's low bits are a register */
    uint16_t group : 1;     /* ModRM.reg is part of the opcode */
    uint16_t takes_66 : 1;  /* as the operand size */
    uint16_t vex : 1;
    uint16_t w_by_size : 1;    /* VEX.W is the width of general registers */
    uint16_t rm_only_read : 1; /* the operand in ModRM.rm may be read as memory */
    uint16_t rm_as_memory : 1; /* the row does with memory what it does with a register there */
    uint16_t escape;           /* of the map, before the opcode, */
    uint8_t escape_bits;
    uint8_t map, prefix;     /* of HostOp */
    uint8_t rm, reg;         /* indices of the operands there; MAX_OPERANDS: none */
    uint8_t immediate_bytes; /* at most: not more than the operand size */
    uint8_t alu;             /* HostAlu, ALU_TEST or ALU_NONE, of one-byte rows */
    uint8_t is4 : 4;         /* index of the operand in bits 7-4 of an immediate byte; 0: none */
    uint8_t placed : 4;
    RowPlace place[MAX_OPERANDS];
} RowHostPlan;
static_assert(sizeof(RowHostPlan) == 16, "one is never in two lines of the cache");

/* By row; worked out by the first who asks. */
extern const RowHostPlan *row_host_plans;
const RowHostPlan *row_host_plans_make(void);

static inline const RowHostPlan *row_host_plan(const Insn *insn)
{
    const RowHostPlan *plans = __atomic_load_n(&row_host_plans, __ATOMIC_ACQUIRE);
    return &(LIKELY(plans != NULL) ? plans : row_host_plans_make())[insn->row];
}

static inline void row_put_immediate(Asm *a, const Insn *insn, const RowHostPlan *plan)
{
    asm_imm_sized(a, insn->imm, MIN(insn->opsize, plan->immediate_bytes));
}

/* Its first operand is loaded whole from memory: the address is not needed any more when that is
 * written. */
static inline bool row_loads_only(const Insn *insn)
{
    const Operand *dest = &insn->op[0];
    return dest->kind == OPND_GPR && dest->access == OPND_WRITE && dest->size >= 4 &&
           insn->op[1].kind == OPND_MEM && insn->op[2].kind != OPND_GPR;
}

/* row_general.c: any form, with detours through scratch registers; and are there enough of these?
 */
void row_put_general(Asm *a, const Insn *insn, const RowHostPlan *plan, Rm memory);
bool row_detours_fit(const RowHostPlan *plan, const Insn *insn);

#endif
