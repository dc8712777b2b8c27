/* ir.h - the translator's intermediate form: what a superblock does, in commit order.
 *
 * Guest registers are named, not renamed: at tier 1 no value outlives its instruction, so that each
 * op reads and writes the registers' homes. Two values are implicit: M, the memory that the last
 * check op opened, and T, a jump target on its way to the jump cache. An instruction's ops come in
 * the order: everything that can leave, then everything that commits. */
#ifndef MYNA_DBT_IR_H
#define MYNA_DBT_IR_H

#include "cpu/cpu.h"

typedef enum IrOpcode {
#define IROP(name, text, leaves, flags) IR_##name,
#include "dbt/ir.def"
#undef IROP
    IR_OPCODE_COUNT,
} IrOpcode;

/* Operands beside guest registers 0-15. */
enum {
    REF_IMM = 0x20, /* the op's imm */
    REF_T,          /* the jump target: host scratch, dies at the next check */
    REF_TEMP,       /* Cpu.jit.temp[0]: outlives checks */
    REF_SLOT,       /* src of a check: a TLB slot of its own */
    REF_NONE = 0xff,
};

enum { IR_MAX_INSNS = 64, IR_MAX_OPS = 512, IR_MAX_SPANS = 8, IR_MAX_SWAPS = 4 };

typedef struct IrOp {
    uint8_t op;     /* IrOpcode */
    uint8_t size;   /* bytes, of the access or the register */
    uint8_t insn;   /* index of the guest instruction */
    uint8_t access; /* MemAccess of a check; condition of an exit */
    uint8_t dst, src;
    uint8_t last; /* FIND: keep the code across a check; JUMP: take it from there */
    uint8_t span; /* of a check that opens one, and of REACH: 1 + number; 0: none */
    int64_t imm;  /* constant, offset in the span, or target rip of an exit */
} IrOp;

/* Memory near one register's value that one check opens for several accesses. */
typedef struct IrSpan {
    uint16_t bytes;  /* from its first byte on, in one page */
    uint16_t offset; /* of the checking instruction's own access */
    bool write;      /* some access writes, perhaps not the first */
} IrSpan;

/* What an op does with arithmetic flags and general registers. */
typedef struct IrUse {
    uint16_t reads, writes; /* EFLAGS bits */
    uint16_t gprs;          /* bit n: it may write general register n */
    bool may_keep;          /* it may leave unchanged the flags that it writes: shift by zero */
} IrUse;

/* Two general registers that have changed places: each instruction that means one names the other.
 */
typedef struct IrSwap {
    uint8_t a, b;
} IrSwap;

typedef enum IrFlags { FLAGS_KEEPS, FLAGS_READS, FLAGS_CLOBBERS, FLAGS_WRITES, FLAGS_ROW } IrFlags;

typedef struct IrInfo {
    const char *name, *text;
    bool leaves;
    IrFlags flags;
} IrInfo;
extern const IrInfo ir_info[IR_OPCODE_COUNT];

/* One superblock on its way through the passes. */
typedef struct IrBlock {
    uint64_t rip;          /* of the first instruction */
    LinAddr la;            /* of the first byte: CS base + rip */
    const uint8_t *host;   /* of the first byte */
    const uint8_t *second; /* page in which the only instruction ends; NULL: it ends in its own */
    uint32_t key;
    unsigned insn_count, op_count;
    uint64_t granules;         /* 64-byte pieces of the page that the code lies in */
    bool vectors, x87;         /* some row uses the host's vector or x87 registers */
    uint16_t pc[IR_MAX_INSNS]; /* page offset of each instruction */
    uint64_t insn_rip[IR_MAX_INSNS];
    Insn insn[IR_MAX_INSNS];
    IrOp ops[IR_MAX_OPS];
    IrSpan spans[IR_MAX_SPANS];
    unsigned span_count;
    IrSwap swap[IR_MAX_SWAPS];
    unsigned swap_count;
    bool is_hot;   /* it is worth more time than others */
    bool is_loop;  /* its last branch goes to its first instruction */
    bool alone;    /* no spans: an access of this block often was not in one page with the others */
    GArray *marks; /* of Mark: what each part of the host code is for; NULL: nobody looks */
    IrUse use[IR_MAX_OPS];     /* of each op (ir_note_uses) */
    uint16_t live[IR_MAX_OPS]; /* EFLAGS bits somebody may look at after the op (flags_live) */
} IrBlock;

/* Adds an op for the last instruction. */
static inline IrOp *ir_add(IrBlock *ir, IrOpcode opcode, unsigned size)
{
    g_assert(ir->op_count < IR_MAX_OPS);
    IrOp *op = &ir->ops[ir->op_count++];
    *op = (IrOp){
        .op = opcode, .size = size, .insn = ir->insn_count - 1, .dst = REF_NONE, .src = REF_NONE};
    return op;
}

/* --- what rows say, worked out for one instruction ---------------------------------------------- */

IrUse ir_use_of(const IrBlock *ir, const IrOp *op);

/* An address before its segment: registers and a constant. */
typedef struct IrAddress {
    unsigned base, index; /* guest registers or REG_NONE */
    unsigned scale;
    unsigned bits_size; /* 2, 4, 8: cut to so many bytes */
    unsigned seg;
    int64_t disp;
} IrAddress;

/* Of the instruction's memory operand, and of what a check op looks at. */
IrAddress ir_operand_address(const IrBlock *ir, const IrOp *op);
IrAddress ir_check_address(const IrBlock *ir, const IrOp *op);

/* Bytes; 1: any. */
unsigned ir_required_alignment(const IrBlock *ir, const IrOp *op);

/* --- passes -------------------------------------------------------------------------------------- */

/* Fills `use`. */
void ir_note_uses(IrBlock *ir);

/* Has one check serve several accesses near one register's value. */
void spans_join(IrBlock *ir);

/* Fills `live`, backwards. Flags are looked at by readers, by every op that can leave, and behind
 * every exit. */
void flags_live(IrBlock *ir);

/* All of them, in their order. */
static inline void ir_passes(IrBlock *ir)
{
    ir_note_uses(ir);
    spans_join(ir);
    flags_live(ir);
}

/* "oszap-  rax.64 = M": the flags that live behind op n, and what it does. */
void ir_print_op(const IrBlock *ir, unsigned n, GString *out);

/* The same for all ops, a line each, under their instructions. */
void ir_print(const IrBlock *ir, GString *out);

/* NULL, or what is wrong with the block. Debug builds look between passes. */
const char *ir_problem(const IrBlock *ir);

#endif
