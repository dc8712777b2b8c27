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

/* Where the guest's arithmetic flags are. */
enum { FLAGS_IN_HOST = 1, FLAGS_IN_IMAGE = 2 };

enum { MAX_STUBS = 4 * IR_MAX_INSNS };

/* Code out of the way, written behind the block: a handover to the interpreter, or an exit. */
typedef struct Stub {
    bool is_exit;
    bool save_flags;  /* exits: the image must be written first */
    uint32_t id;      /* Site or Exit */
    uint32_t from[4]; /* rel32s that come here */
    uint8_t from_count;
    bool is_miss;   /* handovers: try to fill the TLB first, */
    Rm tag;         /* with what R10 was xored with, */
    uint32_t retry; /* and look again from here, */
    uint32_t ready; /* or go on from here: M is there */
    uint8_t rest;   /* counted instructions behind the exit, which do not run */
} Stub;

typedef struct Emit {
    Asm a;
    Translator *t;
    const IrBlock *ir;
    uint32_t block;
    unsigned flags; /* FLAGS_IN_* */
    unsigned at_op; /* index of the op being written */
    uint32_t site;  /* of the present instruction, 0 = none yet */
    unsigned site_insn;
    Rm memory;   /* M */
    Stub *stubs; /* MAX_STUBS of them */
    unsigned stub_count;
    Stub *site_stub;
    uint32_t skip; /* rel32 of a jump over the rest of the present instruction */
} Emit;

/* Translates ir into the cache as block `block`; the cache has room for MAX_BLOCK_CODE bytes. */
void x64_emit(Translator *t, const IrBlock *ir, uint32_t block);

/* Writes the fixed code at the start of the cache. */
void x64_trampolines(Translator *t);

/* Patching, for link.c. */
void x64_link(Translator *t, Exit *exit, const Block *target);
void x64_unlink(Translator *t, Exit *exit);

/* --- between the back end's files ---------------------------------------------------------------- */

/* Brings the flags to the host's EFLAGS, or to the image, if they are not there. Uses R11. */
void emit_flags_to_host(Emit *e);
void emit_flags_to_image(Emit *e);
void emit_save_flags(Asm *a); /* EFLAGS to the image, nothing else changed but R11 */

/* A jump to the present instruction's handover if cond holds. */
void emit_cold_if(Emit *e, unsigned cond);

/* Likewise after a look-up that missed: fills the TLB and goes to `retry`, or hands over; or with
 * MISS_READS goes to `ready`, which the caller sets. kind is of runtime_miss's bits. */
Stub *emit_miss_if(Emit *e, unsigned cond, Rm tag, uint32_t retry, uint32_t kind);

/* memory.c: the check ops; M afterwards. */
void emit_check(Emit *e, const IrOp *op);
void emit_lea(Emit *e, const IrOp *op);
/* The memory operand's offset in its segment. Changes no flags; uses R10 and R11. */
void emit_operand_offset(Emit *e, const IrOp *op, unsigned dst);
/* M as one register, so that R11 is free. */
void emit_join_memory(Emit *e);

/* repeat.c */
void emit_skipcx(Emit *e, const IrOp *op);
void emit_count(Emit *e, const IrOp *op);
void emit_span(Emit *e, const IrOp *op);
void emit_repeat(Emit *e, const IrOp *op);
void emit_repcmp(Emit *e, const IrOp *op);

/* x87.c */
void emit_x87(Emit *e, const IrOp *op);
void emit_fldcw(Emit *e, const IrOp *op);

/* crossing.c */
void emit_cross(Emit *e, const IrOp *op);

/* exits.c */
void emit_head(Emit *e, Block *block);
void emit_exitif(Emit *e, const IrOp *op);
void emit_exitcx(Emit *e, const IrOp *op);
void emit_jmp(Emit *e, const IrOp *op);
void emit_find(Emit *e, const IrOp *op);
/* R11 := the place in the jump cache of the context there of the rip in R10; cold if it is not
 * that rip's. */
void emit_jump_lookup(Emit *e, int32_t context);
void emit_jump(Emit *e, const IrOp *op);
void emit_interp(Emit *e, const IrOp *op);
void emit_poll(Emit *e, const IrOp *op);
void emit_stubs(Emit *e);

/* Where the MMU context of code with this key is from GS on. */
int32_t emit_context(uint32_t key);

/* What is written from here on, for who looks. */
static inline void emit_mark(Emit *e, MarkKind kind, uint32_t number)
{
    Mark mark = {e->a.at, kind, number};
    if (UNLIKELY(e->t->marks != NULL))
        g_array_append_val(e->t->marks, mark);
}

/* cmp [the number that the context has for la's page], id */
void emit_page_check(Asm *a, uint32_t key, LinAddr la, uint32_t id);

/* The site of the present instruction. */
uint32_t emit_site(Emit *e);

#endif
