/* emit.h - the x86-64 back end: the intermediate form to host code.
 *
 * While generated code runs:
 *   RAX RCX RDX RBX RBP RSI RDI R12-R15   the guest's registers of the same name
 *   R8                                    the guest's RSP; its R8-R11 live in struct Cpu
 *   R9                                    Cpu * + CPU_BIAS
 *   R10 R11                               scratch: M, T
 *   GS base                               the CPU's MMU contexts; a block's own is a displacement
 *   XMM/YMM0-15, MXCSR                    the guest's, once Cpu.jit.vectors_loaded
 *   EFLAGS                                the guest's arithmetic flags, or nothing; DF is 0
 */
#ifndef MYNA_DBT_X64_EMIT_H
#define MYNA_DBT_X64_EMIT_H

#include "dbt/translator.h"
#include "dbt/x64/asm.h"
#include "dbt/x64/row.h"

/* Where the guest's arithmetic flags are; in neither place if there is a recipe for them. An op
 * that reads them wants them in the one, an op that clobbers them in the other. */
enum { FLAGS_IN_HOST = FLAGS_READS, FLAGS_IN_IMAGE = FLAGS_CLOBBERS };

/* How to make the flags of an instruction again from registers that have not changed since. */
typedef enum RecipeKind {
    RECIPE_NONE,
    RECIPE_AGAIN, /* CMP, TEST: compare again */
    RECIPE_TEST,  /* AND, OR, XOR: the result by itself */
    RECIPE_UNDO,  /* ADD, SUB: undone in a scratch register, and done again */
} RecipeKind;

typedef struct Recipe {
    uint8_t kind;  /* RecipeKind */
    uint8_t insn;  /* index of the instruction */
    uint16_t gprs; /* bit n: general register n is needed */
} Recipe;

enum { MAX_STUBS = 8 * IR_MAX_INSNS };

/* Loops of one block are written twice up to so many instructions, hot ones always. */
enum { MAX_LOOP_INSNS = 24 };

typedef struct Emit Emit;
typedef struct Stub Stub;
typedef struct LookupCode LookupCode; /* memory.c */

/* Code out of the way, written behind the block: a handover to the interpreter, an exit, and more.
 */
typedef void StubFn(Emit *e, const Stub *stub);
struct Stub {
    StubFn *put;  /* writes the code */
    uint32_t id;  /* Site, Exit or Block, */
    uint8_t mark; /* as MarkKind says */
    uint8_t from_count;
    bool swapped;     /* registers have changed places: they must be changed back, */
    bool save_flags;  /* the image must be written first, */
    Recipe recipe;    /* by this, or from the host's flags */
    uint32_t from[4]; /* rel32s that come here */
    /* What only some have, and those set: */
    uint32_t retry; /* misses: look again from here, */
    uint32_t ready; /* or go on from here: M is there; */
    uint32_t kind;  /* bits of door_miss's; */
    const LookupCode *lookup;
    uint16_t own;   /* the access is so far behind what was looked for; */
    uint16_t bytes; /* that were looked for; */
    bool has_slot;  /* it was the slot that missed: look into the TLB, */
    uint16_t slot;  /* and fill it */
    uint8_t rest;   /* exits: counted instructions behind them, which do not run */
    int32_t drop;   /* returns: what is added to rSP */
};

struct Emit {
    Asm a;
    Translator *t;
    CodePlace *next; /* of the space that is written to */
    const CodePlace *end;
    Cpu *cpu; /* instructions that are kept are bound for it */
    const IrBlock *ir;
    uint32_t block;
    unsigned flags; /* FLAGS_IN_* */
    Recipe recipe;
    unsigned at_op; /* index of the op being written */
    uint32_t site;  /* of the present instruction, 0 = none yet */
    unsigned site_insn;
    unsigned behind_sti; /* index of the instruction whose exits look at what is pending */
    Rm memory;           /* M */
    Stub *stubs;         /* MAX_STUBS of them */
    unsigned stub_count;
    Stub *site_stub;
    uint32_t to_copy, copy; /* loops: the rel32 of the branch to the copy of the block; the copy */
    Recipe loop_recipe;
    uint32_t first_site;
    bool swapped;  /* registers have changed places (swap.c) */
    uint32_t skip; /* rel32 of a jump over the rest of the present instruction */
};

/* Writes ir's code where `space` is to go on, as block `block`; there is room for MAX_BLOCK_CODE
 * bytes. cpu is in the mode of the block. */
void x64_emit(Translator *t, CodeSpace *space, Cpu *cpu, const IrBlock *ir, uint32_t block);

/* In a hot loop, of a block that was just lifted: registers without a host register change places
 * with unused ones. */
void x64_swap_registers(IrBlock *ir);
/* Renames an instruction by that, or back. */
void x64_rename_insn(const IrBlock *ir, Insn *insn);

/* Writes the fixed code at the start of the cache; where it ends. */
uint32_t x64_trampolines(Translator *t);

/* Patching, for link.c. */
void x64_link(Translator *t, Exit *exit, const Block *target);
void x64_unlink(Translator *t, Exit *exit);

/* --- between the back end's files ---------------------------------------------------------------- */

/* flags.c: the flags before an op that spoils them, and before a row; and how those that an op has
 * written can be made again. */
void emit_keep_flags(Emit *e, const IrOp *op);
void emit_row_flags(Emit *e);
void emit_new_recipe(Emit *e, const IrOp *op);
/* From op `from` on, can the flags be left to the recipe? */
bool emit_recipe_lasts(const Emit *e, unsigned from);
/* To the host's EFLAGS, or to the image, if they are not there. Use R11. */
void emit_flags_to_host(Emit *e);
void emit_flags_to_image(Emit *e);
/* EFLAGS by the recipe, if it is one. Uses R11. */
void emit_recipe(Emit *e, Recipe recipe);
void emit_save_flags(Asm *a); /* EFLAGS to the image, nothing else changed but R11 */

/* A jump to the present instruction's handover if cond holds, or from the rel32 there. */
void emit_cold_if(Emit *e, unsigned cond);
void emit_cold_from(Emit *e, uint32_t from);

/* memory.c: the check ops; M afterwards. */
void emit_check(Emit *e, const IrOp *op);
void emit_reach(Emit *e, const IrOp *op);
void emit_lea(Emit *e, const IrOp *op);
/* The memory operand's offset in its segment. Changes no flags; uses R10 and R11. */
void emit_operand_offset(Emit *e, const IrOp *op, unsigned dst);
/* M as one register, so that R11 is free. */
void emit_join_memory(Emit *e);

/* swap.c: the values of registers that change places, there and back; keeps flags and scratch
 * registers. */
void emit_swap(Emit *e);
/* Handovers come back with all registers at home: has them come back through a swap. */
void emit_swapped_resumes(Emit *e);

/* repeat.c */
void emit_skipcx(Emit *e, const IrOp *op);
void emit_count(Emit *e, const IrOp *op);
void emit_elements(Emit *e, const IrOp *op);
void emit_repeat(Emit *e, const IrOp *op);
void emit_repcmp(Emit *e, const IrOp *op);

/* x87.c */
void emit_x87(Emit *e, const IrOp *op);
void emit_fldcw(Emit *e, const IrOp *op);

/* port.c */
void emit_port(Emit *e, const IrOp *op);

/* settle.c */
void emit_settle(Emit *e, const IrOp *op);

/* crossing.c */
void emit_cross(Emit *e, const IrOp *op);

/* stubs.c */
void emit_stubs(Emit *e);
/* A stub that the rel32 there jumps to. */
Stub *emit_stub(Emit *e, StubFn *put, MarkKind mark, uint32_t id, uint32_t from);
/* Its code begins with the flags as they are here. */
static inline void emit_note_flags(const Emit *e, Stub *stub)
{
    stub->save_flags = !(e->flags & FLAGS_IN_IMAGE);
    stub->recipe = e->recipe;
}
/* In a stub that leaves: the flags to the image, and all registers at home. */
void emit_stub_state(Emit *e, const Stub *stub);
/* With a number for C. */
static inline void emit_handover(Emit *e, uint32_t number, uint32_t trampoline)
{
    asm_mov_imm(&e->a, HOST_R11, number);
    asm_jmp(&e->a, trampoline);
}
/* The site of the present instruction. */
uint32_t emit_new_site(Emit *e);
static inline uint32_t emit_site(Emit *e)
{
    return e->site ? e->site : emit_new_site(e);
}
/* Its decoded instruction is kept with it. */
void emit_keep_insn(Emit *e);

/* entry.c */
void emit_head(Emit *e, Block *block);
void emit_copy_head(Emit *e); /* where the loop's branch comes in, behind the block itself */

/* exits.c */
void emit_exitif(Emit *e, const IrOp *op);
/* Does an exit save the flags before its jump, and not behind it? */
bool emit_saves_before(const Emit *e, const IrOp *op);
void emit_exitcx(Emit *e, const IrOp *op);
void emit_jmp(Emit *e, const IrOp *op);
void emit_interp(Emit *e, const IrOp *op);
void emit_poll(Emit *e, const IrOp *op);
/* A stub that goes to rip. */
Stub *emit_exit_stub(Emit *e, ExitKind kind, uint64_t rip, uint32_t from);
/* Goes to rip, whose block looks at what is pending. */
void emit_exit_polled(Emit *e, uint64_t rip);

/* indirect.c */
/* R11 := the place in the jump cache of the context there of the rip in R10. Returns the rel32 of a
 * jump that is taken if it is not that rip's. */
uint32_t emit_jump_lookup(Emit *e, int32_t context);
/* The code at that place. */
Rm emit_jump_code(int32_t context);
void emit_find(Emit *e, const IrOp *op);
void emit_jump(Emit *e, const IrOp *op);
void emit_expect(Emit *e, const IrOp *op);
void emit_ret(Emit *e, const IrOp *op);
void emit_known(Emit *e, const IrOp *op);

/* rSP moves in as many bits as the stack has; no flags change. */
void emit_add_sp(Emit *e, int32_t bytes);

/* Where the MMU context of code with this key is from GS on. */
int32_t emit_context(uint32_t key);

/* What is written from here on, for who looks. */
static inline void emit_mark(Emit *e, MarkKind kind, uint32_t number)
{
    if (LIKELY(e->ir->marks == NULL))
        return;
    Mark mark = {e->a.at, kind, number};
    g_array_append_val(e->ir->marks, mark);
}

/* Room for a far exit's check and jump, which is jumped over (link.c). */
void emit_far_room(Asm *a);

/* cmp [the number that the context has for la's page], id */
void emit_page_check(Asm *a, uint32_t key, LinAddr la, uint32_t id);

#endif
