/* lift.h - guest bytes to the intermediate form. */
#ifndef MYNA_DBT_LIFT_H
#define MYNA_DBT_LIFT_H

#include "cpu/block.h"
#include "cpu/mem.h"
#include "dbt/ir.h"
#include "dbt/rows.h"

/* Bits of a block's key beside those of Cpu.mode_key: what else the translation depends on. */
enum {
    KEY_FLAT_SHIFT = 18,       /* bit n: segment n (ES CS SS DS) is all of the address space */
    KEY_ROOMY_CS = 1 << 22,    /* CS ends where the code size's addresses do */
    KEY_FP_RAISES = 1 << 23,   /* a SIMD floating-point exception is unmasked */
    KEY_X87_RAISES = 1 << 24,  /* an x87 exception is unmasked */
    KEY_COUNTED = 1 << 25,     /* instructions are counted exactly */
    KEY_DOWN = 1 << 26,        /* EFLAGS.DF: strings go down */
    KEY_EXPAND_DOWN = 1 << 27, /* some segment's offsets do not begin at 0 */
};

/* What the segments outside 64-bit mode add to it. */
uint32_t lift_segment_key(const Cpu *cpu);

/* The key of code that runs now. */
static inline uint32_t lift_key(const Cpu *cpu, bool counted)
{
    enum { MASKS_MXCSR = 0x1f80, MASKS_X87 = 0x3f };
    uint32_t key = cpu->mode_key | (counted ? KEY_COUNTED : 0) |
                   (cpu->eflags & FLAG_DF ? KEY_DOWN : 0) |
                   (~cpu->mxcsr & MASKS_MXCSR ? KEY_FP_RAISES : 0) |
                   (~cpu->fpu.cw & MASKS_X87 ? KEY_X87_RAISES : 0);
    if (LIKELY(cpu->mode == CPU_LONG))
        return key | KEY_ROOMY_CS | 15u << KEY_FLAT_SHIFT;
    return key | lift_segment_key(cpu);
}

/* Instructions in the order in which they once ran, in one page: a superblock may follow them
 * through branches that were taken, calls and returns. */
typedef struct LiftPath {
    unsigned count;
    uint64_t rip[IR_MAX_INSNS + 1]; /* the last: where it went from there */
} LiftPath;

/* Where a superblock ends, beside where it must. */
typedef struct LiftBounds {
    const LiftPath *path; /* from CS:rip on; it follows that. NULL: straight on */
    const uint64_t
        *starts;    /* bit n: a block starts at byte n of the page. NULL: it does not matter */
    unsigned insns; /* at most so many; 0: any number */
} LiftBounds;

/* Lifts the superblock at CS:rip, whose bytes are at host, in one page. False: its first
 * instruction cannot be decoded, or crosses the page. In the second case it is lifted alone if
 * `second`, the next page, is given. What is not lifted the interpreter runs. */
bool lift_block(Cpu *cpu, uint32_t key, const uint8_t *host, const uint8_t *second, LinAddr la,
                const LiftBounds *bounds, IrBlock *ir);

/* --- between lift's files ------------------------------------------------------------------------ */

enum { MAX_RETURNS = 8, MAX_BRANCHES = 3 };

typedef struct Lift {
    Cpu *cpu;
    IrBlock *ir;
    const LiftPath *path;    /* to follow; NULL: none */
    const uint64_t *starts;  /* bit n: another block starts at byte n of the page */
    unsigned most;           /* instructions */
    unsigned decode_flags;   /* DecodeFlags */
    const uint8_t *page;     /* with the code, */
    uint64_t page_rip;       /* rip of its first byte */
    Insn *insn;              /* the one being decoded and lifted, */
    const RowTraits *traits; /* its row's, */
    uint64_t next;           /* rip after it */
    bool done;               /* the block has its last op */
    unsigned shadow;         /* as so many instructions are lifted, what STI holds off comes in */
    unsigned branches;       /* conditional ones so far, */
    unsigned depth;          /* calls on the path, */
    uint64_t joins[MAX_BRANCHES];  /* where those go, or would, */
    uint64_t returns[MAX_RETURNS]; /* and where these come back to, innermost last */
} Lift;

/* Each lifts one instruction; false: it must be interpreted. */
bool lift_push(Lift *l); /* lift_stack.c */
bool lift_pop(Lift *l);
bool lift_frame(Lift *l);
bool lift_call(Lift *l); /* lift_branch.c */
bool lift_ret(Lift *l);
bool lift_jmp(Lift *l);
bool lift_jcc(Lift *l);
bool lift_loop(Lift *l);
bool lift_movs(Lift *l); /* lift_string.c */
bool lift_stos(Lift *l);
bool lift_lods(Lift *l);
bool lift_scas(Lift *l);
bool lift_cmps(Lift *l);
bool lift_cli(Lift *l); /* lift_system.c */
bool lift_sti(Lift *l);
bool lift_swapgs(Lift *l);
void lift_poll(Lift *l);
bool lift_pushf(Lift *l);
bool lift_popf(Lift *l);
bool lift_syscall(Lift *l);
bool lift_sysret(Lift *l);
bool lift_port(Lift *l);

/* lift_counted.c, where instructions are counted: must the interpreter do it; and what is to follow
 * an op for the row. */
bool lift_is_open(const Lift *l);
void lift_settle(Lift *l);

static inline bool lift_is_counted(const Lift *l)
{
    return UNLIKELY(l->ir->key & KEY_COUNTED);
}

/* The memory operand's check, if the instruction has one. */
static inline void lift_check_operand(Lift *l)
{
    const Operand *memory = row_memory_operand(l->insn, l->traits);
    if (!memory || !memory->size)
        return;
    IrOp *op = ir_add(l->ir, IR_CHECK, memory->size);
    op->access = memory->access & OPND_WRITE ? ACCESS_WRITE : ACCESS_READ;
    if (UNLIKELY(l->traits->aligned))
        op->aligned = true;
    else
        ir_note_joinable(l->ir, l->insn->base, l->insn->index);
}

static inline void lift_stack_check(Lift *l, IrOpcode opcode, unsigned size, MemAccess access,
                                    int64_t offset)
{
    IrOp *op = ir_add(l->ir, opcode, size);
    op->access = access;
    op->imm = offset;
    ir_note_joinable(l->ir, opcode == IR_CHECKSP ? RSP : RBP, REG_NONE);
}

/* Does the superblock go on at rip behind the instruction being lifted, which is on a path? */
static inline bool lift_goes_to(const Lift *l, uint64_t rip)
{
    return l->path && l->ir->insn_count < l->path->count && l->path->rip[l->ir->insn_count] == rip;
}

#endif
