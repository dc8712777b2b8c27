/* judge.h - the host CPU as the judge of the interpreter and the translator: random instances of a
 * row run by both.
 *
 * An instance is whole: bytes, mode, registers, and the memory both engines have at JUDGE_MEMORY.
 * Judging it changes nothing in it, so that it can be judged again, shrunk and printed. */
#ifndef MYNA_TESTS_SUPPORT_JUDGE_H
#define MYNA_TESTS_SUPPORT_JUDGE_H

#include "tests/float/operands.h"
#include "tests/support/insn_bench.h"
#include "tests/support/native_state.h"
#include "tests/support/row_code.h"

enum {
    JUDGE_MEMORY = TEST_HIGH,
    JUDGE_MEMORY_SIZE = 0x3000,
    JUDGE_OPERAND = JUDGE_MEMORY + 0x800, /* operands; a page ends at 1000h */
    JUDGE_STACK = JUDGE_MEMORY + 0x2a00,
};

typedef struct Instance {
    CodeSize mode; /* CODE_64 or CODE_32 */
    unsigned row;
    uint8_t code[MAX_INSN_LENGTH];
    Insn insn;       /* decoded */
    uint64_t target; /* of the memory operand, or 0 */
    NativeState before;
    uint8_t memory[JUDGE_MEMORY_SIZE];
} Instance;

typedef struct JudgeJit JudgeJit; /* judge_jit.h */

typedef struct Judge {
    InsnBench *t[2]; /* by mode: CODE_32 - 1, CODE_64 - 1 */
    Native *native;
    uint8_t *host; /* JUDGE_MEMORY here */
    RandomCode codes;
    Random random;
    NativeState template;                  /* registers that an instruction does not name */
    uint8_t background[JUDGE_MEMORY_SIZE]; /* likewise */
    NativeState ours, host_state;          /* after the last instance judged */
    bool raised;                           /* it did, on both */
    JudgeJit *jit;                         /* the translator is judged, not the interpreter */
} Judge;

/* NULL: this host cannot judge. */
Judge *judge_new(uint64_t seed);
void judge_free(Judge *j);

/* --- rows: judge_rows.c ---------------------------------------------------------------------- */

typedef enum RowClass {
    ROW_JUDGED,
    ROW_REFUSED, /* privileged: that user mode may not is judged, not what it does */
    ROW_NOT,
} RowClass;

/* What any host with the features could judge. `why` is the reason if it is not ROW_JUDGED. */
RowClass judge_row_class(const InsnRow *row, const char **why);

/* NULL if this host can judge the row, else why not. */
const char *judge_host_lacks(const Judge *j, const InsnRow *row);

/* The interpreter executes the row: it has a function, and its features are offered. */
bool judge_row_is_offered(const InsnRow *row);

/* int, vec or x87 */
const char *judge_row_group(const InsnRow *row);

/* The mode that its instances run in. */
CodeSize judge_row_mode(const InsnRow *row);

/* --- instances: judge_instance.c --------------------------------------------------------------- */

void judge_make(Judge *j, unsigned row, Instance *i);

/* New random numbers for what instructions do not name. Now and then. */
void judge_refresh(Judge *j);

const Operand *instance_memory_operand(const Instance *i);
bool instance_named(const Instance *i, const char *name);
bool instance_named_like(const Instance *i, const char *start);

/* It may go elsewhere, other than through the IDT. */
bool instance_is_branch(const Instance *i);

/* Where its first byte is, on both engines. */
uint64_t judge_address(const Judge *j, const Instance *i);

/* --- judging ----------------------------------------------------------------------------------- */

/* NULL if the engines agree, else what differs first. */
const char *judge_instance(Judge *j, const Instance *i);

/* judge_settle.c: what processors do not agree on, or the manual leaves open, is made equal to the
 * interpreter's. */
void judge_settle(Judge *j, const Instance *i);
uint32_t judge_undefined_flags(const Instance *i);
/* True if nothing of the result is defined. */
bool judge_is_undefined(const Instance *i);

/* judge_shrink.c: makes the instance as plain as it can be with the same difference. */
void judge_shrink(Judge *j, Instance *i, const char *difference);

/* The instance and what the host did, as a row of an InsnCase table, and the difference after it.
 */
void judge_print(Judge *j, const Instance *i, const char *difference, GString *out);

#endif
