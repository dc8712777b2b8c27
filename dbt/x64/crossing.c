/* crossing.c - SYSCALL and SYSRET in generated code, while dbt/crossing.h has them. */
#include "dbt/crossing.h"

#include "cpu/block.h"
#include "dbt/x64/emit.h"

#define CROSSING(kind, field) \
    x64_cpu(offsetof(Cpu, jit.crossing) + (kind) * sizeof(Crossing) + offsetof(Crossing, field))
#define SEG_FIELD(n, field) \
    x64_cpu(offsetof(Cpu, seg) + (n) * sizeof(Segment) + offsetof(Segment, field))
#define EFLAGS x64_cpu(offsetof(Cpu, eflags))
#define IMAGE  x64_cpu(offsetof(Cpu, jit.flags))
#define NEXT   x64_cpu(offsetof(Cpu, jit.next))

static_assert(offsetof(Cpu, stack_size) == offsetof(Cpu, cpl) + 3, "Crossing.level is four bytes");
static_assert(offsetof(Segment, access) == offsetof(Segment, limit) + 6,
              "limit, selector and access are one word");

static void put_copy(Asm *a, unsigned size, Rm to, Rm from)
{
    asm_mov(a, size, HOST_R10, from);
    asm_store(a, size, to, HOST_R10);
}

static void put_shift(Asm *a, bool left, unsigned reg, unsigned count)
{
    asm_op(a, OP1(0xc1), 4, left ? 4 : 5, rm_reg(reg));
    asm_byte(a, count);
}

/* Is everything as it was? */
static void put_checks(Emit *e, CrossingKind kind)
{
    Asm *a = &e->a;
    asm_alu_imm(a, ALU_CMP, 4, CROSSING(kind, from), e->ir->key);
    emit_cold_if(e, COND_NE);
    asm_alu_imm(a, ALU_CMP, 4, SEG_FIELD(SEG_CS, shape), SHAPE_FLAT_READ);
    emit_cold_if(e, COND_NE);
    asm_alu_imm(a, ALU_CMP, 4, SEG_FIELD(SEG_SS, shape), SHAPE_FLAT_READ | SHAPE_FLAT_WRITE);
    emit_cold_if(e, COND_NE);
    asm_mov(a, 4, HOST_R10, kind == CROSSING_IN ? EFLAGS : x64_gpr(R11));
    if (kind == CROSSING_OUT)
        asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R10), ~FLAGS_ARITH);
    asm_op(a, OP1(0x3b), 4, HOST_R10, CROSSING(kind, flags_from));
    emit_cold_if(e, COND_NE);
}

/* Of the other level. */
static int32_t target_context(CrossingKind kind)
{
    TlbMode mode = kind == CROSSING_IN ? TLB_SUPERVISOR : TLB_USER;
    return emit_context((uint32_t)mode << KEY_TLB_SHIFT);
}

/* The target's code, from the other level's jump cache, which must be of the right mode. */
static void put_find(Emit *e, CrossingKind kind)
{
    Asm *a = &e->a;
    int32_t context = target_context(kind);
    asm_mov(a, 4, HOST_R11, CROSSING(kind, to));
    asm_op(a, OP1(0x3b), 4, HOST_R11, rm_gs(HOST_NONE, context + offsetof(MmuContext, jump_key)));
    emit_cold_if(e, COND_NE);
    asm_mov(a, 8, HOST_R10, kind == CROSSING_IN ? x64_cpu(offsetof(Cpu, lstar)) : rm_reg(HOST_RCX));
    emit_cold_from(e, emit_jump_lookup(e, context));
    put_copy(a, 8, NEXT, emit_jump_code(context));
}

/* RCX and R11 := rip and flags; the flags that FMASK names go. */
static void put_system_call(Asm *a, uint64_t next)
{
    asm_op(a, OP0F(0xb7), 4, HOST_R10, IMAGE); /* movzx */
    asm_mov(a, 4, HOST_R11, rm_reg(HOST_R10));
    put_shift(a, true, HOST_R11, 11); /* OF; what else comes there goes */
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), FLAG_OF);
    asm_mov(a, 4, HOST_RCX, rm_reg(HOST_R10));
    put_shift(a, false, HOST_RCX, 8);
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_RCX), FLAGS_ARITH & 0xff);
    asm_op(a, OP1(0x0b), 4, HOST_R11, rm_reg(HOST_RCX));
    asm_op(a, OP1(0x0b), 4, HOST_R11, EFLAGS);
    asm_store(a, 8, x64_gpr(R11), HOST_R11);
    asm_mov_imm(a, HOST_RCX, next);
    asm_op(a, OP0F(0xb7), 4, HOST_R11, CROSSING(CROSSING_IN, kept));
    asm_op(a, OP1(0x23), 4, HOST_R10, rm_reg(HOST_R11));
    asm_store(a, 2, IMAGE, HOST_R10);
}

/* The arithmetic flags := R11. */
static void put_system_return(Asm *a)
{
    asm_mov(a, 4, HOST_R10, x64_gpr(R11));
    asm_mov(a, 4, HOST_R11, rm_reg(HOST_R10));
    put_shift(a, false, HOST_R11, 11);
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), 1);
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R10), FLAGS_ARITH & 0xff);
    put_shift(a, true, HOST_R10, 8);
    asm_op(a, OP1(0x0b), 4, HOST_R10, rm_reg(HOST_R11));
    asm_store(a, 2, IMAGE, HOST_R10);
}

void emit_cross(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    CrossingKind kind = op->access;
    put_checks(e, kind);
    put_find(e, kind);
    if (kind == CROSSING_IN)
        put_system_call(a, op->imm);
    else
        put_system_return(a);
    put_copy(a, 4, EFLAGS, CROSSING(kind, flags_to));
    put_copy(a, 8, SEG_FIELD(SEG_CS, limit), CROSSING(kind, cs));
    put_copy(a, 8, SEG_FIELD(SEG_SS, limit), CROSSING(kind, ss));
    put_copy(a, 4, x64_cpu(offsetof(Cpu, cpl)), CROSSING(kind, level));
    put_copy(a, 4, x64_cpu(offsetof(Cpu, mode_key)), CROSSING(kind, mode_key));
    put_copy(a, 8, x64_cpu(offsetof(Cpu, tlb)), CROSSING(kind, tlb));
    put_copy(a, 4, x64_cpu(offsetof(Cpu, tlb_mask)),
             rm_gs(HOST_NONE, target_context(kind) + offsetof(MmuContext, tlb_mask)));
    /* What was held off must be seen where somebody next looks. */
    asm_mov(a, 4, HOST_R10, x64_cpu(offsetof(Cpu, pending)));
    asm_op(a, OP1(0x09), 4, HOST_R10, x64_cpu(offsetof(Cpu, jit.poll)));
    asm_mov(a, 8, HOST_RSP, x64_cpu(offsetof(Cpu, jit.returns))); /* of the other level */
    asm_modrm(a, OP1(0xff), (HostWidth){0}, 4, NEXT);             /* jmp [next] */
    e->flags = FLAGS_IN_IMAGE;
}
