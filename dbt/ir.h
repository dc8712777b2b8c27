/* ir.h - the translator's intermediate form: what a superblock does, in commit order.
 *
 * Guest registers are named, not renamed: at tier 1 no value outlives its instruction, so that each
 * op reads and writes the registers' homes. Two values are implicit: M, the memory that the last
 * check op opened, and T, a jump target on its way to the jump cache. An instruction's ops come in
 * the order: everything that can leave, then everything that commits. */
#ifndef MYNA_DBT_IR_H
#define MYNA_DBT_IR_H

#include "cpu/block.h"
#include "cpu/cpu.h"

typedef enum IrOpcode {
#define IROP(name, text, leaves, flags, gprs) IR_##name,
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

enum { IR_MAX_INSNS = 64, IR_OPS_PER_INSN = 8, IR_MAX_SPANS = 8, IR_MAX_SWAPS = 4 };
enum { IR_MAX_OPS = IR_MAX_INSNS * IR_OPS_PER_INSN + 1 }; /* and a jump to what is behind */

typedef struct IrOp {
    uint8_t op;     /* IrOpcode */
    uint8_t size;   /* bytes, of the access or the register */
    uint8_t insn;   /* index of the guest instruction */
    uint8_t access; /* MemAccess of a check; condition of an exit */
    uint8_t dst, src;
    union {
        bool last; /* FIND: keep the code across a check; JUMP: take it from there; EXITCX: LOOP */
        bool aligned; /* CHECK: the address must be a multiple of the size */
    };
    uint8_t span; /* of a check that opens one, and of REACH: 1 + number; 0: none */
    int64_t imm;  /* constant, bytes from the span's first access, or target rip of an exit */
} IrOp;

/* Memory near one register's value that one check opens for several accesses. */
typedef struct IrSpan {
    uint16_t bytes;  /* from its first byte on, in one page */
    uint16_t offset; /* of the checking instruction's own access */
    bool write;      /* some access writes, perhaps not the first */
} IrSpan;

/* What an op does with arithmetic flags and general registers. */
typedef struct IrUse {
    uint16_t reads;  /* EFLAGS bits: it looks at them, or what it may go to does */
    uint16_t writes; /* likewise */
    uint16_t gprs;   /* bit n: it may write general register n */
    bool may_keep;   /* it may leave unchanged the flags that it writes: shift by zero */
} IrUse;
static_assert(sizeof(IrUse) == 8, "it is copied at once");

/* Two general registers that have changed places: each instruction that means one names the other.
 */
typedef struct IrSwap {
    uint8_t a, b;
} IrSwap;

/* As bits, so that a back end can tell at once that there is nothing to do before an op. */
typedef enum IrFlags {
    FLAGS_KEEPS = 0,
    FLAGS_READS = 1 << 0,
    FLAGS_CLOBBERS = 1 << 1,
    FLAGS_WRITES = 1 << 2,
    FLAGS_ROW = 0, /* depends: the op's emitter sees to it */
} IrFlags;

typedef struct IrInfo {
    const char *name, *text;
    bool leaves;
    IrUse use; /* of every op with this opcode, beside what depends on dst or the row */
} IrInfo;
extern const IrInfo ir_info[IR_OPCODE_COUNT];
extern const uint8_t ir_flags[IR_OPCODE_COUNT]; /* IrFlags; apart, because each op is looked up */

/* One superblock on its way through the passes. */
typedef struct IrBlock {
    uint64_t rip;          /* of the first instruction */
    LinAddr la;            /* of the first byte: CS base + rip */
    const uint8_t *host;   /* of the first byte */
    const uint8_t *second; /* page in which the only instruction ends; NULL: it ends in its own */
    uint64_t granules;     /* 64-byte pieces of the page that the code lies in */
    uint32_t key;
    unsigned insn_count, op_count, joinable_count, span_count, swap_count;
    uint16_t joinable_gprs; /* bit n: register n is in an address that spans may join */
    bool vectors, x87;      /* some row uses the host's vector or x87 registers */
    bool is_hot;            /* it is worth more time than others */
    bool is_loop;           /* its last branch goes to its first instruction */
    bool alone;    /* no spans: an access of this block often was not in one page with the others */
    GArray *marks; /* of Mark: what each part of the host code is for; NULL: nobody looks */
    IrSpan spans[IR_MAX_SPANS];
    IrSwap swap[IR_MAX_SWAPS];
    uint64_t insn_rip[IR_MAX_INSNS];
    Insn insn[IR_MAX_INSNS];
    IrOp ops[IR_MAX_OPS];
    IrUse use[IR_MAX_OPS];         /* of each op */
    uint16_t live[IR_MAX_OPS];     /* EFLAGS bits somebody may look at after the op (flags_live), */
    uint16_t live_before;          /* and before the first one */
    uint16_t joinable[IR_MAX_OPS]; /* checks that spans may join */
} IrBlock;

/* --- ops, always of the last instruction --------------------------------------------------------- */

static inline IrOp *ir_add(IrBlock *ir, IrOpcode opcode, unsigned size)
{
    unsigned n = ir->op_count++;
    IrOp *op = &ir->ops[n];
    ir->use[n] = ir_info[opcode].use;
    *op = (IrOp){.op = opcode, .dst = REF_NONE, .src = REF_NONE};
    op->size = size;
    op->insn = ir->insn_count - 1;
    return op;
}

/* What the last op does, to be completed. */
static inline IrUse *ir_last_use(IrBlock *ir)
{
    return &ir->use[ir->op_count - 1];
}

/* An op that writes dst. */
static inline IrOp *ir_add_to(IrBlock *ir, IrOpcode opcode, unsigned size, unsigned dst)
{
    IrOp *op = ir_add(ir, opcode, size);
    op->dst = dst;
    ir_last_use(ir)->gprs = dst < GPR_COUNT ? 1u << dst : 0;
    return op;
}

/* The last op is a check, and could be left to an earlier one. Its address is made of these
 * registers: general ones, or REG_NONE and REG_IP, which count for nothing. */
static inline void ir_note_joinable(IrBlock *ir, unsigned base, unsigned index)
{
    static_assert((REG_NONE & 31) >= GPR_COUNT && (REG_IP & 31) >= GPR_COUNT, "no general ones");
    ir->joinable[ir->joinable_count++] = ir->op_count - 1;
    ir->joinable_gprs |= 1u << (base & 31) | 1u << (index & 31);
}

/* --- addresses ----------------------------------------------------------------------------------- */

/* An address before its segment: registers and a constant. */
typedef struct IrAddress {
    unsigned base, index; /* guest registers or REG_NONE */
    unsigned scale;
    unsigned bits_size; /* 2, 4, 8: cut to so many bytes */
    unsigned seg;
    int64_t disp;
} IrAddress;

/* Of the instruction's memory operand. */
static inline IrAddress ir_operand_address(const IrBlock *ir, const IrOp *op)
{
    const Insn *insn = &ir->insn[op->insn];
    IrAddress ad = {.bits_size = insn->addrsize,
                    .seg = insn->seg,
                    .base = insn->base,
                    .index = insn->index,
                    .scale = insn->scale,
                    .disp = insn->has_moffs ? (int64_t)insn->imm : insn->disp};
    if (insn->base == REG_IP) {
        ad.base = REG_NONE;
        ad.disp += ir->insn_rip[op->insn] + insn->length;
    }
    return ad;
}

/* Of what a check that spans may join looks at. */
static inline IrAddress ir_joinable_address(const IrBlock *ir, const IrOp *op)
{
    if (op->op == IR_CHECK)
        return ir_operand_address(ir, op);
    return (IrAddress){.bits_size = 1u << (ir->key >> KEY_STACK_SHIFT & 3),
                       .seg = SEG_SS,
                       .base = op->op == IR_CHECKSP ? RSP : RBP,
                       .index = REG_NONE,
                       .disp = op->imm};
}

/* Of what any check looks at. */
static inline IrAddress ir_check_address(const IrBlock *ir, const IrOp *op)
{
    if (op->op <= IR_CHECKBP)
        return ir_joinable_address(ir, op);
    const Insn *insn = &ir->insn[op->insn];
    return (IrAddress){.bits_size = insn->addrsize,
                       .seg = op->op == IR_CHECKSI ? insn->seg : SEG_ES,
                       .base = op->op == IR_CHECKSI ? RSI : RDI,
                       .index = REG_NONE};
}

/* Bytes; 1: any. */
static inline unsigned ir_required_alignment(const IrOp *op)
{
    return op->op == IR_CHECK && op->aligned ? op->size : 1;
}

/* --- passes -------------------------------------------------------------------------------------- */

/* Has one check serve several accesses near one register's value. */
void spans_join(IrBlock *ir);

/* Fills `live` and `live_before`, backwards. Flags are looked at by readers, by every op that can
 * leave, and behind every exit. */
void flags_live(IrBlock *ir);

/* All of them, in their order. */
static inline void ir_passes(IrBlock *ir)
{
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
